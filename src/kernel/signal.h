/* SPDX-License-Identifier: MIT */
/* Sending signals; see kernel/signal.c for the rules. */
#ifndef HYLA_KERNEL_SIGNAL_H
#define HYLA_KERNEL_SIGNAL_H

#include "abi/signal.h"
#include "lib/types.h"

struct task;
struct process;
struct sigpending;
struct sighand;

/* si_code SI_KERNEL, no permission check. 0 or -EAGAIN (queue limit). */
int signal_process(struct process *p, int sig);
int signal_task(struct task *t, int sig);
/* With full siginfo. */
int signal_process_info(struct process *p, const struct siginfo *info);
int signal_task_info(struct task *t, const struct siginfo *info);
/* To each process of a group; -ESRCH when it has none. No permission check. */
int signal_pgrp(pid_t pgid, int sig);
/* A fault of the current task: forced, kills if blocked or ignored. */
void signal_force(int sig, int code, uaddr_t addr, u32 trapno);
/* Is the signal blocked or ignored by current (tty SIGTTIN/TTOU rules)? */
bool signal_blocked_or_ignored(int sig);
/* An orphaned process group (POSIX): no member's parent is outside it in the same session. */
bool pgrp_is_orphaned(pid_t pgid);
/* Any member at all? */
bool pgrp_exists(pid_t pgid);

/* Dequeues one signal of `set` that is pending for current (thread, then
 * process). Returns its number or 0. */
int signal_dequeue(u64 set, struct siginfo *info);
/* A SI_TIMER signal was taken: overrun accounting (kernel/posix_timer.c). */
void posix_timer_delivered(struct siginfo *info);
/* Which signals are pending for current (thread | process). */
u64 signal_pending_set(void);

/* Sets the mask for the duration of a sleeping call (sigsuspend, ppoll, ...):
 * the old mask comes back at return to user mode or after the handler. */
void sigmask_set_temporary(u64 set);
/* Reads a user sigset (size must be 8: -EINVAL), 0 p: nothing. */
int sigset_copyin(u64 *set, uaddr_t p, u64 size) __must_check;

/* Drops a reference; the last one frees it (also fs/signalfd.c, which holds some). */
void sighand_put(struct sighand *sh);

#endif
