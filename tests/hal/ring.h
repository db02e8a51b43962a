/* SPDX-License-Identifier: MIT */
/*
 * A virtio driver for the tests: rings of 8 entries, one chain at a time in
 * each (two descriptors per slot), and the control messages of a console.
 */
#ifndef TESTS_HAL_RING_H
#define TESTS_HAL_RING_H

#include "conformance.h"

#define RING 8u
#define CONTROL_RING 32u
#define CONTROL_BUFS (CONTROL_RING / 2)
#define VERSION_1 (1ul << 32)
#define PATIENCE_NS 5000000000ul

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40 };

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
	u32 size;
	u32 last;		/* slot of the latest used chain */
};

/* Up to FEATURES_OK; go() then says DRIVER_OK. */
bool start(u32 dev, u64 features);
void go(u32 dev);
bool ring_setup(struct ring *r, u32 dev, u32 q);
bool ring_setup_size(struct ring *r, u32 dev, u32 q, u32 size);
/* One chain: out bytes for the device to read, in bytes to write. */
void ring_send(struct ring *r, const void *out, u32 out_size, void *in, u32 in_size);
bool ring_done(struct ring *r);
/* Waits for the next used chain; its length, or -1. */
s64 ring_wait(struct ring *r);

struct control {
	u32 id;
	u16 event, value;
};

enum { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN,
       PORT_NAME };

extern struct ring control_rx, control_tx;

/* With the two control queues set up: announces us, brings all ports up, and
 * finds the ids of those called `names` (count of them), -1 for none. */
bool ports_find(const char *const *names, s64 *ids, u32 count);
void control_send(u32 id, u16 event, u16 value);
/* Gives the control buffers to the device; control_message() has what came. */
void control_post(void);
struct control *control_message(void);

#endif
