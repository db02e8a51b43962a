/* SPDX-License-Identifier: MIT */
/*
 * Pipes and fifos: pipe(7), fifo(7).
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
 * Not supported: O_ASYNC, per-user page limits, vmsplice gifts, notifications.
 */
#include "fs/pipe.h"

#include "abi/termios.h"
#include "kernel/capability.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define PIPE_READABLE (POLLIN | POLLRDNORM)
#define PIPE_WRITABLE (POLLOUT | POLLWRNORM)
#define PIPE_ANY (PIPE_READABLE | PIPE_WRITABLE | POLLERR | POLLHUP)

static SLAB_CACHE(pipe_cache, struct pipe);
static struct superblock *pipe_sb;

u32 pipe_max_size = 1048576;

/* ---- the ring ---- */

static u32 pipe_used(const struct pipe *p)
{
	return p->head - p->tail;
}

static bool pipe_full(const struct pipe *p)
{
	return pipe_used(p) >= p->nr_bufs;
}

static struct pipe_buf *pipe_slot(const struct pipe *p, u32 pos)
{
	return &p->bufs[pos & (p->nr_bufs - 1)];
}

static struct pipe *pipe_alloc(void)
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

static void pipe_free(struct pipe *p)
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

static void pipe_wake_writers(struct pipe *p)
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

static ssize_t pipe_read(struct file *f, struct uio *uio, loff_t *pos __unused)
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

static ssize_t pipe_write(struct file *f, struct uio *uio, loff_t *pos __unused)
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

/* ---- poll, ioctl, fcntl ---- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->inode->pipe;
	u32 mask = 0;

	if (f->mode & FMODE_READ) {
		poll_wait(pt, f, &p->rd_wait);
		if (pipe_used(p))
			mask |= PIPE_READABLE;
		if (!p->writers && f->seen_version != p->w_counter)
			mask |= POLLHUP;
	}
	if (f->mode & FMODE_WRITE) {
		poll_wait(pt, f, &p->wr_wait);
		if (!pipe_full(p))
			mask |= PIPE_WRITABLE;
		if (!p->readers)
			mask |= POLLERR;
	}
	return mask;
}

static s64 pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->inode->pipe;

	if (cmd != FIONREAD)
		return -ENOTTY;
	return put_user_u32(arg, (u32)pipe_bytes(p));
}

static s64 pipe_resize(struct pipe *p, u64 size)
{
	struct pipe_buf *bufs;
	u32 count = 1, i, used;

	if (size > 1ul << 31)
		return -EINVAL;
	while (count * PAGE_SIZE < size)
		count *= 2;
	if (count > p->nr_bufs && count * PAGE_SIZE > pipe_max_size && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	used = pipe_used(p);
	if (count < used)
		return -EBUSY;
	bufs = kcalloc(count, sizeof(*bufs));
	if (!bufs)
		return -ENOMEM;
	for (i = 0; i < used; i++)
		bufs[i] = *pipe_slot(p, p->tail + i);
	kfree(p->bufs);
	p->bufs = bufs;
	p->nr_bufs = count;
	p->tail = 0;
	p->head = used;
	pipe_wake_writers(p);
	return (s64)(count * PAGE_SIZE);
}

s64 pipe_fcntl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = file_pipe(f);
	s64 res;

	if (!p)
		return -EBADF;
	switch (cmd) {
	case F_GETPIPE_SZ:
		return (s64)(p->nr_bufs * PAGE_SIZE);
	case F_SETPIPE_SZ:
		mutex_lock(&p->lock);
		res = pipe_resize(p, (u32)arg);
		mutex_unlock(&p->lock);
		return res;
	}
	return -EINVAL;
}

/* ---- open and release ---- */

static int pipe_release_end(struct inode *inode, u32 mode)
{
	struct pipe *p = inode->pipe;

	if (mode & FMODE_READ)
		p->readers--;
	if (mode & FMODE_WRITE)
		p->writers--;
	if (!p->readers != !p->writers) {
		wake_up_nr(&p->rd_wait, ~0u, PIPE_ANY);
		wake_up_nr(&p->wr_wait, ~0u, PIPE_ANY);
	}
	if (--p->files == 0) {
		inode->pipe = NULL;
		pipe_free(p);
	}
	return 0;
}

static void pipe_release(struct file *f)
{
	pipe_release_end(f->inode, f->mode);
}

/* Waits until the other end was opened (again) after we counted `seen`. */
static int fifo_wait_partner(struct waitqueue *wq, const u32 *counter)
{
	u32 seen = *counter;

	return wait_event_interruptible(wq, *counter != seen);
}

static int fifo_open_end(struct pipe *p, struct file *f)
{
	switch (f->mode & (FMODE_READ | FMODE_WRITE)) {
	case FMODE_READ:
		p->r_counter++;
		if (p->readers++ == 0)
			wake_up_all(&p->wr_wait);
		if (p->writers)
			return 0;
		if (f->flags & O_NONBLOCK) {
			f->seen_version = p->w_counter;	/* no POLLHUP before a writer came */
			return 0;
		}
		return fifo_wait_partner(&p->rd_wait, &p->w_counter);
	case FMODE_WRITE:
		p->w_counter++;
		if (p->writers++ == 0)
			wake_up_all(&p->rd_wait);
		return p->readers ? 0 : fifo_wait_partner(&p->wr_wait, &p->r_counter);
	}
	p->readers++;
	p->writers++;
	p->r_counter++;
	p->w_counter++;
	wake_up_all(&p->rd_wait);
	wake_up_all(&p->wr_wait);
	return 0;
}

static int fifo_open(struct inode *inode, struct file *f)
{
	u32 mode = f->mode & (FMODE_READ | FMODE_WRITE);
	int err;

	if (!mode)
		return -EINVAL;		/* access mode 3 */
	f->mode |= FMODE_STREAM;
	f->seen_version = 0;
	if (mode == FMODE_WRITE && (f->flags & O_NONBLOCK) &&
	    !(inode->pipe && inode->pipe->readers))
		return -ENXIO;
	if (!inode->pipe) {
		inode->pipe = pipe_alloc();
		if (!inode->pipe)
			return -ENOMEM;
	}
	inode->pipe->files++;
	err = fifo_open_end(inode->pipe, f);
	if (err)
		pipe_release_end(inode, mode);
	return err;
}

const struct file_ops fifo_fops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.open = fifo_open,
	.release = pipe_release,
};

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

/* ---- pipe(2) ---- */

static const struct inode_ops pipe_iops = { .lookup = NULL };

static int pipefs_fill_super(struct superblock *sb, const char *source __unused,
			     const char *options __unused)
{
	struct inode *root = inode_alloc(sb);

	if (!root)
		return -ENOMEM;
	root->mode = S_IFDIR | 0700;
	root->ops = &pipe_iops;
	sb->magic = 0x50495045;
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static const struct fs_type pipefs_type = {
	.name = "pipefs",
	.flags = FS_NODEV,
	.fill_super = pipefs_fill_super,
};

static struct inode *pipe_inode_new(void)
{
	struct superblock *sb;
	struct inode *inode;

	if (!pipe_sb) {
		sb = sb_create(&pipefs_type, "pipefs", "");
		if (IS_ERR(sb))
			return NULL;
		pipe_sb = sb;
	}
	inode = inode_alloc(pipe_sb);
	if (!inode)
		return NULL;
	inode->ops = &pipe_iops;
	inode->mode = S_IFIFO | 0600;
	inode->uid = current->cred->fsuid;
	inode->gid = current->cred->fsgid;
	inode->nlink = 1;
	inode->fops = &fifo_fops;
	inode->pipe = pipe_alloc();
	if (!inode->pipe) {
		inode_put(inode);
		return NULL;
	}
	return inode;
}

static struct file *pipe_file(struct inode *inode, u32 flags)
{
	struct pipe *p = inode->pipe;
	struct file *f;
	char name[32];

	snprintf(name, sizeof(name), "pipe:[%lu]", inode->ino);
	f = file_from_inode(inode_get(inode), name, flags, &fifo_fops);
	if (IS_ERR(f))
		return f;
	f->mode |= FMODE_STREAM;
	p->files++;
	if (flags & O_WRONLY) {
		p->writers++;
		p->w_counter++;
	} else {
		p->readers++;
		p->r_counter++;
	}
	return f;
}

/* Both ends in files[]; 0 or -errno. */
static int pipe_files(struct file *files[2], u32 flags)
{
	struct inode *inode = pipe_inode_new();
	struct pipe *p;
	int err = 0;

	if (!inode)
		return -ENOMEM;
	p = inode->pipe;
	files[0] = pipe_file(inode, O_RDONLY | flags);
	if (IS_ERR(files[0])) {
		err = (int)PTR_ERR(files[0]);
		inode->pipe = NULL;
		pipe_free(p);
		goto put_inode;
	}
	files[1] = pipe_file(inode, O_WRONLY | flags);
	if (IS_ERR(files[1])) {
		err = (int)PTR_ERR(files[1]);
		file_put(files[0]);
	}
put_inode:
	inode_put(inode);
	return err;
}

static s64 pipe_create(uaddr_t ufds, u32 flags)
{
	struct file *files[2] = { NULL, NULL };
	int fd[2], err;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_files(files, flags & (O_NONBLOCK | O_DIRECT));
	if (err)
		return err;
	err = fd[0] = fd_reserve(0, flags & O_CLOEXEC);
	if (err < 0)
		goto put_files;
	err = fd[1] = fd_reserve(0, flags & O_CLOEXEC);
	if (err < 0)
		goto unreserve_0;
	err = copyout(ufds, fd, sizeof(fd));
	if (err)
		goto unreserve_1;
	fd_install(fd[0], files[0]);
	fd_install(fd[1], files[1]);
	return 0;
unreserve_1:
	fd_unreserve(fd[1]);
unreserve_0:
	fd_unreserve(fd[0]);
put_files:
	file_put(files[0]);
	file_put(files[1]);
	return err;
}

SYSCALL_DEFINE1(pipe, uaddr_t, ufds)
{
	return pipe_create(ufds, 0);
}

SYSCALL_DEFINE2(pipe2, uaddr_t, ufds, u32, flags)
{
	return pipe_create(ufds, flags);
}
