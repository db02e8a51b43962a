/* SPDX-License-Identifier: MIT */
/*
 * The end of tasks and processes, and waiting for it.
 *
 * A thread gives up its parts and is gone. The last one turns the process into
 * a zombie: children go to the nearest subreaper or init, a session leader
 * gives up its terminal, newly orphaned stopped groups get SIGHUP and SIGCONT,
 * and the parent is told. wait4 or waitid reaps; a parent that ignores SIGCHLD
 * needs no reaping.
 *
 * Locks: the kernel lock.
 */
#include "abi/errno.h"
#include "abi/wait.h"
#include "fs/pidfd.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/boot.h"
#include "kernel/futex.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uts.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/uaccess.h"

void task_release_mm(struct task *t)
{
	futex_exit_robust(t);
	if (t->clear_child_tid && t->mm && t->mm->users > 1) {
		if (!put_user_u32(t->clear_child_tid, 0))
			futex_wake_word(t->clear_child_tid, 1);
	}
	t->clear_child_tid = 0;
	t->robust_list = 0;
	if (t->vfork_wq) {
		*t->vfork_done = true;
		wake_up_all(t->vfork_wq);
		t->vfork_wq = NULL;
	}
}

/* ---- death of a thread ---- */

static void account_thread(struct task *t)
{
	struct rusage_acct *a = &t->process->self;

	task_charge_kernel(t, hal_clock_ns());
	a->utime_ns += t->utime_ns;
	a->stime_ns += t->stime_ns;
	a->minflt += t->minflt;
	a->majflt += t->majflt;
	a->nvcsw += t->nvcsw;
	a->nivcsw += t->nivcsw;
	a->inblock += t->io.inblock;
	a->oublock += t->io.oublock;
	if (t->mm)
		a->maxrss_pages = max(a->maxrss_pages, t->mm->hiwater_rss);
	t->utime_ns = t->stime_ns = t->minflt = t->majflt = t->nvcsw = t->nivcsw = 0;
}

static void drop_mm(struct task *t)
{
	struct mm *mm = t->mm;

	if (!mm)
		return;
	task_release_mm(t);
	t->mm = NULL;
	hal_as_activate(NULL);
	mm_put(mm);
}

static void drop_parts(struct task *t)
{
	struct files *files = t->files;
	struct fs_context *fs = t->fs;

	t->files = NULL;
	if (files)
		files_put(files);	/* may sleep */
	t->fs = NULL;
	if (fs)
		fs_context_put(fs);
	if (t->uts)
		uts_put(t->uts);
	t->uts = NULL;
}

/* ---- death of a process ---- */

/* The zombie's last trace goes. */
void process_reap(struct process *p)
{
	struct process *parent = p->parent;
	struct rusage_acct *to = &parent->children_acct;

	rusage_add(to, &p->self);
	rusage_add(to, &p->children_acct);
	list_del(&p->sibling);
	pid_remove_process(p);
	process_drop_leader(p);
	process_put(p);		/* the table's reference */
}

static struct process *find_reaper(struct process *p)
{
	struct process *r;

	for (r = p->parent; r && r != r->parent; r = r->parent)
		if ((r->flags & (PROC_SUBREAPER | PROC_ZOMBIE)) == PROC_SUBREAPER)
			return r;
	return init_process;
}

static void reparent_children(struct process *p)
{
	struct process *reaper = find_reaper(p), *c, *next;

	list_for_each_entry_safe(c, next, &p->children, sibling) {
		list_del(&c->sibling);
		c->parent = reaper;
		list_add_tail(&c->sibling, &reaper->children);
		c->exit_signal = SIGCHLD;
		if (!(c->flags & PROC_ZOMBIE) && c->leader->pdeath_signal)
			signal_process(c, c->leader->pdeath_signal);
		if ((c->flags & PROC_ZOMBIE) && notify_parent_exit(c))
			process_reap(c);
	}
}

static bool group_has_stopped(pid_t pgid)
{
	struct process *p;

	list_for_each_entry(p, &process_list, all_link)
		if (p->pgid == pgid && (p->flags & PROC_STOPPED))
			return true;
	return false;
}

/* p left (or leaves) the family: a group may have become orphaned. */
static void check_orphaned(struct process *p)
{
	struct process *c;

	if (pgrp_is_orphaned(p->pgid) && group_has_stopped(p->pgid)) {
		signal_pgrp(p->pgid, SIGHUP);
		signal_pgrp(p->pgid, SIGCONT);
	}
	list_for_each_entry(c, &p->children, sibling) {
		if (c->pgid == p->pgid || c->sid != p->sid || !group_has_stopped(c->pgid))
			continue;
		if (pgrp_is_orphaned(c->pgid)) {
			signal_pgrp(c->pgid, SIGHUP);
			signal_pgrp(c->pgid, SIGCONT);
		}
	}
}

static void process_end(struct process *p)
{
	struct file *exe = p->exe;

	posix_timers_delete_all(p);
	timer_cancel(&p->itimer_real);
	tty_session_leader_exit(p);
	p->exe = NULL;
	if (exe) {
		file_allow_write(exe);
		file_put(exe);
	}
	p->flags |= PROC_ZOMBIE;
	p->flags &= ~(PROC_STOPPED | PROC_STOP_REPORT | PROC_CONT_REPORT);
	sigpending_flush(&p->pending, U64_MAX);
	/* Before the children move away: their groups may lose us as the link. */
	check_orphaned(p);
	reparent_children(p);
	boot_process_ended(p);
	wake_up_all(&p->exit_wq);
	if (notify_parent_exit(p))
		process_reap(p);
}

void task_exit(int code)
{
	struct task *t = current;
	struct process *p = t->process;

	t->flags |= TF_EXIT;
	if (!(p->flags & PROC_EXITING))
		t->exit_code = code;
	account_thread(t);
	drop_mm(t);
	drop_parts(t);
	sigpending_flush(&t->pending, U64_MAX);
	if (!p->published)	/* a kernel thread: nobody waits for it */
		sched_exit();
	posix_timers_thread_exit(t);
	signal_count_stop(t);
	list_del(&t->thread_link);
	p->nr_threads--;
	if (p->leader != t)
		pid_remove_task(t);
	if (p->nr_threads == 0) {
		if (!(p->flags & PROC_EXITING))
			p->exit_status = t->exit_code;
		process_end(p);
	} else if (p->flags & PROC_EXEC_GROUP) {
		wake_up_all(&p->exit_wq);
	}
	sched_exit();
}

void task_exit_group(int status)
{
	struct process *p = current->process;

	process_begin_exit(p, status);
	task_exit(p->exit_status);
}

SYSCALL_DEFINE1(exit, int, code)
{
	task_exit((code & 0xff) << 8);
}

SYSCALL_DEFINE1(exit_group, int, code)
{
	task_exit_group((code & 0xff) << 8);
}

/* ---- waiting ---- */

struct wait_query {
	int type;			/* P_* */
	pid_t id;
	u32 options;
	struct process *process;	/* P_PIDFD */
	/* answer */
	pid_t pid;
	uid_t uid;
	int code;			/* CLD_* */
	int status;			/* si_status */
	int wstatus;
	struct rusage_acct usage;
};

static bool eligible(const struct wait_query *q, const struct process *c)
{
	bool clone_child = c->exit_signal != SIGCHLD;

	if (q->type == P_PID && c->pid != q->id)
		return false;
	if (q->type == P_PGID && c->pgid != q->id)
		return false;
	if (q->type == P_PIDFD && c != q->process)
		return false;
	return (q->options & __WALL) || clone_child == !!(q->options & __WCLONE);
}

static void answer(struct wait_query *q, struct process *c, int code, int status, int wstatus)
{
	q->pid = c->pid;
	q->uid = c->leader->cred->uid;
	q->code = code;
	q->status = status;
	q->wstatus = wstatus;
	q->usage = c->self;
	rusage_add(&q->usage, &c->children_acct);
}

/* Does c have something to report? Takes the report unless WNOWAIT. */
static bool try_child(struct wait_query *q, struct process *c)
{
	bool keep = q->options & WNOWAIT;

	if (c->flags & PROC_ZOMBIE) {
		int st = c->exit_status;

		if (!(q->options & WEXITED))
			return false;
		if (st & 0x7f)
			answer(q, c, (st & 0x80) ? CLD_DUMPED : CLD_KILLED, st & 0x7f, st);
		else
			answer(q, c, CLD_EXITED, st >> 8 & 0xff, st);
		if (!keep)
			process_reap(c);
		return true;
	}
	if ((c->flags & PROC_STOP_REPORT) && (q->options & WSTOPPED)) {
		answer(q, c, CLD_STOPPED, c->stop_sig, c->stop_sig << 8 | 0x7f);
		if (!keep)
			c->flags &= ~PROC_STOP_REPORT;
		return true;
	}
	if ((c->flags & PROC_CONT_REPORT) && (q->options & WCONTINUED)) {
		answer(q, c, CLD_CONTINUED, SIGCONT, 0xffff);
		if (!keep)
			c->flags &= ~PROC_CONT_REPORT;
		return true;
	}
	return false;
}

/* 1: answered; 0: nothing yet; -ECHILD: nothing ever. */
static int look(struct wait_query *q)
{
	struct process *c, *next;
	bool any = false;

	list_for_each_entry_safe(c, next, &current->process->children, sibling) {
		if (!eligible(q, c))
			continue;
		any = true;
		if (try_child(q, c))
			return 1;
	}
	return any ? 0 : -ECHILD;
}

static int do_wait(struct wait_query *q)
{
	struct wait_entry e = { 0 };
	int r;

	for (;;) {
		wait_prepare(&current->process->child_wq, &e);
		r = look(q);
		if (r || (q->options & WNOHANG))
			break;
		r = sleep_until(SLEEP_INTERRUPTIBLE, U64_MAX);
		if (r)
			break;
	}
	wait_finish(&e);
	return r;
}

SYSCALL_DEFINE4(wait4, pid_t, pid, uaddr_t, statusp, int, options, uaddr_t, rusagep)
{
	struct wait_query q = { .options = (u32)options | WEXITED };
	int r;

	if (options & ~(int)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == (pid_t)0x80000000)
		return -ESRCH;
	if (pid == -1) {
		q.type = P_ALL;
	} else if (pid > 0) {
		q.type = P_PID;
		q.id = pid;
	} else {
		q.type = P_PGID;
		q.id = pid ? -pid : current->process->pgid;
	}
	r = do_wait(&q);
	if (r <= 0)
		return r;
	if (statusp && put_user_u32(statusp, (u32)q.wstatus))
		return -EFAULT;
	if (rusagep && rusage_copyout(rusagep, &q.usage))
		return -EFAULT;
	return q.pid;
}

static int waitid_target(struct wait_query *q, int type, pid_t id, struct file **f)
{
	q->type = type;
	q->id = id;
	switch (type) {
	case P_ALL:
		return 0;
	case P_PID:
		return id > 0 ? 0 : -EINVAL;
	case P_PGID:
		if (id < 0)
			return -EINVAL;
		if (!id)
			q->id = current->process->pgid;
		return 0;
	case P_PIDFD:
		if (id < 0)
			return -EINVAL;
		*f = fd_get(id);
		if (!*f)
			return -EBADF;
		q->process = pidfd_process(*f);
		if ((*f)->flags & O_NONBLOCK)
			q->options |= WNOHANG;
		return q->process ? 0 : -EBADF;
	default:
		return -EINVAL;
	}
}

SYSCALL_DEFINE5(waitid, int, type, pid_t, id, uaddr_t, infop, int, options, uaddr_t, rusagep)
{
	const u32 known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			  __WCLONE | __WALL;
	struct wait_query q = { .options = (u32)options };
	struct siginfo info;
	struct file *f = NULL;
	int r;

	if (((u32)options & ~known) || !(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	r = waitid_target(&q, type, id, &f);
	if (!r)
		r = do_wait(&q);
	if (!r && f && !(options & WNOHANG))
		r = -EAGAIN;		/* a non-blocking pidfd */
	if (f)
		file_put(f);
	if (r < 0)
		return r;
	memset(&info, 0, sizeof(info));
	if (r > 0) {
		info.signo = SIGCHLD;
		info.code = q.code;
		info.chld.pid = q.pid;
		info.chld.uid = q.uid;
		info.chld.status = q.status;
		if (rusagep && rusage_copyout(rusagep, &q.usage))
			return -EFAULT;
	}
	/* waitid(2) fills these fields only, and leaves the rest alone. */
	if (infop && (copyout(infop, &info, 12) || copyout(infop + 16, &info.chld, 12)))
		return -EFAULT;
	return 0;
}
