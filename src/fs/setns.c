/* SPDX-License-Identifier: MIT */
/*
 * setns(2): entering a namespace through a /proc/PID/ns file or a pidfd.
 *
 * With a pidfd the UTS namespace of that process can be entered; /proc/PID/ns
 * files name a kind but do not pin one, so they are refused.
 */
#include "abi/errno.h"
#include "abi/sched.h"
#include "fs/pidfd.h"
#include "fs/vfs.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uts.h"

static int enter(struct task *target)
{
	struct task *t = current;
	struct uts_ns *old = t->uts;

	if (!target || !target->uts)
		return -ESRCH;
	t->uts = uts_get(target->uts);
	uts_put(old);
	return 0;
}

SYSCALL_DEFINE2(setns, int, fd, u64, flags)
{
	struct file *f = fd_get(fd);
	struct process *p;
	int err = -EINVAL;

	if (!f)
		return -EBADF;
	p = pidfd_process(f);
	if (p && flags == CLONE_NEWUTS)
		err = capable(CAP_SYS_ADMIN) ? enter(p->leader) : -EPERM;
	file_put(f);
	return err;
}
