/* SPDX-License-Identifier: MIT */
/*
 * Pipes and fifos as files: opening, poll, fcntl, and pipe(2).
 *
 * A fifo's first open makes its struct pipe, the last release frees it with
 * what is still in it. Opens block until the other end is there, as fifo(7)
 * says: r_counter and w_counter count opens, so a partner that came and went
 * meanwhile is seen, too. pipe2 makes both ends at once on an inode of pipefs,
 * a file system without a mount.
 *
 * Not supported: per-user page limits.
 */
#include "abi/errno.h"
#include "abi/termios.h"
#include "fs/pipe_impl.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

static struct superblock *pipe_sb;

u32 pipe_max_size = 1048576;

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

/* A pipe(2) reopened through /proc/PID/fd never waits: it had both ends once. */
static int fifo_open_end(struct pipe *p, struct file *f)
{
	bool named = f->inode->sb != pipe_sb;

	switch (f->mode & (FMODE_READ | FMODE_WRITE)) {
	case FMODE_READ:
		p->r_counter++;
		if (p->readers++ == 0)
			wake_up_all(&p->wr_wait);
		if (p->writers || !named)
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
		return p->readers || !named ? 0 : fifo_wait_partner(&p->wr_wait, &p->r_counter);
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
