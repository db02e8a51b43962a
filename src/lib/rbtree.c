/* SPDX-License-Identifier: MIT */
/*
 * Red-black tree (Cormen et al., chapter 13), with NULL leaves and parent
 * pointers. Callers hold whatever lock protects their tree.
 */
#include "lib/rbtree.h"

static bool is_red(const struct rb_node *n)
{
	return n && n->red;
}

static void replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old,
			  struct rb_node *new)
{
	if (!parent)
		root->node = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
}

static void rotate_left(struct rb_root *root, struct rb_node *x)
{
	struct rb_node *y = x->right;

	x->right = y->left;
	if (y->left)
		y->left->parent = x;
	y->parent = x->parent;
	replace_child(root, x->parent, x, y);
	y->left = x;
	x->parent = y;
}

static void rotate_right(struct rb_root *root, struct rb_node *x)
{
	struct rb_node *y = x->left;

	x->left = y->right;
	if (y->right)
		y->right->parent = x;
	y->parent = x->parent;
	replace_child(root, x->parent, x, y);
	y->right = x;
	x->parent = y;
}

void rb_insert_fixup(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *p, *g, *uncle;

	while ((p = n->parent) && p->red) {
		g = p->parent;
		uncle = p == g->left ? g->right : g->left;
		if (is_red(uncle)) {
			p->red = uncle->red = false;
			g->red = true;
			n = g;
			continue;
		}
		if (p == g->left) {
			if (n == p->right) {
				rotate_left(root, p);
				p = n;
			}
			rotate_right(root, g);
		} else {
			if (n == p->left) {
				rotate_right(root, p);
				p = n;
			}
			rotate_left(root, g);
		}
		p->red = false;
		g->red = true;
		break;
	}
	root->node->red = false;
}

/* The black height below parent is one short at its child n (maybe NULL). */
static void erase_fixup(struct rb_root *root, struct rb_node *n, struct rb_node *parent)
{
	struct rb_node *s;

	while (n != root->node && !is_red(n)) {
		bool left = n == parent->left;

		s = left ? parent->right : parent->left;
		if (s->red) {
			s->red = false;
			parent->red = true;
			left ? rotate_left(root, parent) : rotate_right(root, parent);
			s = left ? parent->right : parent->left;
		}
		if (!is_red(s->left) && !is_red(s->right)) {
			s->red = true;
			n = parent;
			parent = n->parent;
			continue;
		}
		if (left && !is_red(s->right)) {
			s->left->red = false;
			s->red = true;
			rotate_right(root, s);
			s = parent->right;
		} else if (!left && !is_red(s->left)) {
			s->right->red = false;
			s->red = true;
			rotate_left(root, s);
			s = parent->left;
		}
		s->red = parent->red;
		parent->red = false;
		if (left) {
			s->right->red = false;
			rotate_left(root, parent);
		} else {
			s->left->red = false;
			rotate_right(root, parent);
		}
		n = root->node;
		break;
	}
	if (n)
		n->red = false;
}

void rb_erase(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *child, *parent, *next;
	bool red;

	if (n->left && n->right) {
		next = n->right;
		while (next->left)
			next = next->left;
		child = next->right;
		parent = next->parent;
		red = next->red;
		if (parent == n)
			parent = next;
		else {
			parent->left = child;
			if (child)
				child->parent = parent;
			next->right = n->right;
			next->right->parent = next;
		}
		next->left = n->left;
		next->left->parent = next;
		next->parent = n->parent;
		next->red = n->red;
		replace_child(root, n->parent, n, next);
	} else {
		child = n->left ? n->left : n->right;
		parent = n->parent;
		red = n->red;
		if (child)
			child->parent = parent;
		replace_child(root, parent, n, child);
	}
	if (!red)
		erase_fixup(root, child, parent);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->right) {
		p = n->right;
		while (p->left)
			p = p->left;
		return p;
	}
	while ((p = n->parent) && n == p->right)
		n = p;
	return p;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->left) {
		p = n->left;
		while (p->right)
			p = p->right;
		return p;
	}
	while ((p = n->parent) && n == p->left)
		n = p;
	return p;
}
