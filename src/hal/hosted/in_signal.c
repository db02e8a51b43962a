/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's signal handlers: how user mode is left.
 *
 * Everything that stops guest code is a signal on the carrier's alternate
 * stack: SIGSYS for a system call (the filter), SIGSEGV and its kin for what
 * the CPU does not like, SIGUSR1 for a kick. The handler moves the registers
 * into the task's trapframe and the vector registers back into the CPU, and
 * goes on with in_trap() on the kernel stack. It does not return: no signal is
 * masked (SA_NODEFER), and whether the alternate stack is in use follows from
 * rsp alone, so there is nothing for rt_sigreturn to undo.
 *
 * A signal that finds the kernel running returns, after a look where:
 *   in in_leave     a kick makes it start over; a fault there means that the
 *                   CPU refuses the registers: the guest's #GP
 *   elsewhere       a kick has left its mark in `pending` already. A fault is
 *                   a crash, unless the CPU counts as in user mode: then it is
 *                   a guest that has jumped into our text, and gets #GP. With
 *                   protection keys, a fault that came with kernel memory
 *                   closed (in_pku.c) is always a guest's.
 */
#include "hal/hosted/inproc.h"

#include "abi/sigframe.h"

#define USER_CS 0x33
#define USER_SS 0x2b
#define PAGE_FAULT_VECTOR 14

#define VSYSCALL_PAGE (0xffffffffff600000ul >> 12)

_Static_assert(offsetof(struct rt_sigframe, uc) == IN_FRAME_CONTEXT, "known to in_entry.S");
_Static_assert(offsetof(struct rt_sigframe, info) == IN_FRAME_INFO, "known to in_entry.S");

enum { VEC_OF = 4, VEC_BR = 5, VEC_UD = 6, VEC_GP = 13, VEC_MC = 18 };

static bool in_text(u64 rip)
{
	return rip - HOSTED_BASE < hosted_shared()->text_end;
}

static bool on_altstack(u64 rsp)
{
	return rsp - (u64)in_self.altstack <= IN_ALTSTACK_SIZE;
}

static void exception(struct trapinfo *info, u32 vector, u64 error)
{
	info->kind = TRAP_EXCEPTION;
	info->vector = vector;
	info->error = error;
	info->addr = 0;
}

static void decode_fault(const struct host_siginfo *si, const struct host_ucontext *uc, int signo,
			 struct trapinfo *info)
{
	if (si->code <= 0) {	/* kill() from outside: nothing to the guest */
		info->kind = TRAP_KICK;
		return;
	}
	exception(info, uc->trapno, uc->error);
	if (signo == HOST_SIGSEGV && si->code == HOST_SI_KERNEL && uc->trapno != VEC_OF &&
	    uc->trapno != VEC_BR) {
		/* #GP, or no exception at all: a bad place in the vsyscall page, say,
		 * which leaves trapno as it was. */
		exception(info, VEC_GP, uc->trapno == VEC_GP ? uc->error : 0);
		return;
	}
	if (uc->trapno != PAGE_FAULT_VECTOR)
		return;
	if (signo == HOST_SIGBUS) {	/* the host has no memory for the page */
		exception(info, VEC_MC, 0);
		return;
	}
	/* A guest's own PKRU forbids it; keys are no business of the core's. */
	if (si->code == HOST_SEGV_PKUERR && uc->cr2 < HOSTED_USER_LIMIT) {
		exception(info, VEC_GP, 0);
		return;
	}
	info->kind = IN_PAGE_FAULT;
	info->addr = uc->cr2;
}

static void decode_syscall(const struct host_siginfo *si, struct trapframe *tf,
			   struct trapinfo *info)
{
	if (si->code != HOST_SYS_SECCOMP) {
		info->kind = TRAP_KICK;
	} else if (si->sys.arch != HOST_AUDIT_ARCH_X86_64) {
		/* int $0x80: as on a CPU whose IDT has no gate there. */
		tf->rip -= 2;
		exception(info, VEC_GP, 0x80 << 3 | 2);
	} else {
		info->kind = TRAP_SYSCALL;
		/* The vsyscall page tells only here which of its calls it was. */
		tf->orig_rax = si->sys.call_addr >> 12 == VSYSCALL_PAGE ?
			       (u64)(s64)si->sys.syscall : tf->rax;
	}
}

static void copy_registers(struct trapframe *tf, const struct host_ucontext *uc)
{
	tf->r15 = uc->r15;
	tf->r14 = uc->r14;
	tf->r13 = uc->r13;
	tf->r12 = uc->r12;
	tf->rbp = uc->rbp;
	tf->rbx = uc->rbx;
	tf->r11 = uc->r11;
	tf->r10 = uc->r10;
	tf->r9 = uc->r9;
	tf->r8 = uc->r8;
	tf->rax = uc->rax;
	tf->rcx = uc->rcx;
	tf->rdx = uc->rdx;
	tf->rsi = uc->rsi;
	tf->rdi = uc->rdi;
	tf->orig_rax = -1;
	tf->rip = uc->rip;
	tf->cs = in_self.pku_offset ? pku_keep(USER_CS, in_pku_saved(uc)) : USER_CS;
	tf->rflags = uc->rflags;
	tf->rsp = uc->rsp;
	tf->ss = USER_SS;
	tf->reserved = 0;
	in_self.bases_live = 0;
	if (hosted_shared()->caps & HAL_CAP_FSGSBASE) {
		__asm__ volatile("rdfsbase %0" : "=r"(tf->fsbase));
		__asm__ volatile("rdgsbase %0" : "=r"(tf->gsbase));
		in_self.fsbase = tf->fsbase;
		in_self.gsbase = tf->gsbase;
	}
}

static void __noreturn user_signal(int signo, const struct host_siginfo *si,
				   const struct host_ucontext *uc)
{
	struct trapframe *tf = in_self.tf;
	struct trapinfo *info = &in_self.info;

	copy_registers(tf, uc);
	*info = (struct trapinfo){ .kind = TRAP_KICK };
	if (signo == HOST_SIGSYS)
		decode_syscall(si, tf, info);
	else if (signo != HOST_SIGUSR1)
		decode_fault(si, uc, signo, info);
	if ((uc->segments & 0xffff) != USER_CS) {	/* 32-bit code */
		tf->orig_rax = -1;
		exception(info, VEC_UD, 0);
	}
	in_fp_restore_frame(uc->fpstate);
	__atomic_store_n(&in_self.cpu->state, HOSTED_IN_KERNEL, __ATOMIC_RELEASE);
	in_enter(tf);
}

/* After the handler's return, at `where` with the trapframe as argument. */
static void redirect(struct host_ucontext *uc, const void *where)
{
	uc->rip = (u64)where;
	uc->rdi = (u64)in_self.tf;
	uc->rflags = 0x202;
	in_pku_open(uc);
}

static void kernel_signal(int signo, struct host_siginfo *si, struct host_ucontext *uc)
{
	bool kick = signo == HOST_SIGUSR1 || si->code <= 0;
	/* A carrier that sleeps may get a signal while another is in user mode. */
	bool user = __atomic_load_n(&in_this_cpu()->running, __ATOMIC_RELAXED) == in_self.index &&
		    __atomic_load_n(&in_self.cpu->state, __ATOMIC_RELAXED) == HOSTED_IN_USER;
	bool entering = uc->rip - (u64)in_fast_entry < (u64)(in_fast_end - in_fast_entry);
	bool leaving = uc->rip - (u64)in_crit_start < (u64)(in_crit_end - in_crit_start);
	bool opening = uc->rip - (u64)in_signal_entry_pku < (u64)(in_signal_opened -
								  (u8 *)in_signal_entry_pku);
	bool closed = in_pku_saved(uc) & PKU_CLOSED;

	if (kick && !user)
		return;
	if (!user && !leaving)
		hosted_crash(signo, si, uc);
	if (kick && leaving) {
		/* The next kick may come as soon as this one's handler returns. */
		__atomic_store_n(&in_self.cpu->state, HOSTED_IN_KERNEL, __ATOMIC_RELEASE);
		redirect(uc, in_restart);
		return;
	}
	if (entering || (on_altstack(uc->rsp) && (opening || !closed))) {
		if (kick)
			return;		/* a trap is on its way in, and will look */
		if (!closed)
			hosted_crash(signo, si, uc);
	}
	if (!leaving)
		copy_registers(in_self.tf, uc);
	exception(&in_self.info, VEC_GP, 0);
	__atomic_store_n(&in_self.cpu->state, HOSTED_IN_KERNEL, __ATOMIC_RELEASE);
	redirect(uc, in_enter);
}

void in_signal_handler(int signo, struct host_siginfo *si, struct host_ucontext *uc)
{
	if (signo == HOST_SIGCHLD) {
		in_child_died();
		return;
	}
	if (signo == HOST_SIGUSR1 && si->code == HOST_SI_TIMER)
		hosted_timer_fired();
	/* Who is new (or the zygote) may get what was meant for the one before, in user
	 * mode, whose place it takes. */
	if (!in_self.tf && (signo == HOST_SIGUSR1 || si->code <= 0))
		return;
	if (in_text(uc->rip))
		kernel_signal(signo, si, uc);
	else if (__atomic_load_n(&in_self.cpu->state, __ATOMIC_RELAXED) == HOSTED_IN_USER)
		user_signal(signo, si, uc);
	else
		hosted_crash(signo, si, uc);
}

static void *entry(void)
{
	return hosted_shared()->pku_offset ? (void *)in_signal_entry_pku : (void *)in_signal_entry;
}

int in_catch_children(void)
{
	return hosted_catch(HOST_SIGCHLD, entry(),
			    HOST_SA_SIGINFO | HOST_SA_ONSTACK | HOST_SA_NOCLDSTOP);
}

int in_catch_signals(void)
{
	static const int signals[] = { HOST_SIGSYS, HOST_SIGSEGV, HOST_SIGBUS, HOST_SIGILL,
				       HOST_SIGFPE, HOST_SIGTRAP, HOST_SIGUSR1 };
	struct host_stack stack = { in_self.altstack, 0, IN_ALTSTACK_SIZE };
	s64 err = host_call3(NR_sigaltstack, (u64)&stack, 0, 0);

	for (u32 i = 0; i < ARRAY_SIZE(signals) && !err; i++)
		err = hosted_catch(signals[i], entry(),
				   HOST_SA_SIGINFO | HOST_SA_ONSTACK | HOST_SA_NODEFER);
	return err;
}

/*
 * What became of a page fault: true if the core must know. The error code
 * says what the access was; whether it is a miss, the tables say. Under the
 * kernel lock.
 */
bool in_page_fault(struct in_view *v, struct trapinfo *info)
{
	struct hal_as *as = in_this_cpu()->as;
	uaddr_t addr = info->addr, page = align_down(addr, 4096ul);
	u64 access = info->error & (FAULT_WRITE | FAULT_EXEC);
	u64 pte = addr < HOSTED_USER_LIMIT ? tlb_translate(as, addr) : 0;

	info->kind = TRAP_FAULT;
	if (!pte && in_text_fault(v, addr))
		return false;
	if (!pte || (access & FAULT_EXEC && !(pte & HOST_PROT_EXEC)) ||
	    (access & FAULT_WRITE && !(pte & HOST_PROT_WRITE))) {
		info->error = access | FAULT_USER | (pte ? FAULT_PRESENT : 0);
		if (addr < HOSTED_USER_LIMIT)
			v->tlb.fill_va = page;
		return true;
	}
	/* A host that refuses a page again and again (below mmap_min_addr, say)
	 * must not make a loop of it. */
	if (v->tlb.refused > 2 && v->tlb.refused_va == page) {
		v->tlb.refused = 0;
		exception(info, VEC_GP, 0);
		return true;
	}
	tlb_fill_missed(as, &v->tlb, addr);
	return false;
}
