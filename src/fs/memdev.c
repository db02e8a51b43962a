/* SPDX-License-Identifier: MIT */
/*
 * The memory devices, major 1: null zero full random urandom (null(4),
 * full(4), random(4)). /dev/kmsg is in kmsg.c.
 *
 * A private mapping of /dev/zero is anonymous memory; a shared one gets a
 * fresh tmpfs file, as MAP_ANONYMOUS|MAP_SHARED does.
 */
#include "abi/errno.h"
#include "fs/devfs.h"
#include "fs/kmsg.h"
#include "fs/tmpfs.h"
#include "fs/vfs.h"
#include "kernel/capability.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/uaccess.h"

#define MEM_MAJOR 1
#define CHUNK 512

#define RNDGETENTCNT 0x80045200
#define RNDADDTOENTCNT 0x40045201
#define RNDGETPOOL 0x80085202
#define RNDADDENTROPY 0x40085203
#define RNDZAPENTCNT 0x5204
#define RNDCLEARPOOL 0x5206
#define RNDRESEEDCRNG 0x5207

static ssize_t null_read(struct file *f __unused, struct uio *uio __unused, loff_t *pos __unused)
{
	return 0;
}

static ssize_t null_write(struct file *f __unused, struct uio *uio, loff_t *pos __unused)
{
	return (ssize_t)uio->resid;
}

static loff_t null_llseek(struct file *f, loff_t off __unused, int whence __unused)
{
	return f->pos = 0;
}

static ssize_t zero_read(struct file *f __unused, struct uio *uio, loff_t *pos __unused)
{
	size_t done = 0, n, want;

	while (uio->resid) {
		want = min_t(size_t, uio->resid, 16 * PAGE_SIZE);
		n = uio_zero_to(uio, want);
		done += n;
		if (n < want)
			return done ? (ssize_t)done : -EFAULT;
		if (uio->resid && signal_pending(current))
			break;
	}
	return (ssize_t)done;
}

static int zero_mmap(struct file *f, struct vma *vma)
{
	struct file *shmem;

	if (vma->flags & VM_SHARED) {
		shmem = shmem_file_create("dev/zero", vma->end - vma->start, 0);
		if (IS_ERR(shmem))
			return (int)PTR_ERR(shmem);
		vma->pgoff = 0;
		vma->file = shmem;
	} else {
		vma->pgoff = vma->start >> PAGE_SHIFT;
		vma->file = NULL;
	}
	file_put(f);	/* the area's reference */
	return 0;
}

static ssize_t full_write(struct file *f __unused, struct uio *uio, loff_t *pos __unused)
{
	return uio->resid ? -ENOSPC : 0;
}

static ssize_t random_read(struct file *f __unused, struct uio *uio, loff_t *pos __unused)
{
	u8 chunk[CHUNK];
	ssize_t done = 0;
	size_t n, want;

	while (uio->resid) {
		want = min_t(size_t, uio->resid, sizeof(chunk));
		random_bytes(chunk, want);
		n = uio_copy_to(uio, chunk, want);
		done += (ssize_t)n;
		if (n < want)
			return done ? done : -EFAULT;
		if (uio->resid && !(done % (ssize_t)PAGE_SIZE) && signal_pending(current))
			break;
	}
	return done;
}

static ssize_t random_write(struct file *f __unused, struct uio *uio, loff_t *pos __unused)
{
	u8 chunk[CHUNK];
	ssize_t done = 0;
	size_t n;

	while (uio->resid) {
		n = uio_copy_from(uio, chunk, min_t(size_t, uio->resid, sizeof(chunk)));
		if (!n)
			return done ? done : -EFAULT;
		random_add_entropy(chunk, n);
		done += (ssize_t)n;
		if (uio->resid && signal_pending(current))
			break;
	}
	return done;
}

static s64 random_add_user(uaddr_t p)
{
	u32 head[2];		/* bits of entropy, bytes that follow */
	u8 chunk[CHUNK];
	u32 n;

	if (copyin(head, p, sizeof(head)))
		return -EFAULT;
	if ((s32)head[0] < 0 || (s32)head[1] < 0)
		return -EINVAL;
	for (p += sizeof(head); head[1]; p += n, head[1] -= n) {
		n = min_t(u32, head[1], sizeof(chunk));
		if (copyin(chunk, p, n))
			return -EFAULT;
		random_add_entropy(chunk, n);
		if (signal_pending(current))
			break;
	}
	return 0;
}

static s64 random_ioctl(struct file *f __unused, u32 cmd, u64 arg)
{
	u32 bits;

	switch (cmd) {
	case RNDGETENTCNT:
		return put_user_u32(arg, 256);
	case RNDADDTOENTCNT:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		if (copyin(&bits, arg, sizeof(bits)))
			return -EFAULT;
		return (s32)bits < 0 ? -EINVAL : 0;
	case RNDADDENTROPY:
		return capable(CAP_SYS_ADMIN) ? random_add_user(arg) : -EPERM;
	case RNDZAPENTCNT:
	case RNDCLEARPOOL:
	case RNDRESEEDCRNG:
		return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
	}
	return -EINVAL;
}

static const struct file_ops null_fops = {
	.read = null_read,
	.write = null_write,
	.llseek = null_llseek,
};

static const struct file_ops zero_fops = {
	.read = zero_read,
	.write = null_write,
	.llseek = null_llseek,
	.mmap = zero_mmap,
};

static const struct file_ops full_fops = {
	.read = zero_read,
	.write = full_write,
	.llseek = null_llseek,
};

static const struct file_ops random_fops = {
	.read = random_read,
	.write = random_write,
	.ioctl = random_ioctl,
	.llseek = null_llseek,
};

void memdev_init(void)
{
	static const struct {
		u32 minor;
		const char *name;
		const struct file_ops *ops;
	} table[] = {
		{ 3, "null", &null_fops },
		{ 5, "zero", &zero_fops },
		{ 7, "full", &full_fops },
		{ 8, "random", &random_fops },
		{ 9, "urandom", &random_fops },
		{ 11, "kmsg", &kmsg_fops },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (chrdev_register(mkdev(MEM_MAJOR, table[i].minor), 1, table[i].ops, "mem"))
			panic("memdev: no memory at boot");
	}
}
