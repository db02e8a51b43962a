/* SPDX-License-Identifier: MIT */
/*
 * /dev nodes of disks: read, write, seek, ioctl.
 *
 * Reading goes through the disk's page cache (block.c). Writing is
 * write-through: the bytes go to the device, then into those pages that are
 * cached. So a failed write tells the writer (-EIO), and closing, or running out
 * of memory, has nothing to do. A write that does not begin or end at a logical
 * block reads that block first. fsync(2) flushes the device's cache.
 *
 * O_DIRECT must be aligned as on Linux, and reads the device anew.
 *
 * The node's inode is the file system's; size and cache are bd->inode's.
 * Locks: bd->inode->lock while writing.
 * Not supported: mmap (-ENODEV), partitions, exclusive opens.
 */
#include "fs/block.h"
#include "fs/internal.h"
#include "kernel/capability.h"
#include "lib/string.h"
#include "mm/slab.h"

#define WRITE_ORDER_MAX 6u	/* 256 KiB at once */

#define BLKROSET 0x125d
#define BLKROGET 0x125e
#define BLKRRPART 0x125f
#define BLKGETSIZE 0x1260
#define BLKFLSBUF 0x1261
#define BLKRAGET 0x1263
#define BLKSECTGET 0x1267
#define BLKSSZGET 0x1268
#define BLKDISCARD 0x1277
#define BLKIOMIN 0x1278
#define BLKIOOPT 0x1279
#define BLKALIGNOFF 0x127a
#define BLKPBSZGET 0x127b
#define BLKDISCARDZEROES 0x127c
#define BLKROTATIONAL 0x127e
#define BLKZEROOUT 0x127f
#define BLKBSZGET 0x80081270
#define BLKGETSIZE64 0x80081272

static struct blockdev *bd_of(const struct file *f)
{
	return f->priv;
}

/* Does an O_DIRECT transfer fit the device? */
static bool direct_ok(const struct file *f, const struct uio *uio, loff_t pos)
{
	return !(f->flags & O_DIRECT) ||
	       is_aligned((u64)pos | (u64)uio->resid, (u64)bd_of(f)->logical_size);
}

/* ---- reading ---- */

static ssize_t block_file_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct inode *inode = bd_of(f)->inode;
	ssize_t n;

	if (!direct_ok(f, uio, *pos))
		return -EINVAL;
	if (*pos >= inode->size || !uio->resid)
		return 0;
	if (f->flags & O_DIRECT)
		mapping_invalidate(&inode->mapping, (u64)*pos, (u64)*pos + uio->resid);
	n = mapping_read(&inode->mapping, uio, *pos);
	if (n > 0)
		*pos += n;
	return n;
}

/* ---- writing ---- */

/* Reads the logical block that begins at byte `at` into buf. */
static int read_block(struct blockdev *bd, u64 at, u8 *buf)
{
	struct block_seg seg = { virt_to_phys(buf), bd->logical_size };

	return block_transfer(bd, BLOCK_READ, at >> SECTOR_SHIFT, &seg, 1);
}

/* One piece of a write, through buf; bytes, or -errno with none taken. */
static ssize_t write_piece(struct blockdev *bd, struct uio *uio, u8 *buf, u64 size, u64 pos)
{
	u64 block = bd->logical_size;
	u64 start = align_down(pos, block), end = align_up(pos + size, block);
	struct block_seg seg = { virt_to_phys(buf), (u32)(end - start) };
	int err = 0;
	size_t got;

	if (start < pos)
		err = read_block(bd, start, buf);
	if (!err && end > pos + size && (end - block > start || start == pos))
		err = read_block(bd, end - block, buf + (end - block - start));
	if (err)
		return err;
	got = uio_copy_from(uio, buf + (pos - start), size);
	if (!got)
		return -EFAULT;
	if (got < size) {	/* a fault: only whole blocks of what came */
		uio_revert(uio, got);
		got = align_down(pos + got, block) > pos ? align_down(pos + got, block) - pos : 0;
		if (!got || uio_copy_from(uio, buf + (pos - start), got) != got)
			return -EFAULT;
		seg.size = (u32)(pos + got - start);
	}
	err = block_transfer(bd, BLOCK_WRITE, start >> SECTOR_SHIFT, &seg, 1);
	if (err) {
		uio_revert(uio, got);
		return err;
	}
	mapping_update(&bd->inode->mapping, buf + (pos - start), pos, got);
	return (ssize_t)got;
}

static u8 *buffer_alloc(u64 size, u64 *room)
{
	u32 order = 0;
	u8 *buf;

	while (order < WRITE_ORDER_MAX && (PAGE_SIZE << order) < size)
		order++;
	do
		buf = page_alloc_virt(order, 0);
	while (!buf && order--);
	*room = buf ? PAGE_SIZE << order : 0;
	return buf;
}

static ssize_t write_locked(struct blockdev *bd, struct uio *uio, loff_t *pos)
{
	u64 count = min((u64)uio->resid, block_bytes(bd) - (u64)*pos), done = 0, room;
	u8 *buf = buffer_alloc(count + 2ul * bd->logical_size, &room);
	ssize_t n = buf ? 0 : -ENOMEM;

	while (buf && done < count && n >= 0) {
		u64 skew = (u64)*pos % bd->logical_size;
		/* with room for the rest of the first and the last block */
		u64 most = align_down(room - skew, (u64)bd->logical_size);

		n = write_piece(bd, uio, buf, min(count - done, most), (u64)*pos);
		if (n > 0) {
			*pos += n;
			done += (u64)n;
		}
		if (current->flags & TF_EXIT)
			break;
	}
	page_free_virt(buf);
	return done ? (ssize_t)done : n;
}

static ssize_t block_file_write(struct file *f, struct uio *uio, loff_t *pos)
{
	struct blockdev *bd = bd_of(f);
	ssize_t n;

	if (bd->read_only)
		return -EPERM;
	if (!direct_ok(f, uio, *pos))
		return -EINVAL;
	if (!uio->resid)
		return 0;
	if ((f->flags & O_APPEND) && !(uio->flags & RWF_NOAPPEND))
		*pos = bd->inode->size;
	if (*pos >= bd->inode->size)
		return -ENOSPC;
	mutex_lock(&bd->inode->lock);
	n = write_locked(bd, uio, pos);
	mutex_unlock(&bd->inode->lock);
	return n;
}

/* ---- position, sync ---- */

static loff_t block_file_llseek(struct file *f, loff_t off, int whence)
{
	loff_t size = bd_of(f)->inode->size, pos = off;
	bool overflow = false;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		overflow = __builtin_add_overflow(f->pos, off, &pos);
		break;
	case SEEK_END:
		overflow = __builtin_add_overflow(size, off, &pos);
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		pos = whence == SEEK_HOLE ? size : off;
		break;
	default:
		return -EINVAL;
	}
	if (overflow || pos < 0 || pos > size)
		return -EINVAL;
	f->pos = pos;
	return pos;
}

static int block_file_fsync(struct file *f, loff_t start, loff_t end, bool datasync)
{
	(void)start;
	(void)end;
	(void)datasync;
	return block_flush(bd_of(f));
}

static s64 block_file_fallocate(struct file *f, int mode, loff_t off, loff_t len)
{
	struct blockdev *bd = bd_of(f);
	u64 size = block_bytes(bd);

	mode &= ~FALLOC_FL_KEEP_SIZE;
	if (mode != FALLOC_FL_PUNCH_HOLE && mode != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	if ((u64)off >= size)
		return -EINVAL;
	len = (loff_t)min((u64)len, size - (u64)off);
	if (!is_aligned((u64)off | (u64)len, (u64)bd->logical_size))
		return -EINVAL;
	return block_clear(bd, BLOCK_ZERO, (u64)off >> SECTOR_SHIFT, (u64)len >> SECTOR_SHIFT);
}

/* ---- ioctl ---- */

static s64 clear_range(struct file *f, enum block_op op, uaddr_t arg)
{
	struct blockdev *bd = bd_of(f);
	u64 range[2], end;
	int err;

	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (op == BLOCK_DISCARD && !bd->max_discard)
		return -EOPNOTSUPP;
	if (copyin(range, arg, sizeof(range)))
		return -EFAULT;
	if (!is_aligned(range[0] | range[1], (u64)SECTOR_SIZE))
		return -EINVAL;
	if (__builtin_add_overflow(range[0], range[1], &end) || end > block_bytes(bd))
		return -EINVAL;
	if (!is_aligned(range[0] | range[1], (u64)bd->logical_size))
		return -EINVAL;
	if (bd->read_only)
		return -EPERM;
	mutex_lock(&bd->inode->lock);
	err = block_clear(bd, op, range[0] >> SECTOR_SHIFT, range[1] >> SECTOR_SHIFT);
	mutex_unlock(&bd->inode->lock);
	return err;
}

static s64 forget_cache(struct blockdev *bd)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	mapping_invalidate(&bd->inode->mapping, 0, U64_MAX);
	return block_flush(bd);
}

static s64 set_read_only(struct blockdev *bd, uaddr_t arg)
{
	u32 on;

	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	if (copyin(&on, arg, sizeof(on)))
		return -EFAULT;
	if (!on && bd->read_only)
		return -EACCES;		/* the device's own word stands */
	bd->read_only = on;
	return 0;
}

static s64 put_user_u16(uaddr_t p, u16 v)
{
	return copyout(p, &v, sizeof(v)) ? -EFAULT : 0;
}

static s64 block_file_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct blockdev *bd = bd_of(f);

	switch (cmd) {
	case BLKGETSIZE:
		return put_user_u64(arg, bd->sectors);
	case BLKGETSIZE64:
		return put_user_u64(arg, block_bytes(bd));
	case BLKSSZGET:
		return put_user_u32(arg, bd->logical_size);
	case BLKPBSZGET:
		return put_user_u32(arg, bd->physical_size);
	case BLKBSZGET:
		return put_user_u32(arg, (u32)PAGE_SIZE);
	case BLKIOMIN:
		return put_user_u32(arg, bd->io_min);
	case BLKIOOPT:
		return put_user_u32(arg, bd->io_opt);
	case BLKALIGNOFF:
	case BLKDISCARDZEROES:
		return put_user_u32(arg, 0);
	case BLKROTATIONAL:
		return put_user_u16(arg, 0);
	case BLKSECTGET:
		return put_user_u16(arg, (u16)min(bd->max_segs * (PAGE_SIZE >> SECTOR_SHIFT), 65535ul));
	case BLKRAGET:
		return put_user_u64(arg, bd->inode->mapping.readahead * (PAGE_SIZE >> SECTOR_SHIFT));
	case BLKROGET:
		return put_user_u32(arg, bd->read_only);
	case BLKROSET:
		return set_read_only(bd, arg);
	case BLKFLSBUF:
		return forget_cache(bd);
	case BLKDISCARD:
		return clear_range(f, BLOCK_DISCARD, arg);
	case BLKZEROOUT:
		return clear_range(f, BLOCK_ZERO, arg);
	case BLKRRPART:
		return -EINVAL;		/* no partitions: nothing to read again */
	}
	return -ENOTTY;
}

/* ---- open, close ---- */

static int block_file_open(struct inode *inode, struct file *f)
{
	struct blockdev *bd = block_find(inode->rdev);

	if (!bd)
		return -ENXIO;
	f->priv = bd;
	bd->opens++;
	return 0;
}

/* The last one out: what is read next is what the device has then. */
static void block_file_release(struct file *f)
{
	struct blockdev *bd = bd_of(f);

	if (--bd->opens == 0)
		mapping_invalidate(&bd->inode->mapping, 0, U64_MAX);
}

const struct file_ops block_fops = {
	.open = block_file_open,
	.release = block_file_release,
	.read = block_file_read,
	.write = block_file_write,
	.llseek = block_file_llseek,
	.fsync = block_file_fsync,
	.fallocate = block_file_fallocate,
	.ioctl = block_file_ioctl,
};

struct file *block_open(struct blockdev *bd)
{
	struct file *f = file_from_inode(inode_get(bd->inode), bd->name, O_RDONLY, &block_fops);

	if (!IS_ERR(f)) {
		f->priv = bd;
		bd->opens++;
	}
	return f;
}
