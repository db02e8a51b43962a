/* SPDX-License-Identifier: MIT */
/* HAL conformance: vector registers belong to tasks. */
#include "conformance.h"

extern const u8 g_xmm_set[], g_xmm_get[], g_fp_control[], g_syscall[];

static bool has(struct task *t, u64 value)
{
	return t->tf->orig_rax == value && t->tf->rdx == value && t->tf->rsi == value;
}

static void pair(struct hal_as *a, struct hal_as *b, const char *name)
{
	struct task t, u;
	bool good = true;

	task_new(&t, a, GUEST(g_xmm_set));
	task_new(&u, b, GUEST(g_xmm_set));
	t.tf->rdi = 0x1111;
	u.tf->rdi = 0x2222;
	run(&t);
	run(&u);
	for (int i = 0; i < 3; i++) {
		run(&t);
		good &= has(&t, 0x1111);
		run(&u);
		good &= has(&u, 0x2222);
	}
	check(good, name);
	task_free(&t);
	task_free(&u);
}

static void test_initial(struct hal_as *as)
{
	struct task t, u;

	task_new(&t, as, GUEST(g_xmm_set));
	t.tf->rdi = 0x77;
	run(&t);
	task_new(&u, as, GUEST(g_fp_control));
	run(&u);
	check_eq(u.tf->orig_rax, 0x1f80, "fp: MXCSR of a new task");
	check_eq(u.tf->rdx, 0x37f, "fp: FCW of a new task");
	u.tf->rip = GUEST(g_xmm_get);
	run(&u);
	check(has(&u, 0), "fp: registers of a new task are zero");
	task_free(&u);
	run(&t);
	check(has(&t, 0x77), "fp: kept while a new task ran and ended");
	task_free(&t);
}

static void test_sync(struct hal_as *as)
{
	struct task t, child;
	u64 *xmm0;

	task_new(&t, as, GUEST(g_xmm_set));
	xmm0 = (u64 *)(t.fp + 160);
	t.tf->rdi = 0xabcdef;
	run(&t);
	hal_fp_sync(&t.ht);
	check_eq(*xmm0, 0xabcdef, "fp: sync brings the registers to memory");
	if (hal_info()->xfeatures)
		check((*(u64 *)(t.fp + 512) & 2) != 0, "fp: the header says that SSE is there");
	run(&t);
	check(has(&t, 0xabcdef), "fp: a sync does not disturb");

	/* fork: a copy of the area */
	hal_fp_sync(&t.ht);
	task_new(&child, as, GUEST(g_xmm_get));
	memcpy(child.fp, t.fp, hal_info()->fp_size);
	run(&child);
	check(has(&child, 0xabcdef), "fp: a task starts with what its area holds");

	/* signal return: the core has changed the area */
	hal_fp_sync(&t.ht);
	*xmm0 = 0x5678;
	hal_fp_dirty(&t.ht);
	run(&t);
	check(t.tf->orig_rax == 0x5678 && t.tf->rdx == 0xabcdef, "fp: dirty loads the area");
	task_free(&child);
	task_free(&t);
}

/* exec: the same task goes on in another address space. */
static void test_move(struct hal_as *from, struct hal_as *to)
{
	struct task t;

	task_new(&t, from, GUEST(g_xmm_set));
	t.tf->rdi = 0x999;
	run(&t);
	t.as = to;
	run(&t);
	check(has(&t, 0x999), "fp: a task takes its registers to another address space");
	hal_fp_sync(&t.ht);
	check_eq(*(u64 *)(t.fp + 160), 0x999, "fp: and syncs from there");
	task_free(&t);
}

void test_fp(void)
{
	static struct hal_as a, b;

	as_new(&a);
	as_new(&b);
	pair(&a, &a, "fp: two tasks in one address space");
	pair(&a, &b, "fp: two tasks in two address spaces");
	test_initial(&a);
	test_sync(&a);
	test_move(&a, &b);
	hal_as_destroy(&a);
	hal_as_destroy(&b);
}
