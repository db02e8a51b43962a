/* SPDX-License-Identifier: MIT */
/*
 * mmap, munmap, mprotect, mremap, brk: changes of the area tree.
 *
 * Checks come in Linux's order where programs can tell. Reservations cost
 * nothing: only pages touched take memory, and the only refusal in advance is
 * Linux's heuristic one (a private writable request larger than all RAM).
 *
 * Locks: mmap_lock around each change; file->ops->mmap runs under it.
 */
#include "mm/mm.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/mount.h"
#include "fs/tmpfs.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/pagecache.h"
#include "mm/pgtable.h"

#define MMAP_MIN_ADDR 65536ul

static u32 prot_to_vm(u32 prot)
{
	return ((prot & PROT_READ) ? VM_READ : 0) | ((prot & PROT_WRITE) ? VM_WRITE : 0) |
	       ((prot & PROT_EXEC) ? VM_EXEC : 0);
}

/* ---- unmapping ---- */

int mm_unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct vma *vma = vma_find(mm, start);
	int err;

	if (vma && vma->start < start) {
		if (vma->start < end) {
			err = vma_split(mm, vma, start);
			if (err)
				return err;
		}
		vma = vma_after(vma);
	}
	while (vma && vma->start < end) {
		struct vma *next;

		if (vma->end > end) {
			err = vma_split(mm, vma, end);
			if (err)
				return err;
		}
		next = vma_after(vma);
		vm_zap(mm, vma->start, vma->end);
		vma_remove(mm, vma);
		vma_free(vma);
		vma = next;
	}
	return 0;
}

int mm_unmap(struct mm *mm, uaddr_t addr, u64 len)
{
	int err;

	if (!is_aligned(addr, PAGE_SIZE) || !len || addr > hal_info()->user_limit ||
	    len > hal_info()->user_limit - addr)
		return -EINVAL;
	mutex_lock(&mm->mmap_lock);
	err = mm_unmap_locked(mm, addr, addr + align_up(len, PAGE_SIZE));
	mutex_unlock(&mm->mmap_lock);
	return err;
}

/* ---- mapping ---- */

/* Is the address range free? */
static bool range_free(struct mm *mm, uaddr_t start, u64 len)
{
	struct vma *v = vma_find(mm, start);

	return !v || v->start >= start + len;
}

/* Chooses the address; unmaps what MAP_FIXED replaces. */
static s64 place(struct mm *mm, uaddr_t addr, u64 len, u32 map_flags)
{
	uaddr_t limit = hal_info()->user_limit;
	int err;

	if (len > limit)
		return -ENOMEM;
	if (map_flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (!is_aligned(addr, PAGE_SIZE))
			return -EINVAL;
		if (addr > limit - len)
			return -ENOMEM;
		if (addr < MMAP_MIN_ADDR && !capable(CAP_SYS_RAWIO))
			return -EPERM;
		if (map_flags & MAP_FIXED_NOREPLACE)
			return range_free(mm, addr, len) ? (s64)addr : -EEXIST;
		err = mm_unmap_locked(mm, addr, addr + len);
		return err ? err : (s64)addr;
	}
	if (map_flags & MAP_32BIT)
		return vma_find_gap(mm, len, 0x80000000ul);
	addr = align_up(addr, PAGE_SIZE);
	if (addr >= MMAP_MIN_ADDR && addr <= limit - len && range_free(mm, addr, len))
		return (s64)addr;
	return vma_find_gap(mm, len, limit);
}

static int check_limits(struct mm *mm, u64 len, u32 vm_flags)
{
	u64 pages = len >> PAGE_SHIFT;

	if (mm->map_count >= max_map_count)
		return -ENOMEM;
	if (mm->total_vm + pages > rlimit(RLIMIT_AS) >> PAGE_SHIFT)
		return -ENOMEM;
	if ((vm_flags & VM_LOCKED) && !capable(CAP_IPC_LOCK) &&
	    mm->locked_vm + pages > rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return -EAGAIN;
	if ((vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE) {
		if (!(vm_flags & VM_NORESERVE) && pages > page_counts.total)
			return -ENOMEM;
		if (mm->data_vm + pages > rlimit(RLIMIT_DATA) >> PAGE_SHIFT)
			return -ENOMEM;
	}
	return 0;
}

static int file_vm_flags(struct file *file, u32 prot, u32 map_flags, u32 *flags)
{
	bool shared = (map_flags & MAP_TYPE) != MAP_PRIVATE;

	if (!(file->mode & FMODE_READ))
		return -EACCES;
	*flags |= VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	if (shared) {
		if ((prot & PROT_WRITE) && !(file->mode & FMODE_WRITE))
			return -EACCES;
		if (!(file->mode & FMODE_WRITE))
			*flags &= ~VM_MAYWRITE;
		*flags |= VM_SHARED;
	}
	if (file->path.mnt && mount_noexec(&file->path)) {
		if (prot & PROT_EXEC)
			return -EPERM;
		*flags &= ~VM_MAYEXEC;
	}
	if (!file->ops->mmap)
		return -ENODEV;
	return 0;
}

static s64 map_locked(struct mm *mm, uaddr_t addr, u64 len, u32 prot, u32 map_flags, u32 vm_flags,
		      struct file *file, u64 pgoff)
{
	struct vma *vma;
	s64 at;
	int err = check_limits(mm, len, vm_flags);

	if (err)
		return err;
	vma = vma_alloc(mm);
	if (!vma)
		return -ENOMEM;
	at = place(mm, addr, len, map_flags);
	if (at < 0) {
		vma_free(vma);
		return at;
	}
	vma->start = (uaddr_t)at;
	vma->end = (uaddr_t)at + len;
	vma->flags = vm_flags | prot_to_vm(prot) | (u32)mm->def_flags;
	vma->pgoff = file ? pgoff : vma->start >> PAGE_SHIFT;
	vma->file = file ? file_get(file) : NULL;
	if (file) {
		err = file->ops->mmap(file, vma);	/* may make it anonymous */
		if (err) {
			vma_free(vma);
			return err;
		}
	}
	vma_insert(mm, vma);
	vma_merge(mm, vma);
	return at;
}

s64 mm_map(struct mm *mm, uaddr_t addr, u64 len, u32 prot, u32 map_flags, u32 vm_flags,
	   struct file *file, u64 pgoff)
{
	struct file *shmem = NULL;
	bool shared = (map_flags & MAP_TYPE) != MAP_PRIVATE;
	s64 at;
	int err;

	len = align_up(len, PAGE_SIZE);
	if (!len)
		return -ENOMEM;
	if (map_flags & MAP_GROWSDOWN)
		vm_flags |= VM_GROWSDOWN;
	if (map_flags & MAP_NORESERVE)
		vm_flags |= VM_NORESERVE;
	if (map_flags & MAP_LOCKED)
		vm_flags |= VM_LOCKED;
	if (file) {
		err = file_vm_flags(file, prot, map_flags, &vm_flags);
		if (err)
			return err;
	} else {
		vm_flags |= VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
		if (shared) {
			shmem = shmem_file_create("dev/zero", len, 0);
			if (IS_ERR(shmem))
				return PTR_ERR(shmem);
			vm_flags |= VM_SHARED;
			file = shmem;
			pgoff = 0;
		}
	}
	mutex_lock(&mm->mmap_lock);
	at = map_locked(mm, addr, len, prot, map_flags, vm_flags, file, pgoff);
	vm_flags |= (u32)mm->def_flags;
	mutex_unlock(&mm->mmap_lock);
	if (shmem)
		file_put(shmem);
	if (at >= 0 && ((map_flags & MAP_POPULATE) || (vm_flags & VM_LOCKED)) && prot != PROT_NONE &&
	    mm == current->mm) {
		/* Failing to populate is not failing to map (mmap(2)). */
		err = vm_populate(mm, (uaddr_t)at, (uaddr_t)at + len,
				  (prot & PROT_WRITE) && !shared);
		(void)err;
	}
	return at;
}

SYSCALL_DEFINE6(mmap, uaddr_t, addr, u64, len, u32, prot, u32, flags, int, fd, u64, offset)
{
	const u32 known = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN |
			  MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE |
			  MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |
			  MAP_FIXED_NOREPLACE | MAP_UNINITIALIZED;
	struct file *file = NULL;
	u32 type = flags & MAP_TYPE;
	s64 ret;

	if (!is_aligned(offset, PAGE_SIZE))
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fd_get(fd);
		if (!file)
			return -EBADF;
	}
	ret = -EINVAL;
	if (!len)
		goto out;
	ret = -ENOMEM;
	if (align_up(len, PAGE_SIZE) < len)
		goto out;
	ret = -EOVERFLOW;
	if ((offset >> PAGE_SHIFT) + (align_up(len, PAGE_SIZE) >> PAGE_SHIFT) <
	    (offset >> PAGE_SHIFT) || (file && offset + len < offset))
		goto out;
	ret = -EOPNOTSUPP;
	if (type == MAP_SHARED_VALIDATE && (flags & ~known))
		goto out;
	ret = -EINVAL;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		goto out;
	if (type == MAP_SHARED_VALIDATE && !file)
		goto out;
	ret = -ENOMEM;
	if (flags & MAP_HUGETLB)	/* no huge page pool, as nr_hugepages=0 */
		goto out;
	ret = mm_map(current->mm, addr, len, prot & 7, flags, 0, file, offset >> PAGE_SHIFT);
out:
	if (file)
		file_put(file);
	return ret;
}

SYSCALL_DEFINE2(munmap, uaddr_t, addr, u64, len)
{
	return mm_unmap(current->mm, addr, len);
}

/* ---- protection ---- */

struct protect {
	struct vma *vma;
	struct tlb_gather g;
};

static void protect_pte(pte_t *pte, uaddr_t va, void *arg)
{
	struct protect *p = arg;
	pte_t old = *pte, new = (old & (PTE_ADDR | PTE_D)) | vma_pte_flags(p->vma);
	struct page *page = pte_page(old);

	if (p->vma->flags & VM_WRITE) {
		if (old & PTE_W)
			new |= PTE_W;
		else if (!(p->vma->flags & VM_SHARED) && (page->flags & PG_ANON) &&
			 page->refcount == 1)
			new |= PTE_W | PTE_D;
	}
	if (new == old)
		return;
	pte_set(pte, new);
	if (((old & PTE_P) && !(new & PTE_P)) || ((old & PTE_W) && !(new & PTE_W)) ||
	    (!(old & PTE_NX) && (new & PTE_NX)))
		gather_page(&p->g, va, NULL);
}

static int protect_vma(struct mm *mm, struct vma *vma, uaddr_t start, uaddr_t end, u32 access)
{
	struct protect p;
	int err;

	err = vma_isolate(mm, &vma, start, end);
	if (err)
		return err;
	mm_account(mm, vma, -(s64)((vma->end - vma->start) >> PAGE_SHIFT));
	vma->flags = (vma->flags & ~VM_ACCESS) | access;
	mm_account(mm, vma, (s64)((vma->end - vma->start) >> PAGE_SHIFT));
	p.vma = vma;
	gather_init(&p.g, &mm->as);
	pte_for_each(&mm->as, vma->start, vma->end, protect_pte, &p, NULL);
	gather_flush(&p.g);
	return 0;
}

static int protect_range(struct mm *mm, uaddr_t start, uaddr_t end, u32 access, bool growsdown)
{
	struct vma *vma = vma_find(mm, start);
	int err = -ENOMEM;

	if (!vma)
		return -ENOMEM;
	if (growsdown) {
		if (vma->start >= end)
			return -ENOMEM;
		start = vma->start;
		if (!(vma->flags & VM_GROWSDOWN))
			return -EINVAL;
	} else if (vma->start > start) {
		return -ENOMEM;
	}
	while (vma && vma->start <= start) {
		uaddr_t stop = min(vma->end, end);
		u32 may = (vma->flags / VM_MAYREAD) & VM_ACCESS;

		if (access & ~may)
			return -EACCES;
		if ((vma->flags & VM_ACCESS) != access) {
			if ((access & VM_WRITE) && !(vma->flags & (VM_WRITE | VM_SHARED)) &&
			    mm->data_vm + ((stop - start) >> PAGE_SHIFT) >
				    rlimit(RLIMIT_DATA) >> PAGE_SHIFT)
				return -ENOMEM;
			err = protect_vma(mm, vma, start, stop, access);
			if (err)
				return err;
			vma = vma_merge(mm, vma_find(mm, start));
		}
		start = stop;
		if (start >= end)
			return 0;
		vma = vma_find(mm, start);
		err = -ENOMEM;
	}
	return err;
}

SYSCALL_DEFINE3(mprotect, uaddr_t, start, u64, len, u32, prot)
{
	struct mm *mm = current->mm;
	bool growsdown = prot & PROT_GROWSDOWN;
	uaddr_t end;
	int err;

	if ((prot & (PROT_GROWSDOWN | PROT_GROWSUP)) == (PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	prot &= ~(u32)(PROT_GROWSDOWN | PROT_GROWSUP);
	if (!is_aligned(start, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return 0;
	end = start + align_up(len, PAGE_SIZE);
	if (end <= start)
		return -ENOMEM;
	if (prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	mutex_lock(&mm->mmap_lock);
	err = protect_range(mm, start, end, prot_to_vm(prot), growsdown);
	mutex_unlock(&mm->mmap_lock);
	return err;
}

SYSCALL_DEFINE4(pkey_mprotect, uaddr_t, start, u64, len, u32, prot, int, pkey)
{
	if (pkey != -1)
		return -EINVAL;		/* no keys: the CPU feature is not offered */
	return do_sys_mprotect(start, len, prot);
}

/* ---- brk ---- */

static int set_brk(struct mm *mm, uaddr_t new)
{
	uaddr_t old_end = align_up(mm->brk, PAGE_SIZE), new_end = align_up(new, PAGE_SIZE);
	struct vma *next;
	s64 at;

	if (new < mm->start_brk || new >= hal_info()->user_limit)
		return -ENOMEM;
	if (rlimit(RLIMIT_DATA) < RLIM_INFINITY &&
	    (new - mm->start_brk) + (mm->end_data - mm->start_data) > rlimit(RLIMIT_DATA))
		return -ENOMEM;
	if (new_end < old_end)
		return mm_unmap_locked(mm, new_end, old_end);
	if (new_end == old_end)
		return 0;
	next = vma_find(mm, old_end);
	if (next && next->start < new_end + PAGE_SIZE)
		return -ENOMEM;
	at = map_locked(mm, old_end, new_end - old_end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
			VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_HEAP, NULL, 0);
	return at < 0 ? (int)at : 0;
}

SYSCALL_DEFINE1(brk, uaddr_t, addr)
{
	struct mm *mm = current->mm;
	uaddr_t ret;

	mutex_lock(&mm->mmap_lock);
	if (!set_brk(mm, addr))
		mm->brk = addr;
	ret = mm->brk;
	mutex_unlock(&mm->mmap_lock);
	return (s64)ret;
}

/* ---- mremap ---- */

struct move {
	struct mm *mm;
	s64 delta;
	struct tlb_gather g;
	int err;
};

static void move_pte(pte_t *pte, uaddr_t va, void *arg)
{
	struct move *m = arg;
	pte_t *dst;

	if (m->err)
		return;
	dst = pte_lookup_alloc(&m->mm->as, (uaddr_t)((s64)va + m->delta));
	if (!dst) {
		m->err = -ENOMEM;
		return;
	}
	pte_set(dst, *pte);
	pte_set(pte, 0);
	gather_page(&m->g, va, NULL);
}

static int move_ptes(struct mm *mm, uaddr_t from, uaddr_t to, u64 len)
{
	struct move m = { .mm = mm, .delta = (s64)(to - from) };

	gather_init(&m.g, &mm->as);
	pte_for_each(&mm->as, from, from + len, move_pte, &m, &m.g);
	gather_flush(&m.g);
	return m.err;
}

/* Moves [old, old+old_len) of vma to a new area of new_len at `to` (free). */
static s64 move_vma(struct mm *mm, struct vma *vma, uaddr_t old, u64 old_len, uaddr_t to,
		    u64 new_len, bool keep_old)
{
	struct vma *new;
	int err;

	if (mm->map_count + 3 >= max_map_count)
		return -ENOMEM;
	new = vma_alloc(mm);
	if (!new)
		return -ENOMEM;
	new->start = to;
	new->end = to + new_len;
	new->flags = vma->flags;
	new->pgoff = vma->file ? vma->pgoff + ((old - vma->start) >> PAGE_SHIFT) : to >> PAGE_SHIFT;
	new->file = vma->file ? file_get(vma->file) : NULL;
	new->ops = vma->ops;
	vma_insert(mm, new);
	err = move_ptes(mm, old, to, min(old_len, new_len));
	if (err) {	/* put back what moved; its tables exist, so this cannot fail */
		bug_on(move_ptes(mm, to, old, min(old_len, new_len)));
		vma_remove(mm, new);
		vma_free(new);
		return err;
	}
	if (!keep_old) {
		err = mm_unmap_locked(mm, old, old + old_len);
		if (err)	/* could not split: the rest stays mapped, empty */
			return err;
	}
	vma_merge(mm, new);
	return (s64)to;
}

static s64 remap_grow(struct mm *mm, struct vma *vma, uaddr_t old, u64 old_len, u64 new_len)
{
	struct vma *next = vma_after(vma);
	u64 more = new_len - old_len;

	if (old + old_len != vma->end || (next && next->start < vma->end + more) ||
	    vma->end + more > hal_info()->user_limit)
		return -ENOMEM;
	vma->end += more;
	mm_account(mm, vma, (s64)(more >> PAGE_SHIFT));
	vma_merge(mm, vma);
	return (s64)old;
}

static s64 remap_locked(struct mm *mm, uaddr_t old, u64 old_len, u64 new_len, u32 flags,
			uaddr_t new_addr)
{
	struct vma *vma;
	s64 to;
	int err;

	if (flags & MREMAP_FIXED) {
		if (!is_aligned(new_addr, PAGE_SIZE) || new_addr > hal_info()->user_limit - new_len)
			return -EINVAL;
		if (new_addr < old + max(old_len, 1ul) && old < new_addr + new_len)
			return -EINVAL;
	}
	vma = vma_find(mm, old);
	if (!vma || vma->start > old)
		return -EFAULT;
	if (!old_len && !(vma->flags & VM_SHARED))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && (vma->flags & VM_SHARED))
		return -EINVAL;
	if (old_len > vma->end - old)
		return -EFAULT;
	if ((vma->flags & VM_DONTEXPAND) && new_len > old_len)
		return -EFAULT;
	if (new_len > old_len) {
		err = check_limits(mm, new_len - old_len, vma->flags);
		if (err)
			return err;
	}
	if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		if (new_len <= old_len && old_len) {
			err = new_len == old_len ? 0
						 : mm_unmap_locked(mm, old + new_len, old + old_len);
			return err ? err : (s64)old;
		}
		if (old_len) {
			to = remap_grow(mm, vma, old, old_len, new_len);
			if (to > 0)
				return to;
		}
		if (!(flags & MREMAP_MAYMOVE))
			return -ENOMEM;
	}
	to = place(mm, new_addr, new_len, (flags & MREMAP_FIXED) ? MAP_FIXED : 0);
	if (to < 0)
		return to;
	vma = vma_find(mm, old);	/* place() may have split areas */
	return move_vma(mm, vma, old, old_len, (uaddr_t)to, new_len,
			(flags & MREMAP_DONTUNMAP) || !old_len);
}

SYSCALL_DEFINE5(mremap, uaddr_t, old, u64, old_len, u64, new_len, u32, flags, uaddr_t, new_addr)
{
	struct mm *mm = current->mm;
	s64 ret;

	if (flags & ~(u32)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && old_len != new_len)
		return -EINVAL;
	if (!is_aligned(old, PAGE_SIZE))
		return -EINVAL;
	old_len = align_up(old_len, PAGE_SIZE);
	new_len = align_up(new_len, PAGE_SIZE);
	if (!new_len || new_len > hal_info()->user_limit)
		return -EINVAL;
	if (!(flags & MREMAP_FIXED))
		new_addr = 0;
	mutex_lock(&mm->mmap_lock);
	ret = remap_locked(mm, old, old_len, new_len, flags, new_addr);
	mutex_unlock(&mm->mmap_lock);
	return ret;
}
