/* SPDX-License-Identifier: MIT */
/* What the files of tmpfs share: tmpfs.c, tmpfs_dir.c, shmem.c. */
#ifndef HYLA_FS_TMPFS_IMPL_H
#define HYLA_FS_TMPFS_IMPL_H

#include "fs/internal.h"
#include "fs/simple_xattr.h"
#include "fs/tmpfs.h"
#include "lib/radix.h"

struct tmpfs_sb {
	u64 max_pages, used_pages;	/* max 0: no limit */
	u64 max_inodes, used_inodes;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool size_given, inodes_given;	/* for show_options */
};

/* inode->priv */
struct tmpfs_inode {
	struct xattr_list xattrs;
	u64 accounted;			/* pages charged to the superblock */
	struct tmpfs_dir *dir;		/* directories */
	char *target;			/* symlinks */
};

struct tmpfs_entry {
	struct tmpfs_entry *next;	/* in its bucket */
	struct inode *inode;		/* reference */
	u64 cookie;			/* readdir position */
	u32 hash, len;
	char name[];
};

struct tmpfs_dir {
	struct tmpfs_entry **buckets;
	u32 nr_buckets;			/* a power of two */
	u32 count;
	u64 next_cookie;
	struct radix_tree by_cookie;
};

static inline struct tmpfs_inode *tmpfs_i(const struct inode *inode) { return inode->priv; }
static inline struct tmpfs_sb *tmpfs_s(const struct superblock *sb) { return sb->priv; }

/* A new inode of the type in mode, owner and mode from attr. ERR_PTR. */
struct inode *tmpfs_inode_new(struct superblock *sb, mode_t type, const struct iattr *attr)
	__must_check;

/* tmpfs_dir.c */
struct tmpfs_dir *tmpfs_dir_new(void) __must_check;
void tmpfs_dir_free(struct tmpfs_dir *dir);	/* drops the entries' references */
struct tmpfs_entry *tmpfs_dir_find(struct tmpfs_dir *dir, const struct qstr *name);
/* Consumes no reference of inode: takes its own. */
int tmpfs_dir_add(struct tmpfs_dir *dir, const struct qstr *name, struct inode *inode)
	__must_check;
void tmpfs_dir_remove(struct tmpfs_dir *dir, struct tmpfs_entry *e);
extern const struct inode_ops tmpfs_dir_iops;
extern const struct file_ops tmpfs_dir_fops;
extern const struct inode_ops tmpfs_file_iops, tmpfs_symlink_iops;
extern const struct file_ops tmpfs_file_fops;
extern struct fs_type tmpfs_type;

#endif
