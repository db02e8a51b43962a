// SPDX-License-Identifier: MIT
/*
 * Writing back and hints: fsync(2), sync(2), sync_file_range(2), fadvise(2),
 * readahead(2).
 *
 * Write-back is synchronous: what has been written back when a call returns is
 * with the device. Read-ahead hints change nothing: reads fill the page cache
 * in windows of the mapping's own.
 */
#include "fs/internal.h"
#include "kernel/syscall.h"

static s64 sync_fd(int fd, bool datasync)
{
	struct file *f = fd_get(fd);
	s64 err = -EINVAL;

	if (!f)
		return -EBADF;
	if (f->ops->fsync)
		err = f->ops->fsync(f, 0, S64_MAX, datasync);
	file_put(f);
	return err;
}

SYSCALL_DEFINE1(fsync, int, fd)
{
	return sync_fd(fd, false);
}

SYSCALL_DEFINE1(fdatasync, int, fd)
{
	return sync_fd(fd, true);
}

SYSCALL_DEFINE0(sync)
{
	struct superblock *sb, *prev = NULL;

	list_for_each_entry(sb, &superblocks, link) {
		int err;

		sb_get(sb);	/* keeps our place in the list */
		err = sb_sync(sb);
		(void)err;	/* sync(2) has no way to tell */
		if (prev)
			sb_put(prev);
		prev = sb;
	}
	if (prev)
		sb_put(prev);
	return 0;
}

SYSCALL_DEFINE1(syncfs, int, fd)
{
	struct file *f = fd_get(fd);
	s64 err;

	if (!f)
		return -EBADF;
	err = sb_sync(f->inode->sb);
	file_put(f);
	return err;
}

SYSCALL_DEFINE4(sync_file_range, int, fd, loff_t, off, loff_t, len, u32, flags)
{
	struct file *f;
	loff_t end;
	mode_t mode;
	s64 err = 0;

	f = fd_get(fd);
	if (!f)
		return -EBADF;
	mode = f->inode->mode;
	if ((flags & ~7u) || off < 0 || __builtin_add_overflow(off, len, &end) || end < off)
		err = -EINVAL;
	else if (!S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		err = -ESPIPE;
	else if (flags)
		err = mapping_sync(&f->inode->mapping, (u64)off, len ? (u64)end : U64_MAX);
	file_put(f);
	return err;
}

SYSCALL_DEFINE4(fadvise64, int, fd, loff_t, off, loff_t, len, int, advice)
{
	struct file *f = fd_get(fd);
	struct inode *inode;
	u64 end;
	s64 err = 0;

	if (!f)
		return -EBADF;
	inode = f->inode;
	if (S_ISFIFO(inode->mode))
		err = -ESPIPE;
	else if (len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
		err = -EINVAL;
	if (!err && advice == POSIX_FADV_DONTNEED && inode->mapping.ops) {
		end = len ? (u64)off + (u64)len : U64_MAX;
		/* Whole pages only, as Linux; pages in use or dirty stay. */
		err = mapping_sync(&inode->mapping, (u64)off, end);
		if (end != U64_MAX)
			end = align_down(end, PAGE_SIZE);
		if (align_up((u64)off, PAGE_SIZE) < end)
			mapping_invalidate(&inode->mapping, align_up((u64)off, PAGE_SIZE), end);
		err = 0;
	}
	file_put(f);
	return err;
}

SYSCALL_DEFINE3(readahead, int, fd, loff_t, off, size_t, count)
{
	struct file *f = fd_get_mode(fd, FMODE_READ);
	s64 err = 0;

	(void)off;
	(void)count;
	if (!f)
		return -EBADF;
	if (!f->inode->mapping.ops || !S_ISREG(f->inode->mode))
		err = -EINVAL;
	file_put(f);
	return err;
}
