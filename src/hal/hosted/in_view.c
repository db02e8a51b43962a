/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's views: one carrier's picture of a space.
 *
 * Why a host process for each CPU, and not a thread: all that a thread would
 * need of its own (registers and stacks of in_self, which code finds at one
 * address; the signal stack; the timer; what is mapped, and when) a process has
 * of its own, so nothing of it costs a run with one CPU anything. A CPU that
 * wants a space takes, in this order,
 *
 *   the view that it used last, if no other CPU runs it
 *   any other view that no CPU runs: it moves here with all that is mapped
 *   a new one, which begins empty
 *
 * so that a program of one thread has one view, wherever it runs. Should the
 * host refuse the process for a new view, the CPU's present carrier changes its
 * view, and the former begins anew when its turn comes.
 *
 * Mapping calls can only be made by the carrier itself. What others want it to
 * do waits in its queue; when that is full, all of its mappings are dropped.
 * The calls are taken out under the kernel lock and made without it. What
 * another CPU queues meanwhile comes after them, and before user mode: that CPU
 * marks it in `pending` (in_smp.c).
 */
#include "hal/hosted/inproc.h"

static s64 do_op(const struct tlb_op *op)
{
	if (op->nr == NR_mmap)
		return host_mmap(op->arg[0], op->arg[1], op->arg[2], op->arg[3], op->arg[4],
				 op->arg[5]);
	return host_call3(op->nr, op->arg[0], op->arg[1], op->arg[2]);
}

/* Too many mappings, most likely. Start with none; faults bring back what is
 * needed. */
static void refuse(struct host_tlb *tlb, uaddr_t va)
{
	tlb->refused_va = va;
	tlb->refused++;
	tlb_empty(tlb);
	do_op(&tlb->op[0]);
	tlb->nr_ops = 0;
}

void in_tlb_commit(struct host_tlb *tlb)
{
	struct in_view *v = container_of(tlb, struct in_view, tlb);

	if (v->carrier != in_self.index) {
		tlb_empty(tlb);
		return;
	}
	for (u32 i = 0; i < tlb->nr_ops; i++) {
		if (do_op(&tlb->op[i]) < 0) {
			refuse(tlb, tlb->op[i].arg[0]);
			return;
		}
	}
	tlb->nr_ops = 0;
	tlb->refused = 0;
}

void in_view_update(struct in_view *v)
{
	struct host_tlb *tlb = &v->tlb;
	u32 count, i;

	kern_lock();
	if (tlb->fresh)
		tlb_first_run(in_this_cpu()->as, tlb);
	if (tlb->fill_va != 1) {
		/* The core has had a look at that page by now. */
		tlb_fill_resolved(in_this_cpu()->as, tlb, tlb->fill_va);
		tlb->fill_va = 1;
	}
	count = tlb->nr_ops;
	__builtin_memcpy(in_self.op, tlb->op, count * sizeof(tlb->op[0]));
	tlb->nr_ops = 0;
	kern_unlock();
	for (i = 0; i < count; i++)
		if (do_op(&in_self.op[i]) < 0)
			break;
	if (i == count) {
		tlb->refused = 0;
		return;
	}
	kern_lock();
	refuse(tlb, in_self.op[i].arg[0]);
	kern_unlock();
}

static u32 free_view(struct in_state *st)
{
	for (u32 i = 1; i <= st->high_view; i++)
		if (!st->view[i].used)
			return i;
	return st->high_view + 1 < IN_CARRIERS ? ++st->high_view : 0;
}

static void link_view(struct in_space *s, u32 id)
{
	struct in_state *st = in_state();

	st->view[id].next = s->view;
	st->view[id].tlb.next = s->view ? &st->view[s->view].tlb : NULL;
	s->view = id;
}

int in_view_new(struct in_space *s)
{
	struct in_state *st = in_state();
	u32 id = free_view(st), nr;
	struct in_view *v = &st->view[id];

	if (!id)
		return -HOST_EAGAIN;
	if (st->nr_alive < st->nr_views + st->nr_cpus) {
		nr = in_spawn();
		if (nr)
			st->idle[st->nr_idle++] = nr;
		else if (!s->view)
			return -HOST_EAGAIN;
	}
	v->tlb.nr_ops = 0;
	v->tlb.refused = 0;
	v->tlb.fill_va = 1;
	if (!tlb_new(&v->tlb))
		return -HOST_ENOMEM;
	/* What children do first says nothing about another CPU's view. */
	tlb_born(&v->tlb, s->view ? NULL : in_tlb_of(in_this_cpu()->as));
	v->carrier = 0;
	v->space = s - st->space;
	v->cpu = in_self.nr;
	v->used = 1;
	st->nr_views++;
	link_view(s, id);
	return 0;
}

/* With its space: the list is not kept. */
void in_view_free(struct in_view *v)
{
	struct in_state *st = in_state();
	struct in_carrier *c = &st->carrier[v->carrier];

	tlb_died(&v->tlb);
	tlb_drop(&v->tlb);
	v->tlb.nr_ops = 0;
	v->used = 0;
	st->nr_views--;
	if (!v->carrier)
		return;
	c->view = c->space = 0;
	c->stale = 1;
	if (!c->on)	/* or it is in the kernel, or idle, and finds out */
		in_now_idle(v->carrier);
}

/* The one to use, which no CPU runs; NULL: all are in use. */
static struct in_view *choose(struct in_space *s)
{
	struct in_state *st = in_state();
	struct in_view *best = NULL;

	for (u32 i = s->view; i; i = st->view[i].next) {
		struct in_view *v = &st->view[i];

		if (v->carrier && st->carrier[v->carrier].on &&
		    st->carrier[v->carrier].on != in_self.nr + 1)
			continue;
		if (!best || v->cpu == in_self.nr)
			best = v;
	}
	return best;
}

static void bind(struct in_view *v)
{
	struct in_state *st = in_state();
	u32 nr = in_self.index;

	if (in_me()->view && st->nr_idle) {
		nr = st->idle[--st->nr_idle];
	} else if (in_me()->view) {
		in_my_view()->carrier = 0;
		tlb_empty(&in_my_view()->tlb);
		in_my_view()->tlb.nr_ops = 0;
		in_me()->stale = 1;
	}
	v->carrier = nr;
	st->carrier[nr].view = v - st->view;
	st->carrier[nr].space = v->space;
}

/* The carrier to go to, which is this CPU's from now on. 0: none is to be had. */
static u32 take_view(struct in_space *s)
{
	struct in_state *st = in_state();
	struct in_view *v;

	v = choose(s);
	if (!v) {
		if (in_view_new(s))
			return 0;
		v = choose(s);
	}
	if (!v->carrier)
		bind(v);
	v->cpu = in_self.nr;
	if (v->carrier != in_self.index) {
		in_fp_leave();
		in_me()->on = 0;
		if (!in_me()->view)
			in_now_idle(in_self.index);
		st->carrier[v->carrier].on = in_self.nr + 1;
	}
	return v->carrier;
}

/* After a change: what is mapped here may be nothing, or another's. */
static void settle(struct in_carrier *c)
{
	struct in_view *v = in_my_view();

	if (c->reborn) {	/* nothing of what we knew is mapped */
		kern_lock();
		tlb_drop(&v->tlb);
		v->tlb.nr_ops = 0;
		kern_unlock();
		c->reborn = c->stale = 0;
		c->fp_owner = NULL;
	}
	if (c->stale) {
		host_munmap(0, HOSTED_USER_LIMIT);
		c->stale = 0;
	}
}

struct in_view *in_view_enter(void)
{
	struct hal_as *as = in_this_cpu()->as;
	struct in_carrier *c = in_me();
	u32 target;

	bug_on(!as || !as->id);
	if (c->space != as->id) {
		kern_lock();
		target = take_view(&in_state()->space[as->id]);
		kern_unlock();
		if (!target)
			return NULL;
		if (target != in_self.index)
			in_change(target);
		c = in_me();
	}
	if (c->reborn || c->stale)
		settle(c);
	return in_my_view();
}
