/* SPDX-License-Identifier: MIT */
/*
 * What a handler sees and may change: siginfo of faults, ucontext registers,
 * floating-point state, alternate stacks, the red zone, nested frames.
 */
#define ABI_FAMILY "sigframe"
#include "abi.h"

#include <sched.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#ifndef SEGV_PKUERR
#define SEGV_PKUERR 4
#endif

static volatile sig_atomic_t count;
static siginfo_t info;
static volatile uintptr_t handler_sp;
static volatile char *volatile wild = BAD_UNMAPPED;

ABI_TEST(maperr)
{
	CHECK_EQ(abi_load((void *)0x1230), SIGSEGV);
	CHECK_EQ(abi_fault.si_signo, SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_MAPERR);
	CHECK(abi_fault.si_addr == (void *)0x1230);
	CHECK_EQ(abi_store((void *)0x1238, 1), SIGSEGV);
	CHECK(abi_fault.si_addr == (void *)0x1238);
}

ABI_TEST(kernel_address_fault)
{
	CHECK_EQ(abi_load(BAD_KERNEL), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_MAPERR);
	CHECK(abi_fault.si_addr == BAD_KERNEL);
}

ABI_TEST(non_canonical_fault)
{
	/* A general protection fault: no address, code SI_KERNEL. */
	CHECK_EQ(abi_load(BAD_HOLE), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SI_KERNEL);
	CHECK(abi_fault.si_addr == NULL);
}

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	info = *si;
	count++;
}

/* The handler moves rip on by what rcx says. */
static void on_skip(int sig, siginfo_t *si, void *arg)
{
	ucontext_t *uc = arg;

	on_info(sig, si, arg);
	uc->uc_mcontext.gregs[REG_RIP] += uc->uc_mcontext.gregs[REG_RCX];
	uc->uc_mcontext.gregs[REG_RAX] = 0x7777;
}

ABI_TEST(handler_skips_fault)
{
	unsigned long rax = 1;

	abi_handle_info(SIGSEGV, on_skip, 0);
	for (int i = 0; i < 100; i++) {
		rax = 0;
		/* 8a 02 = mov (%rdx), %al: two bytes */
		__asm__ volatile(".byte 0x8a, 0x02" : "+a"(rax)
				 : "c"(2L), "d"(0x10L) : "memory");
		CHECK_EQ(rax, 0x7777);
	}
	CHECK_EQ(count, 100);
}

ABI_TEST(illegal_instruction)
{
	abi_handle_info(SIGILL, on_skip, 0);
	__asm__ volatile("ud2" : : "c"(2L) : "rax", "memory");
	CHECK_EQ(count, 1);
	CHECK_EQ(info.si_signo, SIGILL);
	CHECK_EQ(info.si_code, ILL_ILLOPN);
	CHECK(info.si_addr != NULL);
}

ABI_TEST(divide_error)
{
	abi_handle_info(SIGFPE, on_skip, 0);
	/* f7 f1 = div %ecx with ecx = 0; then skip by rcx fails: use rcx=2 */
	__asm__ volatile("xor %%edx, %%edx\n\t"
			 ".byte 0xf7, 0xf6"	/* div %esi */
			 : : "a"(1), "c"(2L), "S"(0L) : "rdx", "memory");
	CHECK_EQ(count, 1);
	CHECK_EQ(info.si_signo, SIGFPE);
	CHECK_EQ(info.si_code, FPE_INTDIV);
}

ABI_TEST(breakpoint)
{
	abi_handle_info(SIGTRAP, on_info, 0);
	__asm__ volatile("int3");
	CHECK_EQ(count, 1);
	CHECK_EQ(info.si_signo, SIGTRAP);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

ABI_TEST(single_step)
{
	abi_handle_info(SIGTRAP, on_info, 0);
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "orl $0x100, (%%rsp)\n\t"
			 "popfq\n\t"
			 "nop\n\t"
			 "pushfq\n\t"
			 "andl $~0x100, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp\n\t" : : : "memory", "cc");
	CHECK(count >= 2);
	CHECK_EQ(info.si_code, TRAP_TRACE);
}

ABI_TEST(privileged_instruction)
{
	abi_handle_info(SIGSEGV, on_skip, 0);
	__asm__ volatile("hlt" : : "c"(1L) : "rax", "memory");
	CHECK_EQ(count, 1);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

ABI_TEST(blocked_fault_kills)
{
	pid_t pid = FORK();

	if (!pid) {
		struct { uint64_t cur, max; } none = { 0, 0 };
		sigset_t set;

		OK(syscall(SYS_prlimit64, 0, 4, &none, NULL));
		abi_handle_info(SIGSEGV, on_info, 0);
		sigemptyset(&set);
		sigaddset(&set, SIGSEGV);
		OK(sigprocmask(SIG_BLOCK, &set, NULL));
		*wild = 1;
		_exit(0);
	}
	CHECK_KILLED(pid, SIGSEGV);
}

ABI_TEST(ignored_fault_kills)
{
	pid_t pid = FORK();

	if (!pid) {
		struct { uint64_t cur, max; } none = { 0, 0 };

		OK(syscall(SYS_prlimit64, 0, 4, &none, NULL));
		signal(SIGSEGV, SIG_IGN);
		*wild = 1;
		_exit(0);
	}
	CHECK_KILLED(pid, SIGSEGV);
}

ABI_TEST(siginfo_of_kill)
{
	abi_handle_info(SIGUSR1, on_info, 0);
	OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(info.si_signo, SIGUSR1);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(info.si_uid, getuid());
	OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
	CHECK_EQ(info.si_code, SI_TKILL);
	CHECK_EQ(info.si_pid, getpid());
}

ABI_TEST(siginfo_from_child)
{
	union sigval v = { .sival_ptr = (void *)0x123456789abcUL };
	pid_t pid;

	abi_handle_info(SIGUSR1, on_info, SA_RESTART);
	pid = FORK();
	if (!pid) {
		OK(sigqueue(getppid(), SIGUSR1, v));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(info.si_code, SI_QUEUE);
	CHECK_EQ(info.si_pid, pid);
	CHECK(info.si_value.sival_ptr == v.sival_ptr);
}

static void on_clobber(int sig)
{
	(void)sig;
	count++;
	__asm__ volatile("pcmpeqb %%xmm0, %%xmm0\n\t"
			 "pcmpeqb %%xmm7, %%xmm7\n\t"
			 "pcmpeqb %%xmm15, %%xmm15\n\t"
			 "fninit\n\tfldpi"
			 : : : "xmm0", "xmm7", "xmm15");
}

ABI_TEST(sse_state_survives_handler)
{
	unsigned long tid = syscall(SYS_gettid), pid = getpid();
	uint64_t in[2] = { 0x0123456789abcdefUL, 0xfedcba9876543210UL };
	uint64_t a[2], b[2], c[2];

	abi_handle(SIGUSR1, on_clobber, 0);
	for (int i = 0; i < 50; i++) {
		long r;

		in[0] += i;
		__asm__ volatile(
			"movdqu (%5), %%xmm0\n\t"
			"movdqa %%xmm0, %%xmm7\n\t"
			"movdqa %%xmm0, %%xmm15\n\t"
			"syscall\n\t"
			"movdqu %%xmm0, (%6)\n\t"
			"movdqu %%xmm7, (%7)\n\t"
			"movdqu %%xmm15, (%8)\n\t"
			: "=a"(r)
			: "a"(SYS_tgkill), "D"(pid), "S"(tid), "d"(SIGUSR1),
			  "r"(in), "r"(a), "r"(b), "r"(c)
			: "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");
		CHECK_EQ(r, 0);
		CHECK(!memcmp(a, in, 16) && !memcmp(b, in, 16) && !memcmp(c, in, 16));
	}
	CHECK_EQ(count, 50);
}

ABI_TEST(x87_and_mxcsr_survive_handler)
{
	unsigned mxcsr = 0x1f80 | 0x6000, got = 0;
	unsigned short cw = 0x0f7f & ~0xc00, cw2 = 0;

	abi_handle(SIGUSR1, on_clobber, 0);
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(cw));
	OK(raise(SIGUSR1));
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(got), "=m"(cw2));
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0\n\tfninit" : : "m"(mxcsr));
	CHECK_EQ(got & 0x6000, 0x6000);
	CHECK_EQ(cw2, cw);
}

static void on_check_fp(int sig)
{
	unsigned mxcsr;
	unsigned short cw;

	(void)sig;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(cw));
	/* Linux x86-64 enters a handler with the interrupted control words. */
	count = (mxcsr & 0x6000) == 0x6000 ? 1 : 2;
}

ABI_TEST(handler_entered_with_old_mxcsr)
{
	unsigned mxcsr = 0x1f80 | 0x6000;

	abi_handle(SIGUSR1, on_check_fp, 0);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	OK(raise(SIGUSR1));
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	CHECK(count == 1 || count == 2);
}

ABI_TEST(fp_state_survives_switches)
{
	pid_t pid = FORK();
	double seed = pid ? 1.5 : 2.5;
	register double x __asm__("xmm14") = seed;

	__asm__ volatile("" : "+x"(x));
	for (int i = 0; i < 200; i++) {
		sched_yield();
		__asm__ volatile("" : "+x"(x));
	}
	CHECK(x == seed);
	if (!pid)
		_exit(0);
	CHECK_EXIT(pid, 0);
}

static void on_where(int sig)
{
	char here;

	(void)sig;
	handler_sp = (uintptr_t)&here;
	count++;
}

ABI_TEST(altstack)
{
	char *mem = abi_map(65536, RW, ANON);
	stack_t ss = { .ss_sp = mem, .ss_size = 65536 }, old;

	OK(sigaltstack(NULL, &old));
	CHECK(old.ss_flags & SS_DISABLE);
	OK(sigaltstack(&ss, NULL));
	abi_handle(SIGUSR1, on_where, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK(handler_sp >= (uintptr_t)mem && handler_sp < (uintptr_t)mem + 65536);
	abi_handle(SIGUSR1, on_where, 0);
	OK(raise(SIGUSR1));
	CHECK(handler_sp < (uintptr_t)mem || handler_sp >= (uintptr_t)mem + 65536);
	OK(sigaltstack(NULL, &old));
	CHECK(old.ss_sp == mem && old.ss_size == 65536 && old.ss_flags == 0);
}

ABI_TEST(altstack_errors)
{
	stack_t ss = { .ss_sp = abi_map(65536, RW, ANON), .ss_size = 100 };

	CHECK_ERR(syscall(SYS_sigaltstack, &ss, NULL), ENOMEM);
	ss.ss_size = 65536;
	ss.ss_flags = 0x40;
	CHECK_ERR(syscall(SYS_sigaltstack, &ss, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_sigaltstack, BAD_KERNEL, NULL), EFAULT);
	ss.ss_flags = SS_DISABLE;
	OK(sigaltstack(&ss, NULL));
}

static stack_t inside;
static volatile int change_errno;

static void on_inspect(int sig)
{
	stack_t ss = { .ss_flags = SS_DISABLE };

	on_where(sig);
	sigaltstack(NULL, &inside);
	change_errno = sigaltstack(&ss, NULL) < 0 ? errno : 0;
}

ABI_TEST(altstack_in_use)
{
	stack_t ss = { .ss_sp = abi_map(65536, RW, ANON), .ss_size = 65536 };

	OK(sigaltstack(&ss, NULL));
	abi_handle(SIGUSR1, on_inspect, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK_EQ(inside.ss_flags, SS_ONSTACK);
	CHECK_EQ(change_errno, EPERM);
}

ABI_TEST(altstack_autodisarm)
{
	stack_t old, ss = { .ss_sp = abi_map(65536, RW, ANON), .ss_size = 65536 };

	ss.ss_flags = (int)SS_AUTODISARM;
	if (syscall(SYS_sigaltstack, &ss, NULL) < 0)
		SKIP("no SS_AUTODISARM");
	abi_handle(SIGUSR1, on_inspect, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK(handler_sp >= (uintptr_t)ss.ss_sp);
	CHECK(inside.ss_flags & SS_DISABLE);
	CHECK_EQ(change_errno, 0);
	/* Armed again on return. */
	OK(sigaltstack(NULL, &old));
	CHECK(old.ss_sp == ss.ss_sp);
	CHECK_EQ(old.ss_flags, (int)SS_AUTODISARM);
}

ABI_TEST(altstack_serves_stack_overflow)
{
	char *mem = abi_map(65536, RW, ANON);
	stack_t ss = { .ss_sp = mem, .ss_size = 65536 };
	char *tiny = abi_map(2 * PAGE, PROT_NONE, ANON);
	unsigned long rsp = (unsigned long)tiny + PAGE + 64;

	/* push with rsp in an inaccessible page; the handler skips it */
	OK(sigaltstack(&ss, NULL));
	abi_handle_info(SIGSEGV, on_skip, SA_ONSTACK);
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %0, %%rsp\n\t"
			 "push %%rdx\n\t"
			 "mov %%rbx, %%rsp"
			 : : "r"(rsp), "c"(1L) : "rbx", "rax", "memory");
	CHECK_EQ(count, 1);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK((uintptr_t)info.si_addr == rsp - 8);
}

ABI_TEST(no_room_for_frame_kills)
{
	struct { uint64_t cur, max; } none = { 0, 0 };
	char *tiny = abi_map(PAGE, PROT_NONE, ANON);
	pid_t pid = FORK();

	if (!pid) {
		OK(syscall(SYS_prlimit64, 0, 4, &none, NULL));
		abi_handle_info(SIGSEGV, on_info, 0);
		__asm__ volatile("mov %0, %%rsp\n\tpush %%rdx"
				 : : "r"(tiny + 512) : "memory");
		_exit(0);
	}
	CHECK_KILLED(pid, SIGSEGV);
}

ABI_TEST(red_zone_is_kept)
{
	unsigned long got = 0;

	abi_handle(SIGUSR1, on_where, 0);
	__asm__ volatile("lea -256(%%rsp), %%rsp\n\t"
			 "movq $0x1234567, -120(%%rsp)\n\t"
			 "syscall\n\t"
			 "movq -120(%%rsp), %0\n\t"
			 "lea 256(%%rsp), %%rsp"
			 : "=b"(got)
			 : "a"(SYS_tgkill), "D"((long)getpid()),
			   "S"(syscall(SYS_gettid)), "d"((long)SIGUSR1)
			 : "rcx", "r11", "memory");
	CHECK_EQ(count, 1);
	CHECK_EQ(got, 0x1234567);
}

static void on_set_mask(int sig, siginfo_t *si, void *arg)
{
	ucontext_t *uc = arg;

	on_info(sig, si, arg);
	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

ABI_TEST(handler_changes_return_mask)
{
	sigset_t set;

	abi_handle_info(SIGUSR1, on_set_mask, 0);
	OK(raise(SIGUSR1));
	OK(sigprocmask(SIG_BLOCK, NULL, &set));
	CHECK(sigismember(&set, SIGUSR2));
}

static volatile unsigned long ctx_rsp, ctx_err, ctx_trap, ctx_cr2;

static void on_context(int sig, siginfo_t *si, void *arg)
{
	ucontext_t *uc = arg;

	ctx_rsp = uc->uc_mcontext.gregs[REG_RSP];
	ctx_err = uc->uc_mcontext.gregs[REG_ERR];
	ctx_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	ctx_cr2 = uc->uc_mcontext.gregs[REG_CR2];
	on_skip(sig, si, arg);
}

ABI_TEST(context_of_page_fault)
{
	abi_handle_info(SIGSEGV, on_context, 0);
	/* 88 02 = mov %al, (%rdx) */
	__asm__ volatile(".byte 0x88, 0x02" : : "a"(0L), "c"(2L), "d"(0x40L)
			 : "memory");
	CHECK_EQ(ctx_trap, 14);
	CHECK_EQ(ctx_err, 6);	/* user, write, not present */
	CHECK_EQ(ctx_cr2, 0x40);
	CHECK(ctx_rsp != 0);
}

ABI_TEST(all_registers_survive_handler)
{
	unsigned long bad = 0;

	abi_handle(SIGUSR1, on_where, 0);
	__asm__ volatile(
		"mov $0x1111, %%r8\n\tmov $0x2222, %%r9\n\tmov $0x3333, %%r10\n\t"
		"mov $0x4444, %%r12\n\tmov $0x5555, %%r13\n\tmov $0x6666, %%r14\n\t"
		"mov $0x7777, %%r15\n\tmov $0x8888, %%rbx\n\tstd\n\tcld\n\t"
		"syscall\n\t"
		"sub $0x1111, %%r8\n\tsub $0x2222, %%r9\n\tsub $0x3333, %%r10\n\t"
		"sub $0x4444, %%r12\n\tsub $0x5555, %%r13\n\tsub $0x6666, %%r14\n\t"
		"sub $0x7777, %%r15\n\tsub $0x8888, %%rbx\n\t"
		"or %%r8, %%rax\n\tor %%r9, %%rax\n\tor %%r10, %%rax\n\t"
		"or %%r12, %%rax\n\tor %%r13, %%rax\n\tor %%r14, %%rax\n\t"
		"or %%r15, %%rax\n\tor %%rbx, %%rax\n\t"
		: "=a"(bad)
		: "a"(SYS_tgkill), "D"((long)getpid()), "S"(syscall(SYS_gettid)),
		  "d"((long)SIGUSR1)
		: "rcx", "r11", "r8", "r9", "r10", "r12", "r13", "r14", "r15",
		  "rbx", "memory", "cc");
	CHECK_EQ(bad, 0);
	CHECK_EQ(count, 1);
}

ABI_TEST(syscall_clobbers_only_rcx_and_r11)
{
	unsigned long rax, bad;

	__asm__ volatile(
		"mov $0x1111, %%r8\n\tmov $0x2222, %%r9\n\tmov $0x3333, %%r10\n\t"
		"mov $0x44, %%rdi\n\tmov $0x55, %%rsi\n\tmov $0x66, %%rdx\n\t"
		"mov $39, %%eax\n\tsyscall\n\t"
		"sub $0x1111, %%r8\n\tsub $0x2222, %%r9\n\tsub $0x3333, %%r10\n\t"
		"sub $0x44, %%rdi\n\tsub $0x55, %%rsi\n\tsub $0x66, %%rdx\n\t"
		"or %%r9, %%r8\n\tor %%r10, %%r8\n\tor %%rdi, %%r8\n\t"
		"or %%rsi, %%r8\n\tor %%rdx, %%r8\n\tmov %%r8, %%rbx"
		: "=a"(rax), "=b"(bad)
		: : "rcx", "r11", "r8", "r9", "r10", "rdi", "rsi", "rdx", "memory");
	CHECK_EQ(rax, getpid());
	CHECK_EQ(bad, 0);
}

static sigjmp_buf after_bad_image;

static void on_bad_image(int sig)
{
	(void)sig;
	siglongjmp(after_bad_image, 1);
}

/* The image that rt_sigreturn is to load: its first bytes are garbage, the rest is
 * not there. */
static void on_hand_back_garbage(int sig, siginfo_t *si, void *ctx)
{
	static char *p;

	(void)sig;
	(void)si;
	if (!p) {
		p = abi_map(2 * PAGE, RW, ANON);
		memset(p, 0xff, PAGE);
		OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	}
	((ucontext_t *)ctx)->uc_mcontext.fpregs = (fpregset_t)(p + PAGE - 128);
}

ABI_TEST(image_that_cannot_be_read)
{
	volatile double x = 1.5;
	pid_t pid;

	abi_handle_info(SIGUSR1, on_hand_back_garbage, 0);
	OK((long)signal(SIGSEGV, on_bad_image));
	for (int i = 0; i < 20; i++) {
		if (!sigsetjmp(after_bad_image, 1)) {
			raise(SIGUSR1);
			abi_fail(__FILE__, __LINE__, "rt_sigreturn came back");
		}
		/* Others run, and so the registers are stored and loaded. */
		pid = FORK();
		if (!pid) {
			x = x * 2;
			_exit(x == 3 ? 0 : 1);
		}
		CHECK_EXIT(pid, 0);
		CHECK(x * 2 == 3);
	}
}
