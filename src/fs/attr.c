// SPDX-License-Identifier: MIT
/*
 * Changing attributes by system call: mode, owner, times; access(2).
 *
 * Each call resolves a path, checks that the mount may be written, and applies
 * a struct iattr under the inode's lock with inode_change.
 */
#include "fs/internal.h"
#include "kernel/syscall.h"

static int change_mode(const struct path *path, mode_t mode)
{
	struct inode *inode = path->dentry->inode;
	struct iattr attr = { .valid = ATTR_MODE, .mode = mode & S_IALLUGO };
	int err = mount_want_write(path);

	if (err)
		return err;
	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	err = -EPERM;
	if (inode_owner_or_capable(inode)) {
		if (!cred_in_group(current->cred, inode->gid) && !capable(CAP_FSETID))
			attr.mode &= ~S_ISGID;
		err = 0;
		if ((inode->seals & F_SEAL_EXEC) && ((attr.mode ^ inode->mode) & S_IXUGO))
			err = -EPERM;
		if (!err)
			err = inode_change(inode, &attr);
	}
	mutex_unlock(&inode->lock);
	return err;
}

static int chmod_at(int dfd, uaddr_t name, mode_t mode, u32 flags)
{
	struct path path;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = lookup_at(dfd, name, flags, 0, &path);
	if (err)
		return err;
	err = change_mode(&path, mode);
	path_put(&path);
	return err;
}

SYSCALL_DEFINE2(chmod, uaddr_t, name, mode_t, mode)
{
	return chmod_at(AT_FDCWD, name, mode, 0);
}

SYSCALL_DEFINE3(fchmodat, int, dfd, uaddr_t, name, mode_t, mode)
{
	return chmod_at(dfd, name, mode, 0);
}

SYSCALL_DEFINE4(fchmodat2, int, dfd, uaddr_t, name, mode_t, mode, u32, flags)
{
	return chmod_at(dfd, name, mode, flags);
}

SYSCALL_DEFINE2(fchmod, int, fd, mode_t, mode)
{
	struct file *f = fd_get(fd);
	int err;

	if (!f)
		return -EBADF;
	err = change_mode(&f->path, mode);
	file_put(f);
	return err;
}

static int may_chown(const struct inode *inode, const struct iattr *attr)
{
	const struct cred *c = current->cred;

	if (cred_capable(c, CAP_CHOWN))
		return 0;
	if ((attr->valid & ATTR_UID) && (c->fsuid != inode->uid || attr->uid != inode->uid))
		return -EPERM;
	if ((attr->valid & ATTR_GID) &&
	    (c->fsuid != inode->uid ||
	     (attr->gid != inode->gid && !cred_in_group(c, attr->gid))))
		return -EPERM;
	return 0;
}

static int change_owner(const struct path *path, uid_t uid, gid_t gid)
{
	struct inode *inode = path->dentry->inode;
	struct iattr attr = { .uid = uid, .gid = gid };
	int err = mount_want_write(path);

	if (err)
		return err;
	if (uid != U32_MAX)
		attr.valid |= ATTR_UID;
	if (gid != U32_MAX)
		attr.valid |= ATTR_GID;
	mutex_lock(&inode->lock);
	attr.mode = inode_chown_mode(inode);
	if (attr.mode != inode->mode)
		attr.valid |= ATTR_MODE;
	err = may_chown(inode, &attr);
	if (!err && (attr.valid & ATTR_MODE) && !inode_owner_or_capable(inode))
		err = -EPERM;
	if (!err)
		err = inode_change(inode, &attr);
	mutex_unlock(&inode->lock);
	return err;
}

static int chown_at(int dfd, uaddr_t name, uid_t uid, gid_t gid, u32 flags)
{
	struct path path;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = lookup_at(dfd, name, flags, 0, &path);
	if (err)
		return err;
	err = change_owner(&path, uid, gid);
	path_put(&path);
	return err;
}

SYSCALL_DEFINE3(chown, uaddr_t, name, uid_t, uid, gid_t, gid)
{
	return chown_at(AT_FDCWD, name, uid, gid, 0);
}

SYSCALL_DEFINE3(lchown, uaddr_t, name, uid_t, uid, gid_t, gid)
{
	return chown_at(AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

SYSCALL_DEFINE5(fchownat, int, dfd, uaddr_t, name, uid_t, uid, gid_t, gid, u32, flags)
{
	return chown_at(dfd, name, uid, gid, flags);
}

SYSCALL_DEFINE3(fchown, int, fd, uid_t, uid, gid_t, gid)
{
	struct file *f = fd_get(fd);
	int err;

	if (!f)
		return -EBADF;
	err = change_owner(&f->path, uid, gid);
	file_put(f);
	return err;
}

/* ---- times ---- */

/* times: access and modification; NULL: both now, which a writer may set. */
static int change_times(const struct path *path, const struct timespec64 *times)
{
	struct inode *inode = path->dentry->inode;
	struct iattr attr = { .valid = ATTR_ATIME | ATTR_MTIME };
	bool touch = !times;
	int err = mount_want_write(path);

	if (err)
		return err;
	attr.atime = attr.mtime = clock_realtime();
	if (times) {
		touch = times[0].nsec == UTIME_NOW && times[1].nsec == UTIME_NOW;
		if (times[0].nsec == UTIME_OMIT)
			attr.valid &= ~(u32)ATTR_ATIME;
		else if (times[0].nsec != UTIME_NOW)
			attr.atime = times[0];
		if (times[1].nsec == UTIME_OMIT)
			attr.valid &= ~(u32)ATTR_MTIME;
		else if (times[1].nsec != UTIME_NOW)
			attr.mtime = times[1];
	}
	mutex_lock(&inode->lock);
	if (!inode_owner_or_capable(inode))
		err = touch ? inode_permission(inode, MAY_WRITE) : -EPERM;
	if (!err)
		err = inode_change(inode, &attr);
	mutex_unlock(&inode->lock);
	return err;
}

static int utimes_at(int dfd, uaddr_t name, const struct timespec64 *times, u32 flags)
{
	struct path path;
	struct file *f;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!name && dfd != AT_FDCWD) {
		if (flags)
			return -EINVAL;
		f = fd_get(dfd);
		if (!f)
			return -EBADF;
		err = change_times(&f->path, times);
		file_put(f);
		return err;
	}
	err = lookup_at(dfd, name, flags, 0, &path);
	if (err)
		return err;
	err = change_times(&path, times);
	path_put(&path);
	return err;
}

static bool nsec_valid(s64 nsec)
{
	return nsec == UTIME_NOW || nsec == UTIME_OMIT || (nsec >= 0 && nsec < (s64)NSEC_PER_SEC);
}

SYSCALL_DEFINE4(utimensat, int, dfd, uaddr_t, name, uaddr_t, utimes, u32, flags)
{
	struct timespec64 t[2];

	if (!utimes)
		return utimes_at(dfd, name, NULL, flags);
	if (copyin(t, utimes, sizeof(t)))
		return -EFAULT;
	if (t[0].nsec == UTIME_OMIT && t[1].nsec == UTIME_OMIT)
		return 0;	/* not even the path is looked at */
	if (!nsec_valid(t[0].nsec) || !nsec_valid(t[1].nsec))
		return -EINVAL;
	return utimes_at(dfd, name, t, flags);
}

static s64 do_futimesat(int dfd, uaddr_t name, uaddr_t utimes)
{
	struct timeval64 tv[2];
	struct timespec64 t[2];

	if (!utimes)
		return utimes_at(dfd, name, NULL, 0);
	if (copyin(tv, utimes, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].usec < 0 || tv[i].usec >= 1000000)
			return -EINVAL;
		t[i] = (struct timespec64){ tv[i].sec, tv[i].usec * (s64)NSEC_PER_USEC };
	}
	return utimes_at(dfd, name, t, 0);
}

SYSCALL_DEFINE3(futimesat, int, dfd, uaddr_t, name, uaddr_t, utimes)
{
	return do_futimesat(dfd, name, utimes);
}

SYSCALL_DEFINE2(utimes, uaddr_t, name, uaddr_t, utimes)
{
	return do_futimesat(AT_FDCWD, name, utimes);
}

SYSCALL_DEFINE2(utime, uaddr_t, name, uaddr_t, utimes)
{
	struct timespec64 t[2];
	s64 sec[2];

	if (!utimes)
		return utimes_at(AT_FDCWD, name, NULL, 0);
	if (copyin(sec, utimes, sizeof(sec)))
		return -EFAULT;
	t[0] = (struct timespec64){ sec[0], 0 };
	t[1] = (struct timespec64){ sec[1], 0 };
	return utimes_at(AT_FDCWD, name, t, 0);
}

/* ---- access ---- */

/*
 * Credentials with the real ids as file system ids, or NULL when they would
 * change nothing. -ENOMEM in *err.
 */
static struct cred *real_cred(int *err)
{
	const struct cred *c = current->cred;
	bool fixup = !(c->securebits & (1u << 2));	/* SECURE_NO_SETUID_FIXUP */
	cap_t caps = c->cap_effective;
	struct cred *copy;

	if (fixup)
		caps = c->uid ? 0 : c->cap_permitted;
	*err = 0;
	if (c->fsuid == c->uid && c->fsgid == c->gid && c->cap_effective == caps)
		return NULL;
	copy = cred_dup(c);
	if (!copy) {
		*err = -ENOMEM;
		return NULL;
	}
	copy->fsuid = copy->uid;
	copy->fsgid = copy->gid;
	copy->cap_effective = caps;
	return copy;
}

static int access_path(const struct path *path, int mode)
{
	struct inode *inode = path->dentry->inode;
	int err;

	if ((mode & X_OK) && S_ISREG(inode->mode) && mount_noexec(path))
		return -EACCES;
	err = mode ? inode_permission(inode, mode) : 0;
	if (err || !(mode & W_OK))
		return err;
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode) || S_ISFIFO(inode->mode) ||
	    S_ISSOCK(inode->mode))
		return 0;
	return mount_want_write(path);
}

static int do_access(int dfd, uaddr_t name, int mode, u32 flags)
{
	struct cred *saved = current->cred, *real = NULL;
	struct path path;
	int err = 0;

	if (mode & ~7)
		return -EINVAL;
	if (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!(flags & AT_EACCESS))
		real = real_cred(&err);
	if (err)
		return err;
	if (real)
		current->cred = real;
	err = lookup_at(dfd, name, flags, 0, &path);
	if (!err) {
		err = access_path(&path, mode);
		path_put(&path);
	}
	if (real) {
		current->cred = saved;
		cred_put(real);
	}
	return err;
}

SYSCALL_DEFINE2(access, uaddr_t, name, int, mode)
{
	return do_access(AT_FDCWD, name, mode, 0);
}

SYSCALL_DEFINE3(faccessat, int, dfd, uaddr_t, name, int, mode)
{
	return do_access(dfd, name, mode, 0);
}

SYSCALL_DEFINE4(faccessat2, int, dfd, uaddr_t, name, int, mode, u32, flags)
{
	return do_access(dfd, name, mode, flags);
}
