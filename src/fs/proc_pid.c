/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID and /proc/PID/task/TID: the directories, their fixed names, who
 * owns them and who may look.
 *
 * Owner: the process's effective ids while it is dumpable, else root; only
 * the directory itself always shows the effective ids. Names with PE_INSPECT
 * ask process_may_inspect() at open (-EACCES). A file that is open when its
 * process is reaped reads -ESRCH.
 *
 * What a file shows is made in proc_task.c, proc_mm.c, proc_fd.c, proc_ns.c.
 *
 * Not supported: writing uid_map and gid_map (no user namespaces), clear_refs,
 * map_files, numa_maps, stack, timers, cpuset, autogroup.
 */
#include "fs/proc_impl.h"

#include "fs/mount.h"
#include "kernel/capability.h"
#include "kernel/cred.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"

static SLAB_CACHE(pid_inode_cache, struct pid_inode);

/* ---- finding the process ---- */

static struct task *find_thread(struct process *p, const struct pid_key *key)
{
	struct task *t;

	if (!key->tid)
		return p->leader;
	t = task_find(key->tid);
	return t && t->process == p && t->start_ns == key->tid_start_ns ? t : NULL;
}

bool proc_ref_get(const struct pid_key *key, struct proc_ref *r)
{
	struct process *p = process_find(key->pid);
	struct task *t;

	if (!p || p->start_ns != key->start_ns)
		return false;
	t = find_thread(p, key);
	if (!t)
		return false;
	r->p = process_get(p);
	r->t = task_get(t);
	r->thread = key->tid != 0;
	return true;
}

void proc_ref_put(struct proc_ref *r)
{
	task_put(r->t);
	process_put(r->p);
}

struct mm *proc_mm_get(struct process *p)
{
	struct task *t;

	if (p->leader && p->leader->mm)
		return mm_get(p->leader->mm);
	list_for_each_entry(t, &p->threads, thread_link) {
		if (t->mm)
			return mm_get(t->mm);
	}
	return NULL;
}

static bool process_dumpable(const struct process *p)
{
	return !p->leader || !p->leader->mm || p->leader->mm->dumpable;
}

bool process_may_inspect(struct process *p)
{
	const struct cred *me = current->cred;
	const struct cred *him;

	if (p == current->process)
		return true;
	if (!p->leader || !p->leader->cred)
		return capable(CAP_SYS_PTRACE);
	him = p->leader->cred;
	if (capable(CAP_SYS_PTRACE))
		return true;
	if (me->fsuid != him->euid || me->fsuid != him->suid || me->fsuid != him->uid ||
	    me->fsgid != him->egid || me->fsgid != him->sgid || me->fsgid != him->gid)
		return false;
	if (him->cap_permitted & ~me->cap_permitted)
		return false;
	return process_dumpable(p);
}

/* ---- inodes ---- */

void pid_refresh_owner(struct inode *inode)
{
	struct proc_ref r;

	if (!proc_ref_get(&pid_inode(inode)->key, &r))
		return;
	inode->uid = 0;
	inode->gid = 0;
	if (r.t->cred && (process_dumpable(r.p) || inode->mode == (S_IFDIR | 0555))) {
		inode->uid = r.t->cred->euid;
		inode->gid = r.t->cred->egid;
	}
	proc_ref_put(&r);
}

int pid_getattr(struct inode *inode)
{
	struct proc_ref r;

	if (!proc_ref_get(&pid_inode(inode)->key, &r))
		return -ENOENT;
	proc_ref_put(&r);
	pid_refresh_owner(inode);
	return 0;
}

int pid_permission(struct inode *inode, int mask)
{
	pid_refresh_owner(inode);
	return inode_permission_generic(inode, mask);
}

int pid_setattr(struct inode *inode __unused, const struct iattr *attr)
{
	return attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

int pid_revalidate(struct inode *dir, struct dentry *d)
{
	struct proc_ref r;

	if (!d->inode)
		return 0;
	if (!proc_ref_get(&pid_inode(dir)->key, &r))
		return -ESTALE;
	proc_ref_put(&r);
	return 0;
}

void pid_evict(struct inode *inode)
{
	/* Inodes of the static tree point to nodes that live for ever. */
	if (inode->flags & 1)
		slab_free(&pid_inode_cache, inode->priv);
}

static int pid_follow(struct inode *inode, struct path *res)
{
	struct pid_inode *pi = pid_inode(inode);
	struct proc_ref r;
	int err;

	if (!proc_ref_get(&pi->key, &r))
		return -ENOENT;
	err = -EACCES;
	if (process_may_inspect(r.p))
		err = pi->entry->follow(&r, res);
	proc_ref_put(&r);
	return err;
}

static ssize_t pid_readlink(struct inode *inode, char *buf, size_t size)
{
	struct pid_inode *pi = pid_inode(inode);
	struct proc_ref r;
	ssize_t len;

	if (!proc_ref_get(&pi->key, &r))
		return -ENOENT;
	len = -EACCES;
	if (process_may_inspect(r.p))
		len = pi->entry->readlink(&r, buf, size);
	proc_ref_put(&r);
	return len;
}

int pid_open_check(struct inode *inode, struct file *f __unused)
{
	struct pid_inode *pi = pid_inode(inode);
	struct proc_ref r;
	int err = 0;

	if (!proc_ref_get(&pi->key, &r))
		return -ESRCH;
	if ((pi->entry->flags & PE_INSPECT) && !process_may_inspect(r.p))
		err = -EACCES;
	proc_ref_put(&r);
	return err;
}

static int pid_show(struct text *t, void *data, u64 *cursor)
{
	struct pid_inode *pi = data;
	struct proc_ref r;
	int res;

	if (!proc_ref_get(&pi->key, &r))
		return -ESRCH;
	res = pi->entry->show(t, &r, cursor);
	proc_ref_put(&r);
	return res;
}

static void pid_show_done(void *data)
{
	slab_free(&pid_inode_cache, data);
}

static int pid_open(struct inode *inode, struct file *f)
{
	struct pid_inode *pi = pid_inode(inode), *copy;
	int err;

	if (pi->entry->fops) {
		f->ops = pi->entry->fops;
		return f->ops->open ? f->ops->open(inode, f) : 0;
	}
	err = pid_open_check(inode, f);
	if (err)
		return err;
	copy = slab_alloc(&pid_inode_cache);
	if (!copy)
		return -ENOMEM;
	*copy = *pi;
	err = text_file_open(f, pi->entry->show ? pid_show : NULL, copy, pid_show_done);
	if (err)
		slab_free(&pid_inode_cache, copy);
	return err;
}

static ssize_t pid_write(struct file *f, struct uio *uio, loff_t *pos)
{
	struct pid_inode *pi = pid_inode(f->inode);
	struct proc_ref r;
	char text[128];
	size_t size = uio->resid;
	int err;

	if (!pi->entry->store)
		return -EIO;
	if (size >= sizeof(text))
		return -EINVAL;
	if (uio_copy_from(uio, text, size) != size)
		return -EFAULT;
	text[size] = '\0';
	if (!proc_ref_get(&pi->key, &r))
		return -ESRCH;
	err = pi->entry->store(&r, text, size);
	proc_ref_put(&r);
	if (err)
		return err;
	*pos += (loff_t)size;
	return (ssize_t)size;
}

static const struct file_ops pid_file_fops = {
	.read = text_file_read,
	.write = pid_write,
	.llseek = text_file_llseek,
	.open = pid_open,
	.release = text_file_release,
};

static const struct inode_ops pid_file_iops = {
	.setattr = pid_setattr,
	.getattr = pid_getattr,
	.permission = pid_permission,
};

static const struct inode_ops pid_link_iops = {
	.follow = pid_follow,
	.setattr = pid_setattr,
	.getattr = pid_getattr,
};

static const struct inode_ops pid_ns_link_iops = {
	.follow = pid_follow,
	.readlink = pid_readlink,
	.setattr = pid_setattr,
	.getattr = pid_getattr,
};

u64 pid_ino(const struct pid_key *key, u32 low)
{
	u64 base = (u64)(key->tid ? key->tid : key->pid) << 24 | low;

	return key->tid ? base | 1ul << 50 : base;
}

struct inode *pid_inode_new(struct superblock *sb, const struct pid_key *key,
			    const struct pid_entry *entry, u32 fd, u32 low)
{
	struct pid_inode *pi = slab_alloc(&pid_inode_cache);
	struct inode *inode;

	if (!pi)
		return ERR_PTR(-ENOMEM);
	inode = inode_alloc(sb);
	if (!inode) {
		slab_free(&pid_inode_cache, pi);
		return ERR_PTR(-ENOMEM);
	}
	*pi = (struct pid_inode){ .key = *key, .entry = entry, .fd = fd };
	inode->priv = pi;
	inode->flags = 1;
	inode->ino = pid_ino(key, low);
	inode->mode = entry->mode;
	inode->nlink = S_ISDIR(entry->mode) ? 2 : 1;
	if (S_ISLNK(entry->mode)) {
		inode->ops = entry->readlink ? &pid_ns_link_iops : &pid_link_iops;
	} else if (entry->table) {
		inode->ops = &pid_table_iops;
		inode->fops = &pid_table_fops;
	} else if (S_ISDIR(entry->mode)) {
		inode->ops = entry->iops;
		inode->fops = entry->fops;
	} else {
		inode->ops = &pid_file_iops;
		inode->fops = &pid_file_fops;
	}
	pid_refresh_owner(inode);
	return inode;
}

/* ---- directories with a table ---- */

static bool entry_shown(const struct pid_entry *e, const struct pid_key *key)
{
	return !(e->flags & (key->tid ? PE_PROCESS : PE_THREAD));
}

/* The inode number's low part of an entry: tables do not overlap. */
static u32 entry_low(const struct pid_entry *dir, const struct pid_entry *e)
{
	u32 table = dir == &pid_base_entry || dir == &tid_base_entry ? 0 :
		    dir->table == pid_ns_table ? 1 : 2;

	return table * 256 + (u32)(e - dir->table) + 1;
}

static int pid_table_lookup(struct inode *dir, const struct qstr *name, struct inode **res)
{
	struct pid_inode *pi = pid_inode(dir);
	const struct pid_entry *e;
	struct proc_ref r;
	struct inode *inode;
	u32 i;

	if (!proc_ref_get(&pi->key, &r))
		return -ENOENT;
	proc_ref_put(&r);
	for (i = 0; i < pi->entry->count; i++) {
		e = &pi->entry->table[i];
		if (strncmp(e->name, name->name, name->len) || e->name[name->len] ||
		    !entry_shown(e, &pi->key))
			continue;
		if (!strcmp(e->name, "net") && S_ISDIR(e->mode))
			inode = pseudo_inode(dir->sb, &proc_net_node);
		else
			inode = pid_inode_new(dir->sb, &pi->key, e, 0, entry_low(pi->entry, e));
		if (IS_ERR(inode))
			return (int)PTR_ERR(inode);
		*res = inode;
		return 0;
	}
	return -ENOENT;
}

static int pid_table_iterate(struct file *f, struct dir_context *ctx)
{
	struct pid_inode *pi = pid_inode(f->inode);
	const struct pid_entry *e;
	struct proc_ref r;

	if (!proc_ref_get(&pi->key, &r))
		return -ENOENT;
	proc_ref_put(&r);
	if (!dir_emit_dots(f, ctx))
		return 0;
	for (; ctx->pos - 2 < pi->entry->count; ctx->pos++) {
		e = &pi->entry->table[ctx->pos - 2];
		if (!entry_shown(e, &pi->key))
			continue;
		if (!ctx->emit(ctx, e->name, (u32)strlen(e->name), ctx->pos + 1,
			       pid_ino(&pi->key, entry_low(pi->entry, e)), (e->mode & S_IFMT) >> 12))
			return 0;
	}
	return 0;
}

const struct inode_ops pid_table_iops = {
	.lookup = pid_table_lookup,
	PROC_NO_CREATE,
	.setattr = pid_setattr,
	.getattr = pid_getattr,
	.revalidate = pid_revalidate,
	.permission = pid_permission,
};

const struct file_ops pid_table_fops = {
	.iterate = pid_table_iterate,
	.llseek = file_llseek_dir,
};

struct process *procfs_file_process(struct file *f)
{
	struct pid_inode *pi;
	struct process *p;

	if (!f->inode || f->inode->ops != &pid_table_iops)
		return NULL;
	pi = pid_inode(f->inode);
	if (pi->entry != &pid_base_entry)
		return NULL;
	p = process_find(pi->key.pid);
	return p && p->start_ns == pi->key.start_ns ? p : NULL;
}
