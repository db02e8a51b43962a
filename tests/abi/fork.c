/* SPDX-License-Identifier: MIT */
/*
 * fork, vfork, clone and clone3: what the child shares, copies and resets, and
 * which flag combinations are refused.
 */
#define ABI_FAMILY "fork"
#include "abi.h"

#include <sched.h>
#include <sys/time.h>

struct clone_args_v0 {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack,
		stack_size, tls;
};

static long raw_clone(unsigned long flags, void *stack, int *ptid, int *ctid)
{
	return syscall(SYS_clone, flags, stack, ptid, ctid, 0L);
}

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

ABI_TEST(clone_as_fork)
{
	pid_t pid = OK(raw_clone(SIGCHLD, NULL, NULL, NULL));

	if (!pid)
		_exit(5);
	CHECK_EXIT(pid, 5);
}

ABI_TEST(clone_settid)
{
	int *shared = abi_map(PAGE, RW, SHARED);
	int ptid = 0, ctid = 0;
	pid_t pid = OK(raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD,
				 NULL, &ptid, &ctid));

	if (!pid) {
		shared[0] = ctid == syscall(SYS_getpid);
		_exit(0);
	}
	CHECK_EQ(ptid, pid);
	CHECK_EQ(ctid, 0);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(shared[0], 1);
}

ABI_TEST(clone_files_shares_table)
{
	pid_t pid = OK(raw_clone(CLONE_FILES | SIGCHLD, NULL, NULL, NULL));

	if (!pid) {
		OK(dup2(OK(open("/dev/null", O_RDONLY)), 77));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(fcntl(77, F_GETFD));
}

ABI_TEST(clone_fs_shares_cwd_and_umask)
{
	char a[PATH_MAX];
	pid_t pid;

	OK(mkdir("d", 0755));
	pid = OK(raw_clone(CLONE_FS | SIGCHLD, NULL, NULL, NULL));
	if (!pid) {
		OK(chdir("d"));
		umask(0123);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK(getcwd(a, sizeof(a)) != NULL);
	CHECK_STR(a + strlen(a) - 2, "/d");
	CHECK_EQ(umask(022), 0123);
}

static int vm_child(void *arg)
{
	*(volatile int *)arg = 99;
	return 3;
}

ABI_TEST(clone_vm_shares_memory)
{
	static volatile int value;
	char *stack = abi_map(64 << 10, RW, ANON);
	pid_t pid = OK(clone(vm_child, stack + (64 << 10), CLONE_VM | SIGCHLD,
			     (void *)&value));

	CHECK_EXIT(pid, 3);
	CHECK_EQ(value, 99);
}

static int vm_unmap(void *arg)
{
	return munmap(arg, PAGE) ? 1 : 0;
}

ABI_TEST(clone_vm_mappings_are_shared)
{
	char *stack = abi_map(64 << 10, RW, ANON);
	char *p = abi_map(2 * PAGE, RW, ANON);
	pid_t pid = OK(clone(vm_unmap, stack + (64 << 10), CLONE_VM | SIGCHLD, p));

	CHECK_EXIT(pid, 0);
	CHECK_EQ(abi_load(p), SIGSEGV);
	CHECK_EQ(abi_load(p + PAGE), 0);
}

ABI_TEST(clone_parent)
{
	int status;
	pid_t pid = FORK();

	if (!pid) {
		if (!OK(raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL, NULL)))
			_exit(6);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK(OK(wait(&status)) != pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
}

ABI_TEST(clone_exit_signal_zero)
{
	sigset_t set, got;
	pid_t pid;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	pid = OK(raw_clone(0, NULL, NULL, NULL));
	if (!pid)
		_exit(4);
	CHECK_ERR(waitpid(pid, &status, WNOHANG), ECHILD);
	CHECK_EQ(OK(waitpid(pid, &status, __WCLONE)), pid);
	CHECK_EQ(WEXITSTATUS(status), 4);
	OK(sigpending(&got));
	CHECK(!sigismember(&got, SIGCHLD));
}

ABI_TEST(clone_other_exit_signal)
{
	sigset_t set, got;
	int status;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	pid = OK(raw_clone(SIGUSR1, NULL, NULL, NULL));
	if (!pid)
		_exit(4);
	CHECK_EQ(OK(waitpid(pid, &status, __WALL)), pid);
	OK(sigpending(&got));
	CHECK(sigismember(&got, SIGUSR1));
}

ABI_TEST(clone_refused_combinations)
{
	CHECK_ERR(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_VM | CLONE_THREAD, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL),
		  EINVAL);
}

ABI_TEST(clone_pidfd)
{
	int pidfd = -1;
	siginfo_t si;
	pid_t pid;

	pid = raw_clone(CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL);
	if (pid < 0 && errno == EINVAL)
		SKIP("no CLONE_PIDFD");
	OK(pid);
	if (!pid)
		_exit(3);
	CHECK(pidfd >= 0);
	CHECK_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	OK(waitid((idtype_t)P_PIDFD, pidfd, &si, WEXITED));
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 3);
}

static long sys_clone3(struct clone_args_v0 *a, size_t size)
{
	return syscall(SYS_clone3, a, size);
}

ABI_TEST(clone3_as_fork)
{
	struct clone_args_v0 a = { .exit_signal = SIGCHLD };
	pid_t pid = sys_clone3(&a, sizeof(a));

	if (pid < 0 && errno == ENOSYS)
		SKIP("no clone3");
	OK(pid);
	if (!pid)
		_exit(9);
	CHECK_EXIT(pid, 9);
}

ABI_TEST(clone3_errors)
{
	struct { struct clone_args_v0 a; uint64_t more[8]; } big = {
		.a.exit_signal = SIGCHLD,
		.more[7] = 1,
	};
	struct clone_args_v0 a = { .exit_signal = SIGCHLD };

	if (sys_clone3(&a, 0) < 0 && errno == ENOSYS)
		SKIP("no clone3");
	CHECK_ERR(sys_clone3(&a, 8), EINVAL);
	CHECK_ERR(sys_clone3(&a, 1 << 20), E2BIG);
	CHECK_ERR(sys_clone3(&big.a, sizeof(big)), E2BIG);
	CHECK_ERR(sys_clone3(BAD_UNMAPPED, sizeof(a)), EFAULT);
	a.exit_signal = 200;
	CHECK_ERR(sys_clone3(&a, sizeof(a)), EINVAL);
	a.exit_signal = SIGCHLD;
	a.flags = SIGCHLD;
	CHECK_ERR(sys_clone3(&a, sizeof(a)), EINVAL);
	a.flags = 0;
	a.stack_size = PAGE;
	CHECK_ERR(sys_clone3(&a, sizeof(a)), EINVAL);
}

ABI_TEST(clone3_clear_sighand)
{
	struct clone_args_v0 a = {
		.flags = 0x100000000ULL,	/* CLONE_CLEAR_SIGHAND */
		.exit_signal = SIGCHLD,
	};
	struct sigaction sa;
	pid_t pid;

	abi_handle(SIGUSR1, nop, 0);
	signal(SIGUSR2, SIG_IGN);
	pid = sys_clone3(&a, sizeof(a));
	if (pid < 0 && errno == ENOSYS)
		SKIP("no clone3");
	OK(pid);
	if (!pid) {
		OK(sigaction(SIGUSR1, NULL, &sa));
		CHECK(sa.sa_handler == SIG_DFL);
		OK(sigaction(SIGUSR2, NULL, &sa));
		CHECK(sa.sa_handler == SIG_IGN);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(unshare_files_and_fs)
{
	pid_t pid = OK(raw_clone(CLONE_FILES | CLONE_FS | SIGCHLD, NULL, NULL, NULL));

	if (!pid) {
		OK(unshare(CLONE_FILES | CLONE_FS));
		umask(0111);
		OK(dup2(0, 78));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_ERR(fcntl(78, F_GETFD), EBADF);
	CHECK_EQ(umask(022), 022);
	CHECK_ERR(unshare(0x1), EINVAL);
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
