// SPDX-License-Identifier: MIT
/*
 * open(2), openat(2), openat2(2), creat(2), close(2), close_range(2).
 *
 * The walk stops before the last component when O_CREAT is given: the lookup,
 * the decision and the creation happen with the directory locked, so O_EXCL is
 * exact. A new file is not checked against its own mode.
 *
 * Order, as on Linux: flags (EINVAL), name (EFAULT, ENOENT), descriptor
 * (EMFILE), walk and open, install.
 */
#include "abi/inotify.h"
#include "fs/internal.h"
#include "kernel/syscall.h"

#define VALID_FLAGS (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | \
		     O_SYNC | O_DSYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | \
		     O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE_FLAG)
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define CREATES (O_CREAT | O_TMPFILE_FLAG)
#define VALID_RESOLVE (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | \
		       RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED)

static int check_how(struct open_how *how)
{
	u64 flags = how->flags;

	if ((flags & ~(u64)VALID_FLAGS) || (how->resolve & ~(u64)VALID_RESOLVE))
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if (how->mode & ~(u64)(flags & CREATES ? S_IALLUGO : 0))
		return -EINVAL;
	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
		return -EINVAL;
	if (flags & O_TMPFILE_FLAG) {
		if ((flags & O_TMPFILE) != O_TMPFILE || !(flags & (O_WRONLY | O_RDWR)))
			return -EINVAL;
	}
	if ((flags & O_PATH) && (flags & ~(u64)PATH_FLAGS))
		return -EINVAL;
	if (flags & O_SYNC_FLAG)
		how->flags |= O_DSYNC;
	if ((how->resolve & RESOLVE_CACHED) && (flags & (O_TRUNC | CREATES)))
		return -EAGAIN;
	return 0;
}

static u32 lookup_flags(const struct open_how *how)
{
	u32 f = 0;

	if (!(how->flags & O_NOFOLLOW) &&
	    (how->flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		f |= LOOKUP_FOLLOW;
	if (how->flags & O_DIRECTORY)
		f |= LOOKUP_DIRECTORY;
	if (how->resolve & RESOLVE_NO_XDEV)
		f |= LOOKUP_NO_XDEV;
	if (how->resolve & RESOLVE_NO_MAGICLINKS)
		f |= LOOKUP_NO_MAGICLINKS;
	if (how->resolve & RESOLVE_NO_SYMLINKS)
		f |= LOOKUP_NO_SYMLINKS;
	if (how->resolve & RESOLVE_BENEATH)
		f |= LOOKUP_BENEATH;
	if (how->resolve & RESOLVE_IN_ROOT)
		f |= LOOKUP_IN_ROOT;
	if (how->resolve & RESOLVE_CACHED)
		f |= LOOKUP_CACHED;
	return f;
}

/* Makes the file for the negative dentry d; the directory is locked. */
static int create_file(struct walk *w, struct dentry *d, mode_t mode)
{
	struct inode *dir = w->path.dentry->inode, *inode;
	struct iattr attr;
	int err = mount_want_write(&w->path);

	if (!err)
		err = may_create(dir);
	if (!err && !dir->ops->create)
		err = -EACCES;
	if (err)
		return err;
	inode_init_attr(dir, mode & ~current_fs()->umask & S_IALLUGO, &attr);
	err = dir->ops->create(dir, &w->last, &attr, &inode);
	if (err)
		return err;
	dentry_instantiate(d, inode);
	fsnotify(inode, IN_CREATE, dir, &w->last, 0);
	return 0;
}

/* In a sticky, world-writable directory O_CREAT does not open what another
 * user put there; files and fifos are left alone (protected_regular=0). */
static bool sticky_trap(const struct inode *dir, const struct inode *inode)
{
	const mode_t trap = S_ISVTX | S_IWOTH;

	return (dir->mode & trap) == trap && !S_ISREG(inode->mode) && !S_ISFIFO(inode->mode) &&
	       !S_ISDIR(inode->mode) && inode->uid != dir->uid && current->cred &&
	       inode->uid != current->cred->fsuid;
}

/* The last step of an O_CREAT walk: 0, 1 (a symlink is next) or -errno. */
static int open_create(struct walk *w, const struct open_how *how, bool *created)
{
	struct inode *dir = w->path.dentry->inode;
	bool follow = w->flags & LOOKUP_FOLLOW;
	struct dentry *d;
	int err;

	if (w->last_type != LAST_NORM) {	/* exists, and finish_open says EISDIR */
		err = walk_last(w);
		return !err && (how->flags & O_EXCL) ? -EEXIST : err;
	}
	if (w->trailing_slash)
		return -EISDIR;
	mutex_lock(&dir->lock);
	err = dentry_lookup_locked(w->path.dentry, &w->last, &d);
	if (!err && !d->inode) {
		err = create_file(w, d, (mode_t)how->mode);
		if (err)
			dentry_put(d);
		*created = !err;
	}
	mutex_unlock(&dir->lock);
	if (err)
		return err;
	if (!*created) {
		if (how->flags & O_EXCL)
			err = -EEXIST;
		else if (!(S_ISLNK(d->inode->mode) && follow) && sticky_trap(dir, d->inode))
			err = -EACCES;
	}
	if (err) {
		dentry_put(d);
		return err;
	}
	return walk_step(w, d, follow);
}

static int may_open(const struct path *path, u32 flags)
{
	static const int acc[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
				    MAY_READ | MAY_WRITE };
	struct inode *inode = path->dentry->inode;
	int mask = acc[flags & O_ACCMODE], err;

	if (flags & O_TRUNC)
		mask |= MAY_WRITE;
	switch (inode->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (mask & MAY_WRITE)
			return -EISDIR;
		break;
	case S_IFBLK:
	case S_IFCHR:
		if (path_mnt_flags(path) & MNT_NODEV)
			return -EACCES;
		break;
	}
	err = inode_permission(inode, mask);
	if (err)
		return err;
	if ((flags & O_NOATIME) && !inode_owner_or_capable(inode))
		return -EPERM;
	return 0;
}

static int truncate_opened(const struct path *path)
{
	struct inode *inode = path->dentry->inode;
	int err;

	if (!S_ISREG(inode->mode))
		return 0;
	err = mount_want_write(path);
	if (!err)
		err = inode_get_write(inode);
	if (err)
		return err;
	err = inode_truncate(inode, 0);
	inode_put_write(inode);
	return err;
}

static struct file *finish_open(const struct path *path, const struct open_how *how, bool created)
{
	u32 flags = (u32)how->flags;
	struct file *f;
	int err = 0;

	if ((flags & O_CREAT) && !created && S_ISDIR(path->dentry->inode->mode))
		return ERR_PTR(-EISDIR);
	if (!(flags & O_PATH) && !created)
		err = may_open(path, flags);
	if (err)
		return ERR_PTR(err);
	f = file_alloc(flags);
	if (IS_ERR(f))
		return f;
	if (created)
		f->mode |= FMODE_CREATED;
	err = path_open_file(path, f);
	if (err)
		return ERR_PTR(err);
	if ((flags & O_TRUNC) && !created)
		err = truncate_opened(path);
	if (err) {
		file_put(f);
		return ERR_PTR(err);
	}
	return f;
}

static struct file *open_tmpfile(int dfd, const char *name, const struct open_how *how)
{
	struct inode *dir, *inode;
	struct path path;
	struct dentry *d;
	struct iattr attr;
	struct file *f = NULL;
	int err = path_lookup(dfd, name, lookup_flags(how), &path);

	if (err)
		return ERR_PTR(err);
	dir = path.dentry->inode;
	err = mount_want_write(&path);
	if (!err)
		err = inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (!err && !dir->ops->tmpfile)
		err = -EOPNOTSUPP;
	if (err)
		goto out;
	inode_init_attr(dir, how->mode & ~current_fs()->umask & S_IALLUGO, &attr);
	err = dir->ops->tmpfile(dir, &attr, &inode);
	if (err)
		goto out;
	if (!(how->flags & O_EXCL))
		inode->state |= INODE_LINKABLE;
	d = dentry_make_unnamed(path.dentry, inode);
	err = -ENOMEM;
	if (!d)
		goto out;
	dentry_put(path.dentry);
	path.dentry = d;
	f = file_open_path(&path, (u32)how->flags);
	err = 0;
out:
	path_put(&path);
	return err ? ERR_PTR(err) : f;
}

struct file *file_open_how(int dfd, const char *name, const struct open_how *how)
{
	struct walk w;
	struct path path;
	struct file *f;
	bool created = false;
	int err;

	if (how->flags & O_TMPFILE_FLAG)
		return open_tmpfile(dfd, name, how);
	err = walk_begin(&w, dfd, name, lookup_flags(how));
	if (err)
		return ERR_PTR(err);
	do {
		err = walk_parent(&w);
		if (!err)
			err = how->flags & O_CREAT ? open_create(&w, how, &created)
						   : walk_last(&w);
	} while (err == 1);
	if (err) {
		walk_end(&w);
		return ERR_PTR(err);
	}
	err = walk_finish(&w, &path);
	if (err)
		return ERR_PTR(err);
	f = finish_open(&path, how, created);
	path_put(&path);
	return f;
}

struct file *file_open(const char *path, u32 flags, mode_t mode)
{
	struct open_how how = { .flags = flags | O_LARGEFILE, .mode = mode };

	return file_open_how(AT_FDCWD, path, &how);
}

/* ---- system calls ---- */

static s64 open_user(int dfd, uaddr_t p, struct open_how *how)
{
	struct file *f;
	char *name;
	int fd = check_how(how);

	if (fd)
		return fd;
	name = getname(p, false);
	if (IS_ERR(name))
		return PTR_ERR(name);
	fd = fd_reserve(0, how->flags & O_CLOEXEC);
	if (fd < 0)
		goto out;
	f = file_open_how(dfd, name, how);
	if (IS_ERR(f)) {
		fd_unreserve(fd);
		fd = (int)PTR_ERR(f);
		goto out;
	}
	fd_install(fd, f);
out:
	path_buf_put(name);
	return fd;
}

/* The older calls ignore unknown flags, and a mode that does not matter. */
static s64 do_open(int dfd, uaddr_t p, u32 flags, mode_t mode)
{
	struct open_how how = { .flags = (flags | O_LARGEFILE) & VALID_FLAGS };

	if (flags & O_PATH)
		how.flags &= PATH_FLAGS;
	if (how.flags & CREATES)
		how.mode = mode & S_IALLUGO;
	return open_user(dfd, p, &how);
}

SYSCALL_DEFINE3(open, uaddr_t, name, u32, flags, mode_t, mode)
{
	return do_open(AT_FDCWD, name, flags, mode);
}

SYSCALL_DEFINE4(openat, int, dfd, uaddr_t, name, u32, flags, mode_t, mode)
{
	return do_open(dfd, name, flags, mode);
}

SYSCALL_DEFINE2(creat, uaddr_t, name, mode_t, mode)
{
	return do_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int copyin_struct(void *dst, size_t known, uaddr_t src, u64 size)
{
	u8 extra;

	for (u64 i = known; i < size; i++) {
		if (get_user_u8(&extra, src + i))
			return -EFAULT;
		if (extra)
			return -E2BIG;
	}
	return copyin(dst, src, known);
}

SYSCALL_DEFINE4(openat2, int, dfd, uaddr_t, name, uaddr_t, uhow, u64, size)
{
	struct open_how how;
	int err;

	if (size < sizeof(how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copyin_struct(&how, sizeof(how), uhow, size);
	if (err)
		return err;
	if (!(how.flags & O_PATH))
		how.flags |= O_LARGEFILE;
	return open_user(dfd, name, &how);
}

SYSCALL_DEFINE1(close, int, fd)
{
	s64 ret = fd_close(fd);

	/* The descriptor is gone: restarting would close another one. */
	if (ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
	    ret == -ERESTART_RESTARTBLOCK)
		return -EINTR;
	return ret;
}

SYSCALL_DEFINE3(close_range, u32, first, u32, last, u32, flags)
{
	if (flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return -EINVAL;
	if (first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		int err = files_unshare(current);

		if (err)
			return err;
	}
	fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
	return 0;
}
