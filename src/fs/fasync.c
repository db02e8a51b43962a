/* SPDX-License-Identifier: MIT */
/*
 * O_ASYNC for every file that can be polled: a signal when it becomes ready.
 *
 * Setting the flag puts an entry on each wait queue that the file's poll
 * operation names; a wake-up there sends SIGIO (or the F_SETSIG signal, with
 * siginfo) to the owner. So drivers need no list of their own. The entries
 * belong to file->async and go with the flag or the file.
 *
 * Who may be signalled is decided with the opener's credentials, as kill(2).
 * Not supported: F_SETSIG's overflow to SIGIO when the queue is full.
 */
#include "fs/fasync.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"

#define ASYNC_QUEUES 4		/* no file here has more */

struct fasync {
	struct poll_table pt;
	struct file *file;
	u32 count;
	struct wait_entry entry[ASYNC_QUEUES];
};

static SLAB_CACHE(fasync_cache, struct fasync);

static bool may_signal(const struct cred *c, const struct process *p)
{
	const struct cred *him = p->leader ? p->leader->cred : NULL;

	if (!c || !him)
		return false;
	return !c->euid || c->euid == him->suid || c->euid == him->uid || c->uid == him->suid ||
	       c->uid == him->uid;
}

static void signal_one(struct file *f, struct process *p, const struct siginfo *info)
{
	struct task *t = NULL;

	if (!may_signal(f->cred, p))
		return;
	if (f->owner_type == F_OWNER_TID)
		t = task_find(f->owner);
	if (t && t->process == p)
		signal_task_info(t, info);
	else
		signal_process_info(p, info);
}

static void signal_owner(struct file *f, u32 events)
{
	struct siginfo info = { .signo = f->sig ? f->sig : SIGIO, .code = SI_KERNEL };
	struct process *p, *next;
	struct task *t;

	if (f->sig) {
		info.code = events & POLLIN ? POLL_IN : POLL_OUT;
		info.poll.band = events;
		info.poll.fd = -1;
	}
	if (f->owner > 0) {
		t = task_find(f->owner);
		p = t ? t->process : process_find(f->owner);
		if (p)
			signal_one(f, p, &info);
		return;
	}
	list_for_each_entry_safe(p, next, &process_list, all_link) {
		if (p->pgid == -f->owner)
			signal_one(f, p, &info);
	}
}

static bool fasync_wake(struct wait_entry *e, u32 events)
{
	struct fasync *a = e->arg;

	if (a->file->owner)
		signal_owner(a->file, events ? events : POLLIN | POLLOUT);
	return false;
}

static void fasync_queue(struct poll_table *pt, struct file *f __unused, struct waitqueue *wq)
{
	struct fasync *a = container_of(pt, struct fasync, pt);
	struct wait_entry *e;

	if (a->count == ASYNC_QUEUES)
		return;
	e = &a->entry[a->count++];
	*e = (struct wait_entry){ .fn = fasync_wake, .arg = a };
	list_init(&e->link);
	wait_add(wq, e);
}

void file_async_release(struct file *f)
{
	struct fasync *a = f->async;
	u32 i;

	if (!a)
		return;
	for (i = 0; i < a->count; i++)
		wait_remove(&a->entry[i]);
	f->async = NULL;
	slab_free(&fasync_cache, a);
}

int file_set_async(struct file *f, bool on)
{
	struct fasync *a;

	if (!on) {
		file_async_release(f);
		f->flags &= ~(u32)O_ASYNC;
		return 0;
	}
	if (!f->async && f->ops->poll) {
		a = slab_zalloc(&fasync_cache);
		if (!a)
			return -ENOMEM;
		a->pt.queue = fasync_queue;
		a->file = f;
		f->async = a;
		(void)file_poll(f, &a->pt);
	}
	f->flags |= O_ASYNC;
	return 0;
}
