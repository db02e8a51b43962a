/* SPDX-License-Identifier: MIT */
/*
 * Failed allocations: `abi-tests --oom` runs each case again and again, with the
 * first, the second, ... allocation that the kernel makes for it failed, up to
 * the number that it makes undisturbed.
 *
 * The case may fail or die. The kernel may not, and it may keep nothing: after a
 * case's runs no slab cache may have more objects than before them, nor may there
 * be more anonymous or table pages. A case that hangs, since a child of it could
 * not start, is ended after ten times its own time and a fifth of a second. Whoever
 * runs this sees by the sum in the last line that the kernel went on.
 *
 * Needs a kernel with /proc/thread-self/fail-nth that counts descendants, as
 * Hyla's does, and to be alone on it but for process 1: strays are killed by
 * kill(-1), so anywhere else it refuses.
 */
#include "driver.h"

#include <dirent.h>

#define FAIL_NTH "/proc/thread-self/fail-nth"
#define NEVER 1000000000ul
#define MAX_COUNTERS 128

struct counter {
	char name[32];
	unsigned long value;
};

static int passed, failed;
static unsigned long runs;

/* Lines "NAME NUMBER ..." of a text; only the named ones, if there are names. */
static size_t read_counters(const char *path, const char *only, struct counter *c, size_t n)
{
	char line[256], name[32];
	unsigned long value;
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(2);
	}
	while (n < MAX_COUNTERS && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31s %lu", name, &value) != 2 || (only && !strstr(only, name)))
			continue;
		strcpy(c[n].name, name);
		c[n++].value = value;
	}
	fclose(f);
	return n;
}

/* What is in use when no cache holds anything that it could let go. */
static size_t read_all(struct counter *c)
{
	FILE *f = fopen("/proc/sys/vm/drop_caches", "w");
	size_t n;

	if (!f || fputs("3", f) < 0 || fclose(f)) {
		perror("/proc/sys/vm/drop_caches");
		exit(2);
	}
	n = read_counters("/proc/slabinfo", NULL, c, 0);
	return read_counters("/proc/meminfo", "AnonPages: PageTables:", c, n);
}

static unsigned long value_of(const struct counter *c, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(c[i].name, name))
			return c[i].value;
	}
	return 0;
}

static int write_nth(unsigned long nth)
{
	char text[32];
	int fd = open(FAIL_NTH, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof(text), "%lu", nth);
	int ok = fd >= 0 && write(fd, text, n) == n;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* How many allocations are left up to the one that fails. */
static unsigned long read_left(void)
{
	char text[32];

	if (abi_read_file(FAIL_NTH, text, sizeof(text)) < 0)
		return NEVER;
	return strtoul(text, NULL, 10);
}

static void arm(void *nth)
{
	int null = open("/dev/null", O_WRONLY);

	/* What fails is told by the sum, not by what each case says of it. */
	dup2(null, 2);
	close(null);
	if (!write_nth(*(unsigned long *)nth))
		_exit(2);
}

static void check_alone(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int others = 0;

	while (d && (e = readdir(d)))
		others += atoi(e->d_name) > 1 && atoi(e->d_name) != getpid();
	if (d)
		closedir(d);
	if (!d || others || !write_nth(0)) {
		fprintf(stderr, "abi-tests --oom: run it as root, alone, on a kernel with " FAIL_NTH
				"\n");
		exit(2);
	}
}

/* One run; returns how many allocations were left. */
static unsigned long run_with(struct abi_case *c, unsigned long nth, unsigned int limit_ms)
{
	unsigned long left;

	abi_run_forked(c, arm, &nth, limit_ms);
	left = read_left();
	write_nth(0);
	/* Strays, which process 1 reaps; a reaper here would get what they send. */
	while (kill(-1, SIGKILL) == 0)
		usleep(100);
	abi_remove_temp();
	runs++;
	return left;
}

static unsigned int now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Prints what is in use more than before, if told to; true if anything is. */
static int compare(struct abi_case *c, const struct counter *before, size_t count, int print)
{
	static struct counter after[MAX_COUNTERS];
	size_t count_after = read_all(after);
	int grown = 0;

	for (size_t i = 0; i < count_after; i++) {
		unsigned long was = value_of(before, count, after[i].name);

		if (after[i].value <= was)
			continue;
		grown = 1;
		if (print)
			printf("# %s.%s: %s %lu before, %lu after\n", c->family, c->name,
			       after[i].name, was, after[i].value);
	}
	return grown;
}

/* All runs of a case; true if there is more in use after them than before. */
static int sweep(struct abi_case *c, unsigned long total, unsigned long stride, unsigned int limit)
{
	static struct counter before[MAX_COUNTERS];
	size_t count = read_all(before);

	for (unsigned long n = 1; n <= total; n += stride)
		run_with(c, n, limit);
	/* A thread of a dead process may still be on its way out. */
	for (int tries = 0; tries < 20 && compare(c, before, count, 0); tries++)
		usleep(10000);
	return compare(c, before, count, 1);
}

void abi_oom_case(struct abi_case *c, unsigned long stride)
{
	unsigned int limit, start;
	unsigned long total;
	int leaks;

	if (!runs) {
		check_alone();
		/* This process's own first pages. */
		for (int i = 0; i < 3; i++)
			sweep(c, 1, 1, CASE_SECONDS * 1000);
	}
	fflush(stdout);
	start = now_ms();
	total = NEVER - run_with(c, NEVER, CASE_SECONDS * 1000);
	limit = (now_ms() - start) * 10 + 200;
	/* The first may have warmed what stays, like pages of this program. */
	leaks = sweep(c, total, stride, limit) && sweep(c, total, stride, limit);
	if (leaks)
		failed++;
	else
		passed++;
	printf("%s - %s.%s # %lu allocations, %u ms\n", leaks ? "not ok" : "ok", c->family, c->name,
	       total, now_ms() - start);
}

int abi_oom_sum(void)
{
	printf("# %lu runs\n%d passed, %d failed, 0 skipped\n", runs, passed, failed);
	return failed != 0;
}
