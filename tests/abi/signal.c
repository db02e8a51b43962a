/* SPDX-License-Identifier: MIT */
/*
 * Signal generation and delivery: masks, pending sets, real-time queues,
 * sigaction flags, sigsuspend, sigtimedwait, sigqueue, kill's errors.
 */
#define ABI_FAMILY "signal"
#include "abi.h"

#include <sched.h>

#define RT (SIGRTMIN + 2)

static volatile sig_atomic_t count, last_sig, depth, max_depth;
static volatile int order[64], order_len;

static void on_signal(int sig)
{
	count++;
	last_sig = sig;
	if (order_len < 64)
		order[order_len++] = sig;
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	OK(sigprocmask(how, &set, NULL));
}

static long sys_sigqueue(pid_t pid, int sig, int code, int value)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = sig;
	si.si_code = code;
	si.si_pid = getpid();
	si.si_uid = getuid();
	si.si_value.sival_int = value;
	return syscall(SYS_rt_sigqueueinfo, pid, sig, &si);
}

ABI_TEST(raise_runs_handler_at_once)
{
	abi_handle(SIGUSR1, on_signal, 0);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 1);
	OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(count, 2);
	OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
	CHECK_EQ(count, 3);
	OK(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1));
	CHECK_EQ(count, 4);
}

ABI_TEST(blocked_stays_pending)
{
	sigset_t set;

	abi_handle(SIGUSR1, on_signal, 0);
	block(SIG_BLOCK, SIGUSR1);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 0);
	OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 1);
	OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGUSR1));
}

ABI_TEST(standard_signals_collapse)
{
	abi_handle(SIGUSR1, on_signal, 0);
	block(SIG_BLOCK, SIGUSR1);
	for (int i = 0; i < 5; i++)
		OK(kill(getpid(), SIGUSR1));
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 1);
}

static volatile int values[64];

static void on_queued(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	values[count] = si->si_value.sival_int;
	on_signal(sig);
}

ABI_TEST(realtime_signals_queue_in_order)
{
	union sigval v;

	abi_handle_info(RT, on_queued, 0);
	block(SIG_BLOCK, RT);
	for (int i = 0; i < 20; i++) {
		v.sival_int = 100 + i;
		OK(sigqueue(getpid(), RT, v));
	}
	block(SIG_UNBLOCK, RT);
	CHECK_EQ(count, 20);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(values[i], 100 + i);
}

ABI_TEST(lowest_realtime_first)
{
	sigset_t set, old;

	sigemptyset(&set);
	for (int i = 4; i >= 0; i--) {
		/* All blocked while a handler runs, so that order shows. */
		struct sigaction sa = { .sa_handler = on_signal };

		sigfillset(&sa.sa_mask);
		OK(sigaction(RT + i, &sa, NULL));
		sigaddset(&set, RT + i);
	}
	OK(sigprocmask(SIG_BLOCK, &set, &old));
	for (int i = 4; i >= 0; i--)
		OK(raise(RT + i));
	OK(sigprocmask(SIG_SETMASK, &old, NULL));
	CHECK_EQ(order_len, 5);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(order[i], RT + i);
}

ABI_TEST(queue_is_bounded)
{
	union sigval v = { .sival_int = 1 };
	struct { uint64_t cur, max; } rl = { 10, 10 };
	int n = 0;

	OK(syscall(SYS_prlimit64, 0, 11 /* SIGPENDING */, &rl, NULL));
	block(SIG_BLOCK, RT);
	while (n < 1000 && sigqueue(getpid(), RT, v) == 0)
		n++;
	/* Other processes of the same user count as well. */
	CHECK(n <= 10);
	CHECK_EQ(errno, EAGAIN);
	/* A standard signal gets through all the same. */
	abi_handle(SIGUSR1, on_signal, 0);
	OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(count, 1);
}

static void on_nested(int sig)
{
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	count++;
	if (count < 5)
		raise(sig);
	depth--;
}

ABI_TEST(handler_blocks_its_own_signal)
{
	abi_handle(SIGUSR1, on_nested, 0);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 5);
	CHECK_EQ(max_depth, 1);
}

ABI_TEST(nodefer_nests)
{
	abi_handle(SIGUSR1, on_nested, SA_NODEFER);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 5);
	CHECK_EQ(max_depth, 5);
}

static sigset_t in_handler;

static void on_record_mask(int sig)
{
	(void)sig;
	sigprocmask(SIG_BLOCK, NULL, &in_handler);
}

ABI_TEST(handler_mask)
{
	struct sigaction sa = { .sa_handler = on_record_mask };
	sigset_t now;

	sigaddset(&sa.sa_mask, SIGUSR2);
	OK(sigaction(SIGUSR1, &sa, NULL));
	block(SIG_BLOCK, SIGHUP);
	OK(raise(SIGUSR1));
	CHECK(sigismember(&in_handler, SIGUSR1));
	CHECK(sigismember(&in_handler, SIGUSR2));
	CHECK(sigismember(&in_handler, SIGHUP));
	CHECK(!sigismember(&in_handler, SIGTERM));
	OK(sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
	CHECK(sigismember(&now, SIGHUP));
}

ABI_TEST(kill_and_stop_cannot_be_blocked)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct ksigaction ka = { .handler = (void *)on_signal };
	sigset_t set;

	sigfillset(&set);
	OK(sigprocmask(SIG_SETMASK, &set, NULL));
	OK(sigprocmask(SIG_BLOCK, NULL, &set));
	CHECK(!sigismember(&set, SIGKILL) && !sigismember(&set, SIGSTOP));
	CHECK(sigismember(&set, SIGTERM));
	CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGSTOP, &ka, NULL, 8), EINVAL);
}

ABI_TEST(resethand)
{
	struct sigaction sa;

	abi_handle(SIGUSR1, on_signal, SA_RESETHAND);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 1);
	OK(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
}

ABI_TEST(sigaction_round_trip)
{
	struct ksigaction a, b;

	memset(&a, 0, sizeof(a));
	a.handler = (void *)on_signal;
	a.flags = SA_RESTART | SA_NODEFER | 0x04000000;
	a.mask = 0x5a5 | 1UL << 8;	/* SIGKILL is taken out */
	a.restorer = (void *)0x1234;
	OK(syscall(SYS_rt_sigaction, SIGUSR2, &a, NULL, 8));
	OK(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &b, 8));
	CHECK(b.handler == a.handler && b.restorer == a.restorer);
	CHECK_EQ(b.flags & (SA_RESTART | SA_NODEFER), SA_RESTART | SA_NODEFER);
	CHECK_EQ(b.mask, 0x4a5);
	CHECK_ERR(syscall(SYS_rt_sigaction, 0, &a, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 65, &a, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, BAD_KERNEL, NULL, 8), EFAULT);
}

ABI_TEST(procmask_rules)
{
	uint64_t set = 0, old = 0;

	CHECK_ERR(syscall(SYS_rt_sigprocmask, 77, &set, &old, 8), EINVAL);
	OK(syscall(SYS_rt_sigprocmask, 77, NULL, &old, 8));
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 16), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD_HOLE, NULL, 8), EFAULT);
	set = ~0UL;
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8));
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &old, 8));
	CHECK_EQ(old, ~(1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1)));
}

ABI_TEST(ignoring_discards_pending)
{
	abi_handle(SIGUSR1, on_signal, 0);
	block(SIG_BLOCK, SIGUSR1);
	OK(raise(SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	abi_handle(SIGUSR1, on_signal, 0);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 0);
}

ABI_TEST(blocked_and_ignored_stays_pending)
{
	sigset_t set;

	signal(SIGUSR1, SIG_IGN);
	block(SIG_BLOCK, SIGUSR1);
	OK(kill(getpid(), SIGUSR1));
	OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	block(SIG_UNBLOCK, SIGUSR1);
	OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGUSR1));
}

ABI_TEST(sigsuspend)
{
	sigset_t set, now;
	int status;
	pid_t pid;

	abi_handle(SIGUSR1, on_signal, 0);
	block(SIG_BLOCK, SIGUSR1);
	OK(raise(SIGUSR1));
	sigemptyset(&set);
	CHECK_ERR(sigsuspend(&set), EINTR);
	CHECK_EQ(count, 1);
	OK(sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1));
	/* And when it has to wait. */
	pid = FORK();
	if (!pid) {
		OK(kill(getppid(), SIGUSR1));
		_exit(0);
	}
	sigaddset(&set, SIGCHLD);
	CHECK_ERR(sigsuspend(&set), EINTR);
	CHECK_EQ(count, 2);
	OK(waitpid(pid, &status, 0));
	CHECK_ERR(syscall(SYS_rt_sigsuspend, &set, 4), EINVAL);
}

ABI_TEST(sigtimedwait)
{
	struct timespec zero = { 0, 0 }, tiny = { 0, 2000000 }, bad = { 0, -1 };
	long long t;
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, RT);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	CHECK_ERR(sigtimedwait(&set, &si, &zero), EAGAIN);
	t = abi_now_ns();
	CHECK_ERR(sigtimedwait(&set, &si, &tiny), EAGAIN);
	CHECK(abi_now_ns() - t >= 2000000);
	CHECK_ERR(sigtimedwait(&set, &si, &bad), EINVAL);
	OK(sys_sigqueue(getpid(), RT, SI_QUEUE, 55));
	OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(sigtimedwait(&set, &si, &zero), SIGUSR1);
	CHECK_EQ(si.si_code, SI_USER);
	CHECK_EQ(si.si_pid, getpid());
	CHECK_EQ(sigtimedwait(&set, &si, NULL), RT);
	CHECK_EQ(si.si_code, SI_QUEUE);
	CHECK_EQ(si.si_value.sival_int, 55);
	CHECK_ERR(sigtimedwait(&set, &si, &zero), EAGAIN);
}

ABI_TEST(sigtimedwait_interrupted)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	abi_tick_start(SA_RESTART);
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 8), EINTR);
	abi_tick_stop();
}

ABI_TEST(sigqueueinfo_rules)
{
	abi_handle(SIGUSR1, on_signal, 0);
	/* To oneself any code is allowed; to others only negative ones. */
	OK(sys_sigqueue(getpid(), SIGUSR1, SI_USER, 0));
	CHECK_ERR(sys_sigqueue(getppid(), 0, SI_USER, 0), EPERM);
	CHECK_ERR(sys_sigqueue(getppid(), 0, SI_TKILL, 0), EPERM);
	CHECK_ERR(sys_sigqueue(4000000, SIGUSR1, SI_QUEUE, 0), ESRCH);
	CHECK_ERR(sys_sigqueue(getpid(), 65, SI_QUEUE, 0), EINVAL);
	OK(sys_sigqueue(getpid(), 0, SI_QUEUE, 0));
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, BAD_KERNEL), EFAULT);
}

ABI_TEST(kill_errors)
{
	CHECK_ERR(kill(4000000, 0), ESRCH);
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(kill(INT_MIN, 0), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 4000000, 0), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, -1, getpid(), 0), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, 4000000, getpid(), 0), ESRCH);
	CHECK_ERR(syscall(SYS_tkill, 0, 0), EINVAL);
	OK(kill(getpid(), 0));
	OK(kill(0, 0));
}

ABI_TEST(sigpipe)
{
	int p[2];
	pid_t pid;

	OK(pipe(p));
	close(p[0]);
	pid = FORK();
	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		OK(write(p[1], "x", 1));
		_exit(0);
	}
	CHECK_KILLED(pid, SIGPIPE);
	abi_handle(SIGPIPE, on_signal, 0);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(last_sig, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
}

ABI_TEST(handler_may_leave_by_longjmp)
{
	sigset_t set;

	for (int i = 0; i < 3; i++) {
		CHECK_EQ(abi_load(BAD_UNMAPPED), SIGSEGV);
		OK(sigprocmask(SIG_BLOCK, NULL, &set));
		CHECK(!sigismember(&set, SIGSEGV));
	}
}

ABI_TEST(stop_discards_pending_continue)
{
	int status;
	pid_t pid = FORK();

	if (!pid) {
		block(SIG_BLOCK, SIGCONT);
		OK(raise(SIGCONT));
		OK(raise(SIGSTOP));
		_exit(0);
	}
	OK(waitpid(pid, &status, WUNTRACED));
	CHECK(WIFSTOPPED(status));
	OK(kill(pid, SIGCONT));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(continue_discards_pending_stops)
{
	sigset_t set;

	block(SIG_BLOCK, SIGTSTP);
	OK(raise(SIGTSTP));
	OK(sigpending(&set));
	CHECK(sigismember(&set, SIGTSTP));
	OK(raise(SIGCONT));
	OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGTSTP));
}

ABI_TEST(signals_wait_while_stopped)
{
	int status, *shared = abi_map(PAGE, RW, SHARED);
	pid_t pid = FORK();

	if (!pid) {
		abi_handle(SIGUSR1, on_signal, 0);
		OK(raise(SIGSTOP));
		*shared = count;
		_exit(0);
	}
	OK(waitpid(pid, &status, WUNTRACED));
	OK(kill(pid, SIGUSR1));
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	OK(kill(pid, SIGCONT));
	CHECK_EXIT(pid, 0);
	CHECK_EQ(*shared, 1);
}

ABI_TEST(sigkill_ends_a_stopped_process)
{
	int status;
	pid_t pid = FORK();

	if (!pid) {
		sigset_t set;

		sigfillset(&set);
		OK(sigprocmask(SIG_BLOCK, &set, NULL));
		OK(raise(SIGSTOP));
		_exit(0);
	}
	OK(waitpid(pid, &status, WUNTRACED));
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

ABI_TEST(kill_all_counts_others)
{
	pid_t pid = FORK();

	/* Signal 0: it must find the child, and harms nobody. */
	if (!pid)
		pause();
	OK(kill(-1, 0));
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

ABI_TEST(ping_pong)
{
	sigset_t set, none;
	pid_t pid;

	abi_handle(SIGUSR1, on_signal, 0);
	block(SIG_BLOCK, SIGUSR1);
	sigfillset(&none);
	sigdelset(&none, SIGUSR1);
	sigdelset(&none, SIGALRM);
	sigemptyset(&set);
	pid = FORK();
	if (!pid) {
		for (int i = 0; i < 200; i++) {
			sigsuspend(&none);
			OK(kill(getppid(), SIGUSR1));
		}
		_exit(0);
	}
	for (int i = 0; i < 200; i++) {
		OK(kill(pid, SIGUSR1));
		sigsuspend(&none);
	}
	CHECK_EQ(count, 200);
	CHECK_EXIT(pid, 0);
}
