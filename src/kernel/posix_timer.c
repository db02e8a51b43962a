/* SPDX-License-Identifier: MIT */
/*
 * POSIX timers (timer_create(2)): per process, by id.
 *
 * An expiry queues one signal; while that one is pending, further expiries
 * only count as overrun, which is told when the signal is taken.
 * Clocks: the monotonic and realtime families run on kernel timers; the CPU-time
 * clocks of the calling process and thread are compared at each return to user
 * mode (posix_cpu_timers_check), which asks for ticks while one is armed.
 */
#include "abi/errno.h"
#include "kernel/clock.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define TIMER_ABSTIME 1
#define CLOCK_PROCESS_CPU 2
#define CLOCK_THREAD_CPU 3
#define DELAYTIMER_MAX S32_MAX

struct posix_timer {
	struct list_head link;
	struct timer timer;
	struct process *process;
	int id;
	int clock;
	struct sigevent64 ev;
	struct task *target;		/* SIGEV_THREAD_ID; a reference */
	u64 interval_ns;
	u64 overrun, last_overrun;
	bool pending;			/* our signal is queued */
	bool cpu_armed;			/* CPU-time clock: cpu_expires_ns is valid */
	u64 cpu_expires_ns;		/* of the clock's own time */
	struct task *thread;		/* CLOCK_THREAD_CPUTIME_ID: whose; no reference */
};

struct itimerspec64 { struct timespec64 interval, value; };

static SLAB_CACHE(posix_timer_cache, struct posix_timer);

static struct posix_timer *find(int id)
{
	struct posix_timer *pt;

	list_for_each_entry(pt, &current->process->posix_timers, link)
		if (pt->id == id)
			return pt;
	return NULL;
}

static void fire(struct posix_timer *pt)
{
	struct siginfo info;

	if (pt->ev.notify == SIGEV_NONE)
		return;
	if (pt->pending) {
		pt->overrun++;
		return;
	}
	memset(&info, 0, sizeof(info));
	info.signo = pt->ev.signo;
	info.code = SI_TIMER;
	info.timer.tid = pt->id;
	info.timer.value = pt->ev.value;
	pt->pending = true;
	pt->overrun = 0;
	if (pt->target)
		signal_task_info(pt->target, &info);
	else
		signal_process_info(pt->process, &info);
	/* Ignored or already pending from elsewhere: nothing will be taken. */
	if (!((pt->target ? pt->target->pending.set | pt->process->pending.set
			  : pt->process->pending.set) & sigmask(pt->ev.signo)))
		pt->pending = false;
}

static void expired(struct timer *timer)
{
	struct posix_timer *pt = container_of(timer, struct posix_timer, timer);
	u64 now = hal_clock_ns(), next;

	if (pt->interval_ns) {
		next = timer->expires_ns + pt->interval_ns;
		if (next <= now) {
			u64 missed = (now - next) / pt->interval_ns + 1;

			pt->overrun += pt->pending ? missed : 0;
			next += missed * pt->interval_ns;
			fire(pt);
			if (pt->pending)
				pt->overrun += missed;
			timer_arm(timer, next);
			return;
		}
		timer_arm(timer, next);
	}
	fire(pt);
}

void posix_timer_delivered(struct siginfo *info)
{
	struct posix_timer *pt = find(info->timer.tid);

	if (!pt)
		return;
	pt->pending = false;
	pt->last_overrun = min(pt->overrun, (u64)DELAYTIMER_MAX);
	info->timer.overrun = (s32)pt->last_overrun;
	pt->overrun = 0;
}

/* ---- CPU-time clocks ---- */

static bool is_cpu_clock(const struct posix_timer *pt)
{
	return pt->clock == CLOCK_PROCESS_CPU || pt->clock == CLOCK_THREAD_CPU;
}

static u64 cpu_now(const struct posix_timer *pt)
{
	const struct task *t = pt->thread;
	u64 u, s;

	if (!t) {
		process_times(pt->process, &u, &s);
		return u + s;
	}
	u = t->utime_ns + t->stime_ns;
	return t == current ? u + hal_clock_ns() - t->mode_since_ns : u;
}

void posix_timers_thread_exit(struct task *t)
{
	struct posix_timer *pt;

	list_for_each_entry(pt, &t->process->posix_timers, link) {
		if (pt->thread == t) {
			pt->cpu_armed = false;
			pt->thread = NULL;
		}
	}
}

bool posix_cpu_timers_check(struct process *p)
{
	struct posix_timer *pt;
	bool armed = false;

	list_for_each_entry(pt, &p->posix_timers, link) {
		u64 now;

		if (!pt->cpu_armed)
			continue;
		now = cpu_now(pt);
		if (now >= pt->cpu_expires_ns) {
			pt->cpu_armed = pt->interval_ns != 0;
			if (pt->interval_ns)
				pt->cpu_expires_ns += ((now - pt->cpu_expires_ns) /
						       pt->interval_ns + 1) * pt->interval_ns;
			fire(pt);
		}
		armed |= pt->cpu_armed;
	}
	return armed;
}

static void delete(struct posix_timer *pt)
{
	timer_cancel(&pt->timer);
	list_del(&pt->link);
	if (pt->target)
		task_put(pt->target);
	slab_free(&posix_timer_cache, pt);
}

void posix_timers_delete_all(struct process *p)
{
	while (!list_empty(&p->posix_timers))
		delete(list_first(&p->posix_timers, struct posix_timer, link));
}

static int check_event(const struct sigevent64 *ev, struct task **target)
{
	*target = NULL;
	switch (ev->notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_THREAD_ID:
		*target = task_find(ev->tid);
		if (!*target || (*target)->process != current->process)
			return -EINVAL;
		fallthrough;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		return ev->signo < 1 || ev->signo > NSIG ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

SYSCALL_DEFINE3(timer_create, int, clock, uaddr_t, evp, uaddr_t, idp)
{
	struct process *p = current->process;
	struct sigevent64 ev = { .signo = SIGALRM, .notify = SIGEV_SIGNAL };
	struct posix_timer *pt;
	struct task *target;
	int err;

	if (clock < 0)
		return -EINVAL;
	if (clock > 11 || clock == 10)
		return -EINVAL;
	if (clock >= 4 && clock <= 6)
		return -EOPNOTSUPP;
	if (evp && copyin(&ev, evp, sizeof(ev)))
		return -EFAULT;
	err = check_event(&ev, &target);
	if (err)
		return err;
	pt = slab_zalloc(&posix_timer_cache);
	if (!pt)
		return -EAGAIN;
	pt->process = p;
	pt->id = p->next_timer_id++;
	pt->clock = clock;
	pt->ev = ev;
	if (!evp)
		pt->ev.value = (u64)pt->id;
	pt->timer.fn = expired;
	pt->thread = clock == CLOCK_THREAD_CPU ? current : NULL;
	if (put_user_u32(idp, (u32)pt->id)) {
		slab_free(&posix_timer_cache, pt);
		return -EFAULT;
	}
	if (target)
		pt->target = task_get(target);
	list_add_tail(&pt->link, &p->posix_timers);
	return 0;
}

static struct itimerspec64 read_timer(const struct posix_timer *pt)
{
	u64 now = hal_clock_ns(), left = 0;

	if (pt->cpu_armed)
		left = pt->cpu_expires_ns > cpu_now(pt) ? pt->cpu_expires_ns - cpu_now(pt) : 1;
	else if (pt->timer.armed)
		left = pt->timer.expires_ns > now ? pt->timer.expires_ns - now : 1;
	return (struct itimerspec64){ ns_to_timespec(pt->interval_ns), ns_to_timespec(left) };
}

SYSCALL_DEFINE4(timer_settime, int, id, int, flags, uaddr_t, newp, uaddr_t, oldp)
{
	struct itimerspec64 new, old;
	struct posix_timer *pt;
	u64 value, interval, now;

	if (!newp)
		return -EINVAL;
	if (copyin(&new, newp, sizeof(new)))
		return -EFAULT;
	if (timespec_to_ns(&new.value, &value) || timespec_to_ns(&new.interval, &interval))
		return -EINVAL;
	pt = find(id);
	if (!pt)
		return -EINVAL;
	old = read_timer(pt);
	timer_cancel(&pt->timer);
	pt->cpu_armed = false;
	pt->interval_ns = interval;
	pt->overrun = 0;
	if (value && is_cpu_clock(pt)) {
		pt->cpu_expires_ns = value + ((flags & TIMER_ABSTIME) ? 0 : cpu_now(pt));
		pt->cpu_armed = true;
		pt->process->cpu_timers = true;
	} else if (value) {
		if (flags & TIMER_ABSTIME) {
			now = (pt->clock == 0 || pt->clock == 8 || pt->clock == 11)
				      ? clock_realtime_ns() : hal_clock_ns();
			value = value > now ? value - now : 0;
		}
		timer_arm(&pt->timer, deadline_after(value));
	}
	return oldp ? copyout(oldp, &old, sizeof(old)) : 0;
}

SYSCALL_DEFINE2(timer_gettime, int, id, uaddr_t, p)
{
	struct posix_timer *pt = find(id);
	struct itimerspec64 it;

	if (!pt)
		return -EINVAL;
	it = read_timer(pt);
	return copyout(p, &it, sizeof(it));
}

SYSCALL_DEFINE1(timer_getoverrun, int, id)
{
	struct posix_timer *pt = find(id);

	return pt ? (s64)pt->last_overrun : -EINVAL;
}

SYSCALL_DEFINE1(timer_delete, int, id)
{
	struct posix_timer *pt = find(id);

	if (!pt)
		return -EINVAL;
	delete(pt);
	return 0;
}
