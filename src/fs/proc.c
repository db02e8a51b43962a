/* SPDX-License-Identifier: MIT */
/*
 * procfs: the root directory, the file system type, registration.
 *
 * /proc shows a static tree (fs/pseudo.h) filled at boot by proc_misc.c,
 * proc_sys.c and other subsystems, and a directory for each process
 * (proc_pid.c). Its directory positions: 0 and 1 the dots, then the static
 * names, then FIRST_PID + pid.
 *
 * "net" is a tree of its own, shown in each process's directory; /proc/net is
 * a link to self/net. Names are resolved without locks; processes come and go,
 * so the root revalidates every cached name of a process.
 *
 * Not supported: pid namespaces, hidepid=, subset= (options are ignored).
 */
#include "fs/proc_impl.h"

#include "abi/statfs.h"
#include "lib/string.h"
#include "mm/slab.h"

#define FIRST_PID 0x10000

struct pseudo_node proc_root_node, proc_net_node;

/* ---- processes in the root ---- */

/* A process number, or 0. */
static pid_t parse_pid(const char *name, u32 len)
{
	u32 i, v = 0;

	if (!len || len > 9 || name[0] == '0')
		return 0;
	for (i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		v = v * 10 + (u32)(name[i] - '0');
	}
	return (pid_t)v;
}

static bool pid_key_of(pid_t nr, struct pid_key *key)
{
	struct process *p = process_find(nr);
	struct task *t;

	if (p) {
		*key = (struct pid_key){ .pid = nr, .start_ns = p->start_ns };
		return true;
	}
	t = task_find(nr);	/* a thread, by a name that readdir does not show */
	if (!t || !t->process || (t->flags & TF_KTHREAD))
		return false;
	*key = (struct pid_key){ .pid = t->process->pid, .start_ns = t->process->start_ns };
	return true;
}

static int proc_root_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct pseudo_node *n = pseudo_child(&proc_root_node, name->name, name->len);
	struct pid_key key;
	struct inode *inode;
	pid_t nr;

	if (n) {
		inode = pseudo_inode(dir->sb, n);
	} else {
		nr = parse_pid(name->name, name->len);
		if (!nr || !pid_key_of(nr, &key))
			return -ENOENT;
		inode = pid_inode_new(dir->sb, &key, &pid_base_entry, 0, 0);
	}
	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	*res = inode;
	return 0;
}

static int proc_root_revalidate(struct inode *dir __unused, struct dentry *d)
{
	pid_t nr = parse_pid(d->name, d->name_len);
	struct pid_key key;

	if (!nr)
		return d->inode || !pseudo_child(&proc_root_node, d->name, d->name_len) ?
		       0 : -ESTALE;
	if (!pid_key_of(nr, &key))
		return d->inode ? -ESTALE : 0;
	return d->inode && pid_inode(d->inode)->key.start_ns == key.start_ns ? 0 : -ESTALE;
}

/* The process with the smallest number >= from, or NULL. */
static struct process *process_at_or_after(pid_t from)
{
	struct process *p, *best = NULL;

	list_for_each_entry(p, &process_list, all_link) {
		if (p->pid >= from && (!best || p->pid < best->pid))
			best = p;
	}
	return best;
}

static int proc_root_iterate(struct file *f, struct dir_context *ctx)
{
	struct process *p;
	char name[12];
	int len;

	if (!dir_emit_dots(f, ctx))
		return 0;
	if (ctx->pos < FIRST_PID) {
		if (!pseudo_emit(&proc_root_node, ctx, 2))
			return 0;
		ctx->pos = FIRST_PID;
	}
	while ((p = process_at_or_after((pid_t)(ctx->pos - FIRST_PID)))) {
		len = scnprintf(name, sizeof(name), "%d", p->pid);
		if (!ctx->emit(ctx, name, (u32)len, FIRST_PID + p->pid + 1,
			       (u64)p->pid << 24, S_IFDIR >> 12))
			return 0;
		ctx->pos = FIRST_PID + p->pid + 1;
	}
	return 0;
}

static const struct inode_ops proc_root_iops = {
	.lookup = proc_root_lookup,
	PROC_NO_CREATE,
	.setattr = pid_setattr,
	.revalidate = proc_root_revalidate,
};

static const struct file_ops proc_root_fops = {
	.iterate = proc_root_iterate,
	.llseek = file_llseek_dir,
};

/* ---- links ---- */

static ssize_t self_target(char *buf, size_t size, void *data __unused)
{
	return scnprintf(buf, size, "%d", current->process->pid);
}

static ssize_t thread_self_target(char *buf, size_t size, void *data __unused)
{
	return scnprintf(buf, size, "%d/task/%d", current->process->pid, current->tid);
}

static const struct pseudo_ops self_ops = { .target = self_target };
static const struct pseudo_ops thread_self_ops = { .target = thread_self_target };

/* ---- registration ---- */

int proc_add(const char *path, mode_t mode, const struct pseudo_ops *ops, void *data)
{
	struct pseudo_node *n;

	if (!strncmp(path, "net/", 4))
		n = pseudo_add(&proc_net_node, path + 4, mode, ops, data);
	else
		n = pseudo_add(&proc_root_node, path, mode, ops, data);
	return IS_ERR(n) ? (int)PTR_ERR(n) : 0;
}

void proc_add_boot(const char *path, mode_t mode, const struct pseudo_ops *ops, void *data)
{
	if (proc_add(path, mode, ops, data))
		panic("proc: cannot add %s", path);
}

static void proc_link_boot(const char *name, const char *target, const struct pseudo_ops *ops)
{
	struct pseudo_node *n = pseudo_add(&proc_root_node, name, S_IFLNK | 0777, ops, NULL);

	if (IS_ERR(n))
		panic("proc: cannot add %s", name);
	n->target = target;
}

/* ---- the file system ---- */

static const struct super_ops proc_super_ops = {
	.evict = pid_evict,
};

static int proc_fill_super(struct superblock *sb, const char *source __unused,
			   const char *options __unused)
{
	struct inode *root;

	sb->ops = &proc_super_ops;
	sb->magic = PROC_SUPER_MAGIC;
	sb->blksize = 1024;
	root = inode_alloc(sb);
	if (!root)
		return -ENOMEM;
	root->ino = 1;
	root->mode = S_IFDIR | 0555;
	root->nlink = 2;
	root->ops = &proc_root_iops;
	root->fops = &proc_root_fops;
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static struct fs_type proc_type = {
	.name = "proc",
	.flags = FS_NODEV,
	.fill_super = proc_fill_super,
};

void procfs_init(void)
{
	pseudo_root_init(&proc_root_node);
	pseudo_root_init(&proc_net_node);
	proc_link_boot("self", NULL, &self_ops);
	proc_link_boot("thread-self", NULL, &thread_self_ops);
	proc_link_boot("mounts", "self/mounts", NULL);
	proc_link_boot("net", "self/net", NULL);
	proc_misc_init();
	proc_cpuinfo_init();
	proc_sys_init();
	fs_type_register(&proc_type);
}
