// SPDX-License-Identifier: MIT
/*
 * The mount tree and mount namespaces.
 *
 *	   mount_ns.root
 *	        |                      a mount hangs on (parent, mountpoint);
 *	   [rootfs /]                  a lookup that reaches this pair goes on
 *	    |       \                  at the mount's root, again and again,
 *	 [proc]   [tmpfs /tmp]         since mounts stack
 *
 * References: a path holds its mount; a child holds its parent and its
 * mountpoint; being attached counts one. Detaching drops the last two, so a
 * lazily unmounted tree lives on for those who are inside. ns->mounts keeps
 * the order of /proc/PID/mounts; each copy and each move go to its end.
 *
 * Propagation types are accepted; only "unbindable" has an effect: events do
 * not propagate between peers or from masters (every mount acts as private).
 */
#include "fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

#define HASH_BUCKETS 64
#define MAX_MOUNTS 10000	/* per namespace; fs.mount-max is 100000 on Linux */

static SLAB_CACHE(mount_cache, struct mount);
static SLAB_CACHE(mount_ns_cache, struct mount_ns);
static struct list_head mount_hash[HASH_BUCKETS];
static int next_mount_id = 20;
static u64 next_ns_id = 0xf0000000u;

static struct list_head *bucket(const struct dentry *mountpoint)
{
	return &mount_hash[((u64)mountpoint >> 6) * 0x9e3779b97f4a7c15ul >> 58];
}

struct mount *mount_create(struct superblock *sb, struct dentry *root, const char *source,
			   u32 flags)
{
	struct mount *m = slab_zalloc(&mount_cache);

	if (!m)
		return NULL;
	if (source) {
		m->source = kstrdup(source);
		if (!m->source) {
			slab_free(&mount_cache, m);
			return NULL;
		}
	}
	m->refcount = 1;
	m->flags = flags;
	m->id = next_mount_id++;
	m->sb = sb_get(sb);
	m->root = dentry_get(root);
	list_init(&m->children);
	list_init(&m->sibling);
	list_init(&m->ns_link);
	list_init(&m->hash_link);
	return m;
}

void mount_put(struct mount *m)
{
	if (!m)
		return;
	bug_on(!m->refcount);
	if (--m->refcount)
		return;
	bug_on(m->parent || !list_empty(&m->children));
	kfree(m->source);
	dentry_put(m->root);
	sb_put(m->sb);
	slab_free(&mount_cache, m);
}

struct path path_get(struct path p)
{
	mount_get(p.mnt);
	if (p.dentry)
		dentry_get(p.dentry);
	return p;
}

void path_put(struct path *p)
{
	if (p->dentry)
		dentry_put(p->dentry);
	mount_put(p->mnt);
	p->dentry = NULL;
	p->mnt = NULL;
}

struct mount *mount_lookup(const struct path *p)
{
	struct list_head *head;
	struct mount *m;

	if (!(p->dentry->flags & DENTRY_MOUNTED))
		return NULL;
	head = bucket(p->dentry);
	list_for_each_entry(m, head, hash_link)
		if (m->mountpoint == p->dentry && m->parent == p->mnt)
			return mount_get(m);
	return NULL;
}

int mount_want_write(const struct path *p)
{
	if (p->mnt && ((p->mnt->flags & MNT_RDONLY) || (p->mnt->sb->flags & SB_RDONLY)))
		return -EROFS;
	return 0;
}

bool mount_noexec(const struct path *p)
{
	return p->mnt && (p->mnt->flags & MNT_NOEXEC);
}

bool mount_nosuid(const struct path *p)
{
	return p->mnt && (p->mnt->flags & MNT_NOSUID);
}

u32 mnt_flags_from_ms(u64 ms)
{
	u32 f = 0;

	if (ms & MS_RDONLY)
		f |= MNT_RDONLY;
	if (ms & MS_NOSUID)
		f |= MNT_NOSUID;
	if (ms & MS_NODEV)
		f |= MNT_NODEV;
	if (ms & MS_NOEXEC)
		f |= MNT_NOEXEC;
	if (ms & MS_NODIRATIME)
		f |= MNT_NODIRATIME;
	if (ms & MS_NOSYMFOLLOW)
		f |= MNT_NOSYMFOLLOW;
	if (ms & MS_NOATIME)
		f |= MNT_NOATIME;
	else if (!(ms & MS_STRICTATIME))
		f |= MNT_RELATIME;
	return f;
}

/* ---- the tree ---- */

static void ns_changed(struct mount_ns *ns)
{
	ns->event++;
	wake_up_all(&ns->poll_wq);
}

struct mount *mount_next_in_tree(struct mount *m, struct mount *top)
{
	if (!list_empty(&m->children))
		return list_first(&m->children, struct mount, sibling);
	while (m != top) {
		if (m->sibling.next != &m->parent->children)
			return list_entry(m->sibling.next, struct mount, sibling);
		m = m->parent;
	}
	return NULL;
}

bool mount_is_below(const struct mount *m, const struct mount *top)
{
	while (m && m != top)
		m = m->parent;
	return m != NULL;
}

/* Hangs m on its place; the reference of being attached is the caller's. */
static void link_to_parent(struct mount *m, struct mount *parent, struct dentry *mountpoint)
{
	m->parent = mount_get(parent);
	m->mountpoint = dentry_get(mountpoint);
	mountpoint->flags |= DENTRY_MOUNTED;
	list_add_tail(&m->sibling, &parent->children);
	list_add(&m->hash_link, bucket(mountpoint));
}

static void unlink_from_parent(struct mount *m)
{
	struct dentry *d = m->mountpoint;
	struct mount *parent = m->parent, *other;
	bool still = false;

	if (!parent)
		return;
	list_del(&m->sibling);
	list_del(&m->hash_link);
	m->parent = NULL;
	m->mountpoint = NULL;
	list_for_each_entry(other, bucket(d), hash_link)
		still |= other->mountpoint == d;
	if (!still)
		d->flags &= ~DENTRY_MOUNTED;
	dentry_put(d);
	mount_put(parent);
}

static void ns_add(struct mount_ns *ns, struct mount *m)
{
	m->ns = ns;
	list_add_tail(&m->ns_link, &ns->mounts);
	ns->count++;
}

static void ns_remove(struct mount *m)
{
	if (!m->ns)
		return;
	list_del(&m->ns_link);
	m->ns->count--;
	m->ns = NULL;
}

static u32 tree_count(struct mount *top)
{
	u32 n = 0;

	for (struct mount *m = top; m; m = mount_next_in_tree(m, top))
		n++;
	return n;
}

int mount_attach(struct mount *top, const struct path *where)
{
	struct mount_ns *ns = where->mnt->ns;

	if (!ns)
		return -EINVAL;
	if (S_ISDIR(top->root->inode->mode) != S_ISDIR(where->dentry->inode->mode))
		return -ENOTDIR;
	if (!where->dentry->inode->nlink || ((where->dentry->flags & DENTRY_UNHASHED)))
		return -ENOENT;
	if (ns->count + tree_count(top) > MAX_MOUNTS)
		return -ENOSPC;
	link_to_parent(top, where->mnt, where->dentry);
	top->flags &= ~(u32)MNT_OWNED;
	for (struct mount *m = top; m; m = mount_next_in_tree(m, top))
		ns_add(ns, m);
	ns_changed(ns);
	return 0;
}

/* Takes mounts out leaf by leaf, so that no parent goes before its children. */
void mount_detach_tree(struct mount *top)
{
	struct mount_ns *ns = top->ns;

	mount_get(top);
	for (;;) {
		struct mount *m = top;

		while (!list_empty(&m->children))
			m = list_first(&m->children, struct mount, sibling);
		ns_remove(m);
		unlink_from_parent(m);
		mount_put(m);		/* was attached */
		if (m == top)
			break;
	}
	mount_put(top);
	if (ns)
		ns_changed(ns);
}

int mount_move(struct mount *top, const struct path *where)
{
	struct mount_ns *ns = where->mnt->ns;

	if (!ns)
		return -EINVAL;
	if (S_ISDIR(top->root->inode->mode) != S_ISDIR(where->dentry->inode->mode))
		return -EINVAL;
	if (mount_is_below(where->mnt, top))
		return -ELOOP;
	unlink_from_parent(top);
	link_to_parent(top, where->mnt, where->dentry);
	if (top->ns != ns) {
		for (struct mount *m = top; m; m = mount_next_in_tree(m, top)) {
			ns_remove(m);
			ns_add(ns, m);
		}
	}
	ns_changed(ns);
	return 0;
}

/* pivot_root: new takes old_root's place, which moves to *put_old. */
void mount_pivot(struct mount *old_root, struct mount *new_root, const struct path *put_old)
{
	struct mount *parent = mount_get(old_root->parent);
	struct dentry *at = dentry_get(old_root->mountpoint);

	unlink_from_parent(new_root);
	unlink_from_parent(old_root);
	link_to_parent(old_root, put_old->mnt, put_old->dentry);
	link_to_parent(new_root, parent, at);
	dentry_put(at);
	mount_put(parent);
	ns_changed(new_root->ns);
}

bool mount_tree_busy(struct mount *m)
{
	/* 1: attached, 1: the caller's path. */
	return !list_empty(&m->children) || m->refcount > 2;
}

static struct mount *clone_one(struct mount *m, struct dentry *root)
{
	return mount_create(m->sb, root, m->source, m->flags & ~(u32)(MNT_EXPIRY_MARK | MNT_OWNED));
}

/* The first child at or after pos in m's list that a copy takes along. */
static struct mount *copyable(struct mount *m, struct list_head *pos, struct dentry *below,
			      u32 flags)
{
	for (; pos != &m->children; pos = pos->next) {
		struct mount *c = list_entry(pos, struct mount, sibling);

		if (((c->flags & MNT_UNBINDABLE) && !(flags & COPY_UNBINDABLE)) ||
		    (below && !dentry_is_below(c->mountpoint, below)))
			continue;
		return c;
	}
	return NULL;
}

struct mount *mount_copy_tree(struct mount *from, struct dentry *root, u32 flags)
{
	struct mount *top = clone_one(from, root), *dst = top, *m = from, *next, *c;

	if (!top)
		return ERR_PTR(-ENOMEM);
	if (!(flags & COPY_REC))
		return top;
	for (;;) {	/* dst is the copy of m all along */
		next = copyable(m, m->children.next, m == from ? root : NULL, flags);
		while (!next && m != from) {
			struct list_head *pos = m->sibling.next;

			m = m->parent;
			dst = dst->parent;
			next = copyable(m, pos, m == from ? root : NULL, flags);
		}
		if (!next)
			return top;
		c = clone_one(next, next->root);
		if (!c) {
			mount_detach_tree(top);
			return ERR_PTR(-ENOMEM);
		}
		link_to_parent(c, dst, next->mountpoint);
		m = next;
		dst = c;
	}
}

/* ---- namespaces ---- */

static struct mount_ns *ns_alloc(void)
{
	struct mount_ns *ns = slab_zalloc(&mount_ns_cache);

	if (!ns)
		return NULL;
	ns->refcount = 1;
	ns->id = next_ns_id++;
	waitqueue_init(&ns->poll_wq);
	list_init(&ns->mounts);
	return ns;
}

void mount_ns_put(struct mount_ns *ns)
{
	bug_on(!ns->refcount);
	if (--ns->refcount)
		return;
	mount_detach_tree(ns->root);
	slab_free(&mount_ns_cache, ns);
}

static void repoint(struct path *p, struct mount *old, struct mount *copy)
{
	if (p->mnt == old) {
		mount_get(copy);
		mount_put(old);
		p->mnt = copy;
	}
}

int fs_context_unshare_ns(struct fs_context *fs)
{
	struct mount_ns *ns = ns_alloc(), *old = fs->ns;
	struct mount *m, *c, *root_mnt = fs->root.mnt, *cwd_mnt = fs->cwd.mnt;

	if (!ns)
		return -ENOMEM;
	c = mount_copy_tree(old->root, old->root->root, COPY_REC | COPY_UNBINDABLE);
	if (IS_ERR(c)) {
		slab_free(&mount_ns_cache, ns);
		return (int)PTR_ERR(c);
	}
	ns->root = c;
	/* The copy has the shape of the original: walk both in step. */
	for (m = old->root; c; c = mount_next_in_tree(c, ns->root)) {
		ns_add(ns, c);
		if (m == root_mnt)
			repoint(&fs->root, m, c);
		if (m == cwd_mnt)
			repoint(&fs->cwd, m, c);
		m = mount_next_in_tree(m, old->root);
	}
	fs->ns = ns;
	mount_ns_put(old);
	return 0;
}

struct mount *mount_ns_next(struct mount_ns *ns, u64 *pos)
{
	struct mount *m;
	u64 nr = 0;

	list_for_each_entry(m, &ns->mounts, ns_link) {
		if (nr++ < *pos)
			continue;
		*pos = nr;
		return mount_get(m);
	}
	return NULL;
}

/* The first namespace, with rootfs as its root: fs gets both. */
int mount_init(struct fs_context *fs, struct superblock *rootfs)
{
	struct mount_ns *ns = ns_alloc();
	struct mount *m;

	for (u32 i = 0; i < HASH_BUCKETS; i++)
		list_init(&mount_hash[i]);
	m = mount_create(rootfs, rootfs->root, "rootfs", 0);
	if (!ns || !m)
		return -ENOMEM;
	ns->root = m;
	ns_add(ns, m);
	fs->ns = ns;
	fs->root = path_get((struct path){ m, m->root });
	fs->cwd = path_get(fs->root);
	return 0;
}
