// SPDX-License-Identifier: MIT
/*
 * Path walk: from a name to a (mount, dentry) pair. path_resolution(7).
 *
 * struct walk is the state of one walk: where it is, its root, and the text
 * still to come. Following a symlink in mid-path pushes the rest of the text
 * on a list of frames and goes on with the link's text, so the walk is a loop
 * and its memory is bounded by MAX_SYMLINKS frames:
 *
 *	"/a/link/c"          frames: { rest "c" }, text "x/y"
 *	    ^ link -> "x/y"
 *
 * walk_parent stops before the last component; walk_last takes it. Whoever
 * creates or removes a name works between the two, with the directory locked.
 *
 * References: w->path and w->root hold theirs until walk_end/walk_finish; a
 * failed step leaves the walk valid, to be ended by its caller. Everything
 * here may sleep in the file system.
 *
 * RESOLVE_BENEATH and RESOLVE_IN_ROOT stop ".." at the root of the walk, and
 * check once more at the end that a rename did not carry the path outside.
 * Not supported: automounts.
 */
#include "fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

#define LOOKUP_SCOPED (LOOKUP_BENEATH | LOOKUP_IN_ROOT)

struct link_frame {
	struct link_frame *up;
	const char *rest;	/* of the text above, or NULL: nothing is left there */
	char text[];
};

struct fs_context *current_fs(void)
{
	static struct fs_context *initial;

	if (current->fs)
		return current->fs;
	if (!initial)
		initial = fs_context_initial();
	return initial;
}

static void free_frames(struct walk *w)
{
	while (w->frames) {
		struct link_frame *f = w->frames;

		w->frames = f->up;
		kfree(f);
	}
}

void walk_end(struct walk *w)
{
	free_frames(w);
	path_put(&w->path);
	path_put(&w->root);
}

static void set_path(struct walk *w, struct mount *mnt, struct dentry *dentry)
{
	struct path old = w->path;

	w->path.mnt = mnt;
	w->path.dentry = dentry;
	path_put(&old);
}

static int path_of_fd(int dfd, struct path *res)
{
	struct file *f;

	if (dfd == AT_FDCWD) {
		*res = path_get(current_fs()->cwd);
		return 0;
	}
	f = fd_get_path_ok(dfd);
	if (!f)
		return -EBADF;
	*res = path_get(f->path);
	file_put(f);
	return 0;
}

int walk_begin(struct walk *w, int dfd, const char *name, u32 flags)
{
	int err;

	*w = (struct walk){ .flags = flags, .pos = name };
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (*name == '/' && (flags & LOOKUP_BENEATH))
		return -EXDEV;
	if (*name == '/' && !(flags & LOOKUP_IN_ROOT)) {
		w->root = path_get(current_fs()->root);
		w->path = path_get(w->root);
		w->root_used = true;
		return 0;
	}
	err = path_of_fd(dfd, &w->path);
	if (err)
		return err;
	if (*name && !S_ISDIR(w->path.dentry->inode->mode)) {
		path_put(&w->path);
		return -ENOTDIR;
	}
	w->root = path_get(flags & LOOKUP_SCOPED ? w->path : current_fs()->root);
	w->root_used = flags & LOOKUP_SCOPED;
	return 0;
}

/* Down to the top of what is mounted here. */
static int cross_mounts(struct walk *w)
{
	struct mount *m;

	while ((m = mount_lookup(&w->path))) {
		if (w->flags & LOOKUP_NO_XDEV) {
			mount_put(m);
			return -EXDEV;
		}
		set_path(w, m, dentry_get(m->root));
	}
	return 0;
}

/* The place below m, and below w->root, that is not itself a mount's root:
 * where ".." from the root of m goes on. False: there is none. */
static bool mountpoint_below(const struct walk *w, struct mount *m, struct path *res)
{
	while (m && m->parent) {
		struct path p = { m->parent, m->mountpoint };

		m = m->parent;
		if (path_equal(&p, &w->root))
			return false;
		if (p.dentry != m->root) {
			*res = path_get(p);
			return true;
		}
	}
	return false;
}

static int walk_dotdot(struct walk *w)
{
	struct mount *m = w->path.mnt;
	struct path below;
	bool at_top = path_equal(&w->path, &w->root);

	w->root_used = true;
	if (!at_top && m && w->path.dentry == m->root) {
		at_top = !mountpoint_below(w, m, &below);
		if (!at_top) {
			set_path(w, below.mnt, below.dentry);
			if (w->flags & LOOKUP_NO_XDEV)
				return -EXDEV;
		}
	}
	if (at_top) {
		/* Stays; but what is mounted over it counts. */
		if (w->flags & LOOKUP_BENEATH)
			return -EXDEV;
		return cross_mounts(w);
	}
	m = w->path.mnt;
	/* A rename may have carried us out of a bind mount. */
	if (m && m->root != m->sb->root && !dentry_is_below(w->path.dentry->parent, m->root))
		return -ENOENT;
	set_path(w, mount_get(m), dentry_get(w->path.dentry->parent));
	return cross_mounts(w);
}

/* ---- symlinks ---- */

static int jump(struct walk *w, struct inode *inode)
{
	struct path to;
	int err;

	if (w->flags & LOOKUP_NO_MAGICLINKS)
		return -ELOOP;
	if (w->flags & LOOKUP_SCOPED)
		return -EXDEV;
	err = inode->ops->follow(inode, &to);
	if (err)
		return err;
	if ((w->flags & LOOKUP_NO_XDEV) && to.mnt != w->path.mnt) {
		path_put(&to);
		return -EXDEV;
	}
	set_path(w, to.mnt, to.dentry);
	return 0;
}

static int push_text(struct walk *w, struct inode *inode)
{
	char *buf = path_buf_get();
	struct link_frame *f;
	ssize_t len;

	if (!buf)
		return -ENOMEM;
	len = inode->ops->readlink ? inode->ops->readlink(inode, buf, PATH_MAX) : -EINVAL;
	if (len >= PATH_MAX)
		len = -ENAMETOOLONG;
	if (len <= 0) {
		path_buf_put(buf);
		return len ? (int)len : -ENOENT;
	}
	f = kmalloc(sizeof(*f) + (size_t)len + 1);
	if (f) {
		memcpy(f->text, buf, (size_t)len);
		f->text[len] = '\0';
		f->rest = *w->pos ? w->pos : NULL;
		f->up = w->frames;
		w->frames = f;
		w->pos = f->text;
	}
	path_buf_put(buf);
	return f ? 1 : -ENOMEM;
}

/* 0: jumped; 1: its text is next. */
static int follow_link(struct walk *w, const struct path *link)
{
	struct inode *inode = link->dentry->inode;
	int ret;

	if (++w->links > MAX_SYMLINKS || (w->flags & LOOKUP_NO_SYMLINKS) ||
	    (path_mnt_flags(link) & MNT_NOSYMFOLLOW))
		return -ELOOP;
	touch_atime(link);
	if (inode->ops->follow)
		return jump(w, inode);
	ret = push_text(w, inode);
	if (ret < 0 || *w->pos != '/')
		return ret;
	if (w->flags & LOOKUP_BENEATH)
		return -EXDEV;
	/* Linux counts any absolute link as a crossing while the walk has not yet
	 * had to do with its root. */
	if ((w->flags & LOOKUP_NO_XDEV) && (!w->root_used || w->path.mnt != w->root.mnt))
		return -EXDEV;
	w->root_used = true;
	set_path(w, mount_get(w->root.mnt), dentry_get(w->root.dentry));
	return 1;
}

int walk_step(struct walk *w, struct dentry *d, bool follow)
{
	struct path link;
	int ret;

	if (!d->inode) {
		dentry_put(d);
		return -ENOENT;
	}
	if (S_ISLNK(d->inode->mode) && follow) {
		link = (struct path){ mount_get(w->path.mnt), d };
		ret = follow_link(w, &link);
		path_put(&link);
		return ret;
	}
	set_path(w, mount_get(w->path.mnt), d);
	return cross_mounts(w);
}

static int walk_component(struct walk *w, bool follow)
{
	struct dentry *d;
	int err;

	if (w->last_type == LAST_DOT)
		return 0;
	if (w->last_type == LAST_DOTDOT)
		return walk_dotdot(w);
	err = dentry_lookup(w->path.dentry, &w->last, w->flags, &d);
	return err ? err : walk_step(w, d, follow);
}

/* Is there text left in an outer frame? */
static bool outer_text(const struct walk *w)
{
	for (const struct link_frame *f = w->frames; f; f = f->up)
		if (f->rest)
			return true;
	return false;
}

/* The text of this frame is used up: back to where the link stood. */
static const char *pop_text(struct walk *w)
{
	const char *rest = NULL;

	while (!rest && w->frames) {
		struct link_frame *f = w->frames;

		rest = f->rest;
		w->frames = f->up;
		kfree(f);
	}
	return rest;
}

/* Takes the next component off the text. False: there is none. */
static bool next_component(struct walk *w)
{
	const char *p = w->pos;
	u32 len = 0;

	while (*p == '/')
		p++;
	if (!*p) {
		p = pop_text(w);	/* never empty, never starts with a slash */
		if (!p)
			return false;
	}
	while (p[len] && p[len] != '/')
		len++;
	w->last = qstr_make(p, len);
	w->last_type = LAST_NORM;
	if (p[0] == '.' && len == 1)
		w->last_type = LAST_DOT;
	else if (p[0] == '.' && p[1] == '.' && len == 2)
		w->last_type = LAST_DOTDOT;
	p += len;
	w->trailing_slash = *p == '/';
	while (*p == '/')
		p++;
	w->pos = p;
	return true;
}

int walk_parent(struct walk *w)
{
	struct inode *dir;
	int err;

	for (;;) {
		if (!next_component(w)) {
			w->last_type = LAST_ROOT;
			return 0;
		}
		dir = w->path.dentry->inode;
		if (!S_ISDIR(dir->mode))
			return -ENOTDIR;
		err = inode_permission(dir, MAY_EXEC);
		if (err)
			return err;
		if (w->last_type == LAST_NORM && w->last.len > NAME_MAX)
			return -ENAMETOOLONG;
		if (!*w->pos && !outer_text(w))
			return 0;
		err = walk_component(w, true);
		if (err < 0)
			return err;
	}
}

int walk_last(struct walk *w)
{
	int err = 0;

	/* "link/" names what the link points to, however many links it takes. */
	if (w->trailing_slash)
		w->flags |= LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
	if (w->last_type != LAST_ROOT)
		err = walk_component(w, w->flags & LOOKUP_FOLLOW);
	if (err)
		return err;
	if ((w->flags & LOOKUP_DIRECTORY) && !S_ISDIR(w->path.dentry->inode->mode))
		return -ENOTDIR;
	return 0;
}

/* Using a mount keeps umount2(MNT_EXPIRE) away for another round. */
static void mark_used(const struct walk *w)
{
	if (w->path.mnt && !(w->flags & LOOKUP_MOUNTPOINT))
		w->path.mnt->flags &= ~(u32)MNT_EXPIRY_MARK;
}

static bool path_is_below(const struct path *p, const struct path *top)
{
	struct dentry *d = p->dentry;
	struct mount *m = p->mnt;

	while (m && m != top->mnt) {
		d = m->mountpoint;
		m = m->parent;
	}
	return m == top->mnt && d && dentry_is_below(d, top->dentry);
}

int walk_finish(struct walk *w, struct path *res)
{
	int err = 0;

	if ((w->flags & LOOKUP_SCOPED) && !path_is_below(&w->path, &w->root))
		err = -EXDEV;
	mark_used(w);
	if (!err) {
		*res = w->path;
		w->path = (struct path){ NULL, NULL };
	}
	walk_end(w);
	return err;
}

/* ---- whole lookups ---- */

int path_lookup(int dfd, const char *name, u32 flags, struct path *res)
{
	struct walk w;
	int err = walk_begin(&w, dfd, name, flags);

	if (err)
		return err;
	do {
		err = walk_parent(&w);
		if (!err)
			err = walk_last(&w);
	} while (err == 1);
	if (err) {
		walk_end(&w);
		return err;
	}
	return walk_finish(&w, res);
}

int path_lookup_user(int dfd, uaddr_t p, u32 flags, struct path *res)
{
	char *name = getname(p, flags & LOOKUP_EMPTY);
	int err;

	if (IS_ERR(name))
		return (int)PTR_ERR(name);
	err = path_lookup(dfd, name, flags, res);
	path_buf_put(name);
	return err;
}

int lookup_at(int dfd, uaddr_t p, u32 at_flags, u32 lookup, struct path *res)
{
	if (!(at_flags & AT_SYMLINK_NOFOLLOW))
		lookup |= LOOKUP_FOLLOW;
	if (at_flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	return path_lookup_user(dfd, p, lookup, res);
}

int walk_to_parent(struct walk *w, int dfd, const char *name, u32 flags)
{
	int err = walk_begin(w, dfd, name, flags);

	if (err)
		return err;
	err = walk_parent(w);
	if (err)
		walk_end(w);
	else
		mark_used(w);
	return err;
}

int create_begin(struct walk *w, bool is_dir, struct dentry **res)
{
	struct inode *dir = w->path.dentry->inode;
	struct dentry *d;
	int err;

	if (w->last_type != LAST_NORM)
		return -EEXIST;
	mutex_lock(&dir->lock);
	err = dentry_lookup_locked(w->path.dentry, &w->last, &d);
	if (err)
		goto unlock;
	err = -EEXIST;
	if (d->inode)
		goto put;
	err = -ENOENT;
	if (w->trailing_slash && !is_dir)
		goto put;
	err = mount_want_write(&w->path);
	if (err)
		goto put;
	*res = d;
	return 0;
put:
	dentry_put(d);
unlock:
	mutex_unlock(&dir->lock);
	return err;
}

void create_end(struct walk *w, struct dentry *d)
{
	mutex_unlock(&w->path.dentry->inode->lock);
	dentry_put(d);
}
