// SPDX-License-Identifier: MIT
/*
 * Initramfs: cpio archives in the "newc" (070701) and "crc" (070702) formats.
 *
 *   header (6 + 13 * 8 hex digits) | name, NUL | pad to 4 | data | pad to 4
 *
 * repeated, ended by an entry called TRAILER!!!; zero bytes and then another
 * archive may follow, as boot loaders concatenate them. Later entries replace
 * earlier ones of the same name. Entries of one file with several names carry
 * the same inode number; the data comes with one of them (usually the last).
 * Directories get their times at the end, after what is put into them.
 *
 * Everything is checked against the size of the input before it is used. A
 * corrupt archive ends with -EINVAL and one log line that says where; what was
 * unpacked before stays.
 *
 * The archive is in memory (an initrd), or in a file (a disk), which is read
 * through a window and ends with the first trailer.
 *
 * Not supported: compressed archives, the old binary and "odc" formats.
 */
#include "fs/cpio.h"

#include "fs/internal.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/slab.h"

#define HEADER_SIZE 110u
#define LINK_BUCKETS 64u
#define WINDOW_SIZE (16 * PAGE_SIZE)	/* holds a header and its name, or a symlink */

struct header {
	u32 ino, mode, uid, gid, nlink, mtime, size, major, minor, rmajor, rminor, namesize, check;
};

/* A path that is needed again: a file with more links, a directory's time. */
struct memo {
	struct memo *next;
	u32 ino, major, minor, mtime;
	char path[];
};

struct unpack {
	const u8 *data;			/* NULL: in the file */
	struct file *file;
	u8 *window;			/* WINDOW_SIZE bytes of the file */
	u64 window_at, window_size;
	u64 size, off;
	bool crc;
	struct header h;
	const char *name;		/* in the window: until the next look() */
	char name_copy[PATH_MAX];	/* of a file's archive */
	u64 body;			/* where the entry's data begins */
	struct memo *links[LINK_BUCKETS];
	struct memo *dirs;
};

static int corrupt(const struct unpack *u, const char *what)
{
	log_err("initrd: corrupt cpio archive at byte %lu: %s\n", u->off, what);
	return -EINVAL;
}

/* The archive's bytes [at, at + size), at most WINDOW_SIZE and inside it; they
 * stay until the next call. ERR_PTR: the file could not be read. */
static const u8 *look(struct unpack *u, u64 at, u64 size)
{
	ssize_t n;

	if (u->data)
		return u->data + at;
	if (at >= u->window_at && size <= u->window_size &&
	    at - u->window_at <= u->window_size - size)
		return u->window + (at - u->window_at);
	u->window_size = 0;
	n = file_read_kernel(u->file, u->window, min(WINDOW_SIZE, u->size - at), (loff_t)at);
	if (n < (ssize_t)size)
		return ERR_PTR(n < 0 ? n : -EIO);
	u->window_at = at;
	u->window_size = (u64)n;
	return u->window;
}

/* ---- parsing ---- */

static bool parse_hex8(const u8 *p, u32 *out)
{
	u32 v = 0;

	for (u32 i = 0; i < 8; i++) {
		u8 c = p[i];

		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else if (c >= 'A' && c <= 'F')
			c -= 'A' - 10;
		else
			return false;
		v = v << 4 | c;
	}
	*out = v;
	return true;
}

static int check_sum(struct unpack *u)
{
	u32 sum = 0;

	for (u64 at = 0; at < u->h.size;) {
		u64 n = min(u->h.size - at, WINDOW_SIZE);
		const u8 *p = look(u, u->body + at, n);

		if (IS_ERR(p))
			return (int)PTR_ERR(p);
		for (u64 i = 0; i < n; i++)
			sum += p[i];
		at += n;
	}
	return sum == u->h.check ? 0 : corrupt(u, "wrong checksum");
}

static int parse_name(struct unpack *u, u64 left)
{
	const u8 *p;

	if (u->h.namesize < 2 || u->h.namesize > PATH_MAX || u->h.namesize > left - HEADER_SIZE)
		return corrupt(u, "bad length of name");
	p = look(u, u->off, HEADER_SIZE + u->h.namesize);
	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	u->name = (const char *)p + HEADER_SIZE;
	if (strnlen(u->name, u->h.namesize) != u->h.namesize - 1)
		return corrupt(u, "name is not terminated");
	if (!u->data) {
		memcpy(u->name_copy, u->name, u->h.namesize);
		u->name = u->name_copy;
	}
	return 0;
}

/* Reads the entry at u->off and moves beyond it. */
static int parse_entry(struct unpack *u)
{
	u64 left = u->size - u->off, end;
	u32 *field = (u32 *)&u->h;
	const u8 *p;
	int err;

	if (left < HEADER_SIZE)
		return corrupt(u, "header cut off");
	p = look(u, u->off, HEADER_SIZE);
	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	if (memcmp(p, "07070", 5) || (p[5] != '1' && p[5] != '2'))
		return corrupt(u, "no newc or crc header");
	u->crc = p[5] == '2';
	for (u32 i = 0; i < sizeof(u->h) / sizeof(u32); i++) {
		if (!parse_hex8(p + 6 + 8 * i, &field[i]))
			return corrupt(u, "header is not hexadecimal");
	}
	err = parse_name(u, left);
	if (err)
		return err;
	u->body = align_up(u->off + HEADER_SIZE + u->h.namesize, 4);
	if (u->body > u->size || u->h.size > u->size - u->body)
		return corrupt(u, "data cut off");
	err = u->crc && S_ISREG(u->h.mode) ? check_sum(u) : 0;
	if (err)
		return err;
	end = align_up(u->body + u->h.size, 4);
	u->off = min(end, u->size);
	return 0;
}

/* ---- memos ---- */

static struct memo *memo_add(struct memo **list, const struct unpack *u)
{
	size_t len = strlen(u->name) + 1;
	struct memo *m = kmalloc(sizeof(*m) + len);

	if (!m)
		return NULL;
	m->ino = u->h.ino;
	m->major = u->h.major;
	m->minor = u->h.minor;
	m->mtime = u->h.mtime;
	memcpy(m->path, u->name, len);
	m->next = *list;
	*list = m;
	return m;
}

static struct memo *link_find(const struct unpack *u)
{
	struct memo *m = u->links[u->h.ino % LINK_BUCKETS];

	while (m && (m->ino != u->h.ino || m->major != u->h.major || m->minor != u->h.minor))
		m = m->next;
	return m;
}

static void memo_free(struct memo **list)
{
	while (*list) {
		struct memo *m = *list;

		*list = m->next;
		kfree(m);
	}
}

/* ---- the file system ---- */

/* Creates the directories that lead to a path. */
static int make_parents(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int err;

	if (!slash || slash == path)
		return -ENOENT;
	dir = kstrndup(path, (size_t)(slash - path));
	if (!dir)
		return -ENOMEM;
	err = vfs_mkdir_path(dir, 0755, true);
	kfree(dir);
	return err;
}

/* To the parent of the entry, which is created if it has to be. */
static int to_parent(struct walk *w, const char *name)
{
	int err = walk_to_parent(w, AT_FDCWD, name, 0);

	if (err == -ENOENT && make_parents(name) == 0)
		err = walk_to_parent(w, AT_FDCWD, name, 0);
	return err;
}

static int remove_locked(struct walk *w, struct dentry *d)
{
	struct inode *dir = w->path.dentry->inode, *inode = d->inode;
	int err;

	if (S_ISDIR(inode->mode))
		err = dir->ops->rmdir ? dir->ops->rmdir(dir, &w->last, inode) : -EPERM;
	else
		err = dir->ops->unlink ? dir->ops->unlink(dir, &w->last, inode) : -EPERM;
	if (!err)
		dentry_delete(d);
	return err;
}

/* Removes what has the entry's name, unless it is of a kind that can stay. */
static int make_room(const char *name, u32 mode, bool replace_file)
{
	struct dentry *d;
	struct walk w;
	int err;

	err = to_parent(&w, name);
	if (err)
		return err;
	if (w.last_type != LAST_NORM) {
		walk_end(&w);
		return 0;
	}
	mutex_lock(&w.path.dentry->inode->lock);
	err = dentry_lookup_locked(w.path.dentry, &w.last, &d);
	if (!err) {
		bool keep = !d->inode || (S_ISDIR(d->inode->mode) && S_ISDIR(mode)) ||
			    (S_ISREG(d->inode->mode) && S_ISREG(mode) && !replace_file);

		if (!keep)
			err = remove_locked(&w, d);
		dentry_put(d);
	}
	mutex_unlock(&w.path.dentry->inode->lock);
	walk_end(&w);
	return err;
}

static int make_link(const char *old, const char *new)
{
	struct inode *dir;
	struct dentry *d;
	struct path from;
	struct walk w;
	int err;

	err = make_room(new, 0, true);
	if (!err)
		err = path_lookup(AT_FDCWD, old, 0, &from);
	if (err)
		return err;
	err = to_parent(&w, new);
	if (err)
		goto put_from;
	err = create_begin(&w, false, &d);
	if (err)
		goto end_walk;
	dir = w.path.dentry->inode;
	err = -EXDEV;
	if (from.dentry->inode->sb == dir->sb)
		err = dir->ops->link ? dir->ops->link(dir, &w.last, from.dentry->inode) : -EPERM;
	if (!err)
		dentry_instantiate(d, inode_get(from.dentry->inode));
	create_end(&w, d);
end_walk:
	walk_end(&w);
put_from:
	path_put(&from);
	return err;
}

static int set_attributes(const char *name, const struct header *h, u32 valid)
{
	struct iattr attr = {
		.valid = valid,
		.mode = h->mode & S_IALLUGO,
		.uid = h->uid,
		.gid = h->gid,
		.atime = { h->mtime, 0 },
		.mtime = { h->mtime, 0 },
	};
	struct path p;
	int err;

	err = path_lookup(AT_FDCWD, name, 0, &p);
	if (err)
		return err;
	mutex_lock(&p.dentry->inode->lock);
	err = inode_change(p.dentry->inode, &attr);
	mutex_unlock(&p.dentry->inode->lock);
	path_put(&p);
	return err;
}

static int write_body(struct unpack *u, struct file *f)
{
	u64 done = 0, most = u->data ? 1ul << 20 : WINDOW_SIZE;

	while (done < u->h.size) {
		u64 size = min(u->h.size - done, most);
		const u8 *data = look(u, u->body + done, size);
		ssize_t n;

		if (IS_ERR(data))
			return (int)PTR_ERR(data);
		n = file_write_kernel(f, data, size, (loff_t)done);
		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (u64)n;
	}
	return 0;
}

static int unpack_file(struct unpack *u)
{
	struct memo *known = u->h.nlink > 1 ? link_find(u) : NULL;
	const char *name = u->name;
	struct file *f;
	int err;

	if (known) {
		if (strcmp(known->path, name)) {
			err = make_link(known->path, name);
			if (err)
				return err;
		}
		if (u->h.size == 0)
			return 0;
	} else {
		err = make_room(name, u->h.mode, u->h.nlink > 1);
		if (err)
			return err;
		if (u->h.nlink > 1 && !memo_add(&u->links[u->h.ino % LINK_BUCKETS], u))
			return -ENOMEM;
	}
	f = file_open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, u->h.mode & 0777);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	err = write_body(u, f);
	file_put(f);
	return err;
}

static int unpack_symlink(struct unpack *u)
{
	const u8 *body;
	char *target;
	int err;

	if (u->h.size == 0 || u->h.size >= PATH_MAX)
		return corrupt(u, "bad symbolic link");
	body = look(u, u->body, u->h.size);
	if (IS_ERR(body))
		return (int)PTR_ERR(body);
	if (memchr(body, 0, u->h.size))
		return corrupt(u, "bad symbolic link");
	target = kstrndup((const char *)body, u->h.size);
	if (!target)
		return -ENOMEM;
	err = make_room(u->name, u->h.mode, true);
	if (!err)
		err = vfs_symlink_path(target, u->name);
	kfree(target);
	return err;
}

static int unpack_entry(struct unpack *u)
{
	u32 valid = ATTR_UID | ATTR_GID | ATTR_MODE | ATTR_MTIME | ATTR_ATIME;
	int err;

	switch (u->h.mode & S_IFMT) {
	case S_IFREG:
		err = unpack_file(u);
		break;
	case S_IFDIR:
		err = make_room(u->name, u->h.mode, true);
		if (!err)
			err = vfs_mkdir_path(u->name, u->h.mode & 07777, false);
		if (err == -EEXIST)
			err = 0;
		if (!err && !memo_add(&u->dirs, u))
			err = -ENOMEM;
		break;
	case S_IFLNK:
		err = unpack_symlink(u);
		valid &= ~(u32)ATTR_MODE;
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		err = make_room(u->name, u->h.mode, true);
		if (!err)
			err = vfs_mknod_path(u->name, u->h.mode, mkdev(u->h.rmajor, u->h.rminor));
		break;
	default:
		return corrupt(u, "unknown file type");
	}
	return err ? err : set_attributes(u->name, &u->h, valid);
}

/* ---- archives ---- */

/* One archive was read to its trailer: link numbers mean nothing any more. */
static void archive_end(struct unpack *u)
{
	for (u32 i = 0; i < LINK_BUCKETS; i++)
		memo_free(&u->links[i]);
}

static int unpack_all(struct unpack *u)
{
	while (u->off < u->size) {
		u64 at = u->off;
		int err;

		if (u->data && u->data[u->off] == 0) {	/* padding between archives */
			u->off++;
			continue;
		}
		err = parse_entry(u);
		if (err)
			return err;
		if (!strcmp(u->name, "TRAILER!!!")) {
			archive_end(u);
			if (u->file)
				return 0;
			continue;
		}
		if (u->name[0] == '.' && u->name[1] == '\0' && !S_ISDIR(u->h.mode))
			return corrupt(u, "the root is no directory");
		err = unpack_entry(u);
		if (err) {
			log_err("initrd: cannot unpack \"%.200s\" (byte %lu): error %d\n", u->name,
				at, -err);
			return err;
		}
	}
	return 0;
}

static int unpack(struct unpack *u)
{
	int err = unpack_all(u);

	for (struct memo *m = u->dirs; !err && m; m = m->next) {
		struct header h = { .mtime = m->mtime };

		/* It may have been replaced since. */
		if (set_attributes(m->path, &h, ATTR_MTIME | ATTR_ATIME) == -ENOMEM)
			err = -ENOMEM;
	}
	archive_end(u);
	memo_free(&u->dirs);
	return err;
}

int cpio_unpack(const void *data, u64 size)
{
	struct unpack *u = kzalloc(sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	u->data = data;
	u->size = size;
	err = unpack(u);
	kfree(u);
	return err;
}

int cpio_unpack_file(struct file *f, u64 size)
{
	struct unpack *u = kzalloc(sizeof(*u));
	int err = -ENOMEM;

	if (!u)
		return -ENOMEM;
	u->window = kmalloc(WINDOW_SIZE);
	u->file = f;
	u->size = size;
	if (u->window)
		err = unpack(u);
	kfree(u->window);
	kfree(u);
	return err;
}
