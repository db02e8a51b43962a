/* SPDX-License-Identifier: MIT */
/*
 * What forked children touch first.
 *
 * A child begins with tables full of its parent's pages and with nothing
 * mapped; each page that it comes to costs a fault. Children of one parent
 * mostly do the same few things (return from fork, close, dup, exec or exit), so
 * an address space remembers the pages that its children missed, and the next
 * child has them mapped before it first runs. A page that was not needed costs
 * one mapping call, less than a third of a fault.
 *
 * A child that misses more than TLB_LEARN pages has lived a life of its own and
 * teaches nothing. When the list would overflow, it starts anew.
 */
#include "hal/hosted/tlb.h"

static bool parent_lives(const struct host_tlb *s)
{
	return s->parent && s->parent->generation == s->parent_generation;
}

void tlb_born(struct host_tlb *s, struct host_tlb *parent)
{
	s->generation = ++hosted_priv()->tlb_pool.generation;
	s->parent = parent;
	s->parent_generation = parent ? parent->generation : 0;
	s->nr_missed = 0;
	s->nr_hints = 0;
	s->fresh = 1;
}

void tlb_missed(struct host_tlb *s, uaddr_t page)
{
	if (s->nr_missed < TLB_LEARN)
		s->missed[s->nr_missed] = page;
	if (s->nr_missed <= TLB_LEARN)
		s->nr_missed++;
}

void tlb_first_run(struct hal_as *as, struct host_tlb *s)
{
	s->fresh = 0;
	if (!parent_lives(s))
		return;
	for (u32 i = 0; i < s->parent->nr_hints; i++)
		tlb_fill_resolved(as, s, s->parent->hint[i]);
}

void tlb_died(struct host_tlb *s)
{
	struct host_tlb *parent = s->parent;

	s->generation = 0;
	if (!parent_lives(s) || s->nr_missed > TLB_LEARN)
		return;
	if (parent->nr_hints + s->nr_missed > TLB_LEARN)
		parent->nr_hints = 0;
	for (u32 i = 0; i < s->nr_missed; i++)
		parent->hint[parent->nr_hints++] = s->missed[i];
}
