/* SPDX-License-Identifier: MIT */
/*
 * Mapping the vDSO: [vvar] one data page, then [vdso] the image.
 *
 * Both are ordinary pages with a reference held for ever; every address space
 * maps the same ones. The image is copied out of .rodata once at boot, so that
 * it lies in page-managed memory.
 */
#include "kernel/vdso.h"

#include "abi/errno.h"
#include "hal/hal.h"
#include "kernel/exec.h"
#include "lib/string.h"
#include "mm/mm.h"

extern const u8 vdso_image[], vdso_image_end[];

#define VDSO_MAX_PAGES 4
static struct page *vvar_page, *vdso_pages[VDSO_MAX_PAGES];
static u32 vdso_count;

static struct page *vvar_fault(struct vma *vma, u64 pgoff)
{
	(void)vma;
	(void)pgoff;
	return page_get(vvar_page);
}

static struct page *vdso_fault(struct vma *vma, u64 pgoff)
{
	(void)vma;
	return pgoff < vdso_count ? page_get(vdso_pages[pgoff]) : ERR_PTR(-EFAULT);
}

static const struct vma_ops vvar_ops = {
	.fault = vvar_fault,
	.name = "[vvar]",
};

static const struct vma_ops vdso_ops = {
	.fault = vdso_fault,
	.name = "[vdso]",
};

void vdso_init(void)
{
	u64 size = (u64)(vdso_image_end - vdso_image);
	struct hal_timesource ts;
	struct vdso_data *d;

	bug_on(size > VDSO_MAX_PAGES * PAGE_SIZE);
	vvar_page = page_alloc(0, ALLOC_ZERO);
	if (!vvar_page)
		return;
	for (u64 off = 0; off < size; off += PAGE_SIZE) {
		struct page *page = page_alloc(0, ALLOC_ZERO);

		if (!page)
			return;		/* vdso_count 0 or short: not mapped below */
		memcpy(page_to_virt(page), vdso_image + off, min(size - off, PAGE_SIZE));
		vdso_pages[vdso_count++] = page;
	}
	d = page_to_virt(vvar_page);
	if (!hal_info()->tsc_khz)
		return;
	hal_timesource(&ts);
	*d = (struct vdso_data){ .tsc_ok = 1, .base_tsc = ts.base_tsc, .base_ns = ts.base_ns,
				 .mult = ts.mult, .shift = ts.shift,
				 .realtime_offset_ns = hal_clock_epoch_ns() };
}

void vdso_set_realtime_offset(s64 offset_ns)
{
	struct vdso_data *d = vvar_page ? page_to_virt(vvar_page) : NULL;

	if (!d)
		return;
	WRITE_ONCE(d->seq, d->seq + 1);
	barrier();
	WRITE_ONCE(d->realtime_offset_ns, hal_clock_epoch_ns() + (u64)offset_ns);
	barrier();
	WRITE_ONCE(d->seq, d->seq + 1);
}

int vdso_map(struct mm *mm)
{
	u64 size = (u64)vdso_count << PAGE_SHIFT;
	s64 at;

	if (size < (u64)(vdso_image_end - vdso_image) || !size)
		return 0;
	at = vma_find_gap(mm, PAGE_SIZE + size, hal_info()->user_limit);
	if (at < 0)
		return -ENOMEM;
	if (vma_map_pages(mm, (uaddr_t)at, PAGE_SIZE, PROT_READ, &vvar_ops) ||
	    vma_map_pages(mm, (uaddr_t)at + PAGE_SIZE, size, PROT_READ | PROT_EXEC, &vdso_ops))
		return -ENOMEM;
	mm->vdso = (uaddr_t)at + PAGE_SIZE;
	return 0;
}
