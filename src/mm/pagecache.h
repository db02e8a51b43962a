/* SPDX-License-Identifier: MIT */
/*
 * The page cache: one struct mapping per inode with cached or stored pages.
 *
 * A file system gives struct mapping_ops; tmpfs gives a readpages that zeroes
 * and marks the mapping PERSISTENT (its pages are the storage and never
 * reclaimed). Generic read, write and mmap work over any mapping.
 *
 * A page in the cache holds one reference of its own. A page found with
 * mapping_get_page has one more, which the caller drops with page_put.
 * PG_LOCKED is a sleeping lock held while a page is filled; the lock order is
 * inode lock > mmap_lock > PG_LOCKED.
 */
#ifndef HYLA_MM_PAGECACHE_H
#define HYLA_MM_PAGECACHE_H

#include "lib/list.h"
#include "lib/radix.h"
#include "lib/types.h"
#include "mm/page.h"
#include "mm/uaccess.h"

struct inode;
struct mapping;

struct mapping_ops {
	/* Fills `count` fresh, locked, index-consecutive pages (all absent
	 * before) from the file; zero-fills past EOF. May sleep. 0 or -errno;
	 * the caller marks them uptodate. count is 1 unless readahead is set. */
	int (*readpages)(struct mapping *m, struct page **pages, u32 count);
	/* Writes one dirty page back. NULL: pages are never dirty (tmpfs, or
	 * write-through). May sleep. */
	int (*writepage)(struct mapping *m, struct page *page);
	/* A page is about to become writable through a shared mmap, or to be
	 * created by write: reserve space (-ENOSPC). NULL: always fine. */
	int (*reserve)(struct mapping *m, u64 index);
	/* `count` pages left the cache by truncation or eviction (un-reserve). */
	void (*release)(struct mapping *m, u64 count);
};

enum mapping_flag {
	MAPPING_PERSISTENT = 1 << 0,	/* never reclaim: the pages are the data */
};

struct mapping {
	struct inode *host;
	const struct mapping_ops *ops;
	struct radix_tree pages;	/* index -> struct page * */
	u64 nr_pages;
	struct list_head vmas;		/* struct vma.mapping_link of all mappers */
	u32 flags;			/* enum mapping_flag */
	u32 readahead;			/* pages per readpages call at most; 0: 1 */
	u32 nr_writable;		/* VMAs that are VM_SHARED and may write (seals) */
	u32 gen;			/* bumped at each truncate/invalidate */
	u32 version;			/* bumped when cached bytes may have changed */
};

void mapping_init(struct mapping *m, struct inode *host, const struct mapping_ops *ops);
/* The uptodate page at index, filled if need be; ERR_PTR(-EIO/-ENOMEM/...).
 * May sleep. Does not look at the file size. */
struct page *mapping_get_page(struct mapping *m, u64 index) __must_check;
/* The page if cached and uptodate, else NULL. Does not sleep. */
struct page *mapping_find_page(struct mapping *m, u64 index) __must_check;
/* Drops pages at or beyond `size` bytes, zeroes the tail of the last partial
 * page, and removes them from every address space. Call with the size already
 * updated in the inode. */
void mapping_truncate(struct mapping *m, u64 size);
/* Hole: zeroes [start, end) bytes, dropping whole pages. */
void mapping_punch(struct mapping *m, u64 start, u64 end);
/* Forgets clean unmapped pages (invalidate) in the byte range; all with 0, U64_MAX. */
void mapping_invalidate(struct mapping *m, u64 start, u64 end);
/* Writes dirty pages in the byte range back. 0 or the first error. May sleep. */
int mapping_sync(struct mapping *m, u64 start, u64 end) __must_check;
/* Frees everything at inode eviction; no VMA maps it any more. */
void mapping_destroy(struct mapping *m);
void mapping_mark_dirty(struct mapping *m, struct page *page);

/* read(2) and write(2) over a mapping: bytes moved or -errno. Reads stop at
 * the inode size. Writes extend inode->size; the caller holds the inode lock
 * and has done O_APPEND, limits, setuid stripping and times. */
ssize_t mapping_read(struct mapping *m, struct uio *uio, loff_t pos) __must_check;
ssize_t mapping_write(struct mapping *m, struct uio *uio, loff_t pos) __must_check;
/* The backing store has these bytes now: puts them into the pages that are cached.
 * May sleep. */
void mapping_update(struct mapping *m, const u8 *data, u64 pos, u64 size);
/* Next data or hole at or after pos for lseek(SEEK_DATA/SEEK_HOLE) by what is
 * cached (exact for PERSISTENT mappings). */
loff_t mapping_seek(struct mapping *m, loff_t pos, bool hole);

/* Frees about `want` clean, unmapped pages; returns how many. */
u64 pagecache_reclaim(u64 want);

#endif
