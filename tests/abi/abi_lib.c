/* SPDX-License-Identifier: MIT */
/*
 * What cases call: checks, children, synchronisation, guarded memory accesses,
 * signals, files. See abi.h for the contract of each.
 */
#include "abi.h"

#include <grp.h>
#include <sched.h>
#include <sys/time.h>

siginfo_t abi_fault;
volatile sig_atomic_t abi_ticks;

long abi_ok(long r, const char *file, int line, const char *text)
{
	if (r == -1)
		abi_fail(file, line, "%s: errno %d (%s)", text, errno,
			 strerror(errno));
	return r;
}

void abi_err(long r, int err, const char *file, int line, const char *text)
{
	int got = errno;

	if (r != -1)
		abi_fail(file, line, "%s: returned %ld, expected errno %d (%s)",
			 text, r, err, strerror(err));
	if (got != err)
		abi_fail(file, line, "%s: errno %d (%s), expected %d (%s)",
			 text, got, strerror(got), err, strerror(err));
}

void abi_eq(long long a, long long b, const char *file, int line,
	    const char *text)
{
	if (a != b)
		abi_fail(file, line, "%s: %lld (0x%llx), expected %lld (0x%llx)",
			 text, a, a, b, b);
}

void abi_str_eq(const char *a, const char *b, const char *file, int line)
{
	if (strcmp(a, b))
		abi_fail(file, line, "\"%s\", expected \"%s\"", a, b);
}

pid_t abi_fork_at(const char *file, int line)
{
	pid_t pid = abi_ok(fork(), file, line, "fork");

	if (!pid)
		alarm(CASE_SECONDS);
	return pid;
}

int abi_status_at(pid_t pid, const char *file, int line)
{
	int status;
	pid_t r;

	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	abi_ok(r, file, line, "waitpid");
	return status;
}

void abi_exit_at(pid_t pid, int code, const char *file, int line)
{
	int status = abi_status_at(pid, file, line);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		abi_fail(file, line, "child status 0x%x, expected exit %d",
			 status, code);
}

void abi_killed_at(pid_t pid, int sig, const char *file, int line)
{
	int status = abi_status_at(pid, file, line);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
		abi_fail(file, line, "child status 0x%x, expected signal %d",
			 status, sig);
}

void abi_drop(void)
{
	if (geteuid() != 0)
		return;
	OK(setgroups(0, NULL));
	OK(setresgid(NOBODY, NOBODY, NOBODY));
	OK(setresuid(NOBODY, NOBODY, NOBODY));
}

void abi_unprivileged_at(void (*fn)(void), const char *file, int line)
{
	pid_t pid;

	OK(chmod(".", 0777));
	pid = abi_fork_at(file, line);
	if (!pid) {
		abi_drop();
		fn();
		_exit(0);
	}
	abi_exit_at(pid, 0, file, line);
}

void abi_need_root(void)
{
	if (geteuid() != 0)
		SKIP("needs root");
}

void abi_sync_init(struct abi_sync *s)
{
	OK(pipe(s->fd));
}

void abi_post(struct abi_sync *s)
{
	OK(write(s->fd[1], "x", 1));
}

void abi_await(struct abi_sync *s)
{
	char c;
	long r;

	do {
		r = read(s->fd[0], &c, 1);
	} while (r < 0 && errno == EINTR);
	CHECK_EQ(r, 1);
}

void abi_wait_state(pid_t pid, char state)
{
	char path[64], buf[512];
	char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (;;) {
		if (abi_read_file(path, buf, sizeof(buf)) <= 0)
			FAIL("no %s", path);
		p = strrchr(buf, ')');
		CHECK(p && p[1] == ' ');
		if (p[2] == state)
			return;
		sched_yield();
	}
}

static sigjmp_buf fault_jump;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	abi_fault = *si;
	siglongjmp(fault_jump, sig);
}

static int guarded(int what, volatile void *p, char value)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = on_fault }, old[COUNT(sigs)];
	volatile char *c = p;
	int sig;

	sa.sa_flags = SA_SIGINFO;
	for (size_t i = 0; i < COUNT(sigs); i++)
		OK(sigaction(sigs[i], &sa, &old[i]));
	sig = sigsetjmp(fault_jump, 1);
	if (!sig) {
		if (what == 0)
			(void)*c;
		else if (what == 1)
			*c = value;
		else
			((void (*)(void))(uintptr_t)p)();
	}
	for (size_t i = 0; i < COUNT(sigs); i++)
		OK(sigaction(sigs[i], &old[i], NULL));
	return sig;
}

int abi_load(const volatile void *p)
{
	return guarded(0, (volatile void *)p, 0);
}

int abi_store(volatile void *p, char value)
{
	return guarded(1, p, value);
}

int abi_call(const volatile void *p)
{
	return guarded(2, (volatile void *)p, 0);
}

void abi_handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn };

	sa.sa_flags = flags;
	OK(sigaction(sig, &sa, NULL));
}

void abi_handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn };

	sa.sa_flags = flags | SA_SIGINFO;
	OK(sigaction(sig, &sa, NULL));
}

static void on_tick(int sig)
{
	(void)sig;
	abi_ticks++;
}

static void set_tick(int usec)
{
	struct itimerval it = { { 0, usec }, { 0, usec } };

	OK(setitimer(ITIMER_REAL, &it, NULL));
}

void abi_tick_start(int sa_flags)
{
	abi_ticks = 0;
	abi_handle(SIGALRM, on_tick, sa_flags);
	set_tick(5000);
}

void abi_tick_stop(void)
{
	set_tick(0);
}

int abi_write_file(const char *path, const void *data, size_t size)
{
	int fd = OK(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));

	CHECK_EQ(write(fd, data, size), size);
	OK(lseek(fd, 0, SEEK_SET));
	return fd;
}

long abi_read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t done = 0;
	long n = 0;

	if (fd < 0)
		return -1;
	while (done < size - 1) {
		n = read(fd, buf + done, size - 1 - done);
		if (n <= 0)
			break;
		done += n;
	}
	close(fd);
	buf[done] = 0;
	return n < 0 ? -1 : (long)done;
}

int abi_temp_fd(void)
{
	static int serial;
	char name[32];

	snprintf(name, sizeof(name), "temp-%d-%d", getpid(), serial++);
	return OK(open(name, O_RDWR | O_CREAT | O_EXCL, 0644));
}

void abi_exec_helper(const char *name, const char *a, const char *b)
{
	const char *argv[] = { "abi-tests", "--helper", name, a, b, NULL };

	execv(abi_self(), (char **)argv);
	FAIL("exec %s: errno %d", abi_self(), errno);
}
