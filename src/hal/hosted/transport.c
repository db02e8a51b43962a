/* SPDX-License-Identifier: MIT */
/*
 * Hosted HAL: the virtio transport, kernel side. A device is a struct
 * hosted_dev in shared memory; a notification is a bit there and the doorbell
 * of the thread that serves the device; an interrupt is a pending bit (cpu.c).
 * A reset waits until the device process has let go of the rings, but only if
 * there are rings that it may hold. The device process is trusted no more than
 * a device is: every index is checked and config is copied byte by byte.
 */
#include "hal/hosted/linux.h"
#include "hal/hosted/private.h"
#include "hal/virtio.h"

#define RESET_PATIENCE_NS 5000000000ul

static struct hosted_dev *device(u32 dev)
{
	struct hosted_shared *sh = hosted_shared();

	return dev < sh->nr_devs && dev < HOSTED_DEVS ? &sh->dev[dev] : NULL;
}

static void ring(u32 nr)
{
	struct hosted_bell *bell = &hosted_shared()->bell[nr];

	__atomic_add_fetch(&bell->seq, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&bell->sleeping, __ATOMIC_SEQ_CST))
		host_futex_wake(&bell->seq, 1);
}

u32 hal_virtio_count(void)
{
	return min(hosted_shared()->nr_devs, (u32)HOSTED_DEVS);
}

u32 hal_virtio_id(u32 dev)
{
	struct hosted_dev *d = device(dev);

	return d ? d->id : 0;
}

u8 hal_virtio_status(u32 dev)
{
	struct hosted_dev *d = device(dev);

	return d ? __atomic_load_n(&d->status, __ATOMIC_ACQUIRE) : 0;
}

/* True if some queue was in use: then the other side has to agree. */
static bool disable_queues(struct hosted_dev *d)
{
	bool used = false;

	for (u32 q = 0; q < HOSTED_QUEUES; q++)
		used |= __atomic_exchange_n(&d->queue[q].ready, 0, __ATOMIC_SEQ_CST) != 0;
	return used;
}

static void reset(struct hosted_dev *d)
{
	u64 end = hal_clock_ns() + RESET_PATIENCE_NS;
	struct host_timespec pause = { 0, 1000000 };
	u32 want, done;

	__atomic_store_n(&d->status, 0, __ATOMIC_SEQ_CST);
	if (!disable_queues(d))
		return;
	want = __atomic_add_fetch(&d->reset, 1, __ATOMIC_SEQ_CST);
	ring(d->bell);
	for (;;) {
		done = __atomic_load_n(&d->reset_done, __ATOMIC_ACQUIRE);
		if (done == want || hal_clock_ns() > end)
			break;
		host_futex_wait(&d->reset_done, done, &pause);
	}
	__atomic_store_n(&d->notify, 0, __ATOMIC_SEQ_CST);
}

void hal_virtio_set_status(u32 dev, u8 status)
{
	struct hosted_dev *d = device(dev);

	if (!d)
		return;
	if (status == 0)
		reset(d);
	else
		__atomic_store_n(&d->status, status, __ATOMIC_SEQ_CST);
}

u64 hal_virtio_features(u32 dev)
{
	struct hosted_dev *d = device(dev);

	return d ? d->features : 0;
}

void hal_virtio_accept_features(u32 dev, u64 features)
{
	struct hosted_dev *d = device(dev);

	if (d)
		d->accepted = features;
}

void hal_virtio_config_read(u32 dev, u32 offset, void *buf, u32 size)
{
	struct hosted_dev *d = device(dev);
	u8 *out = buf;

	for (u32 i = 0; i < size; i++) {
		u64 at = (u64)offset + i;

		out[i] = d && at < HOSTED_CONFIG_SPACE ? READ_ONCE(d->config[at]) : 0;
	}
}

/* No device here has a configuration field that a driver may write. */
void hal_virtio_config_write(u32 dev, u32 offset, const void *buf, u32 size)
{
	(void)dev;
	(void)offset;
	(void)buf;
	(void)size;
}

u32 hal_virtio_queue_max(u32 dev, u32 q)
{
	struct hosted_dev *d = device(dev);

	return d && q < d->nr_queues && q < HOSTED_QUEUES ? d->queue_max : 0;
}

int hal_virtio_queue_setup(u32 dev, u32 q, u32 size, paddr_t desc, paddr_t avail, paddr_t used)
{
	struct hosted_dev *d = device(dev);
	u32 most = hal_virtio_queue_max(dev, q);

	if (!most || !size || size > most || size & (size - 1))
		return -22;	/* EINVAL */
	d->queue[q].size = size;
	d->queue[q].desc = desc;
	d->queue[q].avail = avail;
	d->queue[q].used = used;
	__atomic_store_n(&d->queue[q].ready, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void hal_virtio_notify(u32 dev, u32 q)
{
	struct hosted_dev *d = device(dev);

	if (!d || q >= HOSTED_QUEUES)
		return;
	if (d->bell == HOSTED_BELL_9P)
		__atomic_or_fetch(&hosted_priv()->busy_9p, 1u << dev, __ATOMIC_RELAXED);
	__atomic_or_fetch(&d->notify, 1u << q, __ATOMIC_SEQ_CST);
	ring(d->bell);
}
