/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/task: a directory for each thread.
 *
 * A thread's directory has the same names as its process's (proc_entries.c),
 * seen through the thread. Positions: thread id + TASK_FIRST_POS.
 */
#include "fs/proc_impl.h"
#include "lib/string.h"

#define TASK_FIRST_POS 2

static int pid_task_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct pid_key key = pid_inode(dir)->key;
	struct inode *inode;
	struct proc_ref r;
	struct task *t;
	char text[12];
	u64 tid;
	int err = -ENOENT;

	if (name->len >= sizeof(text) || name->name[0] == '0' || !proc_ref_get(&key, &r))
		return -ENOENT;
	memcpy(text, name->name, name->len);
	text[name->len] = '\0';
	if (parse_u64(text, 10, &tid))
		goto out;
	t = task_find((pid_t)tid);
	if (!t && r.p->leader && r.p->leader->tid == (pid_t)tid)
		t = r.p->leader;	/* a zombie */
	if (!t || t->process != r.p)
		goto out;
	key.tid = t->tid;
	key.tid_start_ns = t->start_ns;
	inode = pid_inode_new(dir->sb, &key, &tid_base_entry, 0, 0);
	err = 0;
	if (IS_ERR(inode))
		err = (int)PTR_ERR(inode);
	else
		*res = inode;
out:
	proc_ref_put(&r);
	return err;
}

static int pid_task_revalidate(struct inode *dir __unused, struct dentry *d)
{
	struct proc_ref r;

	if (!d->inode || !proc_ref_get(&pid_inode(d->inode)->key, &r))
		return -ESTALE;
	proc_ref_put(&r);
	return 0;
}

static struct task *thread_at_or_after(struct process *p, pid_t from)
{
	struct task *t, *best = NULL;

	list_for_each_entry(t, &p->threads, thread_link) {
		if (t->tid >= from && (!best || t->tid < best->tid))
			best = t;
	}
	return best;
}

static int pid_task_iterate(struct file *f, struct dir_context *ctx)
{
	struct pid_inode *pi = pid_inode(f->inode);
	struct proc_ref r;
	struct task *t;
	char name[12];
	int len;

	if (!proc_ref_get(&pi->key, &r))
		return -ENOENT;
	if (!dir_emit_dots(f, ctx))
		goto out;
	while ((t = thread_at_or_after(r.p, (pid_t)(ctx->pos - TASK_FIRST_POS)))) {
		len = scnprintf(name, sizeof(name), "%d", t->tid);
		if (!ctx->emit(ctx, name, (u32)len, t->tid + TASK_FIRST_POS + 1,
			       (u64)t->tid << 24 | 1ul << 50, S_IFDIR >> 12))
			break;
		ctx->pos = t->tid + TASK_FIRST_POS + 1;
	}
out:
	proc_ref_put(&r);
	return 0;
}

const struct inode_ops pid_task_iops = {
	.lookup = pid_task_lookup,
	PROC_NO_CREATE,
	.setattr = pid_setattr,
	.getattr = pid_getattr,
	.revalidate = pid_task_revalidate,
	.permission = pid_permission,
};

const struct file_ops pid_task_fops = {
	.iterate = pid_task_iterate,
	.llseek = file_llseek_dir,
};
