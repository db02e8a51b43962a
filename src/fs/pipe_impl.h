/* SPDX-License-Identifier: MIT */
/* Between pipe.c (the ring) and pipe_file.c (opening, system calls). */
#ifndef HYLA_FS_PIPE_IMPL_H
#define HYLA_FS_PIPE_IMPL_H

#include "fs/pipe.h"

#define PIPE_READABLE (POLLIN | POLLRDNORM)
#define PIPE_WRITABLE (POLLOUT | POLLWRNORM)
#define PIPE_ANY (PIPE_READABLE | PIPE_WRITABLE | POLLERR | POLLHUP)

static inline u32 pipe_used(const struct pipe *p) { return p->head - p->tail; }
static inline bool pipe_full(const struct pipe *p) { return pipe_used(p) >= p->nr_bufs; }
static inline struct pipe_buf *pipe_slot(const struct pipe *p, u32 pos)
{
	return &p->bufs[pos & (p->nr_bufs - 1)];
}

struct pipe *pipe_alloc(void) __must_check;	/* NULL: no memory */
void pipe_free(struct pipe *p);
void pipe_wake_writers(struct pipe *p);
ssize_t pipe_read(struct file *f, struct uio *uio, loff_t *pos);
ssize_t pipe_write(struct file *f, struct uio *uio, loff_t *pos);

#endif
