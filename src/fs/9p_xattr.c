// SPDX-License-Identifier: MIT
/*
 * 9P extended attributes.
 *
 * Txattrwalk gives a fid that reads as the attribute's value (or, with an
 * empty name, as the list of names); Txattrcreate turns a copy of the file's
 * fid into one that is written, and committed when clunked: the clunk's answer
 * is the result. Values are at most 64 KiB (XATTR_SIZE_MAX) as on Linux.
 */
#include "fs/9p.h"

static ssize_t read_all(struct p9_session *s, u32 fid, u8 *buf, u64 size)
{
	u64 done = 0;

	while (done < size) {
		ssize_t n = p9_read_small(s, fid, buf + done, (u32)min(size - done, 4000ul), done);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (u64)n;
	}
	return (ssize_t)done;
}

/* name "": the list. size 0: only how long it is. */
static ssize_t xattr_read(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct p9_session *s = p9_s(inode);
	ssize_t n;
	u64 len;
	u32 fid;
	int err;

	err = p9_xattrwalk(s, p9_i(inode)->fid, name, &fid, &len);
	if (err)
		return err;
	if (size == 0)
		n = len > S32_MAX ? -EIO : (ssize_t)len;
	else if (len > size)
		n = -ERANGE;
	else
		n = read_all(s, fid, buf, len);
	p9_clunk(s, fid);
	return n;
}

ssize_t p9_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	return xattr_read(inode, name, buf, size);
}

ssize_t p9_listxattr(struct inode *inode, char *buf, size_t size)
{
	return xattr_read(inode, "", buf, size);
}

/* flags as setxattr(2); size 0 and XATTR_REPLACE: the server removes it. */
static int xattr_write(struct inode *inode, const char *name, const u8 *value, size_t size,
		       int flags)
{
	struct p9_session *s = p9_s(inode);
	struct p9_attr attr;
	size_t done = 0;
	u32 fid;
	int err, err2;

	err = p9_walk(s, p9_i(inode)->fid, NULL, &fid, &attr);
	if (err)
		return err;
	err = p9_xattrcreate(s, fid, name, size, (u32)flags);
	while (!err && done < size) {
		ssize_t n = p9_write_small(s, fid, value + done,
					   (u32)min(size - done, (size_t)4000), done);

		if (n <= 0)
			err = n ? (int)n : -EIO;
		else
			done += (size_t)n;
	}
	err2 = p9_clunk_wait(s, fid);
	p9_stale(inode);
	return err ? err : err2;
}

int p9_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
	return xattr_write(inode, name, value, size, flags);
}

int p9_removexattr(struct inode *inode, const char *name)
{
	return xattr_write(inode, name, NULL, 0, XATTR_REPLACE);
}
