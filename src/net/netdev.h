/* SPDX-License-Identifier: MIT */
/*
 * Network devices and frames: the border between drivers and the protocol stack.
 *
 *   struct pkt      one Ethernet frame in memory of its own; one owner at a time
 *   struct netdev   an interface; made by a driver, lives for ever
 *
 * Sending: netdev_xmit takes the frame when it returns 0 and frees it when the
 * device has sent it; -ENOBUFS leaves it with the caller, who waits for tx_ready.
 * Receiving: the driver hands a frame to dev->receive, which owns it from then on.
 *
 * receive, tx_ready and link_changed are called in upcalls: they may allocate and
 * wake, never sleep. Until the stack has set receive, frames are dropped.
 *
 * Locks: the kernel lock.
 */
#ifndef HYLA_NET_NETDEV_H
#define HYLA_NET_NETDEV_H

#include "lib/list.h"
#include "lib/types.h"

#define ETH_ALEN 6u
#define ETH_HEADER 14u		/* destination, source, type */
#define ETH_VLAN 4u
#define PKT_HEADROOM 64u	/* before the frame: for drivers' headers, and tunnels' */

enum pkt_flag {
	PKT_CSUM_OK = 1 << 0,	/* received: the transport checksum was checked */
	PKT_CSUM_FILL = 1 << 1,	/* to send: sum from csum_start on, into csum_offset from there */
};

struct netdev;

struct pkt {
	struct list_head link;	/* the owner's */
	struct netdev *dev;	/* where it came from */
	u8 *data;		/* the frame, inside buf */
	u32 len;		/* of the frame, without its check sequence */
	u32 room;		/* bytes from data to the end of buf */
	u32 flags;		/* enum pkt_flag */
	u16 csum_start, csum_offset;
	u8 buf[];
};

struct netdev_stats {
	u64 rx_packets, rx_bytes, rx_errors, rx_dropped;
	u64 tx_packets, tx_bytes, tx_errors, tx_dropped;
};

enum netdev_feature {
	NETDEV_TX_CSUM = 1 << 0,	/* takes PKT_CSUM_FILL */
	NETDEV_RX_CSUM = 1 << 1,	/* may say PKT_CSUM_OK */
};

struct netdev {
	/* ---- the driver's, before netdev_register ---- */
	u8 mac[ETH_ALEN];
	u32 mtu;		/* payload bytes of a frame */
	u32 features;
	bool link_up;		/* netdev_set_link changes it */
	/* 0: taken. -ENOBUFS: no room now. -EIO: the device is broken. */
	int (*xmit)(struct netdev *dev, struct pkt *pkt);
	void *priv;
	/* ---- netdev.c ---- */
	char name[16];		/* "eth0" */
	struct netdev_stats stats;
	struct list_head link;
	/* ---- the stack's; may be NULL ---- */
	void (*receive)(struct netdev *dev, struct pkt *pkt);
	void (*tx_ready)(struct netdev *dev);
	void (*link_changed)(struct netdev *dev);
	void *stack;
};

/* A frame of length 0 with room for `size` bytes after PKT_HEADROOM. NULL: no
 * memory. Any context. */
struct pkt *pkt_alloc(u32 size) __must_check;
void pkt_free(struct pkt *pkt);

/* Names the device. 0 or -ENOSPC. */
int netdev_register(struct netdev *dev) __must_check;
/* For drivers: a frame came (the stack's, or dropped); the link went up or down. */
void netdev_receive(struct netdev *dev, struct pkt *pkt);
void netdev_set_link(struct netdev *dev, bool up);
/* Sends. 0: the frame is gone. -EINVAL, -EMSGSIZE: no such frame, -ENETDOWN: no
 * link, -ENOBUFS, -EIO: it is still the caller's. Any context. */
int netdev_xmit(struct netdev *dev, struct pkt *pkt) __must_check;

struct netdev *netdev_nth(u32 nr);	/* NULL: no more */
struct netdev *netdev_find(const char *name);
/* Registers /proc/net/dev. */
void netdev_init(void);

#endif
