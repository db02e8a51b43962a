/* SPDX-License-Identifier: MIT */
/*
 * The host kernel as the freestanding half of the hosted HAL sees it: raw
 * system calls, and the few numbers and structs that they need. x86-64 only.
 * Everything returns 0 or more, or a negative errno.
 */
#ifndef HYLA_HAL_HOSTED_LINUX_H
#define HYLA_HAL_HOSTED_LINUX_H

#include "lib/types.h"

enum {
	NR_close = 3, NR_mmap = 9, NR_mprotect = 10, NR_munmap = 11, NR_rt_sigaction = 13,
	NR_rt_sigprocmask = 14, NR_rt_sigreturn = 15, NR_sched_yield = 24, NR_madvise = 28,
	NR_getpid = 39,
	NR_clone = 56, NR_exit = 60, NR_wait4 = 61, NR_kill = 62, NR_ptrace = 101,
	NR_sigaltstack = 131, NR_prctl = 157, NR_futex = 202, NR_timer_create = 222,
	NR_timer_settime = 223, NR_clock_gettime = 228, NR_exit_group = 231,
	NR_tgkill = 234, NR_seccomp = 317, NR_getrandom = 318, NR_arch_prctl = 158,
	NR_getppid = 110, NR_sched_setaffinity = 203, NR_restart_syscall = 219,
	NR_pidfd_send_signal = 424, NR_pkey_mprotect = 329, NR_pkey_alloc = 330,
};

enum {
	HOST_EPERM = 1, HOST_ESRCH = 3, HOST_EINTR = 4, HOST_EIO = 5, HOST_EAGAIN = 11,
	HOST_ENOMEM = 12, HOST_EBUSY = 16, HOST_ETIMEDOUT = 110,
};

enum {
	HOST_SIGILL = 4, HOST_SIGTRAP = 5, HOST_SIGBUS = 7, HOST_SIGFPE = 8, HOST_SIGKILL = 9,
	HOST_SIGUSR1 = 10, HOST_SIGSEGV = 11, HOST_SIGCHLD = 17, HOST_SIGSTOP = 19,
	HOST_SIGSYS = 31,
};

#define HOST_SI_KERNEL 0x80
#define HOST_SI_TIMER (-2)
#define HOST_SYS_SECCOMP 1

enum { HOST_SEGV_MAPERR = 1, HOST_SEGV_ACCERR = 2, HOST_SEGV_PKUERR = 4 };

enum { HOST_PROT_READ = 1, HOST_PROT_WRITE = 2, HOST_PROT_EXEC = 4 };
enum {
	HOST_MAP_SHARED = 1, HOST_MAP_PRIVATE = 2, HOST_MAP_FIXED = 0x10,
	HOST_MAP_ANONYMOUS = 0x20, HOST_MAP_NORESERVE = 0x4000, HOST_MAP_POPULATE = 0x8000,
};
#define HOST_MADV_REMOVE 9
#define HOST_MADV_POPULATE_WRITE 23

enum {
	PTRACE_TRACEME = 0, PTRACE_CONT = 7, PTRACE_GETREGS = 12, PTRACE_SETREGS = 13,
	PTRACE_GETFPREGS = 14, PTRACE_SETFPREGS = 15, PTRACE_ATTACH = 16, PTRACE_SYSEMU = 31,
	PTRACE_SETOPTIONS = 0x4200, PTRACE_GETEVENTMSG = 0x4201, PTRACE_GETSIGINFO = 0x4202,
	PTRACE_GETREGSET = 0x4204, PTRACE_SETREGSET = 0x4205, PTRACE_SEIZE = 0x4206,
};
#define PTRACE_O_TRACESYSGOOD 1
#define PTRACE_O_TRACEFORK 2
#define PTRACE_O_TRACECLONE 8
#define PTRACE_O_EXITKILL 0x100000
#define PTRACE_EVENT_FORK 1
#define PTRACE_EVENT_CLONE 3
#define HOST_NT_X86_XSTATE 0x202
#define HOST_WALL 0x40000000

#define HOST_WNOHANG 1
#define HOST_CPU_SET 1024

#define HOST_CLONE_FS 0x200
#define HOST_CLONE_FILES 0x400
#define HOST_CLONE_PIDFD 0x1000
#define HOST_CLONE_PARENT 0x8000

#define HOST_FUTEX_WAIT 0
#define HOST_FUTEX_WAKE 1

#define HOST_CLOCK_MONOTONIC 1

#define HOST_PR_SET_PDEATHSIG 1
#define HOST_PR_SET_NAME 15
#define HOST_PR_SET_NO_NEW_PRIVS 38

#define HOST_SA_SIGINFO 4
#define HOST_SA_NOCLDSTOP 1
#define HOST_SA_RESTORER 0x04000000
#define HOST_SA_ONSTACK 0x08000000
#define HOST_SA_NODEFER 0x40000000

struct host_timespec {
	s64 sec, nsec;
};

struct host_itimerspec {
	struct host_timespec interval, value;
};

struct host_sigevent {
	u64 value;
	s32 signo;
	s32 notify;	/* 4: SIGEV_THREAD_ID */
	s32 tid;
	s32 pad[11];
};

struct host_sigaction {
	void *handler;
	u64 flags;
	void *restorer;
	u64 mask;
};

struct host_stack {
	void *sp;
	s32 flags;
	u64 size;
};

struct host_siginfo {
	s32 signo, error, code, pad;
	union {
		u64 addr;		/* SEGV, BUS, ILL, FPE */
		struct {
			u64 call_addr;
			s32 syscall;
			u32 arch;
		} sys;
		u8 bytes[112];
	};
};

/* A signal frame's ucontext, up to what we use. */
struct host_ucontext {
	u64 flags;
	void *link;
	struct host_stack stack;
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	u64 rflags, segments, error, trapno, oldmask, cr2;
	void *fpstate;
};

/* struct user_regs_struct; up to gs_base it is struct trapframe. */
struct host_regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	u64 rax, rcx, rdx, rsi, rdi;
	u64 orig_rax;
	u64 rip, cs, rflags, rsp, ss;
	u64 fsbase, gsbase;
	u64 ds, es, fs, gs;
};

struct host_iovec {
	void *base;
	u64 size;
};

struct host_bpf {
	u16 code;
	u8 jt, jf;
	u32 k;
};

struct host_bpf_program {
	u16 count;
	struct host_bpf *code;
};

#define BPF_LOAD(field) { 0x20, 0, 0, field }
#define BPF_JUMP_EQ(value, yes, no) { 0x15, yes, no, value }
#define BPF_JUMP_GE(value, yes, no) { 0x35, yes, no, value }
#define BPF_JUMP_GT(value, yes, no) { 0x25, yes, no, value }
#define BPF_JUMP_GE_X(yes, no) { 0x3d, yes, no, 0 }
#define BPF_SKIP(count) { 0x05, 0, 0, count }
#define BPF_SET(value) { 0x00, 0, 0, value }
#define BPF_CLEAR { 0x54, 0, 0, 0 }	/* A &= 0 */
#define BPF_ADD_X { 0x0c, 0, 0, 0 }
#define BPF_A_TO_X { 0x07, 0, 0, 0 }
#define BPF_RETURN(value) { 0x06, 0, 0, value }
#define SECCOMP_ALLOW 0x7fff0000u
#define SECCOMP_TRAP 0x00030000u
#define SECCOMP_KILL 0x80000000u
#define HOST_AUDIT_ARCH_X86_64 0xc000003eu
/* Offsets in struct seccomp_data, whose numbers are split in halves. */
enum { BPF_NR = 0, BPF_ARCH = 4, BPF_IP_LOW = 8, BPF_IP_HIGH = 12, BPF_ARG0_LOW = 16 };
#define BPF_ARG_LOW(i) (16 + 8 * (i))
#define BPF_ARG_HIGH(i) (20 + 8 * (i))

/*
 * What the inproc engine's filter wants to see in the sixth argument of a call that
 * has fewer, and in the upper half of mmap's descriptor, which the host ignores
 * (in_filter.c). 0 until there is a filter.
 */
extern u32 host_cookie __attribute__((visibility("hidden")));

/* Without the cookie. */
static inline s64 host_call6(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	s64 ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline s64 host_call4(s64 nr, u64 a, u64 b, u64 c, u64 d)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r9 __asm__("r9") = host_cookie;
	s64 ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline s64 host_call3(s64 nr, u64 a, u64 b, u64 c)
{
	register u64 r9 __asm__("r9") = host_cookie;
	s64 ret;

	__asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline s64 host_ptrace(s64 request, s32 pid, u64 addr, const void *data)
{
	return host_call4(NR_ptrace, request, pid, addr, (u64)data);
}

static inline s64 host_wait(s32 pid, s32 *status)
{
	return host_call4(NR_wait4, pid, (u64)status, HOST_WALL, 0);
}

static inline s64 host_futex_wake(u32 *word, u32 count)
{
	return host_call3(NR_futex, (u64)word, HOST_FUTEX_WAKE, count);
}

static inline s64 host_futex_wait(u32 *word, u32 value, const struct host_timespec *relative)
{
	return host_call4(NR_futex, (u64)word, HOST_FUTEX_WAIT, value, (u64)relative);
}

static inline s64 host_munmap(u64 addr, u64 size)
{
	return host_call3(NR_munmap, addr, size, 0);
}

static inline s64 host_mmap(u64 addr, u64 size, u64 prot, u64 flags, s64 fd, u64 offset)
{
	return host_call6(NR_mmap, addr, size, prot, flags, (u32)fd | (u64)host_cookie << 32,
			  offset);
}

/* Irrevocable, for this process and all that it starts. */
static inline s64 host_seccomp(struct host_bpf *code, u16 count)
{
	struct host_bpf_program program = { count, code };

	host_call6(NR_prctl, HOST_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	return host_call3(NR_seccomp, 1 /* SET_MODE_FILTER */, 0, (u64)&program);
}

static inline void host_exit(s32 code)
{
	for (;;)
		host_call3(NR_exit_group, code, 0, 0);
}

#endif
