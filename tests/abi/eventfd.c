/* SPDX-License-Identifier: MIT */
/*
 * eventfd, timerfd and signalfd.
 */
#define ABI_FAMILY "eventfd"
#include "abi.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static int readable(int fd)
{
	return OK(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0));
}

static uint64_t take(int fd)
{
	uint64_t v = 0;

	CHECK_EQ(OK(read(fd, &v, 8)), 8);
	return v;
}

static int put(int fd, uint64_t v)
{
	return write(fd, &v, 8);
}

ABI_TEST(counter)
{
	int fd = OK(eventfd(3, EFD_NONBLOCK));

	CHECK_EQ(put(fd, 4), 8);
	CHECK_EQ(take(fd), 7);
	CHECK(!readable(fd));
	CHECK_ERR(read(fd, &(uint64_t){ 0 }, 8), EAGAIN);
	CHECK_EQ(put(fd, 0), 8);
	CHECK(!readable(fd));
}

ABI_TEST(semaphore)
{
	int fd = OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));

	CHECK_EQ(take(fd), 1);
	CHECK_EQ(take(fd), 1);
	CHECK_ERR(read(fd, &(uint64_t){ 0 }, 8), EAGAIN);
}

ABI_TEST(overflow)
{
	int fd = OK(eventfd(0, EFD_NONBLOCK));

	CHECK_EQ(put(fd, UINT64_MAX - 1), 8);
	CHECK_ERR(put(fd, 1), EAGAIN);
	CHECK_EQ(poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 0), 0);
	CHECK_ERR(put(fd, UINT64_MAX), EINVAL);
	CHECK_EQ(take(fd), UINT64_MAX - 1);
	CHECK_EQ(poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 0), 1);
}

ABI_TEST(sizes_and_flags)
{
	int fd = OK(eventfd(1, EFD_CLOEXEC));
	char buf[16];

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(read(fd, buf, 7), EINVAL);
	CHECK_ERR(write(fd, buf, 7), EINVAL);
	CHECK_EQ(read(fd, buf, 16), 8);
	CHECK_ERR(syscall(SYS_eventfd2, 0, 0x10), EINVAL);
	CHECK_ERR(pread(fd, buf, 8, 0), ESPIPE);
	OK(syscall(SYS_eventfd, 5));
}

ABI_TEST(blocked_reader_woken_across_processes)
{
	int fd = OK(eventfd(0, 0)), back = OK(eventfd(0, 0));
	pid_t pid = FORK();

	if (!pid) {
		for (int i = 1; i <= 100; i++) {
			CHECK_EQ(take(fd), i);
			CHECK_EQ(put(back, i), 8);
		}
		_exit(0);
	}
	for (int i = 1; i <= 100; i++) {
		CHECK_EQ(put(fd, i), 8);
		CHECK_EQ(take(back), i);
	}
	CHECK_EXIT(pid, 0);
}

static void set(int fd, int flags, long ns, long interval)
{
	struct itimerspec it = {
		{ interval / 1000000000, interval % 1000000000 },
		{ ns / 1000000000, ns % 1000000000 },
	};

	OK(timerfd_settime(fd, flags, &it, NULL));
}

ABI_TEST(timerfd_once)
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	long long t = abi_now_ns();
	struct itimerspec it;

	set(fd, 0, 10000000, 0);
	CHECK_EQ(take(fd), 1);
	CHECK(abi_now_ns() - t >= 10000000);
	OK(timerfd_gettime(fd, &it));
	CHECK(it.it_value.tv_sec == 0 && it.it_value.tv_nsec == 0);
	CHECK(!readable(fd));
}

ABI_TEST(timerfd_interval_counts)
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec it;
	uint64_t total = 0;
	long long t = abi_now_ns();

	set(fd, 0, 1000000, 1000000);
	while (total < 20) {
		OK(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1));
		total += take(fd);
	}
	CHECK(abi_now_ns() - t >= 20 * 1000000);
	OK(timerfd_gettime(fd, &it));
	CHECK_EQ(it.it_interval.tv_nsec, 1000000);
	CHECK(it.it_value.tv_nsec <= 1000000);
	set(fd, 0, 0, 0);
	CHECK_ERR(read(fd, &total, 8), EAGAIN);
}

ABI_TEST(timerfd_absolute)
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct timespec now;

	OK(clock_gettime(CLOCK_MONOTONIC, &now));
	set(fd, TFD_TIMER_ABSTIME, 1, 0);
	CHECK_EQ(take(fd), 1);
	set(fd, TFD_TIMER_ABSTIME, now.tv_sec * 1000000000L + now.tv_nsec + 5000000, 0);
	CHECK_EQ(take(fd), 1);
	fd = OK(timerfd_create(CLOCK_REALTIME, 0));
	set(fd, TFD_TIMER_ABSTIME, 1, 0);
	CHECK_EQ(take(fd), 1);
}

ABI_TEST(timerfd_settime_returns_old)
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec it = { { 5, 0 }, { 1000, 0 } }, old;

	OK(timerfd_settime(fd, 0, &it, NULL));
	OK(timerfd_settime(fd, 0, &it, &old));
	CHECK_EQ(old.it_interval.tv_sec, 5);
	CHECK(old.it_value.tv_sec >= 900 && old.it_value.tv_sec <= 1000);
}

ABI_TEST(timerfd_errors)
{
	struct itimerspec bad = { { 0, 0 }, { 0, 1000000000 } }, good = { 0 };
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	char buf[8];

	CHECK_ERR(timerfd_create(99, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 0x10), EINVAL);
	CHECK_ERR(timerfd_settime(fd, 0, &bad, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(fd, 0x100, &good, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(abi_temp_fd(), 0, &good, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(999, 0, &good, NULL), EBADF);
	CHECK_ERR(read(fd, buf, 4), EINVAL);
	CHECK_ERR(read(fd, buf, 8), EAGAIN);
	CHECK_ERR(write(fd, buf, 8), EINVAL);
}

static int sfd_for(int sig, int flags)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	return OK(signalfd(-1, &set, flags));
}

ABI_TEST(signalfd_reads_siginfo)
{
	int fd = sfd_for(SIGUSR1, SFD_NONBLOCK);
	struct signalfd_siginfo si[2];

	CHECK_EQ(sizeof(si[0]), 128);
	CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
	OK(kill(getpid(), SIGUSR1));
	CHECK(readable(fd));
	CHECK_EQ(read(fd, si, sizeof(si)), 128);
	CHECK_EQ(si[0].ssi_signo, SIGUSR1);
	CHECK_EQ(si[0].ssi_pid, getpid());
	CHECK_EQ(si[0].ssi_uid, getuid());
	CHECK_EQ(si[0].ssi_code, SI_USER);
	CHECK(!readable(fd));
	CHECK_ERR(read(fd, si, 100), EINVAL);
}

ABI_TEST(signalfd_queue_and_values)
{
	int sig = SIGRTMIN + 3, fd = sfd_for(sig, SFD_NONBLOCK);
	struct signalfd_siginfo si[8];
	union sigval v;

	for (int i = 0; i < 5; i++) {
		v.sival_int = 40 + i;
		OK(sigqueue(getpid(), sig, v));
	}
	CHECK_EQ(read(fd, si, 3 * 128), 3 * 128);
	CHECK_EQ(read(fd, si + 3, 5 * 128), 2 * 128);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(si[i].ssi_int, 40 + i);
}

ABI_TEST(signalfd_child)
{
	int fd = sfd_for(SIGCHLD, 0);
	struct signalfd_siginfo si;
	pid_t pid = FORK();

	if (!pid)
		_exit(9);
	CHECK_EQ(OK(read(fd, &si, sizeof(si))), 128);
	CHECK_EQ(si.ssi_signo, SIGCHLD);
	CHECK_EQ(si.ssi_pid, pid);
	CHECK_EQ(si.ssi_code, CLD_EXITED);
	CHECK_EQ(si.ssi_status, 9);
	CHECK_EXIT(pid, 9);
}

ABI_TEST(signalfd_changes_mask)
{
	int fd = sfd_for(SIGUSR1, SFD_NONBLOCK);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	OK(raise(SIGUSR1));
	CHECK(!readable(fd));
	OK(raise(SIGUSR2));
	CHECK(readable(fd));
	CHECK_ERR(signalfd(abi_temp_fd(), &set, 0), EINVAL);
	CHECK_ERR(signalfd(999, &set, 0), EBADF);
	CHECK_ERR(signalfd(-1, &set, 0x10), EINVAL);
	CHECK_ERR(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
}
