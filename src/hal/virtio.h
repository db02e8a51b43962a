/* SPDX-License-Identifier: MIT */
/*
 * The HAL's virtio transport (virtio 1.x, split rings, VERSION_1 only).
 *
 * The drivers (src/virtio/) are the core's and know nothing of the transport:
 * MMIO or PCI on bare metal, shared memory hosted. Devices are numbered from
 * 0; numbers never change. Everything read from a device is untrusted.
 */
#ifndef HYLA_HAL_VIRTIO_H
#define HYLA_HAL_VIRTIO_H

#include "lib/types.h"

#define HAL_VIRTIO_MAX 32

u32 hal_virtio_count(void);
/* Virtio device id (1 net, 2 block, 3 console, 4 entropy, 9 9p, ...); 0: none. */
u32 hal_virtio_id(u32 dev);
u8 hal_virtio_status(u32 dev);
void hal_virtio_set_status(u32 dev, u8 status);	/* 0 resets the device */
u64 hal_virtio_features(u32 dev);
void hal_virtio_accept_features(u32 dev, u64 features);
void hal_virtio_config_read(u32 dev, u32 offset, void *buf, u32 size);
void hal_virtio_config_write(u32 dev, u32 offset, const void *buf, u32 size);
/* Largest ring that queue q may have (entries); 0: no such queue. */
u32 hal_virtio_queue_max(u32 dev, u32 q);
/* Enables queue q with `size` entries (power of two); addresses are physical. */
int hal_virtio_queue_setup(u32 dev, u32 q, u32 size, paddr_t desc, paddr_t avail,
			   paddr_t used) __must_check;
void hal_virtio_notify(u32 dev, u32 q);

/* Upcall: device dev has used buffers or changed its configuration. */
void kern_virtio_irq(u32 dev);

#endif
