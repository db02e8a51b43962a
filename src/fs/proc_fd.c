/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/fd and /proc/PID/fdinfo: open files of a process.
 *
 * fd/N is a magic link: following it gives the very dentry that is open, so
 * it works for deleted files, pipes and memfds. Names are looked up in the
 * process's descriptor table each time; positions in the directory are
 * descriptor + 2.
 */
#include "fs/internal.h"
#include "fs/proc_impl.h"

#include "lib/string.h"
#include "mm/slab.h"

#define FD_LOW 0x1000		/* inode numbers; see pid_ino() */
#define FDINFO_TEXT 4096

/* The table of the process, with a reference, or NULL. */
static struct files *ref_files(struct proc_ref *r)
{
	struct task *t;

	if (r->t->files)
		return files_get(r->t->files);
	list_for_each_entry(t, &r->p->threads, thread_link) {
		if (t->files)
			return files_get(t->files);
	}
	return NULL;
}

static struct files *key_files(const struct pid_key *key)
{
	struct files *files;
	struct proc_ref r;

	if (!proc_ref_get(key, &r))
		return NULL;
	files = ref_files(&r);
	proc_ref_put(&r);
	return files;
}

static struct file *key_file(const struct pid_key *key, u32 fd)
{
	struct files *files = key_files(key);
	struct file *f;

	if (!files)
		return NULL;
	f = files_lookup(files, fd);
	files_put(files);
	return f;
}

static bool parse_fd(const char *name, u32 len, u32 *fd)
{
	char text[12];
	u64 v;

	if (!len || len >= sizeof(text) || (len > 1 && name[0] == '0'))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	if (parse_u64(text, 10, &v) || v > S32_MAX)
		return false;
	*fd = (u32)v;
	return true;
}

/* ---- fd ---- */

static int fd_follow(struct inode *inode, struct path *res)
{
	struct pid_inode *pi = pid_inode(inode);
	struct proc_ref r;
	struct file *f;
	bool ok;

	if (!proc_ref_get(&pi->key, &r))
		return -ENOENT;
	ok = process_may_inspect(r.p);
	proc_ref_put(&r);
	if (!ok)
		return -EACCES;
	f = key_file(&pi->key, pi->fd);
	if (!f)
		return -ENOENT;
	*res = path_get(f->path);
	file_put(f);
	return 0;
}

static const struct inode_ops fd_link_iops = {
	.follow = fd_follow,
	.setattr = pid_setattr,
	.getattr = pid_getattr,
};

static const struct pid_entry fd_link_entry = { .mode = S_IFLNK | S_IXUSR };

static mode_t fd_mode(const struct file *f)
{
	mode_t mode = S_IFLNK;

	if (f->mode & FMODE_READ)
		mode |= S_IRUSR | S_IXUSR;
	if (f->mode & FMODE_WRITE)
		mode |= S_IWUSR | S_IXUSR;
	return mode;
}

static int fd_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct pid_inode *pi = pid_inode(dir);
	struct inode *inode;
	struct file *f;
	u32 fd;

	if (!parse_fd(name->name, name->len, &fd))
		return -ENOENT;
	f = key_file(&pi->key, fd);
	if (!f)
		return -ENOENT;
	inode = pid_inode_new(dir->sb, &pi->key, &fd_link_entry, fd, FD_LOW + fd * 2);
	if (IS_ERR(inode)) {
		file_put(f);
		return (int)PTR_ERR(inode);
	}
	inode->ops = &fd_link_iops;
	inode->mode = fd_mode(f);
	inode->size = 64;
	file_put(f);
	*res = inode;
	return 0;
}

static int fd_revalidate(struct inode *dir, struct dentry *d)
{
	struct file *f;
	u32 fd;
	int err = 0;

	if (!parse_fd(d->name, d->name_len, &fd))
		return 0;
	f = key_file(&pid_inode(dir)->key, fd);
	if (!f)
		return d->inode ? -ESTALE : 0;
	if (!d->inode || (S_ISLNK(d->inode->mode) && d->inode->mode != fd_mode(f)))
		err = -ESTALE;
	file_put(f);
	return err;
}

/* The owner may, and any thread of the process itself. */
static int fd_permission(struct inode *inode, int mask)
{
	int err = pid_permission(inode, mask);

	if (err && pid_inode(inode)->key.pid == current->process->pid)
		err = 0;
	return err;
}

static int fd_emit_all(struct file *dir, struct dir_context *ctx, u32 dtype, u32 odd)
{
	struct pid_inode *pi = pid_inode(dir->inode);
	struct files *files = key_files(&pi->key);
	char name[12];
	int fd, len;

	if (!files)
		return -ENOENT;
	if (!dir_emit_dots(dir, ctx))
		goto out;
	for (;;) {
		fd = files_next(files, (u32)(ctx->pos - 2));
		if (fd < 0)
			break;
		len = scnprintf(name, sizeof(name), "%d", fd);
		if (!ctx->emit(ctx, name, (u32)len, fd + 3,
			       (u64)pi->key.pid << 24 | (FD_LOW + (u32)fd * 2 + odd), dtype))
			break;
		ctx->pos = fd + 3;
	}
out:
	files_put(files);
	return 0;
}

static int fd_iterate(struct file *f, struct dir_context *ctx)
{
	return fd_emit_all(f, ctx, S_IFLNK >> 12, 0);
}

const struct inode_ops pid_fd_iops = {
	.lookup = fd_lookup,
	PROC_NO_CREATE,
	.setattr = pid_setattr,
	.getattr = pid_getattr,
	.revalidate = fd_revalidate,
	.permission = fd_permission,
};

const struct file_ops pid_fd_fops = {
	.iterate = fd_iterate,
	.llseek = file_llseek_dir,
};

/* ---- fdinfo ---- */

struct fdinfo {
	struct pid_key key;
	u32 fd;
};

static int fdinfo_show(struct text *t, void *data, u64 *cursor __unused)
{
	struct fdinfo *info = data;
	struct files *files = key_files(&info->key);
	struct file *f;
	char *extra;
	u32 flags;

	if (!files)
		return -ENOENT;
	f = files_lookup(files, info->fd);
	if (!f) {
		files_put(files);
		return -ENOENT;
	}
	flags = f->flags & ~(u32)O_CLOEXEC;
	if (files_cloexec(files, info->fd))
		flags |= O_CLOEXEC;
	files_put(files);
	text_printf(t, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", (long)f->pos, flags,
		    f->path.mnt ? f->path.mnt->id : 0, f->inode ? f->inode->ino : 0);
	if (f->ops && f->ops->show_fdinfo) {
		extra = kmalloc(FDINFO_TEXT);
		if (extra) {
			extra[0] = '\0';
			f->ops->show_fdinfo(f, extra, FDINFO_TEXT);
			text_puts(t, extra);
			kfree(extra);
		}
	}
	file_put(f);
	return 0;
}

static int fdinfo_open(struct inode *inode, struct file *f)
{
	struct fdinfo *info = kmalloc(sizeof(*info));
	int err;

	if (!info)
		return -ENOMEM;
	info->key = pid_inode(inode)->key;
	info->fd = pid_inode(inode)->fd;
	err = text_file_open(f, fdinfo_show, info, kfree);
	if (err)
		kfree(info);
	return err;
}

static const struct file_ops fdinfo_file_fops = {
	.read = text_file_read,
	.llseek = text_file_llseek,
	.open = fdinfo_open,
	.release = text_file_release,
};

static const struct pid_entry fdinfo_entry = {
	.mode = S_IFREG | 0400,
	.fops = &fdinfo_file_fops,
};

static int fdinfo_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct pid_inode *pi = pid_inode(dir);
	struct inode *inode;
	struct file *f;
	u32 fd;

	if (!parse_fd(name->name, name->len, &fd))
		return -ENOENT;
	f = key_file(&pi->key, fd);
	if (!f)
		return -ENOENT;
	file_put(f);
	inode = pid_inode_new(dir->sb, &pi->key, &fdinfo_entry, fd, FD_LOW + fd * 2 + 1);
	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	*res = inode;
	return 0;
}

static int fdinfo_iterate(struct file *f, struct dir_context *ctx)
{
	return fd_emit_all(f, ctx, S_IFREG >> 12, 1);
}

const struct inode_ops pid_fdinfo_iops = {
	.lookup = fdinfo_lookup,
	PROC_NO_CREATE,
	.setattr = pid_setattr,
	.getattr = pid_getattr,
	.revalidate = fd_revalidate,
	.permission = fd_permission,
};

const struct file_ops pid_fdinfo_fops = {
	.iterate = fdinfo_iterate,
	.llseek = file_llseek_dir,
};
