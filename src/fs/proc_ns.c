/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/ns: the namespaces of a process, namespaces(7).
 *
 * Each name is a magic link to a file of "nsfs" whose inode number identifies
 * the namespace: equal numbers, equal namespaces. Only mount and UTS
 * namespaces can differ between processes here; the others show the number
 * that Linux gives the initial one.
 *
 * Not supported: ioctls NS_GET_* (-ENOTTY), setns through these files.
 */
#include "fs/mount.h"
#include "fs/proc_impl.h"
#include "kernel/uts.h"
#include "lib/string.h"

#define NS_IPC_INO 4026531839u
#define NS_UTS_INO 4026531838u
#define NS_USER_INO 4026531837u
#define NS_PID_INO 4026531836u
#define NS_CGROUP_INO 4026531835u
#define NS_TIME_INO 4026531834u
#define NS_NET_INO 4026531833u
#define NSFS_MAGIC 0x6e736673

static const struct inode_ops nsfs_iops = { .lookup = NULL };
static const struct file_ops nsfs_fops = { .read = NULL };
static struct superblock *nsfs_sb;

static int nsfs_fill_super(struct superblock *sb, const char *source __unused,
			   const char *options __unused)
{
	struct inode *root = inode_alloc(sb);

	if (!root)
		return -ENOMEM;
	root->mode = S_IFDIR | 0755;
	root->ops = &nsfs_iops;
	sb->magic = NSFS_MAGIC;
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static const struct fs_type nsfs_type = {
	.name = "nsfs",
	.flags = FS_NODEV,
	.fill_super = nsfs_fill_super,
};

/* A path to the namespace's file; NS files have no place in any mount. */
static int nsfs_path(const char *kind, u64 ino, struct path *res)
{
	struct superblock *sb;
	struct inode *inode;
	char name[40];

	if (!nsfs_sb) {
		sb = sb_create(&nsfs_type, "nsfs", "");
		if (IS_ERR(sb))
			return (int)PTR_ERR(sb);
		nsfs_sb = sb;
	}
	inode = inode_alloc(nsfs_sb);
	if (!inode)
		return -ENOMEM;
	inode->ino = ino;
	inode->mode = S_IFREG | 0444;
	inode->ops = &nsfs_iops;
	inode->fops = &nsfs_fops;
	snprintf(name, sizeof(name), "%s:[%lu]", kind, ino);
	res->mnt = NULL;
	res->dentry = dentry_make_anon(inode, name);
	return res->dentry ? 0 : -ENOMEM;
}

static u64 mnt_ino(struct proc_ref *r)
{
	return r->t->fs && r->t->fs->ns ? r->t->fs->ns->id : 0;
}

/* The initial UTS namespace, or a number of its own from its address: it has
 * no other identity and lives as long as somebody looks at it. */
static u64 uts_ino(struct proc_ref *r)
{
	if (!r->t->uts || r->t->uts == &init_uts)
		return NS_UTS_INO;
	return 0xf0000000u | (u32)(virt_to_phys(r->t->uts) >> 4);
}

#define NS(fn, text, expr) \
static int follow_##fn(struct proc_ref *r, struct path *res) \
{ \
	(void)r; \
	return nsfs_path(text, expr, res); \
} \
static ssize_t readlink_##fn(struct proc_ref *r, char *buf, size_t size) \
{ \
	(void)r; \
	return scnprintf(buf, size, text ":[%lu]", (u64)(expr)); \
}

NS(cgroup, "cgroup", NS_CGROUP_INO)
NS(ipc, "ipc", NS_IPC_INO)
NS(mnt, "mnt", mnt_ino(r))
NS(net, "net", NS_NET_INO)
NS(pid, "pid", NS_PID_INO)
NS(time, "time", NS_TIME_INO)
NS(user, "user", NS_USER_INO)
NS(uts, "uts", uts_ino(r))

#define ENTRY(n, fn) \
	{ .name = n, .mode = S_IFLNK | 0777, .follow = follow_##fn, .readlink = readlink_##fn }

const struct pid_entry pid_ns_table[PID_NS_COUNT] = {
	ENTRY("cgroup", cgroup),
	ENTRY("ipc", ipc),
	ENTRY("mnt", mnt),
	ENTRY("net", net),
	ENTRY("pid", pid),
	ENTRY("pid_for_children", pid),
	ENTRY("time", time),
	ENTRY("time_for_children", time),
	ENTRY("user", user),
	ENTRY("uts", uts),
};
