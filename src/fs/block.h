/* SPDX-License-Identifier: MIT */
/*
 * Block devices: what drivers give, what file systems and /dev use.
 *
 *   struct blockdev    a disk; made by a driver, never freed
 *   struct block_req   one transfer on its way to the driver and back
 *
 * Sectors are 512 bytes everywhere; logical_size is what the device can
 * address, and transfers begin and end at multiples of it.
 *
 * Locks: the kernel lock; bd->inode->lock for writers of /dev nodes.
 */
#ifndef HYLA_FS_BLOCK_H
#define HYLA_FS_BLOCK_H

#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"

#define SECTOR_SHIFT 9
#define SECTOR_SIZE 512u
#define BLOCK_MAX_SEGS 64u	/* of one request */
#define BLOCK_MINORS 16u	/* of one disk, as Linux */

struct blockdev;
struct inode;
struct page;
struct text;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO };

struct block_seg {
	paddr_t addr;
	u32 size;		/* bytes, a multiple of the logical block */
};

struct block_req {
	struct list_head link;	/* the driver's, until it calls block_done */
	struct blockdev *bd;
	enum block_op op;
	u32 seg_count;		/* READ and WRITE */
	u64 sector;
	u64 sectors;		/* 0 for FLUSH */
	u64 start_ns;
	int err;
	bool done;
	struct waitqueue wq;
	struct block_seg segs[BLOCK_MAX_SEGS];
};

struct block_stat {		/* /proc/diskstats */
	u64 ios, sectors, ns;
};

struct blockdev {
	/* ---- the driver's, before block_register; sectors may change later ---- */
	char prefix[8];		/* "vd" */
	u32 major;
	u32 logical_size;	/* bytes: 512, 1024, 2048 or 4096 */
	u32 physical_size;
	u32 io_min, io_opt;	/* bytes; io_opt 0: not known */
	u32 max_segs;		/* 1 to BLOCK_MAX_SEGS */
	u32 max_seg_size;	/* bytes, a multiple of the logical block */
	u64 sectors;
	u64 max_discard;	/* sectors at once; 0: cannot */
	u64 max_zero;
	u32 discard_align;	/* sectors */
	bool read_only;
	bool flush;		/* has a cache that BLOCK_FLUSH empties */
	/* Takes the request; calls block_done once, at once or later. Never sleeps. */
	void (*submit)(struct blockdev *bd, struct block_req *req);
	void *priv;
	/* ---- block.c ---- */
	char name[16];		/* "vda" */
	u64 dev;		/* dev_t */
	u32 opens, in_flight;
	u64 busy_ns;
	struct block_stat stat[BLOCK_ZERO + 1];
	struct inode *inode;	/* its page cache; never dirty: writes go through */
	struct list_head link;
};

/* Names the disk, makes its page cache and nodes. 0 or -ENOMEM, -ENOSPC. May sleep. */
int block_register(struct blockdev *bd) __must_check;
/* The device has another size now (upcall). */
void block_resize(struct blockdev *bd, u64 sectors);
/* The driver is through with a request. Any context. */
void block_done(struct block_req *req, int err);

/* By device number; by name with or without "/dev/". NULL: none. */
struct blockdev *block_find(u64 dev);
struct blockdev *block_find_name(const char *name);
/* The nr-th, or NULL. */
struct blockdev *block_nth(u32 nr);

/* Moves the segments' bytes, in order, from or to `sector` on. The pages are
 * the caller's until it returns. May sleep. 0, -EIO, -ENOMEM, -EROFS. */
int block_transfer(struct blockdev *bd, enum block_op op, u64 sector,
		   const struct block_seg *segs, u32 count) __must_check;
/* What was written is on stable storage. 0 or -EIO. May sleep. */
int block_flush(struct blockdev *bd) __must_check;
/* DISCARD (-EOPNOTSUPP where the device cannot) or ZERO (written, then). Cached
 * pages of the range are dropped. May sleep. */
int block_clear(struct blockdev *bd, enum block_op op, u64 sector, u64 sectors) __must_check;

static inline u64 block_bytes(const struct blockdev *bd) { return bd->sectors << SECTOR_SHIFT; }

extern const struct file_ops block_fops;	/* block_file.c */
/* The disk as an open file, for the kernel's own reading. ERR_PTR. */
struct file *block_open(struct blockdev *bd) __must_check;
int block_show_init(struct blockdev *bd);	/* block_show.c: /sys */
int block_show_partitions(struct text *t);	/* /proc */
int block_show_diskstats(struct text *t);
void block_show_majors(struct text *t);

#endif
