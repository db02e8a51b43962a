/* SPDX-License-Identifier: MIT */
/*
 * Names: hard links, unlink of open files, rename and renameat2, mkdir and
 * rmdir, link counts.
 */
#define ABI_FAMILY "name"
#include "abi.h"

static void touch(const char *name)
{
	close(abi_write_file(name, name, strlen(name)));
}

static long links(const char *name)
{
	struct stat st;

	OK(lstat(name, &st));
	return st.st_nlink;
}

static ino_t inode(const char *name)
{
	struct stat st;

	OK(lstat(name, &st));
	return st.st_ino;
}

static int exists(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

ABI_TEST(hard_link)
{
	char buf[8];

	touch("a");
	OK(link("a", "b"));
	CHECK_EQ(links("a"), 2);
	CHECK_EQ(inode("a"), inode("b"));
	close(OK(open("b", O_WRONLY | O_TRUNC)));
	CHECK_EQ(abi_read_file("a", buf, 8), 0);
	OK(unlink("a"));
	CHECK_EQ(links("b"), 1);
}

ABI_TEST(link_errors)
{
	touch("a");
	touch("b");
	OK(mkdir("d", 0755));
	CHECK_ERR(link("a", "b"), EEXIST);
	CHECK_ERR(link("a", "d"), EEXIST);
	CHECK_ERR(link("d", "e"), EPERM);
	CHECK_ERR(link("missing", "e"), ENOENT);
	CHECK_ERR(link("a", "missing/e"), ENOENT);
	CHECK_ERR(link("a", "b/e"), ENOTDIR);
	CHECK_ERR(linkat(AT_FDCWD, "a", AT_FDCWD, "e", 0x8000), EINVAL);
}

ABI_TEST(link_to_symlink)
{
	touch("f");
	OK(symlink("f", "l"));
	OK(link("l", "hard"));
	CHECK_EQ(inode("hard"), inode("l"));
	OK(linkat(AT_FDCWD, "l", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW));
	CHECK_EQ(inode("hard2"), inode("f"));
}

ABI_TEST(unlinked_file_lives_on)
{
	int fd = abi_write_file("f", "hello", 5);
	char buf[5], name[64], target[PATH_MAX];
	struct stat st;
	long n;

	OK(unlink("f"));
	CHECK(!exists("f"));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK_EQ(pwrite(fd, "more", 4, 5), 4);
	touch("f");
	OK(fstat(fd, &st));
	CHECK(st.st_ino != inode("f"));
	CHECK_EQ(st.st_size, 9);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = OK(readlink(name, target, sizeof(target) - 1));
	target[n] = 0;
	CHECK(strstr(target, "/f (deleted)"));
}

ABI_TEST(unlink_errors)
{
	OK(mkdir("d", 0755));
	CHECK_ERR(unlink("missing"), ENOENT);
	CHECK_ERR(unlink("d"), EISDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "d", 0), EISDIR);
	CHECK_ERR(unlink("/"), EISDIR);
}

ABI_TEST(directory_link_counts)
{
	long base = links(".");

	OK(mkdir("d", 0755));
	if (links(".") != base + 1)
		SKIP("this file system does not count subdirectories");
	CHECK_EQ(links("d"), 2);
	OK(mkdir("d/e", 0755));
	CHECK_EQ(links("d"), 3);
	OK(rename("d/e", "e"));
	CHECK_EQ(links("d"), 2);
	CHECK_EQ(links("."), base + 2);
	OK(rmdir("e"));
	OK(rmdir("d"));
	CHECK_EQ(links("."), base);
}

ABI_TEST(rmdir_errors)
{
	OK(mkdir("d", 0755));
	touch("d/f");
	OK(symlink("d", "l"));
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(rmdir("d/f"), ENOTDIR);
	CHECK_ERR(rmdir("l"), ENOTDIR);
	CHECK_ERR(rmdir("missing"), ENOENT);
	CHECK_ERR(rmdir("/"), EBUSY);
	OK(unlink("d/f"));
	OK(rmdir("d"));
}

ABI_TEST(mkdir_errors)
{
	touch("f");
	CHECK_ERR(mkdir("f", 0700), EEXIST);
	CHECK_ERR(mkdir("f/x", 0700), ENOTDIR);
	CHECK_ERR(mkdir("missing/x", 0700), ENOENT);
	CHECK_ERR(mkdir("/", 0700), EEXIST);
	CHECK_ERR(mkdir("/proc/x", 0700), ENOENT);
	OK(symlink("nowhere", "l"));
	CHECK_ERR(mkdir("l", 0700), EEXIST);
}

ABI_TEST(removed_directory_by_descriptor)
{
	int dfd;

	OK(mkdir("d", 0755));
	dfd = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(rmdir("d"));
	CHECK_ERR(openat(dfd, "f", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(mkdirat(dfd, "x", 0700), ENOENT);
	OK(mkdir("d", 0755));
	CHECK_ERR(openat(dfd, "f", O_CREAT | O_RDWR, 0600), ENOENT);
}

ABI_TEST(rename_replaces)
{
	ino_t ino;
	int fd;
	char c;

	touch("a");
	touch("b");
	ino = inode("a");
	fd = OK(open("b", O_RDONLY));
	OK(rename("a", "b"));
	CHECK(!exists("a"));
	CHECK_EQ(inode("b"), ino);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'b');
}

ABI_TEST(rename_same_inode_is_nothing)
{
	touch("a");
	OK(link("a", "b"));
	OK(rename("a", "b"));
	CHECK(exists("a") && exists("b"));
	OK(rename("a", "a"));
	CHECK(exists("a"));
}

ABI_TEST(rename_directories)
{
	OK(mkdir("d", 0755));
	OK(mkdir("e", 0755));
	touch("d/f");
	OK(rename("d", "e"));
	CHECK(exists("e/f"));
	OK(mkdir("d", 0755));
	CHECK_ERR(rename("d", "e"), ENOTEMPTY);
	touch("f");
	CHECK_ERR(rename("f", "d"), EISDIR);
	CHECK_ERR(rename("d", "f"), ENOTDIR);
	CHECK_ERR(rename("d", "d/sub"), EINVAL);
	OK(mkdir("d/s", 0755));
	CHECK_ERR(rename("d", "d/s/t"), EINVAL);
	CHECK_ERR(rename("d/s", "d"), ENOTEMPTY);
}

ABI_TEST(rename_moves_dotdot)
{
	struct stat a, b;

	OK(mkdir("d", 0755));
	OK(mkdir("d/s", 0755));
	OK(mkdir("e", 0755));
	OK(rename("d/s", "e/s"));
	OK(stat("e/s/..", &a));
	OK(stat("e", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	OK(rmdir("d"));
}

ABI_TEST(rename_symlink_itself)
{
	touch("f");
	OK(symlink("f", "l"));
	OK(rename("l", "m"));
	CHECK(exists("m") && !exists("l") && exists("f"));
	touch("g");
	OK(rename("g", "m"));
	CHECK(exists("f"));
}

ABI_TEST(rename_errors)
{
	touch("f");
	CHECK_ERR(rename("missing", "x"), ENOENT);
	CHECK_ERR(rename("f", "missing/x"), ENOENT);
	CHECK_ERR(rename("f", "f/x"), ENOTDIR);
	CHECK_ERR(rename("f", "g/"), ENOTDIR);
	CHECK_ERR(rename("f", "/proc/x"), EXDEV);
	CHECK_ERR(rename("f", "."), EBUSY);
	CHECK_ERR(rename(".", "x"), EBUSY);
}

static long sys_renameat2(const char *a, const char *b, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

ABI_TEST(rename_noreplace)
{
	touch("a");
	touch("b");
	CHECK_ERR(sys_renameat2("a", "b", RENAME_NOREPLACE), EEXIST);
	CHECK_ERR(sys_renameat2("a", "a", RENAME_NOREPLACE), EEXIST);
	OK(sys_renameat2("a", "c", RENAME_NOREPLACE));
	CHECK(!exists("a") && exists("c"));
	OK(symlink("nowhere", "l"));
	CHECK_ERR(sys_renameat2("c", "l", RENAME_NOREPLACE), EEXIST);
}

ABI_TEST(rename_exchange)
{
	ino_t a, d;

	touch("a");
	OK(mkdir("d", 0755));
	touch("d/f");
	a = inode("a");
	d = inode("d");
	OK(sys_renameat2("a", "d", RENAME_EXCHANGE));
	CHECK_EQ(inode("a"), d);
	CHECK_EQ(inode("d"), a);
	CHECK(exists("a/f"));
	CHECK_ERR(sys_renameat2("a", "missing", RENAME_EXCHANGE), ENOENT);
	CHECK_ERR(sys_renameat2("a", "a/f", RENAME_EXCHANGE), EINVAL);
	CHECK_ERR(sys_renameat2("a/f", "a", RENAME_EXCHANGE), EINVAL);
}

ABI_TEST(renameat2_flags)
{
	touch("a");
	CHECK_ERR(sys_renameat2("a", "b", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
	CHECK_ERR(sys_renameat2("a", "b", RENAME_WHITEOUT | RENAME_EXCHANGE), EINVAL);
	CHECK_ERR(sys_renameat2("a", "b", 0x100), EINVAL);
	OK(sys_renameat2("a", "b", 0));
}

ABI_TEST(concurrent_renames)
{
	pid_t pid;

	touch("a");
	OK(mkdir("d", 0755));
	pid = FORK();
	for (int i = 0; i < 300; i++) {
		if (pid ? rename("a", "d/a") : rename("d/a", "a"))
			CHECK_EQ(errno, ENOENT);
	}
	if (!pid)
		_exit(0);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(exists("a") + exists("d/a"), 1);
}
