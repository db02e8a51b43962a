/* SPDX-License-Identifier: MIT */
/*
 * wait4, waitid and the status of children: exits, signals, stops, continues,
 * selection by pid, group and pidfd, and SIGCHLD's own details.
 */
#define ABI_FAMILY "wait"
#include "abi.h"

#include <sys/resource.h>

static void pause_forever(void)
{
	for (;;)
		pause();
}

ABI_TEST(exit_status_low_byte)
{
	pid_t pid = FORK();

	if (!pid)
		_exit(0x1234);
	CHECK_EQ(STATUS(pid), 0x3400);
}

ABI_TEST(killed_status)
{
	pid_t pid = FORK();

	if (!pid)
		pause_forever();
	OK(kill(pid, SIGKILL));
	CHECK_EQ(STATUS(pid), SIGKILL);
}

ABI_TEST(default_actions_end_the_process)
{
	static const int sigs[] = {
		SIGHUP, SIGINT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2,
		SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
	};

	for (size_t i = 0; i < COUNT(sigs); i++) {
		pid_t pid = FORK();

		if (!pid) {
			signal(sigs[i], SIG_DFL);
			raise(sigs[i]);
			_exit(1);
		}
		CHECK_EQ(STATUS(pid), sigs[i]);
	}
}

ABI_TEST(core_actions_end_the_process)
{
	static const int sigs[] = {
		SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV,
		SIGXCPU, SIGXFSZ, SIGSYS,
	};
	struct rlimit none = { 0, 0 };

	OK(setrlimit(RLIMIT_CORE, &none));
	for (size_t i = 0; i < COUNT(sigs); i++) {
		pid_t pid = FORK();

		if (!pid) {
			signal(sigs[i], SIG_DFL);
			raise(sigs[i]);
			_exit(1);
		}
		CHECK_KILLED(pid, sigs[i]);
	}
}

ABI_TEST(ignored_by_default)
{
	static const int sigs[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };

	for (size_t i = 0; i < COUNT(sigs); i++)
		OK(raise(sigs[i]));
}

ABI_TEST(wnohang)
{
	struct abi_sync s;
	pid_t pid;
	int status = 77;

	abi_sync_init(&s);
	pid = FORK();
	if (!pid) {
		abi_await(&s);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(status, 77);
	abi_post(&s);
	CHECK_EXIT(pid, 0);
	CHECK_ERR(waitpid(-1, &status, WNOHANG), ECHILD);
}

ABI_TEST(no_such_child)
{
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(getpid(), NULL, 0), ECHILD);
	CHECK_ERR(waitpid(1, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(-getpid(), NULL, 0), ECHILD);
}

ABI_TEST(bad_options)
{
	siginfo_t si;

	CHECK_ERR(waitpid(-1, NULL, 0x100), EINVAL);
	CHECK_ERR(waitid(P_ALL, 0, &si, 0), EINVAL);
	CHECK_ERR(waitid(P_ALL, 0, &si, WEXITED | 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_waitid, 99, 0, &si, WEXITED, NULL), EINVAL);
	CHECK_ERR(waitpid(INT_MIN, NULL, 0), ESRCH);
}

ABI_TEST(stopped_and_continued)
{
	pid_t pid = FORK();
	int status;

	if (!pid)
		pause_forever();
	OK(kill(pid, SIGSTOP));
	CHECK_EQ(OK(waitpid(pid, &status, WUNTRACED)), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	/* Reported once only. */
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	OK(kill(pid, SIGCONT));
	CHECK_EQ(OK(waitpid(pid, &status, WCONTINUED)), pid);
	CHECK_EQ(status, 0xffff);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

ABI_TEST(stop_is_invisible_without_wuntraced)
{
	siginfo_t si;
	int status;
	pid_t pid = FORK();

	if (!pid)
		pause_forever();
	OK(kill(pid, SIGSTOP));
	OK(waitid(P_PID, pid, &si, WSTOPPED | WNOWAIT));
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

ABI_TEST(waitid_exited)
{
	pid_t pid = FORK();
	siginfo_t si;

	if (!pid)
		_exit(0x1ff);
	memset(&si, 0xff, sizeof(si));
	CHECK_EQ(waitid(P_PID, pid, &si, WEXITED), 0);
	CHECK_EQ(si.si_signo, SIGCHLD);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_uid, getuid());
	CHECK_EQ(si.si_status, 0xff);
	CHECK_EQ(si.si_errno, 0);
}

ABI_TEST(waitid_killed_stopped_continued)
{
	pid_t pid = FORK();
	siginfo_t si;

	if (!pid)
		pause_forever();
	OK(kill(pid, SIGTSTP));
	/* SIGTSTP does not stop an orphaned process group. */
	OK(kill(pid, SIGSTOP));
	OK(waitid(P_PID, pid, &si, WSTOPPED));
	CHECK_EQ(si.si_code, CLD_STOPPED);
	CHECK(si.si_status == SIGSTOP || si.si_status == SIGTSTP);
	OK(kill(pid, SIGCONT));
	OK(waitid(P_PID, pid, &si, WCONTINUED));
	CHECK_EQ(si.si_code, CLD_CONTINUED);
	CHECK_EQ(si.si_status, SIGCONT);
	OK(kill(pid, SIGTERM));
	OK(waitid(P_PID, pid, &si, WEXITED));
	CHECK_EQ(si.si_code, CLD_KILLED);
	CHECK_EQ(si.si_status, SIGTERM);
}

ABI_TEST(waitid_wnowait)
{
	pid_t pid = FORK();
	siginfo_t si;

	if (!pid)
		_exit(3);
	for (int i = 0; i < 3; i++) {
		si.si_pid = 0;
		OK(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT));
		CHECK_EQ(si.si_pid, pid);
	}
	CHECK_EXIT(pid, 3);
}

ABI_TEST(waitid_wnohang_clears_pid)
{
	struct abi_sync s;
	pid_t pid;
	siginfo_t si;

	abi_sync_init(&s);
	pid = FORK();
	if (!pid) {
		abi_await(&s);
		_exit(0);
	}
	memset(&si, 0xff, sizeof(si));
	OK(waitid(P_PID, pid, &si, WEXITED | WNOHANG));
	CHECK_EQ(si.si_pid, 0);
	CHECK_EQ(si.si_signo, 0);
	abi_post(&s);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(by_process_group)
{
	struct abi_sync s;
	pid_t a, b;
	int status;
	siginfo_t si;

	abi_sync_init(&s);
	a = FORK();
	if (!a) {
		abi_await(&s);
		_exit(1);
	}
	OK(setpgid(a, a));
	b = FORK();
	if (!b)
		_exit(2);
	OK(waitid(P_PID, b, &si, WEXITED | WNOWAIT));
	CHECK_EQ(waitpid(-a, &status, WNOHANG), 0);
	abi_post(&s);
	CHECK_EQ(OK(waitpid(-a, &status, 0)), a);
	CHECK_EQ(WEXITSTATUS(status), 1);
	CHECK_ERR(waitpid(-a, &status, 0), ECHILD);
	CHECK_EQ(OK(waitpid(0, &status, 0)), b);
}

ABI_TEST(waitid_by_process_group)
{
	siginfo_t si;
	pid_t a = FORK();

	if (!a)
		_exit(1);
	OK(setpgid(a, a));
	CHECK_ERR(waitid(P_PGID, getpid() + 100000, &si, WEXITED), ECHILD);
	OK(waitid(P_PGID, a, &si, WEXITED));
	CHECK_EQ(si.si_pid, a);
}

ABI_TEST(waitid_by_pidfd)
{
	struct abi_sync s;
	siginfo_t si;
	pid_t pid;
	int fd;

	abi_sync_init(&s);
	pid = FORK();
	if (!pid) {
		abi_await(&s);
		_exit(8);
	}
	fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 && errno == ENOSYS)
		SKIP("no pidfd_open");
	OK(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED | WNOHANG));
	abi_post(&s);
	OK(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED));
	CHECK_EQ(si.si_status, 8);
	CHECK_ERR(waitid((idtype_t)P_PIDFD, fd, &si, WEXITED), ECHILD);
	CHECK_ERR(waitid((idtype_t)P_PIDFD, 999, &si, WEXITED), EBADF);
	CHECK_ERR(waitid((idtype_t)P_PIDFD, 0, &si, WEXITED), EBADF);
}

ABI_TEST(sigchld_ignored_reaps)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = FORK();
	if (!pid)
		_exit(0);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

static void on_chld(int sig)
{
	(void)sig;
}

ABI_TEST(nocldwait_reaps_but_signals)
{
	sigset_t set;
	pid_t pid;
	int sig;

	abi_handle(SIGCHLD, on_chld, SA_NOCLDWAIT);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	pid = FORK();
	if (!pid)
		_exit(0);
	CHECK_EQ(sigwait(&set, &sig), 0);
	CHECK_EQ(sig, SIGCHLD);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

ABI_TEST(sigchld_codes)
{
	sigset_t set;
	siginfo_t si;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	pid = FORK();
	if (!pid)
		pause_forever();
	OK(kill(pid, SIGSTOP));
	CHECK_EQ(OK(sigwaitinfo(&set, &si)), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_STOPPED);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, SIGSTOP);
	OK(kill(pid, SIGCONT));
	CHECK_EQ(OK(sigwaitinfo(&set, &si)), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_CONTINUED);
	OK(kill(pid, SIGKILL));
	CHECK_EQ(OK(sigwaitinfo(&set, &si)), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_KILLED);
	CHECK_EQ(si.si_status, SIGKILL);
	CHECK_KILLED(pid, SIGKILL);
	pid = FORK();
	if (!pid)
		_exit(17);
	CHECK_EQ(OK(sigwaitinfo(&set, &si)), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_status, 17);
	CHECK_EQ(si.si_uid, getuid());
}

ABI_TEST(nocldstop)
{
	sigset_t set, got;
	pid_t pid;
	int status;

	abi_handle(SIGCHLD, on_chld, SA_NOCLDSTOP);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	pid = FORK();
	if (!pid)
		pause_forever();
	OK(kill(pid, SIGSTOP));
	OK(waitpid(pid, &status, WUNTRACED));
	OK(sigpending(&got));
	CHECK(!sigismember(&got, SIGCHLD));
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
	OK(sigpending(&got));
	CHECK(sigismember(&got, SIGCHLD));
}

ABI_TEST(interrupted_by_handler)
{
	pid_t pid = FORK();

	if (!pid)
		pause_forever();
	abi_tick_start(0);
	CHECK_ERR(waitpid(pid, NULL, 0), EINTR);
	abi_tick_stop();
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

ABI_TEST(rusage)
{
	struct rusage ru;
	pid_t pid = FORK();

	if (!pid) {
		struct timespec ts = { 0, 0 };

		memset(abi_map(4 << 20, RW, ANON), 1, 4 << 20);
		while (ts.tv_sec == 0 && ts.tv_nsec < 30000000)
			OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts));
		_exit(0);
	}
	memset(&ru, 0xff, sizeof(ru));
	CHECK_EQ(OK(wait4(pid, NULL, 0, &ru)), pid);
	CHECK(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec +
	      ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec > 10000);
	CHECK(ru.ru_maxrss >= 1024);
}

ABI_TEST(zombie_takes_signals)
{
	siginfo_t si;
	pid_t pid = FORK();

	if (!pid)
		_exit(0);
	OK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	OK(kill(pid, 0));
	OK(kill(pid, SIGKILL));
	CHECK_EXIT(pid, 0);
	CHECK_ERR(kill(pid, 0), ESRCH);
}

ABI_TEST(bad_pointers)
{
	pid_t pid = FORK();

	if (!pid)
		_exit(0);
	CHECK_ERR(syscall(SYS_wait4, pid, BAD_KERNEL, 0, NULL), EFAULT);
	/* The child was reaped all the same. */
	CHECK_ERR(syscall(SYS_wait4, pid, NULL, 0, NULL), ECHILD);
}
