/* SPDX-License-Identifier: MIT */
/*
 * Clocks, sleeping, interval timers, CPU-time limits.
 *
 * CLOCK_REALTIME is the HAL's epoch plus monotonic time plus what
 * clock_settime added. ITIMER_VIRTUAL, ITIMER_PROF and RLIMIT_CPU are checked
 * at each return to user mode, so a timer that is armed for one of them asks
 * for ticks (process_check_cpu_limits).
 */
#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/clock.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/vdso.h"
#include "mm/uaccess.h"

enum {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
	CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
	CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI = 11,
};
#define TIMER_ABSTIME 1

static s64 realtime_offset_ns;	/* by clock_settime */

u64 clock_realtime_ns(void)
{
	return hal_clock_epoch_ns() + hal_clock_ns() + (u64)realtime_offset_ns;
}

struct timespec64 clock_realtime(void)
{
	return ns_to_timespec(clock_realtime_ns());
}

int timespec_to_ns(const struct timespec64 *ts, u64 *ns)
{
	if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	if (__builtin_mul_overflow((u64)ts->sec, NSEC_PER_SEC, ns) ||
	    __builtin_add_overflow(*ns, (u64)ts->nsec, ns))
		*ns = U64_MAX;
	return 0;
}

static u64 process_cpu_ns(struct process *p)
{
	u64 u, s;

	process_times(p, &u, &s);
	return u + s;
}

static u64 thread_cpu_ns(const struct task *t)
{
	u64 ns = t->utime_ns + t->stime_ns;

	return t == current ? ns + hal_clock_ns() - t->mode_since_ns : ns;
}

/* CPU clock ids of clock_getcpuclockid(3): ~pid << 3 | kind (2: sched), bit 2 thread. */
static int read_cpu_clock(int id, u64 *ns)
{
	pid_t pid = ~(id >> 3);
	struct process *p;
	struct task *t;

	if ((id & 3) == 3)
		return -EINVAL;
	if (id & 4) {
		t = pid ? task_find(pid) : current;
		if (!t || t->process != current->process)
			return -EINVAL;
		*ns = thread_cpu_ns(t);
		return 0;
	}
	p = pid ? process_find(pid) : current->process;
	if (!p)
		return -EINVAL;
	*ns = process_cpu_ns(p);
	return 0;
}

static int read_clock(int id, u64 *ns)
{
	if (id < 0)
		return read_cpu_clock(id, ns);
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = clock_realtime_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = hal_clock_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = process_cpu_ns(current->process);
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = thread_cpu_ns(current);
		return 0;
	default:
		return -EINVAL;
	}
}

SYSCALL_DEFINE2(clock_gettime, int, id, uaddr_t, p)
{
	struct timespec64 ts;
	u64 ns;
	int err = read_clock(id, &ns);

	if (err)
		return err;
	ts = ns_to_timespec(ns);
	return copyout(p, &ts, sizeof(ts));
}

SYSCALL_DEFINE2(clock_getres, int, id, uaddr_t, p)
{
	struct timespec64 ts = { 0, 1 };
	u64 ns;
	int err = read_clock(id, &ns);

	if (err)
		return err;
	if (id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE)
		ts.nsec = 4000000;
	return p ? copyout(p, &ts, sizeof(ts)) : 0;
}

static s64 set_realtime(u64 ns)
{
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	realtime_offset_ns += (s64)(ns - clock_realtime_ns());
	vdso_set_realtime_offset(realtime_offset_ns);
	timerfd_clock_was_set();
	return 0;
}

SYSCALL_DEFINE2(clock_settime, int, id, uaddr_t, p)
{
	struct timespec64 ts;
	u64 ns;
	int err;

	if (id != CLOCK_REALTIME)
		return -EINVAL;
	if (copyin(&ts, p, sizeof(ts)))
		return -EFAULT;
	err = timespec_to_ns(&ts, &ns);
	return err ? err : set_realtime(ns);
}

SYSCALL_DEFINE2(gettimeofday, uaddr_t, tvp, uaddr_t, tzp)
{
	u64 ns = clock_realtime_ns();
	struct timeval64 tv = { (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) };
	u64 tz = 0;

	if (tvp && copyout(tvp, &tv, sizeof(tv)))
		return -EFAULT;
	return tzp ? copyout(tzp, &tz, sizeof(tz)) : 0;
}

SYSCALL_DEFINE2(settimeofday, uaddr_t, tvp, uaddr_t, tzp)
{
	struct timeval64 tv;
	u64 tz;

	if (tvp) {
		if (copyin(&tv, tvp, sizeof(tv)))
			return -EFAULT;
		if (tv.sec < 0 || tv.usec < 0 || tv.usec >= 1000000)
			return -EINVAL;
	}
	if (tzp && copyin(&tz, tzp, sizeof(tz)))
		return -EFAULT;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	return tvp ? set_realtime((u64)tv.sec * NSEC_PER_SEC + (u64)tv.usec * 1000) : 0;
}

SYSCALL_DEFINE1(time, uaddr_t, p)
{
	u64 sec = clock_realtime_ns() / NSEC_PER_SEC;

	if (p && put_user_u64(p, sec))
		return -EFAULT;
	return (s64)sec;
}

/* ---- sleeping ---- */

static s64 sleep_to(u64 deadline, uaddr_t rem);

static s64 restart_sleep(struct task *t)
{
	return sleep_to(t->restart_arg[0], t->restart_arg[1]);
}

static s64 sleep_to(u64 deadline, uaddr_t rem)
{
	struct task *t = current;
	struct timespec64 left;
	u64 now;
	int err;

	t->wchan = "hrtimer_nanosleep";
	do {
		t->woken = false;
		err = sleep_until(SLEEP_INTERRUPTIBLE, deadline);
	} while (!err);
	t->wchan = NULL;
	if (err == -ETIMEDOUT)
		return 0;
	now = hal_clock_ns();
	left = ns_to_timespec(deadline > now ? deadline - now : 0);
	if (rem && copyout(rem, &left, sizeof(left)))
		return -EFAULT;
	t->restart_fn = restart_sleep;
	t->restart_arg[0] = deadline;
	t->restart_arg[1] = rem;
	return -ERESTART_RESTARTBLOCK;
}

SYSCALL_DEFINE2(nanosleep, uaddr_t, req, uaddr_t, rem)
{
	struct timespec64 ts;
	u64 ns;
	int err;

	if (copyin(&ts, req, sizeof(ts)))
		return -EFAULT;
	err = timespec_to_ns(&ts, &ns);
	if (err)
		return err;
	return ns ? sleep_to(deadline_after(ns), rem) : 0;
}

SYSCALL_DEFINE4(clock_nanosleep, int, id, int, flags, uaddr_t, req, uaddr_t, rem)
{
	struct timespec64 ts;
	u64 ns, now;
	s64 ret;
	int err;

	if (id == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	err = read_clock(id, &now);
	if (err)
		return err;
	if (id == CLOCK_MONOTONIC_RAW || id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE)
		return -EOPNOTSUPP;
	if (copyin(&ts, req, sizeof(ts)))
		return -EFAULT;
	err = timespec_to_ns(&ts, &ns);
	if (err)
		return err;
	if (!(flags & TIMER_ABSTIME))
		return ns ? sleep_to(deadline_after(ns), rem) : 0;
	if (ns <= now)
		return 0;
	ret = sleep_to(deadline_after(ns - now), 0);
	return ret == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : ret;
}

SYSCALL_DEFINE0(restart_syscall)
{
	struct task *t = current;
	s64 (*fn)(struct task *t) = t->restart_fn;

	t->restart_fn = NULL;
	return fn ? fn(t) : -EINTR;
}

/* ---- interval timers ---- */

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
struct itimerval64 { struct timeval64 interval, value; };

static void real_expired(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, itimer_real);

	if (p->itimer_real_interval) {
		u64 next = timer->expires_ns + p->itimer_real_interval, now = hal_clock_ns();

		if (next <= now)
			next = now + p->itimer_real_interval;
		timer_arm(timer, next);
	}
	signal_process(p, SIGALRM);
}

static int tv_to_ns(const struct timeval64 *tv, u64 *ns)
{
	struct timespec64 ts = { tv->sec, 0 };

	if (tv->usec < 0 || tv->usec >= 1000000)
		return -EINVAL;
	ts.nsec = tv->usec * 1000;
	return timespec_to_ns(&ts, ns);
}

static struct timeval64 ns_to_tv(u64 ns)
{
	return (struct timeval64){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) };
}

/* Remaining and interval of a timer, ns. */
static void get_itimer(struct process *p, int which, u64 *left, u64 *interval)
{
	u64 now = hal_clock_ns();
	u64 *v = which == ITIMER_VIRTUAL ? p->itimer_virt : p->itimer_prof;

	if (which == ITIMER_REAL) {
		*interval = p->itimer_real_interval;
		*left = 0;
		if (p->itimer_real.armed)
			*left = p->itimer_real.expires_ns > now ? p->itimer_real.expires_ns - now
								: 1000;
		return;
	}
	*left = v[0];
	*interval = v[1];
}

static void set_itimer(struct process *p, int which, u64 value, u64 interval)
{
	u64 *v = which == ITIMER_VIRTUAL ? p->itimer_virt : p->itimer_prof;

	if (which == ITIMER_REAL) {
		timer_cancel(&p->itimer_real);
		p->itimer_real.fn = real_expired;
		p->itimer_real_interval = interval;
		if (value)
			timer_arm(&p->itimer_real, deadline_after(value));
		return;
	}
	v[0] = value;
	v[1] = interval;
	process_times(p, &p->cpu_seen_utime_ns, &p->cpu_seen_stime_ns);
}

SYSCALL_DEFINE2(getitimer, int, which, uaddr_t, p)
{
	struct itimerval64 it;
	u64 left, interval;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	get_itimer(current->process, which, &left, &interval);
	it = (struct itimerval64){ ns_to_tv(interval), ns_to_tv(left) };
	return copyout(p, &it, sizeof(it));
}

SYSCALL_DEFINE3(setitimer, int, which, uaddr_t, newp, uaddr_t, oldp)
{
	struct itimerval64 new = { { 0, 0 }, { 0, 0 } }, old;
	u64 value, interval, left, old_interval;

	if (newp && copyin(&new, newp, sizeof(new)))
		return -EFAULT;
	if (which < ITIMER_REAL || which > ITIMER_PROF || tv_to_ns(&new.value, &value) ||
	    tv_to_ns(&new.interval, &interval))
		return -EINVAL;
	get_itimer(current->process, which, &left, &old_interval);
	set_itimer(current->process, which, value, interval);
	old = (struct itimerval64){ ns_to_tv(old_interval), ns_to_tv(left) };
	return oldp ? copyout(oldp, &old, sizeof(old)) : 0;
}

SYSCALL_DEFINE1(alarm, u32, seconds)
{
	u64 left, interval;

	get_itimer(current->process, ITIMER_REAL, &left, &interval);
	set_itimer(current->process, ITIMER_REAL, seconds * NSEC_PER_SEC, 0);
	left = (left + NSEC_PER_SEC / 2) / NSEC_PER_SEC + (left && left < NSEC_PER_SEC / 2);
	return (s64)left;
}

/* ---- CPU time ---- */

static bool cpu_itimer(u64 v[2], u64 used)
{
	if (!v[0])
		return false;
	if (v[0] > used) {
		v[0] -= used;
		return false;
	}
	v[0] = v[1];
	return true;
}

static void check_rlimit_cpu(struct process *p, u64 total_ns)
{
	struct rlimit64 *r = &p->rlim[RLIMIT_CPU];
	u64 sec = total_ns / NSEC_PER_SEC;

	if (r->max != RLIM_INFINITY && sec >= r->max) {
		signal_process(p, SIGKILL);
	} else if (sec >= r->cur) {
		signal_process(p, SIGXCPU);
		r->cur = sec + 1;	/* once a second from now on, as Linux */
	}
}

void process_check_cpu_limits(struct task *t)
{
	struct process *p = t->process;
	u64 u, s;

	process_times(p, &u, &s);
	if (cpu_itimer(p->itimer_virt, u - p->cpu_seen_utime_ns))
		signal_process(p, SIGVTALRM);
	if (cpu_itimer(p->itimer_prof, u + s - p->cpu_seen_utime_ns - p->cpu_seen_stime_ns))
		signal_process(p, SIGPROF);
	p->cpu_seen_utime_ns = u;
	p->cpu_seen_stime_ns = s;
	if (p->cpu_timers)
		p->cpu_timers = posix_cpu_timers_check(p);
	if (p->rlim[RLIMIT_CPU].cur != RLIM_INFINITY)
		check_rlimit_cpu(p, u + s);
	sched_want_tick();
}
