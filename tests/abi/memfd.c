/* SPDX-License-Identifier: MIT */
/*
 * memfd_create and file seals.
 */
#define ABI_FAMILY "memfd"
#include "abi.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#ifndef F_SEAL_SEAL
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

static int memfd(unsigned flags)
{
	return OK(syscall(SYS_memfd_create, "hyla", flags));
}

ABI_TEST(behaves_like_a_file)
{
	int fd = memfd(0);
	char buf[16], link[64];
	struct stat st;
	long n;
	char *p;

	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(pread(fd, buf, 16, 0), 5);
	OK(fstat(fd, &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 0);
	OK(ftruncate(fd, 3 * PAGE));
	p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	OK((long)p);
	p[2 * PAGE] = 'z';
	CHECK_EQ(pread(fd, buf, 1, 2 * PAGE), 1);
	CHECK_EQ(buf[0], 'z');
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = OK(readlink(link, buf, sizeof(buf)));
	CHECK(n == 16 || n == 12);
	CHECK(!memcmp(buf, "/memfd:hyla", 11));
}

ABI_TEST(flags)
{
	char name[300];
	int fd = memfd(1);

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(memfd(0), F_GETFD), 0);
	CHECK_ERR(syscall(SYS_memfd_create, "x", 0x4000), EINVAL);
	CHECK_ERR(syscall(SYS_memfd_create, BAD_KERNEL, 0), EFAULT);
	memset(name, 'n', sizeof(name));
	name[249] = 0;
	OK(syscall(SYS_memfd_create, name, 0));
	name[249] = 'n';
	name[250] = 0;
	CHECK_ERR(syscall(SYS_memfd_create, name, 0), EINVAL);
}

ABI_TEST(unsealable_by_default)
{
	int fd = memfd(0);

	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK_EQ(fcntl(memfd(2), F_GET_SEALS), 0);
}

ABI_TEST(seal_shrink_and_grow)
{
	int fd = memfd(2);

	OK(ftruncate(fd, 100));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_ERR(ftruncate(fd, 99), EPERM);
	OK(ftruncate(fd, 200));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_ERR(ftruncate(fd, 201), EPERM);
	CHECK_ERR(pwrite(fd, "x", 1, 200), EPERM);
	CHECK_EQ(pwrite(fd, "x", 1, 199), 1);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
}

ABI_TEST(seal_write)
{
	int fd = memfd(2);
	char *p;

	OK(ftruncate(fd, PAGE));
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	OK((long)p);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	OK(munmap(p, PAGE));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	OK((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
}

ABI_TEST(seal_future_write)
{
	int fd = memfd(2);
	char *p, c;

	OK(ftruncate(fd, PAGE));
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	OK((long)p);
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	p[0] = 'k';
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK_EQ(c, 'k');
}

ABI_TEST(seal_seal)
{
	int fd = memfd(2);

	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	CHECK_ERR(fcntl(memfd(2), F_ADD_SEALS, 0x100), EINVAL);
}

ABI_TEST(seals_on_other_files)
{
	int p[2];

	OK(pipe(p));
	CHECK_ERR(fcntl(p[0], F_GET_SEALS), EINVAL);
	CHECK_ERR(fcntl(p[1], F_ADD_SEALS, F_SEAL_SEAL), EINVAL);
	CHECK_ERR(fcntl(p[0], F_ADD_SEALS, F_SEAL_SEAL), EPERM);
}

ABI_TEST(shared_with_child)
{
	int fd = memfd(0);
	volatile char *p;
	pid_t pid;

	OK(ftruncate(fd, PAGE));
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	pid = FORK();
	if (!pid) {
		CHECK_EQ(pwrite(fd, "c", 1, 10), 1);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(p[10], 'c');
}

ABI_TEST(reopen_is_a_new_description)
{
	int fd = memfd(0), fd2;
	char name[64], c;

	CHECK_EQ(write(fd, "abc", 3), 3);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	fd2 = OK(open(name, O_RDONLY));
	CHECK_EQ(lseek(fd2, 0, SEEK_CUR), 0);
	CHECK_EQ(read(fd2, &c, 1), 1);
	CHECK_EQ(c, 'a');
}
