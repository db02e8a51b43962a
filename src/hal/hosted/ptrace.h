/* SPDX-License-Identifier: MIT */
/*
 * The ptrace engine's own header: stubs and what is known about them.
 *
 * A stub is a host process that stands for one guest address space. It has two
 * pages of ours (code, commands; HOSTED_STUB_BASE) and whatever part of the
 * guest's mappings has been filled in so far. All guest threads of the address
 * space take turns in its one thread. It is either stopped, while the kernel
 * runs, or it runs, while the kernel waits: there is one CPU.
 *
 * All this is private memory of the kernel process. struct hal_as.id is an
 * index into stub[]; 0 is no stub.
 */
#ifndef HYLA_HAL_HOSTED_PTRACE_H
#define HYLA_HAL_HOSTED_PTRACE_H

#include "hal/hosted/linux.h"
#include "hal/hosted/private.h"
#include "hal/hosted/tlb.h"

#define PT_STUBS 4096
#define PT_IDLE_MAX 16		/* stubs kept for the next address space */

struct pt_stub {
	s32 pid;			/* 0: no process */
	u32 used;			/* belongs to an address space */
	struct hal_thread *fp_owner;	/* whose vector registers it holds, or NULL */
	struct host_tlb tlb;
};

struct pt_state {
	s32 zygote;			/* clean stub that the others are cloned from */
	volatile s32 running;		/* pid that a kick must stop */
	u32 high;			/* stub[1..high] have been used */
	u32 nr_idle;
	u32 idle[PT_IDLE_MAX];
	struct hal_as *as;		/* activated */
	struct hal_thread *thread;	/* whose turn it is */
	struct host_regs regs;
	struct pt_stub stub[PT_STUBS];
};

#define pt() ((struct pt_state *)HOSTED_ENGINE_PRIVATE)
#define PT_POOL_START (HOSTED_ENGINE_PRIVATE + ((sizeof(struct pt_state) + 4095) & ~4095ul))
#define PT_POOL_END (HOSTED_PRIVATE_BASE + HOSTED_PRIVATE_SIZE)

static inline struct pt_stub *pt_stub_of(struct hal_as *as)
{
	return as->id ? &pt()->stub[as->id] : NULL;
}

/* pt_stub.c */
int pt_stub_init(void);
int pt_as_init(struct hal_as *as);
void pt_as_destroy(struct hal_as *as);
/* Waits for the stub's next stop: a wait status. */
s32 pt_wait(s32 pid);
/* Runs the queued commands; the stub is as it was but for its registers. */
void pt_stub_commit(struct pt_stub *s);
/* The process is gone: make another, empty one. False if the host refuses. */
bool pt_stub_revive(struct pt_stub *s);

/* pt_fp.c */
void pt_fp_load(struct pt_stub *s);
void pt_fp_forget(struct pt_stub *s);
void pt_thread_switch(struct hal_thread *prev, struct hal_thread *next);
void pt_fp_sync(struct hal_thread *ht);
void pt_fp_dirty(struct hal_thread *ht);
void pt_thread_exit(struct hal_thread *ht);
u32 pt_mxcsr(struct pt_stub *s);

#endif
