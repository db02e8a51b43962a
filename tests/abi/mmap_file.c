/* SPDX-License-Identifier: MIT */
/*
 * mmap of files: sharing with read and write, private copies, the zero tail of
 * the last page, SIGBUS beyond it, permissions, truncation under a mapping.
 */
#define ABI_FAMILY "mmapfile"
#include "abi.h"

static char *map_fd(int fd, size_t size, int prot, int flags)
{
	char *p = mmap(NULL, size, prot, flags, fd, 0);

	OK((long)p);
	return p;
}

ABI_TEST(shared_write_reaches_file)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, PAGE, RW, MAP_SHARED);
	char buf[5];

	p[0] = 'J';
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK(!memcmp(buf, "Jello", 5));
}

ABI_TEST(file_write_reaches_shared)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, PAGE, PROT_READ, MAP_SHARED);

	CHECK_EQ(p[0], 'h');
	CHECK_EQ(pwrite(fd, "J", 1, 0), 1);
	CHECK_EQ(p[0], 'J');
}

ABI_TEST(two_shared_mappings_agree)
{
	int fd = abi_write_file("f", "hello", 5);
	int fd2 = OK(open("f", O_RDWR));
	volatile char *p = map_fd(fd, PAGE, RW, MAP_SHARED);
	volatile char *q = map_fd(fd2, PAGE, RW, MAP_SHARED);

	p[1] = 'E';
	CHECK_EQ(q[1], 'E');
	q[2] = 'L';
	CHECK_EQ(p[2], 'L');
}

ABI_TEST(private_write_stays_private)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, PAGE, RW, MAP_PRIVATE);
	char buf[5];

	p[0] = 'J';
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK(!memcmp(buf, "hello", 5));
	CHECK_EQ(p[0], 'J');
}

ABI_TEST(private_copy_is_cut_off_from_file)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, PAGE, RW, MAP_PRIVATE);

	p[0] = 'J';
	CHECK_EQ(pwrite(fd, "world", 5, 0), 5);
	CHECK(!memcmp(p, "Jello", 5));
}

ABI_TEST(shared_across_fork)
{
	int fd = abi_write_file("f", "hello", 5);
	volatile char *p = map_fd(fd, PAGE, RW, MAP_SHARED);
	pid_t pid = FORK();

	if (!pid) {
		p[0] = 'C';
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(p[0], 'C');
}

ABI_TEST(private_across_fork)
{
	int fd = abi_write_file("f", "hello", 5);
	volatile char *p = map_fd(fd, PAGE, RW, MAP_PRIVATE);
	pid_t pid = FORK();

	if (!pid) {
		p[0] = 'C';
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(p[0], 'h');
}

ABI_TEST(zero_tail)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, PAGE, PROT_READ, MAP_PRIVATE);

	for (int i = 5; i < PAGE; i++)
		CHECK_EQ(p[i], 0);
}

ABI_TEST(tail_write_does_not_extend)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, PAGE, RW, MAP_SHARED);
	struct stat st;

	memset(p, 'x', 100);
	OK(msync(p, PAGE, MS_SYNC));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 5);
}

ABI_TEST(sigbus_beyond_eof)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, 3 * PAGE, RW, MAP_SHARED);

	CHECK_EQ(abi_load(p + PAGE - 1), 0);
	CHECK_EQ(abi_load(p + PAGE + 5), SIGBUS);
	CHECK_EQ(abi_fault.si_code, BUS_ADRERR);
	CHECK(abi_fault.si_addr == p + PAGE + 5);
	CHECK_EQ(abi_store(p + 2 * PAGE, 1), SIGBUS);
}

ABI_TEST(sigbus_beyond_eof_private)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, 2 * PAGE, RW, MAP_PRIVATE);

	CHECK_EQ(abi_store(p + PAGE, 1), SIGBUS);
	CHECK_EQ(abi_fault.si_code, BUS_ADRERR);
}

ABI_TEST(empty_file)
{
	int fd = abi_temp_fd();
	char *p = map_fd(fd, PAGE, RW, MAP_SHARED);

	CHECK_EQ(abi_load(p), SIGBUS);
	OK(ftruncate(fd, 1));
	CHECK_EQ(abi_load(p), 0);
}

ABI_TEST(extend_under_mapping)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, 2 * PAGE, RW, MAP_SHARED);

	CHECK_EQ(abi_load(p + PAGE), SIGBUS);
	OK(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(abi_store(p + PAGE, 'z'), 0);
	CHECK_EQ(p[PAGE], 'z');
}

ABI_TEST(truncate_under_mapping)
{
	int fd = abi_temp_fd();
	char *p;

	OK(ftruncate(fd, 2 * PAGE));
	p = map_fd(fd, 2 * PAGE, RW, MAP_SHARED);
	memset(p, 1, 2 * PAGE);
	OK(ftruncate(fd, 100));
	CHECK_EQ(p[99], 1);
	CHECK_EQ(p[100], 0);
	CHECK_EQ(abi_load(p + PAGE), SIGBUS);
	OK(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(p[100], 0);
	CHECK_EQ(p[PAGE], 0);
}

ABI_TEST(truncate_drops_private_copies)
{
	int fd = abi_temp_fd();
	char *p;

	OK(ftruncate(fd, 2 * PAGE));
	p = map_fd(fd, 2 * PAGE, RW, MAP_PRIVATE);
	p[PAGE] = 9;
	OK(ftruncate(fd, PAGE));
	CHECK_EQ(abi_load(p + PAGE), SIGBUS);
}

ABI_TEST(kernel_copy_beyond_eof_is_efault)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, 2 * PAGE, RW, MAP_SHARED);
	int zero = OK(open("/dev/zero", O_RDONLY));

	CHECK_ERR(read(zero, p + PAGE, 10), EFAULT);
	CHECK_EQ(abi_load(p), 0);
}

ABI_TEST(survives_close_and_unlink)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = map_fd(fd, PAGE, RW, MAP_SHARED);

	OK(close(fd));
	OK(unlink("f"));
	CHECK_EQ(p[4], 'o');
	p[4] = 'a';
	CHECK_EQ(p[4], 'a');
}

ABI_TEST(offset)
{
	int fd = abi_temp_fd();
	char *p;

	CHECK_EQ(pwrite(fd, "second", 6, PAGE), 6);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	OK((long)p);
	CHECK(!memcmp(p, "second", 6));
	OK((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1L << 40));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, -PAGE), EOVERFLOW);
}

ABI_TEST(permission_rules)
{
	int wr, ro, fd = abi_write_file("f", "hello", 5);

	close(fd);
	wr = OK(open("f", O_WRONLY));
	ro = OK(open("f", O_RDONLY));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wr, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wr, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	OK((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, ro, 0));
	OK((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0));
}

ABI_TEST(mprotect_shared_read_only)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p, *q;
	int ro;

	ro = OK(open("f", O_RDONLY));
	p = map_fd(ro, PAGE, PROT_READ, MAP_SHARED);
	CHECK_ERR(mprotect(p, PAGE, RW), EACCES);
	q = map_fd(fd, PAGE, PROT_READ, MAP_SHARED);
	OK(mprotect(q, PAGE, RW));
	q[0] = 'x';
	CHECK_EQ(p[0], 'x');
}

ABI_TEST(not_mappable)
{
	int p[2], dir = OK(open(".", O_RDONLY | O_DIRECTORY));
	int opath = OK(open(".", O_PATH));

	OK(pipe(p));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, p[0], 0), ENODEV);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dir, 0), ENODEV);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, opath, 0), EBADF);
}

ABI_TEST(large_file_page_by_page)
{
	int fd = abi_temp_fd();
	volatile unsigned *p;

	OK(ftruncate(fd, 1 << 20));
	p = (unsigned *)map_fd(fd, 1 << 20, RW, MAP_SHARED);
	for (unsigned i = 0; i < (1 << 20) / 4; i += 64)
		p[i] = i * 2654435761u;
	for (unsigned i = 0; i < (1 << 20) / 4; i += 64) {
		unsigned v;

		CHECK_EQ(pread(fd, &v, 4, i * 4), 4);
		CHECK_EQ(v, i * 2654435761u);
	}
}

ABI_TEST(read_into_own_mapping)
{
	int fd = abi_temp_fd();
	char *p;

	OK(ftruncate(fd, 2 * PAGE));
	p = map_fd(fd, 2 * PAGE, RW, MAP_SHARED);
	memset(p, 'a', PAGE);
	CHECK_EQ(pread(fd, p + PAGE, PAGE, 0), PAGE);
	CHECK_EQ(p[2 * PAGE - 1], 'a');
	CHECK_EQ(pwrite(fd, p + PAGE, 10, 0), 10);
}

ABI_TEST(bss_like_overlay)
{
	/* What a loader does: file text, then anonymous pages over the end. */
	int fd = abi_temp_fd();
	char *p;

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pwrite(fd, "page", 4, i * PAGE), 4);
	p = map_fd(fd, 4 * PAGE, PROT_READ, MAP_PRIVATE);
	OK((long)mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 3 * PAGE));
	OK((long)mmap(p + 2 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
	CHECK(!memcmp(p, "page", 4) && !memcmp(p + PAGE, "page", 4));
	CHECK_EQ(p[2 * PAGE], 0);
	p[PAGE] = 'P';
	p[2 * PAGE] = 'x';
	CHECK_EQ(abi_store(p, 1), SIGSEGV);
}
