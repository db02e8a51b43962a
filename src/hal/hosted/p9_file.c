/* SPDX-License-Identifier: MIT */
/*
 * 9p operations on open files and directories. Data of Tread and Twrite goes
 * straight between the host's page cache and the guest's buffers.
 */
#define _GNU_SOURCE
#include "hal/hosted/p9.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_HEADER 11		/* size, type, tag, count */
#define WRITE_HEADER 23		/* size, type, tag, fid, offset, count */
#define OPEN_FLAGS (O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC)

struct host_dirent {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
};

static int put_open_reply(struct p9_server *s, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	p9_put_qid(s, &st);
	p9_put32(s, 0);		/* iounit: as much as fits into a message */
	return 0;
}

int p9_op_lopen(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	u32 flags = p9_get32(s);
	int fd;

	if (s->bad || !f || f->fd >= 0 || f->xattr)
		return -EBADF;
	if (s->export.read_only && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC))
		return -EROFS;
	if (f->type == S_IFDIR)
		flags = (flags & O_ACCMODE) | O_DIRECTORY;
	else if (flags & O_DIRECTORY)
		return -ENOTDIR;
	fd = p9_reopen(s, f, flags & (OPEN_FLAGS | O_DIRECTORY));
	if (fd < 0)
		return fd;
	f->fd = fd;
	f->dir_pos = 0;
	return put_open_reply(s, fd);
}

/* A new file of the guest's user. Who cannot chown has made it as himself. */
static void set_owner(struct p9_server *s, int fd, u32 uid, u32 gid)
{
	if (fchown(fd, s->root_user ? uid : (uid_t)-1, p9_host_gid(s, gid)))
		return;
}

static int create_here(int dir_fd, const char *name, u32 flags, u32 mode)
{
	struct open_how how = {
		.flags = (flags & OPEN_FLAGS) | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		.mode = mode & 07777,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd;

	fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

int p9_op_lcreate(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	char name[P9_NAME_MAX + 1];
	u32 flags, mode, gid;
	int dir_fd, fd, path_fd, err;

	p9_get_name(s, name);
	flags = p9_get32(s);
	mode = p9_get32(s);
	gid = p9_get32(s);
	if (s->bad || !f || f->fd >= 0 || f->xattr)
		return -EBADF;
	if (s->export.read_only)
		return -EROFS;
	if (f->type != S_IFDIR || f->blocked)
		return f->blocked ? -EACCES : -ENOTDIR;
	dir_fd = p9_fid_fd(s, f);
	if (dir_fd < 0)
		return dir_fd;
	fd = create_here(dir_fd, name, flags, mode);
	if (fd >= 0)
		set_owner(s, fd, f->uid, gid);
	else if (fd != -EEXIST || flags & O_EXCL)
		return fd;
	path_fd = p9_open_name(dir_fd, name);
	if (fd < 0 && path_fd >= 0) {	/* it was there before */
		fd = p9_open_fd(s, path_fd, flags & OPEN_FLAGS);
		err = fd;
	} else {
		err = path_fd;
	}
	if (err < 0) {
		if (path_fd >= 0)
			close(path_fd);
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = p9_fid_set(s, f, path_fd, p9_join(f->path, name));
	if (err) {
		close(fd);
		return err;
	}
	f->fd = fd;
	return put_open_reply(s, fd);
}

/* Room for data in the guest's reply buffers. */
static u32 reply_room(struct p9_server *s)
{
	size_t room = s->chain.in_size;

	if (room > s->msize)
		room = s->msize;
	return room > READ_HEADER ? room - READ_HEADER : 0;
}

int p9_op_read(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	u64 offset = p9_get64(s);
	u32 count = p9_get32(s);
	struct iovec iov[VCHAIN_MAX];
	ssize_t n;

	if (s->bad || !f)
		return -EBADF;
	if (count > reply_room(s))
		count = reply_room(s);
	if (f->xattr) {
		n = offset < f->xattr_size ? f->xattr_size - offset : 0;
		if (n > count)
			n = count;
		iov_put(s->chain.in, s->chain.nr_in, READ_HEADER, f->xattr + offset, n);
	} else if (f->fd < 0) {
		return -EBADF;
	} else {
		int parts = iov_part(s->chain.in, s->chain.nr_in, READ_HEADER, count, iov);

		n = preadv(f->fd, iov, parts, offset);
		if (n < 0)
			return -errno;
	}
	p9_put32(s, n);
	s->data_size = n;
	return 0;
}

int p9_op_write(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	u64 offset = p9_get64(s);
	u32 count = p9_get32(s);
	struct iovec iov[VCHAIN_MAX];
	int parts;
	ssize_t n;

	if (s->bad || !f)
		return -EBADF;
	if (s->chain.out_size < WRITE_HEADER || count > s->chain.out_size - WRITE_HEADER)
		return -EINVAL;
	if (f->xattr) {
		if (!f->xattr_name || offset > f->xattr_room || count > f->xattr_room - offset)
			return -ENOSPC;
		n = iov_get(s->chain.out, s->chain.nr_out, WRITE_HEADER, f->xattr + offset, count);
	} else if (f->fd < 0) {
		return -EBADF;
	} else {
		parts = iov_part(s->chain.out, s->chain.nr_out, WRITE_HEADER, count, iov);
		n = pwritev(f->fd, iov, parts, offset);
		if (n < 0)
			return -errno;
	}
	p9_put32(s, n);
	return 0;
}

/* True if it fitted. ".." of the root would name a file outside. */
static bool put_entry(struct p9_server *s, struct p9_fid *f, const struct host_dirent *d,
		      u32 limit)
{
	size_t len = strlen(d->name);
	u64 ino = d->ino;

	if (s->out_size + P9_QID_SIZE + 8 + 1 + 2 + len > limit)
		return false;
	if (!strcmp(d->name, "..") && !f->path[0])
		ino = f->ino;
	p9_put8(s, d->type == DT_DIR ? 0x80 : d->type == DT_LNK ? 0x02 : 0);
	p9_put32(s, 0);
	p9_put64(s, p9_qid_path(s, f->dev, ino));
	p9_put64(s, d->off);
	p9_put8(s, d->type);
	p9_put_string(s, d->name);
	return true;
}

int p9_op_readdir(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	u64 offset = p9_get64(s);
	u32 count = p9_get32(s), size_at = s->out_size, limit;
	long n;

	if (s->bad || !f || f->fd < 0 || f->type != S_IFDIR)
		return -EBADF;
	if (count > reply_room(s))
		count = reply_room(s);
	if (count > P9_OUT_MAX - 64)
		count = P9_OUT_MAX - 64;
	if (offset != f->dir_pos && lseek(f->fd, offset, SEEK_SET) < 0)
		return -errno;
	f->dir_pos = offset;
	p9_put32(s, 0);
	limit = s->out_size + count;
	/* A host entry is smaller than ours by 1 byte and padding: what is read
	 * here and does not fit is read again by the next call. */
	n = syscall(SYS_getdents64, f->fd, s->entries, count < 1024 ? 1024 : count);
	if (n < 0)
		return -errno;
	for (long at = 0; at < n;) {
		const struct host_dirent *d = (const void *)(s->entries + at);

		if (!put_entry(s, f, d, limit)) {
			lseek(f->fd, f->dir_pos, SEEK_SET);
			break;
		}
		f->dir_pos = d->off;
		at += d->reclen;
	}
	n = s->out_size - size_at - 4;
	memcpy(s->out + size_at, &(u32){ n }, 4);
	return 0;
}

int p9_op_fsync(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	bool data_only = s->in_pos < s->in_size && p9_get32(s);

	if (s->bad || !f || f->fd < 0)
		return -EBADF;
	return (data_only ? fdatasync(f->fd) : fsync(f->fd)) ? -errno : 0;
}

static struct p9_fid *get_lock(struct p9_server *s, bool with_flags, struct flock *lock)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));

	memset(lock, 0, sizeof(*lock));
	lock->l_type = p9_get8(s);	/* the numbers are the host's */
	if (with_flags)
		p9_get32(s);
	lock->l_start = p9_get64(s);
	lock->l_len = p9_get64(s);
	lock->l_whence = SEEK_SET;
	if (s->bad || !f || f->fd < 0 || lock->l_type < 0 || lock->l_type > 2)
		return NULL;
	return f;
}

/* Locks among guests are the guest kernel's; this is for the host's programs. */
int p9_op_lock(struct p9_server *s)
{
	struct flock lock;
	struct p9_fid *f = get_lock(s, true, &lock);
	u8 status = 0;

	if (!f)
		return -EBADF;
	if (fcntl(f->fd, F_OFD_SETLK, &lock))
		status = errno == EAGAIN || errno == EACCES ? 1 : 2;
	p9_put8(s, status);
	return 0;
}

int p9_op_getlock(struct p9_server *s)
{
	struct flock lock;
	struct p9_fid *f = get_lock(s, false, &lock);

	if (!f)
		return -EBADF;
	if (lock.l_type == F_UNLCK || fcntl(f->fd, F_OFD_GETLK, &lock))
		return -EINVAL;
	p9_put8(s, lock.l_type);
	p9_put64(s, lock.l_start);
	p9_put64(s, lock.l_len);
	p9_put32(s, 0);
	p9_put_string(s, "");
	return 0;
}
