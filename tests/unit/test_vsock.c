/* SPDX-License-Identifier: MIT */
/*
 * virtio-vsock and AF_VSOCK, against a simulated device that plays the host: honest,
 * slow, and lying. Sockets do not block, so that the script can play both sides.
 */
#include "unit.h"

#include "abi/poll.h"
#include "abi/socket.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/vsock.h"
#include "virtio/virtio.h"

enum { CLOSE = 3, POLL = 7, IOCTL = 16, GETPID = 39, SOCKET = 41, CONNECT, SENDTO = 44, RECVFROM,
       BIND = 49, LISTEN, GETSOCKOPT = 55, FCNTL = 72, OPENAT = 257, ACCEPT4 = 288 };
enum { CID = 42, PORT = 5000, HOST_PORT = 1234, BUFFER = 262144 };

#define ADDR (SIM_SCRATCH)
#define DATA (SIM_SCRATCH + 1024)
#define LOGGED 512u

static struct vsock_hdr seen[LOGGED];	/* what the driver sent */
static u32 nr_seen;
static u8 stream[1 << 20];		/* the bytes of its data packets */
static u32 streamed;
static bool hold_tx;
static u64 seed = 7;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void vs_notify(struct sim_device *d, u32 q)
{
	static struct sim_chain c;

	while (q == 1 && !hold_tx && sim_next(d, 1, &c)) {
		struct vsock_hdr h;

		ck_assert_uint_eq(c.seg[0].size, sizeof(h));
		memcpy(&h, c.seg[0].data, sizeof(h));
		ck_assert_uint_eq(h.len, c.count > 1 ? c.seg[1].size : 0);
		if (nr_seen < LOGGED)
			seen[nr_seen++] = h;
		for (u32 i = 0; i < h.len && streamed < sizeof(stream); i++)
			stream[streamed++] = c.seg[1].data[i];
		sim_used(d, 1, c.head, 0);
	}
}

static struct sim_device dev = {
	.id = VIRTIO_ID_VSOCK, .queues = 3, .queue_max = 128,
	.features = VIRTIO_F_VERSION_1, .config = { CID }, .notify = vs_notify,
};

/* Interrupts come with the next system call. */
static void settle(void)
{
	ck_assert_int_eq(sim_sys0(GETPID), 2);
	ck_assert_int_eq(sim_sys0(GETPID), 2);
}

static struct vsock_hdr packet(u16 op, u32 port, u32 len)
{
	return (struct vsock_hdr){
		.src_cid = VMADDR_CID_HOST, .dst_cid = CID, .src_port = HOST_PORT,
		.dst_port = port, .len = len, .type = VSOCK_TYPE_STREAM, .op = op,
		.buf_alloc = 65536,
	};
}

/* A packet comes in; the device says that it wrote `size` bytes. */
static bool put(const struct vsock_hdr *h, u32 size)
{
	static struct sim_chain c;

	if (!sim_next(&dev, 0, &c))
		return false;
	memcpy(c.seg[0].data, h, sizeof(*h));
	for (u32 i = 0; i < min(h->len, c.seg[1].size); i++)
		c.seg[1].data[i] = (u8)(i * 7);
	sim_used(&dev, 0, c.head, size);
	settle();
	return true;
}

static void input(struct vsock_hdr h)
{
	ck_assert(put(&h, (u32)sizeof(h) + h.len));
}

static const struct vsock_hdr *last(void)
{
	ck_assert_uint_gt(nr_seen, 0);
	return &seen[nr_seen - 1];
}

static void poke_addr(u32 cid, u32 port)
{
	struct sockaddr_vm a = { .family = AF_VSOCK, .cid = cid, .port = port };

	ck_assert(sim_poke(ADDR, &a, sizeof(a)));
}

static int new_socket(void)
{
	s64 fd = sim_sys3(SOCKET, AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	return (int)fd;
}

static int so_error(int fd)
{
	int v[2] = { -1, 4 };

	ck_assert(sim_poke(DATA, v, sizeof(v)));
	ck_assert_int_eq(sim_sys6(GETSOCKOPT, fd, SOL_SOCKET, SO_ERROR, DATA, DATA + 4, 0), 0);
	ck_assert(sim_peek(v, DATA, sizeof(v)));
	return v[0];
}

static s64 receive(int fd, u32 size)
{
	return sim_sys6(RECVFROM, fd, DATA, size, 0, 0, 0);
}

static s64 transmit(int fd, u32 size)
{
	return sim_sys6(SENDTO, fd, DATA, size, MSG_NOSIGNAL, 0, 0);
}

static u32 events(int fd)
{
	struct { int fd; u16 events, revents; } p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };

	ck_assert(sim_poke(DATA, &p, sizeof(p)));
	ck_assert_int_ge(sim_sys3(POLL, DATA, 1, 0), 0);
	ck_assert(sim_peek(&p, DATA, sizeof(p)));
	return p.revents;
}

/* A socket that asked the host for a connection; *port is its own. */
static int asking(u32 *port)
{
	int fd = new_socket();

	poke_addr(VMADDR_CID_HOST, HOST_PORT);
	ck_assert_int_eq(sim_sys3(CONNECT, fd, ADDR, 16), -EINPROGRESS);
	ck_assert_uint_eq(last()->op, VSOCK_OP_REQUEST);
	ck_assert_uint_eq(last()->src_cid, CID);
	ck_assert_uint_eq(last()->dst_cid, VMADDR_CID_HOST);
	ck_assert_uint_eq(last()->dst_port, HOST_PORT);
	ck_assert_uint_eq(last()->buf_alloc, BUFFER);
	*port = last()->src_port;
	return fd;
}

static int connected(u32 *port)
{
	int fd = asking(port);

	input(packet(VSOCK_OP_RESPONSE, *port, 0));
	ck_assert_uint_eq(events(fd), POLLOUT);
	return fd;
}

static int listening(void)
{
	int fd = new_socket();

	poke_addr(VMADDR_CID_ANY, PORT);
	ck_assert_int_eq(sim_sys3(BIND, fd, ADDR, 16), 0);
	ck_assert_int_eq(sim_sys2(LISTEN, fd, 1), 0);
	return fd;
}

/* ---- honest ---- */

static void bytes_both_ways(void)
{
	struct vsock_hdr h;
	u32 port, total = 0;
	int fd = connected(&port);
	u8 b[16];

	for (u32 i = 0; i < sizeof(b); i++)
		b[i] = (u8)(i * 3);
	ck_assert(sim_poke(DATA, b, sizeof(b)));
	ck_assert_int_eq(transmit(fd, 16), 16);
	ck_assert_uint_eq(last()->op, VSOCK_OP_RW);
	ck_assert_mem_eq(stream, b, 16);
	while (total + 4096 <= BUFFER) {	/* all that the credit allows */
		h = packet(VSOCK_OP_RW, port, 4096);
		h.fwd_cnt = 16;
		input(h);
		total += 4096;
	}
	ck_assert_int_eq(receive(fd, 1000), 1000);
	ck_assert(sim_peek(b, DATA + 512, 16));
	for (u32 i = 0; i < 16; i++)
		ck_assert_uint_eq(b[i], (u8)((512 + i) * 7));
	for (total -= 1000; total; ) {
		s64 n = receive(fd, 3000);

		ck_assert_int_gt(n, 0);
		total -= (u32)n;
	}
	ck_assert_int_eq(receive(fd, 1), -EAGAIN);
	ck_assert_uint_eq(last()->op, VSOCK_OP_CREDIT_UPDATE);
	ck_assert_uint_gt(last()->fwd_cnt, BUFFER - 65536);
	h = packet(VSOCK_OP_SHUTDOWN, port, 0);
	h.fwd_cnt = 16;
	h.flags = 3;
	input(h);
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	ck_assert_int_eq(receive(fd, 1), 0);
	ck_assert_int_eq(transmit(fd, 1), -EPIPE);
	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
}

static void host_connects(void)
{
	int l = listening(), fd;

	input(packet(VSOCK_OP_REQUEST, PORT, 0));
	ck_assert_uint_eq(last()->op, VSOCK_OP_RESPONSE);
	ck_assert_uint_eq(last()->src_port, PORT);
	ck_assert_uint_eq(last()->dst_port, HOST_PORT);
	ck_assert_uint_eq(events(l), POLLIN);
	fd = (int)sim_sys4(ACCEPT4, l, 0, 0, SOCK_NONBLOCK);
	ck_assert_int_ge(fd, 0);
	input(packet(VSOCK_OP_RW, PORT, 100));
	ck_assert_int_eq(receive(fd, 4096), 100);
	ck_assert_int_eq(transmit(fd, 10), 10);
	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
	ck_assert_uint_eq(last()->op, VSOCK_OP_SHUTDOWN);
	ck_assert_uint_eq(last()->flags, 3);
	input(packet(VSOCK_OP_RW, PORT, 100));		/* too late, and harmless */
	input(packet(VSOCK_OP_RST, PORT, 0));
	input(packet(VSOCK_OP_RW, PORT, 100));		/* nobody there now */
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	for (u32 i = 0; i < 3; i++) {			/* the backlog is 1 */
		struct vsock_hdr h = packet(VSOCK_OP_REQUEST, PORT, 0);

		h.src_port += i;
		input(h);
		ck_assert_uint_eq(last()->op, i < 2 ? VSOCK_OP_RESPONSE : VSOCK_OP_RST);
	}
	ck_assert_int_eq(sim_sys1(CLOSE, l), 0);	/* ends those that wait, too */
	ck_assert_uint_eq(seen[nr_seen - 1].op, VSOCK_OP_SHUTDOWN);
	ck_assert_uint_eq(seen[nr_seen - 2].op, VSOCK_OP_SHUTDOWN);
}

static void refused_and_silent(void)
{
	u32 port;
	int fd = asking(&port);

	input(packet(VSOCK_OP_RST, port, 0));
	ck_assert_uint_eq(events(fd) & POLLERR, POLLERR);
	ck_assert_int_eq(so_error(fd), ECONNRESET);
	fd = asking(&port);				/* nobody answers: a blocking one */
	ck_assert_int_eq(sim_sys3(FCNTL, fd, 4, 0), 0);
	ck_assert_int_eq(sim_sys3(CONNECT, fd, ADDR, 16), -ETIMEDOUT);
	input(packet(VSOCK_OP_RESPONSE, port, 0));	/* too late */
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	fd = asking(&port);
	input(packet(VSOCK_OP_RW, port, 5));		/* no answer to a request */
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	ck_assert_int_eq(so_error(fd), EPROTO);
}

/* The device takes nothing from the ring for a while. */
static void slow_device(void)
{
	struct vsock_hdr h;
	u32 port, sent = 0;
	int fd = connected(&port), fd2, n;
	u8 b;

	h = packet(VSOCK_OP_CREDIT_UPDATE, port, 0);
	h.buf_alloc = 1 << 20;
	input(h);
	hold_tx = true;
	for (;; sent++) {
		b = (u8)sent;
		ck_assert(sim_poke(DATA, &b, 1));
		n = (int)transmit(fd, 1);
		if (n != 1)
			break;
	}
	ck_assert_int_eq(n, -EAGAIN);
	ck_assert_uint_ge(sent, 32);
	ck_assert_uint_le(sent, 64);
	ck_assert_uint_eq(events(fd), 0);
	fd2 = new_socket();				/* its request has to wait */
	poke_addr(VMADDR_CID_HOST, HOST_PORT + 1);
	ck_assert_int_eq(sim_sys3(CONNECT, fd2, ADDR, 16), -EINPROGRESS);
	for (u32 i = 0; i < 200; i++) {			/* so do resets, up to a limit */
		h = packet(VSOCK_OP_RW, 77, 1);
		h.src_port = i;
		input(h);
	}
	hold_tx = false;
	vs_notify(&dev, 1);
	settle();
	ck_assert_uint_eq(events(fd), POLLOUT);
	ck_assert_uint_eq(streamed, sent);
	for (u32 i = 0; i < sent; i++)
		ck_assert_uint_eq(stream[i], (u8)i);
	settle();
	for (u32 i = n = 0; i < nr_seen; i++) {
		n += seen[i].op == VSOCK_OP_RST;
		b += seen[i].op == VSOCK_OP_REQUEST;
	}
	ck_assert_int_eq(n, VSOCK_RESETS);
	ck_assert_uint_eq(b, (u8)(sent + 2));
}

static void closing_takes_eight_seconds(void)
{
	u32 port, port2;
	int fd = connected(&port);
	struct { s64 sec, nsec; } ts = { 9, 0 };

	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
	ck_assert_uint_eq(last()->op, VSOCK_OP_SHUTDOWN);
	poke_addr(VMADDR_CID_ANY, port);
	fd = new_socket();
	ck_assert_int_eq(sim_sys3(BIND, fd, ADDR, 16), -EADDRINUSE);
	ck_assert(sim_poke(DATA, &ts, sizeof(ts)));
	ck_assert_int_eq(sim_sys2(35, DATA, 0), 0);	/* nanosleep */
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	ck_assert_uint_eq(last()->src_port, port);
	poke_addr(VMADDR_CID_ANY, port);
	ck_assert_int_eq(sim_sys3(BIND, fd, ADDR, 16), 0);
	connected(&port2);
	ck_assert_uint_ne(port2, port);
}

/* ---- events ---- */

static void send_event(u32 id)
{
	static struct sim_chain c;

	ck_assert(sim_next(&dev, 2, &c));
	memcpy(c.seg[0].data, &id, 4);
	sim_used(&dev, 2, c.head, 4);
	settle();
}

static u32 local_cid(void)
{
	u32 cid = 0;
	s64 fd;

	ck_assert(sim_poke(DATA, "/dev/vsock", 11));
	fd = sim_sys4(OPENAT, -100, DATA, 0, 0);
	if (fd < 0)
		return vsock_own_cid();			/* no /dev here */
	ck_assert_int_eq(sim_sys3(IOCTL, fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, DATA), 0);
	ck_assert(sim_peek(&cid, DATA, 4));
	return cid;
}

static void transport_reset(void)
{
	u32 port, port2;
	int fd = connected(&port), fd2 = asking(&port2), l = listening();

	ck_assert_uint_eq(local_cid(), CID);
	send_event(7);					/* unknown: nothing */
	ck_assert_uint_eq(events(fd), POLLOUT);
	dev.config[0] = 43;
	send_event(0);
	ck_assert_uint_eq(local_cid(), 43);
	ck_assert_uint_eq(events(fd) & POLLERR, POLLERR);
	ck_assert_int_eq(so_error(fd), ECONNRESET);
	ck_assert_int_eq(so_error(fd2), ECONNRESET);
	ck_assert_int_eq(transmit(fd, 1), -ENOTCONN);
	for (u32 i = 0; i < 20; i++)
		send_event(0);
	ck_assert_uint_eq(events(l), 0);
	struct vsock_hdr h = packet(VSOCK_OP_REQUEST, PORT, 0);
	h.dst_cid = 43;
	input(h);
	ck_assert_uint_eq(last()->op, VSOCK_OP_RESPONSE);
	ck_assert_uint_eq(last()->src_cid, 43);
	dev.config[0] = 1;				/* no guest's */
	send_event(0);
	ck_assert_ptr_nonnull(strstr(sim_log(), "no address"));
}

static void broken_ring(void)
{
	u32 port, port2;
	int fd = connected(&port), fd2 = asking(&port2), l = listening();

	hold_tx = true;
	ck_assert_int_eq(transmit(fd, 5), 5);
	sim_used_index_add(&dev, 0, 1000);
	settle();
	ck_assert_ptr_nonnull(strstr(sim_log(), "broken"));
	ck_assert_int_eq(so_error(fd), ECONNRESET);
	ck_assert_int_eq(so_error(fd2), ECONNRESET);
	ck_assert_int_eq(transmit(fd, 1), -ENOTCONN);
	ck_assert_int_eq(receive(fd, 1), -ENOTCONN);
	ck_assert_uint_eq(local_cid(), VMADDR_CID_LOCAL);
	poke_addr(77, HOST_PORT);
	ck_assert_int_eq(sim_sys3(CONNECT, new_socket(), ADDR, 16), -ENODEV);
	poke_addr(VMADDR_CID_LOCAL, PORT);		/* the loopback goes on */
	ck_assert_int_eq(sim_sys3(CONNECT, new_socket(), ADDR, 16), 0);
	ck_assert_int_ge(sim_sys4(ACCEPT4, l, 0, 0, SOCK_NONBLOCK), 0);
	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
}

/* ---- lies ---- */

static void expect_reset(int fd, u32 port, struct vsock_hdr h)
{
	input(h);
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	ck_assert_uint_eq(last()->src_port, port);
	ck_assert_int_eq(so_error(fd), ECONNRESET);
	ck_assert_int_eq(transmit(fd, 1), -ENOTCONN);
}

static void credit_lies(void)
{
	struct vsock_hdr h;
	u32 port;
	int fd = connected(&port);

	h = packet(VSOCK_OP_CREDIT_UPDATE, port, 0);
	h.fwd_cnt = 1;					/* of nothing that we sent */
	expect_reset(fd, port, h);

	fd = connected(&port);
	ck_assert_int_eq(transmit(fd, 100), 100);
	h = packet(VSOCK_OP_CREDIT_UPDATE, port, 0);
	h.fwd_cnt = 60;
	input(h);
	h.fwd_cnt = 59;					/* takes it back */
	expect_reset(fd, port, h);

	fd = connected(&port);
	h = packet(VSOCK_OP_CREDIT_UPDATE, port, 0);
	h.fwd_cnt = 0x80000000u;
	expect_reset(fd, port, h);

	fd = connected(&port);
	h = packet(VSOCK_OP_RW, port, 4096);
	for (u32 i = 0; i < BUFFER / 4096; i++)
		input(h);
	ck_assert_uint_eq(events(fd), POLLIN | POLLOUT);
	h.len = 1;					/* beyond the credit */
	expect_reset(fd, port, h);

	fd = connected(&port);		/* a window that shrinks */
	ck_assert_int_eq(transmit(fd, 100), 100);
	h = packet(VSOCK_OP_CREDIT_UPDATE, port, 0);
	h.buf_alloc = 10;
	input(h);
	ck_assert_int_eq(transmit(fd, 1), -EAGAIN);
	h.buf_alloc = 0;
	h.fwd_cnt = 100;
	input(h);
	ck_assert_int_eq(transmit(fd, 1), -EAGAIN);
	h.buf_alloc = U32_MAX;				/* more than we would ever use */
	input(h);
	ck_assert_int_eq(transmit(fd, 1), 1);
}

static void bad_packets(void)
{
	struct vsock_hdr h, good;
	u32 port, before;
	int fd = connected(&port);

	good = packet(VSOCK_OP_RW, port, 10);
	before = nr_seen;
	for (u32 i = 0; i < 8; i++) {
		h = good;
		if (i == 0)
			h.dst_cid = CID + 1;
		else if (i == 1)
			h.dst_cid |= 1ul << 32;
		else if (i == 2)
			h.src_cid = CID;
		else if (i == 3)
			h.src_cid = VMADDR_CID_LOCAL;
		else if (i == 4)
			h.src_cid = VMADDR_CID_ANY;
		else if (i == 5)
			h.src_cid |= 1ul << 40;
		else if (i == 6)
			h.len = 11;			/* more than there is */
		else
			h.len = U32_MAX;
		ck_assert(put(&h, sizeof(h) + 10));
	}
	ck_assert(put(&good, 43));			/* no whole header */
	ck_assert(put(&good, 0));
	ck_assert_uint_eq(nr_seen, before);		/* all dropped */
	ck_assert_int_eq(receive(fd, 1), -EAGAIN);
	h = good;
	h.op = 99;
	input(h);
	h.op = VSOCK_OP_REQUEST;			/* there is a connection already */
	input(h);
	h.op = VSOCK_OP_INVALID;
	input(h);
	ck_assert_int_eq(receive(fd, 1), -EAGAIN);
	h = good;
	h.type = 2;
	input(h);
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	ck_assert_uint_eq(last()->type, 2);
	h = good;
	h.src_port++;					/* somebody else to our port */
	input(h);
	ck_assert_uint_eq(last()->op, VSOCK_OP_RST);
	ck_assert_uint_eq(last()->dst_port, HOST_PORT + 1);
	h.op = VSOCK_OP_RST;				/* never answered */
	before = nr_seen;
	input(h);
	ck_assert_uint_eq(nr_seen, before);
	input(good);
	ck_assert_int_eq(receive(fd, 100), 10);
}

static struct vsock_hdr random_header(const u32 *ports)
{
	struct vsock_hdr h = packet((u16)(rnd() % 9), ports[rnd() % 4], 0);

	if (h.op == VSOCK_OP_RW)
		h.len = (u32)(rnd() % 4097);
	h.flags = (u32)rnd() % 8;
	if (rnd() % 8 == 0)
		h.fwd_cnt = (u32)rnd();
	if (rnd() % 8 == 0)
		h.buf_alloc = (u32)rnd();
	if (rnd() % 16 == 0)
		h.type = (u16)rnd();
	if (rnd() % 16 == 0)
		h.src_cid = rnd();
	h.src_port += (u32)(rnd() % 3);
	return h;
}

/* Anything comes in, and programs go on: memory stays bounded, and all of it returns. */
static void random_lies(void)
{
	u64 free = page_counts.free;
	u32 ports[4] = { PORT, 1, 2, 3 };
	int fd[3] = { listening(), -1, -1 }, n;

	for (u32 i = 0; i < 600 && dev.resets < 2; i++) {
		struct vsock_hdr h = random_header(ports);
		u32 k = 1 + (u32)(rnd() & 1);

		if (!put(&h, rnd() % 10 ? (u32)sizeof(h) + h.len : (u32)(rnd() % 4140)))
			break;
		ck_assert_uint_gt(page_counts.free + 400, free);
		if (rnd() % 40 == 0)
			sim_used(&dev, (u32)(rnd() % 3), (u32)(rnd() % 130), (u32)(rnd() % 5000));
		if (fd[k] < 0 && rnd() % 2) {
			fd[k] = (int)sim_sys4(ACCEPT4, fd[0], 0, 0, SOCK_NONBLOCK);
		} else if (fd[k] < 0) {
			fd[k] = new_socket();
			poke_addr(VMADDR_CID_HOST, HOST_PORT + (u32)(rnd() % 3));
			sim_sys3(CONNECT, fd[k], ADDR, 16);
			ports[k] = nr_seen ? last()->src_port : 1;
		} else if (rnd() % 12 == 0) {
			sim_sys1(CLOSE, fd[k]);
			fd[k] = -1;
		} else {
			n = (int)(rnd() % 2 ? receive(fd[k], 2000) : transmit(fd[k], 2000));
			ck_assert_int_ne(n, -EFAULT);
			events(fd[k]);
		}
		nr_seen %= LOGGED - 8;
	}
	for (u32 i = 0; i < 3; i++)
		if (fd[i] >= 0)
			sim_sys1(CLOSE, fd[i]);
}

/* ---- without memory ---- */

static u64 objects;

static void count_objects(const struct slab_cache *c, void *arg __unused)
{
	if (!strcmp(c->name, "vsock_cache") || !strcmp(c->name, "file_cache"))
		objects += c->inuse;
}

static u64 sockets_alive(void)
{
	objects = 0;
	slab_for_each(count_objects, NULL);
	return objects;
}

/* Whatever fails, the sockets go, and what was read is right. */
static void whole_life(void)
{
	int l, fd, got;
	u32 port;

	l = (int)sim_sys3(SOCKET, AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
	poke_addr(VMADDR_CID_ANY, PORT);
	sim_sys3(BIND, l, ADDR, 16);
	sim_sys2(LISTEN, l, 1);
	input(packet(VSOCK_OP_REQUEST, PORT, 0));
	fd = (int)sim_sys4(ACCEPT4, l, 0, 0, SOCK_NONBLOCK);
	input(packet(VSOCK_OP_RW, PORT, 4096));
	got = (int)receive(fd, 4096);
	ck_assert_int_ne(got, 0);	/* less when the page of our buffer fails */
	transmit(fd, 30000);
	sim_sys1(CLOSE, fd);
	input(packet(VSOCK_OP_RST, PORT, 0));
	sim_sys1(CLOSE, l);
	fd = (int)sim_sys3(SOCKET, AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
	poke_addr(VMADDR_CID_HOST, HOST_PORT);
	if (sim_sys3(CONNECT, fd, ADDR, 16) == -EINPROGRESS) {
		port = last()->src_port;
		input(packet(VSOCK_OP_RESPONSE, port, 0));
		transmit(fd, 5000);
		input(packet(VSOCK_OP_RST, port, 0));
	}
	sim_sys1(CLOSE, fd);
}

static void failed_allocations(void)
{
	u64 before, n = 1;

	whole_life();
	before = sockets_alive();
	do {
		fail_arm(n++);
		whole_life();
		streamed = nr_seen = 0;
		ck_assert_uint_lt(n, 500);
		ck_assert_uint_eq(sockets_alive(), before);
	} while (!fail_left());
	fail_arm(0);
	ck_assert_uint_gt(n, 10);
	for (u32 i = 0; i < 30; i++)		/* the receive ring recovers */
		whole_life();
	ck_assert_uint_eq(sockets_alive(), before);
}

/* A device without an address for a guest is not used. */
static void no_address(void)
{
	ck_assert_ptr_nonnull(strstr(sim_log(), "not usable"));
	poke_addr(77, HOST_PORT);
	ck_assert_int_eq(sim_sys3(CONNECT, new_socket(), ADDR, 16), -ENODEV);
}

static void boot_with(void (*script)(void))
{
	sim_add_device(&dev);
	ck_assert_int_eq(sim_boot(script), 0);
}

START_TEST(data_and_credit) { boot_with(bytes_both_ways); } END_TEST
START_TEST(the_host_connects) { boot_with(host_connects); } END_TEST
START_TEST(no_connection) { boot_with(refused_and_silent); } END_TEST
START_TEST(a_device_that_is_slow) { boot_with(slow_device); } END_TEST
START_TEST(an_orphan_ends) { boot_with(closing_takes_eight_seconds); } END_TEST
START_TEST(reset_events) { boot_with(transport_reset); } END_TEST
START_TEST(a_ring_that_lies) { boot_with(broken_ring); } END_TEST
START_TEST(credit_that_lies) { boot_with(credit_lies); } END_TEST
START_TEST(packets_that_lie) { boot_with(bad_packets); } END_TEST
START_TEST(no_memory) { boot_with(failed_allocations); } END_TEST
START_TEST(indirect)
{
	dev.features |= VIRTIO_F_INDIRECT_DESC;
	boot_with(_i ? failed_allocations : bytes_both_ways);
}
END_TEST
START_TEST(addresses)
{
	dev.config[0] = 2;
	boot_with(no_address);
}
END_TEST
START_TEST(random_lies_do_no_harm)
{
	seed = 99 + (u64)_i;
	boot_with(random_lies);
}
END_TEST

Suite *vsock_suite(void)
{
	Suite *s = suite_create("vsock");
	TCase *tc = tcase_create("vsock");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, data_and_credit);
	tcase_add_test(tc, the_host_connects);
	tcase_add_test(tc, no_connection);
	tcase_add_test(tc, a_device_that_is_slow);
	tcase_add_test(tc, an_orphan_ends);
	tcase_add_test(tc, reset_events);
	tcase_add_test(tc, a_ring_that_lies);
	tcase_add_test(tc, credit_that_lies);
	tcase_add_test(tc, packets_that_lie);
	tcase_add_test(tc, no_memory);
	tcase_add_loop_test(tc, indirect, 0, 2);
	tcase_add_test(tc, addresses);
	tcase_add_loop_test(tc, random_lies_do_no_harm, 0, 30);
	suite_add_tcase(s, tc);
	return s;
}
