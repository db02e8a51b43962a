/* SPDX-License-Identifier: MIT */
/*
 * The device end of virtio: split rings over shared memory (virtio 1.2, 2.7).
 *
 * A ring is an array of descriptors (address, length, flags, next), an
 * "available" ring in which the driver puts chain heads, and a "used" ring in
 * which the device gives them back:
 *
 *   driver: desc[] <- chain; avail.ring[idx % n] <- head; avail.idx++ ; notify
 *   device: chain = desc[avail.ring[last % n]]...; used.ring[...] <- (head, length);
 *           used.idx++ ; interrupt, unless avail.flags says no
 *
 * All of that is guest memory, which may say anything and change at any time.
 * So: addresses are checked against the memory's size, descriptors are copied
 * before they are looked at, chains have at most VCHAIN_MAX links, and a ring
 * that breaks a rule puts its device into NEEDS_RESET; the others go on.
 *
 * A device belongs to one thread (its bell); nothing here is locked.
 */
#ifndef HYLA_HAL_HOSTED_VDEV_H
#define HYLA_HAL_HOSTED_VDEV_H

#include <sys/uio.h>

#include "hal/hosted/machine.h"

#define VCHAIN_MAX 256

enum { VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4, VIRTIO_ID_9P = 9,
       VIRTIO_ID_VSOCK = 19 };
enum { VIRTIO_DRIVER_OK = 4, VIRTIO_NEEDS_RESET = 0x40 };
#define VIRTIO_F_INDIRECT_DESC (1ul << 28)
#define VIRTIO_F_VERSION_1 (1ul << 32)

struct vqueue {
	bool live;
	u32 size;
	u16 last_avail, used_idx;
	u8 *desc, *avail, *used;
};

/* A chain that was taken from a ring. The iovecs point into guest memory. */
struct vchain {
	u16 head;
	int nr_out, nr_in;	/* device reads out, writes in */
	size_t out_size, in_size;
	struct iovec out[VCHAIN_MAX], in[VCHAIN_MAX];
};

struct vdev;

struct vdev_ops {
	/* The driver has made buffers available in queue q. */
	void (*queue)(struct vdev *dev, u32 q);
	/* The driver wants its rings back: forget all chains. */
	void (*reset)(struct vdev *dev);
};

struct vdev {
	struct machine *m;
	struct hosted_dev *hd;
	u32 nr;
	bool broken;
	bool want_irq;		/* something was used since the last interrupt */
	const struct vdev_ops *ops;
	void *data;		/* the device's own */
	struct vqueue q[HOSTED_QUEUES];
};

struct vdev_config {
	u32 id, nr_queues, bell;
	u64 features;		/* beside VERSION_1 */
	const void *config;
	u32 config_size;
};

/* Before machine_start(). NULL (reported) when there are too many. */
struct vdev *vdev_add(struct machine *m, const struct vdev_config *config,
		      const struct vdev_ops *ops, void *data);
/* Serves what the doorbell `bell` announces; true if there was anything. */
bool vdev_serve(struct machine *m, u32 bell);
/* Serves every queue of every device of the bell once more, asked or not. */
void vdev_serve_all(struct machine *m, u32 bell);
/* Interrupts for whatever was used. */
void vdev_flush_irq(struct vdev *dev);
/* Changes bytes of the configuration space and tells the driver. */
void vdev_set_config(struct vdev *dev, u32 offset, const void *data, u32 size);

/* Takes the next chain: 1, 0 if there is none, -1 if the ring is broken. */
int vq_pop(struct vdev *dev, u32 q, struct vchain *c);
/* True if vq_pop would find something. */
bool vq_ready(struct vdev *dev, u32 q);
/* Gives a chain back with `len` bytes written to it. */
void vq_push(struct vdev *dev, u32 q, u16 head, u32 len);

/* Copies from or to an iovec list, from byte `offset` on; how much there was. */
size_t iov_get(const struct iovec *iov, int count, size_t offset, void *buf, size_t size);
size_t iov_put(const struct iovec *iov, int count, size_t offset, const void *buf, size_t size);
/* The part [offset, offset + size) of a list, as a list; returns its length. */
int iov_part(const struct iovec *iov, int count, size_t offset, size_t size, struct iovec *out);

#endif
