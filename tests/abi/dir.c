/* SPDX-License-Identifier: MIT */
/*
 * Reading directories: getdents64 records, offsets and seeking, entries that
 * come and go, many entries.
 */
#define ABI_FAMILY "dir"
#include "abi.h"

#include <dirent.h>

struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static void touch(const char *name)
{
	close(abi_write_file(name, "", 0));
}

static long sys_getdents(int fd, void *buf, size_t size)
{
	return syscall(SYS_getdents64, fd, buf, size);
}

static int count_all(int fd, size_t bufsize)
{
	char *buf = malloc(bufsize);
	int n = 0;
	long got;

	while ((got = OK(sys_getdents(fd, buf, bufsize))) > 0) {
		for (long pos = 0; pos < got;) {
			struct entry *e = (struct entry *)(buf + pos);

			CHECK(e->reclen % 8 == 0 && pos + e->reclen <= got);
			CHECK(e->ino != 0 && strlen(e->name) > 0);
			pos += e->reclen;
			n++;
		}
	}
	free(buf);
	return n;
}

ABI_TEST(records)
{
	struct { const char *name; int type; int seen; } want[] = {
		{ ".", DT_DIR, 0 }, { "..", DT_DIR, 0 }, { "file", DT_REG, 0 },
		{ "sub", DT_DIR, 0 }, { "link", DT_LNK, 0 }, { "fifo", DT_FIFO, 0 },
	};
	char buf[4096];
	struct stat st;
	long got;
	int fd;

	OK(mkdir("d", 0755));
	OK(chdir("d"));
	touch("file");
	OK(mkdir("sub", 0755));
	OK(symlink("x", "link"));
	OK(mkfifo("fifo", 0600));
	fd = OK(open(".", O_RDONLY | O_DIRECTORY));
	while ((got = OK(sys_getdents(fd, buf, sizeof(buf)))) > 0) {
		for (long pos = 0; pos < got;) {
			struct entry *e = (struct entry *)(buf + pos);

			for (size_t i = 0; i < COUNT(want); i++) {
				if (strcmp(e->name, want[i].name))
					continue;
				want[i].seen++;
				CHECK(e->type == want[i].type || e->type == 0);
				OK(lstat(e->name, &st));
				CHECK_EQ(e->ino, st.st_ino);
			}
			pos += e->reclen;
		}
	}
	for (size_t i = 0; i < COUNT(want); i++)
		CHECK_EQ(want[i].seen, 1);
	CHECK_EQ(sys_getdents(fd, buf, sizeof(buf)), 0);
}

ABI_TEST(errors)
{
	char buf[256];
	int fd = OK(open(".", O_RDONLY));

	CHECK_ERR(sys_getdents(fd, buf, 0), EINVAL);
	CHECK_ERR(sys_getdents(fd, buf, 8), EINVAL);
	CHECK_ERR(sys_getdents(abi_temp_fd(), buf, 256), ENOTDIR);
	CHECK_ERR(sys_getdents(999, buf, 256), EBADF);
	CHECK_ERR(sys_getdents(OK(open(".", O_PATH)), buf, 256), EBADF);
	CHECK_ERR(sys_getdents(fd, BAD_KERNEL, 256), EFAULT);
}

ABI_TEST(many_entries_small_buffer)
{
	char name[32];

	OK(mkdir("d", 0755));
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "d/entry-%d", i);
		touch(name);
	}
	CHECK_EQ(count_all(OK(open("d", O_RDONLY)), 4096), 502);
	CHECK_EQ(count_all(OK(open("d", O_RDONLY)), 64), 502);
	CHECK_EQ(count_all(OK(open("d", O_RDONLY)), 65536), 502);
}

ABI_TEST(rewind)
{
	int fd;

	OK(mkdir("d", 0755));
	touch("d/a");
	fd = OK(open("d", O_RDONLY));
	CHECK_EQ(count_all(fd, 4096), 3);
	CHECK_EQ(count_all(fd, 4096), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	touch("d/b");
	CHECK_EQ(count_all(fd, 4096), 4);
}

ABI_TEST(telldir_and_seekdir)
{
	char name[32], want[256];
	struct dirent *e;
	long where;
	DIR *dir;

	OK(mkdir("d", 0755));
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "d/e%d", i);
		touch(name);
	}
	dir = opendir("d");
	for (int i = 0; i < 20; i++)
		CHECK(readdir(dir) != NULL);
	where = telldir(dir);
	e = readdir(dir);
	CHECK(e != NULL);
	snprintf(want, sizeof(want), "%s", e->d_name);
	while (readdir(dir))
		;
	seekdir(dir, where);
	e = readdir(dir);
	CHECK(e != NULL);
	CHECK_STR(e->d_name, want);
}

ABI_TEST(remove_while_reading)
{
	char name[300];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	OK(mkdir("d", 0755));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "d/e%d", i);
		touch(name);
	}
	dir = opendir("d");
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "d/%s", e->d_name);
		OK(unlink(name));
		n++;
	}
	/* rm -r relies on it: each entry once, none missed. */
	CHECK_EQ(n, 300);
	closedir(dir);
	OK(rmdir("d"));
}

ABI_TEST(survivors_seen_once)
{
	char name[300];
	int seen[200] = { 0 };
	struct dirent *e;
	DIR *dir;

	OK(mkdir("d", 0755));
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		touch(name);
	}
	dir = opendir("d");
	for (int i = 0; (e = readdir(dir)); i++) {
		if (e->d_name[0] == '.')
			continue;
		seen[atoi(e->d_name)]++;
		/* Files come and go meanwhile. */
		snprintf(name, sizeof(name), "d/x%d", i % 7);
		if (i < 100) {
			touch(name);
			OK(unlink(name));
		}
		if (e->d_name[0] == 'x')
			seen[atoi(e->d_name)]--;
	}
	for (int i = 1; i < 200; i++)
		CHECK_EQ(seen[i], 1);
}

ABI_TEST(old_getdents)
{
	char buf[1024];
	int fd = OK(open(".", O_RDONLY));
	long got = OK(syscall(SYS_getdents, fd, buf, sizeof(buf)));

	/* d_type sits in the last byte of each record. */
	CHECK(got > 0);
	for (long pos = 0; pos < got;) {
		unsigned short reclen;

		memcpy(&reclen, buf + pos + 16, 2);
		CHECK(reclen >= 24);
		CHECK(buf[pos + reclen - 1] == DT_DIR || !buf[pos + reclen - 1]);
		pos += reclen;
	}
}

ABI_TEST(shared_offset)
{
	int fd, fd2;

	OK(mkdir("d", 0755));
	fd = OK(open("d", O_RDONLY));
	fd2 = OK(dup(fd));
	CHECK_EQ(count_all(fd, 4096), 2);
	CHECK_EQ(count_all(fd2, 4096), 0);
}

ABI_TEST(removed_directory_is_empty)
{
	char buf[256];
	int fd;

	OK(mkdir("d", 0755));
	fd = OK(open("d", O_RDONLY));
	OK(rmdir("d"));
	CHECK_ERR(sys_getdents(fd, buf, 256), ENOENT);
}
