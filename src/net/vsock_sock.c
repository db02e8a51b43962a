/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK sockets: bind, connect, listen, accept, shutdown, close; vsock(7).
 *
 *                    bind                     listen
 *      CLOSED ------------------> (bound) --------------> LISTENING
 *        |  ^                                                 |
 *   connect |  reset, time out, signal             request: a child, ESTABLISHED,
 *        v  |                                       on the queue until accept
 *      CONNECTING ---- response ----> ESTABLISHED ---- reset ----> CLOSING
 *
 * A struct vsock lies around its struct socket. The file owns it; close(2) frees it, or
 * leaves an orphan to vsock.c if the peer has not agreed yet. The children on a
 * listener's queue are the listener's, and end with it.
 *
 * As on Linux, a shutdown of one half leaves the state in which getpeername(2) says
 * ENOTCONN, and a connection that failed while nobody waited stays SS_CONNECTING.
 *
 * Locks: the kernel lock. accept and connect sleep without any other.
 */
#include "abi/errno.h"
#include "fs/devfs.h"
#include "kernel/capability.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "net/vsock_impl.h"

#define LAST_RESERVED_PORT 1023u
#define PORT_TRIES 24

static SLAB_CACHE(vsock_cache, struct vsock);

struct vsock *vsock_alloc(const struct vsock *parent)
{
	struct vsock *vs = slab_zalloc(&vsock_cache);

	if (!vs)
		return NULL;
	sock_init(&vs->sock, &vsock_stream_ops, AF_VSOCK, SOCK_STREAM, 0);
	vs->local = vs->remote = (struct vsock_addr){ VMADDR_CID_ANY, VMADDR_PORT_ANY, 0 };
	list_init(&vs->bound_link);
	list_init(&vs->connected_link);
	list_init(&vs->accept_queue);
	list_init(&vs->accept_link);
	list_init(&vs->owing_link);
	list_init(&vs->waiting_link);
	list_init(&vs->rx.pages);
	mutex_init(&vs->rx_lock);
	mutex_init(&vs->tx_lock);
	vs->timer.fn = vsock_connect_timer;
	vs->buffer_size = parent ? parent->buffer_size : VSOCK_BUFFER_DEFAULT;
	vs->buffer_min = parent ? parent->buffer_min : VSOCK_BUFFER_MIN;
	vs->buffer_max = parent ? parent->buffer_max : VSOCK_BUFFER_DEFAULT;
	vs->connect_ns = parent ? parent->connect_ns : VSOCK_CONNECT_NS;
	return vs;
}

void vsock_free(struct vsock *vs)
{
	vsock_remove(vs);
	timer_cancel(&vs->timer);
	list_del(&vs->owing_link);
	list_del(&vs->waiting_link);
	vsock_fifo_clear(&vs->rx);
	slab_free(&vsock_cache, vs);
}

/* ---- the end ---- */

/* Frees vs, or makes it an orphan. Its queue is empty. */
static void close_one(struct vsock *vs)
{
	bool alive = vs->state == VSOCK_ESTABLISHED || vs->state == VSOCK_CLOSING;

	if (!alive || vs->done) {
		vsock_free(vs);
		return;
	}
	if (vs->peer_shutdown == SHUTDOWN_BOTH) {
		vsock_send_reset(vs);
		vsock_free(vs);
		return;
	}
	vs->orphan = true;
	vsock_fifo_clear(&vs->rx);
	list_del(&vs->waiting_link);
	timer_arm(&vs->timer, deadline_after(VSOCK_CLOSE_NS));
	if (vs->sock.shutdown != SHUTDOWN_BOTH) {
		vs->sock.shutdown = vs->owed_shutdown = SHUTDOWN_BOTH;
		vsock_owe(vs, OWE_SHUTDOWN);	/* may free it */
	}
}

static void vsock_release(struct socket *s)
{
	struct vsock *vs = to_vsock(s);

	if (vs->state == VSOCK_LISTENING)
		list_del(&vs->bound_link);	/* no more children */
	while (!list_empty(&vs->accept_queue)) {
		struct vsock *child = list_first(&vs->accept_queue, struct vsock, accept_link);

		list_del(&child->accept_link);
		close_one(child);
	}
	close_one(vs);
}

static int vsock_shutdown(struct socket *s, u32 how)
{
	struct vsock *vs = to_vsock(s);
	bool tell = !vs->done && (vs->state == VSOCK_ESTABLISHED || vs->state == VSOCK_CONNECTING);

	if (s->state == SS_UNCONNECTED)
		return -ENOTCONN;
	s->state = SS_DISCONNECTING;
	s->shutdown |= how;
	sock_wake(s, 0);
	vs->done = false;
	if (tell) {
		vs->owed_shutdown |= how;
		vsock_owe(vs, OWE_SHUTDOWN);
	}
	return 0;
}

/* ---- addresses ---- */

/* -EINVAL for what is no address of this family. */
static int read_addr(const struct sockaddr_storage *ss, u32 len, struct vsock_addr *addr)
{
	struct sockaddr_vm vm;

	if (len < sizeof(vm))
		return -EINVAL;
	memcpy(&vm, ss, sizeof(vm));
	if (vm.family != AF_VSOCK || (vm.flags & ~VMADDR_FLAG_TO_HOST))
		return -EINVAL;
	*addr = (struct vsock_addr){ vm.cid, vm.port, vm.flags };
	return 0;
}

static int vsock_getname(struct socket *s, struct sockaddr_storage *ss, bool peer)
{
	struct vsock *vs = to_vsock(s);
	const struct vsock_addr *addr = peer ? &vs->remote : &vs->local;
	struct sockaddr_vm vm = { .family = AF_VSOCK, .port = addr->port, .cid = addr->cid,
				  .flags = addr->flags };

	if (peer && s->state != SS_CONNECTED)
		return -ENOTCONN;
	memcpy(ss, &vm, sizeof(vm));
	return sizeof(vm);
}

/* The next free port; they begin at a random one. */
static int choose_port(struct vsock_addr *addr)
{
	static u32 port;

	if (!port)
		random_bytes(&port, sizeof(port));
	for (u32 i = 0; i < PORT_TRIES; i++) {
		if (port <= LAST_RESERVED_PORT || port == VMADDR_PORT_ANY)
			port = LAST_RESERVED_PORT + 1;
		addr->port = port++;
		if (!vsock_find_bound(addr->cid, addr->port))
			return 0;
	}
	return -EADDRNOTAVAIL;
}

static int bind_to(struct vsock *vs, struct vsock_addr addr)
{
	int err;

	if (vs->local.port != VMADDR_PORT_ANY)
		return -EINVAL;
	if (addr.cid != VMADDR_CID_ANY && !vsock_is_local_cid(addr.cid))
		return -EADDRNOTAVAIL;
	if (addr.port == VMADDR_PORT_ANY) {
		err = choose_port(&addr);
		if (err)
			return err;
	} else {
		if (addr.port <= LAST_RESERVED_PORT && !capable(CAP_NET_BIND_SERVICE))
			return -EACCES;
		if (vsock_find_bound(addr.cid, addr.port))
			return -EADDRINUSE;
	}
	addr.flags = 0;
	vs->local = addr;
	vsock_insert_bound(vs);
	return 0;
}

static int vsock_bind(struct socket *s, const struct sockaddr_storage *ss, u32 len)
{
	struct vsock_addr addr;
	int err = read_addr(ss, len, &addr);

	return err ? err : bind_to(to_vsock(s), addr);
}

/* ---- connecting ---- */

/* Sends the request: -EINPROGRESS, or an error that leaves the socket as it was. */
static int connect_begin(struct vsock *vs, const struct sockaddr_storage *ss, u32 len)
{
	struct vsock_transport *t;
	struct vsock_addr addr;
	int err;

	if (vs->state == VSOCK_LISTENING || read_addr(ss, len, &addr))
		return -EINVAL;
	vs->remote = addr;
	t = vsock_route(addr.cid);
	if (!t)
		return -ENODEV;
	if (vs->local.port == VMADDR_PORT_ANY) {
		err = bind_to(vs, (struct vsock_addr){ VMADDR_CID_ANY, VMADDR_PORT_ANY, 0 });
		if (err)
			return err;
	}
	vs->transport = t;
	vs->source_cid = t->cid;
	vs->fwd_count = vs->told_fwd_count = vs->peer_shutdown = vs->owed_shutdown = 0;
	vs->done = false;
	vs->state = VSOCK_CONNECTING;
	vs->sock.state = SS_CONNECTING;
	vsock_owe(vs, OWE_REQUEST);
	return -EINPROGRESS;
}

/* A connect(2) that ends without a connection. */
static int connect_give_up(struct vsock *vs, int err)
{
	vs->state = VSOCK_CLOSED;
	vs->owes = 0;
	list_del(&vs->owing_link);
	timer_cancel(&vs->timer);	/* of a call that did not wait */
	vs->sock.state = SS_UNCONNECTED;
	return err;
}

static int connect_wait(struct vsock *vs)
{
	struct socket *s = &vs->sock;
	int err = wait_event_deadline(&s->wq, vs->state != VSOCK_CONNECTING || s->error,
				      deadline_after(vs->connect_ns));

	if (err == -ETIMEDOUT)
		return connect_give_up(vs, err);
	if (err)
		return connect_give_up(vs, -EINTR);
	if (s->error) {
		list_del(&vs->connected_link);
		return connect_give_up(vs, -s->error);	/* which stays for SO_ERROR */
	}
	return 0;
}

static int vsock_connect(struct socket *s, const struct sockaddr_storage *ss, u32 len,
			 bool nonblock)
{
	struct vsock *vs = to_vsock(s);
	int err;

	switch (s->state) {
	case SS_CONNECTED:
		return -EISCONN;
	case SS_DISCONNECTING:
		return -EINVAL;
	case SS_CONNECTING:
		if (nonblock)
			return -EALREADY;
		break;
	default:
		mutex_lock(&vs->rx_lock);
		vsock_fifo_clear(&vs->rx);	/* of a connection before */
		mutex_unlock(&vs->rx_lock);
		err = connect_begin(vs, ss, len);
		if (err != -EINPROGRESS)
			return err;
		if (nonblock && vs->state == VSOCK_CONNECTING && !s->error) {
			timer_arm(&vs->timer, deadline_after(vs->connect_ns));
			return err;
		}
	}
	return connect_wait(vs);
}

static int vsock_listen(struct socket *s, u32 backlog)
{
	struct vsock *vs = to_vsock(s);

	if (s->state != SS_UNCONNECTED || vs->local.port == VMADDR_PORT_ANY)
		return -EINVAL;
	vs->backlog = backlog;
	vs->state = VSOCK_LISTENING;
	s->listening = true;
	return 0;
}

static struct socket *vsock_accept(struct socket *s, bool nonblock)
{
	struct vsock *vs = to_vsock(s), *child;
	int err;

	if (vs->state != VSOCK_LISTENING)
		return ERR_PTR(-EINVAL);
	err = sock_wait_event(s, !list_empty(&vs->accept_queue) || s->error,
			      sock_deadline(s->rcvtimeo_ns, nonblock));
	if (err)
		return ERR_PTR(err);
	if (s->error)
		return ERR_PTR(sock_take_error(s));
	child = list_first(&vs->accept_queue, struct vsock, accept_link);
	list_del(&child->accept_link);
	vs->accept_count--;
	return &child->sock;
}

const struct proto_ops vsock_stream_ops = {
	.release = vsock_release,
	.bind = vsock_bind,
	.connect = vsock_connect,
	.accept = vsock_accept,
	.getname = vsock_getname,
	.listen = vsock_listen,
	.shutdown = vsock_shutdown,
	.poll = vsock_poll,
	.ioctl = vsock_ioctl,
	.sendmsg = vsock_sendmsg,
	.recvmsg = vsock_recvmsg,
	.setsockopt = vsock_setsockopt,
	.getsockopt = vsock_getsockopt,
	.set_rcvlowat = vsock_set_rcvlowat,
};
