/* SPDX-License-Identifier: MIT */
/*
 * File permissions as seen by an ordinary user, chmod and chown rules, sticky
 * and set-group-ID directories.
 */
#define ABI_FAMILY "perm"
#include "abi.h"

static void touch(const char *name, mode_t mode)
{
	close(abi_write_file(name, "data", 4));
	OK(chmod(name, mode));
}

static void owner_bits(void)
{
	touch("f", 0400);
	OK(open("f", O_RDONLY));
	CHECK_ERR(open("f", O_WRONLY), EACCES);
	CHECK_ERR(open("f", O_RDWR), EACCES);
	OK(chmod("f", 0200));
	CHECK_ERR(open("f", O_RDONLY), EACCES);
	OK(open("f", O_WRONLY));
	OK(chmod("f", 0077));
	CHECK_ERR(open("f", O_RDONLY), EACCES);
	CHECK_ERR(access("f", R_OK), EACCES);
	OK(access("f", F_OK));
	CHECK_ERR(truncate("f", 0), EACCES);
}

ABI_TEST(owner)
{
	UNPRIVILEGED(owner_bits);
}

static void directory_bits(void)
{
	struct stat st;

	OK(mkdir("d", 0755));
	touch("d/f", 0644);
	OK(chmod("d", 0400));
	close(OK(open("d", O_RDONLY)));
	CHECK_ERR(stat("d/f", &st), EACCES);
	CHECK_ERR(stat("d/missing", &st), EACCES);
	CHECK_ERR(chdir("d"), EACCES);
	OK(chmod("d", 0100));
	CHECK_ERR(open("d", O_RDONLY), EACCES);
	OK(stat("d/f", &st));
	CHECK_ERR(open("d/new", O_CREAT | O_RDWR, 0600), EACCES);
	CHECK_ERR(unlink("d/f"), EACCES);
	OK(open("d", O_PATH));
	OK(chmod("d", 0300));
	OK(open("d/new", O_CREAT | O_RDWR, 0600));
	OK(unlink("d/new"));
	CHECK_ERR(mkdir("d/f", 0700), EEXIST);
	OK(chmod("d", 0500));
	CHECK_ERR(mkdir("d/x", 0700), EACCES);
	CHECK_ERR(rename("d/f", "g"), EACCES);
	CHECK_ERR(link("d/f", "d/g"), EACCES);
	CHECK_ERR(symlink("x", "d/l"), EACCES);
}

ABI_TEST(directory)
{
	UNPRIVILEGED(directory_bits);
}

static void others_files(void)
{
	CHECK_ERR(open("root644", O_WRONLY), EACCES);
	OK(open("root644", O_RDONLY));
	CHECK_ERR(open("root600", O_RDONLY), EACCES);
	CHECK_ERR(chmod("root644", 0666), EPERM);
	CHECK_ERR(chown("root644", getuid(), -1), EPERM);
	CHECK_ERR(truncate("root644", 0), EACCES);
	CHECK_ERR(utimensat(AT_FDCWD, "root644", NULL, 0), EACCES);
	CHECK_ERR(utimensat(AT_FDCWD, "root644",
			    (struct timespec[]){ { 1, 0 }, { 1, 0 } }, 0), EPERM);
	OK(utimensat(AT_FDCWD, "root666", NULL, 0));
	CHECK_ERR(utimensat(AT_FDCWD, "root666",
			    (struct timespec[]){ { 1, 0 }, { 1, 0 } }, 0), EPERM);
	CHECK_ERR(open("root666", O_RDONLY | O_NOATIME), EPERM);
	OK(unlink("root600"));
}

ABI_TEST(files_of_others)
{
	abi_need_root();
	touch("root644", 0644);
	touch("root600", 0600);
	touch("root666", 0666);
	UNPRIVILEGED(others_files);
}

static void sticky_victim(void)
{
	CHECK_ERR(unlink("s/root"), EPERM);
	CHECK_ERR(rename("s/root", "s/x"), EPERM);
	CHECK_ERR(rmdir("s/rootdir"), EPERM);
	touch("s/mine", 0644);
	CHECK_ERR(rename("s/mine", "s/root"), EPERM);
	OK(rename("s/mine", "s/mine2"));
	OK(unlink("s/mine2"));
}

ABI_TEST(sticky_directory)
{
	abi_need_root();
	OK(mkdir("s", 0700));
	OK(chmod("s", 01777));
	touch("s/root", 0666);
	OK(mkdir("s/rootdir", 0777));
	UNPRIVILEGED(sticky_victim);
}

static void chown_rules(void)
{
	struct stat st;

	touch("f", 06755);
	OK(chown("f", -1, -1));
	OK(chown("f", getuid(), getgid()));
	CHECK_ERR(chown("f", getuid() + 1, -1), EPERM);
	CHECK_ERR(chown("f", -1, getgid() + 1), EPERM);
	OK(stat("f", &st));
	/* Any chown by an ordinary user clears the set-ID bits. */
	CHECK_EQ(st.st_mode & 06000, 0);
}

ABI_TEST(chown_unprivileged)
{
	UNPRIVILEGED(chown_rules);
}

ABI_TEST(chown_root)
{
	struct stat st;

	abi_need_root();
	touch("f", 0644);
	OK(chown("f", 10, 20));
	OK(stat("f", &st));
	CHECK(st.st_uid == 10 && st.st_gid == 20);
	OK(chown("f", -1, 30));
	OK(stat("f", &st));
	CHECK(st.st_uid == 10 && st.st_gid == 30);
	OK(symlink("f", "l"));
	OK(lchown("l", 40, 50));
	OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 10);
	OK(lstat("l", &st));
	CHECK(st.st_uid == 40 && st.st_gid == 50);
	OK(fchownat(AT_FDCWD, "l", 60, 70, 0));
	OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 60);
}

static void write_clears(void)
{
	struct stat st;
	int fd;

	touch("f", 06755);
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 06000, 06000);
	fd = OK(open("f", O_WRONLY));
	CHECK_EQ(write(fd, "x", 1), 1);
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 06000, 0);
	OK(chmod("f", 06755));
	OK(ftruncate(fd, 0));
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 06000, 0);
}

ABI_TEST(write_clears_set_id)
{
	UNPRIVILEGED(write_clears);
}

ABI_TEST(setgid_directory_passes_group_on)
{
	struct stat st;

	abi_need_root();
	OK(mkdir("d", 0755));
	OK(chown("d", 0, 777));
	OK(chmod("d", 02755));
	touch("d/f", 0644);
	OK(stat("d/f", &st));
	CHECK_EQ(st.st_gid, 777);
	OK(mkdir("d/sub", 0755));
	OK(stat("d/sub", &st));
	CHECK_EQ(st.st_gid, 777);
	CHECK_EQ(st.st_mode & 02000, 02000);
	OK(mkdir("e", 0755));
	touch("e/f", 0644);
	OK(stat("e/f", &st));
	CHECK_EQ(st.st_gid, getegid());
}

ABI_TEST(chmod_variants)
{
	struct stat st;
	int fd;

	touch("f", 0644);
	fd = OK(open("f", O_RDONLY));
	OK(fchmod(fd, 0123));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0123);
	OK(chmod("f", 0170755));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0755);
	OK(fchmodat(AT_FDCWD, "f", 0600, 0));
	CHECK_ERR(chmod("missing", 0600), ENOENT);
	CHECK_ERR(fchmod(999, 0600), EBADF);
	if (syscall(SYS_fchmodat2, fd, "", 0640, AT_EMPTY_PATH) < 0)
		CHECK_EQ(errno, ENOSYS);
}

ABI_TEST(root_ignores_bits)
{
	char buf[8];

	abi_need_root();
	touch("f", 0);
	OK(open("f", O_RDWR));
	CHECK_ERR(access("f", X_OK), EACCES);
	OK(mkdir("d", 0));
	touch("d/x", 0);
	CHECK_EQ(abi_read_file("d/x", buf, 8), 4);
	OK(access("d", X_OK));
}

ABI_TEST(access_uses_real_ids)
{
	pid_t pid;

	abi_need_root();
	touch("f", 0600);
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_setreuid, NOBODY, 0));
		OK(open("f", O_RDONLY));
		CHECK_ERR(access("f", R_OK), EACCES);
		if (syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS) < 0)
			CHECK_EQ(errno, ENOSYS);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

static void execute_bits(void)
{
	char *argv[] = { "x", NULL };

	touch("f", 0644);
	CHECK_ERR(execv("f", argv), EACCES);
	OK(chmod("f", 0011));
	CHECK_ERR(execv("f", argv), EACCES);
	OK(mkdir("d", 0755));
	touch("d/f", 0755);
	OK(chmod("d", 0));
	CHECK_ERR(execv("d/f", argv), EACCES);
}

ABI_TEST(exec_needs_x)
{
	UNPRIVILEGED(execute_bits);
}

static void mknod_rules(void)
{
	CHECK_ERR(mknod("c", S_IFCHR | 0600, 0x103), EPERM);
	OK(mknod("p", S_IFIFO | 0600, 0));
	OK(mknod("r", S_IFREG | 0600, 0));
	CHECK_ERR(mknod("d", S_IFDIR | 0600, 0), EPERM);
	CHECK_ERR(mknod("z", 0170000 | 0600, 0), EINVAL);
	CHECK_ERR(mknod("r", S_IFREG | 0600, 0), EEXIST);
}

ABI_TEST(mknod)
{
	UNPRIVILEGED(mknod_rules);
}
