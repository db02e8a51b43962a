/* SPDX-License-Identifier: MIT */
/*
 * Clocks, sleeping, interval timers and POSIX timers.
 */
#define ABI_FAMILY "time"
#include "abi.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

static long long ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

static long sys_gettime(int clock, struct timespec *ts)
{
	return syscall(SYS_clock_gettime, clock, ts);
}

static const int clocks[] = {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
	CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
};

ABI_TEST(clocks_exist_and_advance)
{
	struct timespec a, b, res;

	for (size_t i = 0; i < COUNT(clocks); i++) {
		OK(sys_gettime(clocks[i], &a));
		OK(sys_gettime(clocks[i], &b));
		CHECK(a.tv_nsec >= 0 && a.tv_nsec < 1000000000);
		CHECK(clocks[i] == CLOCK_REALTIME ||
		      clocks[i] == CLOCK_REALTIME_COARSE || ns(&b) >= ns(&a));
		OK(clock_getres(clocks[i], &res));
		CHECK(res.tv_sec == 0 && res.tv_nsec >= 1 && res.tv_nsec <= 20000000);
		OK(clock_getres(clocks[i], NULL));
	}
}

ABI_TEST(clock_errors)
{
	struct timespec ts;

	CHECK_ERR(sys_gettime(99, &ts), EINVAL);
	CHECK_ERR(syscall(SYS_clock_getres, 99, &ts), EINVAL);
	CHECK_ERR(sys_gettime(CLOCK_MONOTONIC, BAD_KERNEL), EFAULT);
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts), EINVAL);
	CHECK_ERR(syscall(SYS_clock_settime, 99, &ts), EINVAL);
}

ABI_TEST(monotonic_moves)
{
	long long t = abi_now_ns();

	while (abi_now_ns() == t)
		;
	CHECK(abi_now_ns() > t);
}

ABI_TEST(vdso_agrees_with_syscall)
{
	static const int both[] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
	};
	struct timespec a, b, c;

	for (size_t i = 0; i < COUNT(both); i++) {
		for (int k = 0; k < 200; k++) {
			OK(sys_gettime(both[i], &a));
			OK(clock_gettime(both[i], &b));
			OK(sys_gettime(both[i], &c));
			CHECK(ns(&a) <= ns(&b));
			CHECK(ns(&b) <= ns(&c));
		}
	}
}

ABI_TEST(gettimeofday_and_time_agree)
{
	struct timespec a, b;
	struct timeval tv, raw;
	long t;

	OK(sys_gettime(CLOCK_REALTIME, &a));
	OK(gettimeofday(&tv, NULL));
	OK(syscall(SYS_gettimeofday, &raw, NULL));
	t = syscall(SYS_time, NULL);
	OK(sys_gettime(CLOCK_REALTIME, &b));
	CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	CHECK(ns(&a) / 1000 <= tv.tv_sec * 1000000LL + tv.tv_usec);
	CHECK(raw.tv_sec * 1000000LL + raw.tv_usec <= ns(&b) / 1000);
	CHECK(t >= a.tv_sec - 1 && t <= b.tv_sec);
	CHECK(a.tv_sec > 1500000000);
}

ABI_TEST(vdso_is_an_elf_image)
{
	const Elf64_Ehdr *eh = (void *)getauxval(AT_SYSINFO_EHDR);

	if (!eh)
		SKIP("no vDSO");
	CHECK(!memcmp(eh->e_ident, ELFMAG, SELFMAG));
	CHECK_EQ(eh->e_type, ET_DYN);
	CHECK_EQ(eh->e_machine, EM_X86_64);
}

ABI_TEST(clocks_agree_with_each_other)
{
	struct timespec m, boot, raw;

	OK(sys_gettime(CLOCK_MONOTONIC, &m));
	OK(sys_gettime(CLOCK_BOOTTIME, &boot));
	CHECK(ns(&boot) >= ns(&m));
	OK(sys_gettime(CLOCK_MONOTONIC_RAW, &raw));
	CHECK(ns(&raw) > 0);
}

ABI_TEST(nanosleep_sleeps)
{
	struct timespec ts = { 0, 10000000 };
	long long t = abi_now_ns();

	OK(syscall(SYS_nanosleep, &ts, NULL));
	CHECK(abi_now_ns() - t >= 10000000);
	OK(syscall(SYS_nanosleep, &(struct timespec){ 0, 0 }, NULL));
	for (int i = 0; i < 2; i++) {
		t = abi_now_ns();
		OK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL));
		CHECK(abi_now_ns() - t >= 10000000);
	}
}

ABI_TEST(clock_nanosleep_absolute)
{
	struct timespec ts;

	OK(clock_gettime(CLOCK_MONOTONIC, &ts));
	ts.tv_nsec += 10000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	OK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	CHECK(abi_now_ns() >= ns(&ts));
	ts.tv_sec = 1;
	OK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	OK(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL));
}

ABI_TEST(sleep_errors)
{
	struct timespec bad = { 0, 1000000000 }, neg = { -1, 0 }, ok = { 0, 1 };

	CHECK_ERR(syscall(SYS_nanosleep, &bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, &neg, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, BAD_KERNEL, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_clock_nanosleep, 99, 0, &ok, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ok, NULL),
		  EOPNOTSUPP);
}

static volatile sig_atomic_t fired;
static siginfo_t fired_info;

static void on_fire(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	fired_info = *si;
	fired = sig;
}

static void wait_fired(void)
{
	while (!fired)
		;
}

ABI_TEST(itimer_real)
{
	struct itimerval it = { { 0, 0 }, { 0, 5000 } }, old;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	OK(setitimer(ITIMER_REAL, &it, &old));
	CHECK_EQ(sigwait(&set, &sig), 0);
	OK(getitimer(ITIMER_REAL, &it));
	CHECK(it.it_value.tv_sec == 0 && it.it_value.tv_usec == 0);
	it = (struct itimerval){ { 7, 0 }, { 1000, 0 } };
	OK(setitimer(ITIMER_REAL, &it, NULL));
	OK(getitimer(ITIMER_REAL, &it));
	CHECK_EQ(it.it_interval.tv_sec, 7);
	CHECK(it.it_value.tv_sec >= 900 && it.it_value.tv_sec <= 1000);
	it.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_setitimer, 9, &it, NULL), EINVAL);
}

ABI_TEST(itimer_repeats)
{
	struct itimerval it = { { 0, 2000 }, { 0, 2000 } };
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	OK(setitimer(ITIMER_REAL, &it, NULL));
	for (int i = 0; i < 5; i++)
		CHECK_EQ(sigwait(&set, &sig), 0);
}

ABI_TEST(itimer_virtual_and_prof)
{
	struct itimerval it = { { 0, 0 }, { 0, 10000 } };

	abi_handle_info(SIGVTALRM, on_fire, 0);
	abi_handle_info(SIGPROF, on_fire, 0);
	OK(setitimer(ITIMER_VIRTUAL, &it, NULL));
	wait_fired();
	CHECK_EQ(fired, SIGVTALRM);
	fired = 0;
	OK(setitimer(ITIMER_PROF, &it, NULL));
	wait_fired();
	CHECK_EQ(fired, SIGPROF);
}

ABI_TEST(alarm)
{
	CHECK(alarm(1000) <= 20);
	CHECK(alarm(500) >= 900);
	CHECK_EQ(alarm(0) <= 500, 1);
	CHECK_EQ(alarm(0), 0);
}

struct ksigevent {
	union sigval value;
	int signo, notify, tid;
	char pad[64 - 20];
};

static int timer_make(int clock, int notify, int sig, int value)
{
	struct ksigevent ev;
	int id;

	memset(&ev, 0, sizeof(ev));
	ev.signo = sig;
	ev.notify = notify;
	ev.value.sival_int = value;
	ev.tid = syscall(SYS_gettid);
	OK(syscall(SYS_timer_create, clock, &ev, &id));
	return id;
}

ABI_TEST(timer_signal_details)
{
	struct itimerspec it = { { 0, 0 }, { 0, 3000000 } };
	int id = timer_make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 1234);
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	OK(syscall(SYS_timer_settime, id, 0, &it, NULL));
	CHECK_EQ(OK(sigwaitinfo(&set, &si)), SIGUSR1);
	CHECK_EQ(si.si_code, SI_TIMER);
	CHECK_EQ(si.si_value.sival_int, 1234);
	OK(syscall(SYS_timer_gettime, id, &it));
	CHECK_EQ(ns(&it.it_value), 0);
	OK(syscall(SYS_timer_delete, id));
	CHECK_ERR(syscall(SYS_timer_delete, id), EINVAL);
}

ABI_TEST(timer_overrun)
{
	struct itimerspec it = { { 0, 1000000 }, { 0, 1000000 } };
	int id = timer_make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
	siginfo_t si;
	sigset_t set;
	long long t;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	OK(syscall(SYS_timer_settime, id, 0, &it, NULL));
	t = abi_now_ns();
	while (abi_now_ns() - t < 20000000)
		;
	CHECK_EQ(OK(sigwaitinfo(&set, &si)), SIGUSR1);
	CHECK(si.si_overrun >= 10);
	CHECK(OK(syscall(SYS_timer_getoverrun, id)) >= 10);
}

ABI_TEST(timer_none_and_thread)
{
	struct itimerspec it = { { 5, 0 }, { 1000, 0 } };
	int id = timer_make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);

	OK(syscall(SYS_timer_settime, id, 0, &it, NULL));
	OK(syscall(SYS_timer_gettime, id, &it));
	CHECK(it.it_interval.tv_sec == 5 && it.it_value.tv_sec >= 900);
	abi_handle_info(SIGUSR2, on_fire, 0);
	id = timer_make(CLOCK_MONOTONIC, 4 /* SIGEV_THREAD_ID */, SIGUSR2, 5);
	it = (struct itimerspec){ { 0, 0 }, { 0, 1000000 } };
	OK(syscall(SYS_timer_settime, id, 0, &it, NULL));
	wait_fired();
	CHECK_EQ(fired_info.si_code, SI_TIMER);
	CHECK_EQ(fired_info.si_value.sival_int, 5);
}

ABI_TEST(timer_errors)
{
	struct itimerspec bad = { { 0, 0 }, { 0, 1000000000 } };
	struct ksigevent ev = { .notify = 77 };
	int id = timer_make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0), other;

	CHECK_ERR(syscall(SYS_timer_create, 99, NULL, &other), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &other), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, id, 0, &bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, 9999, 0, &bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_gettime, 9999, &bad), EINVAL);
}

ABI_TEST(timer_cpu_clock)
{
	struct itimerspec it = { { 0, 0 }, { 0, 10000000 } };
	int id = timer_make(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 9);

	abi_handle_info(SIGUSR1, on_fire, 0);
	OK(syscall(SYS_timer_settime, id, 0, &it, NULL));
	wait_fired();
	CHECK_EQ(fired_info.si_value.sival_int, 9);
}

ABI_TEST(cpu_clock_of_process)
{
	clockid_t id;
	struct timespec a, b;

	CHECK_EQ(clock_getcpuclockid(0, &id), 0);
	OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a));
	OK(clock_gettime(id, &b));
	CHECK(ns(&b) >= ns(&a));
	CHECK(clock_getcpuclockid(4000000, &id) != 0);
}

ABI_TEST(times_and_clock)
{
	struct tms t;
	long long start = abi_now_ns();
	long a = OK(times(&t)), b;

	CHECK(t.tms_utime >= 0 && t.tms_stime >= 0);
	/* A hundred ticks a second. */
	while (abi_now_ns() - start < 50000000)
		;
	b = OK(times(&t));
	CHECK(b - a >= 4);
	CHECK(t.tms_utime + t.tms_stime >= 1);
	CHECK_EQ(sysconf(_SC_CLK_TCK), 100);
}

static long us(const struct timeval *t)
{
	return t->tv_sec * 1000000 + t->tv_usec;
}

/* However the kernel estimates them: user and system time do not go back, and no hundred
 * seconds go by here. */
ABI_TEST(itimer_virtual_is_not_early)
{
	struct itimerval it = { { 0, 0 }, { 100, 0 } };
	struct rusage before = { 0 }, now;
	static char data[60000];
	int fd[2];

	OK(pipe(fd));
	OK(setitimer(ITIMER_VIRTUAL, &it, NULL));
	OK(setitimer(ITIMER_PROF, &it, NULL));
	for (int i = 0; i < 20000; i++) {	/* short calls, and now and then a long one */
		syscall(SYS_getppid);
		if (i % 7 == 0) {
			CHECK_EQ(write(fd[1], data, sizeof(data)), (long)sizeof(data));
			CHECK_EQ(read(fd[0], data, sizeof(data)), (long)sizeof(data));
			OK(getrusage(RUSAGE_SELF, &now));
			CHECK(us(&now.ru_utime) >= us(&before.ru_utime));
			CHECK(us(&now.ru_stime) >= us(&before.ru_stime));
			before = now;
		}
	}
	OK(getitimer(ITIMER_VIRTUAL, &it));
	CHECK(it.it_value.tv_sec > 0);
	OK(getitimer(ITIMER_PROF, &it));
	CHECK(it.it_value.tv_sec > 0);
}
