/* SPDX-License-Identifier: MIT */
/* 9p operations on a file's attributes: stat, chmod and friends, statfs, xattr. */
#define _GNU_SOURCE
#include "hal/hosted/p9.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { SET_MODE = 1, SET_UID = 2, SET_GID = 4, SET_SIZE = 8, SET_ATIME = 0x10, SET_MTIME = 0x20,
       SET_CTIME = 0x40, SET_ATIME_TO = 0x80, SET_MTIME_TO = 0x100 };
#define GETATTR_BASIC 0x7fful
#define XATTR_MAX 65536

int p9_op_getattr(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	struct stat st;
	int fd;

	if (s->bad || !f)
		return -EBADF;
	fd = f->fd >= 0 ? f->fd : p9_fid_fd(s, f);
	if (fd < 0)
		return fd;
	if (fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -errno;
	p9_put64(s, GETATTR_BASIC);
	p9_put_qid(s, &st);
	p9_put32(s, st.st_mode);
	p9_put32(s, p9_guest_uid(s, st.st_uid));
	p9_put32(s, p9_guest_gid(s, st.st_gid));
	p9_put64(s, st.st_nlink);
	p9_put64(s, (minor(st.st_rdev) & 0xff) | major(st.st_rdev) << 8 |
		    (u64)(minor(st.st_rdev) & ~0xffu) << 12);
	p9_put64(s, st.st_size);
	p9_put64(s, st.st_blksize);
	p9_put64(s, st.st_blocks);
	p9_put64(s, st.st_atim.tv_sec);
	p9_put64(s, st.st_atim.tv_nsec);
	p9_put64(s, st.st_mtim.tv_sec);
	p9_put64(s, st.st_mtim.tv_nsec);
	p9_put64(s, st.st_ctim.tv_sec);
	p9_put64(s, st.st_ctim.tv_nsec);
	for (int i = 0; i < 3; i++)	/* birth time, generation */
		p9_put64(s, 0);
	p9_put64(s, p9_version(&st));
	return 0;
}

static int set_size(struct p9_server *s, struct p9_fid *f, u64 size)
{
	int fd = f->fd, err = 0;

	if (f->type != S_IFREG)
		return f->type == S_IFDIR ? -EISDIR : -EINVAL;
	if (fd >= 0 && !ftruncate(fd, size))
		return 0;
	fd = p9_reopen(s, f, O_WRONLY);
	if (fd < 0)
		return fd;
	if (ftruncate(fd, size))
		err = -errno;
	close(fd);
	return err;
}

static int set_mode(struct p9_server *s, int fd, u32 mode)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", fd);
	return fchmodat(s->proc_fd, name, mode & 07777, 0) ? -errno : 0;
}

static int set_owner(struct p9_server *s, int fd, u32 valid, u32 uid, u32 gid)
{
	uid_t new_uid = valid & SET_UID ? p9_host_uid(s, uid) : (uid_t)-1;
	gid_t new_gid = valid & SET_GID ? p9_host_gid(s, gid) : (gid_t)-1;

	return fchownat(fd, "", new_uid, new_gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -errno :
	       0;
}

static int set_times(struct p9_server *s, int fd, u32 valid, struct timespec *times)
{
	char name[16];

	if (!(valid & SET_ATIME))
		times[0].tv_nsec = UTIME_OMIT;
	else if (!(valid & SET_ATIME_TO))
		times[0].tv_nsec = UTIME_NOW;
	if (!(valid & SET_MTIME))
		times[1].tv_nsec = UTIME_OMIT;
	else if (!(valid & SET_MTIME_TO))
		times[1].tv_nsec = UTIME_NOW;
	if (!utimensat(fd, "", times, AT_EMPTY_PATH))
		return 0;
	snprintf(name, sizeof(name), "%d", fd);
	return utimensat(s->proc_fd, name, times, 0) ? -errno : 0;
}

int p9_op_setattr(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	u32 valid = p9_get32(s), mode = p9_get32(s), uid = p9_get32(s), gid = p9_get32(s);
	u64 size = p9_get64(s);
	struct timespec times[2];
	int fd, err = 0;

	for (int i = 0; i < 2; i++) {
		times[i].tv_sec = p9_get64(s);
		times[i].tv_nsec = p9_get64(s);
		if (times[i].tv_nsec < 0 || times[i].tv_nsec > 999999999)
			times[i].tv_nsec = 0;
	}
	if (s->bad || !f)
		return -EBADF;
	if (s->export.read_only)
		return -EROFS;
	if (f->blocked)
		return -EACCES;
	fd = p9_fid_fd(s, f);
	if (fd < 0)
		return fd;
	/* Owners first: a chown takes setuid bits away. */
	if (valid & (SET_UID | SET_GID))
		err = set_owner(s, fd, valid, uid, gid);
	if (!err && valid & SET_MODE)
		err = set_mode(s, fd, mode);
	if (!err && valid & SET_SIZE)
		err = set_size(s, f, size);
	if (!err && valid & (SET_ATIME | SET_MTIME))
		err = set_times(s, fd, valid, times);
	return err;
}

int p9_op_statfs(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	struct statfs st;
	int fd;

	if (s->bad || !f)
		return -EBADF;
	fd = p9_fid_fd(s, f);
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &st))
		return -errno;
	p9_put32(s, st.f_type);
	p9_put32(s, st.f_bsize);
	p9_put64(s, st.f_blocks);
	p9_put64(s, st.f_bfree);
	p9_put64(s, st.f_bavail);
	p9_put64(s, st.f_files);
	p9_put64(s, st.f_ffree);
	p9_put64(s, (u32)st.f_fsid.__val[0] | (u64)(u32)st.f_fsid.__val[1] << 32);
	p9_put32(s, st.f_namelen);
	return 0;
}

/* "/proc/self/fd/N": the xattr calls take no O_PATH descriptors. */
static int fd_name(struct p9_server *s, struct p9_fid *f, char *name, size_t size)
{
	int fd = p9_fid_fd(s, f);

	if (fd < 0)
		return fd;
	if (f->blocked)
		return -EACCES;
	snprintf(name, size, "/proc/self/fd/%d", fd);
	return 0;
}

int p9_op_xattrwalk(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s)), *made;
	u32 new_nr = p9_get32(s);
	char name[P9_NAME_MAX + 1], file[40];
	ssize_t size;
	int err;

	p9_get_string(s, name, sizeof(name));
	if (s->bad || !f)
		return -EBADF;
	err = fd_name(s, f, file, sizeof(file));
	if (err)
		return err;
	made = p9_fid_new(s, new_nr, &err);
	if (!made)
		return err;
	made->xattr = malloc(XATTR_MAX);
	size = !made->xattr ? -1 : name[0] ? getxattr(file, name, made->xattr, XATTR_MAX) :
	       listxattr(file, made->xattr, XATTR_MAX);
	if (size < 0) {
		err = made->xattr ? -errno : -ENOMEM;
		p9_fid_free(s, made);
		return err;
	}
	made->xattr_size = size;
	p9_put64(s, size);
	return 0;
}

int p9_op_xattrcreate(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	char name[P9_NAME_MAX + 1];
	u64 size;

	p9_get_string(s, name, sizeof(name));
	size = p9_get64(s);
	if (s->bad || !f || f->xattr || f->fd >= 0)
		return -EBADF;
	if (s->export.read_only)
		return -EROFS;
	/* security.* and trusted.* mean something to the host. */
	if (strncmp(name, "user.", 5) && strncmp(name, "system.posix_acl_", 17))
		return -EOPNOTSUPP;
	if (size > XATTR_MAX)
		return -ENOSPC;
	f->xattr_flags = p9_get32(s);
	f->xattr_name = strdup(name);
	f->xattr = calloc(1, size + 1);
	f->xattr_size = 0;
	f->xattr_room = size;
	return f->xattr && f->xattr_name ? 0 : -ENOMEM;
}

int p9_xattr_store(struct p9_server *s, struct p9_fid *f)
{
	char file[40];
	int err = fd_name(s, f, file, sizeof(file));

	if (err)
		return err;
	/* Nothing written: the client's way to remove one. */
	if (!f->xattr_room && f->xattr_flags & XATTR_REPLACE)
		return removexattr(file, f->xattr_name) ? -errno : 0;
	return setxattr(file, f->xattr_name, f->xattr, f->xattr_room, f->xattr_flags) ? -errno : 0;
}
