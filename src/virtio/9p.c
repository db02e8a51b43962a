/* SPDX-License-Identifier: MIT */
/*
 * Virtio 9P transport.
 *
 * A message goes into the ring as up to four parts:
 *
 *   out:  request bytes | payload pages (Twrite)
 *   in:   reply bytes   | payload pages (Tread, Treaddir)
 *
 * so file data moves between the device and the page cache without a copy.
 * Messages that find no ring entry or tag wait in t->queue and are sent from
 * the upcall that makes room; submitting never sleeps.
 *
 * Killed waiters. p9_wait of a killed task queues Tflush(tag) and returns
 * -EINTR; the message, its buffers and pages stay until the device has given
 * them back, and its tag until the flush is answered, too. What such a reply
 * created at the server (a fid) is undone by msg->orphan.
 *
 * Trust: a reply must fit its buffer and carry its tag, else the device is
 * broken, and every message, then and later, ends with -EIO.
 *
 * Locks: the kernel lock.
 */
#include "virtio/9p.h"

#include "abi/errno.h"
#include "hal/virtio.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "virtio/virtio.h"

#define MAX_TRANSPORTS 16u
#define MAX_TAGS 256u
#define TAG_NAME_MAX 64u
#define T_FLUSH 108

struct p9_transport {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	void *priv;
	u32 tag_hint;
	struct p9_msg *tags[MAX_TAGS];
	struct list_head queue;		/* struct p9_msg */
	char name[TAG_NAME_MAX];
};

static struct p9_transport *transports[MAX_TRANSPORTS];

struct p9_transport *p9_transport_find(const char *tag)
{
	for (u32 i = 0; i < MAX_TRANSPORTS && transports[i]; i++) {
		if (strcmp(transports[i]->name, tag) == 0)
			return transports[i];
	}
	return NULL;
}

void **p9_transport_priv(struct p9_transport *t)
{
	return &t->priv;
}

u32 p9_transport_max_segs(const struct p9_transport *t)
{
	return vq_max_segs(t->vq) - 2;
}

/* ---- messages ---- */

static void put_le32(u8 *p, u32 v)
{
	memcpy(p, &v, sizeof(v));
}

static u32 get_le32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

struct p9_msg *p9_msg_alloc(struct p9_transport *t, u8 type, u32 tcap, u32 rcap, u32 segs)
{
	size_t seg_size = (segs + 2ul) * sizeof(struct vq_seg);
	struct p9_msg *msg;

	tcap = align_up(max(tcap, P9_HDR_SIZE), 8u);
	rcap = max(rcap, P9_HDR_SIZE + 4);
	msg = kmalloc(sizeof(*msg) + seg_size + tcap + rcap);
	if (!msg)
		return NULL;
	memset(msg, 0, sizeof(*msg));
	list_init(&msg->link);
	waitqueue_init(&msg->wq);
	msg->t = t;
	msg->refcount = 1;
	msg->type = type;
	msg->tag = P9_NOTAG;
	msg->segs = (struct vq_seg *)(msg + 1);
	msg->seg_cap = segs;
	msg->tbuf = (u8 *)msg->segs + seg_size;
	msg->tcap = tcap;
	msg->tsize = P9_HDR_SIZE;
	msg->rbuf = msg->tbuf + tcap;
	msg->rcap = rcap;
	return msg;
}

static void payload_put(struct p9_msg *msg)
{
	for (u32 i = 1; i <= msg->seg_count; i++) {
		paddr_t pa = align_down(msg->segs[i].addr, PAGE_SIZE);
		paddr_t end = msg->segs[i].addr + msg->segs[i].size;

		for (; pa < end; pa += PAGE_SIZE)
			page_put(phys_to_page(pa));
	}
	msg->seg_count = 0;
}

void p9_msg_put(struct p9_msg *msg)
{
	if (--msg->refcount)
		return;
	if (msg->tag != P9_NOTAG)
		msg->t->tags[msg->tag] = NULL;
	if (msg->flushes)
		p9_msg_put(msg->flushes);	/* not a Tflush itself: depth one */
	payload_put(msg);
	kfree(msg);
}

/* Every page is referenced once per segment that touches it. */
int p9_msg_payload(struct p9_msg *msg, paddr_t addr, u32 size, bool in)
{
	struct vq_seg *last = &msg->segs[msg->seg_count];
	bool merge = msg->seg_count && last->addr + last->size == addr &&
		     is_aligned(addr, PAGE_SIZE);

	if (!merge && msg->seg_count == msg->seg_cap)
		return -EMSGSIZE;
	for (paddr_t pa = align_down(addr, PAGE_SIZE); pa < addr + size; pa += PAGE_SIZE)
		page_get(phys_to_page(pa));
	if (merge)
		last->size += size;
	else
		msg->segs[++msg->seg_count] = (struct vq_seg){ addr, size };
	msg->payload_in = in;
	msg->payload_size += size;
	return 0;
}

void p9_msg_reset(struct p9_msg *msg)
{
	bug_on(msg->state != MSG_DONE && msg->state != MSG_NEW);
	if (msg->tag != P9_NOTAG)
		msg->t->tags[msg->tag] = NULL;
	msg->tag = P9_NOTAG;
	msg->state = MSG_NEW;
	msg->err = 0;
	msg->rpos = 0;
	msg->bad = false;
}

/* ---- completion ---- */

static void msg_done(struct p9_msg *msg, int err)
{
	msg->state = MSG_DONE;
	msg->err = err;
	if (!msg->waited && msg->orphan)
		msg->orphan(msg);
	wake_up_all(&msg->wq);
	p9_msg_put(msg);	/* the transport's */
}

/* Checks the reply's header against what the device says it wrote. */
static bool reply_ok(struct p9_msg *msg, u32 len)
{
	u16 tag;

	if (len < P9_HDR_SIZE)
		return false;
	msg->rsize = get_le32(msg->rbuf);
	memcpy(&tag, msg->rbuf + 5, sizeof(tag));
	return msg->rsize >= P9_HDR_SIZE && msg->rsize <= len && tag == msg->tag;
}

/* ---- sending ---- */

static int take_tag(struct p9_transport *t, struct p9_msg *msg)
{
	for (u32 i = 0; i < MAX_TAGS; i++) {
		u32 tag = (t->tag_hint + i) % MAX_TAGS;

		if (!t->tags[tag]) {
			t->tags[tag] = msg;
			t->tag_hint = tag + 1;
			msg->tag = (u16)tag;
			return 0;
		}
	}
	return -ENOSPC;
}

static int send_one(struct p9_transport *t, struct p9_msg *msg)
{
	struct vq_seg *segs = msg->segs;
	u32 out = 1, in = 1, n = msg->seg_count;
	struct vq_seg reply = vq_seg_of(msg->rbuf, msg->rcap);
	int err;

	if (t->vq->free_count == 0)
		return -ENOSPC;
	if (msg->tag == P9_NOTAG && take_tag(t, msg))
		return -ENOSPC;
	put_le32(msg->tbuf, msg->tsize + (msg->payload_in ? 0 : msg->payload_size));
	msg->tbuf[4] = msg->type;
	memcpy(msg->tbuf + 5, &msg->tag, sizeof(msg->tag));
	segs[0] = vq_seg_of(msg->tbuf, msg->tsize);
	if (n && msg->payload_in) {	/* request | reply, payload: shift by one */
		memmove(&segs[2], &segs[1], n * sizeof(*segs));
		segs[1] = reply;
		in += n;
	} else {
		segs[n + 1] = reply;
		out += n;
	}
	err = vq_add(t->vq, segs, out, in, msg);
	if (n && msg->payload_in)	/* payload_put and a second try want it at 1 */
		memmove(&segs[1], &segs[2], n * sizeof(*segs));
	return err;
}

static void queue_push(struct p9_transport *t)
{
	while (!list_empty(&t->queue)) {
		struct p9_msg *msg = list_first(&t->queue, struct p9_msg, link);
		int err = send_one(t, msg);

		if (err == -ENOSPC)
			return;
		if (err == -ENOMEM && t->vq->in_flight)
			return;		/* again when something is done */
		list_del(&msg->link);
		if (err)
			msg_done(msg, err == -ENOMEM ? err : -EIO);
		else
			msg->state = MSG_SENT;
	}
}

static void p9_irq(struct virtqueue *vq)
{
	struct p9_transport *t = vq->priv;
	struct p9_msg *msg;
	u32 len;

	while ((msg = vq_get(vq, &len))) {
		if (len == 0) {		/* a flushed request */
			msg_done(msg, -EINTR);
		} else if (reply_ok(msg, len)) {
			msg_done(msg, 0);
		} else {
			msg_done(msg, -EIO);
			virtio_break(vq->vdev, "malformed 9P reply");
		}
	}
	if (vq->vdev->broken)
		return;
	queue_push(t);
	vq_kick(vq);
}

static void submit(struct p9_msg *msg, bool waited)
{
	struct p9_transport *t = msg->t;

	msg->waited = waited;
	msg->refcount++;
	if (t->vdev->broken) {
		msg_done(msg, -EIO);
		return;
	}
	msg->state = MSG_QUEUED;
	list_add_tail(&msg->link, &t->queue);
	queue_push(t);
}

void p9_submit(struct p9_msg *msg)
{
	submit(msg, true);
}

void p9_kick(struct p9_transport *t)
{
	vq_kick(t->vq);
}

void p9_submit_detached(struct p9_msg *msg)
{
	submit(msg, false);
	p9_kick(msg->t);
	p9_msg_put(msg);
}

/* ---- waiting ---- */

static void send_flush(struct p9_msg *old)
{
	struct p9_msg *flush;

	if (old->state == MSG_QUEUED) {		/* never sent: just forget it */
		list_del(&old->link);
		msg_done(old, -EINTR);
		return;
	}
	flush = p9_msg_alloc(old->t, T_FLUSH, P9_HDR_SIZE + 2, P9_HDR_SIZE, 0);
	if (!flush)
		return;			/* the reply will come anyway */
	memcpy(flush->tbuf + P9_HDR_SIZE, &old->tag, sizeof(old->tag));
	flush->tsize += 2;
	flush->flushes = old;
	old->refcount++;
	p9_submit_detached(flush);
}

int p9_wait(struct p9_msg *msg)
{
	int err;

	if (msg->unkillable) {
		wait_event(&msg->wq, msg->state == MSG_DONE);
		return msg->err;
	}
	err = wait_event_killable(&msg->wq, msg->state == MSG_DONE);
	if (!err)
		return msg->err;
	msg->waited = false;
	send_flush(msg);
	return -EINTR;
}

/* ---- the device ---- */

static int p9_probe(struct virtio_device *vdev)
{
	struct p9_transport *t;
	u32 nr = 0, len;

	while (nr < MAX_TRANSPORTS && transports[nr])
		nr++;
	if (nr == MAX_TRANSPORTS)
		return -ENOSPC;
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	list_init(&t->queue);
	t->vdev = vdev;
	len = min((u32)virtio_config_u16(vdev, 0), TAG_NAME_MAX - 1);
	hal_virtio_config_read(vdev->nr, 2, t->name, len);
	t->vq = vq_create(vdev, 0, 128, p9_irq);
	if (IS_ERR(t->vq)) {
		int err = (int)PTR_ERR(t->vq);

		kfree(t);
		return err;
	}
	t->vq->priv = t;
	vdev->priv = t;
	transports[nr] = t;
	return 0;
}

static void p9_broken(struct virtio_device *vdev)
{
	struct p9_transport *t = vdev->priv;
	struct p9_msg *msg;

	while ((msg = vq_detach(t->vq)))
		msg_done(msg, -EIO);
	while (!list_empty(&t->queue)) {
		msg = list_first(&t->queue, struct p9_msg, link);
		list_del(&msg->link);
		msg_done(msg, -EIO);
	}
}

const struct virtio_driver virtio_9p_driver = {
	.name = "9p",
	.id = VIRTIO_ID_9P,
	.features = BIT(0),	/* MOUNT_TAG */
	.probe = p9_probe,
	.broken = p9_broken,
};
