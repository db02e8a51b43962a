/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's spaces: a struct hal_as, its TLB, and its carrier.
 *
 * There are at least as many carriers as spaces, so that a space always gets
 * one when it needs it; only hal_as_init can fail. The carrier that runs may
 * be without a space (its guest has just ended, or called exec): the next
 * space that needs a carrier takes that one, which costs no host call but the
 * munmap of what the former one left.
 *
 * Mapping calls can only be made by the carrier itself. Those of another space
 * wait in its queue; when that is full, all of its mappings are dropped.
 */
#include "hal/hosted/inproc.h"

static struct in_space *space_of(struct hal_as *as)
{
	return as && as->id ? &in_state()->space[as->id] : NULL;
}

struct host_tlb *in_tlb_of(struct hal_as *as)
{
	struct in_space *s = space_of(as);

	return s ? &s->tlb : NULL;
}

static s64 do_op(const struct tlb_op *op)
{
	return host_call6(op->nr, op->arg[0], op->arg[1], op->arg[2], op->arg[3], op->arg[4],
			  op->arg[5]);
}

void in_tlb_commit(struct host_tlb *tlb)
{
	struct in_space *s = container_of(tlb, struct in_space, tlb);
	s64 err = 0;
	u32 i;

	if (s->carrier != in_self.index) {
		tlb_empty(tlb);
		return;
	}
	for (i = 0; i < tlb->nr_ops; i++) {
		err = do_op(&tlb->op[i]);
		if (err < 0)
			break;
	}
	if (i == tlb->nr_ops) {
		tlb->nr_ops = 0;
		tlb->refused = 0;
		return;
	}
	/* Too many mappings, most likely. Start with none; faults bring back
	 * what is needed. */
	tlb->refused_va = tlb->op[i].arg[0];
	tlb->refused++;
	tlb_empty(tlb);
	do_op(&tlb->op[0]);
	tlb->nr_ops = 0;
}

static u32 free_space(struct in_state *st)
{
	for (u32 i = 1; i <= st->high_space; i++)
		if (!st->space[i].used)
			return i;
	return st->high_space + 1 < IN_CARRIERS ? ++st->high_space : 0;
}

int in_as_init(struct hal_as *as)
{
	struct in_state *st = in_state();
	struct in_space *s;
	u32 id = free_space(st);

	if (!id)
		return -HOST_EAGAIN;
	if (st->nr_alive < st->nr_spaces + 1) {
		u32 nr = in_spawn();

		if (!nr)
			return -HOST_EAGAIN;
		st->idle[st->nr_idle++] = nr;
	}
	s = &st->space[id];
	s->tlb.nr_ops = 0;
	s->tlb.refused = 0;
	s->tlb.fill_va = 1;
	if (!tlb_new(&s->tlb))
		return -HOST_ENOMEM;
	tlb_born(&s->tlb, in_tlb_of(st->as));
	s->carrier = 0;
	s->no_rewrite = 0;
	s->nr_areas = 0;
	s->used = 1;
	st->nr_spaces++;
	as->id = id;
	return 0;
}

static void retire(u32 nr)
{
	struct in_carrier *c = &in_state()->carrier[nr];

	in_state()->nr_alive--;
	c->alive = 0;
	c->retire = 1;
	__atomic_store_n(&c->turn, 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&c->turn, 1);
}

static void now_idle(u32 nr)
{
	struct in_state *st = in_state();

	if (st->nr_idle >= IN_IDLE_MAX && st->nr_alive > st->nr_spaces)
		retire(nr);
	else
		st->idle[st->nr_idle++] = nr;
}

void in_as_destroy(struct hal_as *as)
{
	struct in_state *st = in_state();
	struct in_space *s = space_of(as);
	struct in_carrier *c;

	if (!s)
		return;
	tlb_died(&s->tlb);
	tlb_drop(&s->tlb);
	s->tlb.nr_ops = 0;
	s->used = 0;
	st->nr_spaces--;
	if (s->carrier) {
		c = &st->carrier[s->carrier];
		c->space = 0;
		c->stale = 1;
		if (s->carrier != in_self.index)
			now_idle(s->carrier);
	}
	if (st->as == as)
		st->as = NULL;
	as->id = 0;
}

/* The carrier changes when user mode comes: the kernel does not touch user
 * memory, so it may run anywhere until then. */
void in_as_activate(struct hal_as *as)
{
	in_state()->as = as;
}

static void bind(struct in_space *s)
{
	struct in_state *st = in_state();
	u32 nr = in_self.index;

	if (st->carrier[nr].space) {
		bug_on(!st->nr_idle);
		nr = st->idle[--st->nr_idle];
	}
	s->carrier = nr;
	st->carrier[nr].space = s - st->space;
}

struct in_space *in_space_enter(void)
{
	struct in_state *st = in_state();
	struct in_space *s = space_of(st->as);
	struct in_carrier *c;

	bug_on(!s);
	if (!s->carrier)
		bind(s);
	if (s->carrier != in_self.index) {
		in_fp_leave();
		if (!in_me()->space)
			now_idle(in_self.index);
		in_change(s->carrier);
	}
	c = in_me();
	if (c->reborn) {	/* nothing of what we knew is mapped */
		tlb_drop(&s->tlb);
		s->tlb.nr_ops = 0;
		c->reborn = c->stale = 0;
		c->fp_owner = NULL;
	}
	if (c->stale) {
		host_munmap(0, HOSTED_USER_LIMIT);
		c->stale = 0;
	}
	return s;
}
