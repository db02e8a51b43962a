/* SPDX-License-Identifier: MIT */
/*
 * What a HAL may know about program text, for rewriting system calls in a copy
 * of it: which file page stands at an address, and the free gap below the
 * file's mapping that vma_find_gap keeps for the HAL's code.
 * The tables and the page cache are never changed; only what a TLB holds is.
 */
#include "fs/vfs.h"
#include "hal/mem.h"
#include "mm/mm.h"
#include "mm/pagecache.h"

bool kern_text(const struct hal_as *as, uaddr_t va, struct hal_text *text)
{
	struct mm *mm = container_of(as, struct mm, as);
	struct vma *vma = vma_find(mm, va), *below;
	uaddr_t base;

	if (!vma || va < vma->start || !vma->file || vma->ops ||
	    (vma->flags & (VM_EXEC | VM_WRITE | VM_SHARED)) != VM_EXEC ||
	    vma->start < (vma->pgoff << PAGE_SHIFT) + HAL_TEXT_GAP + 65536)
		return false;
	base = vma->start - (vma->pgoff << PAGE_SHIFT);
	below = vma_find(mm, base - HAL_TEXT_GAP);
	if (below && below->start < base)
		return false;
	*text = (struct hal_text){
		.file = (u64)vma->file->inode,
		.version = vma->file->inode->mapping.version,
		.start = vma->start,
		.end = vma->end,
		.base = base,
	};
	return true;
}
