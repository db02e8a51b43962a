/* SPDX-License-Identifier: MIT */
/*
 * fork, vfork, clone, clone3.
 *
 * kernel_clone builds the whole child unseen, part by part, and makes it
 * visible at the end in one step; before that, failure undoes what was made.
 * Namespaces: UTS and mount can be new; others are refused with EINVAL, as a
 * Linux without them refuses (clone(2)).
 */
#include "abi/errno.h"
#include "abi/sched.h"
#include "fs/mount.h"
#include "fs/pidfd.h"
#include "fs/tty.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uts.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define CLONE_NS_UNSUPPORTED (CLONE_NEWTIME | CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWUSER | \
			      CLONE_NEWPID | CLONE_NEWNET)

static int check_flags(u64 f)
{
	if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS))
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_PARENT) && (current->process->flags & PROC_INIT))
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & (CLONE_DETACHED | CLONE_THREAD)))
		return -EINVAL;
	if (f & (CLONE_NS_UNSUPPORTED | CLONE_INTO_CGROUP))
		return -EINVAL;
	if ((f & (CLONE_NEWNS | CLONE_NEWUTS)) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
}

static int check_nproc(void)
{
	const struct cred *c = current->cred;
	struct process *p;
	u64 count = 0;

	if (nr_tasks >= max_tasks)
		return -EAGAIN;
	if (rlimit(RLIMIT_NPROC) == RLIM_INFINITY || c->uid == 0 || capable(CAP_SYS_RESOURCE) ||
	    capable(CAP_SYS_ADMIN))
		return 0;
	list_for_each_entry(p, &process_list, all_link)
		if (p->leader->cred && p->leader->cred->uid == c->uid)
			count += max(p->nr_threads, 1u);
	return count >= rlimit(RLIMIT_NPROC) ? -EAGAIN : 0;
}

static int clone_mm(struct task *t, u64 flags)
{
	struct mm *mm = current->mm;

	if (!mm)
		return 0;
	if (flags & CLONE_VM) {
		t->mm = mm_get(mm);
		return 0;
	}
	mm = mm_fork(mm);
	if (IS_ERR(mm))
		return (int)PTR_ERR(mm);
	t->mm = mm;
	return 0;
}

static int clone_files(struct task *t, u64 flags)
{
	struct files *f;

	if (flags & CLONE_FILES) {
		t->files = files_get(current->files);
		return 0;
	}
	f = files_dup(current->files);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	t->files = f;
	return 0;
}

static int clone_fs(struct task *t, u64 flags)
{
	if (flags & CLONE_FS) {
		t->fs = fs_context_get(current->fs);
		return 0;
	}
	t->fs = fs_context_dup(current->fs);
	if (!t->fs)
		return -ENOMEM;
	return (flags & CLONE_NEWNS) ? fs_context_unshare_ns(t->fs) : 0;
}

static int clone_sighand(struct task *t, u64 flags)
{
	if (flags & CLONE_SIGHAND) {
		t->sighand = current->sighand;
		t->sighand->refcount++;
		return 0;
	}
	t->sighand = sighand_dup(current->sighand);
	if (!t->sighand)
		return -ENOMEM;
	if (flags & CLONE_CLEAR_SIGHAND) {
		for (u32 i = 0; i < NSIG; i++)
			if (t->sighand->action[i].handler != SIG_IGN)
				t->sighand->action[i] = (struct ksigaction){ 0 };
	}
	return 0;
}

static int clone_uts(struct task *t, u64 flags)
{
	t->uts = (flags & CLONE_NEWUTS) ? uts_dup(current->uts) : uts_get(current->uts);
	return t->uts ? 0 : -ENOMEM;
}

static int clone_process(struct task *t, u64 flags, int exit_signal)
{
	struct process *me = current->process, *p;

	if (flags & CLONE_THREAD) {
		t->process = process_get(me);
		return 0;
	}
	p = process_alloc();
	if (!p)
		return -ENOMEM;
	t->process = p;		/* the task holds the first reference */
	p->refcount++;		/* the table (until reaped) holds another */
	p->leader = task_get(t);
	p->pid = t->tid;
	p->pgid = me->pgid;
	p->sid = me->sid;
	p->exit_signal = (flags & CLONE_PARENT) ? me->exit_signal : exit_signal;
	memcpy(p->rlim, me->rlim, sizeof(p->rlim));
	tty_process_inherit(p, me);
	if (me->exe) {
		p->exe = file_get(me->exe);
		p->exe->inode->deny_write++;
	}
	p->oom_score_adj = me->oom_score_adj;
	p->loginuid = me->loginuid;
	p->loginuid_set = me->loginuid_set;
	p->flags |= me->flags & PROC_DUMPABLE;
	return 0;
}

static void clone_state(struct task *t, const struct clone_args *a)
{
	struct task *me = current;

	*t->tf = *me->tf;
	t->tf->rax = 0;
	t->tf->orig_rax = (u64)-1;
	if (a->stack)
		t->tf->rsp = a->stack + a->stack_size;
	if (a->flags & CLONE_SETTLS)
		t->tf->fsbase = a->tls;
	hal_fp_sync(&me->hal);
	memcpy(t->hal.fp, me->hal.fp, hal_info()->fp_size);
	hal_fp_dirty(&t->hal);
	t->flags = me->flags & (TF_NO_NEW_PRIVS | TF_TRACE | TF_FAIL_NTH);
	t->sigmask = me->sigmask;
	if (!(a->flags & CLONE_VM) || (a->flags & CLONE_VFORK))
		t->altstack = me->altstack;
	t->nice = me->nice;
	t->policy = me->policy & ~SCHED_RESET_ON_FORK;
	t->rt_priority = me->rt_priority;
	if (me->policy & SCHED_RESET_ON_FORK) {
		t->policy = SCHED_OTHER;
		t->rt_priority = 0;
		t->nice = max(t->nice, 0);
	}
	t->vruntime = me->vruntime;
	t->cpus_allowed = me->cpus_allowed;
	t->personality = me->personality;
	t->timer_slack_ns = me->timer_slack_ns;
	memcpy(t->comm, me->comm, sizeof(t->comm));
	if (a->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = a->child_tid;
	if (!(a->flags & CLONE_VM)) {	/* rseq is kept by fork, dropped by threads */
		t->rseq = me->rseq;
		t->rseq_len = me->rseq_len;
		t->rseq_sig = me->rseq_sig;
	}
}

static void undo(struct task *t)
{
	struct process *p = t->process;

	if (t->mm)
		mm_put(t->mm);
	if (t->files)
		files_put(t->files);
	if (t->fs)
		fs_context_put(t->fs);
	if (t->uts)
		uts_put(t->uts);
	if (p && p->leader == t) {
		struct file *exe = p->exe;

		tty_process_detach(p);
		p->leader = NULL;
		p->exe = NULL;
		t->refcount--;
		p->refcount--;
		if (exe) {
			file_allow_write(exe);
			file_put(exe);
		}
	}
	task_free_unstarted(t);
}

static int build(struct task *t, const struct clone_args *a)
{
	int err;

	t->cred = cred_get(current->cred);
	err = clone_process(t, a->flags, (int)a->exit_signal);
	if (!err)
		err = clone_sighand(t, a->flags);
	if (!err)
		err = clone_uts(t, a->flags);
	if (!err)
		err = clone_fs(t, a->flags);
	if (!err)
		err = clone_files(t, a->flags);
	if (!err)
		err = clone_mm(t, a->flags);
	return err;
}

static void make_visible(struct task *t, const struct clone_args *a)
{
	struct process *p = t->process, *me = current->process;

	list_add_tail(&t->thread_link, &p->threads);
	p->nr_threads++;
	if (p->leader == t) {
		tty_process_inherit(p, me);
		p->parent = (a->flags & CLONE_PARENT) ? me->parent : me;
		list_add_tail(&p->sibling, &p->parent->children);
	}
	signal_recalc(t);
}

static int open_pidfd(struct task *t, const struct clone_args *a, int *fd)
{
	struct file *f;

	*fd = -1;
	if (!(a->flags & CLONE_PIDFD))
		return 0;
	f = pidfd_create(t->process, 0);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	*fd = fd_reserve(0, true);
	if (*fd < 0) {
		file_put(f);
		return *fd;
	}
	if (put_user_u32(a->pidfd, (u32)*fd)) {
		fd_unreserve(*fd);
		file_put(f);
		return -EFAULT;
	}
	fd_install(*fd, f);
	return 0;
}

static void wait_vfork(struct task *t, struct waitqueue *wq, bool *done)
{
	/* The child uses our stack: only its exec or exit, or our death, ends this. */
	if (wait_event_killable(wq, *done)) {
		t->vfork_wq = NULL;
		t->vfork_done = NULL;
	}
	task_put(t);
}

static s64 do_clone(const struct clone_args *a, void (*fn)(void *))
{
	struct waitqueue vfork_wq;
	bool vfork_done = false;
	struct task *t;
	pid_t tid;
	int err = check_flags(a->flags), fd;

	if (!err)
		err = check_nproc();
	if (err)
		return err;
	t = task_alloc();
	if (!t)
		return -ENOMEM;
	tid = pid_alloc();
	err = tid < 0 ? tid : 0;
	t->tid = tid;
	if (!err)
		err = build(t, a);
	if (!err) {
		clone_state(t, a);
		err = open_pidfd(t, a, &fd);
	}
	if (!err) {
		err = pid_publish(t);
		if (err && fd >= 0)
			fd_close(fd);
	}
	if (err) {
		undo(t);
		return err;
	}
	if (fn) {
		t->flags |= TF_KTHREAD;
		t->kthread_fn = fn;
	}
	make_visible(t, a);
	if ((a->flags & CLONE_PARENT_SETTID) && put_user_u32(a->parent_tid, (u32)tid))
		barrier();	/* Linux ignores the fault, too */
	if ((a->flags & CLONE_CHILD_SETTID) && t->mm) {
		u32 v = (u32)tid;

		if (mm_access(t->mm, a->child_tid, &v, 4, true, false) != 4)
			barrier();
	}
	if (a->flags & CLONE_VFORK) {
		waitqueue_init(&vfork_wq);
		t->vfork_wq = &vfork_wq;
		t->vfork_done = &vfork_done;
		task_get(t);
	}
	if (a->flags & CLONE_VM)
		sched_wake(t);
	else
		sched_wake_first(t);
	if (a->flags & CLONE_VFORK)
		wait_vfork(t, &vfork_wq, &vfork_done);
	return tid;
}

s64 kernel_clone(const struct clone_args *a)
{
	return do_clone(a, NULL);
}

s64 kernel_clone_thread(const struct clone_args *a, void (*fn)(void *))
{
	return do_clone(a, fn);
}

SYSCALL_DEFINE5(clone, u64, flags, uaddr_t, stack, uaddr_t, parent_tid, uaddr_t, child_tid, u64, tls)
{
	struct clone_args a = {
		.flags = (u32)flags & ~CSIGNAL, .exit_signal = flags & CSIGNAL, .stack = stack,
		.parent_tid = parent_tid, .child_tid = child_tid, .tls = tls,
		.pidfd = parent_tid,
	};

	if ((a.flags & CLONE_PIDFD) && (a.flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	if (a.flags & CLONE_NEWTIME)	/* a bit of CSIGNAL here */
		a.flags &= ~CLONE_NEWTIME;
	return kernel_clone(&a);
}

SYSCALL_DEFINE0(fork)
{
	struct clone_args a = { .exit_signal = SIGCHLD };

	return kernel_clone(&a);
}

SYSCALL_DEFINE0(vfork)
{
	struct clone_args a = { .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD };

	return kernel_clone(&a);
}

SYSCALL_DEFINE2(clone3, uaddr_t, uargs, u64, size)
{
	struct clone_args a = { 0 };
	u8 extra;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < 64)
		return -EINVAL;
	if (copyin(&a, uargs, min(size, sizeof(a))))
		return -EFAULT;
	for (u64 i = sizeof(a); i < size; i++) {
		if (get_user_u8(&extra, uargs + i))
			return -EFAULT;
		if (extra)
			return -E2BIG;
	}
	if (a.flags & ~((CLONE_INTO_CGROUP << 1) - 1) || (a.flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))))
		return -EINVAL;
	if (a.exit_signal & ~CSIGNAL || a.exit_signal > NSIG)
		return -EINVAL;
	if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal)
		return -EINVAL;
	if (a.set_tid_size || a.set_tid)
		return a.set_tid_size > 32 || !a.set_tid || !a.set_tid_size ? -EINVAL : -EPERM;
	if (!a.stack != !a.stack_size)
		return -EINVAL;
	if (a.stack && !access_ok(a.stack, a.stack_size))
		return -EINVAL;
	return kernel_clone(&a);
}

SYSCALL_DEFINE1(unshare, u64, flags)
{
	const u64 known = CLONE_THREAD | CLONE_FS | CLONE_NEWNS | CLONE_SIGHAND | CLONE_VM |
			  CLONE_FILES | CLONE_SYSVSEM | CLONE_NEWUTS | CLONE_NS_UNSUPPORTED;
	struct task *t = current;

	if (flags & ~known)
		return -EINVAL;
	if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM))
		return t->process->nr_threads > 1 ? -EINVAL : 0;
	if (flags & CLONE_NS_UNSUPPORTED)
		return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	if ((flags & (CLONE_NEWNS | CLONE_NEWUTS)) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & CLONE_NEWUTS) {
		struct uts_ns *u = uts_dup(t->uts);

		if (!u)
			return -ENOMEM;
		uts_put(t->uts);
		t->uts = u;
	}
	if (flags & (CLONE_FS | CLONE_NEWNS)) {
		struct fs_context *fs = fs_context_dup(t->fs);
		int err = fs ? 0 : -ENOMEM;

		if (!err && (flags & CLONE_NEWNS))
			err = fs_context_unshare_ns(fs);
		if (err) {
			if (fs)
				fs_context_put(fs);
			return err;
		}
		fs_context_put(t->fs);
		t->fs = fs;
	}
	if (flags & CLONE_FILES) {
		struct files *f = files_dup(t->files);

		if (IS_ERR(f))
			return PTR_ERR(f);
		files_put(t->files);
		t->files = f;
	}
	return 0;
}
