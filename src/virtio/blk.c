/* SPDX-License-Identifier: MIT */
/*
 * Virtio block (virtio 1.x, 5.2): disks.
 *
 * A request is a chain of
 *
 *   out: header (type, sector) | data of a write, or the range of a discard
 *   in:  data of a read | status byte
 *
 * Header and status live in a slot. Each queue has a fixed number of slots, made
 * at start, so that a request needs no memory but the ring's indirect table.
 * Requests that find no slot or no room wait in queue->waiting and are sent from
 * the upcall that makes room; submitting never sleeps. A CPU uses the queue of
 * its number.
 *
 * Trust. The status byte is preset to a value that is no status. A read that
 * the device calls done must have written all its bytes. What the configuration
 * says is checked before it is used. A device that lies to the ring (virtqueue.c)
 * is reset, and every request, then and later, ends with -EIO.
 *
 * The driver has no timeout, as Linux has none: a device that never answers
 * keeps its waiters.
 *
 * Locks: the kernel lock.
 * Not supported: zoned devices, secure erase, lifetime, the serial number.
 */
#include "abi/errno.h"
#include "fs/block.h"
#include "hal/hal.h"
#include "hal/virtio.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "virtio/virtio.h"

#define VIRTBLK_MAJOR 254	/* Linux: the first free one from above */
#define MAX_QUEUES 8u
#define SLOTS 16u		/* of a queue */
#define RING_SIZE 128u

enum blk_feature {
	BLK_F_SIZE_MAX = 1 << 1, BLK_F_SEG_MAX = 1 << 2, BLK_F_RO = 1 << 5,
	BLK_F_BLK_SIZE = 1 << 6, BLK_F_FLUSH = 1 << 9, BLK_F_TOPOLOGY = 1 << 10,
	BLK_F_MQ = 1 << 12, BLK_F_DISCARD = 1 << 13, BLK_F_WRITE_ZEROES = 1 << 14,
};

enum blk_type { BLK_T_IN = 0, BLK_T_OUT = 1, BLK_T_FLUSH = 4, BLK_T_DISCARD = 11, BLK_T_ZERO = 13 };
enum blk_status { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2, BLK_S_NONE = 0xff };

struct blk_config {
	u64 capacity;		/* sectors of 512 bytes */
	u32 size_max, seg_max;
	u16 cylinders;
	u8 heads, track_sectors;
	u32 blk_size;
	u8 physical_exp, alignment;
	u16 min_io;		/* logical blocks */
	u32 opt_io;
	u8 writeback, unused0;
	u16 num_queues;
	u32 max_discard, max_discard_seg, discard_align;
	u32 max_zero, max_zero_seg;
	u8 zero_may_unmap, unused1[7];
};
_Static_assert(sizeof(struct blk_config) == 64, "virtio 5.2.4");

struct blk_header {
	u32 type, reserved;
	u64 sector;
};
_Static_assert(sizeof(struct blk_header) == 16, "virtio 5.2.6");

struct blk_range {		/* discard, write zeroes */
	u64 sector;
	u32 sectors, flags;
};
_Static_assert(sizeof(struct blk_range) == 16, "virtio 5.2.6");

struct blk_slot {
	struct blk_header header;
	struct blk_range range;
	u8 status;
	u32 in_size;			/* bytes that the device should write */
	struct block_req *req;		/* NULL: free */
	struct blk_slot *next;		/* free ones */
	struct vq_seg segs[BLOCK_MAX_SEGS + 2];
};

struct blk_queue {
	struct virtqueue *vq;
	struct blk_slot *slots;		/* SLOTS of them */
	struct blk_slot *free;
	struct list_head waiting;	/* struct block_req */
};

struct virtio_blk {
	struct virtio_device *vdev;
	struct blockdev bd;
	u32 queue_count;
	struct blk_queue queue[MAX_QUEUES];
};

/* ---- requests ---- */

static void slot_fill(struct blk_slot *slot, struct block_req *req, u32 *out, u32 *in)
{
	static const u32 types[] = {
		[BLOCK_READ] = BLK_T_IN, [BLOCK_WRITE] = BLK_T_OUT, [BLOCK_FLUSH] = BLK_T_FLUSH,
		[BLOCK_DISCARD] = BLK_T_DISCARD, [BLOCK_ZERO] = BLK_T_ZERO,
	};
	bool range = req->op == BLOCK_DISCARD || req->op == BLOCK_ZERO;
	struct vq_seg *seg = slot->segs;

	slot->header = (struct blk_header){ .type = types[req->op] };
	slot->status = BLK_S_NONE;
	slot->in_size = 1;
	*seg++ = vq_seg_of(&slot->header, sizeof(slot->header));
	if (range) {
		slot->range = (struct blk_range){ req->sector, (u32)req->sectors, 0 };
		*seg++ = vq_seg_of(&slot->range, sizeof(slot->range));
	} else {
		slot->header.sector = req->sector;
	}
	for (u32 i = 0; i < req->seg_count; i++)
		*seg++ = (struct vq_seg){ req->segs[i].addr, req->segs[i].size };
	*seg++ = vq_seg_of(&slot->status, 1);
	*in = 1;
	if (req->op == BLOCK_READ) {
		*in += req->seg_count;
		slot->in_size += (u32)(req->sectors << SECTOR_SHIFT);
	}
	*out = (u32)(seg - slot->segs) - *in;
}

static int send_one(struct blk_queue *q, struct block_req *req)
{
	struct blk_slot *slot = q->free;
	u32 out, in;
	int err;

	if (!slot)
		return -ENOSPC;
	slot_fill(slot, req, &out, &in);
	err = vq_add(q->vq, slot->segs, out, in, slot);
	if (err)
		return err;
	q->free = slot->next;
	slot->req = req;
	return 0;
}

static void queue_push(struct blk_queue *q)
{
	while (!list_empty(&q->waiting)) {
		struct block_req *req = list_first(&q->waiting, struct block_req, link);
		int err = send_one(q, req);

		if ((err == -ENOSPC || err == -ENOMEM) && q->vq->in_flight)
			return;		/* again when something is done */
		list_del(&req->link);
		if (err)
			block_done(req, err == -ENOMEM ? err : -EIO);
	}
}

static void blk_submit(struct blockdev *bd, struct block_req *req)
{
	struct virtio_blk *vb = bd->priv;
	struct blk_queue *q = &vb->queue[this_cpu()->nr % vb->queue_count];

	if (vb->vdev->broken) {
		block_done(req, -EIO);
		return;
	}
	list_add_tail(&req->link, &q->waiting);
	queue_push(q);
	vq_kick(q->vq);
}

static int status_error(const struct blk_slot *slot, u32 len)
{
	switch (READ_ONCE(slot->status)) {
	case BLK_S_OK:
		return len < slot->in_size ? -EIO : 0;
	case BLK_S_UNSUPP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static void slot_done(struct blk_queue *q, struct blk_slot *slot, int err)
{
	struct block_req *req = slot->req;

	slot->req = NULL;
	slot->next = q->free;
	q->free = slot;
	block_done(req, err);
}

static void blk_irq(struct virtqueue *vq)
{
	struct blk_queue *q = vq->priv;
	struct blk_slot *slot;
	u32 len;

	while ((slot = vq_get(vq, &len)))
		slot_done(q, slot, status_error(slot, len));
	if (vq->vdev->broken)
		return;
	queue_push(q);
	vq_kick(vq);
}

static void blk_broken(struct virtio_device *vdev)
{
	struct virtio_blk *vb = vdev->priv;

	for (u32 i = 0; i < vb->queue_count; i++) {
		struct blk_queue *q = &vb->queue[i];
		struct blk_slot *slot;

		while ((slot = vq_detach(q->vq)))
			slot_done(q, slot, -EIO);
		while (!list_empty(&q->waiting)) {
			struct block_req *req = list_first(&q->waiting, struct block_req, link);

			list_del(&req->link);
			block_done(req, -EIO);
		}
	}
}

/* ---- what the device says of itself ---- */

/* Two reads that agree: the device may be changing it (virtio 2.5.3). */
static void read_config(struct virtio_device *vdev, struct blk_config *c)
{
	struct blk_config again;

	hal_virtio_config_read(vdev->nr, 0, c, sizeof(*c));
	for (u32 i = 0; i < 4; i++) {
		hal_virtio_config_read(vdev->nr, 0, &again, sizeof(again));
		if (!memcmp(c, &again, sizeof(again)))
			return;
		*c = again;
	}
}

static u64 usable_sectors(const struct blk_config *c, u32 block)
{
	return align_down(min(c->capacity, (u64)S64_MAX >> SECTOR_SHIFT),
			  (u64)(block >> SECTOR_SHIFT));
}

static int describe(struct virtio_blk *vb, const struct blk_config *c)
{
	u64 f = vb->vdev->features;
	struct blockdev *bd = &vb->bd;
	u32 block = f & BLK_F_BLK_SIZE ? c->blk_size : SECTOR_SIZE;

	if (block < SECTOR_SIZE || block > PAGE_SIZE || (block & (block - 1)))
		return -EINVAL;
	strlcpy(bd->prefix, "vd", sizeof(bd->prefix));
	bd->major = VIRTBLK_MAJOR;
	bd->logical_size = bd->physical_size = bd->io_min = block;
	bd->sectors = usable_sectors(c, block);
	bd->read_only = f & BLK_F_RO;
	bd->flush = f & BLK_F_FLUSH;
	bd->max_segs = f & BLK_F_SEG_MAX ? max(min(c->seg_max, BLOCK_MAX_SEGS), 1u) : 1;
	bd->max_seg_size = 1u << 20;
	if (f & BLK_F_SIZE_MAX)
		bd->max_seg_size = align_down(min(c->size_max, 1u << 20), block);
	if (!bd->max_seg_size)
		return -EINVAL;
	if ((f & BLK_F_TOPOLOGY) && c->physical_exp < 8) {
		bd->physical_size = block << c->physical_exp;
		bd->io_min = max((u32)c->min_io, 1u) * block;
		bd->io_opt = c->opt_io < (1u << 16) ? c->opt_io * block : 0;
	}
	if ((f & BLK_F_DISCARD) && c->max_discard_seg) {
		bd->max_discard = align_down(c->max_discard, block >> SECTOR_SHIFT);
		bd->discard_align = max(c->discard_align, block >> SECTOR_SHIFT);
	}
	if ((f & BLK_F_WRITE_ZEROES) && c->max_zero_seg)
		bd->max_zero = align_down(c->max_zero, block >> SECTOR_SHIFT);
	bd->submit = blk_submit;
	bd->priv = vb;
	return 0;
}

/* ---- the device ---- */

static int queue_init(struct virtio_blk *vb, u32 nr)
{
	struct blk_queue *q = &vb->queue[nr];

	q->slots = kcalloc(SLOTS, sizeof(*q->slots));
	if (!q->slots)
		return -ENOMEM;
	q->vq = vq_create(vb->vdev, nr, RING_SIZE, blk_irq);
	if (IS_ERR(q->vq)) {
		kfree(q->slots);
		return (int)PTR_ERR(q->vq);
	}
	list_init(&q->waiting);
	for (u32 i = 0; i < SLOTS; i++) {
		q->slots[i].next = q->free;
		q->free = &q->slots[i];
	}
	q->vq->priv = q;
	return 0;
}

static int blk_probe(struct virtio_device *vdev)
{
	struct virtio_blk *vb = kzalloc(sizeof(*vb));
	struct blk_config c;
	u32 want = 1;
	int err;

	if (!vb)
		return -ENOMEM;
	vb->vdev = vdev;
	read_config(vdev, &c);
	err = describe(vb, &c);
	if (err)
		goto free_vb;
	if (vdev->features & BLK_F_MQ)
		want = min(min((u32)c.num_queues, hal_info()->nr_cpus), MAX_QUEUES);
	err = queue_init(vb, 0);
	if (err)
		goto free_vb;
	vb->queue_count = 1;
	while (vb->queue_count < want && !queue_init(vb, vb->queue_count))
		vb->queue_count++;
	if (vq_max_segs(vb->queue[0].vq) < 3) {
		err = -EINVAL;		/* the core gives the queues back */
		goto free_slots;
	}
	vb->bd.max_segs = min(vb->bd.max_segs, vq_max_segs(vb->queue[0].vq) - 2);
	vdev->priv = vb;
	return 0;

free_slots:
	for (u32 i = 0; i < vb->queue_count; i++)
		kfree(vb->queue[i].slots);
free_vb:
	kfree(vb);
	return err;
}

static void blk_start(struct virtio_device *vdev)
{
	struct virtio_blk *vb = vdev->priv;
	int err = block_register(&vb->bd);

	if (err)
		virtio_break(vdev, "cannot be registered");
}

static void blk_config_changed(struct virtio_device *vdev)
{
	struct virtio_blk *vb = vdev->priv;
	struct blk_config c;

	if (!vb->bd.inode)
		return;
	read_config(vdev, &c);
	block_resize(&vb->bd, usable_sectors(&c, vb->bd.logical_size));
}

const struct virtio_driver virtio_blk_driver = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.features = BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_RO | BLK_F_BLK_SIZE | BLK_F_FLUSH |
		    BLK_F_TOPOLOGY | BLK_F_MQ | BLK_F_DISCARD | BLK_F_WRITE_ZEROES,
	.probe = blk_probe,
	.start = blk_start,
	.config = blk_config_changed,
	.broken = blk_broken,
};
