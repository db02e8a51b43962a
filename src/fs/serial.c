// SPDX-License-Identifier: MIT
/*
 * /dev/ttyS0: the HAL's log as a place to write to, and nothing to read.
 *
 * It is the standard stream of a machine without a virtio-console: a VM under
 * Firecracker, or one booted by hand from an ISO. There is no object behind it.
 * Not supported: input, terminal ioctls.
 */
#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/devfs.h"
#include "fs/vfs.h"
#include "hal/hal.h"

#define TTY_MAJOR 4
#define TTYS_MINOR 64

static ssize_t serial_read(struct file *f __unused, struct uio *uio __unused, loff_t *pos __unused)
{
	return 0;
}

static ssize_t serial_write(struct file *f __unused, struct uio *uio, loff_t *pos __unused)
{
	ssize_t done = 0;
	char text[256];

	while (uio->resid) {
		size_t n = uio_copy_from(uio, text, min(uio->resid, sizeof(text)));

		if (n == 0)
			return done ? done : -EFAULT;
		hal_log_write(text, n);
		done += (ssize_t)n;
	}
	return done;
}

static const struct file_ops serial_fops = {
	.read = serial_read,
	.write = serial_write,
};

void serial_dev_init(void)
{
	dev_t dev = mkdev(TTY_MAJOR, TTYS_MINOR);

	if (chrdev_register(dev, 1, &serial_fops, "ttyS") ||
	    devfs_add("ttyS0", S_IFCHR | 0620, dev))
		panic("serial: no memory at boot");
}
