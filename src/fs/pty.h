/* SPDX-License-Identifier: MIT */
/* Between the pty driver (pty.c) and its file system (devpts.c). */
#ifndef HYLA_FS_PTY_H
#define HYLA_FS_PTY_H

#include "fs/tty.h"
#include "fs/vfs.h"
#include "lib/types.h"

#define PTY_RING_SIZE 8192u	/* each direction; power of two */
#define PTS_MAJOR 136
#define DEVPTS_SUPER_MAGIC 0x1cd1

struct pty_ring {
	u32 head, tail;		/* free-running */
	u8 *buf;		/* PTY_RING_SIZE bytes */
};

struct pty {
	struct tty tty;			/* the slave */
	u32 index;
	bool master_open;
	bool slave_closed;		/* was open and is not now: master reads EIO */
	bool master_stopped;		/* TCXONC on the master */
	u8 pktstatus;			/* TIOCPKT_* not yet read */
	struct pty_ring to_slave, to_master;
	struct waitqueue rd_wq, wr_wq;	/* the master's readers and writers */
	struct superblock *sb;		/* devpts instance, held while master_open */
	struct inode *inode;		/* the slave's node, the same */
	struct list_head link;		/* devpts: by index */
};

static inline u32 pty_ring_used(const struct pty_ring *r) { return r->head - r->tail; }
static inline u32 pty_ring_room(const struct pty_ring *r)
{
	return PTY_RING_SIZE - pty_ring_used(r);
}
/* Bytes put or got; the longest run of bytes at the tail. */
size_t pty_ring_put(struct pty_ring *r, const u8 *buf, size_t len);
size_t pty_ring_get(struct pty_ring *r, u8 *buf, size_t size);
size_t pty_ring_run(const struct pty_ring *r, const u8 **start);
/* Hands what the master wrote to the line discipline, as far as it goes. */
void pty_push(struct pty *pty);
struct pty *pty_alloc(void) __must_check;	/* NULL: no memory; one tty reference */

/* The devpts instance that an open /dev/ptmx belongs to: *root gets its root
 * directory, with references. -ENODEV without one. */
int devpts_of_ptmx(struct file *ptmx, struct path *root) __must_check;
/* Gives pty an index and a node in the instance. 0, -ENOSPC, -ENOMEM. */
int devpts_add(struct superblock *sb, struct pty *pty) __must_check;
/* The node goes; references of devpts_add are dropped. */
void devpts_remove(struct pty *pty);
void devpts_init(void);

extern u32 pty_max, pty_count;	/* /proc/sys/kernel/pty/{max,nr} */

#endif
