/* SPDX-License-Identifier: MIT */
/*
 * Text files made on the fly and static trees of them; see fs/pseudo.h.
 *
 * A tree is made of pseudo_nodes, which are added at boot and never go away.
 * Inodes are made by lookups and hold nothing but a pointer to their node.
 *
 * An open text file has a struct text_file with the part of the text that was
 * shown last: bytes [base, base + text.len) of the whole. Its lock (sleeping)
 * serialises readers that share the file, since a show function may sleep.
 */
#include "fs/pseudo.h"

#include "abi/errno.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define TEXT_FIRST_SIZE 2048
#define TEXT_MAX_SIZE (1u << 16)	/* the largest kmalloc */
#define STORE_MAX 4096

/* ---- text ---- */

static bool text_grow(struct text *t, size_t want)
{
	size_t size = t->size ? t->size : TEXT_FIRST_SIZE;
	char *buf;

	if (t->error)
		return false;
	while (size < t->len + want)
		size *= 2;
	if (size == t->size)
		return true;
	buf = size > TEXT_MAX_SIZE ? NULL : kmalloc(size);
	if (!buf) {
		t->error = -ENOMEM;
		return false;
	}
	memcpy(buf, t->buf, t->len);
	kfree(t->buf);
	t->buf = buf;
	t->size = size;
	return true;
}

void text_append(struct text *t, const char *s, size_t len)
{
	if (!text_grow(t, len))
		return;
	memcpy(t->buf + t->len, s, len);
	t->len += len;
}

void text_puts(struct text *t, const char *s)
{
	text_append(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
	text_append(t, &c, 1);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!text_grow(t, 128))
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= t->size - t->len) {	/* rare: again with room for all */
		if (!text_grow(t, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}

void text_escape(struct text *t, const char *s, const char *esc)
{
	for (; *s; s++) {
		if (strchr(esc, *s))
			text_printf(t, "\\%03o", (u8)*s);
		else
			text_putc(t, *s);
	}
}

void text_free(struct text *t)
{
	kfree(t->buf);
	*t = (struct text){ NULL, 0, 0, 0 };
}

/* ---- text files ---- */

struct text_file {
	struct mutex lock;
	struct text text;
	loff_t base;			/* offset of text in the whole */
	u64 cursor;
	bool begun, more;
	int (*show)(struct text *t, void *data, u64 *cursor);
	void *data;
	void (*release)(void *data);
};

static SLAB_CACHE(text_file_cache, struct text_file);

int text_file_open(struct file *f, int (*show)(struct text *, void *, u64 *), void *data,
		   void (*release)(void *data))
{
	struct text_file *tf = slab_zalloc(&text_file_cache);

	if (!tf)
		return -ENOMEM;
	mutex_init(&tf->lock);
	tf->show = show;
	tf->data = data;
	tf->release = release;
	f->priv = tf;
	return 0;
}

void *text_file_data(struct file *f)
{
	struct text_file *tf = f->priv;

	return tf->data;
}

void text_file_release(struct file *f)
{
	struct text_file *tf = f->priv;

	if (!tf)
		return;
	if (tf->release)
		tf->release(tf->data);
	text_free(&tf->text);
	slab_free(&text_file_cache, tf);
}

/* The next part of the text. 0 or -errno. */
static int text_file_fill(struct text_file *tf)
{
	int res;

	tf->text.len = 0;
	tf->text.error = 0;
	res = tf->show ? tf->show(&tf->text, tf->data, &tf->cursor) : 0;
	if (res >= 0 && tf->text.error)
		res = tf->text.error;
	tf->more = res > 0;
	return min(res, 0);
}

/* Makes text cover pos, if the whole is that long. */
static int text_file_seek(struct text_file *tf, loff_t pos)
{
	int err;

	if (!tf->begun || !pos || pos < tf->base) {
		tf->base = 0;
		tf->cursor = 0;
		err = text_file_fill(tf);
		tf->begun = !err;
		if (err)
			return err;
	}
	while (pos >= tf->base + (loff_t)tf->text.len && tf->more) {
		tf->base += (loff_t)tf->text.len;
		err = text_file_fill(tf);
		if (err) {
			tf->begun = false;
			return err;
		}
	}
	return 0;
}

ssize_t text_file_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct text_file *tf = f->priv;
	ssize_t done = 0;
	size_t avail, n;
	int err = 0;

	mutex_lock(&tf->lock);
	while (uio->resid) {
		err = text_file_seek(tf, *pos);
		if (err || *pos >= tf->base + (loff_t)tf->text.len)
			break;
		avail = tf->text.len - (size_t)(*pos - tf->base);
		avail = min(avail, uio->resid);
		n = uio_copy_to(uio, tf->text.buf + (*pos - tf->base), avail);
		done += (ssize_t)n;
		*pos += (loff_t)n;
		if (n < avail) {
			err = -EFAULT;
			break;
		}
	}
	mutex_unlock(&tf->lock);
	return done ? done : err;
}

loff_t text_file_llseek(struct file *f, loff_t off, int whence)
{
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		off += f->pos;
		break;
	default:
		return -EINVAL;
	}
	if (off < 0)
		return -EINVAL;
	return f->pos = off;
}

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
		if (!strncmp(n->name, name, len) && !n->name[len])
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
