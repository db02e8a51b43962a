/* SPDX-License-Identifier: MIT */
/*
 * inotify(7): watches on inodes, a queue of events per instance.
 *
 *   struct inotify (the file) --- watches: list and radix wd -> watch
 *        | events: queue of struct inotify_node, at most inotify_max_queued_events
 *   struct inotify_watch --- on inode->watches; holds one inode reference
 *
 * A watch is born in inotify_add_watch and dies with inotify_rm_watch, the
 * inode (fsnotify_inode_gone), the file system (inotify_sb_gone), IN_ONESHOT
 * or the file; all but the last queue IN_IGNORED.
 *
 * fsnotify(inode, mask, dir, name, cookie): events about names (create,
 * delete, move) go to the watches of dir only; all others to those of dir
 * with the name, then to those of the inode without one, in the order in
 * which Linux reports them. An event equal to the newest queued one is
 * dropped. When the queue is full or memory is short, one IN_Q_OVERFLOW,
 * reserved with the instance, says so.
 *
 * Locks: the kernel lock; fsnotify never sleeps.
 * Not supported: fanotify; IN_EXCL_UNLINK goes by the link count.
 */
#include "fs/inotify.h"

#include "abi/inotify.h"
#include "abi/termios.h"
#include "fs/vfs.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/radix.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define IN_NAME_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define IN_SELF_EVENTS (IN_DELETE_SELF | IN_MOVE_SELF)
#define IN_FLAGS (IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | \
		  IN_ONESHOT)
#define IN_KEEP (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT)

struct inotify_node {
	struct list_head link;
	s32 wd;
	u32 mask, cookie, name_len;
	char name[];
};

struct inotify {
	struct list_head watches;
	struct radix_tree by_wd;
	struct list_head events;
	struct waitqueue wq;
	u32 event_count;
	s32 last_wd;
	uid_t uid;
	struct list_head link;		/* all instances */
	struct inotify_node overflow;	/* queued when link is not empty */
};

struct inotify_watch {
	struct list_head inode_link;
	struct list_head group_link;
	struct inotify *group;
	struct inode *inode;
	s32 wd;
	u32 mask;
};

static SLAB_CACHE(inotify_cache, struct inotify);
static SLAB_CACHE(inotify_watch_cache, struct inotify_watch);
static struct list_head all_inotify = LIST_HEAD_INIT(all_inotify);
static u32 nr_watches;

u32 inotify_max_queued_events = 16384;
u32 inotify_max_user_instances = 128;
u32 inotify_max_user_watches = 65536;

/* ---- queue ---- */

static bool inotify_same_as_last(struct inotify *g, s32 wd, u32 mask, const char *name, u32 len)
{
	struct inotify_node *last;

	if (list_empty(&g->events))
		return false;
	last = list_last(&g->events, struct inotify_node, link);
	return last->wd == wd && last->mask == mask && last->name_len == len &&
	       (!len || !memcmp(last->name, name, len));
}

static void inotify_queue(struct inotify *g, s32 wd, u32 mask, u32 cookie, const char *name,
			  u32 len)
{
	struct inotify_node *n = NULL;

	if (inotify_same_as_last(g, wd, mask, name, len))
		return;
	if (g->event_count < inotify_max_queued_events)
		n = kmalloc(sizeof(*n) + len);
	if (!n) {
		if (!list_empty(&g->overflow.link))
			return;
		list_add_tail(&g->overflow.link, &g->events);
		goto wake;
	}
	n->wd = wd;
	n->mask = mask;
	n->cookie = cookie;
	n->name_len = len;
	memcpy(n->name, name, len);
	list_add_tail(&n->link, &g->events);
wake:
	g->event_count++;
	wake_up_poll(&g->wq, POLLIN | POLLRDNORM);
}

static void inotify_node_free(struct inotify *g, struct inotify_node *n)
{
	list_del(&n->link);
	if (n != &g->overflow)
		kfree(n);
}

static u32 inotify_padded(u32 name_len)
{
	return name_len ? align_up(name_len + 1, (u32)sizeof(struct inotify_event)) : 0;
}

static size_t inotify_node_size(const struct inotify_node *n)
{
	return sizeof(struct inotify_event) + inotify_padded(n->name_len);
}

/* ---- watches ---- */

static void inotify_watch_free(struct inotify_watch *w, bool tell)
{
	struct inode *inode = w->inode;

	if (tell)
		inotify_queue(w->group, w->wd, IN_IGNORED, 0, "", 0);
	radix_remove(&w->group->by_wd, (u64)w->wd);
	list_del(&w->group_link);
	list_del(&w->inode_link);
	nr_watches--;
	slab_free(&inotify_watch_cache, w);
	inode_put(inode);
}

static void inotify_notify(struct list_head *watches, struct inode *subject, u32 mask, u32 cookie,
			   const char *name, u32 len)
{
	struct inotify_watch *w, *next;
	u32 event = mask & (IN_ALL_EVENTS | IN_UNMOUNT);

	list_for_each_entry_safe(w, next, watches, inode_link) {
		if (!(w->mask & event))
			continue;
		if ((w->mask & IN_EXCL_UNLINK) && len && !(event & IN_NAME_EVENTS) &&
		    subject && !subject->nlink)
			continue;
		inotify_queue(w->group, w->wd, mask, cookie, name, len);
		if (w->mask & IN_ONESHOT)
			inotify_watch_free(w, true);
	}
}

void fsnotify(struct inode *inode, u32 mask, struct inode *dir, const struct qstr *name,
	      u32 cookie)
{
	const char *text = name ? name->name : "";
	u32 len = name ? name->len : 0;

	if (!nr_watches)
		return;
	if (inode && S_ISDIR(inode->mode) && !(mask & IN_SELF_EVENTS))
		mask |= IN_ISDIR;
	if (dir && !list_empty(&dir->watches) && !(mask & IN_SELF_EVENTS))
		inotify_notify(&dir->watches, inode, mask, cookie, text, len);
	if (inode && !list_empty(&inode->watches) && !(mask & IN_NAME_EVENTS))
		inotify_notify(&inode->watches, NULL, mask, 0, "", 0);
}

void fsnotify_inode_gone(struct inode *inode)
{
	struct inotify_watch *w;

	inode_get(inode);
	inotify_notify(&inode->watches, NULL, IN_DELETE_SELF, 0, "", 0);
	while (!list_empty(&inode->watches)) {
		w = list_first(&inode->watches, struct inotify_watch, inode_link);
		inotify_watch_free(w, true);
	}
	inode_put(inode);
}

u32 inotify_pins(const struct inode *inode)
{
	const struct inotify_watch *w;
	u32 n = 0;

	if (nr_watches) {
		list_for_each_entry(w, &inode->watches, inode_link)
			n++;
	}
	return n;
}

void inotify_sb_gone(struct superblock *sb)
{
	struct inotify *g;
	struct inotify_watch *w, *next;

	if (!nr_watches)
		return;
	list_for_each_entry(g, &all_inotify, link) {
		list_for_each_entry_safe(w, next, &g->watches, group_link) {
			if (w->inode->sb != sb)
				continue;
			inotify_queue(g, w->wd, IN_UNMOUNT, 0, "", 0);
			inotify_watch_free(w, true);
		}
	}
}

/* ---- the file ---- */

/* Copies one event out; 0 or -EFAULT. */
static int inotify_copy_event(struct uio *uio, const struct inotify_node *n)
{
	struct inotify_event ev = {
		.wd = n->wd,
		.mask = n->mask,
		.cookie = n->cookie,
		.len = inotify_padded(n->name_len),
	};

	if (uio_copy_to(uio, &ev, sizeof(ev)) != sizeof(ev) ||
	    uio_copy_to(uio, n->name, n->name_len) != n->name_len ||
	    uio_zero_to(uio, ev.len - n->name_len) != ev.len - n->name_len)
		return -EFAULT;
	return 0;
}

static ssize_t inotify_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct inotify *g = f->priv;
	struct inotify_node *n;
	ssize_t done = 0;
	size_t size;
	int err = 0;

	while (list_empty(&g->events)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&g->wq, !list_empty(&g->events));
		if (err)
			return err;
	}
	while (!list_empty(&g->events)) {
		n = list_first(&g->events, struct inotify_node, link);
		size = inotify_node_size(n);
		if (size > uio->resid) {
			err = -EINVAL;
			break;
		}
		list_del(&n->link);
		g->event_count--;
		err = inotify_copy_event(uio, n);
		inotify_node_free(g, n);
		if (err)
			break;
		done += (ssize_t)size;
	}
	return done ? done : err;
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *g = f->priv;

	poll_wait(pt, f, &g->wq);
	return list_empty(&g->events) ? 0 : POLLIN | POLLRDNORM;
}

static s64 inotify_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct inotify *g = f->priv;
	struct inotify_node *n;
	size_t bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	list_for_each_entry(n, &g->events, link)
		bytes += inotify_node_size(n);
	return put_user_u32(arg, (u32)bytes);
}

static void inotify_release(struct file *f)
{
	struct inotify *g = f->priv;

	while (!list_empty(&g->watches))
		inotify_watch_free(list_first(&g->watches, struct inotify_watch, group_link),
				   false);
	while (!list_empty(&g->events))
		inotify_node_free(g, list_first(&g->events, struct inotify_node, link));
	list_del(&g->link);
	slab_free(&inotify_cache, g);
}

static void inotify_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct inotify *g = f->priv;
	struct inotify_watch *w;
	size_t len = 0;

	buf[0] = '\0';
	list_for_each_entry(w, &g->watches, group_link) {
		if (len + 1 >= size)
			return;
		len += (size_t)scnprintf(buf + len, size - len,
			"inotify wd:%x ino:%lx sdev:%lx mask:%x ignored_mask:0 \n", (u32)w->wd,
			w->inode->ino, w->inode->sb ? w->inode->sb->dev : 0,
			w->mask & IN_ALL_EVENTS);
	}
}

static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.show_fdinfo = inotify_show_fdinfo,
};

/* ---- system calls ---- */

static s64 inotify_create(u32 flags)
{
	struct inotify *g, *other;
	struct file *f;
	u32 mine = 0;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	list_for_each_entry(other, &all_inotify, link)
		mine += other->uid == current->cred->uid;
	if (mine >= inotify_max_user_instances)
		return -EMFILE;
	g = slab_zalloc(&inotify_cache);
	if (!g)
		return -ENOMEM;
	list_init(&g->watches);
	list_init(&g->events);
	list_init(&g->link);
	waitqueue_init(&g->wq);
	g->uid = current->cred->uid;
	list_init(&g->overflow.link);
	g->overflow.wd = -1;
	g->overflow.mask = IN_Q_OVERFLOW;
	f = file_anon("inotify", &inotify_ops, g, O_RDONLY | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		slab_free(&inotify_cache, g);
		return PTR_ERR(f);
	}
	list_add_tail(&g->link, &all_inotify);
	return fd_install_new(f, flags & O_CLOEXEC);
}

SYSCALL_DEFINE1(inotify_init1, u32, flags)
{
	return inotify_create(flags);
}

SYSCALL_DEFINE0(inotify_init)
{
	return inotify_create(0);
}

static struct file *inotify_file(int fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return ERR_PTR(-EBADF);
	if (f->ops != &inotify_ops) {
		file_put(f);
		return ERR_PTR(-EINVAL);
	}
	return f;
}

/* Consumes no reference. The watch descriptor or -errno. */
static s64 inotify_add(struct inotify *g, struct inode *inode, u32 mask)
{
	struct inotify_watch *w;
	int err;

	list_for_each_entry(w, &inode->watches, inode_link) {
		if (w->group != g)
			continue;
		if (mask & IN_MASK_CREATE)
			return -EEXIST;
		w->mask = (mask & IN_KEEP) | (mask & IN_MASK_ADD ? w->mask : 0);
		return w->wd;
	}
	if (nr_watches >= inotify_max_user_watches || g->last_wd == S32_MAX)
		return -ENOSPC;
	w = slab_alloc(&inotify_watch_cache);
	if (!w)
		return -ENOMEM;
	w->group = g;
	w->wd = g->last_wd + 1;
	w->mask = mask & IN_KEEP;
	err = radix_insert(&g->by_wd, (u64)w->wd, w);
	if (err) {
		slab_free(&inotify_watch_cache, w);
		return err;
	}
	g->last_wd = w->wd;
	w->inode = inode_get(inode);
	list_add_tail(&w->group_link, &g->watches);
	list_add_tail(&w->inode_link, &inode->watches);
	nr_watches++;
	return w->wd;
}

SYSCALL_DEFINE3(inotify_add_watch, int, fd, uaddr_t, upath, u32, mask)
{
	struct file *f;
	struct path path;
	u32 lookup = 0;
	s64 res;

	if (!(mask & (IN_ALL_EVENTS | IN_FLAGS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_ISDIR |
		      IN_IGNORED)))
		return -EINVAL;
	f = inotify_file(fd);
	if (IS_ERR(f))
		return PTR_ERR(f);
	res = -EINVAL;
	if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE))
		goto put_file;
	if (!(mask & IN_DONT_FOLLOW))
		lookup |= LOOKUP_FOLLOW;
	if (mask & IN_ONLYDIR)
		lookup |= LOOKUP_DIRECTORY;
	res = path_lookup_user(AT_FDCWD, upath, lookup, &path);
	if (res)
		goto put_file;
	res = inode_permission(path.dentry->inode, MAY_READ);
	if (!res)
		res = inotify_add(f->priv, path.dentry->inode, mask);
	path_put(&path);
put_file:
	file_put(f);
	return res;
}

SYSCALL_DEFINE2(inotify_rm_watch, int, fd, s32, wd)
{
	struct file *f = inotify_file(fd);
	struct inotify *g;
	struct inotify_watch *w = NULL;

	if (IS_ERR(f))
		return PTR_ERR(f);
	g = f->priv;
	if (wd > 0)
		w = radix_lookup(&g->by_wd, (u64)wd);
	if (w)
		inotify_watch_free(w, true);
	file_put(f);
	return w ? 0 : -EINVAL;
}
