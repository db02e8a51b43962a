/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK: what a packet does to the socket that it is for.
 *
 * A packet belongs to the connection between its two addresses, else to the listener,
 * or the connecting socket, that is bound to where it goes. Who gets none of them, or
 * comes to a socket that is done, is answered by a reset; a reset never is.
 *
 *      LISTENING     REQUEST: a child on the queue and a RESPONSE, if there is room
 *      CONNECTING    RESPONSE: ESTABLISHED; RST: ECONNRESET; anything else: EPROTO
 *      ESTABLISHED   RW, SHUTDOWN, credit; RST: the end
 *
 * Each packet tells the sender's credit (virtio 5.10.6.3). A peer that takes credit back,
 * claims to have taken what was never sent, or sends more than it may, loses the
 * connection. What an orphan gets is dropped.
 *
 * Called in upcalls; nothing sleeps, and nothing is allocated but a listener's child.
 * Locks: the kernel lock.
 */
#include "abi/errno.h"
#include "net/vsock_impl.h"

/* What the header says of the peer's buffer. False: it cannot be. */
static bool update_credit(struct vsock *vs, const struct vsock_hdr *h)
{
	u32 before = vs->tx_count - vs->peer_fwd_count, now = vs->tx_count - h->fwd_cnt;

	if (now > before)
		return false;
	vs->peer_fwd_count = h->fwd_cnt;
	vs->peer_buf_alloc = h->buf_alloc;
	return true;
}

static void input_listening(struct vsock *vs, struct vsock_transport *t, const struct vsock_hdr *h)
{
	struct vsock *child;

	if (h->op != VSOCK_OP_REQUEST || vs->accept_count > vs->backlog) {
		vsock_refuse(t, h);
		return;
	}
	child = vsock_alloc(vs);
	if (!child) {
		vsock_refuse(t, h);
		return;
	}
	child->local = (struct vsock_addr){ (u32)h->dst_cid, h->dst_port, 0 };
	child->remote = (struct vsock_addr){ (u32)h->src_cid, h->src_port, 0 };
	if (child->local.cid > VMADDR_CID_HOST && child->remote.cid > VMADDR_CID_HOST)
		child->remote.flags = VMADDR_FLAG_TO_HOST;
	child->source_cid = child->local.cid;
	child->transport = t;
	child->state = VSOCK_ESTABLISHED;
	child->sock.state = SS_CONNECTED;
	child->peer_buf_alloc = h->buf_alloc;
	child->peer_fwd_count = child->tx_count = h->fwd_cnt;
	vsock_insert_connected(child);
	list_add_tail(&child->accept_link, &vs->accept_queue);
	vs->accept_count++;
	vsock_owe(child, OWE_RESPONSE);
	sock_wake(&vs->sock, VSOCK_READABLE);
}

static void input_connecting(struct vsock *vs, const struct vsock_hdr *h)
{
	if (h->op == VSOCK_OP_RESPONSE) {
		vs->peer_buf_alloc = h->buf_alloc;
		vs->peer_fwd_count = vs->tx_count = h->fwd_cnt;
		vs->state = VSOCK_ESTABLISHED;
		vs->sock.state = SS_CONNECTED;
		timer_cancel(&vs->timer);
		vsock_insert_connected(vs);
		sock_wake(&vs->sock, VSOCK_WRITABLE);
	} else if (h->op == VSOCK_OP_RST) {
		vsock_fail(vs, ECONNRESET);
	} else if (h->op != VSOCK_OP_INVALID) {
		vsock_send_reset(vs);
		vsock_fail(vs, EPROTO);
	}
}

static void input_data(struct vsock *vs, const struct vsock_hdr *h, struct list_head *pages)
{
	if ((u64)vs->rx.bytes + h->len > vs->rx_limit) {
		vsock_abort(vs);
		return;
	}
	if (vs->orphan || !h->len)
		return;
	vsock_fifo_push(&vs->rx, pages);
	if (vs->rx.bytes >= vs->sock.rcvlowat || vs->done)
		sock_wake(&vs->sock, VSOCK_READABLE);
}

static void input_shutdown(struct vsock *vs, u32 how)
{
	vs->peer_shutdown |= how & SHUTDOWN_BOTH;
	if (vs->peer_shutdown == SHUTDOWN_BOTH) {
		vsock_remove(vs);
		if (!vs->rx.bytes || vs->orphan) {
			vsock_send_reset(vs);
			vsock_do_close(vs);
			return;
		}
	}
	if (how)
		sock_wake(&vs->sock, VSOCK_READABLE | VSOCK_WRITABLE | POLLRDHUP);
}

static void input_connected(struct vsock *vs, const struct vsock_hdr *h, struct list_head *pages)
{
	switch (h->op) {
	case VSOCK_OP_RW:
		input_data(vs, h, pages);
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		vsock_owe(vs, OWE_CREDIT);
		break;
	case VSOCK_OP_SHUTDOWN:
		input_shutdown(vs, h->flags);
		break;
	case VSOCK_OP_RST:
		list_del(&vs->connected_link);
		vsock_do_close(vs);
		break;
	}
}

/* Whom the packet is for, or NULL. */
static struct vsock *find_receiver(struct vsock_transport *t, const struct vsock_hdr *h)
{
	struct vsock *vs;

	if (h->type != VSOCK_TYPE_STREAM)
		return NULL;
	vs = vsock_find_connected(h);
	if (vs)
		return vs->transport == t ? vs : NULL;
	vs = vsock_find_bound((u32)h->dst_cid, h->dst_port);
	if (!vs || vs->state == VSOCK_LISTENING)
		return vs;
	if (vs->state == VSOCK_CONNECTING && vs->transport == t &&
	    vs->remote.port == h->src_port && vs->remote.cid == (u32)h->src_cid)
		return vs;
	return NULL;
}

void vsock_input(struct vsock_transport *t, const struct vsock_hdr *h, struct list_head *pages)
{
	struct vsock *vs = find_receiver(t, h);
	u32 credit;

	if (!vs) {
		vsock_refuse(t, h);
		return;
	}
	if (vs->state == VSOCK_LISTENING) {
		input_listening(vs, t, h);
		return;
	}
	if (vs->state == VSOCK_CONNECTING) {
		input_connecting(vs, h);
		return;
	}
	if (vs->done || (vs->state != VSOCK_ESTABLISHED && vs->state != VSOCK_CLOSING)) {
		vsock_refuse(t, h);
		return;
	}
	if (h->op != VSOCK_OP_RST) {	/* resets carry none */
		credit = vsock_credit(vs);
		if (!update_credit(vs, h)) {
			vsock_abort(vs);
			return;
		}
		if (!credit && vsock_credit(vs))
			sock_wake(&vs->sock, VSOCK_WRITABLE);
	}
	input_connected(vs, h, pages);
}
