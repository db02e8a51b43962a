/* SPDX-License-Identifier: MIT */
/*
 * Kernel timers: one red-black tree by expiry, so arming never allocates.
 * Callbacks run from kern_timer with the kernel lock, and must not sleep.
 */
#include "kernel/wait.h"

static struct rb_root timers;
u64 timer_first_ns = U64_MAX;

void timer_cancel(struct timer *t)
{
	struct rb_node *n;

	if (!t->armed)
		return;
	rb_erase(&timers, &t->rb);
	t->armed = false;
	if (t->expires_ns == timer_first_ns) {
		n = rb_first(&timers);
		timer_first_ns = n ? rb_entry(n, struct timer, rb)->expires_ns : U64_MAX;
	}
}

void timer_arm(struct timer *t, u64 expires_ns)
{
	struct rb_node **link = &timers.node, *parent = NULL;

	timer_cancel(t);
	t->expires_ns = expires_ns;
	while (*link) {
		parent = *link;
		link = expires_ns < rb_entry(parent, struct timer, rb)->expires_ns ? &parent->left
										: &parent->right;
	}
	rb_link(&t->rb, parent, link);
	rb_insert_fixup(&timers, &t->rb);
	t->armed = true;
	timer_first_ns = min(timer_first_ns, expires_ns);
}

void timer_run_expired(u64 now_ns)
{
	struct rb_node *n;

	while ((n = rb_first(&timers))) {
		struct timer *t = rb_entry(n, struct timer, rb);

		if (t->expires_ns > now_ns)
			break;
		timer_cancel(t);
		t->fn(t);
	}
}
