/* SPDX-License-Identifier: MIT */
/* epoll(7) and the structs of poll(2). */
#ifndef HYLA_ABI_EPOLL_H
#define HYLA_ABI_EPOLL_H

#include "lib/types.h"

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP (1u << 29)
#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)

struct epoll_event {
	u32 events;
	u64 data;
} __packed;
_Static_assert(sizeof(struct epoll_event) == 12, "struct epoll_event");

struct pollfd {
	s32 fd;
	u16 events, revents;
};
_Static_assert(sizeof(struct pollfd) == 8, "struct pollfd");

#endif
