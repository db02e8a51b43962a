/* SPDX-License-Identifier: MIT */
/*
 * HAL conformance: virtio. Finds the devices, says something through the
 * console and gets entropy and a 9p version, where there are such devices;
 * then breaks a ring, which must harm that device only. A driver in 100 lines.
 */
#include "conformance.h"

#define RING 8u
#define VERSION_1 (1ul << 32)
#define PATIENCE_NS 5000000000ul

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40 };
enum { ID_CONSOLE = 3, ID_RNG = 4, ID_9P = 9 };

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct ring {
	u32 dev, q;
	struct desc *desc;
	u16 *avail;		/* flags, idx, ring[] */
	u16 *used;		/* flags, idx, then pairs of u32 */
	u16 seen;
};

static struct ring rings[8];

static bool ring_setup(struct ring *r, u32 dev, u32 q)
{
	u8 *page = page_new();

	r->dev = dev;
	r->q = q;
	r->desc = (struct desc *)page;
	r->avail = (u16 *)(page + 1024);
	r->used = (u16 *)(page + 2048);
	r->seen = 0;
	return hal_virtio_queue_max(dev, q) >= RING &&
	       !hal_virtio_queue_setup(dev, q, RING, phys(r->desc), phys(r->avail), phys(r->used));
}

/* One chain: out bytes to read, in bytes to write. */
static void ring_send(struct ring *r, const void *out, u32 out_size, void *in, u32 in_size)
{
	u16 head = r->avail[1] % RING / 2 * 2, idx = r->avail[1];
	u32 n = 0;

	if (out_size)
		r->desc[head + n++] = (struct desc){ phys(out), out_size, in_size ? 1 : 0,
						     head + 1 };
	if (in_size)
		r->desc[head + n++] = (struct desc){ phys(in), in_size, 2, 0 };
	r->avail[2 + idx % RING] = head;
	__atomic_store_n(&r->avail[1], idx + 1, __ATOMIC_SEQ_CST);
	hal_virtio_notify(r->dev, r->q);
}

/* Waits for the next used chain; its length, or -1. */
static s64 ring_wait(struct ring *r)
{
	u64 end = hal_clock_ns() + PATIENCE_NS;

	while (__atomic_load_n(&r->used[1], __ATOMIC_ACQUIRE) == r->seen) {
		if (hal_clock_ns() > end)
			return -1;
		hal_timer_arm(end + 1000000);
		hal_idle();
	}
	hal_timer_arm(U64_MAX);
	return *(u32 *)((u8 *)r->used + 4 + 8 * (r->seen++ % RING) + 4);
}

static bool start(u32 dev, u64 features)
{
	hal_virtio_set_status(dev, 0);
	hal_virtio_set_status(dev, ACKNOWLEDGE | DRIVER);
	if (!(hal_virtio_features(dev) & VERSION_1))
		return false;
	hal_virtio_accept_features(dev, VERSION_1 | features);
	hal_virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return hal_virtio_status(dev) & FEATURES_OK;
}

static void go(u32 dev)
{
	hal_virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void test_rng(u32 dev)
{
	u64 *random = page_new();
	u32 irqs = irq_count[dev];
	bool good;

	good = start(dev, 0) && ring_setup(&rings[0], dev, 0);
	check(good, "rng: set up");
	if (!good)
		return;
	go(dev);
	ring_send(&rings[0], NULL, 0, random, 64);
	check(ring_wait(&rings[0]) > 0 && random[0], "rng: entropy");
	check(irq_count[dev] > irqs, "rng: interrupt");

	/* A ring that leads out of memory. */
	rings[0].desc[0] = (struct desc){ 1ul << 60, 64, 2, 0 };
	rings[0].avail[2 + rings[0].avail[1] % RING] = 0;
	__atomic_add_fetch(&rings[0].avail[1], 1, __ATOMIC_SEQ_CST);
	hal_virtio_notify(dev, 0);
	for (u64 end = hal_clock_ns() + PATIENCE_NS; hal_clock_ns() < end;)
		if (hal_virtio_status(dev) & NEEDS_RESET)
			break;
	check(hal_virtio_status(dev) & NEEDS_RESET, "rng: a bad ring asks for a reset");
	good = start(dev, 0) && ring_setup(&rings[0], dev, 0);
	go(dev);
	random[0] = 0;
	ring_send(&rings[0], NULL, 0, random, 64);
	check(good && ring_wait(&rings[0]) > 0 && random[0], "rng: works after the reset");
}

static void test_9p(u32 dev)
{
	static const u8 version[] = "\x15\0\0\0\x64\xff\xff\0\x20\0\0\x08\0" "9P2000.L";
	u8 *out = page_new(), *in = page_new();
	bool good;

	good = start(dev, 1) && ring_setup(&rings[1], dev, 0);
	check(good, "9p: set up");
	if (!good)
		return;
	go(dev);
	memcpy(out, version, sizeof(version) - 1);
	ring_send(&rings[1], out, sizeof(version) - 1, in, 256);
	check_eq(ring_wait(&rings[1]), sizeof(version) - 1, "9p: length of the answer");
	check(in[4] == 0x65 && !memcmp(in + 13, "9P2000.L", 8), "9p: Rversion");
	out[4] = 99;		/* no such request */
	ring_send(&rings[1], out, 11, in, 256);
	check(ring_wait(&rings[1]) == 11 && in[4] == 7, "9p: Rlerror for nonsense");
	for (int i = 0; i < 100; i++) {
		out[4] = 100;
		ring_send(&rings[1], out, sizeof(version) - 1, in, 256);
		if (ring_wait(&rings[1]) != sizeof(version) - 1)
			good = false;
	}
	check(good, "9p: a hundred requests, one after the other");
}

struct control {
	u32 id;
	u16 event, value;
};

enum { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN,
       PORT_NAME };

static struct ring *control_rx = &rings[2], *control_tx = &rings[3], *port_tx = &rings[4];
static u8 *control_in;

static void control_send(u32 id, u16 event, u16 value)
{
	struct control *c = (struct control *)page_new();

	*c = (struct control){ id, event, value };
	ring_send(control_tx, c, sizeof(*c), NULL, 0);
	ring_wait(control_tx);
}

/* The next message, its length; the buffer goes back with the next call. */
static s64 control_receive(struct control **c)
{
	*c = (struct control *)control_in;
	memset(control_in, 0, 64);
	ring_send(control_rx, NULL, 0, control_in, 64);
	return ring_wait(control_rx);
}

/* Brings all ports up; the id of the one called "stdout", or -1. */
static s64 find_stdout(void)
{
	struct control *c;
	s64 id = -1, size;
	u32 added = 0, named = 0;

	control_send(0, DEVICE_READY, 1);
	do {
		size = control_receive(&c);
		if (size < (s64)sizeof(*c))
			return -1;
		if (c->event == DEVICE_ADD) {
			added++;
			control_send(c->id, PORT_READY, 1);
		}
		if (c->event == PORT_NAME) {
			named++;
			if (size == 14 && !memcmp(c + 1, "stdout", 6))
				id = c->id;
		}
	} while (named < added || !added || id < 0);
	return id;
}

static void test_console(u32 dev)
{
	char *text = page_new();
	s64 id;

	if (!start(dev, 2) || !ring_setup(control_rx, dev, 2) || !ring_setup(control_tx, dev, 3)) {
		check(false, "console: set up");
		return;
	}
	control_in = page_new();
	for (u32 q = 5; hal_virtio_queue_max(dev, q); q += 2)
		ring_setup(&rings[5], dev, q);
	go(dev);
	id = find_stdout();
	check(id > 0, "console: a port called stdout");
	if (id <= 0)
		return;
	/* Rings of the other ports were set up above; this port's is new now. */
	hal_virtio_set_status(dev, 0);
	start(dev, 2);
	ring_setup(control_rx, dev, 2);
	ring_setup(control_tx, dev, 3);
	ring_setup(port_tx, dev, 2 * id + 3);
	go(dev);
	check(find_stdout() == id, "console: the same after a reset");
	control_send(id, PORT_OPEN, 1);
	memcpy(text, "hello from the guest\n", 21);
	ring_send(port_tx, text, 21, NULL, 0);
	check(ring_wait(port_tx) >= 0, "console: output is taken");
}

void test_virtio(void)
{
	u32 count = hal_virtio_count();

	check(count <= HAL_VIRTIO_MAX, "virtio: number of devices");
	check_eq(hal_virtio_id(count), 0, "virtio: no device behind the last");
	check_eq(hal_virtio_queue_max(count, 0), 0, "virtio: nor a queue");
	for (u32 dev = 0; dev < count; dev++) {
		check_eq(hal_virtio_queue_max(dev, 1000), 0, "virtio: no queue 1000");
		if (hal_virtio_id(dev) == ID_RNG)
			test_rng(dev);
		if (hal_virtio_id(dev) == ID_9P)
			test_9p(dev);
		if (hal_virtio_id(dev) == ID_CONSOLE)
			test_console(dev);
	}
}
