/* SPDX-License-Identifier: MIT */
/*
 * procfs and sysfs for the rest of the kernel: registration, access rules.
 *
 * Subsystems add text files at boot with proc_add("net/tcp", ...): see
 * fs/pseudo.h for what a show function does.
 */
#ifndef HYLA_FS_PROCFS_H
#define HYLA_FS_PROCFS_H

#include "fs/pseudo.h"
#include "kernel/task.h"
#include "lib/types.h"

struct file;

/* Registers "proc" and "sysfs"; call once, after slabs and the VFS. */
void procfs_init(void);
void sysfs_init(void);

/* Adds a file under /proc or /sys, creating directories: "net/tcp". 0 or
 * -ENOMEM/-EEXIST. ops and data live for ever. */
int proc_add(const char *path, mode_t mode, const struct pseudo_ops *ops, void *data);
int sysfs_add(const char *path, mode_t mode, const struct pseudo_ops *ops, void *data);
int sysfs_mkdir(const char *path);
int sysfs_symlink(const char *path, const char *target);

/* PTRACE_MODE_READ_FSCREDS of ptrace(2): same ids and dumpable, or
 * CAP_SYS_PTRACE. */
bool process_may_inspect(struct process *p);
/* The process is no more, not even as a zombie. */
static inline bool process_is_reaped(const struct process *p)
{
	return process_find(p->pid) != p;
}
/* The process whose /proc/PID directory f is, or NULL. No reference. */
struct process *procfs_file_process(struct file *f);

#endif
