/* SPDX-License-Identifier: MIT */
/*
 * bench [ROW...]: what system calls, faults and switches cost, on whatever
 * kernel this runs. Prints one line per row: name, tab, nanoseconds.
 *
 * A row is measured in SLICES slices of several calls; the median slice
 * counts, so that a tick or a neighbour does not. Everything runs on one CPU,
 * the one that the caller has chosen (bench.sh pins us).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* linux/futex.h, which musl does not bring. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

#define SLICES 41
#define PAGE 4096ul

static int tmp_fd, pipe_fd[2], ping[2], pong[2];
static char tmp_name[64];

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void null_call(long n)
{
	while (n--)
		getppid();
}

/* A system call that nobody can rewrite: it stands in writable memory. */
static void null_trap(long n)
{
	static const unsigned char code[] = { 0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xc3 };
	static void (*call)(void);

	if (!call) {
		void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			fail("mmap");
		memcpy(p, code, sizeof(code));
		call = p;
	}
	while (n--)
		call();
}

static void clock_read(long n)
{
	struct timespec ts;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void read_1(long n)
{
	char c;

	while (n--)
		if (pread(tmp_fd, &c, 1, 0) != 1)
			fail("pread");
}

static void write_1(long n)
{
	while (n--)
		if (pwrite(tmp_fd, "x", 1, 0) != 1)
			fail("pwrite");
}

static void stat_path(long n)
{
	struct stat st;

	while (n--)
		if (stat(tmp_name, &st))
			fail("stat");
}

static void open_close(long n)
{
	while (n--) {
		int fd = open(tmp_name, O_RDONLY);

		if (fd < 0)
			fail("open");
		close(fd);
	}
}

static char page[PAGE];

static void read_4k(long n)
{
	while (n--)
		if (pread(tmp_fd, page, PAGE, PAGE) != (ssize_t)PAGE)
			fail("pread");
}

static void write_4k(long n)
{
	while (n--)
		if (pwrite(tmp_fd, page, PAGE, PAGE) != (ssize_t)PAGE)
			fail("pwrite");
}

static void eventfd_self(long n)
{
	static int fd = -1;
	uint64_t one = 1;

	if (fd < 0)
		fd = eventfd(0, 0);
	while (n--)
		if (write(fd, &one, 8) != 8 || read(fd, &one, 8) != 8)
			fail("eventfd");
}

static void pipe_self(long n)
{
	char c = 0;

	while (n--)
		if (write(pipe_fd[1], &c, 1) != 1 || read(pipe_fd[0], &c, 1) != 1)
			fail("pipe");
}

static void on_signal(int signo)
{
	(void)signo;
}

static void signal_self(long n)
{
	while (n--)
		raise(SIGUSR1);
}

static void map_unmap(long n)
{
	while (n--) {
		char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED || munmap(p, PAGE))
			fail("mmap");
	}
}

/* Read-only, writable again, and a write. */
static void protect(long n)
{
	static char *p;

	if (!p)
		p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p[PAGE] = 1;
	while (n--) {
		if (mprotect(p + PAGE, PAGE, PROT_READ) ||
		    mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE))
			fail("mprotect");
		p[PAGE]++;
	}
}

static void touch(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	madvise(p, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += PAGE)
		p[i] = 1;
	munmap(p, size);
}

static void touch_1m(long n)
{
	while (n--)
		touch(1 << 20);
}

static void touch_16m(long n)
{
	while (n--)
		touch(16 << 20);
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void fork_small(long n)
{
	while (n--)
		fork_once();
}

static char *ballast;
static size_t ballast_size;

/* fork, exit and wait; the parent owns `size` bytes that it has touched. */
static void fork_with(size_t size, long n)
{
	if (ballast_size != size) {
		if (ballast)
			munmap(ballast, ballast_size);
		ballast = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
		if (ballast == MAP_FAILED)
			fail("mmap");
		madvise(ballast, size, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < size; i += PAGE)
			ballast[i] = 1;
		ballast_size = size;
	}
	while (n--)
		fork_once();
}

static void fork_1m(long n)
{
	fork_with(1 << 20, n);
}

static void fork_16m(long n)
{
	fork_with(16 << 20, n);
}

static void fork_64m(long n)
{
	fork_with(64 << 20, n);
}

static char *true_path;

static void spawn_true(long n)
{
	char *argv[] = { "true", NULL }, *envp[] = { NULL };

	if (ballast) {
		munmap(ballast, ballast_size);
		ballast = NULL;
		ballast_size = 0;
	}
	while (n--) {
		pid_t pid;

		if (posix_spawn(&pid, true_path, NULL, NULL, argv, envp))
			fail(true_path);
		waitpid(pid, NULL, 0);
	}
}

static void ping_pong(long n)
{
	static pid_t child;
	char c = 0;

	if (!child) {
		if (pipe(ping) || pipe(pong))
			fail("pipe");
		child = fork();
		if (!child) {
			close(ping[1]);
			while (read(ping[0], &c, 1) == 1)
				if (write(pong[1], &c, 1) != 1)
					break;
			_exit(0);
		}
	}
	while (n--)
		if (write(ping[1], &c, 1) != 1 || read(pong[0], &c, 1) != 1)
			fail("ping-pong");
}

static void *end_at_once(void *arg)
{
	return arg;
}

static void thread_once(long n)
{
	while (n--) {
		pthread_t t;

		if (pthread_create(&t, NULL, end_at_once, NULL))
			fail("pthread_create");
		pthread_join(t, NULL);
	}
}

/* Against a process that does the same. */
static void yield(long n)
{
	static pid_t child;

	if (!child) {
		child = fork();
		if (child < 0)
			fail("fork");
		while (!child)
			sched_yield();
	}
	if (!n) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		child = 0;
	}
	while (n--)
		sched_yield();
}

static int word;

static void pass_word(int from, int to)
{
	while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != from)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
	__atomic_store_n(&word, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *futex_partner(void *arg)
{
	for (;;)
		pass_word(1, 0);
	return arg;
}

static void futex_pong(long n)
{
	static pthread_t thread;

	if (!thread && pthread_create(&thread, NULL, futex_partner, NULL))
		fail("pthread_create");
	while (n--)
		pass_word(0, 1);
}

static const struct row {
	const char *name;
	void (*run)(long n);
	long calls;		/* per slice */
	long units;		/* per call: pages, or 1 */
} rows[] = {
	{ "null", null_call, 2000, 1 },
	{ "null-trap", null_trap, 500, 1 },
	{ "clock", clock_read, 5000, 1 },
	{ "read1", read_1, 1000, 1 },
	{ "write1", write_1, 1000, 1 },
	{ "read4k", read_4k, 500, 1 },
	{ "write4k", write_4k, 500, 1 },
	{ "stat", stat_path, 1000, 1 },
	{ "open", open_close, 500, 1 },
	{ "eventfd", eventfd_self, 500, 1 },
	{ "pipe", pipe_self, 500, 1 },
	{ "signal", signal_self, 500, 1 },
	{ "mmap", map_unmap, 200, 1 },
	{ "mprotect", protect, 200, 1 },
	{ "touch-1m", touch_1m, 2, 256 },
	{ "touch-16m", touch_16m, 1, 4096 },
	{ "fork", fork_small, 5, 1 },
	{ "fork-1m", fork_1m, 5, 1 },
	{ "fork-16m", fork_16m, 3, 1 },
	{ "fork-64m", fork_64m, 2, 1 },
	{ "spawn", spawn_true, 4, 1 },
	{ "thread", thread_once, 5, 1 },
	{ "yield", yield, 200, 1 },
	{ "pingpong", ping_pong, 200, 1 },
	{ "futex", futex_pong, 200, 1 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct row *r)
{
	double t[SLICES], start;

	r->run(r->calls < 16 ? r->calls : 16);
	for (int i = 0; i < SLICES; i++) {
		start = now_ns();
		r->run(r->calls);
		t[i] = (now_ns() - start) / r->calls / r->units;
	}
	if (r->run == yield)
		yield(0);
	qsort(t, SLICES, sizeof(t[0]), compare);
	printf("%s\t%.1f\n", r->name, t[SLICES / 2]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };

	true_path = getenv("BENCH_TRUE") ? getenv("BENCH_TRUE") : "/bin/true";
	snprintf(tmp_name, sizeof(tmp_name), "/dev/shm/bench.%d", (int)getpid());
	tmp_fd = open(tmp_name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (tmp_fd < 0 || pwrite(tmp_fd, page, PAGE, 0) != (ssize_t)PAGE ||
	    pwrite(tmp_fd, page, PAGE, PAGE) != (ssize_t)PAGE || pipe(pipe_fd))
		fail("set-up");
	sigaction(SIGUSR1, &sa, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted |= !strcmp(argv[k], rows[i].name);
		if (wanted)
			measure(&rows[i]);
	}
	unlink(tmp_name);
	exit(0);
}
