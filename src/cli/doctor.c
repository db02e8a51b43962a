/* SPDX-License-Identifier: MIT */
/*
 * `hyla doctor`: tries what a guest needs of this host, one line per finding,
 * and says what to do where it is refused. Exit code 0 if guests can run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "hal/hosted/machine.h"
#include "hal/hosted/pku.h"

enum verdict { GOOD, NOTE, BAD };

static int worst;

static void say(enum verdict v, const char *what, const char *finding, const char *mend)
{
	static const char *const words[] = { "ok", "note", "FAIL" };
	static const char *const colours[] = { "\033[32m", "\033[33m", "\033[31m" };
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	printf("%s%-4s%s  %-22s %s\n", colour ? colours[v] : "", words[v], colour ? "\033[0m" : "",
	       what, finding);
	if (mend && v != GOOD)
		printf("      %-22s -> %s\n", "", mend);
	if (v > (enum verdict)worst)
		worst = v;
}

static long read_number(const char *path, long otherwise)
{
	FILE *f = fopen(path, "re");
	long value = otherwise;

	if (f) {
		if (fscanf(f, "%ld", &value) != 1)
			value = otherwise;
		fclose(f);
	}
	return value;
}

static void check_host(void)
{
	struct utsname u;
	char text[256];

	uname(&u);
	snprintf(text, sizeof(text), "%s %s %s, user %u", u.sysname, u.release, u.machine,
		 getuid());
	say(GOOD, "host", text, NULL);
}

static void check_ptrace(void)
{
	long scope = read_number("/proc/sys/kernel/yama/ptrace_scope", 0);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		syscall(SYS_getppid);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (pid > 0 && WIFSTOPPED(status) &&
	    !ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)) &&
	    !ptrace((enum __ptrace_request)31 /* SYSEMU */, pid, NULL, NULL) &&
	    waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	    WSTOPSIG(status) == (SIGTRAP | 0x80))
		say(GOOD, "ptrace", "children can be traced, system calls emulated", NULL);
	else if (scope == 3)
		say(NOTE, "ptrace", "switched off (kernel.yama.ptrace_scope = 3)",
		    "only --engine ptrace needs it: a reboot with kernel.yama.ptrace_scope=1 in /etc/sysctl.d");
	else
		say(NOTE, "ptrace", "not allowed here",
		    "only --engine ptrace needs it: in a container, --cap-add=SYS_PTRACE");
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
}

static void check_seccomp(void)
{
	u32 action = SECCOMP_RET_TRAP;

	if (prctl(PR_GET_SECCOMP) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		say(BAD, "seccomp", "no filters on this host",
		    "a kernel with CONFIG_SECCOMP_FILTER is needed");
	else
		say(GOOD, "seccomp", "filters are there", NULL);
}

static void check_memfd(void)
{
	long noexec = read_number("/proc/sys/vm/memfd_noexec", 0);
	int fd = memfd_create("hyla-doctor", MFD_CLOEXEC | 0x10 /* MFD_EXEC */);
	void *p = MAP_FAILED;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("hyla-doctor", MFD_CLOEXEC);
	if (fd >= 0 && !ftruncate(fd, 4096))
		p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		say(GOOD, "memfd", "executable memory can be shared", NULL);
	else if (noexec >= 2)
		say(BAD, "memfd", "vm.memfd_noexec forbids executable memfds",
		    "as root: sysctl vm.memfd_noexec=1");
	else
		say(BAD, "memfd", strerror(errno), "a Linux of 5.6 or later is needed");
	if (fd >= 0)
		close(fd);
}

static void check_openat2(void)
{
	struct open_how how = { .flags = O_PATH, .resolve = RESOLVE_IN_ROOT };
	long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd >= 0) {
		say(GOOD, "openat2", "shared directories can be confined", NULL);
		close(fd);
	} else {
		say(BAD, "openat2", strerror(errno), "a Linux of 5.6 or later is needed");
	}
	if (access("/proc/self/fd", R_OK))
		say(BAD, "/proc", "not mounted", "mount -t proc proc /proc");
}

static void check_limits(void)
{
	long maps = read_number("/proc/sys/vm/max_map_count", 65530);
	struct rlimit nproc = { 0, 0 }, as = { 0, 0 };
	char text[128];

	snprintf(text, sizeof(text), "%ld mappings per process", maps);
	say(maps >= 65530 ? GOOD : NOTE, "vm.max_map_count", text,
	    "guests with scattered memory run slowly; as root: sysctl vm.max_map_count=65530");
	getrlimit(RLIMIT_NPROC, &nproc);
	if (nproc.rlim_cur != RLIM_INFINITY) {
		snprintf(text, sizeof(text), "%lu (a guest process needs one)",
			 (unsigned long)nproc.rlim_cur);
		say(nproc.rlim_cur >= 1024 ? GOOD : NOTE, "processes", text, "ulimit -u");
	} else {
		say(GOOD, "processes", "unlimited", NULL);
	}
	getrlimit(RLIMIT_AS, &as);
	if (as.rlim_cur != RLIM_INFINITY)
		say(NOTE, "address space", "limited", "ulimit -v unlimited, or a small --mem");
}

static void check_pku(void)
{
	const char *missing;
	char text[128];
	u32 offset, cost;

	missing = pku_missing(&offset);
	if (missing) {
		say(GOOD, "PKU", "no protection of kernel memory with inproc", NULL);
		printf("      %-22s %s\n", "", missing);
		return;
	}
	cost = pku_cost_ns();
	snprintf(text, sizeof(text), "%u ns on each way to the kernel and back: %s by default",
		 cost, cost < PKU_WORTH_NS ? "on" : "off");
	say(GOOD, "PKU", text, NULL);
}

static void check_cpu(void)
{
	static struct hosted_shared sh;
	char text[128];

	machine_probe_cpu(&sh);
	snprintf(text, sizeof(text), "%u bytes, features 0x%lx", sh.fp_size, sh.xfeatures);
	say(GOOD, "vector state", text, NULL);
	say(GOOD, "FSGSBASE", getauxval(AT_HWCAP2) & 2 ? "yes" : "no (guests use arch_prctl)",
	    NULL);
	check_pku();
	machine_calibrate(&sh);
	if (sh.tsc_khz)
		snprintf(text, sizeof(text), "TSC, %u.%03u MHz", sh.tsc_khz / 1000,
			 sh.tsc_khz % 1000);
	say(sh.tsc_khz ? GOOD : NOTE, "clock", sh.tsc_khz ? text : "TSC not usable",
	    "reading the time is slower in guests; nothing else");
	snprintf(text, sizeof(text), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	say(GOOD, "processors", text, NULL);
}

int doctor_main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		puts("usage: hyla doctor\n\nSays what this host allows, and what to do about the "
		     "rest. Exit code 0 if guests can run.");
		return strcmp(argv[1], "--help") && strcmp(argv[1], "-h") ? 125 : 0;
	}
	check_host();
	check_ptrace();
	check_seccomp();
	check_memfd();
	check_openat2();
	check_limits();
	check_cpu();
	puts(worst == BAD ? "\nGuests cannot run here yet." : "\nGuests can run here.");
	return worst == BAD;
}
