// SPDX-License-Identifier: MIT
/*
 * Making and removing names: mkdir, mknod, symlink, link, unlink, rmdir.
 *
 * All follow one pattern: walk to the parent, lock its inode, find the last
 * component, check, let the file system act, update the name cache, tell the
 * watchers. Removing takes the victim's lock too, so that nothing is created
 * in a directory while it goes.
 */
#include "abi/inotify.h"
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"

/* Every object of the file system that a call made. */
static void made(struct walk *w, struct dentry *d, struct inode *inode)
{
	struct inode *dir = w->path.dentry->inode;

	dentry_instantiate(d, inode);
	fsnotify(inode, S_ISDIR(inode->mode) ? IN_CREATE | IN_ISDIR : IN_CREATE, dir, &w->last, 0);
}

static int make_dir(struct walk *w, struct dentry *d, mode_t mode)
{
	struct inode *dir = w->path.dentry->inode, *inode;
	struct iattr attr;
	int err = may_create(dir);

	if (!err && !dir->ops->mkdir)
		err = -EPERM;
	if (err)
		return err;
	inode_init_attr(dir, S_IFDIR | (mode & (S_IRWXUGO | S_ISVTX) & ~current_fs()->umask),
			&attr);
	attr.mode &= S_IALLUGO;
	err = dir->ops->mkdir(dir, &w->last, &attr, &inode);
	if (!err)
		made(w, d, inode);
	return err;
}

static int make_node(struct walk *w, struct dentry *d, mode_t mode, dev_t dev)
{
	struct inode *dir = w->path.dentry->inode, *inode;
	struct iattr attr;
	int err = may_create(dir);

	if (err)
		return err;
	/* Character device 0:0 is an overlay's whiteout: anyone may make one. */
	if (((S_ISCHR(mode) && dev) || S_ISBLK(mode)) && !capable(CAP_MKNOD))
		return -EPERM;
	inode_init_attr(dir, mode & ~(current_fs()->umask & S_IRWXUGO), &attr);
	if (S_ISREG(mode)) {
		if (!dir->ops->create)
			return -EACCES;
		attr.mode &= S_IALLUGO;
		err = dir->ops->create(dir, &w->last, &attr, &inode);
	} else {
		if (!dir->ops->mknod)
			return -EPERM;
		err = dir->ops->mknod(dir, &w->last, &attr, dev, &inode);
	}
	if (!err)
		made(w, d, inode);
	return err;
}

static int make_symlink(struct walk *w, struct dentry *d, const char *target)
{
	struct inode *dir = w->path.dentry->inode, *inode;
	struct iattr attr;
	int err = may_create(dir);

	if (!err && !dir->ops->symlink)
		err = -EPERM;
	if (err)
		return err;
	inode_init_attr(dir, S_IFLNK | S_IRWXUGO, &attr);
	attr.mode &= S_IALLUGO;
	err = dir->ops->symlink(dir, &w->last, &attr, target, &inode);
	if (!err)
		made(w, d, inode);
	return err;
}

/* ---- mkdir, mknod, symlink ---- */

struct make {
	mode_t mode;		/* with type bits */
	dev_t dev;
	const char *target;
};

static int make_at(int dfd, const char *name, const struct make *mk)
{
	struct walk w;
	struct dentry *d;
	int err = walk_to_parent(&w, dfd, name, 0);

	if (err)
		return err;
	err = create_begin(&w, S_ISDIR(mk->mode), &d);
	if (!err) {
		if (S_ISDIR(mk->mode))
			err = make_dir(&w, d, mk->mode);
		else if (S_ISLNK(mk->mode))
			err = make_symlink(&w, d, mk->target);
		else
			err = make_node(&w, d, mk->mode, mk->dev);
		create_end(&w, d);
	}
	walk_end(&w);
	return err;
}

static s64 make_user(int dfd, uaddr_t uname, const struct make *mk)
{
	char *name = getname(uname, false);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = make_at(dfd, name, mk);
	path_buf_put(name);
	return err;
}

SYSCALL_DEFINE2(mkdir, uaddr_t, name, mode_t, mode)
{
	struct make mk = { .mode = S_IFDIR | (mode & S_IALLUGO) };

	return make_user(AT_FDCWD, name, &mk);
}

SYSCALL_DEFINE3(mkdirat, int, dfd, uaddr_t, name, mode_t, mode)
{
	struct make mk = { .mode = S_IFDIR | (mode & S_IALLUGO) };

	return make_user(dfd, name, &mk);
}

static s64 do_mknod(int dfd, uaddr_t name, mode_t mode, u32 dev)
{
	struct make mk = { .mode = mode, .dev = dev };

	switch (mode & S_IFMT) {
	case 0:
		mk.mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return make_user(dfd, name, &mk);
}

SYSCALL_DEFINE3(mknod, uaddr_t, name, mode_t, mode, u32, dev)
{
	return do_mknod(AT_FDCWD, name, mode, dev);
}

SYSCALL_DEFINE4(mknodat, int, dfd, uaddr_t, name, mode_t, mode, u32, dev)
{
	return do_mknod(dfd, name, mode, dev);
}

static s64 do_symlink(uaddr_t utarget, int dfd, uaddr_t name)
{
	struct make mk = { .mode = S_IFLNK };
	char *target = getname(utarget, false);
	s64 ret;

	if (IS_ERR(target))
		return PTR_ERR(target);
	mk.target = target;
	ret = make_user(dfd, name, &mk);
	path_buf_put(target);
	return ret;
}

SYSCALL_DEFINE2(symlink, uaddr_t, target, uaddr_t, name)
{
	return do_symlink(target, AT_FDCWD, name);
}

SYSCALL_DEFINE3(symlinkat, uaddr_t, target, int, dfd, uaddr_t, name)
{
	return do_symlink(target, dfd, name);
}

/* ---- link ---- */

/* fs.protected_hardlinks=1: a link to somebody else's file needs the right to
 * read and write it, and must not preserve a set-id program. */
static int may_link_source(struct inode *inode)
{
	const mode_t sgid = S_ISGID | S_IXGRP;

	if (inode_owner_or_capable(inode))
		return 0;
	if (!S_ISREG(inode->mode) || (inode->mode & S_ISUID) || (inode->mode & sgid) == sgid ||
	    inode_permission(inode, MAY_READ | MAY_WRITE))
		return -EPERM;
	return 0;
}

static int may_link(const struct path *old)
{
	struct inode *inode = old->dentry->inode;

	if (S_ISDIR(inode->mode))
		return -EPERM;
	if (!inode->nlink && !(inode->state & INODE_LINKABLE))
		return -ENOENT;
	return 0;
}

static int link_path(const struct path *old, int dfd, const char *name)
{
	struct inode *inode = old->dentry->inode, *dir;
	struct walk w;
	struct dentry *d;
	int err = walk_to_parent(&w, dfd, name, 0);

	if (err)
		return err;
	err = create_begin(&w, false, &d);
	if (err)
		goto out;
	dir = w.path.dentry->inode;
	err = -EXDEV;
	if (w.path.mnt == old->mnt && dir->sb == inode->sb)
		err = may_link_source(inode);
	if (!err)
		err = may_create(dir);
	if (!err)
		err = may_link(old);
	if (!err && !dir->ops->link)
		err = -EPERM;
	if (!err) {
		mutex_lock(&inode->lock);
		err = dir->ops->link(dir, &w.last, inode);
		mutex_unlock(&inode->lock);
	}
	if (!err) {
		inode->state &= ~(u32)INODE_LINKABLE;
		fsnotify(inode, IN_ATTRIB, NULL, NULL, 0);
		made(&w, d, inode_get(inode));
	}
	create_end(&w, d);
out:
	walk_end(&w);
	return err;
}

/* linkat(fd, "", AT_EMPTY_PATH): for who opened it, with the same credentials,
 * or with CAP_DAC_READ_SEARCH. */
static int may_link_fd(int fd, uaddr_t name)
{
	struct file *f;
	u8 first = 0;
	int err;

	if (fd == AT_FDCWD || capable(CAP_DAC_READ_SEARCH) ||
	    (name && (get_user_u8(&first, name) || first)))
		return 0;
	f = fd_get_path_ok(fd);
	if (!f)
		return -EBADF;
	err = f->cred == current->cred ? 0 : -ENOENT;
	file_put(f);
	return err;
}

static s64 do_linkat(int odfd, uaddr_t uold, int ndfd, uaddr_t unew, u32 flags)
{
	u32 lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct path old;
	char *name;
	s64 err;

	if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = flags & AT_EMPTY_PATH ? may_link_fd(odfd, uold) : 0;
	if (!err)
		err = path_lookup_user(odfd, uold, lookup, &old);
	if (err)
		return err;
	name = getname(unew, false);
	err = PTR_ERR(name);
	if (!IS_ERR(name)) {
		err = link_path(&old, ndfd, name);
		path_buf_put(name);
	}
	path_put(&old);
	return err;
}

SYSCALL_DEFINE2(link, uaddr_t, old, uaddr_t, new)
{
	return do_linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SYSCALL_DEFINE5(linkat, int, odfd, uaddr_t, old, int, ndfd, uaddr_t, new, u32, flags)
{
	return do_linkat(odfd, old, ndfd, new, flags);
}

/* ---- unlink, rmdir ---- */

/* The victim's lock keeps creations out; both locks are held. */
static int remove_locked(struct walk *w, struct dentry *d, bool isdir)
{
	struct inode *dir = w->path.dentry->inode, *inode = d->inode;
	int err = may_delete(dir, d, isdir);

	if (err)
		return err;
	if (d->flags & DENTRY_MOUNTED)
		return -EBUSY;
	if (isdir) {
		err = dir->ops->rmdir ? dir->ops->rmdir(dir, &w->last, inode) : -EPERM;
		if (!err)
			inode->nlink = 0;
	} else {
		err = dir->ops->unlink ? dir->ops->unlink(dir, &w->last, inode) : -EPERM;
	}
	return err;
}

static int remove_name(struct walk *w, bool isdir)
{
	struct inode *dir = w->path.dentry->inode, *inode;
	struct dentry *d;
	int err = mount_want_write(&w->path);

	if (err)
		return err;
	mutex_lock(&dir->lock);
	err = dentry_lookup_locked(w->path.dentry, &w->last, &d);
	if (err)
		goto unlock;
	err = -ENOENT;
	if (!d->inode)
		goto put;
	err = -ENOTDIR;
	if (!isdir && w->trailing_slash) {
		if (S_ISDIR(d->inode->mode))
			err = -EISDIR;
		goto put;
	}
	inode = inode_get(d->inode);
	mutex_lock(&inode->lock);
	err = remove_locked(w, d, isdir);
	mutex_unlock(&inode->lock);
	if (!err) {
		if (isdir)
			dcache_shrink_tree(d);
		else
			fsnotify(inode, IN_ATTRIB, NULL, NULL, 0);
		fsnotify(inode, isdir ? IN_DELETE | IN_ISDIR : IN_DELETE, dir, &w->last, 0);
		dentry_delete(d);
	}
	mutex_unlock(&dir->lock);
	dentry_put(d);
	inode_put(inode);	/* the file may be freed here, the directory unlocked */
	return err;
put:
	dentry_put(d);
unlock:
	mutex_unlock(&dir->lock);
	return err;
}

static s64 do_remove(int dfd, uaddr_t uname, bool isdir)
{
	static const int bad_dir[] = { [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY,
				       [LAST_ROOT] = -EBUSY };
	char *name = getname(uname, false);
	struct walk w;
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = walk_to_parent(&w, dfd, name, 0);
	if (!err) {
		if (w.last_type != LAST_NORM)
			err = isdir ? bad_dir[w.last_type] : -EISDIR;
		else
			err = remove_name(&w, isdir);
		walk_end(&w);
	}
	path_buf_put(name);
	return err;
}

SYSCALL_DEFINE1(unlink, uaddr_t, name)
{
	return do_remove(AT_FDCWD, name, false);
}

SYSCALL_DEFINE1(rmdir, uaddr_t, name)
{
	return do_remove(AT_FDCWD, name, true);
}

SYSCALL_DEFINE3(unlinkat, int, dfd, uaddr_t, name, u32, flags)
{
	if (flags & ~(u32)AT_REMOVEDIR)
		return -EINVAL;
	return do_remove(dfd, name, flags & AT_REMOVEDIR);
}

/* ---- the kernel's own ---- */

int vfs_symlink_path(const char *target, const char *path)
{
	struct make mk = { .mode = S_IFLNK, .target = target };

	return make_at(AT_FDCWD, path, &mk);
}

int vfs_mknod_path(const char *path, mode_t mode, dev_t dev)
{
	struct make mk = { .mode = mode, .dev = dev };
	mode_t umask = current_fs()->umask;
	int err;

	if (!(mode & S_IFMT))
		mk.mode |= S_IFREG;
	current_fs()->umask = 0;
	err = make_at(AT_FDCWD, path, &mk);
	current_fs()->umask = umask;
	return err;
}

/* A directory that is there already is no error when parents are wanted. */
static int mkdir_text(char *path, mode_t mode, bool parents)
{
	struct make mk = { .mode = S_IFDIR | mode };
	struct make up = { .mode = S_IFDIR | 0755 };
	int err = 0;

	for (char *p = path + 1; parents && *p && (!err || err == -EEXIST); p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		err = make_at(AT_FDCWD, path, &up);
		*p = '/';
	}
	if (err && err != -EEXIST)
		return err;
	err = make_at(AT_FDCWD, path, &mk);
	return parents && err == -EEXIST ? 0 : err;
}

int vfs_mkdir_path(const char *path, mode_t mode, bool parents)
{
	mode_t umask = current_fs()->umask;
	char *buf;
	int err;

	if (!*path || strlen(path) >= PATH_MAX)
		return *path ? -ENAMETOOLONG : -ENOENT;
	buf = path_buf_get();
	if (!buf)
		return -ENOMEM;
	strlcpy(buf, path, PATH_MAX);
	current_fs()->umask = 0;
	err = mkdir_text(buf, mode, parents);
	current_fs()->umask = umask;
	path_buf_put(buf);
	return err;
}
