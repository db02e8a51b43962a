/* SPDX-License-Identifier: MIT */
/* The kernel log as files: /dev/kmsg and /proc/kmsg. */
#ifndef HYLA_FS_KMSG_H
#define HYLA_FS_KMSG_H

struct file_ops;

extern const struct file_ops kmsg_fops;		/* /dev/kmsg: records, read and write */
extern const struct file_ops proc_kmsg_fops;	/* /proc/kmsg: text, consumed */

#endif
