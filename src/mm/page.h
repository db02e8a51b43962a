/* SPDX-License-Identifier: MIT */
/*
 * Physical pages: struct page, the buddy allocator, conversions.
 *
 * Every page of RAM has one struct page. Pages are reference counted; the
 * allocator hands out runs of 2^order pages, naturally aligned, and
 * page_split() turns a run into single pages with a reference each, so that
 * a 64 KiB run (order 4) stays physically contiguous although its pages are
 * freed one by one: host mappings and the TLB merge over it.
 *
 * Locks: the kernel lock. Allocation never sleeps; it may reclaim clean page
 * cache (mm/reclaim.c). It may fail, and must be checked.
 */
#ifndef HYLA_MM_PAGE_H
#define HYLA_MM_PAGE_H

#include "lib/list.h"
#include "lib/types.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define RUN_ORDER 4		/* 64 KiB: the unit of contiguous allocation */
#define RUN_PAGES (1ul << RUN_ORDER)
#define MAX_ORDER 11		/* orders 0..10: up to 4 MiB */

struct mapping;

enum page_flag {
	PG_FREE = 1 << 0,	/* in the buddy, head of a block */
	PG_RESERVED = 1 << 1,	/* not RAM for the allocator */
	PG_SLAB = 1 << 2,
	PG_UPTODATE = 1 << 3,	/* page cache: contents valid */
	PG_DIRTY = 1 << 4,	/* page cache: newer than the file */
	PG_LOCKED = 1 << 5,	/* page cache: being filled or written back */
	PG_ANON = 1 << 6,	/* private memory of a process */
	PG_TABLE = 1 << 8,	/* a page table */
	PG_REFERENCED = 1 << 10, /* page cache: used since the last reclaim scan */
};

struct page {
	u32 refcount;		/* 0: free */
	u16 flags;		/* enum page_flag */
	u8 order;		/* of a free block or of an unsplit run */
	u8 reserved;
	u32 mapcount;		/* user page table entries that hold it */
	u32 slab_inuse;		/* PG_SLAB: objects allocated */
	struct mapping *mapping; /* page cache: owner; PG_SLAB: struct slab_cache */
	u64 index;		/* page cache: page number in the file; PG_SLAB: free list */
	struct list_head lru;	/* free list, page-cache LRU, or slab list */
};
_Static_assert(sizeof(struct page) == 48, "struct page is small");

enum alloc_flags {
	ALLOC_ZERO = 1 << 0,	/* contents zeroed */
	ALLOC_ATOMIC = 1 << 1,	/* may use the last reserve; no reclaim */
	ALLOC_NOFAIL_INJECT = 1 << 2, /* exempt from allocation-failure injection */
	ALLOC_USER = 1 << 3,	/* pages that go to a guest: leaves a reserve */
};

extern u8 *phys_base;		/* hal_info()->phys_base */
extern struct page *page_array;	/* [0, nr_phys_pages) */
extern u64 nr_phys_pages;	/* highest page number + 1 */

static inline void *phys_to_virt(paddr_t pa) { return phys_base + pa; }
static inline paddr_t virt_to_phys(const void *p) { return (paddr_t)((const u8 *)p - phys_base); }
static inline struct page *phys_to_page(paddr_t pa) { return &page_array[pa >> PAGE_SHIFT]; }
static inline paddr_t page_to_phys(const struct page *p) { return (paddr_t)(p - page_array) << PAGE_SHIFT; }
static inline void *page_to_virt(const struct page *p) { return phys_to_virt(page_to_phys(p)); }
static inline struct page *virt_to_page(const void *p) { return phys_to_page(virt_to_phys(p)); }

void page_init(void);
/* Whole pages that were reserved so far and are in no use: memory from now on. */
void page_add(paddr_t start, paddr_t end);

/* 2^order contiguous pages, refcount 1 on the first; NULL when out of memory. */
struct page *page_alloc(u32 order, u32 flags) __must_check;
/* Turns an allocated run into 2^order single pages with refcount 1 each. */
void page_split(struct page *page, u32 order);
static inline struct page *page_get(struct page *page)
{
	page->refcount++;
	return page;
}
/* Drops a reference; the last one frees the page (or unsplit run). */
void page_put(struct page *page);

/* One kernel page, as memory. NULL when out of memory. */
void *page_alloc_virt(u32 order, u32 flags) __must_check;
void page_free_virt(void *p);

struct page_stats {
	u64 total, free, cache, anon, slab, table, reserved;	/* pages */
	u64 shmem;	/* of cache: memory of tmpfs, which cannot be reclaimed */
};
void page_get_stats(struct page_stats *st);
/* Pages that programs could still get: free or clean cache, above the reserve. */
u64 page_available(void);
/* Pages that are kept from programs. */
u64 page_reserve(void);
/* Free blocks of each order (/proc/buddyinfo). */
void page_free_counts(u64 count[MAX_ORDER]);
/* Adjusts the accounting kinds above (cache, shmem, anon, table). */
extern struct page_stats page_counts;

/*
 * Allocation-failure injection (--fail-nth, /proc/thread-self/fail-nth): the Nth
 * allocation from now on, made by the current task or by one that descends from
 * it, fails. There is one count for the whole machine.
 */
void fail_arm(u64 nth);		/* 0: off */
bool fail_armed(void);		/* for the current task */
u64 fail_left(void);		/* allocations up to the one that fails; 0: it was made */
u64 fail_counted(void);		/* allocations counted since it was last armed */
bool fail_inject(void);		/* counts one; true = fail it */

#endif
