/* SPDX-License-Identifier: MIT */
/* Between epoll.c (the set) and epoll_wait.c (waiting on it). */
#ifndef HYLA_FS_EPOLL_H
#define HYLA_FS_EPOLL_H

#include "abi/epoll.h"
#include "fs/vfs.h"
#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/radix.h"
#include "lib/types.h"

#define EP_PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

struct eventpoll {
	struct file *file;
	struct radix_tree by_fd;
	struct list_head items;		/* struct epoll_item.ep_link */
	struct list_head ready;		/* struct epoll_item.ready_link */
	struct waitqueue wq;
	struct waitqueue poll_wq;
	u32 visit;			/* loop check: last generation that saw it */
};

struct epoll_wait_link {
	struct wait_entry wait;
	struct epoll_item *item;
	struct epoll_wait_link *next;
};

struct epoll_item {
	struct eventpoll *ep;
	struct file *file;		/* weak: epoll_file_release ends us first */
	int fd;
	u32 events;
	u64 data;
	struct epoll_item *next_same_fd;
	struct list_head ep_link;
	struct list_head ready_link;
	struct list_head file_link;	/* file->epoll_items */
	struct epoll_wait_link *extra;	/* queues after the first */
	struct epoll_wait_link first;
	bool first_used;
	int error;			/* registration failed */
};

struct epoll_table {
	struct poll_table pt;
	struct epoll_item *item;
};

bool file_is_epoll(const struct file *f);
/* Something is on ep->ready: wakes waiters and pollers. */
void epoll_wake(struct eventpoll *ep, u32 events);
/* The item's events that are true now. */
u32 epoll_item_poll(struct epoll_item *item, struct poll_table *pt);

#endif
