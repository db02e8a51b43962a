/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: from the loader's tables to kern_main.
 *
 * The loader's structures are copied first (loader.c). Memory for the HAL's own
 * tables (page tables, per-CPU data) is taken right after the image
 * (early_alloc); what is left of RAM, without the initrd and the first 64 KiB,
 * is hal_info.mem.
 *
 * Everything is checked as far as it is used: a map that lies gives a clear
 * line and stops, never a wild access.
 */
#include "hal/baremetal/bm.h"
#include "lib/string.h"
#include "mm/page.h"

#define LOW_RESERVED 0x10000ul	/* BIOS data, the other CPUs' start-up code */
#define BOOT_MAPPED (1ul << 30)

extern char bm_image_end[];
struct bm_boot bm_boot;
struct hal_info bm_info;
u8 bm_boot_stack[KSTACK_SIZE] __aligned(KSTACK_SIZE);
static u64 early_pos, early_end, ram_limit;

const struct hal_info *hal_info(void)
{
	return &bm_info;
}

const char *cmdline_find(const char *name, u32 nr)
{
	const char *p = bm_boot.cmdline;
	size_t len = strlen(name);

	while (*p) {
		while (*p == ' ')
			p++;
		/* Not stopped by "--": QEMU's microvm puts its devices last. */
		if (!strncmp(p, name, len) && (p[len] == '=' || p[len] == ' ' || !p[len])) {
			if (nr-- == 0)
				return p[len] == '=' ? p + len + 1 : p + len;
		}
		while (*p && *p != ' ')
			p++;
	}
	return NULL;
}

/* ---- memory ---- */

static u64 initrd_end(void)
{
	return align_up(bm_boot.initrd + bm_boot.initrd_size, PAGE_SIZE);
}

/* mem= of the command line: use no RAM above that address. What the loader put
 * there (initrd, tables) stays mapped. */
static u64 memory_limit(void)
{
	const char *arg = cmdline_find("mem", 0);
	u64 limit = 0;

	for (; arg && *arg >= '0' && *arg <= '9' && limit < 1ul << 40; arg++)
		limit = limit * 10 + (u64)(*arg - '0');
	if (!limit)
		return U64_MAX;
	switch (*arg | 0x20) {
	case 'k':
		return limit << 10;
	case 'm':
		return limit << 20;
	case 'g':
		return limit << 30;
	}
	return limit;
}

/* Where the range around pa ends that may hold an initrd: RAM, or what firmware
 * took from RAM's end. pa itself: there is none. */
static u64 usable_to(u64 pa)
{
	u64 ram_end = 0;

	for (u32 i = 0; i < bm_boot.count; i++) {
		const struct bm_range *r = &bm_boot.map[i];
		bool taken = r->type == 2 && r->start == ram_end;

		if (r->type == 1)
			ram_end = r->start + r->size;
		if ((r->type == 1 || taken) && pa >= r->start && pa - r->start < r->size)
			return r->start + r->size;
	}
	return pa;
}

/* An initrd that is not in RAM is a loader's lie. But QEMU puts it where SeaBIOS
 * with many disks has reserved memory that it is done with: then it is as good
 * as RAM, and becomes a range of its own. */
static void check_initrd(void)
{
	u64 pos = bm_boot.initrd, end = initrd_end();

	if (!bm_boot.initrd_size)
		return;
	while (pos < end && usable_to(pos) > pos)
		pos = usable_to(pos);
	if (end > bm_boot.initrd && pos >= end) {
		loader_add_range(align_down(bm_boot.initrd, PAGE_SIZE), end, 1);
		return;
	}
	bm_log("hyla: the initrd is not in memory: ignored\n");
	bm_boot.initrd_size = 0;
}

static void early_init(void)
{
	ram_limit = memory_limit();
	check_initrd();
	early_pos = (u64)bm_image_end - KERNEL_BASE;
	for (u32 i = 0; i < bm_boot.count; i++) {
		const struct bm_range *r = &bm_boot.map[i];

		if (r->type == 1 && r->start <= 0x100000 && r->start + r->size > early_pos)
			early_end = min(min(r->start + r->size, BOOT_MAPPED), ram_limit);
	}
	if (early_end <= early_pos)
		bm_die("too little memory: none behind the kernel");
}

void *early_alloc(u64 size)
{
	u64 at = early_pos;
	void *p;

	size = align_up(size, PAGE_SIZE);
	if (bm_boot.initrd_size && at < initrd_end() &&
	    at + size > align_down(bm_boot.initrd, PAGE_SIZE))
		at = initrd_end();
	if (at + size > early_end)
		bm_die("too little memory");
	early_pos = at + size;
	p = direct(at);
	memset(p, 0, size);
	return p;
}

static void add_mem(u64 start, u64 end)
{
	struct hal_mem_range *m = bm_info.mem;

	start = align_up(start, PAGE_SIZE);
	end = align_down(end, PAGE_SIZE);
	if (start >= end || bm_info.mem_count == HAL_MEM_RANGES)
		return;
	m[bm_info.mem_count++] = (struct hal_mem_range){ start, end - start };
}

/* RAM minus up to two sorted holes. */
static void add_ram(u64 start, u64 end)
{
	u64 holes[2][2] = {
		{ 0x100000, early_pos },
		{ align_down(bm_boot.initrd, PAGE_SIZE), initrd_end() },
	};

	if (bm_boot.initrd_size && holes[1][0] < holes[0][0]) {
		u64 a = holes[0][0], b = holes[0][1];

		holes[0][0] = holes[1][0];
		holes[0][1] = holes[1][1];
		holes[1][0] = a;
		holes[1][1] = b;
	}
	start = max(start, LOW_RESERVED);
	end = min(end, ram_limit);
	for (u32 i = 0; i < (bm_boot.initrd_size ? 2 : 1); i++) {
		if (holes[i][1] <= start || holes[i][0] >= end)
			continue;
		add_mem(start, min(end, holes[i][0]));
		start = max(start, holes[i][1]);
	}
	add_mem(start, end);
}

static void describe_memory(void)
{
	u64 done = 0;

	for (u32 i = 0; i < bm_boot.count; i++) {
		const struct bm_range *r = &bm_boot.map[i];
		u64 start = max(r->start, done);

		if (r->type != 1 || start >= r->start + r->size)
			continue;
		add_ram(start, r->start + r->size);
		done = r->start + r->size;
	}
	if (!bm_info.mem_count)
		bm_die("no usable memory");
}

/* ---- the start ---- */

/* Goes on on the boot stack's place in the area of stacks, with a guard below. */
static __noreturn void enter_core(void)
{
	u64 top = (u64)hal_kstack_map((u64)bm_boot_stack - KERNEL_BASE) + KSTACK_SIZE;

	__asm__ volatile("mov %0, %%rsp; xor %%ebp, %%ebp; call kern_main"
			 :: "r"(top) : "memory");
	__builtin_unreachable();
}

void bm_main(u32 protocol, u64 info)
{
	struct bm_cpu *cpu;

	serial_init();
	loader_read(protocol, info);
	early_init();
	bm_info.abi_version = HAL_ABI_VERSION;
	bm_info.phys_base = (u8 *)DIRECT_BASE;
	bm_info.user_limit = USER_LIMIT;
	bm_info.cmdline = bm_boot.cmdline;
	bm_info.name = "baremetal";
	bm_info.nr_cpus = 1;
	cpu_detect();
	paging_init();
	kstack_init();
	cpu = bm_cpu_alloc(0, 0);
	cpu_init(cpu);
	acpi_init();
	apic_init();
	cpu->apic_id = apic_id();
	clock_init();
	bm_virtio_init();
	smp_init();
	bm_info.initrd = bm_boot.initrd;
	bm_info.initrd_size = bm_boot.initrd_size;
	bm_info.initrd_ram = initrd_end() <= ram_limit;
	describe_memory();
	enter_core();
}

size_t hal_entropy(void *buf, size_t size)
{
	bool has_rdrand = cpuid(1, 0).c & BIT(30);
	u8 *out = buf;

	for (size_t i = 0; i < size; i += 8) {
		u64 v = rdtsc() * 0x9e3779b97f4a7c15ul;
		u8 ok = 0;

		for (u32 tries = 0; has_rdrand && !ok && tries < 10; tries++)
			__asm__ volatile("rdrand %0; setc %1" : "=r"(v), "=qm"(ok));
		has_rdrand = has_rdrand && ok;
		memcpy(out + i, &v, min(size - i, (size_t)8));
	}
	return has_rdrand ? size : 0;
}
