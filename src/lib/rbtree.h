/* SPDX-License-Identifier: MIT */
/*
 * Intrusive red-black tree. The caller descends by its own key to find the
 * link, then calls rb_link and rb_insert_fixup; see mm/vma.c for the pattern.
 */
#ifndef HYLA_LIB_RBTREE_H
#define HYLA_LIB_RBTREE_H

#include "lib/types.h"

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool red;
};
struct rb_root {
	struct rb_node *node;
};

#define rb_entry(p, t, m) container_of(p, t, m)

/* Hangs n at *link below parent; then rebalances. */
static inline void rb_link(struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	n->parent = parent;
	n->left = n->right = NULL;
	n->red = true;
	*link = n;
}
void rb_insert_fixup(struct rb_root *root, struct rb_node *n);
void rb_erase(struct rb_root *root, struct rb_node *n);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#endif
