/* SPDX-License-Identifier: MIT */
/*
 * The software TLB of one guest address space: what of the core's page tables
 * is mapped in the host process that runs it, and the mapping calls that wait
 * for it. Both engines use it; what differs is who executes the calls and how
 * much one fault is worth (struct hosted_engine: tlb_of, tlb_commit, around_ops).
 */
#ifndef HYLA_HAL_HOSTED_TLB_H
#define HYLA_HAL_HOSTED_TLB_H

#include "hal/hosted/private.h"

#define TLB_AROUND 64		/* pages that one fault may map */
#define TLB_LEARN 32		/* pages that are known of forked children */

/* One host system call; a stub does them from its command page (entry.S). */
struct tlb_op {
	u64 nr, arg[6];
};
_Static_assert(sizeof(struct tlb_op) == 56, "known to entry.S");
#define TLB_OPS (HOSTED_PAGE / sizeof(struct tlb_op))

struct host_tlb {
	u32 nr_ops;			/* commands that wait in op[] */
	u32 refused;			/* fills at refused_va that the host refused */
	uaddr_t refused_va;
	uaddr_t fill_va;		/* page to fill before the next run; 1: none */
	u64 *shadow;			/* what is mapped: tlb.c */
	/* tlb_learn.c: */
	u64 generation;			/* of this life of the slot; 0: none */
	struct host_tlb *parent;	/* good while its generation is this: */
	u64 parent_generation;
	u32 fresh;			/* has not run */
	u32 nr_missed, nr_hints;	/* missed: TLB_LEARN + 1 is too many */
	uaddr_t missed[TLB_LEARN], hint[TLB_LEARN];
	struct tlb_op op[TLB_OPS];
};

/* Shadow pages come from [start, end). */
void tlb_init(u64 start, u64 end);
/* False without memory. The caller has set the fields above shadow. */
bool tlb_new(struct host_tlb *s);
/* Forgets the shadow; the caller sees to the mappings. */
void tlb_drop(struct host_tlb *s);
/* Forgets all and queues the one call that makes it true. */
void tlb_empty(struct host_tlb *s);
/* Fills the page of va, if it is present by now, and present neighbours. */
void tlb_fill_resolved(struct hal_as *as, struct host_tlb *s, uaddr_t va);
/* The same for a page that faulted although the tables have it. */
void tlb_fill_missed(struct hal_as *as, struct host_tlb *s, uaddr_t va);
/* Maps a page of the engine's own, that the core's tables do not have. */
void tlb_fill_own(struct host_tlb *s, uaddr_t va, u64 entry);
/* A new address space, made by one that runs in `parent` (NULL: none). */
void tlb_born(struct host_tlb *s, struct host_tlb *parent);
void tlb_died(struct host_tlb *s);
/* Its first run: maps what children of its parent are known to need. */
void tlb_first_run(struct hal_as *as, struct host_tlb *s);
void tlb_missed(struct host_tlb *s, uaddr_t page);
/* The translation of va: physical page | HOST_PROT_*, 0 if none. */
u64 tlb_translate(struct hal_as *as, uaddr_t va);

#endif
