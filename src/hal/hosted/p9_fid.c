/* SPDX-License-Identifier: MIT */
/* Fids, paths and the confinement of the 9p server; see p9.h. */
#define _GNU_SOURCE
#include "hal/hosted/p9.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Cached O_PATH descriptors of all servers, oldest first. */
static struct p9_fid *oldest, *newest;
static u32 cached, cached_max = 512;

void p9_fid_limit(u32 descriptors)
{
	cached_max = descriptors;
}

static void cache_remove(struct p9_fid *f)
{
	*(f->older ? &f->older->newer : &oldest) = f->newer;
	*(f->newer ? &f->newer->older : &newest) = f->older;
	f->older = f->newer = NULL;
	cached--;
}

static void cache_add(struct p9_fid *f)
{
	f->older = newest;
	f->newer = NULL;
	*(newest ? &newest->newer : &oldest) = f;
	newest = f;
	cached++;
}

static void forget_path_fd(struct p9_fid *f)
{
	if (f->path_fd < 0)
		return;
	cache_remove(f);
	close(f->path_fd);
	f->path_fd = -1;
}

static void remember_path_fd(struct p9_fid *f, int fd)
{
	f->path_fd = fd;
	cache_add(f);
	while (cached > cached_max && oldest != f)
		forget_path_fd(oldest);
}

struct p9_fid *p9_fid_find(struct p9_server *s, u32 nr)
{
	struct p9_fid *f = s->hash[nr % P9_HASH];

	while (f && f->nr != nr)
		f = f->hash_next;
	return f;
}

struct p9_fid *p9_fid_new(struct p9_server *s, u32 nr, int *err)
{
	struct p9_fid *f;

	*err = nr == P9_NOFID || p9_fid_find(s, nr) ? -EBADF :
	       s->nr_fids >= P9_FIDS_MAX ? -ENFILE : 0;
	if (*err)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		*err = -ENOMEM;
		return NULL;
	}
	f->nr = nr;
	f->fd = -1;
	f->path_fd = -1;
	f->hash_next = s->hash[nr % P9_HASH];
	s->hash[nr % P9_HASH] = f;
	s->nr_fids++;
	return f;
}

void p9_fid_free(struct p9_server *s, struct p9_fid *f)
{
	struct p9_fid **link = &s->hash[f->nr % P9_HASH];

	while (*link != f)
		link = &(*link)->hash_next;
	*link = f->hash_next;
	s->nr_fids--;
	forget_path_fd(f);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->xattr);
	free(f->xattr_name);
	free(f);
}

void p9_fid_free_all(struct p9_server *s)
{
	for (u32 i = 0; i < P9_HASH; i++)
		while (s->hash[i])
			p9_fid_free(s, s->hash[i]);
}

static int open_inside(int dir_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd;

	for (int tries = 0; tries < 16; tries++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)	/* a rename came between */
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int p9_open_name(int dir_fd, const char *name)
{
	return open_inside(dir_fd, name);
}

int p9_open_path(struct p9_server *s, const char *path)
{
	return open_inside(s->root_fd, path[0] ? path : ".");
}

/* File systems through which the host itself can be steered or spied on. */
bool p9_is_blocked(int fd)
{
	static const unsigned blocked[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,
		BPF_FS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, SELINUX_MAGIC,
		DEVPTS_SUPER_MAGIC, EFIVARFS_MAGIC, NSFS_MAGIC, 0x62656570 /* configfs */,
		0x6165676c /* pstore */, 0x65735543 /* fusectl */,
	};
	struct statfs st;

	if (fstatfs(fd, &st))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
		if ((unsigned)st.f_type == blocked[i])
			return true;
	return false;
}

int p9_fid_set(struct p9_server *s, struct p9_fid *f, int path_fd, char *path)
{
	struct stat st;

	if (!path || fstatat(path_fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
		int err = path ? -errno : -ENOMEM;

		close(path_fd);
		free(path);
		return err;
	}
	forget_path_fd(f);
	free(f->path);
	f->path = path;
	f->type = st.st_mode & S_IFMT;
	f->blocked = st.st_dev != s->root_dev && p9_is_blocked(path_fd);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	remember_path_fd(f, path_fd);
	return 0;
}

int p9_fid_fd(struct p9_server *s, struct p9_fid *f)
{
	struct stat st;
	int fd;

	if (f->path_fd >= 0) {
		if (newest != f) {
			cache_remove(f);
			cache_add(f);
		}
		return f->path_fd;
	}
	if (!f->path)
		return -EBADF;
	fd = p9_open_path(s, f->path);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	if (fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) || st.st_dev != f->dev ||
	    st.st_ino != f->ino) {
		close(fd);
		return -ESTALE;
	}
	remember_path_fd(f, fd);
	return fd;
}

static int open_type(struct p9_server *s, int path_fd, mode_t type, int flags)
{
	char name[16];
	int fd;

	if (type != S_IFREG && type != S_IFDIR)
		return type == S_IFLNK ? -ELOOP : -ENXIO;
	snprintf(name, sizeof(name), "%d", path_fd);
	fd = openat(s->proc_fd, name, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int p9_open_fd(struct p9_server *s, int path_fd, int flags)
{
	struct stat st;

	if (fstatat(path_fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -errno;
	return open_type(s, path_fd, st.st_mode & S_IFMT, flags);
}

int p9_reopen(struct p9_server *s, struct p9_fid *f, int flags)
{
	int path_fd = p9_fid_fd(s, f);

	if (path_fd < 0)
		return path_fd;
	return f->blocked ? -EACCES : open_type(s, path_fd, f->type, flags);
}

char *p9_join(const char *dir, const char *name)
{
	size_t dir_len = strlen(dir), name_len = strlen(name);
	char *path = malloc(dir_len + name_len + 2);

	if (!path)
		return NULL;
	memcpy(path, dir, dir_len);
	if (dir_len)
		path[dir_len++] = '/';
	memcpy(path + dir_len, name, name_len + 1);
	return path;
}

size_t p9_parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

void p9_paths_moved(struct p9_server *s, const char *from, const char *to)
{
	size_t len = strlen(from);

	for (u32 i = 0; i < P9_HASH; i++)
		for (struct p9_fid *f = s->hash[i]; f; f = f->hash_next) {
			char *path;

			if (!f->path || strncmp(f->path, from, len) ||
			    (f->path[len] && f->path[len] != '/'))
				continue;
			path = f->path[len] ? p9_join(to, f->path + len + 1) : strdup(to);
			if (!path)
				continue;	/* ESTALE later, if it comes to that */
			free(f->path);
			f->path = path;
		}
}

u32 p9_guest_uid(struct p9_server *s, u32 uid)
{
	return !s->root_user && uid == s->host_uid ? s->export.guest_uid : uid;
}

u32 p9_guest_gid(struct p9_server *s, u32 gid)
{
	return !s->root_user && gid == s->host_gid ? s->export.guest_gid : gid;
}

u32 p9_host_uid(struct p9_server *s, u32 uid)
{
	return !s->root_user && uid == s->export.guest_uid ? s->host_uid : uid;
}

u32 p9_host_gid(struct p9_server *s, u32 gid)
{
	return !s->root_user && gid == s->export.guest_gid ? s->host_gid : gid;
}
