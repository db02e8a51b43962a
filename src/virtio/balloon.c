/* SPDX-License-Identifier: MIT */
/*
 * Virtio balloon (virtio 1.x, 5.5): memory that the host wants back.
 *
 * The configuration says how many pages of 4 KiB the balloon should hold. To
 * inflate, pages are allocated and their numbers sent, a batch at a time; they
 * belong to the balloon when the device has taken notice. To deflate, numbers are
 * sent, and the pages are free at once, as the device allows (MUST_TELL_HOST is
 * not negotiated): one of them is the message and follows when it comes back. So
 * letting out needs no memory and waits for nobody. Everything happens in upcalls,
 * which neither sleep nor loop beyond a batch. MemTotal is what the balloon leaves.
 *
 * LEFT_PAGES stay free; when no more can be had, a timer tries again. With
 * DEFLATE_ON_OOM the balloon is the last thing that reclaim takes from
 * (balloon_reclaim); after that it stays as small as it is until the host changes
 * its wish.
 *
 * Trust: the device's wish is only ever a number of pages to try for. A device
 * that is broken keeps what it has: the host may have taken those pages away.
 *
 * Locks: the kernel lock.
 * Not supported: statistics, free page hints and reports, page poison.
 */
#include "virtio/balloon.h"

#include "abi/errno.h"
#include "hal/hal.h"
#include "hal/virtio.h"
#include "kernel/clock.h"
#include "kernel/wait.h"
#include "mm/page.h"
#include "mm/pagecache.h"
#include "mm/slab.h"
#include "virtio/virtio.h"

#define BATCH 256u		/* pages of an inflate message */
#define PAGE_BATCH ((u32)(PAGE_SIZE / sizeof(u32)))	/* numbers in a page: a deflate message */
#define LEFT_PAGES 2048u
#define RETRY_NS (200 * 1000000ul)

enum { BALLOON_F_DEFLATE_ON_OOM = 1 << 2 };
enum { CONFIG_NUM_PAGES = 0, CONFIG_ACTUAL = 4 };

struct balloon {
	struct virtio_device *vdev;
	struct virtqueue *inflate, *deflate;
	struct list_head pages;	/* page.lru */
	u32 held;		/* of them: the device has them for sure */
	bool busy;		/* an inflate message is on its way: up[0] to up[up_count - 1] */
	bool on_hold;		/* memory was short: wait for another wish */
	bool filling;		/* no reclaim from what is being filled */
	u32 up_count;
	struct timer retry;
	u32 up[BATCH];		/* page numbers: little endian, as we are */
};

static struct balloon *the_balloon;

static u32 wish(const struct balloon *b)
{
	return virtio_config_u32(b->vdev, CONFIG_NUM_PAGES);
}

static void tell_actual(struct balloon *b)
{
	hal_virtio_config_write(b->vdev->nr, CONFIG_ACTUAL, &b->held, sizeof(b->held));
}

static void put_page(u32 pfn)
{
	page_counts.total++;
	page_put(phys_to_page((paddr_t)pfn << PAGE_SHIFT));
}

static int send(struct virtqueue *vq, const u32 *numbers, u32 count, void *cookie)
{
	struct vq_seg seg = vq_seg_of(numbers, count * (u32)sizeof(*numbers));
	int err = vq_add(vq, &seg, 1, 0, cookie);

	if (!err)
		vq_kick(vq);
	return err;
}

/* ---- more ---- */

static struct page *spare_page(void)
{
	if (page_counts.free < LEFT_PAGES)
		pagecache_reclaim(BATCH);
	return page_counts.free < LEFT_PAGES ? NULL : page_alloc(0, ALLOC_USER);
}

static void inflate(struct balloon *b, u32 want)
{
	struct page *page;

	b->up_count = 0;
	b->filling = true;
	while (b->up_count < min(want - b->held, BATCH) && (page = spare_page())) {
		page_counts.total--;
		b->up[b->up_count++] = (u32)(page_to_phys(page) >> PAGE_SHIFT);
	}
	b->filling = false;
	b->busy = b->up_count && !send(b->inflate, b->up, b->up_count, b);
	if (b->busy)
		return;
	for (u32 i = 0; i < b->up_count; i++)
		put_page(b->up[i]);
	timer_arm(&b->retry, hal_clock_ns() + RETRY_NS);
}

/* ---- less ---- */

/* Lets up to `count` pages out and tells the device. How many. */
static u32 deflate(struct balloon *b, u32 count)
{
	struct page *page;
	u32 *numbers, n = 0;

	if (b->vdev->broken || list_empty(&b->pages) || !b->deflate->free_count)
		return 0;
	numbers = page_to_virt(list_first(&b->pages, struct page, lru));
	while (n < min(count, PAGE_BATCH) && !list_empty(&b->pages)) {
		page = list_first(&b->pages, struct page, lru);
		list_del(&page->lru);
		numbers[n++] = (u32)(page_to_phys(page) >> PAGE_SHIFT);
	}
	b->held -= n;
	if (send(b->deflate, numbers, n, numbers))
		return 0;	/* broken just now: they are gone */
	for (u32 i = 1; i < n; i++)
		put_page(numbers[i]);
	return n;
}

u64 balloon_reclaim(u64 want)
{
	struct balloon *b = the_balloon;
	u64 freed = 0;

	if (!b || b->filling || !(b->vdev->features & BALLOON_F_DEFLATE_ON_OOM))
		return 0;
	while (freed < want) {
		u32 n = deflate(b, BATCH);

		if (!n)
			break;
		freed += n;
		b->on_hold = true;
	}
	return freed;
}

/* ---- towards the wish ---- */

static void adjust(struct balloon *b)
{
	u32 want = wish(b);

	if (b->vdev->broken || b->busy)
		return;		/* goes on when that comes back */
	if (want > b->held && !b->on_hold)
		inflate(b, want);
	else if (want < b->held)
		deflate(b, b->held - want);
	tell_actual(b);
}

static void retry(struct timer *t)
{
	adjust(container_of(t, struct balloon, retry));
}

static void inflated(struct virtqueue *vq)
{
	struct balloon *b = vq->priv;
	u32 len;

	while (vq_get(vq, &len)) {
		for (u32 i = 0; i < b->up_count; i++)
			list_add(&phys_to_page((paddr_t)b->up[i] << PAGE_SHIFT)->lru, &b->pages);
		b->held += b->up_count;
		b->busy = false;
	}
	adjust(b);
}

static void deflated(struct virtqueue *vq)
{
	u32 *numbers, len;

	while ((numbers = vq_get(vq, &len)))
		put_page((u32)(virt_to_phys(numbers) >> PAGE_SHIFT));
	adjust(vq->priv);
}

static void wish_changed(struct virtio_device *vdev)
{
	struct balloon *b = vdev->priv;

	b->on_hold = false;
	adjust(b);
}

/* ---- the device ---- */

static int balloon_probe(struct virtio_device *vdev)
{
	struct balloon *b;
	int err;

	if (the_balloon)
		return -EEXIST;
	b = kzalloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->vdev = vdev;
	list_init(&b->pages);
	b->retry.fn = retry;
	b->inflate = vq_create(vdev, 0, 4, inflated);
	err = IS_ERR(b->inflate) ? (int)PTR_ERR(b->inflate) : 0;
	if (!err) {
		b->deflate = vq_create(vdev, 1, 128, deflated);
		err = IS_ERR(b->deflate) ? (int)PTR_ERR(b->deflate) : 0;
	}
	if (err) {
		kfree(b);
		return err;
	}
	b->inflate->priv = b->deflate->priv = b;
	vdev->priv = b;
	return 0;
}

static void balloon_start(struct virtio_device *vdev)
{
	the_balloon = vdev->priv;
	adjust(the_balloon);
}

/* The device keeps what it has, and what was on its way to it. */
static void balloon_broken(struct virtio_device *vdev)
{
	struct balloon *b = vdev->priv;

	timer_cancel(&b->retry);
	the_balloon = NULL;
	while (vq_detach(b->inflate))
		;
	while (vq_detach(b->deflate))
		;
}

const struct virtio_driver virtio_balloon_driver = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.features = BALLOON_F_DEFLATE_ON_OOM,
	.probe = balloon_probe,
	.start = balloon_start,
	.config = wish_changed,
	.broken = balloon_broken,
};
