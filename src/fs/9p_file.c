// SPDX-License-Identifier: MIT
/*
 * 9P regular files.
 *
 * Reading goes through the page cache; readpages has the device put data
 * straight into the cache's pages, up to 512 KiB at once. Writing is
 * write-through: the data goes to the server first, then into those pages that
 * are cached; pages are dirty only by a shared writable mmap, and written back
 * at msync, at the last close, or when the inode goes.
 *
 * Open fids belong to the inode, not to the open file: rfid reads, wfid reads
 * and writes (w_only: it cannot read). wfid goes with the last close; rfid then
 * stays open for the next one, at most P9_IDLE_FIDS in a session.
 *
 * Locks: inode->lock for writes and size changes; PG_LOCKED pages are filled
 * without it. A write that meets a page being filled waits for it, so that the
 * fill's older data does not survive.
 * Not supported: fallocate (-EOPNOTSUPP), O_DIRECT as such (it is cached).
 */
#include "fs/9p.h"
#include "lib/string.h"
#include "mm/mm.h"

#define WRITE_ORDER_MAX 7u	/* 512 KiB bounce buffer at most */

/* ---- open fids ---- */

/* Stores a new open fid, unless another task was quicker. */
static void keep_fid(struct inode *inode, u32 *slot, u32 fid)
{
	if (*slot == P9_NOFID)
		*slot = fid;
	else
		p9_clunk(p9_s(inode), fid);
}

static int open_write_fid(struct inode *inode)
{
	struct p9_inode *p = p9_i(inode);
	bool w_only = false;
	u32 fid;
	int err;

	err = p9_open(p9_s(inode), p->fid, O_RDWR, &fid);
	if (err == -EACCES || err == -EPERM) {
		err = p9_open(p9_s(inode), p->fid, O_WRONLY, &fid);
		w_only = true;
	}
	if (err)
		return err;
	if (p->wfid == P9_NOFID)
		p->w_only = w_only;
	keep_fid(inode, &p->wfid, fid);
	return 0;
}

int p9_open_fid(struct inode *inode, bool write, u32 *res)
{
	struct p9_inode *p = p9_i(inode);
	u32 fid;
	int err;

	if (write) {
		err = p->wfid == P9_NOFID ? open_write_fid(inode) : 0;
		*res = p->wfid;
		return err;
	}
	if (p->rfid == P9_NOFID && p->wfid != P9_NOFID && !p->w_only) {
		*res = p->wfid;
		return 0;
	}
	if (p->rfid == P9_NOFID) {
		err = p9_open(p9_s(inode), p->fid, O_RDONLY, &fid);
		if (err)
			return err;
		keep_fid(inode, &p->rfid, fid);
	}
	*res = p->rfid;
	return 0;
}

void p9_idle_remove(struct p9_inode *p, struct p9_session *s)
{
	if (list_empty(&p->idle))
		return;
	list_del(&p->idle);
	s->idle_count--;
}

static void idle_add(struct p9_inode *p, struct p9_session *s)
{
	list_add_tail(&p->idle, &s->idle);
	if (++s->idle_count > P9_IDLE_FIDS) {
		struct p9_inode *old = list_first(&s->idle, struct p9_inode, idle);

		p9_idle_remove(old, s);
		p9_clunk(s, old->rfid);
		old->rfid = P9_NOFID;
	}
}

static int p9_file_open(struct inode *inode, struct file *f)
{
	struct p9_inode *p = p9_i(inode);
	struct p9_session *s = p9_s(inode);
	u32 fid;
	int err = 0;

	p->opens++;
	p9_idle_remove(p, s);
	if (f->mode & FMODE_WRITE)
		err = p9_open_fid(inode, true, &fid);
	if (!err && (f->mode & FMODE_READ))
		err = p9_open_fid(inode, false, &fid);
	if (!err)
		err = p9_mount(inode->sb)->loose ? p9_getattr_op(inode) : p9_refresh(inode);
	if (err && --p->opens == 0 && p->rfid != P9_NOFID)
		idle_add(p, s);
	return err;
}

static void p9_file_release(struct file *f)
{
	struct inode *inode = f->inode;
	struct p9_inode *p = p9_i(inode);
	struct p9_session *s = p9_s(inode);

	if ((f->mode & FMODE_WRITE) && p->maybe_dirty) {
		int err;

		p->maybe_dirty = false;
		err = mapping_sync(&inode->mapping, 0, U64_MAX);
		(void)err;	/* close(2) is over: msync tells */
	}
	if (--p->opens)
		return;
	p9_clunk(s, p->wfid);
	p->wfid = P9_NOFID;
	if (p->rfid != P9_NOFID)
		idle_add(p, s);
}

/* ---- filling pages ---- */

/* Adds [from, to) of the pages as payload, as much as segments allow. */
static int add_pages(struct p9_msg *m, struct page **pages, u64 from, u64 to, bool in)
{
	while (from < to) {
		u64 in_page = from % PAGE_SIZE;
		u32 size = (u32)min(PAGE_SIZE - in_page, to - from);
		int err = p9_msg_payload(m, page_to_phys(pages[from / PAGE_SIZE]) + in_page, size,
					 in);

		if (err)
			return m->payload_size ? 0 : err;
		from += size;
	}
	return 0;
}

static ssize_t read_some(struct inode *inode, u32 fid, struct page **pages, u64 from, u64 to,
			 u64 off)
{
	struct p9_session *s = p9_s(inode);
	u32 segs = (u32)((to - from) / PAGE_SIZE) + 2;
	struct p9_msg *m = p9_io_msg(s, P9_TREAD, fid, off + from, min(segs, s->max_segs));
	int err;

	if (!m)
		return -ENOMEM;
	err = add_pages(m, pages, from, to, true);
	if (err) {
		p9_msg_put(m);
		return err;
	}
	return p9_io(s, m);
}

static void zero_tail(struct page **pages, u64 from, u64 to)
{
	while (from < to) {
		u64 in_page = from % PAGE_SIZE;
		u64 size = min(PAGE_SIZE - in_page, to - from);

		memset((u8 *)page_to_virt(pages[from / PAGE_SIZE]) + in_page, 0, size);
		from += size;
	}
}

static int p9_readpages(struct mapping *m, struct page **pages, u32 count)
{
	struct inode *inode = m->host;
	u64 total = count * PAGE_SIZE, off = pages[0]->index * PAGE_SIZE, done = 0, want = 0;
	u32 fid;
	int err;

	if (off < (u64)inode->size)
		want = min(total, align_up((u64)inode->size - off, PAGE_SIZE));
	if (want) {
		err = p9_open_fid(inode, false, &fid);
		if (err)
			return err;
	}
	while (done < want && off + done < (u64)inode->size) {
		u64 to = min(want, done + p9_s(inode)->max_payload);
		ssize_t n = read_some(inode, fid, pages, done, to, off);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		done += (u64)n;
	}
	zero_tail(pages, done, total);
	return 0;
}

static int p9_writepage(struct mapping *m, struct page *page)
{
	struct inode *inode = m->host;
	struct p9_session *s = p9_s(inode);
	u64 off = page->index * PAGE_SIZE, done = 0, size;
	u32 fid;
	int err;

	if (off >= (u64)inode->size)
		return 0;
	size = min(PAGE_SIZE, (u64)inode->size - off);
	err = p9_open_fid(inode, true, &fid);
	if (err)
		return err;
	while (done < size) {
		struct p9_msg *msg = p9_io_msg(s, P9_TWRITE, fid, off + done, 1);
		ssize_t n;

		if (!msg)
			return -ENOMEM;
		msg->unkillable = true;		/* an exiting task's data counts, too */
		err = p9_msg_payload(msg, page_to_phys(page) + done, (u32)(size - done), false);
		if (err) {
			p9_msg_put(msg);
			return err;
		}
		n = p9_io(s, msg);
		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (u64)n;
	}
	p9_i(inode)->wrote = true;
	return 0;
}

const struct mapping_ops p9_mapping_ops = {
	.readpages = p9_readpages,
	.writepage = p9_writepage,
};

const struct mapping_ops p9_mapping_ro_ops = {
	.readpages = p9_readpages,
};

/* ---- writing ---- */

/* A split run of pages for up to `size` bytes; *order says how many. */
static struct page *bounce_alloc(u64 size, u32 *order)
{
	u32 o = 0;

	while (o < WRITE_ORDER_MAX && (PAGE_SIZE << o) < size)
		o++;
	for (;; o--) {
		struct page *run = page_alloc(o, 0);

		if (run) {
			page_split(run, o);
			*order = o;
			return run;
		}
		if (!o)
			return NULL;
	}
}

static void bounce_free(struct page *run, u32 order)
{
	for (u32 i = 0; i < 1u << order; i++)
		page_put(run + i);
}

/* Writes size bytes of the run; bytes written or -errno. */
static ssize_t write_run(struct inode *inode, u32 fid, struct page *run, u64 size, u64 pos)
{
	struct p9_session *s = p9_s(inode);
	struct p9_msg *m = p9_io_msg(s, P9_TWRITE, fid, pos, 1);
	struct p9_inode *p = p9_i(inode);
	ssize_t n;
	int err;

	if (!m)
		return -ENOMEM;
	err = p9_msg_payload(m, page_to_phys(run), (u32)size, false);
	if (err) {
		p9_msg_put(m);
		return err;
	}
	n = p9_io(s, m);
	if (n <= 0)
		return n ? n : -EIO;
	p->wrote = true;
	if (pos + (u64)n > (u64)inode->size)
		inode->size = (loff_t)(pos + (u64)n);
	mapping_update(&inode->mapping, page_to_virt(run), pos, (u64)n);
	inode->mtime = inode->ctime = clock_realtime();
	inode->version++;
	return n;
}

/* One piece of a write: copies in, sends. Bytes, or -errno with none taken. */
static ssize_t write_piece(struct inode *inode, struct uio *uio, u64 size, u64 pos)
{
	struct page *run;
	size_t got;
	ssize_t n;
	u32 order, fid;
	int err;

	err = p9_open_fid(inode, true, &fid);
	if (err)
		return err;
	run = bounce_alloc(min(size, (u64)p9_s(inode)->max_payload), &order);
	if (!run)
		return -ENOMEM;
	size = min(size, min(PAGE_SIZE << order, (u64)p9_s(inode)->max_payload));
	got = uio_copy_from(uio, page_to_virt(run), size);
	n = -EFAULT;
	if (got)
		n = write_run(inode, fid, run, got, pos);
	if (n < (ssize_t)got)
		uio_revert(uio, got - (size_t)max(n, (ssize_t)0));
	bounce_free(run, order);
	return n;
}

static ssize_t write_locked(struct file *f, struct uio *uio, loff_t *pos)
{
	struct inode *inode = f->inode;
	u64 count = uio->resid, done = 0;
	int err;

	if (f->flags & O_APPEND) {
		err = p9_getattr_op(inode);
		if (err)
			return err;
		*pos = inode->size;
	}
	err = check_fsize(*pos, &count);
	if (!err)
		err = inode_strip_privs(inode);
	if (err)
		return err;
	while (done < count) {
		ssize_t n = write_piece(inode, uio, count - done, (u64)*pos);

		if (n < 0)
			return done ? (ssize_t)done : n;
		*pos += n;
		done += (u64)n;
	}
	return (ssize_t)done;
}

static ssize_t p9_file_write(struct file *f, struct uio *uio, loff_t *pos)
{
	struct inode *inode = f->inode;
	ssize_t n;

	if (uio->resid == 0)
		return 0;
	if (*pos < 0 || __builtin_add_overflow((s64)uio->resid, *pos, &(s64){ 0 }))
		return -EFBIG;
	mutex_lock(&inode->lock);
	n = write_locked(f, uio, pos);
	mutex_unlock(&inode->lock);
	if (n > 0 && (f->flags & O_DSYNC)) {
		int err = p9_fsync(p9_s(inode), p9_i(inode)->wfid, !(f->flags & O_SYNC_FLAG));

		if (err)
			return err;
	}
	return n;
}

/* ---- the rest ---- */

static int p9_file_mmap(struct file *f, struct vma *vma)
{
	if ((vma->flags & VM_SHARED) && (f->mode & FMODE_WRITE))
		p9_i(f->inode)->maybe_dirty = true;
	return file_mmap_mapping(f, vma);
}

static int p9_file_fsync(struct file *f, loff_t start, loff_t end, bool datasync)
{
	struct inode *inode = f->inode;
	struct p9_inode *p = p9_i(inode);
	int err = mapping_sync(&inode->mapping, (u64)start, (u64)end);

	if (err)
		return err;
	return p9_fsync(p9_s(inode), p->wfid != P9_NOFID ? p->wfid : p->rfid, datasync);
}

/* The server does not tell of holes: all is data. */
static loff_t p9_file_llseek(struct file *f, loff_t off, int whence)
{
	struct inode *inode = f->inode;
	int err;

	if (whence == SEEK_END || whence == SEEK_DATA || whence == SEEK_HOLE) {
		err = p9_getattr_op(inode);
		if (err)
			return err;
	}
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		if (off < 0 || off >= inode->size)
			return -ENXIO;
		if (whence == SEEK_HOLE)
			off = inode->size;
		whence = SEEK_SET;
	}
	return file_llseek_generic(f, off, whence);
}

const struct file_ops p9_file_fops = {
	.open = p9_file_open,
	.release = p9_file_release,
	.read = file_read_mapping,
	.write = p9_file_write,
	.mmap = p9_file_mmap,
	.fsync = p9_file_fsync,
	.llseek = p9_file_llseek,
};

const struct inode_ops p9_file_iops = {
	.setattr = p9_setattr_op,
	.getattr = p9_getattr_op,
	.getxattr = p9_getxattr,
	.setxattr = p9_setxattr,
	.listxattr = p9_listxattr,
	.removexattr = p9_removexattr,
};

const struct inode_ops p9_special_iops = {
	.setattr = p9_setattr_op,
	.getattr = p9_getattr_op,
	.getxattr = p9_getxattr,
	.setxattr = p9_setxattr,
	.listxattr = p9_listxattr,
	.removexattr = p9_removexattr,
};

const struct inode_ops p9_link_iops = {
	.readlink = p9_readlink_op,
	.setattr = p9_setattr_op,
	.getattr = p9_getattr_op,
	.getxattr = p9_getxattr,
	.setxattr = p9_setxattr,
	.listxattr = p9_listxattr,
	.removexattr = p9_removexattr,
};
