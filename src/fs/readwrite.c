// SPDX-License-Identifier: MIT
/*
 * read(2), write(2), lseek(2), their positional and vectored forms, and the
 * generic operations of files whose pages are in a mapping.
 *
 * Files with a position are read and written under pos_lock, so that two
 * threads share the offset as POSIX says. Streams (pipes, ttys, sockets) have
 * none: they may block for long, and are not locked here.
 */
#include "abi/inotify.h"
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "mm/mm.h"

loff_t *file_pos_begin(struct file *f)
{
	if (!(f->mode & FMODE_LSEEK))
		return NULL;
	mutex_lock(&f->pos_lock);
	return &f->pos;
}

void file_pos_end(struct file *f, loff_t *pos)
{
	if (pos)
		mutex_unlock(&f->pos_lock);
}

/* Would the position pass the largest number there is? */
static bool past_end(const struct uio *uio, const loff_t *pos)
{
	loff_t end;

	return pos && __builtin_add_overflow(*pos, (loff_t)uio->resid, &end);
}

ssize_t file_read(struct file *f, struct uio *uio, loff_t *pos)
{
	loff_t none = 0;
	ssize_t n;

	if (!(f->mode & FMODE_READ))
		return -EBADF;
	if (S_ISDIR(f->inode->mode) && !f->ops->read)
		return -EISDIR;
	if (!f->ops->read || past_end(uio, pos))
		return -EINVAL;
	n = f->ops->read(f, uio, pos ? pos : &none);
	if (n > 0)
		notify_path(f->path.dentry, IN_ACCESS);
	return n;
}

ssize_t file_write(struct file *f, struct uio *uio, loff_t *pos)
{
	loff_t none = 0, *p = pos ? pos : &none;
	ssize_t n;
	int err;

	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (!f->ops->write || past_end(uio, pos))
		return -EINVAL;
	n = f->ops->write(f, uio, p);
	if (n <= 0)
		return n;
	notify_path(f->path.dentry, IN_MODIFY);
	if (((f->flags & O_DSYNC) || (uio->flags & (RWF_DSYNC | RWF_SYNC))) && f->ops->fsync) {
		err = f->ops->fsync(f, *p - n, *p, !(f->flags & O_SYNC_FLAG));
		if (err)
			return err;
	}
	return n;
}

/* ---- mapping-backed files ---- */

ssize_t file_read_mapping(struct file *f, struct uio *uio, loff_t *pos)
{
	ssize_t n;

	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!uio->resid)
		return 0;
	n = mapping_read(&f->inode->mapping, uio, *pos);
	if (n > 0)
		*pos += n;
	if (!(f->flags & O_NOATIME))
		touch_atime(&f->path);
	return n;
}

/* Limits of a write at *pos: cuts uio->resid, or -errno. */
static int check_write(struct file *f, struct uio *uio, loff_t *pos)
{
	struct inode *inode = f->inode;
	bool append = ((f->flags & O_APPEND) && !(uio->flags & RWF_NOAPPEND)) ||
		      (uio->flags & RWF_APPEND);
	loff_t max = inode->sb->max_bytes;
	u64 count;
	int err;

	if (append)
		*pos = inode->size;
	if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (*pos >= max)
		return -EFBIG;
	count = min((u64)uio->resid, (u64)(max - *pos));
	err = check_fsize(*pos, &count);
	if (err)
		return err;
	if ((inode->seals & F_SEAL_GROW) && *pos + (loff_t)count > inode->size)
		return -EPERM;
	uio->resid = count;
	return inode_strip_privs(inode);
}

ssize_t file_write_mapping(struct file *f, struct uio *uio, loff_t *pos)
{
	struct inode *inode = f->inode;
	size_t wanted = uio->resid, cut;
	ssize_t n;

	if (!wanted)
		return 0;
	mutex_lock(&inode->lock);
	n = check_write(f, uio, pos);
	cut = wanted - uio->resid;
	if (!n) {
		inode->mtime = inode->ctime = clock_realtime();
		inode->version++;
		n = mapping_write(&inode->mapping, uio, *pos);
		if (n > 0)
			*pos += n;
	}
	mutex_unlock(&inode->lock);
	uio->resid += cut;
	return n;
}

/* Under mmap_lock. Seals forbid what could write later, too. */
int file_mmap_mapping(struct file *f, struct vma *vma)
{
	struct inode *inode = f->inode;

	if (!S_ISREG(inode->mode))
		return -ENODEV;
	if ((inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) && (vma->flags & VM_SHARED)) {
		if (vma->flags & VM_WRITE)
			return -EPERM;
		vma->flags &= ~(u32)VM_MAYWRITE;
	}
	if (!(f->flags & O_NOATIME))
		touch_atime(&f->path);
	return 0;
}

int file_fsync_mapping(struct file *f, loff_t start, loff_t end, bool datasync)
{
	(void)datasync;
	return mapping_sync(&f->inode->mapping, (u64)start, (u64)end);
}

static loff_t seek_data(struct file *f, loff_t off, bool hole)
{
	if (off < 0 || off >= f->inode->size)
		return -ENXIO;
	return mapping_seek(&f->inode->mapping, off, hole);
}

loff_t file_llseek_generic(struct file *f, loff_t off, int whence)
{
	loff_t pos = off;
	bool overflow = false;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		overflow = __builtin_add_overflow(f->pos, off, &pos);
		break;
	case SEEK_END:
		overflow = __builtin_add_overflow(f->inode->size, off, &pos);
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		pos = seek_data(f, off, whence == SEEK_HOLE);
		if (pos < 0)
			return pos;
		break;
	default:
		return -EINVAL;
	}
	if (overflow || pos < 0 || pos > f->inode->sb->max_bytes)
		return -EINVAL;
	f->pos = pos;
	return pos;
}

loff_t file_llseek_dir(struct file *f, loff_t off, int whence)
{
	if (whence == SEEK_CUR)
		off += f->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

/* ---- system calls ---- */

static s64 do_rw(struct file *f, struct uio *uio, bool write)
{
	loff_t *pos = file_pos_begin(f);
	s64 n = write ? file_write(f, uio, pos) : file_read(f, uio, pos);

	file_pos_end(f, pos);
	return n;
}

static s64 rw_fd(int fd, uaddr_t buf, size_t size, bool write)
{
	struct file *f = fd_get(fd);
	struct uio uio;
	s64 n = -EBADF;

	if (!f)
		return -EBADF;
	if (f->mode & (write ? FMODE_WRITE : FMODE_READ)) {
		n = -EFAULT;
		if (access_ok(buf, size)) {
			uio_user(&uio, buf, size);
			n = do_rw(f, &uio, write);
		}
	}
	file_put(f);
	return n;
}

SYSCALL_DEFINE3(read, int, fd, uaddr_t, buf, size_t, size)
{
	return rw_fd(fd, buf, size, false);
}

SYSCALL_DEFINE3(write, int, fd, uaddr_t, buf, size_t, size)
{
	return rw_fd(fd, buf, size, true);
}

static s64 prw_file(struct file *f, struct uio *uio, loff_t pos, bool write)
{
	if (!(f->mode & FMODE_LSEEK))
		return -ESPIPE;
	return write ? file_write(f, uio, &pos) : file_read(f, uio, &pos);
}

static s64 prw_fd(int fd, uaddr_t buf, size_t size, loff_t pos, bool write)
{
	struct file *f;
	struct uio uio;
	s64 n = -EFAULT;

	if (pos < 0)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (!(f->mode & FMODE_LSEEK))
		n = -ESPIPE;
	else if (!(f->mode & (write ? FMODE_WRITE : FMODE_READ)))
		n = -EBADF;
	else if (access_ok(buf, size)) {
		uio_user(&uio, buf, size);
		n = prw_file(f, &uio, pos, write);
	}
	file_put(f);
	return n;
}

SYSCALL_DEFINE4(pread64, int, fd, uaddr_t, buf, size_t, size, loff_t, pos)
{
	return prw_fd(fd, buf, size, pos, false);
}

SYSCALL_DEFINE4(pwrite64, int, fd, uaddr_t, buf, size_t, size, loff_t, pos)
{
	return prw_fd(fd, buf, size, pos, true);
}

/* at: a position, or -1 for the file's own. */
static s64 rw_vec(int fd, uaddr_t vec, u64 count, loff_t at, u32 flags, bool write)
{
	struct file *f = fd_get(fd);
	struct uio uio;
	s64 n = -EBADF;
	int err;

	if (!f)
		return -EBADF;
	if (at >= 0 && !(f->mode & FMODE_LSEEK)) {
		n = -ESPIPE;
		goto out;
	}
	if (!(f->mode & (write ? FMODE_WRITE : FMODE_READ)))
		goto out;
	err = uio_import(&uio, vec, count);
	n = err;
	if (err)
		goto out;
	uio.flags = flags;
	n = at < 0 ? do_rw(f, &uio, write) : prw_file(f, &uio, at, write);
	uio_free(&uio);
out:
	file_put(f);
	return n;
}

SYSCALL_DEFINE3(readv, int, fd, uaddr_t, vec, u64, count)
{
	return rw_vec(fd, vec, count, -1, 0, false);
}

SYSCALL_DEFINE3(writev, int, fd, uaddr_t, vec, u64, count)
{
	return rw_vec(fd, vec, count, -1, 0, true);
}

/* The high half of the position is for 32-bit callers. */
SYSCALL_DEFINE5(preadv, int, fd, uaddr_t, vec, u64, count, loff_t, pos, u64, high)
{
	(void)high;
	return pos < 0 ? -EINVAL : rw_vec(fd, vec, count, pos, 0, false);
}

SYSCALL_DEFINE5(pwritev, int, fd, uaddr_t, vec, u64, count, loff_t, pos, u64, high)
{
	(void)high;
	return pos < 0 ? -EINVAL : rw_vec(fd, vec, count, pos, 0, true);
}

static s64 rw_vec2(int fd, uaddr_t vec, u64 count, loff_t pos, u32 flags, bool write)
{
	/* RWF_NOWAIT would need to know that nothing sleeps. */
	if (flags & ~(u32)(RWF_ALL & ~RWF_NOWAIT))
		return -EOPNOTSUPP;
	if ((flags & RWF_APPEND) && (flags & RWF_NOAPPEND))
		return -EINVAL;
	if (pos < -1)
		return -EINVAL;
	return rw_vec(fd, vec, count, pos, flags, write);
}

SYSCALL_DEFINE6(preadv2, int, fd, uaddr_t, vec, u64, count, loff_t, pos, u64, high, u32, flags)
{
	(void)high;
	return rw_vec2(fd, vec, count, pos, flags, false);
}

SYSCALL_DEFINE6(pwritev2, int, fd, uaddr_t, vec, u64, count, loff_t, pos, u64, high, u32, flags)
{
	(void)high;
	return rw_vec2(fd, vec, count, pos, flags, true);
}

SYSCALL_DEFINE3(lseek, int, fd, loff_t, off, u32, whence)
{
	struct file *f = fd_get(fd);
	s64 ret;

	if (!f)
		return -EBADF;
	if (whence > SEEK_HOLE) {
		ret = -EINVAL;
	} else if (!(f->mode & FMODE_LSEEK)) {
		ret = -ESPIPE;
	} else {
		mutex_lock(&f->pos_lock);
		ret = f->ops->llseek(f, off, (int)whence);
		mutex_unlock(&f->pos_lock);
	}
	file_put(f);
	return ret;
}
