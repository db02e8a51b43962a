// SPDX-License-Identifier: MIT
/*
 * 9P sessions and mounting: mount -t 9p TAG DIR, or root=9p:TAG.
 *
 * The source is the mount tag of a virtio-9p device. The first mount of a tag
 * agrees on version and message size (Tversion would end the session of
 * others, so it is sent once); each mount attaches and has its own root fid,
 * inode table and cache. A session lives for ever, as its device does.
 *
 * Options: ro is the mount's own; cache=none | loose | mmap | fscache (as
 * Linux has them: here none means no time-out, loose a long one; mmap and
 * fscache are the default), aname=PATH. trans=, version=, msize=, access= and
 * posixacl are taken and ignored; others are -EINVAL.
 *
 * Default times: attributes and names are believed for 30 s on read-only
 * mounts (and opening a file asks no more than that), for 1 s else.
 */
#include "abi/statfs.h"
#include "fs/9p.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/slab.h"

#define TTL_RO (30 * NSEC_PER_SEC)
#define TTL_RW (1 * NSEC_PER_SEC)

struct options {
	const char *aname;	/* not terminated */
	size_t aname_len;
	enum { CACHE_DEFAULT, CACHE_NONE, CACHE_LOOSE } cache;
};

static bool word_is(const char *w, size_t len, const char *s)
{
	return strlen(s) == len && !memcmp(w, s, len);
}

static bool word_has(const char *w, size_t len, const char *prefix)
{
	return strlen(prefix) <= len && !memcmp(w, prefix, strlen(prefix));
}

static int parse_one(struct options *o, const char *w, size_t len)
{
	static const char *const ignored[] = {
		"trans=", "version=", "msize=", "access=", "posixacl", "uname=", "dfltuid=",
		"dfltgid=", "noextend", "cachetag=", "debug=",
	};

	if (len == 0 || word_is(w, len, "ro") || word_is(w, len, "rw"))
		return 0;
	if (word_has(w, len, "aname=")) {
		o->aname = w + 6;
		o->aname_len = len - 6;
		return o->aname_len > 255 ? -EINVAL : 0;
	}
	if (word_is(w, len, "cache=none")) {
		o->cache = CACHE_NONE;
		return 0;
	}
	if (word_is(w, len, "cache=loose")) {
		o->cache = CACHE_LOOSE;
		return 0;
	}
	if (word_is(w, len, "cache=mmap") || word_is(w, len, "cache=fscache") ||
	    word_is(w, len, "cache=readahead"))
		return 0;
	for (u32 i = 0; i < ARRAY_SIZE(ignored); i++) {
		if (word_has(w, len, ignored[i]))
			return 0;
	}
	return -EINVAL;
}

static int parse_options(struct options *o, const char *text)
{
	while (*text) {
		const char *end = strchr(text, ',');
		size_t len = end ? (size_t)(end - text) : strlen(text);
		int err = parse_one(o, text, len);

		if (err)
			return err;
		text += len + (end ? 1 : 0);
	}
	return 0;
}

/* ---- sessions ---- */

static struct mutex session_lock = { NULL, WAITQUEUE_INIT(session_lock.wq) };

static struct p9_session *session_get_locked(const char *tag, int *err)
{
	struct p9_transport *t = p9_transport_find(tag);
	struct p9_session *s;

	*err = -ENOENT;
	if (!t)
		return NULL;
	s = *p9_transport_priv(t);
	if (s)
		return s;
	*err = -ENOMEM;
	s = kzalloc(sizeof(*s));
	if (!s)
		return NULL;
	s->t = t;
	s->ordered = true;
	s->next_fid = 1;
	s->max_segs = p9_transport_max_segs(t);
	list_init(&s->idle);
	*err = p9_version(s);
	if (*err) {
		kfree(s);
		return NULL;
	}
	*p9_transport_priv(t) = s;
	return s;
}

static struct p9_session *session_get(const char *tag, int *err)
{
	struct p9_session *s;

	mutex_lock(&session_lock);	/* Tversion sleeps */
	s = session_get_locked(tag, err);
	mutex_unlock(&session_lock);
	return s;
}

/* ---- superblock ---- */

static int p9_statfs_op(struct superblock *sb, struct statfs64 *st)
{
	struct inode *root = sb->root->inode;

	return p9_statfs(p9_s(root), p9_i(root)->fid, st);
}

static void p9_put_super(struct superblock *sb)
{
	struct p9_mount *m = p9_mount(sb);

	if (!m)
		return;
	m->s->users--;
	kfree(m);
	sb->priv = NULL;
}

static int p9_show_options(struct superblock *sb, char *buf, size_t size)
{
	const struct p9_mount *m = p9_mount(sb);
	const char *cache = m->loose ? "loose" : m->ttl_ns ? "mmap" : "none";

	return scnprintf(buf, size, ",trans=virtio,version=9p2000.L,cache=%s,msize=%u", cache,
			 m->s->max_payload);
}

static const struct super_ops p9_super_ops = {
	.evict = p9_evict,
	.statfs = p9_statfs_op,
	.put_super = p9_put_super,
	.show_options = p9_show_options,
};

static int make_root(struct superblock *sb, const char *aname)
{
	struct p9_mount *m = p9_mount(sb);
	u32 fid = p9_fid_new(m->s);
	struct p9_attr attr;
	struct inode *root;
	int err;

	err = p9_attach(m->s, fid, aname);
	if (err) {
		if (err != -EINTR)
			p9_fid_free(m->s, fid);
		return err;
	}
	err = p9_getattr(m->s, fid, &attr);
	if (!err && !S_ISDIR(attr.mode))
		err = -ENOTDIR;
	if (err) {
		p9_clunk(m->s, fid);
		return err;
	}
	err = p9_iget(sb, fid, &attr, &root);
	if (err)
		return err;
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static int p9_fill_super(struct superblock *sb, const char *source, const char *options)
{
	struct options o = { 0 };
	struct p9_session *s;
	struct p9_mount *m;
	char aname[256];
	int err;

	err = parse_options(&o, options);
	if (err)
		return err;
	s = session_get(source, &err);
	if (!s) {
		log_warn("9p: cannot use tag \"%s\": error %d\n", source, -err);
		return err;
	}
	m = kzalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->s = s;
	s->users++;
	m->ttl_ns = sb->flags & SB_RDONLY ? TTL_RO : TTL_RW;
	m->loose = sb->flags & SB_RDONLY;
	if (o.cache == CACHE_NONE) {
		m->ttl_ns = 0;
		m->loose = false;
	} else if (o.cache == CACHE_LOOSE) {
		m->ttl_ns = TTL_RO;
		m->loose = true;
	}
	sb->priv = m;
	sb->ops = &p9_super_ops;
	sb->magic = V9FS_MAGIC;
	if (o.aname_len)
		memcpy(aname, o.aname, o.aname_len);
	aname[o.aname_len] = '\0';
	return make_root(sb, aname);
}

static struct fs_type p9_fs_type = {
	.name = "9p",
	.flags = FS_NODEV,
	.fill_super = p9_fill_super,
};

void p9_init(void)
{
	fs_type_register(&p9_fs_type);
}
