/* SPDX-License-Identifier: MIT */
/*
 * devpts: the directory of pty slaves, /dev/pts.
 *
 * Each mount is an instance of its own, with its own numbers. A slave's inode
 * is made with the pty and kept by it until the master closes; then the name
 * is gone. The inode holds a reference to the slave's tty until it is evicted,
 * so a cached name or an open file finds a dead tty (-EIO), never freed memory.
 * The pty holds the superblock while its master is open.
 *
 * Options: uid= gid= mode= (of slaves), ptmxmode= (of the ptmx node in here),
 * max=, newinstance (always true).
 */
#include "abi/errno.h"
#include "abi/statfs.h"
#include "fs/devfs.h"
#include "fs/mount.h"
#include "fs/pseudo.h"
#include "fs/pty.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"

#define DEVPTS_DEF_MODE 0600
#define DEVPTS_DEF_PTMX_MODE 0000
#define FIRST_PTS_POS 3

struct devpts {
	struct list_head ptys;		/* struct pty.link, by index */
	struct inode *ptmx;
	u32 max;
	uid_t uid;
	gid_t gid;
	bool set_uid, set_gid;
	mode_t mode, ptmx_mode;
};

u32 pty_max = 4096, pty_count;

/* ---- nodes ---- */

static const struct inode_ops devpts_node_iops = { .lookup = NULL };

struct tty *devpts_inode_tty(struct inode *inode)
{
	struct pty *pty = inode->priv;

	return inode->sb->magic == DEVPTS_SUPER_MAGIC && pty ? &pty->tty : NULL;
}

int devpts_add(struct superblock *sb, struct pty *pty)
{
	struct devpts *fs = sb->priv;
	struct list_head *where = &fs->ptys;
	struct inode *inode;
	struct pty *p;
	u32 index = 0;

	list_for_each_entry(p, &fs->ptys, link) {
		if (p->index != index) {
			where = &p->link;
			break;
		}
		index++;
	}
	if (index >= fs->max || pty_count >= pty_max)
		return -ENOSPC;
	inode = inode_alloc(sb);
	if (!inode)
		return -ENOMEM;
	inode->ino = index + 3;
	inode->mode = S_IFCHR | fs->mode;
	inode->uid = fs->set_uid ? fs->uid : current->cred->fsuid;
	inode->gid = fs->set_gid ? fs->gid : current->cred->fsgid;
	inode->ops = &devpts_node_iops;
	inode_init_special(inode, mkdev(PTS_MAJOR, index));
	inode->priv = pty;
	tty_get(&pty->tty);
	pty->index = index;
	pty->inode = inode;
	pty->sb = sb_get(sb);
	list_add_tail(&pty->link, where);
	pty_count++;
	return 0;
}

void devpts_remove(struct pty *pty)
{
	struct superblock *sb = pty->sb;

	if (!sb)
		return;
	pty_count--;
	list_del(&pty->link);
	pty->inode->nlink = 0;
	pty->sb = NULL;
	inode_put(pty->inode);
	pty->inode = NULL;
	sb_put(sb);
}

/* ---- the directory ---- */

static struct pty *devpts_find(struct devpts *fs, const char *name, u32 len)
{
	struct pty *p;
	u64 index;
	char text[12];

	if (!len || len >= sizeof(text) || (len > 1 && name[0] == '0'))
		return NULL;
	memcpy(text, name, len);
	text[len] = '\0';
	if (parse_u64(text, 10, &index))
		return NULL;
	list_for_each_entry(p, &fs->ptys, link) {
		if (p->index == index)
			return p;
	}
	return NULL;
}

static int devpts_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct devpts *fs = dir->sb->priv;
	struct pty *pty;

	if (name->len == 4 && !memcmp(name->name, "ptmx", 4)) {
		*res = inode_get(fs->ptmx);
		return 0;
	}
	pty = devpts_find(fs, name->name, name->len);
	if (!pty)
		return -ENOENT;
	*res = inode_get(pty->inode);
	return 0;
}

static int devpts_revalidate(struct inode *dir, struct dentry *d)
{
	struct devpts *fs = dir->sb->priv;
	struct pty *pty;

	if (d->inode == fs->ptmx)
		return 0;
	pty = devpts_find(fs, d->name, d->name_len);
	return pty && pty->inode == d->inode ? 0 : -ESTALE;
}

static int devpts_iterate(struct file *f, struct dir_context *ctx)
{
	struct devpts *fs = f->inode->sb->priv;
	struct pty *p;
	char name[12];
	int len;

	if (!dir_emit_dots(f, ctx))
		return 0;
	if (ctx->pos == 2) {
		if (!ctx->emit(ctx, "ptmx", 4, FIRST_PTS_POS, fs->ptmx->ino, DT_CHR))
			return 0;
		ctx->pos = FIRST_PTS_POS;
	}
	list_for_each_entry(p, &fs->ptys, link) {
		if ((loff_t)p->index + FIRST_PTS_POS < ctx->pos)
			continue;
		len = scnprintf(name, sizeof(name), "%u", p->index);
		if (!ctx->emit(ctx, name, (u32)len, (loff_t)p->index + FIRST_PTS_POS + 1,
			       p->inode->ino, DT_CHR))
			return 0;
		ctx->pos = (loff_t)p->index + FIRST_PTS_POS + 1;
	}
	return 0;
}

static const struct inode_ops devpts_dir_iops = {
	.lookup = devpts_lookup,
	.revalidate = devpts_revalidate,
};

static const struct file_ops devpts_dir_fops = {
	.iterate = devpts_iterate,
	.llseek = file_llseek_dir,
};

/* ---- the file system ---- */

static int devpts_number(const char *text, int base, u64 max, u32 *out)
{
	u64 v;

	if (parse_u64(text, base, &v) || v > max)
		return -EINVAL;
	*out = (u32)v;
	return 0;
}

static int devpts_option(struct devpts *fs, const char *o)
{
	if (!strncmp(o, "gid=", 4)) {
		fs->set_gid = true;
		return devpts_number(o + 4, 10, U32_MAX, &fs->gid);
	}
	if (!strncmp(o, "uid=", 4)) {
		fs->set_uid = true;
		return devpts_number(o + 4, 10, U32_MAX, &fs->uid);
	}
	if (!strncmp(o, "mode=", 5))
		return devpts_number(o + 5, 8, 0777, &fs->mode);
	if (!strncmp(o, "ptmxmode=", 9))
		return devpts_number(o + 9, 8, 0777, &fs->ptmx_mode);
	if (!strncmp(o, "max=", 4))
		return devpts_number(o + 4, 10, 1u << 20, &fs->max);
	return !*o || !strcmp(o, "newinstance") ? 0 : -EINVAL;
}

static int devpts_options(struct devpts *fs, const char *options)
{
	char word[40];
	size_t len;
	int err;

	while (*options) {
		const char *end = strchr(options, ',');

		len = end ? (size_t)(end - options) : strlen(options);
		if (len >= sizeof(word))
			return -EINVAL;
		memcpy(word, options, len);
		word[len] = '\0';
		err = devpts_option(fs, word);
		if (err)
			return err;
		options += len + (end ? 1 : 0);
	}
	return 0;
}

static void devpts_evict(struct inode *inode)
{
	struct pty *pty = inode->priv;

	if (pty)
		tty_put(&pty->tty);
}

static void devpts_drop_inodes(struct superblock *sb)
{
	struct devpts *fs = sb->priv;

	if (fs && fs->ptmx) {
		inode_put(fs->ptmx);
		fs->ptmx = NULL;
	}
}

static void devpts_put_super(struct superblock *sb)
{
	devpts_drop_inodes(sb);	/* when fill_super failed */
	kfree(sb->priv);
}

static int devpts_show_options(struct superblock *sb, char *buf, size_t size)
{
	struct devpts *fs = sb->priv;
	int n = 0;

	if (fs->set_uid)
		n += scnprintf(buf + n, size - (size_t)n, ",uid=%u", fs->uid);
	if (fs->set_gid)
		n += scnprintf(buf + n, size - (size_t)n, ",gid=%u", fs->gid);
	n += scnprintf(buf + n, size - (size_t)n, ",mode=%03o,ptmxmode=%03o", fs->mode,
		       fs->ptmx_mode);
	if (fs->max < 1u << 20)
		n += scnprintf(buf + n, size - (size_t)n, ",max=%u", fs->max);
	return n;
}

static int devpts_remount(struct superblock *sb, const char *options)
{
	struct devpts *fs = sb->priv, next = *fs;
	int err = devpts_options(&next, options);

	if (err)
		return err;
	fs->uid = next.uid;
	fs->gid = next.gid;
	fs->set_uid = next.set_uid;
	fs->set_gid = next.set_gid;
	fs->mode = next.mode;
	fs->max = next.max;
	fs->ptmx_mode = next.ptmx_mode;
	fs->ptmx->mode = S_IFCHR | fs->ptmx_mode;
	return 0;
}

static const struct super_ops devpts_super_ops = {
	.evict = devpts_evict,
	.drop_inodes = devpts_drop_inodes,
	.put_super = devpts_put_super,
	.show_options = devpts_show_options,
	.remount = devpts_remount,
};

static int devpts_fill_super(struct superblock *sb, const char *source __unused,
			     const char *options)
{
	struct devpts *fs = kzalloc(sizeof(*fs));
	struct inode *root;
	int err;

	if (!fs)
		return -ENOMEM;
	sb->priv = fs;
	sb->ops = &devpts_super_ops;
	sb->magic = DEVPTS_SUPER_MAGIC;
	sb->blksize = 1024;
	list_init(&fs->ptys);
	fs->mode = DEVPTS_DEF_MODE;
	fs->ptmx_mode = DEVPTS_DEF_PTMX_MODE;
	fs->max = 1u << 20;
	err = devpts_options(fs, options);
	if (err)
		return err;
	root = inode_alloc(sb);
	if (!root)
		return -ENOMEM;
	root->ino = 1;
	root->mode = S_IFDIR | 0755;
	root->nlink = 2;
	root->ops = &devpts_dir_iops;
	root->fops = &devpts_dir_fops;
	sb->root = dentry_make_root(root);
	if (!sb->root)
		return -ENOMEM;
	fs->ptmx = inode_alloc(sb);
	if (!fs->ptmx)
		return -ENOMEM;
	fs->ptmx->ino = 2;
	fs->ptmx->mode = S_IFCHR | fs->ptmx_mode;
	fs->ptmx->ops = &devpts_node_iops;
	inode_init_special(fs->ptmx, mkdev(5, 2));
	return 0;
}

static struct fs_type devpts_type = {
	.name = "devpts",
	.flags = FS_NODEV,
	.fill_super = devpts_fill_super,
};

/* ---- from /dev/ptmx to its instance ---- */

/* /dev/ptmx means the devpts mounted on the "pts" beside it. */
static int devpts_beside(const struct path *ptmx, struct path *root)
{
	struct path dir = { ptmx->mnt, ptmx->dentry->parent };
	char *buf = path_buf_get(), *text;
	size_t len;
	int err = -ENOMEM;

	if (!buf)
		return -ENOMEM;
	text = path_to_text(&dir, buf, PATH_MAX - 8);
	if (IS_ERR(text)) {
		err = (int)PTR_ERR(text);
		goto out;
	}
	len = strlen(text);
	memmove(buf, text, len + 1);
	strlcpy(buf + len, "/pts", 8);
	err = path_lookup(AT_FDCWD, buf, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, root);
out:
	path_buf_put(buf);
	return err;
}

int devpts_of_ptmx(struct file *ptmx, struct path *root)
{
	int err;

	if (ptmx->inode->sb->magic == DEVPTS_SUPER_MAGIC) {
		*root = path_get((struct path){ ptmx->path.mnt, ptmx->inode->sb->root });
		return 0;
	}
	err = devpts_beside(&ptmx->path, root);
	if (err)
		return err == -ENOMEM ? err : -ENODEV;
	if (root->dentry->inode->sb->magic == DEVPTS_SUPER_MAGIC)
		return 0;
	path_put(root);
	return -ENODEV;
}

void devpts_init(void)
{
	fs_type_register(&devpts_type);
}
