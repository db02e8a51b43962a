/* SPDX-License-Identifier: MIT */
/*
 * A core that is cat: copies the console port stdin to stdout until its end,
 * or until nobody reads any more, and halts with exit code 0 or 3. For tests
 * of the console's flow control: what goes in must come out, byte for byte.
 * With "arg=true" in the configuration it does nothing but halt.
 */
#include "ring.h"

#define CHUNK 4096u

static struct ring rx, tx;
static bool in_ended, out_ended;

static void look_at_control(s64 in, s64 out)
{
	struct control *c;

	while (ring_done(&control_rx)) {
		ring_wait(&control_rx);
		c = control_message();
		if (c->event == PORT_OPEN && !c->value && c->id == in)
			in_ended = true;
		if (c->event == PORT_OPEN && !c->value && c->id == out)
			out_ended = true;
		control_post();
	}
}

static void __noreturn copy(s64 in, s64 out)
{
	u8 *buf[2] = { page_new(), page_new() };
	u32 turn = 0;
	bool writing = false;

	ring_send(&rx, NULL, 0, buf[0], CHUNK);
	for (;;) {
		look_at_control(in, out);
		if (out_ended)
			hal_halt(3 << 8);
		if (ring_done(&rx) && !(writing && !ring_done(&tx))) {
			s64 size = ring_wait(&rx);

			if (writing)
				ring_wait(&tx);
			ring_send(&tx, buf[turn], size, NULL, 0);
			writing = true;
			turn ^= 1;
			ring_send(&rx, NULL, 0, buf[turn], CHUNK);
			continue;
		}
		/* The end was told after the last data went into the ring. */
		if (in_ended && !ring_done(&rx))
			break;
		hal_idle();
	}
	if (writing)
		ring_wait(&tx);
	hal_halt(0);
}

static bool is_true(void)
{
	const char *config = hal_info()->config;

	return config && !memcmp(config, "arg=true", 9);
}

void kern_main(void)
{
	static const char *const names[] = { "stdin", "stdout" };
	s64 ids[2];
	u32 dev = 0;

	if (is_true())
		hal_halt(0);
	while (hal_virtio_id(dev) != 3)
		if (++dev == hal_virtio_count())
			hal_halt(4 << 8);
	if (!start(dev, 2) || !ring_setup_size(&control_rx, dev, 2, CONTROL_RING) ||
	    !ring_setup(&control_tx, dev, 3))
		hal_halt(5 << 8);
	go(dev);
	if (!ports_find(names, ids, 2) || ids[0] < 0 || ids[1] < 0)
		hal_halt(6 << 8);
	ring_setup(&rx, dev, 2 * ids[0] + 2);
	ring_setup(&tx, dev, 2 * ids[1] + 3);
	control_send(ids[0], PORT_OPEN, 1);
	control_send(ids[1], PORT_OPEN, 1);
	copy(ids[0], ids[1]);
}
