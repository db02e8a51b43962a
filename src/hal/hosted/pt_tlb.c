/* SPDX-License-Identifier: MIT */
/*
 * The ptrace engine's TLB: the mappings of a stub follow the core's page
 * tables.
 *
 * Per stub there is a shadow, a radix tree shaped as the page tables are, with
 * what is mapped in the stub (or will be, once its queue has run): physical
 * page | HOST_PROT_*. With it a fill skips what is there already, and a flush
 * knows what to do about each page, mostly nothing: what was never touched
 * needs no munmap, a page that was only write-protected (fork) needs an
 * mprotect, and only the rest is unmapped. Neighbouring operations are merged.
 *
 * Operations wait in the stub's queue until it runs next (pt_stub_commit): the
 * stub is stopped while the kernel runs, so nobody can use an old translation.
 * Shadow pages come from the private memory. When that is used up, or the host
 * refuses more mappings, the stub is emptied and faults fill it anew.
 */
#include "hal/hosted/ptrace.h"

#define PTE_PRESENT 1ul
#define PTE_WRITE 2ul
#define PTE_USER 4ul
#define PTE_LARGE 0x80ul
#define PTE_NX (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul
#define ENTRY_PROT 7ul
#define LEAF_SIZE (512 * 4096ul)

void pt_tlb_init(void)
{
	pt()->pool_free = NULL;
	pt()->pool_next = (u64 *)PT_POOL_START;
}

static u64 *page_alloc(void)
{
	struct pt_state *p = pt();
	u64 *page = p->pool_free;

	if (page) {
		p->pool_free = *(u64 **)page;
		__builtin_memset(page, 0, 4096);
		return page;
	}
	if ((u64)p->pool_next + 4096 > PT_POOL_END)
		return NULL;
	page = p->pool_next;
	p->pool_next += 512;
	return page;
}

static void page_free(u64 *page)
{
	*(u64 **)page = pt()->pool_free;
	pt()->pool_free = page;
}

bool pt_tlb_new(struct pt_stub *s)
{
	if (!s->shadow)
		s->shadow = page_alloc();
	return s->shadow != NULL;
}

/* Empties the shadow but keeps its root. */
void pt_tlb_drop(struct pt_stub *s)
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
static u64 *shadow_leaf(struct pt_stub *s, uaddr_t va, bool make)
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

u64 pt_translate(struct hal_as *as, uaddr_t va)
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

static struct stub_command *last_op(struct pt_stub *s, u64 nr)
{
	if (!s->nr_ops || s->op[s->nr_ops - 1].nr != nr)
		return NULL;
	return &s->op[s->nr_ops - 1];
}

static struct stub_command *new_op(struct pt_stub *s)
{
	if (s->nr_ops == PT_OPS)
		pt_stub_commit(s);
	return &s->op[s->nr_ops++];
}

static void queue_map(struct pt_stub *s, uaddr_t va, u64 entry)
{
	u64 pa = entry & PTE_ADDR, prot = entry & ENTRY_PROT;
	struct stub_command *op = last_op(s, NR_mmap);

	if (op && op->arg[0] + op->arg[1] == va && op->arg[5] + op->arg[1] == pa &&
	    op->arg[2] == prot) {
		op->arg[1] += 4096;
		return;
	}
	op = last_op(s, NR_munmap);	/* of that very page: mmap replaces it */
	if (!op || op->arg[0] != va || op->arg[1] != 4096)
		op = new_op(s);
	*op = (struct stub_command){ NR_mmap, { va, 4096, prot,
		HOST_MAP_SHARED | HOST_MAP_FIXED | HOST_MAP_POPULATE,
		hosted_priv()->handles.memfd, pa } };
}

static void queue_protect(struct pt_stub *s, uaddr_t va, u64 prot)
{
	struct stub_command *op = last_op(s, NR_mprotect);

	if (op && op->arg[0] + op->arg[1] == va && op->arg[2] == prot) {
		op->arg[1] += 4096;
		return;
	}
	*new_op(s) = (struct stub_command){ NR_mprotect, { va, 4096, prot } };
}

static void queue_unmap(struct pt_stub *s, uaddr_t va, u64 size)
{
	struct stub_command *op = last_op(s, NR_munmap);

	if (op && op->arg[0] + op->arg[1] == va) {
		op->arg[1] += size;
		return;
	}
	*new_op(s) = (struct stub_command){ NR_munmap, { va, size } };
}

static void empty_stub(struct pt_stub *s)
{
	pt_tlb_drop(s);
	s->op[0] = (struct stub_command){ NR_munmap, { 0, HOSTED_STUB_BASE } };
	s->nr_ops = 1;
}

/* Maps one page as the tables say, if it is not mapped so already. */
static void fill_page(struct pt_stub *s, uaddr_t va, u64 entry)
{
	u64 *leaf = shadow_leaf(s, va, true);

	if (!leaf) {
		empty_stub(s);
		leaf = shadow_leaf(s, va, true);
		if (!leaf)
			return;
	}
	if (leaf[va >> 12 & 511] == entry)
		return;
	/* A commit inside may empty the shadow: write it afterwards. */
	queue_map(s, va, entry);
	leaf = shadow_leaf(s, va, true);
	if (leaf)
		leaf[va >> 12 & 511] = entry;
}

void pt_tlb_fill(struct hal_as *as, uaddr_t va, size_t pages)
{
	struct pt_stub *s = pt_stub_of(as);

	if (!s || va >= HOSTED_USER_LIMIT)
		return;
	pages = min(pages, (HOSTED_USER_LIMIT - va) / 4096);
	for (; pages; pages--, va += 4096) {
		u64 entry = pt_translate(as, va);

		if (entry)
			fill_page(s, align_down(va, 4096ul), entry);
	}
}

/* The page first, then what is present around it. */
static void fill_around(struct hal_as *as, struct pt_stub *s, uaddr_t page, u64 entry)
{
	u64 span = PT_AROUND * 4096ul;

	fill_page(s, page, entry);
	if (!s->refused)
		pt_tlb_fill(as, align_down(page, span), PT_AROUND);
}

void pt_tlb_fill_resolved(struct hal_as *as, struct pt_stub *s, uaddr_t va)
{
	u64 entry = pt_translate(as, va);

	if (entry)
		fill_around(as, s, align_down(va, 4096ul), entry);
}

void pt_tlb_fill_missed(struct hal_as *as, struct pt_stub *s, uaddr_t va)
{
	uaddr_t page = align_down(va, 4096ul);
	u64 entry = pt_translate(as, va), *leaf = shadow_leaf(s, page, false);

	if (leaf)
		leaf[page >> 12 & 511] = 0;
	if (entry)
		fill_around(as, s, page, entry);
}

/* The next shadow leaf at or after *va; moves *va to what it covers. */
static u64 *next_leaf(struct pt_stub *s, uaddr_t *va, uaddr_t end)
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

static void end_run(struct pt_stub *s, struct unmap_run *run)
{
	if (run->end)
		queue_unmap(s, run->start, run->end - run->start);
	run->start = run->end = 0;
}

/* A run goes on over holes, which cost nothing, and ends at a page that stays. */
static void flush_page(struct pt_stub *s, struct unmap_run *run, uaddr_t va, u64 *slot, u64 want)
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

static void flush_range(struct hal_as *as, struct pt_stub *s, uaddr_t va, uaddr_t end)
{
	struct unmap_run run = { 0, 0 };
	u64 *leaf;

	while ((leaf = next_leaf(s, &va, end))) {
		uaddr_t leaf_end = min(align_down(va, LEAF_SIZE) + LEAF_SIZE, end);

		for (; va < leaf_end; va += 4096) {
			u64 *slot = &leaf[va >> 12 & 511];

			if (!*slot)
				continue;
			if (s->nr_ops + 2 > PT_OPS) {
				/* May empty the shadow, leaf and all. */
				pt_stub_commit(s);
				leaf = shadow_leaf(s, va, false);
				if (!leaf)
					break;
				slot = &leaf[va >> 12 & 511];
				if (!*slot)
					continue;
			}
			flush_page(s, &run, va, slot, pt_translate(as, va));
		}
		va = leaf_end;
	}
	end_run(s, &run);
}

void pt_tlb_flush(struct hal_as *as, uaddr_t va, size_t pages)
{
	struct pt_stub *s = pt_stub_of(as);

	va = align_down(va, 4096ul);
	if (!s || va >= HOSTED_USER_LIMIT)
		return;
	pages = min(pages, (HOSTED_USER_LIMIT - va) / 4096);
	flush_range(as, s, va, va + pages * 4096);
}

void pt_tlb_flush_all(struct hal_as *as)
{
	struct pt_stub *s = pt_stub_of(as);

	if (s)
		flush_range(as, s, 0, HOSTED_USER_LIMIT);
}
