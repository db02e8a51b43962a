/* SPDX-License-Identifier: MIT */
/*
 * Harness of the ABI tests.
 *
 * A test file defines ABI_FAMILY, includes this header and holds any number of
 *
 *	ABI_TEST(name)
 *	{
 *		int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
 *
 *		CHECK_ERR(mkdir("f", 0700), EEXIST);
 *	}
 *
 * Each case runs in a process of its own, in an empty temporary directory. The
 * first failed check prints file, line and values and ends the process with 1,
 * so there is no clean-up code. A forked child that fails ends with 1 as well,
 * and the parent sees it because it expects another status.
 *
 * Nothing here sleeps to synchronise: use abi_sync, pipes, wait or futex.
 */
#ifndef ABI_H
#define ABI_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A case that takes longer is killed. */
#define CASE_SECONDS 60

struct abi_case {
	const char *family;
	const char *name;
	void (*run)(void);
	struct abi_case *next;
};

/* A program inside the program: `abi-tests --helper NAME ARGS...`. */
struct abi_helper {
	const char *name;
	int (*main)(int argc, char **argv);
	struct abi_helper *next;
};

void abi_register(struct abi_case *c);
void abi_register_helper(struct abi_helper *h);

#define ABI_TEST(id)							\
	static void abi_run_##id(void);					\
	static struct abi_case abi_case_##id = {			\
		.family = ABI_FAMILY,					\
		.name = #id,						\
		.run = abi_run_##id,					\
	};								\
	__attribute__((constructor)) static void abi_reg_##id(void)	\
	{								\
		abi_register(&abi_case_##id);				\
	}								\
	static void abi_run_##id(void)

/* Defines int main(argc, argv); argv[0] is the helper's name. */
#define ABI_HELPER(id)							\
	static int abi_help_##id(int argc, char **argv);		\
	static struct abi_helper abi_helper_##id = {			\
		.name = #id,						\
		.main = abi_help_##id,					\
	};								\
	__attribute__((constructor)) static void abi_hreg_##id(void)	\
	{								\
		abi_register_helper(&abi_helper_##id);			\
	}								\
	static int abi_help_##id(int argc __attribute__((unused)),	\
				 char **argv __attribute__((unused)))

_Noreturn void abi_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void abi_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
long abi_ok(long r, const char *file, int line, const char *text);
void abi_err(long r, int err, const char *file, int line, const char *text);
void abi_eq(long long a, long long b, const char *file, int line,
	    const char *text);
void abi_str_eq(const char *a, const char *b, const char *file, int line);

#define FAIL(...) abi_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) abi_skip(__VA_ARGS__)
#define CHECK(c) ((c) ? (void)0 : FAIL("CHECK(%s), errno %d", #c, errno))
/* The call must not return -1; its value is the value of the macro. */
#define OK(e) abi_ok((long)(e), __FILE__, __LINE__, #e)
/* The call must return -1 with this errno. */
#define CHECK_ERR(e, err) abi_err((long)(e), err, __FILE__, __LINE__, #e)
#define CHECK_EQ(a, b) \
	abi_eq((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_STR(a, b) abi_str_eq(a, b, __FILE__, __LINE__)

/* Processes. A forked child gets an alarm, so that it cannot outlive the suite. */
pid_t abi_fork_at(const char *file, int line);
int abi_status_at(pid_t pid, const char *file, int line);
void abi_exit_at(pid_t pid, int code, const char *file, int line);
void abi_killed_at(pid_t pid, int sig, const char *file, int line);

#define FORK() abi_fork_at(__FILE__, __LINE__)
#define STATUS(pid) abi_status_at(pid, __FILE__, __LINE__)
#define CHECK_EXIT(pid, code) abi_exit_at(pid, code, __FILE__, __LINE__)
#define CHECK_KILLED(pid, sig) abi_killed_at(pid, sig, __FILE__, __LINE__)

/* Runs fn in a child that is not root, and expects it to return. */
void abi_unprivileged_at(void (*fn)(void), const char *file, int line);
#define UNPRIVILEGED(fn) abi_unprivileged_at(fn, __FILE__, __LINE__)
/* Become uid and gid 65534 for good, when root. */
void abi_drop(void);
/* Skips the case unless the effective uid is 0. */
void abi_need_root(void);

/* One byte per event through a pipe; works across fork. */
struct abi_sync {
	int fd[2];
};

void abi_sync_init(struct abi_sync *s);
void abi_post(struct abi_sync *s);
void abi_await(struct abi_sync *s);

/* Until /proc says that the task sleeps interruptibly, or is in that state. */
void abi_wait_state(pid_t pid, char state);
#define abi_wait_blocked(pid) abi_wait_state(pid, 'S')

/*
 * Touch one byte: 0, or the signal that it raised, with its details in
 * abi_fault. abi_exec_byte calls the address as a function.
 */
extern siginfo_t abi_fault;
int abi_load(const volatile void *p);
int abi_store(volatile void *p, char value);
int abi_call(const volatile void *p);

/* sigaction with a plain handler or a siginfo one. */
void abi_handle(int sig, void (*fn)(int), int flags);
void abi_handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags);
/*
 * Ticks: SIGALRM every few milliseconds until abi_tick_stop, counted in
 * abi_ticks. However late the process reaches the call under test, some tick
 * will find it blocked.
 */
extern volatile sig_atomic_t abi_ticks;
void abi_tick_start(int sa_flags);
void abi_tick_stop(void);

/* Files. */
int abi_write_file(const char *path, const void *data, size_t size);
long abi_read_file(const char *path, char *buf, size_t size);
int abi_temp_fd(void);
/* Absolute path of this program. */
const char *abi_self(void);
/* Runs `abi-tests --helper NAME ARGS...` in place of the caller. */
_Noreturn void abi_exec_helper(const char *name, const char *a, const char *b);

static inline void *abi_map(size_t size, int prot, int flags)
{
	void *p = mmap(NULL, size, prot, flags, -1, 0);

	OK((long)p);
	return p;
}

static inline long long abi_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOBODY 65534

/* An address that is never mapped, one in the hole, one in the kernel half. */
#define BAD_UNMAPPED ((void *)0x10)
#define BAD_HOLE ((void *)0x8000000000000000UL)
#define BAD_KERNEL ((void *)0xffffffff81000000UL)

/* The kernel's struct sigaction and sigset for raw calls. */
#define KSIGSET_SIZE 8

struct ksigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

#endif
