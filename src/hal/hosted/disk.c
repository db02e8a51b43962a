/* SPDX-License-Identifier: MIT */
/*
 * The block device (virtio 1.2, 5.2), device end: a file or a block device of
 * the host. It is open from before the sandbox; requests are done one after the
 * other by the thread that serves 9p, and a failed host call is the guest's I/O
 * error. Discard punches holes; a host that cannot says so, and the guest
 * writes zeroes itself.
 *
 * A file whose size is no multiple of 512 is shown rounded up; what lies beyond
 * its end reads as zero.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/report.h"
#include "hal/hosted/vdev.h"

#define SECTOR 512u
#define SEG_MAX 64u
#define CLEAR_MAX (1u << 22)	/* sectors: 2 GiB at once */

enum { F_SEG_MAX = 1 << 2, F_RO = 1 << 5, F_BLK_SIZE = 1 << 6, F_FLUSH = 1 << 9, F_DISCARD = 1 << 13,
       F_ZEROES = 1 << 14 };
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

struct config {
	u64 capacity;
	u32 size_max, seg_max, geometry, blk_size, topology[2];
	u8 wce, unused;
	u16 num_queues;
	u32 max_discard, max_discard_seg, discard_align, max_zeroes, max_zeroes_seg;
};
_Static_assert(sizeof(struct config) == 56, "virtio 5.2.4");

struct hosted_disk {
	int fd;
	bool read_only;
	u64 sectors;
	struct vchain chain;
};

static bool inside(const struct hosted_disk *d, u64 sector, u64 sectors)
{
	return sector <= d->sectors && sectors <= d->sectors - sector;
}

/* Moves the part [offset, offset + size) of the list; all of it, or not at all. */
static bool transfer(struct hosted_disk *d, const struct iovec *iov, int count, size_t offset,
		     size_t size, u64 at, bool write)
{
	static struct iovec part[VCHAIN_MAX];

	while (size) {
		int n = iov_part(iov, count, offset, size, part);
		ssize_t got = write ? pwritev(d->fd, part, n, at) : preadv(d->fd, part, n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0) {		/* beyond the end of the file */
			for (int i = 0; i < n && !write; i++)
				memset(part[i].iov_base, 0, part[i].iov_len);
			return !write;
		}
		offset += got;
		size -= got;
		at += got;
	}
	return true;
}

static u8 clear(struct hosted_disk *d, bool discard)
{
	struct { u64 sector; u32 sectors, flags; } range;
	int mode = discard ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (iov_get(d->chain.out, d->chain.nr_out, 16, &range, sizeof(range)) < sizeof(range) ||
	    !inside(d, range.sector, range.sectors))
		return S_IOERR;
	if (!range.sectors ||
	    !fallocate(d->fd, mode | FALLOC_FL_KEEP_SIZE, range.sector * SECTOR,
		       range.sectors * (u64)SECTOR))
		return S_OK;
	return errno == EOPNOTSUPP || errno == ENOSYS ? S_UNSUPP : S_IOERR;
}

/* The status byte; *size: how much of the writable part is filled before it. */
static u8 process(struct hosted_disk *d, u32 *size)
{
	struct vchain *c = &d->chain;
	struct { u32 type, reserved; u64 sector; } h;
	u64 bytes;
	bool ok;

	*size = 0;
	if (iov_get(c->out, c->nr_out, 0, &h, sizeof(h)) < sizeof(h))
		return S_IOERR;
	switch (h.type) {
	case T_IN:
		bytes = c->in_size - 1;
		if (bytes % SECTOR || !inside(d, h.sector, bytes / SECTOR) ||
		    !transfer(d, c->in, c->nr_in, 0, bytes, h.sector * SECTOR, false))
			return S_IOERR;
		*size = bytes;
		return S_OK;
	case T_OUT:
		bytes = c->out_size - sizeof(h);
		ok = !d->read_only && bytes % SECTOR == 0 && inside(d, h.sector, bytes / SECTOR) &&
		     transfer(d, c->out, c->nr_out, sizeof(h), bytes, h.sector * SECTOR, true);
		return ok ? S_OK : S_IOERR;
	case T_FLUSH:
		return d->read_only || !fdatasync(d->fd) ? S_OK : S_IOERR;
	case T_DISCARD:
	case T_ZEROES:
		return d->read_only ? S_IOERR : clear(d, h.type == T_DISCARD);
	}
	return S_UNSUPP;
}

static void serve(struct vdev *dev, u32 q)
{
	struct hosted_disk *d = dev->data;

	if (q != 0)
		return;
	while (vq_pop(dev, 0, &d->chain) == 1) {
		u32 size = 0;
		u8 status;

		if (!d->chain.in_size) {	/* no room for a status */
			vq_push(dev, 0, d->chain.head, 0);
			continue;
		}
		status = process(d, &size);
		iov_put(d->chain.in, d->chain.nr_in, d->chain.in_size - 1, &status, 1);
		vq_push(dev, 0, d->chain.head, size + 1);
	}
}

static void reset(struct vdev *dev)
{
	(void)dev;
}

static const struct vdev_ops disk_ops = {
	.queue = serve,
	.reset = reset,
};

static bool open_file(struct hosted_disk *d, const char *path)
{
	struct stat st;
	u64 size;

	d->fd = open(path, (d->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (d->fd < 0 || fstat(d->fd, &st)) {
		report_errno(path, errno, "--disk wants a raw disk image; FILE:ro only reads it");
		return false;
	}
	size = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(d->fd, BLKGETSIZE64, &size))
		size = 0;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		report(path, "neither a file nor a disk", "--disk wants a raw disk image");
		return false;
	}
	d->sectors = (size + SECTOR - 1) / SECTOR;
	return true;
}

bool disk_create(struct machine *m, const char *path, bool read_only)
{
	struct hosted_disk *d = calloc(1, sizeof(*d));
	struct config config = { .seg_max = SEG_MAX, .blk_size = SECTOR, .max_discard = CLEAR_MAX,
				 .max_discard_seg = 1, .discard_align = 8,
				 .max_zeroes = CLEAR_MAX, .max_zeroes_seg = 1 };
	struct vdev_config vc = {
		.id = VIRTIO_ID_BLOCK,
		.nr_queues = 1,
		.bell = HOSTED_BELL_9P,
		.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH,
		.config = &config,
		.config_size = sizeof(config),
	};

	if (!d) {
		report("too little memory", NULL, NULL);
		return false;
	}
	d->read_only = read_only;
	if (!open_file(d, path))
		return false;
	vc.features |= read_only ? F_RO : F_DISCARD | F_ZEROES;
	config.capacity = d->sectors;
	return vdev_add(m, &vc, &disk_ops, d) != NULL;
}
