/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one fair run queue under the kernel lock.
 *
 * Tasks are ordered by weighted virtual runtime. A CPU with one runnable task
 * takes no ticks; with more, the slice timer asks for a switch at the next
 * return to user mode. Real-time policies run first, by priority.
 */
#ifndef HYLA_KERNEL_SCHED_H
#define HYLA_KERNEL_SCHED_H

#include "hal/cpu.h"
#include "kernel/wait.h"
#include "lib/types.h"

struct task;

struct cpu {
	u32 nr;
	bool online;
	struct task *idle;
	struct task *running;
	struct task *prev;		/* switched away from; finish_switch cares */
	u64 slice_end_ns;
	bool need_resched;
	u64 idle_ns, user_ns, kernel_ns;
	u64 switches;
};

extern struct cpu cpus[HAL_MAX_CPUS];
extern u32 nr_cpus_online;

void sched_init(struct task *boot);
/* Makes t runnable (new task or wake-up); harmless when it already is. */
void sched_wake(struct task *t);
/* The same for a forked child: before its parent, if there is one CPU. By the
 * time the parent writes to its pages the child has mostly exec'ed or ended, so
 * that they need not be copied. */
void sched_wake_first(struct task *t);
/* Gives up the CPU: to be called with current->state set to what it waits in. */
void schedule(void);
/* sched_yield(2), and long kernel loops. */
void sched_yield_to_others(void);
/* Does someone else deserve this CPU now? For long kernel loops. */
bool need_resched(void);
/* The idle loop of a CPU; never returns. */
void sched_idle_loop(void) __noreturn;
/* Recomputes after nice or policy changes. */
void sched_requeue(struct task *t);
/* The task leaves for ever (TASK_DEAD). */
void sched_exit(void) __noreturn;
u32 sched_nr_runnable(void);
/* 1, 5, 15 minute load (which 0..2), fixed point with 11 fraction bits. */
u64 sched_load_avg(u32 which);

/* The kernel lock: held by a CPU from entry until user mode or idle; nests. */
void kernel_lock(void);
void kernel_unlock(void);
/* Before user mode: slices, timers. */
void sched_prepare_user(void);
/* A tick within a slice, although nobody else wants the CPU (CPU-time limits). */
void sched_want_tick(void);
/* After each switch, on the new stack: releases a dead predecessor. */
void sched_finish_switch(void);

/* kernel/switch.S: saves callee-saved registers and the stack pointer in
 * *save, continues at load. */
void context_switch(void **save, void *load);
void task_entry(void);			/* first return of a new task's stack */

#endif
