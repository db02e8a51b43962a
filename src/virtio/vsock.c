/* SPDX-License-Identifier: MIT */
/*
 * Virtio socket device (virtio 1.2, 5.10): packets between net/vsock.c and the host.
 *
 *   queue 0  rx      RX_SLOTS buffers of a header and a page
 *   queue 1  tx      packets: a header, and the run of pages that a send filled
 *   queue 2  events  the device lost its connections
 *
 * Headers lie in slots of struct virtio_vsock, so a packet without data needs no memory
 * to be sent; TX_SLOTS limits what is on its way. A page that net/vsock.c keeps is
 * replaced by a new one; without memory the slot stays out of the ring, and a timer
 * tries again, so nothing that the peer sent within its credit is lost.
 *
 * Trust: each header is copied before it is looked at. Packets with lengths that are not
 * true, for somebody else, or from an address that cannot be are dropped. The rest is
 * net/vsock.c's to judge. A device that breaks its rings is gone for good, and all its
 * connections end with ECONNRESET.
 *
 * Locks: the kernel lock. Nothing here sleeps.
 * Not supported: SOCK_SEQPACKET (feature bit 1), a second device.
 */
#include "abi/errno.h"
#include "hal/virtio.h"
#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/wait.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/vsock.h"
#include "virtio/virtio.h"

#define RX_SLOTS 32u
#define TX_SLOTS 64u
#define EVENT_SLOTS 4u
#define RETRY_NS (10 * NSEC_PER_MSEC)

enum { CONFIG_CID = 0 };
enum { EVENT_TRANSPORT_RESET = 0 };

struct rx_slot {
	struct vsock_hdr hdr;
	struct page *page;	/* NULL: there was no memory */
	bool posted;
};

struct tx_slot {
	struct vsock_hdr hdr;
	struct page *run;
	u32 nr_pages;
	struct tx_slot *next;	/* free ones */
};

struct virtio_vsock {
	struct virtio_device *vdev;
	struct virtqueue *rx, *tx, *events;
	struct vsock_transport transport;
	struct timer retry;
	struct tx_slot *free;
	struct rx_slot rx_slots[RX_SLOTS];
	struct tx_slot tx_slots[TX_SLOTS];
	u32 event[EVENT_SLOTS];
};

/* ---- receiving ---- */

static int rx_post(struct virtio_vsock *v, struct rx_slot *slot)
{
	struct vq_seg segs[2];
	int err;

	if (!slot->page)
		slot->page = page_alloc(0, ALLOC_USER);
	if (!slot->page)
		return -ENOMEM;
	segs[0] = vq_seg_of(&slot->hdr, sizeof(slot->hdr));
	segs[1] = vq_seg_of(page_to_virt(slot->page), PAGE_SIZE);
	err = vq_add(v->rx, segs, 0, 2, slot);
	slot->posted = !err;
	return err;
}

/* Puts all slots into the ring, or as many as it takes; the timer does the rest. */
static void rx_fill(struct virtio_vsock *v)
{
	int err = 0;

	for (u32 i = 0; i < RX_SLOTS && !err; i++)
		if (!v->rx_slots[i].posted)
			err = rx_post(v, &v->rx_slots[i]);
	vq_kick(v->rx);
	if (err == -ENOMEM)
		timer_arm(&v->retry, deadline_after(RETRY_NS));
}

static void rx_retry(struct timer *t)
{
	rx_fill(container_of(t, struct virtio_vsock, retry));
}

/* Is the packet of `size` bytes whole, and for us from somebody else? */
static bool packet_ok(const struct virtio_vsock *v, const struct vsock_hdr *h, u32 size)
{
	u32 cid = v->transport.cid;

	return size >= sizeof(*h) && h->len <= size - sizeof(*h) && h->dst_cid == cid &&
	       h->src_cid < VMADDR_CID_ANY && h->src_cid != VMADDR_CID_LOCAL && h->src_cid != cid;
}

static void rx_one(struct virtio_vsock *v, struct rx_slot *slot, u32 size)
{
	struct vsock_hdr h = slot->hdr;		/* the device can still write there */
	struct list_head pages = LIST_HEAD_INIT(pages);

	slot->posted = false;
	if (!packet_ok(v, &h, size))
		return;
	if (h.len) {
		slot->page->index = h.len;
		list_add(&slot->page->lru, &pages);
	}
	vsock_input(&v->transport, &h, &pages);
	if (!h.len)
		return;
	if (list_empty(&pages))
		slot->page = NULL;		/* taken */
	else
		list_del(&slot->page->lru);
}

static void rx_done(struct virtqueue *vq)
{
	struct virtio_vsock *v = vq->priv;
	struct rx_slot *slot;
	u32 size;

	while ((slot = vq_get(vq, &size)))
		rx_one(v, slot, size);
	if (!vq->vdev->broken)
		rx_fill(v);
}

/* ---- sending ---- */

static bool vsock_room(struct vsock_transport *t)
{
	struct virtio_vsock *v = t->priv;

	return !v->vdev->broken && v->free && v->tx->free_count >= 2;
}

static int vsock_send(struct vsock_transport *t, const struct vsock_hdr *h, struct page *run,
		      u32 nr_pages)
{
	struct virtio_vsock *v = t->priv;
	struct tx_slot *slot = v->free;
	struct vq_seg segs[2];
	int err;

	slot->hdr = *h;
	slot->run = run;
	slot->nr_pages = nr_pages;
	segs[0] = vq_seg_of(&slot->hdr, sizeof(slot->hdr));
	if (nr_pages)
		segs[1] = vq_seg_of(page_to_virt(run), h->len);
	err = vq_add(v->tx, segs, nr_pages ? 2 : 1, 0, slot);
	if (err)
		return err;
	v->free = slot->next;
	vq_kick(v->tx);
	return 0;
}

static void tx_free(struct virtio_vsock *v, struct tx_slot *slot)
{
	for (u32 i = 0; i < slot->nr_pages; i++)
		page_put(&slot->run[i]);
	slot->next = v->free;
	v->free = slot;
}

static void tx_done(struct virtqueue *vq)
{
	struct virtio_vsock *v = vq->priv;
	struct tx_slot *slot;
	u32 size;

	while ((slot = vq_get(vq, &size)))
		tx_free(v, slot);
	if (!vq->vdev->broken)
		vsock_tx_ready(&v->transport);
}

/* ---- events, addresses ---- */

/* False: the device has none that a guest can have. */
static bool read_cid(struct virtio_vsock *v)
{
	u64 cid = 0;

	hal_virtio_config_read(v->vdev->nr, CONFIG_CID, &cid, sizeof(cid));
	v->transport.cid = (u32)cid;
	return cid > VMADDR_CID_HOST && cid < VMADDR_CID_ANY;
}

static int event_post(struct virtio_vsock *v, u32 *event)
{
	struct vq_seg seg = vq_seg_of(event, sizeof(*event));

	return vq_add(v->events, &seg, 0, 1, event);
}

static void event_done(struct virtqueue *vq)
{
	struct virtio_vsock *v = vq->priv;
	u32 *event, size;

	while ((event = vq_get(vq, &size))) {
		if (size == sizeof(*event) && *event == EVENT_TRANSPORT_RESET) {
			if (!read_cid(v)) {
				virtio_break(vq->vdev, "no address for a guest");
				return;
			}
			vsock_device_reset(&v->transport);
		}
		if (event_post(v, event))
			return;		/* broken */
	}
	vq_kick(vq);
}

/* ---- the device ---- */

static int create_queues(struct virtio_vsock *v)
{
	v->rx = vq_create(v->vdev, 0, 2 * RX_SLOTS, rx_done);
	if (IS_ERR(v->rx))
		return (int)PTR_ERR(v->rx);
	v->tx = vq_create(v->vdev, 1, 2 * TX_SLOTS, tx_done);
	if (IS_ERR(v->tx))
		return (int)PTR_ERR(v->tx);
	v->events = vq_create(v->vdev, 2, EVENT_SLOTS, event_done);
	if (IS_ERR(v->events))
		return (int)PTR_ERR(v->events);
	v->rx->priv = v->tx->priv = v->events->priv = v;
	return v->rx->size < 2 || v->tx->size < 2 ? -EINVAL : 0;
}

static int vsock_probe(struct virtio_device *vdev)
{
	struct virtio_vsock *v = kzalloc(sizeof(*v));
	int err = -ENOMEM;

	if (!v)
		return err;
	v->vdev = vdev;
	v->retry.fn = rx_retry;
	v->transport.priv = v;
	v->transport.send = vsock_send;
	v->transport.room = vsock_room;
	for (u32 i = 0; i < TX_SLOTS; i++)
		tx_free(v, &v->tx_slots[i]);
	err = read_cid(v) ? create_queues(v) : -EADDRNOTAVAIL;
	if (err) {
		kfree(v);
		return err;
	}
	vdev->priv = v;
	return 0;
}

static void vsock_start(struct virtio_device *vdev)
{
	struct virtio_vsock *v = vdev->priv;

	if (vsock_device_register(&v->transport)) {
		virtio_break(vdev, "one too many");
		return;
	}
	for (u32 i = 0; i < min(EVENT_SLOTS, v->events->size); i++)
		if (event_post(v, &v->event[i]))
			break;
	vq_kick(v->events);
	rx_fill(v);
	log_info("vsock: address %u", v->transport.cid);
}

static void vsock_broken(struct virtio_device *vdev)
{
	struct virtio_vsock *v = vdev->priv;
	struct tx_slot *slot;

	timer_cancel(&v->retry);
	while (vq_detach(v->rx))
		;
	while ((slot = vq_detach(v->tx)))
		tx_free(v, slot);
	while (vq_detach(v->events))
		;
	for (u32 i = 0; i < RX_SLOTS; i++) {
		if (v->rx_slots[i].page)
			page_put(v->rx_slots[i].page);
		v->rx_slots[i].page = NULL;
	}
	vsock_device_gone(&v->transport);
}

const struct virtio_driver virtio_vsock_driver = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.probe = vsock_probe,
	.start = vsock_start,
	.broken = vsock_broken,
};
