/* SPDX-License-Identifier: MIT */
/* 9p operations on names: attach, walk, make, link, rename, remove. */
#define _GNU_SOURCE
#include "hal/hosted/p9.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALK_MAX 16

int p9_op_version(struct p9_server *s)
{
	u32 msize = p9_get32(s);
	char version[32];

	p9_get_string(s, version, sizeof(version));
	if (s->bad || msize < 512)
		return -EINVAL;
	p9_fid_free_all(s);
	s->msize = msize < P9_MSIZE_MAX ? msize : P9_MSIZE_MAX;
	p9_put32(s, s->msize);
	p9_put_string(s, strcmp(version, "9P2000.L") ? "unknown" : "9P2000.L");
	return 0;
}

int p9_op_attach(struct p9_server *s)
{
	u32 nr = p9_get32(s);
	struct p9_fid *f;
	char ignored[PATH_MAX];
	struct stat st;
	u32 uid;
	int err, fd;

	p9_get32(s);		/* afid */
	p9_get_string(s, ignored, sizeof(ignored));
	p9_get_string(s, ignored, sizeof(ignored));
	uid = p9_get32(s);
	if (s->bad)
		return -EINVAL;
	f = p9_fid_new(s, nr, &err);
	if (!f)
		return err;
	f->uid = uid == 0xffffffff ? 0 : uid;
	fd = p9_open_path(s, "");
	err = fd < 0 ? fd : p9_fid_set(s, f, fd, strdup(""));
	if (err) {
		p9_fid_free(s, f);
		return err;
	}
	if (fstatat(f->path_fd, "", &st, AT_EMPTY_PATH))
		return -errno;
	p9_put_qid(s, &st);
	return 0;
}

/* One step: a new O_PATH descriptor and path, from those of a directory. */
static int step(struct p9_server *s, int dir_fd, const char *dir, const char *name, char **path)
{
	int fd;

	if (strcmp(name, "..")) {
		*path = p9_join(dir, name);
		return *path ? p9_open_name(dir_fd, name) : -ENOMEM;
	}
	*path = strndup(dir, p9_parent_len(dir));
	fd = *path ? p9_open_path(s, *path) : -ENOMEM;
	return fd;
}

static bool get_walk_name(struct p9_server *s, char *name)
{
	u32 at = s->in_pos;

	if (p9_get_string(s, name, P9_NAME_MAX + 1) && !strcmp(name, ".."))
		return true;
	s->in_pos = at;
	return p9_get_name(s, name);
}

/*
 * Walks as far as it goes; *done counts the steps, each with a qid in the
 * reply. `to` is set only when all of them went well.
 */
static int walk(struct p9_server *s, struct p9_fid *from, struct p9_fid *to, u16 count, u16 *done)
{
	char name[P9_NAME_MAX + 1], *path = strdup(from->path), *next;
	int from_fd = p9_fid_fd(s, from), fd, err;
	struct stat st = { .st_mode = from->type };
	bool blocked = from->blocked;

	fd = !path ? -ENOMEM : from_fd < 0 ? from_fd : fcntl(from_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		free(path);
		return fd == -1 ? -errno : fd;
	}
	for (err = 0; *done < count; (*done)++) {
		int next_fd;

		if (!get_walk_name(s, name)) {
			err = -EINVAL;
			break;
		}
		if (!S_ISDIR(st.st_mode) || blocked) {
			err = blocked ? -EACCES : -ENOTDIR;
			break;
		}
		next_fd = step(s, fd, path, name, &next);
		if (next_fd < 0) {
			free(next);
			err = next_fd;
			break;
		}
		close(fd);
		free(path);
		fd = next_fd;
		path = next;
		if (fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
			err = -errno;
			break;
		}
		p9_put_qid(s, &st);
		/* Crossing into proc: p9_fid_set finds out at the end of the
		 * walk, here only another step needs to know. */
		if (*done + 1 < count)
			blocked = st.st_dev != s->root_dev && p9_is_blocked(fd);
	}
	if (err || *done < count) {
		close(fd);
		free(path);
		return err;
	}
	return p9_fid_set(s, to, fd, path);
}

int p9_op_walk(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s)), *to = f;
	u32 new_nr = p9_get32(s), count_at;
	u16 count = p9_get16(s), done = 0;
	int err;

	if (s->bad || !f || !f->path || f->fd >= 0 || f->xattr || count > WALK_MAX)
		return -EBADF;
	if (new_nr != f->nr) {
		to = p9_fid_new(s, new_nr, &err);
		if (!to)
			return err;
		to->uid = f->uid;
	}
	count_at = s->out_size;
	p9_put16(s, 0);
	err = walk(s, f, to, count, &done);
	if ((err || done < count) && to != f)
		p9_fid_free(s, to);
	if (err && !done)
		return err;
	memcpy(s->out + count_at, &done, sizeof(done));
	s->bad = false;		/* a bad name later in the walk ends it there */
	return 0;
}

int p9_op_clunk(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	int err = 0;

	if (s->bad || !f)
		return -EBADF;
	if (f->xattr_name)
		err = p9_xattr_store(s, f);
	p9_fid_free(s, f);
	return err;
}

/* A directory in which names may change: its O_PATH descriptor or -errno. */
static int writable_dir(struct p9_server *s, struct p9_fid *f)
{
	if (!f || !f->path)
		return -EBADF;
	if (s->export.read_only)
		return -EROFS;
	if (f->blocked)
		return -EACCES;
	if (f->type != S_IFDIR)
		return -ENOTDIR;
	return p9_fid_fd(s, f);
}

/* Ends a creation: owner, and the qid as the reply. */
static int finish_new(struct p9_server *s, struct p9_fid *dir, int dir_fd, const char *name,
		      u32 gid)
{
	struct stat st;

	/* Who cannot chown has made it as himself. */
	if (fchownat(dir_fd, name, s->root_user ? dir->uid : (uid_t)-1, p9_host_gid(s, gid),
		     AT_SYMLINK_NOFOLLOW))
		errno = 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	p9_put_qid(s, &st);
	return 0;
}

int p9_op_symlink(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	char name[P9_NAME_MAX + 1], target[PATH_MAX];
	u32 gid;
	int fd;

	p9_get_name(s, name);
	p9_get_string(s, target, sizeof(target));
	gid = p9_get32(s);
	if (s->bad)
		return -EINVAL;
	fd = writable_dir(s, f);
	if (fd < 0)
		return fd;
	if (symlinkat(target, fd, name))
		return -errno;
	return finish_new(s, f, fd, name, gid);
}

int p9_op_mknod(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	char name[P9_NAME_MAX + 1];
	u32 mode, gid;
	int fd;

	p9_get_name(s, name);
	mode = p9_get32(s);
	p9_get32(s);		/* major, minor */
	p9_get32(s);
	gid = p9_get32(s);
	if (s->bad)
		return -EINVAL;
	if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return -EPERM;
	fd = writable_dir(s, f);
	if (fd < 0)
		return fd;
	if (mknodat(fd, name, mode & (S_IFMT | 07777), 0))
		return -errno;
	return finish_new(s, f, fd, name, gid);
}

int p9_op_mkdir(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	char name[P9_NAME_MAX + 1];
	u32 mode, gid;
	int fd;

	p9_get_name(s, name);
	mode = p9_get32(s);
	gid = p9_get32(s);
	if (s->bad)
		return -EINVAL;
	fd = writable_dir(s, f);
	if (fd < 0)
		return fd;
	if (mkdirat(fd, name, mode & 07777))
		return -errno;
	return finish_new(s, f, fd, name, gid);
}

int p9_op_readlink(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s));
	char target[PATH_MAX + 1];
	ssize_t n;
	int fd;

	if (s->bad || !f)
		return -EBADF;
	if (f->type != S_IFLNK)
		return -EINVAL;
	fd = p9_fid_fd(s, f);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", target, PATH_MAX);
	if (n < 0)
		return -errno;
	target[n] = 0;
	p9_put_string(s, target);
	return 0;
}

int p9_op_link(struct p9_server *s)
{
	struct p9_fid *dir = p9_fid_find(s, p9_get32(s)), *f = p9_fid_find(s, p9_get32(s));
	char name[P9_NAME_MAX + 1], file[40];
	int dir_fd, fd;

	p9_get_name(s, name);
	if (s->bad || !f)
		return -EBADF;
	dir_fd = writable_dir(s, dir);
	if (dir_fd < 0)
		return dir_fd;
	fd = p9_fid_fd(s, f);
	if (fd < 0)
		return fd;
	snprintf(file, sizeof(file), "%d", fd);
	return linkat(s->proc_fd, file, dir_fd, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

static int move(struct p9_server *s, struct p9_fid *from, const char *name, struct p9_fid *to,
		const char *new_name)
{
	int from_fd = writable_dir(s, from), to_fd = writable_dir(s, to);
	char *old_path, *new_path;

	if (from_fd < 0 || to_fd < 0)
		return from_fd < 0 ? from_fd : to_fd;
	/* The second lookup may have pushed the first out of the cache. */
	from_fd = p9_fid_fd(s, from);
	if (from_fd < 0)
		return from_fd;
	if (renameat(from_fd, name, to_fd, new_name))
		return -errno;
	old_path = p9_join(from->path, name);
	new_path = p9_join(to->path, new_name);
	if (old_path && new_path)
		p9_paths_moved(s, old_path, new_path);
	free(old_path);
	free(new_path);
	return 0;
}

int p9_op_renameat(struct p9_server *s)
{
	struct p9_fid *from = p9_fid_find(s, p9_get32(s)), *to;
	char name[P9_NAME_MAX + 1], new_name[P9_NAME_MAX + 1];

	p9_get_name(s, name);
	to = p9_fid_find(s, p9_get32(s));
	p9_get_name(s, new_name);
	return s->bad ? -EINVAL : move(s, from, name, to, new_name);
}

/* The directory that f is in, as a fid that belongs to no number. */
static int parent_of(struct p9_server *s, struct p9_fid *f, struct p9_fid **parent)
{
	int err, fd;

	if (!f || !f->path)
		return -EBADF;
	if (!f->path[0])
		return -EBUSY;	/* the root */
	*parent = p9_fid_new(s, P9_NOFID - 1, &err);
	if (!*parent)
		return err;
	(*parent)->path = strndup(f->path, p9_parent_len(f->path));
	fd = (*parent)->path ? p9_open_path(s, (*parent)->path) : -ENOMEM;
	err = fd < 0 ? fd : p9_fid_set(s, *parent, fd, strdup((*parent)->path));
	if (err)
		p9_fid_free(s, *parent);
	return err;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int p9_op_rename(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s)), *to = p9_fid_find(s, p9_get32(s)), *from;
	char name[P9_NAME_MAX + 1], old_name[P9_NAME_MAX + 1];
	int err;

	p9_get_name(s, name);
	if (s->bad)
		return -EINVAL;
	err = parent_of(s, f, &from);
	if (err)
		return err;
	snprintf(old_name, sizeof(old_name), "%s", last_name(f->path));
	err = move(s, from, old_name, to, name);
	p9_fid_free(s, from);
	return err;
}

int p9_op_unlinkat(struct p9_server *s)
{
	struct p9_fid *dir = p9_fid_find(s, p9_get32(s));
	char name[P9_NAME_MAX + 1];
	u32 flags;
	int fd;

	p9_get_name(s, name);
	flags = p9_get32(s);
	if (s->bad)
		return -EINVAL;
	fd = writable_dir(s, dir);
	if (fd < 0)
		return fd;
	return unlinkat(fd, name, flags & AT_REMOVEDIR) ? -errno : 0;
}

/* Removes the file and the fid; the fid even if the file stays. */
int p9_op_remove(struct p9_server *s)
{
	struct p9_fid *f = p9_fid_find(s, p9_get32(s)), *dir;
	int err, fd;

	if (s->bad || !f)
		return -EBADF;
	err = parent_of(s, f, &dir);
	if (!err) {
		fd = writable_dir(s, dir);
		err = fd;
		if (fd >= 0)
			err = unlinkat(fd, last_name(f->path),
				       f->type == S_IFDIR ? AT_REMOVEDIR : 0) ? -errno : 0;
		p9_fid_free(s, dir);
	}
	p9_fid_free(s, f);
	return err;
}
