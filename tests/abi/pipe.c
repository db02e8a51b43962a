/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs: capacity, atomic writes, non-blocking rules, end of file,
 * EPIPE, the rules of opening a FIFO; socketpair where there is one.
 */
#define ABI_FAMILY "pipe"
#include "abi.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#endif

ABI_TEST(basic)
{
	char buf[16];
	int p[2];

	OK(pipe(p));
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(read(p[0], buf, 2), 2);
	CHECK_EQ(read(p[0], buf, 16), 3);
	CHECK_ERR(write(p[0], "x", 1), EBADF);
	CHECK_ERR(read(p[1], buf, 1), EBADF);
	CHECK_EQ(write(p[1], "", 0), 0);
	CHECK_EQ(read(p[0], buf, 0), 0);
	CHECK_EQ(fcntl(p[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(p[1], F_GETFL) & O_ACCMODE, O_WRONLY);
}

ABI_TEST(pipe2_flags)
{
	int p[2] = { -7, -7 };
	char c;

	OK(pipe2(p, O_NONBLOCK | O_CLOEXEC));
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK(fcntl(p[1], F_GETFL) & O_NONBLOCK);
	CHECK_ERR(read(p[0], &c, 1), EAGAIN);
	CHECK_ERR(syscall(SYS_pipe2, p, O_APPEND), EINVAL);
	CHECK_ERR(syscall(SYS_pipe2, BAD_KERNEL, 0), EFAULT);
}

ABI_TEST(eof_after_last_writer)
{
	int p[2], w;
	char c;

	OK(pipe(p));
	w = OK(dup(p[1]));
	CHECK_EQ(write(w, "x", 1), 1);
	close(p[1]);
	close(w);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 0);
	CHECK_EQ(read(p[0], &c, 1), 0);
}

ABI_TEST(capacity)
{
	char buf[4096] = "";
	int p[2], n = 0, total = 0;
	long r;

	OK(pipe2(p, O_NONBLOCK));
	CHECK_EQ(fcntl(p[1], F_GETPIPE_SZ), 65536);
	while ((r = write(p[1], buf, sizeof(buf))) > 0)
		total += r;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(total, 65536);
	OK(ioctl(p[0], FIONREAD, &n));
	CHECK_EQ(n, 65536);
}

ABI_TEST(nonblocking_write_is_atomic_up_to_pipe_buf)
{
	char *buf = calloc(1, 70000);
	int p[2];

	OK(pipe2(p, O_NONBLOCK));
	CHECK_EQ(write(p[1], buf, 65536 - 100), 65536 - 100);
	CHECK_ERR(write(p[1], buf, 4096), EAGAIN);
	/* More than PIPE_BUF may be cut. */
	CHECK_EQ(read(p[0], buf, 4096), 4096);
	CHECK_EQ(read(p[0], buf, 4096), 4096);
	CHECK(write(p[1], buf, 70000) > 0);
	CHECK_ERR(write(p[1], buf, 70000), EAGAIN);
}

ABI_TEST(set_size)
{
	char *buf = calloc(1, 1 << 20);
	int p[2];

	OK(pipe2(p, O_NONBLOCK));
	CHECK_EQ(OK(fcntl(p[1], F_SETPIPE_SZ, 5000)), 8192);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
	CHECK_EQ(write(p[1], buf, 1 << 20), 8192);
	CHECK_ERR(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(OK(fcntl(p[1], F_SETPIPE_SZ, 65536)), 65536);
	CHECK_EQ(write(p[1], buf, 1 << 20), 65536 - 8192);
	CHECK_ERR(fcntl(p[1], F_SETPIPE_SZ, 0), EBUSY);
	CHECK_ERR(fcntl(abi_temp_fd(), F_GETPIPE_SZ), EBADF);
}

ABI_TEST(concurrent_atomic_writes)
{
	char buf[512], c;
	int p[2], counts[4] = { 0 };
	pid_t pid[4];

	OK(pipe(p));
	for (int k = 0; k < 4; k++) {
		pid[k] = FORK();
		if (pid[k])
			continue;
		memset(buf, 'a' + k, sizeof(buf));
		for (int i = 0; i < 200; i++)
			CHECK_EQ(write(p[1], buf, sizeof(buf)), 512);
		_exit(0);
	}
	close(p[1]);
	for (;;) {
		size_t got = 0;

		while (got < sizeof(buf)) {
			long n = OK(read(p[0], buf + got, sizeof(buf) - got));

			if (n == 0)
				break;
			got += n;
		}
		if (!got)
			break;
		CHECK_EQ(got, 512);
		c = buf[0];
		for (int i = 0; i < 512; i++)
			CHECK_EQ(buf[i], c);
		counts[c - 'a']++;
	}
	for (int k = 0; k < 4; k++) {
		CHECK_EQ(counts[k], 200);
		CHECK_EXIT(pid[k], 0);
	}
}

ABI_TEST(blocked_reader_is_woken)
{
	struct abi_sync s;
	int p[2];
	pid_t pid;
	char c;

	abi_sync_init(&s);
	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		close(p[1]);
		abi_post(&s);
		CHECK_EQ(read(p[0], &c, 1), 1);
		abi_post(&s);
		CHECK_EQ(read(p[0], &c, 1), 0);
		_exit(0);
	}
	abi_await(&s);
	abi_wait_blocked(pid);
	CHECK_EQ(write(p[1], "x", 1), 1);
	abi_await(&s);
	close(p[1]);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(blocked_writer_gets_epipe)
{
	struct abi_sync s;
	char *buf = calloc(1, 1 << 20);
	int p[2];
	pid_t pid;

	abi_sync_init(&s);
	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		signal(SIGPIPE, SIG_IGN);
		close(p[0]);
		abi_post(&s);
		CHECK_EQ(write(p[1], buf, 1 << 20), 65536);
		CHECK_ERR(write(p[1], buf, 1), EPIPE);
		_exit(0);
	}
	abi_await(&s);
	abi_wait_blocked(pid);
	close(p[0]);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(packet_mode)
{
	char buf[16];
	int p[2];

	OK(pipe2(p, O_DIRECT));
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(write(p[1], "defg", 4), 4);
	CHECK_EQ(read(p[0], buf, 16), 3);
	CHECK_EQ(read(p[0], buf, 2), 2);
	OK(fcntl(p[0], F_SETFL, O_NONBLOCK | O_DIRECT));
	CHECK_ERR(read(p[0], buf, 16), EAGAIN);
}

ABI_TEST(fifo_open_rules)
{
	int r, w;
	char c;

	OK(mkfifo("f", 0600));
	CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
	r = OK(open("f", O_RDONLY | O_NONBLOCK));
	CHECK_EQ(read(r, &c, 1), 0);
	w = OK(open("f", O_WRONLY | O_NONBLOCK));
	CHECK_ERR(read(r, &c, 1), EAGAIN);
	CHECK_EQ(write(w, "x", 1), 1);
	close(w);
	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(read(r, &c, 1), 0);
	w = OK(open("f", O_WRONLY));
	CHECK_EQ(write(w, "y", 1), 1);
	CHECK_EQ(read(r, &c, 1), 1);
}

ABI_TEST(fifo_open_blocks_for_partner)
{
	pid_t pid;
	int fd;
	char c;

	OK(mkfifo("f", 0600));
	pid = FORK();
	if (!pid) {
		fd = OK(open("f", O_WRONLY));
		CHECK_EQ(write(fd, "z", 1), 1);
		_exit(0);
	}
	fd = OK(open("f", O_RDONLY));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'z');
	CHECK_EQ(read(fd, &c, 1), 0);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(fifo_read_write)
{
	int fd;
	char c;

	OK(mkfifo("f", 0600));
	fd = OK(open("f", O_RDWR));
	CHECK_EQ(write(fd, "q", 1), 1);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'q');
	CHECK_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	OK(unlink("f"));
	CHECK_EQ(write(fd, "q", 1), 1);
}

ABI_TEST(fifo_data_dies_with_last_opener)
{
	int fd;
	char c;

	OK(mkfifo("f", 0600));
	fd = OK(open("f", O_RDWR));
	CHECK_EQ(write(fd, "q", 1), 1);
	close(fd);
	fd = OK(open("f", O_RDWR | O_NONBLOCK));
	CHECK_ERR(read(fd, &c, 1), EAGAIN);
}

ABI_TEST(fifo_is_one_per_inode)
{
	int a, b;
	char c;

	OK(mkfifo("f", 0600));
	OK(link("f", "g"));
	a = OK(open("f", O_RDWR));
	b = OK(open("g", O_RDWR));
	CHECK_EQ(write(a, "q", 1), 1);
	CHECK_EQ(read(b, &c, 1), 1);
}

ABI_TEST(reopen_through_proc)
{
	char name[64], target[8], c;
	int p[2], w;

	OK(pipe(p));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", p[0]);
	w = OK(open(name, O_WRONLY));
	CHECK_EQ(write(w, "k", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(readlink(name, target, 5), 5);
	CHECK(!memcmp(target, "pipe:", 5));
}

static void need_socketpair(int type, int *s)
{
	if (socketpair(AF_UNIX, type, 0, s) < 0)
		SKIP("socketpair: %s", strerror(errno));
}

ABI_TEST(socketpair_stream)
{
	char buf[16];
	int s[2];

	need_socketpair(SOCK_STREAM, s);
	CHECK_EQ(write(s[0], "abc", 3), 3);
	CHECK_EQ(write(s[0], "def", 3), 3);
	CHECK_EQ(read(s[1], buf, 16), 6);
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(read(s[0], buf, 16), 1);
	OK(shutdown(s[0], SHUT_WR));
	CHECK_EQ(read(s[1], buf, 16), 0);
	CHECK_EQ(write(s[1], "y", 1), 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(s[0], "z", 1), EPIPE);
}

ABI_TEST(socketpair_datagram)
{
	char buf[16];
	int s[2];

	need_socketpair(SOCK_DGRAM | SOCK_NONBLOCK, s);
	CHECK_EQ(write(s[0], "abc", 3), 3);
	CHECK_EQ(write(s[0], "defg", 4), 4);
	CHECK_EQ(read(s[1], buf, 2), 2);
	CHECK_EQ(read(s[1], buf, 16), 4);
	CHECK_ERR(read(s[1], buf, 16), EAGAIN);
}

ABI_TEST(socketpair_passes_descriptors)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { "m", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int s[2], fd = abi_write_file("f", "hello", 5), got;
	char c;

	need_socketpair(SOCK_STREAM, s);
	memset(&ctl, 0, sizeof(ctl));
	msg.msg_control = &ctl;
	msg.msg_controllen = sizeof(ctl);
	ctl.h.cmsg_level = SOL_SOCKET;
	ctl.h.cmsg_type = SCM_RIGHTS;
	ctl.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&ctl.h), &fd, sizeof(int));
	CHECK_EQ(OK(sendmsg(s[0], &msg, 0)), 1);
	close(fd);
	iov.iov_base = &c;
	CHECK_EQ(OK(recvmsg(s[1], &msg, 0)), 1);
	memcpy(&got, CMSG_DATA(&ctl.h), sizeof(int));
	CHECK_EQ(read(got, &c, 1), 1);
	CHECK_EQ(c, 'h');
}
