/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: kernel stacks in an area of their own, with nothing below each.
 *
 *   KSTACK_AREA + 32 KiB * slot    16 KiB unmapped: the guard
 *                      + 16 KiB    16 KiB: the four pages of a stack
 *
 * A stack that overflows touches the guard; the CPU cannot push the page fault's
 * frame there either, so a double fault follows, which has a stack of its own
 * (cpu.c). The direct map has no room for holes: it is made of large pages.
 *
 * The area's tables are shared by all address spaces (its level-4 entry is the
 * image's own). One table serves 64 slots; more are taken from the core as they
 * are needed and stay for ever. The entry of a free slot's first guard page,
 * which is never present, holds the number of the next free one.
 *
 * TLB. A stack's translations are not global. A slot that was given back keeps
 * stale ones, harmless while nobody uses the address; it is given out again
 * only after all CPUs have flushed, once for many slots.
 *
 * Locks: the kernel lock (before kern_main there is one CPU).
 */
#include "hal/baremetal/bm.h"
#include "mm/page.h"

#define SLOT_SIZE (2 * KSTACK_SIZE)
#define SLOTS_PER_TABLE (512 * PAGE_SIZE / SLOT_SIZE)
#define MAX_TABLES 512u		/* 32768 slots: 1 GiB, one level-2 table */
#define STACK_PAGES (KSTACK_SIZE / PAGE_SIZE)
#define FLUSH_MIN 32u		/* slots that are worth a flush */
#define PTE_STACK (BIT(63) | 3)	/* not executable, writable, present */

static u64 *area;		/* level 2: the tables */
static u64 *tables[MAX_TABLES];
static u32 nr_tables;
static u32 clean, dirty, nr_dirty;	/* first slot + 1, 0: none */

static u64 *slot_entries(u32 slot)
{
	return tables[slot / SLOTS_PER_TABLE] + slot % SLOTS_PER_TABLE * 2 * STACK_PAGES;
}

static void push(u32 *list, u32 slot)
{
	*slot_entries(slot) = (u64)*list << PAGE_SHIFT;
	*list = slot + 1;
}

static u32 pop(u32 *list)
{
	u32 slot = *list - 1;

	*list = (u32)(*slot_entries(slot) >> PAGE_SHIFT);
	return slot;
}

static void add_table(u64 pa)
{
	u32 first = nr_tables * SLOTS_PER_TABLE;

	tables[nr_tables] = direct(pa);
	area[nr_tables++] = pa | 3;
	for (u32 i = SLOTS_PER_TABLE; i-- > 0;)
		push(&clean, first + i);
}

static bool get_clean(void)
{
	u64 pa = 0;

	if (clean)
		return true;
	if (nr_dirty < FLUSH_MIN && nr_tables < MAX_TABLES)
		pa = kern_table_page();
	if (pa) {
		add_table(pa);
		return true;
	}
	if (!nr_dirty)
		return false;
	tlb_flush_kernel();
	clean = dirty;
	dirty = nr_dirty = 0;
	return true;
}

void *hal_kstack_map(paddr_t pa)
{
	u32 slot;

	if (!get_clean())
		return NULL;
	slot = pop(&clean);
	for (u32 i = 0; i < STACK_PAGES; i++)
		slot_entries(slot)[STACK_PAGES + i] = (pa + i * PAGE_SIZE) | PTE_STACK;
	return (void *)(KSTACK_AREA + slot * SLOT_SIZE + KSTACK_SIZE);
}

void hal_kstack_unmap(void *stack)
{
	u32 slot = (u32)(((u64)stack - KSTACK_AREA) / SLOT_SIZE);

	for (u32 i = 0; i < STACK_PAGES; i++)
		slot_entries(slot)[STACK_PAGES + i] = 0;
	push(&dirty, slot);
	nr_dirty++;
}

bool kstack_is_guard(u64 va)
{
	return va >= KSTACK_AREA && va < KSTACK_AREA + MAX_TABLES * SLOTS_PER_TABLE * SLOT_SIZE &&
	       (va - KSTACK_AREA) % SLOT_SIZE < KSTACK_SIZE;
}

void kstack_init(void)
{
	area = paging_table(KSTACK_AREA, 2);
	add_table((u64)early_alloc(PAGE_SIZE) - DIRECT_BASE);
}
