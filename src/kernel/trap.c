/* SPDX-License-Identifier: MIT */
/*
 * Traps from user mode: system calls, faults, exceptions, kicks, and the one
 * place where all of them go back.
 *
 * Nothing here runs with a sleep-sensitive state: the kernel lock is taken on
 * entry and let go in return_to_user.
 */
#include "abi/errno.h"
#include "hal/cpu.h"
#include "hal/hal.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/syscall_table.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include "mm/mm.h"

#define SYSCALL_SAMPLE 16	/* power of two */

/*
 * CPU time, user and system. Looking at the clock twice costs a quarter of a null
 * system call, so only every 16th system call of a task is timed, and stands for
 * the 15 before it, whose kernel time was counted as the user's meanwhile
 * (task_charge_kernel moves it). The sum is exact, the split a sample; faults and
 * all other traps are timed each time.
 */
static void user_to_kernel(struct task *t, u32 kind)
{
	u64 now, delta;

	t->timed = true;
	t->sampled = false;
	if (kind == TRAP_SYSCALL) {
		t->sampled = (++t->syscall_count % SYSCALL_SAMPLE) == 0;
		t->timed = t->sampled;
		if (!t->timed)
			return;
	}
	now = hal_clock_ns();
	delta = now - t->mode_since_ns;
	t->utime_ns += delta;
	t->untimed_ns += delta;
	this_cpu()->user_ns += delta;
	t->mode_since_ns = now;
}

void task_charge_kernel(struct task *t, u64 now)
{
	u64 delta = now - t->mode_since_ns, more;
	struct cpu *cpu = this_cpu();

	t->mode_since_ns = now;
	if (!t->timed) {
		t->utime_ns += delta;
		t->untimed_ns += delta;
		cpu->user_ns += delta;
		return;
	}
	t->stime_ns += delta;
	cpu->kernel_ns += delta;
	if (!t->sampled)
		return;
	more = min(delta * (SYSCALL_SAMPLE - 1), t->untimed_ns);
	more = min(more, min(t->utime_ns, cpu->user_ns));
	t->utime_ns -= more;
	t->stime_ns += more;
	cpu->user_ns -= more;
	cpu->kernel_ns += more;
	t->untimed_ns = 0;
	t->sampled = false;
}

static void kernel_to_user(struct task *t)
{
	if (t->timed)
		task_charge_kernel(t, hal_clock_ns());
}

/* The work that may stand between a trap and user mode. */
static void return_to_user(struct trapframe *tf)
{
	struct task *t = current;

	for (;;) {
		if (need_resched()) {
			schedule();
			continue;
		}
		if (t->flags & (TF_SIGPENDING | TF_EXIT | TF_RESTORE_SIGMASK)) {
			signal_deliver(tf);
			tf->orig_rax = (u64)-1;
			if (t->flags & (TF_SIGPENDING | TF_EXIT))
				continue;
			if (need_resched())
				continue;
		}
		break;
	}
	if (unlikely(process_has_cpu_limits(t->process)))
		process_check_cpu_limits(t);
	sched_prepare_user();
	kernel_to_user(t);
	kernel_unlock();
}

static void do_syscall(struct task *t, struct trapframe *tf)
{
	struct sysargs args = { { tf->rdi, tf->rsi, tf->rdx, tf->r10, tf->r8, tf->r9 }, tf };
	u64 nr = tf->orig_rax;
	s64 ret;

	if (unlikely(t->flags & TF_TRACE))
		trace_enter(nr, &args);
	ret = syscall_dispatch(nr, &args);
	if (unlikely(t->flags & TF_TRACE))
		trace_exit(nr, &args, ret);
	tf->rax = (u64)ret;
	/* Only internal restart codes need the signal path to look. */
	if (unlikely(ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK))
		t->flags |= TF_SIGPENDING;
}

static void do_fault(struct task *t, struct trapframe *tf, const struct trapinfo *info)
{
	int code, err;
	int sig = SIGSEGV;

	(void)tf;
	err = vm_fault(t->mm, info->addr,
		       (u32)info->error & (FAULT_WRITE | FAULT_EXEC), &code);
	if (!err || err == -EINTR)
		return;
	t->fault_addr = info->addr;
	t->fault_error = (info->error & (FAULT_WRITE | FAULT_EXEC)) | FAULT_USER |
			 (code == SEGV_ACCERR ? FAULT_PRESENT : 0);
	if (err == -EIO)
		sig = SIGBUS;
	if (err == -ENOMEM) {	/* the OOM decision found nobody else */
		signal_task(t, SIGKILL);
		return;
	}
	signal_force(sig, code, info->addr, 14);
}

/* x86 exceptions as Linux reports them (arch/x86 traps; signal(7)). */
static void do_exception(struct task *t, struct trapframe *tf, const struct trapinfo *info)
{
	t->fault_error = info->error;
	switch (info->vector) {
	case 0:
		signal_force(SIGFPE, FPE_INTDIV, tf->rip, 0);
		break;
	case 1:
		signal_force(SIGTRAP, TRAP_TRACE, tf->rip, 1);
		break;
	case 3:
		signal_force(SIGTRAP, SI_KERNEL, 0, 3);
		break;
	case 4:
	case 5:
		signal_force(SIGSEGV, SI_KERNEL, 0, info->vector);
		break;
	case 6:
		signal_force(SIGILL, ILL_ILLOPN, tf->rip, 6);
		break;
	case 16:
	case 19:
		signal_force(SIGFPE, fp_exception_code(t, info->vector), tf->rip, info->vector);
		break;
	case 17:
		signal_force(SIGBUS, BUS_ADRALN, 0, 17);
		break;
	case 10:
	case 11:
	case 12:
		signal_force(SIGBUS, SI_KERNEL, 0, info->vector);
		break;
	default:
		signal_force(SIGSEGV, SI_KERNEL, 0, info->vector);
		break;
	}
}

void kern_trap(struct trapframe *tf, struct trapinfo *info)
{
	struct task *t;

	kernel_lock();
	t = current;
	user_to_kernel(t, info->kind);
	switch (info->kind) {
	case TRAP_SYSCALL:
		do_syscall(t, tf);
		break;
	case TRAP_FAULT:
		tf->orig_rax = (u64)-1;
		do_fault(t, tf, info);
		break;
	case TRAP_EXCEPTION:
		tf->orig_rax = (u64)-1;
		do_exception(t, tf, info);
		break;
	case TRAP_KICK:
		tf->orig_rax = (u64)-1;
		break;
	}
	return_to_user(tf);
}

/* First code of a new task, on its own stack (kernel/switch.S). */
void task_start(void);
void task_start(void)
{
	struct task *t = current;

	sched_finish_switch();
	t->mode_since_ns = hal_clock_ns();
	t->timed = true;
	if (t->flags & TF_KTHREAD) {
		t->kthread_fn(t->kthread_arg);
		if (!t->mm)
			task_exit(0);
	}
	return_to_user(t->tf);
	hal_user_enter(t->tf);
}
