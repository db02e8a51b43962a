/* SPDX-License-Identifier: MIT */
/* Shared by the signal files of this folder only. */
#ifndef HYLA_KERNEL_SIGNAL_IMPL_H
#define HYLA_KERNEL_SIGNAL_IMPL_H

#include "abi/signal.h"
#include "hal/cpu.h"
#include "kernel/task.h"

#define SIG_KERNEL_ONLY (sigmask(SIGKILL) | sigmask(SIGSTOP))
#define SIG_STOP_SET (sigmask(SIGSTOP) | sigmask(SIGTSTP) | sigmask(SIGTTIN) | sigmask(SIGTTOU))
#define SIG_IGNORE_SET (sigmask(SIGCHLD) | sigmask(SIGCONT) | sigmask(SIGURG) | sigmask(SIGWINCH))
#define SIG_SYNC_SET (sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) | sigmask(SIGTRAP) | \
		      sigmask(SIGFPE) | sigmask(SIGSYS))

void sigpending_init(struct sigpending *p);
void sigpending_flush(struct sigpending *p, u64 set);	/* drops queued signals of set */
void signal_recalc(struct task *t);			/* TF_SIGPENDING */
void signal_wake(struct task *t, bool fatal);
/* t, which parks or ends, is one less to stop. */
void signal_count_stop(struct task *t);
/* Begins the death of the whole process; status is a wait status. */
void process_begin_exit(struct process *p, int status);
/* Return-to-user signal work; may not return (exit). */
void signal_deliver(struct trapframe *tf);
/* Builds the frame of a handler. 0 or -EFAULT (then SIGSEGV is forced). */
int sigframe_setup(struct trapframe *tf, const struct ksigaction *sa, int sig,
		   const struct siginfo *info, u64 oldmask) __must_check;
void set_sigmask(u64 set);
bool on_altstack(const struct task *t, uaddr_t sp);
/* SIGCHLD-like notification of p's parent (CLD_STOPPED, CLD_CONTINUED, ...). */
void notify_parent(struct process *p, int code, int status);
/* The end of a process: true when the parent wants no zombie. */
bool notify_parent_exit(struct process *p);

struct sighand *sighand_new(void) __must_check;
struct sighand *sighand_dup(const struct sighand *s) __must_check;
void sighand_put(struct sighand *s);

#endif
