/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK: the border between its sockets and what carries their packets.
 *
 *   struct vsock_hdr         the header of each packet (virtio 1.2, 5.10.6)
 *   struct vsock_transport   carries packets: the virtio device, or the loopback in vsock.c
 *
 * Sending: vsock.c calls send with a header and at most VSOCK_PACKET_MAX bytes in a run
 * of pages, after room said that one more packet fits. Taken pages are the transport's
 * to put. A transport without room says so until it calls vsock_tx_ready.
 *
 * Receiving: vsock_input gets a header and a list of pages with page->index bytes each.
 * The pages that it keeps, it takes from the list; the rest is still the caller's. It
 * never allocates for data, so what was received within the credit is never lost, and
 * nothing beyond the credit is kept.
 *
 * Trust: headers are believed in nothing. The caller has checked that the packet is for
 * us (addresses) and that header.len is what the pages hold.
 *
 * Context: all of it may be called in upcalls; nothing sleeps. Locks: the kernel lock.
 */
#ifndef HYLA_NET_VSOCK_H
#define HYLA_NET_VSOCK_H

#include "abi/socket.h"
#include "lib/list.h"
#include "lib/types.h"

struct page;

enum vsock_op {
	VSOCK_OP_INVALID, VSOCK_OP_REQUEST, VSOCK_OP_RESPONSE, VSOCK_OP_RST, VSOCK_OP_SHUTDOWN,
	VSOCK_OP_RW, VSOCK_OP_CREDIT_UPDATE, VSOCK_OP_CREDIT_REQUEST,
};
enum { VSOCK_TYPE_STREAM = 1 };

struct vsock_hdr {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port;
	u32 len;		/* bytes after the header */
	u16 type, op;
	u32 flags;		/* VSOCK_OP_SHUTDOWN: SHUTDOWN_RECV, SHUTDOWN_SEND */
	u32 buf_alloc, fwd_cnt;	/* the sender's buffer, and what it has taken out of it */
} __packed;
_Static_assert(sizeof(struct vsock_hdr) == 44, "virtio 5.10.6");

#define VSOCK_PACKET_MAX 65536u	/* RUN_PAGES pages */
#define VSOCK_RESETS 64u

/* A packet that nobody wants is answered by a reset from dst to src. */
struct vsock_reset {
	u32 src_cid, src_port, dst_cid, dst_port;
	u16 type;
};

struct vsock_transport {
	/* ---- the driver's, before vsock_device_register ---- */
	u32 cid;		/* our address; VMADDR_CID_ANY: not known */
	/* 0: pages are taken. -ENOMEM (with pages only), -EIO: they are not. */
	int (*send)(struct vsock_transport *t, const struct vsock_hdr *h, struct page *run,
		    u32 nr_pages);
	bool (*room)(struct vsock_transport *t);
	void *priv;
	/* ---- vsock.c's ---- */
	struct list_head owing;		/* sockets with something to say */
	struct list_head waiting;	/* sockets that wait for room to send data */
	bool flushing;
	u32 reset_first, reset_count;
	struct vsock_reset resets[VSOCK_RESETS];	/* a ring; more are dropped */
};

/* The one device (the first: -EEXIST after it). */
int vsock_device_register(struct vsock_transport *t) __must_check;
/* The device is gone for good: what vsock_device_reset does, and ENODEV from then on. */
void vsock_device_gone(struct vsock_transport *t);
/* The device lost its connections (migration): all of them end with ECONNRESET. The
 * address may be another one: set t->cid before. */
void vsock_device_reset(struct vsock_transport *t);

void vsock_input(struct vsock_transport *t, const struct vsock_hdr *h, struct list_head *pages);
u32 vsock_own_cid(void);		/* the device's, or VMADDR_CID_LOCAL */
/* There is room again. */
void vsock_tx_ready(struct vsock_transport *t);

/* The family, the loopback, /dev/vsock. */
void vsock_init(void);

#endif
