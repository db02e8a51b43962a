/* SPDX-License-Identifier: MIT */
/*
 * poll(2), ppoll(2), and the sleeping machinery that select.c shares.
 *
 * One pass asks each file for its events and, as long as nothing is ready,
 * registers an entry on each of its wait queues. Then the task sleeps on a
 * private queue until an entry fires and scans again, without registering a
 * second time.
 *
 * The array of struct pollfd is copied in chunks, so that no allocation is
 * larger than a slab class whatever RLIMIT_NOFILE says. Only the revents are
 * written back, as Linux does.
 *
 * Restart: poll(2) goes on with its old deadline through restart_syscall(2);
 * ppoll restarts only when no handler ran, with the remaining time written
 * back to the caller.
 */
#include "fs/poll.h"

#include "abi/epoll.h"
#include "kernel/clock.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define PERSONALITY_STICKY_TIMEOUTS 0x4000000u
#define CHUNK_ENTRIES 32

struct poll_chunk {
	struct poll_chunk *next;
	u32 used;
	struct poll_entry entry[CHUNK_ENTRIES];
};

static bool poll_wake(struct wait_entry *e, u32 events)
{
	struct poll_entry *pe = container_of(e, struct poll_entry, wait);

	if (events && !(events & pe->events))
		return false;
	pe->waiter->triggered = true;
	wake_up_all(&pe->waiter->wq);
	return true;
}

static struct poll_entry *poll_entry_get(struct poll_waiter *pw)
{
	struct poll_chunk *c = pw->chunks;

	if (pw->inline_used < POLL_INLINE)
		return &pw->inline_entry[pw->inline_used++];
	if (!c || c->used == CHUNK_ENTRIES) {
		c = kmalloc(sizeof(*c));
		if (!c)
			return NULL;
		c->used = 0;
		c->next = pw->chunks;
		pw->chunks = c;
	}
	return &c->entry[c->used++];
}

static void poll_queue(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	struct poll_waiter *pw = container_of(pt, struct poll_waiter, pt);
	struct poll_entry *pe = poll_entry_get(pw);

	if (!pe) {
		pw->error = -ENOMEM;
		return;
	}
	*pe = (struct poll_entry){
		.wait = { .task = current, .fn = poll_wake },
		.waiter = pw,
		.file = file_get(f),
		.events = pw->events,
	};
	list_init(&pe->wait.link);
	wait_add(wq, &pe->wait);
}

void poll_waiter_init(struct poll_waiter *pw)
{
	pw->pt.queue = poll_queue;
	waitqueue_init(&pw->wq);
	pw->triggered = false;
	pw->error = 0;
	pw->inline_used = 0;
	pw->chunks = NULL;
}

int poll_waiter_sleep(struct poll_waiter *pw, u64 deadline_ns)
{
	int err = wait_event_deadline(&pw->wq, pw->triggered, deadline_ns);

	pw->triggered = false;
	return err;
}

static void poll_entry_drop(struct poll_entry *pe)
{
	wait_remove(&pe->wait);
	file_put(pe->file);
}

void poll_waiter_finish(struct poll_waiter *pw)
{
	struct poll_chunk *c, *next;
	u32 i;

	for (i = 0; i < pw->inline_used; i++)
		poll_entry_drop(&pw->inline_entry[i]);
	for (c = pw->chunks; c; c = next) {
		next = c->next;
		for (i = 0; i < c->used; i++)
			poll_entry_drop(&c->entry[i]);
		kfree(c);
	}
	pw->chunks = NULL;
	pw->inline_used = 0;
}

int poll_deadline_from_user(uaddr_t p, u64 *deadline_ns)
{
	struct timespec64 ts;
	u64 ns;
	int err;

	*deadline_ns = U64_MAX;
	if (!p)
		return 0;
	if (copyin(&ts, p, sizeof(ts)))
		return -EFAULT;
	err = timespec_to_ns(&ts, &ns);
	if (err)
		return err;
	*deadline_ns = ns ? deadline_after(ns) : 0;
	return 0;
}

void poll_sigmask_finish(s64 err)
{
	struct task *t = current;

	if (err == -ERESTARTNOHAND || err == -EINTR || !(t->flags & TF_RESTORE_SIGMASK))
		return;
	t->flags &= ~TF_RESTORE_SIGMASK;
	t->sigmask = t->saved_sigmask;
	if (signal_pending_set() & ~t->sigmask)
		t->flags |= TF_SIGPENDING;
}

s64 poll_write_remaining(uaddr_t p, u64 deadline_ns, bool timeval, s64 result)
{
	u64 now = hal_clock_ns();
	struct timespec64 left = { 0, 0 };

	if (!p || (current->personality & PERSONALITY_STICKY_TIMEOUTS))
		goto sticky;
	if (!deadline_ns)	/* zero timeout: nothing to update */
		return result;
	if (deadline_ns > now)
		left = ns_to_timespec(deadline_ns - now);
	if (timeval)
		left.nsec /= 1000;
	if (!copyout(p, &left, sizeof(left)))
		return result;
sticky:
	/* The timeout in memory is the full one: a restart would wait longer. */
	return result == -ERESTARTNOHAND && p ? -EINTR : result;
}

/* ---- poll ---- */

#define FDS_PER_CHUNK 120

struct fd_chunk {
	struct fd_chunk *next;
	u32 count;
	struct pollfd fd[FDS_PER_CHUNK];
};

static void fd_chunks_free(struct fd_chunk *c)
{
	struct fd_chunk *next;

	for (; c; c = next) {
		next = c->next;
		kfree(c);
	}
}

static int fd_chunks_copyin(struct fd_chunk **head, uaddr_t ufds, u32 count)
{
	struct fd_chunk **link = head, *c;
	u32 n;

	*head = NULL;
	while (count) {
		n = min_t(u32, count, FDS_PER_CHUNK);
		c = kmalloc(offsetof(struct fd_chunk, fd) + n * sizeof(c->fd[0]));
		if (!c)
			return -ENOMEM;
		c->next = NULL;
		c->count = n;
		*link = c;
		link = &c->next;
		if (copyin(c->fd, ufds, n * sizeof(c->fd[0])))
			return -EFAULT;
		ufds += n * sizeof(c->fd[0]);
		count -= n;
	}
	return 0;
}

static int fd_chunks_copyout(const struct fd_chunk *c, uaddr_t ufds)
{
	u32 i;

	for (; c; c = c->next) {
		for (i = 0; i < c->count; i++) {
			uaddr_t p = ufds + offsetof(struct pollfd, revents);

			if (copyout(p, &c->fd[i].revents, sizeof(u16)))
				return -EFAULT;
			ufds += sizeof(struct pollfd);
		}
	}
	return 0;
}

/* Sets pfd->revents; pt is NULL when nobody needs to register. */
static bool poll_one(struct pollfd *pfd, struct poll_waiter *pw, bool reg)
{
	struct file *f;
	u32 want = pfd->events | POLLERR | POLLHUP;
	u32 mask;

	pfd->revents = 0;
	if (pfd->fd < 0)
		return false;
	f = fd_get(pfd->fd);
	if (!f) {
		pfd->revents = POLLNVAL;
		return true;
	}
	pw->events = want;
	mask = file_poll(f, reg ? &pw->pt : NULL);
	file_put(f);
	pfd->revents = (u16)(mask & want);
	return pfd->revents != 0;
}

static s64 poll_scan(struct fd_chunk *c, struct poll_waiter *pw, bool reg)
{
	s64 ready = 0;
	u32 i;

	for (; c; c = c->next) {
		for (i = 0; i < c->count; i++) {
			if (poll_one(&c->fd[i], pw, reg && !ready && !pw->error))
				ready++;
		}
	}
	return ready;
}

/* deadline 0: do not wait. Returns the count, 0 at the deadline, -errno. */
static s64 poll_loop(struct fd_chunk *c, u64 deadline_ns)
{
	struct poll_waiter pw;
	bool reg = deadline_ns != 0;
	s64 n;
	int err;

	poll_waiter_init(&pw);
	for (;;) {
		n = poll_scan(c, &pw, reg);
		reg = false;
		if (n || !deadline_ns)
			break;
		n = pw.error;
		if (n)
			break;
		err = poll_waiter_sleep(&pw, deadline_ns);
		if (err) {
			/* The last look: an event may have come with the signal. */
			n = poll_scan(c, &pw, false);
			if (!n)
				n = err == -ETIMEDOUT ? 0 : err;
			break;
		}
	}
	poll_waiter_finish(&pw);
	return n;
}

/* -ERESTARTSYS when interrupted. */
static s64 poll_user(uaddr_t ufds, u32 nfds, u64 deadline_ns)
{
	struct fd_chunk *chunks;
	s64 n;

	if (nfds > rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	n = fd_chunks_copyin(&chunks, ufds, nfds);
	if (!n)
		n = poll_loop(chunks, deadline_ns);
	if (n >= 0 && fd_chunks_copyout(chunks, ufds))
		n = -EFAULT;
	fd_chunks_free(chunks);
	return n;
}

static s64 poll_restart(struct task *t)
{
	s64 n = poll_user(t->restart_arg[0], (u32)t->restart_arg[1], t->restart_arg[2]);

	return n == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : n;
}

SYSCALL_DEFINE3(poll, uaddr_t, ufds, u32, nfds, int, timeout_ms)
{
	struct task *t = current;
	u64 deadline = U64_MAX;
	s64 n;

	if (timeout_ms >= 0)
		deadline = timeout_ms ? deadline_after((u64)timeout_ms * NSEC_PER_MSEC) : 0;
	n = poll_user(ufds, nfds, deadline);
	if (n != -ERESTARTSYS)
		return n;
	t->restart_fn = poll_restart;
	t->restart_arg[0] = ufds;
	t->restart_arg[1] = nfds;
	t->restart_arg[2] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

SYSCALL_DEFINE5(ppoll, uaddr_t, ufds, u32, nfds, uaddr_t, tsp, uaddr_t, sigmask, u64, sigsetsize)
{
	u64 deadline, set = 0;
	s64 n;
	int err;

	err = poll_deadline_from_user(tsp, &deadline);
	if (err)
		return err;
	if (sigmask) {
		err = sigset_copyin(&set, sigmask, sigsetsize);
		if (err)
			return err;
		sigmask_set_temporary(set);
	}
	n = poll_user(ufds, nfds, deadline);
	if (n == -ERESTARTSYS)
		n = -ERESTARTNOHAND;
	poll_sigmask_finish(n);
	return poll_write_remaining(tsp, deadline, false, n);
}
