/* SPDX-License-Identifier: MIT */
/*
 * What the files of the VFS core share among themselves; nobody else's.
 */
#ifndef HYLA_FS_INTERNAL_H
#define HYLA_FS_INTERNAL_H

#include "abi/errno.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "kernel/capability.h"
#include "kernel/task.h"

/* ---- dcache.c ---- */
u32 name_hash(const char *name, u32 len);
static inline struct qstr qstr_make(const char *name, u32 len)
{
	return (struct qstr){ name, len, name_hash(name, len) };
}
static inline struct qstr dentry_qstr(const struct dentry *d)
{
	return (struct qstr){ d->name, d->name_len, d->name_hash };
}
/* The child of that name, from the cache or the file system; maybe negative.
 * A new reference in *res. Takes the directory's lock on a miss. */
int dentry_lookup(struct dentry *parent, const struct qstr *name, u32 flags,
		  struct dentry **res) __must_check;
/* The same with the directory's lock held. */
int dentry_lookup_locked(struct dentry *parent, const struct qstr *name,
			 struct dentry **res) __must_check;
/* A negative dentry gets its inode (reference consumed). */
void dentry_instantiate(struct dentry *d, struct inode *inode);
/* The name is gone: negative if we hold the only reference, else unhashed. */
void dentry_delete(struct dentry *d);
void dentry_unhash(struct dentry *d);
/* d takes the name and place of target (which is unhashed); exchange: both live. */
void dentry_move(struct dentry *d, struct dentry *target, bool exchange);
/* O_TMPFILE: an unhashed child "#INO" of dir; consumes the inode reference. */
struct dentry *dentry_make_unnamed(struct dentry *dir, struct inode *inode) __must_check;
void dcache_shrink_tree(struct dentry *top);
bool dentry_is_below(const struct dentry *d, const struct dentry *top);
void dcache_init(void);

/* ---- inode.c ---- */
bool inode_owner_or_capable(const struct inode *inode);
/* Owner, group and mode of a new object in dir. */
void inode_init_attr(const struct inode *dir, mode_t mode, struct iattr *attr);
int may_create(struct inode *dir) __must_check;
int may_delete(struct inode *dir, struct dentry *victim, bool isdir) __must_check;
/* Applies checked attributes, tells watchers. The inode lock is held. */
int inode_change(struct inode *inode, struct iattr *attr) __must_check;
/* Set-id bits go when a file is written to. The inode lock is held. */
int inode_strip_privs(struct inode *inode) __must_check;
/* Size change with all checks of truncate(2) but permission. Takes the lock. */
int inode_truncate(struct inode *inode, loff_t size) __must_check;
int inode_refresh(struct inode *inode) __must_check;	/* getattr */
/* Bits to strip from a chown'ed file's mode. */
mode_t inode_chown_mode(const struct inode *inode);
/* RLIMIT_FSIZE for [pos, pos + *count): cuts *count, or -EFBIG with SIGXFSZ. */
int check_fsize(loff_t pos, u64 *count) __must_check;
int inode_get_write(struct inode *inode) __must_check;	/* -ETXTBSY */
void inode_put_write(struct inode *inode);
void touch_atime(const struct path *path);
/* fsnotify for an object at a path. */
void notify_path(struct dentry *d, u32 mask);

/* ---- namei.c ---- */
enum last_type { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
struct link_frame;
struct walk {
	struct path path, root;
	struct qstr last;	/* points into the name or a link frame */
	const char *pos;
	struct link_frame *frames;
	u32 flags;
	u32 links;
	enum last_type last_type;
	bool trailing_slash;	/* after `last` */
	bool root_used;		/* by an absolute name, or ".." */
};
/* The name must live until walk_end. On failure nothing is held. */
int walk_begin(struct walk *w, int dfd, const char *name, u32 flags) __must_check;
/* Walks all but the last component; then w->path is its directory. */
int walk_parent(struct walk *w) __must_check;
/* Steps over the last one: 0, or 1 when a symlink wants another round. */
int walk_last(struct walk *w) __must_check;
/* Steps to a child (reference consumed) found by the caller; 0, 1 as above. */
int walk_step(struct walk *w, struct dentry *d, bool follow) __must_check;
int walk_finish(struct walk *w, struct path *res) __must_check;	/* ends, moves the path */
void walk_end(struct walk *w);
/* Resolves to the parent of the last component, for creating and removing. */
int walk_to_parent(struct walk *w, int dfd, const char *name, u32 flags) __must_check;
/* Locks w->path's directory and finds the (negative) dentry to create. */
int create_begin(struct walk *w, bool is_dir, struct dentry **res) __must_check;
void create_end(struct walk *w, struct dentry *d);
/* Text of p below root; *where (may be NULL): 0, or 1 when p is not below root. */
char *path_to_text_from(const struct path *p, const struct path *root, char *buf, size_t size,
			int *where) __must_check;
/* Path name from the guest: path_buf or ERR_PTR. empty_ok: AT_EMPTY_PATH. */
char *getname(uaddr_t p, bool empty_ok) __must_check;
/* path_lookup_user, with flags made of AT_*: follow is AT_SYMLINK_NOFOLLOW's absence. */
int lookup_at(int dfd, uaddr_t p, u32 at_flags, u32 lookup, struct path *res) __must_check;
struct fs_context *current_fs(void);

/* ---- fs_context.c ---- */
struct fs_context *fs_context_boot(void) __must_check;	/* empty; NULL: no memory */
void fs_set_cwd(struct fs_context *fs, struct path p);	/* consume the references */
void fs_set_root(struct fs_context *fs, struct path p);

/* ---- file.c, fdtable.c ---- */
struct file *file_alloc(u32 flags) __must_check;	/* ERR_PTR */
struct file *file_open_how(int dfd, const char *name, const struct open_how *how) __must_check;
/* A struct that may be newer than ours: fine if what we do not know is zero
 * (-E2BIG). size >= known, at most a page. */
int copyin_struct(void *dst, size_t known, uaddr_t src, u64 size) __must_check;
int path_open_file(const struct path *path, struct file *f) __must_check;
extern const struct file_ops path_fops, bad_special_fops, chrdev_fops;
/* The file, not O_PATH, open for FMODE_READ / FMODE_WRITE; -EBADF. */
struct file *fd_get_mode(int fd, u32 mode) __must_check;
void fd_set_cloexec(int fd, bool on);
int files_unshare(struct task *t) __must_check;
int files_cloexec(struct files *files, u32 fd);	/* another table's (fdinfo) */
u32 fd_limit(void);
int fd_replace(int fd, struct file *f, bool cloexec) __must_check;
void fd_close_range(u32 first, u32 last, bool cloexec);

/* ---- readwrite.c ---- */
ssize_t file_read(struct file *f, struct uio *uio, loff_t *pos) __must_check;
ssize_t file_write(struct file *f, struct uio *uio, loff_t *pos) __must_check;
/* The position: lock and get, put and unlock; stream files have none. */
loff_t *file_pos_begin(struct file *f);
void file_pos_end(struct file *f, loff_t *pos);
int sb_sync(struct superblock *sb) __must_check;

/* ---- locks.c ---- */
s64 fcntl_lock(int fd, struct file *f, u32 cmd, uaddr_t arg);
void locks_remove_posix(struct inode *inode, const void *owner);
void locks_remove_file(struct file *f);
void locks_free_inode(struct inode *inode);

/* ---- mount.c, super.c, tmpfs.c ---- */
s64 shmem_fcntl_seals(struct file *f, u32 cmd, u64 arg);

#endif
