// SPDX-License-Identifier: MIT
/*
 * Moving bytes between descriptors: sendfile(2), copy_file_range(2),
 * splice(2), tee(2), vmsplice(2).
 *
 * All of them copy through one kernel buffer; pages are never moved. A source
 * with a position is read at explicit positions, so that what the other side
 * did not take is simply read again. From a pipe the bytes are peeked at, and
 * consumed only when written, with pipe->lock keeping other readers out.
 *
 * As on Linux, splice and tee wait for the first byte or the first space, and
 * then return what could be moved.
 */
#include "abi/inotify.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "kernel/syscall.h"
#include "mm/slab.h"

#define BUFFER_SIZE 65536u

struct buffer {
	u8 *p;
	size_t size;
};

static int buffer_get(struct buffer *b, size_t want)
{
	b->size = want > PAGE_SIZE ? BUFFER_SIZE : PAGE_SIZE;
	b->p = kmalloc(b->size);
	if (!b->p && b->size > PAGE_SIZE) {
		b->size = PAGE_SIZE;
		b->p = kmalloc(b->size);
	}
	return b->p ? 0 : -ENOMEM;
}

static ssize_t read_at(struct file *f, void *buf, size_t size, loff_t *pos)
{
	struct uio uio;

	uio_kernel(&uio, buf, size);
	return file_read(f, &uio, pos);
}

static ssize_t write_at(struct file *f, void *buf, size_t size, loff_t *pos)
{
	struct uio uio;

	uio_kernel(&uio, buf, size);
	return file_write(f, &uio, pos);
}

/* The offset argument of a call: a user pointer, or the file's own position. */
struct offset {
	struct file *f;
	uaddr_t user;
	loff_t pos;
	bool none;		/* a stream */
};

static int offset_get(struct offset *o, struct file *f, uaddr_t user)
{
	*o = (struct offset){ .f = f, .user = user };
	if (user) {
		if (copyin(&o->pos, user, sizeof(o->pos)))
			return -EFAULT;
		return o->pos < 0 ? -EINVAL : 0;
	}
	o->none = !(f->mode & FMODE_LSEEK);
	if (!o->none)
		o->pos = f->pos;
	return 0;
}

/* Stores the new position; a fault hides that bytes were moved, as on Linux. */
static s64 offset_put(struct offset *o, s64 ret)
{
	if (o->user)
		return copyout(o->user, &o->pos, sizeof(o->pos)) ? -EFAULT : ret;
	if (!o->none)
		o->f->pos = o->pos;
	return ret;
}

/*
 * Copies up to count bytes. Positions advance by what was written; a stream
 * source loses nothing, because the writing is repeated until all is out.
 */
static s64 copy_bytes(struct offset *in, struct offset *out, u64 count, struct buffer *b)
{
	s64 done = 0;

	while (count) {
		loff_t from = in->pos;
		ssize_t n = read_at(in->f, b->p, min(count, b->size), in->none ? NULL : &from);
		ssize_t put = 0, w = 0;

		if (n <= 0)
			return done ? done : n;
		do {
			w = write_at(out->f, b->p + put, (size_t)(n - put),
				     out->none ? NULL : &out->pos);
			if (w > 0)
				put += w;
		} while (w > 0 && put < n && in->none);
		done += put;
		in->pos += put;
		count -= (u64)put;
		if (w <= 0)
			return done ? done : w;
		if (put < n || signal_pending(current))
			break;
	}
	return done;
}

static s64 copy_with_buffer(struct offset *in, struct offset *out, u64 count)
{
	struct buffer b;
	s64 ret = buffer_get(&b, count);

	if (ret)
		return ret;
	ret = copy_bytes(in, out, count, &b);
	kfree(b.p);
	return ret;
}

/* ---- sendfile ---- */

static bool can_splice_from(const struct file *f)
{
	mode_t mode = f->inode->mode;

	return f->ops->read && !S_ISDIR(mode) && !S_ISFIFO(mode);
}

static s64 sendfile_files(struct file *out, struct file *in, uaddr_t uoff, u64 count)
{
	struct offset from, to;
	s64 ret;

	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (uoff && !(in->mode & FMODE_LSEEK))
		return -ESPIPE;
	if (!can_splice_from(in) || (out->flags & O_APPEND))
		return -EINVAL;
	ret = offset_get(&from, in, uoff);
	if (!ret)
		ret = offset_get(&to, out, 0);
	if (ret)
		return ret;
	ret = copy_with_buffer(&from, &to, min(count, (u64)MAX_RW_COUNT));
	if (ret > 0)
		ret = offset_put(&to, ret);
	return ret >= 0 ? offset_put(&from, ret) : ret;
}

SYSCALL_DEFINE4(sendfile, int, out_fd, int, in_fd, uaddr_t, uoff, u64, count)
{
	struct file *in = fd_get(in_fd), *out;
	s64 ret = -EBADF;

	if (!in)
		return -EBADF;
	out = fd_get(out_fd);
	if (out) {
		ret = (s64)count < 0 ? -EINVAL : sendfile_files(out, in, uoff, count);
		file_put(out);
	}
	file_put(in);
	return ret;
}

/* ---- copy_file_range ---- */

static s64 check_copy(struct file *in, struct file *out, loff_t pos_in, loff_t pos_out, u64 *len)
{
	loff_t end;

	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE) || (out->flags & O_APPEND))
		return -EBADF;
	if (in->inode->sb != out->inode->sb)
		return -EXDEV;
	if (__builtin_add_overflow(pos_in, (s64)*len, &end) ||
	    __builtin_add_overflow(pos_out, (s64)*len, &end))
		return -EOVERFLOW;
	*len = pos_in >= in->inode->size ? 0 : min(*len, (u64)(in->inode->size - pos_in));
	if (in->inode == out->inode && pos_out + (s64)*len > pos_in &&
	    pos_out < pos_in + (s64)*len)
		return -EINVAL;
	return 0;
}

static s64 copy_files(struct file *in, uaddr_t uin, struct file *out, uaddr_t uout, u64 len)
{
	struct offset from, to;
	s64 ret = offset_get(&from, in, uin);

	if (!ret)
		ret = offset_get(&to, out, uout);
	if (ret)
		return ret;
	len = min(len, (u64)MAX_RW_COUNT);
	ret = check_copy(in, out, from.pos, to.pos, &len);
	if (ret || !len)
		return ret;
	ret = copy_with_buffer(&from, &to, len);
	if (ret > 0)
		ret = offset_put(&from, ret);
	return ret > 0 ? offset_put(&to, ret) : ret;
}

SYSCALL_DEFINE6(copy_file_range, int, in_fd, uaddr_t, uin, int, out_fd, uaddr_t, uout, u64, len,
		u32, flags)
{
	struct file *in = fd_get(in_fd), *out;
	s64 ret = -EBADF;

	if (!in)
		return -EBADF;
	out = fd_get(out_fd);
	if (out) {
		ret = flags ? -EINVAL : copy_files(in, uin, out, uout, len);
		file_put(out);
	}
	file_put(in);
	return ret;
}

/* ---- splice ---- */

static bool nonblock(const struct file *pipe, u32 flags)
{
	return (flags & SPLICE_F_NONBLOCK) || (pipe->flags & O_NONBLOCK);
}

/* Both ends ready at once: what then happens does not sleep. */
static int wait_both(struct pipe *in, struct pipe *out, bool nb)
{
	int r;

	do {
		r = pipe_wait_readable(in, nb);
		if (r <= 0)
			return r;
		r = pipe_wait_writable(out, nb);
		if (r < 0)
			return r;
	} while (!pipe_bytes(in) || !pipe_space(out));
	return 1;
}

/* consume: splice; else tee. */
static s64 pipe_to_pipe(struct pipe *in, struct pipe *out, u64 len, bool nb, bool consume)
{
	struct buffer b;
	s64 done = 0, ret = buffer_get(&b, len);

	if (ret)
		return ret;
	ret = wait_both(in, out, nb);
	while (ret > 0 && (u64)done < len) {
		size_t n = pipe_peek(in, consume ? 0 : (size_t)done, b.p,
				     min(len - (u64)done, b.size));
		ssize_t put = n ? pipe_append(out, b.p, n) : 0;

		if (put <= 0) {
			ret = put;
			break;
		}
		if (consume)
			pipe_consume(in, (size_t)put);
		done += put;
	}
	kfree(b.p);
	return done ? done : ret;
}

static s64 pipe_to_file(struct pipe *in, struct offset *out, u64 len, bool nb)
{
	struct buffer b;
	s64 done = 0, ret = buffer_get(&b, len);

	if (ret)
		return ret;
	while ((u64)done < len) {
		size_t n;

		ret = pipe_wait_readable(in, nb || done);
		if (ret <= 0)
			break;
		mutex_lock(&in->lock);
		n = pipe_peek(in, 0, b.p, min(len - (u64)done, b.size));
		ret = n ? write_at(out->f, b.p, n, out->none ? NULL : &out->pos) : 0;
		if (ret > 0)
			pipe_consume(in, (size_t)ret);
		mutex_unlock(&in->lock);
		if (!n)
			continue;	/* another reader was quicker */
		if (ret <= 0)
			break;
		done += ret;
	}
	kfree(b.p);
	return done ? done : ret;
}

static s64 file_to_pipe(struct offset *in, struct pipe *out, u64 len, bool nb)
{
	struct buffer b;
	loff_t from = in->pos;
	s64 done = 0, n, ret = buffer_get(&b, len);

	if (ret)
		return ret;
	ret = pipe_wait_writable(out, nb);
	n = ret;
	if (ret < 0)
		goto out;
	n = read_at(in->f, b.p, min(min(len, b.size), pipe_space(out)), in->none ? NULL : &from);
	/* Others may have filled the pipe while we read. */
	while (n > 0 && done < n) {
		ret = pipe_append(out, b.p + done, (size_t)(n - done));
		if (ret > 0) {
			done += ret;
			continue;
		}
		if (ret < 0 || (done && !in->none))
			break;
		ret = pipe_wait_writable(out, nb && !in->none);
		if (ret < 0)
			break;
	}
	if (n > 0 && !done)
		n = ret;
out:
	kfree(b.p);
	if (done)
		in->pos += done;
	return done ? done : n;
}

static s64 splice_one_pipe(struct file *in, uaddr_t uin, struct file *out, uaddr_t uout, u64 len,
			   u32 flags)
{
	struct pipe *pi = file_pipe(in), *po = file_pipe(out);
	struct offset o;
	s64 ret;

	if (pi) {
		if (uin)
			return -ESPIPE;
		if (uout && !(out->mode & FMODE_LSEEK))
			return -EINVAL;
		if ((out->flags & O_APPEND) || !out->ops->write)
			return -EINVAL;
	} else {
		if (uout)
			return -ESPIPE;
		if (uin && !(in->mode & FMODE_LSEEK))
			return -EINVAL;
		if (!can_splice_from(in))
			return -EINVAL;
	}
	ret = offset_get(&o, pi ? out : in, pi ? uout : uin);
	if (ret)
		return ret;
	ret = pi ? pipe_to_file(pi, &o, len, nonblock(in, flags))
		 : file_to_pipe(&o, po, len, nonblock(out, flags));
	return ret > 0 ? offset_put(&o, ret) : ret;
}

static s64 splice_files(struct file *in, uaddr_t uin, struct file *out, uaddr_t uout, u64 len,
			u32 flags)
{
	struct pipe *pi = file_pipe(in), *po = file_pipe(out);

	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	len = min(len, (u64)MAX_RW_COUNT);
	if (pi && po) {
		if (uin || uout)
			return -ESPIPE;
		if (pi == po)
			return -EINVAL;
		return pipe_to_pipe(pi, po, len, nonblock(in, flags) || nonblock(out, flags),
				    true);
	}
	if (!pi && !po)
		return -EINVAL;
	return splice_one_pipe(in, uin, out, uout, len, flags);
}

SYSCALL_DEFINE6(splice, int, in_fd, uaddr_t, uin, int, out_fd, uaddr_t, uout, u64, len, u32, flags)
{
	struct file *in, *out;
	s64 ret = -EBADF;

	if (!len)
		return 0;
	if (flags & ~(u32)SPLICE_F_ALL)
		return -EINVAL;
	in = fd_get(in_fd);
	if (!in)
		return -EBADF;
	out = fd_get(out_fd);
	if (out) {
		ret = splice_files(in, uin, out, uout, len, flags);
		file_put(out);
	}
	file_put(in);
	return ret;
}

SYSCALL_DEFINE4(tee, int, in_fd, int, out_fd, u64, len, u32, flags)
{
	struct file *in, *out;
	struct pipe *pi, *po;
	s64 ret = -EBADF;

	if (flags & ~(u32)SPLICE_F_ALL)
		return -EINVAL;
	if (!len)
		return 0;
	in = fd_get(in_fd);
	if (!in)
		return -EBADF;
	out = fd_get(out_fd);
	if (!out)
		goto put_in;
	pi = file_pipe(in);
	po = file_pipe(out);
	if ((in->mode & FMODE_READ) && (out->mode & FMODE_WRITE)) {
		ret = -EINVAL;
		if (pi && po && pi != po)
			ret = pipe_to_pipe(pi, po, min(len, (u64)MAX_RW_COUNT),
					   nonblock(in, flags) || nonblock(out, flags), false);
	}
	file_put(out);
put_in:
	file_put(in);
	return ret;
}

/* ---- vmsplice ---- */

static s64 user_to_pipe(struct pipe *p, struct uio *uio, bool nb, struct buffer *b)
{
	s64 done = 0, ret = pipe_wait_writable(p, nb);

	while (ret > 0 && uio->resid) {
		size_t n = uio_copy_from(uio, b->p, min(b->size, pipe_space(p)));

		/* The copy may have slept, and the pipe may be fuller now. */
		ret = n ? pipe_append(p, b->p, n) : pipe_space(p) ? -EFAULT : 0;
		if (ret > 0) {
			done += ret;
			uio_revert(uio, n - (size_t)ret);
		}
	}
	return done ? done : ret;
}

static s64 pipe_to_user(struct pipe *p, struct uio *uio, bool nb, struct buffer *b)
{
	s64 done = 0, ret = pipe_wait_readable(p, nb);

	if (ret <= 0)
		return ret;
	mutex_lock(&p->lock);
	while (uio->resid) {
		size_t n = pipe_peek(p, 0, b->p, min(b->size, uio->resid)), got;

		if (!n)
			break;
		got = uio_copy_to(uio, b->p, n);
		pipe_consume(p, got);
		done += (s64)got;
		if (got < n) {
			ret = -EFAULT;
			break;
		}
	}
	mutex_unlock(&p->lock);
	return done ? done : ret < 0 ? ret : 0;
}

SYSCALL_DEFINE4(vmsplice, int, fd, uaddr_t, vec, u64, count, u32, flags)
{
	struct file *f;
	struct pipe *p;
	struct buffer b;
	struct uio uio;
	s64 ret = -EBADF;

	if (flags & ~(u32)SPLICE_F_ALL)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	p = file_pipe(f);
	if (!p || !(f->mode & (FMODE_READ | FMODE_WRITE)))
		goto out;
	ret = uio_import(&uio, vec, count);
	if (ret)
		goto out;
	ret = uio.resid ? buffer_get(&b, uio.resid) : 0;
	if (!ret && uio.resid) {
		ret = f->mode & FMODE_WRITE ? user_to_pipe(p, &uio, nonblock(f, flags), &b)
					    : pipe_to_user(p, &uio, nonblock(f, flags), &b);
		kfree(b.p);
	}
	uio_free(&uio);
out:
	file_put(f);
	return ret;
}
