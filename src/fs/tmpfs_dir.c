// SPDX-License-Identifier: MIT
/*
 * Directories of tmpfs.
 *
 * An entry holds a reference to its inode and sits in two indexes: a hash
 * table by name, doubled as it fills, and a radix tree by cookie. Cookies grow
 * and are never used twice, so a readdir position stays good whatever happens
 * to other entries, and an entry is never seen twice.
 *
 * Directory size follows Linux: 20 bytes for each entry, two for "." and "..".
 */
#include "lib/string.h"
#include "mm/slab.h"
#include "fs/tmpfs_impl.h"

#define FIRST_BUCKETS 8u
#define MAX_BUCKETS 8192u	/* one kmalloc */
#define FIRST_COOKIE 2u
#define DIRENT_SIZE 20

struct tmpfs_dir *tmpfs_dir_new(void)
{
	struct tmpfs_dir *dir = kzalloc(sizeof(*dir));

	if (!dir)
		return NULL;
	dir->buckets = kcalloc(FIRST_BUCKETS, sizeof(*dir->buckets));
	if (!dir->buckets) {
		kfree(dir);
		return NULL;
	}
	dir->nr_buckets = FIRST_BUCKETS;
	dir->next_cookie = FIRST_COOKIE;
	return dir;
}

void tmpfs_dir_free(struct tmpfs_dir *dir)
{
	u64 cookie = 0;
	struct tmpfs_entry *e;

	while ((e = radix_next(&dir->by_cookie, &cookie)))
		tmpfs_dir_remove(dir, e);
	kfree(dir->buckets);
	kfree(dir);
}

struct tmpfs_entry *tmpfs_dir_find(struct tmpfs_dir *dir, const struct qstr *name)
{
	struct tmpfs_entry *e = dir->buckets[name->hash & (dir->nr_buckets - 1)];

	while (e && (e->hash != name->hash || e->len != name->len ||
		     memcmp(e->name, name->name, name->len)))
		e = e->next;
	return e;
}

/* Twice the buckets when there is memory for them; slower otherwise. */
static void grow(struct tmpfs_dir *dir)
{
	u32 nr = dir->nr_buckets * 2;
	struct tmpfs_entry **bigger = kcalloc(nr, sizeof(*bigger));

	if (!bigger)
		return;
	for (u32 i = 0; i < dir->nr_buckets; i++) {
		while (dir->buckets[i]) {
			struct tmpfs_entry *e = dir->buckets[i];

			dir->buckets[i] = e->next;
			e->next = bigger[e->hash & (nr - 1)];
			bigger[e->hash & (nr - 1)] = e;
		}
	}
	kfree(dir->buckets);
	dir->buckets = bigger;
	dir->nr_buckets = nr;
}

int tmpfs_dir_add(struct tmpfs_dir *dir, const struct qstr *name, struct inode *inode)
{
	struct tmpfs_entry *e = kmalloc(sizeof(*e) + name->len + 1), **bucket;
	int err;

	if (!e)
		return -ENOMEM;
	e->cookie = dir->next_cookie;
	err = radix_insert(&dir->by_cookie, e->cookie, e);
	if (err) {
		kfree(e);
		return err;
	}
	dir->next_cookie++;
	e->hash = name->hash;
	e->len = name->len;
	memcpy(e->name, name->name, name->len);
	e->name[name->len] = '\0';
	e->inode = inode_get(inode);
	if (++dir->count > dir->nr_buckets * 2 && dir->nr_buckets < MAX_BUCKETS)
		grow(dir);
	bucket = &dir->buckets[e->hash & (dir->nr_buckets - 1)];
	e->next = *bucket;
	*bucket = e;
	return 0;
}

void tmpfs_dir_remove(struct tmpfs_dir *dir, struct tmpfs_entry *e)
{
	struct tmpfs_entry **p = &dir->buckets[e->hash & (dir->nr_buckets - 1)];
	struct inode *inode = e->inode;

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	radix_remove(&dir->by_cookie, e->cookie);
	dir->count--;
	kfree(e);
	inode_put(inode);
}

/* ---- operations ---- */

static struct tmpfs_dir *dir_of(const struct inode *inode)
{
	return tmpfs_i(inode)->dir;
}

static void touch(struct inode *dir, int entries)
{
	dir->mtime = dir->ctime = clock_realtime();
	dir->size += entries * DIRENT_SIZE;
	dir->version++;
}

static int lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct tmpfs_entry *e = tmpfs_dir_find(dir_of(dir), name);

	if (!e)
		return -ENOENT;
	*res = inode_get(e->inode);
	return 0;
}

static int add_new(struct inode *dir, const struct qstr *name, struct inode *inode,
		   struct inode **res)
{
	int err;

	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	err = tmpfs_dir_add(dir_of(dir), name, inode);
	if (err) {
		inode->nlink = 0;
		inode_put(inode);
		return err;
	}
	touch(dir, 1);
	*res = inode;
	return 0;
}

static int create(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		  struct inode **res)
{
	return add_new(dir, name, tmpfs_inode_new(dir->sb, S_IFREG, attr), res);
}

static int make_dir(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		    struct inode **res)
{
	int err = add_new(dir, name, tmpfs_inode_new(dir->sb, S_IFDIR, attr), res);

	if (!err)
		dir->nlink++;
	return err;
}

static int make_node(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		     dev_t dev, struct inode **res)
{
	struct inode *inode = tmpfs_inode_new(dir->sb, attr->mode & S_IFMT, attr);

	if (!IS_ERR(inode))
		inode_init_special(inode, dev);
	return add_new(dir, name, inode, res);
}

static int make_symlink(struct inode *dir, const struct qstr *name, const struct iattr *attr,
			const char *target, struct inode **res)
{
	struct inode *inode = tmpfs_inode_new(dir->sb, S_IFLNK, attr);

	if (!IS_ERR(inode)) {
		tmpfs_i(inode)->target = kstrdup(target);
		if (!tmpfs_i(inode)->target) {
			inode->nlink = 0;
			inode_put(inode);
			return -ENOMEM;
		}
		inode->size = (loff_t)strlen(target);
	}
	return add_new(dir, name, inode, res);
}

static int make_tmpfile(struct inode *dir, const struct iattr *attr, struct inode **res)
{
	struct inode *inode = tmpfs_inode_new(dir->sb, S_IFREG, attr);

	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	inode->nlink = 0;
	*res = inode;
	return 0;
}

static int add_link(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	int err = tmpfs_dir_add(dir_of(dir), name, inode);

	if (err)
		return err;
	inode->nlink++;
	touch(dir, 1);
	inode->ctime = dir->ctime;
	return 0;
}

static int remove_entry(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	struct tmpfs_entry *e = tmpfs_dir_find(dir_of(dir), name);

	if (!e || e->inode != inode)
		return -ENOENT;
	touch(dir, -1);
	inode->nlink--;
	inode->ctime = dir->ctime;
	tmpfs_dir_remove(dir_of(dir), e);
	return 0;
}

static int remove_dir(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	int err;

	if (dir_of(inode)->count)
		return -ENOTEMPTY;
	err = remove_entry(dir, name, inode);
	if (!err) {
		inode->nlink = 0;
		dir->nlink--;
	}
	return err;
}

static void swap_entries(struct inode *old_dir, struct tmpfs_entry *a, struct inode *new_dir,
			 struct tmpfs_entry *b)
{
	struct inode *tmp = a->inode;
	bool a_dir = S_ISDIR(a->inode->mode), b_dir = S_ISDIR(b->inode->mode);

	a->inode = b->inode;
	b->inode = tmp;
	if (old_dir != new_dir && a_dir != b_dir) {
		old_dir->nlink += (u32)b_dir - (u32)a_dir;
		new_dir->nlink += (u32)a_dir - (u32)b_dir;
	}
}

static int rename(struct inode *old_dir, const struct qstr *old_name, struct inode *inode,
		  struct inode *new_dir, const struct qstr *new_name, struct inode *target,
		  u32 flags)
{
	struct tmpfs_entry *e = tmpfs_dir_find(dir_of(old_dir), old_name), *t = NULL;
	bool isdir = S_ISDIR(inode->mode);
	int err;

	if (!e || e->inode != inode)
		return -ENOENT;
	if (target) {
		t = tmpfs_dir_find(dir_of(new_dir), new_name);
		if (!t || t->inode != target)
			return -ENOENT;
	}
	if (flags & RENAME_EXCHANGE) {
		swap_entries(old_dir, e, new_dir, t);
		touch(old_dir, 0);
		touch(new_dir, 0);
		inode->ctime = target->ctime = new_dir->ctime;
		return 0;
	}
	if (target && S_ISDIR(target->mode) && dir_of(target)->count)
		return -ENOTEMPTY;
	if (!target) {
		err = tmpfs_dir_add(dir_of(new_dir), new_name, inode);
		if (err)
			return err;
		touch(new_dir, 1);
	} else {
		/* The entry stays and changes hands: nothing can fail. */
		t->inode = inode_get(inode);
		target->nlink = isdir ? 0 : target->nlink - 1;
		touch(new_dir, 0);
		target->ctime = new_dir->ctime;
		if (isdir)
			new_dir->nlink--;
		inode_put(target);
	}
	tmpfs_dir_remove(dir_of(old_dir), e);
	touch(old_dir, -1);
	if (isdir) {
		old_dir->nlink--;
		new_dir->nlink++;
	}
	inode->ctime = old_dir->ctime;
	return 0;
}

static int iterate(struct file *f, struct dir_context *ctx)
{
	struct tmpfs_dir *dir = dir_of(f->inode);
	u64 cookie;

	if (!dir_emit_dots(f, ctx))
		return 0;
	for (;;) {
		struct tmpfs_entry *e;

		cookie = (u64)ctx->pos;
		e = radix_next(&dir->by_cookie, &cookie);
		if (!e)
			return 0;
		if (!ctx->emit(ctx, e->name, e->len, (loff_t)cookie + 1, e->inode->ino,
			       (e->inode->mode & S_IFMT) >> 12))
			return 0;
		ctx->pos = (loff_t)cookie + 1;
	}
}

static int fsync(struct file *f, loff_t start, loff_t end, bool datasync)
{
	(void)f;
	(void)start;
	(void)end;
	(void)datasync;
	return 0;
}

const struct file_ops tmpfs_dir_fops = {
	.iterate = iterate,
	.llseek = file_llseek_dir,
	.fsync = fsync,
};

static ssize_t getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	return xattr_list_get(&tmpfs_i(inode)->xattrs, name, buf, size);
}

static int setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		    int flags)
{
	int err = xattr_list_set(&tmpfs_i(inode)->xattrs, name, value, size, flags);

	if (!err)
		inode->ctime = clock_realtime();
	return err;
}

static ssize_t listxattr(struct inode *inode, char *buf, size_t size)
{
	return xattr_list_names(&tmpfs_i(inode)->xattrs, buf, size);
}

static int removexattr(struct inode *inode, const char *name)
{
	int err = xattr_list_remove(&tmpfs_i(inode)->xattrs, name);

	if (!err)
		inode->ctime = clock_realtime();
	return err;
}

static ssize_t readlink(struct inode *inode, char *buf, size_t size)
{
	return (ssize_t)strlcpy(buf, tmpfs_i(inode)->target, size);
}

const struct inode_ops tmpfs_dir_iops = {
	.lookup = lookup,
	.create = create,
	.mkdir = make_dir,
	.mknod = make_node,
	.symlink = make_symlink,
	.link = add_link,
	.unlink = remove_entry,
	.rmdir = remove_dir,
	.rename = rename,
	.tmpfile = make_tmpfile,
	.getxattr = getxattr,
	.setxattr = setxattr,
	.listxattr = listxattr,
	.removexattr = removexattr,
};

/* Files, special files and symlinks. */
const struct inode_ops tmpfs_file_iops = {
	.getxattr = getxattr,
	.setxattr = setxattr,
	.listxattr = listxattr,
	.removexattr = removexattr,
};

const struct inode_ops tmpfs_symlink_iops = {
	.readlink = readlink,
	.getxattr = getxattr,
	.setxattr = setxattr,
	.listxattr = listxattr,
	.removexattr = removexattr,
};
