/* SPDX-License-Identifier: MIT */
/*
 * epoll_wait(2), epoll_pwait(2), epoll_pwait2(2).
 *
 * A waiter takes the whole ready list, asks each file again, and copies out
 * in batches what is still true. Items go back to the list if they are
 * level-triggered (at the end) or were not looked at (in front). A copy may
 * sleep: other waiters then find what came meanwhile, and an item that is
 * removed unlinks itself from the list at hand.
 */
#include "fs/epoll.h"
#include "fs/poll.h"
#include "kernel/clock.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/uaccess.h"

#define EP_MAX_EVENTS (0x7fffffff / (int)sizeof(struct epoll_event))
#define EP_BATCH 32

/* Moves up to max true events from tx to ev; what stays true goes back to ready. */
static int epoll_collect(struct eventpoll *ep, struct list_head *tx, struct epoll_event *ev,
			 int max)
{
	struct epoll_item *item;
	u32 events;
	int n = 0;

	while (n < max && !list_empty(tx)) {
		item = list_first(tx, struct epoll_item, ready_link);
		list_del(&item->ready_link);
		events = epoll_item_poll(item, NULL);
		if (!events)
			continue;
		ev[n].events = events;
		ev[n].data = item->data;
		n++;
		if (item->events & EPOLLONESHOT)
			item->events &= EP_PRIVATE_BITS;
		else if (!(item->events & EPOLLET))
			list_add_tail(&item->ready_link, &ep->ready);
	}
	return n;
}

static s64 epoll_send(struct eventpoll *ep, uaddr_t uevents, int max)
{
	struct epoll_event batch[EP_BATCH];
	struct list_head tx;
	s64 sent = 0;
	int n;

	list_init(&tx);
	list_splice_tail(&ep->ready, &tx);
	while (sent < max) {
		n = epoll_collect(ep, &tx, batch, (int)min_t(s64, EP_BATCH, max - sent));
		if (!n)
			break;
		if (copyout(uevents + (u64)sent * sizeof(batch[0]), batch,
			    (size_t)n * sizeof(batch[0]))) {
			if (!sent)
				sent = -EFAULT;
			break;
		}
		sent += n;
	}
	if (!list_empty(&tx)) {	/* what was not looked at comes first next time */
		list_splice_tail(&ep->ready, &tx);
		list_splice_tail(&tx, &ep->ready);
		epoll_wake(ep, 0);
	}
	return sent;
}

static s64 epoll_wait_loop(struct eventpoll *ep, uaddr_t uevents, int max, u64 deadline_ns)
{
	s64 n;
	int err;

	for (;;) {
		n = list_empty(&ep->ready) ? 0 : epoll_send(ep, uevents, max);
		if (n || !deadline_ns)
			return n;
		err = wait_event_deadline(&ep->wq, !list_empty(&ep->ready), deadline_ns);
		if (err == -ETIMEDOUT)
			return 0;
		if (err)	/* never restarted: signal(7) */
			return -EINTR;
	}
}

static s64 epoll_wait_common(int epfd, uaddr_t uevents, int max, u64 deadline_ns)
{
	struct file *f;
	s64 n;

	if (max <= 0 || max > EP_MAX_EVENTS)
		return -EINVAL;
	if (!access_ok(uevents, (size_t)max * sizeof(struct epoll_event)))
		return -EFAULT;
	f = fd_get(epfd);
	if (!f)
		return -EBADF;
	n = -EINVAL;
	if (file_is_epoll(f))
		n = epoll_wait_loop(f->priv, uevents, max, deadline_ns);
	file_put(f);
	return n;
}

static u64 epoll_deadline_ms(int timeout_ms)
{
	if (timeout_ms < 0)
		return U64_MAX;
	return timeout_ms ? deadline_after((u64)timeout_ms * NSEC_PER_MSEC) : 0;
}

SYSCALL_DEFINE4(epoll_wait, int, epfd, uaddr_t, uevents, int, max, int, timeout_ms)
{
	return epoll_wait_common(epfd, uevents, max, epoll_deadline_ms(timeout_ms));
}

static s64 epoll_pwait_common(int epfd, uaddr_t uevents, int max, u64 deadline_ns,
			      uaddr_t sigmask, u64 sigsetsize)
{
	u64 set;
	s64 n;
	int err;

	if (sigmask) {
		err = sigset_copyin(&set, sigmask, sigsetsize);
		if (err)
			return err;
		sigmask_set_temporary(set);
	}
	n = epoll_wait_common(epfd, uevents, max, deadline_ns);
	poll_sigmask_finish(n);
	return n;
}

SYSCALL_DEFINE6(epoll_pwait, int, epfd, uaddr_t, uevents, int, max, int, timeout_ms, uaddr_t,
		sigmask, u64, sigsetsize)
{
	return epoll_pwait_common(epfd, uevents, max, epoll_deadline_ms(timeout_ms), sigmask,
				  sigsetsize);
}

SYSCALL_DEFINE6(epoll_pwait2, int, epfd, uaddr_t, uevents, int, max, uaddr_t, tsp, uaddr_t,
		sigmask, u64, sigsetsize)
{
	u64 deadline;
	int err = poll_deadline_from_user(tsp, &deadline);

	if (err)
		return err;
	return epoll_pwait_common(epfd, uevents, max, deadline, sigmask, sigsetsize);
}
