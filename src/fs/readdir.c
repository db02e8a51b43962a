// SPDX-License-Identifier: MIT
/*
 * getdents(2) and getdents64(2).
 *
 * The file system emits entries into a kernel buffer while the directory is
 * locked; the buffer goes to the guest in one copy afterwards, so emit never
 * sleeps. Each entry carries the position to resume after it, as telldir wants.
 * A buffer too small for the first entry is EINVAL.
 */
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab.h"

#define MAX_BUFFER 32768u

struct getdents {
	struct dir_context ctx;
	u8 *buf;
	u32 size, used;
	bool old;		/* struct linux_dirent */
	bool full;		/* an entry did not fit */
};

static bool emit(struct dir_context *ctx, const char *name, u32 len, loff_t next_pos, ino_t ino,
		 u32 d_type)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	u32 head = g->old ? offsetof(struct linux_dirent, name)
			  : offsetof(struct linux_dirent64, name);
	/* Name and NUL; the old form has the type in its last byte. */
	u32 size = align_up(head + len + 1 + g->old, 8u);
	u8 *p = g->buf + g->used;

	if (size > g->size - g->used) {
		g->full = true;
		return false;
	}
	memset(p + align_down(size - 1, 8u), 0, 8);
	if (g->old) {
		struct linux_dirent *d = (struct linux_dirent *)p;

		*d = (struct linux_dirent){ .ino = ino, .off = next_pos, .reclen = (u16)size };
		memcpy(d->name, name, len);
		d->name[len] = '\0';
		p[size - 1] = (u8)d_type;
	} else {
		struct linux_dirent64 *d = (struct linux_dirent64 *)p;

		*d = (struct linux_dirent64){ .ino = ino, .off = next_pos, .reclen = (u16)size,
					      .type = (u8)d_type };
		memcpy(d->name, name, len);
		d->name[len] = '\0';
	}
	g->used += size;
	return true;
}

static s64 read_dir(struct file *f, struct getdents *g, uaddr_t ubuf)
{
	struct inode *dir = f->inode;
	loff_t start;
	s64 ret;

	mutex_lock(&f->pos_lock);
	mutex_lock(&dir->lock);
	start = f->pos;
	g->ctx.pos = start;
	ret = dir->nlink ? f->ops->iterate(f, &g->ctx) : -ENOENT;
	mutex_unlock(&dir->lock);
	touch_atime(&f->path);
	if (g->used)
		ret = copyout(ubuf, g->buf, g->used) ? -EFAULT : (s64)g->used;
	else if (ret >= 0)
		ret = g->full ? -EINVAL : 0;
	if (ret >= 0)
		f->pos = g->ctx.pos;
	mutex_unlock(&f->pos_lock);
	return ret;
}

static s64 do_getdents(int fd, uaddr_t ubuf, u32 count, bool old)
{
	struct getdents g = { .ctx.emit = emit, .size = min(count, MAX_BUFFER), .old = old };
	struct file *f = fd_get(fd);
	s64 ret;

	if (!f)
		return -EBADF;
	ret = -ENOTDIR;
	if (!f->ops->iterate)
		goto out;
	g.buf = kmalloc(g.size ? g.size : 1);
	ret = -ENOMEM;
	if (!g.buf)
		goto out;
	ret = read_dir(f, &g, ubuf);
	kfree(g.buf);
out:
	file_put(f);
	return ret;
}

SYSCALL_DEFINE3(getdents, int, fd, uaddr_t, buf, u32, count)
{
	return do_getdents(fd, buf, count, true);
}

SYSCALL_DEFINE3(getdents64, int, fd, uaddr_t, buf, u32, count)
{
	return do_getdents(fd, buf, count, false);
}
