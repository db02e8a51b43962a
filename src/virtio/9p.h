/* SPDX-License-Identifier: MIT */
/*
 * The 9P transport: T-messages go to a virtio-9p device, R-messages come back,
 * many in flight, matched by tag. It knows message headers and nothing else;
 * fs/9p*.c is the file system. See 9p.c.
 */
#ifndef HYLA_VIRTIO_9P_H
#define HYLA_VIRTIO_9P_H

#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"
#include "virtio/virtqueue.h"

struct p9_transport;

#define P9_HDR_SIZE 7u		/* size[4] type[1] tag[2] */
#define P9_NOTAG 0xffffu

enum p9_msg_state {
	MSG_NEW,
	MSG_QUEUED,		/* waits for a ring entry or a tag */
	MSG_SENT,		/* the device owns the buffers */
	MSG_DONE,
};

/*
 * One exchange. Counted: one reference of the maker, one while queued or
 * sent, one of a Tflush that names it; the tag is free again, and payload
 * pages are put, when the last one goes. Request and reply headers lie in
 * the same allocation.
 */
struct p9_msg {
	struct list_head link;		/* queued */
	struct p9_transport *t;
	u32 refcount;
	u16 tag;
	u8 type;			/* of the T-message */
	u8 state;			/* enum p9_msg_state */
	int err;			/* of the transport: 0, -EIO, -EINTR */
	u8 *tbuf;			/* request; tsize bytes used of tcap */
	u32 tsize, tcap;
	u8 *rbuf;			/* reply without payload; rcap bytes */
	u32 rsize, rcap;		/* rsize: as the reply's header says, payload included */
	u32 rpos;			/* reading cursor */
	bool bad;			/* a field did not fit */
	bool unkillable;		/* p9_wait does not give up */
	struct vq_seg *segs;		/* [2 + seg_cap], payload from index 1 */
	u32 seg_count, seg_cap;		/* payload segments */
	u32 payload_size;
	bool payload_in;		/* the device writes it */
	struct waitqueue wq;
	/* Upcall when done and nobody waits (detached or abandoned), or NULL. */
	void (*orphan)(struct p9_msg *msg);
	void *orphan_arg;
	u32 orphan_fid;
	struct p9_msg *flushes;		/* Tflush: the message it cancels */
	bool waited;			/* somebody will look at the reply */
};

/* The device whose mount tag is `tag`; NULL: none. It lives for ever. */
struct p9_transport *p9_transport_find(const char *tag);
/* For the file system: one session per device. */
void **p9_transport_priv(struct p9_transport *t);
/* Most payload segments in one message. */
u32 p9_transport_max_segs(const struct p9_transport *t);

/* A message with room for tcap and rcap bytes (headers included) and segs
 * payload segments; the request's header is there. NULL: no memory. */
struct p9_msg *p9_msg_alloc(struct p9_transport *t, u8 type, u32 tcap, u32 rcap, u32 segs)
	__must_check;
void p9_msg_put(struct p9_msg *msg);
/* Adds physically contiguous payload of single pages, which are referenced
 * until the message is gone. 0, or -EMSGSIZE when the segments are used up. */
int p9_msg_payload(struct p9_msg *msg, paddr_t addr, u32 size, bool in) __must_check;
/* Makes a finished message new again, to be sent once more. */
void p9_msg_reset(struct p9_msg *msg);

/* Hands the message over; p9_kick tells the device. Never fails: errors come
 * out of p9_wait. */
void p9_submit(struct p9_msg *msg);
void p9_kick(struct p9_transport *t);
/* Waits for the reply. 0 (look at the reply), -EIO, or -EINTR when the task
 * was killed: the message is then flushed, and the caller only puts it. */
int p9_wait(struct p9_msg *msg) __must_check;
/* Submits without waiting; consumes the reference. orphan() is called. */
void p9_submit_detached(struct p9_msg *msg);

#endif
