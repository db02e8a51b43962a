/* SPDX-License-Identifier: MIT */
/*
 * fork and vfork: what the child copies, shares and resets.
 */
#define ABI_FAMILY "fork"
#include "abi.h"

#include <sys/time.h>

ABI_TEST(pids)
{
	pid_t me = getpid(), pid = FORK();

	if (!pid) {
		CHECK_EQ(getppid(), me);
		CHECK(getpid() != me);
		CHECK_EQ(getpid(), syscall(SYS_gettid));
		CHECK_EQ(getpgrp(), getpgid(me));
		_exit(0);
	}
	CHECK(pid > 0 && pid != me);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(me, getpid());
}

ABI_TEST(memory_is_copied)
{
	static volatile int global = 1;
	volatile int local = 2;
	volatile int *heap = malloc(sizeof(*heap));
	pid_t pid;

	*heap = 3;
	pid = FORK();
	if (!pid) {
		CHECK(global == 1 && local == 2 && *heap == 3);
		global = local = *heap = 9;
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK(global == 1 && local == 2 && *heap == 3);
}

ABI_TEST(descriptors_share_offset)
{
	int fd = abi_write_file("f", "abcdef", 6);
	char buf[2];
	pid_t pid = FORK();

	if (!pid) {
		CHECK_EQ(read(fd, buf, 2), 2);
		OK(fcntl(fd, F_SETFL, O_APPEND));
		OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(read(fd, buf, 2), 2);
	CHECK_EQ(buf[0], 'c');
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
}

ABI_TEST(close_in_child_keeps_parent_open)
{
	int fd = abi_write_file("f", "a", 1);
	pid_t pid = FORK();

	if (!pid) {
		OK(close(fd));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(fcntl(fd, F_GETFD));
}

ABI_TEST(cwd_and_umask_are_copied)
{
	char a[PATH_MAX], b[PATH_MAX];
	pid_t pid;

	OK(mkdir("d", 0755));
	CHECK(getcwd(a, sizeof(a)) != NULL);
	umask(027);
	pid = FORK();
	if (!pid) {
		CHECK_EQ(umask(0), 027);
		OK(chdir("d"));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK(getcwd(b, sizeof(b)) != NULL);
	CHECK_STR(a, b);
	CHECK_EQ(umask(022), 027);
}

static void nop(int sig)
{
	(void)sig;
}

ABI_TEST(signal_state)
{
	struct sigaction sa;
	sigset_t set, got;
	pid_t pid;

	abi_handle(SIGUSR1, nop, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	OK(raise(SIGUSR2));
	pid = FORK();
	if (!pid) {
		OK(sigaction(SIGUSR1, NULL, &sa));
		CHECK(sa.sa_handler == nop);
		OK(sigprocmask(SIG_BLOCK, NULL, &got));
		CHECK(sigismember(&got, SIGUSR2));
		/* Pending signals are not inherited. */
		OK(sigpending(&got));
		CHECK(!sigismember(&got, SIGUSR2));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(sigpending(&got));
	CHECK(sigismember(&got, SIGUSR2));
}

ABI_TEST(timers_are_not_inherited)
{
	struct itimerval it = { { 0, 0 }, { 100, 0 } };
	pid_t pid;

	OK(setitimer(ITIMER_VIRTUAL, &it, NULL));
	pid = FORK();
	if (!pid) {
		OK(getitimer(ITIMER_VIRTUAL, &it));
		CHECK_EQ(it.it_value.tv_sec, 0);
		CHECK_EQ(it.it_value.tv_usec, 0);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(getitimer(ITIMER_VIRTUAL, &it));
	CHECK(it.it_value.tv_sec > 0);
}

ABI_TEST(file_locks_are_not_inherited)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = abi_temp_fd();
	pid_t pid;

	OK(fcntl(fd, F_SETLK, &fl));
	pid = FORK();
	if (!pid) {
		CHECK_ERR(fcntl(fd, F_SETLK, &fl), EAGAIN);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(orphan_is_reparented)
{
	struct abi_sync s, done;
	pid_t pid;
	int p[2];

	abi_sync_init(&s);
	abi_sync_init(&done);
	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		pid_t parent = getpid();

		if (!FORK()) {
			pid_t now;

			abi_await(&s);
			now = getppid();
			CHECK(now != parent);
			OK(write(p[1], &now, sizeof(now)));
			_exit(0);
		}
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	abi_post(&s);
	CHECK_EQ(read(p[0], &pid, sizeof(pid)), sizeof(pid));
	CHECK(pid >= 0);
}

ABI_TEST(hundred_children)
{
	pid_t pid[100];

	for (int i = 0; i < 100; i++) {
		pid[i] = FORK();
		if (!pid[i])
			_exit(i);
	}
	for (int i = 99; i >= 0; i--)
		CHECK_EXIT(pid[i], i);
	CHECK_ERR(wait(NULL), ECHILD);
}

ABI_TEST(vfork_shares_memory_and_suspends)
{
	static volatile int value;
	int fd[2];
	pid_t pid;
	char c;

	OK(pipe(fd));
	pid = vfork();
	if (!pid) {
		value = 42;
		_exit(write(fd[1], "v", 1) == 1 ? 7 : 8);
	}
	OK(pid);
	/* The child is over when vfork returns. */
	CHECK_EQ(value, 42);
	OK(fcntl(fd[0], F_SETFL, O_NONBLOCK));
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EXIT(pid, 7);
}

ABI_TEST(vfork_killed_child_releases_parent)
{
	pid_t pid = vfork();

	if (!pid) {
		syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
		_exit(0);
	}
	OK(pid);
	CHECK_KILLED(pid, SIGKILL);
}

ABI_TEST(child_streams_through_pipe)
{
	char *buf = malloc(300000);
	size_t got = 0;
	int p[2];
	pid_t pid;

	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		memset(buf, 'q', 300000);
		for (int i = 0; i < 300000;)
			i += OK(write(p[1], buf + i, 300000 - i));
		_exit(0);
	}
	close(p[1]);
	for (long n; (n = OK(read(p[0], buf, 5000))) > 0; got += n)
		CHECK(buf[0] == 'q' && buf[n - 1] == 'q');
	CHECK_EQ(got, 300000);
	CHECK_EXIT(pid, 0);
}
