/* SPDX-License-Identifier: MIT */
/*
 * Sending signals: queueing, ignoring, choosing a thread, waking it.
 *
 * A signal goes to a task or to a process; a process-directed one is taken by
 * any thread that does not block it. Standard signals pend once, real-time
 * ones queue with their siginfo. A signal that would kill anyway starts the
 * group exit right here, so that sleeping threads see it (as Linux does).
 *
 * The init process (the reaper) gets only signals that it handles.
 * Locks: the kernel lock. Nothing here sleeps.
 */
#include "kernel/signal.h"

#include "abi/errno.h"
#include "kernel/sched.h"
#include "kernel/signal_impl.h"
#include "lib/string.h"
#include "mm/slab.h"

static SLAB_CACHE(sigqueue_cache, struct sigqueue);
static SLAB_CACHE(sighand_cache, struct sighand);
static u32 nr_queued;	/* sigqueues of all users; the limit is per process's RLIMIT */

void sigpending_init(struct sigpending *p)
{
	p->set = 0;
	list_init(&p->queue);
}

static void sigqueue_free(struct sigqueue *q)
{
	list_del(&q->link);
	slab_free(&sigqueue_cache, q);
	nr_queued--;
}

void sigpending_flush(struct sigpending *p, u64 set)
{
	struct sigqueue *q, *next;

	list_for_each_entry_safe(q, next, &p->queue, link)
		if (set & sigmask(q->info.signo))
			sigqueue_free(q);
	p->set &= ~set;
}

struct sighand *sighand_new(void)
{
	struct sighand *s = slab_zalloc(&sighand_cache);

	if (s) {
		s->refcount = 1;
		waitqueue_init(&s->signalfd_wq);
	}
	return s;
}

struct sighand *sighand_dup(const struct sighand *old)
{
	struct sighand *s = sighand_new();

	if (s)
		memcpy(s->action, old->action, sizeof(s->action));
	return s;
}

void sighand_put(struct sighand *s)
{
	if (--s->refcount == 0)
		slab_free(&sighand_cache, s);
}

void signal_recalc(struct task *t)
{
	if ((t->pending.set | t->process->pending.set) & ~t->sigmask)
		t->flags |= TF_SIGPENDING;
	else if (!(t->process->flags & PROC_STOPPED))
		t->flags &= ~TF_SIGPENDING;
}

static void kick(struct task *t)
{
	if (t->on_cpu && t != current)
		hal_ipi(t->last_cpu);
}

void signal_wake(struct task *t, bool fatal)
{
	t->flags |= TF_SIGPENDING;
	if (t->state == TASK_SLEEPING &&
	    (t->sleep_kind == SLEEP_INTERRUPTIBLE || (fatal && t->sleep_kind == SLEEP_KILLABLE)))
		sched_wake(t);
	else if (t->state == TASK_STOPPED && fatal)
		sched_wake(t);
	kick(t);
}

void process_begin_exit(struct process *p, int status)
{
	struct task *t;

	if (p->flags & PROC_EXITING)
		return;
	p->flags |= PROC_EXITING;
	p->flags &= ~PROC_STOPPED;
	p->exit_status = status;
	list_for_each_entry(t, &p->threads, thread_link) {
		t->flags |= TF_EXIT;
		signal_wake(t, true);
	}
}

/* ---- sending ---- */

static struct ksigaction *action_of(struct process *p, int sig)
{
	return &p->leader->sighand->action[sig - 1];
}

static bool default_ignored(int sig)
{
	return sigmask(sig) & SIG_IGNORE_SET;
}

static bool is_ignored(struct process *p, int sig)
{
	struct ksigaction *sa = action_of(p, sig);

	if ((p->flags & PROC_INIT) && sa->handler == SIG_DFL)
		return true;
	return sa->handler == SIG_IGN || (sa->handler == SIG_DFL && default_ignored(sig));
}

/* Linux keeps an ignored signal that is blocked: its action may change. */
static bool drop_signal(struct process *p, struct task *t, int sig)
{
	const struct task *target = t ? t : p->leader;
	u64 blocked = target->sigmask | target->awaited;

	if (!is_ignored(p, sig))
		return false;
	if ((p->flags & PROC_INIT) && (sigmask(sig) & SIG_KERNEL_ONLY))
		return true;
	return !(blocked & sigmask(sig));
}

/* SIGCONT and the stop signals cancel each other; SIGCONT resumes. */
static void job_control_effects(struct process *p, int sig)
{
	struct task *t;

	if (sigmask(sig) & SIG_STOP_SET) {
		sigpending_flush(&p->pending, sigmask(SIGCONT));
		list_for_each_entry(t, &p->threads, thread_link)
			sigpending_flush(&t->pending, sigmask(SIGCONT));
		return;
	}
	if (sig != SIGCONT)
		return;
	sigpending_flush(&p->pending, SIG_STOP_SET);
	list_for_each_entry(t, &p->threads, thread_link) {
		sigpending_flush(&t->pending, SIG_STOP_SET);
		signal_recalc(t);
	}
	if (!(p->flags & PROC_STOPPED))
		return;
	p->flags &= ~(PROC_STOPPED | PROC_STOP_REPORT);
	p->flags |= PROC_CONT_REPORT;
	list_for_each_entry(t, &p->threads, thread_link) {
		if (t->state == TASK_STOPPED)
			sched_wake(t);
	}
	notify_parent(p, CLD_CONTINUED, SIGCONT);
}

static int enqueue_info(struct process *p, struct sigpending *pend, const struct siginfo *info)
{
	int sig = info->signo;
	struct sigqueue *q = NULL;

	if (sig < SIGRTMIN && (pend->set & sigmask(sig)))
		return 0;
	if (sig < SIGRTMIN || nr_queued < p->rlim[RLIMIT_SIGPENDING].cur)
		q = slab_alloc(&sigqueue_cache);
	if (q) {
		q->info = *info;
		list_add_tail(&q->link, &pend->queue);
		nr_queued++;
	} else if (sig >= SIGRTMIN && info->code != SI_USER) {
		return -EAGAIN;
	}
	pend->set |= sigmask(sig);
	return 1;
}

static bool wants(const struct task *t, int sig)
{
	return !(t->sigmask & sigmask(sig)) && !(t->flags & TF_EXIT) && t->state != TASK_DEAD;
}

static struct task *choose_thread(struct process *p, int sig)
{
	struct task *t;

	if (wants(p->leader, sig))
		return p->leader;
	list_for_each_entry(t, &p->threads, thread_link)
		if (wants(t, sig))
			return t;
	return NULL;
}

/* Default action kills without a core: no need to wait for the target. */
static bool kills_at_once(struct process *p, int sig)
{
	const u64 core = sigmask(SIGQUIT) | sigmask(SIGILL) | sigmask(SIGTRAP) | sigmask(SIGABRT) |
			 sigmask(SIGFPE) | sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGSYS) |
			 sigmask(SIGXCPU) | sigmask(SIGXFSZ);

	if (sig == SIGKILL)
		return true;
	if (action_of(p, sig)->handler != SIG_DFL || (p->flags & PROC_INIT))
		return false;
	return !(sigmask(sig) & (SIG_STOP_SET | SIG_IGNORE_SET | core));
}

static int send(struct process *p, struct task *t, const struct siginfo *info)
{
	int sig = info->signo, err;
	struct task *target;

	if ((p->flags & (PROC_ZOMBIE | PROC_EXITING)) || (t && t->state == TASK_DEAD))
		return 0;
	job_control_effects(p, sig);
	if (drop_signal(p, t, sig))
		return 0;
	err = enqueue_info(p, t ? &t->pending : &p->pending, info);
	if (err <= 0)
		return err;
	wake_up_all(&p->leader->sighand->signalfd_wq);
	target = t ? (wants(t, sig) ? t : NULL) : choose_thread(p, sig);
	if (sig == SIGKILL) {
		process_begin_exit(p, SIGKILL);
		return 0;
	}
	if (!target)
		return 0;
	if (kills_at_once(p, sig) && !(p->flags & PROC_EXITING) &&
	    !(target->awaited & sigmask(sig))) {
		process_begin_exit(p, sig);
		return 0;
	}
	signal_wake(target, false);
	return 0;
}

int signal_process_info(struct process *p, const struct siginfo *info)
{
	return send(p, NULL, info);
}

int signal_task_info(struct task *t, const struct siginfo *info)
{
	return send(t->process, t, info);
}

static struct siginfo kernel_info(int sig)
{
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	info.signo = sig;
	info.code = SI_KERNEL;
	return info;
}

int signal_process(struct process *p, int sig)
{
	struct siginfo info = kernel_info(sig);

	return send(p, NULL, &info);
}

int signal_task(struct task *t, int sig)
{
	struct siginfo info = kernel_info(sig);

	return send(t->process, t, &info);
}

int signal_pgrp(pid_t pgid, int sig)
{
	struct process *p;
	int found = -ESRCH;

	list_for_each_entry(p, &process_list, all_link) {
		if (p->pgid != pgid)
			continue;
		found = 0;
		if (sig)
			signal_process(p, sig);
	}
	return found;
}

void signal_force(int sig, int code, uaddr_t addr, u32 trapno)
{
	struct task *t = current;
	struct ksigaction *sa = &t->sighand->action[sig - 1];
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	info.signo = sig;
	info.code = code;
	info.fault.addr = addr;
	t->fault_trapno = trapno;
	if ((t->sigmask & sigmask(sig)) || sa->handler == SIG_IGN) {
		sa->handler = SIG_DFL;
		t->sigmask &= ~sigmask(sig);
	}
	if (enqueue_info(t->process, &t->pending, &info) < 0)
		t->pending.set |= sigmask(sig);
	signal_wake(t, false);
}

/* ---- notifying the parent ---- */

static void child_info(struct process *p, struct siginfo *info, int sig, int code, int status)
{
	memset(info, 0, sizeof(*info));
	info->signo = sig;
	info->code = code;
	info->chld.pid = p->pid;
	info->chld.uid = p->leader->cred ? p->leader->cred->uid : 0;
	info->chld.status = status;
	info->chld.utime = (s64)(p->self.utime_ns / 10000000);
	info->chld.stime = (s64)(p->self.stime_ns / 10000000);
}

void notify_parent(struct process *p, int code, int status)
{
	struct process *parent = p->parent;
	struct ksigaction *sa = &parent->leader->sighand->action[SIGCHLD - 1];
	struct siginfo info;

	child_info(p, &info, SIGCHLD, code, status);
	if (sa->handler != SIG_IGN && !(sa->flags & SA_NOCLDSTOP))
		send(parent, NULL, &info);
	wake_up_all(&parent->child_wq);
}

bool notify_parent_exit(struct process *p)
{
	struct process *parent = p->parent;
	struct ksigaction *sa = &parent->leader->sighand->action[SIGCHLD - 1];
	int st = p->exit_status, sig = p->exit_signal;
	bool autoreap = false;
	struct siginfo info;

	if (st & 0x7f)
		child_info(p, &info, sig, (st & 0x80) ? CLD_DUMPED : CLD_KILLED, st & 0x7f);
	else
		child_info(p, &info, sig, CLD_EXITED, (st >> 8) & 0xff);
	if (sig == SIGCHLD && (sa->handler == SIG_IGN || (sa->flags & SA_NOCLDWAIT))) {
		autoreap = true;
		if (sa->handler == SIG_IGN)
			sig = 0;
	}
	if (sig > 0)
		send(parent, NULL, &info);
	wake_up_all(&parent->child_wq);
	return autoreap;
}

/* ---- queries ---- */

bool signal_blocked_or_ignored(int sig)
{
	struct task *t = current;

	return (t->sigmask & sigmask(sig)) || t->sighand->action[sig - 1].handler == SIG_IGN;
}

bool pgrp_exists(pid_t pgid)
{
	struct process *p;

	list_for_each_entry(p, &process_list, all_link)
		if (p->pgid == pgid)
			return true;
	return false;
}

bool pgrp_is_orphaned(pid_t pgid)
{
	struct process *p;

	list_for_each_entry(p, &process_list, all_link) {
		if (p->pgid != pgid || (p->flags & PROC_ZOMBIE) || (p->parent->flags & PROC_INIT))
			continue;
		if (p->parent->pgid != pgid && p->parent->sid == p->sid &&
		    !(p->parent->flags & PROC_ZOMBIE))
			return false;
	}
	return true;
}

u64 signal_pending_set(void)
{
	return current->pending.set | current->process->pending.set;
}

static int dequeue_from(struct sigpending *pend, u64 set, struct siginfo *info)
{
	struct sigqueue *q, *found = NULL;
	u64 ready = pend->set & set;
	bool more = false;
	int sig;

	if (!ready)
		return 0;
	if (ready & SIG_SYNC_SET)
		ready &= SIG_SYNC_SET;
	sig = __builtin_ctzl(ready) + 1;
	list_for_each_entry(q, &pend->queue, link) {
		if (q->info.signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (!more)
		pend->set &= ~sigmask(sig);
	if (found) {
		*info = found->info;
		sigqueue_free(found);
	} else {
		memset(info, 0, sizeof(*info));
		info->signo = sig;
	}
	return sig;
}

int signal_dequeue(u64 set, struct siginfo *info)
{
	struct task *t = current;
	int sig = dequeue_from(&t->pending, set, info);

	if (!sig)
		sig = dequeue_from(&t->process->pending, set, info);
	if (sig && info->code == SI_TIMER)
		posix_timer_delivered(info);
	signal_recalc(t);
	return sig;
}
