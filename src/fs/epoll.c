/* SPDX-License-Identifier: MIT */
/*
 * epoll(7): a set of watched files and a list of those that may be ready.
 * Waiting is in epoll_wait.c.
 *
 *   struct eventpoll --- by_fd: radix fd -> chain of struct epoll_item
 *        | ready: items that an event or a level-triggered answer put there
 *        | wq: epoll_wait sleepers        poll_wq: pollers of the epoll file
 *   struct epoll_item --- file (no reference), one wait entry per queue of it
 *
 * An item is born in EPOLL_CTL_ADD and dies with EPOLL_CTL_DEL, with the last
 * reference of the watched file (epoll_file_release) or with the epoll file.
 * A wake-up on a watched queue only moves the item to `ready`; epoll_wait
 * asks the file again and drops what is not true any more. Level-triggered
 * items go back to the end of the list, so a long list is served in turns.
 *
 * Epoll files may watch each other: EPOLL_CTL_ADD refuses cycles and chains
 * longer than EP_MAX_NESTS with -ELOOP, which bounds the recursion of wake-ups
 * and polls.
 *
 * Nothing here sleeps but epoll_wait itself and copies to and from the
 * caller; a list that is being handed out stays valid over a copy because
 * item removal unlinks the item from whatever list it is on.
 *
 * Not supported: EPOLLWAKEUP (accepted and ignored, as without CONFIG_PM_SLEEP),
 * busy polling ioctls, /proc/sys/fs/epoll/max_user_watches.
 */
#include "fs/epoll.h"

#include "fs/poll.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define EP_MAX_NESTS 4
#define EP_EXCLUSIVE_OK (POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | \
			 EPOLLEXCLUSIVE)

static SLAB_CACHE(eventpoll_cache, struct eventpoll);
static SLAB_CACHE(epoll_item_cache, struct epoll_item);
static u32 visit_gen;

/* ---- items ---- */

void epoll_wake(struct eventpoll *ep, u32 events)
{
	wake_up_nr(&ep->wq, 1, events);
	wake_up_poll(&ep->poll_wq, POLLIN | POLLRDNORM);
}

static bool epoll_item_event(struct wait_entry *e, u32 events)
{
	struct epoll_item *item = container_of(e, struct epoll_wait_link, wait)->item;
	struct eventpoll *ep = item->ep;
	bool woke;

	if (!(item->events & ~EP_PRIVATE_BITS))
		return false;	/* EPOLLONESHOT has fired */
	if (events && !(events & item->events))
		return false;
	if (list_empty(&item->ready_link))
		list_add_tail(&item->ready_link, &ep->ready);
	woke = waitqueue_active(&ep->wq) || waitqueue_active(&ep->poll_wq);
	epoll_wake(ep, 0);
	return !(item->events & EPOLLEXCLUSIVE) || woke;
}

static void epoll_queue(struct poll_table *pt, struct file *f __unused, struct waitqueue *wq)
{
	struct epoll_item *item = container_of(pt, struct epoll_table, pt)->item;
	struct epoll_wait_link *w = &item->first;

	if (item->first_used) {
		w = kmalloc(sizeof(*w));
		if (!w) {
			item->error = -ENOMEM;
			return;
		}
	}
	*w = (struct epoll_wait_link){
		.wait = {
			.task = NULL,
			.fn = epoll_item_event,
			.exclusive = !!(item->events & EPOLLEXCLUSIVE),
		},
		.item = item,
	};
	list_init(&w->wait.link);
	if (item->first_used) {
		w->next = item->extra;
		item->extra = w;
	}
	item->first_used = true;
	wait_add(wq, &w->wait);
}

u32 epoll_item_poll(struct epoll_item *item, struct poll_table *pt)
{
	return file_poll(item->file, pt) & item->events;
}

/* The link that points to the item of (fd, file), or to the NULL at the end. */
static struct epoll_item *epoll_find(struct eventpoll *ep, struct file *f, int fd)
{
	struct epoll_item *item = radix_lookup(&ep->by_fd, (u64)fd);

	while (item && item->file != f)
		item = item->next_same_fd;
	return item;
}

static int epoll_index_add(struct eventpoll *ep, struct epoll_item *item)
{
	struct epoll_item *head = radix_lookup(&ep->by_fd, (u64)item->fd);

	item->next_same_fd = NULL;
	if (!head)
		return radix_insert(&ep->by_fd, (u64)item->fd, item);
	item->next_same_fd = head->next_same_fd;
	head->next_same_fd = item;
	return 0;
}

static void epoll_index_remove(struct eventpoll *ep, struct epoll_item *item)
{
	struct epoll_item *p = radix_lookup(&ep->by_fd, (u64)item->fd);

	if (p == item) {
		if (item->next_same_fd)
			radix_replace(&ep->by_fd, (u64)item->fd, item->next_same_fd);
		else
			radix_remove(&ep->by_fd, (u64)item->fd);
		return;
	}
	while (p && p->next_same_fd != item)
		p = p->next_same_fd;
	if (p)
		p->next_same_fd = item->next_same_fd;
}

static void epoll_item_unwait(struct epoll_item *item)
{
	struct epoll_wait_link *w, *next;

	if (item->first_used)
		wait_remove(&item->first.wait);
	for (w = item->extra; w; w = next) {
		next = w->next;
		wait_remove(&w->wait);
		kfree(w);
	}
	item->extra = NULL;
	item->first_used = false;
}

static void epoll_item_free(struct epoll_item *item)
{
	epoll_item_unwait(item);
	epoll_index_remove(item->ep, item);
	list_del(&item->ep_link);
	list_del(&item->ready_link);
	list_del(&item->file_link);
	slab_free(&epoll_item_cache, item);
}

void epoll_file_release(struct file *f)
{
	while (!list_empty(&f->epoll_items))
		epoll_item_free(list_first(&f->epoll_items, struct epoll_item, file_link));
}

/* ---- the epoll file ---- */

static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct eventpoll *ep = f->priv;
	struct epoll_item *item, *next;

	poll_wait(pt, f, &ep->poll_wq);
	list_for_each_entry_safe(item, next, &ep->ready, ready_link) {
		if (epoll_item_poll(item, NULL))
			return POLLIN | POLLRDNORM;
		list_del(&item->ready_link);
	}
	return 0;
}

static void epoll_release(struct file *f)
{
	struct eventpoll *ep = f->priv;

	while (!list_empty(&ep->items))
		epoll_item_free(list_first(&ep->items, struct epoll_item, ep_link));
	slab_free(&eventpoll_cache, ep);
}

static void epoll_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventpoll *ep = f->priv;
	struct epoll_item *item;
	size_t len = 0;

	buf[0] = '\0';
	list_for_each_entry(item, &ep->items, ep_link) {
		struct inode *inode = item->file->inode;

		if (len + 1 >= size)
			return;
		len += (size_t)scnprintf(buf + len, size - len,
			"tfd: %8d events: %8x data: %16lx  pos:%ld ino:%lx sdev:%lx\n",
			item->fd, item->events, item->data, (long)item->file->pos,
			inode ? inode->ino : 0, inode && inode->sb ? inode->sb->dev : 0);
	}
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
	.show_fdinfo = epoll_show_fdinfo,
};

bool file_is_epoll(const struct file *f)
{
	return f->ops == &epoll_ops;
}

/* ---- nesting ---- */

/* Longest chain of epoll files below ep (1: none); EP_MAX_NESTS + 2 when it is
 * too long or leads to `avoid`. Recursion is bounded by depth. */
static int epoll_depth_below(struct eventpoll *ep, const struct eventpoll *avoid, int depth)
{
	struct epoll_item *item;
	int deepest = depth;

	if (ep == avoid || depth > EP_MAX_NESTS)
		return EP_MAX_NESTS + 2;
	if (ep->visit == visit_gen)
		return depth;
	list_for_each_entry(item, &ep->items, ep_link) {
		if (!file_is_epoll(item->file))
			continue;
		deepest = max(deepest, epoll_depth_below(item->file->priv, avoid, depth + 1));
		if (deepest > EP_MAX_NESTS)
			return deepest;
	}
	ep->visit = visit_gen;
	return deepest;
}

/* Longest chain of epoll files that watch ep. */
static int epoll_depth_above(struct eventpoll *ep, int depth)
{
	struct epoll_item *item;
	int deepest = depth;

	if (depth > EP_MAX_NESTS)
		return depth;
	list_for_each_entry(item, &ep->file->epoll_items, file_link) {
		deepest = max(deepest, epoll_depth_above(item->ep, depth + 1));
		if (deepest > EP_MAX_NESTS)
			break;
	}
	return deepest;
}

static int epoll_check_nesting(struct eventpoll *ep, struct file *target)
{
	int below, above;

	if (!file_is_epoll(target))
		return 0;
	visit_gen++;
	below = epoll_depth_below(target->priv, ep, 1);
	if (below > EP_MAX_NESTS)
		return -ELOOP;
	above = epoll_depth_above(ep, 0);
	return below + above > EP_MAX_NESTS ? -ELOOP : 0;
}

/* ---- epoll_ctl ---- */

static int epoll_insert(struct eventpoll *ep, const struct epoll_event *ev, struct file *f,
			int fd)
{
	struct epoll_table table = { .pt = { .queue = epoll_queue } };
	struct epoll_item *item;
	int err;

	item = slab_zalloc(&epoll_item_cache);
	if (!item)
		return -ENOMEM;
	item->ep = ep;
	item->file = f;
	item->fd = fd;
	item->events = ev->events | POLLERR | POLLHUP;
	item->data = ev->data;
	list_init(&item->ready_link);
	err = epoll_index_add(ep, item);
	if (err) {
		slab_free(&epoll_item_cache, item);
		return err;
	}
	list_add_tail(&item->ep_link, &ep->items);
	list_add_tail(&item->file_link, &f->epoll_items);
	table.item = item;
	if (epoll_item_poll(item, &table.pt) && list_empty(&item->ready_link)) {
		list_add_tail(&item->ready_link, &ep->ready);
		epoll_wake(ep, 0);
	}
	err = item->error;
	if (err)
		epoll_item_free(item);
	return err;
}

static void epoll_modify(struct eventpoll *ep, struct epoll_item *item,
			 const struct epoll_event *ev)
{
	item->events = ev->events | POLLERR | POLLHUP;
	item->data = ev->data;
	if (epoll_item_poll(item, NULL) && list_empty(&item->ready_link)) {
		list_add_tail(&item->ready_link, &ep->ready);
		epoll_wake(ep, 0);
	}
}

static int epoll_ctl_checks(struct file *epf, struct file *f, int op,
			    const struct epoll_event *ev)
{
	if (!f->ops->poll)
		return -EPERM;
	if (f == epf || !file_is_epoll(epf))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (ev->events & EPOLLEXCLUSIVE)) {
		if (op == EPOLL_CTL_MOD)
			return -EINVAL;
		if (op == EPOLL_CTL_ADD &&
		    (file_is_epoll(f) || (ev->events & ~(u32)EP_EXCLUSIVE_OK)))
			return -EINVAL;
	}
	return op == EPOLL_CTL_ADD ? epoll_check_nesting(epf->priv, f) : 0;
}

static int epoll_ctl_op(struct file *epf, struct file *f, int op, int fd,
			const struct epoll_event *ev)
{
	struct eventpoll *ep;
	struct epoll_item *item;
	int err;

	err = epoll_ctl_checks(epf, f, op, ev);
	if (err)
		return err;
	ep = epf->priv;
	item = epoll_find(ep, f, fd);
	switch (op) {
	case EPOLL_CTL_ADD:
		return item ? -EEXIST : epoll_insert(ep, ev, f, fd);
	case EPOLL_CTL_DEL:
		if (!item)
			return -ENOENT;
		epoll_item_free(item);
		return 0;
	case EPOLL_CTL_MOD:
		if (!item)
			return -ENOENT;
		if (item->events & EPOLLEXCLUSIVE)
			return -EINVAL;
		epoll_modify(ep, item, ev);
		return 0;
	}
	return -EINVAL;
}

SYSCALL_DEFINE4(epoll_ctl, int, epfd, int, op, int, fd, uaddr_t, uevent)
{
	struct epoll_event ev = { 0, 0 };
	struct file *epf, *f;
	s64 err = -EBADF;

	if (op != EPOLL_CTL_DEL && copyin(&ev, uevent, sizeof(ev)))
		return -EFAULT;
	epf = fd_get(epfd);
	if (!epf)
		return -EBADF;
	f = fd_get(fd);
	if (f) {
		err = epoll_ctl_op(epf, f, op, fd, &ev);
		file_put(f);
	}
	file_put(epf);
	return err;
}

/* ---- creation ---- */

static s64 epoll_create_common(u32 flags)
{
	struct eventpoll *ep;
	struct file *f;

	ep = slab_zalloc(&eventpoll_cache);
	if (!ep)
		return -ENOMEM;
	list_init(&ep->items);
	list_init(&ep->ready);
	waitqueue_init(&ep->wq);
	waitqueue_init(&ep->poll_wq);
	f = file_anon("[eventpoll]", &epoll_ops, ep, O_RDWR);
	if (IS_ERR(f)) {
		slab_free(&eventpoll_cache, ep);
		return PTR_ERR(f);
	}
	ep->file = f;
	return fd_install_new(f, flags & O_CLOEXEC);
}

SYSCALL_DEFINE1(epoll_create1, u32, flags)
{
	if (flags & ~(u32)O_CLOEXEC)
		return -EINVAL;
	return epoll_create_common(flags);
}

SYSCALL_DEFINE1(epoll_create, int, size)
{
	if (size <= 0)
		return -EINVAL;
	return epoll_create_common(0);
}
