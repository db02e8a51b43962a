/* SPDX-License-Identifier: MIT */
/*
 * Buddy allocator over struct page.
 *
 * Free blocks of each order sit on a list; a block's head page has PG_FREE and
 * its order. Splitting and merging are the textbook ones. Runs that were split
 * with page_split come back page by page and merge again, so 64 KiB runs reform
 * by themselves.
 *
 * A small reserve is kept for the kernel: user pages (ALLOC_USER) are refused
 * below it, so that a guest that eats all memory leaves enough to kill it.
 *
 * Locks: the kernel lock. Nothing here sleeps.
 */
#include "mm/page.h"

#include "hal/hal.h"
#include "hal/mem.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/reclaim.h"

#define RESERVE_MAX 256ul	/* pages */

u8 *phys_base;
struct page *page_array;
u64 nr_phys_pages;
struct page_stats page_counts;

static struct list_head free_lists[MAX_ORDER];
static u64 reserve_pages;

static void free_list_add(struct page *page, u32 order)
{
	page->flags = PG_FREE;
	page->order = (u8)order;
	list_add(&page->lru, &free_lists[order]);
}

void page_free_counts(u64 count[MAX_ORDER])
{
	struct page *page;

	for (u32 o = 0; o < MAX_ORDER; o++) {
		count[o] = 0;
		list_for_each_entry(page, &free_lists[o], lru)
			count[o]++;
	}
}

static void free_block(struct page *page, u32 order)
{
	u64 pfn = (u64)(page - page_array);

	page_counts.free += 1ul << order;
	while (order < MAX_ORDER - 1) {
		u64 buddy_pfn = pfn ^ (1ul << order);
		struct page *buddy = &page_array[buddy_pfn];

		if (buddy_pfn >= nr_phys_pages || !(buddy->flags & PG_FREE) || buddy->order != order)
			break;
		list_del(&buddy->lru);
		buddy->flags = 0;
		pfn &= buddy_pfn;
		order++;
	}
	free_list_add(&page_array[pfn], order);
}

static struct page *take_block(u32 order)
{
	struct page *page;
	u32 o;

	for (o = order; o < MAX_ORDER && list_empty(&free_lists[o]); o++)
		;
	if (o == MAX_ORDER)
		return NULL;
	page = list_first(&free_lists[o], struct page, lru);
	list_del(&page->lru);
	while (o > order) {
		o--;
		free_list_add(page + (1ul << o), o);
	}
	page_counts.free -= 1ul << order;
	return page;
}

static bool below_reserve(u32 order, u32 flags)
{
	if (flags & ALLOC_USER)
		return page_counts.free < reserve_pages + (1ul << order);
	return false;
}

struct page *page_alloc(u32 order, u32 flags)
{
	struct page *page = NULL;
	int tries;

	if (!(flags & ALLOC_NOFAIL_INJECT) && unlikely(fail_inject()))
		return NULL;
	for (tries = 0; tries < 3; tries++) {
		if (!below_reserve(order, flags))
			page = take_block(order);
		if (page || (flags & ALLOC_ATOMIC) || !reclaim(32ul << order))
			break;
	}
	if (!page)
		return NULL;
	page->flags = 0;
	page->refcount = 1;
	page->order = (u8)order;
	page->mapcount = 0;
	page->mapping = NULL;
	page->index = 0;
	page->slab_inuse = 0;
	list_init(&page->lru);
	if (flags & ALLOC_ZERO)
		memset(page_to_virt(page), 0, PAGE_SIZE << order);
	return page;
}

void page_split(struct page *page, u32 order)
{
	for (u64 i = 0; i < 1ul << order; i++) {
		page[i] = page[0];
		page[i].order = 0;
		list_init(&page[i].lru);
	}
}

void page_put(struct page *page)
{
	bug_on(page->refcount == 0);
	if (--page->refcount)
		return;
	bug_on(page->flags & (PG_RESERVED | PG_FREE));
	if (page->flags & PG_ANON)
		page_counts.anon--;
	if (page->flags & PG_TABLE)
		page_counts.table--;
	page->flags = 0;
	free_block(page, page->order);
}

void *page_alloc_virt(u32 order, u32 flags)
{
	struct page *page = page_alloc(order, flags);

	return page ? page_to_virt(page) : NULL;
}

void page_free_virt(void *p)
{
	if (p)
		page_put(virt_to_page(p));
}

void page_get_stats(struct page_stats *st)
{
	*st = page_counts;
}

u64 page_reserve(void)
{
	return reserve_pages;
}

u64 page_available(void)
{
	u64 pages = page_counts.free + page_counts.cache - page_counts.shmem;

	return pages > reserve_pages ? pages - reserve_pages : 0;
}

/* The page array is carved from the first range with room for it. */
static paddr_t place_page_array(const struct hal_info *info, u64 size)
{
	for (u32 i = 0; i < info->mem_count; i++)
		if (info->mem[i].size >= size)
			return info->mem[i].start;
	panic("no memory for %lu bytes of page structures", size);
}

static void add_range(paddr_t start, paddr_t end)
{
	u64 pfn = DIV_ROUND_UP(start, PAGE_SIZE);
	u64 last = end >> PAGE_SHIFT;

	page_counts.total += last > pfn ? last - pfn : 0;
	while (pfn < last) {
		u32 order = MAX_ORDER - 1;

		while (!is_aligned(pfn, 1ul << order) || pfn + (1ul << order) > last)
			order--;
		free_block(&page_array[pfn], order);
		pfn += 1ul << order;
	}
}

/* What no range covers, and the page array itself. An all-zero struct page is
 * a page of RAM that is not the head of a free block, so the rest of the array
 * is not even touched: large machines start as fast as small ones. */
static void mark_reserved(const struct hal_info *info, paddr_t array, u64 size)
{
	u64 pfn = 0;

	for (u32 i = 0; i <= info->mem_count; i++) {
		u64 start = i < info->mem_count ? info->mem[i].start >> PAGE_SHIFT : nr_phys_pages;

		for (; pfn < start; pfn++)
			page_array[pfn] = (struct page){ .flags = PG_RESERVED, .refcount = 1 };
		if (i < info->mem_count)
			pfn = (info->mem[i].start + info->mem[i].size) >> PAGE_SHIFT;
	}
	for (pfn = array >> PAGE_SHIFT; pfn < (array + size) >> PAGE_SHIFT; pfn++)
		page_array[pfn] = (struct page){ .flags = PG_RESERVED, .refcount = 1 };
}

void page_init(void)
{
	const struct hal_info *info = hal_info();
	paddr_t array;
	u64 size;

	phys_base = info->phys_base;
	for (u32 i = 0; i < MAX_ORDER; i++)
		list_init(&free_lists[i]);
	for (u32 i = 0; i < info->mem_count; i++)
		nr_phys_pages = max(nr_phys_pages,
				    (info->mem[i].start + info->mem[i].size) >> PAGE_SHIFT);
	if (info->initrd_ram)
		nr_phys_pages = max(nr_phys_pages,
				    DIV_ROUND_UP(info->initrd + info->initrd_size, PAGE_SIZE));
	size = align_up(nr_phys_pages * sizeof(struct page), PAGE_SIZE);
	array = place_page_array(info, size);
	page_array = phys_to_virt(array);
	if (!(info->caps & HAL_CAP_ZEROED))
		memset(page_array, 0, size);
	mark_reserved(info, array, size);
	for (u32 i = 0; i < info->mem_count; i++) {
		paddr_t start = info->mem[i].start, end = start + info->mem[i].size;

		if (start == array)
			start += size;
		add_range(start, end);
	}
	page_counts.reserved = nr_phys_pages - page_counts.total;
	reserve_pages = min(page_counts.total / 32, RESERVE_MAX);
}

void page_add(paddr_t start, paddr_t end)
{
	u64 pfn = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

	bug_on(last > nr_phys_pages);
	page_counts.reserved -= last - pfn;
	for (; pfn < last; pfn++)
		page_array[pfn] = (struct page){ 0 };
	add_range(start, end);
}

/* ---- allocation-failure injection ---- */

static u64 fail_nth;	/* which allocation fails; 0: none */
static u64 fail_count;	/* made so far by tasks with TF_FAIL_NTH */

void fail_arm(u64 nth)
{
	fail_nth = nth;
	if (!nth) {
		current->flags &= ~TF_FAIL_NTH;
		return;
	}
	fail_count = 0;
	current->flags |= TF_FAIL_NTH;
}

bool fail_armed(void)
{
	return unlikely(fail_nth) && current && (current->flags & TF_FAIL_NTH);
}

u64 fail_left(void)
{
	return fail_nth > fail_count ? fail_nth - fail_count : 0;
}

u64 fail_counted(void)
{
	return fail_count;
}

bool fail_inject(void)
{
	return fail_armed() && ++fail_count == fail_nth;
}
