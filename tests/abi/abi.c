/* SPDX-License-Identifier: MIT */
/*
 * Driver of the ABI tests: see abi.h and README.md; the helpers are in abi_lib.c.
 *
 *	abi-tests --list [PREFIX...]	names, one per line
 *	abi-tests NAME			one case in this process: 0, 1 or 77
 *	abi-tests --all [PREFIX...]	every case in a process of its own, TAP
 *	abi-tests --oom[=STRIDE] [PREFIX...]	see oom.c
 *	abi-tests --helper NAME ARGS	the programs that exec tests start
 *
 * The driver asks little of the kernel under test: fork, waitpid, kill, alarm,
 * and a writable directory. A case has its own process group, which is killed
 * as a whole when the case ends or its time is up.
 */
#include "driver.h"

#include <dirent.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/time.h>

static struct abi_case *cases;
static struct abi_helper *helpers;
static struct abi_case **table;
static size_t case_count;

static char temp_dir[PATH_MAX];
static char skip_path[PATH_MAX + 8];
static char self_path[PATH_MAX];
static pid_t case_pid;		/* the process that runs the case */
static int owns_temp;		/* it removes temp_dir itself */
static volatile pid_t running;	/* the driver's child */

void abi_register(struct abi_case *c)
{
	c->next = cases;
	cases = c;
	case_count++;
}

void abi_register_helper(struct abi_helper *h)
{
	h->next = helpers;
	helpers = h;
}

/* Removal is best effort: what a case left behind may be odd. */
static void remove_tree(const char *path)
{
	char name[PATH_MAX];
	struct dirent *d;
	struct stat st;
	DIR *dir;

	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		chmod(path, 0700);
		dir = opendir(path);
		while (dir && (d = readdir(dir))) {
			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
				continue;
			if (snprintf(name, sizeof(name), "%s/%s", path,
				     d->d_name) < (int)sizeof(name))
				remove_tree(name);
		}
		if (dir)
			closedir(dir);
		/* A case with a mount namespace may leave a mount behind. */
		if (rmdir(path) < 0 && errno == EBUSY &&
		    umount2(path, MNT_DETACH) == 0)
			rmdir(path);
	} else if (unlink(path) < 0 && errno == EBUSY &&
		   umount2(path, MNT_DETACH) == 0) {
		unlink(path);
	}
}

void abi_remove_temp(void)
{
	remove_tree(temp_dir);
}

static void make_temp(void)
{
	const char *base = getenv("TMPDIR");
	size_t len;

	if (!base || !*base)
		base = "/tmp";
	snprintf(temp_dir, sizeof(temp_dir), "%s/abi-XXXXXX", base);
	if (!mkdtemp(temp_dir)) {
		perror(temp_dir);
		exit(2);
	}
	len = strlen(temp_dir);
	snprintf(skip_path, sizeof(skip_path), "%s/skip", temp_dir);
	snprintf(temp_dir + len, sizeof(temp_dir) - len, "/work");
	if (mkdir(temp_dir, 0755) < 0) {
		perror(temp_dir);
		exit(2);
	}
	temp_dir[len] = 0;
	chmod(temp_dir, 0755);
}

static void finish(int code)
{
	if (owns_temp && getpid() == case_pid && chdir("/") == 0)
		remove_tree(temp_dir);
	_exit(code);
}

void abi_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char buf[1024];
	va_list ap;
	int n;

	n = snprintf(buf, sizeof(buf), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	n += vsnprintf(buf + n, sizeof(buf) - n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(buf) - 2)
		n = sizeof(buf) - 2;
	buf[n++] = '\n';
	if (write(2, buf, n) < 0)
		finish(1);
	finish(1);
	_exit(1);
}

void abi_skip(const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (owns_temp) {
		fprintf(stderr, "skip: %s\n", buf);
	} else {
		f = fopen(skip_path, "w");
		if (f) {
			fputs(buf, f);
			fclose(f);
		}
	}
	finish(77);
	_exit(77);
}

const char *abi_self(void)
{
	return self_path;
}

static int by_name(const void *a, const void *b)
{
	const struct abi_case *x = *(struct abi_case *const *)a;
	const struct abi_case *y = *(struct abi_case *const *)b;
	int r = strcmp(x->family, y->family);

	return r ? r : strcmp(x->name, y->name);
}

static int wanted(const struct abi_case *c, int argc, char **argv)
{
	char full[256];

	snprintf(full, sizeof(full), "%s.%s", c->family, c->name);
	for (int i = 0; i < argc; i++) {
		if (!strncmp(full, argv[i], strlen(argv[i])))
			return 1;
	}
	return argc == 0;
}

static void start_case(struct abi_case *c)
{
	char work[PATH_MAX + 8];

	case_pid = getpid();
	snprintf(work, sizeof(work), "%s/work", temp_dir);
	if (chdir(work) < 0) {
		perror(work);
		_exit(2);
	}
	umask(022);
	c->run();
	finish(0);
}

static void on_timeout(int sig)
{
	(void)sig;
	if (running > 0)
		kill(-running, SIGKILL);
}

int abi_run_forked(struct abi_case *c, void (*before)(void *), void *arg, unsigned int limit_ms)
{
	struct itimerval limit = { .it_value = { limit_ms / 1000, limit_ms % 1000 * 1000 } };
	static const struct itimerval off;
	int status;
	pid_t pid;

	make_temp();
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		signal(SIGALRM, SIG_DFL);
		setpgid(0, 0);
		if (before)
			before(arg);
		start_case(c);
	}
	setpgid(pid, pid);
	running = pid;
	setitimer(ITIMER_REAL, &limit, NULL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	setitimer(ITIMER_REAL, &off, NULL);
	running = 0;
	kill(-pid, SIGKILL);
	return status;
}

static int run_all(int argc, char **argv)
{
	int passed = 0, failed = 0, skipped = 0, n = 0, plan = 0;
	char reason[512];

	for (size_t i = 0; i < case_count; i++)
		plan += wanted(table[i], argc, argv);
	printf("TAP version 13\n1..%d\n", plan);
	for (size_t i = 0; i < case_count; i++) {
		struct abi_case *c = table[i];
		int status;

		if (!wanted(c, argc, argv))
			continue;
		fflush(stdout);
		status = abi_run_forked(c, NULL, NULL, CASE_SECONDS * 1000);
		n++;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
			printf("ok %d - %s.%s\n", n, c->family, c->name);
			passed++;
		} else if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
			reason[0] = 0;
			abi_read_file(skip_path, reason, sizeof(reason));
			printf("ok %d - %s.%s # SKIP %s\n", n, c->family, c->name,
			       reason);
			skipped++;
		} else {
			printf("not ok %d - %s.%s # %s %d\n", n, c->family, c->name,
			       WIFEXITED(status) ? "exit" : "signal",
			       WIFEXITED(status) ? WEXITSTATUS(status) :
						   WTERMSIG(status));
			failed++;
		}
		abi_remove_temp();
	}
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}

static int run_helper(int argc, char **argv)
{
	for (struct abi_helper *h = helpers; h; h = h->next) {
		if (argc > 0 && !strcmp(h->name, argv[0]))
			return h->main(argc, argv);
	}
	fprintf(stderr, "no such helper\n");
	return 2;
}

static int run_one(const char *name)
{
	char full[256];

	for (size_t i = 0; i < case_count; i++) {
		struct abi_case *c = table[i];

		snprintf(full, sizeof(full), "%s.%s", c->family, c->name);
		if (strcmp(full, name))
			continue;
		make_temp();
		owns_temp = 1;
		alarm(CASE_SECONDS);
		start_case(c);
	}
	fprintf(stderr, "no such case: %s\n", name);
	return 2;
}

static int usage(void)
{
	fprintf(stderr, "usage: abi-tests --list|--all|--oom[=STRIDE] [PREFIX...] | NAME\n");
	return 2;
}

static void find_self(const char *argv0)
{
	long n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);

	if (n > 0)
		self_path[n] = 0;
	else if (!realpath(argv0, self_path))
		snprintf(self_path, sizeof(self_path), "%s", argv0);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_timeout };
	struct abi_case *c = cases;

	if (argc > 1 && !strcmp(argv[1], "--helper"))
		return run_helper(argc - 2, argv + 2);
	/* What the caller left open must not shift descriptor numbers. */
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	find_self(argv[0]);
	table = calloc(case_count, sizeof(*table));
	if (!table)
		return 2;
	for (size_t i = 0; i < case_count; i++, c = c->next)
		table[i] = c;
	qsort(table, case_count, sizeof(*table), by_name);
	sigaction(SIGALRM, &sa, NULL);
	if (argc > 1 && !strcmp(argv[1], "--all"))
		return run_all(argc - 2, argv + 2);
	if (argc > 1 && !strncmp(argv[1], "--oom", 5)) {
		int stride = argv[1][5] == '=' ? atoi(argv[1] + 6) : 1;

		if (stride < 1)
			return usage();
		for (size_t i = 0; i < case_count; i++) {
			if (wanted(table[i], argc - 2, argv + 2))
				abi_oom_case(table[i], stride);
		}
		return abi_oom_sum();
	}
	if (argc > 1 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < case_count; i++) {
			if (wanted(table[i], argc - 2, argv + 2))
				printf("%s.%s\n", table[i]->family,
				       table[i]->name);
		}
		return 0;
	}
	if (argc == 2)
		return run_one(argv[1]);
	return usage();
}
