// SPDX-License-Identifier: MIT
/*
 * mount(2), umount2(2), pivot_root(2), and mounting from inside the kernel.
 *
 * mount(2) is five calls in one, told apart by its flags in this order:
 * remount of one mount (MS_REMOUNT|MS_BIND), remount of a file system, bind,
 * change of propagation, move, new mount. All need CAP_SYS_ADMIN.
 *
 * Propagation types are accepted and, but for unbindable, without effect.
 */
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab.h"

#define MS_TYPES (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

bool mount_is_ours(const struct mount *m)
{
	return m && m->ns && m->ns == current_fs()->ns;
}

/* To the topmost of what is mounted on *p. */
static void to_top(struct path *p)
{
	struct mount *m;

	while ((m = mount_lookup(p))) {
		struct path up = { m, dentry_get(m->root) };

		path_put(p);
		*p = up;
	}
}

int mount_point_top(struct path *p)
{
	to_top(p);
	if (!p->mnt || !p->mnt->ns || !p->dentry->inode->nlink ||
	    (p->dentry->flags & DENTRY_UNHASHED))
		return -ENOENT;
	return 0;
}

int mount_change_flags(struct mount *m, u32 flags)
{
	if ((flags & MNT_RDONLY) && !(m->flags & MNT_RDONLY) && m->writers)
		return -EBUSY;
	m->flags = (m->flags & ~MNT_USER_MASK) | (flags & MNT_USER_MASK);
	return 0;
}

void mount_change_type(struct mount *top, u64 type, bool rec)
{
	for (struct mount *m = top; m; m = rec ? mount_next_in_tree(m, top) : NULL) {
		m->flags &= ~(u32)MNT_UNBINDABLE;
		if (type == MS_UNBINDABLE)
			m->flags |= MNT_UNBINDABLE;
	}
}

int sb_reconfigure(struct superblock *sb, u32 sb_flags, const char *options)
{
	struct inode *inode;
	int err;

	if ((sb_flags & SB_RDONLY) && !(sb->flags & SB_RDONLY)) {
		list_for_each_entry(inode, &sb->inodes, sb_link)
			if (inode->write_count || !inode->nlink)
				return -EBUSY;	/* to be written, or to be deleted */
		err = sb_sync(sb);
		if (err)
			return err;
	}
	if (sb->ops && sb->ops->remount && options && *options) {
		err = sb->ops->remount(sb, options);
		if (err)
			return err;
	}
	sb->flags = (sb->flags & ~(u32)SB_RDONLY) | (sb_flags & SB_RDONLY);
	return 0;
}

/* ---- the five kinds ---- */

static int do_remount(const struct path *path, u64 ms, const char *options)
{
	u32 flags = mnt_flags_from_ms(ms);
	const u32 atime = MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME;
	int err = 0;

	if (!path_is_mount_root(path) || !mount_is_ours(path->mnt))
		return -EINVAL;
	if (!(ms & (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)))
		flags = (flags & ~atime) | (path->mnt->flags & atime);
	if (!(ms & MS_BIND))
		err = sb_reconfigure(path->mnt->sb, ms & MS_RDONLY ? SB_RDONLY : 0, options);
	return err ? err : mount_change_flags(path->mnt, flags);
}

static int do_bind(struct path *where, const char *source, bool rec)
{
	struct path from;
	struct mount *m;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	err = mount_point_top(where);
	if (err)
		goto out;
	err = -EINVAL;
	if (!from.mnt || (from.mnt->flags & MNT_UNBINDABLE) || !mount_is_ours(where->mnt) ||
	    !from.mnt->ns)
		goto out;
	m = mount_copy_tree(from.mnt, from.dentry, rec ? COPY_REC : 0);
	err = (int)PTR_ERR(m);
	if (IS_ERR(m))
		goto out;
	err = mount_attach(m, where);
	if (err)
		mount_detach_tree(m);
out:
	path_put(&from);
	return err;
}

static int do_change_type(const struct path *path, u64 ms)
{
	u64 type = ms & MS_TYPES;

	if ((ms & ~(MS_TYPES | MS_REC | MS_SILENT)) || (type & (type - 1)))
		return -EINVAL;
	if (!path_is_mount_root(path) || !mount_is_ours(path->mnt))
		return -EINVAL;
	mount_change_type(path->mnt, type, ms & MS_REC);
	return 0;
}

static int do_move(struct path *where, const char *source)
{
	struct path from;
	int err;

	if (!source || !*source)
		return -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (err)
		return err;
	err = path_is_mount_root(&from) ? mount_point_top(where) : -EINVAL;
	if (!err && (!mount_is_ours(from.mnt) || !from.mnt->parent || !mount_is_ours(where->mnt)))
		err = -EINVAL;
	if (!err)
		err = mount_move(from.mnt, where);
	path_put(&from);
	return err;
}

static int do_new(struct path *where, const char *type, const char *source, u64 ms,
		  const char *options)
{
	struct superblock *sb;
	struct mount *m;
	int err = -EINVAL;

	if (!type)
		return -EINVAL;
	sb = sb_mount(type, source, options, ms);
	if (IS_ERR(sb))
		return (int)PTR_ERR(sb);
	m = mount_create(sb, sb->root, source, mnt_flags_from_ms(ms));
	sb_put(sb);
	if (!m)
		return -ENOMEM;
	err = mount_point_top(where);
	if (err)
		goto fail;
	err = -EINVAL;
	if (!mount_is_ours(where->mnt))
		goto fail;
	err = -EBUSY;	/* the same on top of itself */
	if (where->mnt->sb == m->sb && path_is_mount_root(where) && where->mnt->root == m->root)
		goto fail;
	err = mount_attach(m, where);
	if (!err)
		return 0;
fail:
	mount_detach_tree(m);
	return err;
}

static int do_mount(struct path *where, const char *source, const char *type, u64 ms,
		    const char *options)
{
	if ((ms & MS_MGC_MSK) == MS_MGC_VAL)
		ms &= ~MS_MGC_MSK;
	if (ms & MS_NOUSER)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (ms & MS_REMOUNT)
		return do_remount(where, ms, options);
	if (ms & MS_BIND)
		return do_bind(where, source, ms & MS_REC);
	if (ms & MS_TYPES)
		return do_change_type(where, ms);
	if (ms & MS_MOVE)
		return do_move(where, source);
	return do_new(where, type, source, ms, options);
}

/* ---- system calls ---- */

/* An optional string; NULL stays NULL. */
static char *optional_string(uaddr_t p)
{
	char *s;

	if (!p)
		return NULL;
	s = getname(p, true);
	return IS_ERR(s) && PTR_ERR(s) == -ENAMETOOLONG ? ERR_PTR(-EINVAL) : s;
}

/* Options: as much of a page as can be read. */
static char *options_page(uaddr_t p)
{
	char *s;
	size_t n;

	if (!p)
		return NULL;
	s = path_buf_get();
	if (!s)
		return ERR_PTR(-ENOMEM);
	n = copyin_partial(s, p, PAGE_SIZE - 1);
	s[n] = '\0';
	if (n)
		return s;
	path_buf_put(s);
	return ERR_PTR(-EFAULT);
}

static void put_string(char *s)
{
	if (!IS_ERR_OR_NULL(s))
		path_buf_put(s);
}

SYSCALL_DEFINE5(mount, uaddr_t, usource, uaddr_t, utarget, uaddr_t, utype, u64, flags, uaddr_t,
		udata)
{
	char *type = optional_string(utype), *source = optional_string(usource);
	char *options = options_page(udata);
	struct path where;
	s64 err = 0;

	if (IS_ERR(type))
		err = PTR_ERR(type);
	else if (IS_ERR(source))
		err = PTR_ERR(source);
	else if (IS_ERR(options))
		err = PTR_ERR(options);
	else
		err = path_lookup_user(AT_FDCWD, utarget, LOOKUP_FOLLOW, &where);
	if (!err) {
		err = do_mount(&where, source, type, flags, options);
		path_put(&where);
	}
	put_string(type);
	put_string(source);
	put_string(options);
	return err;
}

static int do_umount(const struct path *path, u32 flags)
{
	struct mount *m = path->mnt;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!path_is_mount_root(path) || !mount_is_ours(m))
		return -EINVAL;
	if ((flags & MNT_EXPIRE) &&
	    (m == current_fs()->root.mnt || (flags & (MNT_FORCE | MNT_DETACH))))
		return -EINVAL;
	/* One's own root can only be made read-only, or detached. */
	if (m == current_fs()->root.mnt && !(flags & MNT_DETACH))
		return sb_reconfigure(m->sb, SB_RDONLY, NULL);
	if (!m->parent)
		return -EINVAL;
	if (!(flags & MNT_DETACH) && mount_tree_busy(m))
		return -EBUSY;
	if ((flags & MNT_EXPIRE) && !(m->flags & MNT_EXPIRY_MARK)) {
		m->flags |= MNT_EXPIRY_MARK;
		return -EAGAIN;
	}
	mount_detach_tree(m);
	return 0;
}

SYSCALL_DEFINE2(umount2, uaddr_t, name, u32, flags)
{
	struct path path;
	int err;

	if (flags & ~(u32)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, name, LOOKUP_MOUNTPOINT |
			       (flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW), &path);
	if (err)
		return err;
	to_top(&path);		/* "/" and "." may be mounted over */
	err = do_umount(&path, flags);
	path_put(&path);
	return err;
}

static bool reachable(const struct path *p, const struct path *root)
{
	struct mount *m = p->mnt;
	struct dentry *d = p->dentry;

	while (m && m != root->mnt) {
		d = m->mountpoint;
		m = m->parent;
	}
	return m && d && dentry_is_below(d, root->dentry);
}

/* Everybody whose root or cwd was the old root goes to the new one. */
static void move_roots(const struct path *old, const struct path *new)
{
	struct process *p;
	struct task *t;
	bool again;

	do {	/* dropping a path may sleep, and the lists change */
		again = false;
		list_for_each_entry(p, &process_list, all_link) {
			list_for_each_entry(t, &p->threads, thread_link) {
				struct fs_context *fs = t->fs;

				if (!fs)
					continue;
				again = path_equal(&fs->root, old) || path_equal(&fs->cwd, old);
				if (path_equal(&fs->root, old))
					fs_set_root(fs, path_get(*new));
				else if (again)
					fs_set_cwd(fs, path_get(*new));
				if (again)
					break;
			}
			if (again)
				break;
		}
	} while (again);
}

static int do_pivot(const struct path *new, struct path *put_old)
{
	struct path root = path_get(current_fs()->root);
	int err = mount_point_top(put_old);

	if (err)
		goto out;
	err = -EINVAL;
	if (!mount_is_ours(root.mnt) || !mount_is_ours(new->mnt) || !mount_is_ours(put_old->mnt))
		goto out;
	err = -ENOENT;
	if (new->dentry->flags & DENTRY_UNHASHED)
		goto out;
	err = -EBUSY;
	if (new->mnt == root.mnt || put_old->mnt == root.mnt)
		goto out;
	err = -EINVAL;
	if (!path_is_mount_root(&root) || !root.mnt->parent || !path_is_mount_root(new) ||
	    !new->mnt->parent || !reachable(put_old, new) || !reachable(new, &root))
		goto out;
	mount_pivot(root.mnt, new->mnt, put_old);
	move_roots(&root, new);
	err = 0;
out:
	path_put(&root);
	return err;
}

SYSCALL_DEFINE2(pivot_root, uaddr_t, unew, uaddr_t, uold)
{
	struct path new, old;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = path_lookup_user(AT_FDCWD, unew, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &new);
	if (err)
		return err;
	err = path_lookup_user(AT_FDCWD, uold, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
	if (!err) {
		err = do_pivot(&new, &old);
		path_put(&old);
	}
	path_put(&new);
	return err;
}

/* ---- the kernel's own ---- */

int vfs_mount(const char *type, const char *source, const char *target, u64 ms_flags,
	      const char *options)
{
	struct path where;
	int err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, &where);

	if (err)
		return err;
	if (ms_flags & MS_BIND)
		err = do_bind(&where, source, ms_flags & MS_REC);
	else
		err = do_new(&where, type, source, ms_flags, options);
	path_put(&where);
	return err;
}
