/* SPDX-License-Identifier: MIT */
/*
 * The simulated HAL's virtio devices: the other end is the test.
 *
 * A test fills in a struct sim_device and adds it before it boots. notify() plays
 * the device: it takes chains with sim_next(), gives them back with sim_used(),
 * and asks for an interrupt, which the kernel gets when it idles or at the next
 * system call. Nothing here checks what the device does: it may lie.
 */
#include "abi/errno.h"
#include "hal/sim/sim.h"
#include "hal/virtio.h"
#include "lib/string.h"
#include "mm/page.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

struct desc {
	u64 addr;
	u32 size;
	u16 flags, next;
};

static struct sim_device *devices[HAL_VIRTIO_MAX];
static u32 count;

void sim_add_device(struct sim_device *d)
{
	devices[count++] = d;
}

static struct sim_device *device(u32 dev)
{
	return dev < count ? devices[dev] : NULL;
}

bool sim_deliver_irqs(void)
{
	bool any = false;

	for (u32 i = 0; i < count; i++) {
		if (!devices[i]->irq)
			continue;
		devices[i]->irq = false;
		any = true;
		kern_virtio_irq(i);
	}
	return any;
}

/* ---- the device's side of the rings ---- */

static u16 *avail_word(const struct sim_queue *q, u32 nr)
{
	return (u16 *)phys_to_virt(q->avail) + nr;
}

bool sim_next(struct sim_device *d, u32 nr, struct sim_chain *c)
{
	struct sim_queue *q = &d->queue[nr];
	const struct desc *table = q->desc ? phys_to_virt(q->desc) : NULL;
	u32 at;

	if (!table || q->last_avail == *avail_word(q, 1))
		return false;
	at = c->head = *avail_word(q, 2 + q->last_avail++ % q->size);
	c->count = 0;
	if (table[at].flags & DESC_INDIRECT) {
		table = phys_to_virt(table[at].addr);
		at = 0;
	}
	while (c->count < SIM_CHAIN_MAX) {
		c->seg[c->count++] = (struct sim_seg){ phys_to_virt(table[at].addr), table[at].size,
						       table[at].flags & DESC_WRITE };
		if (!(table[at].flags & DESC_NEXT))
			break;
		at = table[at].next;
	}
	return true;
}

void sim_used(struct sim_device *d, u32 nr, u32 head, u32 len)
{
	struct sim_queue *q = &d->queue[nr];
	u16 *used = phys_to_virt(q->used);
	u32 *elem = (u32 *)(used + 2) + 2 * (used[1] % q->size);

	elem[0] = head;
	elem[1] = len;
	used[1]++;
	d->irq = true;
}

void sim_used_index_add(struct sim_device *d, u32 nr, u16 n)
{
	((u16 *)phys_to_virt(d->queue[nr].used))[1] += n;
	d->irq = true;
}

/* ---- the kernel's side ---- */

u32 hal_virtio_count(void) { return count; }
u32 hal_virtio_id(u32 dev) { return device(dev) ? device(dev)->id : 0; }
u8 hal_virtio_status(u32 dev) { return device(dev) ? device(dev)->status : 0; }
u64 hal_virtio_features(u32 dev) { return device(dev) ? device(dev)->features : 0; }

void hal_virtio_set_status(u32 dev, u8 status)
{
	struct sim_device *d = device(dev);

	if (!d)
		return;
	d->status = status;
	if (status)
		return;
	d->resets++;
	if (d->ignores_reset)	/* goes on with the rings that it knows */
		return;
	memset(d->queue, 0, sizeof(d->queue));
}

void hal_virtio_accept_features(u32 dev, u64 features)
{
	if (device(dev))
		device(dev)->accepted = features;
}

u32 hal_virtio_queue_max(u32 dev, u32 q)
{
	return device(dev) && q < device(dev)->queues ? device(dev)->queue_max : 0;
}

void hal_virtio_notify(u32 dev, u32 q)
{
	if (device(dev) && q < SIM_QUEUES && device(dev)->notify)
		device(dev)->notify(device(dev), q);
}

void hal_virtio_config_read(u32 dev, u32 offset, void *buf, u32 size)
{
	const struct sim_device *d = device(dev);

	memset(buf, 0, size);
	for (u32 i = 0; d && i < size && offset + i < sizeof(d->config); i++)
		((u8 *)buf)[i] = d->config[offset + i];
}

void hal_virtio_config_write(u32 dev, u32 offset, const void *buf, u32 size)
{
	struct sim_device *d = device(dev);

	for (u32 i = 0; d && i < size && offset + i < sizeof(d->config); i++)
		d->config[offset + i] = ((const u8 *)buf)[i];
}

int hal_virtio_queue_setup(u32 dev, u32 q, u32 size, paddr_t desc, paddr_t avail, paddr_t used)
{
	struct sim_device *d = device(dev);

	if (!d || q >= d->queues || q >= SIM_QUEUES)
		return -ENODEV;
	d->queue[q] = (struct sim_queue){ desc, avail, used, size, 0 };
	return 0;
}
