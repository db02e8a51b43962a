/* SPDX-License-Identifier: MIT */
/*
 * mount and umount of tmpfs inside a mount namespace of the test's own.
 */
#define ABI_FAMILY "mount"
#include "abi.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static void own_namespace(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		SKIP("unshare(CLONE_NEWNS): %s", strerror(errno));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		SKIP("mount --make-rprivate: %s", strerror(errno));
	OK(mkdir("m", 0755));
}

static void mount_tmpfs(const char *where, unsigned long flags, const char *opts)
{
	OK(mount("tmpfs", where, "tmpfs", flags, opts));
}

ABI_TEST(tmpfs)
{
	struct stat a, b;
	struct statfs sf;

	own_namespace();
	close(abi_write_file("m/below", "x", 1));
	OK(stat("m", &a));
	mount_tmpfs("m", 0, "mode=0700");
	OK(stat("m", &b));
	CHECK(a.st_dev != b.st_dev);
	CHECK_EQ(b.st_mode & 07777, 0700);
	CHECK_ERR(access("m/below", F_OK), ENOENT);
	close(abi_write_file("m/f", "x", 1));
	OK(statfs("m", &sf));
	CHECK_EQ(sf.f_type, 0x01021994);
	CHECK_ERR(rmdir("m"), EBUSY);
	CHECK_ERR(rename("m/f", "f"), EXDEV);
	CHECK_ERR(link("m/f", "f"), EXDEV);
	OK(umount("m"));
	OK(access("m/below", F_OK));
	CHECK_ERR(umount("m"), EINVAL);
}

ABI_TEST(dotdot_leaves_mount)
{
	struct stat a, b;

	own_namespace();
	OK(stat(".", &a));
	mount_tmpfs("m", 0, NULL);
	OK(stat("m/..", &b));
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

ABI_TEST(size_limit)
{
	char *buf = calloc(1, 1 << 20);
	int fd;

	own_namespace();
	mount_tmpfs("m", 0, "size=65536,nr_inodes=10");
	fd = OK(open("m/f", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(write(fd, buf, 1 << 20), 65536);
	CHECK_ERR(write(fd, buf, 1), ENOSPC);
	OK(ftruncate(fd, 0));
	CHECK_EQ(write(fd, buf, 4096), 4096);
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m/%d", i);
		fd = open(name, O_RDWR | O_CREAT, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	CHECK_EQ(fd, -1);
	CHECK_EQ(errno, ENOSPC);
}

ABI_TEST(read_only)
{
	own_namespace();
	mount_tmpfs("m", 0, NULL);
	close(abi_write_file("m/f", "x", 1));
	OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERR(open("m/f", O_RDWR), EROFS);
	CHECK_ERR(open("m/g", O_RDWR | O_CREAT, 0600), EROFS);
	CHECK_ERR(mkdir("m/d", 0700), EROFS);
	CHECK_ERR(unlink("m/f"), EROFS);
	CHECK_ERR(chmod("m/f", 0600), EROFS);
	CHECK_ERR(rename("m/f", "m/g"), EROFS);
	CHECK_ERR(access("m/f", W_OK), EROFS);
	OK(open("m/f", O_RDONLY));
	OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
	OK(open("m/f", O_RDWR));
}

ABI_TEST(remount_ro_refused_while_writing)
{
	int fd;

	own_namespace();
	mount_tmpfs("m", 0, NULL);
	fd = OK(open("m/f", O_RDWR | O_CREAT, 0600));
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	close(fd);
	OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

ABI_TEST(busy_and_lazy)
{
	int fd;
	char c;

	own_namespace();
	mount_tmpfs("m", 0, NULL);
	fd = abi_write_file("m/f", "x", 1);
	CHECK_ERR(umount("m"), EBUSY);
	OK(umount2("m", MNT_DETACH));
	CHECK_ERR(access("m/f", F_OK), ENOENT);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'x');
}

ABI_TEST(bind)
{
	struct stat a, b;

	own_namespace();
	OK(mkdir("src", 0755));
	close(abi_write_file("src/f", "x", 1));
	OK(mount("src", "m", NULL, MS_BIND, NULL));
	OK(stat("src/f", &a));
	OK(stat("m/f", &b));
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	close(abi_write_file("m/g", "y", 1));
	OK(access("src/g", F_OK));
	CHECK_ERR(rename("m/g", "src/h"), EXDEV);
	OK(mount(NULL, "m", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERR(open("m/f", O_RDWR), EROFS);
	OK(open("src/f", O_RDWR));
	close(abi_write_file("file", "", 0));
	OK(mount("src/f", "file", NULL, MS_BIND, NULL));
	OK(stat("file", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
}

ABI_TEST(stacked)
{
	own_namespace();
	mount_tmpfs("m", 0, NULL);
	close(abi_write_file("m/one", "x", 1));
	mount_tmpfs("m", 0, NULL);
	CHECK_ERR(access("m/one", F_OK), ENOENT);
	OK(umount("m"));
	OK(access("m/one", F_OK));
}

ABI_TEST(move)
{
	own_namespace();
	mount_tmpfs("m", 0, NULL);
	close(abi_write_file("m/one", "x", 1));
	OK(mkdir("n", 0755));
	OK(mount("m", "n", NULL, MS_MOVE, NULL));
	OK(access("n/one", F_OK));
	CHECK_ERR(access("m/one", F_OK), ENOENT);
}

ABI_TEST(errors)
{
	own_namespace();
	CHECK_ERR(mount("x", "m", "no-such-fs", 0, NULL), ENODEV);
	CHECK_ERR(mount("x", "missing", "tmpfs", 0, NULL), ENOENT);
	close(abi_write_file("f", "x", 1));
	CHECK_ERR(mount("x", "f", "tmpfs", 0, NULL), ENOTDIR);
	CHECK_ERR(mount("x", "m", "tmpfs", 0, "bogus=1"), EINVAL);
	CHECK_ERR(umount("m"), EINVAL);
	CHECK_ERR(umount2("m", 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_mount, "x", BAD_KERNEL, "tmpfs", 0, NULL), EFAULT);
}

ABI_TEST(flags_noexec_nosuid_nodev)
{
	char *argv[] = { "x", NULL };

	own_namespace();
	mount_tmpfs("m", MS_NOEXEC | MS_NODEV | MS_NOSUID, NULL);
	close(abi_write_file("m/s", "#!/bin/sh\n", 10));
	OK(chmod("m/s", 0755));
	CHECK_ERR(execv("m/s", argv), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE,
		       OK(open("m/s", O_RDONLY)), 0), EPERM);
	OK(mknod("m/null", S_IFCHR | 0666, 0x103));
	CHECK_ERR(open("m/null", O_RDWR), EACCES);
}

ABI_TEST(namespace_is_private)
{
	pid_t pid = FORK();

	if (!pid) {
		own_namespace();
		mount_tmpfs("m", 0, NULL);
		close(abi_write_file("m/inner", "x", 1));
		_exit(0);
	}
	if (STATUS(pid) == 77 << 8)
		SKIP("no mount namespace");
	OK(access("m", F_OK));
	CHECK_ERR(access("m/inner", F_OK), ENOENT);
}

ABI_TEST(shown_in_mountinfo)
{
	static char buf[65536];
	char cwd[PATH_MAX], want[PATH_MAX + 8];

	own_namespace();
	mount_tmpfs("m", 0, NULL);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(want, sizeof(want), " %s/m ", cwd);
	OK(abi_read_file("/proc/self/mountinfo", buf, sizeof(buf)));
	CHECK(strstr(buf, want) != NULL);
}
