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
#include "kernel/clock.h"
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

#define TICK (NSEC_PER_SEC / 10)

static struct hal_timesource source;
static u64 base_ns;		/* monotonic, at base_tsc of the data page */
static u64 realtime_offset;	/* realtime - monotonic */

static struct vdso_data *data(void)
{
	struct vdso_data *d = vvar_page ? page_to_virt(vvar_page) : NULL;

	return d && d->tsc_ok ? d : NULL;
}

/* Makes the time `cycles` after the HAL's own base the new one. */
static void set_base(struct vdso_data *d, u64 cycles)
{
	u64 ns;

	base_ns = source.base_ns +
		  (u64)((unsigned __int128)cycles * source.mult >> source.shift);
	WRITE_ONCE(d->seq, d->seq + 1);
	barrier();
	d->base_tsc = source.base_tsc + cycles;
	ns = base_ns;
	d->base[VDSO_MONOTONIC].sec = ns / NSEC_PER_SEC;
	d->base[VDSO_MONOTONIC].nsec = ns % NSEC_PER_SEC;
	ns += realtime_offset;
	d->base[VDSO_REALTIME].sec = ns / NSEC_PER_SEC;
	d->base[VDSO_REALTIME].nsec = ns % NSEC_PER_SEC;
	barrier();
	WRITE_ONCE(d->seq, d->seq + 1);
}

void vdso_tick(u64 now)
{
	struct vdso_data *d;

	/* now may be a little behind what another CPU put there. */
	if ((s64)(now - base_ns) < (s64)TICK)
		return;
	d = data();
	if (!d)
		return;
	set_base(d, d->base_tsc - source.base_tsc +
		    vdso_sure_cycles(now - base_ns, hal_info()->tsc_khz));
}

void vdso_init(void)
{
	u64 size = (u64)(vdso_image_end - vdso_image);
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
	if (!hal_info()->tsc_khz)
		return;
	hal_timesource(&source);
	realtime_offset = hal_clock_epoch_ns();
	d = page_to_virt(vvar_page);
	*d = (struct vdso_data){ .tsc_ok = 1, .mult = source.mult, .shift = source.shift };
	set_base(d, 0);
}

void vdso_set_realtime_offset(s64 offset_ns)
{
	struct vdso_data *d = data();

	realtime_offset = hal_clock_epoch_ns() + (u64)offset_ns;
	if (d)
		set_base(d, d->base_tsc - source.base_tsc);
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
