/* SPDX-License-Identifier: MIT */
/*
 * The hosted HAL's own side: what its freestanding files show to each other.
 *
 * The kernel is a value: no host descriptor, process id or timer id is stored
 * in physical memory. They live in struct hosted_private, in memory of the
 * kernel process alone, at a fixed address outside the window.
 */
#ifndef HYLA_HAL_HOSTED_PRIVATE_H
#define HYLA_HAL_HOSTED_PRIVATE_H

#include "hal/hal.h"
#include "hal/hosted/engine.h"
#include "hal/hosted/handles.h"
#include "hal/hosted/shared.h"

#define HOSTED_SIGSTACK_SIZE 65536

/* Shadow pages of tlb.c: a free list, then fresh ones. */
struct tlb_pool {
	u64 *free;
	u64 next, end;
	u64 generation;		/* tlb_learn.c */
};

/* The host timer of the process that runs the kernel. */
struct hosted_timer {
	u64 armed_ns;		/* when it fires, U64_MAX: not armed */
	s32 id;
};

struct hosted_private {
	struct hosted_handles handles;
	struct hosted_shared *shared;	/* in the window */
	const struct hosted_engine *engine;
	struct hosted_timer *timer, first_timer;
	u32 *cpu_nr, first_cpu_nr;	/* of the CPU that this process runs */
	struct tlb_pool tlb_pool;
	u32 busy_9p;			/* 9p devices with requests under way; atomic */
	u32 log_lock;
	u8 sigstack[HOSTED_SIGSTACK_SIZE] __aligned(4096);
	u8 clone_stack[16384] __aligned(4096);
	u8 xstate[65536] __aligned(4096);
};

/* Makes a host system call: host_call6, or from another place (inproc). */
typedef s64 hosted_call_fn(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);

#define hosted_priv() ((struct hosted_private *)HOSTED_PRIVATE_BASE)
#define hosted_shared() (hosted_priv()->shared)
/* The engine's part of the private memory. */
#define HOSTED_ENGINE_PRIVATE (HOSTED_PRIVATE_BASE + (1ul << 20))
#define HOSTED_ENGINE_PRIVATE_SIZE (HOSTED_PRIVATE_SIZE - (1ul << 20))
_Static_assert(sizeof(struct hosted_private) <= 1ul << 20, "private memory");

/* entry.S */
void hosted_start(struct hosted_shared *shared, void *stack,
		  const struct hosted_handles *handles) __noreturn;
s64 hosted_clone(u64 flags, void *stack, void (*fn)(void));
void hosted_restorer(void) __attribute__((visibility("hidden")));
extern const u8 hosted_stub_page[], hosted_stub_batch[], hosted_image_start[], hosted_image_end[];

/* boot.c */
void hosted_main(struct hosted_shared *shared, const struct hosted_handles *handles) __noreturn;
/* A sentence to the log and the end of the machine. */
void hosted_fail(const char *what, s64 error) __noreturn;
void hosted_user_enter(struct trapframe *tf) __noreturn;
/* host_sigaction with our restorer. */
int hosted_catch(int signo, void *handler, u64 flags);
struct host_siginfo;
struct host_ucontext;
/* The kernel itself did something that the CPU refuses: tells where, and ends. */
void hosted_crash(int signo, struct host_siginfo *si, struct host_ucontext *uc);

/* cpu.c */
int hosted_cpu_init(void);
/* Marks work of CPU nr as pending, and sees to it that it looks. */
void hosted_kick(u32 nr, u32 pending);
/* Says that user code runs next; false if there is pending work instead. */
bool hosted_enter_user(void);
/* The part of it that arms the host timer. */
void hosted_program_timer(void);
/* Makes this process's own timer, which sends SIGUSR1 to thread tid. */
int hosted_timer_create(struct hosted_timer *timer, s32 tid, hosted_call_fn call);
/* In the signal's handler. */
void hosted_timer_fired(void);
/* User code has stopped. */
void hosted_leave_user(void);
/* Upcalls for work that is marked pending. */
void hosted_upcalls(void);
struct host_timespec;
/* IN_IDLE until something is pending, or for that long (NULL: for ever). The caller says
 * that it is IN_KERNEL again. */
void hosted_doze(const struct host_timespec *timeout);

static inline u8 *hosted_virt(paddr_t pa)
{
	return (u8 *)(HOSTED_BASE + pa);
}

#endif
