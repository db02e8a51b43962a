/* SPDX-License-Identifier: MIT */
/* AF_VSOCK's own: struct vsock, shared by the vsock files of this folder only. */
#ifndef HYLA_NET_VSOCK_IMPL_H
#define HYLA_NET_VSOCK_IMPL_H

#include "net/socket.h"
#include "net/vsock.h"

#define VSOCK_BUFFER_DEFAULT 262144u
#define VSOCK_BUFFER_MIN 128u
#define VSOCK_CONNECT_NS (2 * NSEC_PER_SEC)
#define VSOCK_CLOSE_NS (8 * NSEC_PER_SEC)

enum vsock_state {
	VSOCK_CLOSED, VSOCK_CONNECTING, VSOCK_ESTABLISHED,
	VSOCK_CLOSING,		/* the peer has ended it */
	VSOCK_LISTENING,
};

/* struct vsock.owes: what a socket has to say as soon as its transport has room. */
enum { OWE_REQUEST = 1, OWE_RESPONSE = 2, OWE_CREDIT = 4, OWE_SHUTDOWN = 8 };

struct vsock_addr {
	u32 cid, port;
	u8 flags;		/* VMADDR_FLAG_* */
};

/* Received bytes in pages: page->index is where a page's bytes end. */
struct vsock_fifo {
	struct list_head pages;
	u32 first_offset;	/* where those of the first page begin */
	u32 bytes;
};

struct vsock {
	struct socket sock;
	enum vsock_state state;
	struct vsock_addr local, remote;	/* port VMADDR_PORT_ANY: none */
	u32 source_cid;		/* what our packets say; as the peer knows us */
	struct vsock_transport *transport;	/* NULL: not connected yet */
	u32 peer_shutdown;	/* SHUTDOWN_*: what the peer does no more */
	bool done;		/* nothing more will come from the peer */
	bool orphan;		/* closed; here until the peer agrees or the timer fires */
	struct list_head bound_link, connected_link;
	/* ---- a listener, and the sockets that it has for accept(2) ---- */
	struct list_head accept_queue;		/* of accept_link */
	struct list_head accept_link;
	u32 accept_count, backlog;
	/* ---- sending ---- */
	struct mutex tx_lock;			/* one packet after the other */
	struct list_head owing_link, waiting_link;
	u32 owes, owed_shutdown;
	u32 tx_count, peer_fwd_count, peer_buf_alloc;
	/* ---- receiving ---- */
	struct mutex rx_lock;			/* who takes from the fifo */
	struct vsock_fifo rx;
	u32 fwd_count, told_fwd_count;		/* taken out; and as the peer knows */
	u32 rx_limit;				/* the largest buffer the peer heard of */
	/* ---- options ---- */
	u64 buffer_size, buffer_min, buffer_max;
	u64 connect_ns;
	struct timer timer;			/* connecting without waiting; orphan */
};

static inline struct vsock *to_vsock(struct socket *s)
{
	return container_of(s, struct vsock, sock);
}

#define VSOCK_READABLE (POLLIN | POLLRDNORM)
#define VSOCK_WRITABLE (POLLOUT | POLLWRNORM)

/* ---- vsock.c: tables, packets out ---- */

/* The socket bound to the address (either may have VMADDR_CID_ANY), or NULL. */
struct vsock *vsock_find_bound(u32 cid, u32 port);
/* The connection that a packet with this header is for, or NULL. */
struct vsock *vsock_find_connected(const struct vsock_hdr *h);
void vsock_insert_bound(struct vsock *vs);
void vsock_insert_connected(struct vsock *vs);
void vsock_remove(struct vsock *vs);		/* from both tables */
bool vsock_is_local_cid(u32 cid);
/* What reaches a peer at that address, or NULL. */
struct vsock_transport *vsock_route(u32 remote_cid);
/* Remembers OWE_* and sends what can be sent. */
void vsock_owe(struct vsock *vs, u32 what);
void vsock_flush(struct vsock_transport *t);
/* Tells the peer of vs that there is no connection. */
void vsock_send_reset(struct vsock *vs);
/* Sends `len` bytes in a run of pages. 0, -EAGAIN: no credit or room any more, -ENOMEM,
 * -EIO: broken; then the pages are still the caller's. */
int vsock_send_data(struct vsock *vs, struct page *run, u32 nr_pages, u32 len) __must_check;
/* May that be tried? When it is the transport that is full, vs will be woken. */
bool vsock_can_send(struct vsock *vs);
u32 vsock_credit(const struct vsock *vs);	/* bytes that the peer has room for */
u32 vsock_buf_alloc(const struct vsock *vs);
/* Answers a packet that nobody wants. */
void vsock_refuse(struct vsock_transport *t, const struct vsock_hdr *h);
/* The connection has ended: by the peer, by an error, because the peer broke the rules.
 * They may free an orphan. */
void vsock_do_close(struct vsock *vs);
void vsock_fail(struct vsock *vs, int error);
void vsock_abort(struct vsock *vs);
void vsock_connect_timer(struct timer *t);

/* ---- vsock_sock.c ---- */
extern const struct proto_ops vsock_stream_ops;
/* A new socket with the parent's options, or NULL. Any context. */
struct vsock *vsock_alloc(const struct vsock *parent) __must_check;
void vsock_free(struct vsock *vs);		/* out of all tables; never sleeps */

/* ---- vsock_data.c ---- */
ssize_t vsock_sendmsg(struct socket *s, struct sock_msg *m);
ssize_t vsock_recvmsg(struct socket *s, struct sock_msg *m);
u32 vsock_poll(struct socket *s);
/* Takes `list` over as far as it does not fit behind the last page. */
void vsock_fifo_push(struct vsock_fifo *q, struct list_head *list);
void vsock_fifo_clear(struct vsock_fifo *q);

/* ---- vsock_opt.c ---- */
int vsock_setsockopt(struct socket *s, int level, int name, uaddr_t value, u32 len);
int vsock_getsockopt(struct socket *s, int level, int name, void *buf, u32 room);
int vsock_set_rcvlowat(struct socket *s, u32 bytes);
s64 vsock_ioctl(struct socket *s, u32 cmd, u64 arg);
void vsock_dev_init(void);

#endif
