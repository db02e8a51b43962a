/* SPDX-License-Identifier: MIT */
/*
 * x86-64 page tables, the canonical ones on every HAL (Intel SDM vol. 3A 4.5).
 *
 * Only 4 KiB leaf entries exist for user memory. An entry that is non-zero but
 * not present (PTE_NONE set) is a page under PROT_NONE. Bits 9 to 11 are ours.
 * A table page counts its non-zero entries in page->mapcount and is freed when
 * that reaches zero; the freeing goes through a struct tlb_gather so that no
 * CPU walks a table that was reused.
 */
#ifndef HYLA_MM_PGTABLE_H
#define HYLA_MM_PGTABLE_H

#include "hal/mem.h"
#include "lib/types.h"
#include "mm/page.h"

#define PTE_P 0x001ul
#define PTE_W 0x002ul
#define PTE_U 0x004ul
#define PTE_A 0x020ul
#define PTE_D 0x040ul
#define PTE_NONE 0x200ul	/* ours: mapped, but PROT_NONE */
#define PTE_NX (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul

typedef u64 pte_t;

static inline bool pte_mapped(pte_t p) { return p != 0; }
static inline struct page *pte_page(pte_t p) { return phys_to_page(p & PTE_ADDR); }

/* The entry for va, or NULL when a table on the way is missing. */
pte_t *pte_lookup(const struct hal_as *as, uaddr_t va);
/* The same, making tables; NULL: out of memory. */
pte_t *pte_lookup_alloc(struct hal_as *as, uaddr_t va) __must_check;
/* How often an entry that was not empty has changed, or tables were freed. */
extern u64 pte_changes;
/* Stores an entry and keeps the table's count right. No flush. */
void pte_set(pte_t *pte, pte_t val);

/* Deferred freeing around a flush. */
#define GATHER_MAX 48
struct tlb_gather {
	struct hal_as *as;		/* NULL: destroyed already, nothing to flush */
	uaddr_t start, end;		/* to flush */
	u32 count;
	u32 pad;
	struct page *pages[GATHER_MAX];
};
void gather_init(struct tlb_gather *g, struct hal_as *as);
void gather_page(struct tlb_gather *g, uaddr_t va, struct page *page);
void gather_flush(struct tlb_gather *g);

/* Calls fn for each non-zero entry in [start, end); fn may clear it. Empty
 * tables go to g (may be NULL for read-only walks). */
typedef void (*pte_fn)(pte_t *pte, uaddr_t va, void *arg);
void pte_for_each(struct hal_as *as, uaddr_t start, uaddr_t end, pte_fn fn, void *arg,
		  struct tlb_gather *g);

int pgtable_init_as(struct hal_as *as) __must_check;	/* root + hal_as_init */
void pgtable_free_as(struct hal_as *as);		/* after hal_as_destroy */

#endif
