// SPDX-License-Identifier: MIT
/*
 * 9P inodes: one for each object of the server, found by its qid.
 *
 *   mount->inodes: qid.path -> struct p9_inode (-> same ...) -> struct inode
 *
 * The table holds no references: evict takes an inode out. Names of one file
 * (hard links) thus share inode, pages and attributes. An inode owns one fid
 * that names it, and up to two open ones (9p_file.c).
 *
 * Consistency. Attributes and names are believed for mount->ttl_ns; then the
 * server is asked again, names by a walk, so that a name that now stands for
 * something else is noticed. When version, time of modification or size changed
 * and it was not our own writing, cached pages are dropped (close-to-open).
 *
 * A server may keep fids as paths (QEMU): when one name of several is removed,
 * p9_refid walks to the inode by another. What nobody names any more but has
 * open (nlink 0) is not asked about, and lives by its open fids.
 *
 * Locks: the kernel lock; re-validated after each request.
 */
#include "fs/9p.h"
#include "lib/string.h"
#include "mm/slab.h"

static SLAB_CACHE(p9_inode_cache, struct p9_inode);

/* ---- the table ---- */

static struct p9_inode *find(struct p9_mount *m, const struct p9_attr *attr)
{
	struct p9_inode *p = radix_lookup(&m->inodes, attr->qid.path);

	while (p && (p->inode->mode ^ attr->mode) & S_IFMT)
		p = p->same;
	return p;
}

static int hash_insert(struct p9_mount *m, struct p9_inode *p)
{
	struct p9_inode *first = radix_lookup(&m->inodes, p->qid_path);

	if (first) {
		p->same = first->same;
		first->same = p;
	} else if (radix_insert(&m->inodes, p->qid_path, p)) {
		return -ENOMEM;
	}
	p->hashed = true;
	return 0;
}

void p9_unhash(struct inode *inode)
{
	struct p9_mount *m = p9_mount(inode->sb);
	struct p9_inode *p = p9_i(inode), *first;

	if (!p->hashed)
		return;
	p->hashed = false;
	first = radix_lookup(&m->inodes, p->qid_path);
	if (first == p) {
		if (p->same)
			radix_replace(&m->inodes, p->qid_path, p->same);
		else
			radix_remove(&m->inodes, p->qid_path);
		return;
	}
	while (first->same != p)
		first = first->same;
	first->same = p->same;
}

/* ---- attributes ---- */

static bool time_differs(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->sec != b->sec || a->nsec != b->nsec;
}

/* The server's contents may not be what we have cached. */
static bool contents_changed(const struct inode *inode, const struct p9_attr *attr)
{
	const struct p9_inode *p = p9_i(inode);

	if ((u64)inode->size != attr->size)
		return true;
	if (p->wrote)
		return false;
	return p->qid_version != attr->qid.version || time_differs(&inode->mtime, &attr->mtime);
}

void p9_update(struct inode *inode, const struct p9_attr *attr)
{
	struct p9_inode *p = p9_i(inode);
	bool changed = contents_changed(inode, attr);
	bool shrunk = attr->size < (u64)inode->size;

	inode->mode = attr->mode;
	inode->uid = attr->uid;
	inode->gid = attr->gid;
	inode->nlink = (u32)attr->nlink;
	inode->rdev = attr->rdev;
	inode->size = (loff_t)attr->size;
	inode->blocks = attr->blocks;
	inode->atime = attr->atime;
	inode->mtime = attr->mtime;
	inode->ctime = attr->ctime;
	inode->btime = attr->btime;
	p->qid_version = attr->qid.version;
	p->wrote = false;
	p->validated_ns = clock_monotonic_ns();
	if (!changed)
		return;
	inode->version++;
	if (S_ISREG(inode->mode)) {
		if (shrunk)
			mapping_truncate(&inode->mapping, attr->size);
		mapping_invalidate(&inode->mapping, 0, U64_MAX);
	} else if (S_ISLNK(inode->mode)) {
		kfree(p->link);
		p->link = NULL;
	} else if (S_ISDIR(inode->mode)) {
		p9_list_drop(p);
	}
}

void p9_stale(struct inode *inode)
{
	p9_i(inode)->validated_ns = 0;
	p9_list_drop(p9_i(inode));
}

int p9_refresh(struct inode *inode)
{
	struct p9_inode *p = p9_i(inode);
	struct p9_attr attr;
	int err;

	if (!inode->nlink)
		return 0;
	err = p9_getattr(p9_s(inode), p->fid, &attr);
	if (err == -ENOENT && p->opens) {	/* removed by someone else; we have it open */
		p->validated_ns = clock_monotonic_ns();
		return 0;
	}
	if (err)
		return err;
	if (attr.qid.path != p->qid_path || ((attr.mode ^ inode->mode) & S_IFMT))
		return -ESTALE;
	p9_update(inode, &attr);
	return 0;
}

int p9_getattr_op(struct inode *inode)
{
	u64 validated = p9_i(inode)->validated_ns;

	if (validated && clock_monotonic_ns() - validated < p9_mount(inode->sb)->ttl_ns)
		return 0;
	return p9_refresh(inode);
}

static bool has_time(u32 valid)
{
	return valid & (ATTR_ATIME | ATTR_MTIME);
}

int p9_setattr_op(struct inode *inode, const struct iattr *attr)
{
	struct p9_inode *p = p9_i(inode);
	struct p9_setattr a = { 0 };
	u32 fid = p->fid;
	int err = 0;

	if (attr->valid & ATTR_MODE) {
		a.valid |= P9_SET_MODE;
		a.mode = (inode->mode & S_IFMT) | (attr->mode & S_IALLUGO);
	}
	if (attr->valid & ATTR_UID)
		a.valid |= P9_SET_UID;
	if (attr->valid & ATTR_GID)
		a.valid |= P9_SET_GID;
	if (attr->valid & ATTR_SIZE)
		a.valid |= P9_SET_SIZE;
	if (attr->valid & ATTR_ATIME)
		a.valid |= P9_SET_ATIME | P9_SET_ATIME_TO;
	/* A truncation sets the time by itself, which needs no ownership. */
	if ((attr->valid & ATTR_MTIME) && !(attr->valid & ATTR_SIZE))
		a.valid |= P9_SET_MTIME | P9_SET_MTIME_TO;
	a.uid = attr->uid;
	a.gid = attr->gid;
	a.size = (u64)attr->size;
	a.atime = attr->atime;
	a.mtime = attr->mtime;
	if (!inode->nlink && p->wfid != P9_NOFID)
		fid = p->wfid;
	if (a.valid)
		err = p9_setattr(p9_s(inode), fid, &a);
	if (err)
		return err;
	inode_setattr_simple(inode, attr);
	if ((attr->valid & ATTR_SIZE) || has_time(attr->valid))
		p->wrote = true;
	p9_stale(inode);
	return 0;
}

/* ---- making inodes ---- */

static void set_ops(struct inode *inode)
{
	struct superblock *sb = inode->sb;

	if (S_ISREG(inode->mode)) {
		inode->ops = &p9_file_iops;
		inode->fops = &p9_file_fops;
		inode->mapping.ops = sb->flags & SB_RDONLY ? &p9_mapping_ro_ops : &p9_mapping_ops;
		inode->mapping.readahead = min(p9_s(inode)->max_payload,
					       CONFIG_READAHEAD_KB * 1024u) / PAGE_SIZE;
	} else if (S_ISDIR(inode->mode)) {
		inode->ops = &p9_dir_iops;
		inode->fops = &p9_dir_fops;
	} else if (S_ISLNK(inode->mode)) {
		inode->ops = &p9_link_iops;
	} else {
		inode_init_special(inode, inode->rdev);
		inode->ops = &p9_special_iops;
	}
}

/* Which of two fids for the same object to keep: the newer one when the old
 * one's name may be gone. */
static void offer_fid(struct inode *inode, u32 fid)
{
	struct p9_inode *p = p9_i(inode);

	if (inode->nlink > 1 && !S_ISDIR(inode->mode)) {
		p9_clunk(p9_s(inode), p->fid);
		p->fid = fid;
	} else {
		p9_clunk(p9_s(inode), fid);
	}
}

int p9_iget(struct superblock *sb, u32 fid, const struct p9_attr *attr, struct inode **res)
{
	struct p9_mount *m = p9_mount(sb);
	struct p9_inode *p = find(m, attr);
	struct inode *inode;

	if (p) {
		*res = inode_get(p->inode);
		p9_update(p->inode, attr);
		offer_fid(p->inode, fid);
		return 0;
	}
	p = slab_zalloc(&p9_inode_cache);
	if (!p)
		goto fail;
	inode = inode_alloc(sb);
	if (!inode)
		goto free_p;
	p->inode = inode;
	p->qid_path = attr->qid.path;
	p->qid_version = attr->qid.version;
	p->fid = fid;
	p->rfid = p->wfid = P9_NOFID;
	list_init(&p->idle);
	inode->priv = p;
	inode->ino = attr->qid.path;
	inode->size = (loff_t)attr->size;
	inode->mtime = attr->mtime;
	p9_update(inode, attr);
	set_ops(inode);
	if (hash_insert(m, p)) {
		inode_put(inode);	/* evict clunks the fid */
		return -ENOMEM;
	}
	*res = inode;
	return 0;

free_p:
	slab_free(&p9_inode_cache, p);
fail:
	p9_clunk(m->s, fid);
	return -ENOMEM;
}

void p9_evict(struct inode *inode)
{
	struct p9_inode *p = p9_i(inode);
	struct p9_session *s = p9_s(inode);

	if (!p)
		return;
	p9_unhash(inode);
	p9_idle_remove(p, s);
	p9_clunk(s, p->rfid);
	p9_clunk(s, p->wfid);
	p9_clunk(s, p->fid);
	p9_list_drop(p);
	kfree(p->link);
	slab_free(&p9_inode_cache, p);
	inode->priv = NULL;
}

/* ---- names ---- */

/* Walks to name below dir; gives unused names (and fids) back when the server
 * has no room for more. */
static int walk_in(struct inode *dir, const struct qstr *name, u32 *fid, struct p9_attr *attr)
{
	int err = p9_walk(p9_s(dir), p9_i(dir)->fid, name, fid, attr);

	if ((err == -EMFILE || err == -ENFILE) && dentry_reclaim(1024))
		err = p9_walk(p9_s(dir), p9_i(dir)->fid, name, fid, attr);
	return err;
}

int p9_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct p9_attr attr;
	u32 fid;
	int err;

	if (!dir->nlink)
		return -ENOENT;
	err = walk_in(dir, name, &fid, &attr);
	return err ? err : p9_iget(dir->sb, fid, &attr, res);
}

int p9_revalidate(struct inode *dir, struct dentry *d)
{
	struct inode *inode = d->inode;
	u64 now = clock_monotonic_ns();
	struct p9_attr attr;
	struct qstr name = dentry_qstr(d);
	u32 fid;
	int err;

	if (d->validated_ns && now - d->validated_ns < p9_mount(dir->sb)->ttl_ns)
		return 0;
	if (!inode || !inode->nlink)
		return -ESTALE;
	inode_get(inode);
	err = walk_in(dir, &name, &fid, &attr);
	if (!err) {
		if (attr.qid.path == p9_i(inode)->qid_path &&
		    !((attr.mode ^ inode->mode) & S_IFMT)) {
			p9_update(inode, &attr);
			offer_fid(inode, fid);
			d->validated_ns = clock_monotonic_ns();
		} else {
			p9_clunk(p9_s(dir), fid);
			err = -ESTALE;
		}
	} else if (err == -ENOENT) {
		err = -ESTALE;
	}
	inode_put(inode);
	return err;
}

void p9_refid(struct inode *inode, struct inode *not_dir, const struct qstr *not_name)
{
	struct dentry *d, *found = NULL;
	struct p9_attr attr;
	struct qstr name;
	u32 fid;

	list_for_each_entry(d, &inode->dentries, alias) {
		if (d->parent == d || !d->parent->inode)
			continue;
		if (d->parent->inode == not_dir && d->name_len == not_name->len &&
		    !memcmp(d->name, not_name->name, not_name->len))
			continue;
		found = d;
	}
	if (!found)
		return;
	dentry_get(found);
	name = dentry_qstr(found);
	if (walk_in(found->parent->inode, &name, &fid, &attr) == 0) {
		if (attr.qid.path == p9_i(inode)->qid_path) {
			p9_clunk(p9_s(inode), p9_i(inode)->fid);
			p9_i(inode)->fid = fid;
		} else {
			p9_clunk(p9_s(inode), fid);
		}
	}
	dentry_put(found);
}

ssize_t p9_readlink_op(struct inode *inode, char *buf, size_t size)
{
	struct p9_inode *p = p9_i(inode);
	ssize_t n;

	if (p->link && strlen(p->link) < size)
		return (ssize_t)strlcpy(buf, p->link, size);
	n = p9_readlink(p9_s(inode), p->fid, buf, size);
	if (n >= 0 && !p->link)
		p->link = kstrdup(buf);		/* only a cache: NULL is fine */
	return n;
}
