// SPDX-License-Identifier: MIT
/*
 * ioctl(2): the requests that mean the same for every file, then the file's
 * own.
 *
 * Copy-on-write cloning (FICLONE) and extent maps are known requests that no
 * file system here has: EOPNOTSUPP, so that cp falls back to copying.
 *
 * Not supported: FIFREEZE, FITHAW, FS_IOC_*FLAGS, FS_IOC_FSGETXATTR (ENOTTY).
 */
#include "abi/termios.h"
#include "fs/fasync.h"
#include "fs/internal.h"
#include "kernel/syscall.h"

#define FIBMAP 1
#define FIGETBSZ 2
#define FICLONE 0x40049409
#define FICLONERANGE 0x4020940d
#define FS_IOC_FIEMAP 0xc020660b

static s64 set_flag(struct file *f, u32 flag, uaddr_t p)
{
	u32 on;

	if (copyin(&on, p, sizeof(on)))
		return -EFAULT;
	if (on)
		f->flags |= flag;
	else
		f->flags &= ~flag;
	return 0;
}

static s64 clone_file(struct file *f, int src_fd)
{
	struct file *src = fd_get(src_fd);
	s64 err = -EOPNOTSUPP;

	if (!src)
		return -EBADF;
	if (src->inode->sb != f->inode->sb)
		err = -EXDEV;
	else if (S_ISDIR(src->inode->mode) || S_ISDIR(f->inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(src->inode->mode) || !S_ISREG(f->inode->mode))
		err = -EINVAL;
	else if (!(src->mode & FMODE_READ) || !(f->mode & FMODE_WRITE))
		err = -EBADF;
	file_put(src);
	return err;
}

static s64 regular_ioctl(struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case FIONREAD:
		return put_user_u32(arg, (u32)(f->inode->size - f->pos));
	case FIBMAP:
		return capable(CAP_SYS_RAWIO) ? -EINVAL : -EPERM;
	case FS_IOC_FIEMAP:
		return -EOPNOTSUPP;
	}
	return -ENOTTY;
}

static s64 file_ioctl(struct file *f, u32 cmd, u64 arg)
{
	s64 res;

	if (f->ops->ioctl)
		return f->ops->ioctl(f, cmd, arg);
	res = -ENOTTY;
	if (S_ISREG(f->inode->mode))
		res = regular_ioctl(f, cmd, arg);
	return res;
}

static s64 any_ioctl(int fd, struct file *f, u32 cmd, u64 arg)
{
	mode_t mode = f->inode->mode;
	u64 size;
	u32 on;

	switch (cmd) {
	case FIOCLEX:
		fd_set_cloexec(fd, true);
		return 0;
	case FIONCLEX:
		fd_set_cloexec(fd, false);
		return 0;
	case FIONBIO:
		return set_flag(f, O_NONBLOCK, arg);
	case FIOASYNC:
		if (copyin(&on, arg, sizeof(on)))
			return -EFAULT;
		return file_set_async(f, on);
	case FIOQSIZE:
		if (!S_ISDIR(mode) && !S_ISREG(mode) && !S_ISLNK(mode))
			return -ENOTTY;
		size = (u64)f->inode->size;
		return put_user_u64(arg, size);
	case FIGETBSZ:
		return put_user_u32(arg, f->inode->sb->blksize);
	case FICLONE:
		return clone_file(f, (int)arg);
	case FICLONERANGE:
		return -EOPNOTSUPP;
	}
	return file_ioctl(f, cmd, arg);
}

SYSCALL_DEFINE3(ioctl, int, fd, u32, cmd, u64, arg)
{
	struct file *f = fd_get(fd);
	s64 res;

	if (!f)
		return -EBADF;
	res = any_ioctl(fd, f, cmd, arg);
	file_put(f);
	return res;
}
