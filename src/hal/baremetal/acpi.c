/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: the few ACPI tables that are needed, without AML.
 *
 * RSDP (from the loader, or found at 0xe0000..0xfffff) -> XSDT or RSDT ->
 *   MADT: CPUs, IOAPICs     FADT: reset and power-off     MCFG: PCI ECAM
 *
 * Tables are read through uncached mappings and only when their length and
 * checksum are right; a table that lies is as good as none. Without ACPI the
 * MP table (Firecracker, microvm with acpi=off) gives CPUs and IOAPICs, and
 * without that one CPU and one IOAPIC at the usual address are assumed.
 */
#include "hal/baremetal/bm.h"
#include "lib/string.h"
#include "mm/page.h"

#define TABLE_MAX 65536u
#define ROOT_ENTRIES_MAX 64u	/* of the RSDT or XSDT */
#define IOAPIC_DEFAULT 0xfec00000ul

struct header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[26];
} __packed;
_Static_assert(sizeof(struct header) == 36, "ACPI 5.2.6");

struct bm_acpi bm_acpi = { .reset_type = ~0u };
static u32 ioapics_found;

/* Registers, not memory: what a table says may be a lie. */
static bool is_device(u64 pa, u64 size)
{
	if (!pa || pa >= 1ul << 40)
		return false;
	for (u32 i = 0; i < bm_boot.count; i++) {
		const struct bm_range *r = &bm_boot.map[i];

		if (r->type == 1 && pa + size > r->start && pa < r->start + r->size)
			return false;
	}
	return true;
}

static u8 sum(const u8 *p, u32 size)
{
	u8 s = 0;

	while (size--)
		s = (u8)(s + *p++);
	return s;
}

static u16 get16(const u8 *p) { u16 v; memcpy(&v, p, 2); return v; }
static u32 get32(const u8 *p) { u32 v; memcpy(&v, p, 4); return v; }
static u64 get64(const u8 *p) { u64 v; memcpy(&v, p, 8); return v; }

/* The table at a physical address, or NULL. */
static const u8 *table_at(u64 pa)
{
	const struct header *h;

	if (!pa || pa > 1ul << 40)
		return NULL;
	h = (const struct header *)(u64)mmio_map(pa, sizeof(*h));
	if (h->length < sizeof(*h) || h->length > TABLE_MAX)
		return NULL;
	mmio_map(pa, h->length);
	return sum((const u8 *)h, h->length) ? NULL : (const u8 *)h;
}

static void add_cpu(u32 id)
{
	if (bm_acpi.cpu_count < HAL_MAX_CPUS)
		bm_acpi.cpu_apic[bm_acpi.cpu_count++] = id;
}

static void add_ioapic(u64 base, u32 gsi)
{
	if (!is_device(base, PAGE_SIZE) || !is_aligned(base, PAGE_SIZE))
		return;
	ioapic_add(base, gsi);
	ioapics_found++;
}

static void read_madt(const u8 *t)
{
	u32 size = get32(t + 4), at = 44;

	while (at + 2 <= size && t[at + 1] >= 2 && at + t[at + 1] <= size) {
		const u8 *e = t + at;

		if (e[0] == 0 && e[1] >= 8 && (get32(e + 4) & 1))
			add_cpu(e[3]);
		else if (e[0] == 9 && e[1] >= 16 && (get32(e + 8) & 1))
			add_cpu(get32(e + 4));
		else if (e[0] == 1 && e[1] >= 12)
			add_ioapic(get32(e + 4), get32(e + 8));
		at += e[1];
	}
}

static void read_fadt(const u8 *t)
{
	u32 size = get32(t + 4);

	if (size >= 0x44)
		bm_acpi.pm1a_cnt = (u16)get32(t + 64);
	if (size >= 129 && (get32(t + 112) & BIT(10))) {
		bm_acpi.reset_type = t[116];
		bm_acpi.reset_addr = get64(t + 120);
		bm_acpi.reset_value = t[128];
	}
	bm_acpi.hw_reduced = size >= 116 && (get32(t + 112) & BIT(20));
	if (bm_acpi.hw_reduced)
		bm_acpi.pm1a_cnt = 0;
	if (size >= 268 && bm_acpi.hw_reduced) {
		bm_acpi.sleep_is_io = t[244] == 1;
		bm_acpi.sleep_addr = get64(t + 248);
		if (!bm_acpi.sleep_is_io && !is_device(bm_acpi.sleep_addr, 1))
			bm_acpi.sleep_addr = 0;
		if (bm_acpi.sleep_addr && !bm_acpi.sleep_is_io)
			mmio_map(bm_acpi.sleep_addr, 1);
	}
}

static void read_mcfg(const u8 *t)
{
	if (get32(t + 4) < 60)
		return;
	if (!is_device(get64(t + 44), 1ul << 20) || !is_aligned(get64(t + 44), 1ul << 20))
		return;
	bm_acpi.mcfg_base = get64(t + 44);
	bm_acpi.mcfg_bus_end = t[55];
}

static void read_table(u64 pa)
{
	const u8 *t = table_at(pa);

	if (!t)
		return;
	if (!memcmp(t, "APIC", 4))
		read_madt(t);
	else if (!memcmp(t, "FACP", 4))
		read_fadt(t);
	else if (!memcmp(t, "MCFG", 4))
		read_mcfg(t);
}

static bool rsdp_ok(const u8 *p)
{
	return !memcmp(p, "RSD PTR ", 8) && !sum(p, 20);
}

static const u8 *find_rsdp(void)
{
	if (rsdp_ok(bm_boot.rsdp_copy))
		return bm_boot.rsdp_copy;
	if (bm_boot.rsdp && bm_boot.rsdp < 1ul << 40) {
		const u8 *p = (const u8 *)(u64)mmio_map(bm_boot.rsdp, 36);

		if (rsdp_ok(p))
			return p;
	}
	for (u64 pa = 0xe0000; pa < 0x100000; pa += 16) {
		const u8 *p = direct(pa);

		if (*p == 'R' && rsdp_ok(p))
			return p;
	}
	return NULL;
}

/* ---- MP table (Intel MP specification 1.4) ---- */

static const u8 *mp_find(u64 start, u64 end)
{
	for (u64 pa = start; pa < end; pa += 16) {
		const u8 *p = direct(pa);

		if (!memcmp(p, "_MP_", 4) && !sum(p, 16))
			return p;
	}
	return NULL;
}

static void read_mptable(void)
{
	const u8 *fp = mp_find(0x9f000, 0xa0000), *t;
	u32 at = 44;

	if (!fp)
		fp = mp_find(0xf0000, 0x100000);
	if (!fp || !get32(fp + 4) || get32(fp + 4) > 0xff000)
		return;
	t = direct(get32(fp + 4));
	if (memcmp(t, "PCMP", 4) || get16(t + 4) < 44 || sum(t, get16(t + 4)))
		return;
	while (at + 8 <= get16(t + 4)) {	/* qboot leaves the count 0 */
		const u8 *e = t + at;

		if (e[0] == 0 && (e[3] & 1))
			add_cpu(e[1]);
		else if (e[0] == 2 && (e[3] & 1))
			add_ioapic(get32(e + 4), 0);
		at += e[0] == 0 ? 20 : 8;
	}
}

void acpi_init(void)
{
	const u8 *rsdp = find_rsdp(), *root = NULL;
	u32 width = 8, left = ROOT_ENTRIES_MAX;

	if (rsdp) {
		if (rsdp[15] >= 2)
			root = table_at(get64(rsdp + 24));
		if (!root) {
			root = table_at(get32(rsdp + 16));
			width = 4;
		}
	}
	for (u32 at = 36; root && left-- && at + width <= get32(root + 4); at += width)
		read_table(width == 8 ? get64(root + at) : get32(root + at));
	bm_acpi.rsdp = root ? 1 : 0;
	if (!bm_acpi.cpu_count)
		read_mptable();
	if (!ioapics_found)
		add_ioapic(IOAPIC_DEFAULT, 0);
}
