/* SPDX-License-Identifier: MIT */
/*
 * The software TLB: the mappings of a guest's host process follow the core's
 * page tables.
 *
 * Per address space there is a shadow, a radix tree shaped as the page tables
 * are, with what is mapped (or will be, once the queue has run): physical
 * page | HOST_PROT_*. With it a fill skips what is there already, and a flush
 * knows what to do about each page, mostly nothing: what was never touched
 * needs no munmap, a page that was only write-protected (fork) needs an
 * mprotect, and only the rest is unmapped. Neighbouring operations are merged.
 *
 * Operations wait in the queue until the address space runs next (tlb_commit):
 * no user code runs while the kernel does, so nobody can use an old
 * translation. Shadow pages come from the engine's memory. When that is used
 * up, or the host refuses more mappings, all is unmapped and faults fill it
 * anew.
 */
#include "hal/hosted/linux.h"
#include "hal/hosted/tlb.h"

#define PTE_PRESENT 1ul
#define PTE_WRITE 2ul
#define PTE_USER 4ul
#define PTE_LARGE 0x80ul
#define PTE_NX (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul
#define ENTRY_PROT 7ul
#define LEAF_SIZE (512 * 4096ul)

static struct tlb_pool *pool(void)
{
	return &hosted_priv()->tlb_pool;
}

void tlb_init(u64 start, u64 end)
{
	*pool() = (struct tlb_pool){ NULL, align_up(start, 4096ul), end, 0 };
}

static struct host_tlb *tlb_of(struct hal_as *as)
{
	return hosted_priv()->engine->tlb_of(as);
}

static void tlb_commit(struct host_tlb *s)
{
	hosted_priv()->engine->tlb_commit(s);
}

static u64 *page_alloc(void)
{
	struct tlb_pool *p = pool();
	u64 *page = p->free;

	if (page) {
		p->free = *(u64 **)page;
		__builtin_memset(page, 0, 4096);
		return page;
	}
	if (p->next + 4096 > p->end)
		return NULL;
	page = (u64 *)p->next;
	p->next += 4096;
	return page;
}

static void page_free(u64 *page)
{
	*(u64 **)page = pool()->free;
	pool()->free = page;
}

bool tlb_new(struct host_tlb *s)
{
	if (!s->shadow)
		s->shadow = page_alloc();
	return s->shadow != NULL;
}

/* Empties the shadow but keeps its root. */
void tlb_drop(struct host_tlb *s)
{
	if (!s->shadow)
		return;
	for (u32 i = 0; i < 512; i++) {
		u64 *l3 = (u64 *)s->shadow[i];

		for (u32 j = 0; l3 && j < 512; j++) {
			u64 *l2 = (u64 *)l3[j];

			for (u32 k = 0; l2 && k < 512; k++)
				if (l2[k])
					page_free((u64 *)l2[k]);
			if (l2)
				page_free(l2);
		}
		if (l3)
			page_free(l3);
		s->shadow[i] = 0;
	}
}

/* The shadow's leaf for va; NULL if there is none (make: or no memory). */
static u64 *shadow_leaf(struct host_tlb *s, uaddr_t va, bool make)
{
	u64 *table = s->shadow;

	for (int shift = 39; shift > 12; shift -= 9) {
		u64 *slot = &table[va >> shift & 511];

		if (!*slot) {
			u64 *page = make ? page_alloc() : NULL;

			if (!page)
				return NULL;
			*slot = (u64)page;
		}
		table = (u64 *)*slot;
	}
	return table;
}

u64 tlb_translate(struct hal_as *as, uaddr_t va)
{
	u64 end = hosted_shared()->mem_end;
	u64 entry = as->root, flags = PTE_WRITE | PTE_USER, nx = 0, pa;

	for (int shift = 39; shift >= 12; shift -= 9) {
		u64 table = entry & PTE_ADDR;

		if (table >= end)
			return 0;
		entry = READ_ONCE(((u64 *)hosted_virt(table))[va >> shift & 511]);
		if (!(entry & PTE_PRESENT))
			return 0;
		flags &= entry;
		nx |= entry & PTE_NX;
		if (shift == 12 || (shift < 39 && entry & PTE_LARGE)) {
			pa = (entry & PTE_ADDR & ~((1ul << shift) - 1)) |
			     (va & ((1ul << shift) - 1) & ~4095ul);
			if (!(flags & PTE_USER) || pa >= end)
				return 0;
			return pa | HOST_PROT_READ | (flags & PTE_WRITE ? HOST_PROT_WRITE : 0) |
			       (nx ? 0 : HOST_PROT_EXEC);
		}
	}
	return 0;
}

/* What the TLB is to hold for va. */
static u64 want_entry(struct hal_as *as, struct host_tlb *s, uaddr_t va)
{
	const struct hosted_engine *engine = hosted_priv()->engine;
	u64 entry = tlb_translate(as, va);

	if (!engine->tlb_entry || (entry & (HOST_PROT_EXEC | HOST_PROT_WRITE)) != HOST_PROT_EXEC)
		return entry;
	return engine->tlb_entry(s, as, va, entry);
}

static struct tlb_op *last_op(struct host_tlb *s, u64 nr)
{
	if (!s->nr_ops || s->op[s->nr_ops - 1].nr != nr)
		return NULL;
	return &s->op[s->nr_ops - 1];
}

static struct tlb_op *new_op(struct host_tlb *s)
{
	if (s->nr_ops == TLB_OPS)
		tlb_commit(s);
	return &s->op[s->nr_ops++];
}

static void queue_map(struct host_tlb *s, uaddr_t va, u64 entry)
{
	u64 pa = entry & PTE_ADDR, prot = entry & ENTRY_PROT;
	struct tlb_op *op = last_op(s, NR_mmap);

	if (op && op->arg[0] + op->arg[1] == va && op->arg[5] + op->arg[1] == pa &&
	    op->arg[2] == prot) {
		op->arg[1] += 4096;
		return;
	}
	op = last_op(s, NR_munmap);	/* of that very page: mmap replaces it */
	if (!op || op->arg[0] != va || op->arg[1] != 4096)
		op = new_op(s);
	*op = (struct tlb_op){ NR_mmap, { va, 4096, prot,
		HOST_MAP_SHARED | HOST_MAP_FIXED | HOST_MAP_POPULATE,
		hosted_priv()->handles.memfd, pa } };
}

static void queue_protect(struct host_tlb *s, uaddr_t va, u64 prot)
{
	struct tlb_op *op = last_op(s, NR_mprotect);

	if (op && op->arg[0] + op->arg[1] == va && op->arg[2] == prot) {
		op->arg[1] += 4096;
		return;
	}
	*new_op(s) = (struct tlb_op){ NR_mprotect, { va, 4096, prot } };
}

static void queue_unmap(struct host_tlb *s, uaddr_t va, u64 size)
{
	struct tlb_op *op = last_op(s, NR_munmap);

	if (op && op->arg[0] + op->arg[1] == va) {
		op->arg[1] += size;
		return;
	}
	*new_op(s) = (struct tlb_op){ NR_munmap, { va, size } };
}

void tlb_empty(struct host_tlb *s)
{
	tlb_drop(s);
	s->op[0] = (struct tlb_op){ NR_munmap, { 0, HOSTED_USER_LIMIT } };
	s->nr_ops = 1;
}

/* Maps one page, if it is not mapped so already. */
void tlb_fill_own(struct host_tlb *s, uaddr_t va, u64 entry)
{
	u64 *leaf = shadow_leaf(s, va, true), have;

	if (!leaf) {
		tlb_empty(s);
		leaf = shadow_leaf(s, va, true);
		if (!leaf)
			return;
	}
	have = leaf[va >> 12 & 511];
	if (have == entry)
		return;
	/* A commit inside may empty the shadow: write it afterwards. */
	if (have && (have & PTE_ADDR) == (entry & PTE_ADDR))
		queue_protect(s, va, entry & ENTRY_PROT);
	else
		queue_map(s, va, entry);
	leaf = shadow_leaf(s, va, true);
	if (leaf)
		leaf[va >> 12 & 511] = entry;
}

static void fill_page(struct host_tlb *s, uaddr_t va, u64 entry)
{
	const struct hosted_engine *engine = hosted_priv()->engine;

	if (engine->tlb_claim)
		engine->tlb_claim(s, va);
	tlb_fill_own(s, va, entry);
}

void hal_tlb_fill(struct hal_as *as, uaddr_t va, size_t pages)
{
	struct host_tlb *s = tlb_of(as);

	if (!s || va >= HOSTED_USER_LIMIT)
		return;
	/* That comes with the page that faulted, in one call if it can. */
	if (s->fill_va - va < pages * 4096)
		return;
	pages = min(pages, (HOSTED_USER_LIMIT - va) / 4096);
	for (; pages; pages--, va += 4096) {
		u64 entry = want_entry(as, s, va);

		if (entry)
			fill_page(s, align_down(va, 4096ul), entry);
	}
}

static bool is_mapped(struct host_tlb *s, uaddr_t va, u64 entry)
{
	u64 *leaf = shadow_leaf(s, va, false);

	return leaf && leaf[va >> 12 & 511] == entry;
}

/* Fills what is present in [va, end), with up to *ops mapping calls. */
static void fill_neighbours(struct hal_as *as, struct host_tlb *s, uaddr_t va, uaddr_t end,
			    u32 *ops)
{
	u64 before = 0;

	for (; va < end; va += 4096) {
		u64 entry = want_entry(as, s, va);

		if (entry && !is_mapped(s, va, entry)) {
			if (entry != before + 4096 && !(*ops)--) {
				*ops = 0;
				return;
			}
			fill_page(s, va, entry);
		}
		before = entry;
	}
}

/*
 * The page with the contiguous run that it belongs to, which is one mapping
 * call, then some of what is present around it.
 */
static void fill_around(struct hal_as *as, struct host_tlb *s, uaddr_t page, u64 entry)
{
	uaddr_t low = align_down(page, TLB_AROUND * 4096ul), high = low + TLB_AROUND * 4096ul;
	u32 ops = hosted_priv()->engine->around_ops;
	uaddr_t start = page, end = page + 4096;

	if (s->refused) {
		fill_page(s, page, entry);
		return;
	}
	while (start > low && want_entry(as, s, start - 4096) == entry - (page - start) - 4096 &&
	       !is_mapped(s, start - 4096, entry - (page - start) - 4096))
		start -= 4096;
	while (end < high && want_entry(as, s, end) == entry + (end - page))
		end += 4096;
	for (uaddr_t va = start; va < end; va += 4096)
		fill_page(s, va, entry + (va - page));
	fill_neighbours(as, s, end, high, &ops);
	fill_neighbours(as, s, low, start, &ops);
}

void tlb_fill_resolved(struct hal_as *as, struct host_tlb *s, uaddr_t va)
{
	u64 entry = want_entry(as, s, va);

	if (entry)
		fill_around(as, s, align_down(va, 4096ul), entry);
}

void tlb_fill_missed(struct hal_as *as, struct host_tlb *s, uaddr_t va)
{
	uaddr_t page = align_down(va, 4096ul);
	u64 entry = want_entry(as, s, va), *leaf = shadow_leaf(s, page, false);

	if (leaf)
		leaf[page >> 12 & 511] = 0;
	tlb_missed(s, page);
	if (entry)
		fill_around(as, s, page, entry);
}

/* The next shadow leaf at or after *va; moves *va to what it covers. */
static u64 *next_leaf(struct host_tlb *s, uaddr_t *va, uaddr_t end)
{
	while (*va < end) {
		u64 *table = s->shadow;
		int shift;

		for (shift = 39; shift > 12; shift -= 9) {
			u64 next = table[*va >> shift & 511];

			if (!next)
				break;
			table = (u64 *)next;
		}
		if (shift == 12)
			return table;
		*va = ((*va >> shift) + 1) << shift;
	}
	return NULL;
}

struct unmap_run {
	uaddr_t start, end;	/* empty: both 0 */
};

static void end_run(struct host_tlb *s, struct unmap_run *run)
{
	if (run->end)
		queue_unmap(s, run->start, run->end - run->start);
	run->start = run->end = 0;
}

/* A run goes on over holes, which cost nothing, and ends at a page that stays. */
static void flush_page(struct host_tlb *s, struct unmap_run *run, uaddr_t va, u64 *slot, u64 want)
{
	u64 have = *slot;

	if (have == want) {
		end_run(s, run);
		return;
	}
	*slot = want;
	if (!want) {
		if (!run->end)
			run->start = va;
		run->end = va + 4096;
		return;
	}
	end_run(s, run);
	if ((have ^ want) & PTE_ADDR)
		queue_map(s, va, want);
	else
		queue_protect(s, va, want & ENTRY_PROT);
}

static void flush_range(struct hal_as *as, struct host_tlb *s, uaddr_t va, uaddr_t end)
{
	struct unmap_run run = { 0, 0 };
	u64 *leaf;

	while ((leaf = next_leaf(s, &va, end))) {
		uaddr_t leaf_end = min(align_down(va, LEAF_SIZE) + LEAF_SIZE, end);

		for (; va < leaf_end; va += 4096) {
			u64 *slot = &leaf[va >> 12 & 511];

			if (!*slot)
				continue;
			if (s->nr_ops + 2 > TLB_OPS) {
				/* May empty the shadow, leaf and all. */
				tlb_commit(s);
				leaf = shadow_leaf(s, va, false);
				if (!leaf)
					break;
				slot = &leaf[va >> 12 & 511];
				if (!*slot)
					continue;
			}
			flush_page(s, &run, va, slot, want_entry(as, s, va));
		}
		va = leaf_end;
	}
	end_run(s, &run);
}

void hal_tlb_flush(struct hal_as *as, uaddr_t va, size_t pages)
{
	struct host_tlb *s = tlb_of(as);

	va = align_down(va, 4096ul);
	if (!s || va >= HOSTED_USER_LIMIT)
		return;
	pages = min(pages, (HOSTED_USER_LIMIT - va) / 4096);
	flush_range(as, s, va, va + pages * 4096);
}

void hal_tlb_flush_all(struct hal_as *as)
{
	struct host_tlb *s = tlb_of(as);

	if (s)
		flush_range(as, s, 0, HOSTED_USER_LIMIT);
}
