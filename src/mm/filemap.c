/* SPDX-License-Identifier: MIT */
/*
 * read(2), write(2) and lseek over the page cache.
 *
 * Bytes are copied between user memory and cache pages directly; the page is
 * held by a reference while the user side may fault. The caller of a write
 * holds the inode lock, so truncation waits for us.
 */
#include "abi/errno.h"
#include "fs/vfs.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/pagecache.h"
#include "mm/mm.h"

ssize_t mapping_read(struct mapping *m, struct uio *uio, loff_t pos)
{
	ssize_t done = 0;

	while (uio->resid) {
		u64 offset = (u64)pos & ~PAGE_MASK;
		struct page *page;
		size_t n, got;

		if (pos >= m->host->size)
			break;
		n = min(uio->resid, min(PAGE_SIZE - offset, (u64)(m->host->size - pos)));
		if ((m->flags & MAPPING_PERSISTENT) &&
		    !radix_lookup(&m->pages, (u64)pos >> PAGE_SHIFT)) {
			got = uio_zero_to(uio, n);	/* a hole stays one */
		} else {
			page = mapping_get_page(m, (u64)pos >> PAGE_SHIFT);
			if (IS_ERR(page))
				return done ? done : PTR_ERR(page);
			got = uio_copy_to(uio, (u8 *)page_to_virt(page) + offset, n);
			page_put(page);
		}
		pos += (loff_t)got;
		done += (ssize_t)got;
		if (got < n)
			return done ? done : -EFAULT;
		if (current->flags & TF_EXIT)
			break;
	}
	return done;
}

/* The page to write into: read first unless it is overwritten whole or new. */
static struct page *page_for_write(struct mapping *m, u64 index, bool whole)
{
	struct page *page = mapping_find_page(m, index);
	int err;

	if (page)
		return page_get(page);
	if (m->ops->reserve) {
		err = m->ops->reserve(m, index);
		if (err)
			return ERR_PTR(err);
	}
	(void)whole;	/* readpages zero-fills beyond EOF; partial reads are cheap enough */
	page = mapping_get_page(m, index);
	if (IS_ERR(page) && m->ops->release)
		m->ops->release(m, 1);
	return page;
}

ssize_t mapping_write(struct mapping *m, struct uio *uio, loff_t pos)
{
	ssize_t done = 0;

	while (uio->resid) {
		u64 offset = (u64)pos & ~PAGE_MASK;
		size_t n = min(uio->resid, PAGE_SIZE - offset), got;
		struct page *page = page_for_write(m, (u64)pos >> PAGE_SHIFT, n == PAGE_SIZE);

		if (IS_ERR(page))
			return done ? done : PTR_ERR(page);
		got = uio_copy_from(uio, (u8 *)page_to_virt(page) + offset, n);
		if (got)
			mapping_mark_dirty(m, page);
		page_put(page);
		pos += (loff_t)got;
		done += (ssize_t)got;
		if (pos > m->host->size)
			m->host->size = pos;
		if (got < n)
			return done ? done : -EFAULT;
		if (current->flags & TF_EXIT)
			break;
	}
	return done;
}

void mapping_update(struct mapping *m, const u8 *data, u64 pos, u64 size)
{
	while (size) {
		u64 in_page = pos % PAGE_SIZE, n = min(PAGE_SIZE - in_page, size);
		struct page *page = NULL;

		if (radix_lookup(&m->pages, pos / PAGE_SIZE))
			page = mapping_get_page(m, pos / PAGE_SIZE);	/* waits for a fill */
		if (!IS_ERR_OR_NULL(page)) {
			memcpy((u8 *)page_to_virt(page) + in_page, data, n);
			page_put(page);
		}
		data += n;
		pos += n;
		size -= n;
	}
}

loff_t mapping_seek(struct mapping *m, loff_t pos, bool hole)
{
	loff_t size = m->host->size;
	u64 index, found;
	void *page;

	if (pos < 0 || pos >= size)
		return -ENXIO;
	if (!(m->flags & MAPPING_PERSISTENT))
		return hole ? size : pos;
	index = (u64)pos >> PAGE_SHIFT;
	if (!hole) {
		found = index;
		page = radix_next(&m->pages, &found);
		if (!page || (loff_t)(found << PAGE_SHIFT) >= size)
			return -ENXIO;
		return found == index ? pos : (loff_t)(found << PAGE_SHIFT);
	}
	while (radix_lookup(&m->pages, index))
		index++;
	if (index == (u64)pos >> PAGE_SHIFT)
		return pos;
	return min((loff_t)(index << PAGE_SHIFT), size);
}
