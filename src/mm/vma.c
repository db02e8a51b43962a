/* SPDX-License-Identifier: MIT */
/*
 * The area tree of an address space: lookup, insertion, splitting, merging and
 * the search for free gaps. Callers hold mmap_lock (or own the mm alone).
 *
 * An area holds a reference to its file, and hangs in the list of all areas
 * that map the file's pages, so that truncation finds them.
 */
#include "abi/errno.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "mm/mm.h"
#include "mm/slab.h"

const u64 max_map_count = 65530;	/* as Linux's vm.max_map_count */

static SLAB_CACHE(vma_cache, struct vma);

struct vma *vma_alloc(struct mm *mm)
{
	struct vma *vma = slab_zalloc(&vma_cache);

	if (vma) {
		vma->mm = mm;
		list_init(&vma->mapping_link);
	}
	return vma;
}

void vma_free(struct vma *vma)
{
	if (vma->file)
		file_put(vma->file);
	slab_free(&vma_cache, vma);
}

struct vma *vma_find(struct mm *mm, uaddr_t addr)
{
	struct rb_node *n = mm->vmas.node;
	struct vma *best = NULL;

	if (mm->cache && mm->cache->start <= addr && addr < mm->cache->end)
		return mm->cache;
	while (n) {
		struct vma *v = rb_entry(n, struct vma, rb);

		if (addr < v->end) {
			best = v;
			if (addr >= v->start)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	if (best)
		mm->cache = best;
	return best;
}

struct vma *vma_prev(struct vma *vma)
{
	struct rb_node *n = rb_prev(&vma->rb);

	return n ? rb_entry(n, struct vma, rb) : NULL;
}

struct vma *vma_after(struct vma *vma)
{
	struct rb_node *n = rb_next(&vma->rb);

	return n ? rb_entry(n, struct vma, rb) : NULL;
}

void mm_account(struct mm *mm, const struct vma *vma, s64 pages)
{
	mm->total_vm += (u64)pages;
	if (vma->flags & VM_LOCKED)
		mm->locked_vm += (u64)pages;
	if (vma->flags & (VM_STACK | VM_GROWSDOWN))
		mm->stack_vm += (u64)pages;
	else if ((vma->flags & VM_EXEC) && !(vma->flags & VM_WRITE))
		mm->exec_vm += (u64)pages;
	else if ((vma->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		mm->data_vm += (u64)pages;
	mm->hiwater_vm = max(mm->hiwater_vm, mm->total_vm);
}

static struct mapping *vma_mapping(const struct vma *vma)
{
	return vma->file && !(vma->flags & VM_PFN) ? &vma->file->inode->mapping : NULL;
}

/* Links without accounting. */
static void vma_link(struct mm *mm, struct vma *vma)
{
	struct rb_node **link = &mm->vmas.node, *parent = NULL;
	struct mapping *m = vma_mapping(vma);

	while (*link) {
		parent = *link;
		link = vma->start < rb_entry(parent, struct vma, rb)->start ? &parent->left
									    : &parent->right;
	}
	rb_link(&vma->rb, parent, link);
	rb_insert_fixup(&mm->vmas, &vma->rb);
	mm->map_count++;
	if (m) {
		list_add_tail(&vma->mapping_link, &m->vmas);
		if ((vma->flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE))
			m->nr_writable++;
	}
}

static void vma_unlink(struct mm *mm, struct vma *vma)
{
	struct mapping *m = vma_mapping(vma);

	rb_erase(&mm->vmas, &vma->rb);
	mm->map_count--;
	if (mm->cache == vma)
		mm->cache = NULL;
	if (m) {
		list_del(&vma->mapping_link);
		if ((vma->flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE))
			m->nr_writable--;
	}
}

void vma_insert(struct mm *mm, struct vma *vma)
{
	vma_link(mm, vma);
	mm_account(mm, vma, (s64)((vma->end - vma->start) >> PAGE_SHIFT));
}

void vma_remove(struct mm *mm, struct vma *vma)
{
	vma_unlink(mm, vma);
	mm_account(mm, vma, -(s64)((vma->end - vma->start) >> PAGE_SHIFT));
}

int vma_split(struct mm *mm, struct vma *vma, uaddr_t addr)
{
	struct vma *upper;

	if (mm->map_count >= max_map_count)
		return -ENOMEM;
	upper = vma_alloc(mm);
	if (!upper)
		return -ENOMEM;
	upper->start = addr;
	upper->end = vma->end;
	upper->flags = vma->flags;
	upper->pgoff = vma->pgoff + ((addr - vma->start) >> PAGE_SHIFT);
	upper->file = vma->file ? file_get(vma->file) : NULL;
	upper->ops = vma->ops;
	vma->end = addr;
	vma_link(mm, upper);
	return 0;
}

int vma_isolate(struct mm *mm, struct vma **vma, uaddr_t start, uaddr_t end)
{
	int err;

	if (start > (*vma)->start) {
		err = vma_split(mm, *vma, start);
		if (err)
			return err;
		*vma = vma_after(*vma);
	}
	return end < (*vma)->end ? vma_split(mm, *vma, end) : 0;
}

static bool can_merge(const struct vma *a, const struct vma *b)
{
	const u32 ignore = VM_HAS_ANON;

	if (a->end != b->start || a->file != b->file || a->ops || b->ops)
		return false;
	if ((a->flags & ~ignore) != (b->flags & ~ignore))
		return false;
	return !a->file || a->pgoff + ((a->end - a->start) >> PAGE_SHIFT) == b->pgoff;
}

struct vma *vma_merge(struct mm *mm, struct vma *vma)
{
	struct vma *prev = vma_prev(vma), *next = vma_after(vma);

	if (prev && can_merge(prev, vma)) {
		vma_unlink(mm, vma);
		prev->end = vma->end;
		prev->flags |= vma->flags;
		vma_free(vma);
		vma = prev;
	}
	if (next && can_merge(vma, next)) {
		vma_unlink(mm, next);
		vma->end = next->end;
		vma->flags |= next->flags;
		vma_free(next);
	}
	return vma;
}

/* Keeps the guard gap below a growing stack free for it. */
static uaddr_t gap_floor(const struct vma *v)
{
	const u64 guard = 256 * PAGE_SIZE;

	if (v->flags & VM_GROWSDOWN)
		return v->start > guard ? v->start - guard : 0;
	/* Room for a HAL's code next to a program or library (mm/text.c). */
	if (v->file && !v->pgoff && !(v->flags & VM_SHARED))
		return v->start > HAL_TEXT_GAP ? v->start - HAL_TEXT_GAP : 0;
	return v->start;
}

s64 vma_find_gap(struct mm *mm, u64 len, uaddr_t limit)
{
	uaddr_t low = 65536, high = min(limit, mm->mmap_base);
	struct vma *v = vma_find(mm, high);

	if (len > high)
		return -ENOMEM;
	/* v: first area ending above high. Step to the last one that begins below it. */
	if (!v || v->start >= high) {
		if (v) {
			high = min(high, gap_floor(v));
			v = vma_prev(v);
		} else {
			struct rb_node *n = mm->vmas.node;

			while (n && n->right)
				n = n->right;
			v = n ? rb_entry(n, struct vma, rb) : NULL;
		}
	}
	for (; v; v = vma_prev(v)) {
		if (v->end <= high && high - v->end >= len)
			return (s64)(high - len);
		high = min(high, gap_floor(v));
	}
	if (high >= low && high - low >= len)
		return (s64)(high - len);
	/* The region above mmap_base (below the stack) is the last resort. */
	for (v = vma_find(mm, mm->mmap_base); v; v = vma_after(v)) {
		struct vma *next = vma_after(v);
		uaddr_t top = next ? gap_floor(next) : min(limit, hal_info()->user_limit);

		if (v->end <= top && top - v->end >= len && top <= limit)
			return (s64)(top - len);
	}
	return -ENOMEM;
}
