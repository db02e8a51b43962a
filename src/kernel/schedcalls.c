/* SPDX-License-Identifier: MIT */
/* Priorities, policies, affinity: sched(7), getpriority(2). */
#include "abi/errno.h"
#include "abi/sched.h"
#include "kernel/capability.h"
#include "kernel/clock.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/uaccess.h"

SYSCALL_DEFINE0(sched_yield)
{
	sched_yield_to_others();
	return 0;
}

static struct task *task_or_self(pid_t pid)
{
	return pid ? task_find(pid) : current;
}

static bool may_change(const struct task *t)
{
	uid_t e = current->cred->euid;

	return e == t->cred->uid || e == t->cred->euid || capable(CAP_SYS_NICE);
}

/* ---- nice ---- */

static int set_nice(struct task *t, int nice)
{
	if (!may_change(t))
		return -EPERM;
	nice = max(-20, min(19, nice));
	if (nice < t->nice && !capable(CAP_SYS_NICE) &&
	    20 - nice > (s64)min(t->process->rlim[RLIMIT_NICE].cur, 40ul))
		return -EACCES;
	t->nice = nice;
	sched_requeue(t);
	return 0;
}

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

static bool prio_match(int which, u32 who, const struct process *p)
{
	switch (which) {
	case PRIO_PROCESS: return p->pid == (pid_t)(who ? who : (u32)current->process->pid);
	case PRIO_PGRP: return p->pgid == (pid_t)(who ? who : (u32)current->process->pgid);
	default: return p->leader->cred->uid == (who ? who : current->cred->uid);
	}
}

SYSCALL_DEFINE3(setpriority, int, which, u32, who, int, nice)
{
	struct process *p;
	struct task *t;
	int err = -ESRCH, e;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which == PRIO_PROCESS) {
		t = task_or_self((pid_t)who);
		return t ? set_nice(t, nice) : -ESRCH;
	}
	list_for_each_entry(p, &process_list, all_link) {
		if ((p->flags & PROC_ZOMBIE) || !prio_match(which, who, p))
			continue;
		list_for_each_entry(t, &p->threads, thread_link) {
			e = set_nice(t, nice);
			if (err == -ESRCH || e)
				err = e;
		}
	}
	return err;
}

SYSCALL_DEFINE2(getpriority, int, which, u32, who)
{
	struct process *p;
	struct task *t;
	int best = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which == PRIO_PROCESS) {
		t = task_or_self((pid_t)who);
		return t ? 20 - t->nice : -ESRCH;
	}
	list_for_each_entry(p, &process_list, all_link)
		if (!(p->flags & PROC_ZOMBIE) && prio_match(which, who, p))
			best = max(best, 20 - p->leader->nice);
	return best;
}

/* ---- policies ---- */

static bool policy_valid(u32 policy)
{
	return policy <= SCHED_BATCH || policy == SCHED_IDLE;
}

static bool policy_rt(u32 policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int set_policy(struct task *t, u32 policy, int prio, const int *nice)
{
	u32 base = policy & ~(u32)SCHED_RESET_ON_FORK;

	if (!policy_valid(base))
		return -EINVAL;
	if (policy_rt(base) ? prio < 1 || prio > 99 : prio != 0)
		return -EINVAL;
	if (!may_change(t))
		return -EPERM;
	if (policy_rt(base) && !capable(CAP_SYS_NICE) &&
	    (u64)prio > t->process->rlim[RLIMIT_RTPRIO].cur)
		return -EPERM;
	if (nice && *nice < t->nice && !capable(CAP_SYS_NICE) &&
	    20 - *nice > (s64)min(t->process->rlim[RLIMIT_NICE].cur, 40ul))
		return -EPERM;
	t->policy = (int)policy;
	t->rt_priority = prio;
	if (nice && !policy_rt(base))
		t->nice = max(-20, min(19, *nice));
	sched_requeue(t);
	return 0;
}

SYSCALL_DEFINE3(sched_setscheduler, pid_t, pid, int, policy, uaddr_t, paramp)
{
	struct sched_param param;
	struct task *t;

	if (pid < 0 || policy < 0 || !paramp)
		return -EINVAL;
	if (copyin(&param, paramp, sizeof(param)))
		return -EFAULT;
	t = task_or_self(pid);
	return t ? set_policy(t, (u32)policy, param.priority, NULL) : -ESRCH;
}

SYSCALL_DEFINE2(sched_setparam, pid_t, pid, uaddr_t, paramp)
{
	struct sched_param param;
	struct task *t;

	if (pid < 0 || !paramp)
		return -EINVAL;
	if (copyin(&param, paramp, sizeof(param)))
		return -EFAULT;
	t = task_or_self(pid);
	return t ? set_policy(t, (u32)t->policy, param.priority, NULL) : -ESRCH;
}

SYSCALL_DEFINE1(sched_getscheduler, pid_t, pid)
{
	struct task *t = task_or_self(pid);

	if (pid < 0)
		return -EINVAL;
	return t ? t->policy : -ESRCH;
}

SYSCALL_DEFINE2(sched_getparam, pid_t, pid, uaddr_t, paramp)
{
	struct task *t = task_or_self(pid);
	struct sched_param param;

	if (pid < 0 || !paramp)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	param.priority = t->rt_priority;
	return copyout(paramp, &param, sizeof(param));
}

SYSCALL_DEFINE3(sched_setattr, pid_t, pid, uaddr_t, attrp, u32, flags)
{
	struct sched_attr a = { 0 };
	struct task *t;
	u32 size;
	int nice;

	if (pid < 0 || !attrp || flags)
		return -EINVAL;
	if (get_user_u32(&size, attrp))
		return -EFAULT;
	if (!size)
		size = 48;
	if (size < 48 || size > 4096)
		return put_user_u32(attrp, sizeof(a)) ? -EFAULT : -E2BIG;
	if (copyin(&a, attrp, min(size, (u32)sizeof(a))))
		return -EFAULT;
	t = task_or_self(pid);
	if (!t)
		return -ESRCH;
	nice = a.nice;
	return set_policy(t, a.policy | ((a.flags & 1) ? SCHED_RESET_ON_FORK : 0), (int)a.priority,
			  &nice);
}

SYSCALL_DEFINE4(sched_getattr, pid_t, pid, uaddr_t, attrp, u32, size, u32, flags)
{
	struct task *t = task_or_self(pid);
	struct sched_attr a = { 0 };

	if (pid < 0 || !attrp || size < 48 || size > 4096 || flags)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	a.size = min(size, (u32)sizeof(a));
	a.policy = (u32)t->policy & ~(u32)SCHED_RESET_ON_FORK;
	a.flags = (t->policy & SCHED_RESET_ON_FORK) ? 1 : 0;
	a.nice = policy_rt(a.policy) ? 0 : t->nice;
	a.priority = (u32)t->rt_priority;
	return copyout(attrp, &a, a.size);
}

SYSCALL_DEFINE1(sched_get_priority_max, int, policy)
{
	if (policy_rt((u32)policy))
		return 99;
	return policy_valid((u32)policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

SYSCALL_DEFINE1(sched_get_priority_min, int, policy)
{
	if (policy_rt((u32)policy))
		return 1;
	return policy_valid((u32)policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

SYSCALL_DEFINE2(sched_rr_get_interval, pid_t, pid, uaddr_t, tsp)
{
	struct task *t = task_or_self(pid);
	struct timespec64 ts = { 0, 0 };

	if (pid < 0)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	if (t->policy != SCHED_FIFO)
		ts.nsec = 4000000;
	return copyout(tsp, &ts, sizeof(ts));
}

/* ---- affinity ---- */

static u64 online_mask(void)
{
	return nr_cpus_online >= 64 ? U64_MAX : BIT(nr_cpus_online) - 1;
}

SYSCALL_DEFINE3(sched_setaffinity, pid_t, pid, u32, size, uaddr_t, maskp)
{
	struct task *t = task_or_self(pid);
	u64 mask = 0;

	if (copyin(&mask, maskp, min(size, 8u)))
		return -EFAULT;
	if (!t)
		return -ESRCH;
	if (!may_change(t))
		return -EPERM;
	if (!(mask & online_mask()))
		return -EINVAL;
	t->cpus_allowed = mask & online_mask();
	if (t == current && !(t->cpus_allowed & BIT(this_cpu()->nr)))
		this_cpu()->need_resched = true;
	return 0;
}

SYSCALL_DEFINE3(sched_getaffinity, pid_t, pid, u32, size, uaddr_t, maskp)
{
	struct task *t = task_or_self(pid);
	u64 mask;

	if (size < 8 || (size & 7))
		return -EINVAL;
	if (!t)
		return -ESRCH;
	mask = t->cpus_allowed & online_mask();
	return copyout(maskp, &mask, 8) ? -EFAULT : 8;
}

/* ---- I/O priorities: kept for the asking, there is no elevator ---- */

SYSCALL_DEFINE3(ioprio_set, int, which, int, who, int, prio)
{
	int class = prio >> 13;

	if (which < 1 || which > 3 || class < 0 || class > 3)
		return -EINVAL;
	if (class == 1 && !capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (which == 1 && who && !task_find(who))
		return -ESRCH;
	if (which == 1)
		task_or_self(who)->ioprio = prio;
	return 0;
}

SYSCALL_DEFINE2(ioprio_get, int, which, int, who)
{
	struct task *t = task_or_self(who);

	if (which < 1 || which > 3)
		return -EINVAL;
	return t ? t->ioprio : -ESRCH;
}
