/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: virtio over MMIO, version 2 (virtio 1.x, 4.2).
 *
 * Windows come from the command line (virtio_mmio.device=SIZE@BASE:IRQ, as
 * Firecracker and microvm with acpi=off write it) or, on an ACPI machine
 * without any, from microvm's fixed places, where "virt" is looked for. A
 * window with version 1 (legacy) or device id 0 is passed over: QEMU needs
 * -global virtio-mmio.force-legacy=false.
 */
#include "abi/errno.h"
#include "hal/baremetal/bm.h"
#include "lib/string.h"

#define MICROVM_BASE 0xfeb00000ul
#define MICROVM_SLOTS 24u
#define MICROVM_GSI 24u
#define WINDOW 512u

enum reg {
	R_MAGIC = 0x00, R_VERSION = 0x04, R_DEVICE = 0x08,
	R_FEATURES = 0x10, R_FEATURES_SEL = 0x14, R_ACCEPT = 0x20, R_ACCEPT_SEL = 0x24,
	R_QUEUE_SEL = 0x30, R_QUEUE_MAX = 0x34, R_QUEUE_SIZE = 0x38, R_QUEUE_READY = 0x44,
	R_NOTIFY = 0x50, R_IRQ_STATUS = 0x60, R_IRQ_ACK = 0x64, R_STATUS = 0x70,
	R_DESC = 0x80, R_AVAIL = 0x90, R_USED = 0xa0, R_GENERATION = 0xfc, R_CONFIG = 0x100,
};

static u32 rd(const void *d, u32 reg)
{
	return *(const volatile u32 *)((const u8 *)d + reg);
}

static void wr(void *d, u32 reg, u32 v)
{
	*(volatile u32 *)((u8 *)d + reg) = v;
}

static u8 mmio_status(void *d)
{
	return (u8)rd(d, R_STATUS);
}

static void mmio_set_status(void *d, u8 status)
{
	wr(d, R_STATUS, status);
}

static u64 mmio_features(void *d)
{
	u64 v;

	wr(d, R_FEATURES_SEL, 0);
	v = rd(d, R_FEATURES);
	wr(d, R_FEATURES_SEL, 1);
	return v | (u64)rd(d, R_FEATURES) << 32;
}

static void mmio_accept(void *d, u64 features)
{
	wr(d, R_ACCEPT_SEL, 0);
	wr(d, R_ACCEPT, (u32)features);
	wr(d, R_ACCEPT_SEL, 1);
	wr(d, R_ACCEPT, (u32)(features >> 32));
}

static void mmio_config_read(void *d, u32 offset, void *buf, u32 size)
{
	u32 gen, tries = 0;

	do {
		gen = rd(d, R_GENERATION);
		for (u32 i = 0; i < size; i++)
			((u8 *)buf)[i] = *((const volatile u8 *)d + R_CONFIG + offset + i);
	} while (gen != rd(d, R_GENERATION) && ++tries < 10);
}

static void mmio_config_write(void *d, u32 offset, const void *buf, u32 size)
{
	for (u32 i = 0; i < size; i++)
		*((volatile u8 *)d + R_CONFIG + offset + i) = ((const u8 *)buf)[i];
}

static u32 mmio_queue_max(void *d, u32 q)
{
	wr(d, R_QUEUE_SEL, q);
	return rd(d, R_QUEUE_READY) ? 0 : rd(d, R_QUEUE_MAX);
}

static void wr64(void *d, u32 reg, u64 v)
{
	wr(d, reg, (u32)v);
	wr(d, reg + 4, (u32)(v >> 32));
}

static int mmio_queue_setup(void *d, u32 q, u32 size, u64 desc, u64 avail, u64 used)
{
	wr(d, R_QUEUE_SEL, q);
	if (rd(d, R_QUEUE_READY) || rd(d, R_QUEUE_MAX) < size)
		return -ENOENT;
	wr(d, R_QUEUE_SIZE, size);
	wr64(d, R_DESC, desc);
	wr64(d, R_AVAIL, avail);
	wr64(d, R_USED, used);
	wr(d, R_QUEUE_READY, 1);
	return 0;
}

static void mmio_notify(void *d, u32 q)
{
	wr(d, R_NOTIFY, q);
}

static void mmio_ack(void *d)
{
	wr(d, R_IRQ_ACK, rd(d, R_IRQ_STATUS));
}

static const struct bm_virtio_ops mmio_ops = {
	.status = mmio_status,
	.set_status = mmio_set_status,
	.features = mmio_features,
	.accept = mmio_accept,
	.config_read = mmio_config_read,
	.config_write = mmio_config_write,
	.queue_max = mmio_queue_max,
	.queue_setup = mmio_queue_setup,
	.notify = mmio_notify,
	.ack = mmio_ack,
};

static void add_window(u64 base, u32 gsi)
{
	void *d = (void *)(u64)mmio_map(base, WINDOW);
	int nr;

	if (rd(d, R_MAGIC) != 0x74726976 || rd(d, R_VERSION) != 2 || rd(d, R_DEVICE) == 0)
		return;
	nr = bm_virtio_add(rd(d, R_DEVICE), &mmio_ops, d);
	if (nr < 0 || ioapic_route(gsi, VEC_DEVICE + (u32)nr))
		bm_log("hyla: a virtio-mmio device has no interrupt\n");
}

/* SIZE@BASE:IRQ; false when it is not that. */
static bool parse_window(const char *s, u64 *base, u64 *gsi)
{
	char text[64];
	char *at, *colon, *end;

	strlcpy(text, s, sizeof(text));
	end = strchr(text, ' ');
	if (end)
		*end = '\0';
	at = strchr(text, '@');
	colon = at ? strchr(at, ':') : NULL;
	if (!colon)
		return false;
	*colon = '\0';
	end = strchr(colon + 1, ':');		/* an id may follow */
	if (end)
		*end = '\0';
	return !parse_u64(at + 1, 0, base) && !parse_u64(colon + 1, 0, gsi);
}

void virtio_mmio_probe(void)
{
	const char *arg;
	u32 nr = 0;

	while ((arg = cmdline_find("virtio_mmio.device", nr++))) {
		u64 base, gsi;

		if (parse_window(arg, &base, &gsi) && base < 1ul << 40)
			add_window(base, (u32)gsi);
	}
	if (nr > 1 || !bm_acpi.hw_reduced)
		return;
	for (u32 i = MICROVM_SLOTS; i-- > 0;)
		add_window(MICROVM_BASE + i * WINDOW, MICROVM_GSI + i);
}
