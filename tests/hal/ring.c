/* SPDX-License-Identifier: MIT */
/* The tests' virtio driver; see ring.h. */
#include "ring.h"

struct ring control_rx, control_tx;
static u8 *control_in;		/* CONTROL_BUFS of them */
static u32 control_last = U32_MAX;	/* the buffer of the latest message */

bool start(u32 dev, u64 features)
{
	hal_virtio_set_status(dev, 0);
	hal_virtio_set_status(dev, ACKNOWLEDGE | DRIVER);
	if (!(hal_virtio_features(dev) & VERSION_1))
		return false;
	hal_virtio_accept_features(dev, VERSION_1 | features);
	hal_virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return hal_virtio_status(dev) & FEATURES_OK;
}

void go(u32 dev)
{
	hal_virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

bool ring_setup_size(struct ring *r, u32 dev, u32 q, u32 size)
{
	u8 *page = page_new();

	r->dev = dev;
	r->q = q;
	r->desc = (struct desc *)page;
	r->avail = (u16 *)(page + 1024);
	r->used = (u16 *)(page + 2048);
	r->seen = 0;
	r->size = size;
	if (r == &control_rx)
		control_last = U32_MAX;
	return hal_virtio_queue_max(dev, q) >= size &&
	       !hal_virtio_queue_setup(dev, q, size, phys(r->desc), phys(r->avail), phys(r->used));
}

bool ring_setup(struct ring *r, u32 dev, u32 q)
{
	return ring_setup_size(r, dev, q, RING);
}

void ring_send(struct ring *r, const void *out, u32 out_size, void *in, u32 in_size)
{
	u16 idx = r->avail[1], head = idx % (r->size / 2) * 2;
	u32 n = 0;

	if (out_size)
		r->desc[head + n++] = (struct desc){ phys(out), out_size, in_size ? 1 : 0,
						     head + 1 };
	if (in_size)
		r->desc[head + n++] = (struct desc){ phys(in), in_size, 2, 0 };
	r->avail[2 + idx % r->size] = head;
	__atomic_store_n(&r->avail[1], idx + 1, __ATOMIC_SEQ_CST);
	hal_virtio_notify(r->dev, r->q);
}

bool ring_done(struct ring *r)
{
	return __atomic_load_n(&r->used[1], __ATOMIC_ACQUIRE) != r->seen;
}

s64 ring_wait(struct ring *r)
{
	u64 end = hal_clock_ns() + PATIENCE_NS;
	u32 *element;

	while (!ring_done(r)) {
		if (hal_clock_ns() > end)
			return -1;
		hal_timer_arm(end + 1000000);
		hal_idle();
	}
	hal_timer_arm(U64_MAX);
	element = (u32 *)((u8 *)r->used + 4 + 8 * (r->seen++ % r->size));
	r->last = element[0] / 2;
	return element[1];
}

void control_send(u32 id, u16 event, u16 value)
{
	struct control *c = page_new();

	*c = (struct control){ id, event, value };
	ring_send(&control_tx, c, sizeof(*c), NULL, 0);
	ring_wait(&control_tx);
}

struct control *control_message(void)
{
	control_last = control_rx.last;
	return (struct control *)(control_in + 64 * control_last);
}

/* QEMU drops a message for which there is no buffer: many are there at once,
 * and that of the latest message goes back, in its own slot (slots go round). */
void control_post(void)
{
	u32 count = control_last == U32_MAX ? CONTROL_BUFS : 1;

	if (!control_in)
		control_in = page_new();
	while (count--) {
		u8 *buf = control_in + 64 * (control_rx.avail[1] % CONTROL_BUFS);

		memset(buf, 0, 64);
		ring_send(&control_rx, NULL, 0, buf, 64);
	}
}

static bool is_name(const struct control *c, s64 size, const char *name)
{
	size_t len = 0;

	while (name[len])
		len++;
	if (size == (s64)(sizeof(*c) + len + 1) && !((const u8 *)(c + 1))[len])
		size--;		/* QEMU's names end in a NUL */
	return size == (s64)(sizeof(*c) + len) && !memcmp(c + 1, name, len);
}

bool ports_find(const char *const *names, s64 *ids, u32 count)
{
	struct control *c;
	u32 added = 0, opened = 0;
	s64 size;

	for (u32 i = 0; i < count; i++)
		ids[i] = -1;
	control_post();
	control_send(0, DEVICE_READY, 1);
	for (; !added || opened < added; control_post()) {
		size = ring_wait(&control_rx);
		c = control_message();
		if (size < (s64)sizeof(*c))
			return false;
		if (c->event == DEVICE_ADD) {
			added++;
			control_send(c->id, PORT_READY, 1);
		}
		for (u32 i = 0; c->event == PORT_NAME && i < count; i++)
			if (is_name(c, size, names[i]))
				ids[i] = c->id;
		opened += c->event == PORT_OPEN;
	}
	return true;
}
