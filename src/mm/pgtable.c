/* SPDX-License-Identifier: MIT */
/*
 * Walking, filling and emptying the 4-level tables; see pgtable.h.
 *
 * Intermediate entries are P|W|U; a table's page->mapcount counts its non-zero
 * entries in the lower half. Locks: the kernel lock.
 */
#include "mm/pgtable.h"

#include "abi/errno.h"
#include "hal/hal.h"
#include "lib/string.h"

#define TABLE_FLAGS (PTE_P | PTE_W | PTE_U | PTE_A)

u64 pte_changes;

static u32 index_at(uaddr_t va, u32 level)
{
	return (va >> (PAGE_SHIFT + 9 * level)) & 511;
}

static pte_t *table_of(pte_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

pte_t *pte_lookup(const struct hal_as *as, uaddr_t va)
{
	pte_t *t = phys_to_virt(as->root);

	for (u32 level = 3; level > 0; level--) {
		pte_t e = t[index_at(va, level)];

		if (!e)
			return NULL;
		t = table_of(e);
	}
	return &t[index_at(va, 0)];
}

void pte_set(pte_t *pte, pte_t val)
{
	struct page *table = virt_to_page(pte);

	if (*pte) {
		pte_changes++;
		table->mapcount -= !val;
	} else if (val) {
		table->mapcount++;
	}
	WRITE_ONCE(*pte, val);
}

static struct page *table_alloc(void)
{
	struct page *page = page_alloc(0, ALLOC_ZERO);

	if (page) {
		page->flags |= PG_TABLE;
		page_counts.table++;
	}
	return page;
}

pte_t *pte_lookup_alloc(struct hal_as *as, uaddr_t va)
{
	pte_t *t = phys_to_virt(as->root);

	for (u32 level = 3; level > 0; level--) {
		pte_t *e = &t[index_at(va, level)];

		if (!*e) {
			struct page *page = table_alloc();

			if (!page)
				return NULL;	/* empty tables go at the next unmap */
			pte_set(e, page_to_phys(page) | TABLE_FLAGS);
		}
		t = table_of(*e);
	}
	return &t[index_at(va, 0)];
}

/* ---- gathering ---- */

void gather_init(struct tlb_gather *g, struct hal_as *as)
{
	g->as = as;
	g->start = U64_MAX;
	g->end = 0;
	g->count = 0;
}

void gather_flush(struct tlb_gather *g)
{
	if (g->as && g->start < g->end)
		hal_tlb_flush(g->as, g->start, (g->end - g->start) >> PAGE_SHIFT);
	for (u32 i = 0; i < g->count; i++)
		page_put(g->pages[i]);
	gather_init(g, g->as);
}

void gather_page(struct tlb_gather *g, uaddr_t va, struct page *page)
{
	g->start = min(g->start, va);
	g->end = max(g->end, va + PAGE_SIZE);
	if (page)
		g->pages[g->count++] = page;
	if (g->count == GATHER_MAX)
		gather_flush(g);
}

/* ---- range walks ---- */

/* Frees the empty tables on the path to va, bottom up. */
static void prune_tables(struct hal_as *as, uaddr_t va, struct tlb_gather *g)
{
	pte_t *path[4];

	path[3] = phys_to_virt(as->root);
	for (int level = 3; level > 0; level--) {
		pte_t e = path[level][index_at(va, (u32)level)];

		if (!e)
			return;
		path[level - 1] = table_of(e);
	}
	for (u32 level = 0; level < 3; level++) {
		struct page *table = virt_to_page(path[level]);

		if (table->mapcount)
			return;
		pte_set(&path[level + 1][index_at(va, level + 1)], 0);
		gather_page(g, va, table);
	}
}

void pte_for_each(struct hal_as *as, uaddr_t start, uaddr_t end, pte_fn fn, void *arg,
		  struct tlb_gather *g)
{
	uaddr_t va = start;

	while (va < end) {
		pte_t *t = phys_to_virt(as->root);
		u32 level = 3, i;
		uaddr_t stop;

		for (; level > 0; level--) {
			pte_t e = t[index_at(va, level)];

			if (!e)
				break;
			t = table_of(e);
		}
		if (level) {	/* nothing below this entry */
			u64 span = 1ul << (PAGE_SHIFT + 9 * level);

			va = align_down(va, span) + span;
			continue;
		}
		stop = min(end, align_down(va, 512 * PAGE_SIZE) + 512 * PAGE_SIZE);
		for (i = index_at(va, 0); va < stop; i++, va += PAGE_SIZE)
			if (t[i])
				fn(&t[i], va, arg);
		if (g && !virt_to_page(t)->mapcount)
			prune_tables(as, stop - PAGE_SIZE, g);
	}
}

/* ---- whole address spaces ---- */

int pgtable_init_as(struct hal_as *as)
{
	struct page *root = table_alloc();
	int err;

	if (!root)
		return -ENOMEM;
	*as = (struct hal_as){ .root = page_to_phys(root) };
	err = hal_as_init(as);
	if (err)
		page_put(root);
	return err;
}

static void free_tables(pte_t *t, u32 level, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (!t[i])
			continue;
		if (level > 1)
			free_tables(table_of(t[i]), level - 1, 512);	/* at most 3 deep */
		page_put(pte_page(t[i]));
	}
}

void pgtable_free_as(struct hal_as *as)
{
	pte_changes++;
	free_tables(phys_to_virt(as->root), 3, 256);
	page_put(phys_to_page(as->root));
}
