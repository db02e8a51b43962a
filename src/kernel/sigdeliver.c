/* SPDX-License-Identifier: MIT */
/*
 * Delivering signals at return to user mode: default actions, stops, handlers,
 * and what becomes of an interrupted system call.
 *
 * Stops: the first thread that takes a stop signal marks the process stopped;
 * each thread parks in TASK_STOPPED here, and the last one to park, or to end,
 * tells the parent. SIGCONT (signal.c) wakes them. Stops are numbered: a thread
 * may find itself in the next one before it has left the last.
 */
#include "abi/errno.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/task.h"

#define NR_RESTART_SYSCALL 219

void set_sigmask(u64 set)
{
	struct task *t = current;

	t->sigmask = set & ~SIG_KERNEL_ONLY;
	signal_recalc(t);
}

void sigmask_set_temporary(u64 set)
{
	struct task *t = current;

	t->saved_sigmask = t->sigmask;
	t->flags |= TF_RESTORE_SIGMASK;
	set_sigmask(set);
}

/* ---- stops ---- */

void signal_count_stop(struct task *t)
{
	struct process *p = t->process;

	if (!(p->flags & PROC_STOPPED) || t->stop_nr == p->stop_nr)
		return;
	t->stop_nr = p->stop_nr;
	if (--p->stop_count)
		return;
	p->flags |= PROC_STOP_REPORT;
	p->flags &= ~PROC_CONT_REPORT;
	notify_parent(p, CLD_STOPPED, p->stop_sig);
}

static void park(void)
{
	struct task *t = current;
	struct process *p = t->process;

	while ((p->flags & PROC_STOPPED) && !(t->flags & TF_EXIT)) {
		signal_count_stop(t);
		t->state = TASK_STOPPED;
		schedule();
	}
	signal_recalc(t);
}

static void begin_stop(int sig)
{
	struct process *p = current->process;
	struct task *t;

	p->flags |= PROC_STOPPED;
	p->stop_sig = sig;
	p->stop_nr++;
	p->stop_count = 0;
	list_for_each_entry(t, &p->threads, thread_link) {
		p->stop_count++;
		if (t != current)
			signal_wake(t, false);
	}
	park();
}

/* ---- interrupted calls ---- */

static bool in_syscall(const struct trapframe *tf)
{
	return (s64)tf->orig_rax >= 0;
}

static void restart(struct trapframe *tf, u64 nr)
{
	tf->rax = nr;
	tf->rip -= 2;
}

/* A handler is about to run. */
static void fix_syscall_for_handler(struct trapframe *tf, const struct ksigaction *sa)
{
	if (!in_syscall(tf))
		return;
	switch ((s64)tf->rax) {
	case -ERESTARTSYS:
		if (sa->flags & SA_RESTART) {
			restart(tf, tf->orig_rax);
			break;
		}
		fallthrough;
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		tf->rax = (u64)-EINTR;
		break;
	case -ERESTARTNOINTR:
		restart(tf, tf->orig_rax);
		break;
	}
}

static void fix_syscall_without_handler(struct trapframe *tf)
{
	if (!in_syscall(tf))
		return;
	switch ((s64)tf->rax) {
	case -ERESTARTSYS:
	case -ERESTARTNOHAND:
	case -ERESTARTNOINTR:
		restart(tf, tf->orig_rax);
		break;
	case -ERESTART_RESTARTBLOCK:
		restart(tf, NR_RESTART_SYSCALL);
		break;
	}
}

/* ---- delivery ---- */

static void run_handler(struct trapframe *tf, int sig, const struct siginfo *info)
{
	struct task *t = current;
	struct ksigaction *slot = &t->sighand->action[sig - 1], sa = *slot;
	u64 oldmask = (t->flags & TF_RESTORE_SIGMASK) ? t->saved_sigmask : t->sigmask;
	u64 newmask = t->sigmask | sa.mask;

	if (sa.flags & SA_RESETHAND)
		slot->handler = SIG_DFL;
	fix_syscall_for_handler(tf, &sa);
	if (sigframe_setup(tf, &sa, sig, info, oldmask)) {
		if (sig == SIGSEGV)
			slot->handler = SIG_DFL;
		signal_force(SIGSEGV, SI_KERNEL, 0, 0);
		return;
	}
	tf->orig_rax = (u64)-1;
	t->flags &= ~TF_RESTORE_SIGMASK;
	if (!(sa.flags & SA_NODEFER))
		newmask |= sigmask(sig);
	set_sigmask(newmask);
}

/* One signal's default action. */
static void default_action(int sig)
{
	struct process *p = current->process;

	if (sigmask(sig) & SIG_IGNORE_SET)
		return;
	if ((p->flags & PROC_INIT) && sig != SIGKILL && !(sigmask(sig) & SIG_SYNC_SET))
		return;
	if (sigmask(sig) & SIG_STOP_SET) {
		if (sig == SIGSTOP || !pgrp_is_orphaned(p->pgid))
			begin_stop(sig);
		return;
	}
	task_exit_group(sig);
}

void signal_deliver(struct trapframe *tf)
{
	struct task *t = current;
	struct siginfo info;
	int sig;

	for (;;) {
		u64 handler;

		if (t->flags & TF_EXIT) {
			if (t->process->flags & PROC_EXITING)
				task_exit_group(t->process->exit_status);
			task_exit(0);	/* another thread's execve wants us gone */
		}
		if (t->process->flags & PROC_STOPPED) {
			park();
			continue;
		}
		sig = signal_dequeue(~t->sigmask, &info);
		if (!sig)
			break;
		handler = t->sighand->action[sig - 1].handler;
		if (handler == SIG_IGN)
			continue;
		if (handler == SIG_DFL) {
			default_action(sig);
			continue;
		}
		run_handler(tf, sig, &info);
		return;		/* further ones nest at the next look */
	}
	fix_syscall_without_handler(tf);
	if (t->flags & TF_RESTORE_SIGMASK) {
		t->flags &= ~TF_RESTORE_SIGMASK;
		set_sigmask(t->saved_sigmask);
	}
}
