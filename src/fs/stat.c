// SPDX-License-Identifier: MIT
/*
 * stat(2), statx(2), statfs(2), ustat(2), readlink(2) and their families.
 *
 * Attributes come from the inode after the file system's getattr. Blocks are
 * the cached pages where those are the storage (tmpfs), else what the file
 * system says.
 */
#include "abi/statfs.h"
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"

static u64 inode_blocks(const struct inode *inode)
{
	if (!inode->blocks && S_ISREG(inode->mode))
		return inode->mapping.nr_pages * (PAGE_SIZE / 512);
	return inode->blocks;
}

static void fill_stat(const struct inode *inode, struct stat64 *st)
{
	memset(st, 0, sizeof(*st));
	st->dev = inode->sb->dev;
	st->ino = inode->ino;
	st->nlink = inode->nlink;
	st->mode = inode->mode;
	st->uid = inode->uid;
	st->gid = inode->gid;
	st->rdev = inode->rdev;
	st->size = inode->size;
	st->blksize = inode->blksize;
	st->blocks = (s64)inode_blocks(inode);
	st->atime_sec = inode->atime.sec;
	st->atime_nsec = inode->atime.nsec;
	st->mtime_sec = inode->mtime.sec;
	st->mtime_nsec = inode->mtime.nsec;
	st->ctime_sec = inode->ctime.sec;
	st->ctime_nsec = inode->ctime.nsec;
}

static int stat_path(const struct path *path, uaddr_t ustat)
{
	struct stat64 st;
	int err = inode_refresh(path->dentry->inode);

	if (err)
		return err;
	fill_stat(path->dentry->inode, &st);
	return copyout(ustat, &st, sizeof(st));
}

static int stat_fd(int fd, uaddr_t ustat)
{
	struct file *f = fd_get_path_ok(fd);
	int err;

	if (!f)
		return -EBADF;
	err = stat_path(&f->path, ustat);
	file_put(f);
	return err;
}

/* fstat spelled newfstatat(fd, "", AT_EMPTY_PATH) needs no walk. */
static bool names_fd(int dfd, uaddr_t name, u32 flags)
{
	u8 first;

	if (!(flags & AT_EMPTY_PATH) || dfd < 0)
		return false;
	return !name || (!get_user_u8(&first, name) && !first);
}

static int do_stat(int dfd, uaddr_t name, uaddr_t ustat, u32 flags)
{
	struct path path;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
			   AT_STATX_SYNC_TYPE))
		return -EINVAL;
	if (names_fd(dfd, name, flags))
		return stat_fd(dfd, ustat);
	err = lookup_at(dfd, name, flags, 0, &path);
	if (err)
		return err;
	err = stat_path(&path, ustat);
	path_put(&path);
	return err;
}

SYSCALL_DEFINE2(stat, uaddr_t, name, uaddr_t, st)
{
	return do_stat(AT_FDCWD, name, st, 0);
}

SYSCALL_DEFINE2(lstat, uaddr_t, name, uaddr_t, st)
{
	return do_stat(AT_FDCWD, name, st, AT_SYMLINK_NOFOLLOW);
}

SYSCALL_DEFINE2(fstat, int, fd, uaddr_t, st)
{
	return stat_fd(fd, st);
}

SYSCALL_DEFINE4(newfstatat, int, dfd, uaddr_t, name, uaddr_t, st, u32, flags)
{
	return do_stat(dfd, name, st, flags);
}

/* ---- statx ---- */

static struct statx_timestamp stamp(const struct timespec64 *t)
{
	return (struct statx_timestamp){ .sec = t->sec, .nsec = (u32)t->nsec };
}

static int statx_path(const struct path *path, u32 mask, uaddr_t ubuf)
{
	const struct inode *inode = path->dentry->inode;
	struct statx st;
	int err = inode_refresh(path->dentry->inode);

	if (err)
		return err;
	memset(&st, 0, sizeof(st));
	st.mask = STATX_BASIC_STATS;
	st.blksize = inode->blksize;
	st.nlink = inode->nlink;
	st.uid = inode->uid;
	st.gid = inode->gid;
	st.mode = (u16)inode->mode;
	st.ino = inode->ino;
	st.size = (u64)inode->size;
	st.blocks = inode_blocks(inode);
	st.atime = stamp(&inode->atime);
	st.mtime = stamp(&inode->mtime);
	st.ctime = stamp(&inode->ctime);
	if ((mask & STATX_BTIME) && inode->btime.sec) {
		st.mask |= STATX_BTIME;
		st.btime = stamp(&inode->btime);
	}
	st.rdev_major = dev_major(inode->rdev);
	st.rdev_minor = dev_minor(inode->rdev);
	st.dev_major = dev_major(inode->sb->dev);
	st.dev_minor = dev_minor(inode->sb->dev);
	if (path->mnt) {
		st.mnt_id = (u64)path->mnt->id;
		st.mask |= mask & STATX_MNT_ID_UNIQUE ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID;
		if (path->dentry == path->mnt->root)
			st.attributes |= STATX_ATTR_MOUNT_ROOT;
		st.attributes_mask |= STATX_ATTR_MOUNT_ROOT;
	}
	return copyout(ubuf, &st, sizeof(st));
}

SYSCALL_DEFINE5(statx, int, dfd, uaddr_t, name, u32, flags, u32, mask, uaddr_t, ubuf)
{
	struct path path;
	struct file *f;
	int err;

	if ((mask & STATX_RESERVED) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
			   AT_STATX_SYNC_TYPE))
		return -EINVAL;
	if (names_fd(dfd, name, flags)) {
		f = fd_get_path_ok(dfd);
		if (!f)
			return -EBADF;
		err = statx_path(&f->path, mask, ubuf);
		file_put(f);
		return err;
	}
	err = lookup_at(dfd, name, flags, 0, &path);
	if (err)
		return err;
	err = statx_path(&path, mask, ubuf);
	path_put(&path);
	return err;
}

/* ---- file systems ---- */

static s64 mount_st_flags(const struct path *path)
{
	static const struct { u32 mnt, st; } map[] = {
		{ MNT_RDONLY, ST_RDONLY }, { MNT_NOSUID, ST_NOSUID }, { MNT_NODEV, ST_NODEV },
		{ MNT_NOEXEC, ST_NOEXEC }, { MNT_NOATIME, ST_NOATIME },
		{ MNT_NODIRATIME, ST_NODIRATIME }, { MNT_RELATIME, ST_RELATIME },
		{ MNT_NOSYMFOLLOW, ST_NOSYMFOLLOW },
	};
	u32 flags = path_mnt_flags(path);
	s64 st = ST_VALID;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (flags & map[i].mnt)
			st |= map[i].st;
	if (path->dentry->inode->sb->flags & SB_RDONLY)
		st |= ST_RDONLY;
	return st;
}

static int sb_statfs(struct superblock *sb, struct statfs64 *st)
{
	u64 dev = sb->dev;

	memset(st, 0, sizeof(*st));
	st->type = (s64)sb->magic;
	st->bsize = sb->blksize;
	st->frsize = sb->blksize;
	st->namelen = sb->max_name;
	st->fsid[0] = (s32)dev;
	st->fsid[1] = (s32)(dev >> 32);
	return sb->ops && sb->ops->statfs ? sb->ops->statfs(sb, st) : 0;
}

static int statfs_path(const struct path *path, uaddr_t ubuf)
{
	struct statfs64 st;
	int err = sb_statfs(path->dentry->inode->sb, &st);

	if (err)
		return err;
	st.flags |= mount_st_flags(path);
	return copyout(ubuf, &st, sizeof(st));
}

SYSCALL_DEFINE2(statfs, uaddr_t, name, uaddr_t, ubuf)
{
	struct path path;
	int err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	err = statfs_path(&path, ubuf);
	path_put(&path);
	return err;
}

SYSCALL_DEFINE2(fstatfs, int, fd, uaddr_t, ubuf)
{
	struct file *f = fd_get_path_ok(fd);
	int err;

	if (!f)
		return -EBADF;
	err = statfs_path(&f->path, ubuf);
	file_put(f);
	return err;
}

SYSCALL_DEFINE2(ustat, u32, dev, uaddr_t, ubuf)
{
	struct superblock *sb;
	struct statfs64 st;
	struct ustat us;
	int err = -EINVAL;

	list_for_each_entry(sb, &superblocks, link) {
		/* The argument is a 32-bit dev_t: the low half of ours. */
		if ((u32)sb->dev != dev)
			continue;
		sb_get(sb);
		err = sb_statfs(sb, &st);
		sb_put(sb);
		break;
	}
	if (err)
		return err;
	memset(&us, 0, sizeof(us));
	us.tfree = (s32)st.bfree;
	us.tinode = st.ffree;
	return copyout(ubuf, &us, sizeof(us));
}

/* ---- readlink ---- */

static ssize_t readlink_path(const struct path *path, char *buf)
{
	struct inode *inode = path->dentry->inode;
	struct path target;
	char *text;
	ssize_t len;
	int err;

	if (inode->ops->readlink)
		return inode->ops->readlink(inode, buf, PATH_MAX);
	err = inode->ops->follow ? inode->ops->follow(inode, &target) : -EINVAL;
	if (err)
		return err;
	text = path_to_text(&target, buf, PATH_MAX);
	path_put(&target);
	if (IS_ERR(text))
		return PTR_ERR(text);
	len = (ssize_t)strlen(text);
	memmove(buf, text, (size_t)len + 1);
	return len;
}

static s64 do_readlinkat(int dfd, uaddr_t name, uaddr_t ubuf, int size)
{
	struct path path;
	char *buf;
	ssize_t len;
	int err;

	if (size <= 0)
		return -EINVAL;
	err = path_lookup_user(dfd, name, LOOKUP_EMPTY, &path);
	if (err)
		return err;
	buf = path_buf_get();
	len = -ENOMEM;
	if (!buf)
		goto out;
	len = -EINVAL;
	if (S_ISLNK(path.dentry->inode->mode)) {
		touch_atime(&path);
		len = readlink_path(&path, buf);
	} else {
		u8 first;

		/* "" on something that is no link: ENOENT rather than EINVAL. */
		if (!get_user_u8(&first, name) && !first)
			len = -ENOENT;
	}
	if (len > size)
		len = size;
	if (len > 0 && copyout(ubuf, buf, (size_t)len))
		len = -EFAULT;
	path_buf_put(buf);
out:
	path_put(&path);
	return len;
}

SYSCALL_DEFINE3(readlink, uaddr_t, name, uaddr_t, buf, int, size)
{
	return do_readlinkat(AT_FDCWD, name, buf, size);
}

SYSCALL_DEFINE4(readlinkat, int, dfd, uaddr_t, name, uaddr_t, buf, int, size)
{
	return do_readlinkat(dfd, name, buf, size);
}
