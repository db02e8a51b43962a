/* SPDX-License-Identifier: MIT */
/*
 * Virtio: probing, feature negotiation, interrupts, breaking.
 *
 * Every device that the HAL numbers and that has a driver gets a struct
 * virtio_device, for ever (no hot plug). Start-up follows virtio 1.x, 3.1.1:
 * reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK, queues (driver->probe),
 * DRIVER_OK, driver->start. A device without VERSION_1 is refused.
 *
 * kern_virtio_irq is the HAL's upcall: it takes the kernel lock, runs on
 * whatever kernel stack there is, may not sleep, and calls the callback of
 * each queue with used buffers. Callbacks complete requests and wake tasks.
 * An interrupt that no queue explains is a configuration change.
 *
 * virtio_break answers a lying or dead device: reset (so it owns no buffer any
 * more), then the driver fails its waiters with -EIO. The kernel goes on.
 */
#include "virtio/virtio.h"

#include "abi/errno.h"
#include "hal/virtio.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "mm/slab.h"

enum virtio_status {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 64,
	STATUS_FAILED = 128,
};

static const struct virtio_driver *const drivers[] = {
	&virtio_console_driver,
	&virtio_rng_driver,
	&virtio_9p_driver,
	&virtio_blk_driver,
	&virtio_balloon_driver,
	&virtio_net_driver,
	&virtio_vsock_driver,
};

static struct virtio_device *devices[HAL_VIRTIO_MAX];

u16 virtio_config_u16(struct virtio_device *vdev, u32 offset)
{
	u16 v = 0;

	hal_virtio_config_read(vdev->nr, offset, &v, sizeof(v));
	return v;
}

u32 virtio_config_u32(struct virtio_device *vdev, u32 offset)
{
	u32 v = 0;

	hal_virtio_config_read(vdev->nr, offset, &v, sizeof(v));
	return v;
}

void virtio_break(struct virtio_device *vdev, const char *why)
{
	if (vdev->broken)
		return;
	vdev->broken = true;
	log_err("virtio%u (%s): broken: %s\n", vdev->nr, vdev->driver->name, why);
	hal_virtio_set_status(vdev->nr, 0);
	if (vdev->driver->broken)
		vdev->driver->broken(vdev);
}

void kern_virtio_irq(u32 dev)
{
	struct virtio_device *vdev = dev < HAL_VIRTIO_MAX ? devices[dev] : NULL;
	bool any = false;

	if (!vdev || vdev->broken)
		return;
	kernel_lock();		/* it nests */
	for (u32 q = 0; q < vdev->queue_count; q++) {
		struct virtqueue *vq = vdev->queues[q];

		if (!vq || !vq->callback || !vq_pending(vq))
			continue;
		any = true;
		vq->callback(vq);
	}
	if (any || vdev->broken)
		;
	else if (hal_virtio_status(dev) & STATUS_NEEDS_RESET)
		virtio_break(vdev, "asks for a reset");
	else if (vdev->driver->config)
		vdev->driver->config(vdev);
	kernel_unlock();
}

static int negotiate(struct virtio_device *vdev)
{
	u64 offered = hal_virtio_features(vdev->nr);
	u8 status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;

	if (!(offered & VIRTIO_F_VERSION_1))
		return -ENODEV;
	vdev->features = offered & (vdev->driver->features | VIRTIO_F_VERSION_1 |
				    VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
	hal_virtio_accept_features(vdev->nr, vdev->features);
	hal_virtio_set_status(vdev->nr, status | STATUS_FEATURES_OK);
	if (!(hal_virtio_status(vdev->nr) & STATUS_FEATURES_OK))
		return -ENODEV;
	return 0;
}

static int device_start(u32 nr, const struct virtio_driver *driver)
{
	struct virtio_device *vdev = kzalloc(sizeof(*vdev));
	int err;

	if (!vdev)
		return -ENOMEM;
	vdev->nr = nr;
	vdev->driver = driver;
	hal_virtio_set_status(nr, 0);
	hal_virtio_set_status(nr, STATUS_ACKNOWLEDGE);
	hal_virtio_set_status(nr, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	err = negotiate(vdev);
	if (!err)
		err = driver->probe(vdev);
	if (err)
		goto fail;
	devices[nr] = vdev;
	hal_virtio_set_status(nr, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK |
				  STATUS_DRIVER_OK);
	if (driver->start)
		driver->start(vdev);
	return 0;

fail:
	hal_virtio_set_status(nr, 0);
	for (u32 q = 0; q < vdev->queue_count; q++) {
		if (vdev->queues[q])
			vq_destroy(vdev->queues[q]);
	}
	hal_virtio_set_status(nr, STATUS_FAILED);
	kfree(vdev);
	return err;
}

void virtio_init(void)
{
	u32 count = min(hal_virtio_count(), (u32)HAL_VIRTIO_MAX);

	for (u32 nr = 0; nr < count; nr++) {
		u32 id = hal_virtio_id(nr);

		for (u32 i = 0; i < ARRAY_SIZE(drivers); i++) {
			int err;

			if (drivers[i]->id != id)
				continue;
			err = device_start(nr, drivers[i]);
			if (err)
				log_warn("virtio%u (%s): not usable: error %d\n", nr,
					 drivers[i]->name, -err);
		}
	}
}
