/* SPDX-License-Identifier: MIT */
/*
 * Radix tree: u64 index -> non-NULL pointer, 64-way nodes, no recursion.
 * Used for the page cache, pids and other sparse tables.
 */
#ifndef HYLA_LIB_RADIX_H
#define HYLA_LIB_RADIX_H

#include "lib/types.h"

struct radix_node;
struct radix_tree {
	struct radix_node *root;
	u32 height;		/* levels; 0: empty */
};

void *radix_lookup(const struct radix_tree *t, u64 index);
/* 0, -EEXIST or -ENOMEM. */
int radix_insert(struct radix_tree *t, u64 index, void *item) __must_check;
/* Replaces an existing item; bug if absent. */
void radix_replace(struct radix_tree *t, u64 index, void *item);
/* Removes and returns the item, or NULL. Frees empty nodes. */
void *radix_remove(struct radix_tree *t, u64 index);
/* The first item at or after *index; sets *index. NULL when there is none. */
void *radix_next(const struct radix_tree *t, u64 *index);

#endif
