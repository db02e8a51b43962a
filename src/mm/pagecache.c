/* SPDX-License-Identifier: MIT */
/*
 * The page cache: finding, filling, dirtying, truncating, reclaiming pages.
 *
 * A page belongs to a mapping from insertion into the radix tree until
 * removal; page->mapping says so. Clean cache pages hang on one LRU list
 * (second chance by PG_REFERENCED). A fill locks the pages (PG_LOCKED), so
 * others who want them sleep on a hashed wait queue.
 *
 * Not supported: write-back in the background; dirty pages are written by
 * fsync, msync, sync, close (9p) and inode eviction, and never reclaimed.
 */
#include "mm/pagecache.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "kernel/task.h"
#include "kernel/wait.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"

static struct list_head lru = LIST_HEAD_INIT(lru);

#define PAGE_WAIT_QUEUES 16
static struct waitqueue page_wq[PAGE_WAIT_QUEUES];

static struct waitqueue *page_queue(const struct page *page)
{
	struct waitqueue *wq = &page_wq[(page - page_array) % PAGE_WAIT_QUEUES];

	if (!wq->entries.next)
		waitqueue_init(wq);
	return wq;
}

void mapping_init(struct mapping *m, struct inode *host, const struct mapping_ops *ops)
{
	*m = (struct mapping){ .host = host, .ops = ops };
	list_init(&m->vmas);
}

struct page *mapping_find_page(struct mapping *m, u64 index)
{
	struct page *page = radix_lookup(&m->pages, index);

	if (!page || !(page->flags & PG_UPTODATE))
		return NULL;
	page->flags |= PG_REFERENCED;
	return page;
}

static void page_unlock(struct page *page)
{
	page->flags &= ~PG_LOCKED;
	wake_up_all(page_queue(page));
}

/* Takes the page out of its mapping; the cache's reference goes to the caller. */
static void page_detach(struct page *page)
{
	struct mapping *m = page->mapping;

	bug_on(radix_remove(&m->pages, page->index) != page);
	m->nr_pages--;
	page_counts.cache--;
	page_counts.shmem -= !!(m->flags & MAPPING_PERSISTENT);
	page->mapping = NULL;
	page->flags &= ~PG_DIRTY;
	list_del(&page->lru);
}

static int page_attach(struct mapping *m, struct page *page, u64 index)
{
	int err = radix_insert(&m->pages, index, page);

	m->version++;
	if (err)
		return err;
	page->mapping = m;
	page->index = index;
	m->nr_pages++;
	page_counts.cache++;
	if (m->flags & MAPPING_PERSISTENT)
		page_counts.shmem++;
	else
		list_add_tail(&page->lru, &lru);
	return 0;
}

#define MAX_READ_BATCH 64

/*
 * Allocates and inserts locked pages [index, index+want) as far as they are
 * absent and memory allows, contiguous in memory where a run can be had.
 * Returns how many; 0 with *err set.
 */
static u32 insert_batch(struct mapping *m, u64 index, u32 want, struct page **pages, int *err)
{
	struct page *run = NULL;
	u32 count = 0, used = 0;

	*err = -ENOMEM;
	while (count < want) {
		struct page *page;

		if (radix_lookup(&m->pages, index + count))
			break;
		if (!run && want - count >= RUN_PAGES &&
		    page_counts.free > page_counts.total / 8) {
			run = page_alloc(RUN_ORDER, ALLOC_USER);
			if (run)
				page_split(run, RUN_ORDER);
			used = 0;
		}
		page = run ? &run[used] : page_alloc(0, ALLOC_USER);
		if (!page)
			break;
		*err = page_attach(m, page, index + count);
		if (*err) {
			if (!run)
				page_put(page);
			break;
		}
		page->flags |= PG_LOCKED;
		page_get(page);		/* for us during the fill */
		pages[count++] = page;
		if (run && ++used == RUN_PAGES)
			run = NULL;
	}
	for (; run && used < RUN_PAGES; used++)
		page_put(&run[used]);
	return count;
}

static int fill_batch(struct mapping *m, struct page **pages, u32 count)
{
	int err = m->ops->readpages(m, pages, count);

	for (u32 i = 0; i < count; i++) {
		if (!err)
			pages[i]->flags |= PG_UPTODATE;
		else if (pages[i]->mapping)
			page_detach(pages[i]), page_put(pages[i]);
		page_unlock(pages[i]);
		page_put(pages[i]);
	}
	return err;
}

/* How many pages to read from index on. */
static u32 read_window(struct mapping *m, u64 index)
{
	u64 size_pages = DIV_ROUND_UP((u64)m->host->size, PAGE_SIZE);
	u64 window = m->readahead ? m->readahead : 1;

	if (window > 1 && page_counts.free < page_counts.total / 16)
		window = 1;
	if (index + window > size_pages)
		window = size_pages > index ? size_pages - index : 1;
	return (u32)min(window, (u64)MAX_READ_BATCH);
}

struct page *mapping_get_page(struct mapping *m, u64 index)
{
	struct page *pages[MAX_READ_BATCH];
	struct page *page;
	u32 count, window = read_window(m, index);
	int err;

	for (;;) {
		page = radix_lookup(&m->pages, index);
		if (page && (page->flags & PG_UPTODATE)) {
			page->flags |= PG_REFERENCED;
			return page_get(page);
		}
		if (page) {	/* someone fills it */
			page_get(page);
			wait_event(page_queue(page), !(page->flags & PG_LOCKED));
			page_put(page);
			continue;
		}
		count = insert_batch(m, index, window, pages, &err);
		if (!count)
			return ERR_PTR(err);
		err = fill_batch(m, pages, count);
		if (err && count == 1)
			return ERR_PTR(err);
		if (err)	/* not because of a neighbour that was not asked for */
			window = 1;
	}
}

void mapping_mark_dirty(struct mapping *m, struct page *page)
{
	m->version++;
	if (m->ops->writepage)
		page->flags |= PG_DIRTY;
}

/* ---- truncation and invalidation ---- */

static void wait_unlocked(struct page *page)
{
	if (page->flags & PG_LOCKED) {
		page_get(page);
		wait_event(page_queue(page), !(page->flags & PG_LOCKED));
		page_put(page);
	}
}

/* Drops whole pages [first, last]. */
static void drop_pages(struct mapping *m, u64 first, u64 last)
{
	u64 index = first, dropped = 0;
	struct page *page;

	if (!list_empty(&m->vmas))
		vm_unmap_mapping(m, first, last, true);
	while ((page = radix_next(&m->pages, &index)) && index <= last) {
		if (page->flags & PG_LOCKED) {
			wait_unlocked(page);
			continue;
		}
		page_detach(page);
		page_put(page);
		dropped++;
		index++;
	}
	if (dropped && m->ops->release)
		m->ops->release(m, dropped);
}

static void zero_part(struct mapping *m, u64 start, u64 end)
{
	struct page *page = mapping_find_page(m, start >> PAGE_SHIFT);

	if (page && end > start) {
		memset((u8 *)page_to_virt(page) + (start & ~PAGE_MASK), 0, end - start);
		mapping_mark_dirty(m, page);
	}
}

void mapping_truncate(struct mapping *m, u64 size)
{
	u64 first = DIV_ROUND_UP(size, PAGE_SIZE);

	m->gen++;
	zero_part(m, size, first << PAGE_SHIFT);
	drop_pages(m, first, U64_MAX);
}

void mapping_punch(struct mapping *m, u64 start, u64 end)
{
	u64 first = DIV_ROUND_UP(start, PAGE_SIZE), last = end >> PAGE_SHIFT;

	if (first > last) {		/* inside one page */
		zero_part(m, start, end);
		return;
	}
	zero_part(m, start, first << PAGE_SHIFT);
	if (end & ~PAGE_MASK)
		zero_part(m, last << PAGE_SHIFT, end);
	if (last > first)
		drop_pages(m, first, last - 1);
}

void mapping_invalidate(struct mapping *m, u64 start, u64 end)
{
	u64 index = start >> PAGE_SHIFT;
	u64 last = end == U64_MAX ? U64_MAX : (end - 1) >> PAGE_SHIFT;
	struct page *page;

	if (m->flags & MAPPING_PERSISTENT)
		return;
	m->gen++;
	if (!list_empty(&m->vmas))
		vm_unmap_mapping(m, index, last, false);
	while ((page = radix_next(&m->pages, &index)) && index <= last) {
		if (!(page->flags & (PG_LOCKED | PG_DIRTY)) && !page->mapcount) {
			page_detach(page);
			page_put(page);
		}
		index++;
	}
}

int mapping_sync(struct mapping *m, u64 start, u64 end)
{
	u64 index = start >> PAGE_SHIFT;
	struct page *page;
	int err = 0, e;

	if (!m->ops || !m->ops->writepage)
		return 0;
	while ((page = radix_next(&m->pages, &index)) && (index << PAGE_SHIFT) < end) {
		if ((page->flags & PG_DIRTY) && !(page->flags & PG_LOCKED)) {
			page_get(page);
			page->flags &= ~PG_DIRTY;
			vm_wrprotect_mapping(m, index, index);
			e = m->ops->writepage(m, page);
			if (e) {
				err = err ? err : e;
				if (page->mapping == m)
					page->flags |= PG_DIRTY;
			}
			page_put(page);
		}
		index++;
	}
	return err;
}

void mapping_destroy(struct mapping *m)
{
	bug_on(!list_empty(&m->vmas));
	drop_pages(m, 0, U64_MAX);
}

/* ---- reclaim ---- */

u64 pagecache_reclaim(u64 want)
{
	u64 freed = 0, scan = page_counts.cache;
	struct page *page;

	while (scan-- && freed < want && !list_empty(&lru)) {
		page = list_first(&lru, struct page, lru);
		if ((page->flags & (PG_LOCKED | PG_DIRTY | PG_REFERENCED)) || page->refcount > 1) {
			page->flags &= ~PG_REFERENCED;
			list_move_tail(&page->lru, &lru);
			continue;
		}
		page_detach(page);
		page_put(page);
		freed++;
	}
	return freed;
}
