/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: the HAL's virtio interface over MMIO and PCI transports.
 *
 * Devices are numbered in the order in which they are found: MMIO windows of
 * the command line, then those of microvm's ACPI machine, then PCI functions.
 * Each has an interrupt vector of its own, so an interrupt names its device.
 * A number beyond the last is no device: id 0, no queues.
 */
#include "abi/errno.h"
#include "hal/baremetal/bm.h"
#include "hal/virtio.h"
#include "lib/string.h"

struct slot {
	u32 id;
	const struct bm_virtio_ops *ops;
	void *d;
};

static u8 no_status(void *d) { (void)d; return 0; }
static void no_set_status(void *d, u8 status) { (void)d; (void)status; }
static u64 no_features(void *d) { (void)d; return 0; }
static void no_accept(void *d, u64 features) { (void)d; (void)features; }
static u32 no_queue(void *d, u32 q) { (void)d; (void)q; return 0; }
static void no_notify(void *d, u32 q) { (void)d; (void)q; }

static void no_config_read(void *d, u32 offset, void *buf, u32 size)
{
	(void)d;
	(void)offset;
	memset(buf, 0, size);
}

static void no_config_write(void *d, u32 offset, const void *buf, u32 size)
{
	(void)d;
	(void)offset;
	(void)buf;
	(void)size;
}

static int no_setup(void *d, u32 q, u32 size, u64 desc, u64 avail, u64 used)
{
	(void)d;
	(void)q;
	(void)size;
	(void)desc;
	(void)avail;
	(void)used;
	return -ENOENT;
}

static const struct bm_virtio_ops no_ops = {
	.status = no_status,
	.set_status = no_set_status,
	.features = no_features,
	.accept = no_accept,
	.config_read = no_config_read,
	.config_write = no_config_write,
	.queue_max = no_queue,
	.queue_setup = no_setup,
	.notify = no_notify,
};

static const struct slot no_slot = { .ops = &no_ops };
static struct slot slots[HAL_VIRTIO_MAX];
static u32 slot_count;

static const struct slot *slot(u32 dev)
{
	return dev < slot_count ? &slots[dev] : &no_slot;
}

int bm_virtio_add(u32 id, const struct bm_virtio_ops *ops, void *d)
{
	if (slot_count == HAL_VIRTIO_MAX)
		return -ENOSPC;
	slots[slot_count] = (struct slot){ id, ops, d };
	return (int)slot_count++;
}

void bm_virtio_init(void)
{
	virtio_mmio_probe();
	virtio_pci_probe();
}

void bm_virtio_irq(u32 vector)
{
	u32 nr = vector - VEC_DEVICE;

	if (vector < VEC_DEVICE || nr >= slot_count) {
		apic_eoi();
		return;
	}
	if (slots[nr].ops->ack)
		slots[nr].ops->ack(slots[nr].d);
	apic_eoi();
	kern_virtio_irq(nr);
}

u32 hal_virtio_count(void)
{
	return slot_count;
}

u32 hal_virtio_id(u32 dev)
{
	return slot(dev)->id;
}

u8 hal_virtio_status(u32 dev)
{
	return slot(dev)->ops->status(slot(dev)->d);
}

void hal_virtio_set_status(u32 dev, u8 status)
{
	const struct slot *s = slot(dev);

	s->ops->set_status(s->d, status);
	for (u32 i = 0; status == 0 && i < 100000 && s->ops->status(s->d); i++)
		__builtin_ia32_pause();		/* a reset may take a moment */
}

u64 hal_virtio_features(u32 dev)
{
	return slot(dev)->ops->features(slot(dev)->d);
}

void hal_virtio_accept_features(u32 dev, u64 features)
{
	slot(dev)->ops->accept(slot(dev)->d, features);
}

void hal_virtio_config_read(u32 dev, u32 offset, void *buf, u32 size)
{
	slot(dev)->ops->config_read(slot(dev)->d, offset, buf, size);
}

void hal_virtio_config_write(u32 dev, u32 offset, const void *buf, u32 size)
{
	slot(dev)->ops->config_write(slot(dev)->d, offset, buf, size);
}

u32 hal_virtio_queue_max(u32 dev, u32 q)
{
	return slot(dev)->ops->queue_max(slot(dev)->d, q);
}

int hal_virtio_queue_setup(u32 dev, u32 q, u32 size, paddr_t desc, paddr_t avail, paddr_t used)
{
	return slot(dev)->ops->queue_setup(slot(dev)->d, q, size, desc, avail, used);
}

void hal_virtio_notify(u32 dev, u32 q)
{
	slot(dev)->ops->notify(slot(dev)->d, q);
}
