/* SPDX-License-Identifier: MIT */
/*
 * Virtio network device (virtio 1.x, 5.1): one receive and one transmit queue.
 *
 * Each frame has a header of 12 bytes before it, in the packet's headroom, so a
 * frame is one segment of the ring and needs no memory to be sent or received:
 *
 *   pkt->buf [ ...headroom... | header | frame ........ ]
 *                                      ^ pkt->data
 *
 * Receiving: RX_BUFFERS packets wait in the ring. One that comes is replaced by a
 * new one before it goes up; without memory the frame is dropped and its packet
 * waits again. Sending: the device owns the packet until it comes back; then it
 * is freed. After a refusal for want of room the stack hears tx_ready.
 *
 * Offloads are refused except checksums: no segmentation offload, so no frame is
 * larger than the MTU, and none comes in pieces.
 *
 * Trust: lengths are checked; a header that speaks of what was not negotiated is
 * an error frame. A broken device drops what it had; sending gives -EIO.
 *
 * Locks: the kernel lock.
 * Not supported: control queue (filters, MAC changes), several queue pairs.
 */
#include "abi/errno.h"
#include "fs/devfs.h"
#include "hal/virtio.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "net/netdev.h"
#include "virtio/virtio.h"

#define RX_BUFFERS 64u
#define RING_SIZE 128u
#define MTU_DEFAULT 1500u
#define MTU_LEAST 68u
#define MTU_MOST 9216u

enum net_feature {
	NET_F_CSUM = 1 << 0, NET_F_GUEST_CSUM = 1 << 1, NET_F_MTU = 1 << 3, NET_F_MAC = 1 << 5,
	NET_F_STATUS = 1 << 16,
};
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };
enum { STATUS_LINK_UP = 1 };
enum { HDR_NEEDS_CSUM = 1, HDR_DATA_VALID = 2 };

struct net_header {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct net_header) == 12, "virtio 5.1.6");

struct virtio_net {
	struct virtio_device *vdev;
	struct netdev dev;
	struct virtqueue *rx, *tx;
	u32 frame_max;		/* bytes, with the Ethernet header */
	bool tx_full;		/* the stack was refused */
};

static struct net_header *header_of(struct pkt *pkt)
{
	return (struct net_header *)(pkt->data - sizeof(struct net_header));
}

/* ---- receiving ---- */

static int rx_post(struct virtio_net *vn, struct pkt *pkt)
{
	struct vq_seg seg = vq_seg_of(header_of(pkt),
				      (u32)sizeof(struct net_header) + vn->frame_max);

	memset(header_of(pkt), 0, sizeof(struct net_header));
	pkt->len = 0;
	pkt->flags = 0;
	return vq_add(vn->rx, &seg, 0, 1, pkt);
}

static void rx_fill(struct virtio_net *vn)
{
	while (vn->rx->in_flight < min(RX_BUFFERS, vn->rx->size)) {
		struct pkt *pkt = pkt_alloc(vn->frame_max);

		if (!pkt)
			return;
		if (rx_post(vn, pkt)) {
			pkt_free(pkt);
			return;
		}
	}
}

static bool frame_ok(struct pkt *pkt, u32 len)
{
	const struct net_header *h = header_of(pkt);

	if (len < sizeof(*h) + ETH_HEADER || h->gso_type)
		return false;
	pkt->len = len - (u32)sizeof(*h);
	if (h->flags & (HDR_NEEDS_CSUM | HDR_DATA_VALID))
		pkt->flags |= PKT_CSUM_OK;
	return true;
}

static void rx_one(struct virtio_net *vn, struct pkt *pkt, u32 len)
{
	struct netdev *dev = &vn->dev;
	bool good = frame_ok(pkt, len);
	struct pkt *fresh = good ? pkt_alloc(vn->frame_max) : NULL;

	if (!fresh) {
		*(good ? &dev->stats.rx_dropped : &dev->stats.rx_errors) += 1;
		if (rx_post(vn, pkt))
			pkt_free(pkt);
		return;
	}
	if (rx_post(vn, fresh))
		pkt_free(fresh);
	netdev_receive(dev, pkt);
}

static void net_rx(struct virtqueue *vq)
{
	struct virtio_net *vn = vq->priv;
	struct pkt *pkt;
	u32 len;

	while ((pkt = vq_get(vq, &len)))
		rx_one(vn, pkt, len);
	if (vq->vdev->broken)
		return;
	rx_fill(vn);
	vq_kick(vq);
}

/* ---- sending ---- */

static void tx_reap(struct virtio_net *vn)
{
	struct pkt *pkt;
	u32 len;

	while ((pkt = vq_get(vn->tx, &len))) {
		vn->dev.stats.tx_packets++;
		vn->dev.stats.tx_bytes += pkt->len;
		pkt_free(pkt);
	}
}

static void net_tx_done(struct virtqueue *vq)
{
	struct virtio_net *vn = vq->priv;

	tx_reap(vn);
	if (vn->tx_full && vq->free_count) {
		vn->tx_full = false;
		if (vn->dev.tx_ready)
			vn->dev.tx_ready(&vn->dev);
	}
}

static int net_xmit(struct netdev *dev, struct pkt *pkt)
{
	struct virtio_net *vn = dev->priv;
	struct net_header *h = header_of(pkt);
	struct vq_seg seg = vq_seg_of(h, (u32)sizeof(*h) + pkt->len);
	int err;

	if ((u8 *)h < pkt->buf)
		return -EINVAL;		/* the headroom was used up */
	*h = (struct net_header){ 0 };
	if (pkt->flags & PKT_CSUM_FILL) {
		h->flags = HDR_NEEDS_CSUM;
		h->csum_start = pkt->csum_start;
		h->csum_offset = pkt->csum_offset;
	}
	if (!vn->tx->free_count)
		tx_reap(vn);
	err = vq_add(vn->tx, &seg, 1, 0, pkt);
	if (err == -ENOSPC) {
		vn->tx_full = true;
		return -ENOBUFS;
	}
	if (!err)
		vq_kick(vn->tx);
	return err;
}

/* ---- the device ---- */

static bool link_is_up(const struct virtio_net *vn)
{
	return !(vn->vdev->features & NET_F_STATUS) ||
	       (virtio_config_u16(vn->vdev, CONFIG_STATUS) & STATUS_LINK_UP);
}

static void net_config(struct virtio_device *vdev)
{
	struct virtio_net *vn = vdev->priv;

	netdev_set_link(&vn->dev, link_is_up(vn));
}

static void read_mac(struct virtio_net *vn)
{
	u8 *mac = vn->dev.mac;

	if (vn->vdev->features & NET_F_MAC)
		hal_virtio_config_read(vn->vdev->nr, CONFIG_MAC, mac, ETH_ALEN);
	else
		random_bytes(mac, ETH_ALEN);
	if ((mac[0] & 1) || !(vn->vdev->features & NET_F_MAC))
		mac[0] = (mac[0] & 0xfc) | 2;	/* one station's, locally given */
}

static int net_probe(struct virtio_device *vdev)
{
	struct virtio_net *vn = kzalloc(sizeof(*vn));
	int err;

	if (!vn)
		return -ENOMEM;
	vn->vdev = vdev;
	vn->dev.mtu = MTU_DEFAULT;
	if (vdev->features & NET_F_MTU)
		vn->dev.mtu = min(max((u32)virtio_config_u16(vdev, CONFIG_MTU), MTU_LEAST), MTU_MOST);
	vn->frame_max = vn->dev.mtu + ETH_HEADER + ETH_VLAN;
	vn->dev.xmit = net_xmit;
	vn->dev.priv = vn;
	if (vdev->features & NET_F_CSUM)
		vn->dev.features |= NETDEV_TX_CSUM;
	if (vdev->features & NET_F_GUEST_CSUM)
		vn->dev.features |= NETDEV_RX_CSUM;
	vn->rx = vq_create(vdev, 0, RING_SIZE, net_rx);
	err = IS_ERR(vn->rx) ? (int)PTR_ERR(vn->rx) : 0;
	if (!err) {
		vn->tx = vq_create(vdev, 1, RING_SIZE, net_tx_done);
		err = IS_ERR(vn->tx) ? (int)PTR_ERR(vn->tx) : 0;
	}
	if (err) {
		kfree(vn);
		return err;
	}
	vn->rx->priv = vn->tx->priv = vn;
	vdev->priv = vn;
	return 0;
}

static void net_start(struct virtio_device *vdev)
{
	struct virtio_net *vn = vdev->priv;

	read_mac(vn);
	vn->dev.link_up = link_is_up(vn);
	if (netdev_register(&vn->dev)) {
		virtio_break(vdev, "one too many");
		return;
	}
	rx_fill(vn);
	vq_kick(vn->rx);
}

static void net_broken(struct virtio_device *vdev)
{
	struct virtio_net *vn = vdev->priv;
	struct pkt *pkt;

	while ((pkt = vq_detach(vn->rx)))
		pkt_free(pkt);
	while ((pkt = vq_detach(vn->tx))) {
		vn->dev.stats.tx_errors++;
		pkt_free(pkt);
	}
	netdev_set_link(&vn->dev, false);
}

const struct virtio_driver virtio_net_driver = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.features = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MTU | NET_F_MAC | NET_F_STATUS,
	.probe = net_probe,
	.start = net_start,
	.config = net_config,
	.broken = net_broken,
};
