/* SPDX-License-Identifier: MIT */
/*
 * Block devices: the registry, requests, and the page cache of each disk.
 *
 * A transfer is cut into requests of what the device takes; each is one kmalloc
 * that the driver holds until block_done. The caller sleeps uninterruptibly for
 * it, since the device writes into the caller's pages. A driver whose device
 * fails ends all its requests with -EIO, so the sleep ends with the device.
 *
 * The page cache of a disk (the mapping of bd->inode) holds what /dev nodes
 * read. Writes go through to the device first (block_file.c), so pages are
 * never dirty and nothing has to be written back. File systems that keep pages
 * of their own use block_transfer.
 *
 * Disks live for ever. Not supported: partitions, hot unplug, I/O scheduling (a
 * request goes to the device at once), barriers other than flush.
 */
#include "fs/block.h"

#include "abi/errno.h"
#include "fs/devfs.h"
#include "fs/internal.h"
#include "hal/hal.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/slab.h"

#define MAX_DISKS 26u		/* vda to vdz */
#define READ_AHEAD 64u		/* pages */
#define BDEV_MAGIC 0x62646576	/* BDEVFS_MAGIC */

static struct list_head disks = LIST_HEAD_INIT(disks);
static u32 nr_disks;
static struct superblock *bdev_sb;

/* ---- requests ---- */

static struct block_req *req_new(struct blockdev *bd, enum block_op op, u64 sector, u64 sectors)
{
	bool data = op == BLOCK_READ || op == BLOCK_WRITE;
	struct block_req *req = kmalloc(data ? sizeof(*req) : offsetof(struct block_req, segs));

	if (!req)
		return NULL;
	list_init(&req->link);
	waitqueue_init(&req->wq);
	req->bd = bd;
	req->op = op;
	req->seg_count = 0;
	req->sector = sector;
	req->sectors = sectors;
	req->err = 0;
	req->done = false;
	return req;
}

void block_done(struct block_req *req, int err)
{
	struct blockdev *bd = req->bd;
	u64 took = hal_clock_ns() - req->start_ns;

	bug_on(req->done);
	req->err = err;
	req->done = true;
	bd->in_flight--;
	bd->busy_ns += took;
	bd->stat[req->op].ios++;
	bd->stat[req->op].sectors += req->sectors;
	bd->stat[req->op].ns += took;
	if (err && err != -EOPNOTSUPP)
		log_err("%s: I/O error, sector %lu, op %u: error %d", bd->name, req->sector,
			req->op, -err);
	wake_up_all(&req->wq);
}

/* Hands the request over, waits, frees it. */
static int req_run(struct block_req *req)
{
	struct blockdev *bd = req->bd;
	int err;

	req->start_ns = hal_clock_ns();
	bd->in_flight++;
	bd->submit(bd, req);
	wait_event(&req->wq, req->done);
	err = req->err;
	kfree(req);
	return err;
}

/* A place in the caller's segments. */
struct cursor {
	const struct block_seg *seg;
	u32 left;		/* segments */
	u32 off;		/* bytes of the first that are done */
};

/* Fills the request with as much as the device takes at once. */
static void req_fill(struct block_req *req, struct cursor *c)
{
	struct blockdev *bd = req->bd;

	while (c->left && req->seg_count < bd->max_segs) {
		u32 n = min(c->seg->size - c->off, bd->max_seg_size);

		req->segs[req->seg_count++] = (struct block_seg){ c->seg->addr + c->off, n };
		req->sectors += n >> SECTOR_SHIFT;
		c->off += n;
		if (c->off == c->seg->size) {
			c->seg++;
			c->left--;
			c->off = 0;
		}
	}
}

int block_transfer(struct blockdev *bd, enum block_op op, u64 sector,
		   const struct block_seg *segs, u32 count)
{
	struct cursor c = { segs, count, 0 };
	int err = 0;

	if (op == BLOCK_WRITE && bd->read_only)
		return -EROFS;
	while (c.left && !err) {
		struct block_req *req = req_new(bd, op, sector, 0);

		if (!req)
			return -ENOMEM;
		req_fill(req, &c);
		if (sector > bd->sectors || req->sectors > bd->sectors - sector) {
			kfree(req);
			return -EIO;
		}
		sector += req->sectors;
		err = req_run(req);
	}
	return err;
}

int block_flush(struct blockdev *bd)
{
	struct block_req *req;

	if (!bd->flush)
		return 0;
	req = req_new(bd, BLOCK_FLUSH, 0, 0);
	return req ? req_run(req) : -ENOMEM;
}

/* Zeroes by writing: one page of them, many times. */
static int write_zeroes(struct blockdev *bd, u64 sector, u64 sectors)
{
	void *page = page_alloc_virt(0, ALLOC_ZERO);
	struct block_seg seg[16];
	int err = page ? 0 : -ENOMEM;

	while (sectors && !err) {
		u32 n = 0;
		u64 at = sector;

		for (; sectors && n < ARRAY_SIZE(seg); n++) {
			u64 part = min(sectors, PAGE_SIZE >> SECTOR_SHIFT);

			seg[n] = (struct block_seg){ virt_to_phys(page), (u32)part << SECTOR_SHIFT };
			sector += part;
			sectors -= part;
		}
		err = block_transfer(bd, BLOCK_WRITE, at, seg, n);
	}
	page_free_virt(page);
	return err;
}

int block_clear(struct blockdev *bd, enum block_op op, u64 sector, u64 sectors)
{
	u64 most = op == BLOCK_DISCARD ? bd->max_discard : bd->max_zero;
	u64 start = sector << SECTOR_SHIFT, end = (sector + sectors) << SECTOR_SHIFT;
	int err = 0;

	if (bd->read_only)
		return -EROFS;
	if (op == BLOCK_DISCARD && !most)
		return -EOPNOTSUPP;
	while (most && sectors && !err) {
		u64 n = min(sectors, most);
		struct block_req *req = req_new(bd, op, sector, n);

		err = req ? req_run(req) : -ENOMEM;
		if (!err) {
			sector += n;
			sectors -= n;
		}
	}
	if (op == BLOCK_ZERO && sectors && (!most || err == -EOPNOTSUPP))
		err = write_zeroes(bd, sector, sectors);
	mapping_invalidate(&bd->inode->mapping, start, end);
	return err;
}

/* ---- the page cache ---- */

static int bdev_readpages(struct mapping *m, struct page **pages, u32 count)
{
	struct blockdev *bd = m->host->priv;
	struct block_seg segs[32];
	u64 off = pages[0]->index * PAGE_SIZE, size = block_bytes(bd);
	u32 i = 0;

	while (i < count && off < size) {
		u64 sector = off >> SECTOR_SHIFT;
		u32 n = 0;
		int err;

		for (; i < count && off < size; i++, off += PAGE_SIZE) {
			paddr_t pa = page_to_phys(pages[i]);
			u32 part = (u32)min(PAGE_SIZE, size - off);
			bool merge = n && segs[n - 1].addr + segs[n - 1].size == pa;

			if (!merge && n == ARRAY_SIZE(segs))
				break;
			if (merge)
				segs[n - 1].size += part;
			else
				segs[n++] = (struct block_seg){ pa, part };
			if (part < PAGE_SIZE)
				memset((u8 *)page_to_virt(pages[i]) + part, 0, PAGE_SIZE - part);
		}
		err = block_transfer(bd, BLOCK_READ, sector, segs, n);
		if (err)
			return err;
	}
	for (; i < count; i++)
		memset(page_to_virt(pages[i]), 0, PAGE_SIZE);
	return 0;
}

static const struct mapping_ops bdev_mapping_ops = { .readpages = bdev_readpages };
static const struct inode_ops bdev_iops = { .lookup = NULL };

/* sync(2): nothing is dirty here, but the devices' own caches are emptied. */
static int bdev_sync(struct superblock *sb)
{
	struct blockdev *bd;
	int err = 0;

	(void)sb;
	list_for_each_entry(bd, &disks, link) {
		int e = block_flush(bd);

		err = err ? err : e;
	}
	return err;
}

static const struct super_ops bdev_super_ops = { .sync = bdev_sync };

static struct inode *bdev_inode(struct superblock *sb)
{
	struct inode *inode = inode_alloc(sb);

	if (!inode)
		return NULL;
	inode->mode = S_IFBLK | S_IRUSR | S_IWUSR;
	inode->ops = &bdev_iops;
	inode->nlink = 1;
	return inode;
}

static int bdev_fill_super(struct superblock *sb, const char *source, const char *options)
{
	struct inode *root = bdev_inode(sb);

	(void)source;
	(void)options;
	if (!root)
		return -ENOMEM;
	sb->ops = &bdev_super_ops;
	sb->magic = BDEV_MAGIC;
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static const struct fs_type bdev_type = {
	.name = "bdev",
	.flags = FS_NODEV,
	.fill_super = bdev_fill_super,
};

/* ---- the registry ---- */

struct blockdev *block_find(u64 dev)
{
	struct blockdev *bd;

	list_for_each_entry(bd, &disks, link)
		if (bd->dev == dev)
			return bd;
	return NULL;
}

struct blockdev *block_find_name(const char *name)
{
	struct blockdev *bd;

	if (!strncmp(name, "/dev/", 5))
		name += 5;
	list_for_each_entry(bd, &disks, link)
		if (!strcmp(bd->name, name))
			return bd;
	return NULL;
}

struct blockdev *block_nth(u32 nr)
{
	struct blockdev *bd;

	list_for_each_entry(bd, &disks, link)
		if (nr-- == 0)
			return bd;
	return NULL;
}

void block_resize(struct blockdev *bd, u64 sectors)
{
	if (sectors == bd->sectors)
		return;
	log_info("%s: %lu sectors, were %lu", bd->name, sectors, bd->sectors);
	bd->sectors = sectors;
	bd->inode->size = (loff_t)block_bytes(bd);
}

int block_register(struct blockdev *bd)
{
	int err;

	if (nr_disks == MAX_DISKS)
		return -ENOSPC;
	if (!bdev_sb) {
		struct superblock *sb = sb_create(&bdev_type, NULL, NULL);

		if (IS_ERR(sb))
			return (int)PTR_ERR(sb);
		bdev_sb = sb;
	}
	bd->inode = bdev_inode(bdev_sb);
	if (!bd->inode)
		return -ENOMEM;
	snprintf(bd->name, sizeof(bd->name), "%s%c", bd->prefix, 'a' + (char)nr_disks);
	bd->dev = mkdev(bd->major, nr_disks * BLOCK_MINORS);
	bd->inode->rdev = bd->dev;
	bd->inode->priv = bd;
	bd->inode->size = (loff_t)block_bytes(bd);
	mapping_init(&bd->inode->mapping, bd->inode, &bdev_mapping_ops);
	bd->inode->mapping.readahead = READ_AHEAD;
	nr_disks++;
	list_add_tail(&bd->link, &disks);
	err = devfs_add(bd->name, S_IFBLK | 0600, bd->dev);
	if (!err)
		err = block_show_init(bd);
	if (err)
		log_err("%s: not all of its files could be made: error %d", bd->name, -err);
	log_info("%s: %lu sectors of 512 bytes%s", bd->name, bd->sectors,
		 bd->read_only ? ", read-only" : "");
	return 0;
}
