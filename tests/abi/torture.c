/* SPDX-License-Identifier: MIT */
/*
 * abi-torture SEED COUNT: COUNT random system calls, in forked children, with
 * random and half-valid arguments. It passes when it survives: the children may
 * die of what they like, the kernel may not.
 *
 * Safe on a developer's machine: as root it becomes uid 65534 first; it works
 * in a temporary directory with relative names only; what could reach another
 * process, the network, persistent IPC objects or the machine's configuration
 * is on a denylist; children have limits and a deadline. Call number K of a
 * seed is always the same, wherever the children's borders fall.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_PER_CHILD 100
#define NR_MAX 470
#define PAGE 4096

/* By number: newer ones have no name in older headers. */
static const short denied[] = {
	SYS_exit, SYS_exit_group, SYS_reboot,
	/* other processes */
	SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
	424 /* pidfd_send_signal */, SYS_ptrace, SYS_process_vm_writev,
	440 /* process_madvise */, 448 /* process_mrelease */, SYS_setpriority,
	SYS_sched_setaffinity, SYS_sched_setparam, SYS_sched_setscheduler,
	SYS_sched_setattr, SYS_ioprio_set, SYS_prlimit64, SYS_setrlimit,
	SYS_migrate_pages, SYS_move_pages, SYS_setpgid, 435 /* clone3 */, SYS_vfork,
	/* name spaces, mounts, roots */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns,
	SYS_chdir, SYS_fchdir, 428, 429, 430, 431, 432, 433, 442 /* new mount API */,
	/* the machine */
	SYS_swapon, SYS_swapoff, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex,
	SYS_clock_adjtime, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_kexec_file_load, SYS_acct, SYS_quotactl, 443,
	SYS_sethostname, SYS_setdomainname, SYS_iopl, SYS_ioperm, SYS_syslog,
	SYS_vhangup, SYS_sync, SYS_syncfs, SYS_fanotify_init, SYS_fanotify_mark,
	SYS_open_by_handle_at, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
	425, 426, 427 /* io_uring */,
	/* what outlives the process */
	SYS_shmget, SYS_shmctl, SYS_semget, SYS_semctl, SYS_msgget, SYS_msgctl,
	SYS_mq_open, SYS_mq_unlink, SYS_mq_notify, SYS_add_key, SYS_request_key,
	SYS_keyctl,
	/* the network: the sockets that there are lead nowhere else */
	SYS_socket, SYS_connect,
};

static uint64_t rng;
static pid_t child;
static char *pool;		/* a few pages with what the pointers point to */

static uint64_t rnd(void)
{
	uint64_t z = rng += 0x9e3779b97f4a7c15UL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

static long system_call(long nr, const long *a)
{
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static int is_denied(long nr)
{
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		if (denied[i] == nr)
			return 1;
	}
	return 0;
}

/* Names, iovecs and plain noise; no '/' and no dots in the noise. */
static void fill_pool(void)
{
	static const char names[][8] = { "f", "d", "d/x", "l", "new", ".", "p", "d/y" };
	uint64_t *words = (uint64_t *)pool;

	for (int i = 0; i < 2 * PAGE / 8; i++)
		words[i] = rnd() % 3 ? rnd() & 0x1010101010101010UL : rnd() % 40;
	for (int i = 0; i < 8; i++)
		memcpy(pool + i * 64, names[i], 8);
	for (int i = 0; i < 8; i++) {
		words[128 + 2 * i] = (uintptr_t)pool + rnd() % (2 * PAGE);
		words[129 + 2 * i] = rnd() % 5000;
	}
}

static long pointer(void)
{
	switch (rnd() % 12) {
	case 0:
		return 0;
	case 1:
		return (long)(pool + 2 * PAGE - rnd() % 64);	/* runs off the end */
	case 2:
		return 0xffffffff81000000UL + rnd() % 0x100000;
	case 3:
		return 1L << 63 | rnd() >> 1;
	case 4:
		return (long)(pool + 2 * PAGE + rnd() % PAGE);	/* PROT_NONE */
	case 5:
		return 0x7ffffffff000 - rnd() % 3 * PAGE;
	case 6:
	case 7:
		return (long)(pool + 128 * 8);
	case 8:
		return (long)(pool + rnd() % (2 * PAGE));
	default:
		return (long)(pool + rnd() % 8 * 64);
	}
}

static long argument(void)
{
	static const long special[] = {
		0, 1, 2, -1, -2, -100, 3, 4, 7, 8, 16, 64, 4095, 4096, 4097, 65536,
		INT_MAX, INT_MIN, UINT_MAX, LONG_MAX, LONG_MIN, 0x7fffffffffff,
	};

	switch (rnd() % 10) {
	case 0:
		return (long)rnd();
	case 1:
		return special[rnd() % (sizeof(special) / sizeof(special[0]))];
	case 2:
		return 1L << rnd() % 64;
	case 3:
		return rnd() % 65536;
	case 4:
	case 5:
	case 6:
		return pointer();
	case 7:
		return getpid();
	default:
		return rnd() % 20;	/* a descriptor, a small number */
	}
}

/* Calls that stay, but with an edge taken off. */
static void tame(long nr, long *a)
{
	if (nr == SYS_fcntl && (a[1] == F_SETOWN || a[1] == 15 || a[1] == 10))
		a[1] = F_GETFL;
	if (nr == SYS_ioctl && ((a[1] & 0xffff) == 0x8901 || (a[1] & 0xffff) == 0x8902))
		a[1] = 0;
	if (nr == SYS_clone)
		a[0] = (a[0] & ~0xffL & ~0x7e020000L) | SIGCHLD; /* no name spaces */
	if (nr == SYS_prctl && (a[0] & 0xff) == 22)		 /* seccomp */
		a[0] = 0;
	if (nr == 317)
		a[0] = 99;
}

static void on_tick(int sig)
{
	(void)sig;
}

/* A listener and a connection to it, over the loopback where there is one. */
static void open_sockets(void)
{
	struct { unsigned short family, pad; unsigned int port, cid, flags; } a = {
		40 /* AF_VSOCK */, 0, -1u, 1 /* VMADDR_CID_LOCAL */, 0 };
	socklen_t len = sizeof(a);
	int l = socket(40, SOCK_STREAM, 0), s = socket(40, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (bind(l, (void *)&a, sizeof(a)) || listen(l, 3) || getsockname(l, (void *)&a, &len))
		return;
	connect(s, (void *)&a, sizeof(a));
	accept(l, NULL, NULL);
}

static void open_files(void)
{
	int p[2];

	for (int fd = 0; fd < 256; fd++)
		close(fd);
	for (int fd = 0; fd < 3; fd++)
		open("/dev/null", O_RDWR);
	mkdir("d", 0755);
	open("f", O_RDWR | O_CREAT, 0644);
	open("d", O_RDONLY | O_DIRECTORY);
	open("/dev/zero", O_RDWR);
	if (pipe(p) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, p) < 0)
		open(".", O_PATH);
	syscall(SYS_eventfd2, 0, 0);
	syscall(SYS_epoll_create1, 0);
	syscall(SYS_memfd_create, "torture", 2);
	syscall(SYS_timerfd_create, 1, 0);
	syscall(SYS_inotify_init1, 0);
	open("f", O_RDONLY);
	open_sockets();
}

static void limit(int which, rlim_t value)
{
	struct rlimit rl = { value, value };

	setrlimit(which, &rl);
}

static void child_main(uint64_t seed, long first, long count)
{
	struct sigaction sa = { .sa_handler = on_tick };
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	long a[6], nr;

	open_files();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_AS, 1 << 30);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_NOFILE, 100);
	limit(RLIMIT_CPU, 3);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	pool = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(pool + 2 * PAGE, PAGE, PROT_NONE);
	/* What blocks is interrupted soon, unless the child spoils that. */
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	for (long i = first; i < first + count; i++) {
		rng = seed * 1000003 + i;
		fill_pool();
		do {
			nr = rnd() % 50 ? rnd() % NR_MAX : rnd() % 5000;
		} while (is_denied(nr));
		for (int k = 0; k < 6; k++)
			a[k] = argument();
		tame(nr, a);
		if (system_call(nr, a) == 0 && (nr == SYS_fork || nr == SYS_clone))
			_exit(0);
	}
	_exit(0);
}

static void on_deadline(int sig)
{
	(void)sig;
	if (child > 0)
		kill(child, SIGKILL);
}

static void remove_tree(const char *path)
{
	char name[PATH_MAX];
	struct dirent *d;
	struct stat st;
	DIR *dir;

	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		unlink(path);
		return;
	}
	chmod(path, 0700);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") &&
		    snprintf(name, sizeof(name), "%s/%s", path, d->d_name) <
		    (int)sizeof(name))
			remove_tree(name);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_deadline };
	const char *base = getenv("TMPDIR");
	long count, exited = 0, killed = 0, forced = 0;
	char dir[PATH_MAX];
	uint64_t seed;

	if (argc != 3) {
		fprintf(stderr, "usage: abi-torture SEED COUNT\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	count = strtol(argv[2], NULL, 0);
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
	     setresuid(65534, 65534, 65534))) {
		perror("drop privileges");
		return 1;
	}
	snprintf(dir, sizeof(dir), "%s/abi-torture-XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(dir) || chdir(dir) < 0) {
		perror(dir);
		return 1;
	}
	sigaction(SIGALRM, &sa, NULL);
	for (long first = 0; first < count; first += CALLS_PER_CHILD) {
		long n = count - first < CALLS_PER_CHILD ? count - first : CALLS_PER_CHILD;
		int status;
		pid_t pid = fork();

		if (pid < 0) {
			perror("fork");
			return 1;
		}
		if (!pid) {
			setsid();
			child_main(seed, first, n);
		}
		child = pid;
		alarm(2);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		alarm(0);
		child = 0;
		kill(-pid, SIGKILL);
		if (WIFEXITED(status))
			exited++;
		else if (WTERMSIG(status) == SIGKILL)
			forced++;
		else
			killed++;
		/* Those that CLONE_PARENT made ours. */
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
		remove_tree("d");
		remove_tree("f");
	}
	if (chdir("/") == 0)
		remove_tree(dir);
	printf("survived %ld calls: %ld children ended, %ld died of a signal, "
	       "%ld were killed\n", count, exited, killed, forced);
	return 0;
}
