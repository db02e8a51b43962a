/* SPDX-License-Identifier: MIT */
/*
 * HAL conformance: virtio. Finds the devices, says something through the
 * console and gets entropy, a 9p version, resets, where there are such devices;
 * then breaks a ring, which must harm that device only.
 */
#include "conformance.h"
#include "ring.h"

static struct ring rings[8];

enum { ID_CONSOLE = 3, ID_RNG = 4, ID_9P = 9, ID_VSOCK = 19 };

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
	/* The device moves the index first and interrupts next. */
	for (u64 end = hal_clock_ns() + 5000000000ul; irq_count[dev] == irqs && hal_clock_ns() < end;)
		hal_poll();
	check(irq_count[dev] > irqs, "rng: interrupt");

	/* A ring that leads out of memory. */
	rings[0].desc[0] = (struct desc){ 1ul << 60, 64, 2, 0 };
	rings[0].avail[2 + rings[0].avail[1] % RING] = 0;
	__atomic_add_fetch(&rings[0].avail[1], 1, __ATOMIC_SEQ_CST);
	hal_virtio_notify(dev, 0);
	for (u64 end = hal_clock_ns() + PATIENCE_NS; hal_clock_ns() < end;)
		if (hal_virtio_status(dev) & NEEDS_RESET || ring_done(&rings[0]))
			break;
	/* QEMU's takes the entropy and drops it. */
	check(hal_virtio_status(dev) & NEEDS_RESET || ring_done(&rings[0]),
	      "rng: a bad ring asks for a reset, or does no harm");
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
	u64 start_ns;
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
	start_ns = hal_clock_ns();
	for (int i = 0; i < 100; i++) {
		out[4] = 100;
		ring_send(&rings[1], out, sizeof(version) - 1, in, 256);
		if (ring_wait(&rings[1]) != sizeof(version) - 1)
			good = false;
	}
	check(good, "9p: a hundred requests, one after the other");
	note("ns per request", (hal_clock_ns() - start_ns) / 100);
}

static void test_console(u32 dev)
{
	static const char *const names[] = { "stdout", "no such port" };
	char *text = page_new();
	s64 ids[2];
	bool good;

	if (!start(dev, 2) || !ring_setup_size(&control_rx, dev, 2, CONTROL_RING) ||
	    !ring_setup(&control_tx, dev, 3)) {
		check(false, "console: set up");
		return;
	}
	go(dev);
	good = ports_find(names, ids, 2);
	check(good && ids[0] > 0, "console: a port called stdout");
	check_eq(ids[1], -1ul, "console: and none that is not there");
	if (!good || ids[0] <= 0)
		return;
	start(dev, 2);
	good = ring_setup_size(&control_rx, dev, 2, CONTROL_RING) && ring_setup(&control_tx, dev, 3) &&
	       ring_setup(&rings[2], dev, 2 * ids[0] + 3);
	go(dev);
	good = good && ports_find(names, &ids[1], 1);
	check(good && ids[0] == ids[1], "console: the same after a reset");
	control_send(ids[0], PORT_OPEN, 1);
	memcpy(text, "hello from the guest\n", 21);
	ring_send(&rings[2], text, 21, NULL, 0);
	check(ring_wait(&rings[2]) >= 0, "console: output is taken");
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
		if (hal_virtio_id(dev) == ID_VSOCK)
			test_vsock(dev);
	}
}
