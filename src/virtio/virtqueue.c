/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues.
 *
 *      driver                                      device
 *   desc[]   : address, size, flags, next    ----> reads
 *   avail    : idx, ring[] of chain heads    ----> reads
 *   used     : idx, ring[] of (head, len)    <---- writes
 *
 * Owners. The three areas are one run of pages, owned by the virtqueue. The
 * buffers belong to whoever called vq_add until the cookie comes back. Chains
 * of more than one segment go into an indirect table (kmalloc, freed with the
 * chain) where the device can do that, so one request costs one entry.
 *
 * Trust. Only used->idx, used->ring[] and used->flags are ever read, each
 * once, and checked: an index that ran away, a head that is not in flight and
 * a length beyond the chain's writable bytes break the device (virtio_break).
 * Chain links and sizes are kept in private arrays. Work per call is bounded
 * by the number of chains in flight.
 *
 * Notification. With EVENT_IDX the device is told only when it asked for it,
 * and it interrupts for the next used chain after last_used. The fences pair
 * with the device's own between its index store and its event load.
 *
 * Locks: the kernel lock. Nothing here sleeps.
 * Not supported: packed rings, in-order, legacy (pre 1.0) layout.
 */
#include "virtio/virtqueue.h"

#include "abi/errno.h"
#include "hal/virtio.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "virtio/virtio.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { USED_NO_NOTIFY = 1 };

struct virtq_desc {
	u64 addr;
	u32 size;
	u16 flags;
	u16 next;
};
_Static_assert(sizeof(struct virtq_desc) == 16, "virtio 2.7.5");

struct virtq_avail {
	u16 flags;
	u16 idx;
	u16 ring[];		/* size entries, then u16 used_event */
};

struct virtq_used_elem {
	u32 id;
	u32 len;
};

struct virtq_used {
	u16 flags;
	u16 idx;
	struct virtq_used_elem ring[];	/* size entries, then u16 avail_event */
};

struct vq_token {
	void *cookie;		/* NULL: not the head of a chain in flight */
	struct virtq_desc *indirect;
	u64 in_size;		/* bytes that the device may write */
	u32 count;		/* descriptors of the ring that it takes */
};

static u16 *used_event(struct virtqueue *vq)
{
	return &vq->avail->ring[vq->size];
}

static u16 *avail_event(struct virtqueue *vq)
{
	return (u16 *)&vq->used->ring[vq->size];
}

static bool has_event_idx(const struct virtqueue *vq)
{
	return vq->vdev->features & VIRTIO_F_EVENT_IDX;
}

static bool has_indirect(const struct virtqueue *vq)
{
	return vq->vdev->features & VIRTIO_F_INDIRECT_DESC;
}

u32 vq_max_segs(const struct virtqueue *vq)
{
	return has_indirect(vq) ? VQ_INDIRECT_MAX : vq->size;
}

struct vq_seg vq_seg_of(const void *buf, u32 size)
{
	return (struct vq_seg){ virt_to_phys(buf), size };
}

static u32 ring_order(size_t size)
{
	u32 order = 0;

	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

/* Places the three areas into one run of pages and links the free list. */
static int ring_alloc(struct virtqueue *vq)
{
	size_t avail_off = sizeof(struct virtq_desc) * vq->size;
	size_t used_off = align_up(avail_off + 6 + 2 * (size_t)vq->size, 8);
	size_t size = used_off + 6 + sizeof(struct virtq_used_elem) * vq->size;
	u8 *mem = page_alloc_virt(ring_order(size), ALLOC_ZERO);

	if (!mem)
		return -ENOMEM;
	vq->tokens = kcalloc(vq->size, sizeof(struct vq_token));
	vq->next = kcalloc(vq->size, sizeof(u16));
	if (!vq->tokens || !vq->next) {
		kfree(vq->tokens);
		kfree(vq->next);
		page_free_virt(mem);
		return -ENOMEM;
	}
	vq->ring_mem = mem;
	vq->desc = (struct virtq_desc *)mem;
	vq->avail = (struct virtq_avail *)(mem + avail_off);
	vq->used = (struct virtq_used *)(mem + used_off);
	for (u32 i = 0; i < vq->size; i++)
		vq->next[i] = (u16)(i + 1);
	vq->free_count = vq->size;
	return 0;
}

struct virtqueue *vq_create(struct virtio_device *vdev, u32 index, u32 max_size,
			    void (*callback)(struct virtqueue *vq))
{
	u32 size = 1, limit = min(hal_virtio_queue_max(vdev->nr, index), max_size);
	struct virtqueue *vq;
	int err;

	if (limit == 0 || index >= VIRTIO_MAX_QUEUES || vdev->queues[index])
		return ERR_PTR(-ENOENT);
	while (size * 2 <= limit && size < 1024)
		size *= 2;
	vq = kzalloc(sizeof(*vq));
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->vdev = vdev;
	vq->index = index;
	vq->size = size;
	vq->callback = callback;
	err = ring_alloc(vq);
	if (err)
		goto free_vq;
	err = hal_virtio_queue_setup(vdev->nr, index, size, virt_to_phys(vq->desc),
				     virt_to_phys(vq->avail), virt_to_phys(vq->used));
	if (err)
		goto free_ring;
	vdev->queues[index] = vq;
	vdev->queue_count = max(vdev->queue_count, index + 1);
	return vq;

free_ring:
	kfree(vq->tokens);
	kfree(vq->next);
	page_free_virt(vq->ring_mem);
free_vq:
	kfree(vq);
	return ERR_PTR(err);
}

void vq_destroy(struct virtqueue *vq)
{
	while (vq_detach(vq))
		;
	vq->vdev->queues[vq->index] = NULL;
	kfree(vq->tokens);
	kfree(vq->next);
	page_free_virt(vq->ring_mem);
	kfree(vq);
}

static void fill_desc(struct virtq_desc *d, const struct vq_seg *seg, bool write)
{
	d->addr = seg->addr;
	d->size = seg->size;
	d->flags = write ? DESC_WRITE : 0;
	d->next = 0;
}

static struct virtq_desc *make_indirect(const struct vq_seg *segs, u32 out, u32 count)
{
	struct virtq_desc *table = kmalloc(count * sizeof(*table));

	if (!table)
		return NULL;
	for (u32 i = 0; i < count; i++) {
		fill_desc(&table[i], &segs[i], i >= out);
		if (i + 1 < count) {
			table[i].flags |= DESC_NEXT;
			table[i].next = (u16)(i + 1);
		}
	}
	return table;
}

/* Takes the chain's descriptors off the free list and fills them. */
static u16 fill_direct(struct virtqueue *vq, const struct vq_seg *segs, u32 out, u32 count)
{
	u16 head = vq->free_head, at = head;

	for (u32 i = 0; i < count; i++) {
		u16 next = vq->next[at];

		fill_desc(&vq->desc[at], &segs[i], i >= out);
		if (i + 1 < count) {
			vq->desc[at].flags |= DESC_NEXT;
			vq->desc[at].next = next;
			at = next;
		} else {
			vq->free_head = next;
		}
	}
	return head;
}

int vq_add(struct virtqueue *vq, const struct vq_seg *segs, u32 out, u32 in, void *cookie)
{
	struct virtq_desc *table = NULL;
	u32 count = out + in, need = count;
	struct vq_token *tok;
	u64 in_size = 0;
	u16 head;

	if (vq->vdev->broken)
		return -EIO;
	if (count == 0 || count > vq_max_segs(vq))
		return -EMSGSIZE;
	if (count > 1 && has_indirect(vq))
		need = 1;
	if (vq->free_count < need)
		return -ENOSPC;
	for (u32 i = out; i < count; i++)
		in_size += segs[i].size;
	if (need < count) {
		struct vq_seg seg;

		table = make_indirect(segs, out, count);
		if (!table)
			return -ENOMEM;
		seg = vq_seg_of(table, count * (u32)sizeof(*table));
		head = fill_direct(vq, &seg, 1, 1);
		vq->desc[head].flags = DESC_INDIRECT;
	} else {
		head = fill_direct(vq, segs, out, count);
	}
	vq->free_count -= need;
	vq->in_flight++;
	tok = &vq->tokens[head];
	tok->cookie = cookie;
	tok->indirect = table;
	tok->in_size = in_size;
	tok->count = need;
	vq->avail->ring[vq->avail_idx & (vq->size - 1)] = head;
	vq->avail_idx++;
	/* Pairs with the device's acquire load of the index. */
	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
	return 0;
}

void vq_kick(struct virtqueue *vq)
{
	u16 old = vq->kicked_idx, new = vq->avail_idx;
	bool need;

	if (old == new || vq->vdev->broken)
		return;
	vq->kicked_idx = new;
	/* Our index store before the load of the device's wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (has_event_idx(vq)) {
		u16 event = READ_ONCE(*avail_event(vq));

		need = (u16)(new - event - 1) < (u16)(new - old);
	} else {
		need = !(READ_ONCE(vq->used->flags) & USED_NO_NOTIFY);
	}
	if (need)
		hal_virtio_notify(vq->vdev->nr, vq->index);
}

bool vq_pending(const struct virtqueue *vq)
{
	return !vq->vdev->broken &&
	       __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) != vq->last_used;
}

/* Gives the chain's descriptors back; returns its cookie. */
static void *free_chain(struct virtqueue *vq, u16 head)
{
	struct vq_token *tok = &vq->tokens[head];
	void *cookie = tok->cookie;
	u16 last = head;

	for (u32 i = 1; i < tok->count; i++)
		last = vq->next[last];
	vq->next[last] = vq->free_head;
	vq->free_head = head;
	vq->free_count += tok->count;
	vq->in_flight--;
	kfree(tok->indirect);
	tok->indirect = NULL;
	tok->cookie = NULL;
	return cookie;
}

void *vq_get(struct virtqueue *vq, u32 *len)
{
	struct virtq_used_elem elem;
	u16 pending;

	if (vq->vdev->broken)
		return NULL;
	pending = (u16)(__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) - vq->last_used);
	if (pending == 0)
		return NULL;
	if (pending > vq->in_flight) {
		virtio_break(vq->vdev, "used index ran away");
		return NULL;
	}
	elem.id = READ_ONCE(vq->used->ring[vq->last_used & (vq->size - 1)].id);
	elem.len = READ_ONCE(vq->used->ring[vq->last_used & (vq->size - 1)].len);
	if (elem.id >= vq->size || !vq->tokens[elem.id].cookie) {
		virtio_break(vq->vdev, "used a buffer that it does not have");
		return NULL;
	}
	if (elem.len > vq->tokens[elem.id].in_size) {
		virtio_break(vq->vdev, "wrote beyond a buffer");
		return NULL;
	}
	vq->last_used++;
	if (has_event_idx(vq)) {
		WRITE_ONCE(*used_event(vq), vq->last_used);
		/* The event store before the next look at used->idx. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	*len = elem.len;
	return free_chain(vq, (u16)elem.id);
}

void *vq_detach(struct virtqueue *vq)
{
	for (u32 i = 0; vq->in_flight && i < vq->size; i++) {
		if (vq->tokens[i].cookie)
			return free_chain(vq, (u16)i);
	}
	return NULL;
}
