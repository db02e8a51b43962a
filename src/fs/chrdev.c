// SPDX-License-Identifier: MIT
/*
 * Character device numbers, and the operations of special files.
 *
 * A driver registers a range of minors once at boot. Opening a device node
 * replaces the file's operations by the driver's and calls its open. Fifos get
 * those of fs/pipe.c, block devices those of fs/block_file.c. Sockets cannot be
 * opened (ENXIO).
 */
#include "fs/block.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "mm/slab.h"

struct chrdev {
	struct list_head link;
	dev_t first;
	u32 minors;
	const struct file_ops *ops;
	const char *name;
};

static struct list_head chrdevs = LIST_HEAD_INIT(chrdevs);

static struct chrdev *find(dev_t dev)
{
	struct chrdev *c;

	list_for_each_entry(c, &chrdevs, link)
		if (dev_major(c->first) == dev_major(dev) &&
		    dev_minor(dev) >= dev_minor(c->first) &&
		    dev_minor(dev) - dev_minor(c->first) < c->minors)
			return c;
	return NULL;
}

int chrdev_register(dev_t dev, u32 minors, const struct file_ops *ops, const char *name)
{
	struct chrdev *c = kzalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct chrdev){ .first = dev, .minors = minors, .ops = ops, .name = name };
	list_add_tail(&c->link, &chrdevs);
	return 0;
}

const struct file_ops *chrdev_find(dev_t dev)
{
	struct chrdev *c = find(dev);

	return c ? c->ops : NULL;
}

const char *chrdev_nth(u32 nr, u32 *major)
{
	struct chrdev *c;

	list_for_each_entry(c, &chrdevs, link) {
		if (nr--)
			continue;
		*major = dev_major(c->first);
		return c->name;
	}
	return NULL;
}

static int chrdev_open(struct inode *inode, struct file *f)
{
	const struct file_ops *ops = chrdev_find(inode->rdev);

	if (!ops)
		return -ENXIO;
	f->ops = ops;
	return ops->open ? ops->open(inode, f) : 0;
}

const struct file_ops chrdev_fops = { .open = chrdev_open };

void inode_init_special(struct inode *inode, dev_t rdev)
{
	if (S_ISCHR(inode->mode)) {
		inode->fops = &chrdev_fops;
		inode->rdev = rdev;
	} else if (S_ISBLK(inode->mode)) {
		inode->fops = &block_fops;
		inode->rdev = rdev;
	} else if (S_ISFIFO(inode->mode)) {
		inode->fops = &fifo_fops;
	} else {
		inode->fops = &bad_special_fops;
	}
}
