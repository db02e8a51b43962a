/* SPDX-License-Identifier: MIT */
/* Ids, process groups, sessions, limits, usage, names of the system. */
#include "abi/errno.h"
#include "fs/tty.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/clock.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uts.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

SYSCALL_DEFINE0(getpid) { return current->process->pid; }
SYSCALL_DEFINE0(gettid) { return current->tid; }

SYSCALL_DEFINE0(getppid)
{
	return current->process->parent->pid;
}

/* ---- groups and sessions ---- */

static struct process *process_or_self(pid_t pid)
{
	return pid ? process_find(pid) : current->process;
}

SYSCALL_DEFINE2(setpgid, pid_t, pid, pid_t, pgid)
{
	struct process *me = current->process, *p = process_or_self(pid), *q;
	bool found = false;

	if (pgid < 0 || (!pgid && pid < 0))
		return -EINVAL;
	if (!p || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me) {
		if (p->sid != me->sid)
			return -EPERM;
		if (p->flags & PROC_EXECED)
			return -EACCES;
	}
	if (p->sid == p->pid)
		return -EPERM;
	if (!pgid)
		pgid = p->pid;
	if (pgid != p->pid) {
		list_for_each_entry(q, &process_list, all_link)
			if (q->pgid == pgid && q->sid == me->sid)
				found = true;
		if (!found)
			return -EPERM;
	}
	p->pgid = pgid;
	return 0;
}

SYSCALL_DEFINE1(getpgid, pid_t, pid)
{
	struct process *p = process_or_self(pid);

	return p ? p->pgid : -ESRCH;
}

SYSCALL_DEFINE0(getpgrp)
{
	return current->process->pgid;
}

SYSCALL_DEFINE1(getsid, pid_t, pid)
{
	struct process *p = process_or_self(pid);

	return p ? p->sid : -ESRCH;
}

SYSCALL_DEFINE0(setsid)
{
	struct process *p = current->process;

	if (p->pgid == p->pid || pgrp_exists(p->pid))
		return -EPERM;
	p->sid = p->pgid = p->pid;
	tty_process_detach(p);
	return p->pid;
}

/* ---- limits ---- */

static const struct rlimit64 *limits_of(struct process *p)
{
	return p->rlim;
}

static int may_limit(struct process *p)
{
	const struct cred *a = current->cred, *b = p->leader->cred;

	if (p == current->process || capable(CAP_SYS_RESOURCE))
		return 0;
	return a->uid == b->uid && a->uid == b->euid && a->gid == b->gid ? 0 : -EPERM;
}

static int set_limit(struct process *p, u32 which, const struct rlimit64 *new)
{
	struct rlimit64 *r = &p->rlim[which];

	if (new->cur > new->max)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && new->max > 1048576)
		return -EPERM;		/* fs.nr_open */
	if (new->max > r->max && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	*r = *new;
	return 0;
}

SYSCALL_DEFINE4(prlimit64, pid_t, pid, u32, which, uaddr_t, newp, uaddr_t, oldp)
{
	struct process *p = process_or_self(pid);
	struct rlimit64 new, old;
	int err;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	if (newp && copyin(&new, newp, sizeof(new)))
		return -EFAULT;
	if (!p)
		return -ESRCH;
	err = may_limit(p);
	if (err)
		return err;
	old = limits_of(p)[which];
	if (newp) {
		err = set_limit(p, which, &new);
		if (err)
			return err;
	}
	return oldp ? copyout(oldp, &old, sizeof(old)) : 0;
}

SYSCALL_DEFINE2(getrlimit, u32, which, uaddr_t, p)
{
	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	return copyout(p, &current->process->rlim[which], sizeof(struct rlimit64));
}

SYSCALL_DEFINE2(setrlimit, u32, which, uaddr_t, p)
{
	struct rlimit64 new;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	if (copyin(&new, p, sizeof(new)))
		return -EFAULT;
	return set_limit(current->process, which, &new);
}

/* ---- usage ---- */

void rusage_add(struct rusage_acct *to, const struct rusage_acct *from)
{
	to->utime_ns += from->utime_ns;
	to->stime_ns += from->stime_ns;
	to->minflt += from->minflt;
	to->majflt += from->majflt;
	to->nvcsw += from->nvcsw;
	to->nivcsw += from->nivcsw;
	to->inblock += from->inblock;
	to->oublock += from->oublock;
	to->maxrss_pages = max(to->maxrss_pages, from->maxrss_pages);
}

static void add_thread(struct rusage_acct *a, const struct task *t)
{
	a->utime_ns += t->utime_ns;
	a->stime_ns += t->stime_ns;
	if (t == current)	/* an untimed call is its user time, see kernel/trap.c */
		*(t->timed ? &a->stime_ns : &a->utime_ns) += hal_clock_ns() - t->mode_since_ns;
	a->minflt += t->minflt;
	a->majflt += t->majflt;
	a->nvcsw += t->nvcsw;
	a->nivcsw += t->nivcsw;
	a->inblock += t->io.inblock;
	a->oublock += t->io.oublock;
	if (t->mm)
		a->maxrss_pages = max(a->maxrss_pages, t->mm->hiwater_rss);
}

void rusage_of_process(struct process *p, struct rusage_acct *a)
{
	struct task *t;

	*a = p->self;
	list_for_each_entry(t, &p->threads, thread_link)
		add_thread(a, t);
	/* Neither goes back, as on Linux, though a sample may make the system's what counted
	 * as the user's, and only the current thread's latest time is in it. */
	p->shown_utime_ns = a->utime_ns = max(a->utime_ns, p->shown_utime_ns);
	p->shown_stime_ns = a->stime_ns = max(a->stime_ns, p->shown_stime_ns);
}

void process_times(struct process *p, u64 *utime_ns, u64 *stime_ns)
{
	struct rusage_acct a;

	rusage_of_process(p, &a);
	*utime_ns = a.utime_ns;
	*stime_ns = a.stime_ns;
}

int rusage_copyout(uaddr_t p, const struct rusage_acct *a)
{
	struct rusage64 r = {
		.utime_sec = (s64)(a->utime_ns / NSEC_PER_SEC),
		.utime_usec = (s64)(a->utime_ns % NSEC_PER_SEC / 1000),
		.stime_sec = (s64)(a->stime_ns / NSEC_PER_SEC),
		.stime_usec = (s64)(a->stime_ns % NSEC_PER_SEC / 1000),
		.maxrss = (s64)a->maxrss_pages * 4, .minflt = (s64)a->minflt,
		.majflt = (s64)a->majflt, .inblock = (s64)a->inblock, .oublock = (s64)a->oublock,
		.nvcsw = (s64)a->nvcsw, .nivcsw = (s64)a->nivcsw,
	};

	return copyout(p, &r, sizeof(r));
}

SYSCALL_DEFINE2(getrusage, int, who, uaddr_t, p)
{
	struct rusage_acct a = { 0 };

	if (who == 0)
		rusage_of_process(current->process, &a);
	else if (who == -1)
		a = current->process->children_acct;
	else if (who == 1)
		add_thread(&a, current);
	else
		return -EINVAL;
	return rusage_copyout(p, &a);
}

SYSCALL_DEFINE1(times, uaddr_t, p)
{
	const u64 tick = NSEC_PER_SEC / 100;
	struct rusage_acct a, *c = &current->process->children_acct;
	u64 v[4];

	rusage_of_process(current->process, &a);
	v[0] = a.utime_ns / tick;
	v[1] = a.stime_ns / tick;
	v[2] = c->utime_ns / tick;
	v[3] = c->stime_ns / tick;
	if (p && copyout(p, v, sizeof(v)))
		return -EFAULT;
	return (s64)(hal_clock_ns() / tick);
}

/* ---- the system ---- */

struct uts_ns init_uts = {
	.refcount = 1,
	.name = { .sysname = "Linux", .nodename = "hyla", .release = CONFIG_RELEASE,
		  .version = "#1 SMP PREEMPT_DYNAMIC Hyla", .machine = "x86_64",
		  .domainname = "(none)" },
};

struct uts_ns *uts_get(struct uts_ns *u)
{
	u->refcount++;
	return u;
}

void uts_put(struct uts_ns *u)
{
	if (--u->refcount == 0)
		kfree(u);
}

struct uts_ns *uts_dup(const struct uts_ns *old)
{
	struct uts_ns *u = kmalloc(sizeof(*u));

	if (u) {
		*u = *old;
		u->refcount = 1;
	}
	return u;
}

SYSCALL_DEFINE1(uname, uaddr_t, p)
{
	return copyout(p, &current->uts->name, sizeof(struct utsname));
}

static s64 set_name(char *dst, uaddr_t name, s64 len)
{
	char buf[65] = "";

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > 64)
		return -EINVAL;
	if (copyin(buf, name, (size_t)len))
		return -EFAULT;
	memcpy(dst, buf, sizeof(buf));
	return 0;
}

SYSCALL_DEFINE2(sethostname, uaddr_t, name, int, len)
{
	return set_name(current->uts->name.nodename, name, len);
}

SYSCALL_DEFINE2(setdomainname, uaddr_t, name, int, len)
{
	return set_name(current->uts->name.domainname, name, len);
}

struct sysinfo64 {
	s64 uptime;
	u64 loads[3];
	u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u64 totalhigh, freehigh;
	u32 mem_unit;
	char reserved[4];
};
_Static_assert(sizeof(struct sysinfo64) == 112, "struct sysinfo");

SYSCALL_DEFINE1(sysinfo, uaddr_t, p)
{
	struct sysinfo64 si = { .mem_unit = 1 };
	struct page_stats st;

	page_get_stats(&st);
	si.uptime = (s64)(hal_clock_ns() / NSEC_PER_SEC);
	for (u32 i = 0; i < 3; i++)
		si.loads[i] = sched_load_avg(i) << 5;
	si.totalram = st.total * PAGE_SIZE;
	si.freeram = st.free * PAGE_SIZE;
	si.sharedram = st.shmem * PAGE_SIZE;
	si.procs = (u16)min(nr_tasks, 65535u);
	return copyout(p, &si, sizeof(si));
}

SYSCALL_DEFINE3(getcpu, uaddr_t, cpup, uaddr_t, nodep, uaddr_t, unused)
{
	(void)unused;
	if (cpup && put_user_u32(cpup, this_cpu()->nr))
		return -EFAULT;
	return nodep ? put_user_u32(nodep, 0) : 0;
}
