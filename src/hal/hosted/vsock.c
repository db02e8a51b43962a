/* SPDX-License-Identifier: MIT */
/*
 * The socket device (virtio 1.2, 5.10), device end, as Firecracker has it: streams of
 * the guest are Unix sockets of the host.
 *
 *   host program                        here                             guest
 *   connect PATH, "CONNECT 80\n"  -->   OP_REQUEST to port 80      -->   accept
 *                "OK 1073741824\n" <--                 OP_RESPONSE <--
 *   listen on PATH_5000            <--  connect      OP_REQUEST to CID 2, port 5000
 *
 * A connection is known by (host port, guest port). Bytes for the guest are read from
 * the socket straight into its buffers, when it has given some and has room (credit).
 * Bytes for the host are written straight from the ring; what the socket does not take
 * waits in a buffer, and the guest's credit is that buffer's size. Halves are closed one
 * by one, in both directions.
 *
 * Control packets are bits that a connection owes, and a ring of resets for whom no
 * connection is there; they need no memory. While that ring is full, nothing more is
 * taken from the guest.
 *
 * Trust: a guest that is wrong about lengths, credit or states loses that connection. It
 * has at most CONNS_MAX of them. Where it can connect to: PATH_0 to PATH_4294967295.
 *
 * Not supported: SOCK_SEQPACKET, other guests, transport reset events.
 */
#define _GNU_SOURCE
#include "hal/hosted/vsock.h"

#include <stdlib.h>
#include <string.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/report.h"

#define HOST_CID 2u
#define TYPE_STREAM 1
#define RESETS 64u
#define FIRST_HOST_PORT (1u << 30)
#define READ_MAX 65536u
#define BUDGET 64		/* packets before other devices get a turn */

struct header {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port;
	u32 len;
	u16 type, op;
	u32 flags, buf_alloc, fwd_cnt;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == 44, "virtio 5.10.6");

static struct {
	struct vdev *dev;
	u64 cid;
	struct vchain rx, tx;
	bool rx_held;		/* a chain that waits for a packet */
	struct header reset[RESETS];
	u32 resets;
	u32 next_port;
	uv_async_t again;
} vs;

/* ---- packets to the guest ---- */

/* Is there a buffer of the guest's for one packet? */
static bool rx_ready(void)
{
	while (!vs.rx_held && vq_pop(vs.dev, 0, &vs.rx) == 1) {
		vs.rx_held = vs.rx.in_size >= sizeof(struct header);
		if (!vs.rx_held)	/* nothing fits */
			vq_push(vs.dev, 0, vs.rx.head, 0);
	}
	return vs.rx_held;
}

static void push_packet(const struct header *h)
{
	iov_put(vs.rx.in, vs.rx.nr_in, 0, h, sizeof(*h));
	vs.rx_held = false;
	vq_push(vs.dev, 0, vs.rx.head, sizeof(*h) + h->len);
}

static struct header make_header(struct conn *c, u16 op, u32 len)
{
	c->told_taken = c->taken;
	return (struct header){
		.src_cid = HOST_CID, .dst_cid = vs.cid,
		.src_port = c->host_port, .dst_port = c->guest_port,
		.len = len, .type = TYPE_STREAM, .op = op,
		.flags = op == OP_SHUTDOWN ? c->told_shut : 0,
		.buf_alloc = BUFFER, .fwd_cnt = c->taken,
	};
}

static void flush_owed(struct conn *c)
{
	while (c->owes && rx_ready()) {
		u16 op = __builtin_ctz(c->owes);
		struct header h = make_header(c, op, 0);

		c->owes &= ~(1u << op);
		push_packet(&h);
	}
}

static void flush_resets(void)
{
	u32 n = 0;

	while (n < vs.resets && rx_ready())
		push_packet(&vs.reset[n++]);
	vs.resets -= n;
	memmove(vs.reset, vs.reset + n, vs.resets * sizeof(vs.reset[0]));
}

static void reset_guest(u32 host_port, u32 guest_port, u16 type)
{
	if (vs.resets == RESETS)
		return;
	vs.reset[vs.resets++] = (struct header){
		.src_cid = HOST_CID, .dst_cid = vs.cid, .src_port = host_port,
		.dst_port = guest_port, .type = type, .op = OP_RST,
	};
	flush_resets();
}

void vsock_owe(struct conn *c, u32 op)
{
	c->owes |= 1u << op;
	flush_owed(c);
	vdev_flush_irq(vs.dev);
}

void vsock_owe_shutdown(struct conn *c, u32 how)
{
	if ((c->told_shut & how) == how)
		return;
	c->told_shut |= how;
	vsock_owe(c, OP_SHUTDOWN);
}

u32 vsock_room(const struct conn *c)
{
	u32 used = c->sent - c->guest_fwd, room = used < c->guest_alloc ? c->guest_alloc - used : 0;

	if (c->owes || !room || !rx_ready() || vs.rx.in_size == sizeof(struct header))
		return 0;
	if (room > vs.rx.in_size - sizeof(struct header))
		room = vs.rx.in_size - sizeof(struct header);
	return room < READ_MAX ? room : READ_MAX;
}

int vsock_rx_iov(u32 size, struct iovec *iov)
{
	return iov_part(vs.rx.in, vs.rx.nr_in, sizeof(struct header), size, iov);
}

void vsock_rx_push(struct conn *c, u32 size)
{
	struct header h = make_header(c, OP_RW, size);

	c->sent += size;
	push_packet(&h);
	vdev_flush_irq(vs.dev);
}

void vsock_end(struct conn *c, bool quiet)
{
	if (!quiet)
		reset_guest(c->host_port, c->guest_port, TYPE_STREAM);
	host_conn_free(c);
	vdev_flush_irq(vs.dev);
}

/* ---- connections ---- */

static struct conn *find_conn(u32 host_port, u32 guest_port)
{
	for (u32 i = 0; i < host_conn_count(); i++) {
		struct conn *c = host_conn_nth(i);

		if (c->state != CONN_LINE && c->state != CONN_FLUSHING &&
		    c->host_port == host_port && c->guest_port == guest_port)
			return c;
	}
	return NULL;
}

void vsock_ask_guest(struct conn *c)
{
	do
		c->host_port = vs.next_port++ | FIRST_HOST_PORT;
	while (find_conn(c->host_port, c->guest_port));
	c->state = CONN_ASKED;
	vsock_owe(c, OP_REQUEST);
}

static void requested(const struct header *h)
{
	struct conn *c = host_connect(h->dst_port);

	if (!c) {
		reset_guest(h->dst_port, h->src_port, TYPE_STREAM);
		return;
	}
	c->host_port = h->dst_port;
	c->guest_port = h->src_port;
	c->guest_alloc = h->buf_alloc;
	c->guest_fwd = c->sent = h->fwd_cnt;
	vsock_owe(c, OP_RESPONSE);
	host_update(c);
}

/* What the header says of the guest's buffer. False: it cannot be. */
static bool update_credit(struct conn *c, const struct header *h)
{
	if (c->sent - h->fwd_cnt > c->sent - c->guest_fwd)
		return false;
	c->guest_fwd = h->fwd_cnt;
	c->guest_alloc = h->buf_alloc;
	return true;
}

static bool data(struct conn *c, const struct header *h)
{
	static struct iovec part[VCHAIN_MAX];
	int n = iov_part(vs.tx.out, vs.tx.nr_out, sizeof(*h), h->len, part);

	return !(c->guest_shut & SHUT_SEND) && host_write(c, part, n, h->len);
}

static void shut(struct conn *c, u32 flags)
{
	c->guest_shut |= flags & SHUT_BOTH;
	host_shutdown(c);
	if (c->guest_shut != SHUT_BOTH) {
		host_update(c);		/* the packet told our credit, too */
		return;
	}
	reset_guest(c->host_port, c->guest_port, TYPE_STREAM);
	c->owes = 0;
	c->state = CONN_FLUSHING;
	if (!c->count)
		vsock_end(c, true);
	else
		host_update(c);
}

/* False: against the rules. */
static bool packet_of(struct conn *c, const struct header *h)
{
	if (h->op == OP_RST) {
		vsock_end(c, true);
		return true;
	}
	if (c->state == CONN_ASKED) {
		if (h->op != OP_RESPONSE)
			return false;
		c->guest_alloc = h->buf_alloc;
		c->guest_fwd = c->sent = h->fwd_cnt;
		c->state = CONN_OPEN;
		host_accepted(c);
		return true;
	}
	if (!update_credit(c, h))
		return false;
	switch (h->op) {
	case OP_RW:
		if (!data(c, h))
			return false;
		break;
	case OP_SHUTDOWN:
		shut(c, h->flags);	/* c may be gone */
		return true;
	case OP_CREDIT_REQUEST:
		vsock_owe(c, OP_CREDIT_UPDATE);
		break;
	case OP_CREDIT_UPDATE:
		break;
	default:
		return false;
	}
	host_update(c);
	return true;
}

static void packet(void)
{
	struct conn *c;
	struct header h;

	if (iov_get(vs.tx.out, vs.tx.nr_out, 0, &h, sizeof(h)) < sizeof(h) ||
	    h.len > vs.tx.out_size - sizeof(h) || h.src_cid != vs.cid || h.dst_cid != HOST_CID)
		return;			/* nobody's */
	c = h.type == TYPE_STREAM ? find_conn(h.dst_port, h.src_port) : NULL;
	if (c) {
		if (!packet_of(c, &h))
			vsock_end(c, false);
	} else if (h.op == OP_REQUEST && h.type == TYPE_STREAM) {
		requested(&h);
	} else if (h.op != OP_RST) {
		reset_guest(h.dst_port, h.src_port, h.type);
	}
}

/* ---- queues ---- */

static void serve_tx(void)
{
	for (u32 n = 0; vs.resets < RESETS; n++) {
		if (n == BUDGET) {
			__atomic_or_fetch(&vs.dev->hd->notify, 1u << 1, __ATOMIC_SEQ_CST);
			uv_async_send(&vs.again);
			return;
		}
		if (vq_pop(vs.dev, 1, &vs.tx) != 1)
			return;
		packet();
		vq_push(vs.dev, 1, vs.tx.head, 0);
	}
}

/* The guest has given buffers: what waited for one goes on. */
static void serve_rx(void)
{
	flush_resets();
	for (u32 i = 0; i < host_conn_count(); i++) {
		flush_owed(host_conn_nth(i));
		host_update(host_conn_nth(i));
	}
	serve_tx();
}

static void serve(struct vdev *dev, u32 q)
{
	(void)dev;
	if (q == 0)
		serve_rx();
	else if (q == 1)
		serve_tx();
}

/* A new driver knows none of the connections; the host gets what they had for it. */
static void reset(struct vdev *dev)
{
	(void)dev;
	vs.rx_held = false;
	vs.resets = 0;
	for (u32 i = host_conn_count(); i-- > 0;) {
		struct conn *c = host_conn_nth(i);

		c->state = CONN_FLUSHING;
		c->owes = 0;
		if (c->count)
			host_update(c);
		else
			host_conn_free(c);
	}
}

bool vsock_create(struct machine *m, const char *path, u32 cid)
{
	static const struct vdev_ops ops = {
		.queue = serve,
		.reset = reset,
	};
	u64 config = cid;
	struct vdev_config vc = {
		.id = VIRTIO_ID_VSOCK,
		.nr_queues = 3,
		.bell = HOSTED_BELL_IO,
		.config = &config,
		.config_size = sizeof(config),
	};

	vs.cid = cid;
	vs.dev = vdev_add(m, &vc, &ops, NULL);
	return vs.dev && host_listen(path);
}

static void on_again(uv_async_t *async)
{
	(void)async;
	vdev_serve(vs.dev->m, HOSTED_BELL_IO);
}

void vsock_start(uv_loop_t *loop)
{
	if (!vs.dev)
		return;
	uv_async_init(loop, &vs.again, on_again);
	host_start(loop);
}

bool vsock_exists(void)
{
	return vs.dev != NULL;
}

void vsock_drain(bool patient)
{
	if (!vs.dev)
		return;
	do {
		vs.resets = 0;		/* nobody there to hear of them */
		serve_tx();
	} while (vq_ready(vs.dev, 1));
	host_finish(patient);
}
