/* SPDX-License-Identifier: MIT */
/*
 * clone, clone3 and unshare: what each flag shares, and which combinations are
 * refused. Threads are in thread.c.
 */
#define ABI_FAMILY "clone"
#include "abi.h"

#include <sched.h>

struct clone_args_v0 {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack,
		stack_size, tls;
};

static long raw_clone(unsigned long flags, void *stack, int *ptid, int *ctid)
{
	return syscall(SYS_clone, flags, stack, ptid, ctid, 0L);
}

static void nop(int sig)
{
	(void)sig;
}

ABI_TEST(as_fork)
{
	pid_t pid = OK(raw_clone(SIGCHLD, NULL, NULL, NULL));

	if (!pid)
		_exit(5);
	CHECK_EXIT(pid, 5);
}

ABI_TEST(settid)
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

ABI_TEST(files_shares_table)
{
	pid_t pid = OK(raw_clone(CLONE_FILES | SIGCHLD, NULL, NULL, NULL));

	if (!pid) {
		OK(dup2(OK(open("/dev/null", O_RDONLY)), 77));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(fcntl(77, F_GETFD));
}

ABI_TEST(fs_shares_cwd_and_umask)
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

ABI_TEST(vm_shares_memory)
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

ABI_TEST(vm_mappings_are_shared)
{
	char *stack = abi_map(64 << 10, RW, ANON);
	char *p = abi_map(2 * PAGE, RW, ANON);
	pid_t pid = OK(clone(vm_unmap, stack + (64 << 10), CLONE_VM | SIGCHLD, p));

	CHECK_EXIT(pid, 0);
	CHECK_EQ(abi_load(p), SIGSEGV);
	CHECK_EQ(abi_load(p + PAGE), 0);
}

ABI_TEST(parent)
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

ABI_TEST(exit_signal_zero)
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

ABI_TEST(other_exit_signal)
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

ABI_TEST(refused_combinations)
{
	CHECK_ERR(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_VM | CLONE_THREAD, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL),
		  EINVAL);
}

ABI_TEST(pidfd)
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
