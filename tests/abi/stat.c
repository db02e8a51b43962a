/* SPDX-License-Identifier: MIT */
/*
 * stat, statx, utimensat, statfs: contents, types, times and their updates.
 */
#define ABI_FAMILY "stat"
#include "abi.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

struct statx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t pad;
};

struct statx_v0 {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad1;
	uint64_t ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};

#define BASIC 0x7ff

static long sys_statx(int fd, const char *path, int flags, unsigned mask,
		      struct statx_v0 *sx)
{
	return syscall(SYS_statx, fd, path, flags, mask, sx);
}

ABI_TEST(regular_file)
{
	int fd = abi_write_file("f", "hello", 5);
	struct stat st, st2;

	OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(st.st_gid, getegid());
	CHECK(st.st_ino != 0 && st.st_blksize >= 512);
	OK(stat("f", &st2));
	CHECK(st.st_ino == st2.st_ino && st.st_dev == st2.st_dev);
	OK(stat(".", &st2));
	CHECK_EQ(st.st_dev, st2.st_dev);
}

ABI_TEST(types)
{
	struct stat st;
	int p[2];

	OK(mkdir("d", 0700));
	OK(symlink("xyz", "l"));
	OK(mkfifo("p", 0600));
	OK(pipe(p));
	OK(lstat("d", &st));
	CHECK(S_ISDIR(st.st_mode));
	OK(lstat("l", &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0777);
	CHECK_EQ(st.st_size, 3);
	OK(lstat("p", &st));
	CHECK(S_ISFIFO(st.st_mode));
	OK(fstat(p[0], &st));
	CHECK_EQ(st.st_mode, S_IFIFO | 0600);
	OK(stat("/dev/null", &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	OK(stat("/dev/zero", &st));
	CHECK_EQ(st.st_rdev, makedev(1, 5));
	OK(stat("/dev/full", &st));
	CHECK_EQ(st.st_rdev, makedev(1, 7));
}

ABI_TEST(blocks_of_sparse_file)
{
	int fd = abi_temp_fd();
	struct stat st;

	OK(ftruncate(fd, 100 << 20));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 100 << 20);
	CHECK(st.st_blocks < 1000);
	CHECK_EQ(pwrite(fd, "x", 1, 50 << 20), 1);
	OK(fsync(fd));
	OK(fstat(fd, &st));
	CHECK(st.st_blocks >= 1 && st.st_blocks < 1000);
}

ABI_TEST(statx_agrees_with_stat)
{
	struct statx_v0 sx;
	struct stat st;
	int fd = abi_write_file("f", "hello", 5);

	if (sys_statx(fd, "", AT_EMPTY_PATH, BASIC, &sx) < 0 && errno == ENOSYS)
		SKIP("no statx");
	OK(stat("f", &st));
	memset(&sx, 0xff, sizeof(sx));
	OK(sys_statx(AT_FDCWD, "f", 0, BASIC, &sx));
	CHECK_EQ(sx.mask & BASIC, BASIC);
	CHECK_EQ(sx.ino, st.st_ino);
	CHECK_EQ(sx.size, 5);
	CHECK_EQ(sx.mode, st.st_mode);
	CHECK_EQ(sx.nlink, 1);
	CHECK_EQ(sx.uid, st.st_uid);
	CHECK_EQ(sx.mtime.sec, st.st_mtim.tv_sec);
	CHECK_EQ(sx.mtime.nsec, st.st_mtim.tv_nsec);
	CHECK_EQ(sx.dev_major, major(st.st_dev));
	CHECK_EQ(sx.dev_minor, minor(st.st_dev));
	CHECK_EQ(sx.blksize, st.st_blksize);
	OK(sys_statx(AT_FDCWD, "/dev/null", 0, BASIC, &sx));
	CHECK(sx.rdev_major == 1 && sx.rdev_minor == 3);
}

ABI_TEST(statx_flags)
{
	struct statx_v0 sx;

	OK(symlink("nowhere", "l"));
	OK(sys_statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, BASIC, &sx));
	CHECK(S_ISLNK(sx.mode));
	CHECK_ERR(sys_statx(AT_FDCWD, "l", 0, BASIC, &sx), ENOENT);
	CHECK_ERR(sys_statx(AT_FDCWD, ".", 0x6000, BASIC, &sx), EINVAL);
	CHECK_ERR(sys_statx(AT_FDCWD, ".", 0, 0x80000000, &sx), EINVAL);
	CHECK_ERR(sys_statx(AT_FDCWD, ".", 0x40000000, BASIC, &sx), EINVAL);
	CHECK_ERR(sys_statx(AT_FDCWD, "", 0, BASIC, &sx), ENOENT);
	CHECK_ERR(sys_statx(AT_FDCWD, ".", 0, BASIC, BAD_KERNEL), EFAULT);
}

ABI_TEST(utimensat_sets)
{
	struct timespec ts[2] = { { 1000, 111 }, { 2000, 222 } };
	struct stat st;

	close(abi_write_file("f", "x", 1));
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	OK(stat("f", &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_EQ(st.st_mtim.tv_sec, 2000);
	CHECK_EQ(st.st_mtim.tv_nsec, 222);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = 5;
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	OK(stat("f", &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_EQ(st.st_mtim.tv_sec, 5);
	ts[0].tv_nsec = UTIME_NOW;
	ts[1].tv_nsec = UTIME_OMIT;
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	OK(stat("f", &st));
	CHECK(st.st_atim.tv_sec > 2000);
	CHECK_EQ(st.st_mtim.tv_sec, 5);
	OK(utimensat(AT_FDCWD, "f", NULL, 0));
	OK(stat("f", &st));
	CHECK(st.st_mtim.tv_sec > 2000);
}

ABI_TEST(utimensat_errors)
{
	struct timespec ts[2] = { { 1, 0 }, { 1, 1000000000 } };
	struct stat st;

	close(abi_write_file("f", "x", 1));
	CHECK_ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	ts[1].tv_nsec = 0;
	CHECK_ERR(utimensat(AT_FDCWD, "missing", ts, 0), ENOENT);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", ts, 0x4000), EINVAL);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", BAD_KERNEL, 0), EFAULT);
	OK(symlink("f", "l"));
	OK(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW));
	OK(stat("f", &st));
	CHECK(st.st_mtim.tv_sec > 1);
	OK(lstat("l", &st));
	CHECK_EQ(st.st_mtim.tv_sec, 1);
}

ABI_TEST(old_utime_calls)
{
	struct timeval tv[2] = { { 10, 5 }, { 20, 6 } };
	struct { long a, m; } ut = { 30, 40 };
	struct stat st;

	close(abi_write_file("f", "x", 1));
	OK(syscall(SYS_utimes, "f", tv));
	OK(stat("f", &st));
	CHECK(st.st_mtim.tv_sec == 20 && st.st_mtim.tv_nsec == 6000);
	OK(syscall(SYS_utime, "f", &ut));
	OK(stat("f", &st));
	CHECK(st.st_atim.tv_sec == 30 && st.st_mtim.tv_sec == 40);
	tv[0].tv_usec = 1000000;
	CHECK_ERR(syscall(SYS_utimes, "f", tv), EINVAL);
}

/* Sets old times, then tells which of them a change has moved. */
static void age(const char *name)
{
	struct timespec ts[2] = { { 100, 0 }, { 100, 0 } };

	OK(utimensat(AT_FDCWD, name, ts, 0));
}

static int moved(const char *name)
{
	struct stat st;

	OK(stat(name, &st));
	return st.st_mtim.tv_sec != 100;
}

ABI_TEST(mtime_moves)
{
	int fd;

	OK(mkdir("d", 0755));
	fd = abi_write_file("d/f", "hello", 5);
	age("d/f");
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK(moved("d/f"));
	age("d/f");
	OK(ftruncate(fd, 3));
	CHECK(moved("d/f"));
	age("d/f");
	OK(fchmod(fd, 0600));
	CHECK(!moved("d/f"));
	age("d");
	OK(symlink("x", "d/l"));
	CHECK(moved("d"));
	age("d");
	OK(unlink("d/l"));
	CHECK(moved("d"));
	age("d");
	OK(rename("d/f", "d/g"));
	CHECK(moved("d"));
	age("d");
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK(!moved("d"));
}

ABI_TEST(ctime_moves_on_chmod_and_link)
{
	struct stat a, b;

	close(abi_write_file("f", "x", 1));
	OK(stat("f", &a));
	/* The clock of the file system may be coarse: try until it ticks. */
	do {
		OK(chmod("f", 0600));
		OK(stat("f", &b));
	} while (a.st_ctim.tv_nsec == b.st_ctim.tv_nsec);
	CHECK_EQ(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
	a = b;
	do {
		OK(link("f", "g"));
		OK(unlink("g"));
		OK(stat("f", &b));
	} while (a.st_ctim.tv_nsec == b.st_ctim.tv_nsec);
}

ABI_TEST(times_do_not_go_back)
{
	struct timespec before, after;
	struct stat st;

	OK(clock_gettime(CLOCK_REALTIME_COARSE, &before));
	close(abi_write_file("f", "x", 1));
	OK(clock_gettime(CLOCK_REALTIME, &after));
	OK(stat("f", &st));
	CHECK(st.st_mtim.tv_sec >= before.tv_sec);
	CHECK(st.st_mtim.tv_sec <= after.tv_sec);
}

ABI_TEST(statfs)
{
	struct statfs sf, sf2;
	int fd = OK(open(".", O_RDONLY));

	OK(statfs(".", &sf));
	OK(fstatfs(fd, &sf2));
	CHECK(sf.f_type != 0 && sf.f_bsize >= 512 && sf.f_namelen >= 255);
	CHECK_EQ(sf.f_type, sf2.f_type);
	CHECK(sf.f_bfree <= sf.f_blocks);
	OK(statfs("/proc", &sf));
	CHECK_EQ(sf.f_type, 0x9fa0);
	CHECK_ERR(statfs("missing", &sf), ENOENT);
	CHECK_ERR(fstatfs(999, &sf), EBADF);
	CHECK_ERR(syscall(SYS_statfs, ".", BAD_KERNEL), EFAULT);
}
