/* SPDX-License-Identifier: MIT */
/* Intrusive circular doubly linked list; an empty head points to itself. */
#ifndef HYLA_LIB_LIST_H
#define HYLA_LIB_LIST_H

#include "lib/types.h"

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name) { &(name), &(name) }

static inline void list_init(struct list_head *h)
{
	h->next = h->prev = h;
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

static inline void list_insert_between(struct list_head *n, struct list_head *prev,
				       struct list_head *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

/* Adds n right after pos (so at the front, when pos is the head). */
static inline void list_add(struct list_head *n, struct list_head *pos)
{
	list_insert_between(n, pos, pos->next);
}

/* Adds n right before pos (so at the end, when pos is the head). */
static inline void list_add_tail(struct list_head *n, struct list_head *pos)
{
	list_insert_between(n, pos->prev, pos);
}

/* Removes n and leaves it empty: removing twice is harmless. */
static inline void list_del(struct list_head *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

static inline void list_move_tail(struct list_head *n, struct list_head *head)
{
	list_del(n);
	list_add_tail(n, head);
}

/* Moves all of src to the end of dst; src is empty afterwards. */
static inline void list_splice_tail(struct list_head *src, struct list_head *dst)
{
	if (list_empty(src))
		return;
	src->next->prev = dst->prev;
	dst->prev->next = src->next;
	src->prev->next = dst;
	dst->prev = src->prev;
	list_init(src);
}

#define list_entry(p, t, m) container_of(p, t, m)
#define list_first(h, t, m) list_entry((h)->next, t, m)
#define list_last(h, t, m) list_entry((h)->prev, t, m)
#define list_first_or_null(h, t, m) (list_empty(h) ? NULL : list_first(h, t, m))
#define list_for_each_entry(e, h, m) \
	for (e = list_first(h, __typeof__(*e), m); &e->m != (h); \
	     e = list_entry(e->m.next, __typeof__(*e), m))
#define list_for_each_entry_safe(e, n, h, m) \
	for (e = list_first(h, __typeof__(*e), m), \
	     n = list_entry(e->m.next, __typeof__(*e), m); &e->m != (h); \
	     e = n, n = list_entry(n->m.next, __typeof__(*e), m))

#endif
