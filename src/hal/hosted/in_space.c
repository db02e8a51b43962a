/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's spaces: a struct hal_as, from its beginning to its end.
 *
 * There are as many carriers as spaces, and one more for each CPU but the
 * first, so that a space always gets one when it needs it; only hal_as_init can
 * fail. Further views of a space have one each as far as the host gives them.
 * A carrier that runs may be without a view (its guest has just ended, or
 * called exec): the next view that its CPU needs takes that one, which costs no
 * host call but the munmap of what the former one left.
 *
 * Everything here is called by the core, under the kernel lock.
 */
#include "hal/hosted/inproc.h"

static struct in_space *space_of(struct hal_as *as)
{
	return as && as->id ? &in_state()->space[as->id] : NULL;
}

struct host_tlb *in_tlb_list(struct hal_as *as)
{
	struct in_space *s = space_of(as);

	return s ? &in_state()->view[s->view].tlb : NULL;
}

/* Another CPU's is not ours to fill; of those that nobody uses, the one that we
 * used last. */
struct host_tlb *in_tlb_of(struct hal_as *as)
{
	struct in_state *st = in_state();
	struct in_space *s = space_of(as);
	struct in_view *best = NULL;

	for (u32 i = s ? s->view : 0; i; i = st->view[i].next) {
		struct in_view *v = &st->view[i];
		u32 on = v->carrier ? st->carrier[v->carrier].on : 0;

		if (on == in_self.nr + 1)
			return &v->tlb;
		if (!on && (!best || v->cpu == in_self.nr))
			best = v;
	}
	return best ? &best->tlb : NULL;
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
	u32 id = free_space(st);
	int err;

	if (!id)
		return -HOST_EAGAIN;
	st->space[id].view = st->space[id].no_rewrite = st->space[id].nr_areas = 0;
	err = in_view_new(&st->space[id]);
	if (err)
		return err;
	st->space[id].used = 1;
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

void in_now_idle(u32 nr)
{
	struct in_state *st = in_state();

	if (st->nr_idle >= IN_IDLE_MAX && st->nr_alive >= st->nr_views + st->nr_cpus)
		retire(nr);
	else
		st->idle[st->nr_idle++] = nr;
}

void in_as_destroy(struct hal_as *as)
{
	struct in_state *st = in_state();
	struct in_space *s = space_of(as);
	u32 next;

	if (!s)
		return;
	for (u32 i = s->view; i; i = next) {
		next = st->view[i].next;
		in_view_free(&st->view[i]);
	}
	s->used = 0;
	for (u32 i = 0; i < st->nr_cpus; i++)
		if (st->cpu[i].as == as)
			st->cpu[i].as = NULL;
	as->id = 0;
}

/* The carrier changes when user mode comes: the kernel does not touch user
 * memory, so it may run anywhere until then. */
void in_as_activate(struct hal_as *as)
{
	in_this_cpu()->as = as;
}
