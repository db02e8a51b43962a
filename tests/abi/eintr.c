/* SPDX-License-Identifier: MIT */
/*
 * Interrupted system calls: which restart under SA_RESTART, which return EINTR
 * always, remaining times, partial transfers, restart after stop and continue.
 */
#define ABI_FAMILY "eintr"
#include "abi.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>

static int pipe_wr;

ABI_TEST(read_without_restart)
{
	int p[2];
	char c;

	OK(pipe(p));
	abi_tick_start(0);
	CHECK_ERR(read(p[0], &c, 1), EINTR);
}

static void on_third(int sig)
{
	(void)sig;
	if (++abi_ticks == 3 && write(pipe_wr, "r", 1) != 1)
		_exit(1);
}

ABI_TEST(read_with_restart)
{
	int p[2];
	char c;

	OK(pipe(p));
	pipe_wr = p[1];
	abi_tick_start(SA_RESTART);
	abi_handle(SIGALRM, on_third, SA_RESTART);
	CHECK_EQ(OK(read(p[0], &c, 1)), 1);
	CHECK_EQ(c, 'r');
	CHECK(abi_ticks >= 3);
}

ABI_TEST(write_to_full_pipe)
{
	char buf[4096] = "";
	int p[2];

	OK(pipe2(p, O_NONBLOCK));
	while (write(p[1], buf, sizeof(buf)) > 0)
		;
	OK(fcntl(p[1], F_SETFL, 0));
	abi_tick_start(0);
	CHECK_ERR(write(p[1], buf, sizeof(buf)), EINTR);
}

ABI_TEST(partial_write_is_reported)
{
	size_t size = 1 << 20;
	char *buf = calloc(1, size);
	long n;
	int p[2];

	OK(pipe(p));
	abi_tick_start(SA_RESTART);
	n = OK(write(p[1], buf, size));
	CHECK(n > 0 && n < (long)size);
}

ABI_TEST(nanosleep_remainder)
{
	struct timespec req = { 1000, 0 }, rem = { 0, 0 };

	abi_tick_start(SA_RESTART);
	CHECK_ERR(syscall(SYS_nanosleep, &req, &rem), EINTR);
	CHECK(rem.tv_sec >= 900 && rem.tv_sec < 1000);
	CHECK(rem.tv_nsec >= 0 && rem.tv_nsec < 1000000000);
	rem.tv_sec = 0;
	CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &req, &rem), EINTR);
	CHECK(rem.tv_sec >= 900);
}

ABI_TEST(absolute_sleep_leaves_remainder_alone)
{
	struct timespec at, rem = { 7, 7 };

	OK(clock_gettime(CLOCK_MONOTONIC, &at));
	at.tv_sec += 1000;
	abi_tick_start(0);
	CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &at,
			  &rem), EINTR);
	CHECK(rem.tv_sec == 7 && rem.tv_nsec == 7);
}

ABI_TEST(poll_never_restarts)
{
	struct pollfd pfd = { .events = POLLIN };
	int p[2];

	OK(pipe(p));
	pfd.fd = p[0];
	abi_tick_start(SA_RESTART);
	CHECK_ERR(poll(&pfd, 1, -1), EINTR);
	CHECK_ERR(poll(&pfd, 1, 1000000), EINTR);
	CHECK_ERR(poll(NULL, 0, -1), EINTR);
}

ABI_TEST(select_never_restarts)
{
	struct timeval tv = { 1000, 0 };
	fd_set set;
	int p[2];

	OK(pipe(p));
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	abi_tick_start(SA_RESTART);
	CHECK_ERR(select(p[0] + 1, &set, NULL, NULL, NULL), EINTR);
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), EINTR);
	CHECK(tv.tv_sec >= 900 && tv.tv_sec < 1000);
}

ABI_TEST(epoll_wait_never_restarts)
{
	struct epoll_event ev;
	int ep = OK(epoll_create1(0));

	abi_tick_start(SA_RESTART);
	CHECK_ERR(epoll_wait(ep, &ev, 1, -1), EINTR);
}

ABI_TEST(pause_never_restarts)
{
	abi_tick_start(SA_RESTART);
	CHECK_ERR(pause(), EINTR);
}

ABI_TEST(ppoll_swaps_mask)
{
	struct timespec ts = { 1000, 0 };
	struct { uint64_t m; } block_alarm, none = { 0 }, now;

	/* Blocked outside, open only inside ppoll: it must come there. */
	block_alarm.m = 1UL << (SIGALRM - 1);
	abi_tick_start(0);
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &block_alarm, NULL, 8));
	abi_ticks = 0;
	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, &ts, &none, 8), EINTR);
	CHECK_EQ(abi_ticks, 1);
	CHECK(ts.tv_sec >= 900 && ts.tv_sec < 1000);
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &now, 8));
	CHECK_EQ(now.m, block_alarm.m);
}

ABI_TEST(pselect_swaps_mask)
{
	uint64_t block_alarm = 1UL << (SIGALRM - 1), none = 0, now;
	struct { void *p; size_t n; } arg = { &none, 8 };
	struct timespec ts = { 1000, 0 };

	abi_tick_start(0);
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &block_alarm, NULL, 8));
	abi_ticks = 0;
	CHECK_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, &arg), EINTR);
	CHECK_EQ(abi_ticks, 1);
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &now, 8));
	CHECK_EQ(now, block_alarm);
}

ABI_TEST(mask_blocks_during_ppoll)
{
	struct timespec ts = { 0, 30000000 };
	uint64_t block_alarm = 1UL << (SIGALRM - 1);

	abi_tick_start(0);
	CHECK_EQ(OK(syscall(SYS_ppoll, NULL, 0, &ts, &block_alarm, 8)), 0);
	/* Pending since: comes as soon as the old mask is back. */
	CHECK(abi_ticks > 0);
}

ABI_TEST(flock_interrupted)
{
	int a = abi_write_file("f", "x", 1), b = OK(open("f", O_RDWR));

	OK(flock(a, LOCK_EX));
	abi_tick_start(0);
	CHECK_ERR(flock(b, LOCK_EX), EINTR);
}

ABI_TEST(record_lock_interrupted)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = abi_write_file("f", "x", 1);
	pid_t pid;

	OK(fcntl(fd, F_SETLK, &fl));
	pid = FORK();
	if (!pid) {
		abi_tick_start(0);
		CHECK_ERR(fcntl(fd, F_SETLKW, &fl), EINTR);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(fifo_open_interrupted)
{
	OK(mkfifo("fifo", 0600));
	abi_tick_start(0);
	CHECK_ERR(open("fifo", O_RDONLY), EINTR);
	CHECK_ERR(open("fifo", O_WRONLY), EINTR);
}

ABI_TEST(eventfd_read_interrupted)
{
	uint64_t one = 1;
	int fd = OK(eventfd(0, 0));

	abi_tick_start(0);
	CHECK_ERR(read(fd, &one, 8), EINTR);
}

ABI_TEST(ignored_signal_does_not_interrupt)
{
	struct timespec ts = { 0, 30000000 };
	struct abi_sync s;

	abi_sync_init(&s);
	abi_tick_start(0);
	signal(SIGALRM, SIG_IGN);
	OK(syscall(SYS_nanosleep, &ts, NULL));
	CHECK_EQ(syscall(SYS_ppoll, NULL, 0, &ts, NULL, 0), 0);
}

ABI_TEST(stop_and_continue_restart)
{
	struct abi_sync ready;
	int p[2], status;
	pid_t pid;
	char c;

	OK(pipe(p));
	abi_sync_init(&ready);
	pid = FORK();
	if (!pid) {
		struct timespec ts = { 0, 1 };

		abi_post(&ready);
		CHECK_EQ(OK(read(p[0], &c, 1)), 1);
		OK(nanosleep(&ts, NULL));
		_exit(c);
	}
	abi_await(&ready);
	for (int i = 0; i < 3; i++) {
		OK(kill(pid, SIGSTOP));
		OK(waitpid(pid, &status, WUNTRACED));
		OK(kill(pid, SIGCONT));
		OK(waitpid(pid, &status, WCONTINUED));
	}
	OK(write(p[1], "\5", 1));
	CHECK_EXIT(pid, 5);
}

ABI_TEST(sleep_continues_after_stop)
{
	int status;
	pid_t pid = FORK();

	if (!pid) {
		struct timespec ts = { 0, 50000000 };
		long long t = abi_now_ns();

		OK(syscall(SYS_nanosleep, &ts, NULL));
		CHECK(abi_now_ns() - t >= 50000000);
		_exit(0);
	}
	OK(kill(pid, SIGSTOP));
	OK(waitpid(pid, &status, WUNTRACED));
	if (WIFSTOPPED(status)) {
		OK(kill(pid, SIGCONT));
		CHECK_EXIT(pid, 0);
	}
}
