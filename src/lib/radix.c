/* SPDX-License-Identifier: MIT */
/*
 * Radix tree with 64-way nodes. Height h covers indices below 64^h. Nodes
 * count their entries and are freed with the last one; the root shrinks only
 * when the tree is empty, which keeps removal simple.
 */
#include "lib/radix.h"

#include "abi/errno.h"
#include "mm/slab.h"

#define RADIX_BITS 6
#define RADIX_SIZE (1u << RADIX_BITS)
#define RADIX_MAX_HEIGHT 11

struct radix_node {
	u32 count;
	u32 pad;
	struct radix_node *parent;
	void *slot[RADIX_SIZE];
};

static SLAB_CACHE(radix_node_cache, struct radix_node);

static u32 slot_of(u64 index, u32 level)
{
	return (index >> (level * RADIX_BITS)) & (RADIX_SIZE - 1);
}

static bool in_range(const struct radix_tree *t, u64 index)
{
	return t->height >= RADIX_MAX_HEIGHT || index >> (t->height * RADIX_BITS) == 0;
}

static struct radix_node *leaf_of(const struct radix_tree *t, u64 index)
{
	struct radix_node *n = t->root;
	u32 level;

	if (!t->height || !in_range(t, index))
		return NULL;
	for (level = t->height - 1; n && level > 0; level--)
		n = n->slot[slot_of(index, level)];
	return n;
}

void *radix_lookup(const struct radix_tree *t, u64 index)
{
	struct radix_node *n = leaf_of(t, index);

	return n ? n->slot[slot_of(index, 0)] : NULL;
}

/* Frees n and its ancestors as far as they are empty. */
static void prune(struct radix_tree *t, struct radix_node *n)
{
	struct radix_node *parent;
	u32 i;

	while (n && n->count == 0) {
		parent = n->parent;
		if (!parent) {
			t->root = NULL;
			t->height = 0;
		} else {
			for (i = 0; parent->slot[i] != n; i++)
				;
			parent->slot[i] = NULL;
			parent->count--;
		}
		slab_free(&radix_node_cache, n);
		n = parent;
	}
}

/* Makes the tree high enough. An empty one gets its root at the full height at
 * once: a node without entries must never hang in the tree. */
static int grow(struct radix_tree *t, u64 index)
{
	struct radix_node *n;

	while (!t->root || !in_range(t, index)) {
		n = slab_zalloc(&radix_node_cache);
		if (!n)
			return -ENOMEM;
		if (t->root) {
			n->slot[0] = t->root;
			n->count = 1;
			t->root->parent = n;
			t->height++;
		} else {
			t->height = 1;
			while (!in_range(t, index))
				t->height++;
		}
		t->root = n;
	}
	return 0;
}

int radix_insert(struct radix_tree *t, u64 index, void *item)
{
	struct radix_node *n, *child;
	u32 level, slot;
	int err = grow(t, index);

	if (err)
		return err;
	n = t->root;
	for (level = t->height - 1; level > 0; level--) {
		slot = slot_of(index, level);
		child = n->slot[slot];
		if (!child) {
			child = slab_zalloc(&radix_node_cache);
			if (!child) {
				prune(t, n);
				return -ENOMEM;
			}
			child->parent = n;
			n->slot[slot] = child;
			n->count++;
		}
		n = child;
	}
	slot = slot_of(index, 0);
	if (n->slot[slot])
		return -EEXIST;
	n->slot[slot] = item;
	n->count++;
	return 0;
}

void radix_replace(struct radix_tree *t, u64 index, void *item)
{
	struct radix_node *n = leaf_of(t, index);

	bug_on(!n || !n->slot[slot_of(index, 0)]);
	n->slot[slot_of(index, 0)] = item;
}

void *radix_remove(struct radix_tree *t, u64 index)
{
	struct radix_node *n = leaf_of(t, index);
	u32 slot = slot_of(index, 0);
	void *item;

	if (!n || !n->slot[slot])
		return NULL;
	item = n->slot[slot];
	n->slot[slot] = NULL;
	n->count--;
	prune(t, n);
	return item;
}

void *radix_next(const struct radix_tree *t, u64 *index)
{
	u64 i = *index;

	while (t->height && in_range(t, i)) {
		struct radix_node *n = t->root;
		u32 level = t->height - 1, slot;

		for (;;) {
			u64 span = 1ul << (level * RADIX_BITS);

			for (slot = slot_of(i, level); slot < RADIX_SIZE; slot++) {
				if (n->slot[slot])
					break;
				i = align_down(i, span) + span;
				if (i == 0)
					return NULL;
			}
			if (slot == RADIX_SIZE)
				break;
			if (level == 0) {
				*index = i;
				return n->slot[slot];
			}
			n = n->slot[slot];
			level--;
		}
	}
	return NULL;
}
