/* SPDX-License-Identifier: MIT */
/*
 * HAL conformance: the socket device, if there is one, and a driver that lies to it.
 * Nobody listens on the host's side, so a request is answered by a reset.
 */
#include "conformance.h"
#include "ring.h"

#define HOST 2u
#define MANY 64u	/* resets that wait for buffers; more stop the queue */

enum { REQUEST = 1, RESPONSE, RST, SHUTDOWN, RW };

struct packet {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port, len;
	u16 type, op;
	u32 flags, buf_alloc, fwd_cnt;
	u8 data[20];
} __packed;

static struct ring rx, tx;
static struct packet *in, *out;
static u64 cid;

static bool set_up(u32 dev)
{
	bool good = start(dev, 0) && ring_setup(&rx, dev, 0) && ring_setup(&tx, dev, 1);

	go(dev);
	hal_virtio_config_read(dev, 0, &cid, sizeof(cid));
	return good;
}

/* From port `from` of ours to port 99 of the host; size bytes of it. */
static void send(u32 from, u16 op, u16 type, u32 size)
{
	*out = (struct packet){ .src_cid = cid, .dst_cid = HOST, .src_port = from, .dst_port = 99,
				.type = type, .op = op, .buf_alloc = 4096 };
	ring_send(&tx, out, size, NULL, 0);
}

/* Gives a buffer; is what comes a reset for that port? */
static bool reset_comes(u32 port, u16 type)
{
	memset(in, 0, 44);
	ring_send(&rx, NULL, 0, in, 4096);
	return ring_wait(&rx) == 44 && in->op == RST && in->type == type && in->src_cid == HOST &&
	       in->dst_cid == cid && in->src_port == 99 && in->dst_port == port && !in->len;
}

static void test_answers(void)
{
	send(1000, REQUEST, 1, 44);
	check(ring_wait(&tx) >= 0 && reset_comes(1000, 1), "vsock: nobody there: a reset");
	send(1001, RW, 1, 60);
	check(ring_wait(&tx) >= 0 && reset_comes(1001, 1), "vsock: no connection: a reset");
	send(1002, REQUEST, 2, 44);
	check(ring_wait(&tx) >= 0 && reset_comes(1002, 2), "vsock: an unknown type: a reset");
}

/* None of these is answered: the next answer is the next request's. */
static void test_lies(void)
{
	send(1003, RST, 1, 44);
	ring_wait(&tx);
	send(1004, REQUEST, 1, 43);
	ring_wait(&tx);
	for (u32 i = 0; i < 4; i++) {
		*out = (struct packet){ .src_cid = cid, .dst_cid = HOST, .src_port = 1005,
					.dst_port = 99, .type = 1, .op = RW };
		if (i == 0)
			out->len = 21;
		else if (i == 1)
			out->len = U32_MAX;
		else if (i == 2)
			out->src_cid++;
		else
			out->dst_cid = 1ul << 32 | HOST;
		ring_send(&tx, out, sizeof(*out), NULL, 0);
		ring_wait(&tx);
	}
	send(1006, REQUEST, 1, 44);
	check(ring_wait(&tx) >= 0 && reset_comes(1006, 1), "vsock: lies are dropped");
}

static void test_buffers(void)
{
	bool good = true;

	ring_send(&rx, NULL, 0, in, 20);
	send(1007, REQUEST, 1, 44);
	ring_wait(&tx);
	check(!ring_wait(&rx), "vsock: a buffer that is too small comes back");
	check(reset_comes(1007, 1), "vsock: and the packet waits for the next");
	for (u32 i = 0; i <= MANY; i++) {
		send(2000 + i, REQUEST, 1, 44);
		if (i < MANY)
			good &= ring_wait(&tx) >= 0;
	}
	check(good, "vsock: answers wait for buffers");
	for (u32 i = 0; i <= MANY; i++)
		good &= reset_comes(2000 + i, 1);
	check(good && ring_wait(&tx) >= 0, "vsock: and none is lost");
}

void test_vsock(u32 dev)
{
	in = page_new();
	out = page_new();
	if (!set_up(dev)) {
		check(false, "vsock: set up");
		return;
	}
	check(cid > HOST && cid < U32_MAX, "vsock: an address for a guest");
	test_answers();
	test_lies();
	test_buffers();
	tx.desc[0] = (struct desc){ 1ul << 60, 44, 0, 0 };
	tx.avail[2 + tx.avail[1] % RING] = 0;
	__atomic_add_fetch(&tx.avail[1], 1, __ATOMIC_SEQ_CST);
	hal_virtio_notify(dev, 1);
	for (u64 end = hal_clock_ns() + PATIENCE_NS / 10; hal_clock_ns() < end;)
		if (hal_virtio_status(dev) & NEEDS_RESET)
			break;
	/* QEMU does not hear of it from the device. */
	check(hal_virtio_status(dev) & NEEDS_RESET || !ring_done(&tx),
	      "vsock: a bad ring asks for a reset, or is not served");
	check(set_up(dev), "vsock: set up again");
	send(1008, REQUEST, 1, 44);
	check(ring_wait(&tx) >= 0 && reset_comes(1008, 1), "vsock: works after the reset");
}
