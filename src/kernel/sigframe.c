/* SPDX-License-Identifier: MIT */
/*
 * Signal frames: building one for a handler, and rt_sigreturn.
 *
 *   old rsp - 128 (red zone), or the alternate stack's top
 *        [ XSAVE image, 64-aligned, MAGIC2 behind it ]
 *        [ struct rt_sigframe ]          <- rsp at entry, (rsp + 8) % 16 == 0
 *
 * The image is the task's FP area in the standard format with the software
 * bytes that glibc, libgcc and Go look for. Handlers start with a clean FPU.
 * What a guest hands back is sanitised, so that loading it cannot fault.
 */
#include "abi/sigframe.h"

#include "abi/errno.h"
#include "hal/hal.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/uaccess.h"

#define USER_CS 0x33
#define USER_SS 0x2b
#define FLAGS_USER 0x40dd5ul	/* CF PF AF ZF SF TF DF OF RF(0x10000) AC: restorable */
#define FLAG_RF 0x10000ul
#define FLAG_TF 0x100ul
#define FLAG_DF 0x400ul
#define FLAG_IF 0x200ul

bool on_altstack(const struct task *t, uaddr_t sp)
{
	const struct stack_t *s = &t->altstack;

	if ((u32)s->flags & SS_AUTODISARM)
		return false;
	return s->size && sp > s->sp && sp - s->sp <= s->size;
}

static uaddr_t frame_top(struct trapframe *tf, const struct ksigaction *sa, bool *fits)
{
	struct task *t = current;
	uaddr_t sp = tf->rsp - 128;
	bool was_on = on_altstack(t, tf->rsp);

	*fits = true;
	if ((sa->flags & SA_ONSTACK) && t->altstack.size &&
	    !((u32)t->altstack.flags & SS_DISABLE) && !was_on) {
		sp = t->altstack.sp + t->altstack.size;
		*fits = t->altstack.size >
			hal_info()->fp_size + 64 + sizeof(struct rt_sigframe) + 32;
	}
	return sp;
}

/* The header's first word: which components are not in their initial state. */
static u64 *xstate_bv(u8 *fp)
{
	return (u64 *)(fp + XSAVE_HEADER_OFFSET);
}

/* What fp_reset() left out: who reads the image may not look at the header. */
static void zero_initial(u8 *fp, u32 size)
{
	if (!(*xstate_bv(fp) & 3))
		memset(fp + 32, 0, FP_SW_OFFSET - 32);
	if (!(*xstate_bv(fp) & ~3ul))
		memset(fp + XSAVE_MIN_SIZE, 0, size - XSAVE_MIN_SIZE);
}

/* Writes the FP image below sp; returns its address, or 0. */
static uaddr_t put_fpstate(uaddr_t sp)
{
	struct task *t = current;
	u32 size = hal_info()->fp_size;
	struct fp_sw_bytes *sw = (struct fp_sw_bytes *)(t->hal.fp + FP_SW_OFFSET);
	u32 magic2 = FP_XSTATE_MAGIC2;
	uaddr_t at;
	int err;

	hal_fp_sync(&t->hal);
	if (!hal_info()->xfeatures) {
		at = align_down(sp - FXSAVE_SIZE, 64);
		return copyout(at, t->hal.fp, FXSAVE_SIZE) ? 0 : at;
	}
	zero_initial(t->hal.fp, size);
	/* The CPU neither reads nor writes these bytes. */
	*sw = (struct fp_sw_bytes){ .magic1 = FP_XSTATE_MAGIC1, .extended_size = size + 4,
				    .xfeatures = hal_info()->xfeatures, .xstate_size = size };
	at = align_down(sp - size - 4, 64);
	err = copyout(at, t->hal.fp, size);
	if (!err)
		err = copyout(at + size, &magic2, 4);
	memset(sw, 0, sizeof(*sw));
	return err ? 0 : at;
}

static void fill_mcontext(struct sigcontext64 *m, const struct trapframe *tf, u64 oldmask)
{
	struct task *t = current;

	*m = (struct sigcontext64){
		.r8 = tf->r8, .r9 = tf->r9, .r10 = tf->r10, .r11 = tf->r11, .r12 = tf->r12,
		.r13 = tf->r13, .r14 = tf->r14, .r15 = tf->r15, .rdi = tf->rdi, .rsi = tf->rsi,
		.rbp = tf->rbp, .rbx = tf->rbx, .rdx = tf->rdx, .rax = tf->rax, .rcx = tf->rcx,
		.rsp = tf->rsp, .rip = tf->rip, .rflags = tf->rflags,
		.cs = (u16)tf->cs, .ss = (u16)tf->ss,
		.err = t->fault_error, .trapno = t->fault_trapno, .oldmask = oldmask,
		.cr2 = t->fault_addr,
	};
}

static void fp_reset(struct task *t)
{
	u8 *fp = t->hal.fp;

	if (hal_info()->xfeatures) {	/* the header says that all is initial */
		memset(fp, 0, 32);
		memset(xstate_bv(fp), 0, XSAVE_MIN_SIZE - XSAVE_HEADER_OFFSET);
	} else {
		memset(fp, 0, FXSAVE_SIZE);
	}
	*(u16 *)fp = 0x37f;
	*(u32 *)(fp + 24) = 0x1f80;
	hal_fp_dirty(&t->hal);
}

int sigframe_setup(struct trapframe *tf, const struct ksigaction *sa, int sig,
		   const struct siginfo *info, u64 oldmask)
{
	struct task *t = current;
	struct rt_sigframe frame;
	bool fits;
	uaddr_t sp = frame_top(tf, sa, &fits), fp;

	if (!fits || !(sa->flags & SA_RESTORER))
		return -EFAULT;
	fp = put_fpstate(sp);
	if (!fp)
		return -EFAULT;
	sp = align_down(fp - sizeof(frame), 16) - 8;
	memset(&frame, 0, sizeof(frame));
	frame.restorer = sa->restorer;
	frame.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
			 (hal_info()->xfeatures ? UC_FP_XSTATE : 0);
	frame.uc.stack = t->altstack;
	if (!t->altstack.size)
		frame.uc.stack.flags = SS_DISABLE;
	else if (on_altstack(t, tf->rsp))
		frame.uc.stack.flags |= SS_ONSTACK;
	fill_mcontext(&frame.uc.mcontext, tf, oldmask);
	frame.uc.mcontext.fpstate = fp;
	frame.uc.sigmask = oldmask;
	frame.info = *info;
	if (copyout(sp, &frame, sizeof(frame)))
		return -EFAULT;
	if ((u32)t->altstack.flags & SS_AUTODISARM)
		t->altstack = (struct stack_t){ .flags = SS_DISABLE };
	tf->rsp = sp;
	tf->rip = sa->handler;
	tf->rdi = (u64)sig;
	tf->rsi = sp + offsetof(struct rt_sigframe, info);
	tf->rdx = sp + offsetof(struct rt_sigframe, uc);
	tf->rax = 0;
	tf->cs = USER_CS;
	tf->ss = USER_SS;
	tf->rflags &= ~(FLAG_DF | FLAG_RF | FLAG_TF);
	fp_reset(t);
	return 0;
}

/* ---- return ---- */

/* Loads the FP image at p into the task's area, made harmless. */
static int get_fpstate(uaddr_t p)
{
	struct task *t = current;
	u32 size = hal_info()->fp_size, magic2 = 0;
	struct fp_sw_bytes sw;
	u8 *fp = t->hal.fp;

	if (!p) {
		fp_reset(t);
		return 0;
	}
	hal_fp_sync(&t->hal);
	if (copyin(fp, p, FXSAVE_SIZE))
		goto bad;
	memcpy(&sw, fp + FP_SW_OFFSET, sizeof(sw));
	if (hal_info()->xfeatures) {
		bool ext = sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size >= XSAVE_MIN_SIZE &&
			   sw.xstate_size <= size && sw.extended_size >= sw.xstate_size + 4 &&
			   !get_user_u32(&magic2, p + sw.xstate_size) &&
			   magic2 == FP_XSTATE_MAGIC2;
		u64 *header = xstate_bv(fp);
		u32 end = ext ? sw.xstate_size : FXSAVE_SIZE;

		memset(fp + end, 0, size - end);
		if (ext) {
			if (copyin(fp + FXSAVE_SIZE, p + FXSAVE_SIZE, end - FXSAVE_SIZE))
				goto bad;
			header[0] &= sw.xfeatures & hal_info()->xfeatures;
		} else {
			header[0] = 3;	/* x87 and SSE only */
		}
		for (u32 i = 1; i < 8; i++)
			header[i] = 0;
	}
	*(u32 *)(fp + 24) &= 0xffbf;	/* MXCSR: reserved bits would fault */
	memset(fp + FP_SW_OFFSET, 0, sizeof(sw));
	hal_fp_dirty(&t->hal);
	return 0;
bad:	/* what came in must not be loaded; as Linux, start afresh */
	fp_reset(t);
	return -EFAULT;
}

static void restore_mcontext(struct trapframe *tf, const struct sigcontext64 *m)
{
	tf->r8 = m->r8;
	tf->r9 = m->r9;
	tf->r10 = m->r10;
	tf->r11 = m->r11;
	tf->r12 = m->r12;
	tf->r13 = m->r13;
	tf->r14 = m->r14;
	tf->r15 = m->r15;
	tf->rdi = m->rdi;
	tf->rsi = m->rsi;
	tf->rbp = m->rbp;
	tf->rbx = m->rbx;
	tf->rdx = m->rdx;
	tf->rax = m->rax;
	tf->rcx = m->rcx;
	tf->rsp = m->rsp;
	tf->rip = m->rip;
	tf->rflags = (tf->rflags & ~(FLAGS_USER | FLAG_RF)) | (m->rflags & (FLAGS_USER | FLAG_RF)) |
		     FLAG_IF;
	tf->cs = USER_CS;
	tf->ss = USER_SS;
	tf->orig_rax = (u64)-1;
}

SYSCALL_DEFINE0(rt_sigreturn)
{
	struct task *t = current;
	struct trapframe *tf = t->tf;
	struct rt_sigframe frame;
	uaddr_t at = tf->rsp - 8;

	if (copyin(&frame, at, sizeof(frame)) || get_fpstate(frame.uc.mcontext.fpstate)) {
		signal_force(SIGSEGV, SI_KERNEL, 0, 0);
		return 0;
	}
	set_sigmask(frame.uc.sigmask);
	restore_mcontext(tf, &frame.uc.mcontext);
	/* As Linux: what cannot be restored (e.g. now on the stack) is left alone. */
	if (!on_altstack(t, tf->rsp)) {
		frame.uc.stack.flags &= ~SS_ONSTACK;
		if (frame.uc.stack.flags & SS_DISABLE)
			t->altstack = (struct stack_t){ .flags = SS_DISABLE };
		else
			t->altstack = frame.uc.stack;
	}
	return (s64)tf->rax;
}
