/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK below its sockets: who has which address, packets out, the transports.
 * Packets in are in vsock_input.c.
 *
 *      sendmsg            connect, shutdown, recvmsg ...      nobody there
 *         |                        |                               |
 *   vsock_send_data           vs->owes  (bits)              t->resets (a ring)
 *         |                        +------------+------------------+
 *         |                                     v  vsock_flush
 *         +------------------------------> transport->send -----> vsock_input of the peer
 *
 * Control messages need no memory: a socket keeps bits for what it owes its peer, and
 * they become packets when the transport has room. Data goes out only when the
 * transport has room now, after what the socket owes, so the order is kept.
 *
 * Two tables by port: bound sockets (listeners, and whoever connects from there) and
 * connections.
 *
 * The loopback delivers at once: send calls vsock_input. That only leaves bits and
 * resets behind, which the outermost vsock_flush turns into packets, so it does not
 * recurse. A connection over it is seen as from VMADDR_CID_LOCAL.
 *
 * A socket that was closed is an orphan until the peer has answered with a reset, 8 s at
 * most; its port is taken until then. Only vsock_do_close, vsock_fail and the timer free it.
 *
 * Locks: the kernel lock; nothing here sleeps.
 * Not supported: SOCK_SEQPACKET and SOCK_DGRAM, more than one device, a host side.
 */
#include "abi/errno.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "net/vsock_impl.h"

#define TABLE_SIZE 64u		/* power of two */

static struct list_head bound[TABLE_SIZE], connected[TABLE_SIZE];
static struct vsock_transport *device;		/* NULL: none */
static struct vsock_transport loopback;

/* ---- addresses ---- */

static struct list_head *bound_bucket(u32 port)
{
	return &bound[port & (TABLE_SIZE - 1)];
}

static struct list_head *connected_bucket(u32 port, u32 remote_port)
{
	return &connected[(port ^ remote_port) & (TABLE_SIZE - 1)];
}

struct vsock *vsock_find_bound(u32 cid, u32 port)
{
	struct vsock *vs;

	list_for_each_entry(vs, bound_bucket(port), bound_link)
		if (vs->local.port == port && (vs->local.cid == cid ||
					       vs->local.cid == VMADDR_CID_ANY ||
					       cid == VMADDR_CID_ANY))
			return vs;
	return NULL;
}

struct vsock *vsock_find_connected(const struct vsock_hdr *h)
{
	struct vsock *vs;

	list_for_each_entry(vs, connected_bucket(h->dst_port, h->src_port), connected_link)
		if (vs->local.port == h->dst_port && vs->remote.port == h->src_port &&
		    vs->remote.cid == (u32)h->src_cid)
			return vs;
	return NULL;
}

void vsock_insert_bound(struct vsock *vs)
{
	list_add(&vs->bound_link, bound_bucket(vs->local.port));
}

void vsock_insert_connected(struct vsock *vs)
{
	list_add(&vs->connected_link, connected_bucket(vs->local.port, vs->remote.port));
}

void vsock_remove(struct vsock *vs)
{
	list_del(&vs->bound_link);
	list_del(&vs->connected_link);
}

u32 vsock_own_cid(void)
{
	return device ? device->cid : VMADDR_CID_LOCAL;
}

bool vsock_is_local_cid(u32 cid)
{
	return cid == VMADDR_CID_LOCAL || (device && cid == device->cid);
}

struct vsock_transport *vsock_route(u32 remote_cid)
{
	if (remote_cid == VMADDR_CID_LOCAL ||
	    remote_cid == (device ? device->cid : VMADDR_CID_HOST))
		return &loopback;
	return device;
}

/* ---- packets out ---- */

u32 vsock_buf_alloc(const struct vsock *vs)
{
	return (u32)min(vs->buffer_size, (u64)U32_MAX);
}

u32 vsock_credit(const struct vsock *vs)
{
	u32 window = min(vs->peer_buf_alloc, vsock_buf_alloc(vs));
	u32 used = vs->tx_count - vs->peer_fwd_count;

	return used < window ? window - used : 0;
}

/* A packet of vs; tells the peer about our buffer, as each one does. */
static struct vsock_hdr make_header(struct vsock *vs, u16 op, u32 len, u32 flags)
{
	struct vsock_transport *t = vs->transport;
	u32 alloc = vsock_buf_alloc(vs);

	vs->told_fwd_count = vs->fwd_count;
	vs->rx_limit = max(vs->rx_limit, alloc);
	return (struct vsock_hdr){
		.src_cid = t == &loopback ? vs->source_cid : t->cid, .src_port = vs->local.port,
		.dst_cid = vs->remote.cid, .dst_port = vs->remote.port,
		.len = len, .type = VSOCK_TYPE_STREAM, .op = op, .flags = flags,
		.buf_alloc = alloc, .fwd_cnt = vs->fwd_count,
	};
}

static void send_owed(struct vsock *vs)
{
	struct vsock_transport *t = vs->transport;
	struct vsock_hdr h;
	u32 bit = vs->owes & -vs->owes, flags = 0;
	u16 op = VSOCK_OP_SHUTDOWN;

	if (bit == OWE_REQUEST)
		op = VSOCK_OP_REQUEST;
	else if (bit == OWE_RESPONSE)
		op = VSOCK_OP_RESPONSE;
	else if (bit == OWE_CREDIT)
		op = VSOCK_OP_CREDIT_UPDATE;
	else
		flags = vs->owed_shutdown;
	h = make_header(vs, op, 0, flags);
	vs->owes &= ~bit;
	if (!vs->owes)
		list_del(&vs->owing_link);
	(void)t->send(t, &h, NULL, 0);		/* broken: the connections end anyway */
}

static void send_reset(struct vsock_transport *t)
{
	const struct vsock_reset *r = &t->resets[t->reset_first];
	struct vsock_hdr h = {
		.src_cid = r->src_cid, .src_port = r->src_port,
		.dst_cid = r->dst_cid, .dst_port = r->dst_port,
		.type = r->type, .op = VSOCK_OP_RST,
	};

	t->reset_first = (t->reset_first + 1) % VSOCK_RESETS;
	t->reset_count--;
	(void)t->send(t, &h, NULL, 0);
}

void vsock_flush(struct vsock_transport *t)
{
	if (t->flushing)
		return;
	t->flushing = true;
	while (t->room(t)) {
		if (!list_empty(&t->owing))
			send_owed(list_first(&t->owing, struct vsock, owing_link));
		else if (t->reset_count)
			send_reset(t);
		else
			break;
	}
	t->flushing = false;
}

void vsock_owe(struct vsock *vs, u32 what)
{
	vs->owes |= what;
	if (list_empty(&vs->owing_link))
		list_add_tail(&vs->owing_link, &vs->transport->owing);
	vsock_flush(vs->transport);
}

static void queue_reset(struct vsock_transport *t, struct vsock_reset r)
{
	if (t->reset_count == VSOCK_RESETS)
		return;		/* whoever sends again is answered again */
	t->resets[(t->reset_first + t->reset_count++) % VSOCK_RESETS] = r;
	vsock_flush(t);
}

void vsock_refuse(struct vsock_transport *t, const struct vsock_hdr *h)
{
	if (h->op != VSOCK_OP_RST)
		queue_reset(t, (struct vsock_reset){ (u32)h->dst_cid, h->dst_port, (u32)h->src_cid,
						     h->src_port, h->type });
}

void vsock_send_reset(struct vsock *vs)
{
	struct vsock_hdr h = make_header(vs, VSOCK_OP_RST, 0, 0);

	vs->owes = 0;
	list_del(&vs->owing_link);
	queue_reset(vs->transport, (struct vsock_reset){ (u32)h.src_cid, h.src_port, (u32)h.dst_cid,
							 h.dst_port, h.type });
}

bool vsock_can_send(struct vsock *vs)
{
	struct vsock_transport *t = vs->transport;

	if (!vsock_credit(vs))
		return false;		/* an update will wake it */
	if (!vs->owes && t->room(t))
		return true;
	list_move_tail(&vs->waiting_link, &t->waiting);
	return false;
}

int vsock_send_data(struct vsock *vs, struct page *run, u32 nr_pages, u32 len)
{
	struct vsock_transport *t = vs->transport;
	struct vsock_hdr h;
	int err;

	if (len > vsock_credit(vs) || vs->owes || !t->room(t))
		return -EAGAIN;
	h = make_header(vs, VSOCK_OP_RW, len, 0);
	vs->tx_count += len;
	err = t->send(t, &h, run, nr_pages);
	if (err)
		vs->tx_count -= len;
	return err;
}

void vsock_tx_ready(struct vsock_transport *t)
{
	vsock_flush(t);
	while (!list_empty(&t->waiting) && t->room(t)) {
		struct vsock *vs = list_first(&t->waiting, struct vsock, waiting_link);

		list_del(&vs->waiting_link);
		sock_wake(&vs->sock, VSOCK_WRITABLE);
	}
}

/* ---- the end of a connection ---- */

void vsock_do_close(struct vsock *vs)
{
	vs->done = true;
	vs->peer_shutdown = SHUTDOWN_BOTH;
	if (!vs->rx.bytes)
		vs->state = VSOCK_CLOSING;
	vs->owes = 0;
	list_del(&vs->owing_link);
	if (vs->orphan)
		vsock_free(vs);
	else
		sock_wake(&vs->sock, VSOCK_READABLE | VSOCK_WRITABLE | POLLRDHUP | POLLHUP);
}

void vsock_fail(struct vsock *vs, int error)
{
	vs->state = VSOCK_CLOSED;
	vs->owes = 0;
	list_del(&vs->owing_link);
	timer_cancel(&vs->timer);
	if (vs->orphan) {
		vsock_free(vs);
		return;
	}
	vs->sock.error = error;
	sock_wake(&vs->sock, POLLERR | VSOCK_READABLE | VSOCK_WRITABLE);
}

/* The peer broke the rules. */
void vsock_abort(struct vsock *vs)
{
	vsock_send_reset(vs);
	list_del(&vs->connected_link);
	vsock_fail(vs, ECONNRESET);
}

static void fail_all(struct vsock_transport *t)
{
	struct vsock *vs, *next;

	for (u32 i = 0; i < TABLE_SIZE; i++) {
		list_for_each_entry_safe(vs, next, &connected[i], connected_link) {
			if (vs->transport != t)
				continue;
			list_del(&vs->connected_link);
			vsock_fail(vs, ECONNRESET);
		}
		list_for_each_entry_safe(vs, next, &bound[i], bound_link)
			if (vs->transport == t && vs->state == VSOCK_CONNECTING)
				vsock_fail(vs, ECONNRESET);
	}
	t->reset_count = 0;
}

/* The timer of a socket: a connect(2) that did not wait, or an orphan. */
void vsock_connect_timer(struct timer *timer)
{
	struct vsock *vs = container_of(timer, struct vsock, timer);

	if (vs->orphan) {
		vsock_send_reset(vs);
		vsock_free(vs);
	} else if (vs->state == VSOCK_CONNECTING && vs->sock.shutdown != SHUTDOWN_BOTH) {
		vs->sock.state = SS_UNCONNECTED;
		vsock_fail(vs, ETIMEDOUT);
	}
}

/* ---- transports ---- */

static void transport_init(struct vsock_transport *t)
{
	list_init(&t->owing);
	list_init(&t->waiting);
}

int vsock_device_register(struct vsock_transport *t)
{
	if (device)
		return -EEXIST;
	transport_init(t);
	device = t;
	return 0;
}

void vsock_device_reset(struct vsock_transport *t)
{
	fail_all(t);
}

void vsock_device_gone(struct vsock_transport *t)
{
	if (device == t)
		device = NULL;
	fail_all(t);
}

static bool loopback_room(struct vsock_transport *t __unused)
{
	return true;
}

static int loopback_send(struct vsock_transport *t, const struct vsock_hdr *h, struct page *run,
			 u32 nr_pages)
{
	struct list_head pages = LIST_HEAD_INIT(pages);
	u32 left = h->len;

	for (u32 i = 0; i < nr_pages; i++) {
		run[i].index = min(left, (u32)PAGE_SIZE);
		left -= (u32)run[i].index;
		list_add_tail(&run[i].lru, &pages);
	}
	vsock_input(t, h, &pages);
	while (!list_empty(&pages)) {
		struct page *page = list_first(&pages, struct page, lru);

		list_del(&page->lru);
		page_put(page);
	}
	return 0;
}

static struct socket *vsock_create(int type, int protocol)
{
	struct vsock *vs;

	if (protocol && protocol != AF_VSOCK)
		return ERR_PTR(-EPROTONOSUPPORT);
	if (type == SOCK_DGRAM)
		return ERR_PTR(-ENODEV);	/* as without a transport for it */
	if (type != SOCK_STREAM)
		return ERR_PTR(-ESOCKTNOSUPPORT);
	vs = vsock_alloc(NULL);
	return vs ? &vs->sock : ERR_PTR(-ENOMEM);
}

void vsock_init(void)
{
	static struct socket_family family = { .family = AF_VSOCK, .create = vsock_create };

	for (u32 i = 0; i < TABLE_SIZE; i++) {
		list_init(&bound[i]);
		list_init(&connected[i]);
	}
	transport_init(&loopback);
	loopback.cid = VMADDR_CID_LOCAL;
	loopback.send = loopback_send;
	loopback.room = loopback_room;
	socket_family_register(&family);
	vsock_dev_init();
}
