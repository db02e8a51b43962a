/* SPDX-License-Identifier: MIT */
/* madvise, msync, mincore, mlock and their like: advice and state of ranges. */
#include "abi/errno.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/pagecache.h"
#include "mm/pgtable.h"

static int set_flags(struct mm *mm, struct vma *vma, uaddr_t start, uaddr_t end, u32 clear, u32 set)
{
	int err;

	if (((vma->flags & ~clear) | set) == vma->flags)
		return 0;
	err = vma_isolate(mm, &vma, start, end);
	if (err)
		return err;
	mm_account(mm, vma, -(s64)((vma->end - vma->start) >> PAGE_SHIFT));
	vma->flags = (vma->flags & ~clear) | set;
	mm_account(mm, vma, (s64)((vma->end - vma->start) >> PAGE_SHIFT));
	return 0;
}

static int advise_remove(struct vma *vma, uaddr_t start, uaddr_t end)
{
	u64 off = (vma->pgoff << PAGE_SHIFT) + (start - vma->start);

	if (!vma->file || !(vma->flags & VM_SHARED))
		return -EINVAL;
	if (!(vma->flags & VM_MAYWRITE) || !vma->file->ops->fallocate)
		return -EACCES;
	mapping_punch(&vma->file->inode->mapping, off, off + (end - start));
	return 0;
}

static int advise_vma(struct mm *mm, struct vma *vma, uaddr_t start, uaddr_t end, int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
		if (vma->flags & (VM_LOCKED | VM_PFN))
			return -EINVAL;
		vm_zap(mm, start, end);
		return 0;
	case MADV_FREE:
		if (vma->file || (vma->flags & (VM_LOCKED | VM_PFN)))
			return -EINVAL;
		vm_zap(mm, start, end);
		return 0;
	case MADV_REMOVE:
		return advise_remove(vma, start, end);
	case MADV_DONTFORK:
		return set_flags(mm, vma, start, end, 0, VM_DONTFORK);
	case MADV_DOFORK:
		return set_flags(mm, vma, start, end, VM_DONTFORK, 0);
	case MADV_WIPEONFORK:
		if (vma->file || (vma->flags & VM_SHARED))
			return -EINVAL;
		return set_flags(mm, vma, start, end, 0, VM_WIPEONFORK);
	case MADV_KEEPONFORK:
		return set_flags(mm, vma, start, end, VM_WIPEONFORK, 0);
	case MADV_DONTDUMP:
		return set_flags(mm, vma, start, end, 0, VM_DONTDUMP);
	case MADV_DODUMP:
		return set_flags(mm, vma, start, end, VM_DONTDUMP, 0);
	case MADV_RANDOM:
		return set_flags(mm, vma, start, end, VM_SEQ, VM_RAND);
	case MADV_NORMAL:
	case MADV_SEQUENTIAL:
		return set_flags(mm, vma, start, end, VM_SEQ | VM_RAND,
				 advice == MADV_SEQUENTIAL ? VM_SEQ : 0);
	default:
		return 0;	/* advice without a meaning here is taken and done with */
	}
}

static bool advice_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
	       (advice >= MADV_FREE && advice <= MADV_POPULATE_WRITE &&
		advice != MADV_MERGEABLE && advice != MADV_UNMERGEABLE);
}

static int advise_range(struct mm *mm, uaddr_t start, uaddr_t end, int advice)
{
	struct vma *vma = vma_find(mm, start);
	int err, unmapped = 0;

	while (start < end) {
		uaddr_t stop;

		if (!vma || vma->start >= end)
			return -ENOMEM;
		if (vma->start > start) {
			unmapped = -ENOMEM;
			start = vma->start;
		}
		stop = min(vma->end, end);
		err = advise_vma(mm, vma, start, stop, advice);
		if (err)
			return err;
		start = stop;
		vma = vma_find(mm, start);
	}
	return unmapped;
}

static int populate(struct mm *mm, uaddr_t start, uaddr_t end, bool write)
{
	int err;

	for (uaddr_t a = start; a < end;) {
		struct vma *vma = vma_find(mm, a);

		if (!vma || vma->start > a)
			return -ENOMEM;
		if (!(vma->flags & (write ? VM_WRITE : VM_ACCESS)))
			return -EINVAL;
		a = vma->end;
	}
	err = vm_populate(mm, start, end, write);
	return err == -EIO ? -EFAULT : err;
}

SYSCALL_DEFINE3(madvise, uaddr_t, start, u64, len, int, advice)
{
	struct mm *mm = current->mm;
	uaddr_t end;
	int err;

	if (!advice_known(advice) || !is_aligned(start, PAGE_SIZE))
		return -EINVAL;
	end = start + align_up(len, PAGE_SIZE);
	if (end < start || (len && align_up(len, PAGE_SIZE) == 0))
		return -EINVAL;
	if (start == end)
		return 0;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return populate(mm, start, end, advice == MADV_POPULATE_WRITE);
	mutex_lock(&mm->mmap_lock);
	err = advise_range(mm, start, end, advice);
	mutex_unlock(&mm->mmap_lock);
	return err;
}

SYSCALL_DEFINE3(msync, uaddr_t, start, u64, len, u32, flags)
{
	struct mm *mm = current->mm;
	uaddr_t end;
	int err = 0, unmapped = 0;

	if (flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC))
		return -EINVAL;
	if (!is_aligned(start, PAGE_SIZE) || ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	end = start + align_up(len, PAGE_SIZE);
	if (end < start)
		return -ENOMEM;
	while (start < end && !err) {
		struct vma *vma;
		struct file *f = NULL;
		uaddr_t stop;
		u64 off;

		mutex_lock(&mm->mmap_lock);
		vma = vma_find(mm, start);
		if (!vma || vma->start >= end) {
			mutex_unlock(&mm->mmap_lock);
			return -ENOMEM;
		}
		if (vma->start > start) {
			unmapped = -ENOMEM;
			start = vma->start;
		}
		stop = min(end, vma->end);
		off = (vma->pgoff << PAGE_SHIFT) + (start - vma->start);
		if ((flags & MS_INVALIDATE) && (vma->flags & VM_LOCKED))
			err = -EBUSY;
		else if ((flags & MS_SYNC) && vma->file && (vma->flags & VM_SHARED))
			f = file_get(vma->file);
		mutex_unlock(&mm->mmap_lock);
		if (f) {
			err = mapping_sync(&f->inode->mapping, off, off + (stop - start));
			file_put(f);
		}
		start = stop;
	}
	return err ? err : unmapped;
}

static u8 page_resident(struct mm *mm, struct vma *vma, uaddr_t va)
{
	pte_t *pte = pte_lookup(&mm->as, va);

	if (pte && pte_mapped(*pte))
		return 1;
	if (vma->file && !vma->ops)
		return mapping_find_page(&vma->file->inode->mapping,
					 vma->pgoff + ((va - vma->start) >> PAGE_SHIFT)) != NULL;
	return 0;
}

SYSCALL_DEFINE3(mincore, uaddr_t, start, u64, len, uaddr_t, vec)
{
	struct mm *mm = current->mm;
	u64 pages = DIV_ROUND_UP(len, PAGE_SIZE);
	u8 buf[256];

	if (!is_aligned(start, PAGE_SIZE))
		return -EINVAL;
	if (!access_ok(start, len))
		return -ENOMEM;
	if (!access_ok(vec, pages))
		return -EFAULT;
	while (pages) {
		u64 n = min(pages, (u64)sizeof(buf)), i;

		mutex_lock(&mm->mmap_lock);
		for (i = 0; i < n; i++) {
			struct vma *vma = vma_find(mm, start + i * PAGE_SIZE);

			if (!vma || vma->start > start + i * PAGE_SIZE)
				break;
			buf[i] = page_resident(mm, vma, start + i * PAGE_SIZE);
		}
		mutex_unlock(&mm->mmap_lock);
		if (i < n)
			return -ENOMEM;
		if (copyout(vec, buf, n))
			return -EFAULT;
		vec += n;
		start += n * PAGE_SIZE;
		pages -= n;
	}
	return 0;
}

/* ---- mlock: nothing is ever swapped, so this is accounting and population ---- */

static int lock_range(struct mm *mm, uaddr_t start, u64 len, bool lock, bool onfault)
{
	uaddr_t end = align_up(start + len, PAGE_SIZE), a;
	int err = 0;

	start = align_down(start, PAGE_SIZE);
	if (end < start)
		return -EINVAL;
	if (start == end)
		return 0;
	if (lock && !capable(CAP_IPC_LOCK)) {
		u64 limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;

		if (!limit)
			return -EPERM;
		if (mm->locked_vm + ((end - start) >> PAGE_SHIFT) > limit)
			return -ENOMEM;
	}
	mutex_lock(&mm->mmap_lock);
	for (a = start; a < end && !err;) {
		struct vma *vma = vma_find(mm, a);
		uaddr_t stop;

		if (!vma || vma->start > a) {
			err = -ENOMEM;
			break;
		}
		stop = min(vma->end, end);
		err = set_flags(mm, vma, a, stop, lock ? 0 : VM_LOCKED, lock ? VM_LOCKED : 0);
		a = stop;
	}
	mutex_unlock(&mm->mmap_lock);
	if (!err && lock && !onfault) {
		err = vm_populate(mm, start, end, false);
		if (err == -EFAULT || err == -EIO)
			err = -ENOMEM;
	}
	return err;
}

SYSCALL_DEFINE2(mlock, uaddr_t, start, u64, len)
{
	return lock_range(current->mm, start, len, true,
			  false);
}

SYSCALL_DEFINE3(mlock2, uaddr_t, start, u64, len, u32, flags)
{
	if (flags & ~(u32)MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(current->mm, start, len, true, flags & MLOCK_ONFAULT);
}

SYSCALL_DEFINE2(munlock, uaddr_t, start, u64, len)
{
	return lock_range(current->mm, start, len, false, false);
}

static void lock_all(struct mm *mm, bool lock)
{
	for (struct vma *v = vma_next(mm, 0); v; v = vma_after(v))
		if (!set_flags(mm, v, v->start, v->end, lock ? 0 : VM_LOCKED, lock ? VM_LOCKED : 0))
			continue;
}

SYSCALL_DEFINE1(mlockall, u32, flags)
{
	struct mm *mm = current->mm;

	if (!flags || (flags & ~(u32)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!capable(CAP_IPC_LOCK)) {
		if (!rlimit(RLIMIT_MEMLOCK))
			return -EPERM;
		if ((flags & MCL_CURRENT) && mm->total_vm > rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
			return -ENOMEM;
	}
	mutex_lock(&mm->mmap_lock);
	mm->def_flags = (flags & MCL_FUTURE) ? VM_LOCKED : 0;
	if (flags & MCL_CURRENT)
		lock_all(mm, true);
	mutex_unlock(&mm->mmap_lock);
	return 0;
}

SYSCALL_DEFINE0(munlockall)
{
	struct mm *mm = current->mm;

	mutex_lock(&mm->mmap_lock);
	mm->def_flags = 0;
	lock_all(mm, false);
	mutex_unlock(&mm->mmap_lock);
	return 0;
}
