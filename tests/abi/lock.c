/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks: flock, POSIX record locks, open file description locks.
 */
#define ABI_FAMILY "lock"
#include "abi.h"

#include <sys/file.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#endif

static struct flock range(int type, off_t start, off_t len)
{
	struct flock fl;

	memset(&fl, 0, sizeof(fl));
	fl.l_type = type;
	fl.l_whence = SEEK_SET;
	fl.l_start = start;
	fl.l_len = len;
	return fl;
}

static int setlk(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock fl = range(type, start, len);

	return fcntl(fd, cmd, &fl);
}

static int open_f(void)
{
	return OK(open("f", O_RDWR | O_CREAT, 0600));
}

ABI_TEST(flock_conflicts)
{
	int a = open_f(), b = open_f();

	OK(flock(a, LOCK_SH));
	OK(flock(b, LOCK_SH));
	CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	OK(flock(a, LOCK_UN));
	/* The failed upgrade may have dropped b's own lock: take it again. */
	OK(flock(b, LOCK_EX | LOCK_NB));
	CHECK_ERR(flock(a, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	OK(flock(b, LOCK_SH | LOCK_NB));
	OK(flock(a, LOCK_SH | LOCK_NB));
	CHECK_ERR(flock(a, 0), EINVAL);
	CHECK_ERR(flock(a, LOCK_SH | LOCK_EX), EINVAL);
	CHECK_ERR(flock(999, LOCK_SH), EBADF);
}

ABI_TEST(flock_belongs_to_description)
{
	int a = open_f(), b = open_f(), dup_a = OK(dup(a));
	pid_t pid;

	OK(flock(a, LOCK_EX));
	OK(flock(dup_a, LOCK_EX | LOCK_NB));
	OK(close(a));
	CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	pid = FORK();
	if (!pid) {
		/* Shared with the child, who may drop it. */
		OK(flock(dup_a, LOCK_UN));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(flock(b, LOCK_EX | LOCK_NB));
}

ABI_TEST(flock_released_on_last_close)
{
	int a = open_f(), b = open_f();

	OK(flock(a, LOCK_EX));
	OK(close(a));
	OK(flock(b, LOCK_EX | LOCK_NB));
}

ABI_TEST(flock_waits)
{
	struct abi_sync s;
	int a = open_f();
	pid_t pid;

	abi_sync_init(&s);
	OK(flock(a, LOCK_EX));
	pid = FORK();
	if (!pid) {
		int b = open_f();

		abi_post(&s);
		OK(flock(b, LOCK_EX));
		_exit(0);
	}
	abi_await(&s);
	abi_wait_blocked(pid);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	OK(flock(a, LOCK_UN));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(posix_same_process_never_conflicts)
{
	int a = open_f(), b = open_f();

	OK(setlk(a, F_SETLK, F_WRLCK, 0, 10));
	OK(setlk(b, F_SETLK, F_WRLCK, 0, 10));
	OK(setlk(b, F_SETLK, F_RDLCK, 0, 10));
}

ABI_TEST(posix_conflict_and_getlk)
{
	int fd = open_f();
	pid_t pid;

	OK(setlk(fd, F_SETLK, F_RDLCK, 100, 50));
	OK(setlk(fd, F_SETLK, F_WRLCK, 200, 50));
	pid = FORK();
	if (!pid) {
		struct flock fl = range(F_WRLCK, 0, 0);

		OK(fcntl(fd, F_GETLK, &fl));
		CHECK_EQ(fl.l_type, F_RDLCK);
		CHECK_EQ(fl.l_start, 100);
		CHECK_EQ(fl.l_len, 50);
		CHECK_EQ(fl.l_whence, SEEK_SET);
		CHECK_EQ(fl.l_pid, getppid());
		fl = range(F_RDLCK, 0, 0);
		OK(fcntl(fd, F_GETLK, &fl));
		CHECK_EQ(fl.l_start, 200);
		fl = range(F_RDLCK, 0, 150);
		OK(fcntl(fd, F_GETLK, &fl));
		CHECK_EQ(fl.l_type, F_UNLCK);
		OK(setlk(fd, F_SETLK, F_RDLCK, 100, 50));
		CHECK_ERR(setlk(fd, F_SETLK, F_WRLCK, 149, 1), EAGAIN);
		OK(setlk(fd, F_SETLK, F_WRLCK, 150, 50));
		CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, 240, 100), EAGAIN);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(posix_split_by_unlock)
{
	int fd = open_f();
	pid_t pid;

	OK(setlk(fd, F_SETLK, F_WRLCK, 0, 100));
	OK(setlk(fd, F_SETLK, F_UNLCK, 40, 20));
	OK(setlk(fd, F_SETLK, F_RDLCK, 80, 10));
	pid = FORK();
	if (!pid) {
		OK(setlk(fd, F_SETLK, F_WRLCK, 40, 20));
		OK(setlk(fd, F_SETLK, F_RDLCK, 80, 10));
		CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, 39, 1), EAGAIN);
		CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, 60, 1), EAGAIN);
		CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, 90, 1), EAGAIN);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(posix_any_close_releases)
{
	int a = open_f(), b = open_f();
	pid_t pid;

	OK(setlk(a, F_SETLK, F_WRLCK, 0, 0));
	OK(close(b));
	pid = FORK();
	if (!pid) {
		OK(setlk(a, F_SETLK, F_WRLCK, 0, 0));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(posix_exit_releases)
{
	int fd = open_f();
	pid_t pid = FORK();

	if (!pid) {
		OK(setlk(fd, F_SETLK, F_WRLCK, 0, 0));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(setlk(fd, F_SETLK, F_WRLCK, 0, 0));
}

ABI_TEST(posix_deadlock)
{
	struct abi_sync a, b;
	int fd = open_f();
	pid_t pid;

	abi_sync_init(&a);
	abi_sync_init(&b);
	OK(setlk(fd, F_SETLK, F_WRLCK, 0, 1));
	pid = FORK();
	if (!pid) {
		OK(setlk(fd, F_SETLK, F_WRLCK, 1, 1));
		abi_post(&a);
		OK(setlk(fd, F_SETLKW, F_WRLCK, 0, 1));
		_exit(0);
	}
	abi_await(&a);
	abi_wait_blocked(pid);
	CHECK_ERR(setlk(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	OK(setlk(fd, F_SETLK, F_UNLCK, 0, 1));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(posix_errors)
{
	struct flock fl = range(99, 0, 0);
	int fd = open_f(), ro, wo;

	ro = OK(open("f", O_RDONLY));
	wo = OK(open("f", O_WRONLY));
	CHECK_ERR(fcntl(fd, F_SETLK, &fl), EINVAL);
	CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, -1, 1), EINVAL);
	CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, 0, -1), EINVAL);
	CHECK_ERR(setlk(ro, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERR(setlk(wo, F_SETLK, F_RDLCK, 0, 1), EBADF);
	CHECK_ERR(syscall(SYS_fcntl, fd, F_SETLK, BAD_KERNEL), EFAULT);
	OK(setlk(fd, F_SETLK, F_RDLCK, 10, -5));
	fl = range(F_UNLCK, 0, 0);
	CHECK_ERR(fcntl(fd, F_GETLK, &fl), EINVAL);
}

ABI_TEST(posix_relative_to_offset)
{
	struct flock fl = range(F_WRLCK, -2, 1);
	int fd = open_f();
	pid_t pid;

	OK(ftruncate(fd, 100));
	OK(lseek(fd, 50, SEEK_SET));
	fl.l_whence = SEEK_CUR;
	OK(fcntl(fd, F_SETLK, &fl));
	fl = range(F_WRLCK, -1, 1);
	fl.l_whence = SEEK_END;
	OK(fcntl(fd, F_SETLK, &fl));
	pid = FORK();
	if (!pid) {
		CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, 48, 1), EAGAIN);
		CHECK_ERR(setlk(fd, F_SETLK, F_RDLCK, 99, 1), EAGAIN);
		OK(setlk(fd, F_SETLK, F_RDLCK, 49, 50));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(ofd_belongs_to_description)
{
	int a = open_f(), b = open_f(), c = OK(dup(a));
	struct flock fl = range(F_RDLCK, 0, 1);

	OK(setlk(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	CHECK_ERR(setlk(b, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	OK(setlk(c, F_OFD_SETLK, F_WRLCK, 5, 1));
	OK(fcntl(b, F_OFD_GETLK, &fl));
	CHECK_EQ(fl.l_type, F_WRLCK);
	CHECK_EQ(fl.l_pid, -1);
	/* They conflict with the process's own classic locks. */
	CHECK_ERR(setlk(b, F_SETLK, F_RDLCK, 0, 1), EAGAIN);
	OK(close(a));
	CHECK_ERR(setlk(b, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	OK(close(c));
	OK(setlk(b, F_OFD_SETLK, F_WRLCK, 0, 0));
	fl = range(F_WRLCK, 0, 1);
	fl.l_pid = 5;
	CHECK_ERR(fcntl(b, F_OFD_SETLK, &fl), EINVAL);
}

ABI_TEST(setlkw_waits)
{
	struct abi_sync s;
	int fd = open_f();
	pid_t pid;

	abi_sync_init(&s);
	OK(setlk(fd, F_SETLK, F_WRLCK, 0, 10));
	pid = FORK();
	if (!pid) {
		abi_post(&s);
		OK(setlk(fd, F_SETLKW, F_RDLCK, 5, 1));
		_exit(0);
	}
	abi_await(&s);
	abi_wait_blocked(pid);
	OK(setlk(fd, F_SETLK, F_UNLCK, 0, 5));
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	OK(setlk(fd, F_SETLK, F_RDLCK, 5, 5));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(kinds_do_not_meet)
{
	int a = open_f(), b = open_f();

	OK(flock(a, LOCK_EX));
	OK(setlk(b, F_OFD_SETLK, F_WRLCK, 0, 0));
}
