/* SPDX-License-Identifier: MIT */
/*
 * What the proc*.c files share.
 *
 * An inode below /proc/PID names its process by number and start time, not by
 * pointer: a cached name of a dead process holds nothing of it. Each use looks
 * the process up again (proc_ref_get).
 */
#ifndef HYLA_FS_PROC_IMPL_H
#define HYLA_FS_PROC_IMPL_H

#include "abi/errno.h"
#include "fs/procfs.h"
#include "fs/pseudo.h"
#include "fs/vfs.h"
#include "kernel/task.h"

#define TICK_NS 10000000ul		/* USER_HZ 100 */

struct mm;

/* Members of each directory's inode_ops. */
#define PROC_NO_CREATE \
	.create = pseudo_create, \
	.mkdir = pseudo_create, \
	.mknod = pseudo_mknod, \
	.symlink = pseudo_symlink

struct pid_key {
	pid_t pid;
	pid_t tid;		/* 0: the process, else one thread */
	u64 start_ns;		/* of the process */
	u64 tid_start_ns;
};

struct proc_ref {		/* a process found alive (or as a zombie) */
	struct process *p;	/* reference */
	struct task *t;		/* reference: the thread, or the leader */
	bool thread;		/* seen through task/TID */
};

bool proc_ref_get(const struct pid_key *key, struct proc_ref *r);
void proc_ref_put(struct proc_ref *r);
/* The address space of the process, with a reference, or NULL. */
struct mm *proc_mm_get(struct process *p);

enum pid_entry_flag {
	PE_INSPECT = 1 << 0,	/* only for those who may ptrace it */
	PE_PROCESS = 1 << 1,	/* not in task/TID */
	PE_THREAD = 1 << 2,	/* only there */
};

struct pid_entry {
	const char *name;
	mode_t mode;
	u32 flags;
	int (*show)(struct text *t, struct proc_ref *r, u64 *cursor);
	int (*store)(struct proc_ref *r, const char *text, size_t len);
	int (*follow)(struct proc_ref *r, struct path *res);
	ssize_t (*readlink)(struct proc_ref *r, char *buf, size_t size);
	const struct file_ops *fops;	/* instead of show and store */
	const struct inode_ops *iops;	/* of directories that are not tables */
	const struct pid_entry *table;	/* directory of fixed names */
	u32 count;
};

struct pid_inode {
	struct pid_key key;
	const struct pid_entry *entry;
	u32 fd;			/* fd/N and fdinfo/N */
};

static inline struct pid_inode *pid_inode(const struct inode *inode) { return inode->priv; }

/* A new inode, or ERR_PTR. low: distinguishes the names of one process. */
struct inode *pid_inode_new(struct superblock *sb, const struct pid_key *key,
			    const struct pid_entry *entry, u32 fd, u32 low) __must_check;
/* Inode number: the process or thread, and which of its names. */
u64 pid_ino(const struct pid_key *key, u32 low);
void pid_refresh_owner(struct inode *inode);
int pid_getattr(struct inode *inode);
int pid_permission(struct inode *inode, int mask);
int pid_setattr(struct inode *inode, const struct iattr *attr);
int pid_revalidate(struct inode *dir, struct dentry *d);
/* A file_ops.open that checks PE_INSPECT and keeps nothing. */
int pid_open_check(struct inode *inode, struct file *f);

/* proc_pid.c */
extern const struct pid_entry pid_base_entry, tid_base_entry;
extern const struct inode_ops pid_table_iops;
extern const struct file_ops pid_table_fops;
void pid_evict(struct inode *inode);
/* proc_thread.c */
extern const struct inode_ops pid_task_iops;
extern const struct file_ops pid_task_fops;
/* proc_fd.c */
extern const struct inode_ops pid_fd_iops, pid_fdinfo_iops;
extern const struct file_ops pid_fd_fops, pid_fdinfo_fops;
/* proc_ns.c */
#define PID_NS_COUNT 10
extern const struct pid_entry pid_ns_table[PID_NS_COUNT];
/* proc.c */
extern struct pseudo_node proc_root_node, proc_net_node;

/* proc_task.c */
int proc_show_stat(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_statm(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_status(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_limits(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_io(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_schedstat(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_sched(struct text *t, struct proc_ref *r, u64 *cursor);
/* proc_mm.c */
int proc_show_maps(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_smaps(struct text *t, struct proc_ref *r, u64 *cursor);
int proc_show_rollup(struct text *t, struct proc_ref *r, u64 *cursor);
extern const struct file_ops proc_mem_fops, proc_cmdline_fops, proc_environ_fops,
			     proc_auxv_fops, proc_pagemap_fops;
/* boot */
void proc_misc_init(void);
void proc_sys_init(void);
void proc_cpuinfo_init(void);
/* proc_add for boot: no memory is a panic there. */
void proc_add_boot(const char *path, mode_t mode, const struct pseudo_ops *ops, void *data);

#endif
