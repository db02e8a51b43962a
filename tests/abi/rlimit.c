/* SPDX-License-Identifier: MIT */
/*
 * Resource limits with their effect: open files, file size, stack, processes,
 * CPU time, and the rules of setrlimit and prlimit64 themselves.
 */
#define ABI_FAMILY "rlimit"
#include "abi.h"

#include <sys/resource.h>

struct limit64 {
	uint64_t cur, max;
};

static void soft(int which, rlim_t value)
{
	struct rlimit rl;

	OK(getrlimit(which, &rl));
	rl.rlim_cur = value;
	OK(setrlimit(which, &rl));
}

ABI_TEST(get_all)
{
	struct rlimit rl;

	for (int i = 0; i < 16; i++) {
		OK(getrlimit(i, &rl));
		CHECK(rl.rlim_cur <= rl.rlim_max);
	}
	CHECK_ERR(syscall(SYS_getrlimit, 16, &rl), EINVAL);
	CHECK_ERR(syscall(SYS_getrlimit, -1, &rl), EINVAL);
	CHECK_ERR(syscall(SYS_getrlimit, 0, BAD_KERNEL), EFAULT);
}

ABI_TEST(set_rules)
{
	struct rlimit rl, got;

	OK(getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = rl.rlim_max + 1;
	CHECK_ERR(syscall(SYS_setrlimit, RLIMIT_NOFILE, &rl), EINVAL);
	rl.rlim_cur = 64;
	rl.rlim_max = 100;
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	OK(getrlimit(RLIMIT_NOFILE, &got));
	CHECK_EQ(got.rlim_cur, 64);
	CHECK_EQ(got.rlim_max, 100);
	rl.rlim_cur = 100;
	OK(setrlimit(RLIMIT_NOFILE, &rl));
}

static void cannot_raise(void)
{
	struct rlimit rl = { 50, 100 };

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_max = 101;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &rl), EPERM);
	rl.rlim_max = 99;
	OK(setrlimit(RLIMIT_NOFILE, &rl));
}

ABI_TEST(unprivileged_cannot_raise_hard)
{
	UNPRIVILEGED(cannot_raise);
}

ABI_TEST(prlimit64_old_and_new)
{
	struct limit64 old, new = { 77, 88 }, got;
	struct abi_sync s;
	pid_t pid;

	OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &new, &old));
	CHECK(old.cur != 77);
	OK(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, &got));
	CHECK_EQ(got.cur, 77);
	CHECK_EQ(got.max, 88);
	CHECK_ERR(syscall(SYS_prlimit64, 4000000, RLIMIT_NOFILE, NULL, &got), ESRCH);
	abi_sync_init(&s);
	pid = FORK();
	if (!pid) {
		abi_await(&s);
		_exit(0);
	}
	OK(syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, &got));
	CHECK_EQ(got.cur, 77);
	abi_post(&s);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(nofile_bites)
{
	int last = -1, fd, p[2];

	soft(RLIMIT_NOFILE, 32);
	while ((fd = dup(0)) >= 0)
		last = fd;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 31);
	CHECK_ERR(open("/dev/null", O_RDONLY), EMFILE);
	CHECK_ERR(pipe(p), EMFILE);
	CHECK_ERR(dup2(0, 32), EBADF);
	CHECK_ERR(fcntl(0, F_DUPFD, 32), EINVAL);
	CHECK_ERR(fcntl(0, F_DUPFD, 20), EMFILE);
	OK(close(20));
	CHECK_ERR(pipe(p), EMFILE);
	CHECK_EQ(OK(dup(0)), 20);
}

ABI_TEST(nofile_keeps_high_descriptors)
{
	OK(dup2(0, 60));
	soft(RLIMIT_NOFILE, 32);
	OK(fcntl(60, F_GETFD));
	OK(close(60));
	CHECK_ERR(dup2(0, 60), EBADF);
}

static volatile sig_atomic_t seen;

static void on_signal(int sig)
{
	seen = sig;
}

ABI_TEST(fsize_write)
{
	int fd = abi_temp_fd();
	char buf[100] = "";

	abi_handle(SIGXFSZ, on_signal, 0);
	soft(RLIMIT_FSIZE, 150);
	CHECK_EQ(write(fd, buf, 100), 100);
	CHECK_EQ(write(fd, buf, 100), 50);
	CHECK_EQ(seen, 0);
	CHECK_ERR(write(fd, buf, 1), EFBIG);
	CHECK_EQ(seen, SIGXFSZ);
	seen = 0;
	CHECK_ERR(ftruncate(fd, 151), EFBIG);
	CHECK_EQ(seen, SIGXFSZ);
	OK(ftruncate(fd, 150));
	CHECK_EQ(pwrite(fd, buf, 10, 20), 10);
}

ABI_TEST(fsize_kills_by_default)
{
	struct rlimit none = { 0, 0 };
	pid_t pid = FORK();

	if (!pid) {
		int fd = abi_temp_fd();

		signal(SIGXFSZ, SIG_DFL);
		OK(setrlimit(RLIMIT_CORE, &none));
		soft(RLIMIT_FSIZE, 0);
		OK(write(fd, "x", 1));
		_exit(0);
	}
	CHECK_KILLED(pid, SIGXFSZ);
}

ABI_TEST(fsize_ignored_signal)
{
	int fd = abi_temp_fd();

	signal(SIGXFSZ, SIG_IGN);
	soft(RLIMIT_FSIZE, 10);
	CHECK_ERR(pwrite(fd, "x", 1, 10), EFBIG);
	CHECK_EQ(pwrite(fd, "xx", 2, 9), 1);
}

ABI_HELPER(deep_stack)
{
	size_t want = strtoul(argv[1], NULL, 0);
	volatile char *p = __builtin_frame_address(0);

	for (size_t i = 0; i < want; i += 1024) {
		volatile char here[1024];

		here[0] = 1;
		(void)here[0];
		p = __builtin_alloca(1024);
		p[0] = 1;
	}
	return 0;
}

ABI_TEST(stack_limit_bites)
{
	struct rlimit none = { 0, 0 };
	pid_t pid;

	soft(RLIMIT_STACK, 2 << 20);
	pid = FORK();
	if (!pid)
		abi_exec_helper("deep_stack", "1000000", NULL);
	CHECK_EXIT(pid, 0);
	pid = FORK();
	if (!pid) {
		OK(setrlimit(RLIMIT_CORE, &none));
		abi_exec_helper("deep_stack", "3000000", NULL);
	}
	CHECK_KILLED(pid, SIGSEGV);
}

static void too_many(void)
{
	struct rlimit rl;
	int n = 0;

	/* This uid may have other processes; with a limit of 1 none may be added. */
	OK(getrlimit(RLIMIT_NPROC, &rl));
	rl.rlim_cur = 1;
	OK(setrlimit(RLIMIT_NPROC, &rl));
	for (; n < 3; n++) {
		pid_t pid = fork();

		if (pid < 0) {
			CHECK_EQ(errno, EAGAIN);
			return;
		}
		if (!pid)
			pause();
	}
	FAIL("RLIMIT_NPROC has no effect");
}

ABI_TEST(nproc_bites)
{
	UNPRIVILEGED(too_many);
}

ABI_TEST(cpu_time_signal)
{
	pid_t pid = FORK();
	struct rlimit none = { 0, 0 };

	if (!pid) {
		OK(setrlimit(RLIMIT_CORE, &none));
		signal(SIGXCPU, SIG_DFL);
		soft(RLIMIT_CPU, 1);
		for (;;)
			;
	}
	CHECK_KILLED(pid, SIGXCPU);
}

ABI_TEST(cpu_time_hard_kills)
{
	pid_t pid = FORK();

	if (!pid) {
		struct rlimit rl = { 1, 1 };

		signal(SIGXCPU, SIG_IGN);
		OK(setrlimit(RLIMIT_CPU, &rl));
		for (;;)
			;
	}
	CHECK_KILLED(pid, SIGKILL);
}

ABI_TEST(inherited_and_kept_by_exec)
{
	char out[64];
	int p[2];
	pid_t pid;

	OK(pipe(p));
	soft(RLIMIT_NOFILE, 55);
	pid = FORK();
	if (!pid) {
		OK(dup2(p[1], 1));
		abi_exec_helper("nofile_limit", NULL, NULL);
	}
	CHECK_EXIT(pid, 0);
	out[OK(read(p[0], out, sizeof(out) - 1))] = 0;
	CHECK_STR(out, "55\n");
}

ABI_HELPER(nofile_limit)
{
	struct rlimit rl;

	getrlimit(RLIMIT_NOFILE, &rl);
	printf("%d\n", (int)rl.rlim_cur);
	return 0;
}

ABI_TEST(priority)
{
	errno = 0;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), syscall(SYS_getpriority, 0, 0) * -1 + 20);
	OK(setpriority(PRIO_PROCESS, 0, 19));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	OK(setpriority(PRIO_PROCESS, 0, 100));
	CHECK_EQ(getpriority(PRIO_PROCESS, getpid()), 19);
	CHECK_ERR(setpriority(9, 0, 0), EINVAL);
	CHECK_ERR(getpriority(PRIO_PROCESS, 4000000), ESRCH);
}
