/* SPDX-License-Identifier: MIT */
/* HAL conformance: faults, translations, flushes, many address spaces. */
#include "conformance.h"

extern const u8 g_load[], g_store[], g_jump[], g_syscall[], g_touch[];

#define SOME_VA 0x10000000ul
#define SCATTERED_VA 0x20000000ul
#define SCATTERED_PAGES 70000ul		/* more than a host has mappings */

static struct hal_as as;
static struct task t;

static void load(uaddr_t va)
{
	t.tf->rip = GUEST(g_load);
	t.tf->rdi = va;
	run(&t);
}

static void store(uaddr_t va, u64 value)
{
	t.tf->rip = GUEST(g_store);
	t.tf->rdi = va;
	t.tf->rsi = value;
	run(&t);
}

static void expect_fault(uaddr_t addr, u64 must, u64 must_not, const char *name)
{
	bool good = t.info.kind == TRAP_FAULT && t.info.addr == addr &&
		    (t.info.error & must) == must && !(t.info.error & must_not);

	check(good, name);
	if (!good) {
		note("kind", t.info.kind);
		note("addr", t.info.addr);
		note("error", t.info.error);
	}
}

static void test_faults(void)
{
	u64 *page = page_new();

	load(SOME_VA + 24);
	expect_fault(SOME_VA + 24, FAULT_USER, FAULT_EXEC | FAULT_PRESENT, "fault: absent, read");
	check_eq(t.tf->rip, GUEST(g_load), "fault: rip is the instruction");
	store(SOME_VA + 32, 1);
	expect_fault(SOME_VA + 32, FAULT_USER, FAULT_EXEC | FAULT_PRESENT, "fault: absent, write");
	t.tf->rip = GUEST(g_jump);
	t.tf->rdi = SOME_VA + 3;
	run(&t);
	expect_fault(SOME_VA + 3, FAULT_USER | FAULT_EXEC, FAULT_WRITE, "fault: absent, fetch");
	load(0);
	expect_fault(0, FAULT_USER, FAULT_EXEC, "fault: null pointer");
	load(hal_info()->user_limit);
	check(t.info.kind == TRAP_FAULT || t.info.kind == TRAP_EXCEPTION,
	      "fault: beyond the user limit");

	page[3] = 0x42;
	as_map(&as, SOME_VA, phys(page), PTE_NX);
	load(SOME_VA + 24);
	check(t.info.kind == TRAP_SYSCALL && t.tf->orig_rax == 0x42, "fault: mapped in the trap, read");
	store(SOME_VA, 7);
	expect_fault(SOME_VA, FAULT_USER | FAULT_WRITE, FAULT_EXEC, "fault: read-only, write");
	t.tf->rip = GUEST(g_jump);
	t.tf->rdi = SOME_VA;
	run(&t);
	expect_fault(SOME_VA, FAULT_USER | FAULT_EXEC, FAULT_WRITE, "fault: no-exec, fetch");
	check_eq(page[0], 0, "fault: nothing was written");
	as_map(&as, SOME_VA, phys(page), PTE_W | PTE_NX);
	hal_tlb_fill(&as, SOME_VA, 1);
	store(SOME_VA, 7);
	check(t.info.kind == TRAP_SYSCALL && page[0] == 7, "fault: made writable, write");
	page[1] = 99;
	load(SOME_VA + 8);
	check_eq(t.tf->orig_rax, 99, "memory: kernel and user see the same page");
}

static void test_flush(void)
{
	u64 *a = page_new(), *b = page_new();

	a[0] = 0xa;
	b[0] = 0xb;
	as_map(&as, SOME_VA, phys(a), PTE_W | PTE_NX);
	hal_tlb_flush(&as, SOME_VA, 1);
	load(SOME_VA);
	check_eq(t.tf->orig_rax, 0xa, "flush: page was replaced");
	as_map(&as, SOME_VA, phys(b), PTE_W | PTE_NX);
	hal_tlb_flush(&as, SOME_VA, 1);
	load(SOME_VA);
	check_eq(t.tf->orig_rax, 0xb, "flush: page was replaced again");
	as_map(&as, SOME_VA, phys(b), PTE_NX);
	hal_tlb_flush(&as, SOME_VA, 1);
	load(SOME_VA);
	check_eq(t.tf->orig_rax, 0xb, "flush: write-protected page can be read");
	store(SOME_VA, 1);
	expect_fault(SOME_VA, FAULT_WRITE, 0, "flush: write-protected page, write");
	as_map(&as, SOME_VA, phys(a), PTE_W | PTE_NX);
	hal_tlb_flush(&as, SOME_VA, 1);
	hal_tlb_fill(&as, SOME_VA, 1);
	store(SOME_VA, 0xc);
	check(t.info.kind == TRAP_SYSCALL && a[0] == 0xc && b[0] == 0xb,
	      "flush: copy on write reaches the copy");
	as_unmap(&as, SOME_VA);
	hal_tlb_flush(&as, SOME_VA, 1);
	load(SOME_VA);
	expect_fault(SOME_VA, 0, FAULT_EXEC, "flush: unmapped page faults");
}

static void test_flush_many(void)
{
	u64 *first = mem_alloc(64 * 4096);
	bool good = true;

	for (u64 i = 0; i < 64; i++) {
		first[i * 512] = i;
		as_map(&as, SOME_VA + i * 4096, phys(first) + i * 4096, PTE_W | PTE_NX);
	}
	hal_tlb_fill(&as, SOME_VA, 64);
	t.tf->rip = GUEST(g_touch);
	t.tf->rdi = SOME_VA;
	t.tf->rsi = 64;
	t.tf->rdx = 4096;
	run(&t);
	check_eq(t.tf->orig_rax, 64 * 63 / 2, "fill: 64 pages");
	for (u64 i = 0; i < 64; i += 2)
		as_unmap(&as, SOME_VA + i * 4096);
	for (u64 i = 1; i < 64; i += 2)
		as_map(&as, SOME_VA + i * 4096, phys(first) + i * 4096, PTE_NX);
	hal_tlb_flush(&as, SOME_VA, 64);
	for (u64 i = 0; i < 64; i++) {
		store(SOME_VA + i * 4096, 0);
		good &= t.info.kind == TRAP_FAULT;
		load(SOME_VA + i * 4096);
		good &= i % 2 ? t.info.kind == TRAP_SYSCALL && t.tf->orig_rax == i :
			t.info.kind == TRAP_FAULT;
	}
	check(good, "flush: every second page gone, the rest read-only");
	for (u64 i = 0; i < 64; i++)
		as_unmap(&as, SOME_VA + i * 4096);
	hal_tlb_flush_all(&as);
	load(SOME_VA + 5 * 4096);
	check(t.info.kind == TRAP_FAULT, "flush: all");
	t.tf->rip = GUEST(g_syscall);
	run(&t);
	check(t.info.kind == TRAP_SYSCALL, "flush: what is still in the tables comes back");
}

static void test_scattered(void)
{
	u64 *a = page_new(), *b = page_new(), start = hal_clock_ns();

	a[0] = 1;
	b[0] = 2;
	for (u64 i = 0; i < SCATTERED_PAGES; i++)
		as_map(&as, SCATTERED_VA + i * 4096, phys(i % 2 ? a : b), PTE_NX);
	t.tf->rip = GUEST(g_touch);
	t.tf->rdi = SCATTERED_VA;
	t.tf->rsi = SCATTERED_PAGES;
	t.tf->rdx = 4096;
	run(&t);
	check(t.info.kind == TRAP_SYSCALL && t.tf->orig_rax == SCATTERED_PAGES / 2 * 3,
	      "fill: more runs than the host has mappings");
	note("ns per page", (hal_clock_ns() - start) / SCATTERED_PAGES);
	t.tf->rip = GUEST(g_touch);
	t.tf->rdi = SCATTERED_VA;
	t.tf->rsi = 100;
	t.tf->rdx = 4096;
	run(&t);
	check_eq(t.tf->orig_rax, 150, "fill: the first of them again");
}

static void test_spaces(void)
{
	static struct hal_as spaces[24];
	static struct task tasks[24];
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(spaces); i++) {
		as_new(&spaces[i]);
		*(u64 *)data_page = i + 1000;
		task_new(&tasks[i], &spaces[i], GUEST(g_load));
		tasks[i].tf->rdi = DATA_VA;
	}
	for (u32 round = 0; round < 3; round++)
		for (u32 i = 0; i < ARRAY_SIZE(spaces); i++) {
			tasks[i].tf->rip = GUEST(g_load);
			run(&tasks[i]);
			good &= tasks[i].info.kind == TRAP_SYSCALL && tasks[i].tf->orig_rax == i + 1000;
		}
	check(good, "address spaces: 24 of them, each with its own page");
	for (u32 i = 0; i < ARRAY_SIZE(spaces); i++) {
		task_free(&tasks[i]);
		hal_as_destroy(&spaces[i]);
	}
	as_new(&spaces[0]);
	as_unmap(&spaces[0], DATA_VA);
	task_new(&tasks[0], &spaces[0], GUEST(g_load));
	tasks[0].tf->rdi = DATA_VA;
	run(&tasks[0]);
	check(tasks[0].info.kind == TRAP_FAULT, "address spaces: a new one holds nothing old");
	task_free(&tasks[0]);
	hal_as_destroy(&spaces[0]);
}

static void measure(void)
{
	u64 start = hal_clock_ns(), count = 2000;

	t.tf->rip = GUEST(g_syscall);
	for (u64 i = 0; i < count; i++)
		run(&t);
	note("ns per null system call", (hal_clock_ns() - start) / count);
}

void test_memory(void)
{
	as_new(&as);
	task_new(&t, &as, GUEST(g_syscall));
	test_faults();
	test_flush();
	test_flush_many();
	test_scattered();
	test_spaces();
	measure();
	task_free(&t);
	hal_as_destroy(&as);
}
