/* SPDX-License-Identifier: MIT */
/*
 * Contents of regular files: offsets, holes, truncation, fallocate, vectors,
 * positioned reads and writes, sync calls, special devices.
 */
#define ABI_FAMILY "file"
#include "abi.h"

#include <sys/uio.h>

#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif
#ifndef RWF_NOWAIT
#define RWF_HIPRI 1
#define RWF_DSYNC 2
#define RWF_SYNC 4
#define RWF_NOWAIT 8
#define RWF_APPEND 16
#endif

enum {
	FA_KEEP_SIZE = 1,
	FA_PUNCH_HOLE = 2,
	FA_COLLAPSE = 8,
	FA_ZERO_RANGE = 16,
};

static off_t size_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_size;
}

ABI_TEST(lseek)
{
	int fd = abi_write_file("f", "hello", 5);

	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	CHECK_EQ(lseek(fd, 1, SEEK_CUR), 4);
	CHECK_EQ(lseek(fd, -2, SEEK_END), 3);
	CHECK_EQ(lseek(fd, 100, SEEK_END), 105);
	CHECK_EQ(size_of(fd), 5);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, -200, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 105);
	CHECK_ERR(lseek(fd, LONG_MAX, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(999, 0, SEEK_SET), EBADF);
}

ABI_TEST(lseek_on_pipe)
{
	int p[2];
	char c;

	OK(pipe(p));
	CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(p[0], &c, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(p[1], &c, 1, 0), ESPIPE);
}

ABI_TEST(read_at_end)
{
	int fd = abi_write_file("f", "hello", 5);
	char buf[16];

	CHECK_EQ(read(fd, buf, 16), 5);
	CHECK_EQ(read(fd, buf, 16), 0);
	OK(lseek(fd, 1000, SEEK_SET));
	CHECK_EQ(read(fd, buf, 16), 0);
	CHECK_EQ(read(fd, buf, 0), 0);
	CHECK_EQ(pread(fd, buf, 16, 4), 1);
	CHECK_ERR(pread(fd, buf, 16, -1), EINVAL);
}

ABI_TEST(write_beyond_end_leaves_zeroes)
{
	int fd = abi_temp_fd();
	char buf[10001];

	CHECK_EQ(pwrite(fd, "x", 1, 10000), 1);
	CHECK_EQ(size_of(fd), 10001);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 10001);
	for (int i = 0; i < 10000; i++)
		CHECK_EQ(buf[i], 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

ABI_TEST(large_offsets)
{
	int fd = abi_temp_fd();
	off_t far = (5L << 30) + 7;
	char c = 0;

	CHECK_EQ(pwrite(fd, "x", 1, far), 1);
	CHECK_EQ(size_of(fd), far + 1);
	CHECK_EQ(pread(fd, &c, 1, far), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(pread(fd, &c, 1, far - 1), 1);
	CHECK_EQ(c, 0);
	CHECK_ERR(pwrite(fd, "x", 1, LONG_MAX), EINVAL);
}

ABI_TEST(truncate)
{
	int fd = abi_write_file("f", "hello world", 11);
	char buf[16];

	OK(ftruncate(fd, 5));
	CHECK_EQ(pread(fd, buf, 16, 0), 5);
	OK(ftruncate(fd, 8));
	CHECK_EQ(pread(fd, buf, 16, 0), 8);
	CHECK(!memcmp(buf, "hello\0\0\0", 8));
	OK(truncate("f", 2));
	CHECK_EQ(size_of(fd), 2);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate("f", -1), EINVAL);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate("missing", 0), ENOENT);
	CHECK_ERR(truncate("f/x", 0), ENOTDIR);
}

ABI_TEST(truncate_wrong_kinds)
{
	int p[2];

	OK(pipe(p));
	CHECK_ERR(ftruncate(p[1], 0), EINVAL);
	CHECK_ERR(ftruncate(OK(open("/dev/null", O_RDWR)), 0), EINVAL);
	CHECK_ERR(ftruncate(999, 0), EBADF);
}

ABI_TEST(truncate_moves_no_offset)
{
	int fd = abi_write_file("f", "hello", 5);
	char buf[16];

	OK(lseek(fd, 5, SEEK_SET));
	OK(ftruncate(fd, 0));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(pread(fd, buf, 16, 0), 6);
	CHECK(!memcmp(buf, "\0\0\0\0\0x", 6));
}

ABI_TEST(seek_data_and_hole)
{
	int fd = abi_temp_fd();
	off_t hole;

	OK(ftruncate(fd, 4 << 20));
	CHECK_EQ(pwrite(fd, "x", 1, 1 << 20), 1);
	CHECK_ERR(lseek(fd, 4 << 20, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, 4 << 20, SEEK_HOLE), ENXIO);
	hole = OK(lseek(fd, 0, SEEK_HOLE));
	if (hole == 4 << 20)
		SKIP("no holes reported here");
	CHECK_EQ(hole, 0);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 1 << 20);
	CHECK_EQ(lseek(fd, (1 << 20) + 5, SEEK_DATA), (1 << 20) + 5);
	hole = OK(lseek(fd, 1 << 20, SEEK_HOLE));
	CHECK(hole > 1 << 20 && hole < 4 << 20);
	CHECK_ERR(lseek(fd, 3 << 20, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
}

ABI_TEST(end_of_file_is_a_hole)
{
	int fd = abi_write_file("f", "hello", 5);

	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 5);
	CHECK_EQ(lseek(fd, 2, SEEK_DATA), 2);
	CHECK_ERR(lseek(fd, 5, SEEK_HOLE), ENXIO);
}

static void need_fallocate(int fd, int mode)
{
	if (fallocate(fd, mode, 0, PAGE) < 0 && errno == EOPNOTSUPP)
		SKIP("fallocate mode %d not supported here", mode);
}

ABI_TEST(fallocate_extends)
{
	int fd = abi_temp_fd();
	struct stat st;
	char c = 1;

	need_fallocate(fd, 0);
	OK(fallocate(fd, 0, 0, 100000));
	CHECK_EQ(size_of(fd), 100000);
	OK(fstat(fd, &st));
	CHECK(st.st_blocks * 512 >= 100000);
	CHECK_EQ(pread(fd, &c, 1, 99999), 1);
	CHECK_EQ(c, 0);
	OK(fallocate(fd, 0, 10, 10));
	CHECK_EQ(size_of(fd), 100000);
	OK(fallocate(fd, FA_KEEP_SIZE, 200000, 10));
	CHECK_EQ(size_of(fd), 100000);
}

ABI_TEST(fallocate_punch)
{
	int fd = abi_temp_fd();
	char *buf = malloc(4 * PAGE);

	memset(buf, 'x', 4 * PAGE);
	CHECK_EQ(write(fd, buf, 4 * PAGE), 4 * PAGE);
	need_fallocate(fd, FA_PUNCH_HOLE | FA_KEEP_SIZE);
	CHECK_EQ(pwrite(fd, buf, PAGE, 0), PAGE);
	OK(fallocate(fd, FA_PUNCH_HOLE | FA_KEEP_SIZE, PAGE + 100, 2 * PAGE));
	CHECK_EQ(pread(fd, buf, 4 * PAGE, 0), 4 * PAGE);
	for (int i = 0; i < 4 * PAGE; i++)
		CHECK_EQ(buf[i], i < PAGE + 100 || i >= 3 * PAGE + 100 ? 'x' : 0);
	OK(fallocate(fd, FA_PUNCH_HOLE | FA_KEEP_SIZE, 3 * PAGE, 100 * PAGE));
	CHECK_EQ(size_of(fd), 4 * PAGE);
	CHECK_ERR(fallocate(fd, FA_PUNCH_HOLE, 0, PAGE), EOPNOTSUPP);
}

ABI_TEST(fallocate_zero_range)
{
	int fd = abi_temp_fd();
	char buf[100];

	memset(buf, 'x', 100);
	CHECK_EQ(write(fd, buf, 100), 100);
	if (fallocate(fd, FA_ZERO_RANGE, 10, 20) < 0 && errno == EOPNOTSUPP)
		SKIP("no FALLOC_FL_ZERO_RANGE here");
	CHECK_EQ(pread(fd, buf, 100, 0), 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(buf[i], i < 10 || i >= 30 ? 'x' : 0);
	OK(fallocate(fd, FA_ZERO_RANGE, 90, 100));
	CHECK_EQ(size_of(fd), 190);
}

ABI_TEST(fallocate_errors)
{
	int fd = abi_temp_fd(), ro, p[2];

	close(abi_write_file("f", "x", 1));
	ro = OK(open("f", O_RDONLY));
	OK(pipe(p));
	need_fallocate(fd, 0);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(fd, 0, -1, 10), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, -1), EINVAL);
	CHECK_ERR(fallocate(fd, 0x1000, 0, 10), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0, LONG_MAX - 5, 100), EFBIG);
	CHECK_ERR(fallocate(ro, 0, 0, 10), EBADF);
	CHECK_ERR(fallocate(p[1], 0, 0, 10), ESPIPE);
	CHECK_ERR(fallocate(OK(open("/dev/null", O_RDWR)), 0, 0, 10), ENODEV);
}

ABI_TEST(vectors)
{
	int fd = abi_temp_fd();
	char a[3], b[4];
	struct iovec w[4] = { { "abc", 3 }, { NULL, 0 }, { "defg", 4 }, { "h", 1 } };
	struct iovec r[2] = { { a, 3 }, { b, 4 } };

	CHECK_EQ(writev(fd, w, 4), 8);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, r, 2), 7);
	CHECK(!memcmp(a, "abc", 3) && !memcmp(b, "defg", 4));
	CHECK_EQ(readv(fd, r, 2), 1);
	CHECK_EQ(a[0], 'h');
	CHECK_EQ(readv(fd, r, 0), 0);
	CHECK_EQ(preadv(fd, r, 2, 4), 4);
	CHECK_EQ(a[0], 'e');
	CHECK_EQ(pwritev(fd, w, 1, 100), 3);
	CHECK_EQ(size_of(fd), 103);
}

ABI_TEST(vector_errors)
{
	struct iovec *v = calloc(1025, sizeof(*v));
	int fd = abi_temp_fd();

	CHECK_EQ(writev(fd, v, 1024), 0);
	CHECK_ERR(syscall(SYS_writev, fd, v, 1025), EINVAL);
	CHECK_ERR(syscall(SYS_writev, fd, v, -1), EINVAL);
	v[0].iov_base = "x";
	v[0].iov_len = -1;
	CHECK_ERR(syscall(SYS_writev, fd, v, 1), EINVAL);
	CHECK_ERR(syscall(SYS_writev, fd, BAD_KERNEL, 2), EFAULT);
	CHECK_ERR(syscall(SYS_preadv, fd, v, 1, -1L, -1L), EINVAL);
}

ABI_TEST(preadv2_flags)
{
	int fd = abi_write_file("f", "hello", 5);
	char buf[8];
	struct iovec r = { buf, 8 }, w = { "XY", 2 };

	CHECK_EQ(OK(syscall(SYS_preadv2, fd, &r, 1, 1L, 0L, 0)), 4);
	CHECK_EQ(buf[0], 'e');
	/* Offset -1 means the file's own offset. */
	CHECK_EQ(OK(syscall(SYS_preadv2, fd, &r, 1, -1L, 0L, 0)), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_ERR(syscall(SYS_preadv2, fd, &r, 1, 0L, 0L, 0x10000), EOPNOTSUPP);
	CHECK_EQ(OK(syscall(SYS_pwritev2, fd, &w, 1, 0L, 0L, RWF_DSYNC)), 2);
	CHECK_EQ(OK(syscall(SYS_pwritev2, fd, &w, 1, 0L, 0L, RWF_APPEND)), 2);
	CHECK_EQ(size_of(fd), 7);
}

ABI_TEST(dev_null_zero_full)
{
	int null = OK(open("/dev/null", O_RDWR));
	int zero = OK(open("/dev/zero", O_RDWR));
	int full = OK(open("/dev/full", O_RDWR));
	char buf[100];

	CHECK_EQ(write(null, buf, 100), 100);
	CHECK_EQ(read(null, buf, 100), 0);
	CHECK_EQ(lseek(null, 5, SEEK_SET), 0);
	memset(buf, 1, 100);
	CHECK_EQ(read(zero, buf, 100), 100);
	CHECK(buf[0] == 0 && buf[99] == 0);
	CHECK_EQ(write(zero, buf, 100), 100);
	CHECK_ERR(write(full, buf, 1), ENOSPC);
	memset(buf, 1, 100);
	CHECK_EQ(read(full, buf, 100), 100);
	CHECK_EQ(buf[50], 0);
}

ABI_TEST(sync_calls)
{
	int fd = abi_write_file("f", "x", 1), p[2];

	OK(pipe(p));
	OK(fsync(fd));
	OK(fdatasync(fd));
	OK(syncfs(fd));
	OK(fsync(OK(open(".", O_RDONLY))));
	OK(syscall(SYS_sync_file_range, fd, 0L, 0L, 2));
	CHECK_ERR(syscall(SYS_sync_file_range, fd, 0L, 0L, 0x100), EINVAL);
	CHECK_ERR(fsync(p[0]), EINVAL);
	CHECK_ERR(fsync(999), EBADF);
}

ABI_TEST(fadvise_and_readahead)
{
	int fd = abi_write_file("f", "x", 1), p[2];

	OK(pipe(p));
	for (int advice = 0; advice < 6; advice++)
		CHECK_EQ(posix_fadvise(fd, 0, 0, advice), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 0, 77), EINVAL);
	CHECK_EQ(posix_fadvise(p[0], 0, 0, 0), ESPIPE);
	CHECK_EQ(posix_fadvise(999, 0, 0, 0), EBADF);
}

ABI_TEST(big_io_round_trip)
{
	size_t size = 3 << 20;
	unsigned char *a = malloc(size), *b = malloc(size);
	int fd = abi_temp_fd();
	unsigned x = 1;

	for (size_t i = 0; i < size; i++)
		a[i] = (x = x * 1103515245 + 12345) >> 16;
	CHECK_EQ(pwrite(fd, a, size, 13), (long)size);
	CHECK_EQ(pread(fd, b, size, 13), (long)size);
	CHECK(!memcmp(a, b, size));
}

ABI_TEST(read_count_is_capped)
{
	/* INT_MAX rounded down to pages is the most of one call. */
	int fd = OK(open("/dev/null", O_RDWR));
	char *p = abi_map(3UL << 30, PROT_READ, ANON | MAP_NORESERVE);

	CHECK_EQ(write(fd, p, 3UL << 30), 0x7ffff000);
	CHECK_ERR(syscall(SYS_write, fd, p, -1UL), EFAULT);
}
