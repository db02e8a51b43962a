/* SPDX-License-Identifier: MIT */
/*
 * open, creat, openat2 and their flags.
 */
#define ABI_FAMILY "open"
#include "abi.h"

struct open_how_v0 {
	uint64_t flags, mode, resolve;
};

enum {
	NO_XDEV = 1,
	NO_MAGICLINKS = 2,
	NO_SYMLINKS = 4,
	BENEATH = 8,
	IN_ROOT = 16,
};

static void touch(const char *name)
{
	close(abi_write_file(name, "data", 4));
}

ABI_TEST(lowest_descriptor)
{
	int a = OK(open("/dev/null", O_RDONLY));
	int b = OK(open("/dev/null", O_RDONLY));

	OK(close(a));
	CHECK_EQ(OK(open("/dev/null", O_RDONLY)), a);
	CHECK(b > a);
}

ABI_TEST(creat_excl_trunc)
{
	struct stat st;

	CHECK_ERR(open("f", O_RDWR), ENOENT);
	OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0640));
	CHECK_ERR(open("f", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	touch("f");
	close(OK(open("f", O_RDWR | O_CREAT, 0600)));
	OK(stat("f", &st));
	CHECK_EQ(st.st_size, 4);
	CHECK_EQ(st.st_mode & 07777, 0640);
	OK(open("f", O_WRONLY | O_TRUNC));
	OK(stat("f", &st));
	CHECK_EQ(st.st_size, 0);
	touch("f");
	OK(creat("f", 0777));
	OK(stat("f", &st));
	CHECK_EQ(st.st_size, 0);
}

ABI_TEST(access_modes)
{
	int rd, wr;
	char c;

	touch("f");
	rd = OK(open("f", O_RDONLY));
	wr = OK(open("f", O_WRONLY));
	CHECK_ERR(write(rd, "x", 1), EBADF);
	CHECK_ERR(read(wr, &c, 1), EBADF);
	CHECK_ERR(ftruncate(rd, 0), EINVAL);
	CHECK_EQ(fcntl(rd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(wr, F_GETFL) & O_ACCMODE, O_WRONLY);
}

ABI_TEST(directories)
{
	char buf[16];
	int fd;

	OK(mkdir("d", 0755));
	CHECK_ERR(open("d", O_WRONLY), EISDIR);
	CHECK_ERR(open("d", O_RDWR), EISDIR);
	CHECK_ERR(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("d", O_RDONLY | O_TRUNC), EISDIR);
	fd = OK(open("d", O_RDONLY));
	CHECK_ERR(read(fd, buf, 16), EISDIR);
	CHECK_ERR(write(fd, buf, 16), EBADF);
}

ABI_TEST(append)
{
	int a, b;
	char buf[16];

	touch("f");
	a = OK(open("f", O_RDWR | O_APPEND));
	b = OK(open("f", O_WRONLY));
	OK(lseek(b, 0, SEEK_END));
	CHECK_EQ(write(b, "B", 1), 1);
	CHECK_EQ(write(a, "A", 1), 1);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 6);
	OK(lseek(a, 0, SEEK_SET));
	CHECK_EQ(write(a, "C", 1), 1);
	/* Linux: pwrite appends as well. */
	CHECK_EQ(pwrite(a, "D", 1, 0), 1);
	CHECK_EQ(abi_read_file("f", buf, sizeof(buf)), 8);
	CHECK_STR(buf, "dataBACD");
}

ABI_TEST(append_from_two_processes)
{
	char buf[8];
	struct stat st;
	pid_t pid;
	int fd;

	touch("f");
	pid = FORK();
	fd = OK(open("f", O_WRONLY | O_APPEND));
	memset(buf, pid ? 'p' : 'c', 8);
	for (int i = 0; i < 500; i++)
		CHECK_EQ(write(fd, buf, 8), 8);
	if (!pid)
		_exit(0);
	CHECK_EXIT(pid, 0);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 4 + 8000);
}

ABI_TEST(getfl_reports)
{
	int fd = OK(open("f", O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NONBLOCK |
			 O_CLOEXEC | O_TRUNC, 0600));
	int fl = fcntl(fd, F_GETFL);

	CHECK(fl & O_APPEND && fl & O_NONBLOCK);
	CHECK(!(fl & (O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC)));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

ABI_TEST(tmpfile)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	char name[64];
	struct stat st;

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		SKIP("no O_TMPFILE here");
	OK(fd);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(write(fd, "tmp", 3), 3);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(abi_read_file("named", name, sizeof(name)), 3);
	CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_ERR(open("missing", O_TMPFILE | O_RDWR, 0600), ENOENT);
	CHECK_ERR(open("named", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	fd = OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK_ERR(linkat(AT_FDCWD, name, AT_FDCWD, "n2", AT_SYMLINK_FOLLOW), ENOENT);
}

ABI_TEST(umask_applies)
{
	struct stat st;

	umask(0137);
	close(OK(open("f", O_CREAT | O_RDWR, 0777)));
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	OK(mkdir("d", 01777));
	OK(stat("d", &st));
	CHECK_EQ(st.st_mode & 07777, 01640);
	OK(mkfifo("p", 0666));
	OK(stat("p", &st));
	CHECK_EQ(st.st_mode, S_IFIFO | 0640);
	OK(chmod("f", 0777));
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 07777, 0777);
	CHECK_EQ(umask(07777), 0137);
	CHECK_EQ(umask(0), 0777);
}

ABI_TEST(mode_zero_still_usable_by_creator)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0));

	CHECK_EQ(write(fd, "x", 1), 1);
}

ABI_TEST(bad_descriptor_numbers)
{
	CHECK_ERR(close(-1), EBADF);
	CHECK_ERR(close(99999), EBADF);
	CHECK_ERR(openat(-5, "f", O_RDONLY), EBADF);
	CHECK_ERR(syscall(SYS_open, BAD_KERNEL, O_RDONLY), EFAULT);
	CHECK_ERR(syscall(SYS_open, BAD_UNMAPPED, O_RDONLY), EFAULT);
}

ABI_TEST(unknown_flags_ignored_by_open)
{
	touch("f");
	OK(syscall(SYS_open, "f", O_RDONLY | 0x40000000, 0));
}

static long sys_openat2(int dfd, const char *path, uint64_t flags, uint64_t mode,
		    uint64_t resolve)
{
	struct open_how_v0 how = { flags, mode, resolve };

	return syscall(SYS_openat2, dfd, path, &how, sizeof(how));
}

static void need_openat2(void)
{
	if (sys_openat2(AT_FDCWD, ".", O_RDONLY, 0, 0) < 0 && errno == ENOSYS)
		SKIP("no openat2");
}

ABI_TEST(openat2_checks_arguments)
{
	struct { struct open_how_v0 how; uint64_t more; } big = {
		.how.flags = O_RDONLY, .more = 1,
	};

	need_openat2();
	touch("f");
	OK(sys_openat2(AT_FDCWD, "f", O_RDONLY, 0, 0));
	CHECK_ERR(sys_openat2(AT_FDCWD, "f", O_RDONLY, 0600, 0), EINVAL);
	CHECK_ERR(sys_openat2(AT_FDCWD, "f", O_CREAT | O_RDWR, 0600 | 1 << 20, 0), EINVAL);
	CHECK_ERR(sys_openat2(AT_FDCWD, "f", 1ULL << 40, 0, 0), EINVAL);
	CHECK_ERR(sys_openat2(AT_FDCWD, "f", O_RDONLY, 0, 1 << 20), EINVAL);
	CHECK_ERR(sys_openat2(AT_FDCWD, "f", O_RDONLY, 0, BENEATH | IN_ROOT), EINVAL);
	CHECK_ERR(sys_openat2(AT_FDCWD, "f", O_PATH | O_RDWR, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", &big, 8), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(big)), E2BIG);
	big.more = 0;
	OK(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(big)));
}

ABI_TEST(resolve_no_symlinks)
{
	need_openat2();
	OK(mkdir("d", 0755));
	touch("d/f");
	OK(symlink("d", "l"));
	CHECK_ERR(sys_openat2(AT_FDCWD, "l/f", O_RDONLY, 0, NO_SYMLINKS), ELOOP);
	CHECK_ERR(sys_openat2(AT_FDCWD, "l", O_RDONLY, 0, NO_SYMLINKS), ELOOP);
	OK(sys_openat2(AT_FDCWD, "d/f", O_RDONLY, 0, NO_SYMLINKS));
	OK(sys_openat2(AT_FDCWD, "l", O_PATH | O_NOFOLLOW, 0, NO_SYMLINKS));
}

ABI_TEST(resolve_no_magiclinks)
{
	char name[64];

	need_openat2();
	touch("f");
	snprintf(name, sizeof(name), "/proc/self/fd/%d",
		 (int)OK(open("f", O_RDONLY)));
	OK(sys_openat2(AT_FDCWD, name, O_RDONLY, 0, 0));
	CHECK_ERR(sys_openat2(AT_FDCWD, name, O_RDONLY, 0, NO_MAGICLINKS), ELOOP);
	OK(symlink("f", "l"));
	OK(sys_openat2(AT_FDCWD, "l", O_RDONLY, 0, NO_MAGICLINKS));
}

ABI_TEST(resolve_no_xdev)
{
	need_openat2();
	touch("f");
	OK(sys_openat2(AT_FDCWD, "f", O_RDONLY, 0, NO_XDEV));
	CHECK_ERR(sys_openat2(AT_FDCWD, "/proc/self/stat", O_RDONLY, 0, NO_XDEV), EXDEV);
}

ABI_TEST(resolve_beneath)
{
	int dfd;

	need_openat2();
	OK(mkdir("root", 0755));
	OK(mkdir("root/d", 0755));
	touch("root/f");
	touch("out");
	OK(symlink("../out", "root/esc"));
	OK(symlink("/etc", "root/abs"));
	OK(symlink("../f", "root/d/in"));
	dfd = OK(open("root", O_PATH | O_DIRECTORY));
	OK(sys_openat2(dfd, "f", O_RDONLY, 0, BENEATH));
	OK(sys_openat2(dfd, "d/../f", O_RDONLY, 0, BENEATH));
	OK(sys_openat2(dfd, "d/in", O_RDONLY, 0, BENEATH));
	CHECK_ERR(sys_openat2(dfd, "../out", O_RDONLY, 0, BENEATH), EXDEV);
	CHECK_ERR(sys_openat2(dfd, "..", O_RDONLY, 0, BENEATH), EXDEV);
	CHECK_ERR(sys_openat2(dfd, "/", O_RDONLY, 0, BENEATH), EXDEV);
	CHECK_ERR(sys_openat2(dfd, "esc", O_RDONLY, 0, BENEATH), EXDEV);
	CHECK_ERR(sys_openat2(dfd, "abs", O_RDONLY, 0, BENEATH), EXDEV);
	CHECK_ERR(sys_openat2(dfd, "nope", O_RDONLY, 0, BENEATH), ENOENT);
}

ABI_TEST(resolve_in_root)
{
	struct stat a, b;
	int dfd, fd;

	need_openat2();
	OK(mkdir("root", 0755));
	touch("root/out");
	OK(symlink("/out", "root/abs"));
	OK(symlink("../../../out", "root/up"));
	OK(stat("root/out", &a));
	dfd = OK(open("root", O_PATH | O_DIRECTORY));
	fd = OK(sys_openat2(dfd, "abs", O_RDONLY, 0, IN_ROOT));
	OK(fstat(fd, &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	fd = OK(sys_openat2(dfd, "up", O_RDONLY, 0, IN_ROOT));
	OK(fstat(fd, &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	OK(sys_openat2(dfd, "/out", O_RDONLY, 0, IN_ROOT));
	fd = OK(sys_openat2(dfd, "..", O_RDONLY, 0, IN_ROOT));
	OK(fstat(fd, &b));
	OK(fstat(dfd, &a));
	CHECK_EQ(a.st_ino, b.st_ino);
}
