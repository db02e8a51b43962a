/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK: addresses and options, and over the loopback (VMADDR_CID_LOCAL, where there
 * is one: Linux's vsock_loopback) data and credit. How connections begin and end is in
 * vsock_state.c.
 */
#define ABI_FAMILY "vsock"
#include "vsock.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

#define BIG (1 << 20)

/* ---- without a connection ---- */

ABI_TEST(bind_addresses)
{
	int fd = vm_socket(0), fd2 = vm_socket(0);
	struct vm_addr a = { AF_VSOCK, 0, PORT_ANY, CID_ANY, 0, { 0 } };
	unsigned int port;

	CHECK_ERR(bind(fd, (void *)&a, VM_SIZE - 1), EINVAL);
	a.family = AF_INET;
	CHECK_ERR(bind(fd, (void *)&a, VM_SIZE), EINVAL);
	a.family = AF_VSOCK;
	a.flags = 2;
	CHECK_ERR(bind(fd, (void *)&a, VM_SIZE), EINVAL);
	CHECK_ERR(bind(fd, VM(0, PORT_ANY), VM_SIZE), EADDRNOTAVAIL);
	CHECK_ERR(bind(fd, VM(77777, PORT_ANY), VM_SIZE), EADDRNOTAVAIL);
	OK(bind(fd, VM(CID_ANY, PORT_ANY), VM_SIZE));
	port = port_of(fd);
	CHECK(port > 1023 && port != PORT_ANY);
	CHECK_ERR(bind(fd2, VM(CID_ANY, port), VM_SIZE), EADDRINUSE);
	OK(close(fd));
	OK(bind(fd2, VM(CID_ANY, port), VM_SIZE));
}

static void reserved_port(void)
{
	int fd = vm_socket(0);

	CHECK_ERR(bind(fd, VM(CID_ANY, 1023), VM_SIZE), EACCES);
	OK(bind(fd, VM(CID_ANY, PORT_ANY), VM_SIZE));
}

ABI_TEST(bind_reserved)
{
	int fd = vm_socket(0);

	UNPRIVILEGED(reserved_port);
	abi_need_root();
	OK(bind(fd, VM(CID_ANY, 1023), VM_SIZE));
}

ABI_TEST(options)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);
	int fd = vm_socket(0), v;

	CHECK_EQ(get_buffer(fd, VM_BUFFER_SIZE), 262144);
	CHECK_EQ(get_buffer(fd, VM_BUFFER_MAX), 262144);
	CHECK_EQ(get_buffer(fd, VM_BUFFER_MIN), 128);
	set_buffer(fd, 1 << 20);
	CHECK_EQ(get_buffer(fd, VM_BUFFER_SIZE), 262144);
	set_buffer(fd, 1);
	CHECK_EQ(get_buffer(fd, VM_BUFFER_SIZE), 128);
	OK(setsockopt(fd, AF_VSOCK, VM_BUFFER_MIN, &(uint64_t){ 4096 }, 8));
	CHECK_EQ(get_buffer(fd, VM_BUFFER_SIZE), 4096);
	OK(setsockopt(fd, AF_VSOCK, VM_BUFFER_MAX, &(uint64_t){ 8192 }, 8));
	set_buffer(fd, 1 << 20);
	CHECK_EQ(get_buffer(fd, VM_BUFFER_SIZE), 8192);
	CHECK_ERR(setsockopt(fd, AF_VSOCK, VM_BUFFER_SIZE, &v, 4), EINVAL);
	CHECK_ERR(setsockopt(fd, AF_VSOCK, VM_BUFFER_SIZE, BAD_UNMAPPED, 8), EFAULT);
	CHECK_ERR(setsockopt(fd, AF_VSOCK, 99, &v, 4), ENOPROTOOPT);
	CHECK_ERR(getsockopt(fd, AF_VSOCK, 99, &tv, &len), ENOPROTOOPT);
	OK(getsockopt(fd, AF_VSOCK, VM_CONNECT_TIMEOUT, &tv, &len));
	CHECK(tv.tv_sec == 2 && tv.tv_usec == 0);
	tv.tv_sec = 5;
	OK(setsockopt(fd, AF_VSOCK, VM_CONNECT_TIMEOUT, &tv, sizeof(tv)));
	tv.tv_sec = 0;
	OK(getsockopt(fd, AF_VSOCK, VM_CONNECT_TIMEOUT, &tv, &len));
	CHECK_EQ(tv.tv_sec, 5);
	tv.tv_sec = -1;
	CHECK_ERR(setsockopt(fd, AF_VSOCK, VM_CONNECT_TIMEOUT, &tv, sizeof(tv)), ERANGE);
	tv = (struct timeval){ 0, 1000000 };
	CHECK(setsockopt(fd, AF_VSOCK, VM_CONNECT_TIMEOUT, &tv, sizeof(tv)) < 0);
	len = 4;
	CHECK_ERR(getsockopt(fd, AF_VSOCK, VM_BUFFER_SIZE, &tv, &len), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 1 << 20 }, 4), EINVAL);
}

ABI_TEST(local_cid)
{
	unsigned int cid = 0;
	int fd;

	vm_socket(0);
	fd = open("/dev/vsock", O_RDONLY);
	if (fd < 0)
		SKIP("/dev/vsock: %s", strerror(errno));
	OK(ioctl(fd, GET_LOCAL_CID, &cid));
	CHECK(cid == CID_LOCAL || cid > CID_HOST);
	CHECK_ERR(ioctl(fd, GET_LOCAL_CID, BAD_UNMAPPED), EFAULT);
	CHECK_ERR(ioctl(fd, 0x7b8, &cid), ENOTTY);
	fd = vm_socket(0);
	if (cid != CID_ANY)
		OK(bind(fd, VM(cid, PORT_ANY), VM_SIZE));
}

/* ---- connections ---- */

ABI_TEST(names)
{
	struct vm_addr a, b;
	socklen_t len = sizeof(a);
	int l = listener(1, 0), c = connect_to(l), s;

	s = OK(accept4(l, (void *)&a, &len, SOCK_CLOEXEC | SOCK_NONBLOCK));
	CHECK_EQ(len, VM_SIZE);
	CHECK_EQ(a.family, AF_VSOCK);
	CHECK_EQ(a.cid, CID_LOCAL);
	CHECK_EQ(a.port, port_of(c));
	CHECK_EQ(fcntl(s, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
	OK(getpeername(s, (void *)&b, &len));
	CHECK_EQ(b.port, a.port);
	CHECK_EQ(port_of(s), port_of(l));
	OK(getpeername(c, (void *)&b, &len));
	CHECK_EQ(b.cid, CID_LOCAL);
	CHECK_EQ(b.port, port_of(l));
	CHECK_ERR(connect(c, VM(CID_LOCAL, port_of(l)), VM_SIZE), EISCONN);
	CHECK_ERR(listen(c, 1), EINVAL);
	CHECK_ERR(bind(c, VM(CID_ANY, PORT_ANY), VM_SIZE), EINVAL);
	CHECK_ERR(sendto(c, "x", 1, 0, VM(CID_LOCAL, 5), VM_SIZE), EISCONN);
}

ABI_TEST(bytes_both_ways)
{
	char buf[16] = "";
	int s[2], n = -1;

	make_pair(s, 0);
	CHECK_EQ(events(s[0]), POLLOUT);
	CHECK_EQ(OK(write(s[0], "hello ", 6)), 6);
	CHECK_EQ(OK(send(s[0], "world", 5, 0)), 5);
	await_events(s[1], POLLIN);
	CHECK_EQ(OK(recv(s[1], buf, 11, MSG_WAITALL)), 11);
	CHECK_STR(buf, "hello world");
	CHECK_ERR(recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(OK(write(s[1], "yes", 3)), 3);
	await_events(s[0], POLLIN);
	if (ioctl(s[0], FIONREAD, &n) == 0)	/* since Linux 6.17 */
		CHECK_EQ(n, 3);
	CHECK_EQ(OK(read(s[0], buf, 2)), 2);
	CHECK_EQ(OK(read(s[0], buf + 2, 14)), 1);
	CHECK_STR(buf, "yeslo world");
	CHECK_EQ(write(s[0], "", 0), 0);
	CHECK_EQ(recv(s[0], buf, 0, 0), 0);
	CHECK_EQ(events(s[1]), POLLOUT);
}

ABI_TEST(peek_and_flags)
{
	char buf[8] = "";
	int s[2];

	make_pair(s, 0);
	send_all(s[0], "abcdef", 6);
	CHECK_EQ(OK(recv(s[1], buf, 4, MSG_PEEK)), 4);
	CHECK_STR(buf, "abcd");
	CHECK_EQ(OK(recv(s[1], buf, 2, 0)), 2);
	CHECK_EQ(OK(recv(s[1], buf, 8, MSG_PEEK)), 4);
	CHECK_EQ(memcmp(buf, "cdef", 4), 0);
	CHECK_EQ(OK(recv(s[1], buf, 2, MSG_TRUNC)), 2);
	CHECK_EQ(OK(recv(s[1], buf, 8, 0)), 2);
	CHECK_EQ(memcmp(buf, "ef", 2), 0);
	CHECK_ERR(recv(s[1], buf, 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(send(s[1], buf, 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(recv(s[1], buf, 8, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
}

ABI_TEST(messages)
{
	char a[4] = "", b[8] = "", ctl[32];
	struct iovec out[2] = { { "one", 3 }, { "two", 3 } }, in[2] = { { a, 2 }, { b, 8 } };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2 };
	struct mmsghdr mm[2] = { { .msg_hdr = m }, { .msg_hdr = m } };
	int s[2];

	make_pair(s, 0);
	CHECK_EQ(OK(sendmsg(s[0], &m, 0)), 6);
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2, .msg_name = ctl, .msg_namelen = 16,
			     .msg_control = ctl, .msg_controllen = sizeof(ctl), .msg_flags = -1 };
	await_events(s[1], POLLIN);
	CHECK_EQ(OK(recvmsg(s[1], &m, 0)), 6);
	CHECK_EQ(m.msg_flags, 0);
	CHECK_EQ(m.msg_namelen, 0);
	CHECK_EQ(m.msg_controllen, 0);
	CHECK_STR(a, "on");
	CHECK_STR(b, "etwo");
	CHECK_EQ(OK(writev(s[0], out, 2)), 6);
	CHECK_EQ(OK(recv(s[1], b, 6, MSG_WAITALL)), 6);
	CHECK_EQ(OK(sendmmsg(s[0], mm, 2, 0)), 2);
	CHECK_EQ(mm[0].msg_len, 6);
	CHECK_EQ(mm[1].msg_len, 6);
	mm[0].msg_hdr = mm[1].msg_hdr = (struct msghdr){ .msg_iov = in + 1, .msg_iovlen = 1 };
	in[1].iov_len = 6;
	CHECK_EQ(OK(recvmmsg(s[1], mm, 2, MSG_WAITALL, NULL)), 2);
	CHECK_EQ(mm[1].msg_len, 6);
	CHECK_EQ(memcmp(b, "onetwo", 6), 0);
	send_all(s[0], "x", 1);
	CHECK_EQ(OK(recvmmsg(s[1], mm, 2, MSG_WAITFORONE, NULL)), 1);
	CHECK_ERR(recvmmsg(s[1], mm, 2, MSG_DONTWAIT, NULL), EAGAIN);
}

ABI_TEST(sendfile_and_splice)
{
	unsigned char *out = abi_map(BIG, RW, SHARED), *in = abi_map(BIG, RW, ANON);
	int s[2], fd = abi_temp_fd(), p[2];
	pid_t pid;

	fill(out, BIG, 3);
	send_all(fd, out, BIG);
	make_pair(s, 0);
	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		off_t at = 0;

		while (at < BIG)
			CHECK(OK(sendfile(s[0], fd, &at, (size_t)(BIG - at))) > 0);
		OK(shutdown(s[0], SHUT_WR));
		_exit(0);
	}
	for (size_t n = 0; n < BIG; ) {
		long got = OK(splice(s[1], NULL, p[1], NULL, 65536, 0));

		CHECK(got > 0);
		receive_all(p[0], in + n, (size_t)got);
		n += (size_t)got;
	}
	CHECK_EQ(OK(splice(s[1], NULL, p[1], NULL, 65536, 0)), 0);
	CHECK_EQ(memcmp(in, out, BIG), 0);
	CHECK_EXIT(pid, 0);
	send_all(p[1], "piped", 5);
	CHECK_EQ(OK(splice(p[0], NULL, s[1], NULL, 5, 0)), 5);
	receive_all(s[0], in, 5);
	CHECK_EQ(memcmp(in, "piped", 5), 0);
}

ABI_TEST(bad_buffers)
{
	char *p = abi_map(2 * PAGE, RW, ANON);
	int s[2];

	make_pair(s, 0);
	OK(munmap(p + PAGE, PAGE));
	CHECK(syscall(SYS_write, s[0], BAD_UNMAPPED, 4) < 0);
	CHECK(errno == EFAULT || errno == ENOMEM);	/* the latter in older Linux */
	CHECK_ERR(send(s[0], BAD_KERNEL, 4, 0), EFAULT);
	send_all(s[0], "abcdefgh", 8);
	await_events(s[1], POLLIN);
	CHECK(syscall(SYS_read, s[1], BAD_UNMAPPED, 4) < 0);
	CHECK(errno == EFAULT || errno == ENOMEM);
	CHECK(read(s[1], p, 8) > 0);
}

/* Twice the buffer and more through buffers of one page, both ways at a time. */
ABI_TEST(big_transfer_small_buffers)
{
	unsigned char *out = abi_map(BIG, RW, SHARED), *in = abi_map(BIG, RW, ANON);
	pid_t pid, pid2;
	int s[2];

	fill(out, BIG, 1);
	make_pair(s, 4096);
	pid = FORK();
	if (!pid) {
		send_all(s[0], out, BIG);
		_exit(0);
	}
	pid2 = FORK();
	if (!pid2) {
		receive_all(s[0], in, BIG);
		CHECK_EQ(memcmp(in, out, BIG), 0);
		_exit(0);
	}
	for (size_t n = 0; n < BIG; n += 65536) {
		receive_all(s[1], in + n, 65536);
		send_all(s[1], in + n, 65536);
	}
	CHECK_EQ(memcmp(in, out, BIG), 0);
	CHECK_EXIT(pid, 0);
	CHECK_EXIT(pid2, 0);
}

/* Pieces of all sizes, read in pieces of other sizes. */
ABI_TEST(odd_sizes)
{
	unsigned char *out = abi_map(BIG, RW, SHARED), *in = abi_map(BIG, RW, ANON);
	size_t n, size;
	int s[2];
	pid_t pid;

	fill(out, BIG, 2);
	make_pair(s, 0);
	pid = FORK();
	if (!pid) {
		for (n = 0, size = 1; n < BIG; n += size, size = size * 7 % 9973 + 1) {
			if (size > BIG - n)
				size = BIG - n;
			send_all(s[0], out + n, size);
		}
		_exit(0);
	}
	for (n = 0, size = 1; n < BIG; n += size, size = size * 5 % 4999 + 1) {
		if (size > BIG - n)
			size = BIG - n;
		receive_all(s[1], in + n, size);
	}
	CHECK_EQ(memcmp(in, out, BIG), 0);
	CHECK_EXIT(pid, 0);
}

/* One byte at a time may not cost a page each. */
ABI_TEST(many_small_writes)
{
	unsigned char in[4096];
	int s[2];

	make_pair(s, 8192);
	for (int i = 0; i < 4096; i++)
		send_all(s[0], &(unsigned char){ (unsigned char)i }, 1);
	receive_all(s[1], in, sizeof(in));
	for (int i = 0; i < 4096; i++)
		CHECK_EQ(in[i], (unsigned char)i);
}

ABI_TEST(credit_stops_the_sender)
{
	static char buf[65536];
	long n, sent = 0;
	int s[2];

	make_pair(s, 8192);
	OK(fcntl(s[0], F_SETFL, O_NONBLOCK));
	while ((n = write(s[0], buf, sizeof(buf))) > 0)
		sent += n;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(sent, 8192);
	CHECK_EQ(events(s[0]) & POLLOUT, 0);
	receive_all(s[1], buf, 8192);
	await_events(s[0], POLLOUT);
	CHECK_EQ(OK(write(s[0], buf, 10)), 10);
}

ABI_TEST(waitall_larger_than_buffer)
{
	static char buf[8192];
	int s[2];

	make_pair(s, 4096);
	CHECK_ERR(recv(s[1], buf, 4096, MSG_WAITALL | MSG_DONTWAIT), ENOMEM);
	CHECK_ERR(recv(s[1], buf, 4095, MSG_WAITALL | MSG_DONTWAIT), EAGAIN);
}

ABI_TEST(rcvlowat)
{
	char buf[32];
	int s[2];

	make_pair(s, 0);
	OK(setsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &(int){ 4 }, 4));
	send_all(s[0], "abc", 3);
	while (OK(recv(s[1], buf, 3, MSG_PEEK)) != 3)
		;
	CHECK_EQ(events(s[1]) & POLLIN, 0);
	send_all(s[0], "d", 1);
	await_events(s[1], POLLIN);
	CHECK_EQ(OK(recv(s[1], buf, 32, 0)), 4);
}
