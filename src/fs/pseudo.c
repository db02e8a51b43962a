/* SPDX-License-Identifier: MIT */
/*
 * Static trees of names whose files are made on the fly; see fs/pseudo.h.
 *
 * A tree is made of pseudo_nodes, which are added at boot and never go away.
 * Inodes are made by lookups and hold nothing but a pointer to their node.
 */
#include "fs/pseudo.h"

#include "abi/errno.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define STORE_MAX 4096

/* ---- nodes ---- */

static SLAB_CACHE(pseudo_node_cache, struct pseudo_node);
static ino_t next_ino = 0xf0000000;

static void node_init(struct pseudo_node *n, mode_t mode)
{
	n->mode = mode;
	n->ino = next_ino++;
	n->nlink = S_ISDIR(mode) ? 2 : 1;
	list_init(&n->children);
	list_init(&n->sibling);
}

void pseudo_root_init(struct pseudo_node *root)
{
	memset(root, 0, sizeof(*root));
	node_init(root, S_IFDIR | 0555);
}

struct pseudo_node *pseudo_child(struct pseudo_node *dir, const char *name, u32 len)
{
	struct pseudo_node *n;

	list_for_each_entry(n, &dir->children, sibling) {
		if (n->name[0] == name[0] && !strncmp(n->name, name, len) && !n->name[len])
			return n;
	}
	return NULL;
}

static struct pseudo_node *node_new(struct pseudo_node *dir, const char *name, u32 len,
				    mode_t mode)
{
	struct pseudo_node *n;

	if (!S_ISDIR(dir->mode))
		return ERR_PTR(-ENOTDIR);
	if (!len || len >= sizeof(n->name))
		return ERR_PTR(-ENAMETOOLONG);
	n = slab_zalloc(&pseudo_node_cache);
	if (!n)
		return ERR_PTR(-ENOMEM);
	node_init(n, mode);
	memcpy(n->name, name, len);
	n->parent = dir;
	if (S_ISDIR(mode))
		dir->nlink++;
	list_add_tail(&n->sibling, &dir->children);
	return n;
}

/* Adding a file that is there gives it new contents: subsystems override
 * what procfs offers by default. */
struct pseudo_node *pseudo_add(struct pseudo_node *root, const char *path, mode_t mode,
			       const struct pseudo_ops *ops, void *data)
{
	struct pseudo_node *dir = root, *n;
	const char *end;
	u32 len;

	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	for (; (end = strchr(path, '/')); path = end + 1) {
		len = (u32)(end - path);
		n = pseudo_child(dir, path, len);
		if (!n)
			n = node_new(dir, path, len, S_IFDIR | 0555);
		if (IS_ERR(n))
			return n;
		dir = n;
	}
	len = (u32)strlen(path);
	n = pseudo_child(dir, path, len);
	if (!n)
		n = node_new(dir, path, len, mode);
	if (IS_ERR(n))
		return n;
	if (!S_ISDIR(n->mode)) {
		n->mode = mode;
		n->ops = ops;
		n->data = data;
	}
	return n;
}

/* ---- inode operations ---- */

static struct pseudo_node *inode_node(const struct inode *inode)
{
	return inode->priv;
}

static int pseudo_open(struct inode *inode, struct file *f)
{
	struct pseudo_node *n = inode_node(inode);

	if (n->ops->fops) {
		f->ops = n->ops->fops;
		return f->ops->open ? f->ops->open(inode, f) : 0;
	}
	return text_file_open(f, n->ops->show, n->data, NULL);
}

static ssize_t pseudo_write(struct file *f, struct uio *uio, loff_t *pos)
{
	struct pseudo_node *n = inode_node(f->inode);
	size_t size = uio->resid;
	char *buf;
	int err;

	if (!n->ops->store)
		return -EIO;
	if (size > STORE_MAX)
		return -EINVAL;
	buf = kmalloc(size + 1);
	if (!buf)
		return -ENOMEM;
	err = -EFAULT;
	if (uio_copy_from(uio, buf, size) == size) {
		buf[size] = '\0';
		err = n->ops->store(buf, size, n->data);
	}
	kfree(buf);
	if (err)
		return err;
	*pos += (loff_t)size;
	return (ssize_t)size;
}

static const struct file_ops pseudo_file_fops = {
	.read = text_file_read,
	.write = pseudo_write,
	.llseek = text_file_llseek,
	.open = pseudo_open,
	.release = text_file_release,
};

static int pseudo_setattr(struct inode *inode __unused, const struct iattr *attr)
{
	/* O_TRUNC is accepted and means nothing. */
	return attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static ssize_t pseudo_readlink(struct inode *inode, char *buf, size_t size)
{
	struct pseudo_node *n = inode_node(inode);

	if (n->target)
		return (ssize_t)strlcpy(buf, n->target, size);
	return n->ops->target(buf, size, n->data);
}

static const struct inode_ops pseudo_file_iops = {
	.setattr = pseudo_setattr,
};

static const struct inode_ops pseudo_link_iops = {
	.readlink = pseudo_readlink,
	.setattr = pseudo_setattr,
};

struct inode *pseudo_inode(struct superblock *sb, struct pseudo_node *n)
{
	struct inode *inode = inode_alloc(sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->ino = n->ino;
	inode->mode = n->mode;
	inode->nlink = n->nlink;
	inode->priv = n;
	switch (n->mode & S_IFMT) {
	case S_IFDIR:
		inode->ops = &pseudo_dir_iops;
		inode->fops = &pseudo_dir_fops;
		break;
	case S_IFLNK:
		inode->ops = &pseudo_link_iops;
		break;
	default:
		inode->ops = &pseudo_file_iops;
		inode->fops = &pseudo_file_fops;
	}
	return inode;
}

static int pseudo_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct pseudo_node *n = pseudo_child(inode_node(dir), name->name, name->len);
	struct inode *inode;

	if (!n)
		return -ENOENT;
	inode = pseudo_inode(dir->sb, n);
	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	*res = inode;
	return 0;
}

/* Names may be added later: what was absent is looked for again. */
static int pseudo_revalidate(struct inode *dir, struct dentry *d)
{
	if (d->inode || !pseudo_child(inode_node(dir), d->name, d->name_len))
		return 0;
	return -ESTALE;
}

static u32 mode_to_dtype(mode_t mode)
{
	return (mode & S_IFMT) >> 12;
}

bool pseudo_emit(struct pseudo_node *node, struct dir_context *ctx, loff_t first)
{
	struct pseudo_node *n;
	loff_t pos = first;

	list_for_each_entry(n, &node->children, sibling) {
		if (pos++ < ctx->pos)
			continue;
		if (!ctx->emit(ctx, n->name, (u32)strlen(n->name), pos, n->ino,
			       mode_to_dtype(n->mode)))
			return false;
		ctx->pos = pos;
	}
	return true;
}

bool dir_emit_dots(struct file *f, struct dir_context *ctx)
{
	struct dentry *d = f->path.dentry;

	if (ctx->pos == 0) {
		if (!ctx->emit(ctx, ".", 1, 1, d->inode->ino, S_IFDIR >> 12))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		if (!ctx->emit(ctx, "..", 2, 2, d->parent->inode->ino, S_IFDIR >> 12))
			return false;
		ctx->pos = 2;
	}
	return true;
}

static int pseudo_iterate(struct file *f, struct dir_context *ctx)
{
	if (dir_emit_dots(f, ctx))
		(void)pseudo_emit(inode_node(f->inode), ctx, 2);
	return 0;
}

/* Nothing can be made here: proc says that there is no such name. */
static int no_new_names(const struct inode *dir)
{
	return dir->sb->magic == PROC_SUPER_MAGIC ? -ENOENT : -EPERM;
}

int pseudo_create(struct inode *dir, const struct qstr *name __unused,
		  const struct iattr *attr __unused, struct inode **res __unused)
{
	return no_new_names(dir);
}

int pseudo_mknod(struct inode *dir, const struct qstr *name __unused,
		 const struct iattr *attr __unused, dev_t dev __unused, struct inode **res __unused)
{
	return no_new_names(dir);
}

int pseudo_symlink(struct inode *dir, const struct qstr *name __unused,
		   const struct iattr *attr __unused, const char *target __unused,
		   struct inode **res __unused)
{
	return no_new_names(dir);
}

const struct inode_ops pseudo_dir_iops = {
	.lookup = pseudo_lookup,
	.create = pseudo_create,
	.mkdir = pseudo_create,
	.mknod = pseudo_mknod,
	.symlink = pseudo_symlink,
	.setattr = pseudo_setattr,
	.revalidate = pseudo_revalidate,
};

const struct file_ops pseudo_dir_fops = {
	.iterate = pseudo_iterate,
	.llseek = file_llseek_dir,
};
