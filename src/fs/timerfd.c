/* SPDX-License-Identifier: MIT */
/*
 * timerfd_create(2): a timer that is read.
 *
 * The file owns the object and its kernel timer. The timer is one-shot; an
 * interval is made up when the expiry is read, so an unread periodic timer
 * costs nothing. Deadlines are kept in monotonic ns; an absolute wall-clock
 * timer is re-armed when the clock is set (timerfd_clock_was_set).
 *
 * CLOCK_BOOTTIME is CLOCK_MONOTONIC: this kernel is never suspended.
 * Not supported: TFD_IOC_SET_TICKS.
 */
#include "fs/timerfd.h"

#include "abi/anonfd.h"
#include "fs/vfs.h"
#include "kernel/capability.h"
#include "kernel/clock.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME 7
#define CLOCK_REALTIME_ALARM 8
#define CLOCK_BOOTTIME_ALARM 9

struct timerfd {
	struct timer timer;
	struct waitqueue wq;
	struct list_head link;		/* all timerfds: clock changes */
	u64 ticks;
	u64 expires_ns;			/* monotonic; U64_MAX: disarmed */
	u64 abs_realtime_ns;		/* TFD_TIMER_ABSTIME on a wall clock, else 0 */
	u64 interval_ns;
	int clockid;
	u32 settime_flags;
	bool expired;			/* fired; the interval not yet made up */
	bool cancel_on_set;
	bool canceled;
};

static SLAB_CACHE(timerfd_cache, struct timerfd);
static struct list_head all_timerfds = LIST_HEAD_INIT(all_timerfds);

static void timerfd_fire(struct timer *t)
{
	struct timerfd *tfd = container_of(t, struct timerfd, timer);

	tfd->expired = true;
	tfd->ticks++;
	wake_up_poll(&tfd->wq, POLLIN);
}

static bool timerfd_is_realtime(const struct timerfd *tfd)
{
	return tfd->clockid == CLOCK_REALTIME || tfd->clockid == CLOCK_REALTIME_ALARM;
}

static void timerfd_arm(struct timerfd *tfd, u64 expires_ns)
{
	tfd->expires_ns = expires_ns;
	if (expires_ns == U64_MAX)
		timer_cancel(&tfd->timer);
	else
		timer_arm(&tfd->timer, expires_ns);
}

/* Monotonic time of a wall-clock time. */
static u64 realtime_to_monotonic(u64 real_ns)
{
	u64 now_real = clock_realtime_ns(), now = hal_clock_ns();

	if (real_ns <= now_real)
		return now > now_real - real_ns ? now - (now_real - real_ns) : 0;
	return now + (real_ns - now_real) < now ? U64_MAX : now + (real_ns - now_real);
}

/* Makes up for the intervals since the expiry and arms the next one. Returns
 * how many further expirations have passed. */
static u64 timerfd_forward(struct timerfd *tfd)
{
	u64 now = hal_clock_ns(), n;

	tfd->expired = false;
	if (!tfd->interval_ns)
		return 0;
	n = now >= tfd->expires_ns ? (now - tfd->expires_ns) / tfd->interval_ns + 1 : 1;
	if (tfd->abs_realtime_ns)
		tfd->abs_realtime_ns += n * tfd->interval_ns;
	timerfd_arm(tfd, tfd->expires_ns + n * tfd->interval_ns);
	return n - 1;
}

void timerfd_clock_was_set(void)
{
	struct timerfd *tfd;

	list_for_each_entry(tfd, &all_timerfds, link) {
		if (!timerfd_is_realtime(tfd))
			continue;
		if (tfd->cancel_on_set) {
			tfd->canceled = true;
			wake_up_poll(&tfd->wq, POLLIN);
		}
		if (tfd->abs_realtime_ns && tfd->timer.armed)
			timerfd_arm(tfd, realtime_to_monotonic(tfd->abs_realtime_ns));
	}
}

static ssize_t timerfd_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct timerfd *tfd = f->priv;
	u64 ticks;
	int err;

	if (uio->resid < sizeof(ticks))
		return -EINVAL;
	if (!tfd->ticks && !tfd->canceled) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&tfd->wq, tfd->ticks || tfd->canceled);
		if (err)
			return err;
	}
	if (tfd->canceled) {
		tfd->canceled = false;
		tfd->ticks = 0;
		tfd->expired = false;
		return -ECANCELED;
	}
	ticks = tfd->ticks;
	if (tfd->expired)
		ticks += timerfd_forward(tfd);
	tfd->ticks = 0;
	if (uio_copy_to(uio, &ticks, sizeof(ticks)) != sizeof(ticks))
		return -EFAULT;
	return sizeof(ticks);
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *tfd = f->priv;

	poll_wait(pt, f, &tfd->wq);
	return tfd->ticks || tfd->canceled ? POLLIN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tfd = f->priv;

	timer_cancel(&tfd->timer);
	list_del(&tfd->link);
	slab_free(&timerfd_cache, tfd);
}

static u64 timerfd_remaining(const struct timerfd *tfd)
{
	u64 now = hal_clock_ns();

	if (tfd->expires_ns == U64_MAX || tfd->expires_ns <= now)
		return 0;
	return tfd->expires_ns - now;
}

static void timerfd_get(struct timerfd *tfd, struct itimerspec64 *its)
{
	struct timespec64 value, interval = ns_to_timespec(tfd->interval_ns);

	if (tfd->expired && tfd->interval_ns)
		tfd->ticks += timerfd_forward(tfd);
	value = ns_to_timespec(timerfd_remaining(tfd));
	*its = (struct itimerspec64){
		interval.sec, interval.nsec, value.sec, value.nsec,
	};
}

static void timerfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct timerfd *tfd = f->priv;
	struct itimerspec64 its;

	timerfd_get(tfd, &its);
	snprintf(buf, size, "clockid: %d\nticks: %lu\nsettime flags: 0%o\n"
		 "it_value: (%lu, %lu)\nit_interval: (%lu, %lu)\n",
		 tfd->clockid, tfd->ticks, tfd->settime_flags, (u64)its.value_sec,
		 (u64)its.value_nsec, (u64)its.interval_sec, (u64)its.interval_nsec);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.show_fdinfo = timerfd_show_fdinfo,
};

/* A reference to the file of a timerfd, or ERR_PTR. */
static struct file *timerfd_file(int fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return ERR_PTR(-EBADF);
	if (f->ops != &timerfd_ops) {
		file_put(f);
		return ERR_PTR(-EINVAL);
	}
	return f;
}

SYSCALL_DEFINE2(timerfd_create, int, clockid, u32, flags)
{
	struct timerfd *tfd;
	struct file *f;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	switch (clockid) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		break;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!capable(CAP_WAKE_ALARM))
			return -EPERM;
		break;
	default:
		return -EINVAL;
	}
	tfd = slab_zalloc(&timerfd_cache);
	if (!tfd)
		return -ENOMEM;
	tfd->timer.fn = timerfd_fire;
	tfd->clockid = clockid;
	tfd->expires_ns = U64_MAX;
	waitqueue_init(&tfd->wq);
	list_init(&tfd->link);
	f = file_anon("[timerfd]", &timerfd_ops, tfd, O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		slab_free(&timerfd_cache, tfd);
		return PTR_ERR(f);
	}
	list_add_tail(&tfd->link, &all_timerfds);
	return fd_install_new(f, flags & O_CLOEXEC);
}

static void timerfd_set(struct timerfd *tfd, u32 flags, u64 value_ns, u64 interval_ns)
{
	tfd->settime_flags = flags & (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	tfd->cancel_on_set = timerfd_is_realtime(tfd) && (flags & TFD_TIMER_ABSTIME) &&
			     (flags & TFD_TIMER_CANCEL_ON_SET);
	tfd->expired = false;
	tfd->ticks = 0;
	tfd->interval_ns = interval_ns;
	tfd->abs_realtime_ns = 0;
	if (!value_ns) {
		timerfd_arm(tfd, U64_MAX);
	} else if (!(flags & TFD_TIMER_ABSTIME)) {
		timerfd_arm(tfd, deadline_after(value_ns));
	} else if (timerfd_is_realtime(tfd)) {
		tfd->abs_realtime_ns = value_ns;
		timerfd_arm(tfd, realtime_to_monotonic(value_ns));
	} else {
		timerfd_arm(tfd, value_ns);
	}
}

SYSCALL_DEFINE4(timerfd_settime, int, fd, u32, flags, uaddr_t, unew, uaddr_t, uold)
{
	struct itimerspec64 its, old;
	struct timespec64 value, interval;
	struct timerfd *tfd;
	struct file *f;
	u64 value_ns, interval_ns;
	s64 res = 0;

	if (copyin(&its, unew, sizeof(its)))
		return -EFAULT;
	value = (struct timespec64){ its.value_sec, its.value_nsec };
	interval = (struct timespec64){ its.interval_sec, its.interval_nsec };
	if ((flags & ~(u32)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) ||
	    timespec_to_ns(&value, &value_ns) || timespec_to_ns(&interval, &interval_ns))
		return -EINVAL;
	f = timerfd_file(fd);
	if (IS_ERR(f))
		return PTR_ERR(f);
	tfd = f->priv;
	timerfd_get(tfd, &old);
	timerfd_set(tfd, flags, value_ns, interval_ns);
	if (tfd->canceled) {	/* Linux reports the jump here, too */
		tfd->canceled = false;
		res = -ECANCELED;
	}
	if (!res && uold && copyout(uold, &old, sizeof(old)))
		res = -EFAULT;
	file_put(f);
	return res;
}

SYSCALL_DEFINE2(timerfd_gettime, int, fd, uaddr_t, ucur)
{
	struct itimerspec64 its;
	struct file *f = timerfd_file(fd);

	if (IS_ERR(f))
		return PTR_ERR(f);
	timerfd_get(f->priv, &its);
	file_put(f);
	return copyout(ucur, &its, sizeof(its)) ? -EFAULT : 0;
}
