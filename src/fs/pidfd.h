/* SPDX-License-Identifier: MIT */
/* Process descriptors for clone, waitid and procfs. */
#ifndef HYLA_FS_PIDFD_H
#define HYLA_FS_PIDFD_H

#include "lib/types.h"

struct file;
struct process;

/* An open file on p (takes its own reference): CLONE_PIDFD, pidfd_open.
 * flags: O_NONBLOCK. ERR_PTR(-ENOMEM). Install it with O_CLOEXEC set. */
struct file *pidfd_create(struct process *p, u32 flags) __must_check;
/* The process of a pidfd file, without a reference; NULL: not a pidfd. Also
 * takes an open /proc/PID directory when proc_dir is set (pidfd_send_signal). */
struct process *pidfd_process(struct file *f);

#endif
