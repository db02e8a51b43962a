/* SPDX-License-Identifier: MIT */
/*
 * mmap and munmap of anonymous memory: placement, flags, errors, sharing and
 * copy on write across fork, reservations, stacks that grow down.
 */
#define ABI_FAMILY "mmap"
#include "abi.h"

#include <sys/resource.h>

#ifndef MAP_GROWSDOWN
#define MAP_GROWSDOWN 0x100
#endif

ABI_TEST(anon_is_zero)
{
	unsigned char *p = abi_map(16 * PAGE, RW, ANON);

	for (int i = 0; i < 16 * PAGE; i++)
		CHECK_EQ(p[i], 0);
	memset(p, 0xa5, 16 * PAGE);
	OK(munmap(p, 16 * PAGE));
	p = abi_map(16 * PAGE, RW, ANON);
	for (int i = 0; i < 16 * PAGE; i++)
		CHECK_EQ(p[i], 0);
}

ABI_TEST(result_is_page_aligned)
{
	for (size_t size = 1; size < 5 * PAGE; size += 777)
		CHECK_EQ((uintptr_t)abi_map(size, RW, ANON) % PAGE, 0);
}

ABI_TEST(length_is_rounded_up)
{
	char *p = abi_map(3 * PAGE, PROT_NONE, ANON);

	OK(mmap(p, 1, RW, ANON | MAP_FIXED, -1, 0));
	CHECK_EQ(abi_store(p + PAGE - 1, 1), 0);
	CHECK_EQ(abi_store(p + PAGE, 1), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_ACCERR);
}

ABI_TEST(zero_length)
{
	CHECK_ERR(syscall(SYS_mmap, NULL, 0, RW, ANON, -1, 0), EINVAL);
}

ABI_TEST(huge_length)
{
	CHECK_ERR(syscall(SYS_mmap, NULL, -1L, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, NULL, 1UL << 47, PROT_NONE, ANON, -1, 0),
		  ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, NULL, 1UL << 62, PROT_NONE,
			  ANON | MAP_NORESERVE, -1, 0), ENOMEM);
}

ABI_TEST(neither_shared_nor_private)
{
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
}

ABI_TEST(misaligned_offset)
{
	int fd = abi_write_file("f", "abc", 3);

	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE, fd, 1), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE, fd, 512), EINVAL);
}

ABI_TEST(bad_fd)
{
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 9999, 0), EBADF);
}

ABI_TEST(anonymous_ignores_fd)
{
	OK(mmap(NULL, PAGE, RW, ANON, 0, 0));
	OK(mmap(NULL, PAGE, RW, ANON, 12345, 0));
}

ABI_TEST(fixed_replaces)
{
	char *p = abi_map(3 * PAGE, RW, ANON);

	memset(p, 7, 3 * PAGE);
	CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	CHECK_EQ(p[PAGE - 1], 7);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[2 * PAGE - 1], 0);
	CHECK_EQ(p[2 * PAGE], 7);
}

ABI_TEST(fixed_misaligned)
{
	char *p = abi_map(2 * PAGE, RW, ANON);

	CHECK_ERR(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
}

ABI_TEST(fixed_beyond_user_space)
{
	CHECK_ERR(mmap((void *)0x800000000000UL, PAGE, RW, ANON | MAP_FIXED, -1, 0),
		  ENOMEM);
	CHECK_ERR(mmap((void *)0xffffffff81000000UL, PAGE, RW, ANON | MAP_FIXED,
		       -1, 0), ENOMEM);
}

ABI_TEST(noreplace_conflict)
{
	char *p = abi_map(3 * PAGE, RW, ANON);

	p[PAGE] = 9;
	CHECK_ERR(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
		  EEXIST);
	OK(munmap(p, PAGE));
	CHECK_ERR(mmap(p, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
		  EEXIST);
	CHECK_EQ(p[PAGE], 9);
}

ABI_TEST(noreplace_free_range)
{
	char *p = abi_map(3 * PAGE, RW, ANON);

	OK(munmap(p, 3 * PAGE));
	CHECK(mmap(p, 3 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p);
}

ABI_TEST(hint_is_honoured)
{
	char *p = abi_map(8 * PAGE, PROT_NONE, ANON);

	OK(munmap(p, 8 * PAGE));
	CHECK(mmap(p + 2 * PAGE, PAGE, RW, ANON, -1, 0) == p + 2 * PAGE);
	/* Rounded down when it is not aligned. */
	CHECK(mmap(p + 4 * PAGE + 5, PAGE, RW, ANON, -1, 0) == p + 4 * PAGE ||
	      mmap(p + 6 * PAGE + 5, PAGE, RW, ANON, -1, 0) == p + 7 * PAGE);
}

ABI_TEST(hint_taken_moves_elsewhere)
{
	char *p = abi_map(2 * PAGE, RW, ANON);
	char *q;

	p[0] = 1;
	q = mmap(p, PAGE, RW, ANON, -1, 0);
	CHECK(q != MAP_FAILED && q != p && q != p + PAGE);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(q[0], 0);
}

ABI_TEST(go_arena_hint)
{
	void *hint = (void *)0xc000000000UL;

	CHECK(mmap(hint, 64 << 20, PROT_NONE, ANON, -1, 0) == hint);
	OK(mmap(hint, 4 << 20, RW, ANON | MAP_FIXED, -1, 0));
	CHECK_EQ(abi_store((char *)hint + (4 << 20) - 1, 1), 0);
	CHECK_EQ(abi_store((char *)hint + (4 << 20), 1), SIGSEGV);
}

ABI_TEST(reserve_one_tib)
{
	size_t size = 1UL << 40;
	char *p = abi_map(size, PROT_NONE, ANON | MAP_NORESERVE);

	CHECK_EQ(abi_load(p), SIGSEGV);
	CHECK_EQ(abi_load(p + size - 1), SIGSEGV);
	OK(mprotect(p + size / 2, PAGE, RW));
	CHECK_EQ(abi_store(p + size / 2, 1), 0);
	CHECK_EQ(abi_load(p + size / 2 + PAGE), SIGSEGV);
	OK(munmap(p, size));
	CHECK_EQ(abi_load(p + size / 2), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_MAPERR);
}

ABI_TEST(reserve_trim_to_alignment)
{
	size_t want = 64UL << 20;
	char *p = abi_map(2 * want, PROT_NONE, ANON | MAP_NORESERVE);
	char *a = (char *)(((uintptr_t)p + want - 1) & -want);

	if (a != p)
		OK(munmap(p, a - p));
	OK(munmap(a + want, p + want - a));
	OK(mprotect(a, 132 << 10, RW));
	CHECK_EQ(abi_store(a + (132 << 10) - 1, 1), 0);
	CHECK_EQ(abi_load(a - 1), SIGSEGV);
}

ABI_TEST(private_cow_after_fork)
{
	char *p = abi_map(4 * PAGE, RW, ANON);
	pid_t pid;

	memset(p, 1, 4 * PAGE);
	pid = FORK();
	if (!pid) {
		CHECK_EQ(p[PAGE], 1);
		memset(p, 2, 4 * PAGE);
		CHECK_EQ(p[3 * PAGE], 2);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	for (int i = 0; i < 4 * PAGE; i++)
		CHECK_EQ(p[i], 1);
}

ABI_TEST(cow_parent_writes_first)
{
	char *p = abi_map(PAGE, RW, ANON);
	struct abi_sync s;
	pid_t pid;

	abi_sync_init(&s);
	p[0] = 1;
	pid = FORK();
	if (!pid) {
		abi_await(&s);
		_exit(p[0]);
	}
	p[0] = 2;
	abi_post(&s);
	CHECK_EXIT(pid, 1);
}

ABI_TEST(cow_chain_of_three)
{
	int *p = abi_map(PAGE, RW, ANON);
	pid_t pid, pid2;

	*p = 1;
	pid = FORK();
	if (!pid) {
		*p = 2;
		pid2 = FORK();
		if (!pid2) {
			CHECK_EQ(*p, 2);
			*p = 3;
			_exit(0);
		}
		CHECK_EXIT(pid2, 0);
		_exit(*p);
	}
	CHECK_EXIT(pid, 2);
	CHECK_EQ(*p, 1);
}

ABI_TEST(cow_by_kernel_write)
{
	char *p = abi_map(PAGE, RW, ANON);
	int fd = abi_write_file("f", "kernel", 6);
	pid_t pid;

	strcpy(p, "before");
	pid = FORK();
	if (!pid) {
		CHECK_EQ(pread(fd, p, 6, 0), 6);
		CHECK(!memcmp(p, "kernel", 6));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_STR(p, "before");
}

ABI_TEST(shared_anon_across_fork)
{
	volatile int *p = abi_map(2 * PAGE, RW, SHARED);
	pid_t pid = FORK();

	if (!pid) {
		p[0] = 11;
		p[PAGE / sizeof(int)] = 12;
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(p[0], 11);
	CHECK_EQ(p[PAGE / sizeof(int)], 12);
}

ABI_TEST(shared_anon_zero_page_then_write)
{
	volatile int *p = abi_map(PAGE, RW, SHARED);
	pid_t pid;

	CHECK_EQ(p[0], 0);
	pid = FORK();
	if (!pid) {
		p[0] = 5;
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(p[0], 5);
}

ABI_TEST(read_before_write_is_zero_page)
{
	volatile char *p = abi_map(64 * PAGE, RW, ANON);

	for (int i = 0; i < 64; i++)
		CHECK_EQ(p[i * PAGE], 0);
	p[5 * PAGE] = 1;
	for (int i = 0; i < 64; i++)
		CHECK_EQ(p[i * PAGE], i == 5);
}

ABI_TEST(prot_none_faults)
{
	char *p = abi_map(PAGE, PROT_NONE, ANON);

	CHECK_EQ(abi_load(p + 10), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_ACCERR);
	CHECK(abi_fault.si_addr == p + 10);
}

ABI_TEST(read_only_faults_on_write)
{
	char *p = abi_map(PAGE, PROT_READ, ANON);

	CHECK_EQ(abi_load(p), 0);
	CHECK_EQ(abi_store(p + 99, 1), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_ACCERR);
	CHECK(abi_fault.si_addr == p + 99);
}

ABI_TEST(no_exec_without_prot_exec)
{
	unsigned char *p = abi_map(PAGE, RW, ANON);

	p[0] = 0xc3;
	CHECK_EQ(abi_call(p), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_ACCERR);
	CHECK(abi_fault.si_addr == p);
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	CHECK_EQ(abi_call(p), 0);
}

ABI_TEST(rwx_memory_runs_new_code)
{
	unsigned char *p = abi_map(PAGE, RW | PROT_EXEC, ANON);
	static const unsigned char code[] = { 0xb8, 1, 0, 0, 0, 0xc3 };

	memcpy(p, code, sizeof(code));
	for (int i = 1; i < 100; i++) {
		p[1] = i;
		CHECK_EQ(((int (*)(void))(uintptr_t)p)(), i);
	}
}

ABI_TEST(munmap_errors)
{
	char *p = abi_map(PAGE, RW, ANON);

	CHECK_ERR(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERR(munmap(p, 0), EINVAL);
	CHECK_ERR(munmap((void *)0x800000000000UL, PAGE), EINVAL);
	CHECK_ERR(munmap(p, 1UL << 63), EINVAL);
}

ABI_TEST(munmap_of_nothing)
{
	char *p = abi_map(4 * PAGE, RW, ANON);

	OK(munmap(p, 4 * PAGE));
	OK(munmap(p, 4 * PAGE));
}

ABI_TEST(munmap_middle_splits)
{
	char *p = abi_map(5 * PAGE, RW, ANON);

	memset(p, 3, 5 * PAGE);
	OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_EQ(abi_load(p + 2 * PAGE), SIGSEGV);
	CHECK_EQ(abi_fault.si_code, SEGV_MAPERR);
	CHECK_EQ(p[2 * PAGE - 1], 3);
	CHECK_EQ(p[3 * PAGE], 3);
	p[2 * PAGE - 1] = 4;
	p[3 * PAGE] = 4;
}

ABI_TEST(munmap_over_several)
{
	char *p = abi_map(6 * PAGE, PROT_NONE, ANON);

	OK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	OK(munmap(p + 2 * PAGE, PAGE));
	OK(mmap(p + 3 * PAGE, PAGE, PROT_READ, SHARED | MAP_FIXED, -1, 0));
	OK(munmap(p, 6 * PAGE));
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(abi_load(p + i * PAGE), SIGSEGV);
		CHECK_EQ(abi_fault.si_code, SEGV_MAPERR);
	}
}

ABI_TEST(growsdown_grows)
{
	/* A hole of a few MiB below, larger than the guard gap. */
	size_t hole = 8UL << 20;
	char *p = abi_map(hole + PAGE, PROT_NONE, ANON | MAP_NORESERVE);
	char *q;

	OK(munmap(p, hole + PAGE));
	q = mmap(p + hole, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
	CHECK(q == p + hole);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(abi_store(q - i * PAGE - 8, 1), 0);
}

ABI_TEST(stack_grows_by_touch)
{
	volatile char big[512 << 10];

	for (int i = (int)sizeof(big) - 1; i >= 0; i -= PAGE)
		big[i] = 1;
	CHECK_EQ(big[sizeof(big) - 1], 1);
}

ABI_TEST(private_of_dev_zero)
{
	int fd = OK(open("/dev/zero", O_RDWR));
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);

	OK((long)p);
	CHECK_EQ(p[PAGE], 0);
	p[PAGE] = 1;
	CHECK_EQ(p[PAGE], 1);
}

ABI_TEST(populate)
{
	char *p = abi_map(8 * PAGE, RW, ANON | MAP_POPULATE);
	unsigned char vec[8];

	OK(syscall(SYS_mincore, p, 8 * PAGE, vec));
	for (int i = 0; i < 8; i++)
		CHECK_EQ(vec[i] & 1, 1);
}

ABI_TEST(rlimit_as)
{
	struct rlimit rl = { 1UL << 30, 1UL << 30 };
	pid_t pid = FORK();

	if (!pid) {
		OK(setrlimit(RLIMIT_AS, &rl));
		CHECK_ERR(mmap(NULL, 2UL << 30, PROT_NONE, ANON, -1, 0), ENOMEM);
		OK(mmap(NULL, 1UL << 20, PROT_NONE, ANON, -1, 0));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(many_mappings)
{
	char *p = abi_map(2000 * PAGE, PROT_NONE, ANON | MAP_NORESERVE);

	for (int i = 0; i < 2000; i += 2)
		OK(mprotect(p + i * PAGE, PAGE, RW));
	for (int i = 0; i < 2000; i += 2)
		p[i * PAGE] = i;
	for (int i = 0; i < 2000; i += 2)
		CHECK_EQ(p[i * PAGE], (char)i);
	OK(mprotect(p, 2000 * PAGE, RW));
	CHECK_EQ(p[1999 * PAGE], 0);
	OK(munmap(p, 2000 * PAGE));
}

ABI_TEST(unknown_flags_are_ignored_without_validate)
{
	/* MAP_SHARED_VALIDATE is 3 and refuses what MAP_SHARED ignores. */
	int fd = abi_write_file("f", "abc", 3);

	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | 0x400000, fd, 0));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, 3 | 0x400000, fd, 0), EOPNOTSUPP);
	OK(mmap(NULL, PAGE, PROT_READ, 3, fd, 0));
}
