/* SPDX-License-Identifier: MIT */
/*
 * Mounts and mount namespaces.
 *
 *   struct mount      a superblock's subtree at a place; counted by the paths
 *                     that name it, by its children, and 1 while attached
 *   struct mount_ns   a tree of mounts; counted by the fs_contexts (and
 *                     namespace files) that use it
 *
 * A mount belongs to exactly one namespace while attached; bind mounts and
 * CLONE_NEWNS copy mounts. Mounts over mounts stack: a lookup ends at the
 * topmost. All under the kernel lock.
 */
#ifndef HYLA_FS_MOUNT_H
#define HYLA_FS_MOUNT_H

#include "abi/mount.h"
#include "fs/vfs.h"
#include "lib/list.h"
#include "lib/types.h"

enum mnt_flag {
	MNT_RDONLY = 1 << 0, MNT_NOSUID = 1 << 1, MNT_NODEV = 1 << 2, MNT_NOEXEC = 1 << 3,
	MNT_NOATIME = 1 << 4, MNT_NODIRATIME = 1 << 5, MNT_RELATIME = 1 << 6,
	MNT_NOSYMFOLLOW = 1 << 7,
	MNT_UNBINDABLE = 1 << 16,
	MNT_EXPIRY_MARK = 1 << 17,
	MNT_OWNED = 1 << 18,	/* detached, and goes with the file of fsmount or open_tree */
};
#define MNT_USER_MASK 0xffu	/* what mount(2) and mount_setattr(2) change */

struct mount {
	u32 refcount;
	u32 flags;			/* enum mnt_flag */
	int id;				/* mountinfo field 1, statx.mnt_id */
	u32 writers;			/* files open for writing through it */
	struct superblock *sb;
	struct dentry *root;		/* reference */
	struct mount *parent;		/* reference; NULL: a root, or detached */
	struct dentry *mountpoint;	/* reference; in parent; NULL with parent */
	struct mount_ns *ns;		/* NULL: detached */
	struct list_head children, sibling;
	struct list_head ns_link;	/* ns->mounts, in mountinfo order */
	struct list_head hash_link;
	char *source;			/* kmalloc'ed, or NULL: "none" */
};

struct mount_ns {
	u32 refcount;
	u32 count;
	u64 id;				/* inode number of /proc/PID/ns/mnt */
	u64 event;			/* bumped by each change: pollers of mountinfo */
	struct waitqueue poll_wq;
	struct mount *root;
	struct list_head mounts;	/* struct mount.ns_link */
};

static inline struct mount *mount_get(struct mount *m) { if (m) m->refcount++; return m; }
void mount_put(struct mount *m);
static inline struct mount_ns *mount_ns_get(struct mount_ns *ns) { ns->refcount++; return ns; }
void mount_ns_put(struct mount_ns *ns);

/* CLONE_NEWNS: gives fs (private to the caller, one user) a copy of its
 * namespace; root and cwd move to the copies of their mounts. 0 or -errno. */
int fs_context_unshare_ns(struct fs_context *fs) __must_check;

/* The topmost mount on this path's dentry as a new reference, or NULL. */
struct mount *mount_lookup(const struct path *p);
/* -EROFS when the path may not be written. */
int mount_want_write(const struct path *p) __must_check;
/* enum mnt_flag of a path; 0 without a mount. */
static inline u32 path_mnt_flags(const struct path *p) { return p->mnt ? p->mnt->flags : 0; }

bool mount_noexec(const struct path *p);
bool mount_nosuid(const struct path *p);

/*
 * Iteration for /proc/PID/mounts and mountinfo: the mount with the smallest
 * list position > *pos, with a reference, or NULL. Start with *pos = 0.
 * Positions stay good while mounts come and go.
 */
struct mount *mount_ns_next(struct mount_ns *ns, u64 *pos) __must_check;
/* Text helpers, as the files of /proc show them; the result length is cut to
 * size - 1. root: what is reachable (the reading task's fs->root). */
int mount_show_mounts(struct mount *m, const struct path *root, char *buf, size_t size);
int mount_show_mountinfo(struct mount *m, const struct path *root, char *buf, size_t size);
/* -1: not below root, so not shown. */

/* ---- superblocks (super.c) ---- */
struct superblock *sb_mount(const char *type, const char *source, const char *options,
			    u64 ms_flags) __must_check;	/* ERR_PTR; a reference */
static inline struct superblock *sb_get(struct superblock *sb) { sb->refcount++; return sb; }
void sb_put(struct superblock *sb);
const struct fs_type *fs_type_find(const char *name);
/* The nr-th registered type, or NULL (/proc/filesystems, sysfs(2)). */
const struct fs_type *fs_type_nth(u32 nr);
extern struct list_head superblocks;	/* struct superblock.link */

/* ---- between mount.c and the system calls (mountcall.c, mountfd.c) ---- */
struct mount *mount_create(struct superblock *sb, struct dentry *root, const char *source,
			   u32 flags) __must_check;
/* Copies m so that `root` is the top, detached; its subtree with COPY_REC. ERR_PTR. */
#define COPY_REC 1u
#define COPY_UNBINDABLE 2u
struct mount *mount_copy_tree(struct mount *m, struct dentry *root, u32 flags) __must_check;
/* Grafts a detached tree at *where (already the topmost place). */
int mount_attach(struct mount *m, const struct path *where) __must_check;
/* Takes a subtree out of its namespace and drops it. */
void mount_detach_tree(struct mount *m);
/* Moves an attached or detached tree to *where. */
int mount_move(struct mount *m, const struct path *where) __must_check;
void mount_pivot(struct mount *old_root, struct mount *new_root, const struct path *put_old);
int mount_init(struct fs_context *fs, struct superblock *rootfs) __must_check;
bool mount_tree_busy(struct mount *m);
bool mount_is_below(const struct mount *m, const struct mount *top);
/* Depth-first successor of m inside top, or NULL. */
struct mount *mount_next_in_tree(struct mount *m, struct mount *top);
u32 mnt_flags_from_ms(u64 ms);
/* To the topmost of what is mounted on *p; -ENOENT where nothing can be mounted. */
int mount_point_top(struct path *p) __must_check;
/* The last reference to a file of fsmount or open_tree goes. */
void mount_file_release(struct file *f);
/* In current's namespace? */
bool mount_is_ours(const struct mount *m);
/* Is the path the root of its mount? */
static inline bool path_is_mount_root(const struct path *p)
{
	return p->mnt && p->mnt->root == p->dentry;
}
/* New user flags for one mount; -EBUSY for read-only with writers. */
int mount_change_flags(struct mount *m, u32 flags) __must_check;
/* The propagation type of m, or of its tree: MS_SHARED, ... */
void mount_change_type(struct mount *m, u64 ms_type, bool rec);
/* mount(MS_REMOUNT) of a superblock. */
int sb_reconfigure(struct superblock *sb, u32 sb_flags, const char *options) __must_check;

#endif
