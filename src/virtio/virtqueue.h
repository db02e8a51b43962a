/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues (virtio 1.x, 2.7) as the drivers see them.
 *
 * A request is a chain of physical segments, first those the device reads
 * (out), then those it writes (in), with a cookie that comes back when the
 * device has used it. See virtqueue.c.
 */
#ifndef HYLA_VIRTIO_VIRTQUEUE_H
#define HYLA_VIRTIO_VIRTQUEUE_H

#include "lib/types.h"

struct virtio_device;
struct virtq_desc;
struct virtq_avail;
struct virtq_used;
struct vq_token;

struct vq_seg {
	paddr_t addr;
	u32 size;		/* bytes, not 0 */
};

struct virtqueue {
	struct virtio_device *vdev;
	u32 index;		/* number of the queue in the device */
	u32 size;		/* entries, power of two */
	u32 free_count;		/* free descriptors */
	u32 in_flight;		/* chains that the device owns */
	u16 free_head;
	u16 avail_idx;		/* our copies: the rings are never trusted */
	u16 kicked_idx;
	u16 last_used;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	struct vq_token *tokens;	/* [size], by head descriptor */
	u16 *next;			/* [size], our copy of the chain links */
	void *ring_mem;
	void (*callback)(struct virtqueue *vq);	/* used buffers; upcall, may not sleep */
	void *priv;
};

/* Sets queue `index` up with at most max_size entries. ERR_PTR(-ENOENT) when
 * the device has no such queue, -ENOMEM, or the transport's error. */
struct virtqueue *vq_create(struct virtio_device *vdev, u32 index, u32 max_size,
			    void (*callback)(struct virtqueue *vq)) __must_check;
/* Only after the device was reset. Cookies still inside are forgotten. */
void vq_destroy(struct virtqueue *vq);

/* Queues a chain of out + in segments. 0, -ENOSPC (full now), -EMSGSIZE (can
 * never fit), -ENOMEM, or -EIO when the device is broken. Needs a vq_kick. */
int vq_add(struct virtqueue *vq, const struct vq_seg *segs, u32 out, u32 in,
	   void *cookie) __must_check;
/* Tells the device, if it wants to know. */
void vq_kick(struct virtqueue *vq);
/* The next used chain's cookie and how many bytes the device wrote; NULL:
 * none. A device that lies is broken by this. */
void *vq_get(struct virtqueue *vq, u32 *len);
/* Is there anything for vq_get? */
bool vq_pending(const struct virtqueue *vq);
/* After a reset: takes back one chain that the device still had, or NULL. */
void *vq_detach(struct virtqueue *vq);
/* Most segments one chain may have. */
u32 vq_max_segs(const struct virtqueue *vq);

/* The segment of a buffer from kmalloc or the page allocator (never of a
 * static object or a stack: those may lie outside the direct map). */
struct vq_seg vq_seg_of(const void *buf, u32 size);

#endif
