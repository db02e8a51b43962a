/* SPDX-License-Identifier: MIT */
/*
 * Small calls about the system and the caller: uname, sysinfo, getrusage,
 * getrandom, the scheduler's interface, personality, hostname, membarrier.
 */
#define ABI_FAMILY "system"
#include "abi.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

ABI_TEST(uname)
{
	struct utsname u;
	int major = 0;

	OK(uname(&u));
	CHECK_STR(u.sysname, "Linux");
	CHECK_STR(u.machine, "x86_64");
	CHECK_EQ(sscanf(u.release, "%d.", &major), 1);
	CHECK(major >= 3);
	CHECK(u.nodename[0] && u.version[0]);
	CHECK_ERR(syscall(SYS_uname, BAD_KERNEL), EFAULT);
}

ABI_TEST(sysinfo)
{
	struct sysinfo si;

	OK(sysinfo(&si));
	CHECK(si.totalram > 0 && si.freeram <= si.totalram);
	CHECK(si.mem_unit >= 1);
	CHECK(si.procs >= 1);
	CHECK_ERR(syscall(SYS_sysinfo, BAD_KERNEL), EFAULT);
}

ABI_TEST(getrusage)
{
	struct rusage ru;
	volatile unsigned x = 0;
	long long t = abi_now_ns();

	while (abi_now_ns() - t < 30000000)
		x++;
	OK(getrusage(RUSAGE_SELF, &ru));
	CHECK(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + ru.ru_utime.tv_usec +
	      ru.ru_stime.tv_usec > 0);
	CHECK(ru.ru_minflt >= 0);
	OK(getrusage(RUSAGE_CHILDREN, &ru));
	CHECK_EQ(ru.ru_utime.tv_sec, 0);
	OK(getrusage(1, &ru));	/* RUSAGE_THREAD */
	CHECK_ERR(syscall(SYS_getrusage, 99, &ru), EINVAL);
	CHECK_ERR(syscall(SYS_getrusage, 0, BAD_KERNEL), EFAULT);
}

ABI_TEST(getrandom)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	int sum = 0;

	CHECK_EQ(syscall(SYS_getrandom, a, 64, 0), 64);
	CHECK_EQ(syscall(SYS_getrandom, b, 64, 1), 64);
	CHECK(memcmp(a, b, 64) != 0);
	for (int i = 0; i < 64; i++)
		sum |= a[i];
	CHECK(sum != 0);
	CHECK_EQ(syscall(SYS_getrandom, a, 0, 0), 0);
	CHECK_EQ(syscall(SYS_getrandom, a, 64, 4), 64);
	CHECK_ERR(syscall(SYS_getrandom, a, 64, 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, a, 64, 2 | 4), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, BAD_KERNEL, 64, 0), EFAULT);
}

ABI_TEST(getrandom_large)
{
	size_t size = 300000;
	unsigned char *p = calloc(1, size);
	int zeros = 0;

	CHECK_EQ(syscall(SYS_getrandom, p, size, 0), (long)size);
	for (size_t i = 0; i < size; i++)
		zeros += p[i] == 0;
	CHECK(zeros > 500 && zeros < 3000);
}

ABI_TEST(affinity)
{
	unsigned long mask[16] = { 0 };
	long n = OK(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask));
	unsigned cpu = 99, node = 99;

	CHECK(n >= 8 && n % 8 == 0);
	CHECK(mask[0] != 0 || mask[1] != 0);
	OK(syscall(SYS_sched_setaffinity, 0, n, mask));
	OK(syscall(SYS_getcpu, &cpu, &node, NULL));
	CHECK(mask[cpu / 64] >> (cpu % 64) & 1);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 1, mask), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 4000000, sizeof(mask), mask), ESRCH);
	memset(mask, 0, sizeof(mask));
	CHECK_ERR(syscall(SYS_sched_setaffinity, 0, n, mask), EINVAL);
}

ABI_TEST(scheduler_policy)
{
	struct sched_param sp = { 0 };
	struct timespec ts;

	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	OK(syscall(SYS_sched_getparam, 0, &sp));
	CHECK_EQ(sp.sched_priority, 0);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_ERR(sched_get_priority_max(77), EINVAL);
	OK(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &sp));
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
	sp.sched_priority = 5;
	CHECK_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &sp), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getscheduler, 4000000), ESRCH);
	OK(syscall(SYS_sched_rr_get_interval, 0, &ts));
	OK(sched_yield());
}

ABI_TEST(personality)
{
	long old = OK(syscall(SYS_personality, 0xffffffff));

	CHECK_EQ(syscall(SYS_personality, old | 0x0040000), old);
	CHECK_EQ(syscall(SYS_personality, 0xffffffff), old | 0x0040000);
}

static void no_hostname(void)
{
	CHECK_ERR(sethostname("x", 1), EPERM);
	CHECK_ERR(setdomainname("x", 1), EPERM);
	CHECK_ERR(syscall(SYS_chroot, "."), EPERM);
	CHECK_ERR(syscall(SYS_mount, "none", ".", "tmpfs", 0, NULL), EPERM);
	CHECK_ERR(syscall(SYS_umount2, "/", 0), EPERM);
	CHECK_ERR(syscall(SYS_settimeofday, &(struct { long a, b; }){ 1, 1 }, NULL),
		  EPERM);
}

ABI_TEST(privileged_calls_refused)
{
	UNPRIVILEGED(no_hostname);
}

ABI_TEST(chroot)
{
	struct stat a, b;
	pid_t pid;

	abi_need_root();
	OK(mkdir("r", 0755));
	OK(mkdir("r/in", 0755));
	OK(stat("r", &a));
	pid = FORK();
	if (!pid) {
		OK(chroot("r"));
		OK(chdir("/"));
		OK(stat("/in", &b));
		OK(stat("/../..", &b));
		CHECK_EQ(a.st_ino, b.st_ino);
		CHECK_ERR(stat("/proc", &b), ENOENT);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(stat("/", &b));
	CHECK(a.st_ino != b.st_ino || a.st_dev != b.st_dev);
}

ABI_TEST(membarrier)
{
	long r = syscall(SYS_membarrier, 0, 0, 0);

	if (r < 0 && errno == ENOSYS)
		SKIP("no membarrier");
	CHECK(OK(r) & 1);
	CHECK_ERR(syscall(SYS_membarrier, 1 << 20, 0, 0), EINVAL);
}

ABI_TEST(pids_and_uids_are_plain)
{
	CHECK(getpid() > 0);
	CHECK_EQ(syscall(SYS_gettid), getpid());
	CHECK(getppid() >= 0);
	CHECK_EQ(getuid(), syscall(SYS_getuid));
}

ABI_TEST(rseq_registration)
{
	long r = syscall(SYS_rseq, NULL, 0, 0, 0);

	/* glibc may have registered already; garbage is refused anyway. */
	CHECK_ERR(r, errno == ENOSYS ? ENOSYS : EINVAL);
}

ABI_TEST(sched_yield_is_fair_enough)
{
	volatile int *p = abi_map(PAGE, RW, SHARED);
	pid_t pid = FORK();

	if (!pid) {
		for (int i = 0; i < 100; i++) {
			while (*p != 2 * i + 1)
				sched_yield();
			*p = 2 * i + 2;
		}
		_exit(0);
	}
	for (int i = 0; i < 100; i++) {
		*p = 2 * i + 1;
		while (*p != 2 * i + 2)
			sched_yield();
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(busy_processes_share_the_cpu)
{
	volatile long *n = abi_map(PAGE, RW, SHARED);
	pid_t pid[4];

	/* No yields at all: needs preemption. */
	for (int i = 0; i < 4; i++) {
		pid[i] = FORK();
		if (!pid[i]) {
			for (;;)
				n[i]++;
		}
	}
	for (int i = 0; i < 4; i++) {
		while (n[i] < 1000)
			;
	}
	for (int i = 0; i < 4; i++) {
		OK(kill(pid[i], SIGKILL));
		CHECK_KILLED(pid[i], SIGKILL);
	}
}
