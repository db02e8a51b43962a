/* SPDX-License-Identifier: MIT */
/*
 * mprotect, mremap, madvise, brk, mincore, msync and mlock on live mappings.
 */
#define ABI_FAMILY "vm"
#include "abi.h"

#ifndef MADV_FREE
#define MADV_FREE 8
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#define MADV_KEEPONFORK 19
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

ABI_TEST(mprotect_down_and_up)
{
	char *p = abi_map(PAGE, RW, ANON);

	p[0] = 5;
	OK(mprotect(p, PAGE, PROT_READ));
	CHECK_EQ(abi_store(p, 6), SIGSEGV);
	CHECK_EQ(p[0], 5);
	OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_EQ(abi_load(p), SIGSEGV);
	OK(mprotect(p, PAGE, RW));
	CHECK_EQ(p[0], 5);
	p[0] = 6;
}

ABI_TEST(mprotect_splits_and_merges)
{
	char *p = abi_map(5 * PAGE, RW, ANON);

	memset(p, 1, 5 * PAGE);
	OK(mprotect(p + PAGE, PAGE, PROT_READ));
	OK(mprotect(p + 3 * PAGE, PAGE, PROT_NONE));
	CHECK_EQ(abi_store(p, 2), 0);
	CHECK_EQ(abi_store(p + PAGE, 2), SIGSEGV);
	CHECK_EQ(abi_store(p + 2 * PAGE, 2), 0);
	CHECK_EQ(abi_load(p + 3 * PAGE), SIGSEGV);
	CHECK_EQ(abi_store(p + 4 * PAGE, 2), 0);
	OK(mprotect(p, 5 * PAGE, RW));
	for (int i = 0; i < 5; i++)
		CHECK_EQ(abi_store(p + i * PAGE, 3), 0);
	CHECK_EQ(p[3 * PAGE + 1], 1);
}

ABI_TEST(mprotect_errors)
{
	char *p = abi_map(3 * PAGE, RW, ANON);

	CHECK_ERR(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL);
	CHECK_ERR(syscall(SYS_mprotect, p, PAGE, 0x1000), EINVAL);
	OK(mprotect(p, 0, PROT_READ));
	OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	/* Linux has changed what came before the hole. */
	CHECK_EQ(abi_store(p, 1), SIGSEGV);
}

ABI_TEST(mprotect_after_fork_is_private)
{
	char *p = abi_map(PAGE, RW, ANON);
	pid_t pid = FORK();

	if (!pid) {
		OK(mprotect(p, PAGE, PROT_NONE));
		CHECK_EQ(abi_load(p), SIGSEGV);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(abi_store(p, 1), 0);
}

ABI_TEST(mprotect_keeps_cow)
{
	char *p = abi_map(PAGE, RW, ANON);
	pid_t pid;

	p[0] = 1;
	pid = FORK();
	if (!pid) {
		OK(mprotect(p, PAGE, PROT_READ));
		OK(mprotect(p, PAGE, RW));
		p[0] = 2;
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(p[0], 1);
}

ABI_TEST(write_only_is_readable_on_x86)
{
	char *p = abi_map(PAGE, PROT_WRITE, ANON);

	CHECK_EQ(abi_store(p, 1), 0);
	CHECK_EQ(abi_load(p), 0);
}

ABI_TEST(mremap_shrink)
{
	char *p = abi_map(4 * PAGE, RW, ANON);

	memset(p, 1, 4 * PAGE);
	CHECK(mremap(p, 4 * PAGE, PAGE, 0) == p);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(abi_load(p + PAGE), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_MAPERR);
}

ABI_TEST(mremap_grow_in_place)
{
	char *p = abi_map(4 * PAGE, RW, ANON);

	OK(munmap(p + PAGE, 3 * PAGE));
	p[0] = 1;
	CHECK(mremap(p, PAGE, 4 * PAGE, 0) == p);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[3 * PAGE], 0);
}

ABI_TEST(mremap_grow_blocked)
{
	char *p = abi_map(3 * PAGE, RW, ANON);
	char *q;

	p[0] = 1;
	OK((long)mmap(p + PAGE, PAGE, PROT_READ, SHARED | MAP_FIXED, -1, 0));
	CHECK_ERR(mremap(p, PAGE, 2 * PAGE, 0), ENOMEM);
	q = mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	CHECK_EQ(q[0], 1);
	CHECK_EQ(q[PAGE], 0);
	CHECK_EQ(abi_load(p), SIGSEGV);
	CHECK_EQ(abi_load(p + PAGE), 0);
}

ABI_TEST(mremap_fixed_replaces_target)
{
	char *p = abi_map(2 * PAGE, RW, ANON);
	char *q = abi_map(2 * PAGE, RW, ANON);

	memset(p, 1, 2 * PAGE);
	memset(q, 2, 2 * PAGE);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	CHECK_EQ(q[0], 1);
	CHECK_EQ(q[2 * PAGE - 1], 1);
	CHECK_EQ(abi_load(p), SIGSEGV);
}

ABI_TEST(mremap_errors)
{
	char *p = abi_map(4 * PAGE, RW, ANON);
	char *q = abi_map(4 * PAGE, RW, ANON);

	CHECK_ERR(syscall(SYS_mremap, p + 1, PAGE, PAGE, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mremap, p, PAGE, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mremap, p, PAGE, PAGE, 0x100, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mremap, p, PAGE, PAGE, MREMAP_FIXED, q), EINVAL);
	CHECK_ERR(syscall(SYS_mremap, p, 2 * PAGE, 2 * PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
	OK(munmap(p, PAGE));
	CHECK_ERR(syscall(SYS_mremap, p, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0),
		  EFAULT);
}

ABI_TEST(mremap_shared_old_size_zero)
{
	char *p = abi_map(PAGE, RW, SHARED);
	char *q = mremap(p, 0, PAGE, MREMAP_MAYMOVE);

	OK((long)q);
	CHECK(q != p);
	p[0] = 7;
	CHECK_EQ(q[0], 7);
}

ABI_TEST(mremap_dontunmap)
{
	char *p = abi_map(PAGE, RW, ANON);
	char *q;

	p[0] = 7;
	q = (char *)syscall(SYS_mremap, p, PAGE, PAGE,
			    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	if (q == MAP_FAILED && errno == EINVAL)
		SKIP("no MREMAP_DONTUNMAP");
	CHECK_EQ(q[0], 7);
	CHECK_EQ(p[0], 0);
}

ABI_TEST(mremap_file_keeps_offset)
{
	int fd = abi_temp_fd();
	char *p, *q;

	OK(ftruncate(fd, 4 * PAGE));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pwrite(fd, &i, 1, i * PAGE), 1);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
	OK((long)p);
	q = mremap(p, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	OK((long)q);
	CHECK_EQ(q[0], 1);
	CHECK_EQ(q[2 * PAGE], 3);
}

ABI_TEST(dontneed_zeroes_anon)
{
	char *p = abi_map(3 * PAGE, RW, ANON);

	memset(p, 1, 3 * PAGE);
	OK(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[2 * PAGE], 1);
}

ABI_TEST(dontneed_rereads_file)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

	OK((long)p);
	p[0] = 'J';
	OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 'h');
}

ABI_TEST(dontneed_keeps_shared)
{
	char *p = abi_map(PAGE, RW, SHARED);

	p[0] = 9;
	OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 9);
}

ABI_TEST(madvise_free_keeps_mapping)
{
	char *p = abi_map(2 * PAGE, RW, ANON);

	memset(p, 1, 2 * PAGE);
	OK(madvise(p, 2 * PAGE, MADV_FREE));
	CHECK(p[0] == 0 || p[0] == 1);
	p[0] = 2;
	CHECK_EQ(p[0], 2);
}

ABI_TEST(madvise_hints_accepted)
{
	static const int hints[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTFORK, MADV_DOFORK,
	};
	char *p = abi_map(PAGE, RW, ANON);

	for (size_t i = 0; i < COUNT(hints); i++)
		OK(madvise(p, PAGE, hints[i]));
}

ABI_TEST(madvise_errors)
{
	char *p = abi_map(2 * PAGE, RW, ANON);

	CHECK_ERR(madvise(p, PAGE, 12345), EINVAL);
	CHECK_ERR(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	OK(madvise(p, 0, MADV_DONTNEED));
	OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(madvise(p, 2 * PAGE, MADV_DONTNEED), ENOMEM);
}

ABI_TEST(madvise_dontfork)
{
	char *p = abi_map(PAGE, RW, ANON);
	pid_t pid;

	OK(madvise(p, PAGE, MADV_DONTFORK));
	pid = FORK();
	if (!pid)
		_exit(abi_load(p) == SIGSEGV ? 0 : 1);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(madvise_wipeonfork)
{
	char *p = abi_map(PAGE, RW, ANON);
	pid_t pid;

	p[0] = 3;
	if (madvise(p, PAGE, MADV_WIPEONFORK) < 0 && errno == EINVAL)
		SKIP("no MADV_WIPEONFORK");
	pid = FORK();
	if (!pid)
		_exit(p[0]);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(p[0], 3);
}

ABI_TEST(madvise_populate)
{
	char *p = abi_map(4 * PAGE, RW, ANON);
	char *q = abi_map(PAGE, PROT_READ, ANON);
	unsigned char vec[4];

	if (madvise(p, 4 * PAGE, MADV_POPULATE_WRITE) < 0 && errno == EINVAL)
		SKIP("no MADV_POPULATE_WRITE");
	OK(syscall(SYS_mincore, p, 4 * PAGE, vec));
	CHECK_EQ(vec[3] & 1, 1);
	CHECK_ERR(madvise(q, PAGE, MADV_POPULATE_WRITE), EINVAL);
	OK(madvise(q, PAGE, MADV_POPULATE_READ));
}

ABI_TEST(madvise_remove_punches)
{
	int fd = abi_temp_fd();
	char *p, c;

	OK(ftruncate(fd, 3 * PAGE));
	p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	OK((long)p);
	memset(p, 1, 3 * PAGE);
	if (madvise(p + PAGE, PAGE, MADV_REMOVE) < 0 && errno == EOPNOTSUPP)
		SKIP("no hole punching here");
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(pread(fd, &c, 1, 2 * PAGE - 1), 1);
	CHECK_EQ(c, 0);
	CHECK_EQ(p[2 * PAGE], 1);
}

ABI_TEST(brk_grows_and_shrinks)
{
	char *cur = (char *)syscall(SYS_brk, 0);
	char *end = cur + 3 * PAGE;

	CHECK(cur != NULL);
	CHECK((char *)syscall(SYS_brk, end) == end);
	CHECK_EQ(abi_store(end - 1, 1), 0);
	CHECK((char *)syscall(SYS_brk, cur) == cur);
	CHECK((char *)syscall(SYS_brk, end) == end);
	CHECK_EQ(end[-1], 0);
	CHECK((char *)syscall(SYS_brk, cur) == cur);
}

ABI_TEST(brk_returns_old_on_failure)
{
	char *cur = (char *)syscall(SYS_brk, 0);
	char *end = (char *)(((uintptr_t)cur + 2 * PAGE - 1) & -PAGE);

	CHECK((char *)syscall(SYS_brk, 1) == cur);
	CHECK((char *)syscall(SYS_brk, 1L << 62) == cur);
	/* A mapping in the way. */
	OK((long)mmap(end + 4 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED_NOREPLACE,
		      -1, 0));
	CHECK((char *)syscall(SYS_brk, end + 16 * PAGE) == cur);
}

ABI_TEST(brk_heap_can_be_mapped_over)
{
	char *cur = (char *)syscall(SYS_brk, 0);
	char *base = (char *)(((uintptr_t)cur + PAGE - 1) & -PAGE);

	CHECK((char *)syscall(SYS_brk, base + 4 * PAGE) == base + 4 * PAGE);
	CHECK(mmap(base, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) == base);
	CHECK_EQ(abi_load(base), SIGSEGV);
	CHECK_EQ(abi_store(base + PAGE, 1), 0);
}

ABI_TEST(brk_inherited_by_fork)
{
	long cur = syscall(SYS_brk, 0);
	pid_t pid = FORK();

	if (!pid) {
		CHECK_EQ(syscall(SYS_brk, 0), cur);
		CHECK_EQ(syscall(SYS_brk, cur + PAGE), cur + PAGE);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(syscall(SYS_brk, 0), cur);
}

ABI_TEST(mincore_resident)
{
	char *p = abi_map(4 * PAGE, RW, ANON);
	unsigned char vec[4];

	p[2 * PAGE] = 1;
	OK(syscall(SYS_mincore, p, 4 * PAGE, vec));
	CHECK_EQ(vec[2] & 1, 1);
}

ABI_TEST(mincore_errors)
{
	char *p = abi_map(2 * PAGE, RW, ANON);
	unsigned char vec[4];

	CHECK_ERR(syscall(SYS_mincore, p + 1, PAGE, vec), EINVAL);
	CHECK_ERR(syscall(SYS_mincore, p, PAGE, BAD_KERNEL), EFAULT);
	OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(syscall(SYS_mincore, p, 2 * PAGE, vec), ENOMEM);
}

ABI_TEST(msync_rules)
{
	int fd = abi_write_file("f", "hello", 5);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);

	OK((long)p);
	p[0] = 'J';
	OK(msync(p, PAGE, MS_SYNC));
	OK(msync(p, PAGE, MS_ASYNC));
	OK(msync(p, PAGE, MS_SYNC | MS_INVALIDATE));
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, 0x100), EINVAL);
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(msync(p, 2 * PAGE, MS_SYNC), ENOMEM);
}

ABI_TEST(mlock_rules)
{
	char *p = abi_map(2 * PAGE, RW, ANON);
	unsigned char vec[1];

	if (mlock(p, PAGE) < 0)
		SKIP("mlock: %s", strerror(errno));
	OK(syscall(SYS_mincore, p, PAGE, vec));
	CHECK_EQ(vec[0] & 1, 1);
	OK(munlock(p, PAGE));
	OK(munmap(p, PAGE));
	CHECK_ERR(mlock(p, PAGE), ENOMEM);
	CHECK_ERR(syscall(SYS_mlockall, 0x40), EINVAL);
}
