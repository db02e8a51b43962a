/* SPDX-License-Identifier: MIT */
/*
 * Writing cpio archives; see initrd.h. Entries:
 *
 *   "070701" + 13 fields of 8 hex digits | name, NUL | pad to 4 | data | pad to 4
 *
 * A file with several names is written once for each of them: sizes stay
 * simple, and the guest's root is in memory anyway.
 */
#define _GNU_SOURCE
#include "cli/initrd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hal/hosted/report.h"

struct entry {
	const char *name;
	mode_t mode;
	u64 mtime, size;
	dev_t rdev;
	u32 nlink;
};

static bool put_raw(struct cpio *c, const void *data, u64 size)
{
	if (fwrite(data, 1, size, c->out) == size) {
		c->size += size;
		return true;
	}
	report_errno(c->name, errno, "is the disk full?");
	return false;
}

static bool put(struct cpio *c, const void *data, u64 size)
{
	static const char zero[4];

	return put_raw(c, data, size) && put_raw(c, zero, -c->size & 3);
}

static bool put_header(struct cpio *c, const struct entry *e)
{
	size_t len = strlen(e->name) + 1;
	char text[4096 + 128];
	int n;

	if (e->size > 0xffffffffu || len > 4096) {
		report(e->name, "too large for a cpio archive", "4 GiB is the limit");
		return false;
	}
	n = snprintf(text, sizeof(text), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s",
		     c->next_ino++, e->mode, 0, 0, e->nlink, (u32)e->mtime, (u32)e->size, 0, 0,
		     major(e->rdev), minor(e->rdev), (u32)len, 0, e->name);
	return put(c, text, (u64)n + 1);
}

bool cpio_entry(struct cpio *c, const char *name, mode_t mode, const void *data, u64 size)
{
	struct entry e = { .name = name, .mode = mode, .size = size,
			   .nlink = S_ISDIR(mode) ? 2 : 1 };

	return put_header(c, &e) && put(c, data, size);
}

bool cpio_end(struct cpio *c)
{
	return cpio_entry(c, "TRAILER!!!", 0, NULL, 0);
}

/* ---- trees ---- */

static bool copy_file(struct cpio *c, const char *path, u64 size)
{
	char buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	u64 left = size;
	ssize_t n = 1;

	if (fd < 0) {
		report_errno(path, errno, "every file of the tree must be readable");
		return false;
	}
	while (left && (n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf))) > 0 &&
	       put_raw(c, buf, (u64)n))
		left -= (u64)n;
	close(fd);
	if (left && n <= 0)
		report(path, n ? strerror(errno) : "became shorter", "try again");
	return !left && put(c, "", 0);
}

static bool put_path(struct cpio *c, const char *path, const char *name, s64 epoch)
{
	struct stat st;
	struct entry e = { .name = name };
	char target[4096];
	ssize_t len;

	if (lstat(path, &st)) {
		report_errno(path, errno, NULL);
		return false;
	}
	e.mode = st.st_mode;
	e.mtime = (u64)(epoch >= 0 ? epoch : st.st_mtime);
	e.nlink = S_ISDIR(st.st_mode) ? 2 : 1;
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		e.rdev = st.st_rdev;
	if (S_ISLNK(st.st_mode)) {
		len = readlink(path, target, sizeof(target));
		e.size = len > 0 ? (u64)len : 0;
		return put_header(c, &e) && put(c, target, e.size);
	}
	if (S_ISREG(st.st_mode)) {
		e.size = (u64)st.st_size;
		return put_header(c, &e) && copy_file(c, path, e.size);
	}
	if (S_ISSOCK(st.st_mode))
		return true;	/* nothing that an archive can keep */
	return put_header(c, &e);
}

static int is_name(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool put_directory(struct cpio *c, const char *path, const char *prefix, s64 epoch)
{
	struct dirent **list;
	int count = scandir(path, &list, is_name, by_bytes);
	bool ok = count >= 0;

	if (!ok)
		report_errno(path, errno, "a directory that can be read is wanted");
	for (int i = 0; i < count; i++) {
		char *full, *name;
		struct stat st;

		if (asprintf(&full, "%s/%s", path, list[i]->d_name) < 0 ||
		    asprintf(&name, "%s%s%s", prefix, *prefix ? "/" : "", list[i]->d_name) < 0)
			abort();
		ok = ok && put_path(c, full, name, epoch);
		if (ok && !lstat(full, &st) && S_ISDIR(st.st_mode))
			ok = put_directory(c, full, name, epoch);
		free(full);
		free(name);
		free(list[i]);
	}
	if (count >= 0)
		free(list);
	return ok;
}

bool cpio_tree(struct cpio *c, const char *dir, s64 epoch)
{
	return put_directory(c, dir, "", epoch);
}

/* ---- the initrd of a boot ---- */

static bool append_file(struct cpio *c, const char *file)
{
	char buf[65536];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		report_errno(file, errno, "--initrd wants a cpio archive; `hyla image` makes one");
		return false;
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, (size_t)n, c->out) != (size_t)n)
			break;
	close(fd);
	if (n) {
		report_errno(file, errno, NULL);
		return false;
	}
	return true;
}

int initrd_create(const void *config, size_t size, const char *file)
{
	int fd = memfd_create("hyla-initrd", 0);
	struct cpio c = { .name = "initrd", .next_ino = 0x7f000000 };
	bool ok;

	c.out = fd < 0 ? NULL : fdopen(dup(fd), "w");
	if (!c.out) {
		report_errno("cannot make the initrd", errno, NULL);
		return -1;
	}
	ok = cpio_entry(&c, ".hyla", S_IFDIR | 0700, NULL, 0) &&
	     cpio_entry(&c, ".hyla/config", S_IFREG | 0600, config, size) && cpio_end(&c) &&
	     (!file || append_file(&c, file));
	if (fclose(c.out) && ok) {
		report_errno("cannot make the initrd", errno, NULL);
		ok = false;
	}
	return ok ? fd : -1;
}
