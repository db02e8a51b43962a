/* SPDX-License-Identifier: MIT */
/*
 * Life of an address space: creation, fork, end; removal of page table ranges.
 *
 * Fork copies the areas and, of those with private pages (VM_HAS_ANON), the
 * table entries: both sides lose write permission and share the pages by
 * reference count. File pages are left out; the child faults them in again.
 *
 * Locks: mm_fork holds the parent's mmap_lock. mm_put of the last user runs
 * when no task can reach the mm.
 */
#include "mm/mm.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/task.h"
#include "mm/pagecache.h"
#include "mm/pgtable.h"
#include "mm/slab.h"

static SLAB_CACHE(mm_cache, struct mm);

struct mm *mm_create(void)
{
	struct mm *mm = slab_zalloc(&mm_cache);
	int err;

	if (!mm)
		return ERR_PTR(-ENOMEM);
	err = pgtable_init_as(&mm->as);
	if (err) {
		slab_free(&mm_cache, mm);
		return ERR_PTR(err);
	}
	mm->users = 1;
	mutex_init(&mm->mmap_lock);
	mm->mmap_base = align_down(hal_info()->user_limit, PAGE_SIZE);
	return mm;
}

/* ---- zapping ---- */

struct zap {
	struct mm *mm;
	struct tlb_gather g;
	bool keep_private;	/* leave pages that are PG_ANON */
};

static void zap_pte(pte_t *pte, uaddr_t va, void *arg)
{
	struct zap *z = arg;
	struct page *page = pte_page(*pte);

	if (z->keep_private && (page->flags & PG_ANON))
		return;
	page->mapcount--;
	if (page->flags & PG_ANON)
		z->mm->rss_anon--;
	else
		z->mm->rss_file--;
	pte_set(pte, 0);
	gather_page(&z->g, va, page);
}

static void zap_range(struct mm *mm, uaddr_t start, uaddr_t end, struct hal_as *flush_as,
		      bool keep_private)
{
	struct zap z = { .mm = mm, .keep_private = keep_private };

	gather_init(&z.g, flush_as);
	pte_for_each(&mm->as, start, end, zap_pte, &z, &z.g);
	gather_flush(&z.g);
}

void vm_zap(struct mm *mm, uaddr_t start, uaddr_t end)
{
	zap_range(mm, start, end, &mm->as, false);
}

/* The part of an area that shows file pages [first, last]; false: none. */
static bool vma_file_range(const struct vma *vma, u64 first, u64 last, uaddr_t *start,
			   uaddr_t *end)
{
	u64 pages = (vma->end - vma->start) >> PAGE_SHIFT;
	u64 lo = max(first, vma->pgoff), hi = min(last, vma->pgoff + pages - 1);

	if (lo > hi || last < vma->pgoff)
		return false;
	*start = vma->start + ((lo - vma->pgoff) << PAGE_SHIFT);
	*end = vma->start + ((hi - vma->pgoff + 1) << PAGE_SHIFT);
	return true;
}

void vm_unmap_mapping(struct mapping *m, u64 first_index, u64 last_index, bool private_too)
{
	struct vma *vma;
	uaddr_t start, end;

	list_for_each_entry(vma, &m->vmas, mapping_link)
		if (vma_file_range(vma, first_index, last_index, &start, &end))
			zap_range(vma->mm, start, end, &vma->mm->as, !private_too);
}

static void wrprotect_pte(pte_t *pte, uaddr_t va, void *arg)
{
	if (*pte & PTE_W) {
		pte_set(pte, *pte & ~PTE_W);
		gather_page(arg, va, NULL);
	}
}

void vm_wrprotect_mapping(struct mapping *m, u64 first_index, u64 last_index)
{
	struct tlb_gather g;
	struct vma *vma;
	uaddr_t start, end;

	list_for_each_entry(vma, &m->vmas, mapping_link) {
		if (!(vma->flags & VM_SHARED) ||
		    !vma_file_range(vma, first_index, last_index, &start, &end))
			continue;
		gather_init(&g, &vma->mm->as);
		pte_for_each(&vma->mm->as, start, end, wrprotect_pte, &g, NULL);
		gather_flush(&g);
	}
}

/* ---- fork ---- */

/*
 * What only maps a file could be left to faults, but hosted a fault costs as much
 * as copying a few hundred entries, and every child needs the text it runs. So
 * it is left only where there is much of it.
 */
#define FORK_FILE_PAGES 2048

struct fork_copy {
	struct mm *to;
	struct tlb_gather g;	/* parent's flush range */
	bool private_write;	/* take write permission away */
	int err;
};

static void copy_pte(pte_t *pte, uaddr_t va, void *arg)
{
	struct fork_copy *fc = arg;
	struct page *page = pte_page(*pte);
	pte_t *dst;

	if (fc->err)
		return;
	dst = pte_lookup_alloc(&fc->to->as, va);
	if (!dst) {
		fc->err = -ENOMEM;
		return;
	}
	if ((*pte & PTE_W) && fc->private_write) {
		pte_set(pte, *pte & ~PTE_W);
		gather_page(&fc->g, va, NULL);
	}
	page_get(page)->mapcount++;
	if (page->flags & PG_ANON)
		fc->to->rss_anon++;
	else
		fc->to->rss_file++;
	pte_set(dst, *pte);
}

static int fork_vma(struct mm *old, struct mm *new, struct vma *vma)
{
	struct fork_copy fc = { .to = new, .private_write = !(vma->flags & VM_SHARED) };
	struct vma *copy;

	if (vma->flags & VM_DONTFORK)
		return 0;
	copy = vma_alloc(new);
	if (!copy)
		return -ENOMEM;
	copy->start = vma->start;
	copy->end = vma->end;
	copy->flags = vma->flags & ~VM_LOCKED;
	copy->pgoff = vma->pgoff;
	copy->file = vma->file ? file_get(vma->file) : NULL;
	copy->ops = vma->ops;
	vma_insert(new, copy);
	if (vma->flags & VM_WIPEONFORK) {
		copy->flags &= ~VM_HAS_ANON;
		return 0;
	}
	if (!(vma->flags & VM_HAS_ANON) && (vma->ops || old->rss_file > FORK_FILE_PAGES))
		return 0;
	gather_init(&fc.g, &old->as);
	pte_for_each(&old->as, vma->start, vma->end, copy_pte, &fc, NULL);
	gather_flush(&fc.g);
	return fc.err;
}

static void copy_layout(struct mm *new, const struct mm *old)
{
	new->mmap_base = old->mmap_base;
	new->start_code = old->start_code;
	new->end_code = old->end_code;
	new->start_data = old->start_data;
	new->end_data = old->end_data;
	new->start_brk = old->start_brk;
	new->brk = old->brk;
	new->start_stack = old->start_stack;
	new->arg_start = old->arg_start;
	new->arg_end = old->arg_end;
	new->env_start = old->env_start;
	new->env_end = old->env_end;
	new->vdso = old->vdso;
	new->dumpable = old->dumpable;
	for (u32 i = 0; i < AUXV_WORDS; i++)
		new->saved_auxv[i] = old->saved_auxv[i];
}

struct mm *mm_fork(struct mm *old)
{
	struct mm *new = mm_create();
	struct vma *vma;
	int err = 0;

	if (IS_ERR(new))
		return new;
	mutex_lock(&old->mmap_lock);
	copy_layout(new, old);
	for (vma = vma_next(old, 0); vma && !err; vma = vma_after(vma))
		err = fork_vma(old, new, vma);
	mutex_unlock(&old->mmap_lock);
	if (!err)
		return new;
	mm_put(new);
	return ERR_PTR(err);
}

/* ---- end ---- */

void mm_put(struct mm *mm)
{
	struct rb_node *n;

	if (--mm->users)
		return;
	hal_as_destroy(&mm->as);
	while ((n = rb_first(&mm->vmas))) {
		struct vma *vma = rb_entry(n, struct vma, rb);

		zap_range(mm, vma->start, vma->end, NULL, false);
		vma_remove(mm, vma);
		vma_free(vma);		/* may sleep in file_put */
	}
	bug_on(mm->rss_anon || mm->rss_file);
	pgtable_free_as(&mm->as);
	slab_free(&mm_cache, mm);
}

int vma_map_pages(struct mm *mm, uaddr_t addr, u64 len, u32 prot, const struct vma_ops *ops)
{
	struct vma *vma = vma_alloc(mm);

	if (!vma)
		return -ENOMEM;
	vma->start = addr;
	vma->end = addr + len;
	vma->flags = ((prot & PROT_READ) ? VM_READ : 0) | ((prot & PROT_EXEC) ? VM_EXEC : 0) |
		     VM_MAYREAD | VM_MAYEXEC | VM_PFN | VM_DONTEXPAND;
	vma->ops = ops;
	vma_insert(mm, vma);
	return 0;
}
