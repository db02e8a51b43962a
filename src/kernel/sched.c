/* SPDX-License-Identifier: MIT */
/*
 * The scheduler; see sched.h.
 *
 * One run queue for all CPUs, a list sorted by (class, vruntime): real-time
 * tasks first by priority, then fair ones by weighted virtual runtime. The
 * kernel lock protects it. A running task is not on the queue.
 *
 * Tickless: a CPU arms its timer for the earlier of the next kernel timer, unless
 * another CPU sees to that, and, only if somebody waits on the queue, the end of
 * the slice. An armed time that is earlier than needed is left alone: firing early
 * is harmless. A CPU in user mode without a timer does not know that somebody has
 * begun to wait; the first slice that ends with the queue not empty tells it.
 *
 * A wake-up asks an idle CPU, else this one, to look at the queue; every CPU
 * that leaves user mode or a task looks anyway.
 *
 * Not supported: deadline class; preempting another CPU's fair task at once.
 */
#include "kernel/sched.h"

#include "abi/sched.h"
#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/vdso.h"
#include "mm/mm.h"

#define SLICE_NS (CONFIG_SLICE_MS * NSEC_PER_MSEC)
#define WAKE_CREDIT_NS (2 * NSEC_PER_MSEC)

struct cpu cpus[HAL_MAX_CPUS];
u32 nr_cpus_online;

static struct list_head run_queue = LIST_HEAD_INIT(run_queue);
static u32 nr_queued;
static u64 min_vruntime;
static u64 armed_ns[HAL_MAX_CPUS];
static u64 covered_ns = U64_MAX;	/* the timer of cpus[coverer] fires by then */
static u32 coverer;
static u64 load_avg[3];
static u64 load_updated_ns;

/* ---- the kernel lock ---- */

static u32 lock_owner = U32_MAX;	/* CPU number */
static u32 lock_depth;
static bool one_cpu;			/* nobody to keep out: no atomics */

void kernel_lock(void)
{
	u32 me = this_cpu()->nr, none;

	if (__atomic_load_n(&lock_owner, __ATOMIC_RELAXED) == me) {
		lock_depth++;
		return;
	}
	if (one_cpu) {
		lock_owner = me;
		lock_depth = 1;
		return;
	}
	for (;;) {
		none = U32_MAX;
		if (__atomic_compare_exchange_n(&lock_owner, &none, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			break;
		do	/* reading leaves the cache line with the owner */
			hal_relax();
		while (__atomic_load_n(&lock_owner, __ATOMIC_RELAXED) != U32_MAX);
	}
	lock_depth = 1;
}

void kernel_unlock(void)
{
	bug_on(lock_owner != this_cpu()->nr || !lock_depth);
	if (--lock_depth == 0)
		__atomic_store_n(&lock_owner, U32_MAX, __ATOMIC_RELEASE);
}

void kern_lock(void)
{
	kernel_lock();
}

void kern_unlock(void)
{
	kernel_unlock();
}

/* ---- the queue ---- */

/* Linux's weights: each nice step is about 10 % of CPU (sched(7)). */
static u64 weight_of(const struct task *t)
{
	static const u32 weights[40] = {
		88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
		9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
		1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
		110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
	};

	return t->policy == SCHED_IDLE ? 3 : weights[t->nice + 20];
}

static bool is_rt(const struct task *t)
{
	return t->policy == SCHED_FIFO || t->policy == SCHED_RR;
}

static bool goes_before(const struct task *a, const struct task *b)
{
	if (is_rt(a) != is_rt(b))
		return is_rt(a);
	if (is_rt(a))
		return a->rt_priority > b->rt_priority;
	return a->vruntime < b->vruntime;
}

static void enqueue(struct task *t)
{
	struct list_head *pos = run_queue.prev;

	while (pos != &run_queue && goes_before(t, list_entry(pos, struct task, rq_link)))
		pos = pos->prev;
	list_add(&t->rq_link, pos);
	t->on_rq = true;
	nr_queued++;
}

static void dequeue(struct task *t)
{
	list_del(&t->rq_link);
	t->on_rq = false;
	nr_queued--;
}

u32 sched_nr_runnable(void)
{
	u32 n = nr_queued;

	for (u32 i = 0; i < nr_cpus_online; i++)
		n += cpus[i].running && cpus[i].running != cpus[i].idle;
	return n;
}

/* Linux's exponentially decaying averages (proc_loadavg(5)), every 5 s. */
static void update_load(u64 now)
{
	static const u64 decay[3] = { 1884, 2014, 2037 };	/* 2048 * exp(-5/60m) */
	u64 active = (u64)sched_nr_runnable() << 11;

	if (now - load_updated_ns > 100 * 5 * NSEC_PER_SEC)
		load_updated_ns = now - 100 * 5 * NSEC_PER_SEC;
	while (now - load_updated_ns >= 5 * NSEC_PER_SEC) {
		for (u32 i = 0; i < 3; i++)
			load_avg[i] = (load_avg[i] * decay[i] + active * (2048 - decay[i])) >> 11;
		load_updated_ns += 5 * NSEC_PER_SEC;
	}
}

u64 sched_load_avg(u32 which)
{
	update_load(hal_clock_ns());
	return load_avg[which];
}

/* Charges the running time since the last call to t's vruntime. */
static void charge(struct task *t, u64 now)
{
	u64 delta = now - t->exec_start_ns;

	t->exec_start_ns = now;
	if (!is_rt(t))
		t->vruntime += delta * 1024 / weight_of(t);
}

static bool preempts(const struct task *t, const struct task *running)
{
	if (is_rt(t) || is_rt(running))
		return goes_before(t, running);
	return t->vruntime + NSEC_PER_MSEC < running->vruntime;
}

static void ask(struct cpu *c)
{
	c->need_resched = true;
	if (c != this_cpu())
		hal_ipi(c->nr);
}

/* t is on the queue: makes an idle CPU look there. NULL, or if there is none a
 * busy one that t may run on, this one if possible. */
static struct cpu *wake_idle(struct task *t)
{
	struct cpu *allowed = NULL;

	for (u32 i = 0; i < nr_cpus_online; i++) {
		struct cpu *c = &cpus[(t->last_cpu + i) % nr_cpus_online];

		if (!(t->cpus_allowed & BIT(c->nr)))
			continue;
		if (c->running == c->idle && !c->need_resched) {
			ask(c);
			return NULL;
		}
		if (!allowed || c == this_cpu())
			allowed = c;
	}
	return allowed;
}

/* t is on the queue: makes a CPU look there, if one should at once. */
static void find_cpu(struct task *t)
{
	struct cpu *allowed = wake_idle(t);

	if (allowed == this_cpu()) {
		if (preempts(t, allowed->running))
			allowed->need_resched = true;
	} else if (allowed) {
		ask(allowed);	/* not ours to judge: its task may go on */
	}
}

void sched_wake(struct task *t)
{
	t->woken = true;
	if (t->state == TASK_RUNNABLE || t->state == TASK_DEAD)
		return;
	t->state = TASK_RUNNABLE;
	if (t->on_cpu || t->on_rq)	/* about to sleep, not yet switched away */
		return;
	if (min_vruntime > WAKE_CREDIT_NS)
		t->vruntime = max(t->vruntime, min_vruntime - WAKE_CREDIT_NS);
	enqueue(t);
	find_cpu(t);
}

void sched_wake_first(struct task *t)
{
	sched_wake(t);
	if (nr_cpus_online == 1)
		this_cpu()->need_resched = true;
}

void sched_requeue(struct task *t)
{
	if (t->on_rq) {
		dequeue(t);
		enqueue(t);
	}
	this_cpu()->need_resched = true;
}

bool need_resched(void)
{
	return this_cpu()->need_resched;
}

/* The first on the queue that may run on this CPU, or NULL. */
static struct task *first_for(const struct cpu *cpu)
{
	struct task *t;

	list_for_each_entry(t, &run_queue, rq_link)
		if (t->cpus_allowed & BIT(cpu->nr))
			return t;
	return NULL;
}

static struct task *pick_next(struct cpu *cpu)
{
	struct task *t = first_for(cpu);

	if (!t)
		return cpu->idle;
	dequeue(t);
	return t;
}

void sched_finish_switch(void)
{
	struct cpu *cpu = this_cpu();
	struct task *prev = cpu->prev;

	cpu->prev = NULL;
	if (!prev)
		return;
	prev->on_cpu = false;
	if (prev->state == TASK_DEAD) {
		task_put(prev);
	} else if (prev->state == TASK_RUNNABLE && prev != cpu->idle && !prev->on_rq) {
		enqueue(prev);
	}
}

void schedule(void)
{
	struct cpu *cpu = this_cpu();
	struct task *prev = current, *next;
	u64 now = hal_clock_ns();

	bug_on(lock_depth != 1);
	bug_on(prev->stack->canary != KSTACK_CANARY);
	charge(prev, now);
	update_load(now);
	vdso_tick(now);
	if (prev->state == TASK_RUNNABLE && prev != cpu->idle) {
		enqueue(prev);
		if (unlikely(!(prev->cpus_allowed & BIT(cpu->nr))))
			find_cpu(prev);
	}
	next = pick_next(cpu);
	cpu->need_resched = false;
	cpu->slice_end_ns = now + SLICE_NS;
	if (next != cpu->idle && !is_rt(next))
		min_vruntime = max(min_vruntime, next->vruntime);
	if (next == prev)
		return;
	if (prev->on_rq && nr_cpus_online > 1)
		wake_idle(prev);	/* one may have gone to sleep while prev ran */
	if (prev->state == TASK_RUNNABLE)
		prev->nivcsw++;
	else
		prev->nvcsw++;
	cpu->switches++;
	if (prev != cpu->idle)		/* kernel time ends here, not after the sleep */
		task_charge_kernel(prev, now);
	next->mode_since_ns = now;
	cpu->running = next;
	cpu->prev = prev;
	next->on_cpu = true;
	next->last_cpu = cpu->nr;
	next->exec_start_ns = now;
	next->stack->cpu = cpu;
	hal_thread_switch(prev->mm ? &prev->hal : NULL, next->mm ? &next->hal : NULL);
	if (next->mm)
		hal_as_activate(&next->mm->as);
	context_switch(&prev->sp, next->sp);
	sched_finish_switch();
}

void sched_yield_to_others(void)
{
	struct task *t = current, *last;

	if (list_empty(&run_queue))
		return;
	/* Step behind everyone of the same class, as yield does. */
	last = list_last(&run_queue, struct task, rq_link);
	if (!is_rt(t) && !is_rt(last) && t->vruntime <= last->vruntime)
		t->vruntime = last->vruntime + 1;
	schedule();
}

void sched_exit(void)
{
	current->state = TASK_DEAD;
	schedule();
	panic("a dead task was scheduled");
}

/* ---- timers and idle ---- */

static void arm(struct cpu *cpu, u64 when)
{
	if (when < armed_ns[cpu->nr]) {
		armed_ns[cpu->nr] = when;
		hal_timer_arm(when);
	}
}

/* When this CPU has to see to kernel timers: the next one, or never if another
 * CPU's timer fires by then. */
static u64 own_timer_ns(const struct cpu *cpu)
{
	if (timer_first_ns >= covered_ns && coverer != cpu->nr)
		return U64_MAX;
	covered_ns = timer_first_ns;
	coverer = cpu->nr;
	return timer_first_ns;
}

void sched_want_tick(void)
{
	arm(this_cpu(), hal_clock_ns() + SLICE_NS);
}

void sched_prepare_user(void)
{
	struct cpu *cpu = this_cpu();

	if (unlikely(timer_first_ns < armed_ns[cpu->nr]))
		arm(cpu, own_timer_ns(cpu));
	if (unlikely(!list_empty(&run_queue)))
		arm(cpu, cpu->slice_end_ns);
}

/* Somebody has waited for a slice: those who run without a timer share, too. */
static void end_other_slices(const struct cpu *self, u64 now)
{
	for (u32 i = 0; i < nr_cpus_online; i++)
		if (&cpus[i] != self && cpus[i].running != cpus[i].idle &&
		    cpus[i].slice_end_ns <= now && armed_ns[i] > now + SLICE_NS)
			hal_ipi(i);
}

void kern_timer(void)
{
	struct cpu *cpu;
	u64 now;

	kernel_lock();
	cpu = this_cpu();
	now = hal_clock_ns();
	armed_ns[cpu->nr] = U64_MAX;
	if (coverer == cpu->nr)
		covered_ns = U64_MAX;
	timer_run_expired(now);
	if (now >= cpu->slice_end_ns && !list_empty(&run_queue)) {
		cpu->need_resched = true;
		end_other_slices(cpu, now);
	}
	kernel_unlock();
}

void sched_idle_loop(void)
{
	struct cpu *cpu = this_cpu();

	for (;;) {
		u64 begin;

		if (first_for(cpu)) {
			schedule();
			continue;
		}
		cpu->need_resched = false;
		arm(cpu, own_timer_ns(cpu));
		begin = hal_clock_ns();
		kernel_unlock();
		hal_idle();
		kernel_lock();
		cpu->idle_ns += hal_clock_ns() - begin;
	}
}

void sched_init(struct task *boot)
{
	struct cpu *cpu = this_cpu();

	for (u32 i = 0; i < HAL_MAX_CPUS; i++) {
		cpus[i].nr = i;
		armed_ns[i] = U64_MAX;
	}
	cpu->online = true;
	cpu->idle = boot;
	cpu->running = boot;
	nr_cpus_online = 1;
	one_cpu = hal_info()->nr_cpus == 1;
	lock_owner = 0;
	lock_depth = 1;
	boot->on_cpu = true;
	boot->exec_start_ns = hal_clock_ns();
	load_updated_ns = boot->exec_start_ns;
}
