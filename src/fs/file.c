// SPDX-License-Identifier: MIT
/*
 * Open file descriptions: made, opened on an inode, released.
 *
 * A struct file holds its path (so its mount, dentry and inode) and the
 * credentials of its opener. Descriptors, memory areas, SCM_RIGHTS messages and
 * running system calls each hold a reference; the last one calls release.
 *
 * Opening for writing counts in inode->write_count and keeps the mount from
 * becoming read-only; running programs count in inode->deny_write. The two
 * exclude each other (ETXTBSY).
 *
 * O_PATH files have no operations and no effect on any of this.
 */
#include "abi/inotify.h"
#include "fs/fasync.h"
#include "fs/internal.h"
#include "fs/poll.h"
#include "lib/string.h"
#include "mm/slab.h"

static SLAB_CACHE(file_cache, struct file);

#define CREATE_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

static int nxio_open(struct inode *inode, struct file *f)
{
	(void)inode;
	(void)f;
	return -ENXIO;
}

const struct file_ops path_fops = { .open = NULL };
/* Sockets in the file system. */
const struct file_ops bad_special_fops = { .open = nxio_open };

struct file *file_alloc(u32 flags)
{
	static const u32 modes[4] = { FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0 };
	struct file *f = slab_zalloc(&file_cache);

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->refcount = 1;
	f->flags = flags & ~(CREATE_FLAGS & ~O_NOCTTY);	/* tty_open looks at that one */
	f->mode = flags & O_PATH ? FMODE_PATH : modes[flags & O_ACCMODE];
	mutex_init(&f->pos_lock);
	list_init(&f->epoll_items);
	f->cred = current->cred ? cred_get(current->cred) : NULL;
	vfs_stats.files++;
	return f;
}

/* Undoes file_alloc; the path is already set or empty. */
static void file_free(struct file *f)
{
	if (f->path.mnt)
		f->path.mnt->flags &= ~(u32)MNT_EXPIRY_MARK;
	path_put(&f->path);
	if (f->cred)
		cred_put(f->cred);
	vfs_stats.files--;
	slab_free(&file_cache, f);
}

static bool counts_writers(const struct file *f)
{
	return (f->mode & FMODE_WRITE) && f->inode &&
	       (S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode));
}

static void drop_writer(struct file *f)
{
	if (!counts_writers(f))
		return;
	inode_put_write(f->inode);
	if (f->path.mnt)
		f->path.mnt->writers--;
}

void file_put(struct file *f)
{
	bug_on(!f->refcount);
	if (f->refcount > 1) {
		f->refcount--;
		return;
	}
	if (!(f->mode & FMODE_PATH) && f->path.dentry) {
		notify_path(f->path.dentry,
			    f->mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
		locks_remove_file(f);
		if (!list_empty(&f->epoll_items))
			epoll_file_release(f);
		file_async_release(f);
		if (f->ops && f->ops->release)
			f->ops->release(f);
		drop_writer(f);
	}
	if (f->mode & FMODE_UNMOUNT)
		mount_file_release(f);
	f->refcount = 0;
	file_free(f);
}

/*
 * Opens f on a resolved path, whose references it takes anew. Permissions and
 * types were checked. On failure f is freed.
 */
int path_open_file(const struct path *path, struct file *f)
{
	struct inode *inode = path->dentry->inode;
	int err = 0;

	f->path = path_get(*path);
	f->inode = inode;
	if (f->mode & FMODE_PATH) {
		f->ops = &path_fops;
		return 0;
	}
	if (counts_writers(f)) {
		err = mount_want_write(path);
		if (!err)
			err = inode_get_write(inode);
		if (err) {
			file_free(f);
			return err;
		}
		if (f->path.mnt)
			f->path.mnt->writers++;
	}
	f->ops = inode->fops ? inode->fops : &path_fops;
	if (f->ops->open)
		err = f->ops->open(inode, f);
	f->flags &= ~O_NOCTTY;
	if (err) {
		drop_writer(f);
		file_free(f);
		return err;
	}
	if (f->ops->llseek && !(f->mode & FMODE_STREAM))
		f->mode |= FMODE_LSEEK;
	if (!(f->mode & FMODE_EXEC))
		notify_path(path->dentry, IN_OPEN);
	return 0;
}

struct file *file_open_path(const struct path *path, u32 flags)
{
	struct file *f = file_alloc(flags);
	int err;

	if (IS_ERR(f))
		return f;
	err = path_open_file(path, f);
	return err ? ERR_PTR(err) : f;
}

struct file *file_from_inode(struct inode *inode, const char *name, u32 flags,
			     const struct file_ops *ops)
{
	struct dentry *d = dentry_make_anon(inode, name);
	struct file *f;

	if (!d)
		return ERR_PTR(-ENOMEM);
	f = file_alloc(flags);
	if (IS_ERR(f)) {
		dentry_put(d);
		return f;
	}
	f->path.dentry = d;
	f->inode = inode;
	f->ops = ops;
	if (ops->llseek)
		f->mode |= FMODE_LSEEK;
	if (counts_writers(f))
		inode->write_count++;
	return f;
}

/* ---- anonymous inodes: one inode, shared by all their files ---- */

static struct inode *anon_inode;
static const struct inode_ops anon_iops = { .lookup = NULL };

static int anon_fill_super(struct superblock *sb, const char *source, const char *options)
{
	struct inode *inode = inode_alloc(sb);

	(void)source;
	(void)options;
	if (!inode)
		return -ENOMEM;
	inode->mode = S_IRUSR | S_IWUSR;	/* no type bits, as on Linux */
	inode->ops = &anon_iops;
	inode->fops = &bad_special_fops;
	sb->magic = 0x09041934;			/* ANON_INODE_FS_MAGIC */
	sb->root = dentry_make_root(inode);
	return sb->root ? 0 : -ENOMEM;
}

static const struct fs_type anon_fs = {
	.name = "anon_inodefs",
	.flags = FS_NODEV,
	.fill_super = anon_fill_super,
};

struct file *file_anon(const char *name, const struct file_ops *ops, void *priv, u32 flags)
{
	char text[64];
	struct file *f;

	if (!anon_inode) {
		struct superblock *sb = sb_create(&anon_fs, NULL, NULL);

		if (IS_ERR(sb))
			return ERR_PTR(-ENOMEM);
		anon_inode = sb->root->inode;
	}
	if (strncmp(name, "anon_inode:", 11))
		snprintf(text, sizeof(text), "anon_inode:%s", name);
	else
		strlcpy(text, name, sizeof(text));
	f = file_from_inode(inode_get(anon_inode), text, flags, ops);
	if (!IS_ERR(f))
		f->priv = priv;
	return f;
}

/* ---- programs ---- */

struct file *file_open_exec(int dfd, const char *name, int at_flags)
{
	struct open_how how = { .flags = O_RDONLY | O_LARGEFILE };
	u32 lookup = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path path;
	struct inode *inode;
	struct file *f;
	int err;

	if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return ERR_PTR(-EINVAL);
	if (at_flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = path_lookup(dfd, name, lookup, &path);
	if (err)
		return ERR_PTR(err);
	inode = path.dentry->inode;
	err = S_ISLNK(inode->mode) ? -ELOOP : -EACCES;
	if (!S_ISREG(inode->mode) || mount_noexec(&path))
		goto fail;
	err = inode_permission(inode, MAY_EXEC);
	if (err)
		goto fail;
	err = -ETXTBSY;
	if (inode->write_count)
		goto fail;
	f = file_alloc((u32)how.flags);
	err = (int)PTR_ERR(f);
	if (IS_ERR(f))
		goto fail;
	inode->deny_write++;
	f->mode |= FMODE_EXEC;
	err = path_open_file(&path, f);
	if (err) {
		inode->deny_write--;
		goto fail;
	}
	notify_path(path.dentry, IN_OPEN);
	path_put(&path);
	return f;
fail:
	path_put(&path);
	return ERR_PTR(err);
}

void file_allow_write(struct file *f)
{
	bug_on(!f->inode->deny_write);
	f->inode->deny_write--;
}

/* ---- the kernel's own reads and writes ---- */

ssize_t file_read_kernel(struct file *f, void *buf, size_t size, loff_t pos)
{
	struct uio uio;

	if (!f->ops->read)
		return -EINVAL;
	uio_kernel(&uio, buf, size);
	return f->ops->read(f, &uio, &pos);
}

ssize_t file_write_kernel(struct file *f, const void *buf, size_t size, loff_t pos)
{
	struct uio uio;

	if (!f->ops->write)
		return -EINVAL;
	uio_kernel(&uio, (void *)buf, size);
	return f->ops->write(f, &uio, &pos);
}
