/* SPDX-License-Identifier: MIT */
/*
 * Page faults: demand zero, page cache, copy on write, stack growth.
 *
 *   anonymous    64 KiB at once where an aligned window of the area is empty
 *                and memory is plentiful, else one page
 *   private file the cached page read-only; a copy at the first write
 *   shared file  the cached page; writable (and dirty) at the first write
 *   cow          one page; taken over without copying when we are the only user,
 *                with those around it
 *
 * Faults in sequence are worth more and more (ahead_order): zeroed pages up to
 * 256 KiB, copies up to 64 KiB. That is for programs that fill their memory and
 * for start-up code that relocates data page by page; others pay nothing. A page
 * of a private file that is copied ahead does not see later changes of the file,
 * which mmap(2) leaves open.
 *
 * No accessed or dirty bits are relied upon: a page that may be written
 * through a shared mapping counts as dirty from that fault on.
 *
 * Locks: vm_fault takes mmap_lock; the tables change under the kernel lock.
 */
#include "abi/errno.h"
#include "abi/signal.h"
#include "fs/vfs.h"
#include "hal/cpu.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pagecache.h"
#include "mm/pgtable.h"
#include "mm/reclaim.h"

#define ZERO_AHEAD 6		/* log2 of the pages, at most: 256 KiB */
#define COPY_AHEAD 4
#define FAULT_AROUND ((u64)CONFIG_FAULT_AROUND_PAGES)	/* file pages mapped around a read fault */

u64 vma_pte_flags(const struct vma *vma)
{
	u64 f = PTE_U | PTE_A;

	f |= (vma->flags & VM_ACCESS) ? PTE_P : PTE_NONE;
	if (!(vma->flags & VM_EXEC))
		f |= PTE_NX;
	return f;
}

/* Maps page (consumes the reference) at va, replacing nothing. */
static void map_page(struct vma *vma, pte_t *pte, struct page *page, bool writable)
{
	u64 f = vma_pte_flags(vma);

	if (writable)
		f |= PTE_W | PTE_D;
	page->mapcount++;
	if (page->flags & PG_ANON) {
		vma->mm->rss_anon++;
		vma->flags |= VM_HAS_ANON;
	} else {
		vma->mm->rss_file++;
	}
	pte_set(pte, page_to_phys(page) | f);
	if (mm_rss(vma->mm) > vma->mm->hiwater_rss)
		vma->mm->hiwater_rss = mm_rss(vma->mm);
}

static struct page *anon_page_alloc(u32 order, u32 flags)
{
	struct page *page = page_alloc(order, flags | ALLOC_USER);

	if (page) {
		page->flags |= PG_ANON;
		page_counts.anon += 1ul << order;
	}
	return page;
}

/* May pages be given that nobody has asked for? */
static bool memory_is_plentiful(void)
{
	return page_counts.free >= page_counts.total / 4;
}

/* How much (log2 of pages) a fault at va is worth: `low`, and twice as much as
 * the last one if it follows that, up to `high`. */
static u32 ahead_order(const struct vma *vma, uaddr_t va, u32 low, u32 high)
{
	if (va != vma->ahead_va || !memory_is_plentiful())
		return low;
	return min(max(vma->ahead + 1, low), high);
}

static void ahead_set(struct vma *vma, uaddr_t end, u32 order)
{
	vma->ahead_va = end;
	vma->ahead = order;
}

/* All entries of the aligned window empty, window inside the area? */
static pte_t *run_window(struct vma *vma, uaddr_t window, u64 pages)
{
	pte_t *pte;

	if (window < vma->start || window + (pages << PAGE_SHIFT) > vma->end)
		return NULL;
	if ((vma->flags & (VM_STACK | VM_GROWSDOWN | VM_RAND)) || !memory_is_plentiful())
		return NULL;
	pte = pte_lookup_alloc(&vma->mm->as, window);
	if (!pte)
		return NULL;
	for (u64 i = 0; i < pages; i++)
		if (pte_mapped(pte[i]))
			return NULL;
	return pte;
}

/* Fills an aligned window around va; false: not possible, nothing was done. */
static bool fault_run(struct vma *vma, uaddr_t va, u32 order)
{
	uaddr_t window = align_down(va, PAGE_SIZE << order);
	pte_t *pte = run_window(vma, window, 1ul << order);
	struct page *page;

	if (!pte)
		return false;
	page = anon_page_alloc(order, ALLOC_ZERO | ALLOC_ATOMIC);
	if (!page)
		return false;
	page_split(page, order);
	for (u32 i = 0; i < 1u << order; i++)
		map_page(vma, &pte[i], &page[i], vma->flags & VM_WRITE);
	hal_tlb_fill(&vma->mm->as, window, 1ul << order);
	ahead_set(vma, window + (PAGE_SIZE << order), order);
	return true;
}

static int fault_anon(struct vma *vma, uaddr_t va)
{
	bool writable = vma->flags & VM_WRITE;
	struct page *page;
	pte_t *pte;

	for (u32 order = ahead_order(vma, va, RUN_ORDER, ZERO_AHEAD); order >= RUN_ORDER; order--)
		if (fault_run(vma, va, order))
			return 0;
	pte = pte_lookup_alloc(&vma->mm->as, va);
	if (!pte)
		return -ENOMEM;
	page = anon_page_alloc(0, ALLOC_ZERO);
	if (!page)
		return -ENOMEM;
	map_page(vma, pte, page, writable);
	hal_tlb_fill(&vma->mm->as, va, 1);
	return 0;
}

/* What a copy at va would be made of, with a reference, if nobody has to wait for
 * it: what is mapped there and shared, or the file's cached page; else NULL. */
static struct page *copy_source(struct vma *vma, uaddr_t va, pte_t pte)
{
	u64 index = vma->pgoff + ((va - vma->start) >> PAGE_SHIFT);
	struct page *page;

	if (pte_mapped(pte)) {
		page = pte_page(pte);
		if ((pte & PTE_W) || ((page->flags & PG_ANON) && page->refcount == 1))
			return NULL;
		return page_get(page);
	}
	if (!vma->file || vma->ops ||
	    index >= DIV_ROUND_UP((u64)vma->file->inode->size, PAGE_SIZE))
		return NULL;
	page = mapping_find_page(&vma->file->inode->mapping, index);
	return page ? page_get(page) : NULL;
}

/* Takes out what is mapped at va, if anything is. */
static void unmap_for_copy(struct vma *vma, uaddr_t va, pte_t *pte, struct tlb_gather *g)
{
	struct page *old;

	if (!pte_mapped(*pte))
		return;
	old = pte_page(*pte);
	old->mapcount--;
	if (old->flags & PG_ANON)
		vma->mm->rss_anon--;
	else
		vma->mm->rss_file--;
	pte_set(pte, 0);
	gather_page(g, va, old);
}

/* As many pages as a copy at va may give: in the area and under one table. */
static u32 copy_limit(const struct vma *vma, uaddr_t va)
{
	return (u32)min((vma->end - va) >> PAGE_SHIFT, 512 - ((va >> PAGE_SHIFT) & 511));
}

/* Gives the task a private, writable copy of the page under *pte (which may
 * be empty, then src is the page cache page), and in sequence of some that
 * follow. Consumes src's reference. */
static int copy_to_private(struct vma *vma, uaddr_t va, pte_t *pte, struct page *src)
{
	u32 order = ahead_order(vma, va, 0, COPY_AHEAD), n, count;
	struct page *page = order ? anon_page_alloc(order, ALLOC_ATOMIC) : NULL;
	struct tlb_gather g;

	if (!page) {
		order = 0;
		page = anon_page_alloc(0, 0);
	}
	if (!page) {
		page_put(src);
		return -ENOMEM;
	}
	page_split(page, order);
	count = min(1u << order, copy_limit(vma, va));
	gather_init(&g, &vma->mm->as);
	for (n = 0; n < count; n++) {
		uaddr_t at = va + n * PAGE_SIZE;

		if (n)
			src = copy_source(vma, at, pte[n]);
		if (!src)
			break;
		memcpy(page_to_virt(&page[n]), page_to_virt(src), PAGE_SIZE);
		page_put(src);
		unmap_for_copy(vma, at, &pte[n], &g);
	}
	gather_flush(&g);
	for (u32 i = 0; i < n; i++)
		map_page(vma, &pte[i], &page[i], vma->flags & VM_WRITE);
	for (u32 i = n; i < 1u << order; i++)
		page_put(&page[i]);
	hal_tlb_fill(&vma->mm->as, va, n);
	ahead_set(vma, va + n * PAGE_SIZE, order);
	return 0;
}

/* The other users of a forked area are gone: the pages around va that are ours
 * alone become writable with it. */
static void take_over(struct vma *vma, uaddr_t va, pte_t *pte)
{
	uaddr_t window = align_down(va, RUN_PAGES << PAGE_SHIFT);
	uaddr_t start = max(window, vma->start);
	uaddr_t end = min(window + (RUN_PAGES << PAGE_SHIFT), vma->end);

	if (!(vma->flags & VM_WRITE)) {	/* a debugger's write */
		hal_tlb_fill(&vma->mm->as, va, 1);
		return;
	}
	pte -= (va - start) >> PAGE_SHIFT;
	for (uaddr_t at = start; at < end; at += PAGE_SIZE, pte++)
		if (pte_mapped(*pte) && (pte_page(*pte)->flags & PG_ANON) &&
		    pte_page(*pte)->refcount == 1)
			pte_set(pte, *pte | PTE_W | PTE_D);
	hal_tlb_fill(&vma->mm->as, start, (end - start) >> PAGE_SHIFT);
}

/* A write to a present, read-only page. */
static int fault_write_protected(struct vma *vma, uaddr_t va, pte_t *pte)
{
	struct page *page = pte_page(*pte);

	if (vma->flags & VM_SHARED) {
		struct mapping *m = page->mapping;

		if (m && vma->file) {
			if (m->ops->reserve && m->ops->reserve(m, page->index))
				return -EIO;
			mapping_mark_dirty(m, page);
		}
		pte_set(pte, *pte | PTE_W | PTE_D);
		hal_tlb_fill(&vma->mm->as, va, 1);
		return 0;
	}
	if ((page->flags & PG_ANON) && page->refcount == 1) {
		take_over(vma, va, pte);
		return 0;
	}
	return copy_to_private(vma, va, pte, page_get(page));
}

/* Maps neighbours that are in the cache already: no I/O, no allocation of pages. */
static void fault_around(struct vma *vma, uaddr_t va, struct mapping *m)
{
	uaddr_t start = max(vma->start, align_down(va, FAULT_AROUND << PAGE_SHIFT));
	uaddr_t end = min(vma->end, align_down(va, FAULT_AROUND << PAGE_SHIFT) +
					    (FAULT_AROUND << PAGE_SHIFT));
	u64 size_pages = DIV_ROUND_UP((u64)m->host->size, PAGE_SIZE);
	pte_t *pte = pte_lookup_alloc(&vma->mm->as, start);

	if (!pte)
		return;
	for (uaddr_t a = start; a < end; a += PAGE_SIZE, pte++) {
		u64 index = vma->pgoff + ((a - vma->start) >> PAGE_SHIFT);
		struct page *page;

		if (pte_mapped(*pte) || index >= size_pages)
			continue;
		page = mapping_find_page(m, index);
		if (page)
			map_page(vma, pte, page_get(page), false);
	}
	hal_tlb_fill(&vma->mm->as, start, (end - start) >> PAGE_SHIFT);
}

static struct page *file_page(struct vma *vma, u64 pgoff, int *err)
{
	struct mapping *m;
	struct page *page;

	if (vma->ops && vma->ops->fault) {
		page = vma->ops->fault(vma, pgoff);
	} else {
		m = &vma->file->inode->mapping;
		if (pgoff >= DIV_ROUND_UP((u64)m->host->size, PAGE_SIZE)) {
			*err = -EIO;
			return NULL;
		}
		page = mapping_get_page(m, pgoff);
	}
	if (!IS_ERR(page))
		return page;
	*err = PTR_ERR(page) == -ENOMEM ? -ENOMEM : PTR_ERR(page) == -EINTR ? -EINTR : -EIO;
	return NULL;
}

static int fault_file(struct vma *vma, uaddr_t va, bool write)
{
	u64 pgoff = vma->pgoff + ((va - vma->start) >> PAGE_SHIFT);	/* vma->pgoff 0 with ops */
	struct mapping *m = vma->ops ? NULL : &vma->file->inode->mapping;
	bool shared = vma->flags & VM_SHARED;
	int err = 0;
	struct page *page = file_page(vma, pgoff, &err);
	pte_t *pte;

	if (!page)
		return err;
	if (m && page->mapping != m) {	/* truncated while we slept */
		page_put(page);
		return 0;		/* the access faults again and decides anew */
	}
	pte = pte_lookup_alloc(&vma->mm->as, va);
	if (!pte) {
		page_put(page);
		return -ENOMEM;
	}
	if (pte_mapped(*pte)) {
		page_put(page);
		return 0;
	}
	if (write && !shared)
		return copy_to_private(vma, va, pte, page);
	if (write && m) {
		if (m->ops->reserve && m->ops->reserve(m, pgoff)) {
			page_put(page);
			return -EIO;
		}
		mapping_mark_dirty(m, page);
	}
	/* Device-like mappings (ops) are writable at once when shared. */
	map_page(vma, pte, page, shared && (vma->flags & VM_WRITE) && (write || !m));
	hal_tlb_fill(&vma->mm->as, va, 1);
	if (!write && m)
		fault_around(vma, va, m);
	return 0;
}

/* The area for addr, with the stack grown down to it if that is allowed. */
static struct vma *find_or_grow(struct mm *mm, uaddr_t addr)
{
	struct vma *vma = vma_find(mm, addr), *prev;
	uaddr_t start = align_down(addr, PAGE_SIZE);
	u64 grow;

	if (!vma || addr >= vma->start || !(vma->flags & VM_GROWSDOWN))
		return vma && addr >= vma->start ? vma : NULL;
	prev = vma_prev(vma);
	if (prev && start < prev->end + 256 * PAGE_SIZE && !(prev->flags & VM_GROWSDOWN) &&
	    (prev->flags & VM_ACCESS))
		return NULL;
	if (start < 65536 || (prev && start < prev->end))
		return NULL;
	if (vma->end - start > rlimit(RLIMIT_STACK))
		return NULL;
	grow = (vma->start - start) >> PAGE_SHIFT;
	if ((mm->total_vm + grow) > rlimit(RLIMIT_AS) >> PAGE_SHIFT)
		return NULL;
	vma->start = start;
	if (vma->file)
		vma->pgoff -= grow;
	mm_account(mm, vma, (s64)grow);
	return vma;
}

static bool access_allowed(const struct vma *vma, u32 access)
{
	if (access & FAULT_FORCE)
		return (access & FAULT_WRITE) ? vma->flags & VM_MAYWRITE : vma->flags & VM_MAYREAD;
	if (access & FAULT_WRITE)
		return vma->flags & VM_WRITE;
	if (access & FAULT_EXEC)
		return vma->flags & VM_EXEC;
	return vma->flags & VM_ACCESS;	/* x86: exec or write imply read */
}

static int fault_locked(struct mm *mm, uaddr_t addr, u32 access, int *code)
{
	bool write = access & FAULT_WRITE;
	uaddr_t va = align_down(addr, PAGE_SIZE);
	struct vma *vma = find_or_grow(mm, addr);
	pte_t *pte;

	if (!vma) {
		*code = SEGV_MAPERR;
		return -EFAULT;
	}
	if (!access_allowed(vma, access)) {
		*code = SEGV_ACCERR;
		return -EFAULT;
	}
	pte = pte_lookup(&mm->as, va);
	if (pte && pte_mapped(*pte)) {
		if (!write || (*pte & PTE_W)) {
			hal_tlb_fill(&mm->as, va, 1);	/* only a TLB miss */
			return 0;
		}
		if ((access & FAULT_FORCE) && !(vma->flags & VM_WRITE) &&
		    (pte_page(*pte)->flags & PG_ANON) && pte_page(*pte)->refcount == 1)
			return 0;
		return fault_write_protected(vma, va, pte);
	}
	*code = BUS_ADRERR;
	if (!vma->file && !vma->ops)
		return fault_anon(vma, va);
	return fault_file(vma, va, write);
}

int vm_fault(struct mm *mm, uaddr_t addr, u32 access, int *code)
{
	int err, tries;

	*code = SEGV_MAPERR;
	if (addr >= hal_info()->user_limit)
		return -EFAULT;
	for (tries = 0;; tries++) {
		mutex_lock(&mm->mmap_lock);
		err = fault_locked(mm, addr, access, code);
		mutex_unlock(&mm->mmap_lock);
		if (err != -ENOMEM || fail_armed() || tries > 100)
			break;
		if (current->flags & TF_EXIT)
			return -EINTR;
		if (!oom_kill())
			break;
		if (current->flags & TF_EXIT)
			return -EINTR;
		sched_yield_to_others();
	}
	if (!err || err == -EFAULT)
		current->minflt++;
	return err;
}

int vm_populate(struct mm *mm, uaddr_t start, uaddr_t end, bool write)
{
	for (uaddr_t va = start; va < end; va += PAGE_SIZE) {
		pte_t *pte = pte_lookup(&mm->as, va);
		int code, err;

		if (pte && (*pte & PTE_P) && (!write || (*pte & PTE_W)))
			continue;
		if (current->flags & TF_EXIT)
			return -EINTR;
		err = vm_fault(mm, va, write ? FAULT_WRITE : 0, &code);
		if (err)
			return err;
	}
	return 0;
}
