/* SPDX-License-Identifier: MIT */
/* HAL conformance: timer, idle, kicks. */
#include "conformance.h"

extern const u8 g_spin[], g_syscall[];

/* Runs t until a timer of that many ns has fired. */
static void run_for(struct task *t, u64 ns)
{
	u32 count = timer_count;

	hal_timer_arm(hal_clock_ns() + ns);
	while (timer_count == count)
		run_once(t);
}

static void test_timer_user(struct hal_as *as)
{
	struct task t;
	u64 deadline, rbx;
	u32 count = timer_count;

	task_new(&t, as, GUEST(g_spin));
	deadline = hal_clock_ns() + 5000000;
	hal_timer_arm(deadline);
	while (timer_count == count)
		run_once(&t);
	check(hal_clock_ns() >= deadline, "timer: not early");
	check_eq(t.info.kind, TRAP_KICK, "timer: user code is left with a kick");
	check_eq(timer_count, count + 1, "timer: once");
	/* A busy host may take all of the time. */
	for (u32 tries = 0; tries < 200 && t.tf->rbx <= 1000; tries++)
		run_for(&t, 5000000);
	rbx = t.tf->rbx;
	check(rbx > 1000, "timer: user code ran meanwhile");
	check(t.tf->rip >= GUEST(g_spin) && t.tf->rip < GUEST(g_spin) + 5, "timer: rip");
	for (u32 tries = 0; tries < 200 && t.tf->rbx == rbx; tries++)
		run_for(&t, 1000000);
	check(t.tf->rbx > rbx, "timer: user code went on");

	/* already over when user mode is entered */
	count = timer_count;
	hal_timer_arm(hal_clock_ns());
	while (timer_count == count)
		run_once(&t);
	check(true, "timer: a deadline in the past");

	/* moved on again and again, as a time slice is */
	count = timer_count;
	t.tf->rip = GUEST(g_syscall);
	for (int i = 0; i < 200; i++) {
		hal_timer_arm(hal_clock_ns() + 1000000000);
		run(&t);
	}
	check_eq(timer_count, count, "timer: pushed back, does not fire");
	hal_timer_arm(U64_MAX);
	task_free(&t);
}

static void test_idle(void)
{
	u32 count = timer_count;
	u64 deadline = hal_clock_ns() + 3000000, late;

	hal_timer_arm(deadline);
	while (timer_count == count)
		hal_idle();
	late = hal_clock_ns() - deadline;
	check((s64)late >= 0, "idle: not woken early");
	check(late < 500000000, "idle: woken in time");
	note("us late", late / 1000);
	hal_timer_arm(hal_clock_ns());
	hal_poll();
	check_eq(timer_count, count + 2, "poll: timer");
}

static void test_ipi(struct hal_as *as)
{
	struct task t;
	u32 count = ipi_count;

	hal_ipi(0);
	hal_idle();
	hal_poll();
	check_eq(ipi_count, count + 1, "ipi: to ourselves, seen in idle");
	hal_ipi(0);
	task_new(&t, as, GUEST(g_syscall));
	run_once(&t);
	hal_poll();
	check_eq(ipi_count, count + 2, "ipi: to ourselves, seen on the way to user mode");
	task_free(&t);
}

void test_interrupts(void)
{
	static struct hal_as as;

	as_new(&as);
	test_timer_user(&as);
	test_idle();
	test_ipi(&as);
	hal_as_destroy(&as);
}
