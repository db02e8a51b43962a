/* SPDX-License-Identifier: MIT */
/* Extended attributes in memory, for file systems without storage of their own. */
#ifndef HYLA_FS_SIMPLE_XATTR_H
#define HYLA_FS_SIMPLE_XATTR_H

#include "lib/types.h"

struct xattr;
struct xattr_list {		/* all zero: empty */
	struct xattr *first;
	u32 count;
	u64 bytes;		/* of names and values */
};

/* As the inode_ops of the same names; -ENODATA, -ERANGE, -EEXIST, -ENOMEM, -ENOSPC. */
ssize_t xattr_list_get(const struct xattr_list *l, const char *name, void *buf, size_t size);
int xattr_list_set(struct xattr_list *l, const char *name, const void *value, size_t size,
		   int flags);
ssize_t xattr_list_names(const struct xattr_list *l, char *buf, size_t size);
int xattr_list_remove(struct xattr_list *l, const char *name);
void xattr_list_free(struct xattr_list *l);

#endif
