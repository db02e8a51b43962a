// SPDX-License-Identifier: MIT
/*
 * 9P2000.L requests (the protocol of Linux's v9fs and QEMU's virtio-9p).
 *
 * All numbers are little endian. A string is u16 length and bytes, a qid 13
 * bytes. A request is built with w*(), checked by its capacity; a reply is
 * read with r*(), where a field beyond the reply sets msg->bad and the request
 * fails with -EIO: a server is not trusted.
 *
 * Dependent requests (walk, then getattr of the new fid) are sent together
 * with one notification while the server seems to handle requests in order.
 * A server that runs them concurrently (QEMU) does not know the fid yet and
 * says ENOENT; run_batch then sends them one by one, and if that works, always
 * from then on.
 *
 * Fids are numbers of ours. One is free again when its Rclunk has come, never
 * earlier: the server may still be working on older requests. A killed task's
 * requests may have made fids: orphan_fid clunks those.
 *
 * Locks: the kernel lock; everything here may sleep but p9_clunk.
 */
#include "abi/statfs.h"
#include "fs/9p.h"
#include "lib/string.h"
#include "mm/slab.h"

#define ATTR_BASIC 0x7ffull
#define ATTR_BTIME 0x800ull
#define STR_SMALL 300u		/* room for a name in a request */

/* ---- marshalling ---- */

static void wbytes(struct p9_msg *m, const void *p, u32 size)
{
	if (size > m->tcap - m->tsize) {
		m->bad = true;
		return;
	}
	memcpy(m->tbuf + m->tsize, p, size);
	m->tsize += size;
}

static void w16(struct p9_msg *m, u16 v) { wbytes(m, &v, sizeof(v)); }
static void w32(struct p9_msg *m, u32 v) { wbytes(m, &v, sizeof(v)); }
static void w64(struct p9_msg *m, u64 v) { wbytes(m, &v, sizeof(v)); }

static void wstr(struct p9_msg *m, const char *s, size_t len)
{
	w16(m, (u16)len);
	wbytes(m, s, (u32)len);
}

static const u8 *rbytes(struct p9_msg *m, u32 size)
{
	u32 end = min(m->rsize, m->rcap);
	const u8 *p;

	if (m->rpos > end || size > end - m->rpos) {
		m->bad = true;
		return NULL;
	}
	p = m->rbuf + m->rpos;
	m->rpos += size;
	return p;
}

static u64 rnum(struct p9_msg *m, u32 size)
{
	const u8 *p = rbytes(m, size);
	u64 v = 0;

	if (p)
		memcpy(&v, p, size);
	return v;
}

static struct p9_qid rqid(struct p9_msg *m)
{
	struct p9_qid qid;

	qid.type = (u8)rnum(m, 1);
	qid.version = (u32)rnum(m, 4);
	qid.path = rnum(m, 8);
	return qid;
}

static struct timespec64 rtime(struct p9_msg *m)
{
	struct timespec64 ts;

	ts.sec = (s64)rnum(m, 8);
	ts.nsec = (s64)rnum(m, 8);
	if (ts.nsec < 0 || ts.nsec >= (s64)NSEC_PER_SEC)
		ts.nsec = 0;
	return ts;
}

/* ---- one exchange ---- */

/* What the reply means: 0, or the server's errno. */
static int reply_error(struct p9_msg *m)
{
	u8 type = m->rbuf[4];

	m->rpos = P9_HDR_SIZE;
	if (type == m->type + 1)
		return 0;
	if (type == P9_RLERROR) {
		u32 e = (u32)rnum(m, 4);

		return m->bad || e == 0 || e > 511 ? -EIO : -(int)e;
	}
	return -EIO;
}

static int finish(struct p9_msg *m)
{
	int err = p9_wait(m);

	return err ? err : reply_error(m);
}

static int rpc(struct p9_msg *m)
{
	if (m->bad)
		return -ENAMETOOLONG;
	p9_submit(m);
	p9_kick(m->t);
	return finish(m);
}

/* Sends m and puts it: for requests whose reply says nothing. */
static int rpc_put(struct p9_msg *m)
{
	int err;

	if (!m)
		return -ENOMEM;
	err = rpc(m);
	p9_msg_put(m);
	return err;
}

static bool looks_unordered(int err)
{
	return err == -ENOENT || err == -EBADF || err == -EINVAL;
}

/*
 * Dependent requests in order; errs[i] is each one's result (-ECANCELED: not
 * done because an earlier one failed). Returns the first error.
 */
static int run_batch(struct p9_session *s, struct p9_msg **msgs, int *errs, u32 count)
{
	bool together = s->ordered;
	int first = 0;

	for (u32 i = 0; i < count; i++) {
		errs[i] = msgs[i]->bad ? -ENAMETOOLONG : 0;
		together = together && !errs[i];
	}
	for (u32 i = 0; together && i < count; i++)
		p9_submit(msgs[i]);
	if (together)
		p9_kick(s->t);
	for (u32 i = 0; i < count; i++) {
		int err = -ECANCELED;

		if (together)
			err = finish(msgs[i]);
		else if (!first && errs[i])
			err = errs[i];
		else if (!first)
			err = rpc(msgs[i]);
		if (i && together && !first && looks_unordered(err)) {
			p9_msg_reset(msgs[i]);
			err = rpc(msgs[i]);
			if (!err)
				s->ordered = false;
		}
		errs[i] = err;
		if (!first)
			first = err;
	}
	return first;
}

static void put_all(struct p9_msg **msgs, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (msgs[i])
			p9_msg_put(msgs[i]);
	}
}

/* ---- fids ---- */

u32 p9_fid_new(struct p9_session *s)
{
	if (s->free_count)
		return s->free_fids[--s->free_count];
	if (s->next_fid == P9_NOFID)	/* 4 billion lost numbers */
		s->next_fid = 1;
	return s->next_fid++;
}

void p9_fid_free(struct p9_session *s, u32 fid)
{
	if (fid == P9_NOFID)
		return;
	if (s->free_count == s->free_cap) {
		u32 cap = s->free_cap ? s->free_cap * 2 : 64;
		u32 *bigger = cap <= 8192 ? kmalloc(cap * sizeof(u32)) : NULL;

		if (!bigger)
			return;		/* the number is lost: harmless */
		memcpy(bigger, s->free_fids, s->free_count * sizeof(u32));
		kfree(s->free_fids);
		s->free_fids = bigger;
		s->free_cap = cap;
	}
	s->free_fids[s->free_count++] = fid;
}

static void clunk_done(struct p9_msg *m)
{
	/* Even an error means that the server has dropped it. */
	if (!m->err)
		p9_fid_free(m->orphan_arg, m->orphan_fid);
}

void p9_clunk(struct p9_session *s, u32 fid)
{
	struct p9_msg *m;

	if (fid == P9_NOFID)
		return;
	m = p9_msg_alloc(s->t, P9_TCLUNK, P9_HDR_SIZE + 4, P9_HDR_SIZE, 0);
	if (!m)
		return;		/* the server keeps it: lost, but harmless */
	w32(m, fid);
	m->orphan = clunk_done;
	m->orphan_arg = s;
	m->orphan_fid = fid;
	p9_submit_detached(m);
}

int p9_clunk_wait(struct p9_session *s, u32 fid)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TCLUNK, P9_HDR_SIZE + 4, P9_HDR_SIZE, 0);
	int err;

	if (!m)
		return -ENOMEM;
	w32(m, fid);
	m->orphan = clunk_done;
	m->orphan_arg = s;
	m->orphan_fid = fid;
	err = rpc(m);
	if (err != -EINTR)
		p9_fid_free(s, fid);
	p9_msg_put(m);
	return err;
}

/* A request that makes a fid was abandoned, and then worked after all. */
static void newfid_orphan(struct p9_msg *m)
{
	if (!m->err && m->rbuf[4] == m->type + 1)
		p9_clunk(m->orphan_arg, m->orphan_fid);
	else
		p9_fid_free(m->orphan_arg, m->orphan_fid);
}

static void makes_fid(struct p9_session *s, struct p9_msg *m, u32 fid)
{
	m->orphan = newfid_orphan;
	m->orphan_arg = s;
	m->orphan_fid = fid;
}

/* ---- session ---- */

int p9_version(struct p9_session *s)
{
	static const char version[] = "9P2000.L";
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TVERSION, 64, 64, 0);
	u32 msize, len;
	const u8 *text;
	int err;

	if (!m)
		return -ENOMEM;
	w32(m, P9_MSIZE);
	wstr(m, version, sizeof(version) - 1);
	err = rpc(m);
	if (!err) {
		msize = (u32)rnum(m, 4);
		len = (u32)rnum(m, 2);
		text = rbytes(m, len);
		if (!text || len != sizeof(version) - 1 || memcmp(text, version, len) ||
		    msize < 8192 || msize > P9_MSIZE)
			err = -EPROTONOSUPPORT;
		else
			s->max_payload = min(align_down(msize - 64, 4096u), P9_MAX_PAYLOAD);
	}
	p9_msg_put(m);
	return err;
}

int p9_attach(struct p9_session *s, u32 fid, const char *aname)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TATTACH, 64 + STR_SMALL, 32, 0);

	if (!m)
		return -ENOMEM;
	w32(m, fid);
	w32(m, P9_NOFID);
	wstr(m, "root", 4);
	wstr(m, aname, strlen(aname));
	w32(m, 0);		/* n_uname */
	makes_fid(s, m, fid);
	return rpc_put(m);
}

/* ---- names and attributes ---- */

static struct p9_msg *walk_msg(struct p9_session *s, u32 fid, const struct qstr *name, u32 newfid)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TWALK, 32 + STR_SMALL, 32, 0);

	if (!m)
		return NULL;
	w32(m, fid);
	w32(m, newfid);
	w16(m, name ? 1 : 0);
	if (name)
		wstr(m, name->name, name->len);
	makes_fid(s, m, newfid);
	return m;
}

static struct p9_msg *getattr_msg(struct p9_session *s, u32 fid)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TGETATTR, 32, 176, 0);

	if (!m)
		return NULL;
	w32(m, fid);
	w64(m, ATTR_BASIC | ATTR_BTIME);
	return m;
}

static int read_attr(struct p9_msg *m, struct p9_attr *a)
{
	u64 valid = rnum(m, 8);

	a->qid = rqid(m);
	a->mode = (u32)rnum(m, 4);
	a->uid = (u32)rnum(m, 4);
	a->gid = (u32)rnum(m, 4);
	a->nlink = rnum(m, 8);
	a->rdev = rnum(m, 8);
	a->size = rnum(m, 8);
	a->blksize = rnum(m, 8);
	a->blocks = rnum(m, 8);
	a->atime = rtime(m);
	a->mtime = rtime(m);
	a->ctime = rtime(m);
	a->btime = rtime(m);
	if (!(valid & ATTR_BTIME))
		a->btime = a->ctime;
	return m->bad || (s64)a->size < 0 ? -EIO : 0;
}

int p9_getattr(struct p9_session *s, u32 fid, struct p9_attr *attr)
{
	struct p9_msg *m = getattr_msg(s, fid);
	int err;

	if (!m)
		return -ENOMEM;
	err = rpc(m);
	if (!err)
		err = read_attr(m, attr);
	p9_msg_put(m);
	return err;
}

/* A fid that a batch made, when the batch failed: err is its walk's. */
static void drop_newfid(struct p9_session *s, u32 fid, int err)
{
	if (!err)
		p9_clunk(s, fid);
	else if (err != -EINTR)		/* else the orphan does it */
		p9_fid_free(s, fid);
}

/* nwqid of a one-name walk: 0 means that the name was not reached. */
static int walk_result(struct p9_msg *m, bool named)
{
	return rnum(m, 2) != (named ? 1u : 0u) ? -ENOENT : 0;
}

int p9_walk(struct p9_session *s, u32 fid, const struct qstr *name, u32 *newfid,
	    struct p9_attr *attr)
{
	struct p9_msg *msgs[2];
	int errs[2], err = -ENOMEM;

	*newfid = p9_fid_new(s);
	msgs[0] = walk_msg(s, fid, name, *newfid);
	msgs[1] = getattr_msg(s, *newfid);
	if (!msgs[0] || !msgs[1]) {
		p9_fid_free(s, *newfid);
		goto out;
	}
	err = run_batch(s, msgs, errs, 2);
	if (!err)
		err = walk_result(msgs[0], name);
	if (!err)
		err = read_attr(msgs[1], attr);
	if (err)
		drop_newfid(s, *newfid, errs[0]);
out:
	put_all(msgs, 2);
	return err;
}

int p9_setattr(struct p9_session *s, u32 fid, const struct p9_setattr *a)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TSETATTR, 96, 16, 0);

	if (!m)
		return -ENOMEM;
	w32(m, fid);
	w32(m, a->valid);
	w32(m, a->mode);
	w32(m, a->uid);
	w32(m, a->gid);
	w64(m, a->size);
	w64(m, (u64)a->atime.sec);
	w64(m, (u64)a->atime.nsec);
	w64(m, (u64)a->mtime.sec);
	w64(m, (u64)a->mtime.nsec);
	return rpc_put(m);
}

/* ---- opening and creating ---- */

int p9_open(struct p9_session *s, u32 fid, u32 flags, u32 *openfid)
{
	struct p9_msg *msgs[2];
	int errs[2], err = -ENOMEM;

	*openfid = p9_fid_new(s);
	msgs[0] = walk_msg(s, fid, NULL, *openfid);
	msgs[1] = p9_msg_alloc(s->t, P9_TLOPEN, 32, 32, 0);
	if (!msgs[0] || !msgs[1]) {
		p9_fid_free(s, *openfid);
		goto out;
	}
	w32(msgs[1], *openfid);
	w32(msgs[1], flags);
	err = run_batch(s, msgs, errs, 2);
	if (err)
		drop_newfid(s, *openfid, errs[0]);
out:
	put_all(msgs, 2);
	return err;
}

int p9_create(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 flags, u32 mode,
	      u32 gid, u32 *openfid, u32 *fid, struct p9_attr *attr)
{
	struct p9_msg *msgs[4];
	int errs[4], err = -ENOMEM;

	*openfid = p9_fid_new(s);
	*fid = p9_fid_new(s);
	msgs[0] = walk_msg(s, dirfid, NULL, *openfid);
	msgs[1] = p9_msg_alloc(s->t, P9_TLCREATE, 32 + STR_SMALL, 32, 0);
	msgs[2] = walk_msg(s, dirfid, name, *fid);
	msgs[3] = getattr_msg(s, *fid);
	if (!msgs[0] || !msgs[1] || !msgs[2] || !msgs[3]) {
		p9_fid_free(s, *openfid);
		p9_fid_free(s, *fid);
		goto out;
	}
	w32(msgs[1], *openfid);
	wstr(msgs[1], name->name, name->len);
	w32(msgs[1], flags);
	w32(msgs[1], mode);
	w32(msgs[1], gid);
	err = run_batch(s, msgs, errs, 4);
	if (!err)
		err = walk_result(msgs[2], true);
	if (!err)
		err = read_attr(msgs[3], attr);
	if (err) {
		drop_newfid(s, *openfid, errs[0]);
		drop_newfid(s, *fid, errs[2]);
	}
out:
	put_all(msgs, 4);
	return err;
}

int p9_symlink(struct p9_session *s, u32 dirfid, const struct qstr *name, const char *target,
	       u32 gid)
{
	size_t len = strlen(target);
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TSYMLINK, 32 + STR_SMALL + (u32)len, 32, 0);

	if (!m)
		return -ENOMEM;
	w32(m, dirfid);
	wstr(m, name->name, name->len);
	wstr(m, target, len);
	w32(m, gid);
	return rpc_put(m);
}

int p9_mknod(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 mode, dev_t dev,
	     u32 gid)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TMKNOD, 64 + STR_SMALL, 32, 0);

	if (!m)
		return -ENOMEM;
	w32(m, dirfid);
	wstr(m, name->name, name->len);
	w32(m, mode);
	w32(m, dev_major(dev));
	w32(m, dev_minor(dev));
	w32(m, gid);
	return rpc_put(m);
}

int p9_mkdir(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 mode, u32 gid)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TMKDIR, 64 + STR_SMALL, 32, 0);

	if (!m)
		return -ENOMEM;
	w32(m, dirfid);
	wstr(m, name->name, name->len);
	w32(m, mode);
	w32(m, gid);
	return rpc_put(m);
}

int p9_link(struct p9_session *s, u32 dirfid, u32 fid, const struct qstr *name)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TLINK, 32 + STR_SMALL, 16, 0);

	if (!m)
		return -ENOMEM;
	w32(m, dirfid);
	w32(m, fid);
	wstr(m, name->name, name->len);
	return rpc_put(m);
}

int p9_unlinkat(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 flags)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TUNLINKAT, 32 + STR_SMALL, 16, 0);

	if (!m)
		return -ENOMEM;
	w32(m, dirfid);
	wstr(m, name->name, name->len);
	w32(m, flags);
	return rpc_put(m);
}

int p9_renameat(struct p9_session *s, u32 olddir, const struct qstr *oldname, u32 newdir,
		const struct qstr *newname)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TRENAMEAT, 32 + 2 * STR_SMALL, 16, 0);

	if (!m)
		return -ENOMEM;
	w32(m, olddir);
	wstr(m, oldname->name, oldname->len);
	w32(m, newdir);
	wstr(m, newname->name, newname->len);
	return rpc_put(m);
}

ssize_t p9_readlink(struct p9_session *s, u32 fid, char *buf, size_t size)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TREADLINK, 16, 16 + PATH_MAX, 0);
	const u8 *text = NULL;
	u32 len = 0;
	int err;

	if (!m)
		return -ENOMEM;
	w32(m, fid);
	err = rpc(m);
	if (!err) {
		len = (u32)rnum(m, 2);
		text = rbytes(m, len);
		if (!text || memchr(text, 0, len))
			err = -EIO;
		else if (len >= size)
			err = -ENAMETOOLONG;
	}
	if (!err) {
		memcpy(buf, text, len);
		buf[len] = '\0';
	}
	p9_msg_put(m);
	return err ? err : (ssize_t)len;
}

int p9_fsync(struct p9_session *s, u32 fid, bool datasync)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TFSYNC, 16, 16, 0);

	if (!m)
		return -ENOMEM;
	w32(m, fid);
	w32(m, datasync);
	return rpc_put(m);
}

int p9_statfs(struct p9_session *s, u32 fid, struct statfs64 *st)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TSTATFS, 16, 96, 0);
	int err;

	if (!m)
		return -ENOMEM;
	w32(m, fid);
	err = rpc(m);
	if (!err) {
		u64 fsid;

		st->type = (s64)rnum(m, 4);
		st->bsize = st->frsize = (s64)rnum(m, 4);
		st->blocks = rnum(m, 8);
		st->bfree = rnum(m, 8);
		st->bavail = rnum(m, 8);
		st->files = rnum(m, 8);
		st->ffree = rnum(m, 8);
		fsid = rnum(m, 8);
		memcpy(st->fsid, &fsid, sizeof(fsid));
		st->namelen = (s64)rnum(m, 4);
		err = m->bad ? -EIO : 0;
	}
	p9_msg_put(m);
	return err;
}

/* ---- extended attributes ---- */

int p9_xattrwalk(struct p9_session *s, u32 fid, const char *name, u32 *newfid, u64 *size)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TXATTRWALK, 32 + STR_SMALL, 32, 0);
	int err;

	if (!m)
		return -ENOMEM;
	*newfid = p9_fid_new(s);
	w32(m, fid);
	w32(m, *newfid);
	wstr(m, name, strlen(name));
	makes_fid(s, m, *newfid);
	err = rpc(m);
	if (err) {
		drop_newfid(s, *newfid, err);
	} else {
		*size = rnum(m, 8);
		if (m->bad) {
			p9_clunk(s, *newfid);
			err = -EIO;
		}
	}
	p9_msg_put(m);
	return err;
}

int p9_xattrcreate(struct p9_session *s, u32 fid, const char *name, u64 size, u32 flags)
{
	struct p9_msg *m = p9_msg_alloc(s->t, P9_TXATTRCREATE, 32 + STR_SMALL, 16, 0);

	if (!m)
		return -ENOMEM;
	w32(m, fid);
	wstr(m, name, strlen(name));
	w64(m, size);
	w32(m, flags);
	return rpc_put(m);
}

/* ---- data ---- */

struct p9_msg *p9_io_msg(struct p9_session *s, u8 type, u32 fid, u64 offset, u32 segs)
{
	struct p9_msg *m = p9_msg_alloc(s->t, type, P9_HDR_SIZE + 16, P9_HDR_SIZE + 4, segs);

	if (!m)
		return NULL;
	w32(m, fid);
	w64(m, offset);
	w32(m, 0);		/* count: p9_io */
	return m;
}

static ssize_t io_count(struct p9_msg *m, u32 asked)
{
	u32 n = (u32)rnum(m, 4);
	bool has_data = m->type != P9_TWRITE;

	if (m->bad || n > asked || (has_data && n > m->rsize - P9_HDR_SIZE - 4))
		return -EIO;
	return n;
}

ssize_t p9_io(struct p9_session *s __unused, struct p9_msg *m)
{
	u32 count = m->payload_size;
	ssize_t n;
	int err;

	m->tsize -= 4;
	w32(m, count);
	err = rpc(m);
	n = err ? err : io_count(m, count);
	p9_msg_put(m);
	return n;
}

ssize_t p9_read_small(struct p9_session *s, u32 fid, void *buf, u32 size, u64 offset)
{
	struct p9_msg *m;
	const u8 *data;
	ssize_t n;
	int err;

	size = min(size, 4000u);
	m = p9_msg_alloc(s->t, P9_TREAD, 32, P9_HDR_SIZE + 4 + size, 0);
	if (!m)
		return -ENOMEM;
	w32(m, fid);
	w64(m, offset);
	w32(m, size);
	err = rpc(m);
	n = err ? err : io_count(m, size);
	data = n > 0 ? rbytes(m, (u32)n) : NULL;
	if (data)
		memcpy(buf, data, (size_t)n);
	else if (n > 0)
		n = -EIO;
	p9_msg_put(m);
	return n;
}

ssize_t p9_write_small(struct p9_session *s, u32 fid, const void *buf, u32 size, u64 offset)
{
	struct p9_msg *m;
	ssize_t n;
	int err;

	size = min(size, 4000u);
	m = p9_msg_alloc(s->t, P9_TWRITE, 32 + size, 16, 0);
	if (!m)
		return -ENOMEM;
	w32(m, fid);
	w64(m, offset);
	w32(m, size);
	wbytes(m, buf, size);
	err = rpc(m);
	n = err ? err : io_count(m, size);
	p9_msg_put(m);
	return n;
}
