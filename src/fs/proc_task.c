/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/{stat,statm,status,limits,io,sched,schedstat}: proc(5).
 *
 * The formats are Linux's to the byte, because ps, top and others parse them
 * by position. Times are in ticks of 1/100 s. Addresses are shown only to
 * those who may inspect the process; others read 0 or 1, as on Linux.
 *
 * Not counted here, so always 0: rchar, wchar and their kind in io; swap.
 */
#include "abi/sched.h"
#include "fs/proc_impl.h"
#include "fs/tty.h"
#include "kernel/rusage.h"
#include "lib/string.h"
#include "mm/mm.h"

#define KIB(pages) ((u64)(pages) * (PAGE_SIZE / 1024))

static char state_of(const struct proc_ref *r)
{
	const struct task *t = r->t;

	if (t->state == TASK_DEAD || (r->p->flags & PROC_ZOMBIE))
		return 'Z';
	if (t->state == TASK_STOPPED)
		return 'T';
	if (t->state == TASK_RUNNABLE)
		return 'R';
	/* Kernel threads wait for work, not for a disk. */
	return t->sleep_kind == SLEEP_INTERRUPTIBLE || (t->flags & TF_KTHREAD) ? 'S' : 'D';
}

static const char *state_text(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	}
	return "Z (zombie)";
}

static pid_t parent_pid(const struct process *p)
{
	return p->parent && p->parent != p ? p->parent->pid : 0;
}

static int task_prio(const struct task *t)
{
	if (t->policy == SCHED_FIFO || t->policy == SCHED_RR)
		return -1 - t->rt_priority;
	return 20 + t->nice;
}

struct sig_sets {
	u64 ignored, caught;
};

static void get_sig_sets(const struct task *t, struct sig_sets *s)
{
	u32 i;

	*s = (struct sig_sets){ 0, 0 };
	for (i = 0; t->sighand && i < NSIG; i++) {
		if (t->sighand->action[i].handler == SIG_IGN)
			s->ignored |= BIT(i);
		else if (t->sighand->action[i].handler != SIG_DFL)
			s->caught |= BIT(i);
	}
}

/* ---- stat ---- */

struct stat_times {
	u64 utime_ns, stime_ns;
	u64 minflt, majflt;
};

static void get_times(struct proc_ref *r, struct stat_times *st)
{
	struct rusage_acct a = { 0 };

	if (r->thread) {
		*st = (struct stat_times){
			r->t->utime_ns, r->t->stime_ns, r->t->minflt, r->t->majflt,
		};
		return;
	}
	rusage_of_process(r->p, &a);
	*st = (struct stat_times){ 0, 0, a.minflt, a.majflt };
	process_times(r->p, &st->utime_ns, &st->stime_ns);
}

static void stat_ids_and_times(struct text *t, struct proc_ref *r)
{
	const struct rusage_acct *c = &r->p->children_acct;
	struct stat_times st;

	get_times(r, &st);
	text_printf(t, "%d (%s) %c %d %d %d %d %d %u ",
		    r->thread ? r->t->tid : r->p->pid, r->t->comm, state_of(r),
		    parent_pid(r->p), r->p->pgid, r->p->sid, (int)tty_proc_nr(r->p),
		    tty_proc_pgrp(r->p), r->p->flags & PROC_EXECED ? 0x400000u : 0x400040u);
	text_printf(t, "%lu %lu %lu %lu %lu %lu %ld %ld %d %d %u 0 %lu ", st.minflt, c->minflt,
		    st.majflt, c->majflt, st.utime_ns / TICK_NS, st.stime_ns / TICK_NS,
		    (long)(c->utime_ns / TICK_NS), (long)(c->stime_ns / TICK_NS),
		    task_prio(r->t), r->t->nice, r->p->nr_threads,
		    (r->thread ? r->t->start_ns : r->p->start_ns) / TICK_NS);
}

int proc_show_stat(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	struct mm *mm = proc_mm_get(r->p);
	bool see = mm && process_may_inspect(r->p);
	struct sig_sets sig;

	get_sig_sets(r->t, &sig);
	stat_ids_and_times(t, r);
	text_printf(t, "%lu %ld %lu %lu %lu %lu 0 0 ", mm ? mm->total_vm * PAGE_SIZE : 0,
		    mm ? (long)mm_rss(mm) : 0, r->p->rlim[RLIMIT_RSS].cur,
		    mm ? (see ? mm->start_code : 1) : 0, mm ? (see ? mm->end_code : 1) : 0,
		    see ? mm->start_stack : 0);
	/* The old 32-bit signal sets; status has the whole ones. */
	text_printf(t, "%lu %lu %lu %lu %d 0 0 %d %u %u %u 0 0 0 ",
		    r->t->pending.set & S32_MAX, r->t->sigmask & S32_MAX, sig.ignored & S32_MAX,
		    sig.caught & S32_MAX, r->t->state == TASK_SLEEPING && see ? 1 : 0,
		    r->thread && r->t != r->p->leader ? -1 : r->p->exit_signal, r->t->last_cpu,
		    (u32)r->t->rt_priority, (u32)r->t->policy);
	if (see)
		text_printf(t, "%lu %lu %lu %lu %lu %lu %lu", mm->start_data, mm->end_data,
			    mm->start_brk, mm->arg_start, mm->arg_end, mm->env_start, mm->env_end);
	else
		text_puts(t, "0 0 0 0 0 0 0");
	text_printf(t, " %d\n", process_may_inspect(r->p) ? r->p->exit_status : 0);
	if (mm)
		mm_put(mm);
	return 0;
}

int proc_show_statm(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	struct mm *mm = proc_mm_get(r->p);
	s64 shared;

	if (!mm) {
		text_puts(t, "0 0 0 0 0 0 0\n");
		return 0;
	}
	shared = max(mm->rss_file, 0l);
	text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", mm->total_vm, mm_rss(mm), (u64)shared,
		    (align_up(mm->end_code, PAGE_SIZE) - align_down(mm->start_code, PAGE_SIZE)) >>
		    PAGE_SHIFT, mm->data_vm + mm->stack_vm);
	mm_put(mm);
	return 0;
}

/* ---- status ---- */

static u32 fd_table_size(struct proc_ref *r)
{
	u32 size = 64;
	int fd;

	if (!r->t->files)
		return 0;
	for (fd = files_next(r->t->files, 0); fd >= 0; fd = files_next(r->t->files, (u32)fd + 1)) {
		while (size <= (u32)fd)
			size *= 2;
	}
	return size;
}

static void status_ids(struct text *t, struct proc_ref *r)
{
	const struct cred *c = r->t->cred;
	pid_t id = r->thread ? r->t->tid : r->p->pid;
	u32 i;

	text_puts(t, "Name:\t");
	text_escape(t, r->t->comm, "\n\\");
	if (r->t->fs)
		text_printf(t, "\nUmask:\t%04o", r->t->fs->umask);
	text_printf(t, "\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		    state_text(state_of(r)), r->p->pid, id, parent_pid(r->p));
	if (c)
		text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid,
			    c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	text_printf(t, "FDSize:\t%u\nGroups:\t", fd_table_size(r));
	for (i = 0; c && c->groups && i < c->groups->count; i++)
		text_printf(t, "%u ", c->groups->gid[i]);
	text_printf(t, "%s\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t%d\n",
		    c && c->groups && c->groups->count ? "" : " ", r->p->pid, id, r->p->pgid,
		    r->p->sid, r->t->flags & TF_KTHREAD ? 1 : 0);
}

static void status_memory(struct text *t, const struct mm *mm)
{
	u64 exe = (align_up(mm->end_code, PAGE_SIZE) - align_down(mm->start_code, PAGE_SIZE)) >>
		  PAGE_SHIFT;
	u64 rss = mm_rss(mm);

	exe = min(exe, mm->exec_vm);
	text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t%8lu kB\n",
		    KIB(max(mm->hiwater_vm, mm->total_vm)), KIB(mm->total_vm),
		    KIB(mm->locked_vm), 0ul);
	text_printf(t, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\nRssFile:\t%8lu kB\n"
		    "RssShmem:\t%8lu kB\n", KIB(max(mm->hiwater_rss, rss)), KIB(rss),
		    KIB(max(mm->rss_anon, 0l)), KIB(max(mm->rss_file, 0l)), 0ul);
	text_printf(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8lu kB\n"
		    "VmSwap:\t%8lu kB\nHugetlbPages:\t%8lu kB\nCoreDumping:\t0\nTHP_enabled:\t0\n",
		    KIB(mm->data_vm), KIB(mm->stack_vm), KIB(exe), KIB(mm->exec_vm - exe), 0ul,
		    0ul);
}

static u32 queued_signals(struct process *p)
{
	struct list_head *e;
	struct task *t;
	u32 n = 0;

	for (e = p->pending.queue.next; e != &p->pending.queue; e = e->next)
		n++;
	list_for_each_entry(t, &p->threads, thread_link) {
		for (e = t->pending.queue.next; e != &t->pending.queue; e = e->next)
			n++;
	}
	return n;
}

static void status_signals(struct text *t, struct proc_ref *r)
{
	struct sig_sets sig;

	get_sig_sets(r->t, &sig);
	text_printf(t, "Threads:\t%u\nSigQ:\t%u/%lu\n", r->p->nr_threads, queued_signals(r->p),
		    r->p->rlim[RLIMIT_SIGPENDING].cur);
	text_printf(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n"
		    "SigCgt:\t%016lx\n", r->t->pending.set, r->p->pending.set, r->t->sigmask,
		    sig.ignored, sig.caught);
}

static void status_caps(struct text *t, const struct cred *c)
{
	if (!c)
		return;
	text_printf(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\n"
		    "CapAmb:\t%016lx\n", c->cap_inheritable, c->cap_permitted, c->cap_effective,
		    c->cap_bset, c->cap_ambient);
}

static u64 cpus_of(const struct task *t)
{
	u32 n = hal_info()->nr_cpus;

	return t->cpus_allowed & (n >= 64 ? U64_MAX : BIT(n) - 1);
}

/* A set as "0-2,5". */
static void text_ranges(struct text *t, u64 set)
{
	const char *comma = "";
	u32 i, first;

	for (i = 0; i < 64; i++) {
		if (!(set & BIT(i)))
			continue;
		for (first = i; i < 63 && (set & BIT(i + 1)); i++)
			;
		if (first == i)
			text_printf(t, "%s%u", comma, i);
		else
			text_printf(t, "%s%u-%u", comma, first, i);
		comma = ",";
	}
}

int proc_show_status(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	struct mm *mm = proc_mm_get(r->p);
	u64 cpus = cpus_of(r->t);

	status_ids(t, r);
	if (mm)
		status_memory(t, mm);
	status_signals(t, r);
	status_caps(t, r->t->cred);
	text_printf(t, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
		    r->t->flags & TF_NO_NEW_PRIVS ? 1 : 0);
	if (hal_info()->nr_cpus > 32)
		text_printf(t, "Cpus_allowed:\t%08x,%08x\nCpus_allowed_list:\t", (u32)(cpus >> 32),
			    (u32)cpus);
	else
		text_printf(t, "Cpus_allowed:\t%x\nCpus_allowed_list:\t", (u32)cpus);
	text_ranges(t, cpus);
	text_printf(t, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
		    "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		    r->t->nvcsw, r->t->nivcsw);
	if (mm)
		mm_put(mm);	/* last: it may sleep, and the thread end meanwhile */
	return 0;
}

/* ---- limits ---- */

static const struct {
	const char *name, *unit;
} limit_names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },
	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },
	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },
	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },
	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
	[RLIMIT_NICE] = { "Max nice priority", NULL },
	[RLIMIT_RTPRIO] = { "Max realtime priority", NULL },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void text_limit(struct text *t, u64 v)
{
	if (v == RLIM_INFINITY)
		text_printf(t, "%-20s ", "unlimited");
	else
		text_printf(t, "%-20lu ", v);
}

int proc_show_limits(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	u32 i;

	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (i = 0; i < RLIM_NLIMITS; i++) {
		text_printf(t, "%-25s ", limit_names[i].name);
		text_limit(t, r->p->rlim[i].cur);
		text_limit(t, r->p->rlim[i].max);
		if (limit_names[i].unit)
			text_printf(t, "%-10s\n", limit_names[i].unit);
		else
			text_putc(t, '\n');
	}
	return 0;
}

/* ---- accounting ---- */

int proc_show_io(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	struct rusage_acct a = { 0 };

	if (r->thread) {
		a.inblock = r->t->io.inblock;
		a.oublock = r->t->io.oublock;
	} else {
		rusage_of_process(r->p, &a);
	}
	text_printf(t, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: %lu\n"
		    "write_bytes: %lu\ncancelled_write_bytes: 0\n", a.inblock * 512,
		    a.oublock * 512);
	return 0;
}

int proc_show_schedstat(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	text_printf(t, "%lu 0 %lu\n", r->t->utime_ns + r->t->stime_ns,
		    r->t->nvcsw + r->t->nivcsw);
	return 0;
}

int proc_show_sched(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	u64 run = r->t->utime_ns + r->t->stime_ns;

	text_printf(t, "%s (%d, #threads: %u)\n", r->t->comm, r->t->tid, r->p->nr_threads);
	text_puts(t, "-------------------------------------------------------------------\n");
	text_printf(t, "%-45s:%14lu.%06lu\n", "se.vruntime", r->t->vruntime / 1000000,
		    r->t->vruntime % 1000000);
	text_printf(t, "%-45s:%14lu.%06lu\n", "se.sum_exec_runtime", run / 1000000,
		    run % 1000000);
	text_printf(t, "%-45s:%21lu\n", "nr_switches", r->t->nvcsw + r->t->nivcsw);
	text_printf(t, "%-45s:%21lu\n", "nr_voluntary_switches", r->t->nvcsw);
	text_printf(t, "%-45s:%21lu\n", "nr_involuntary_switches", r->t->nivcsw);
	text_printf(t, "%-45s:%21d\n%-45s:%21d\n", "policy", r->t->policy, "prio",
		    task_prio(r->t) + 100);
	return 0;
}
