/* SPDX-License-Identifier: MIT */
/*
 * Waiting for readiness of many files: what poll.c and select.c share, and
 * what the VFS must call for epoll.
 *
 * A poll_waiter sleeps on a private queue; each file's queue gets one entry
 * whose wake function marks the waiter as triggered and wakes that private
 * queue. Entries live until poll_waiter_finish, so a wake-up between two
 * scans is never lost.
 */
#ifndef HYLA_FS_POLL_H
#define HYLA_FS_POLL_H

#include "fs/vfs.h"
#include "kernel/wait.h"
#include "lib/types.h"

#define POLL_INLINE 4

struct poll_entry {
	struct wait_entry wait;
	struct poll_waiter *waiter;
	struct file *file;		/* a reference */
	u32 events;			/* only these wake us */
};

struct poll_chunk;

struct poll_waiter {
	struct poll_table pt;
	struct waitqueue wq;		/* where the task sleeps */
	bool triggered;
	int error;			/* -ENOMEM from registration */
	u32 events;			/* of the file being registered now */
	u32 inline_used;
	struct poll_chunk *chunks;
	struct poll_entry inline_entry[POLL_INLINE];
};

void poll_waiter_init(struct poll_waiter *pw);
/* Sleeps until a registered file may be ready: 0, -ETIMEDOUT, -ERESTARTSYS. */
int poll_waiter_sleep(struct poll_waiter *pw, u64 deadline_ns);
void poll_waiter_finish(struct poll_waiter *pw);

/* Timeouts of ppoll, pselect6, epoll_pwait2: reads a timespec at p into a
 * deadline (p 0: never). 0, -EFAULT, -EINVAL. */
int poll_deadline_from_user(uaddr_t p, u64 *deadline_ns) __must_check;
/* Ends a call that had a temporary signal mask: restores the mask unless the
 * call was interrupted (err is -ERESTARTNOHAND or -EINTR). */
void poll_sigmask_finish(s64 err);
/* Writes the remaining time to the timespec (or timeval) at p; Linux turns a
 * restart into EINTR when that is not possible. Returns the call's result. */
s64 poll_write_remaining(uaddr_t p, u64 deadline_ns, bool timeval, s64 result);

/* file_put: the last reference of f is going, before ops->release. Takes it
 * out of every epoll set. Call when f->epoll_items is not empty. */
void epoll_file_release(struct file *f);

#endif
