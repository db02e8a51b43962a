/* SPDX-License-Identifier: MIT */
/*
 * /proc of the process itself and the few system files that programs parse.
 */
#define ABI_FAMILY "proc"
#include "abi.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

static char buf[65536];

static char *slurp(const char *path)
{
	CHECK(OK(abi_read_file(path, buf, sizeof(buf))) > 0);
	return buf;
}

/* The value behind "KEY:" at the start of a line, or NULL. */
static const char *field(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, len) && p[len] == ':')
			return p + len + 1;
	}
	return NULL;
}

static long long number(const char *text, const char *key)
{
	const char *p = field(text, key);

	if (!p)
		FAIL("no field %s", key);
	return strtoll(p, NULL, 0);
}

/* The protection of an address as /proc/self/maps shows it. */
static const char *protection(const void *addr, unsigned long *lo, unsigned long *hi)
{
	static char perm[5];
	FILE *f = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 128];

	CHECK(f != NULL);
	perm[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b;
		char pr[5];

		CHECK_EQ(sscanf(line, "%lx-%lx %4s", &a, &b, pr), 3);
		if ((uintptr_t)addr >= a && (uintptr_t)addr < b) {
			strcpy(perm, pr);
			*lo = a;
			*hi = b;
		}
	}
	fclose(f);
	return perm;
}

ABI_TEST(maps_protections)
{
	unsigned long lo, hi;
	char *p = abi_map(5 * PAGE, PROT_NONE, ANON);

	OK(mprotect(p + PAGE, PAGE, RW));
	OK(mprotect(p + 3 * PAGE, PAGE, PROT_READ | PROT_EXEC));
	CHECK_STR(protection(p + PAGE, &lo, &hi), "rw-p");
	CHECK(lo == (uintptr_t)p + PAGE && hi == lo + PAGE);
	CHECK_STR(protection(p + 2 * PAGE, &lo, &hi), "---p");
	CHECK_STR(protection(p + 3 * PAGE, &lo, &hi), "r-xp");
	OK(mprotect(p, 5 * PAGE, PROT_READ));
	CHECK_STR(protection(p + 2 * PAGE, &lo, &hi), "r--p");
	CHECK(lo <= (uintptr_t)p && hi >= (uintptr_t)p + 5 * PAGE);
	OK(munmap(p, 5 * PAGE));
	CHECK_STR(protection(p, &lo, &hi), "");
}

ABI_TEST(maps_of_file)
{
	int fd = abi_write_file("mapped-file", "x", 1);
	char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), *line;
	unsigned long off, ino;
	unsigned maj, min;
	struct stat st;
	char want[64], pr[5];

	OK((long)p);
	OK(fstat(fd, &st));
	slurp("/proc/self/maps");
	snprintf(want, sizeof(want), "%lx-%lx ", (long)p, (long)p + PAGE);
	line = strstr(buf, want);
	CHECK(line != NULL);
	*strchr(line, '\n') = 0;
	CHECK_EQ(sscanf(line, "%*x-%*x %4s %lx %x:%x %lu", pr, &off, &maj, &min, &ino),
		 5);
	CHECK_STR(pr, "rw-s");
	CHECK_EQ(ino, st.st_ino);
	CHECK(strstr(line, "/mapped-file"));
}

ABI_TEST(maps_names_stack_and_heap)
{
	char *line;
	unsigned long a, b;

	OK(syscall(SYS_brk, syscall(SYS_brk, 0) + PAGE));
	slurp("/proc/self/maps");
	line = strstr(buf, "[stack]");
	CHECK(line != NULL && strstr(buf, "[heap]") != NULL);
	while (line > buf && line[-1] != '\n')
		line--;
	CHECK_EQ(sscanf(line, "%lx-%lx", &a, &b), 2);
	CHECK((uintptr_t)&line >= a && (uintptr_t)&line < b);
}

ABI_TEST(status)
{
	char want[64];

	prctl(PR_SET_NAME, "stat-test");
	slurp("/proc/self/status");
	CHECK(!strncmp(buf, "Name:\tstat-test\n", 16));
	CHECK_EQ(number(buf, "Pid"), getpid());
	CHECK_EQ(number(buf, "Tgid"), getpid());
	CHECK_EQ(number(buf, "PPid"), getppid());
	CHECK_EQ(number(buf, "Threads"), 1);
	snprintf(want, sizeof(want), "\nUid:\t%d\t%d\t%d\t%d\n", getuid(), geteuid(),
		 geteuid(), geteuid());
	CHECK(strstr(buf, want));
	CHECK(number(buf, "VmSize") > 0 && number(buf, "VmRSS") > 0);
	CHECK(strstr(buf, "State:\tR (running)"));
	CHECK(field(buf, "SigBlk") && field(buf, "SigCgt") && field(buf, "CapEff"));
}

ABI_TEST(status_signal_masks)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_SETMASK, &set, NULL));
	signal(SIGUSR2, SIG_IGN);
	OK(raise(SIGUSR1));
	slurp("/proc/self/status");
	CHECK_EQ(strtoull(field(buf, "SigBlk"), NULL, 16), 1UL << (SIGUSR1 - 1));
	CHECK(strtoull(field(buf, "SigIgn"), NULL, 16) & 1UL << (SIGUSR2 - 1));
	CHECK((strtoull(field(buf, "SigPnd"), NULL, 16) |
	       strtoull(field(buf, "ShdPnd"), NULL, 16)) & 1UL << (SIGUSR1 - 1));
}

ABI_TEST(stat)
{
	int pid, ppid, pgrp, sid, n;
	char state, *p;

	prctl(PR_SET_NAME, "a) b (c");
	slurp("/proc/self/stat");
	p = strrchr(buf, ')');
	CHECK(p != NULL);
	CHECK_EQ(sscanf(buf, "%d (a) b (c) ", &pid), 1);
	CHECK_EQ(pid, getpid());
	CHECK_EQ(sscanf(p + 2, "%c %d %d %d", &state, &ppid, &pgrp, &sid), 4);
	CHECK_EQ(state, 'R');
	CHECK_EQ(ppid, getppid());
	CHECK_EQ(pgrp, getpgrp());
	CHECK_EQ(sid, getsid(0));
	/* 52 fields in all. */
	n = 2;
	for (p++; *p; p++)
		n += *p == ' ';
	CHECK_EQ(n, 52);
}

ABI_TEST(exe_cwd_root)
{
	char a[PATH_MAX], b[PATH_MAX];
	long n = OK(readlink("/proc/self/exe", a, sizeof(a) - 1));
	struct stat st, st2;

	a[n] = 0;
	CHECK_STR(a, abi_self());
	n = OK(readlink("/proc/self/cwd", a, sizeof(a) - 1));
	a[n] = 0;
	CHECK(getcwd(b, sizeof(b)) != NULL);
	CHECK_STR(a, b);
	OK(stat("/proc/self/exe", &st));
	OK(stat(abi_self(), &st2));
	CHECK_EQ(st.st_ino, st2.st_ino);
	n = OK(readlink("/proc/self/root", a, sizeof(a) - 1));
	CHECK(n == 1 && a[0] == '/');
}

ABI_TEST(self_is_a_symlink)
{
	char a[32], want[32];
	long n = OK(readlink("/proc/self", a, sizeof(a) - 1));

	a[n] = 0;
	snprintf(want, sizeof(want), "%d", getpid());
	CHECK_STR(a, want);
	n = OK(readlink("/proc/thread-self", a, sizeof(a) - 1));
	a[n] = 0;
	snprintf(want, sizeof(want), "%d/task/%d", getpid(), getpid());
	CHECK_STR(a, want);
}

ABI_TEST(fd_directory)
{
	int seen = 0, fd = OK(open("/dev/null", O_RDONLY));
	char name[64], target[64];
	struct dirent *d;
	DIR *dir = opendir("/proc/self/fd");
	long n;

	CHECK(dir != NULL);
	while ((d = readdir(dir))) {
		if (d->d_name[0] != '.')
			seen |= atoi(d->d_name) == fd;
	}
	closedir(dir);
	CHECK(seen);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = OK(readlink(name, target, sizeof(target) - 1));
	target[n] = 0;
	CHECK_STR(target, "/dev/null");
	close(fd);
	CHECK_ERR(readlink(name, target, 64), ENOENT);
}

ABI_TEST(fdinfo)
{
	char name[64];
	int fd = abi_write_file("f", "hello", 5);

	OK(lseek(fd, 3, SEEK_SET));
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	slurp(name);
	CHECK_EQ(number(buf, "pos"), 3);
	CHECK(field(buf, "flags") != NULL);
}

ABI_TEST(cmdline_and_environ)
{
	int in[2], out[2];
	char path[64], got[256];
	pid_t pid;
	long n;

	OK(pipe(in));
	OK(pipe(out));
	pid = FORK();
	if (!pid) {
		char *argv[] = { "my prog", "--helper", "wait_stdin", "", "z", NULL };
		char *envp[] = { "ONE=1", "TWO=2", NULL };

		dup2(in[0], 0);
		dup2(out[1], 1);
		execve(abi_self(), argv, envp);
		_exit(1);
	}
	CHECK_EQ(OK(read(out[0], got, 1)), 1);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	n = OK(abi_read_file(path, got, sizeof(got)));
	CHECK_EQ(n, 31);
	CHECK(!memcmp(got, "my prog\0--helper\0wait_stdin\0\0z\0", 31));
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	n = OK(abi_read_file(path, got, sizeof(got)));
	CHECK_EQ(n, 12);
	CHECK(!memcmp(got, "ONE=1\0TWO=2\0", 12));
	OK(write(in[1], "x", 1));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(auxv)
{
	unsigned long *v = (void *)buf;
	long n;

	n = OK(abi_read_file("/proc/self/auxv", buf, sizeof(buf)));
	CHECK(n >= 64 && n % 16 == 0);
	for (long i = 0; i < n / 8; i += 2) {
		if (v[i] == 6)		/* AT_PAGESZ */
			CHECK_EQ(v[i + 1], PAGE);
	}
	CHECK_EQ(v[n / 8 - 2], 0);
}

ABI_TEST(mountinfo)
{
	int id, parent, n = 0, root = 0;
	unsigned maj, min;
	char mp[PATH_MAX], *line;

	slurp("/proc/self/mountinfo");
	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n"), n++) {
		CHECK_EQ(sscanf(line, "%d %d %u:%u %*s %s", &id, &parent, &maj, &min,
				mp), 5);
		CHECK(strstr(line, " - ") != NULL);
		root |= !strcmp(mp, "/");
	}
	if (!root)
		SKIP("the root is no mount (a chroot)");
	CHECK(n >= 1);
	slurp("/proc/self/mounts");
	CHECK(strchr(buf, '\n') != NULL);
}

ABI_TEST(task_directory)
{
	char want[32];
	struct dirent *d;
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	CHECK(dir != NULL);
	snprintf(want, sizeof(want), "%d", getpid());
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		CHECK_STR(d->d_name, want);
		n++;
	}
	CHECK_EQ(n, 1);
}

ABI_TEST(statm)
{
	long size, rss;

	CHECK_EQ(sscanf(slurp("/proc/self/statm"), "%ld %ld", &size, &rss), 2);
	CHECK(size > 0 && rss > 0 && rss <= size);
}

ABI_TEST(zombie)
{
	char path[64];
	siginfo_t si;
	pid_t pid = FORK();

	if (!pid)
		_exit(0);
	OK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	slurp(path);
	CHECK(strstr(buf, "State:\tZ (zombie)"));
	CHECK_EXIT(pid, 0);
	CHECK_ERR(open(path, O_RDONLY), ENOENT);
}

ABI_TEST(meminfo)
{
	slurp("/proc/meminfo");
	CHECK(number(buf, "MemTotal") > 0);
	CHECK(number(buf, "MemFree") <= number(buf, "MemTotal"));
	CHECK(number(buf, "MemAvailable") <= number(buf, "MemTotal"));
	CHECK(field(buf, "Cached") && field(buf, "SwapTotal") && field(buf, "Buffers"));
	CHECK(strstr(buf, " kB\n"));
}

/* What lies in a memfd is shared memory. */
ABI_TEST(meminfo_shared_memory)
{
	static char data[16 << 20];
	struct sysinfo before, after;
	int fd = OK(memfd_create("shared", 0));
	long shmem;

	slurp("/proc/meminfo");
	shmem = number(buf, "Shmem");
	OK(sysinfo(&before));
	memset(data, 1, sizeof(data));
	CHECK_EQ(write(fd, data, sizeof(data)), (long)sizeof(data));
	slurp("/proc/meminfo");
	OK(sysinfo(&after));
	CHECK(number(buf, "Shmem") - shmem >= 8 << 10);	/* others may have freed some */
	CHECK((after.sharedram - before.sharedram) * after.mem_unit >= 8 << 20);
	close(fd);
}

ABI_TEST(system_stat)
{
	unsigned long u, n, s, i;

	slurp("/proc/stat");
	CHECK_EQ(sscanf(buf, "cpu %lu %lu %lu %lu", &u, &n, &s, &i), 4);
	CHECK(strstr(buf, "\ncpu0 "));
	CHECK(strstr(buf, "\nctxt ") && strstr(buf, "\nbtime ") &&
	      strstr(buf, "\nprocesses "));
}

ABI_TEST(uptime_loadavg_version)
{
	double up, idle, l1, l2, l3;
	int a, b, c;

	CHECK_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle), 2);
	CHECK(up >= 0);
	CHECK_EQ(sscanf(slurp("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &l1, &l2, &l3,
			&a, &b, &c), 6);
	CHECK(!strncmp(slurp("/proc/version"), "Linux version ", 14));
	CHECK(strstr(slurp("/proc/filesystems"), "nodev\tproc"));
	CHECK(strstr(slurp("/proc/cpuinfo"), "processor\t: 0"));
}

ABI_TEST(sysctl_values)
{
	CHECK(atol(slurp("/proc/sys/kernel/pid_max")) > 100);
	CHECK(strchr(slurp("/proc/sys/kernel/ostype"), '\n'));
	CHECK_STR(buf, "Linux\n");
	CHECK(slurp("/proc/sys/vm/overcommit_memory")[1] == '\n');
	CHECK_EQ(atol(slurp("/proc/sys/kernel/ngroups_max")), 65536);
	CHECK(atol(slurp("/proc/sys/kernel/cap_last_cap")) >= 35);
}

ABI_TEST(numeric_entries)
{
	struct dirent *d;
	DIR *dir = opendir("/proc");
	int self = 0;

	CHECK(dir != NULL);
	while ((d = readdir(dir)))
		self += atoi(d->d_name) == getpid();
	CHECK_EQ(self, 1);
	CHECK_ERR(open("/proc/4000000/stat", O_RDONLY), ENOENT);
	CHECK_ERR(open("/proc/0", O_RDONLY), ENOENT);
	CHECK_ERR(open("/proc/no-such-file", O_RDONLY), ENOENT);
}

ABI_TEST(mem)
{
	int fd = OK(open("/proc/self/mem", O_RDWR)), value = 5, got = 0;

	CHECK_EQ(pread(fd, &got, 4, (off_t)(uintptr_t)&value), 4);
	CHECK_EQ(got, 5);
	got = 9;
	CHECK_EQ(pwrite(fd, &got, 4, (off_t)(uintptr_t)&value), 4);
	CHECK_EQ(value, 9);
	CHECK_ERR(pread(fd, &got, 4, 16), EIO);
}
