/* SPDX-License-Identifier: MIT */
/*
 * Descriptor table: dup, dup2, dup3, fcntl, close_range, ioctl FIO*.
 */
#define ABI_FAMILY "fd"
#include "abi.h"

#include <sys/ioctl.h>

static int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

ABI_TEST(dup_shares_offset_not_flags)
{
	int fd = abi_write_file("f", "hello", 5), fd2;
	char c;

	OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
	fd2 = OK(dup(fd));
	CHECK_EQ(fcntl(fd2, F_GETFD), 0);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(read(fd2, &c, 1), 1);
	CHECK_EQ(c, 'e');
	OK(fcntl(fd2, F_SETFL, O_APPEND));
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);
}

ABI_TEST(dup2)
{
	int p[2];
	char c;

	OK(pipe(p));
	CHECK_EQ(dup2(p[1], 70), 70);
	CHECK_EQ(dup2(70, 70), 70);
	CHECK_EQ(write(70, "x", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	/* It closes what was there: the reader sees the end. */
	close(p[1]);
	CHECK_EQ(dup2(p[0], 70), 70);
	CHECK_EQ(read(p[0], &c, 1), 0);
	CHECK_ERR(dup2(999, 71), EBADF);
	CHECK_ERR(dup2(999, 999), EBADF);
	CHECK_ERR(dup2(0, -1), EBADF);
	CHECK_ERR(dup2(0, 1 << 30), EBADF);
	CHECK_ERR(dup(999), EBADF);
}

ABI_TEST(dup3)
{
	CHECK_EQ(dup3(0, 70, O_CLOEXEC), 70);
	CHECK_EQ(fcntl(70, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(dup3(0, 70, 0), 70);
	CHECK_EQ(fcntl(70, F_GETFD), 0);
	CHECK_ERR(syscall(SYS_dup3, 70, 70, 0), EINVAL);
	CHECK_ERR(syscall(SYS_dup3, 0, 71, O_NONBLOCK), EINVAL);
}

ABI_TEST(dupfd)
{
	int fd = OK(fcntl(0, F_DUPFD, 100));

	CHECK_EQ(fd, 100);
	CHECK_EQ(OK(fcntl(0, F_DUPFD, 100)), 101);
	CHECK_EQ(OK(fcntl(0, F_DUPFD_CLOEXEC, 100)), 102);
	CHECK_EQ(fcntl(102, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(fcntl(0, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(999, F_DUPFD, 0), EBADF);
}

ABI_TEST(fcntl_flags)
{
	int fd = abi_temp_fd();

	OK(fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND));
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND), O_NONBLOCK | O_APPEND);
	/* Access mode and creation flags are ignored. */
	OK(fcntl(fd, F_SETFL, O_WRONLY | O_TRUNC));
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	OK(fcntl(fd, F_SETFD, 0xff));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(fcntl(fd, 12345, 0), EINVAL);
}

ABI_TEST(opath_descriptor_fcntl)
{
	int fd = OK(open(".", O_PATH));

	OK(fcntl(fd, F_GETFD));
	OK(fcntl(fd, F_GETFL));
	CHECK_ERR(fcntl(fd, F_SETFL, 0), EBADF);
}

ABI_TEST(close_twice)
{
	int fd = OK(dup(0));

	OK(close(fd));
	CHECK_ERR(close(fd), EBADF);
}

ABI_TEST(close_range)
{
	for (int i = 60; i < 70; i++)
		OK(dup2(0, i));
	if (syscall(SYS_close_range, 62, 65, 0) < 0 && errno == ENOSYS)
		SKIP("no close_range");
	for (int i = 60; i < 70; i++)
		CHECK_EQ(is_open(i), i < 62 || i > 65);
	OK(syscall(SYS_close_range, 66, ~0U, 4));	/* CLOEXEC */
	CHECK_EQ(fcntl(66, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(61, F_GETFD), 0);
	OK(syscall(SYS_close_range, 60, ~0U, 0));
	CHECK(!is_open(60) && !is_open(69));
	CHECK_ERR(syscall(SYS_close_range, 10, 5, 0), EINVAL);
	CHECK_ERR(syscall(SYS_close_range, 5, 10, 0x100), EINVAL);
}

ABI_TEST(close_range_unshare)
{
	pid_t pid;

	OK(dup2(0, 60));
	pid = OK(syscall(SYS_clone, 0x400 | SIGCHLD, NULL, NULL, NULL, 0L));
	if (!pid) {
		OK(syscall(SYS_close_range, 60, 60, 2));
		_exit(is_open(60));
	}
	CHECK_EXIT(pid, 0);
	CHECK(is_open(60));
}

ABI_TEST(ioctl_fio)
{
	int p[2], n = -1, on = 1, fd = abi_write_file("f", "hello", 5);

	OK(pipe(p));
	CHECK_EQ(write(p[1], "abc", 3), 3);
	OK(ioctl(p[0], FIONREAD, &n));
	CHECK_EQ(n, 3);
	OK(lseek(fd, 2, SEEK_SET));
	OK(ioctl(fd, FIONREAD, &n));
	CHECK_EQ(n, 3);
	OK(ioctl(p[0], FIONBIO, &on));
	CHECK(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	OK(ioctl(p[0], FIOCLEX));
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	OK(ioctl(p[0], FIONCLEX));
	CHECK_EQ(fcntl(p[0], F_GETFD), 0);
	CHECK_ERR(ioctl(fd, 0x5401, &n), ENOTTY);
	CHECK_ERR(ioctl(p[0], 0x5401, BAD_UNMAPPED), ENOTTY);
	CHECK_ERR(ioctl(999, FIONREAD, &n), EBADF);
	CHECK_ERR(syscall(SYS_ioctl, p[0], FIONREAD, BAD_KERNEL), EFAULT);
}

ABI_TEST(setown_and_sig)
{
	int p[2];

	OK(pipe(p));
	CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
	OK(fcntl(p[0], F_SETOWN, getpid()));
	CHECK_EQ(fcntl(p[0], F_GETOWN), getpid());
	CHECK_EQ(fcntl(p[0], F_GETSIG), 0);
	OK(fcntl(p[0], F_SETSIG, SIGUSR1));
	CHECK_EQ(fcntl(p[0], F_GETSIG), SIGUSR1);
	CHECK_ERR(fcntl(p[0], F_SETSIG, 100), EINVAL);
}

static volatile sig_atomic_t got_io;

static void on_io(int sig)
{
	got_io = sig;
}

ABI_TEST(o_async_on_pipe)
{
	int p[2];

	OK(pipe(p));
	abi_handle(SIGIO, on_io, 0);
	OK(fcntl(p[0], F_SETOWN, getpid()));
	OK(fcntl(p[0], F_SETFL, O_ASYNC));
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got_io, SIGIO);
}

ABI_TEST(kcmp_of_duplicates)
{
	int a = abi_temp_fd(), b = OK(dup(a)), c = abi_temp_fd();
	long r = syscall(SYS_kcmp, getpid(), getpid(), 0, a, b);

	if (r < 0 && (errno == ENOSYS || errno == EPERM))
		SKIP("no kcmp");
	CHECK_EQ(r, 0);
	CHECK(syscall(SYS_kcmp, getpid(), getpid(), 0, a, c) > 0);
}
