/* SPDX-License-Identifier: MIT */
/*
 * devfs: the tree of device nodes, /dev ("devtmpfs" to those who ask for it).
 *
 * A devfs is a tmpfs that is born with the nodes of a table: those below and
 * those that drivers add. The kernel puts new nodes into every instance;
 * after that they are ordinary tmpfs nodes, which root may change or remove.
 *
 * The table lives for ever. Adding may sleep (directory lock).
 */
#include "fs/devfs.h"

#include "abi/errno.h"
#include "fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

struct devfs_entry {
	struct list_head link;
	const char *name;		/* may have one '/' */
	const char *target;		/* symbolic link */
	mode_t mode;
	dev_t dev;
};

static struct list_head entries = LIST_HEAD_INIT(entries);

static struct devfs_entry fixed[] = {
	{ .name = "null", .mode = S_IFCHR | 0666, .dev = 0x103 },
	{ .name = "zero", .mode = S_IFCHR | 0666, .dev = 0x105 },
	{ .name = "full", .mode = S_IFCHR | 0666, .dev = 0x107 },
	{ .name = "random", .mode = S_IFCHR | 0666, .dev = 0x108 },
	{ .name = "urandom", .mode = S_IFCHR | 0666, .dev = 0x109 },
	{ .name = "kmsg", .mode = S_IFCHR | 0644, .dev = 0x10b },
	{ .name = "tty", .mode = S_IFCHR | 0666, .dev = 0x500 },
	{ .name = "console", .mode = S_IFCHR | 0600, .dev = 0x501 },
	{ .name = "ptmx", .mode = S_IFCHR | 0666, .dev = 0x502 },
	{ .name = "pts", .mode = S_IFDIR | 0755 },
	{ .name = "shm", .mode = S_IFDIR | S_ISVTX | 0777 },
	{ .name = "fd", .mode = S_IFLNK, .target = "/proc/self/fd" },
	{ .name = "stdin", .mode = S_IFLNK, .target = "/proc/self/fd/0" },
	{ .name = "stdout", .mode = S_IFLNK, .target = "/proc/self/fd/1" },
	{ .name = "stderr", .mode = S_IFLNK, .target = "/proc/self/fd/2" },
};

/* Makes one name in dir through the tmpfs operations. */
static int devfs_make(struct inode *dir, const struct qstr *q, const struct devfs_entry *e,
		      struct inode **res)
{
	struct iattr attr = {
		.valid = ATTR_MODE | ATTR_UID | ATTR_GID,
		.mode = e->mode,
	};

	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return dir->ops->mkdir(dir, q, &attr, res);
	case S_IFLNK:
		attr.mode = S_IFLNK | 0777;
		return dir->ops->symlink(dir, q, &attr, e->target, res);
	}
	return dir->ops->mknod(dir, q, &attr, e->dev, res);
}

/* Puts the entry, named by one component, below d. *res: its dentry. */
static int devfs_add_below(struct dentry *d, const char *name, u32 len,
			   const struct devfs_entry *e, struct dentry **res)
{
	struct qstr q = qstr_make(name, len);
	struct inode *inode;
	int err;

	mutex_lock(&d->inode->lock);
	err = dentry_lookup_locked(d, &q, res);
	if (!err && !(*res)->inode) {
		err = devfs_make(d->inode, &q, e, &inode);
		if (err)
			dentry_put(*res);
		else
			dentry_instantiate(*res, inode);
	}
	mutex_unlock(&d->inode->lock);
	return err;
}

static int devfs_populate_one(struct superblock *sb, const struct devfs_entry *e)
{
	static const struct devfs_entry directory = { .mode = S_IFDIR | 0755 };
	const char *slash = strchr(e->name, '/');
	struct dentry *dir, *d;
	int err;

	if (!slash) {
		err = devfs_add_below(sb->root, e->name, (u32)strlen(e->name), e, &d);
		if (!err)
			dentry_put(d);
		return err;
	}
	err = devfs_add_below(sb->root, e->name, (u32)(slash - e->name), &directory, &dir);
	if (err)
		return err;
	err = -ENOTDIR;
	if (dir->inode && S_ISDIR(dir->inode->mode)) {
		err = devfs_add_below(dir, slash + 1, (u32)strlen(slash + 1), e, &d);
		if (!err)
			dentry_put(d);
	}
	dentry_put(dir);
	return err;
}

static int devfs_fill_super(struct superblock *sb, const char *source, const char *options)
{
	const struct fs_type *tmpfs = fs_type_find("tmpfs");
	struct devfs_entry *e;
	char text[256];
	int err;

	if (!tmpfs)
		return -ENODEV;
	if ((size_t)snprintf(text, sizeof(text), "mode=755%s%s", *options ? "," : "", options) >=
	    sizeof(text))
		return -EINVAL;
	err = tmpfs->fill_super(sb, source, text);
	if (err)
		return err;
	list_for_each_entry(e, &entries, link) {
		err = devfs_populate_one(sb, e);
		if (err)
			return err;
	}
	return 0;
}

static struct fs_type devfs_type = {
	.name = "devfs",
	.flags = FS_NODEV,
	.fill_super = devfs_fill_super,
};

static struct fs_type devtmpfs_type = {
	.name = "devtmpfs",
	.flags = FS_NODEV | FS_SINGLE,
	.fill_super = devfs_fill_super,
};

int devfs_add(const char *name, mode_t mode, dev_t dev)
{
	struct superblock *sb, *done = NULL;
	struct devfs_entry *e;
	int err;

	list_for_each_entry(e, &entries, link) {
		if (!strcmp(e->name, name))
			return e->dev == dev ? 0 : -EEXIST;
	}
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->name = kstrdup(name);
	if (!e->name) {
		kfree(e);
		return -ENOMEM;
	}
	e->mode = mode;
	e->dev = dev;
	list_add_tail(&e->link, &entries);
	list_for_each_entry(sb, &superblocks, link) {
		if ((sb->type != &devfs_type && sb->type != &devtmpfs_type) ||
		    !sb->root || !sb->refcount)
			continue;
		sb_get(sb);	/* we may sleep: it keeps our place in the list */
		if (done)
			sb_put(done);
		done = sb;
		err = devfs_populate_one(sb, e);
		(void)err;	/* the table has it; instances do what they can */
	}
	if (done)
		sb_put(done);
	return 0;
}

void devfs_init(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fixed); i++)
		list_add_tail(&fixed[i].link, &entries);
	fs_type_register(&devfs_type);
	fs_type_register(&devtmpfs_type);
}
