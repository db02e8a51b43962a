// SPDX-License-Identifier: MIT
/*
 * Extended attributes: the twelve calls of xattr(7).
 *
 * Who may: user.* as the file's mode says, on files and directories only;
 * trusted.* with CAP_SYS_ADMIN; security.* to read freely, to write with
 * CAP_SYS_ADMIN (security.capability: CAP_SETFCAP). system.posix_acl_* and
 * other name spaces are EOPNOTSUPP. File capabilities are stored but have no
 * effect at execve.
 *
 * Values pass through a kernel buffer of at most XATTR_SIZE_MAX bytes.
 */
#include "abi/inotify.h"
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab.h"

enum access { GET, SET, REMOVE };

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static int check_user(struct inode *inode, enum access access)
{
	if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
		return access == GET ? -ENODATA : -EPERM;
	/* In a sticky directory only its owner may write them. */
	if (access != GET && S_ISDIR(inode->mode) && (inode->mode & S_ISVTX) &&
	    !inode_owner_or_capable(inode))
		return -EPERM;
	return inode_permission(inode, access == GET ? MAY_READ : MAY_WRITE);
}

static int check_access(struct inode *inode, const char *name, enum access access)
{
	int err = 0;

	if (has_prefix(name, "user."))
		return check_user(inode, access);
	if (has_prefix(name, "trusted.")) {
		if (capable(CAP_SYS_ADMIN))
			return 0;
		return access == GET ? -ENODATA : -EPERM;
	}
	if (has_prefix(name, "security.")) {
		if (access == GET)
			return 0;
		if (!strcmp(name, "security.capability"))
			return capable(CAP_SETFCAP) ? 0 : -EPERM;
		return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
	}
	if (!has_prefix(name, "system."))
		err = inode_permission(inode, access == GET ? MAY_READ : MAY_WRITE);
	return err ? err : -EOPNOTSUPP;
}

static int check_name(struct inode *inode, const char *name, enum access access)
{
	int err = check_access(inode, name, access);

	/* A prefix with nothing behind it. */
	return !err && !strchr(name, '.')[1] ? -EINVAL : err;
}

static int get_name(char *name, uaddr_t p)
{
	ssize_t len = copyin_str(name, p, XATTR_NAME_MAX + 1);

	if (len == -ENAMETOOLONG || !len)
		return -ERANGE;
	return len < 0 ? (int)len : 0;
}

/* Where a call works: a path, or a descriptor's path. */
struct where {
	int fd;			/* -1: by name */
	uaddr_t name;
	u32 lookup;
};

static int resolve(const struct where *w, struct path *path)
{
	struct file *f;

	if (w->fd < 0 && w->name)
		return path_lookup_user(AT_FDCWD, w->name, w->lookup, path);
	f = fd_get(w->fd);
	if (!f)
		return -EBADF;
	*path = path_get(f->path);
	file_put(f);
	return 0;
}

/* ---- set ---- */

static int set_path(const struct path *path, const char *name, const void *value, size_t size,
		    int flags)
{
	struct inode *inode = path->dentry->inode;
	int err = mount_want_write(path);

	if (err)
		return err;
	mutex_lock(&inode->lock);
	err = check_name(inode, name, SET);
	if (!err && !inode->ops->setxattr)
		err = -EOPNOTSUPP;
	if (!err)
		err = inode->ops->setxattr(inode, name, value, size, flags);
	mutex_unlock(&inode->lock);
	if (!err)
		notify_path(path->dentry, IN_ATTRIB);
	return err;
}

static s64 do_set(const struct where *w, uaddr_t uname, uaddr_t uvalue, size_t size, int flags)
{
	char name[XATTR_NAME_MAX + 1];
	void *value = NULL;
	struct path path;
	int err;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	err = get_name(name, uname);
	if (err)
		return err;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size) {
		value = kmalloc(size);
		if (!value)
			return -ENOMEM;
		err = copyin(value, uvalue, size);
	}
	if (!err)
		err = resolve(w, &path);
	if (!err) {
		err = set_path(&path, name, value, size, flags);
		path_put(&path);
	}
	kfree(value);
	return err;
}

SYSCALL_DEFINE5(setxattr, uaddr_t, path, uaddr_t, name, uaddr_t, value, size_t, size, int, flags)
{
	struct where w = { -1, path, LOOKUP_FOLLOW };

	return path ? do_set(&w, name, value, size, flags) : -EFAULT;
}

SYSCALL_DEFINE5(lsetxattr, uaddr_t, path, uaddr_t, name, uaddr_t, value, size_t, size, int, flags)
{
	struct where w = { -1, path, 0 };

	return path ? do_set(&w, name, value, size, flags) : -EFAULT;
}

SYSCALL_DEFINE5(fsetxattr, int, fd, uaddr_t, name, uaddr_t, value, size_t, size, int, flags)
{
	struct where w = { fd, 0, 0 };

	return do_set(&w, name, value, size, flags);
}

/* ---- get and list ---- */

static ssize_t get_from(struct inode *inode, const char *name, void *buf, size_t size)
{
	int err = check_name(inode, name, GET);

	if (err)
		return err;
	if (!inode->ops->getxattr)
		return -EOPNOTSUPP;
	return inode->ops->getxattr(inode, name, buf, size);
}

/* Those of trusted.* only for who may see them. */
static ssize_t filter_names(char *buf, ssize_t len)
{
	ssize_t out = 0;

	for (ssize_t in = 0; in < len;) {
		ssize_t n = (ssize_t)strlen(buf + in) + 1;

		if (!has_prefix(buf + in, "trusted.") || capable(CAP_SYS_ADMIN)) {
			memmove(buf + out, buf + in, (size_t)n);
			out += n;
		}
		in += n;
	}
	return out;
}

/* name: NULL to list. */
static s64 do_read(const struct where *w, const char *name, uaddr_t ubuf, size_t size)
{
	size_t max = name ? XATTR_SIZE_MAX : XATTR_LIST_MAX;
	struct path path;
	struct inode *inode;
	char *buf = NULL;
	s64 n;
	int err = resolve(w, &path);

	if (err)
		return err;
	inode = path.dentry->inode;
	size = min(size, max);
	n = -ENOMEM;
	if (size) {
		buf = kmalloc(size);
		if (!buf)
			goto out;
	}
	if (name)
		n = get_from(inode, name, buf, size);
	else
		n = inode->ops->listxattr ? inode->ops->listxattr(inode, buf, size) : 0;
	if (!name && n > 0 && size)
		n = filter_names(buf, n);
	if (n > 0 && size && copyout(ubuf, buf, (size_t)n))
		n = -EFAULT;
out:
	kfree(buf);
	path_put(&path);
	return n;
}

static s64 do_get(const struct where *w, uaddr_t uname, uaddr_t buf, size_t size)
{
	char name[XATTR_NAME_MAX + 1];
	int err = get_name(name, uname);

	return err ? err : do_read(w, name, buf, size);
}

SYSCALL_DEFINE4(getxattr, uaddr_t, path, uaddr_t, name, uaddr_t, buf, size_t, size)
{
	struct where w = { -1, path, LOOKUP_FOLLOW };

	return path ? do_get(&w, name, buf, size) : -EFAULT;
}

SYSCALL_DEFINE4(lgetxattr, uaddr_t, path, uaddr_t, name, uaddr_t, buf, size_t, size)
{
	struct where w = { -1, path, 0 };

	return path ? do_get(&w, name, buf, size) : -EFAULT;
}

SYSCALL_DEFINE4(fgetxattr, int, fd, uaddr_t, name, uaddr_t, buf, size_t, size)
{
	struct where w = { fd, 0, 0 };

	return do_get(&w, name, buf, size);
}

SYSCALL_DEFINE3(listxattr, uaddr_t, path, uaddr_t, buf, size_t, size)
{
	struct where w = { -1, path, LOOKUP_FOLLOW };

	return path ? do_read(&w, NULL, buf, size) : -EFAULT;
}

SYSCALL_DEFINE3(llistxattr, uaddr_t, path, uaddr_t, buf, size_t, size)
{
	struct where w = { -1, path, 0 };

	return path ? do_read(&w, NULL, buf, size) : -EFAULT;
}

SYSCALL_DEFINE3(flistxattr, int, fd, uaddr_t, buf, size_t, size)
{
	struct where w = { fd, 0, 0 };

	return do_read(&w, NULL, buf, size);
}

/* ---- remove ---- */

static s64 do_remove(const struct where *w, uaddr_t uname)
{
	char name[XATTR_NAME_MAX + 1];
	struct path path;
	struct inode *inode;
	int err = get_name(name, uname);

	if (!err)
		err = resolve(w, &path);
	if (err)
		return err;
	inode = path.dentry->inode;
	err = mount_want_write(&path);
	if (!err) {
		mutex_lock(&inode->lock);
		err = check_name(inode, name, REMOVE);
		if (!err)
			err = inode->ops->removexattr ? inode->ops->removexattr(inode, name)
						      : -EOPNOTSUPP;
		mutex_unlock(&inode->lock);
		if (!err)
			notify_path(path.dentry, IN_ATTRIB);
	}
	path_put(&path);
	return err;
}

SYSCALL_DEFINE2(removexattr, uaddr_t, path, uaddr_t, name)
{
	struct where w = { -1, path, LOOKUP_FOLLOW };

	return path ? do_remove(&w, name) : -EFAULT;
}

SYSCALL_DEFINE2(lremovexattr, uaddr_t, path, uaddr_t, name)
{
	struct where w = { -1, path, 0 };

	return path ? do_remove(&w, name) : -EFAULT;
}

SYSCALL_DEFINE2(fremovexattr, int, fd, uaddr_t, name)
{
	struct where w = { fd, 0, 0 };

	return do_remove(&w, name);
}
