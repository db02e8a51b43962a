/* SPDX-License-Identifier: MIT */
/*
 * The virtual file system: inodes, dentries, mounts, open files, path walk.
 *
 *   struct superblock   one file system instance
 *   struct inode        one object of it; refcounted; attributes and pages
 *   struct dentry       a name -> inode (or negative) edge in the name cache;
 *                       refcounted; holds its parent
 *   struct mount        a superblock at a place in the tree
 *   struct path         (mount, dentry): where a walk ends; two references
 *   struct file         an open file description: position, flags, operations
 *   struct files        a task's descriptor table (shared by CLONE_FILES)
 *   struct fs_context   root, cwd, umask (shared by CLONE_FS)
 *
 * Locks: inode->lock (sleeping) protects directory contents, size changes and
 * attributes while a file system sleeps. Two directories are locked in order
 * of address, but an ancestor first (rename). Order: superblock rename_lock >
 * inode->lock > mmap_lock > PG_LOCKED. All else runs under the kernel lock,
 * and reference counts are plain integers.
 *
 * Operations take inodes and dentries, never paths; the VFS has checked
 * permissions, read-only mounts and types before it calls them. An operation
 * that is NULL gives the errno noted at it.
 */
#ifndef HYLA_FS_VFS_H
#define HYLA_FS_VFS_H

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "kernel/clock.h"
#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"
#include "mm/pagecache.h"
#include "mm/uaccess.h"

struct cred;
struct task;
struct vma;
struct inode;
struct dentry;
struct fasync;
struct mount;
struct file;
struct superblock;
struct poll_table;
struct statfs64;
struct pipe;

#define NAME_MAX 255
#define PATH_MAX 4096
#define MAX_SYMLINKS 40

/* dev_t: Linux's huge encoding as in struct stat. */
static inline dev_t mkdev(u32 major, u32 minor)
{
	return (minor & 0xff) | ((u64)(major & 0xfff) << 8) | ((u64)(minor & ~0xffu) << 12) |
	       ((u64)(major & ~0xfffu) << 32);
}
static inline u32 dev_major(dev_t d) { return ((d >> 8) & 0xfff) | ((d >> 32) & ~0xfffu); }
static inline u32 dev_minor(dev_t d) { return (d & 0xff) | ((d >> 12) & ~0xffu); }

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

/* A name of one component; not NUL-terminated. */
struct qstr {
	const char *name;
	u32 len;
	u32 hash;
};

/* ---- inode ---- */

enum attr_valid {		/* struct iattr.valid */
	ATTR_MODE = 1 << 0, ATTR_UID = 1 << 1, ATTR_GID = 1 << 2, ATTR_SIZE = 1 << 3,
	ATTR_ATIME = 1 << 4, ATTR_MTIME = 1 << 5, ATTR_CTIME = 1 << 6,
};
struct iattr {
	u32 valid;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	loff_t size;
	struct timespec64 atime, mtime, ctime;
};

struct inode_ops {
	/* Finds name in dir. Sets *res to a new reference, or -ENOENT. The VFS
	 * caches the answer. NULL: -ENOTDIR. */
	int (*lookup)(struct inode *dir, const struct qstr *name, struct inode **res);
	/* Make an object (mode has its type bits for mknod only) owned by current's
	 * fs ids as the VFS computed in uid/gid of *attr; *res a new reference.
	 * NULL: -EPERM (-EROFS for read-only file systems is the VFS's). */
	int (*create)(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		      struct inode **res);
	int (*mkdir)(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		     struct inode **res);
	int (*mknod)(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		     dev_t dev, struct inode **res);
	int (*symlink)(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		       const char *target, struct inode **res);
	int (*link)(struct inode *dir, const struct qstr *name, struct inode *inode);
	int (*unlink)(struct inode *dir, const struct qstr *name, struct inode *inode);
	int (*rmdir)(struct inode *dir, const struct qstr *name, struct inode *inode);
	/* target: the existing inode at the new name, or NULL. flags: RENAME_*
	 * (-EINVAL what it cannot do). */
	int (*rename)(struct inode *old_dir, const struct qstr *old_name, struct inode *inode,
		      struct inode *new_dir, const struct qstr *new_name,
		      struct inode *target, u32 flags);
	/* Unnamed file for O_TMPFILE. NULL: -EOPNOTSUPP. */
	int (*tmpfile)(struct inode *dir, const struct iattr *attr, struct inode **res);
	/* The target into buf (size bytes, NUL-terminated); returns its length. */
	ssize_t (*readlink)(struct inode *inode, char *buf, size_t size);
	/* Magic links (/proc/PID/exe, fd/N): where to go; new references. NULL: readlink. */
	int (*follow)(struct inode *inode, struct path *res);
	/* Apply attributes (already permission-checked). NULL: in memory only
	 * (inode_setattr_simple). ATTR_SIZE truncates. */
	int (*setattr)(struct inode *inode, const struct iattr *attr);
	/* Refresh attributes from the backing store. NULL: they are current. */
	int (*getattr)(struct inode *inode);
	/* Is a cached dentry (maybe negative) still right? 0 / -ESTALE to look up
	 * again. NULL: always. */
	int (*revalidate)(struct inode *dir, struct dentry *dentry);
	ssize_t (*getxattr)(struct inode *inode, const char *name, void *buf, size_t size);
	int (*setxattr)(struct inode *inode, const char *name, const void *value, size_t size,
			int flags);
	ssize_t (*listxattr)(struct inode *inode, char *buf, size_t size);
	int (*removexattr)(struct inode *inode, const char *name);
	/* NULL: generic mode-bit check (inode_permission_generic). */
	int (*permission)(struct inode *inode, int mask);
};

struct file_ops;
struct lock_list;

struct inode {
	u32 refcount;
	u32 nlink;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	u32 flags;			/* fs private */
	ino_t ino;
	dev_t rdev;
	loff_t size;
	u64 blocks;			/* 512-byte units as the fs says; 0: what the mapping has */
	u32 blksize;
	u32 version;			/* change counter */
	struct timespec64 atime, mtime, ctime, btime;
	struct superblock *sb;
	const struct inode_ops *ops;
	const struct file_ops *fops;	/* default of files opened on it */
	struct mutex lock;
	struct mapping mapping;
	struct list_head sb_link;	/* sb->inodes */
	struct list_head dentries;	/* struct dentry.alias */
	struct list_head watches;	/* inotify */
	struct lock_list *locks;	/* flock/POSIX/OFD; fs/locks.c */
	struct pipe *pipe;		/* fifos and pipes while open; fs/pipe.h */
	void *priv;			/* fs private */
	u32 write_count;		/* open for write; -ETXTBSY (negative: exec denies) */
	u32 seals;			/* memfd F_SEAL_* */
	u32 deny_write;			/* running programs */
	u32 state;			/* enum inode_state */
};

enum inode_state { INODE_LINKABLE = 1 /* O_TMPFILE without O_EXCL: linkat may name it */ };

struct inode *inode_alloc(struct superblock *sb) __must_check;	/* refcount 1, times now */
static inline struct inode *inode_get(struct inode *inode) { inode->refcount++; return inode; }
void inode_put(struct inode *inode);
/* MAY_EXEC 1, MAY_WRITE 2, MAY_READ 4 for current's fs credentials: 0 or -EACCES/... */
#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4
int inode_permission(struct inode *inode, int mask) __must_check;
int inode_permission_generic(struct inode *inode, int mask) __must_check;
void inode_setattr_simple(struct inode *inode, const struct iattr *attr);
/* Default file_ops of character and block devices, fifos: by mode and rdev. */
void inode_init_special(struct inode *inode, dev_t rdev);

/* ---- superblock and file system types ---- */

struct super_ops {
	/* Last reference to an inode: free fs data (mapping is already gone).
	 * Must not sleep: memory reclaim calls it. */
	void (*evict)(struct inode *inode);
	int (*statfs)(struct superblock *sb, struct statfs64 *st);
	/* The last user is gone, names are no longer cached: drop the references
	 * to inodes that the file system itself holds. put_super comes after the
	 * root inode went too, and frees priv. */
	void (*drop_inodes)(struct superblock *sb);
	void (*put_super)(struct superblock *sb);
	int (*sync)(struct superblock *sb);
	int (*show_options)(struct superblock *sb, char *buf, size_t size);
	/* New options from mount(MS_REMOUNT); NULL: options are ignored. */
	int (*remount)(struct superblock *sb, const char *options);
};
enum sb_flag { SB_RDONLY = 1, SB_NOSUID = 2, SB_NODEV = 4, SB_NOEXEC = 8 };
struct superblock {
	u32 refcount;
	u32 flags;
	dev_t dev;			/* st_dev */
	u64 magic;			/* statfs f_type */
	const struct fs_type *type;
	const struct super_ops *ops;
	struct dentry *root;
	struct mutex rename_lock;
	struct list_head inodes;
	struct list_head link;		/* every superblock */
	loff_t max_bytes;		/* largest file size; S64_MAX unless set */
	u32 blksize;
	u32 max_name;
	ino_t next_ino;
	void *priv;
	char source[64];
};
struct fs_type {
	const char *name;
	u32 flags;			/* FS_NODEV: no device needed (/proc/filesystems) */
	/* Fills sb (ops, root, priv) from source and options ("a=b,c"). */
	int (*fill_super)(struct superblock *sb, const char *source, const char *options);
	/* Is one option right? For fsconfig(2), which reports at once; value NULL:
	 * a flag. NULL: fill_super finds out. */
	int (*check_option)(const char *key, const char *value);
	struct list_head link;
	struct superblock *single;	/* FS_SINGLE: the one instance */
};
#define FS_NODEV 1
#define FS_SINGLE 2	/* every mount shows the same superblock (devtmpfs) */
void fs_type_register(struct fs_type *type);
/* A superblock without mount (pipefs, memfd, ...): kept for ever. */
struct superblock *sb_create(const struct fs_type *type, const char *source,
			     const char *options) __must_check;	/* ERR_PTR */

/* ---- dentry ---- */

struct dentry {
	u32 refcount;			/* 0: on the LRU, may be reclaimed */
	u32 flags;			/* enum dentry_flag */
	struct dentry *parent;		/* itself for roots and unnamed files */
	struct inode *inode;		/* NULL: negative */
	struct list_head children;
	struct list_head sibling;
	struct list_head hash_link;
	struct list_head alias;		/* inode->dentries */
	struct list_head lru;
	u64 validated_ns;		/* fs use: revalidate */
	u32 name_hash;
	u32 name_len;
	char *name;			/* points to inline_name or kmalloc */
	char inline_name[40];
};
enum dentry_flag {
	DENTRY_MOUNTED = 1,
	DENTRY_UNHASHED = 2,
	DENTRY_ROOT = 4,
	DENTRY_ANON = 8,	/* holds its superblock */
};
static inline struct dentry *dentry_get(struct dentry *d) { d->refcount++; return d; }
void dentry_put(struct dentry *d);
/* A root dentry for fill_super; consumes the inode reference. */
struct dentry *dentry_make_root(struct inode *inode) __must_check;
/* An unhashed, parentless dentry (pipes, anonymous inodes); consumes the
 * inode reference, also on failure. name shows up in /proc/PID/fd. */
struct dentry *dentry_make_anon(struct inode *inode, const char *name) __must_check;
/* Drops cached, unused dentries: about `want`; returns how many. */
u64 dentry_reclaim(u64 want);

/* ---- mounts and paths ---- */

static inline bool path_equal(const struct path *a, const struct path *b)
{
	return a->mnt == b->mnt && a->dentry == b->dentry;
}
struct path path_get(struct path p);	/* takes both references; returns p */
void path_put(struct path *p);		/* drops both; fields may be NULL */

enum lookup_flag {
	LOOKUP_FOLLOW = 1 << 0,		/* follow a trailing symlink */
	LOOKUP_DIRECTORY = 1 << 1,	/* -ENOTDIR otherwise */
	LOOKUP_EMPTY = 1 << 2,		/* "" means dfd itself (AT_EMPTY_PATH) */
	LOOKUP_NO_XDEV = 1 << 3, LOOKUP_NO_MAGICLINKS = 1 << 4, LOOKUP_NO_SYMLINKS = 1 << 5,
	LOOKUP_BENEATH = 1 << 6, LOOKUP_IN_ROOT = 1 << 7, LOOKUP_CACHED = 1 << 8,
	LOOKUP_MOUNTPOINT = 1 << 9,	/* for umount: does not count as use of the mount */
};
/* Resolves a path of the guest at user address p relative to dfd. */
int path_lookup_user(int dfd, uaddr_t p, u32 flags, struct path *res) __must_check;
/* The same with a kernel string; dfd may be AT_FDCWD. */
int path_lookup(int dfd, const char *name, u32 flags, struct path *res) __must_check;
/* Absolute path text as seen from current's root, built at the end of buf;
 * returns a pointer into buf or ERR_PTR(-ENAMETOOLONG). Deleted ones get
 * " (deleted)"; unreachable ones start at the top of their own tree. */
char *path_to_text(const struct path *p, char *buf, size_t size);
/* PATH_MAX scratch buffers. */
char *path_buf_get(void) __must_check;
void path_buf_put(char *buf);

/* Kernel-side helpers for boot and initrd. 0 or -errno. */
int vfs_mkdir_path(const char *path, mode_t mode, bool parents) __must_check;
int vfs_mount(const char *type, const char *source, const char *target, u64 ms_flags,
	      const char *options) __must_check;
int vfs_mknod_path(const char *path, mode_t mode, dev_t dev) __must_check;
int vfs_symlink_path(const char *target, const char *path) __must_check;

/* ---- open files ---- */

struct dir_context;
/* Returns false to stop (buffer full). off: this entry's resume offset. */
typedef bool (*dir_emit_fn)(struct dir_context *ctx, const char *name, u32 len, loff_t next_pos,
			    ino_t ino, u32 d_type);
struct dir_context {
	dir_emit_fn emit;
	loff_t pos;			/* where to begin; the fs advances it */
};

/* Positions 0 and 1: "." and "..". False: stop. Entries follow from pos 2. */
bool dir_emit_dots(struct file *f, struct dir_context *ctx);

struct file_ops {
	/* Positions: pos is file->pos or pread's; NULL: -EINVAL. Return bytes or
	 * -errno. For mapping-backed files use file_read_mapping/... */
	ssize_t (*read)(struct file *f, struct uio *uio, loff_t *pos);
	ssize_t (*write)(struct file *f, struct uio *uio, loff_t *pos);
	/* Ready events now, and registration with pt (may be NULL). NULL op:
	 * always POLLIN|POLLOUT|POLLRDNORM|POLLWRNORM. */
	u32 (*poll)(struct file *f, struct poll_table *pt);
	s64 (*ioctl)(struct file *f, u32 cmd, u64 arg);		/* NULL: -ENOTTY */
	/* Checks and prepares a mapping; default (NULL): -ENODEV. Mapping-backed
	 * files use file_mmap_mapping. */
	int (*mmap)(struct file *f, struct vma *vma);
	/* Emits from ctx->pos on, "." and ".." too (dir_emit_dots). The inode
	 * is locked. emit does not sleep. NULL: -ENOTDIR */
	int (*iterate)(struct file *f, struct dir_context *ctx);
	loff_t (*llseek)(struct file *f, loff_t off, int whence);	/* NULL: -ESPIPE */
	int (*open)(struct inode *inode, struct file *f);
	int (*flush)(struct file *f);		/* each close(2) */
	void (*release)(struct file *f);	/* the last reference */
	int (*fsync)(struct file *f, loff_t start, loff_t end, bool datasync);	/* NULL: -EINVAL */
	s64 (*fallocate)(struct file *f, int mode, loff_t off, loff_t len); /* NULL: -EOPNOTSUPP */
	/* Extra lines for /proc/PID/fdinfo/N. */
	void (*show_fdinfo)(struct file *f, char *buf, size_t size);
};

struct file {
	u32 refcount;
	u32 flags;			/* O_* status flags, without creation flags */
	u32 mode;			/* enum fmode */
	u32 pad;
	loff_t pos;
	struct path path;
	struct inode *inode;		/* path.dentry->inode, for short */
	const struct file_ops *ops;
	void *priv;
	struct mutex pos_lock;
	struct cred *cred;		/* opener's */
	struct list_head epoll_items;	/* fs/epoll.c */
	struct fasync *async;		/* O_ASYNC; fs/fasync.h */
	/* O_ASYNC owner */
	pid_t owner;			/* > 0 pid, < 0 -pgid */
	int owner_type;
	int sig;
	u32 seen_version;		/* readdir, fs use */
	u64 ra_next;			/* read-ahead state */
};
enum fmode { FMODE_READ = 1, FMODE_WRITE = 2, FMODE_PATH = 4, FMODE_EXEC = 8, FMODE_LSEEK = 16,
	     FMODE_STREAM = 32 /* no position: pipes, ttys */,
	     FMODE_CREATED = 64 /* this open made the file */,
	     FMODE_UNMOUNT = 128 /* O_PATH file that owns a detached mount */ };

static inline struct file *file_get(struct file *f) { f->refcount++; return f; }
void file_put(struct file *f);
/* A file over an anonymous inode (eventfd, epoll, ...). name as Linux has it:
 * "[eventfd]", "[eventpoll]", "inotify"; readlink shows "anon_inode:" before it.
 * priv is the caller's until success. flags: O_RDWR, O_NONBLOCK. ERR_PTR on failure. */
struct file *file_anon(const char *name, const struct file_ops *ops, void *priv, u32 flags)
	__must_check;
/* A file over an inode of any superblock (pipes, memfd, pty); consumes the
 * inode reference, also on failure. */
struct file *file_from_inode(struct inode *inode, const char *name, u32 flags,
			     const struct file_ops *ops) __must_check;
/* Opens by kernel path text for the kernel's own use (exec, boot). ERR_PTR. */
struct file *file_open(const char *path, u32 flags, mode_t mode) __must_check;
/* Opens a path already resolved. Does not consume the references. */
struct file *file_open_path(const struct path *path, u32 flags) __must_check;
/* For execve: resolves (dfd, name, at_flags), checks execute permission,
 * regular file and noexec; opens for reading and denies writers. ERR_PTR. */
struct file *file_open_exec(int dfd, const char *name, int at_flags) __must_check;
void file_allow_write(struct file *f);	/* ends the denial when the program is gone */
/* Reads into kernel memory at pos; bytes or -errno. */
ssize_t file_read_kernel(struct file *f, void *buf, size_t size, loff_t pos) __must_check;
ssize_t file_write_kernel(struct file *f, const void *buf, size_t size, loff_t pos) __must_check;

/* Generic operations for mapping-backed regular files. */
ssize_t file_read_mapping(struct file *f, struct uio *uio, loff_t *pos);
ssize_t file_write_mapping(struct file *f, struct uio *uio, loff_t *pos);
int file_mmap_mapping(struct file *f, struct vma *vma);
loff_t file_llseek_generic(struct file *f, loff_t off, int whence);
int file_fsync_mapping(struct file *f, loff_t start, loff_t end, bool datasync);
/* Directories whose position is an opaque number: SEEK_SET and SEEK_CUR. */
loff_t file_llseek_dir(struct file *f, loff_t off, int whence);

/* ---- descriptor tables ---- */

struct files;
struct files *files_get(struct files *files);
void files_put(struct files *files);		/* closes all with the last reference */
struct files *files_dup(struct files *files) __must_check;	/* fork; ERR_PTR */
struct files *files_new(void) __must_check;
void files_close_on_exec(struct files *files);
/* The file at fd of current with a new reference, or NULL (-EBADF). O_PATH
 * files only from fd_get_path_ok. */
struct file *fd_get(int fd) __must_check;
struct file *fd_get_path_ok(int fd) __must_check;
/* The same for another table (procfs). */
struct file *files_lookup(struct files *files, u32 fd) __must_check;
/* First fd in use >= fd, or -1. */
int files_next(struct files *files, u32 fd);
/* Reserves the lowest free descriptor >= min (RLIMIT_NOFILE: -EMFILE). */
int fd_reserve(u32 min, bool cloexec) __must_check;
void fd_unreserve(int fd);
void fd_install(int fd, struct file *f);	/* consumes the reference */
/* reserve + install; consumes f also on failure. */
int fd_install_new(struct file *f, bool cloexec) __must_check;
int fd_close(int fd);
int fd_cloexec(int fd);		/* 0, 1 or -EBADF */

/* ---- fs context ---- */

struct fs_context {
	u32 refcount;
	mode_t umask;
	struct path root, cwd;
	struct mount_ns *ns;
};
struct fs_context *fs_context_dup(struct fs_context *fs) __must_check;	/* NULL: no memory */
struct fs_context *fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);

/* ---- poll ---- */

/* Files call poll_wait for each queue that can change their events. */
struct poll_table {
	void (*queue)(struct poll_table *pt, struct file *f, struct waitqueue *wq);
};
static inline void poll_wait(struct poll_table *pt, struct file *f, struct waitqueue *wq)
{
	if (pt && pt->queue)
		pt->queue(pt, f, wq);
}
static inline u32 file_poll(struct file *f, struct poll_table *pt)
{
	return f->ops->poll ? f->ops->poll(f, pt) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* ---- device numbers ---- */

/* Character devices: open is called with f->ops set to these ops. */
int chrdev_register(dev_t dev, u32 minors, const struct file_ops *ops, const char *name)
	__must_check;
const struct file_ops *chrdev_find(dev_t dev);
/* The nr-th registration's name and major number, or NULL (/proc/devices). */
const char *chrdev_nth(u32 nr, u32 *major);

/* ---- notification (fs/inotify.c) ----
 * mask has one IN_* event (abi/inotify.h), with IN_ISDIR when the object is a
 * directory. Watches of `inode` (NULL: none) get it without a name, watches of
 * `dir` (NULL: none) with `name`. The VFS makes the calls: events of names
 * (IN_CREATE, IN_DELETE, IN_MOVED_*) go to dir only, events of the object
 * itself (IN_OPEN, IN_MODIFY, ...) to both, IN_*_SELF to inode only.
 * fsnotify_inode_gone: only watches hold the inode, and it has no name left:
 * sends IN_DELETE_SELF and drops them. */
void fsnotify(struct inode *inode, u32 mask, struct inode *dir, const struct qstr *name,
	      u32 cookie);
void fsnotify_inode_gone(struct inode *inode);

/* Objects in existence (/proc/sys/fs, leak checks). */
struct vfs_stats {
	u64 files, inodes, dentries, dentries_unused;
};
extern struct vfs_stats vfs_stats;

/* Once at boot: caches, rootfs (tmpfs) mounted as "/" of the first fs_context. */
void vfs_init(void);
/* The first fs_context (root = cwd = rootfs root), a new reference. */
struct fs_context *fs_context_initial(void);

#endif
