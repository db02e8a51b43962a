/* SPDX-License-Identifier: MIT */
/*
 * Network devices: registry, frames, counters, /proc/net/dev.
 *
 * There is no protocol stack yet: whoever wants frames sets dev->receive.
 * Not supported: several transmit queues, segmentation offload, promiscuous mode
 * and multicast filters (devices deliver what they deliver), changing mac or mtu.
 */
#include "net/netdev.h"

#include "abi/errno.h"
#include "fs/procfs.h"
#include "kernel/log.h"
#include "mm/slab.h"

#define MAX_DEVICES 16u

static struct list_head devices = LIST_HEAD_INIT(devices);
static u32 nr_devices;

struct pkt *pkt_alloc(u32 size)
{
	struct pkt *pkt = kmalloc(sizeof(*pkt) + PKT_HEADROOM + size);

	if (!pkt)
		return NULL;
	*pkt = (struct pkt){ .data = pkt->buf + PKT_HEADROOM, .room = size };
	list_init(&pkt->link);
	return pkt;
}

void pkt_free(struct pkt *pkt)
{
	kfree(pkt);
}

int netdev_register(struct netdev *dev)
{
	const u8 *m = dev->mac;

	if (nr_devices == MAX_DEVICES)
		return -ENOSPC;
	snprintf(dev->name, sizeof(dev->name), "eth%u", nr_devices++);
	list_add_tail(&dev->link, &devices);
	log_info("%s: %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, link %s", dev->name, m[0], m[1], m[2],
		 m[3], m[4], m[5], dev->mtu, dev->link_up ? "up" : "down");
	return 0;
}

void netdev_receive(struct netdev *dev, struct pkt *pkt)
{
	dev->stats.rx_packets++;
	dev->stats.rx_bytes += pkt->len;
	pkt->dev = dev;
	if (dev->receive) {
		dev->receive(dev, pkt);
		return;
	}
	dev->stats.rx_dropped++;
	pkt_free(pkt);
}

void netdev_set_link(struct netdev *dev, bool up)
{
	if (dev->link_up == up)
		return;
	dev->link_up = up;
	log_info("%s: link %s", dev->name, up ? "up" : "down");
	if (dev->link_changed)
		dev->link_changed(dev);
}

int netdev_xmit(struct netdev *dev, struct pkt *pkt)
{
	u32 len = pkt->len;
	int err;

	if (len < ETH_HEADER)
		return -EINVAL;
	if (len > dev->mtu + ETH_HEADER + ETH_VLAN)
		return -EMSGSIZE;
	if ((pkt->flags & PKT_CSUM_FILL) &&
	    (!(dev->features & NETDEV_TX_CSUM) ||
	     (u32)pkt->csum_start + pkt->csum_offset + 2 > len))
		return -EINVAL;
	if (!dev->link_up)
		return -ENETDOWN;
	err = dev->xmit(dev, pkt);
	if (err == -EIO)
		dev->stats.tx_errors++;
	return err;
}

struct netdev *netdev_nth(u32 nr)
{
	struct netdev *dev;

	list_for_each_entry(dev, &devices, link)
		if (nr-- == 0)
			return dev;
	return NULL;
}

struct netdev *netdev_find(const char *name)
{
	struct netdev *dev;

	list_for_each_entry(dev, &devices, link)
		if (!strcmp(dev->name, name))
			return dev;
	return NULL;
}

static int show_dev(struct text *t, void *data __unused, u64 *cursor __unused)
{
	struct netdev *dev;

	text_puts(t, "Inter-|   Receive                                                |  Transmit\n"
		     " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		     "packets errs drop fifo colls carrier compressed\n");
	list_for_each_entry(dev, &devices, link) {
		const struct netdev_stats *s = &dev->stats;

		text_printf(t, "%6s: %7lu %7lu %4lu %4lu    0     0          0         0 ", dev->name,
			    s->rx_bytes, s->rx_packets, s->rx_errors, s->rx_dropped);
		text_printf(t, "%8lu %7lu %4lu %4lu    0     0       0          0\n", s->tx_bytes,
			    s->tx_packets, s->tx_errors, s->tx_dropped);
	}
	return 0;
}

void netdev_init(void)
{
	static const struct pseudo_ops dev_ops = { .show = show_dev };

	if (proc_add("net/dev", 0444, &dev_ops, NULL))
		panic("net: no memory at boot");
}
