/* SPDX-License-Identifier: MIT */
/*
 * HAL conformance: a second CPU. It takes one job at a time from CPU 0, a
 * function that it runs; between two it idles. A kick that is lost, or a CPU
 * that does not leave user mode, makes these tests hang.
 */
#include "conformance.h"

#include "lib/types.h"

#define OTHER_VA 0x700000ul
#define ROUNDS 300

extern const u8 g_copy[], g_xmm_set[];

static u8 *stack;
static u32 alive, stop;
static void (*job)(void);
static struct hal_as as;
static struct task t;
static u32 traps;

static u32 get(u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void set(u32 *word, u32 value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

void smp_main(void)
{
	set(&alive, 1);
	for (;;) {
		void (*fn)(void) = __atomic_load_n(&job, __ATOMIC_SEQ_CST);

		if (!fn) {
			hal_idle();
			continue;
		}
		fn();
		__atomic_store_n(&job, NULL, __ATOMIC_SEQ_CST);
		hal_ipi(0);
	}
}

static void begin(void (*fn)(void))
{
	__atomic_store_n(&job, fn, __ATOMIC_SEQ_CST);
	kern_lock();
	hal_ipi(1);
	kern_unlock();
}

/* Both sides wait in hal_idle: each needs the other's kick. */
static void finish_job(void)
{
	while (__atomic_load_n(&job, __ATOMIC_SEQ_CST))
		hal_idle();
}

static void nothing(void)
{
}

static void run_until_stop(void)
{
	while (!get(&stop)) {
		run_once(&t);
		__atomic_add_fetch(&traps, 1, __ATOMIC_SEQ_CST);
	}
}

static void end_run(void)
{
	set(&stop, 1);
	kern_lock();
	hal_ipi(1);
	kern_unlock();
	finish_job();
	set(&stop, 0);
}

static void test_start(void)
{
	u32 count = hal_info()->nr_cpus;

	check_eq(hal_cpu_start(0, stack), (u64)-22, "cpu: the first is started already");
	check_eq(hal_cpu_start(count, stack), (u64)-22, "cpu: one that is not there");
	check_eq(hal_cpu_start(1, stack), 0, "cpu: the second starts");
	while (!get(&alive))
		hal_relax();
	check(true, "cpu: the second runs");
	check_eq(hal_cpu_start(1, stack), (u64)-22, "cpu: not twice");
}

static void test_idle_kicks(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		begin(nothing);
		finish_job();
	}
	check(true, "cpu: kicks wake from idle");
}

/* Until the guest has copied twice: the second began after this was called. */
static u64 copied(volatile u64 *out)
{
	u64 before = out[1];

	while (out[1] - before < 2)
		hal_relax();
	return out[0];
}

static void begin_copying(void)
{
	task_new(&t, &as, GUEST(g_copy));
	t.tf->rdi = OTHER_VA;
	t.tf->rsi = DATA_VA;
	begin(run_until_stop);
	copied((volatile u64 *)data_page);
}

/* It makes no system call: only kicks, and a few faults, end its user mode. */
static void test_user_kicks(void)
{
	u32 before;

	as_map(&as, OTHER_VA, phys(page_new()), PTE_NX);
	begin_copying();
	for (u32 i = 0; i < ROUNDS; i++) {
		before = get(&traps);
		kern_lock();
		hal_ipi(1);
		kern_unlock();
		while (get(&traps) == before)
			hal_relax();
	}
	end_run();
	check(true, "cpu: kicks end user mode");
	task_free(&t);
}

static void test_shootdown(void)
{
	volatile u64 *out = (volatile u64 *)data_page;
	u64 *page[2] = { page_new(), page_new() };
	u32 old = 0;

	*page[0] = 100;
	*page[1] = 101;
	as_map(&as, OTHER_VA, phys(page[0]), PTE_NX);
	hal_tlb_flush(&as, OTHER_VA, 1);
	begin_copying();
	for (u32 i = 1; i <= ROUNDS; i++) {
		kern_lock();
		as_map(&as, OTHER_VA, phys(page[i % 2]), PTE_NX);
		hal_tlb_flush(&as, OTHER_VA, 1);
		kern_unlock();
		old += copied(out) != 100 + i % 2;
	}
	end_run();
	check_eq(old, 0, "cpu: no old translation after a flush");
	task_free(&t);
}

static void run_here(void)
{
	run(&t);
}

static void test_registers(void)
{
	bool good = true;

	task_new(&t, &as, GUEST(g_xmm_set));
	t.tf->rdi = 0x1122334455667788;
	run(&t);
	for (u32 i = 0; i < 20; i++) {
		if (i % 2) {
			run(&t);
		} else {
			begin(run_here);
			finish_job();
		}
		good = good && t.info.kind == TRAP_SYSCALL &&
		       t.tf->orig_rax == 0x1122334455667788 && t.tf->rdx == t.tf->orig_rax &&
		       t.tf->rsi == t.tf->orig_rax;
		t.tf->rax = 0;
	}
	check(good, "cpu: vector registers go along with their task");
	task_free(&t);
}

void test_smp(void)
{
	if (hal_info()->nr_cpus < 2)
		return;
	stack = mem_alloc(2 * KSTACK_SIZE);
	stack = (u8 *)align_up((u64)stack, KSTACK_SIZE);
	test_start();
	as_new(&as);
	test_idle_kicks();
	test_user_kicks();
	test_shootdown();
	test_registers();
	hal_as_activate(NULL);
	hal_as_destroy(&as);
	check(true, "cpu: its address space can be destroyed");
}
