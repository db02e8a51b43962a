// SPDX-License-Identifier: MIT
/*
 * The name cache: dentries in a hash by (parent, name), with an LRU.
 *
 * A dentry is one edge of the tree. It holds its parent and its inode; a
 * dentry without inode is negative: the name is known not to exist. With
 * refcount 0 a hashed dentry stays cached on the LRU; an unhashed one is freed.
 * A parent is therefore never freed before its children, and no walk recurses.
 *
 *	hash  ---> dentry (parent P, "name") ---> inode
 *	                |
 *	                +--> P ---> ... ---> root (parent: itself)
 *
 * Who changes a name holds the lock of its directory's inode; the cache itself
 * is under the kernel lock and never sleeps, but looking up a name that is not
 * cached asks the file system, which may.
 *
 * The cache is bounded (DCACHE_MAX_UNUSED), and memory reclaim shrinks it
 * further. Both drop only what can go without sleeping: not the last reference
 * to an inode that may have dirty pages.
 */
#include "fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

#define HASH_BUCKETS 2048
#define DCACHE_MAX_UNUSED 8192

static SLAB_CACHE(dentry_cache, struct dentry);
static struct list_head hash_table[HASH_BUCKETS];
static struct list_head lru = LIST_HEAD_INIT(lru);
struct vfs_stats vfs_stats;

u32 name_hash(const char *name, u32 len)
{
	u32 h = 2166136261u;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 16777619u;
	return h;
}

static struct list_head *bucket(const struct dentry *parent, u32 hash)
{
	u64 h = ((u64)parent >> 6) * 0x9e3779b97f4a7c15ul;

	return &hash_table[((h >> 32) ^ hash) % HASH_BUCKETS];
}

static struct dentry *dentry_alloc(struct dentry *parent, const struct qstr *q)
{
	struct dentry *d = slab_zalloc(&dentry_cache);

	if (!d)
		return NULL;
	d->name = d->inline_name;
	if (q->len >= sizeof(d->inline_name)) {
		d->name = kmalloc(q->len + 1);
		if (!d->name) {
			slab_free(&dentry_cache, d);
			return NULL;
		}
	}
	memcpy(d->name, q->name, q->len);
	d->name[q->len] = '\0';
	d->name_len = q->len;
	d->name_hash = q->hash;
	d->refcount = 1;
	d->flags = DENTRY_UNHASHED;
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->hash_link);
	list_init(&d->alias);
	list_init(&d->lru);
	d->parent = d;
	if (parent) {
		d->parent = dentry_get(parent);
		list_add_tail(&d->sibling, &parent->children);
	}
	vfs_stats.dentries++;
	return d;
}

static void dentry_hash(struct dentry *d)
{
	d->flags &= ~DENTRY_UNHASHED;
	d->validated_ns = clock_monotonic_ns();	/* for ops->revalidate */
	list_add(&d->hash_link, bucket(d->parent, d->name_hash));
}

void dentry_unhash(struct dentry *d)
{
	if (d->flags & DENTRY_ROOT)
		return;
	d->flags |= DENTRY_UNHASHED;
	list_del(&d->hash_link);
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
	bug_on(d->inode);
	d->inode = inode;
	list_add_tail(&d->alias, &inode->dentries);
}

static void lru_remove(struct dentry *d)
{
	if (!list_empty(&d->lru)) {
		list_del(&d->lru);
		vfs_stats.dentries_unused--;
	}
}

/* Frees an unreferenced dentry. Returns the parent whose reference it held. */
static struct dentry *dentry_kill(struct dentry *d)
{
	struct dentry *parent = d->parent != d ? d->parent : NULL;
	struct inode *inode = d->inode;
	struct superblock *sb = d->flags & DENTRY_ANON ? inode->sb : NULL;

	bug_on(d->refcount || !list_empty(&d->children));
	lru_remove(d);
	list_del(&d->hash_link);
	list_del(&d->sibling);
	list_del(&d->alias);
	if (d->name != d->inline_name)
		kfree(d->name);
	slab_free(&dentry_cache, d);
	vfs_stats.dentries--;
	if (inode)
		inode_put(inode);
	if (sb)
		sb_put(sb);
	return parent;
}

/* Would dropping it write back dirty pages, that is, sleep? */
static bool kill_may_sleep(const struct dentry *d)
{
	const struct inode *inode = d->inode;

	return inode && inode->refcount == 1 && inode->mapping.ops &&
	       inode->mapping.ops->writepage && inode->mapping.nr_pages;
}

u64 dentry_reclaim(u64 want)
{
	static bool active;	/* evicting an inode may drop dentries elsewhere */
	struct list_head *pos = lru.next;
	u64 done = 0, scan = vfs_stats.dentries_unused;

	if (active)
		return 0;
	active = true;
	while (done < want && scan-- && pos != &lru) {
		struct dentry *d = list_entry(pos, struct dentry, lru), *parent;

		pos = pos->next;
		if (kill_may_sleep(d))
			continue;
		/* The parent may join the end of the LRU, never leave it. */
		parent = dentry_kill(d);
		done++;
		if (parent && --parent->refcount == 0) {
			if (parent->flags & DENTRY_UNHASHED) {
				parent->refcount = 1;
				dentry_put(parent);
				pos = lru.next;
			} else {
				list_add_tail(&parent->lru, &lru);
				vfs_stats.dentries_unused++;
			}
		}
	}
	active = false;
	return done;
}

void dentry_put(struct dentry *d)
{
	while (d) {
		bug_on(!d->refcount);
		if (--d->refcount)
			return;
		if (!(d->flags & (DENTRY_UNHASHED | DENTRY_ROOT | DENTRY_ANON))) {
			list_add_tail(&d->lru, &lru);
			if (++vfs_stats.dentries_unused > DCACHE_MAX_UNUSED)
				dentry_reclaim(DCACHE_MAX_UNUSED / 64);
			return;
		}
		d = dentry_kill(d);
	}
}

static struct dentry *dentry_find(struct dentry *parent, const struct qstr *q)
{
	struct list_head *head = bucket(parent, q->hash);
	struct dentry *d;

	list_for_each_entry(d, head, hash_link) {
		if (d->parent != parent || d->name_hash != q->hash || d->name_len != q->len ||
		    memcmp(d->name, q->name, q->len))
			continue;
		lru_remove(d);
		return dentry_get(d);
	}
	return NULL;
}

/* A cached answer that the file system still vouches for, or NULL. */
static int find_valid(struct dentry *parent, const struct qstr *q, u32 flags, struct dentry **res)
{
	struct dentry *d = dentry_find(parent, q);
	struct inode *dir = parent->inode;
	int err;

	*res = d;
	if (!d || !dir->ops->revalidate)
		return 0;
	if (flags & LOOKUP_CACHED) {
		dentry_put(d);
		return -EAGAIN;
	}
	err = dir->ops->revalidate(dir, d);
	if (!err)
		return 0;
	*res = NULL;
	if (err == -ESTALE) {
		err = 0;
		/* Places that are mounted on, or in use as a directory, stay. */
		if (!(d->flags & DENTRY_MOUNTED))
			dentry_unhash(d);
		else {
			*res = d;
			return 0;
		}
	}
	dentry_put(d);
	return err;
}

int dentry_lookup_locked(struct dentry *parent, const struct qstr *q, struct dentry **res)
{
	struct inode *dir = parent->inode, *inode = NULL;
	struct dentry *d;
	int err;

	*res = NULL;
	if (q->len > dir->sb->max_name)
		return -ENAMETOOLONG;
	err = find_valid(parent, q, 0, res);
	if (err || *res)
		return err;
	if (!dir->ops->lookup)
		return -ENOTDIR;
	if (!dir->nlink)
		return -ENOENT;
	d = dentry_alloc(parent, q);
	if (!d)
		return -ENOMEM;
	err = dir->ops->lookup(dir, q, &inode);
	if (err && err != -ENOENT) {
		dentry_put(d);
		return err;
	}
	if (!err)
		dentry_instantiate(d, inode);
	dentry_hash(d);
	*res = d;
	return 0;
}

int dentry_lookup(struct dentry *parent, const struct qstr *q, u32 flags, struct dentry **res)
{
	struct inode *dir = parent->inode;
	int err;

	if (q->len > dir->sb->max_name)
		return -ENAMETOOLONG;
	err = find_valid(parent, q, flags, res);
	if (err || *res)
		return err;
	if (flags & LOOKUP_CACHED)
		return -EAGAIN;
	mutex_lock(&dir->lock);
	err = dentry_lookup_locked(parent, q, res);
	mutex_unlock(&dir->lock);
	return err;
}

void dentry_delete(struct dentry *d)
{
	struct inode *inode = d->inode;

	if (d->refcount == 1 && list_empty(&d->children)) {
		list_del(&d->alias);
		d->inode = NULL;
		inode_put(inode);
	} else {
		dentry_unhash(d);
	}
}

/* Gives d the name of t, and t that of d. Names are either inline or owned. */
static void swap_names(struct dentry *d, struct dentry *t)
{
	char tmp[sizeof(d->inline_name)];
	char *dn = d->name, *tn = t->name;
	bool d_in = dn == d->inline_name, t_in = tn == t->inline_name;
	u32 len = d->name_len, hash = d->name_hash;

	memcpy(tmp, d->inline_name, sizeof(tmp));
	memcpy(d->inline_name, t->inline_name, sizeof(tmp));
	memcpy(t->inline_name, tmp, sizeof(tmp));
	d->name = t_in ? d->inline_name : tn;
	t->name = d_in ? t->inline_name : dn;
	d->name_len = t->name_len;
	d->name_hash = t->name_hash;
	t->name_len = len;
	t->name_hash = hash;
}

/* d is called like t from now on; t keeps its name (but for a long one). */
static void copy_name(struct dentry *d, struct dentry *t)
{
	if (t->name != t->inline_name) {
		swap_names(d, t);
		return;
	}
	if (d->name != d->inline_name)
		kfree(d->name);
	memcpy(d->inline_name, t->inline_name, sizeof(d->inline_name));
	d->name = d->inline_name;
	d->name_len = t->name_len;
	d->name_hash = t->name_hash;
}

void dentry_move(struct dentry *d, struct dentry *t, bool exchange)
{
	struct dentry *old_parent = d->parent;

	list_del(&d->hash_link);
	list_del(&t->hash_link);
	t->flags |= DENTRY_UNHASHED;
	list_del(&d->sibling);
	d->parent = t->parent;
	list_add_tail(&d->sibling, &d->parent->children);
	if (exchange) {
		swap_names(d, t);
		list_del(&t->sibling);
		t->parent = old_parent;		/* takes over the reference */
		list_add_tail(&t->sibling, &old_parent->children);
		dentry_hash(t);
	} else {
		copy_name(d, t);
		dentry_get(d->parent);
		dentry_put(old_parent);
	}
	dentry_hash(d);
}

bool dentry_is_below(const struct dentry *d, const struct dentry *top)
{
	while (d != top) {
		if (d->parent == d)
			return false;
		d = d->parent;
	}
	return true;
}

void dcache_shrink_tree(struct dentry *top)
{
	for (;;) {
		struct dentry *d = top, *parent;

		while (!list_empty(&d->children))
			d = list_first(&d->children, struct dentry, sibling);
		if (d == top || d->refcount)
			return;
		parent = dentry_kill(d);
		if (parent == top)
			top->refcount--;	/* the caller has its own */
		else
			dentry_put(parent);
	}
}

struct dentry *dentry_make_root(struct inode *inode)
{
	struct qstr q = qstr_make("/", 1);
	struct dentry *d = dentry_alloc(NULL, &q);

	if (!d) {
		inode_put(inode);
		return NULL;
	}
	d->flags = DENTRY_ROOT;
	dentry_instantiate(d, inode);
	return d;
}

struct dentry *dentry_make_anon(struct inode *inode, const char *name)
{
	struct qstr q = qstr_make(name, (u32)strlen(name));
	struct dentry *d = dentry_alloc(NULL, &q);

	if (!d) {
		inode_put(inode);
		return NULL;
	}
	d->flags = DENTRY_UNHASHED | DENTRY_ANON;
	sb_get(inode->sb);
	dentry_instantiate(d, inode);
	return d;
}

struct dentry *dentry_make_unnamed(struct dentry *dir, struct inode *inode)
{
	char name[24];
	struct qstr q;
	struct dentry *d;

	snprintf(name, sizeof(name), "#%lu", inode->ino);
	q = qstr_make(name, (u32)strlen(name));
	d = dentry_alloc(dir, &q);
	if (d)
		dentry_instantiate(d, inode);
	else
		inode_put(inode);
	return d;
}

void dcache_init(void)
{
	for (u32 i = 0; i < HASH_BUCKETS; i++)
		list_init(&hash_table[i]);
}
