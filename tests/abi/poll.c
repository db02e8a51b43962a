/* SPDX-License-Identifier: MIT */
/*
 * poll, ppoll, select and pselect6: readiness of each kind of file, hang-up and
 * error bits, timeouts, limits.
 */
#define ABI_FAMILY "poll"
#include "abi.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>

static int poll1(int fd, int events)
{
	struct pollfd pfd = { fd, events, -1 };
	int n = OK(poll(&pfd, 1, 0));

	CHECK_EQ(n, pfd.revents != 0);
	return pfd.revents;
}

ABI_TEST(pipe_bits)
{
	char buf[4096] = "";
	int p[2];

	OK(pipe2(p, O_NONBLOCK));
	CHECK_EQ(poll1(p[0], POLLIN), 0);
	CHECK_EQ(poll1(p[1], POLLOUT), POLLOUT);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(poll1(p[0], POLLIN | POLLOUT), POLLIN);
	CHECK_EQ(poll1(p[0], POLLRDNORM), POLLRDNORM);
	CHECK_EQ(poll1(p[0], 0), 0);
	while (write(p[1], buf, sizeof(buf)) > 0)
		;
	CHECK_EQ(poll1(p[1], POLLOUT), 0);
}

ABI_TEST(pipe_hangup_and_error)
{
	int p[2], q[2];

	OK(pipe(p));
	OK(pipe(q));
	CHECK_EQ(write(p[1], "x", 1), 1);
	close(p[1]);
	CHECK_EQ(poll1(p[0], POLLIN), POLLIN | POLLHUP);
	CHECK_EQ(poll1(p[0], 0), POLLHUP);
	close(q[0]);
	CHECK_EQ(poll1(q[1], POLLOUT), POLLOUT | POLLERR);
}

ABI_TEST(fifo_never_written_does_not_hang_up)
{
	int r, w;

	OK(mkfifo("f", 0600));
	r = OK(open("f", O_RDONLY | O_NONBLOCK));
	CHECK_EQ(poll1(r, POLLIN), 0);
	w = OK(open("f", O_WRONLY));
	CHECK_EQ(poll1(r, POLLIN), 0);
	close(w);
	CHECK_EQ(poll1(r, POLLIN), POLLHUP);
}

ABI_TEST(regular_files_are_always_ready)
{
	int fd = abi_temp_fd();

	CHECK_EQ(poll1(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	CHECK_EQ(poll1(OK(open(".", O_RDONLY)), POLLIN), POLLIN);
	CHECK_EQ(poll1(OK(open("/dev/null", O_RDWR)), POLLIN | POLLOUT),
		 POLLIN | POLLOUT);
}

ABI_TEST(bad_descriptors)
{
	struct pollfd pfd[2] = { { 999, POLLIN, 0 }, { -1, POLLIN, 77 } };

	CHECK_EQ(poll(pfd, 2, 0), 1);
	CHECK_EQ(pfd[0].revents, POLLNVAL);
	CHECK_EQ(pfd[1].revents, 0);
	CHECK_EQ(poll1(OK(open(".", O_PATH)), POLLIN), POLLNVAL);
}

ABI_TEST(timeout_passes)
{
	struct timespec ts = { 0, 20000000 };
	long long t = abi_now_ns();
	int p[2];

	OK(pipe(p));
	CHECK_EQ(poll(&(struct pollfd){ p[0], POLLIN, 0 }, 1, 20), 0);
	CHECK(abi_now_ns() - t >= 20000000);
	t = abi_now_ns();
	CHECK_EQ(OK(syscall(SYS_ppoll, NULL, 0, &ts, NULL, 0)), 0);
	CHECK(abi_now_ns() - t >= 20000000);
	CHECK(ts.tv_sec == 0 && ts.tv_nsec == 0);
}

ABI_TEST(errors)
{
	struct timespec bad = { 0, 1000000000 };
	struct rlimit rl = { 10, 10 };

	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, &bad, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_poll, BAD_KERNEL, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, NULL, BAD_KERNEL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, NULL, &bad, 4), EINVAL);
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	CHECK_ERR(syscall(SYS_poll, calloc(11, 8), 11, 0), EINVAL);
}

ABI_TEST(wakes_on_each_of_many)
{
	struct pollfd pfd[200];
	int p[200][2];
	pid_t pid;

	for (int i = 0; i < 200; i++) {
		OK(pipe(p[i]));
		pfd[i] = (struct pollfd){ p[i][0], POLLIN, 0 };
	}
	pid = FORK();
	if (!pid) {
		CHECK_EQ(write(p[137][1], "x", 1), 1);
		_exit(0);
	}
	CHECK_EQ(OK(poll(pfd, 200, -1)), 1);
	CHECK_EQ(pfd[137].revents, POLLIN);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(select_basic)
{
	fd_set rd, wr, ex;
	struct timeval tv = { 0, 0 };
	int p[2];

	OK(pipe(p));
	FD_ZERO(&rd);
	FD_ZERO(&wr);
	FD_ZERO(&ex);
	FD_SET(p[0], &rd);
	FD_SET(p[1], &wr);
	FD_SET(p[0], &ex);
	CHECK_EQ(OK(select(p[1] + 1, &rd, &wr, &ex, &tv)), 1);
	CHECK(!FD_ISSET(p[0], &rd) && FD_ISSET(p[1], &wr) && !FD_ISSET(p[0], &ex));
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_SET(p[0], &rd);
	CHECK_EQ(OK(select(p[1] + 1, &rd, &wr, NULL, &tv)), 2);
	close(p[1]);
	FD_ZERO(&wr);
	CHECK_EQ(OK(select(p[0] + 1, &rd, NULL, NULL, &tv)), 1);
}

ABI_TEST(select_errors)
{
	struct timeval bad = { -1, 0 };
	fd_set rd;

	FD_ZERO(&rd);
	/* Beyond the table's size Linux does not even look: stay below 64. */
	FD_SET(50, &rd);
	CHECK_ERR(select(51, &rd, NULL, NULL, NULL), EBADF);
	CHECK_ERR(syscall(SYS_select, -1, NULL, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &bad), EINVAL);
	CHECK_ERR(syscall(SYS_select, 10, BAD_KERNEL, NULL, NULL, NULL), EFAULT);
}

ABI_TEST(select_timeout_is_updated)
{
	struct timeval tv = { 1000, 0 };
	fd_set rd;
	int p[2];

	OK(pipe(p));
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_ZERO(&rd);
	FD_SET(p[0], &rd);
	CHECK_EQ(OK(syscall(SYS_select, p[0] + 1, &rd, NULL, NULL, &tv)), 1);
	CHECK(tv.tv_sec == 999 || (tv.tv_sec == 1000 && tv.tv_usec == 0) ||
	      tv.tv_sec < 999);
	tv = (struct timeval){ 0, 10000 };
	FD_ZERO(&rd);
	CHECK_EQ(OK(syscall(SYS_select, 0, NULL, NULL, NULL, &tv)), 0);
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
}

ABI_TEST(pselect6)
{
	struct timespec ts = { 0, 0 };
	struct { void *p; size_t n; } arg = { NULL, 8 };
	fd_set rd;
	int p[2];

	OK(pipe(p));
	close(p[1]);
	FD_ZERO(&rd);
	FD_SET(p[0], &rd);
	/* End of file counts as readable. */
	CHECK_EQ(OK(syscall(SYS_pselect6, p[0] + 1, &rd, NULL, NULL, &ts, &arg)), 1);
	CHECK(FD_ISSET(p[0], &rd));
	CHECK_EQ(OK(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL)), 0);
}
