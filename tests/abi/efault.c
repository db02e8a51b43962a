/* SPDX-License-Identifier: MIT */
/*
 * Arguments that make no sense: bad pointers, bad descriptors, bad flags and
 * unknown system calls, over many calls by tables.
 */
#define ABI_FAMILY "bad"
#include "abi.h"

#include <sched.h>
#include <sys/uio.h>

/* P stands for the bad pointer, the rest is passed on. */
#define P (-0x5a5aL)

static int file_fd, pipe_rd, pipe_wr, null_fd;

struct call {
	const char *name;
	long nr;
	long a[6];
	int err;
};

static void prepare(void)
{
	int p[2];

	file_fd = OK(dup2(abi_write_file("f", "hello world", 11), 60));
	OK(pipe(p));
	pipe_rd = OK(dup2(p[0], 61));
	pipe_wr = OK(dup2(p[1], 62));
	null_fd = OK(dup2(OK(open("/dev/zero", O_RDWR)), 63));
	CHECK_EQ(write(pipe_wr, "data", 4), 4);
	OK(mkdir("d", 0755));
	OK(dup2(OK(open("d", O_RDONLY)), 64));
	OK(symlink("f", "l"));
}

static void run(const struct call *calls, size_t n, long bad)
{
	for (size_t i = 0; i < n; i++) {
		const struct call *c = &calls[i];
		long a[6], r;

		for (int k = 0; k < 6; k++)
			a[k] = c->a[k] == P ? bad : c->a[k];
		errno = 0;
		r = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (r != -1 || errno != c->err)
			FAIL("%s with %lx: returned %ld, errno %d, expected %d",
			     c->name, (unsigned long)bad, r, errno, c->err);
	}
}

#define CALL(name, ...) { #name, SYS_##name, { __VA_ARGS__ }, EFAULT }

static const struct call pointers[] = {
	CALL(read, 60, P, 5),
	CALL(read, 61, P, 2),
	CALL(read, 63, P, 100),
	CALL(pread64, 60, P, 5, 0),
	CALL(write, 60, P, 5),
	CALL(write, 62, P, 5),
	CALL(pwrite64, 60, P, 5, 0),
	CALL(readv, 60, P, 1),
	CALL(writev, 60, P, 1),
	CALL(open, P, 0, 0),
	CALL(openat, -100, P, 0, 0),
	CALL(creat, P, 0600),
	CALL(stat, P, P),
	CALL(lstat, P, P),
	CALL(fstat, 60, P),
	CALL(newfstatat, -100, P, P, 0),
	CALL(access, P, 0),
	CALL(chdir, P),
	CALL(mkdir, P, 0700),
	CALL(rmdir, P),
	CALL(unlink, P),
	CALL(unlinkat, -100, P, 0),
	CALL(symlink, P, P),
	CALL(link, P, P),
	CALL(rename, P, P),
	CALL(readlink, P, P, 10),
	CALL(chmod, P, 0600),
	CALL(chown, P, -1, -1),
	CALL(truncate, P, 0),
	CALL(mknod, P, 0600, 0),
	CALL(utimensat, -100, P, 0, 0),
	CALL(statfs, P, P),
	CALL(fstatfs, 60, P),
	CALL(getdents64, 64, P, 1024),
	CALL(getcwd, P, 4096),
	CALL(pipe, P),
	CALL(pipe2, P, 0),
	CALL(gettimeofday, P, 0),
	CALL(clock_gettime, 1, P),
	CALL(clock_getres, 1, P),
	CALL(nanosleep, P, 0),
	CALL(clock_nanosleep, 1, 0, P, 0),
	CALL(times, P),
	CALL(uname, P),
	CALL(sysinfo, P),
	CALL(getrlimit, 7, P),
	CALL(setrlimit, 7, P),
	CALL(prlimit64, 0, 7, 0, P),
	CALL(getrusage, 0, P),
	CALL(rt_sigaction, 10, P, 0, 8),
	CALL(rt_sigaction, 10, 0, P, 8),
	CALL(rt_sigprocmask, 0, P, 0, 8),
	CALL(rt_sigprocmask, 0, 0, P, 8),
	CALL(rt_sigpending, P, 8),
	CALL(rt_sigsuspend, P, 8),
	CALL(rt_sigtimedwait, P, 0, 0, 8),
	CALL(sigaltstack, P, 0),
	CALL(getitimer, 0, P),
	CALL(setitimer, 0, P, 0),
	CALL(futex, P, 0, 0, 0, 0, 0),
	CALL(select, 1, P, 0, 0, 0),
	CALL(poll, P, 1, 0),
	CALL(getresuid, P, P, P),
	CALL(getresgid, P, P, P),
	CALL(sched_getparam, 0, P),
	CALL(sched_getaffinity, 0, 128, P),
	CALL(getrandom, P, 16, 0),
	CALL(execve, P, 0, 0),
	CALL(memfd_create, P, 0),
	CALL(splice, 61, 0, 60, P, 4, 0),
	CALL(sendfile, 62, 60, P, 4),
	CALL(fcntl, 60, 5, P),
};

static void each_pointer(long bad)
{
	prepare();
	run(pointers, COUNT(pointers), bad);
}

ABI_TEST(unmapped_pointers)
{
	each_pointer((long)BAD_UNMAPPED);
}

ABI_TEST(kernel_pointers)
{
	each_pointer((long)BAD_KERNEL);
}

ABI_TEST(non_canonical_pointers)
{
	each_pointer((long)BAD_HOLE);
}

ABI_TEST(last_page_pointers)
{
	each_pointer(0x7ffffffff000);
}

ABI_TEST(prot_none_pointers)
{
	each_pointer((long)abi_map(4 * PAGE, PROT_NONE, ANON));
}

ABI_TEST(unmapped_hole_pointers)
{
	char *p = abi_map(4 * PAGE, RW, ANON);

	OK(munmap(p, 4 * PAGE));
	each_pointer((long)p);
}

ABI_TEST(read_only_results)
{
	static const struct call calls[] = {
		CALL(read, 60, P, 5),
		CALL(fstat, 60, P),
		CALL(pipe, P),
		CALL(uname, P),
		CALL(clock_gettime, 1, P),
		CALL(getrandom, P, 16, 0),
		CALL(getcwd, P, 4096),
		CALL(getdents64, 64, P, 1024),
		CALL(readlink, (long)"l", P, 1),
		CALL(getresuid, P, P, P),
	};

	prepare();
	run(calls, COUNT(calls), (long)abi_map(PAGE, PROT_READ, ANON));
}

#undef CALL
#define CALL(name, ...) { #name, SYS_##name, { __VA_ARGS__ }, EBADF }

ABI_TEST(descriptors)
{
	static const struct call calls[] = {
		CALL(read, P, 0, 0),
		CALL(write, P, 0, 0),
		CALL(close, P),
		CALL(fstat, P, 0),
		CALL(lseek, P, 0, 0),
		CALL(ioctl, P, 0, 0),
		CALL(pread64, P, 0, 0, 0),
		CALL(pwrite64, P, 0, 0, 0),
		CALL(readv, P, 0, 0),
		CALL(writev, P, 0, 0),
		CALL(dup, P),
		CALL(dup2, P, 5),
		CALL(dup3, P, 5, 0),
		CALL(fcntl, P, 1, 0),
		CALL(flock, P, 2),
		CALL(fsync, P),
		CALL(fdatasync, P),
		CALL(ftruncate, P, 0),
		CALL(getdents64, P, 0, 0),
		CALL(fchdir, P),
		CALL(fchmod, P, 0),
		CALL(fchown, P, -1, -1),
		CALL(fstatfs, P, 0),
		CALL(fallocate, P, 0, 0, 1),
		CALL(fadvise64, P, 0, 0, 0),
		CALL(epoll_ctl, P, 2, 0, 0),
		CALL(inotify_rm_watch, P, 1),
		CALL(syncfs, P),
		CALL(openat, P, (long)"f", 0, 0),
		CALL(mkdirat, P, (long)"x", 0700),
		CALL(unlinkat, P, (long)"x", 0),
		CALL(sendfile, P, 60, 0, 1),
		CALL(sendfile, 62, P, 0, 1),
		CALL(splice, P, 0, 62, 0, 1, 0),
		CALL(tee, P, 62, 1, 0),
		CALL(vmsplice, P, 0, 0, 0),
		CALL(copy_file_range, P, 0, 60, 0, 1, 0),
		CALL(mmap, 0, 4096, 1, 2, P, 0),
		CALL(flistxattr, P, 0, 0),
		CALL(getsockname, P, 0, 0),
		CALL(listen, P, 1),
		CALL(connect, P, 0, 0),
	};

	prepare();
	run(calls, COUNT(calls), -1);
	run(calls, COUNT(calls), 50);
	run(calls, COUNT(calls), 0x7fffffff);
	run(calls, COUNT(calls), INT_MIN);
}

#undef CALL
#define CALL(name, ...) { #name, SYS_##name, { __VA_ARGS__ }, EINVAL }

ABI_TEST(flags_and_values)
{
	static const struct call calls[] = {
		CALL(pipe2, 0, 0x1),
		CALL(dup3, 60, 70, 0x1),
		CALL(eventfd2, 0, 0x2),
		CALL(epoll_create1, 0x1),
		CALL(inotify_init1, 0x1),
		CALL(timerfd_create, 1, 0x1),
		CALL(signalfd4, -1, 0, 3, 0),
		CALL(memfd_create, (long)"x", 0x40),
		CALL(getrandom, 0, 0, 0x80),
		CALL(unlinkat, -100, (long)"f", 0x1),
		CALL(linkat, -100, (long)"f", -100, (long)"g", 0x1),
		CALL(renameat2, -100, (long)"f", -100, (long)"g", 0x80),
		CALL(newfstatat, -100, (long)"f", 0, 0x1),
		CALL(utimensat, -100, (long)"f", 0, 0x1),
		CALL(fchownat, -100, (long)"f", -1, -1, 0x1),
		CALL(mremap, 0, 4096, 4096, 0x80),
		CALL(msync, 0, 4096, 0x80),
		CALL(mprotect, 0, 4096, 0x80),
		CALL(madvise, 0, 4096, 9999),
		CALL(mlockall, 0x80),
		CALL(wait4, -1, 0, 0x80, 0),
		CALL(lseek, 60, 0, 77),
		CALL(kill, 0, 99),
		CALL(sync_file_range, 60, 0, 0, 0x80),
		CALL(splice, 61, 0, 60, 0, 1, 0x80),
		CALL(copy_file_range, 60, 0, 60, 0, 1, 0x80),
		CALL(flock, 60, 0),
		CALL(getpriority, 77, 0),
		CALL(setns, 60, 0),
		CALL(unshare, 0x1),
		CALL(rt_sigaction, 0, 0, 0, 8),
		CALL(ppoll, 0, 0, 0, 0x1000, 7),
		CALL(sched_setscheduler, 0, 77, 0),
		CALL(clock_getres, 77, 0),
		CALL(setitimer, 77, 0, 0),
		CALL(truncate, (long)"f", -1),
	};

	prepare();
	run(calls, COUNT(calls), 0);
}

ABI_TEST(unknown_system_calls)
{
	static const long numbers[] = {
		1000, 600, 4095, 100000, 0x7fffffff, -1, -1000, INT_MIN,
		174 /* create_module */, 177, 178, 180, 181, 182, 183, 184, 185,
		214, 215, 236, 156 /* _sysctl */,
	};

	for (size_t i = 0; i < COUNT(numbers); i++)
		CHECK_ERR(syscall(numbers[i], 0, 0, 0, 0, 0, 0), ENOSYS);
}

ABI_TEST(buffer_half_mapped)
{
	char *p = abi_map(2 * PAGE, RW, ANON);

	prepare();
	OK(munmap(p + PAGE, PAGE));
	/* A copy stops where the memory stops. */
	CHECK_EQ(pread(file_fd, p + PAGE - 5, 11, 0), 5);
	CHECK(!memcmp(p + PAGE - 5, "hello", 5));
	CHECK_ERR(read(file_fd, p + PAGE, 5), EFAULT);
	CHECK_EQ(lseek(file_fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pwrite(file_fd, p + PAGE - 3, 100, 20), 3);
	CHECK_ERR(syscall(SYS_uname, p + PAGE - 100), EFAULT);
}

ABI_TEST(path_crosses_into_hole)
{
	char *p = abi_map(2 * PAGE, RW, ANON);

	OK(munmap(p + PAGE, PAGE));
	p[PAGE - 2] = '.';
	p[PAGE - 1] = 0;
	OK(access(p + PAGE - 2, F_OK));
	p[PAGE - 1] = '/';
	CHECK_ERR(syscall(SYS_access, p + PAGE - 2, F_OK), EFAULT);
}

ABI_TEST(iovec_with_one_bad_entry)
{
	struct iovec v[3] = { { "abc", 3 }, { BAD_UNMAPPED, 5 }, { "def", 3 } };

	prepare();
	CHECK_EQ(writev(file_fd, v, 3), 3);
	v[0].iov_base = BAD_KERNEL;
	CHECK_ERR(writev(file_fd, v, 3), EFAULT);
	v[0].iov_base = BAD_UNMAPPED;
	CHECK_ERR(writev(file_fd, v, 3), EFAULT);
}

ABI_TEST(bad_result_leaves_no_descriptor)
{
	int before = OK(dup(0)), after;

	close(before);
	for (int i = 0; i < 50; i++) {
		CHECK_ERR(syscall(SYS_pipe, BAD_KERNEL), EFAULT);
		CHECK_ERR(syscall(SYS_pipe2, BAD_UNMAPPED, 0), EFAULT);
	}
	after = OK(dup(0));
	CHECK_EQ(before, after);
}

ABI_TEST(jump_into_bad_addresses)
{
	CHECK_EQ(abi_call(BAD_UNMAPPED), SIGSEGV);
	CHECK_EQ(abi_call(BAD_KERNEL), SIGSEGV);
	CHECK_EQ(abi_call((void *)0x7ffffffff000), SIGSEGV);
}

ABI_TEST(bad_stack_pointer_system_call)
{
	long r;

	/* The kernel must not touch the user's stack on a system call. */
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov $0x10, %%rsp\n\t"
			 "syscall\n\t"
			 "mov %%rbx, %%rsp"
			 : "=a"(r) : "a"(SYS_getpid) : "rbx", "rcx", "r11", "memory");
	CHECK_EQ(r, getpid());
}

ABI_TEST(high_halves_of_int_arguments)
{
	int fd = abi_temp_fd();

	/* Only the low 32 bits of an int argument count. */
	CHECK_EQ(syscall(SYS_write, fd | 0x100000000L, "x", 1), 1);
	CHECK_EQ(syscall(SYS_lseek, fd | 0xffffffff00000000L, 0, SEEK_END), 1);
	OK(syscall(SYS_close, fd | 0x7700000000L));
	CHECK_EQ(syscall(SYS_umask, 0x100000022L), 022);
}

/* A buffer that the kernel has just used, and that changes under it: each time it must see
 * what is there now. */
ABI_TEST(buffer_changes_between_calls)
{
	long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd[2], other = OK(memfd_create("other", 0));
	pid_t pid;
	char c;

	CHECK(p != MAP_FAILED);
	OK(pipe(fd));
	CHECK_EQ(write(other, "o", 1), 1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(write(fd[1], "abcdefgh", 8), 8);
		CHECK_EQ(read(fd[0], p, 1), 1);
		CHECK_EQ(*p, 'a');
		pid = OK(fork());	/* now the page is shared, to be copied */
		if (pid == 0)
			_exit(read(fd[0], p, 1) == 1 && *p == 'b' ? 0 : 1);
		CHECK_EXIT(pid, 0);
		CHECK_EQ(*p, 'a');
		for (int k = 0; k < 3; k++)
			CHECK_EQ(read(fd[0], p, 1), 1);
		CHECK_EQ(*p, 'e');
		OK(mprotect(p, (size_t)page, PROT_READ));
		CHECK_ERR(read(fd[0], p, 1), EFAULT);
		OK(mprotect(p, (size_t)page, PROT_NONE));
		CHECK_ERR(write(fd[1], p, 1), EFAULT);
		OK(mprotect(p, (size_t)page, PROT_READ | PROT_WRITE));
		OK(madvise(p, (size_t)page, MADV_DONTNEED));
		CHECK_EQ(write(fd[1], p, 1), 1);
		CHECK_EQ(write(fd[1], p, 1), 1);
		CHECK(mmap(p, (size_t)page, PROT_READ, MAP_SHARED | MAP_FIXED, other, 0) == p);
		CHECK_EQ(write(fd[1], p, 1), 1);
		OK(munmap(p, (size_t)page));
		CHECK_ERR(write(fd[1], p, 1), EFAULT);
		CHECK(mmap(p, (size_t)page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
		while (read(fd[0], &c, 1) == 1 && c)
			;		/* up to the zeros of the dropped page */
		CHECK_EQ(read(fd[0], &c, 1), 1);
		CHECK_EQ(c, 0);
		CHECK_EQ(read(fd[0], &c, 1), 1);
		CHECK_EQ(c, 'o');
	}
}
