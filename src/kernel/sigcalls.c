/* SPDX-License-Identifier: MIT */
/* The signal system calls: actions, masks, waiting, kill and its kin. */
#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/clock.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/uaccess.h"

static bool sig_valid(int sig)
{
	return sig >= 1 && sig <= NSIG;
}

int sigset_copyin(u64 *set, uaddr_t p, u64 size)
{
	if (size != 8)
		return -EINVAL;
	return p ? get_user_u64(set, p) : 0;
}

SYSCALL_DEFINE4(rt_sigaction, int, sig, uaddr_t, act, uaddr_t, oldact, u64, size)
{
	struct task *t = current, *thread;
	struct ksigaction new, old;

	if (size != 8)
		return -EINVAL;
	if (act && copyin(&new, act, sizeof(new)))
		return -EFAULT;
	if (!sig_valid(sig) || (act && (sigmask(sig) & SIG_KERNEL_ONLY)))
		return -EINVAL;
	old = t->sighand->action[sig - 1];
	if (act) {
		const u64 known = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER |
				  SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND;

		new.flags &= known;
		new.mask &= ~SIG_KERNEL_ONLY;
		t->sighand->action[sig - 1] = new;
		if (new.handler == SIG_IGN ||
		    (new.handler == SIG_DFL && (sigmask(sig) & SIG_IGNORE_SET))) {
			sigpending_flush(&t->process->pending, sigmask(sig));
			list_for_each_entry(thread, &t->process->threads, thread_link)
				sigpending_flush(&thread->pending, sigmask(sig));
		}
	}
	if (oldact && copyout(oldact, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE4(rt_sigprocmask, int, how, uaddr_t, set, uaddr_t, oldset, u64, size)
{
	u64 old = current->sigmask, new = 0;
	int err = sigset_copyin(&new, set, size);

	if (err)
		return err;
	if (set) {
		if (how == SIG_BLOCK)
			new = old | new;
		else if (how == SIG_UNBLOCK)
			new = old & ~new;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		set_sigmask(new);
	}
	return oldset ? put_user_u64(oldset, old) : 0;
}

SYSCALL_DEFINE2(rt_sigpending, uaddr_t, set, u64, size)
{
	u64 pending = signal_pending_set() & current->sigmask;

	if (size > 8)
		return -EINVAL;
	return copyout(set, &pending, size);
}

static s64 suspend(void)
{
	struct task *t = current;

	while (!signal_pending(t)) {
		t->woken = false;
		if (sleep_until(SLEEP_INTERRUPTIBLE, U64_MAX))
			break;
	}
	return -ERESTARTNOHAND;
}

SYSCALL_DEFINE2(rt_sigsuspend, uaddr_t, set, u64, size)
{
	u64 mask = 0;
	int err;

	if (size != 8)
		return -EINVAL;
	err = get_user_u64(&mask, set);
	if (err)
		return err;
	sigmask_set_temporary(mask);
	return suspend();
}

SYSCALL_DEFINE0(pause)
{
	return suspend();
}

SYSCALL_DEFINE4(rt_sigtimedwait, uaddr_t, setp, uaddr_t, infop, uaddr_t, tsp, u64, size)
{
	struct task *t = current;
	u64 set = 0, oldmask = t->sigmask, deadline = U64_MAX, ns;
	struct timespec64 ts;
	struct siginfo info;
	int sig, err;

	if (size != 8)
		return -EINVAL;
	err = get_user_u64(&set, setp);
	if (err)
		return err;
	if (tsp) {
		if (copyin(&ts, tsp, sizeof(ts)))
			return -EFAULT;
		err = timespec_to_ns(&ts, &ns);
		if (err)
			return err;
		deadline = deadline_after(ns);
	}
	set &= ~SIG_KERNEL_ONLY;
	sig = signal_dequeue(set, &info);
	if (!sig) {
		/* Awaited signals must wake us although they are blocked. */
		t->awaited = oldmask & set;
		set_sigmask(oldmask & ~set);
		while (!signal_pending(t)) {
			t->woken = false;
			err = sleep_until(SLEEP_INTERRUPTIBLE, deadline);
			if (err)
				break;
		}
		sig = signal_dequeue(set, &info);
		t->awaited = 0;
		set_sigmask(oldmask);
		if (!sig)
			return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	if (infop && copyout(infop, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

SYSCALL_DEFINE2(sigaltstack, uaddr_t, ssp, uaddr_t, oldp)
{
	struct task *t = current;
	struct stack_t old = t->altstack, ss;
	bool on = on_altstack(t, t->tf->rsp);

	if (!old.size)
		old.flags = SS_DISABLE;
	else if (on)
		old.flags |= SS_ONSTACK;
	if (ssp) {
		u32 mode;

		if (copyin(&ss, ssp, sizeof(ss)))
			return -EFAULT;
		if (on)
			return -EPERM;
		mode = (u32)ss.flags & ~SS_AUTODISARM;
		if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
			return -EINVAL;
		if (mode == SS_DISABLE) {
			ss.sp = 0;
			ss.size = 0;
		} else if (ss.size < MINSIGSTKSZ) {
			return -ENOMEM;
		}
		ss.flags &= ~SS_ONSTACK;
		t->altstack = ss;
	}
	if (oldp && copyout(oldp, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* ---- kill ---- */

static int may_signal(struct process *p, int sig)
{
	const struct cred *me = current->cred, *his = p->leader->cred;

	if (!his || me->euid == his->suid || me->euid == his->uid || me->uid == his->suid ||
	    me->uid == his->uid || capable(CAP_KILL))
		return 0;
	if (sig == SIGCONT && p->sid == current->process->sid)
		return 0;
	return -EPERM;
}

static struct siginfo user_info(int sig, int code)
{
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	info.signo = sig;
	info.code = code;
	info.rt.pid = current->process->pid;
	info.rt.uid = current->cred->uid;
	return info;
}

static int kill_one(struct process *p, int sig, const struct siginfo *info)
{
	int err = may_signal(p, sig);

	if (err || !sig)
		return err;
	return signal_process_info(p, info);
}

/* pgid 0: every process but init and the caller's own (kill -1). */
static int kill_many(pid_t pgid, int sig, const struct siginfo *info)
{
	struct process *p;
	int sent = 0, err = 0, e;

	list_for_each_entry(p, &process_list, all_link) {
		if (pgid ? p->pgid != pgid : (p->pid == 1 || p == current->process))
			continue;
		e = kill_one(p, sig, info);
		if (!e)
			sent++;
		else if (!err || e != -EPERM)
			err = e;
	}
	if (sent)
		return 0;
	return err ? err : -ESRCH;
}

SYSCALL_DEFINE2(kill, pid_t, pid, int, sig)
{
	struct siginfo info = user_info(sig, SI_USER);
	struct process *p;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (pid > 0) {
		p = process_find(pid);
		return p ? kill_one(p, sig, &info) : -ESRCH;
	}
	if (pid == -1)
		return kill_many(0, sig, &info);
	if (pid == (pid_t)0x80000000)
		return -ESRCH;
	return kill_many(pid ? -pid : current->process->pgid, sig, &info);
}

static s64 kill_thread(pid_t tgid, pid_t tid, int sig, const struct siginfo *info)
{
	struct task *t = task_find(tid);
	int err;

	if (!t || (tgid > 0 && t->process->pid != tgid))
		return -ESRCH;
	err = may_signal(t->process, sig);
	if (err || !sig)
		return err;
	return signal_task_info(t, info);
}

SYSCALL_DEFINE3(tgkill, pid_t, tgid, pid_t, tid, int, sig)
{
	struct siginfo info = user_info(sig, SI_TKILL);

	if (sig < 0 || sig > NSIG || tgid <= 0 || tid <= 0)
		return -EINVAL;
	return kill_thread(tgid, tid, sig, &info);
}

SYSCALL_DEFINE2(tkill, pid_t, tid, int, sig)
{
	struct siginfo info = user_info(sig, SI_TKILL);

	if (sig < 0 || sig > NSIG || tid <= 0)
		return -EINVAL;
	return kill_thread(0, tid, sig, &info);
}

static int queue_info(struct siginfo *info, pid_t tgid, int sig, uaddr_t infop)
{
	if (copyin(info, infop, sizeof(*info)))
		return -EFAULT;
	info->signo = sig;
	/* Nobody may pretend to be the kernel or kill(2) towards others. */
	if ((info->code >= 0 || info->code == SI_TKILL) && tgid != current->process->pid)
		return -EPERM;
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return 0;
}

SYSCALL_DEFINE3(rt_sigqueueinfo, pid_t, pid, int, sig, uaddr_t, infop)
{
	struct siginfo info;
	struct process *p;
	int err = queue_info(&info, pid, sig, infop);

	if (err)
		return err;
	p = process_find(pid);
	return p ? kill_one(p, sig, &info) : -ESRCH;
}

SYSCALL_DEFINE4(rt_tgsigqueueinfo, pid_t, tgid, pid_t, tid, int, sig, uaddr_t, infop)
{
	struct siginfo info;
	int err;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	err = queue_info(&info, tgid, sig, infop);
	return err ? err : kill_thread(tgid, tid, sig, &info);
}
