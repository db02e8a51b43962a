/* SPDX-License-Identifier: MIT */
/*
 * The ring of a pipe: reading, writing, and what splice needs; pipe(7).
 * Opening and the system calls are in pipe_file.c.
 *
 * A struct pipe is a ring of page fragments, made by pipe2 or by the first
 * open of a fifo, found through inode->pipe, freed with the last open file.
 *
 *	tail                      head
 *	  v                         v
 *	[bytes][bytes][bytes, room] [free] [free] ...     nr_bufs slots
 *
 * A write that fits behind the newest bytes of the newest page goes there
 * (one byte at a time costs no page); else it takes a new slot per page. So
 * a write of up to PIPE_BUF bytes is one fragment, and atomic. "Full" means no
 * free slot, which is also what poll(2) tells.
 *
 * p->lock is held while bytes are copied from or to user memory, which may
 * sleep; it is dropped to wait for data or room. Pages that a read emptied
 * are kept in spare[] for the next write.
 *
 * O_DIRECT (packet mode): each write of up to a page is a packet of its own,
 * a read takes one and drops what does not fit.
 *
 * Not supported: vmsplice gifts, notification pipes.
 */
#include "fs/pipe_impl.h"

#include "abi/errno.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

static SLAB_CACHE(pipe_cache, struct pipe);

/* ---- the ring ---- */

struct pipe *pipe_alloc(void)
{
	struct pipe *p = slab_zalloc(&pipe_cache);

	if (!p)
		return NULL;
	p->bufs = kcalloc(PIPE_DEF_BUFFERS, sizeof(*p->bufs));
	if (!p->bufs) {
		slab_free(&pipe_cache, p);
		return NULL;
	}
	p->nr_bufs = PIPE_DEF_BUFFERS;
	waitqueue_init(&p->rd_wait);
	waitqueue_init(&p->wr_wait);
	mutex_init(&p->lock);
	return p;
}

void pipe_free(struct pipe *p)
{
	u32 i;

	for (; p->tail != p->head; p->tail++)
		page_put(pipe_slot(p, p->tail)->page);
	for (i = 0; i < ARRAY_SIZE(p->spare); i++) {
		if (p->spare[i])
			page_put(p->spare[i]);
	}
	kfree(p->bufs);
	slab_free(&pipe_cache, p);
}

static struct page *pipe_page_get(struct pipe *p)
{
	struct page *page;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(p->spare); i++) {
		page = p->spare[i];
		if (page) {
			p->spare[i] = NULL;
			return page;
		}
	}
	return page_alloc(0, 0);
}

static void pipe_page_put(struct pipe *p, struct page *page)
{
	u32 i;

	for (i = 0; page->refcount == 1 && i < ARRAY_SIZE(p->spare); i++) {
		if (!p->spare[i]) {
			p->spare[i] = page;
			return;
		}
	}
	page_put(page);
}

static void pipe_drop_tail(struct pipe *p)
{
	struct pipe_buf *b = pipe_slot(p, p->tail);

	pipe_page_put(p, b->page);
	b->page = NULL;
	p->tail++;
}

static void pipe_wake_readers(struct pipe *p)
{
	if (waitqueue_active(&p->rd_wait))
		wake_up_poll(&p->rd_wait, PIPE_READABLE);
}

void pipe_wake_writers(struct pipe *p)
{
	if (waitqueue_active(&p->wr_wait))
		wake_up_poll(&p->wr_wait, PIPE_WRITABLE);
}

/* The newest fragment if `size` bytes may follow in its page, else NULL. */
static struct pipe_buf *pipe_merge_slot(struct pipe *p, size_t size)
{
	struct pipe_buf *b;

	if (!pipe_used(p))
		return NULL;
	b = pipe_slot(p, p->head - 1);
	if ((b->flags & PIPE_BUF_PACKET) || b->page->refcount != 1 ||
	    b->offset + b->len + size > PAGE_SIZE)
		return NULL;
	return b;
}

/* ---- read ---- */

/* Moves bytes that are there; the lock is held. */
static ssize_t pipe_read_locked(struct pipe *p, struct uio *uio)
{
	ssize_t done = 0;

	while (pipe_used(p) && uio->resid) {
		struct pipe_buf *b = pipe_slot(p, p->tail);
		size_t n = min_t(size_t, b->len, uio->resid);
		u32 flags = b->flags;

		n = uio_copy_to(uio, (u8 *)page_to_virt(b->page) + b->offset, n);
		if (!n)
			return done ? done : -EFAULT;
		done += (ssize_t)n;
		b->offset += (u32)n;
		b->len -= (u32)n;
		if (!b->len || (flags & PIPE_BUF_PACKET))
			pipe_drop_tail(p);
		if (flags & PIPE_BUF_PACKET)
			break;
	}
	return done;
}

ssize_t pipe_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct pipe *p = f->inode->pipe;
	bool was_full;
	ssize_t n;

	if (!uio->resid)
		return 0;
	for (;;) {
		mutex_lock(&p->lock);
		was_full = pipe_full(p);
		n = pipe_read_locked(p, uio);
		mutex_unlock(&p->lock);
		if (n) {
			if (was_full && !pipe_full(p))
				pipe_wake_writers(p);
			return n;
		}
		n = pipe_wait_readable(p, f->flags & O_NONBLOCK);
		if (n <= 0)
			return n;
	}
}

/* ---- write ---- */

/* One fragment of at most a page. Bytes taken, or -errno. */
static ssize_t pipe_write_page(struct pipe *p, struct uio *uio, size_t size, u32 flags)
{
	struct page *page = pipe_page_get(p);
	struct pipe_buf *b;
	size_t n;

	if (!page)
		return -ENOMEM;
	n = uio_copy_from(uio, page_to_virt(page), size);
	if (!n) {
		pipe_page_put(p, page);
		return -EFAULT;
	}
	b = pipe_slot(p, p->head++);
	*b = (struct pipe_buf){ .page = page, .len = (u32)n, .flags = flags };
	return (ssize_t)n;
}

/* Moves bytes while there is room; the lock is held. */
static ssize_t pipe_write_locked(struct pipe *p, struct uio *uio, bool packet)
{
	size_t small = uio->resid & (PAGE_SIZE - 1);
	struct pipe_buf *b = packet || !small ? NULL : pipe_merge_slot(p, small);
	ssize_t done = 0, n;

	if (b) {	/* as Linux: the odd bytes go first */
		n = (ssize_t)uio_copy_from(uio, (u8 *)page_to_virt(b->page) + b->offset + b->len,
					   small);
		if ((size_t)n < small) {
			uio_revert(uio, (size_t)n);
			return -EFAULT;
		}
		b->len += (u32)n;
		done = n;
	}
	while (uio->resid && !pipe_full(p)) {
		n = pipe_write_page(p, uio, min_t(size_t, uio->resid, PAGE_SIZE),
				    packet ? PIPE_BUF_PACKET : 0);
		if (n < 0)
			return done ? done : n;
		done += n;
	}
	return done;
}

ssize_t pipe_write(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct pipe *p = f->inode->pipe;
	ssize_t done = 0, n = 0;

	while (uio->resid) {
		mutex_lock(&p->lock);
		n = p->readers ? pipe_write_locked(p, uio, f->flags & O_DIRECT) : -EPIPE;
		mutex_unlock(&p->lock);
		if (n == -EPIPE) {
			signal_task(current, SIGPIPE);
			break;
		}
		if (n < 0)
			break;
		done += n;
		if (n)
			pipe_wake_readers(p);
		if (!uio->resid)
			break;
		n = pipe_wait_writable(p, f->flags & O_NONBLOCK);
		if (n < 0)
			break;
	}
	return done ? done : min_t(ssize_t, n, 0);
}

/* ---- for splice ---- */

/* Someone copies to or from user memory with the lock: let it finish. */
static void pipe_settle(struct pipe *p)
{
	while (p->lock.owner) {
		mutex_lock(&p->lock);
		mutex_unlock(&p->lock);
	}
}

int pipe_wait_readable(struct pipe *p, bool nonblock)
{
	int err;

	pipe_settle(p);
	if (pipe_used(p))
		return 1;
	if (!p->writers)
		return 0;
	if (nonblock)
		return -EAGAIN;
	err = wait_event_interruptible(&p->rd_wait, pipe_used(p) || !p->writers);
	if (err)
		return err;
	return pipe_used(p) ? 1 : 0;
}

int pipe_wait_writable(struct pipe *p, bool nonblock)
{
	int err;

	pipe_settle(p);
	if (p->readers && pipe_full(p)) {
		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible(&p->wr_wait, !pipe_full(p) || !p->readers);
		if (err)
			return err;
	}
	if (!p->readers) {
		signal_task(current, SIGPIPE);
		return -EPIPE;
	}
	return 1;
}

size_t pipe_bytes(const struct pipe *p)
{
	size_t n = 0;
	u32 pos;

	for (pos = p->tail; pos != p->head; pos++)
		n += pipe_slot(p, pos)->len;
	return n;
}

size_t pipe_space(const struct pipe *p)
{
	return pipe_full(p) ? 0 : (p->nr_bufs - pipe_used(p)) * PAGE_SIZE;
}

size_t pipe_peek(const struct pipe *p, size_t skip, void *buf, size_t size)
{
	u8 *out = buf;
	size_t done = 0, n;
	u32 pos;

	for (pos = p->tail; pos != p->head && done < size; pos++) {
		const struct pipe_buf *b = pipe_slot(p, pos);

		if (skip >= b->len) {
			skip -= b->len;
			continue;
		}
		n = min_t(size_t, b->len - skip, size - done);
		memcpy(out + done, (u8 *)page_to_virt(b->page) + b->offset + skip, n);
		done += n;
		skip = 0;
	}
	return done;
}

void pipe_consume(struct pipe *p, size_t n)
{
	bool was_full = pipe_full(p);

	while (n && pipe_used(p)) {
		struct pipe_buf *b = pipe_slot(p, p->tail);
		size_t part = min_t(size_t, n, b->len);

		b->offset += (u32)part;
		b->len -= (u32)part;
		n -= part;
		if (!b->len)
			pipe_drop_tail(p);
	}
	if (was_full && !pipe_full(p))
		pipe_wake_writers(p);
}

ssize_t pipe_append(struct pipe *p, const void *buf, size_t size)
{
	const u8 *in = buf;
	size_t done = 0, n;

	while (done < size && !pipe_full(p)) {
		struct page *page = pipe_page_get(p);

		if (!page)
			break;
		n = min_t(size_t, size - done, PAGE_SIZE);
		memcpy(page_to_virt(page), in + done, n);
		*pipe_slot(p, p->head++) = (struct pipe_buf){ .page = page, .len = (u32)n };
		done += n;
	}
	if (done)
		pipe_wake_readers(p);
	if (!done && size && !pipe_full(p))
		return -ENOMEM;
	return (ssize_t)done;
}
