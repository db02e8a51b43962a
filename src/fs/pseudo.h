/* SPDX-License-Identifier: MIT */
/*
 * Text files made on the fly: what procfs and sysfs share.
 *
 *   struct text         a growing buffer that show functions print into
 *   struct pseudo_node  a static tree of names, built at boot, never freed
 *   struct pseudo_ops   how a file's text is made and what a write does
 *
 * A show function prints the whole file, or, for long ones, a part: it keeps
 * its place in *cursor (0 at first) and returns 1 while there is more. Each
 * read from offset 0 starts anew, so a rewound file shows fresh values.
 */
#ifndef HYLA_FS_PSEUDO_H
#define HYLA_FS_PSEUDO_H

#include "fs/vfs.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/types.h"

struct text {
	char *buf;
	size_t size, len;
	int error;		/* -ENOMEM: sticky */
};

/* Appends; after an error they do nothing. */
void text_append(struct text *t, const char *s, size_t len);
void text_puts(struct text *t, const char *s);
void text_putc(struct text *t, char c);
void text_printf(struct text *t, const char *fmt, ...) __printf(2, 3);
/* As seq_escape: the bytes of `esc` and non-printables as \ooo. */
void text_escape(struct text *t, const char *s, const char *esc);
void text_free(struct text *t);

struct pseudo_node;

struct pseudo_ops {
	/* 0: that is all, 1: more to come, -errno. May sleep. */
	int (*show)(struct text *t, void *data, u64 *cursor);
	/* A write of a whole value; text is NUL-terminated. 0 or -errno. */
	int (*store)(const char *text, size_t len, void *data);
	const struct file_ops *fops;	/* instead of show and store */
	/* Symbolic links: the target now; returns its length. */
	ssize_t (*target)(char *buf, size_t size, void *data);
};

struct pseudo_node {
	char name[40];
	mode_t mode;
	ino_t ino;
	u32 nlink;
	struct pseudo_node *parent;
	struct list_head children;	/* pseudo_node.sibling */
	struct list_head sibling;
	const struct pseudo_ops *ops;
	void *data;
	const char *target;		/* links with a constant target */
};

/* A directory without parent: the root of a tree. */
void pseudo_root_init(struct pseudo_node *root);
/* Adds a node at a path below root, making directories on the way. mode has
 * the type bits (none: a regular file). The node or ERR_PTR. */
struct pseudo_node *pseudo_add(struct pseudo_node *root, const char *path, mode_t mode,
			       const struct pseudo_ops *ops, void *data) __must_check;
struct pseudo_node *pseudo_child(struct pseudo_node *dir, const char *name, u32 len);
/* An inode of sb for the node (new reference) or ERR_PTR. */
struct inode *pseudo_inode(struct superblock *sb, struct pseudo_node *node) __must_check;
/* Emits the children of node from position *index on; false when the buffer
 * is full. first: the position of the first child. */
bool pseudo_emit(struct pseudo_node *node, struct dir_context *ctx, loff_t first);
/* "." and ".." at positions 0 and 1. */
bool dir_emit_dots(struct file *f, struct dir_context *ctx);
#define PROC_SUPER_MAGIC 0x9fa0
/* Refusals for directories without user-made names: -ENOENT in proc, else -EPERM. */
int pseudo_create(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		  struct inode **res);
int pseudo_mknod(struct inode *dir, const struct qstr *name, const struct iattr *attr, dev_t dev,
		 struct inode **res);
int pseudo_symlink(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		   const char *target, struct inode **res);
extern const struct inode_ops pseudo_dir_iops;
extern const struct file_ops pseudo_dir_fops;

/* Opening a file whose text show() makes; used by procfs for PID files, too.
 * data is handed to show; release(data) at the end (may be NULL). */
int text_file_open(struct file *f, int (*show)(struct text *, void *, u64 *), void *data,
		   void (*release)(void *data));
void *text_file_data(struct file *f);
ssize_t text_file_read(struct file *f, struct uio *uio, loff_t *pos);
loff_t text_file_llseek(struct file *f, loff_t off, int whence);
void text_file_release(struct file *f);

#endif
