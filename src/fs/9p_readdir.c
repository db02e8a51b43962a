// SPDX-License-Identifier: MIT
/*
 * 9P directories: reading them.
 *
 * An open directory has an opened fid of its own (the server's read position
 * belongs to it) and one buffer of entries; positions are the server's cookies.
 *
 * A directory that was read from its begin to its end, and fitted the buffer, leaves
 * its entries with the inode: a listing. Who opens it while the listing is believed
 * needs neither fid nor buffer:
 *
 *   struct p9_inode -> struct p9_list <- struct p9_dir (an open file) ...
 *
 * It is believed as long as names are (ttl_ns), if neither we nor, as far as the
 * attributes tell, the server has changed the directory; each user has a
 * reference, so what one has begun to read does not change under it. rewinddir
 * takes what is believed by then.
 *
 * Locks: the directory's inode->lock; dir->lock, one reader at a time.
 */
#include "fs/9p.h"
#include "lib/string.h"
#include "mm/slab.h"

#define DIR_BUF_ORDER 4u	/* 64 KiB; less when memory is short */
#define LIST_MAX 61440u		/* bytes of a listing; kmalloc has no more than 64 KiB */
#define SETTLED_S 2

struct p9_list {
	u32 users;
	u32 len;
	u64 read_ns;
	u8 bytes[];		/* the entries as the server sent them */
};

struct p9_dir {
	struct p9_list *list;	/* entries come from it; else from the buffer */
	u32 fid;		/* or P9_NOFID: not opened yet */
	u32 order;		/* of pages */
	u32 len, off;		/* valid bytes, next entry */
	bool eof;
	bool from_start;	/* the buffer holds what is at position 0 */
	u32 changes;		/* of the directory, when that was read */
	u64 next;		/* position of the entry at off */
	struct page *pages;	/* split: each page has its own references; or NULL */
	struct mutex lock;
};

/* ---- listings ---- */

static void list_put(struct p9_list *l)
{
	if (l && --l->users == 0)
		kfree(l);
}

void p9_list_drop(struct p9_inode *p)
{
	list_put(p->list);
	p->list = NULL;
	p->changes++;
}

/* With a reference, or NULL. */
static struct p9_list *list_get(struct inode *inode)
{
	struct p9_list *l = p9_i(inode)->list;

	if (!l || clock_monotonic_ns() - l->read_ns >= p9_mount(inode->sb)->ttl_ns)
		return NULL;
	l->users++;
	return l;
}

/* A change soon after another may leave the server's time as it was. */
static bool is_settled(const struct inode *inode)
{
	struct timespec64 now = clock_realtime();

	return now.sec - inode->mtime.sec > SETTLED_S;
}

/* The buffer is the whole directory. Nothing is kept without memory, on mounts that
 * believe nothing, or while the attributes are from before a change of our own: the
 * next ones could not tell it from somebody else's. */
static void list_keep(struct inode *inode, const struct p9_dir *d, u32 len)
{
	struct p9_inode *p = p9_i(inode);
	struct p9_list *l;

	if (d->changes != p->changes || len > LIST_MAX || !p->validated_ns ||
	    !is_settled(inode) || !p9_mount(inode->sb)->ttl_ns)
		return;
	l = kmalloc(sizeof(*l) + len);
	if (!l)
		return;
	l->users = 1;
	l->len = len;
	l->read_ns = clock_monotonic_ns();
	memcpy(l->bytes, page_to_virt(d->pages), len);
	list_put(p->list);
	p->list = l;
}

/* ---- the buffer ---- */

static int get_buffer(struct p9_dir *d)
{
	for (u32 order = DIR_BUF_ORDER; !d->pages; order--) {
		d->pages = page_alloc(order, 0);
		d->order = order;
		if (!d->pages && !order)
			return -ENOMEM;
		if (d->pages)
			page_split(d->pages, order);
	}
	return 0;
}

static int get_fid(struct inode *inode, struct p9_dir *d)
{
	u32 fid;
	int err;

	if (d->fid != P9_NOFID)
		return 0;
	err = p9_open(p9_s(inode), p9_i(inode)->fid, O_RDONLY | O_DIRECTORY, &fid);
	if (!err)
		d->fid = fid;
	return err;
}

static void dir_free(struct inode *inode, struct p9_dir *d)
{
	p9_clunk(p9_s(inode), d->fid);
	for (u32 i = 0; d->pages && i < 1u << d->order; i++)
		page_put(d->pages + i);
	list_put(d->list);
	kfree(d);
}

static int dir_open(struct inode *inode, struct file *f)
{
	struct p9_dir *d = kzalloc(sizeof(*d));
	int err = 0;

	if (!d)
		return -ENOMEM;
	mutex_init(&d->lock);
	d->fid = P9_NOFID;
	/* As with files: but for loose mounts, who opens it gets the latest. */
	if (p9_i(inode)->list && !p9_mount(inode->sb)->loose)
		err = p9_refresh(inode);
	if (!err)
		d->list = list_get(inode);
	if (!err && !d->list) {
		err = get_buffer(d);
		if (!err)
			err = get_fid(inode, d);
	}
	if (err)
		dir_free(inode, d);
	else
		f->priv = d;
	return err;
}

static void dir_release(struct file *f)
{
	if (f->priv)
		dir_free(f->inode, f->priv);
}

static int read_entries(struct file *f, struct p9_dir *d, u64 pos, ssize_t *n)
{
	struct p9_session *s = p9_s(f->inode);
	u32 size = min((u32)(PAGE_SIZE << d->order), s->max_payload);
	struct p9_msg *m = p9_io_msg(s, P9_TREADDIR, d->fid, pos, 1);
	int err;

	if (!m)
		return -ENOMEM;
	err = p9_msg_payload(m, page_to_phys(d->pages), size, true);
	if (err) {
		p9_msg_put(m);
		return err;
	}
	*n = p9_io(s, m);
	return *n < 0 ? (int)*n : 0;
}

/* Fills the buffer with the entries from position pos on. */
static int dir_fill(struct file *f, struct p9_dir *d, u64 pos)
{
	u32 whole = d->from_start && pos ? d->len : 0;
	ssize_t n;
	int err;

	err = get_buffer(d);
	if (!err)
		err = get_fid(f->inode, d);
	if (err)
		return err;
	if (!pos)
		d->changes = p9_i(f->inode)->changes;
	d->from_start = false;
	d->len = d->off = 0;
	err = read_entries(f, d, pos, &n);
	if (err)
		return err;
	if (n == 0 && whole)
		list_keep(f->inode, d, whole);
	d->len = (u32)n;
	d->next = pos;
	d->eof = n == 0;
	d->from_start = !pos;
	return 0;
}

/* ---- entries ---- */

struct entry {
	struct p9_qid qid;
	u64 next;
	u8 type;
	u16 len;
	const char *name;
};

/* The entry at d->off: its size there, 0 at the end, or -EIO. */
static int dir_entry(const struct p9_dir *d, struct entry *e)
{
	const u8 *p = (d->list ? d->list->bytes : (const u8 *)page_to_virt(d->pages)) + d->off;
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

/* Goes to the entry at pos, if the listing has it. */
static bool list_seek(struct p9_dir *d, u64 pos)
{
	struct entry e;
	int n;

	d->off = 0;
	d->len = d->list->len;
	d->next = 0;
	while (d->next != pos) {
		n = dir_entry(d, &e);
		if (n <= 0)
			return false;
		d->off += (u32)n;
		d->next = e.next;
	}
	return true;
}

/* pos is wanted, which is not where d stands, or the beginning: entries come from the
 * listing if it knows pos, else from the server. */
static void dir_seek(struct inode *inode, struct p9_dir *d, u64 pos)
{
	if (!pos) {
		list_put(d->list);
		d->list = list_get(inode);
	}
	if (d->list && !list_seek(d, pos)) {
		list_put(d->list);
		d->list = NULL;
	}
	if (!d->list) {
		d->len = d->off = 0;
		d->from_start = false;
	}
	d->eof = d->list;	/* nothing comes behind it */
}

static int dir_iterate_locked(struct file *f, struct p9_dir *d, struct dir_context *ctx)
{
	if (d->next != (u64)ctx->pos || ctx->pos == 0)
		dir_seek(f->inode, d, (u64)ctx->pos);
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

static int dir_fsync(struct file *f, loff_t start __unused, loff_t end __unused, bool datasync)
{
	struct p9_dir *d = f->priv;
	int err;

	mutex_lock(&d->lock);
	err = get_fid(f->inode, d);
	mutex_unlock(&d->lock);
	return err ? err : p9_fsync(p9_s(f->inode), d->fid, datasync);
}

const struct file_ops p9_dir_fops = {
	.open = dir_open,
	.release = dir_release,
	.iterate = dir_iterate,
	.llseek = file_llseek_dir,
	.fsync = dir_fsync,
};
