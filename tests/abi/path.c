/* SPDX-License-Identifier: MIT */
/*
 * Path walk: symbolic links and their loops, dots, slashes, limits, the *at
 * calls' directory descriptors, O_PATH and O_NOFOLLOW.
 */
#define ABI_FAMILY "path"
#include "abi.h"

static void touch(const char *name)
{
	close(abi_write_file(name, "data", 4));
}

ABI_TEST(symlink_followed)
{
	char buf[16];
	struct stat st;

	touch("f");
	OK(symlink("f", "l"));
	OK(stat("l", &st));
	CHECK(S_ISREG(st.st_mode));
	OK(lstat("l", &st));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(st.st_size, 1);
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 1);
	CHECK_EQ(abi_read_file("l", buf, sizeof(buf)), 4);
}

ABI_TEST(symlink_relative_to_its_directory)
{
	OK(mkdir("d", 0755));
	touch("d/f");
	OK(symlink("f", "d/l"));
	OK(access("d/l", F_OK));
	OK(symlink("d/l", "l2"));
	OK(access("l2", F_OK));
}

ABI_TEST(dangling)
{
	struct stat st;

	OK(symlink("nowhere", "l"));
	CHECK_ERR(stat("l", &st), ENOENT);
	OK(lstat("l", &st));
	CHECK_ERR(open("l", O_RDONLY), ENOENT);
	/* O_CREAT goes through it, O_EXCL does not. */
	CHECK_ERR(open("l", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	close(OK(open("l", O_RDWR | O_CREAT, 0600)));
	OK(access("nowhere", F_OK));
	OK(symlink("no/where", "l2"));
	CHECK_ERR(open("l2", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_ERR(mkdir("l2", 0700), EEXIST);
}

ABI_TEST(loops)
{
	struct stat st;

	OK(symlink("self", "self"));
	OK(symlink("b", "a"));
	OK(symlink("a", "b"));
	CHECK_ERR(open("self", O_RDONLY), ELOOP);
	CHECK_ERR(stat("a", &st), ELOOP);
	CHECK_ERR(stat("a/x", &st), ELOOP);
	CHECK_ERR(mkdir("self/x", 0700), ELOOP);
	OK(lstat("self", &st));
	OK(unlink("self"));
}

ABI_TEST(forty_links_at_most)
{
	char from[16], to[16];
	struct stat st;

	touch("l0");
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "l%d", i);
		snprintf(to, sizeof(to), "l%d", i - 1);
		OK(symlink(to, from));
	}
	OK(stat("l40", &st));
	CHECK_ERR(stat("l41", &st), ELOOP);
}

ABI_TEST(forty_links_in_components)
{
	char path[512] = "";
	struct stat st;

	OK(mkdir("d", 0755));
	OK(symlink("..", "d/up"));
	for (int i = 0; i < 20; i++)
		strcat(path, "d/up/");
	OK(stat(path, &st));
	for (int i = 0; i < 21; i++)
		strcat(path, "d/up/");
	CHECK_ERR(stat(path, &st), ELOOP);
}

ABI_TEST(trailing_slash)
{
	struct stat st;

	OK(mkdir("d", 0755));
	touch("f");
	OK(symlink("d", "ld"));
	OK(symlink("f", "lf"));
	OK(stat("d/", &st));
	OK(stat("d///", &st));
	CHECK_ERR(stat("f/", &st), ENOTDIR);
	CHECK_ERR(stat("lf/", &st), ENOTDIR);
	OK(lstat("ld/", &st));
	CHECK(S_ISDIR(st.st_mode));
	CHECK_ERR(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(rmdir("ld/"), ENOTDIR);
	OK(mkdir("e/", 0755));
	OK(rmdir("e/"));
	CHECK_ERR(symlink("x", "n/"), ENOENT);
	CHECK_ERR(link("f", "n/"), ENOENT);
	CHECK_ERR(mknod("n/", S_IFIFO | 0600, 0), ENOENT);
}

ABI_TEST(dots)
{
	struct stat a, b;

	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	touch("f");
	OK(stat("d/e/../../f", &a));
	OK(stat("./././f", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_ERR(stat("f/.", &a), ENOTDIR);
	CHECK_ERR(stat("f/..", &a), ENOTDIR);
	CHECK_ERR(stat("missing/..", &a), ENOENT);
	CHECK_ERR(rmdir("d/e/."), EINVAL);
	CHECK_ERR(rmdir("d/e/.."), ENOTEMPTY);
	CHECK_ERR(mkdir("d/.", 0700), EEXIST);
	CHECK_ERR(mkdir("..", 0700), EEXIST);
	CHECK_ERR(unlink("."), EISDIR);
	CHECK_ERR(unlink("d/.."), EISDIR);
	CHECK_ERR(rename("d/.", "x"), EBUSY);
	CHECK_ERR(rename("d", "d/e/.."), EBUSY);
}

ABI_TEST(dotdot_of_root_is_root)
{
	struct stat a, b;

	OK(stat("/", &a));
	OK(stat("/../../..", &b));
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

ABI_TEST(dotdot_through_symlink_is_physical)
{
	struct stat a, b;

	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	OK(symlink("d/e", "l"));
	OK(stat("l/..", &a));
	OK(stat("d", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
}

ABI_TEST(empty_path)
{
	struct stat st;

	CHECK_ERR(open("", O_RDONLY), ENOENT);
	CHECK_ERR(stat("", &st), ENOENT);
	CHECK_ERR(mkdir("", 0700), ENOENT);
	CHECK_ERR(unlink(""), ENOENT);
	CHECK_ERR(symlink("", "l"), ENOENT);
	CHECK_ERR(rename("", "x"), ENOENT);
}

ABI_TEST(name_limits)
{
	char name[300], *path = malloc(8192);
	struct stat st;

	memset(name, 'n', sizeof(name));
	name[255] = 0;
	touch(name);
	OK(stat(name, &st));
	name[255] = 'n';
	name[256] = 0;
	CHECK_ERR(stat(name, &st), ENAMETOOLONG);
	CHECK_ERR(open(name, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	CHECK_ERR(mkdir(name, 0600), ENAMETOOLONG);
	/* Slashes and dots up to PATH_MAX - 1. */
	for (int i = 0; i < 8190; i++)
		path[i] = i % 2 ? '/' : '.';
	path[4094] = 0;
	OK(stat(path, &st));
	path[4094] = '.';
	path[4095] = '/';
	path[4096] = 0;
	CHECK_ERR(stat(path, &st), ENAMETOOLONG);
	CHECK_ERR(symlink(path, "l"), ENAMETOOLONG);
}

ABI_TEST(symlink_target_of_4095)
{
	char *t = malloc(8192), *back = malloc(8192);

	memset(t, 'a', 4095);
	for (int i = 100; i < 4095; i += 100)
		t[i] = '/';
	t[4095] = 0;
	if (symlink(t, "l") < 0) {
		/* A file system with blocks may say so. */
		CHECK_EQ(errno, ENAMETOOLONG);
		t[4000] = 0;
		OK(symlink(t, "l"));
	}
	CHECK_EQ(readlink("l", back, 8192), strlen(t));
	CHECK(!memcmp(t, back, strlen(t)));
}

ABI_TEST(not_a_directory)
{
	struct stat st;

	touch("f");
	CHECK_ERR(stat("f/x", &st), ENOTDIR);
	CHECK_ERR(open("f/x", O_CREAT | O_RDWR, 0600), ENOTDIR);
	CHECK_ERR(mkdir("f/x", 0700), ENOTDIR);
	CHECK_ERR(rename("f/x", "y"), ENOTDIR);
	CHECK_ERR(chdir("f"), ENOTDIR);
	CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(rmdir("f"), ENOTDIR);
}

ABI_TEST(at_calls)
{
	int dfd, ffd;
	struct stat st;
	char buf[8];

	OK(mkdir("d", 0755));
	touch("d/f");
	dfd = OK(open("d", O_RDONLY | O_DIRECTORY));
	ffd = OK(open("d/f", O_RDONLY));
	OK(fstatat(dfd, "f", &st, 0));
	CHECK_ERR(fstatat(ffd, "f", &st, 0), ENOTDIR);
	CHECK_ERR(fstatat(999, "f", &st, 0), EBADF);
	CHECK_ERR(fstatat(dfd, "", &st, 0), ENOENT);
	OK(fstatat(ffd, "", &st, AT_EMPTY_PATH));
	CHECK_EQ(st.st_size, 4);
	OK(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	CHECK(S_ISDIR(st.st_mode));
	/* An absolute path ignores the descriptor. */
	OK(fstatat(999, "/", &st, 0));
	OK(mkdirat(dfd, "sub", 0700));
	OK(symlinkat("f", dfd, "l"));
	CHECK_EQ(readlinkat(dfd, "l", buf, 8), 1);
	OK(renameat(dfd, "f", AT_FDCWD, "moved"));
	OK(unlinkat(dfd, "sub", AT_REMOVEDIR));
	CHECK_ERR(unlinkat(dfd, "l", AT_REMOVEDIR), ENOTDIR);
	CHECK_ERR(unlinkat(dfd, "l", 0x4000), EINVAL);
	CHECK_ERR(syscall(SYS_newfstatat, dfd, "l", &st, 0x40000000), EINVAL);
	OK(access("moved", F_OK));
}

ABI_TEST(removed_cwd)
{
	char buf[PATH_MAX];
	struct stat st;

	OK(mkdir("d", 0755));
	OK(chdir("d"));
	OK(rmdir("../d"));
	CHECK_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	CHECK_ERR(open("f", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(mkdir("x", 0700), ENOENT);
	OK(stat(".", &st));
	CHECK_EQ(st.st_nlink, 0);
	OK(chdir(".."));
}

ABI_TEST(getcwd_rules)
{
	char buf[PATH_MAX], tiny[2];
	long n = OK(syscall(SYS_getcwd, buf, sizeof(buf)));

	CHECK_EQ(n, strlen(buf) + 1);
	CHECK_EQ(buf[0], '/');
	CHECK_ERR(syscall(SYS_getcwd, tiny, 2), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, buf, 0), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, BAD_KERNEL, 4096), EFAULT);
	OK(chdir("/"));
	CHECK_EQ(OK(syscall(SYS_getcwd, tiny, 2)), 2);
	CHECK_STR(tiny, "/");
}

ABI_TEST(fchdir)
{
	char a[PATH_MAX], b[PATH_MAX];
	int dfd = OK(open(".", O_RDONLY)), pfd = OK(open("..", O_PATH));

	CHECK(getcwd(a, sizeof(a)) != NULL);
	OK(chdir("/"));
	OK(fchdir(dfd));
	CHECK(getcwd(b, sizeof(b)) != NULL);
	CHECK_STR(a, b);
	OK(fchdir(pfd));
	CHECK(getcwd(b, sizeof(b)) != NULL);
	CHECK_EQ(strncmp(a, b, strlen(b)), 0);
	CHECK_ERR(fchdir(abi_temp_fd()), ENOTDIR);
	CHECK_ERR(fchdir(999), EBADF);
}

ABI_TEST(readlink_truncates)
{
	char buf[8] = "zzzzzzz";

	OK(symlink("abcdef", "l"));
	CHECK_EQ(readlink("l", buf, 3), 3);
	CHECK(!memcmp(buf, "abcz", 4));
	CHECK_ERR(syscall(SYS_readlink, "l", buf, 0), EINVAL);
	touch("f");
	CHECK_ERR(readlink("f", buf, 8), EINVAL);
	CHECK_ERR(syscall(SYS_readlink, "l", BAD_KERNEL, 8), EFAULT);
}

ABI_TEST(o_path)
{
	int fd, fd2;
	struct stat st;
	char c;

	touch("f");
	OK(chmod("f", 0));
	fd = OK(open("f", O_PATH));
	OK(fstat(fd, &st));
	CHECK(fcntl(fd, F_GETFL) & O_PATH);
	CHECK_ERR(read(fd, &c, 1), EBADF);
	CHECK_ERR(write(fd, &c, 1), EBADF);
	CHECK_ERR(lseek(fd, 0, SEEK_SET), EBADF);
	CHECK_ERR(syscall(SYS_fchmod, fd, 0600), EBADF);
	CHECK_ERR(ftruncate(fd, 0), EBADF);
	CHECK_ERR(syscall(SYS_ioctl, fd, 0x541b, &c), EBADF);
	fd2 = OK(dup(fd));
	OK(close(fd2));
	OK(symlink("f", "l"));
	fd = OK(open("l", O_PATH | O_NOFOLLOW));
	OK(fstat(fd, &st));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(readlinkat(fd, "", &c, 1), 1);
	CHECK_EQ(c, 'f');
}

ABI_TEST(reopen_through_proc)
{
	char name[64], c = 0;
	int fd;

	touch("f");
	fd = OK(open("f", O_PATH));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	fd = OK(open(name, O_RDONLY));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'd');
	OK(unlink("f"));
	/* Magic links do not need the name. */
	OK(open(name, O_RDONLY));
}

ABI_TEST(o_nofollow_and_directory)
{
	OK(mkdir("d", 0755));
	touch("d/f");
	OK(symlink("d", "ld"));
	OK(symlink("d/f", "lf"));
	CHECK_ERR(open("lf", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("ld", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	OK(open("ld/f", O_RDONLY | O_NOFOLLOW));
	OK(open("ld", O_RDONLY | O_DIRECTORY));
	CHECK_ERR(open("lf", O_RDONLY | O_DIRECTORY), ENOTDIR);
}

ABI_TEST(access_checks)
{
	touch("f");
	OK(chmod("f", 0644));
	OK(access("f", F_OK));
	OK(access("f", R_OK | W_OK));
	CHECK_ERR(access("f", X_OK), EACCES);
	CHECK_ERR(access("f", 0x10), EINVAL);
	CHECK_ERR(access("missing", F_OK), ENOENT);
	OK(symlink("gone", "l"));
	CHECK_ERR(access("l", F_OK), ENOENT);
	if (syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		CHECK_EQ(errno, ENOSYS);
}
