// SPDX-License-Identifier: MIT
/*
 * Extended attributes in memory: a list per inode, bounded in bytes.
 *
 * The owner embeds a struct xattr_list and frees it at eviction. A value is
 * replaced by a new node, so a failed allocation leaves the old one alone.
 */
#include "fs/simple_xattr.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "lib/string.h"
#include "mm/slab.h"

#define MAX_BYTES (128u << 10)	/* per inode */

struct xattr {
	struct xattr *next;
	u32 size, name_len;
	char data[];		/* name, NUL, value */
};

static struct xattr **find(const struct xattr_list *l, const char *name)
{
	struct xattr **x = (struct xattr **)&l->first;

	while (*x && strcmp((*x)->data, name))
		x = &(*x)->next;
	return x;
}

ssize_t xattr_list_get(const struct xattr_list *l, const char *name, void *buf, size_t size)
{
	const struct xattr *x = *find(l, name);

	if (!x)
		return -ENODATA;
	if (!size)
		return x->size;
	if (size < x->size)
		return -ERANGE;
	memcpy(buf, x->data + x->name_len + 1, x->size);
	return x->size;
}

int xattr_list_set(struct xattr_list *l, const char *name, const void *value, size_t size,
		   int flags)
{
	struct xattr **at = find(l, name), *old = *at, *x;
	u32 len = (u32)strlen(name);
	u64 bytes = l->bytes - (old ? old->size + old->name_len + 1 : 0) + size + len + 1;

	if (old && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!old && (flags & XATTR_REPLACE))
		return -ENODATA;
	if (bytes > MAX_BYTES)
		return -ENOSPC;
	if (sizeof(*x) + len + 1 + size > 65536)
		return -ENOSPC;
	x = kmalloc(sizeof(*x) + len + 1 + size);
	if (!x)
		return -ENOMEM;
	x->size = (u32)size;
	x->name_len = len;
	memcpy(x->data, name, len + 1);
	if (size)
		memcpy(x->data + len + 1, value, size);
	x->next = old ? old->next : NULL;
	*at = x;
	kfree(old);
	l->bytes = bytes;
	l->count += !old;
	return 0;
}

ssize_t xattr_list_names(const struct xattr_list *l, char *buf, size_t size)
{
	size_t done = 0;

	for (const struct xattr *x = l->first; x; x = x->next) {
		u32 n = x->name_len + 1;

		if (size) {
			if (n > size - done)
				return -ERANGE;
			memcpy(buf + done, x->data, n);
		}
		done += n;
	}
	return (ssize_t)done;
}

int xattr_list_remove(struct xattr_list *l, const char *name)
{
	struct xattr **at = find(l, name), *x = *at;

	if (!x)
		return -ENODATA;
	*at = x->next;
	l->bytes -= x->size + x->name_len + 1;
	l->count--;
	kfree(x);
	return 0;
}

void xattr_list_free(struct xattr_list *l)
{
	while (l->first) {
		struct xattr *x = l->first;

		l->first = x->next;
		kfree(x);
	}
	*l = (struct xattr_list){ NULL, 0, 0 };
}
