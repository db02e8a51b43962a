// SPDX-License-Identifier: MIT
/*
 * Path names as text: taken from the guest, and made from a struct path.
 *
 * A text is built backwards from the dentry to current's root, across mounts.
 * What is not below that root gets the text up to the top of its own tree.
 * getcwd(2) marks that with "(unreachable)", as Linux does; other texts do not.
 */
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab.h"

char *path_buf_get(void)
{
	return page_alloc_virt(0, 0);
}

void path_buf_put(char *buf)
{
	page_free_virt(buf);
}

char *getname(uaddr_t p, bool empty_ok)
{
	char *buf = path_buf_get();
	ssize_t len;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	/* AT_EMPTY_PATH takes NULL for "" (since Linux 6.11). */
	buf[0] = '\0';
	len = !p && empty_ok ? 0 : copyin_str(buf, p, PATH_MAX);
	if (len < 0 || (!len && !empty_ok)) {
		path_buf_put(buf);
		return ERR_PTR(len < 0 ? len : -ENOENT);
	}
	return buf;
}

struct text {
	char *start, *pos;
};

static bool prepend(struct text *t, const char *s, u32 len)
{
	if ((size_t)(t->pos - t->start) < len)
		return false;
	t->pos -= len;
	memcpy(t->pos, s, len);
	return true;
}

/* 0: reached root; 1: another top; -ENAMETOOLONG. */
static int prepend_path(struct text *t, const struct path *p, const struct path *root)
{
	struct dentry *d = p->dentry;
	struct mount *m = p->mnt;
	const char *end = t->pos;
	int ret = 0;

	while (d != root->dentry || m != root->mnt) {
		if (m && d == m->root) {
			if (!m->parent) {
				ret = 1;
				break;
			}
			d = m->mountpoint;
			m = m->parent;
			continue;
		}
		if (d->parent == d) {
			ret = 1;
			break;
		}
		if (!prepend(t, d->name, d->name_len) || !prepend(t, "/", 1))
			return -ENAMETOOLONG;
		d = d->parent;
	}
	if (t->pos == end && !prepend(t, "/", 1))
		return -ENAMETOOLONG;
	return ret;
}

static bool is_deleted(const struct dentry *d)
{
	return (d->flags & DENTRY_UNHASHED) && !(d->flags & DENTRY_ROOT);
}

char *path_to_text_from(const struct path *p, const struct path *root, char *buf, size_t size,
			int *where)
{
	struct text t = { buf, buf + size };
	int ret = 0;

	if (!prepend(&t, "", 1))
		return ERR_PTR(-ENAMETOOLONG);
	if (p->dentry->flags & DENTRY_ANON) {
		if (!prepend(&t, p->dentry->name, p->dentry->name_len))
			return ERR_PTR(-ENAMETOOLONG);
		return t.pos;
	}
	if (is_deleted(p->dentry) && !prepend(&t, " (deleted)", 10))
		return ERR_PTR(-ENAMETOOLONG);
	ret = prepend_path(&t, p, root);
	if (where)
		*where = ret;
	return ret < 0 ? ERR_PTR(ret) : t.pos;
}

char *path_to_text(const struct path *p, char *buf, size_t size)
{
	return path_to_text_from(p, &current_fs()->root, buf, size, NULL);
}

SYSCALL_DEFINE2(getcwd, uaddr_t, ubuf, u64, size)
{
	struct fs_context *fs = current->fs;
	char *buf, *text;
	int where = 0;
	u64 len;
	s64 ret;

	if (is_deleted(fs->cwd.dentry))
		return -ENOENT;
	buf = path_buf_get();
	if (!buf)
		return -ENOMEM;
	text = path_to_text_from(&fs->cwd, &fs->root, buf, PATH_MAX, &where);
	ret = PTR_ERR(text);
	if (IS_ERR(text))
		goto out;
	if (where > 0) {
		ret = -ENAMETOOLONG;
		if (text - buf < 13)
			goto out;
		text -= 13;
		memcpy(text, "(unreachable)", 13);
	}
	len = strlen(text) + 1;
	ret = -ERANGE;
	if (len <= size)
		ret = copyout(ubuf, text, len) ? -EFAULT : (s64)len;
out:
	path_buf_put(buf);
	return ret;
}
