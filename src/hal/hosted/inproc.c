/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine: guest code runs in the process that runs the kernel, below
 * the window, and the kernel is entered by a signal handler or a jump. The fast
 * engine, and not a wall: a guest can write to kernel memory, be it that it
 * must open a protection key first. docs/security.md says what it can then do to
 * the host (little).
 *
 *   user code                              kernel text
 *   syscall ---- seccomp, SIGSYS ----+
 *   fault ------ SIGSEGV, ... -------+---> handler (in_signal.c), alternate stack
 *   tick ------- SIGUSR1 ------------+       registers -> trapframe
 *                                          in_trap, kernel stack -> kern_trap
 *                                          in_user_enter: right carrier? TLB,
 *   <------------- jmp, iretq ------------ vector registers; in_leave
 */
#include "hal/hosted/in_text.h"

#define FLAG_TF 0x100ul
#define FLAG_RF 0x10000ul

/* An address that wrfsbase takes. */
static u64 canonical(u64 base)
{
	return (u64)((s64)(base << 16) >> 16) == base ? base : 0;
}

static void load_bases(const struct trapframe *tf)
{
	bool direct = hosted_shared()->caps & HAL_CAP_FSGSBASE;

	if (in_self.bases_live)
		return;
	if (tf->fsbase != in_self.fsbase) {
		in_self.fsbase = tf->fsbase;
		if (direct)
			__asm__ volatile("wrfsbase %0" : : "r"(canonical(tf->fsbase)));
		else
			host_call3(NR_arch_prctl, 0x1002, tf->fsbase, 0);
	}
	if (tf->gsbase != in_self.gsbase) {
		in_self.gsbase = tf->gsbase;
		if (direct)
			__asm__ volatile("wrgsbase %0" : : "r"(canonical(tf->gsbase)));
		else
			host_call3(NR_arch_prctl, 0x1001, tf->gsbase, 0);
	}
}

/* False if user mode must wait: there is no room for a view. */
static bool prepare(struct trapframe *tf)
{
	struct host_timespec nap = { 0, 1000000 };
	struct in_view *v = in_view_enter();

	if (!v) {
		host_futex_wait(&in_self.cpu->pending, 0, &nap);
		return false;
	}
	if (v->tlb.fill_va != 1 || READ_ONCE(v->tlb.nr_ops) || v->tlb.fresh)
		in_view_update(v);
	in_fp_load();
	load_bases(tf);
	*(u16 *)&tf->cs = 0x33;		/* the rest is PKRU: pku.h */
	tf->ss = 0x2b;
	in_self.tf = in_this_cpu()->tf = tf;
	hosted_program_timer();
	return true;
}

static void tell_core(struct trapframe *tf, struct trapinfo *info)
{
	hosted_upcalls();
	kern_trap(tf, info);
}

/*
 * tf->reserved says where a rewritten system call returns to: the distance from
 * rip, and beside it which rip and view that is good for. Whatever changes
 * rip (a signal, exec, fork, another CPU) so makes it void, and rip itself is always good:
 * what stands there traps, and in_trap finds the way.
 */
static u64 resume_key(u64 rip)
{
	return (rip & 0xfffff) << 32 | (u64)(in_me()->view & 0xfff) << 52;
}

static u64 find_resume(u64 rip)
{
	u64 resume;

	kern_lock();
	resume = in_text_resume(in_my_view(), in_this_cpu()->as, rip);
	kern_unlock();
	return resume;
}

static u64 target(const struct trapframe *tf)
{
	u64 key = resume_key(tf->rip), resume = 0;

	if (!tf->reserved || (tf->reserved ^ key) >> 32 & 0xfffff)
		return tf->rip;
	if ((tf->reserved ^ key) >> 32 || in_state()->space[in_me()->space].no_rewrite)
		resume = find_resume(tf->rip);
	else
		resume = tf->rip + (u64)(s64)(s32)tf->reserved;
	return resume ? resume : tf->rip;
}

/* Text that another CPU has changed is first run after an instruction that
 * serialises (Intel SDM vol. 3, 9.1.3): iretq is one. */
static bool text_is_new(void)
{
	u32 changes = __atomic_load_n(&in_state()->text_changes, __ATOMIC_ACQUIRE);

	if (likely(changes == in_self.text_seen))
		return false;
	in_self.text_seen = changes;
	return true;
}

void in_user_enter(struct trapframe *tf)
{
	struct trapinfo info;

	for (;;) {
		if (prepare(tf))
			in_leave(tf, tf->rflags & (FLAG_TF | FLAG_RF) || text_is_new() ?
				 IN_LEAVE_EXACT : 0, target(tf));
		info = (struct trapinfo){ .kind = TRAP_KICK };
		tell_core(tf, &info);
	}
}

/* A thread at an instruction that a jump has replaced. */
static bool displaced(struct trapframe *tf, const struct trapinfo *info)
{
	u64 rip = info->vector == 3 ? tf->rip - 1 : tf->rip, resume;

	if (info->vector != 3 && info->vector != 6 && info->vector != 13)
		return false;
	resume = find_resume(rip);
	if (resume)
		tf->rip = resume;
	return resume != 0;
}

void in_trap(struct trapframe *tf)
{
	struct trapinfo info = in_self.info;
	bool tell = true;

	if (info.kind == TRAP_EXCEPTION) {
		tell = !displaced(tf, &info);
	} else if (info.kind != TRAP_KICK) {
		kern_lock();
		if (info.kind == IN_PAGE_FAULT)
			tell = in_page_fault(in_my_view(), &info);
		else
			in_text_trap(in_my_view(), in_this_cpu()->as, tf->rip, tf->orig_rax);
		kern_unlock();
	}
	if (tell)
		tell_core(tf, &info);
	in_user_enter(tf);
}

/* System calls that look at fsbase, or change it. */
static bool wants_bases(u64 nr)
{
	switch (nr) {
	case 56: case 57: case 58: case 435:	/* clone, fork, vfork, clone3 */
	case 59: case 322: case 158:		/* execve, execveat, arch_prctl */
		return true;
	default:
		return false;
	}
}

void in_save_bases(void)
{
	struct trapframe *tf = in_self.tf;

	if (!in_self.bases_live)
		return;
	in_self.bases_live = 0;
	__asm__ volatile("rdfsbase %0" : "=r"(tf->fsbase));
	__asm__ volatile("rdgsbase %0" : "=r"(tf->gsbase));
	in_self.fsbase = tf->fsbase;
	in_self.gsbase = tf->gsbase;
}

void in_fast_trap(struct trapframe *tf, u64 resume)
{
	struct trapinfo info = { .kind = TRAP_SYSCALL };

	tf->reserved = resume == tf->rip ? 0 : resume_key(tf->rip) | (u32)(resume - tf->rip);
	in_self.bases_live = !!(hosted_shared()->caps & HAL_CAP_FSGSBASE);
	if (wants_bases(tf->orig_rax))
		in_save_bases();
	tell_core(tf, &info);
	in_user_enter(tf);
}

/* A kick came on the way to user mode. */
void in_kicked(struct trapframe *tf)
{
	struct trapinfo info = { .kind = TRAP_KICK };

	hosted_leave_user();
	tell_core(tf, &info);
	in_user_enter(tf);
}

static void kick(void)
{
	/* in_signal.c has its own handler of SIGUSR1. */
}

/* Nothing is lost with this carrier while it sleeps (in_zygote.c). */
static void doze(const struct host_timespec *timeout)
{
	in_fp_leave();
	in_doze(timeout, &in_this_cpu()->doze_kstack);
}

static void __noreturn halt(int code)
{
	struct in_state *st = in_state();
	struct host_timespec pause = { 1, 0 };

	if (!in_self.index)
		host_exit(code);
	st->end_code = code;
	for (;;) {
		in_wake_zygote(IN_WANT_END);
		host_futex_wait(&st->want, IN_WANT_END, &pause);
	}
}

static int init(void)
{
	s64 err;

	/* This process's alone, and copied for each carrier. */
	err = host_mmap((u64)&in_self, align_up(sizeof(in_self), 4096ul),
			HOST_PROT_READ | HOST_PROT_WRITE,
			HOST_MAP_PRIVATE | HOST_MAP_ANONYMOUS | HOST_MAP_FIXED, -1, 0);
	if (err < 0)
		return err;
	in_self.cpu = &hosted_shared()->cpu[0];
	in_self.pid = hosted_priv()->handles.pid;
	hosted_priv()->timer = &in_self.timer;
	hosted_priv()->cpu_nr = &in_self.nr;
	tlb_init(IN_POOL_START, IN_POOL_END);
	in_state()->cpu[0].running = 1;
	in_fp_init();
	err = in_catch_signals();
	if (!err)
		err = in_pku_init();
	if (err)
		return err;
	in_zygote();		/* returns in the first carrier */
	return 0;
}

const struct hosted_engine inproc_engine = {
	.name = "inproc",
	.init = init,
	.cpu_start = in_cpu_start,
	.cpu_signal = in_cpu_signal,
	.user_enter = in_user_enter,
	.kick = kick,
	.doze = doze,
	.thread_switch = in_thread_switch,
	.fp_sync = in_fp_sync,
	.fp_dirty = in_fp_dirty,
	.thread_exit = in_thread_exit,
	.as_init = in_as_init,
	.as_destroy = in_as_destroy,
	.as_activate = in_as_activate,
	.tlb_of = in_tlb_of,
	.tlb_list = in_tlb_list,
	.tlb_shoot = in_tlb_shoot,
	.tlb_commit = in_tlb_commit,
	.tlb_entry = in_text_entry,
	.tlb_claim = in_text_claim,
	.around_ops = 0,
	.halt = halt,
};
