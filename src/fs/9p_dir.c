// SPDX-License-Identifier: MIT
/*
 * 9P directories: creating, removing, renaming.
 *
 * The VFS holds the directory's lock and has checked permissions as the guest
 * sees them; the server may still refuse, and its errno is the guest's. After
 * each change the directory's attributes are stale. New objects belong to who
 * the server says; if that is not who asked, the owner is set, once: a server
 * that cannot (no_chown) is not bothered again.
 *
 * Not supported: RENAME_EXCHANGE and RENAME_WHITEOUT (-EINVAL), O_TMPFILE.
 */
#include "fs/9p.h"
#include "lib/string.h"
#include "mm/slab.h"

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
