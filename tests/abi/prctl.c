/* SPDX-License-Identifier: MIT */
/*
 * prctl and arch_prctl: name, parent-death signal, child subreaper, dumpable,
 * capability bounding set, no_new_privs, timer slack, fs base.
 */
#define ABI_FAMILY "prctl"
#include "abi.h"

#include <sched.h>
#include <sys/prctl.h>

ABI_TEST(name)
{
	char buf[17] = "";

	OK(prctl(PR_SET_NAME, "hyla"));
	OK(prctl(PR_GET_NAME, buf));
	CHECK_STR(buf, "hyla");
	OK(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
	memset(buf, 'x', sizeof(buf));
	OK(prctl(PR_GET_NAME, buf));
	CHECK_EQ(buf[15], 0);
	CHECK_STR(buf, "a-name-that-is-");
	CHECK_ERR(prctl(PR_SET_NAME, BAD_KERNEL), EFAULT);
}

ABI_TEST(name_in_proc)
{
	char buf[64];

	OK(prctl(PR_SET_NAME, "hyla (odd)"));
	OK(abi_read_file("/proc/self/comm", buf, sizeof(buf)));
	CHECK_STR(buf, "hyla (odd)\n");
}

ABI_TEST(pdeathsig)
{
	int sig = -1, p[2];
	struct abi_sync s;
	pid_t pid;
	char c;

	OK(prctl(PR_GET_PDEATHSIG, &sig));
	CHECK_EQ(sig, 0);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 100), EINVAL);
	abi_sync_init(&s);
	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		if (!FORK()) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			OK(sigprocmask(SIG_BLOCK, &set, NULL));
			OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			abi_post(&s);
			CHECK_EQ(OK(sigwaitinfo(&set, NULL)), SIGUSR1);
			OK(write(p[1], "d", 1));
			_exit(0);
		}
		abi_await(&s);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
}

ABI_TEST(pdeathsig_cleared_by_fork)
{
	pid_t pid;
	int sig;

	OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	pid = FORK();
	if (!pid) {
		OK(prctl(PR_GET_PDEATHSIG, &sig));
		_exit(sig);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(child_subreaper)
{
	struct abi_sync s;
	int status, on = 0;
	pid_t pid, p2;

	abi_sync_init(&s);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	OK(prctl(PR_GET_CHILD_SUBREAPER, &on));
	CHECK_EQ(on, 1);
	pid = FORK();
	if (!pid) {
		pid_t top = getppid();

		if (!FORK()) {
			abi_await(&s);
			_exit(getppid() == top ? 33 : 1);
		}
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	abi_post(&s);
	p2 = OK(wait(&status));
	CHECK(p2 != pid);
	CHECK_EQ(status, 33 << 8);
}

ABI_TEST(dumpable)
{
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	OK(prctl(PR_SET_DUMPABLE, 0));
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	OK(prctl(PR_SET_DUMPABLE, 1));
}

ABI_TEST(no_new_privs)
{
	pid_t pid = FORK();

	if (!pid) {
		CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
		CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
		OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
		pid = FORK();
		if (!pid)
			_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		CHECK_EXIT(pid, 1);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(bounding_set)
{
	CHECK_EQ(prctl(PR_CAPBSET_READ, 0) & ~1, 0);
	CHECK_ERR(prctl(PR_CAPBSET_READ, 63), EINVAL);
	if (geteuid() == 0) {
		OK(prctl(PR_CAPBSET_DROP, 12));
		CHECK_EQ(prctl(PR_CAPBSET_READ, 12), 0);
	} else {
		CHECK_ERR(prctl(PR_CAPBSET_DROP, 12), EPERM);
	}
}

ABI_TEST(unknown_option)
{
	CHECK_ERR(prctl(99999, 0, 0, 0, 0), EINVAL);
}

ABI_TEST(timerslack)
{
	long old = OK(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));

	CHECK(old > 0);
	OK(prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1000);
	OK(prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), old);
}

ABI_TEST(arch_fs_and_gs)
{
	unsigned long fs = 0, gs = 0, self;

	OK(syscall(SYS_arch_prctl, 0x1003, &fs));
	__asm__("mov %%fs:0, %0" : "=r"(self));
	CHECK(fs != 0);
	CHECK_EQ(self, fs);
	OK(syscall(SYS_arch_prctl, 0x1001, &self));
	__asm__("mov %%gs:0, %0" : "=r"(gs));
	CHECK_EQ(gs, fs);
	OK(syscall(SYS_arch_prctl, 0x1004, &gs));
	CHECK(gs == (unsigned long)&self);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x1002, 1UL << 63), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
}

ABI_TEST(gs_survives_switches_and_fork)
{
	unsigned long gs, value = 0x1122334455667788UL;
	pid_t pid;

	OK(syscall(SYS_arch_prctl, 0x1001, &value));
	for (int i = 0; i < 100; i++)
		sched_yield();
	pid = FORK();
	if (!pid) {
		__asm__("mov %%gs:0, %0" : "=r"(gs));
		_exit(gs == value ? 0 : 1);
	}
	CHECK_EXIT(pid, 0);
	__asm__("mov %%gs:0, %0" : "=r"(gs));
	CHECK_EQ(gs, value);
}
