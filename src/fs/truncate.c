// SPDX-License-Identifier: MIT
/* truncate(2), ftruncate(2), fallocate(2): changing a file's size and space. */
#include "abi/inotify.h"
#include "fs/internal.h"
#include "kernel/syscall.h"

SYSCALL_DEFINE2(truncate, uaddr_t, name, loff_t, size)
{
	struct path path;
	struct inode *inode;
	int err;

	if (size < 0)
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	inode = path.dentry->inode;
	err = S_ISDIR(inode->mode) ? -EISDIR : S_ISREG(inode->mode) ? 0 : -EINVAL;
	if (!err)
		err = mount_want_write(&path);
	if (!err)
		err = inode_permission(inode, MAY_WRITE);
	if (!err)
		err = inode_get_write(inode);
	if (!err) {
		err = inode_truncate(inode, size);
		inode_put_write(inode);
	}
	path_put(&path);
	return err;
}

SYSCALL_DEFINE2(ftruncate, int, fd, loff_t, size)
{
	struct file *f;
	int err = -EINVAL;

	if (size < 0)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (S_ISREG(f->inode->mode) && (f->mode & FMODE_WRITE))
		err = inode_truncate(f->inode, size);
	file_put(f);
	return err;
}

static int check_fallocate(int mode, loff_t off, loff_t len)
{
	const int ops = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE |
			FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;
	int op = mode & ops;

	if (off < 0 || len <= 0)
		return -EINVAL;
	if ((mode & ~(ops | FALLOC_FL_KEEP_SIZE)) || (op & (op - 1)))
		return -EOPNOTSUPP;
	if (op == FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if ((op & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) &&
	    (mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	return 0;
}

static s64 fallocate_file(struct file *f, int mode, loff_t off, loff_t len)
{
	struct inode *inode = f->inode;
	loff_t end;
	u64 count;
	s64 ret;

	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(inode->mode))
		return -ESPIPE;
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode) && !S_ISBLK(inode->mode))
		return -ENODEV;
	if (__builtin_add_overflow(off, len, &end) || end > inode->sb->max_bytes)
		return -EFBIG;
	if (!f->ops->fallocate)
		return -EOPNOTSUPP;
	if (S_ISREG(inode->mode) && !(mode & FALLOC_FL_KEEP_SIZE) && end > inode->size) {
		count = (u64)end;
		ret = check_fsize(0, &count);
		if (ret || count < (u64)end)
			return ret ? ret : -EFBIG;
	}
	ret = f->ops->fallocate(f, mode, off, len);
	if (!ret)
		notify_path(f->path.dentry, IN_MODIFY);
	return ret;
}

SYSCALL_DEFINE4(fallocate, int, fd, int, mode, loff_t, off, loff_t, len)
{
	struct file *f = fd_get(fd);
	s64 ret;

	if (!f)
		return -EBADF;
	ret = check_fallocate(mode, off, len);
	if (!ret)
		ret = fallocate_file(f, mode, off, len);
	file_put(f);
	return ret;
}
