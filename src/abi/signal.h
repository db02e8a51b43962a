/* SPDX-License-Identifier: MIT */
/* Signals: numbers, siginfo, sigaction, sigaltstack (signal(7), sigaction(2)). */
#ifndef HYLA_ABI_SIGNAL_H
#define HYLA_ABI_SIGNAL_H

#include "lib/types.h"

#define NSIG 64
enum {
	SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL,
	SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT,
	SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF,
	SIGWINCH, SIGIO, SIGPWR, SIGSYS, SIGRTMIN = 32, SIGRTMAX = 64,
};
#define sigmask(nr) (1ul << ((nr) - 1))

#define SA_NOCLDSTOP 1u
#define SA_NOCLDWAIT 2u
#define SA_SIGINFO 4u
#define SA_RESTORER 0x04000000u
#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u
#define SIG_DFL 0
#define SIG_IGN 1

struct ksigaction {	/* rt_sigaction(2), kernel layout */
	uaddr_t handler;
	u64 flags;
	uaddr_t restorer;
	u64 mask;
};
_Static_assert(sizeof(struct ksigaction) == 32, "struct kernel_sigaction");

#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

struct stack_t { uaddr_t sp; s32 flags; u32 pad; u64 size; };
_Static_assert(sizeof(struct stack_t) == 24, "stack_t");
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define SS_AUTODISARM 0x80000000u
#define MINSIGSTKSZ 2048

struct siginfo {
	s32 signo, err, code, pad0;
	union {
		struct { s32 pid; u32 uid; u64 value; } rt;	/* kill, sigqueue */
		struct { s32 tid; s32 overrun; u64 value; } timer;
		struct { s32 pid; u32 uid; s32 status; s32 pad; s64 utime, stime; } chld;
		struct { u64 addr; s16 addr_lsb; s16 pad[3]; u64 lower, upper; } fault;
		struct { s64 band; s32 fd; s32 pad; } poll;
		struct { u64 call_addr; s32 syscall; u32 arch; } sys;
		u8 raw[112];
	};
};
_Static_assert(sizeof(struct siginfo) == 128, "siginfo_t");

#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_QUEUE (-1)
#define SI_TIMER (-2)
#define SI_MESGQ (-3)
#define SI_ASYNCIO (-4)
#define SI_SIGIO (-5)
#define SI_TKILL (-6)
#define ILL_ILLOPN 2
#define FPE_INTDIV 1
#define FPE_INTOVF 2
#define FPE_FLTDIV 3
#define FPE_FLTOVF 4
#define FPE_FLTUND 5
#define FPE_FLTRES 6
#define FPE_FLTINV 7
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define SEGV_BNDERR 3
#define BUS_ADRALN 1
#define BUS_ADRERR 2
#define TRAP_BRKPT 1
#define TRAP_TRACE 2
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3
#define CLD_TRAPPED 4
#define CLD_STOPPED 5
#define CLD_CONTINUED 6
#define POLL_IN 1
#define POLL_OUT 2
#define POLL_MSG 3

#define SIGEV_SIGNAL 0
#define SIGEV_NONE 1
#define SIGEV_THREAD 2
#define SIGEV_THREAD_ID 4
struct sigevent64 { u64 value; s32 signo; s32 notify; s32 tid; u32 pad[11]; };
_Static_assert(sizeof(struct sigevent64) == 64, "struct sigevent");

#endif
