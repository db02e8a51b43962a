/* SPDX-License-Identifier: MIT */
/*
 * The HAL's memory: address spaces and the TLB.
 *
 * The core owns ordinary 4-level x86-64 page tables in physical memory
 * (mm/pgtable.h). Bare metal: the CPU walks them. Hosted: the host process's
 * mappings are a TLB, filled from them on a fault and flushed here. A HAL may
 * drop any translation at any time; it may never use one that the tables do
 * not hold, once hal_tlb_flush has returned.
 *
 * The core reads and writes user memory only by walking these tables in
 * software (mm/uaccess.c), so no HAL needs copyin or a fixup table.
 */
#ifndef HYLA_HAL_MEM_H
#define HYLA_HAL_MEM_H

#include "lib/types.h"

struct hal_as {
	paddr_t root;	/* level-4 table; the core allocates and frees it */
	u32 id;		/* HAL: index into a table of its own, 0 none */
	u32 flags;	/* HAL: free use */
	u64 cpus;	/* HAL: CPUs that may hold translations */
};

/* A new, empty address space; as->root is a zeroed page. The HAL fills what
 * it needs in the upper half. 0 or -ENOMEM/-EAGAIN. */
int hal_as_init(struct hal_as *as) __must_check;
/* No CPU runs it any more; user mappings may be stale. */
void hal_as_destroy(struct hal_as *as);
/* User mode of this CPU is `as` from now on. No-op when it is already. NULL:
 * none (before the one in use is destroyed). */
void hal_as_activate(struct hal_as *as);

/* On return no CPU uses an old translation of [va, va + pages*4096). */
void hal_tlb_flush(struct hal_as *as, uaddr_t va, size_t pages);
/* On return no CPU uses any old translation of the address space. */
void hal_tlb_flush_all(struct hal_as *as);
/* Hint: these translations were just made and are likely to be used next. */
void hal_tlb_fill(struct hal_as *as, uaddr_t va, size_t pages);

/*
 * Program text, for a HAL that runs a rewritten copy of it (hosted, inproc).
 * The page at va shows byte va - base of `file`, privately, and cannot be
 * written; the HAL_TEXT_GAP bytes below base are mapped by nobody, now. False
 * if va is no such page.
 */
#define HAL_TEXT_GAP 65536ul

struct hal_text {
	u64 file;		/* identity: the same for all mappings; may be used again */
	u64 version;		/* another one: the file's bytes may have changed */
	uaddr_t start, end;	/* of the mapped part around va */
	uaddr_t base;		/* where byte 0 of the file is, or would be */
};

/* Upcall. */
bool kern_text(const struct hal_as *as, uaddr_t va, struct hal_text *text);

/*
 * Kernel stacks. The KSTACK_SIZE bytes at pa, aligned, contiguous, get the address
 * at which they are used as a stack, aligned as well; with HAL_CAP_STACK_GUARD
 * nothing is mapped below it. NULL: no room.
 */
void *hal_kstack_map(paddr_t pa) __must_check;
/* Nobody runs on it any more. Its memory may be used again at once. */
void hal_kstack_unmap(void *stack);
/* Upcall of hal_kstack_map: a zeroed page for page tables of the HAL's own, for
 * ever. 0: out of memory. */
paddr_t kern_table_page(void);

/* The range holds nothing of value: the host may take the memory back; it
 * reads as zero or garbage afterwards. Page aligned. */
void hal_mem_discard(paddr_t pa, u64 size);

#endif
