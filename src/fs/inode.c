// SPDX-License-Identifier: MIT
/*
 * Inodes: allocation, reference counting, eviction; who may do what to them.
 *
 * An inode lives while somebody holds a reference: dentries, open files, the
 * file system (tmpfs: one for each link). With the last one its dirty pages
 * are written back, its pages dropped, and the file system's evict frees the
 * rest. A file system that wants inodes to outlive their users keeps a
 * reference of its own.
 *
 * Permissions are those of path_resolution(7) and capabilities(7), checked
 * with the file system ids of current. There are no ACLs.
 */
#include "abi/inotify.h"
#include "fs/inotify.h"
#include "fs/internal.h"
#include "kernel/signal.h"
#include "mm/slab.h"

static SLAB_CACHE(inode_cache, struct inode);

/* Until the file system sets its own: attributes in memory, nothing inside. */
static const struct inode_ops no_ops = { .lookup = NULL };

struct inode *inode_alloc(struct superblock *sb)
{
	struct inode *inode = slab_zalloc(&inode_cache);

	if (!inode)
		return NULL;
	inode->refcount = 1;
	inode->nlink = 1;
	inode->sb = sb;
	inode->ino = sb->next_ino++;
	inode->blksize = sb->blksize;
	inode->ops = &no_ops;
	inode->atime = inode->mtime = inode->ctime = inode->btime = clock_realtime();
	mutex_init(&inode->lock);
	mapping_init(&inode->mapping, inode, NULL);
	list_init(&inode->dentries);
	list_init(&inode->watches);
	list_add_tail(&inode->sb_link, &sb->inodes);
	vfs_stats.inodes++;
	return inode;
}

static bool needs_writeback(const struct inode *inode)
{
	return inode->nlink && inode->mapping.ops && inode->mapping.ops->writepage &&
	       inode->mapping.nr_pages;
}

void inode_put(struct inode *inode)
{
	bug_on(!inode->refcount);
	if (inode->refcount == 1 && needs_writeback(inode)) {
		/* Still referenced, so found and shared as ever meanwhile. */
		int err = mapping_sync(&inode->mapping, 0, U64_MAX);

		(void)err;	/* nobody is left to hear of it */
	}
	if (--inode->refcount) {
		/* Watches pin an inode, but not one without a name. */
		if (!inode->nlink && !list_empty(&inode->watches) &&
		    inode->refcount == inotify_pins(inode))
			fsnotify_inode_gone(inode);
		return;
	}
	locks_free_inode(inode);
	mapping_destroy(&inode->mapping);
	if (inode->sb->ops && inode->sb->ops->evict)
		inode->sb->ops->evict(inode);
	list_del(&inode->sb_link);
	vfs_stats.inodes--;
	slab_free(&inode_cache, inode);
}

/* ---- permissions ---- */

int inode_permission_generic(struct inode *inode, int mask)
{
	const struct cred *c = current->cred;
	mode_t mode = inode->mode;

	if (!c)
		return 0;	/* the kernel's own threads */
	mask &= MAY_READ | MAY_WRITE | MAY_EXEC;
	if (c->fsuid == inode->uid)
		mode >>= 6;
	else if (cred_in_group(c, inode->gid))
		mode >>= 3;
	if (!((u32)mask & ~mode & 7))
		return 0;
	if (S_ISDIR(inode->mode)) {
		if (!(mask & MAY_WRITE) && cred_capable(c, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_capable(c, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && cred_capable(c, CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & MAY_EXEC) || (inode->mode & S_IXUGO)) && cred_capable(c, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(struct inode *inode, int mask)
{
	if ((mask & MAY_WRITE) && (inode->sb->flags & SB_RDONLY) &&
	    (S_ISREG(inode->mode) || S_ISDIR(inode->mode) || S_ISLNK(inode->mode)))
		return -EROFS;
	if (inode->ops->permission)
		return inode->ops->permission(inode, mask);
	return inode_permission_generic(inode, mask);
}

bool inode_owner_or_capable(const struct inode *inode)
{
	const struct cred *c = current->cred;

	return !c || c->fsuid == inode->uid || cred_capable(c, CAP_FOWNER);
}

/* A group's set-id bit may stay only with a member or CAP_FSETID. */
static bool keeps_sgid(gid_t gid)
{
	const struct cred *c = current->cred;

	return !c || cred_in_group(c, gid) || cred_capable(c, CAP_FSETID);
}

void inode_init_attr(const struct inode *dir, mode_t mode, struct iattr *attr)
{
	const struct cred *c = current->cred;

	*attr = (struct iattr){ .valid = ATTR_MODE | ATTR_UID | ATTR_GID };
	attr->uid = c ? c->fsuid : 0;
	attr->gid = c ? c->fsgid : 0;
	if (dir->mode & S_ISGID) {
		attr->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
			 !keeps_sgid(dir->gid))
			mode &= ~S_ISGID;
	}
	attr->mode = mode;
}

int may_create(struct inode *dir)
{
	if (!dir->nlink)
		return -ENOENT;
	return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

int may_delete(struct inode *dir, struct dentry *victim, bool isdir)
{
	const struct cred *c = current->cred;
	struct inode *inode = victim->inode;
	int err;

	if (!inode)
		return -ENOENT;
	err = inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (err)
		return err;
	if ((dir->mode & S_ISVTX) && c && c->fsuid != inode->uid && c->fsuid != dir->uid &&
	    !cred_capable(c, CAP_FOWNER))
		return -EPERM;
	if (isdir) {
		if (!S_ISDIR(inode->mode))
			return -ENOTDIR;
		if (victim->flags & DENTRY_ROOT)
			return -EBUSY;
	} else if (S_ISDIR(inode->mode)) {
		return -EISDIR;
	}
	return dir->nlink ? 0 : -ENOENT;
}

/* ---- attributes ---- */

void inode_setattr_simple(struct inode *inode, const struct iattr *attr)
{
	if (attr->valid & ATTR_MODE)
		inode->mode = (inode->mode & S_IFMT) | (attr->mode & S_IALLUGO);
	if (attr->valid & ATTR_UID)
		inode->uid = attr->uid;
	if (attr->valid & ATTR_GID)
		inode->gid = attr->gid;
	if (attr->valid & ATTR_ATIME)
		inode->atime = attr->atime;
	if (attr->valid & ATTR_MTIME)
		inode->mtime = attr->mtime;
	if (attr->valid & ATTR_CTIME)
		inode->ctime = attr->ctime;
	if (attr->valid & ATTR_SIZE) {
		bool shorter = attr->size <= inode->size;

		inode->size = attr->size;
		if (shorter)	/* or equal: space reserved beyond the end goes, too */
			mapping_truncate(&inode->mapping, (u64)attr->size);
	}
	inode->version++;
}

void notify_path(struct dentry *d, u32 mask)
{
	struct inode *dir = d->parent != d ? d->parent->inode : NULL;
	struct qstr name = dentry_qstr(d);

	if (list_empty(&d->inode->watches) && (!dir || list_empty(&dir->watches)))
		return;
	if (S_ISDIR(d->inode->mode))
		mask |= IN_ISDIR;
	fsnotify(d->inode, mask, dir, &name, 0);
}

static void notify_change(struct inode *inode, u32 valid)
{
	struct dentry *d = list_first_or_null(&inode->dentries, struct dentry, alias);

	if (!d)
		return;
	if (valid & ATTR_SIZE)
		notify_path(d, IN_MODIFY);
	if (valid & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME) ||
	    (valid & (ATTR_MTIME | ATTR_SIZE)) == ATTR_MTIME)
		notify_path(d, IN_ATTRIB);
}

int inode_change(struct inode *inode, struct iattr *attr)
{
	int err = 0;

	attr->valid |= ATTR_CTIME;
	attr->ctime = clock_realtime();
	if (inode->ops->setattr)
		err = inode->ops->setattr(inode, attr);
	else
		inode_setattr_simple(inode, attr);
	if (!err)
		notify_change(inode, attr->valid);
	return err;
}

mode_t inode_chown_mode(const struct inode *inode)
{
	mode_t mode = inode->mode;

	if (S_ISDIR(mode))
		return mode;
	mode &= ~S_ISUID;
	if ((mode & S_ISGID) && ((mode & S_IXGRP) || !keeps_sgid(inode->gid)))
		mode &= ~S_ISGID;
	return mode;
}

int inode_strip_privs(struct inode *inode)
{
	struct iattr attr = { .valid = ATTR_MODE };
	mode_t mode = inode->mode;

	if (!S_ISREG(mode) || !(mode & (S_ISUID | S_ISGID)))
		return 0;
	mode &= ~S_ISUID;
	if (mode & S_IXGRP)
		mode &= ~S_ISGID;
	if (mode == inode->mode || !current->cred || capable(CAP_FSETID))
		return 0;
	attr.mode = mode;
	return inode_change(inode, &attr);
}

int check_fsize(loff_t pos, u64 *count)
{
	u64 limit;

	if (!current->mm)
		return 0;
	limit = rlimit(RLIMIT_FSIZE);
	if (limit == RLIM_INFINITY || (u64)pos + *count <= limit)
		return 0;
	if ((u64)pos < limit) {
		*count = limit - (u64)pos;
		return 0;
	}
	signal_task(current, SIGXFSZ);
	return -EFBIG;
}

int inode_truncate(struct inode *inode, loff_t size)
{
	struct iattr attr = { .valid = ATTR_SIZE | ATTR_MTIME, .size = size };
	u64 grow;
	int err;

	mutex_lock(&inode->lock);
	err = -EPERM;
	if (((inode->seals & F_SEAL_SHRINK) && size < inode->size) ||
	    ((inode->seals & F_SEAL_GROW) && size > inode->size))
		goto out;
	if (size > inode->size) {
		err = -EFBIG;
		if (size > inode->sb->max_bytes)
			goto out;
		grow = (u64)size;
		err = check_fsize(0, &grow);
		if (!err && grow < (u64)size) {
			signal_task(current, SIGXFSZ);
			err = -EFBIG;
		}
		if (err)
			goto out;
	}
	attr.mtime = clock_realtime();
	if ((inode->mode & S_ISUID) || (inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		if (current->cred && !capable(CAP_FSETID)) {
			attr.valid |= ATTR_MODE;
			attr.mode = inode->mode & ~S_ISUID;
			if (attr.mode & S_IXGRP)
				attr.mode &= ~S_ISGID;
		}
	}
	err = inode_change(inode, &attr);
out:
	mutex_unlock(&inode->lock);
	return err;
}

int inode_refresh(struct inode *inode)
{
	return inode->ops->getattr ? inode->ops->getattr(inode) : 0;
}

/* ---- use ---- */

int inode_get_write(struct inode *inode)
{
	if (inode->deny_write)
		return -ETXTBSY;
	inode->write_count++;
	return 0;
}

void inode_put_write(struct inode *inode)
{
	inode->write_count--;
}

static bool not_after(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->sec != b->sec ? a->sec < b->sec : a->nsec <= b->nsec;
}

void touch_atime(const struct path *path)
{
	struct inode *inode = path->dentry->inode;
	u32 flags = path_mnt_flags(path);
	struct timespec64 now;

	if (!path->mnt || (flags & (MNT_NOATIME | MNT_RDONLY)) || (inode->sb->flags & SB_RDONLY) ||
	    ((flags & MNT_NODIRATIME) && S_ISDIR(inode->mode)))
		return;
	now = clock_realtime();
	if ((flags & MNT_RELATIME) && !not_after(&inode->atime, &inode->mtime) &&
	    !not_after(&inode->atime, &inode->ctime) && now.sec - inode->atime.sec < 86400)
		return;
	inode->atime = now;
}
