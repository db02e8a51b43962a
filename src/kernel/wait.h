/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking: wait queues, mutexes, wait loops.
 *
 * The kernel is not preemptible: between two sleeps a task runs alone under
 * the kernel lock. So a condition can be tested plainly, and
 *
 *	err = wait_event_interruptible(&wq, cond);
 *
 * never loses a wake-up. Conditions are re-tested after each wake.
 */
#ifndef HYLA_KERNEL_WAIT_H
#define HYLA_KERNEL_WAIT_H

#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"

struct task;
struct wait_entry;

/* Called at wake-up; returns true when the wake counts against nr (exclusive). */
typedef bool (*wake_fn)(struct wait_entry *e, u32 events);

struct waitqueue {
	struct list_head entries;
};

struct wait_entry {
	struct list_head link;
	struct task *task;	/* to wake, for the default fn */
	wake_fn fn;		/* NULL: wake task */
	void *arg;
	bool exclusive;
	bool woken;
};

#define WAITQUEUE_INIT(name) { LIST_HEAD_INIT((name).entries) }
static inline void waitqueue_init(struct waitqueue *wq) { list_init(&wq->entries); }
static inline bool waitqueue_active(const struct waitqueue *wq) { return !list_empty(&wq->entries); }

void wait_add(struct waitqueue *wq, struct wait_entry *e);
void wait_remove(struct wait_entry *e);		/* harmless when not queued */
/* Wakes all non-exclusive and up to nr exclusive waiters. events is a POLL*
 * mask handed to entry functions (0: all). */
void wake_up_nr(struct waitqueue *wq, u32 nr, u32 events);
#define wake_up(wq) wake_up_nr(wq, 1, 0)
#define wake_up_all(wq) wake_up_nr(wq, ~0u, 0)
#define wake_up_poll(wq, events) wake_up_nr(wq, 1, events)

enum sleep_kind {
	SLEEP_UNINTERRUPTIBLE,
	SLEEP_INTERRUPTIBLE,	/* any deliverable signal ends it */
	SLEEP_KILLABLE,		/* only a fatal signal ends it */
};

/*
 * The building blocks: prepare, test the condition, sleep, finish.
 * The entry starts zeroed; prepare queues it once and clears the wake mark.
 * sleep_until returns 0 when woken, -ETIMEDOUT at deadline_ns (hal_clock_ns
 * time, U64_MAX: never), -ERESTARTSYS when a signal ends it (checked before
 * sleeping, too).
 */
void wait_prepare(struct waitqueue *wq, struct wait_entry *e);
int sleep_until(enum sleep_kind kind, u64 deadline_ns);
void wait_finish(struct wait_entry *e);

#define wait_event_common(wq, cond, kind, deadline) ({ \
	struct wait_entry wait_e_ = { 0 }; \
	int wait_err_ = 0; \
	wait_prepare(wq, &wait_e_); \
	while (!(cond)) { \
		wait_err_ = sleep_until(kind, deadline); \
		if (wait_err_) \
			break; \
		wait_prepare(wq, &wait_e_); \
	} \
	if (wait_err_ && (cond)) \
		wait_err_ = 0; \
	wait_finish(&wait_e_); \
	wait_err_; })
#define wait_event(wq, cond) \
	((void)wait_event_common(wq, cond, SLEEP_UNINTERRUPTIBLE, U64_MAX))
#define wait_event_interruptible(wq, cond) \
	wait_event_common(wq, cond, SLEEP_INTERRUPTIBLE, U64_MAX)
#define wait_event_killable(wq, cond) \
	wait_event_common(wq, cond, SLEEP_KILLABLE, U64_MAX)
#define wait_event_deadline(wq, cond, deadline) \
	wait_event_common(wq, cond, SLEEP_INTERRUPTIBLE, deadline)

/* A sleeping lock. Not recursive. Uninterruptible. */
struct mutex {
	struct task *owner;
	struct waitqueue wq;
};
static inline void mutex_init(struct mutex *m) { m->owner = NULL; waitqueue_init(&m->wq); }
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m);

/* Kernel timers: fn runs from kern_timer context (must not sleep). */
struct timer {
	u64 expires_ns;
	void (*fn)(struct timer *t);
	struct rb_node rb;
	bool armed;
};
void timer_arm(struct timer *t, u64 expires_ns);	/* re-arms when armed */
void timer_cancel(struct timer *t);			/* harmless when not armed */
extern u64 timer_first_ns;		/* when the first is due; U64_MAX: none */
void timer_run_expired(u64 now_ns);

#endif
