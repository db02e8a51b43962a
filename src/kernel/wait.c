/* SPDX-License-Identifier: MIT */
/* Wait queues and sleeping locks; see wait.h for why no wake-up is lost. */
#include "kernel/wait.h"

#include "abi/errno.h"
#include "kernel/clock.h"
#include "kernel/sched.h"
#include "kernel/task.h"

void wait_add(struct waitqueue *wq, struct wait_entry *e)
{
	e->woken = false;
	if (e->exclusive)
		list_add_tail(&e->link, &wq->entries);
	else
		list_add(&e->link, &wq->entries);
}

void wait_remove(struct wait_entry *e)
{
	if (e->link.next)
		list_del(&e->link);
}

void wake_up_nr(struct waitqueue *wq, u32 nr, u32 events)
{
	struct wait_entry *e, *next;

	list_for_each_entry_safe(e, next, &wq->entries, link) {
		bool exclusive = e->exclusive, counts = true;

		e->woken = true;
		if (e->fn)
			counts = e->fn(e, events);	/* may free or unlink e */
		else
			sched_wake(e->task);
		if (exclusive && counts && --nr == 0)
			break;
	}
}

void wait_prepare(struct waitqueue *wq, struct wait_entry *e)
{
	if (!e->link.next) {
		e->task = current;
		wait_add(wq, e);
	}
	current->woken = false;
}

void wait_finish(struct wait_entry *e)
{
	list_del(&e->link);
}

static void sleep_timeout(struct timer *timer)
{
	sched_wake(container_of(timer, struct task, sleep_timer));
}

static bool interrupted(const struct task *t, enum sleep_kind kind)
{
	if (kind == SLEEP_INTERRUPTIBLE)
		return signal_pending(t);
	return kind == SLEEP_KILLABLE && (t->flags & TF_EXIT);
}

int sleep_until(enum sleep_kind kind, u64 deadline_ns)
{
	struct task *t = current;

	if (t->woken) {
		t->woken = false;
		return 0;
	}
	if (interrupted(t, kind))
		return -ERESTARTSYS;
	if (deadline_ns != U64_MAX) {
		if (hal_clock_ns() >= deadline_ns)
			return -ETIMEDOUT;
		t->sleep_timer.fn = sleep_timeout;
		timer_arm(&t->sleep_timer, deadline_ns);
	}
	t->sleep_kind = kind;
	t->state = TASK_SLEEPING;
	schedule();
	if (deadline_ns != U64_MAX)
		timer_cancel(&t->sleep_timer);
	return 0;
}

void mutex_lock(struct mutex *m)
{
	bug_on(m->owner == current);
	if (m->owner)
		wait_event(&m->wq, !m->owner);
	m->owner = current;
}

bool mutex_trylock(struct mutex *m)
{
	if (m->owner)
		return false;
	m->owner = current;
	return true;
}

void mutex_unlock(struct mutex *m)
{
	bug_on(m->owner != current);
	m->owner = NULL;
	wake_up(&m->wq);
}

bool mutex_held(const struct mutex *m)
{
	return m->owner == current;
}
