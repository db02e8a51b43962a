/* SPDX-License-Identifier: MIT */
/*
 * Making and freeing tasks and processes; the pid tables; kernel threads.
 *
 * A task owns its kernel stack and FP area; both go with the last reference,
 * which the scheduler holds until it has left the stack. Ids are handed out in
 * order and wrap at PID_MAX; a number is reused only when no task, process,
 * group or session has it.
 *
 * Locks: the kernel lock.
 */
#include "kernel/task.h"

#include "abi/errno.h"
#include "abi/sched.h"
#include "hal/hal.h"
#include "kernel/clock.h"
#include "kernel/sched.h"
#include "kernel/signal_impl.h"
#include "lib/radix.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

#define PID_MAX 32768
#define PID_RESERVED 300	/* after a wrap, as Linux */

static SLAB_CACHE(task_cache, struct task);
static SLAB_CACHE(process_cache, struct process);

struct list_head process_list = LIST_HEAD_INIT(process_list);
struct process *init_process;
u32 nr_tasks, max_tasks;
u64 total_forks;
struct task boot_task;

static struct radix_tree task_table, process_table;
static pid_t last_pid;
static bool pid_wrapped;

struct task *task_find(pid_t tid)
{
	return tid > 0 ? radix_lookup(&task_table, (u64)tid) : NULL;
}

struct process *process_find(pid_t pid)
{
	return pid > 0 ? radix_lookup(&process_table, (u64)pid) : NULL;
}

static bool pid_in_use(pid_t pid)
{
	struct process *p;

	if (task_find(pid) || process_find(pid))
		return true;
	list_for_each_entry(p, &process_list, all_link)
		if (p->pgid == pid || p->sid == pid)
			return true;
	return false;
}

pid_t pid_last(void)
{
	return last_pid;
}

pid_t pid_alloc(void)
{
	for (u32 tries = 0; tries < PID_MAX; tries++) {
		if (++last_pid >= PID_MAX) {
			last_pid = PID_RESERVED;
			pid_wrapped = true;
		}
		if (!pid_wrapped || !pid_in_use(last_pid))
			return last_pid;
	}
	return -EAGAIN;
}

int pid_publish(struct task *t)
{
	struct process *p = t->process;
	int err;

	if (p->leader == t) {
		err = radix_insert(&process_table, (u64)p->pid, p);
		if (err)
			return err;
		p->published = true;
		list_add_tail(&p->all_link, &process_list);
	}
	err = radix_insert(&task_table, (u64)t->tid, t);
	if (err && p->leader == t)
		pid_remove_process(p);
	total_forks += !err;
	return err;
}

void pid_remove_task(struct task *t)
{
	if (task_find(t->tid) == t)
		radix_remove(&task_table, (u64)t->tid);
}

void task_rename_to_leader(struct task *t)
{
	radix_replace(&task_table, (u64)t->process->pid, t);
}

void pid_remove_process(struct process *p)
{
	if (p->published) {
		radix_remove(&task_table, (u64)p->pid);
		radix_remove(&process_table, (u64)p->pid);
		list_del(&p->all_link);
		p->published = false;
	}
}

static struct process kernel_process;
static struct sighand kernel_sighand;
static struct cred kernel_cred = { .refcount = 1, .cap_permitted = ~0ul, .cap_effective = ~0ul,
				   .cap_bset = ~0ul };

/* ---- processes ---- */

struct process *process_alloc(void)
{
	struct process *p = slab_zalloc(&process_cache);

	if (!p)
		return NULL;
	p->refcount = 1;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->threads);
	list_init(&p->all_link);
	list_init(&p->posix_timers);
	sigpending_init(&p->pending);
	waitqueue_init(&p->child_wq);
	waitqueue_init(&p->exit_wq);
	p->start_ns = hal_clock_ns();
	return p;
}

/* Stands in for the leader of a reaped process, so that whoever still holds
 * the process (a pidfd, /proc) finds a dead task instead of a dangling one. */
static struct task reaped_task = { .state = TASK_DEAD, .refcount = 1 };

void process_drop_leader(struct process *p)
{
	struct task *leader = p->leader;

	reaped_task.process = &kernel_process;
	reaped_task.sighand = &kernel_sighand;
	reaped_task.cred = &kernel_cred;
	p->leader = &reaped_task;
	task_put(leader);	/* which holds p, so this ends a cycle */
}

void process_put(struct process *p)
{
	if (--p->refcount)
		return;
	sigpending_flush(&p->pending, U64_MAX);
	if (p->leader && p->leader != &reaped_task)
		task_put(p->leader);
	slab_free(&process_cache, p);
}

/* ---- tasks ---- */

paddr_t kern_table_page(void)
{
	void *page = page_alloc_virt(0, ALLOC_ZERO);

	if (!page)
		return 0;
	page_counts.table++;
	return virt_to_phys(page);
}

struct task *task_alloc(void)
{
	struct task *t = slab_zalloc(&task_cache);
	u32 order = 0;

	if (!t)
		return NULL;
	t->hal.fp = kzalloc(align_up(hal_info()->fp_size, 64u));
	while (PAGE_SIZE << order < KSTACK_SIZE)
		order++;
	t->stack_mem = page_alloc_virt(order, 0);
	if (t->hal.fp && t->stack_mem)
		t->stack = hal_kstack_map(virt_to_phys(t->stack_mem));
	if (!t->stack) {
		kfree(t->hal.fp);
		page_free_virt(t->stack_mem);
		slab_free(&task_cache, t);
		return NULL;
	}
	*t->stack = (struct kstack){ .task = t, .canary = KSTACK_CANARY };
	t->tf = kstack_trapframe(t->stack);
	memset(t->tf, 0, sizeof(*t->tf));
	t->refcount = 1;
	t->state = TASK_SLEEPING;
	t->cpus_allowed = U64_MAX;
	t->timer_slack_ns = 50000;
	t->start_ns = hal_clock_ns();
	list_init(&t->thread_link);
	list_init(&t->rq_link);
	sigpending_init(&t->pending);
	t->altstack.flags = SS_DISABLE;
	/* context_switch pops six registers, then returns to task_entry. */
	t->sp = (u64 *)t->tf - 8;
	memset(t->sp, 0, 8 * sizeof(u64));
	((u64 *)t->sp)[6] = (u64)task_entry;
	nr_tasks++;
	return t;
}

static void task_free(struct task *t)
{
	hal_thread_exit(&t->hal);
	kfree(t->hal.fp);
	hal_kstack_unmap(t->stack);
	page_free_virt(t->stack_mem);
	if (t->cred)
		cred_put(t->cred);
	if (t->sighand)
		sighand_put(t->sighand);
	if (t->process)
		process_put(t->process);
	nr_tasks--;
	slab_free(&task_cache, t);
}

void task_put(struct task *t)
{
	if (--t->refcount == 0)
		task_free(t);
}

void task_free_unstarted(struct task *t)
{
	bug_on(t->refcount != 1);
	task_put(t);
}

/* ---- boot task and kernel threads ---- */

/* The idle task of another CPU, on a stack of its own. */
struct task *task_alloc_idle(struct cpu *cpu)
{
	struct task *t = task_alloc();

	if (!t)
		return NULL;
	nr_tasks--;		/* no task to anybody who counts */
	t->stack->cpu = cpu;
	t->flags = TF_KTHREAD;
	t->state = TASK_RUNNABLE;
	t->on_cpu = true;
	t->last_cpu = cpu->nr;
	t->process = &kernel_process;
	t->sighand = &kernel_sighand;
	t->cred = &kernel_cred;
	t->exec_start_ns = hal_clock_ns();
	strlcpy(t->comm, "idle", sizeof(t->comm));
	return t;
}

/* The idle task of the boot CPU: the stack that kern_main runs on. */
void task_init_boot(void)
{
	struct task *t = &boot_task;
	struct kstack *ks = (struct kstack *)((u64)__builtin_frame_address(0) & ~(KSTACK_SIZE - 1));

	*ks = (struct kstack){ .task = t, .cpu = &cpus[0], .canary = KSTACK_CANARY };
	t->stack = ks;
	t->refcount = 1;
	t->flags = TF_KTHREAD;
	t->cpus_allowed = U64_MAX;
	t->process = &kernel_process;
	t->sighand = &kernel_sighand;
	t->cred = &kernel_cred;
	strlcpy(t->comm, "idle", sizeof(t->comm));
	list_init(&t->rq_link);
	sigpending_init(&t->pending);
	kernel_sighand.refcount = 1;
	waitqueue_init(&kernel_sighand.signalfd_wq);
	kernel_process.refcount = 1;
	kernel_process.leader = t;
	list_init(&kernel_process.children);
	list_init(&kernel_process.threads);
	list_init(&kernel_process.posix_timers);
	sigpending_init(&kernel_process.pending);
	waitqueue_init(&kernel_process.child_wq);
	waitqueue_init(&kernel_process.exit_wq);
	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		kernel_process.rlim[i] = (struct rlimit64){ RLIM_INFINITY, RLIM_INFINITY };
	kernel_process.parent = &kernel_process;
}

struct task *kthread_create(const char *name, void (*fn)(void *arg), void *arg)
{
	struct task *t = task_alloc();

	if (!t)
		return NULL;
	t->flags = TF_KTHREAD;
	t->kthread_fn = fn;
	t->kthread_arg = arg;
	t->process = process_get(&kernel_process);
	kernel_sighand.refcount++;
	t->sighand = &kernel_sighand;
	t->cred = cred_get(&kernel_cred);
	t->sigmask = U64_MAX;
	strlcpy(t->comm, name, sizeof(t->comm));
	sched_wake(t);
	return t;
}
