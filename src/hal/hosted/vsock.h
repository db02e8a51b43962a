/* SPDX-License-Identifier: MIT */
/*
 * The socket device of a hosted machine: its connections, which vsock.c joins to the
 * guest and vsock_host.c to Unix sockets of the host. Nobody else's.
 *
 * Everything runs in the loop's thread.
 */
#ifndef HYLA_HAL_HOSTED_VSOCK_H
#define HYLA_HAL_HOSTED_VSOCK_H

#include <uv.h>

#include "hal/hosted/vdev.h"

#define CONNS_MAX 512
#define BUFFER 262144u		/* bytes for the host that a connection may have with us */
#define LINE_MAX_SIZE 32

enum { OP_REQUEST = 1, OP_RESPONSE, OP_RST, OP_SHUTDOWN, OP_RW, OP_CREDIT_UPDATE,
       OP_CREDIT_REQUEST };
enum { SHUT_RECV = 1, SHUT_SEND = 2, SHUT_BOTH = 3 };	/* flags of OP_SHUTDOWN */

enum conn_state {
	CONN_LINE,		/* the host has connected and will say whom it wants */
	CONN_ASKED,		/* the guest is asked */
	CONN_OPEN,
	CONN_FLUSHING,		/* the guest is done with it; what it sent is on its way */
};

struct conn {
	enum conn_state state;
	int fd;				/* -1: the host has gone */
	u32 events;			/* what epoll watches; 0: not there */
	u32 guest_port, host_port;
	u32 owes;			/* 1 << OP_*: packets to the guest */
	u32 told_shut, guest_shut;	/* SHUT_*: ours that the guest knows or will, and its */
	/* ---- to the guest ---- */
	u32 sent, guest_fwd, guest_alloc;
	bool ended;			/* the host sends no more */
	/* ---- to the host ---- */
	u32 taken, told_taken;		/* bytes that the host has; and as the guest knows */
	u8 *buffer;			/* a ring, made when it is needed */
	u32 first, count;
	char line[LINE_MAX_SIZE];	/* CONN_LINE */
	u32 line_size;
};

/* ---- vsock.c ---- */
/* The host wants to talk to guest_port. */
void vsock_ask_guest(struct conn *c);
/* For the guest: packets that c owes, a SHUTDOWN of these halves. */
void vsock_owe(struct conn *c, u32 op);
void vsock_owe_shutdown(struct conn *c, u32 how);
/* How much may be read from the host for the guest now; 0: wait. */
u32 vsock_room(const struct conn *c);
/* Where to: the part of the held chain for `size` bytes. Then `size` of them are there. */
int vsock_rx_iov(u32 size, struct iovec *iov);
void vsock_rx_push(struct conn *c, u32 size);
/* Ends c and frees it; the guest gets a reset unless it knows (quiet). */
void vsock_end(struct conn *c, bool quiet);

/* ---- vsock_host.c ---- */
bool host_listen(const char *path);		/* false: reported */
void host_start(uv_loop_t *loop);
struct conn *host_conn_new(int fd, enum conn_state state);	/* NULL: too many */
void host_conn_free(struct conn *c);
u32 host_conn_count(void);
struct conn *host_conn_nth(u32 i);
/* A connection to what listens for `port`; NULL: nobody. */
struct conn *host_connect(u32 port);
/* The guest has accepted. */
void host_accepted(struct conn *c);
/* Bytes for the host; false: more than c may send. */
bool host_write(struct conn *c, const struct iovec *iov, int count, size_t size);
void host_shutdown(struct conn *c);	/* as c->guest_shut says, when all is written */
void host_update(struct conn *c);	/* what to wait for has changed */
/* The machine has ended: writes what there is, unless nobody reads it. */
void host_finish(bool patient);

#endif
