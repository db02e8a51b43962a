/* SPDX-License-Identifier: MIT */
/*
 * Memory pressure: first cache, then a process.
 *
 * reclaim() runs inside any allocation, so it neither sleeps nor allocates.
 * oom_kill() is the last resort of a page fault: it kills the process with the
 * largest resident set (adjusted by oom_score_adj), never the init process,
 * and lets the faulting task try again while the victim dies.
 */
#include "mm/reclaim.h"

#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/pagecache.h"
#include "virtio/balloon.h"

u64 reclaim(u64 want)
{
	u64 freed = pagecache_reclaim(want);

	if (freed < want)
		freed += dentry_reclaim(want);
	if (freed < want)	/* inodes freed above leave pages behind */
		freed += pagecache_reclaim(want - freed);
	if (freed < want)
		freed += balloon_reclaim(want - freed);
	return freed;
}

static struct mm *process_mm(struct process *p)
{
	return p->leader ? p->leader->mm : NULL;
}

static s64 badness(struct process *p)
{
	struct mm *mm = process_mm(p);

	if (!mm || (p->flags & (PROC_ZOMBIE | PROC_INIT)) || (s32)p->oom_score_adj <= -1000)
		return -1;
	return (s64)mm_rss(mm) + (s64)(s32)p->oom_score_adj * (s64)(page_counts.total / 1000);
}

bool oom_kill(void)
{
	struct process *p, *victim = NULL;
	s64 worst = -1;

	list_for_each_entry(p, &process_list, all_link) {
		struct mm *mm = process_mm(p);

		if (mm && mm->oom_victim && (p->flags & PROC_EXITING))
			return true;	/* one is on its way out: wait for it */
		if (badness(p) > worst) {
			worst = badness(p);
			victim = p;
		}
	}
	if (!victim)
		return false;
	log_err("out of memory: killing process %d (%s), %lu pages resident", victim->pid,
		victim->leader->comm, mm_rss(process_mm(victim)));
	process_mm(victim)->oom_victim = true;
	signal_process(victim, SIGKILL);
	return true;
}
