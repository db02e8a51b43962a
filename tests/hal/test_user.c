/* SPDX-License-Identifier: MIT */
/* HAL conformance: user mode, registers, each kind of trap. */
#include "conformance.h"

extern const u8 g_syscall[], g_load[], g_store[], g_jump[], g_divide[], g_divide_at[], g_int3[],
	g_int3_after[], g_ud2[], g_hlt[], g_int80[], g_step[], g_step_after[], g_noncanonical[],
	g_align[], g_sse_exception[], g_x87_exception[], g_fs[], g_vsyscall[];

static struct hal_as as;

static void test_syscall(void)
{
	struct task t;

	task_new(&t, &as, GUEST(g_syscall));
	t.tf->rax = 39;
	t.tf->rdi = 0x1111111111111111;
	t.tf->rsi = 0x2222222222222222;
	t.tf->rdx = 0x3333333333333333;
	t.tf->r10 = 0x4444444444444444;
	t.tf->r8 = 0x5555555555555555;
	t.tf->r9 = 0x6666666666666666;
	t.tf->rbx = 0x7777777777777777;
	t.tf->rbp = 0x8888888888888888;
	t.tf->r12 = 0x9999999999999999;
	t.tf->r13 = 0xaaaaaaaaaaaaaaaa;
	t.tf->r14 = 0xbbbbbbbbbbbbbbbb;
	t.tf->r15 = 0xcccccccccccccccc;
	t.tf->rflags = 0x202 | 0x400 | 1;	/* DF, CF */
	run(&t);
	check_eq(t.info.kind, TRAP_SYSCALL, "syscall: kind");
	check_eq(t.tf->orig_rax, 39, "syscall: number in orig_rax");
	check_eq(t.tf->rip, GUEST(g_syscall) + 2, "syscall: rip is after the instruction");
	check(t.tf->rdi == 0x1111111111111111 && t.tf->rsi == 0x2222222222222222 &&
	      t.tf->rdx == 0x3333333333333333 && t.tf->r10 == 0x4444444444444444 &&
	      t.tf->r8 == 0x5555555555555555 && t.tf->r9 == 0x6666666666666666,
	      "syscall: arguments");
	check(t.tf->rbx == 0x7777777777777777 && t.tf->rbp == 0x8888888888888888 &&
	      t.tf->r12 == 0x9999999999999999 && t.tf->r13 == 0xaaaaaaaaaaaaaaaa &&
	      t.tf->r14 == 0xbbbbbbbbbbbbbbbb && t.tf->r15 == 0xcccccccccccccccc,
	      "syscall: preserved registers");
	check_eq(t.tf->rsp, STACK_TOP - 256, "syscall: rsp");
	check_eq(t.tf->rflags & 0xcd5, 0x401, "syscall: rflags");

	t.tf->rax = -1ul;	/* the result is the next call's number */
	run(&t);
	check(t.info.kind == TRAP_SYSCALL && t.tf->orig_rax == -1ul, "syscall: number -1");
	t.tf->rax = 1ul << 40;
	t.tf->rflags = 0x202;
	run(&t);
	check_eq(t.tf->orig_rax, 1ul << 40, "syscall: a large number");
	task_free(&t);
}

static void expect(const u8 *label, u32 vector, const u8 *rip, const char *name)
{
	struct task t;

	task_new(&t, &as, GUEST(label));
	t.tf->rdi = DATA_VA;
	run(&t);
	check_hardware(t.info.kind == TRAP_EXCEPTION && t.info.vector == vector, name);
	if (t.info.kind != TRAP_EXCEPTION || t.info.vector != vector) {
		note("kind", t.info.kind);
		note("vector", t.info.vector);
	}
	if (rip)
		check_eq(t.tf->rip, GUEST(rip), name);
	task_free(&t);
}

static void test_exceptions(void)
{
	struct task t;

	expect(g_divide, 0, g_divide_at, "exception: #DE");
	expect(g_int3, 3, g_int3_after, "exception: #BP, rip after it");
	expect(g_ud2, 6, g_ud2, "exception: #UD");
	expect(g_hlt, 13, g_hlt, "exception: #GP, privileged instruction");
	expect(g_noncanonical, 13, NULL, "exception: #GP, non-canonical address");
	expect(g_int80, 13, g_int80 + 2, "exception: #GP, int $0x80");
	expect(g_sse_exception, 19, NULL, "exception: #XM");
	expect(g_x87_exception, 16, NULL, "exception: #MF");

	task_new(&t, &as, GUEST(g_step));
	t.tf->rflags |= 0x100;
	run(&t);
	check(t.info.kind == TRAP_EXCEPTION && t.info.vector == 1, "exception: #DB, single step");
	check_eq(t.tf->rip, GUEST(g_step_after), "exception: #DB after one instruction");
	task_free(&t);

	task_new(&t, &as, GUEST(g_align));
	t.tf->rdi = DATA_VA;
	t.tf->rflags |= 1 << 18;
	run(&t);
	check_hardware(t.info.kind == TRAP_EXCEPTION && t.info.vector == 17, "exception: #AC");
	task_free(&t);
}

static void test_odd_registers(void)
{
	struct task t;

	task_new(&t, &as, 0x8000000000000000ul);
	run(&t);
	check(t.info.kind == TRAP_EXCEPTION || t.info.kind == TRAP_FAULT,
	      "registers: non-canonical rip ends in a trap");
	task_free(&t);
	task_new(&t, &as, GUEST(g_syscall));
	t.tf->rsp = 0xdeadbeefdeadbeef;
	run(&t);
	check(t.info.kind == TRAP_SYSCALL && t.tf->rsp == 0xdeadbeefdeadbeef,
	      "registers: rsp may be anything");
	task_free(&t);
	task_new(&t, &as, GUEST(g_vsyscall));
	run(&t);
	check((t.info.kind == TRAP_SYSCALL && t.tf->orig_rax == 201) ||
	      t.info.kind == TRAP_FAULT || t.info.kind == TRAP_EXCEPTION,
	      "vsyscall: a system call or a fault, never the host's");
	task_free(&t);
}

static void test_segments(void)
{
	struct task t, u;

	((u64 *)data_page)[0] = 0xf5;
	((u64 *)data_page)[3] = 0x65;
	((u64 *)data_page)[4] = 0xf6;
	task_new(&t, &as, GUEST(g_fs));
	task_new(&u, &as, GUEST(g_fs));
	t.tf->fsbase = DATA_VA;
	t.tf->gsbase = DATA_VA + 16;
	u.tf->fsbase = DATA_VA + 32;
	u.tf->gsbase = DATA_VA - 8;
	run(&t);
	run(&u);
	check(t.tf->orig_rax == 0xf5 && t.tf->rdx == 0x65, "segments: fsbase and gsbase");
	check(u.tf->orig_rax == 0xf6 && u.tf->rdx == 0xf5, "segments: another task has its own");
	run(&t);
	check(t.tf->orig_rax == 0xf5 && t.tf->fsbase == DATA_VA && t.tf->gsbase == DATA_VA + 16,
	      "segments: kept across a switch");
	task_free(&t);
	task_free(&u);
}

void test_user(void)
{
	as_new(&as);
	test_syscall();
	test_exceptions();
	test_odd_registers();
	test_segments();
	hal_as_destroy(&as);
}
