// SPDX-License-Identifier: MIT
/*
 * 9P directories: creating, removing, renaming, reading.
 *
 * The VFS holds the directory's lock and has checked permissions as the guest
 * sees them; the server may still refuse, and its errno is the guest's. After
 * each change the directory's attributes are stale. New objects belong to who
 * the server says; if that is not who asked, the owner is set, once: a server
 * that cannot (no_chown) is not bothered again.
 *
 * An open directory has an opened fid of its own (the server's read position
 * belongs to it) and one buffer of entries; positions are the server's cookies.
 *
 * Not supported: RENAME_EXCHANGE and RENAME_WHITEOUT (-EINVAL), O_TMPFILE.
 */
#include "fs/9p.h"
#include "lib/string.h"
#include "mm/slab.h"

#define DIR_BUF_ORDER 4u	/* 64 KiB; less when memory is short */

/* ---- changing ---- */

static void chown_new(struct inode *inode, const struct iattr *attr)
{
	struct p9_session *s = p9_s(inode);
	struct p9_setattr a = {
		.valid = P9_SET_UID | P9_SET_GID,
		.uid = attr->uid,
		.gid = attr->gid,
	};

	if (s->no_chown || (inode->uid == attr->uid && inode->gid == attr->gid))
		return;
	if (p9_setattr(s, p9_i(inode)->fid, &a) || p9_refresh(inode) ||
	    inode->uid != attr->uid)
		s->no_chown = true;
}

/* The inode of a name that was just made. */
static int made(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		struct inode **res)
{
	int err;

	p9_stale(dir);
	p9_i(dir)->wrote = true;
	err = p9_lookup(dir, name, res);
	if (!err)
		chown_new(*res, attr);
	return err;
}

static int p9_create_op(struct inode *dir, const struct qstr *name, const struct iattr *attr,
			struct inode **res)
{
	struct p9_session *s = p9_s(dir);
	struct p9_attr got;
	struct p9_inode *p;
	u32 openfid, fid;
	int err;

	err = p9_create(s, p9_i(dir)->fid, name, O_RDWR | O_CREAT | O_EXCL, attr->mode & S_IALLUGO,
			attr->gid, &openfid, &fid, &got);
	if (err)
		return err;
	p9_stale(dir);
	err = p9_iget(dir->sb, fid, &got, res);
	if (err) {
		p9_clunk(s, openfid);
		return err;
	}
	p = p9_i(*res);
	if (p->wfid == P9_NOFID)
		p->wfid = openfid;	/* for the open that follows */
	else
		p9_clunk(s, openfid);
	chown_new(*res, attr);
	return 0;
}

static int p9_mkdir_op(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		       struct inode **res)
{
	int err = p9_mkdir(p9_s(dir), p9_i(dir)->fid, name, attr->mode & S_IALLUGO, attr->gid);

	return err ? err : made(dir, name, attr, res);
}

static int p9_mknod_op(struct inode *dir, const struct qstr *name, const struct iattr *attr,
		       dev_t dev, struct inode **res)
{
	int err = p9_mknod(p9_s(dir), p9_i(dir)->fid, name, attr->mode, dev, attr->gid);

	return err ? err : made(dir, name, attr, res);
}

static int p9_symlink_op(struct inode *dir, const struct qstr *name, const struct iattr *attr,
			 const char *target, struct inode **res)
{
	int err = p9_symlink(p9_s(dir), p9_i(dir)->fid, name, target, attr->gid);

	return err ? err : made(dir, name, attr, res);
}

static int p9_link_op(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	int err = p9_link(p9_s(dir), p9_i(dir)->fid, p9_i(inode)->fid, name);

	if (err)
		return err;
	inode->nlink++;
	inode->ctime = clock_realtime();
	p9_stale(inode);
	p9_stale(dir);
	return 0;
}

/* One name of inode is gone. */
static void name_gone(struct inode *inode, struct inode *dir, const struct qstr *name)
{
	if (S_ISDIR(inode->mode))
		inode->nlink = 0;
	else if (inode->nlink)
		inode->nlink--;
	inode->ctime = clock_realtime();
	if (inode->nlink)
		p9_refid(inode, dir, name);
	else
		p9_unhash(inode);	/* the number may be used again */
	p9_stale(inode);
}

/* Someone may read the file after its name is gone: have it open. */
static void keep_readable(struct inode *inode)
{
	struct p9_inode *p = p9_i(inode);
	u32 fid;

	if (S_ISREG(inode->mode) && inode->refcount > 1 && inode->mapping.nr_pages &&
	    p->rfid == P9_NOFID && p->wfid == P9_NOFID && inode->nlink <= 1) {
		int err = p9_open_fid(inode, false, &fid);

		(void)err;	/* then it is only readable where it is cached */
	}
}

static int p9_unlink_op(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	int err;

	keep_readable(inode);
	err = p9_unlinkat(p9_s(dir), p9_i(dir)->fid, name, 0);
	if (err)
		return err;
	name_gone(inode, dir, name);
	p9_stale(dir);
	return 0;
}

static int p9_rmdir_op(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	int err = p9_unlinkat(p9_s(dir), p9_i(dir)->fid, name, AT_REMOVEDIR);

	if (err)
		return err;
	name_gone(inode, dir, name);
	p9_stale(dir);
	return 0;
}

static int p9_rename_op(struct inode *old_dir, const struct qstr *old_name, struct inode *inode,
			struct inode *new_dir, const struct qstr *new_name,
			struct inode *target, u32 flags)
{
	int err;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (target && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (target)
		keep_readable(target);
	err = p9_renameat(p9_s(old_dir), p9_i(old_dir)->fid, old_name, p9_i(new_dir)->fid,
			  new_name);
	if (err)
		return err;
	if (target && target != inode)
		name_gone(target, new_dir, new_name);
	inode->ctime = clock_realtime();
	p9_stale(inode);
	p9_stale(old_dir);
	p9_stale(new_dir);
	return 0;
}

/* ---- reading ---- */

struct p9_dir {
	u32 fid;
	u32 order;		/* of buf */
	u32 len, off;		/* valid bytes, next entry */
	bool eof;
	u64 next;		/* position of the entry at off */
	struct page *pages;	/* split: each page has its own references */
	struct mutex lock;	/* one reader at a time */
};

static int dir_open(struct inode *inode, struct file *f)
{
	struct p9_dir *d = kzalloc(sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	mutex_init(&d->lock);
	for (d->order = DIR_BUF_ORDER; !d->pages; d->order--) {
		d->pages = page_alloc(d->order, 0);
		if (d->pages || !d->order)
			break;
	}
	err = -ENOMEM;
	if (!d->pages)
		goto free_dir;
	page_split(d->pages, d->order);
	err = p9_open(p9_s(inode), p9_i(inode)->fid, O_RDONLY | O_DIRECTORY, &d->fid);
	if (err)
		goto free_pages;
	f->priv = d;
	return 0;

free_pages:
	for (u32 i = 0; i < 1u << d->order; i++)
		page_put(d->pages + i);
free_dir:
	kfree(d);
	return err;
}

static void dir_release(struct file *f)
{
	struct p9_dir *d = f->priv;

	if (!d)
		return;
	p9_clunk(p9_s(f->inode), d->fid);
	for (u32 i = 0; i < 1u << d->order; i++)
		page_put(d->pages + i);
	kfree(d);
}

/* Reads entries from position pos on. */
static int dir_fill(struct file *f, struct p9_dir *d, u64 pos)
{
	struct p9_session *s = p9_s(f->inode);
	u32 size = min((u32)(PAGE_SIZE << d->order), s->max_payload);
	struct p9_msg *m = p9_io_msg(s, P9_TREADDIR, d->fid, pos, 1);
	ssize_t n;
	int err;

	if (!m)
		return -ENOMEM;
	err = p9_msg_payload(m, page_to_phys(d->pages), size, true);
	if (err) {
		p9_msg_put(m);
		return err;
	}
	d->len = d->off = 0;
	n = p9_io(s, m);
	if (n < 0)
		return (int)n;
	d->len = (u32)n;
	d->next = pos;
	d->eof = n == 0;
	return 0;
}

struct entry {
	struct p9_qid qid;
	u64 next;
	u8 type;
	u16 len;
	const char *name;
};

/* The entry at d->off: its size in the buffer, 0 at the end, or -EIO. */
static int dir_entry(const struct p9_dir *d, struct entry *e)
{
	const u8 *p = (const u8 *)page_to_virt(d->pages) + d->off;
	u32 left = d->len - d->off;

	if (left == 0)
		return 0;
	if (left < 24)
		return -EIO;
	e->qid.type = p[0];
	memcpy(&e->qid.version, p + 1, 4);
	memcpy(&e->qid.path, p + 5, 8);
	memcpy(&e->next, p + 13, 8);
	e->type = p[21];
	memcpy(&e->len, p + 22, 2);
	e->name = (const char *)p + 24;
	if (e->len == 0 || e->len > NAME_MAX || e->len > left - 24 ||
	    memchr(e->name, 0, e->len) || memchr(e->name, '/', e->len))
		return -EIO;
	return 24 + e->len;
}

static u32 entry_type(const struct entry *e)
{
	if (e->type && e->type <= 15)
		return e->type;
	if (e->qid.type & P9_QTDIR)
		return DT_DIR;
	if (e->qid.type & P9_QTSYMLINK)
		return DT_LNK;
	return DT_UNKNOWN;
}

static int dir_iterate_locked(struct file *f, struct p9_dir *d, struct dir_context *ctx)
{
	if (d->next != (u64)ctx->pos || (d->off == 0 && ctx->pos == 0))
		d->len = d->off = 0, d->eof = false;
	for (;;) {
		struct entry e;
		int n;

		if (d->off == d->len) {
			int err = d->eof ? 0 : dir_fill(f, d, (u64)ctx->pos);

			if (err)
				return err;
		}
		n = dir_entry(d, &e);
		if (n <= 0)
			return n;
		if ((s64)e.next < 0)
			return -EIO;
		if (!ctx->emit(ctx, e.name, e.len, (loff_t)e.next, e.qid.path, entry_type(&e)))
			return 0;
		d->off += (u32)n;
		d->next = e.next;
		ctx->pos = (loff_t)e.next;
	}
}

static int dir_iterate(struct file *f, struct dir_context *ctx)
{
	struct p9_dir *d = f->priv;
	int err;

	mutex_lock(&d->lock);
	err = dir_iterate_locked(f, d, ctx);
	mutex_unlock(&d->lock);
	return err;
}

static loff_t dir_llseek(struct file *f, loff_t off, int whence)
{
	if (whence == SEEK_CUR)
		off += f->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

static int dir_fsync(struct file *f, loff_t start __unused, loff_t end __unused, bool datasync)
{
	struct p9_dir *d = f->priv;

	return p9_fsync(p9_s(f->inode), d->fid, datasync);
}

const struct file_ops p9_dir_fops = {
	.open = dir_open,
	.release = dir_release,
	.iterate = dir_iterate,
	.llseek = dir_llseek,
	.fsync = dir_fsync,
};

const struct inode_ops p9_dir_iops = {
	.lookup = p9_lookup,
	.create = p9_create_op,
	.mkdir = p9_mkdir_op,
	.mknod = p9_mknod_op,
	.symlink = p9_symlink_op,
	.link = p9_link_op,
	.unlink = p9_unlink_op,
	.rmdir = p9_rmdir_op,
	.rename = p9_rename_op,
	.setattr = p9_setattr_op,
	.getattr = p9_getattr_op,
	.revalidate = p9_revalidate,
	.getxattr = p9_getxattr,
	.setxattr = p9_setxattr,
	.listxattr = p9_listxattr,
	.removexattr = p9_removexattr,
};
