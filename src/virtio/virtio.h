/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices and drivers; virtio.c has the life cycle.
 */
#ifndef HYLA_VIRTIO_VIRTIO_H
#define HYLA_VIRTIO_VIRTIO_H

#include "lib/types.h"
#include "virtio/virtqueue.h"

#define VIRTIO_MAX_QUEUES 64
#define VQ_INDIRECT_MAX 512	/* segments of one indirect chain */

#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX BIT(29)
#define VIRTIO_F_VERSION_1 BIT(32)

enum virtio_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4,
	VIRTIO_ID_BALLOON = 5,
	VIRTIO_ID_9P = 9,
	VIRTIO_ID_VSOCK = 19,
};

struct virtio_driver;

struct virtio_device {
	u32 nr;			/* the HAL's number */
	u32 queue_count;
	u64 features;		/* negotiated */
	bool broken;		/* was caught lying, or failed: reset, -EIO for ever */
	const struct virtio_driver *driver;	/* NULL: none */
	void *priv;		/* the driver's */
	struct virtqueue *queues[VIRTIO_MAX_QUEUES];
};

struct virtio_driver {
	const char *name;
	u32 id;			/* enum virtio_id */
	u64 features;		/* wanted, beside the ring features */
	/* Creates queues and state; the device is not live yet. May sleep. */
	int (*probe)(struct virtio_device *vdev);
	/* The device is live: post buffers, begin. NULL: nothing to do. */
	void (*start)(struct virtio_device *vdev);
	/* An interrupt that was not about a queue. Upcall. NULL: ignore. */
	void (*config)(struct virtio_device *vdev);
	/* The device was just reset for lying: fail every waiter. Any context;
	 * may be called out of vq_get. */
	void (*broken)(struct virtio_device *vdev);
};

extern const struct virtio_driver virtio_console_driver;
extern const struct virtio_driver virtio_rng_driver;
extern const struct virtio_driver virtio_9p_driver;
extern const struct virtio_driver virtio_blk_driver;
extern const struct virtio_driver virtio_balloon_driver;
extern const struct virtio_driver virtio_net_driver;
extern const struct virtio_driver virtio_vsock_driver;

/* Finds all devices and starts their drivers. Once at boot; may sleep. */
void virtio_init(void);
/* Resets the device and fails everything that waits for it. Idempotent. */
void virtio_break(struct virtio_device *vdev, const char *why);

u16 virtio_config_u16(struct virtio_device *vdev, u32 offset);
u32 virtio_config_u32(struct virtio_device *vdev, u32 offset);

#endif
