/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: page tables and the TLB.
 *
 *   0xffff800000000000 + pa   direct map of RAM and firmware tables, rw-; the
 *                             image's text and rodata are r-- here, too
 *   0xffffc00000000000 + pa   device registers, uncached, mapped on demand
 *   0xffffff8000000000        kernel stacks (kstack.c); the only part that changes
 *   0xffffffff80000000 + pa   the image, each section with its rights
 *
 * The upper half's 256 level-4 entries are made once, before the core runs, and
 * every address space gets a copy of them. The lower half is the
 * core's. No PCID, so loading CR3 flushes all that is not global (the kernel's
 * own entries are), and only CPUs that run an address space now (as->cpus)
 * can hold its translations.
 *
 * Flushing elsewhere: the CPU's tlb_wanted is set and VEC_TLB sent; it reloads
 * CR3 and clears the flag. A CPU that spins for the kernel lock with interrupts
 * off serves the request in hal_relax().
 */
#include "hal/baremetal/bm.h"
#include "lib/string.h"
#include "mm/page.h"

#define P_PRESENT 0x001ul
#define P_WRITE 0x002ul
#define P_PWT 0x008ul
#define P_PCD 0x010ul
#define P_LARGE 0x080ul
#define P_GLOBAL 0x100ul
#define P_NX BIT(63)
#define P_ADDR 0x000ffffffffff000ul
#define FLUSH_PAGES_MAX 32

enum { TLB_FLUSH = 1, TLB_LEAVE = 2 };	/* bm_cpu.tlb_wanted */

extern char bm_text_start[], bm_text_end[], bm_rodata_end[], bm_image_end[];
u64 bm_root;
static bool has_1g;

static u64 *table_below(u64 *entry)
{
	if (!(*entry & P_PRESENT))
		*entry = ((u64)early_alloc(PAGE_SIZE) - DIRECT_BASE) | P_PRESENT | P_WRITE;
	return direct(*entry & P_ADDR);
}

/* Level 3, 2 or 1 entry for va: 1 GiB, 2 MiB or 4 KiB. */
static u64 *entry_for(u64 va, u32 level)
{
	u64 *table = direct(bm_root);

	for (u32 l = 4; l > level; l--)
		table = table_below(&table[va >> (12 + 9 * (l - 1)) & 511]);
	return &table[va >> (12 + 9 * (level - 1)) & 511];
}

u64 *paging_table(u64 va, u32 level)
{
	return entry_for(va & ~((1ul << (12 + 9 * level)) - 1), level);
}

static u32 level_for(u64 va, u64 pa, u64 size)
{
	if (has_1g && is_aligned(va | pa, 1ul << 30) && size >= 1ul << 30)
		return 3;
	return is_aligned(va | pa, 1ul << 21) && size >= 1ul << 21 ? 2 : 1;
}

static void map(u64 va, u64 pa, u64 size, u64 flags)
{
	while (size) {
		u32 level = level_for(va, pa, size);
		u64 step = 1ul << (12 + 9 * (level - 1));

		*entry_for(va, level) = pa | flags | P_PRESENT | (level > 1 ? P_LARGE : 0);
		va += step;
		pa += step;
		size -= step;
	}
}

/* The part of [start, end) that lies in [lo, hi) goes to the direct map. */
static void map_direct_part(u64 start, u64 end, u64 lo, u64 hi, u64 flags)
{
	start = max(start, lo);
	end = min(end, hi);
	if (start < end)
		map(DIRECT_BASE + start, start, end - start, flags);
}

static void map_direct(void)
{
	u64 text = (u64)bm_text_start - KERNEL_BASE, ro_end = (u64)bm_rodata_end - KERNEL_BASE;
	u64 ro = P_NX | P_GLOBAL, rw = P_NX | P_GLOBAL | P_WRITE;
	u64 done = 0x100000;

	map(DIRECT_BASE, 0, 0x100000, rw);
	for (u32 i = 0; i < bm_boot.count; i++) {
		const struct bm_range *r = &bm_boot.map[i];
		u64 start = max(align_down(r->start, PAGE_SIZE), done);
		u64 end = align_up(r->start + r->size, PAGE_SIZE);

		if (r->type == 2 || start >= end)
			continue;
		map_direct_part(start, end, 0, text, rw);
		map_direct_part(start, end, text, ro_end, ro);
		map_direct_part(start, end, ro_end, U64_MAX, rw);
		done = end;
	}
}

static void map_image(const char *start, const char *end, u64 flags)
{
	map((u64)start, (u64)start - KERNEL_BASE, (u64)(end - start), flags | P_GLOBAL);
}

void paging_init(void)
{
	has_1g = cpuid(0x80000000, 0).a >= 0x80000001 && (cpuid(0x80000001, 0).d & BIT(26));
	bm_root = (u64)early_alloc(PAGE_SIZE) - DIRECT_BASE;
	map_direct();
	map_image(bm_text_start, bm_text_end, 0);
	map_image(bm_text_end, bm_rodata_end, P_NX);
	map_image(bm_rodata_end, bm_image_end, P_NX | P_WRITE);
	entry_for(MMIO_BASE, 3);	/* its level-4 entry exists from the start */
	write_cr3(bm_root);
}

volatile void *mmio_map(u64 pa, u64 size)
{
	u64 first = align_down(pa, PAGE_SIZE), end = align_up(pa + size, PAGE_SIZE);

	map(MMIO_BASE + first, first, end - first, P_WRITE | P_PCD | P_PWT | P_NX | P_GLOBAL);
	return (volatile void *)(MMIO_BASE + pa);
}

/* ---- address spaces ---- */

int hal_as_init(struct hal_as *as)
{
	u64 *mine = direct(bm_root), *theirs = direct(as->root);

	memcpy(theirs + 256, mine + 256, 2048);
	as->cpus = 0;
	return 0;
}

static void load_root(struct bm_cpu *cpu, struct hal_as *as)
{
	u64 root = as ? as->root : bm_root;

	if (cpu->as == as)
		return;
	if (cpu->as)
		__atomic_fetch_and(&cpu->as->cpus, ~BIT(cpu->nr), __ATOMIC_RELEASE);
	if (as)
		__atomic_fetch_or(&as->cpus, BIT(cpu->nr), __ATOMIC_SEQ_CST);
	cpu->as = as;
	cpu->cr3 = root;
	write_cr3(root);
}

void hal_as_activate(struct hal_as *as)
{
	load_root(bm_this_cpu(), as);
}

void tlb_serve(void)
{
	struct bm_cpu *cpu = bm_this_cpu();
	u32 wanted = __atomic_load_n(&cpu->tlb_wanted, __ATOMIC_ACQUIRE);

	if (!wanted)
		return;
	if (wanted == TLB_LEAVE)
		load_root(cpu, NULL);
	else
		write_cr3(cpu->cr3);
	__atomic_store_n(&cpu->tlb_wanted, 0, __ATOMIC_RELEASE);
}

/* Makes other CPUs do `what`, and waits. The caller holds the kernel lock; they
 * are in user mode, idle, or spin for the lock. */
static void ask(u64 others, u32 what)
{
	for (u32 i = 0; i < bm_info.nr_cpus; i++) {
		if (others & BIT(i)) {
			__atomic_store_n(&bm_cpus[i]->tlb_wanted, what, __ATOMIC_SEQ_CST);
			apic_send(bm_cpus[i]->apic_id, VEC_TLB);
		}
	}
	for (u32 i = 0; i < bm_info.nr_cpus; i++) {
		while ((others & BIT(i)) &&
		       __atomic_load_n(&bm_cpus[i]->tlb_wanted, __ATOMIC_ACQUIRE))
			hal_relax();
	}
}

/* The same for those that run `as`. */
static void ask_others(struct hal_as *as, u32 me, u32 what)
{
	ask(__atomic_load_n(&as->cpus, __ATOMIC_SEQ_CST) & ~BIT(me), what);
}

void tlb_flush_kernel(void)
{
	struct bm_cpu *me = bm_this_cpu();
	u64 others = 0;

	for (u32 i = 0; i < bm_info.nr_cpus; i++) {
		if (i != me->nr && __atomic_load_n(&bm_cpus[i]->started, __ATOMIC_ACQUIRE))
			others |= BIT(i);
	}
	write_cr3(me->cr3);
	ask(others, TLB_FLUSH);
}

/* An idle CPU may still have the space of the task before in CR3. */
void hal_as_destroy(struct hal_as *as)
{
	struct bm_cpu *cpu = bm_this_cpu();

	if (cpu->as == as)
		load_root(cpu, NULL);
	if (as->cpus)
		ask_others(as, cpu->nr, TLB_LEAVE);
	bug_on(as->cpus);
}

void hal_tlb_flush(struct hal_as *as, uaddr_t va, size_t pages)
{
	struct bm_cpu *cpu = bm_this_cpu();

	if (cpu->as == as) {
		if (pages > FLUSH_PAGES_MAX) {
			write_cr3(cpu->cr3);
		} else {
			for (size_t i = 0; i < pages; i++)
				__asm__ volatile("invlpg (%0)" :: "r"(va + i * PAGE_SIZE)
						 : "memory");
		}
	}
	if (as->cpus & ~BIT(cpu->nr))
		ask_others(as, cpu->nr, TLB_FLUSH);
}

void hal_tlb_flush_all(struct hal_as *as)
{
	hal_tlb_flush(as, 0, SIZE_MAX);
}

void hal_tlb_fill(struct hal_as *as, uaddr_t va, size_t pages)
{
	(void)as;
	(void)va;
	(void)pages;
}

void hal_mem_discard(paddr_t pa, u64 size)
{
	(void)pa;	/* a balloon will give it back */
	(void)size;
}
