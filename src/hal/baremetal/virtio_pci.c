/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: virtio over PCI, modern devices with MSI-X (virtio 1.x, 4.1).
 *
 * Buses are walked through ECAM (MCFG, or microvm's fixed place) or ports
 * 0xcf8/0xcfc. Firmware or the VMM has assigned the BARs; one that it has not
 * is passed over. Every queue and the configuration use MSI-X vector 0, so an
 * interrupt names its device. Transitional devices work by their modern part.
 * Not supported: INTx, bridges that firmware did not number, SR-IOV.
 */
#include "abi/errno.h"
#include "hal/baremetal/bm.h"
#include "hal/virtio.h"
#include "lib/string.h"

#define VENDOR_VIRTIO 0x1af4
#define MICROVM_ECAM 0xe0000000ul
#define CAP_VENDOR 0x09
#define CAP_MSIX 0x11
#define NO_VECTOR 0xffff

enum cfg_type { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4 };
enum common {
	C_FEATURES_SEL = 0, C_FEATURES = 4, C_ACCEPT_SEL = 8, C_ACCEPT = 12, C_MSIX = 16,
	C_QUEUES = 18, C_STATUS = 20, C_GENERATION = 21, C_QUEUE_SEL = 22, C_QUEUE_SIZE = 24,
	C_QUEUE_MSIX = 26, C_QUEUE_ENABLE = 28, C_QUEUE_NOTIFY = 30, C_DESC = 32, C_AVAIL = 40,
	C_USED = 48,
};

struct pci_dev {
	volatile u8 *common, *notify, *device;
	u32 notify_mult;
	u32 notify_size, device_size;
};

static struct pci_dev devs[HAL_VIRTIO_MAX];
static u32 dev_count;
static volatile u8 *ecam;
static u32 ecam_buses;

/* ---- configuration space ---- */

static u32 pci_read(u32 bdf, u32 reg)
{
	if (ecam)
		return *(volatile u32 *)(ecam + ((u64)bdf << 12) + (reg & 0xffc));
	outl(0xcf8, 0x80000000 | bdf << 8 | (reg & 0xfc));
	return inl(0xcfc);
}

static void pci_write(u32 bdf, u32 reg, u32 v)
{
	if (ecam) {
		*(volatile u32 *)(ecam + ((u64)bdf << 12) + (reg & 0xffc)) = v;
		return;
	}
	outl(0xcf8, 0x80000000 | bdf << 8 | (reg & 0xfc));
	outl(0xcfc, v);
}

static u8 pci_read8(u32 bdf, u32 reg)
{
	return (u8)(pci_read(bdf, reg) >> 8 * (reg & 3));
}

/* Physical address of a memory BAR, 0: none. */
static u64 bar_address(u32 bdf, u32 bar)
{
	u32 low;

	if (bar > 5)
		return 0;
	low = pci_read(bdf, 0x10 + 4 * bar);
	if (low & 1)
		return 0;
	if ((low & 6) == 4 && bar < 5)
		return (low & ~15u) | (u64)pci_read(bdf, 0x14 + 4 * bar) << 32;
	return low & ~15u;
}

/* ---- the transport ---- */

static volatile u8 *c8(void *d, u32 reg) { return ((struct pci_dev *)d)->common + reg; }
static volatile u16 *c16(void *d, u32 reg) { return (volatile u16 *)c8(d, reg); }
static volatile u32 *c32(void *d, u32 reg) { return (volatile u32 *)c8(d, reg); }

static u8 pci_status(void *d)
{
	return *c8(d, C_STATUS);
}

static void pci_set_status(void *d, u8 status)
{
	*c8(d, C_STATUS) = status;
	if (status == 1)	/* a reset forgot it */
		*c16(d, C_MSIX) = 0;
}

static u64 pci_features(void *d)
{
	u64 v;

	*c32(d, C_FEATURES_SEL) = 0;
	v = *c32(d, C_FEATURES);
	*c32(d, C_FEATURES_SEL) = 1;
	return v | (u64)*c32(d, C_FEATURES) << 32;
}

static void pci_accept(void *d, u64 features)
{
	*c32(d, C_ACCEPT_SEL) = 0;
	*c32(d, C_ACCEPT) = (u32)features;
	*c32(d, C_ACCEPT_SEL) = 1;
	*c32(d, C_ACCEPT) = (u32)(features >> 32);
}

static void pci_config_read(void *d, u32 offset, void *buf, u32 size)
{
	struct pci_dev *p = d;
	u32 tries = 0;
	u8 gen;

	memset(buf, 0, size);
	if (!p->device || offset > p->device_size || size > p->device_size - offset)
		return;
	do {
		gen = *c8(d, C_GENERATION);
		for (u32 i = 0; i < size; i++)
			((u8 *)buf)[i] = p->device[offset + i];
	} while (gen != *c8(d, C_GENERATION) && ++tries < 10);
}

static void pci_config_write(void *d, u32 offset, const void *buf, u32 size)
{
	struct pci_dev *p = d;

	if (!p->device || offset > p->device_size || size > p->device_size - offset)
		return;
	for (u32 i = 0; i < size; i++)
		p->device[offset + i] = ((const u8 *)buf)[i];
}

static u32 pci_queue_max(void *d, u32 q)
{
	if (q >= *c16(d, C_QUEUES))
		return 0;
	*c16(d, C_QUEUE_SEL) = (u16)q;
	return *c16(d, C_QUEUE_SIZE);
}

static void wr64(void *d, u32 reg, u64 v)
{
	*c32(d, reg) = (u32)v;
	*c32(d, reg + 4) = (u32)(v >> 32);
}

static u64 notify_offset(void *d, u32 q)
{
	*c16(d, C_QUEUE_SEL) = (u16)q;
	return (u64)*c16(d, C_QUEUE_NOTIFY) * ((struct pci_dev *)d)->notify_mult;
}

static int pci_queue_setup(void *d, u32 q, u32 size, u64 desc, u64 avail, u64 used)
{
	if (pci_queue_max(d, q) < size)
		return -ENOENT;
	if (notify_offset(d, q) + 2 > ((struct pci_dev *)d)->notify_size)
		return -EIO;
	*c16(d, C_QUEUE_SIZE) = (u16)size;
	*c16(d, C_QUEUE_MSIX) = 0;
	if (*c16(d, C_QUEUE_MSIX) == NO_VECTOR)
		return -ENOSPC;
	wr64(d, C_DESC, desc);
	wr64(d, C_AVAIL, avail);
	wr64(d, C_USED, used);
	*c16(d, C_QUEUE_ENABLE) = 1;
	return 0;
}

static void pci_notify(void *d, u32 q)
{
	struct pci_dev *p = d;

	*(volatile u16 *)(p->notify + notify_offset(d, q)) = (u16)q;
}

static const struct bm_virtio_ops pci_ops = {
	.status = pci_status,
	.set_status = pci_set_status,
	.features = pci_features,
	.accept = pci_accept,
	.config_read = pci_config_read,
	.config_write = pci_config_write,
	.queue_max = pci_queue_max,
	.queue_setup = pci_queue_setup,
	.notify = pci_notify,
};

/* ---- finding ---- */

static void read_vendor_cap(u32 bdf, u32 cap, struct pci_dev *p)
{
	u32 type = pci_read8(bdf, cap + 3), bar = pci_read8(bdf, cap + 4);
	u32 offset = pci_read(bdf, cap + 8), size = pci_read(bdf, cap + 12);
	u64 base = bar_address(bdf, bar);

	if (!base || size > 1u << 20 || type < CFG_COMMON || type > CFG_DEVICE)
		return;
	if (type == CFG_COMMON && size >= 56 && !p->common) {
		p->common = mmio_map(base + offset, size);
	} else if (type == CFG_NOTIFY && !p->notify) {
		p->notify = mmio_map(base + offset, size);
		p->notify_size = size;
		p->notify_mult = pci_read(bdf, cap + 16);
	} else if (type == CFG_DEVICE && !p->device) {
		p->device = mmio_map(base + offset, size);
		p->device_size = size;
	}
}

/* MSI-X entry 0 to our vector; the others are not used. */
static bool setup_msix(u32 bdf, u32 cap, u32 vector)
{
	u32 where = pci_read(bdf, cap + 4);
	u64 base = bar_address(bdf, where & 7);
	volatile u32 *entry;

	if (!base)
		return false;
	entry = mmio_map(base + (where & ~7u), 16);
	entry[0] = 0xfee00000 | apic_id() << 12;
	entry[1] = 0;
	entry[2] = vector;
	entry[3] = 0;
	pci_write(bdf, cap, (pci_read(bdf, cap) | 0x80000000u) & ~0x40000000u);
	return true;
}

static void add_function(u32 bdf, u32 device)
{
	struct pci_dev *p = &devs[dev_count];
	u32 id = device >= 0x1040 ? device - 0x1040 : pci_read(bdf, 0x2c) >> 16;
	u32 cap = pci_read8(bdf, 0x34) & 0xfc, msix = 0;
	int nr;

	if (dev_count == HAL_VIRTIO_MAX || !(pci_read(bdf, 4) & 0x100000))
		return;
	for (u32 i = 0; cap && i < 48; i++) {
		u32 type = pci_read8(bdf, cap);

		if (type == CAP_VENDOR)
			read_vendor_cap(bdf, cap, p);
		else if (type == CAP_MSIX)
			msix = cap;
		cap = pci_read8(bdf, cap + 1) & 0xfc;
	}
	if (!p->common || !p->notify || !msix) {
		bm_log("hyla: a virtio-pci device is not modern or has no MSI-X\n");
		memset(p, 0, sizeof(*p));
		return;
	}
	pci_write(bdf, 4, (pci_read(bdf, 4) & 0xffff) | 0x406);	/* memory, master, no INTx */
	nr = bm_virtio_add(id, &pci_ops, p);
	if (nr >= 0 && setup_msix(bdf, msix, VEC_DEVICE + (u32)nr))
		dev_count++;
}

static void scan_bus(u32 bus)
{
	for (u32 slot = 0; slot < 32; slot++) {
		u32 functions = 1;

		for (u32 fn = 0; fn < functions; fn++) {
			u32 bdf = bus << 8 | slot << 3 | fn, id, type;

			if (ecam)
				mmio_map((u64)ecam - MMIO_BASE + ((u64)bdf << 12), 4096);
			id = pci_read(bdf, 0);
			if ((id & 0xffff) == 0xffff)
				continue;
			type = pci_read8(bdf, 0x0e);
			if (fn == 0 && (type & 0x80))
				functions = 8;
			if ((id & 0xffff) == VENDOR_VIRTIO && id >> 16 >= 0x1000 &&
			    id >> 16 <= 0x107f)
				add_function(bdf, id >> 16);
		}
	}
}

/* Buses that firmware numbered: bridges' secondary numbers are not followed,
 * all up to a few are looked at. */
void virtio_pci_probe(void)
{
	u64 base = bm_acpi.mcfg_base;
	u32 last = 0;
	const char *arg = cmdline_find("pci", 0);

	if (arg && !strncmp(arg, "off", 3))
		return;

	if (base) {
		ecam_buses = bm_acpi.mcfg_bus_end + 1;
		last = min(ecam_buses - 1, 3u);
		ecam = (volatile u8 *)(MMIO_BASE + base);
	} else {
		outl(0xcf8, 0x80000000);
		if (inl(0xcf8) != 0x80000000) {
			if (!bm_acpi.hw_reduced || !cmdline_find("microvm_pcie", 0))
				return;
			ecam = (volatile u8 *)(MMIO_BASE + MICROVM_ECAM);
		}
		last = 3;
	}
	for (u32 bus = 0; bus <= last; bus++)
		scan_bus(bus);
}
