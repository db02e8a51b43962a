// SPDX-License-Identifier: MIT
/*
 * File system types and superblocks.
 *
 * A type is registered once at boot and stays. A superblock is one instance,
 * made by the type's fill_super; each mount of it, and each anonymous file on
 * it, holds a reference. With the last one it is taken down in this order:
 * sync, cached names, drop_inodes, root, put_super. Instances made by sb_create
 * (pipes, sockets, memfd) have no mount and are never freed.
 *
 * st_dev is an anonymous number 0:N, never given out twice.
 * Not supported: file systems on block devices (the type opens its source).
 */
#include "abi/statfs.h"
#include "fs/inotify.h"
#include "fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

static SLAB_CACHE(super_cache, struct superblock);
static struct list_head fs_types = LIST_HEAD_INIT(fs_types);
struct list_head superblocks = LIST_HEAD_INIT(superblocks);
static u32 next_anon_dev = 1;

void fs_type_register(struct fs_type *type)
{
	list_add_tail(&type->link, &fs_types);
}

static struct fs_type *type_find(const char *name)
{
	struct fs_type *t;

	list_for_each_entry(t, &fs_types, link)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

const struct fs_type *fs_type_find(const char *name)
{
	return type_find(name);
}

const struct fs_type *fs_type_nth(u32 nr)
{
	struct fs_type *t;

	list_for_each_entry(t, &fs_types, link)
		if (!nr--)
			return t;
	return NULL;
}

static struct superblock *sb_alloc(const struct fs_type *type, const char *source, u32 flags)
{
	struct superblock *sb = slab_zalloc(&super_cache);

	if (!sb)
		return NULL;
	sb->refcount = 1;
	sb->flags = flags;
	sb->type = type;
	sb->dev = mkdev(0, next_anon_dev++);
	sb->blksize = 4096;
	sb->max_name = NAME_MAX;
	sb->max_bytes = S64_MAX;
	sb->next_ino = 1;
	mutex_init(&sb->rename_lock);
	list_init(&sb->inodes);
	strlcpy(sb->source, source ? source : "none", sizeof(sb->source));
	list_add_tail(&sb->link, &superblocks);
	return sb;
}

static void sb_destroy(struct superblock *sb)
{
	struct dentry *root = sb->root;
	int err;

	list_del(&sb->link);	/* sync(2) must not find it any more */
	sb->refcount = 1;
	err = sb_sync(sb);
	(void)err;		/* umount(2) does not tell either */
	inotify_sb_gone(sb);
	if (root) {
		dcache_shrink_tree(root);
		if (sb->ops && sb->ops->drop_inodes)
			sb->ops->drop_inodes(sb);
		sb->root = NULL;
		dentry_put(root);
	}
	if (sb->ops && sb->ops->put_super)
		sb->ops->put_super(sb);
	bug_on(!list_empty(&sb->inodes));
	slab_free(&super_cache, sb);
}

void sb_put(struct superblock *sb)
{
	bug_on(!sb->refcount);
	if (!--sb->refcount)
		sb_destroy(sb);
}

static struct superblock *sb_make(const struct fs_type *type, const char *source,
				  const char *options, u32 flags)
{
	struct superblock *sb = sb_alloc(type, source, flags);
	int err;

	if (!sb)
		return ERR_PTR(-ENOMEM);
	err = type->fill_super(sb, source ? source : "none", options ? options : "");
	if (err) {
		sb_put(sb);
		return ERR_PTR(err);
	}
	bug_on(!sb->root);
	return sb;
}

struct superblock *sb_create(const struct fs_type *type, const char *source, const char *options)
{
	return sb_make(type, source, options, 0);
}

struct superblock *sb_mount(const char *name, const char *source, const char *options,
			    u64 ms_flags)
{
	struct fs_type *type = type_find(name);
	u32 flags = ms_flags & MS_RDONLY ? SB_RDONLY : 0;
	struct superblock *sb;

	if (!type)
		return ERR_PTR(-ENODEV);
	if (!(type->flags & FS_SINGLE))
		return sb_make(type, source, options, flags);
	if (!type->single) {
		sb = sb_make(type, source, options, 0);
		if (IS_ERR(sb))
			return sb;
		if (type->single)	/* someone was quicker while we slept */
			sb_put(sb);
		else
			type->single = sb;	/* for ever */
	}
	return sb_get(type->single);
}

int sb_sync(struct superblock *sb)
{
	struct inode *inode, *prev = NULL;
	int err = 0, e;

	list_for_each_entry(inode, &sb->inodes, sb_link) {
		if (!inode->refcount || !inode->mapping.ops || !inode->mapping.ops->writepage ||
		    !inode->mapping.nr_pages)
			continue;
		/* The reference keeps our place in the list while we sleep. */
		inode_get(inode);
		e = mapping_sync(&inode->mapping, 0, U64_MAX);
		if (e && !err)
			err = e;
		if (prev)
			inode_put(prev);
		prev = inode;
	}
	if (prev)
		inode_put(prev);
	if (sb->ops && sb->ops->sync) {
		e = sb->ops->sync(sb);
		if (e && !err)
			err = e;
	}
	return err;
}
