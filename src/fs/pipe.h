/* SPDX-License-Identifier: MIT */
/*
 * Pipes as the rest of the kernel sees them: fifo opens, fcntl, splice.
 *
 * A struct pipe is a ring of page fragments. It belongs to its inode
 * (inode->pipe) while a file of that inode is open; fs/pipe.c creates it at
 * the first open (or pipe2) and frees it with the last release.
 *
 * The splice interface copies: the caller waits, peeks into its own buffer,
 * hands the bytes on, then consumes what was taken. Peek, consume, space and
 * append never sleep; between a wait and the call that uses it nothing else
 * runs unless the caller sleeps, so re-wait after sleeping.
 */
#ifndef HYLA_FS_PIPE_H
#define HYLA_FS_PIPE_H

#include "fs/vfs.h"
#include "kernel/wait.h"
#include "lib/types.h"
#include "mm/page.h"

#define PIPE_DEF_BUFFERS 16	/* 64 KiB */
#define PIPE_BUF 4096		/* writes up to this size are atomic */

struct pipe_buf {
	struct page *page;	/* one reference */
	u32 offset, len;	/* valid bytes of the page */
	u32 flags;		/* fs/pipe.c: packet mode */
};

struct pipe {
	struct pipe_buf *bufs;	/* ring of nr_bufs entries, a power of two */
	u32 nr_bufs;
	u32 head, tail;		/* free-running; head - tail buffers are used */
	u32 files;		/* open files; the last release frees the pipe */
	u32 readers, writers;	/* open ends */
	u32 r_counter, w_counter; /* opens ever, for blocking fifo opens */
	struct waitqueue rd_wait, wr_wait;
	struct mutex lock;	/* serialises writers and readers that sleep mid-way */
	struct page *spare[2];	/* emptied pages, for the next write */
};

#define PIPE_BUF_PACKET 1	/* pipe_buf.flags: a read takes this buffer only */

extern u32 pipe_max_size;	/* /proc/sys/fs/pipe-max-size, bytes */


/* Operations of an inode of type S_IFIFO; open blocks as fifo(7) says. */
extern const struct file_ops fifo_fops;

/* The pipe behind an open file, or NULL when it is not a pipe or fifo. */
static inline struct pipe *file_pipe(struct file *f)
{
	return f->inode ? f->inode->pipe : NULL;
}

/* F_GETPIPE_SZ, F_SETPIPE_SZ: the size in bytes or -errno. */
s64 pipe_fcntl(struct file *f, u32 cmd, u64 arg);

/* Waits until there is data: 1, 0 at end of file, -EAGAIN (nonblock),
 * -ERESTARTSYS. */
int pipe_wait_readable(struct pipe *p, bool nonblock) __must_check;
/* Waits until a byte can be appended: 1, -EPIPE (no reader; SIGPIPE was
 * sent), -EAGAIN, -ERESTARTSYS. */
int pipe_wait_writable(struct pipe *p, bool nonblock) __must_check;
/* Bytes now in the pipe, and bytes that pipe_append takes now at least. */
size_t pipe_bytes(const struct pipe *p);
size_t pipe_space(const struct pipe *p);
/* Copies up to size bytes that begin `skip` bytes after the oldest one. */
size_t pipe_peek(const struct pipe *p, size_t skip, void *buf, size_t size) __must_check;
/* Removes the n oldest bytes and wakes writers. */
void pipe_consume(struct pipe *p, size_t n);
/* Appends up to size bytes and wakes readers; bytes taken (0: full), or -ENOMEM. */
ssize_t pipe_append(struct pipe *p, const void *buf, size_t size) __must_check;

#endif
