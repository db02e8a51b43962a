/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: what the loader told us, by three protocols.
 *
 *   PVH          QEMU, Firecracker >= 1.12, Cloud Hypervisor
 *   Linux 64-bit Firecracker's older way into an ELF
 *   Multiboot2   GRUB
 *
 * The structures lie in low memory that the core will soon own, so all is
 * copied into bm_boot. The boot page tables reach the first GiB; what lies
 * beyond, or does not fit, is as good as not there.
 */
#include "hal/baremetal/bm.h"
#include "lib/string.h"

#define PVH_MAGIC 0x336ec578
#define BOOT_MAPPED (1ul << 30)

struct pvh_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline, rsdp, memmap;
	u32 memmap_count, reserved;
};
struct pvh_module { u64 addr, size, cmdline, reserved; };
struct pvh_range { u64 addr, size; u32 type, reserved; };
struct e820_range { u64 addr, size; u32 type; } __packed;
_Static_assert(sizeof(struct pvh_info) == 56, "PVH start info");
_Static_assert(sizeof(struct e820_range) == 20, "boot protocol e820 entry");

/* Physical memory that the boot page tables reach, or NULL. */
static const void *low(u64 pa, u64 size)
{
	return pa && pa < BOOT_MAPPED && size <= BOOT_MAPPED - pa ? direct(pa) : NULL;
}

void loader_add_range(u64 start, u64 end, u32 type)
{
	struct bm_range *map = bm_boot.map;
	u32 at = bm_boot.count;

	if (end <= start || bm_boot.count == BM_RANGES)
		return;
	while (at && map[at - 1].start > start) {
		map[at] = map[at - 1];
		at--;
	}
	map[at] = (struct bm_range){ .start = start, .size = end - start, .type = type };
	bm_boot.count++;
}

static void copy_cmdline(u64 pa, u64 max_size)
{
	const char *text = low(pa, max_size);

	if (text)
		strlcpy(bm_boot.cmdline, text, sizeof(bm_boot.cmdline));
}

static void read_pvh(u64 pa)
{
	const struct pvh_info *info = low(pa, sizeof(*info));
	const struct pvh_module *mod;
	const struct pvh_range *map;

	if (!info || info->magic != PVH_MAGIC)
		bm_die("no PVH start info");
	copy_cmdline(info->cmdline, sizeof(bm_boot.cmdline));
	bm_boot.rsdp = info->rsdp;
	mod = info->nr_modules ? low(info->modlist, sizeof(*mod)) : NULL;
	if (mod) {
		bm_boot.initrd = mod->addr;
		bm_boot.initrd_size = mod->size;
	}
	if (info->version < 1)
		bm_die("the loader gives no memory map");
	map = low(info->memmap, info->memmap_count * sizeof(*map));
	for (u32 i = 0; map && i < info->memmap_count; i++)
		loader_add_range(map[i].addr, map[i].addr + map[i].size, map[i].type);
}

static u32 get32(const u8 *p) { u32 v; memcpy(&v, p, 4); return v; }
static u64 get64(const u8 *p) { u64 v; memcpy(&v, p, 8); return v; }

static void read_linux(u64 pa)
{
	const u8 *zp = low(pa, 4096);
	const struct e820_range *map;

	if (!zp || get32(zp + 0x202) != 0x53726448)	/* "HdrS" */
		bm_die("no Linux boot parameters");
	copy_cmdline(get32(zp + 0x228) | (u64)get32(zp + 0xc8) << 32, sizeof(bm_boot.cmdline));
	bm_boot.rsdp = get64(zp + 0x70);
	bm_boot.initrd = get32(zp + 0x218) | (u64)get32(zp + 0xc0) << 32;
	bm_boot.initrd_size = get32(zp + 0x21c);
	map = (const struct e820_range *)(zp + 0x2d0);
	for (u32 i = 0; i < zp[0x1e8] && i < 128; i++)
		loader_add_range(map[i].addr, map[i].addr + map[i].size, map[i].type);
}

static void read_mb2_map(const u8 *tag, u32 size)
{
	u32 entry = get32(tag + 8);

	for (u32 at = 16; entry >= 24 && at + entry <= size; at += entry)
		loader_add_range(get64(tag + at), get64(tag + at) + get64(tag + at + 8),
				 get32(tag + at + 16));
}

/* Multiboot2 specification 2.0, section 3.6. */
static void read_mb2(u64 pa)
{
	const u8 *info = low(pa, 8);
	u32 total = info ? get32(info) : 0, at = 8;

	if (!low(pa, total))
		bm_die("no Multiboot2 information");
	while (at + 8 <= total) {
		const u8 *tag = info + at;
		u32 type = get32(tag), size = get32(tag + 4);

		if (type == 0 || size < 8 || size > total - at)
			break;
		if (type == 1)
			strlcpy(bm_boot.cmdline, (const char *)tag + 8,
				min(sizeof(bm_boot.cmdline), (size_t)size - 7));
		else if (type == 3 && size >= 16 && !bm_boot.initrd_size) {
			bm_boot.initrd = get32(tag + 8);
			bm_boot.initrd_size = get32(tag + 12) - get32(tag + 8);
		} else if (type == 6 && size >= 16)
			read_mb2_map(tag, size);
		else if ((type == 14 || type == 15) && size >= 28)
			memcpy(bm_boot.rsdp_copy, tag + 8,
			       min(sizeof(bm_boot.rsdp_copy), (size_t)size - 8));
		at += align_up(size, 8u);
	}
}

void loader_read(u32 protocol, u64 info)
{
	if (protocol == 0)
		read_pvh(info);
	else if (protocol == 1)
		read_linux(info);
	else
		read_mb2(info);
}
