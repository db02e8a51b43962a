/* SPDX-License-Identifier: MIT */
/*
 * The ptrace engine: guests run in stub processes under PTRACE_SYSEMU, so that
 * no system call of theirs ever reaches the host, and none of them can reach
 * kernel memory. The simplest engine and the strictest; about 90 times the
 * cost of a native system call.
 *
 * user_enter() is a loop on the kernel stack of the current task: give the
 * stub the registers, run it, read the registers back, tell the core. The core
 * may switch stacks inside kern_trap(), so each task has its own loop, and all
 * of them are one host thread. Nothing but tf is kept across kern_trap().
 *
 * What the host says, and what becomes of it:
 *   SIGTRAP|0x80      system call, after a look whether `syscall` made it:
 *                     it leaves rcx == rip. `int $0x80` is #GP, as on a CPU
 *                     whose IDT has no gate there; code in another segment
 *                     than 0x33 (32-bit, sysenter) is #UD.
 *   SIGSYS            a call to the vsyscall page: a system call
 *   SIGSEGV           #PF or #GP, by si_code. The host does not say whether an
 *                     access was a write: see page_fault().
 *   SIGTRAP, ILL, FPE, BUS   exceptions
 *   anything else     a kick of ours, or somebody's kill(): never the guest's
 *
 * If somebody kills a stub, its guest gets machine check (vector 18) and an
 * empty new stub; the rest goes on.
 */
#include "hal/hosted/pt_decode.h"
#include "hal/hosted/ptrace.h"

#define USER_CS 0x33
#define USER_SS 0x2b

enum { VEC_DE = 0, VEC_DB = 1, VEC_BP = 3, VEC_OF = 4, VEC_UD = 6, VEC_SS = 12, VEC_GP = 13,
       VEC_MF = 16, VEC_AC = 17, VEC_MC = 18, VEC_XM = 19 };

static bool exception(struct trapinfo *info, u32 vector, u64 error)
{
	info->kind = TRAP_EXCEPTION;
	info->vector = vector;
	info->error = error;
	return true;
}

static bool fault(struct trapinfo *info, uaddr_t addr, u64 error)
{
	info->kind = TRAP_FAULT;
	info->vector = 14;
	info->addr = addr;
	info->error = error | FAULT_USER;
	return true;
}

static s32 siginfo_of(struct pt_stub *s, struct host_siginfo *si)
{
	si->code = 0;
	si->addr = 0;
	host_ptrace(PTRACE_GETSIGINFO, s->pid, 0, si);
	return si->code;
}

/* An instruction is at most 15 bytes: the fetch faults at its start or at the
 * first byte of the next page. */
static bool is_fetch(const struct trapframe *tf, uaddr_t addr)
{
	return addr == tf->rip ||
	       (is_aligned(addr, 4096ul) && addr > tf->rip && addr - tf->rip < 15);
}

/* FAULT_WRITE if the instruction at rip stores to addr, as far as one can tell. */
static u64 store_bit(struct hal_as *as, const struct trapframe *tf, uaddr_t addr)
{
	u64 pte = tf->rip < HOSTED_USER_LIMIT ? tlb_translate(as, tf->rip) : 0;
	u32 size = (u32)min(15ul, 4096ul - (tf->rip & 4095ul));
	const u8 *insn;

	if (!pte)
		return 0;
	insn = hosted_virt(align_down(pte, 4096ul)) + (tf->rip & 4095ul);
	return pt_is_store(insn, size, tf, addr) ? FAULT_WRITE : 0;
}

/*
 * Was that a miss of the "TLB", or is it for the core? MAPERR says that the
 * stub has nothing there, so if the tables have a page it is a miss, whatever
 * the access was (should the page not allow it, the next fault says ACCERR).
 * ACCERR says that a page is mapped and forbids the access: a write if the
 * page is read-only, else a fetch. For an absent page the instruction tells
 * (pt_decode.c).
 */
static bool page_fault(struct pt_stub *s, struct trapframe *tf, struct trapinfo *info,
		       const struct host_siginfo *si)
{
	struct hal_as *as = pt()->as;
	uaddr_t addr = si->addr, page = align_down(addr, 4096ul);
	u64 pte = addr < HOSTED_USER_LIMIT ? tlb_translate(as, addr) : 0;
	u64 fetch = is_fetch(tf, addr) ? FAULT_EXEC : 0;

	if (si->code == HOST_SEGV_PKUERR)
		return exception(info, VEC_GP, 0);
	if (!pte) {
		if (addr < HOSTED_USER_LIMIT)
			s->tlb.fill_va = page;
		return fault(info, addr, fetch ? fetch : store_bit(as, tf, addr));
	}
	if (si->code == HOST_SEGV_ACCERR && fetch && !(pte & HOST_PROT_EXEC))
		return fault(info, addr, FAULT_PRESENT | FAULT_EXEC);
	if (si->code == HOST_SEGV_ACCERR && !(pte & HOST_PROT_WRITE)) {
		s->tlb.fill_va = page;
		return fault(info, addr, FAULT_PRESENT | FAULT_WRITE);
	}
	/* A host that refuses a page again and again (below mmap_min_addr, say)
	 * must not make a loop of it. */
	if (s->tlb.refused > 2 && s->tlb.refused_va == page) {
		s->tlb.refused = 0;
		return exception(info, VEC_GP, 0);
	}
	tlb_fill_missed(as, &s->tlb, addr);
	return false;
}

/* Is `byte` what the tables have at va? */
static bool is_byte(uaddr_t va, u8 byte)
{
	u64 pte = va < HOSTED_USER_LIMIT ? tlb_translate(pt()->as, va) : 0;

	return pte && ((const u8 *)hosted_virt(align_down(pte, 4096ul)))[va & 4095ul] == byte;
}

static bool decode_segv(struct pt_stub *s, struct trapframe *tf, struct trapinfo *info)
{
	struct host_siginfo si;

	switch (siginfo_of(s, &si)) {
	case HOST_SI_KERNEL:	/* int $4 leaves rip behind it, a #GP does not */
		if (is_byte(tf->rip - 2, 0xcd) && is_byte(tf->rip - 1, VEC_OF))
			return exception(info, VEC_OF, 0);
		return exception(info, VEC_GP, 0);
	case HOST_SEGV_MAPERR:
	case HOST_SEGV_ACCERR:
	case HOST_SEGV_PKUERR:
		return page_fault(s, tf, info, &si);
	default:	/* kill -SEGV from outside */
		return si.code > 0 ? exception(info, VEC_GP, 0) : false;
	}
}

static bool decode_signal(struct pt_stub *s, s32 signo, struct trapframe *tf,
			  struct trapinfo *info)
{
	struct host_siginfo si;
	s32 code;

	tf->orig_rax = -1;
	if (signo == HOST_SIGSEGV)
		return decode_segv(s, tf, info);
	code = siginfo_of(s, &si);
	if (code <= 0)		/* sent by a process: ours or not, a kick */
		return false;
	switch (signo) {
	case HOST_SIGTRAP:
		return exception(info, code == HOST_SI_KERNEL || code == 1 ? VEC_BP : VEC_DB, 0);
	case HOST_SIGILL:
		return exception(info, VEC_UD, 0);
	case HOST_SIGFPE:
		if (code <= 2)
			return exception(info, code == 1 ? VEC_DE : VEC_OF, 0);
		/* An SSE exception leaves an unmasked flag in MXCSR. */
		code = pt_mxcsr(s);
		return exception(info, code & ~(code >> 7) & 0x3f ? VEC_XM : VEC_MF, 0);
	case HOST_SIGBUS:
		if (code == HOST_SI_KERNEL)
			return exception(info, VEC_SS, 0);
		return exception(info, code == 1 ? VEC_AC : VEC_MC, 0);
	case HOST_SIGSYS:	/* vsyscall: rip is already the return address */
		info->kind = TRAP_SYSCALL;
		tf->orig_rax = si.sys.syscall;
		return true;
	}
	return false;
}

static bool decode_syscall(struct trapframe *tf, struct trapinfo *info)
{
	if (tf->cs != USER_CS) {
		tf->orig_rax = -1;
		return exception(info, VEC_UD, 0);
	}
	if (tf->rcx != tf->rip) {
		tf->rax = tf->orig_rax;
		tf->orig_rax = -1;
		tf->rip -= 2;
		return exception(info, VEC_GP, 0x80 << 3 | 2);
	}
	info->kind = TRAP_SYSCALL;
	return true;
}

/* True if the core must hear of it; false: just go on. */
static bool decode(struct pt_stub *s, s32 status, struct trapframe *tf, struct trapinfo *info)
{
	bool tell;

	info->kind = TRAP_KICK;
	info->vector = 0;
	info->error = 0;
	info->addr = 0;
	if ((status >> 8 & 0xff) == (HOST_SIGTRAP | 0x80))
		tell = decode_syscall(tf, info);
	else
		tell = decode_signal(s, status >> 8 & 0xff, tf, info);
	if (tf->cs != USER_CS) {
		tf->cs = USER_CS;
		tf->ss = USER_SS;
		return exception(info, VEC_UD, 0);
	}
	return tell;
}

static void set_registers(struct pt_stub *s, const struct trapframe *tf)
{
	struct host_regs *regs = &pt()->regs;

	__builtin_memcpy(regs, tf, offsetof(struct host_regs, ds));
	regs->orig_rax = -1;	/* nothing for the host to restart */
	regs->cs = USER_CS;
	regs->ss = USER_SS;
	regs->ds = regs->es = regs->fs = regs->gs = 0;
	if (!host_ptrace(PTRACE_SETREGS, s->pid, 0, regs))
		return;
	/* wrfsbase takes addresses that ptrace does not. */
	if (regs->fsbase >= HOSTED_TASK_SIZE)
		regs->fsbase = 0;
	if (regs->gsbase >= HOSTED_TASK_SIZE)
		regs->gsbase = 0;
	host_ptrace(PTRACE_SETREGS, s->pid, 0, regs);
}

static void get_registers(struct pt_stub *s, struct trapframe *tf)
{
	struct host_regs *regs = &pt()->regs;

	host_ptrace(PTRACE_GETREGS, s->pid, 0, regs);
	__builtin_memcpy(tf, regs, offsetof(struct host_regs, ds));
}

/* The stub is gone; it took the registers with it. */
static void stub_died(struct pt_stub *s, struct trapinfo *info)
{
	if (!pt_stub_revive(s))
		hosted_fail("a stub process died and the host lets us make no other", 0);
	exception(info, VEC_MC, 0);
}

/* Runs user code until something happens that the core must know. */
static void run(struct trapframe *tf, struct trapinfo *info)
{
	struct pt_state *p = pt();
	struct hal_as *as = p->as;
	struct pt_stub *s;
	s32 status;

	bug_on(!as || !as->id);
	s = pt_stub_of(as);
	if (s->tlb.fresh)
		tlb_first_run(as, &s->tlb);
	for (;;) {
		if (s->tlb.fill_va != 1) {
			/* The core has had a look at that page by now. */
			tlb_fill_resolved(as, &s->tlb, s->tlb.fill_va);
			s->tlb.fill_va = 1;
		}
		if (s->tlb.nr_ops)
			pt_stub_commit(s);
		pt_fp_load(s);
		set_registers(s, tf);
		p->running = s->pid;
		if (!hosted_enter_user()) {
			info->kind = TRAP_KICK;
			return;
		}
		if (host_ptrace(PTRACE_SYSEMU, s->pid, 0, NULL)) {
			status = 0;
			hosted_leave_user();
		} else {
			status = pt_wait(s->pid);
			hosted_leave_user();
		}
		if ((status & 0xff) != 0x7f) {
			stub_died(s, info);
			return;
		}
		get_registers(s, tf);
		if (decode(s, status, tf, info))
			return;
		if (__atomic_load_n(&hosted_shared()->cpu[0].pending, __ATOMIC_RELAXED)) {
			info->kind = TRAP_KICK;
			return;
		}
	}
}

static void __noreturn user_enter(struct trapframe *tf)
{
	struct trapinfo info;

	for (;;) {
		run(tf, &info);
		hosted_upcalls();
		kern_trap(tf, &info);
	}
}

static void kick(void)
{
	s32 pid = pt()->running;

	host_call3(NR_tgkill, pid, pid, HOST_SIGUSR1);
}

static void as_activate(struct hal_as *as)
{
	pt()->as = as;
}

static struct host_tlb *tlb_of(struct hal_as *as)
{
	struct pt_stub *s = pt_stub_of(as);

	return s ? &s->tlb : NULL;
}

static void tlb_commit(struct host_tlb *tlb)
{
	pt_stub_commit(container_of(tlb, struct pt_stub, tlb));
}

static void __noreturn halt(int code)
{
	host_exit(code);
	__builtin_unreachable();
}

static int init(void)
{
	tlb_init(PT_POOL_START, PT_POOL_END);
	return pt_stub_init();
}

const struct hosted_engine ptrace_engine = {
	.name = "ptrace",
	.caps = HAL_CAP_ISOLATED,
	.init = init,
	.user_enter = user_enter,
	.kick = kick,
	.thread_switch = pt_thread_switch,
	.fp_sync = pt_fp_sync,
	.fp_dirty = pt_fp_dirty,
	.thread_exit = pt_thread_exit,
	.as_init = pt_as_init,
	.as_destroy = pt_as_destroy,
	.as_activate = as_activate,
	.around_ops = ~0u,
	.halt = halt,
	.tlb_of = tlb_of,
	.tlb_commit = tlb_commit,
};
