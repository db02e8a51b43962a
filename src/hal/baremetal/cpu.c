/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: one CPU. Descriptor tables, control registers, traps, vector
 * registers.
 *
 * struct bm_cpu (one per CPU, for ever) holds the GDT, the TSS and what of the
 * current task is in the CPU. IA32_KERNEL_GS_BASE points to it; gs is swapped
 * in for a few instructions at a time (bm_this_cpu, SYSCALL), with interrupts
 * off, and is the guest's otherwise. There is one IDT.
 *
 * Selectors are Linux's, because signal frames and ptrace show them.
 *
 * Going to user mode always passes bm_leave: it publishes the stack for the
 * next trap, loads vector registers and segment bases if another task's are in
 * the CPU, and forces what IRETQ and SYSRET must find: user selectors, IF set,
 * IOPL 0, a canonical rip. A rip outside user space becomes a #GP of the guest
 * before it can fault in the kernel.
 *
 * Vector registers are saved when the task loses the CPU (hal_thread_switch)
 * and loaded only if fp_owner/hal_word say that the CPU has not still got them.
 * hal_word is the CPU number + 1 on which they were loaded last.
 *
 * Double fault, NMI and machine check have stacks of their own (IST). A double
 * fault is what a kernel stack overflow ends in: kstack.c.
 */
#include "hal/baremetal/bm.h"
#include "lib/string.h"

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define CR4_BASE 0x6a0ul	/* PAE, PGE, OSFXSR, OSXMMEXCPT */
#define CR4_UMIP BIT(11)
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)

#define RFLAGS_IF 0x200ul
#define RFLAGS_USER 0x254dd5ul	/* what a guest may have set: CF..OF, TF, RF, AC, ID */
#define RFLAGS_CLEAR 0x257fd5ul	/* SYSCALL clears these */

struct idt_entry {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, zero;
};
_Static_assert(sizeof(struct idt_entry) == 16, "Intel SDM vol. 3A 6.14");

static struct idt_entry idt[VEC_COUNT] __aligned(16);
struct bm_cpu *bm_cpus[HAL_MAX_CPUS];
static u64 cr4_bits = CR4_BASE;
static bool has_fsgsbase, has_xsave;

struct bm_cpu *bm_this_cpu(void)
{
	struct bm_cpu *cpu;

	__asm__ volatile("swapgs; mov %%gs:16, %0; swapgs" : "=r"(cpu));
	return cpu;
}

/* ---- what the CPU can ---- */

/* What no x86-64 CPU lacks, but one that a VMM has made up (start.S looks for
 * what is needed to come here). */
static void check_cpu(u32 edx)
{
	static const struct {
		u32 bit;
		const char *lacks;
	} needed[] = {
		{ 4, "the CPU lacks a TSC" }, { 9, "the CPU lacks a local APIC" },
		{ 13, "the CPU lacks global pages" }, { 24, "the CPU lacks FXSAVE" },
		{ 26, "the CPU lacks SSE2" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!(edx & BIT(needed[i].bit)))
			bm_die(needed[i].lacks);
	}
	if (!(cpuid(0x80000001, 0).d & BIT(11)))
		bm_die("the CPU lacks SYSCALL");
}

void cpu_detect(void)
{
	struct cpuid one = cpuid(1, 0), seven = { 0, 0, 0, 0 };
	u64 xcr0 = 0;

	check_cpu(one.d);
	if (cpuid(0, 0).a >= 7)
		seven = cpuid(7, 0);
	if (seven.b & BIT(7))
		cr4_bits |= CR4_SMEP;
	if (seven.b & BIT(20))
		cr4_bits |= CR4_SMAP;
	if (seven.c & BIT(2))
		cr4_bits |= CR4_UMIP;
	if (seven.b & BIT(0)) {
		cr4_bits |= CR4_FSGSBASE;
		has_fsgsbase = true;
		bm_info.caps |= HAL_CAP_FSGSBASE;
		bm_info.hwcap2 |= 2;
	}
	bm_info.fp_size = 512;
	if (one.c & BIT(26)) {
		struct cpuid d = cpuid(13, 0);

		has_xsave = true;
		cr4_bits |= CR4_OSXSAVE;
		xcr0 = d.a & 7;			/* x87, SSE, AVX */
		if ((d.a & 0xe0) == 0xe0 && (xcr0 & 4))
			xcr0 |= 0xe0;		/* AVX-512 */
	}
	bm_info.xfeatures = xcr0;
	bm_info.hwcap = one.d;
	bm_info.caps |= HAL_CAP_ISOLATED | HAL_CAP_STACK_GUARD;
}

static void enable_features(void)
{
	write_cr4(cr4_bits);
	if (has_xsave) {
		__asm__ volatile("xsetbv" :: "c"(0), "a"((u32)bm_info.xfeatures), "d"(0));
		bm_info.fp_size = cpuid(13, 0).b;
	}
	__asm__ volatile("fninit");
}

/* ---- tables ---- */

static void idt_set(u32 vector, u32 ist, u32 dpl)
{
	u64 handler = (u64)bm_vectors;

	for (u32 i = 0; i < vector; i++)
		handler += 16;
	idt[vector] = (struct idt_entry){
		.offset_low = (u16)handler,
		.selector = SEL_KCODE,
		.ist = (u8)ist,
		.type = (u8)(0x8e | dpl << 5),
		.offset_mid = (u16)(handler >> 16),
		.offset_high = (u32)(handler >> 32),
	};
}

static void idt_init(void)
{
	for (u32 v = 0; v < VEC_COUNT; v++)
		idt_set(v, 0, 0);
	idt_set(2, 1, 0);		/* NMI */
	idt_set(3, 0, 3);		/* INT3 and INTO are for everybody */
	idt_set(4, 0, 3);
	idt_set(8, 2, 0);		/* double fault */
	idt_set(18, 3, 0);		/* machine check */
}

struct bm_cpu *bm_cpu_alloc(u32 nr, u32 id)
{
	struct bm_cpu *cpu = early_alloc(sizeof(*cpu));
	u64 tss = (u64)&cpu->tss;

	cpu->self = cpu;
	cpu->nr = nr;
	cpu->apic_id = id;
	cpu->timer_ns = U64_MAX;
	cpu->ist = early_alloc(3 * IST_STACK);
	for (u32 i = 0; i < 3; i++)
		cpu->tss.ist[i] = (u64)cpu->ist + (i + 1) * IST_STACK;
	cpu->tss.iomap = sizeof(cpu->tss);
	cpu->gdt[1] = 0x00cf9b000000ffff;	/* as Linux: 32-bit kernel code */
	cpu->gdt[2] = 0x00af9b000000ffff;	/* 0x10 kernel code */
	cpu->gdt[3] = 0x00cf93000000ffff;	/* 0x18 kernel data */
	cpu->gdt[4] = 0x00cffb000000ffff;	/* 0x23 32-bit user code */
	cpu->gdt[5] = 0x00cff3000000ffff;	/* 0x2b user data */
	cpu->gdt[6] = 0x00affb000000ffff;	/* 0x33 user code */
	cpu->gdt[8] = (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ul << 40 |
		      (tss >> 24 & 0xff) << 56;
	cpu->gdt[9] = tss >> 32;
	bm_cpus[nr] = cpu;
	return cpu;
}

static void load_tables(struct bm_cpu *cpu)
{
	struct { u16 limit; u64 base; } __packed gdtr = { sizeof(cpu->gdt) - 1, (u64)cpu->gdt },
		idtr = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lgdt %0" :: "m"(gdtr));
	__asm__ volatile("lidt %0" :: "m"(idtr));
	__asm__ volatile("pushq %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:"
			 :: "i"(SEL_KCODE) : "rax", "memory");
	__asm__ volatile("mov %0, %%ss" :: "r"(SEL_KDATA));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" :: "r"(0));
	__asm__ volatile("ltr %w0" :: "r"(SEL_TSS));
}

void cpu_init(struct bm_cpu *cpu)
{
	if (cpu->nr == 0)
		idt_init();
	cpu->gdt[8] &= ~(2ul << 40);	/* not busy */
	load_tables(cpu);
	enable_features();
	wrmsr(MSR_STAR, (u64)SEL_KCODE << 32 | 0x23ul << 48);
	wrmsr(MSR_LSTAR, (u64)bm_syscall_entry);
	wrmsr(MSR_CSTAR, (u64)bm_syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_CLEAR);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	wrmsr(MSR_KERNEL_GS_BASE, (u64)cpu);
	cpu->cr3 = read_cr3();
}

/* ---- vector registers ---- */

static void fp_save(struct hal_thread *t)
{
	if (has_xsave)
		__asm__ volatile("xsave64 (%0)" :: "r"(t->fp), "a"((u32)bm_info.xfeatures),
				 "d"((u32)(bm_info.xfeatures >> 32)) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" :: "r"(t->fp) : "memory");
	t->fp_live = 0;
}

/* A zeroed area is a new task's. Saving always writes MXCSR_MASK, so an area
 * without one was never saved to; FCW and MXCSR have no zero default. */
static void fp_new(u8 *fp)
{
	static const u16 fcw = 0x37f;
	static const u32 mxcsr = 0x1f80;
	u32 words[2];

	memcpy(words, fp + 24, sizeof(words));
	if (words[0] || words[1])
		return;
	memcpy(fp, &fcw, sizeof(fcw));
	memcpy(fp + 24, &mxcsr, sizeof(mxcsr));
}

static void fp_load(struct hal_thread *t)
{
	fp_new(t->fp);
	if (has_xsave)
		__asm__ volatile("xrstor64 (%0)" :: "r"(t->fp), "a"((u32)bm_info.xfeatures),
				 "d"((u32)(bm_info.xfeatures >> 32)) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" :: "r"(t->fp) : "memory");
}

void hal_thread_switch(struct hal_thread *prev, struct hal_thread *next)
{
	struct bm_cpu *cpu = bm_this_cpu();

	if (prev && prev->fp_live)
		fp_save(prev);
	cpu->thread = next;
}

void hal_fp_sync(struct hal_thread *ht)
{
	if (ht->fp_live && bm_this_cpu()->thread == ht)
		fp_save(ht);
}

void hal_fp_dirty(struct hal_thread *ht)
{
	ht->fp_live = 0;
	ht->hal_word = 0;
}

void hal_thread_exit(struct hal_thread *ht)
{
	for (u32 i = 0; i < bm_info.nr_cpus; i++) {
		if (bm_cpus[i]->fp_owner == ht)
			bm_cpus[i]->fp_owner = NULL;
		if (bm_cpus[i]->thread == ht)
			bm_cpus[i]->thread = NULL;
	}
	ht->fp_live = 0;
}

/* ---- segment bases ---- */

static void bases_read(struct trapframe *tf)
{
	if (!has_fsgsbase) {
		/* Only the kernel changes them; the CPU's frame of a trap lay
		 * over tf->fsbase (entry.S). */
		tf->fsbase = bm_this_cpu()->fsbase;
		return;
	}
	__asm__ volatile("rdfsbase %0" : "=r"(tf->fsbase));
	__asm__ volatile("rdgsbase %0" : "=r"(tf->gsbase));
}

/* A base that no WRMSR takes is none: the core checks, ptrace may not. */
static u64 canonical(u64 base)
{
	return base < USER_LIMIT ? base : 0;
}

static void bases_load(struct bm_cpu *cpu, struct trapframe *tf)
{
	u64 fs = canonical(tf->fsbase), gs = canonical(tf->gsbase);

	if (has_fsgsbase) {
		__asm__ volatile("wrfsbase %0" :: "r"(fs));
		__asm__ volatile("wrgsbase %0" :: "r"(gs));
		return;
	}
	if (fs != cpu->fsbase) {
		wrmsr(MSR_FS_BASE, fs);
		cpu->fsbase = fs;
	}
	if (gs != cpu->gsbase) {
		wrmsr(MSR_GS_BASE, gs);
		cpu->gsbase = gs;
	}
}

/* ---- to user mode ---- */

static void bm_leave(struct trapframe *tf)
{
	struct bm_cpu *cpu = bm_this_cpu();
	struct hal_thread *t;

	while (unlikely(tf->rip >= CANONICAL_END)) {
		struct trapinfo info = { .kind = TRAP_EXCEPTION, .vector = 13 };

		kern_trap(tf, &info);
		cpu = bm_this_cpu();
	}
	tf->cs = SEL_UCODE;
	tf->ss = SEL_UDATA;
	tf->rflags = (tf->rflags & RFLAGS_USER) | RFLAGS_IF | 2;
	cpu->entry_rsp = (u64)(tf + 1) - 24;
	cpu->tss.rsp[0] = (u64)(tf + 1) - 16;
	t = cpu->thread;
	if (t && (cpu->fp_owner != t || t->hal_word != cpu->nr + 1)) {
		fp_load(t);
		cpu->fp_owner = t;
		t->hal_word = cpu->nr + 1;
	}
	if (t)
		t->fp_live = 1;
	bases_load(cpu, tf);
}

void hal_user_enter(struct trapframe *tf)
{
	bm_leave(tf);
	bm_user_resume(tf);
}

void bm_syscall(struct trapframe *tf)
{
	struct trapinfo info = { .kind = TRAP_SYSCALL };

	if (has_fsgsbase)
		bases_read(tf);
	kern_trap(tf, &info);
	bm_leave(tf);
}

/* ---- traps ---- */

static void dump(const struct bm_kframe *kf)
{
	bm_log("\n*** trap in the kernel");
	bm_log_hex(" vector ", kf->vector);
	bm_log_hex(" error ", kf->error);
	bm_log_hex(" cr2 ", read_cr2());
	bm_log_hex("\nrip ", kf->rip);
	bm_log_hex(" rsp ", kf->rsp);
	bm_log_hex(" rflags ", kf->rflags);
	bm_log_hex("\nrax ", kf->rax);
	bm_log_hex(" rbx ", kf->rbx);
	bm_log_hex(" rcx ", kf->rcx);
	bm_log_hex("\nrdx ", kf->rdx);
	bm_log_hex(" rsi ", kf->rsi);
	bm_log_hex(" rdi ", kf->rdi);
	bm_log_hex("\nrbp ", kf->rbp);
	bm_log_hex(" r8  ", kf->r8);
	bm_log_hex(" r9  ", kf->r9);
	bm_log_hex("\nr10 ", kf->r10);
	bm_log_hex(" r11 ", kf->r11);
	bm_log_hex(" r12 ", kf->r12);
	bm_log_hex("\nr13 ", kf->r13);
	bm_log_hex(" r14 ", kf->r14);
	bm_log_hex(" r15 ", kf->r15);
	bm_log("\n");
}

/* Where to look for return addresses: kf->rsp, or the lowest word of the stack
 * that ran over; NULL if that is nowhere sensible. */
static const u64 *stack_of(const struct bm_kframe *kf)
{
	u64 sp = align_up(kf->rsp, 8ul);

	if (kstack_is_guard(sp))
		return (const u64 *)align_up(sp, KSTACK_SIZE);
	if (kf->vector != 8)
		return (const u64 *)sp;
	return sp >= KSTACK_AREA && sp < KERNEL_BASE ? (const u64 *)sp : NULL;
}

void bm_trap_kernel(struct bm_kframe *kf)
{
	if (kf->vector >= 32) {
		bm_interrupt((u32)kf->vector);
		return;
	}
	if (kf->vector == 2)	/* NMI: nobody sends one that matters */
		return;
	dump(kf);
	if (kf->vector == 8 && kstack_is_guard(read_cr2()))
		panic_from(stack_of(kf), "kernel stack overflow at %lx", kf->rip);
	panic_from(stack_of(kf), "exception %lu in the kernel at %lx", kf->vector, kf->rip);
}

void bm_trap_user(struct trapframe *tf, u64 vector, u64 error)
{
	struct trapinfo info = { .kind = TRAP_KICK, .vector = (u32)vector, .error = error };

	if (vector == 14)
		info.addr = read_cr2();
	bases_read(tf);
	if (vector >= 32) {
		bm_interrupt((u32)vector);
	} else if (vector == 14) {
		info.kind = TRAP_FAULT;
		info.error &= FAULT_PRESENT | FAULT_WRITE | FAULT_USER | FAULT_EXEC;
	} else if (vector != 2) {
		info.kind = TRAP_EXCEPTION;
	}
	kern_trap(tf, &info);
	bm_leave(tf);
}
