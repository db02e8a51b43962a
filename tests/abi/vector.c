/* SPDX-License-Identifier: MIT */
/* Every exception vector that a program can raise, with a handler and without;
 * addresses that are none in every register. */
#define ABI_FAMILY "vector"
#include "abi.h"

#include <cpuid.h>
#include <ucontext.h>

static volatile sig_atomic_t seen, code, trapno;
static sigjmp_buf back;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	unsigned mxcsr = 0x1f80;

	/* What the cases have changed and siglongjmp does not put back. */
	__asm__ volatile("pushfq; andq $~0x40000, (%%rsp); popfq; fninit; ldmxcsr %0"
			 : : "m"(mxcsr) : "memory", "cc");
	seen = sig;
	code = info->si_code;
	trapno = (int)uc->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(back, 1);
}

static void watch(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };

	OK(sigaltstack(&ss, NULL));
	for (size_t i = 0; i < COUNT(sigs); i++)
		abi_handle_info(sigs[i], on_signal, SA_ONSTACK);
}

static void raise_with_handler(void (*fn)(void))
{
	seen = code = trapno = 0;
	if (!sigsetjmp(back, 1))
		fn();
}

static void raise_without(void (*fn)(void), int sig)
{
	pid_t pid = FORK();

	if (pid == 0) {
		signal(sig, SIG_DFL);
		fn();
		_exit(0);
	}
	CHECK_KILLED(pid, sig);
}

/* ---- int $0 to int $255 ---- */

static unsigned char *code_page;

static void run_code(void)
{
	((void (*)(void))(uintptr_t)code_page)();
}

static void make_int(int vector)
{
	code_page[0] = 0xcd;
	code_page[1] = (unsigned char)vector;
	code_page[2] = 0xc3;
}

static int int_signal(int vector)
{
	return vector == 3 ? SIGTRAP : SIGSEGV;
}

/* int $0x80 is the way of 32-bit programs into the kernel. */
ABI_TEST(software_interrupts_with_handler)
{
	code_page = abi_map(PAGE, RW | PROT_EXEC, ANON);
	watch();
	for (int v = 0; v < 256; v++) {
		if (v == 0x80)
			continue;
		make_int(v);
		raise_with_handler(run_code);
		CHECK_EQ(seen, int_signal(v));
		CHECK_EQ(code, SI_KERNEL);
		CHECK_EQ(trapno, v == 3 || v == 4 ? v : 13);
	}
}

ABI_TEST(software_interrupts_without_handler)
{
	code_page = abi_map(PAGE, RW | PROT_EXEC, ANON);
	for (int v = 0; v < 256; v += v < 32 ? 1 : 15) {
		if (v == 0x80)
			continue;
		make_int(v);
		raise_without(run_code, int_signal(v));
	}
}

/* ---- what raises them in earnest ---- */

static void divide(void)
{
	__asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx"
			 : : : "eax", "ecx", "edx");
}

static void divide_overflow(void)
{
	__asm__ volatile("mov $-1, %%edx; mov %%edx, %%eax; mov $1, %%ecx; div %%ecx"
			 : : : "eax", "ecx", "edx");
}

static void single_step(void)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" : : : "memory", "cc");
}

static void breakpoint(void) { __asm__ volatile("int3"); }
static void undefined(void) { __asm__ volatile("ud2"); }
static void bound64(void) { __asm__ volatile(".byte 0x62, 0x00; nop"); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void port(void) { __asm__ volatile("outb %%al, $0x80" : : "a"(0)); }
static void control(void) { __asm__ volatile("mov %%cr0, %%rax" : : : "rax"); }
static void bad_selector(void) { __asm__ volatile("mov %w0, %%ds" : : "r"(0xfff8)); }
static void load_hole(void) { (void)*(volatile char *)BAD_HOLE; }
static void load_kernel(void) { (void)*(volatile char *)BAD_KERNEL; }
static volatile char *volatile null_page = BAD_UNMAPPED;
static void load_null(void) { (void)*null_page; }

static void stack_hole(void)
{
	__asm__ volatile("mov %%rbp, %%rax; mov %0, %%rbp; mov (%%rbp), %%rcx; mov %%rax, %%rbp"
			 : : "r"(BAD_HOLE) : "rax", "rcx", "memory");
}

static void push_hole(void)
{
	__asm__ volatile("mov %%rsp, %%rax; mov %0, %%rsp; push %%rax; mov %%rax, %%rsp"
			 : : "r"(BAD_HOLE) : "rax", "memory");
}

static void jump_hole(void)
{
	__asm__ volatile("jmp *%0" : : "r"(BAD_HOLE));
}

static void iret_hole(void)
{
	__asm__ volatile("pushq $0x2b; push %%rsp; pushfq; pushq $0x33; push %0; iretq"
			 : : "r"(BAD_HOLE) : "memory");
}

static void iret_kernel(void)
{
	__asm__ volatile("pushq $0x18; push %%rsp; pushfq; pushq $0x10; lea 1f(%%rip), %%rax;"
			 "push %%rax; iretq; 1:" : : : "rax", "memory");
}

static void x87(void)
{
	unsigned short cw = 0x37b;	/* division by zero is not masked */

	__asm__ volatile("fldcw %0; fldz; fld1; fdiv %%st(1), %%st; fwait" : : "m"(cw)
			 : "memory");
}

static void simd(void)
{
	unsigned mxcsr = 0x1d80;

	__asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; mov $0x3f800000, %%eax;"
			 "movd %%eax, %%xmm1; divss %%xmm0, %%xmm1" : : "m"(mxcsr)
			 : "eax", "xmm0", "xmm1", "memory");
}

static void misaligned(void)
{
	static char data[16];

	__asm__ volatile("pushfq; orq $0x40000, (%%rsp); popfq; mov 1(%0), %%eax;"
			 "pushfq; andq $~0x40000, (%%rsp); popfq"
			 : : "r"(data) : "eax", "memory", "cc");
}

static const struct vector {
	const char *name;
	void (*fn)(void);
	int sig, code, trapno;
	int hardware;		/* QEMU's software CPU does not raise it, or goes astray */
} vectors[] = {
	{ "#DE", divide, SIGFPE, FPE_INTDIV, 0, 0 },
	{ "#DE overflow", divide_overflow, SIGFPE, FPE_INTDIV, 0, 0 },
	{ "#DB step", single_step, SIGTRAP, TRAP_TRACE, 1, 0 },
	{ "#BP", breakpoint, SIGTRAP, SI_KERNEL, 3, 0 },
	{ "#UD", undefined, SIGILL, ILL_ILLOPN, 6, 0 },
	{ "#UD bound", bound64, SIGILL, ILL_ILLOPN, 6, 0 },
	{ "#SS load", stack_hole, SIGBUS, SI_KERNEL, 12, 1 },
	{ "#SS push", push_hole, SIGBUS, SI_KERNEL, 12, 1 },
	{ "#GP hlt", privileged, SIGSEGV, SI_KERNEL, 13, 0 },
	{ "#GP out", port, SIGSEGV, SI_KERNEL, 13, 0 },
	{ "#GP cr0", control, SIGSEGV, SI_KERNEL, 13, 0 },
	{ "#GP selector", bad_selector, SIGSEGV, SI_KERNEL, 13, 0 },
	{ "#GP load", load_hole, SIGSEGV, SI_KERNEL, 13, 0 },
	{ "#GP jump", jump_hole, SIGSEGV, SI_KERNEL, 13, 0 },
	{ "#GP iret rip", iret_hole, SIGSEGV, SI_KERNEL, 13, 1 },
	{ "#GP iret cs", iret_kernel, SIGSEGV, SI_KERNEL, 13, 1 },
	{ "#PF null", load_null, SIGSEGV, SEGV_MAPERR, 14, 0 },
	{ "#PF kernel", load_kernel, SIGSEGV, SEGV_MAPERR, 14, 0 },
	{ "#MF", x87, SIGFPE, FPE_FLTDIV, 16, 0 },
	{ "#AC", misaligned, SIGBUS, BUS_ADRALN, 17, 1 },
	{ "#XM", simd, SIGFPE, FPE_FLTDIV, 19, 1 },
};

static int software_cpu(void)
{
	unsigned a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	return b == 0x54474354;		/* "TCGT" */
}

ABI_TEST(exceptions_with_handler)
{
	watch();
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];

		if (v->hardware && software_cpu())
			continue;
		raise_with_handler(v->fn);
		if (seen != v->sig || code != v->code || trapno != v->trapno)
			FAIL("%s: signal %d code %d trap %d, not %d %d %d", v->name, (int)seen,
			     (int)code, (int)trapno, v->sig, v->code, v->trapno);
	}
}

ABI_TEST(exceptions_without_handler)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		if (!(vectors[i].hardware && software_cpu()))
			raise_without(vectors[i].fn, vectors[i].sig);
	}
}

/* ---- registers ---- */

/* getpid with `value` in all registers that the call does not use, rsp too. */
static long getpid_with(unsigned long value, unsigned long *rsp_after)
{
	static unsigned long saved_rsp, saved_rbp;
	long r;

	__asm__ volatile(
		"mov %%rsp, %[rsp]\n mov %%rbp, %[rbp]\n"
		"mov %[v], %%rax\n"
		"mov %%rax, %%rbx\n mov %%rax, %%rdx\n mov %%rax, %%rsi\n mov %%rax, %%rdi\n"
		"mov %%rax, %%r8\n mov %%rax, %%r9\n mov %%rax, %%r10\n mov %%rax, %%r12\n"
		"mov %%rax, %%r13\n mov %%rax, %%r14\n mov %%rax, %%r15\n"
		"mov %%rax, %%rbp\n mov %%rax, %%rsp\n"
		"mov $39, %%eax\n syscall\n"
		"xor %%rsp, %%rbx\n xor %%rsp, %%rdx\n xor %%rsp, %%r15\n xor %%rsp, %%rbp\n"
		"or %%rdx, %%rbx\n or %%r15, %%rbx\n or %%rbp, %%rbx\n"
		"or %%rsp, %%rbx\n"	/* all equal: rbx = rsp */
		"mov %[rsp], %%rsp\n mov %[rbp], %%rbp\n"
		: "=a"(r), [rsp] "+m"(saved_rsp), [rbp] "+m"(saved_rbp), "=b"(*rsp_after)
		: [v] "m"(value)
		: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		  "memory", "cc");
	return r;
}

ABI_TEST(any_register_may_hold_anything)
{
	static const unsigned long values[] = {
		0, 8, 0x7fffffffeff8, 0x7ffffffff000, 0x800000000000, 0x8000000000000000,
		0xffff7ffffffffff8, 0xffff800000000000, 0xffff888000000000, 0xffffffff80000000,
		0xffffffff81000000, 0xffffff8000004000, 0xfffffffffffff000, 0xffffffffffffffff,
	};
	unsigned long after;

	for (size_t i = 0; i < COUNT(values); i++) {
		CHECK_EQ(getpid_with(values[i], &after), getpid());
		CHECK_EQ(after, values[i]);
	}
}
