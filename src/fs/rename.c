// SPDX-License-Identifier: MIT
/*
 * rename(2), renameat(2), renameat2(2).
 *
 * Locks: a rename between two directories holds the superblock's rename_lock,
 * so the shape of the tree stays put; then both parents, an ancestor first,
 * else the lower address; then the inode that is replaced. Where one of the
 * two names lies above the other the rename is refused, so nothing is cut off.
 *
 * Not supported: RENAME_WHITEOUT (EINVAL, as on a file system without it).
 */
#include "abi/inotify.h"
#include "fs/internal.h"
#include "kernel/syscall.h"

struct renaming {
	struct walk from, to;
	struct dentry *d_from, *d_to;
	u32 flags;
};

static void lock_dirs(struct dentry *a, struct dentry *b)
{
	struct dentry *first = a, *second = b;

	if (a->inode == b->inode) {
		mutex_lock(&a->inode->lock);
		return;
	}
	mutex_lock(&a->inode->sb->rename_lock);
	if (dentry_is_below(a, b) || (!dentry_is_below(b, a) && b->inode < a->inode)) {
		first = b;
		second = a;
	}
	mutex_lock(&first->inode->lock);
	mutex_lock(&second->inode->lock);
}

static void unlock_dirs(struct dentry *a, struct dentry *b)
{
	mutex_unlock(&a->inode->lock);
	if (a->inode == b->inode)
		return;
	mutex_unlock(&b->inode->lock);
	mutex_unlock(&a->inode->sb->rename_lock);
}

/* Rules on the two names alone; both directories are locked. */
static int check_names(const struct renaming *r)
{
	const struct inode *from = r->d_from->inode, *to = r->d_to->inode;
	bool exchange = r->flags & RENAME_EXCHANGE;

	if (!from)
		return -ENOENT;
	if ((r->flags & RENAME_NOREPLACE) && to)
		return -EEXIST;
	if (exchange) {
		if (!to)
			return -ENOENT;
		if (!S_ISDIR(to->mode) && r->to.trailing_slash)
			return -ENOTDIR;
	}
	if (!S_ISDIR(from->mode) &&
	    (r->from.trailing_slash || (!exchange && r->to.trailing_slash)))
		return -ENOTDIR;
	if (dentry_is_below(r->to.path.dentry, r->d_from))
		return -EINVAL;
	if (to && dentry_is_below(r->from.path.dentry, r->d_to))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int check_permission(const struct renaming *r)
{
	struct inode *old_dir = r->from.path.dentry->inode, *new_dir = r->to.path.dentry->inode;
	struct inode *from = r->d_from->inode, *to = r->d_to->inode;
	bool isdir = S_ISDIR(from->mode), exchange = r->flags & RENAME_EXCHANGE;
	int err = may_delete(old_dir, r->d_from, isdir);

	if (!err && !to)
		err = may_create(new_dir);
	else if (!err)
		err = may_delete(new_dir, r->d_to, exchange ? S_ISDIR(to->mode) : isdir);
	if (err)
		return err;
	if (!old_dir->ops->rename)
		return -EPERM;
	if (old_dir != new_dir) {
		/* Its ".." changes. */
		if (isdir)
			err = inode_permission(from, MAY_WRITE);
		if (!err && exchange && S_ISDIR(to->mode))
			err = inode_permission(to, MAY_WRITE);
		if (err)
			return err;
	}
	if ((r->d_from->flags | r->d_to->flags) & DENTRY_MOUNTED)
		return -EBUSY;
	return 0;
}

static void notify_rename(const struct renaming *r, struct inode *from, struct inode *to)
{
	static u32 cookie;
	struct inode *old_dir = r->from.path.dentry->inode, *new_dir = r->to.path.dentry->inode;
	u32 isdir = S_ISDIR(from->mode) ? IN_ISDIR : 0;

	cookie++;
	fsnotify(from, IN_MOVED_FROM | isdir, old_dir, &r->from.last, cookie);
	fsnotify(from, IN_MOVED_TO | isdir, new_dir, &r->to.last, cookie);
	if (to && !(r->flags & RENAME_EXCHANGE))
		fsnotify(to, IN_ATTRIB, NULL, NULL, 0);
	fsnotify(from, IN_MOVE_SELF, NULL, NULL, 0);
	if (!to || !(r->flags & RENAME_EXCHANGE))
		return;
	isdir = S_ISDIR(to->mode) ? IN_ISDIR : 0;
	cookie++;
	fsnotify(to, IN_MOVED_FROM | isdir, new_dir, &r->to.last, cookie);
	fsnotify(to, IN_MOVED_TO | isdir, old_dir, &r->from.last, cookie);
	fsnotify(to, IN_MOVE_SELF, NULL, NULL, 0);
}

static int rename_locked(struct renaming *r)
{
	struct inode *old_dir = r->from.path.dentry->inode, *new_dir = r->to.path.dentry->inode;
	struct inode *from = r->d_from->inode, *to;
	int err = check_names(r);

	if (err)
		return err;
	to = r->d_to->inode;
	if (from == to)
		return 0;	/* two links to one file: nothing to do, says POSIX */
	err = check_permission(r);
	if (err)
		return err;
	if (to) {
		inode_get(to);
		mutex_lock(&to->lock);
	}
	err = old_dir->ops->rename(old_dir, &r->from.last, from, new_dir, &r->to.last, to,
				   r->flags);
	if (!err && to && S_ISDIR(to->mode) && !(r->flags & RENAME_EXCHANGE))
		to->nlink = 0;
	if (to)
		mutex_unlock(&to->lock);
	if (!err) {
		if (to && S_ISDIR(to->mode) && !(r->flags & RENAME_EXCHANGE))
			dcache_shrink_tree(r->d_to);
		dentry_move(r->d_from, r->d_to, r->flags & RENAME_EXCHANGE);
		notify_rename(r, from, to);
	}
	if (to)
		inode_put(to);
	return err;
}

static int rename_walked(struct renaming *r)
{
	int err;

	if (r->from.path.mnt != r->to.path.mnt)
		return -EXDEV;
	if (r->from.last_type != LAST_NORM)
		return -EBUSY;
	if (r->to.last_type != LAST_NORM)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	err = mount_want_write(&r->from.path);
	if (err)
		return err;
	lock_dirs(r->from.path.dentry, r->to.path.dentry);
	err = dentry_lookup_locked(r->from.path.dentry, &r->from.last, &r->d_from);
	if (!err)
		err = dentry_lookup_locked(r->to.path.dentry, &r->to.last, &r->d_to);
	if (!err)
		err = rename_locked(r);
	unlock_dirs(r->from.path.dentry, r->to.path.dentry);
	if (r->d_from)
		dentry_put(r->d_from);
	if (r->d_to)
		dentry_put(r->d_to);
	return err;
}

static s64 do_rename(int odfd, uaddr_t uold, int ndfd, uaddr_t unew, u32 flags)
{
	struct renaming r = { .flags = flags };
	char *old, *new;
	int err;

	if (flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if ((flags & RENAME_NOREPLACE) && (flags & RENAME_EXCHANGE))
		return -EINVAL;
	old = getname(uold, false);
	if (IS_ERR(old))
		return PTR_ERR(old);
	err = walk_to_parent(&r.from, odfd, old, 0);
	if (err)
		goto free_old;
	/* Linux finds fault with the new name only after the old one's walk. */
	new = getname(unew, false);
	err = (int)PTR_ERR(new);
	if (IS_ERR(new))
		goto end_from;
	err = walk_to_parent(&r.to, ndfd, new, 0);
	if (!err) {
		err = rename_walked(&r);
		walk_end(&r.to);
	}
	path_buf_put(new);
end_from:
	walk_end(&r.from);
free_old:
	path_buf_put(old);
	return err;
}

SYSCALL_DEFINE2(rename, uaddr_t, old, uaddr_t, new)
{
	return do_rename(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SYSCALL_DEFINE4(renameat, int, odfd, uaddr_t, old, int, ndfd, uaddr_t, new)
{
	return do_rename(odfd, old, ndfd, new, 0);
}

SYSCALL_DEFINE5(renameat2, int, odfd, uaddr_t, old, int, ndfd, uaddr_t, new, u32, flags)
{
	return do_rename(odfd, old, ndfd, new, flags);
}
