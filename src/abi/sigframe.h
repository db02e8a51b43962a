/* SPDX-License-Identifier: MIT */
/* The x86-64 signal frame (Linux asm/sigcontext.h, asm/ucontext.h; psABI). */
#ifndef HYLA_ABI_SIGFRAME_H
#define HYLA_ABI_SIGFRAME_H

#include "abi/signal.h"

struct sigcontext64 {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate;
	u64 reserved[8];
};
_Static_assert(sizeof(struct sigcontext64) == 256, "struct sigcontext");

#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4

struct ucontext64 {
	u64 flags, link;
	struct stack_t stack;
	struct sigcontext64 mcontext;
	u64 sigmask;
};
_Static_assert(sizeof(struct ucontext64) == 304, "struct ucontext");

struct rt_sigframe {
	uaddr_t restorer;
	struct ucontext64 uc;
	struct siginfo info;
};
_Static_assert(sizeof(struct rt_sigframe) == 440, "struct rt_sigframe");

/* In the software-reserved bytes of the FXSAVE image. */
#define FP_SW_OFFSET 464
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
struct fp_sw_bytes {
	u32 magic1, extended_size;
	u64 xfeatures;
	u32 xstate_size;
	u32 padding[7];
};
_Static_assert(sizeof(struct fp_sw_bytes) == 48, "struct _fpx_sw_bytes");
#define FXSAVE_SIZE 512
#define XSAVE_HEADER_OFFSET 512
#define XSAVE_MIN_SIZE 576

#endif
