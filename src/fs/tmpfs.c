// SPDX-License-Identifier: MIT
/*
 * tmpfs: files in memory. The page cache is the storage.
 *
 *	superblock -> tmpfs_sb     limits: size=, nr_inodes=, mode=, uid=, gid=
 *	inode      -> tmpfs_inode  xattrs; directory entries (tmpfs_dir.c), target
 *	mapping                    MAPPING_PERSISTENT: a hole has no page
 *
 * A directory entry holds a reference to its inode, so an inode lives as long
 * as it has a name, a dentry or an open file. At unmount drop_inodes empties
 * all directories, holding every inode meanwhile: freeing never recurses.
 *
 * Pages are charged to the superblock before they are made (ENOSPC); each
 * inode remembers what it was charged, and every change settles the account
 * with what the mapping really has, so failures half-way need no undoing.
 */
#include "abi/statfs.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "fs/tmpfs_impl.h"

static SLAB_CACHE(tmpfs_inode_cache, struct tmpfs_inode);
u64 shmem_pages;

/* ---- pages ---- */

/* Charges the inode for `want` pages in all. */
static int charge(struct inode *inode, u64 want)
{
	struct tmpfs_sb *t = tmpfs_s(inode->sb);
	struct tmpfs_inode *ti = tmpfs_i(inode);
	u64 other = t->used_pages - ti->accounted;

	if (want > ti->accounted && t->max_pages && other + want > t->max_pages)
		return -ENOSPC;
	shmem_pages += want - ti->accounted;
	t->used_pages = other + want;
	ti->accounted = want;
	return 0;
}

static int readpages(struct mapping *m, struct page **pages, u32 count)
{
	int err = charge(m->host, max(m->nr_pages, tmpfs_i(m->host)->accounted));

	if (err)
		return err;
	for (u32 i = 0; i < count; i++)
		memset(page_to_virt(pages[i]), 0, PAGE_SIZE);
	return 0;
}

static int reserve(struct mapping *m, u64 index)
{
	return charge(m->host, m->nr_pages + !radix_lookup(&m->pages, index));
}

static void release(struct mapping *m, u64 count)
{
	int err = charge(m->host, m->nr_pages);

	(void)count;
	(void)err;	/* it only gets less */
}

static const struct mapping_ops tmpfs_mapping_ops = {
	.readpages = readpages,
	.reserve = reserve,
	.release = release,
};

/* ---- inodes ---- */

struct inode *tmpfs_inode_new(struct superblock *sb, mode_t type, const struct iattr *attr)
{
	struct tmpfs_sb *t = tmpfs_s(sb);
	struct tmpfs_inode *ti;
	struct inode *inode;

	if (t->max_inodes && t->used_inodes >= t->max_inodes)
		return ERR_PTR(-ENOSPC);
	ti = slab_zalloc(&tmpfs_inode_cache);
	if (!ti)
		return ERR_PTR(-ENOMEM);
	inode = inode_alloc(sb);
	if (!inode)
		goto fail;
	inode->priv = ti;
	inode->mode = type | (attr->mode & S_IALLUGO);
	inode->uid = attr->uid;
	inode->gid = attr->gid;
	inode->seals = F_SEAL_SEAL;
	t->used_inodes++;
	inode->ops = &tmpfs_file_iops;
	if (type == S_IFREG) {
		inode->fops = &tmpfs_file_fops;
		inode->mapping.ops = &tmpfs_mapping_ops;
		inode->mapping.flags = MAPPING_PERSISTENT;
	} else if (type == S_IFDIR) {
		inode->ops = &tmpfs_dir_iops;
		inode->fops = &tmpfs_dir_fops;
		inode->nlink = 2;
		inode->size = 40;
		ti->dir = tmpfs_dir_new();
		if (!ti->dir) {
			inode_put(inode);
			return ERR_PTR(-ENOMEM);
		}
	} else if (type == S_IFLNK) {
		inode->ops = &tmpfs_symlink_iops;
	}
	return inode;
fail:
	slab_free(&tmpfs_inode_cache, ti);
	return ERR_PTR(-ENOMEM);
}

static void evict(struct inode *inode)
{
	struct tmpfs_inode *ti = tmpfs_i(inode);

	tmpfs_s(inode->sb)->used_inodes--;
	tmpfs_s(inode->sb)->used_pages -= ti->accounted;
	shmem_pages -= ti->accounted;
	if (ti->dir)
		tmpfs_dir_free(ti->dir);	/* empty, or the root at unmount */
	kfree(ti->target);
	xattr_list_free(&ti->xattrs);
	slab_free(&tmpfs_inode_cache, ti);
}

static s64 do_fallocate(struct inode *inode, int mode, loff_t off, loff_t len)
{
	loff_t end = off + len;
	bool sealed = inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
	u64 absent = 0;

	if (mode & FALLOC_FL_PUNCH_HOLE) {
		if (sealed)
			return -EPERM;
		mapping_punch(&inode->mapping, (u64)off, (u64)end);
		return 0;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > inode->size && (inode->seals & F_SEAL_GROW))
		return -EPERM;
	/* All of it must fit, or none is taken. */
	for (u64 i = (u64)off >> PAGE_SHIFT; i < DIV_ROUND_UP((u64)end, PAGE_SIZE); i++)
		absent += !radix_lookup(&inode->mapping.pages, i);
	if (charge(inode, inode->mapping.nr_pages + absent))
		return -ENOSPC;
	for (u64 i = (u64)off >> PAGE_SHIFT; i < DIV_ROUND_UP((u64)end, PAGE_SIZE); i++) {
		struct page *page = mapping_get_page(&inode->mapping, i);

		if (IS_ERR(page)) {
			release(&inode->mapping, 1);
			return PTR_ERR(page);
		}
		page_put(page);
		if (current->flags & TF_EXIT)
			return -EINTR;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > inode->size)
		inode->size = end;
	return 0;
}

static s64 fallocate(struct file *f, int mode, loff_t off, loff_t len)
{
	struct inode *inode = f->inode;
	struct tmpfs_sb *t = tmpfs_s(inode->sb);
	s64 ret;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (!(mode & FALLOC_FL_PUNCH_HOLE) &&
	    (u64)len >> PAGE_SHIFT > (t->max_pages ? t->max_pages : page_counts.total))
		return -ENOSPC;
	mutex_lock(&inode->lock);
	ret = inode_strip_privs(inode);
	if (!ret)
		ret = do_fallocate(inode, mode, off, len);
	if (!ret)
		inode->mtime = inode->ctime = clock_realtime();
	mutex_unlock(&inode->lock);
	return ret;
}

static int fsync(struct file *f, loff_t start, loff_t end, bool datasync)
{
	(void)f;
	(void)start;
	(void)end;
	(void)datasync;
	return 0;
}

const struct file_ops tmpfs_file_fops = {
	.read = file_read_mapping,
	.write = file_write_mapping,
	.mmap = file_mmap_mapping,
	.llseek = file_llseek_generic,
	.fsync = fsync,
	.fallocate = fallocate,
};

/* ---- the superblock ---- */

/* "64m", "50%", "4096": bytes, or a share of `whole`. */
static int parse_size(const char *s, size_t len, u64 whole, u64 *res)
{
	u64 v = 0;
	size_t i = 0;

	for (; i < len && s[i] >= '0' && s[i] <= '9'; i++)
		if (__builtin_mul_overflow(v, 10ul, &v) ||
		    __builtin_add_overflow(v, (u64)(s[i] - '0'), &v))
			return -EINVAL;
	if (!i)
		return -EINVAL;
	if (i < len) {
		static const char units[] = "kmgt";
		const char *unit = strchr(units, s[i] | 0x20);

		if (s[i] == '%' && v <= 100000)
			v = whole / 100 * v;
		else if (!unit || !*unit || v >> (63 - 10 * (unit - units + 1)))
			return -EINVAL;
		else
			v <<= 10 * (unit - units + 1);
		i++;
	}
	*res = v;
	return i == len ? 0 : -EINVAL;
}

static bool key_is(const char *s, size_t len, const char *key)
{
	return strlen(key) == len && !memcmp(s, key, len);
}

static int parse_number(const char *s, size_t len, int base, u64 *v)
{
	char text[24];

	if (!len || len >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, len);
	text[len] = '\0';
	return parse_u64(text, base, v) ? -EINVAL : 0;
}

/* One "key=value" or "key". */
static int parse_option(struct tmpfs_sb *t, const char *s, size_t len)
{
	const char *eq = memchr(s, '=', len);
	size_t key = eq ? (size_t)(eq - s) : len, vlen = eq ? len - key - 1 : 0;
	const char *val = eq ? eq + 1 : s + len;
	u64 v = 0;
	int err = 0;

	if (key_is(s, key, "size")) {
		err = parse_size(val, vlen, page_counts.total << PAGE_SHIFT, &v);
		t->max_pages = DIV_ROUND_UP(v, PAGE_SIZE);
		t->size_given = true;
	} else if (key_is(s, key, "nr_blocks")) {
		err = parse_size(val, vlen, 0, &t->max_pages);
		t->size_given = true;
	} else if (key_is(s, key, "nr_inodes")) {
		err = parse_size(val, vlen, 0, &t->max_inodes);
		t->inodes_given = true;
	} else if (key_is(s, key, "mode")) {
		err = parse_number(val, vlen, 8, &v);
		t->mode = (mode_t)v & S_IALLUGO;
	} else if (key_is(s, key, "uid")) {
		err = parse_number(val, vlen, 10, &v);
		t->uid = (uid_t)v;
	} else if (key_is(s, key, "gid")) {
		err = parse_number(val, vlen, 10, &v);
		t->gid = (gid_t)v;
	} else if (!key_is(s, key, "huge") && !key_is(s, key, "mpol") &&
		   !key_is(s, key, "inode64") && !key_is(s, key, "inode32") &&
		   !key_is(s, key, "noswap")) {
		err = -EINVAL;	/* those five change nothing here */
	}
	return err;
}

static int parse_options(struct tmpfs_sb *t, const char *opt)
{
	while (*opt) {
		const char *comma = strchr(opt, ',');
		size_t len = comma ? (size_t)(comma - opt) : strlen(opt);
		int err = len ? parse_option(t, opt, len) : 0;

		if (err)
			return err;
		opt += len + !!comma;
	}
	return 0;
}

static int check_option(const char *key, const char *value)
{
	struct tmpfs_sb scratch;
	char text[128];
	int n = snprintf(text, sizeof(text), "%s%s%s", key, value ? "=" : "", value ? value : "");

	return n >= (int)sizeof(text) ? -EINVAL : parse_option(&scratch, text, (size_t)n);
}

static int statfs(struct superblock *sb, struct statfs64 *st)
{
	struct tmpfs_sb *t = tmpfs_s(sb);

	if (t->max_pages) {
		st->blocks = t->max_pages;
		st->bfree = st->bavail = t->max_pages - min(t->max_pages, t->used_pages);
	}
	if (t->max_inodes) {
		st->files = t->max_inodes;
		st->ffree = t->max_inodes - min(t->max_inodes, t->used_inodes);
	}
	return 0;
}

static int show_options(struct superblock *sb, char *buf, size_t size)
{
	struct tmpfs_sb *t = tmpfs_s(sb);
	int n = 0;

	buf[0] = '\0';
	if (t->size_given)
		n += scnprintf(buf + n, size - (size_t)n, ",size=%luk", t->max_pages * 4);
	if (t->inodes_given)
		n += scnprintf(buf + n, size - (size_t)n, ",nr_inodes=%lu", t->max_inodes);
	if (t->mode != 01777)
		n += scnprintf(buf + n, size - (size_t)n, ",mode=%03o", t->mode);
	if (t->uid)
		n += scnprintf(buf + n, size - (size_t)n, ",uid=%u", t->uid);
	if (t->gid)
		n += scnprintf(buf + n, size - (size_t)n, ",gid=%u", t->gid);
	return n;
}

static int remount(struct superblock *sb, const char *options)
{
	struct tmpfs_sb *t = tmpfs_s(sb), copy = *t;
	int err = parse_options(&copy, options);

	if (err)
		return err;
	if ((copy.max_pages && copy.max_pages < t->used_pages) ||
	    (copy.max_inodes && copy.max_inodes < t->used_inodes))
		return -EINVAL;
	t->max_pages = copy.max_pages;
	t->max_inodes = copy.max_inodes;
	t->size_given = copy.size_given;
	t->inodes_given = copy.inodes_given;
	return 0;
}

static void drop_inodes(struct superblock *sb)
{
	struct inode *inode, *next;

	list_for_each_entry(inode, &sb->inodes, sb_link)
		inode_get(inode);
	list_for_each_entry(inode, &sb->inodes, sb_link) {
		struct tmpfs_dir *dir = tmpfs_i(inode)->dir;
		struct tmpfs_entry *e;
		u64 cookie = 0;

		while (dir && (e = radix_next(&dir->by_cookie, &cookie)))
			tmpfs_dir_remove(dir, e);
	}
	list_for_each_entry_safe(inode, next, &sb->inodes, sb_link)
		inode_put(inode);
}

static void put_super(struct superblock *sb)
{
	kfree(sb->priv);
}

static const struct super_ops tmpfs_super_ops = {
	.evict = evict,
	.statfs = statfs,
	.drop_inodes = drop_inodes,
	.put_super = put_super,
	.show_options = show_options,
	.remount = remount,
};

static int fill_super(struct superblock *sb, const char *source, const char *options)
{
	struct tmpfs_sb *t = kzalloc(sizeof(*t));
	struct iattr attr;
	struct inode *root;
	int err;

	(void)source;
	if (!t)
		return -ENOMEM;
	t->max_pages = page_counts.total / 2;
	t->max_inodes = page_counts.total / 2;
	t->mode = 01777;
	t->uid = current->cred ? current->cred->fsuid : 0;
	t->gid = current->cred ? current->cred->fsgid : 0;
	err = parse_options(t, options);
	if (err) {
		kfree(t);
		return err;
	}
	sb->priv = t;
	sb->ops = &tmpfs_super_ops;
	sb->magic = TMPFS_MAGIC;
	attr = (struct iattr){ .mode = t->mode, .uid = t->uid, .gid = t->gid };
	root = tmpfs_inode_new(sb, S_IFDIR, &attr);
	if (IS_ERR(root))
		return (int)PTR_ERR(root);
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

struct fs_type tmpfs_type = {
	.name = "tmpfs",
	.flags = FS_NODEV,
	.fill_super = fill_super,
	.check_option = check_option,
};

/* The first root; like Linux's, it has no limits and shows as "rootfs". */
static int fill_ramfs(struct superblock *sb, const char *source, const char *options)
{
	int err = fill_super(sb, source, options);

	if (err)
		return err;
	tmpfs_s(sb)->max_pages = 0;
	tmpfs_s(sb)->max_inodes = 0;
	sb->root->inode->mode = S_IFDIR | 0755;
	return 0;
}

static struct fs_type ramfs_type = {
	.name = "ramfs",
	.flags = FS_NODEV,
	.fill_super = fill_ramfs,
};

bool inode_is_shmem(const struct inode *inode)
{
	return S_ISREG(inode->mode) && inode->mapping.ops == &tmpfs_mapping_ops;
}

void tmpfs_init(void)
{
	fs_type_register(&tmpfs_type);
	fs_type_register(&ramfs_type);
}
