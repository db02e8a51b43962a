/* SPDX-License-Identifier: MIT */
/*
 * pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2): processes as files.
 *
 * The file holds a reference to the process, so its number never means
 * another one. It becomes readable when the process is a zombie and stays so
 * after it was reaped.
 *
 * Not supported: PIDFD_THREAD (threads as files), the ioctls for namespaces.
 */
#include "fs/pidfd.h"

#include "abi/anonfd.h"
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "kernel/capability.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/uaccess.h"

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = f->priv;

	poll_wait(pt, f, &p->exit_wq);
	if (!process_is_reaped(p))
		return p->flags & PROC_ZOMBIE ? POLLIN | POLLRDNORM : 0;
	return POLLIN | POLLRDNORM | POLLHUP;
}

static void pidfd_release(struct file *f)
{
	process_put(f->priv);
}

static void pidfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct process *p = f->priv;
	int pid = process_is_reaped(p) ? -1 : p->pid;

	snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.show_fdinfo = pidfd_show_fdinfo,
};

struct file *pidfd_create(struct process *p, u32 flags)
{
	struct file *f = file_anon("[pidfd]", &pidfd_ops, p, O_RDWR | (flags & O_NONBLOCK));

	if (!IS_ERR(f))
		process_get(p);
	return f;
}

struct process *pidfd_process(struct file *f)
{
	return f->ops == &pidfd_ops ? f->priv : NULL;
}

/* The process that fd stands for, with a reference, or ERR_PTR. */
static struct process *pidfd_get(int fd, bool proc_dir)
{
	struct file *f = fd_get_path_ok(fd);
	struct process *p;

	if (!f)
		return ERR_PTR(-EBADF);
	p = pidfd_process(f);
	if (!p && proc_dir)
		p = procfs_file_process(f);
	if (p)
		process_get(p);
	file_put(f);
	return p ? p : ERR_PTR(-EBADF);
}

SYSCALL_DEFINE2(pidfd_open, pid_t, pid, u32, flags)
{
	struct process *p;
	struct file *f;

	if (flags & ~(u32)PIDFD_NONBLOCK)
		return -EINVAL;
	if (pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p)	/* a thread that is no leader: Linux says ENOENT since 6.15 */
		return task_find(pid) ? -ENOENT : -ESRCH;
	f = pidfd_create(p, flags);
	if (IS_ERR(f))
		return PTR_ERR(f);
	return fd_install_new(f, true);
}

/* kill(2)'s rule for sending sig to p. */
static bool may_signal(const struct process *p, int sig)
{
	const struct cred *me = current->cred;
	const struct cred *him;

	if (!p->leader || p == current->process || capable(CAP_KILL))
		return true;
	him = p->leader->cred;
	if (me->euid == him->suid || me->euid == him->uid || me->uid == him->suid ||
	    me->uid == him->uid)
		return true;
	return sig == SIGCONT && p->sid == current->process->sid;
}

/* The siginfo to send: the caller's, or that of kill(2). */
static int pidfd_siginfo(struct siginfo *info, const struct process *p, int sig, uaddr_t uinfo)
{
	memset(info, 0, sizeof(*info));
	if (!uinfo) {
		info->signo = sig;
		info->code = SI_USER;
		info->rt.pid = current->process->pid;
		info->rt.uid = current->cred->uid;
		return 0;
	}
	if (copyin(info, uinfo, sizeof(*info)))
		return -EFAULT;
	if (info->signo != sig)
		return -EINVAL;
	if ((info->code >= 0 || info->code == SI_TKILL) && p != current->process)
		return -EPERM;
	return 0;
}

SYSCALL_DEFINE4(pidfd_send_signal, int, fd, int, sig, uaddr_t, uinfo, u32, flags)
{
	struct siginfo info;
	struct process *p;
	s64 err;

	if (flags & ~(u32)(PIDFD_SIGNAL_THREAD | PIDFD_SIGNAL_THREAD_GROUP |
			   PIDFD_SIGNAL_PROCESS_GROUP))
		return -EINVAL;
	if (flags & (flags - 1))
		return -EINVAL;
	p = pidfd_get(fd, true);
	if (IS_ERR(p))
		return PTR_ERR(p);
	err = pidfd_siginfo(&info, p, sig, uinfo);
	if (err)
		goto out;
	err = -ESRCH;
	if (process_is_reaped(p))
		goto out;
	err = -EINVAL;
	if (sig < 0 || sig > NSIG)
		goto out;
	err = -EPERM;
	if (!may_signal(p, sig))
		goto out;
	err = 0;
	if (!sig)
		goto out;
	if (flags & PIDFD_SIGNAL_PROCESS_GROUP)
		err = signal_pgrp(p->pid, sig);
	else if ((flags & PIDFD_SIGNAL_THREAD) && p->leader)
		err = signal_task_info(p->leader, &info);
	else
		err = signal_process_info(p, &info);
out:
	process_put(p);
	return err;
}

SYSCALL_DEFINE3(pidfd_getfd, int, pidfd, int, fd, u32, flags)
{
	struct process *p;
	struct files *files;
	struct file *f;
	s64 res;

	if (flags)
		return -EINVAL;
	p = pidfd_get(pidfd, false);
	if (IS_ERR(p))
		return PTR_ERR(p);
	res = -ESRCH;
	if (!p->leader || !p->leader->files)
		goto put_process;
	res = -EPERM;
	if (!process_may_inspect(p))
		goto put_process;
	files = files_get(p->leader->files);
	f = files_lookup(files, (u32)fd);
	files_put(files);
	res = f ? fd_install_new(f, true) : -EBADF;
put_process:
	process_put(p);
	return res;
}
