/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK over the loopback: how connections begin, wait and end, and who shares them.
 * Addresses, options and data are in vsock.c.
 */
#define ABI_FAMILY "vsock"
#include "vsock.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/utsname.h>

#define SIGPIPE_SINCE 612	/* major * 100 + minor; 6.1 has none yet, 6.18 has it */

/* ---- the end of connections ---- */

ABI_TEST(close_gives_end_of_file)
{
	char buf[8];
	int s[2];

	make_pair(s, 0);
	send_all(s[0], "bye", 3);
	OK(close(s[0]));
	await_events(s[1], POLLIN | POLLRDHUP);
	CHECK_EQ(OK(read(s[1], buf, 8)), 3);
	CHECK_EQ(OK(read(s[1], buf, 8)), 0);
	CHECK_EQ(OK(read(s[1], buf, 8)), 0);
	CHECK_ERR(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(events(s[1]) & ~POLLOUT, POLLIN | POLLRDHUP);
}

ABI_TEST(close_of_an_empty_one)
{
	char buf[8];
	int s[2];

	make_pair(s, 0);
	OK(close(s[1]));
	await_events(s[0], POLLIN | POLLRDHUP);
	CHECK_EQ(OK(read(s[0], buf, 8)), 0);
	CHECK_EQ(events(s[0]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

ABI_TEST(sigpipe)
{
	struct utsname u;
	int s[2], major, minor;
	pid_t pid;

	make_pair(s, 0);
	OK(uname(&u));
	CHECK_EQ(sscanf(u.release, "%d.%d", &major, &minor), 2);
	if (major * 100 + minor < SIGPIPE_SINCE)
		SKIP("Linux %s sends no SIGPIPE", u.release);
	OK(close(s[1]));
	await_events(s[0], POLLRDHUP);
	pid = FORK();
	if (!pid) {
		CHECK_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
		(void)!write(s[0], "x", 1);
		_exit(0);
	}
	CHECK_KILLED(pid, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(s[0], "x", 1), EPIPE);
}

ABI_TEST(shutdown_write)
{
	struct vm_addr a;
	socklen_t len = sizeof(a);
	char buf[8];
	int s[2];

	make_pair(s, 0);
	send_all(s[0], "last", 4);
	OK(shutdown(s[0], SHUT_WR));
	CHECK_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(getpeername(s[0], (void *)&a, &len), ENOTCONN);
	CHECK_ERR(connect(s[0], VM(CID_LOCAL, 5), VM_SIZE), EINVAL);
	await_events(s[1], POLLIN | POLLRDHUP);
	CHECK_EQ(OK(read(s[1], buf, 8)), 4);
	CHECK_EQ(OK(read(s[1], buf, 8)), 0);
	send_all(s[1], "back", 4);		/* the other half lives */
	await_events(s[0], POLLIN);
	CHECK_EQ(OK(read(s[0], buf, 8)), 4);
	CHECK_EQ(events(s[0]), 0);
	OK(close(s[1]));
	await_events(s[0], POLLIN | POLLRDHUP);
	CHECK_EQ(events(s[0]), POLLIN | POLLRDHUP | POLLHUP);
	CHECK_EQ(OK(read(s[0], buf, 8)), 0);
}

ABI_TEST(shutdown_read)
{
	char buf[8];
	int s[2];

	make_pair(s, 0);
	send_all(s[0], "lost", 4);
	await_events(s[1], POLLIN);
	OK(shutdown(s[1], SHUT_RD));
	CHECK_EQ(OK(read(s[1], buf, 8)), 0);
	CHECK_EQ(events(s[1]), POLLIN | POLLOUT | POLLRDHUP);
	send_all(s[1], "still", 5);
	await_events(s[0], POLLIN);
	CHECK_EQ(OK(read(s[0], buf, 8)), 5);
	CHECK_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

ABI_TEST(shutdown_wakes_a_reader)
{
	int s[2];
	pid_t pid;
	char c;

	make_pair(s, 0);
	pid = FORK();
	if (!pid)
		_exit((int)OK(read(s[0], &c, 1)));
	abi_wait_blocked(pid);
	OK(shutdown(s[0], SHUT_RD));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(close_of_the_listener)
{
	int l = listener(5, 0), c = connect_to(l);
	char buf[4];

	OK(close(l));
	await_events(c, POLLIN | POLLRDHUP);
	CHECK_EQ(OK(read(c, buf, 4)), 0);
}

ABI_TEST(refused)
{
	int l = listener(1, 0), c = vm_socket(0), err = 0;
	unsigned int port = port_of(l);
	socklen_t len = sizeof(err);

	OK(close(l));
	CHECK_ERR(connect(c, VM(CID_LOCAL, port), VM_SIZE), ECONNRESET);
	CHECK_EQ(events(c) & ~POLLERR, POLLOUT);
	OK(getsockopt(c, SOL_SOCKET, SO_ERROR, &err, &len));
	CHECK(err == ECONNRESET || err == 0);	/* older Linux has taken it */
	CHECK_EQ(events(c), POLLOUT);
	CHECK_ERR(recv(c, &err, 1, 0), ENOTCONN);
	CHECK_ERR(connect(c, VM(CID_LOCAL, port), VM_SIZE), ECONNRESET);
	CHECK_ERR(connect(c, VM(CID_LOCAL, port), VM_SIZE - 1), EINVAL);
}

/* It holds one more than it was told. */
ABI_TEST(backlog_full)
{
	int l = listener(1, 0), c;

	connect_to(l);
	connect_to(l);
	c = vm_socket(0);
	CHECK_ERR(connect(c, VM(CID_LOCAL, port_of(l)), VM_SIZE), ECONNRESET);
	OK(accept(l, NULL, NULL));
	connect_to(l);
}

ABI_TEST(bad_address_of_accept)
{
	struct vm_addr a;
	socklen_t len = sizeof(a);
	int l = listener(1, 0), c = connect_to(l), next;
	char b;

	next = OK(dup(0));
	OK(close(next));
	CHECK_ERR(accept(l, BAD_UNMAPPED, &len), EFAULT);	/* the connection is gone */
	CHECK_EQ(read(c, &b, 1), 0);
	c = connect_to(l);
	CHECK_EQ(c, next);
	CHECK_ERR(accept(l, (void *)&a, BAD_UNMAPPED), EFAULT);
	CHECK_EQ(read(c, &b, 1), 0);
}

/* ---- waiting ---- */

ABI_TEST(accept_waits)
{
	int l = listener(1, 0), s;
	pid_t pid = FORK();
	char c;

	if (!pid) {
		s = OK(accept(l, NULL, NULL));
		send_all(s, "k", 1);
		_exit(0);
	}
	abi_wait_blocked(pid);
	s = connect_to(l);
	CHECK_EQ(OK(read(s, &c, 1)), 1);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(nonblocking_connect)
{
	int l = listener(1, SOCK_NONBLOCK), c = vm_socket(SOCK_NONBLOCK), s, err = 1;
	socklen_t len = sizeof(err);

	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	if (connect(c, VM(CID_LOCAL, port_of(l)), VM_SIZE))
		CHECK_EQ(errno, EINPROGRESS);
	await_events(c, POLLOUT);
	OK(getsockopt(c, SOL_SOCKET, SO_ERROR, &err, &len));
	CHECK_EQ(err, 0);
	await_events(l, POLLIN);
	s = OK(accept(l, NULL, NULL));
	CHECK_EQ(fcntl(s, F_GETFL), O_RDWR);
	CHECK_ERR(connect(c, VM(CID_LOCAL, port_of(l)), VM_SIZE), EISCONN);
}

ABI_TEST(timeouts)
{
	struct timeval tv = { 0, 20000 };
	static char buf[8192];
	long long t;
	int s[2];

	make_pair(s, 4096);
	OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	OK(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	t = abi_now_ns();
	CHECK_ERR(read(s[0], buf, 1), EAGAIN);
	CHECK(abi_now_ns() - t >= 20000000);
	CHECK_EQ(OK(write(s[0], buf, sizeof(buf))), 4096);
	CHECK_ERR(write(s[0], buf, 1), EAGAIN);
	send_all(s[1], "x", 1);
	CHECK_EQ(OK(recv(s[0], buf, 10, MSG_WAITALL)), 1);
}

ABI_TEST(signals)
{
	struct timeval tv = { 30, 0 };
	int s[2];
	pid_t pid;
	char c;

	make_pair(s, 0);
	abi_tick_start(0);
	CHECK_ERR(read(s[0], &c, 1), EINTR);
	abi_tick_stop();
	pid = FORK();		/* restarted until there is something */
	if (!pid) {
		abi_tick_start(SA_RESTART);
		while (abi_ticks < 3)
			;
		CHECK_EQ(OK(read(s[0], &c, 1)), 1);
		_exit(0);
	}
	abi_wait_blocked(pid);
	send_all(s[1], "x", 1);
	CHECK_EXIT(pid, 0);
	OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	abi_tick_start(SA_RESTART);
	CHECK_ERR(read(s[0], &c, 1), EINTR);
	abi_tick_stop();
}

ABI_TEST(epoll_edges)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int s[2], ep = OK(epoll_create1(0));
	char buf[4];

	make_pair(s, 0);
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &ev));
	CHECK_EQ(OK(epoll_wait(ep, &ev, 1, 0)), 0);
	send_all(s[0], "ab", 2);
	CHECK_EQ(OK(epoll_wait(ep, &ev, 1, -1)), 1);
	CHECK_EQ(ev.events, EPOLLIN);
	CHECK_EQ(OK(epoll_wait(ep, &ev, 1, 0)), 0);
	send_all(s[0], "c", 1);
	CHECK_EQ(OK(epoll_wait(ep, &ev, 1, -1)), 1);
	CHECK_EQ(OK(read(s[1], buf, 4)), 3);
	OK(close(s[0]));
	do
		CHECK_EQ(OK(epoll_wait(ep, &ev, 1, -1)), 1);
	while (!(ev.events & EPOLLIN));
}

ABI_TEST(poll_wakes_an_accepter)
{
	int l = listener(1, 0);
	pid_t pid = FORK();

	if (!pid) {
		CHECK_EQ(OK(poll(&(struct pollfd){ l, POLLIN, 0 }, 1, -1)), 1);
		_exit(0);
	}
	abi_wait_blocked(pid);
	connect_to(l);
	CHECK_EXIT(pid, 0);
}

/* ---- sharing ---- */

ABI_TEST(shared_by_fork)
{
	char c;
	int s[2];
	pid_t pid;

	make_pair(s, 0);
	pid = FORK();
	if (!pid) {
		OK(close(s[1]));
		send_all(s[0], "f", 1);
		_exit(0);
	}
	OK(close(s[0]));
	CHECK_EQ(OK(read(s[1], &c, 1)), 1);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(OK(read(s[1], &c, 1)), 0);	/* the child's was the last */
}

static void *reader(void *arg)
{
	int fd = *(int *)arg;
	static char buf[65536];
	long n, sum = 0;

	while ((n = OK(read(fd, buf, sizeof(buf)))) > 0)
		sum += n;
	return (void *)sum;
}

ABI_TEST(threads)
{
	static char buf[65536];
	pthread_t t;
	void *sum;
	int s[2];

	make_pair(s, 0);
	CHECK_EQ(pthread_create(&t, NULL, reader, &s[1]), 0);
	for (int i = 0; i < 64; i++)
		send_all(s[0], buf, sizeof(buf));
	OK(shutdown(s[0], SHUT_WR));
	CHECK_EQ(pthread_join(t, &sum), 0);
	CHECK_EQ((long)sum, 64 * 65536);
}

/* Many at a time; each answers with its own number. */
ABI_TEST(many_connections)
{
	int l = listener(64, 0), c[40], s;
	unsigned char b;

	for (size_t i = 0; i < COUNT(c); i++) {
		c[i] = connect_to(l);
		send_all(c[i], &(unsigned char){ (unsigned char)i }, 1);
	}
	for (size_t i = 0; i < COUNT(c); i++) {
		s = OK(accept(l, NULL, NULL));
		CHECK_EQ(OK(read(s, &b, 1)), 1);
		b = (unsigned char)~b;
		send_all(s, &b, 1);
		OK(close(s));
	}
	for (size_t i = 0; i < COUNT(c); i++) {
		CHECK_EQ(OK(read(c[i], &b, 1)), 1);
		CHECK_EQ(b, (unsigned char)~i);
		CHECK_EQ(OK(read(c[i], &b, 1)), 0);
	}
}
