/* SPDX-License-Identifier: MIT */
/*
 * The HAL's CPU: start, idle, timer, inter-processor kicks, user mode.
 *
 * Each user task has a kernel stack: KSTACK_SIZE bytes aligned to
 * KSTACK_SIZE, with struct kstack (kernel/task.h) at its lowest address and
 * its struct trapframe at the very top. User mode is entered with
 * hal_user_enter(); every later trap of that task arrives as kern_trap() on
 * the same stack, empty but for the trapframe:
 *
 *   top    +-------------------+  aligned to KSTACK_SIZE
 *          | struct trapframe  |  user registers, the only copy
 *          +-------------------+  <- rsp of the HAL's first C frame
 *          | kern_trap() ...   |
 *          |        v          |
 *          | struct kstack     |  task, cpu, canary
 *   bottom +-------------------+
 *
 * The only way tasks change is context_switch() (kernel/switch.S), called by
 * the scheduler inside kern_trap() or a kernel thread.
 */
#ifndef HYLA_HAL_CPU_H
#define HYLA_HAL_CPU_H

#include "hal/mem.h"
#include "lib/types.h"

#define KSTACK_SIZE 16384ul
#define HAL_MAX_CPUS 64

/* Offsets are known to assembly (hal HALs, kernel/switch.S). */
struct trapframe {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	u64 rax, rcx, rdx, rsi, rdi;
	u64 orig_rax;		/* system call number, or -1 */
	u64 rip, cs, rflags, rsp, ss;
	u64 fsbase, gsbase;
	u64 reserved;		/* keeps the size a multiple of 16 */
};
_Static_assert(sizeof(struct trapframe) == 192, "trapframe layout");

enum trap_kind {
	TRAP_SYSCALL,	/* orig_rax = number; rip after the instruction */
	TRAP_FAULT,	/* page fault: addr, error */
	TRAP_EXCEPTION,	/* vector (0 #DE, 1 #DB, 3 #BP, 4 #OF, 5 #BR, 6 #UD, 13 #GP, 16 #MF, 17 #AC, 19 #XM), error */
	TRAP_KICK,	/* interrupt only: upcalls were made, or resched wanted */
};

enum fault_error {	/* as the CPU's page fault error code */
	FAULT_PRESENT = 1 << 0,	/* hosted HALs may leave it clear */
	FAULT_WRITE = 1 << 1,
	FAULT_USER = 1 << 2,
	FAULT_EXEC = 1 << 4,
};

struct trapinfo {
	u32 kind;	/* enum trap_kind */
	u32 vector;
	u64 error;
	uaddr_t addr;
};

/*
 * The user-mode state of a task that the HAL manages: vector registers are
 * live in the CPU (or the stub) while the kernel runs, and HALs are as lazy
 * as they can be. fp is fp_size bytes, 64-aligned, standard XSAVE format.
 */
struct hal_thread {
	void *fp;		/* owned by the core; kernel address */
	u32 fp_live;		/* HAL: the registers are newer than *fp */
	u32 hal_word;		/* HAL: free use, 0 in a new task; an index, never a host handle */
};

/* Goes to user mode with *tf, which must lie at the top of the current
 * kernel stack. The address space was chosen with hal_as_activate. */
void hal_user_enter(struct trapframe *tf) __noreturn;

/*
 * The CPU stops being prev's and becomes next's (either may be NULL for a
 * kernel thread). Called by the scheduler just before context_switch. The HAL
 * must keep prev's vector registers and give next its own before it runs user
 * code again; fsbase and gsbase are part of the trapframe.
 */
void hal_thread_switch(struct hal_thread *prev, struct hal_thread *next);
/* Makes ht->fp current (signal frames, fork, ptrace). */
void hal_fp_sync(struct hal_thread *ht);
/* ht->fp was changed by the core: load it before user mode. */
void hal_fp_dirty(struct hal_thread *ht);
/* The task ends: forget it. */
void hal_thread_exit(struct hal_thread *ht);

/* Starts CPU nr; it calls kern_cpu_main(nr) on the given kernel stack. */
int hal_cpu_start(u32 cpu, void *kstack) __must_check;
/* Waits until an interrupt was served (upcalls are made inside). May return early. */
void hal_idle(void);
/* Makes upcalls for what is pending, without waiting. */
void hal_poll(void);
/* One-shot timer of this CPU: kern_timer at or after abs_ns (hal_clock_ns
 * time); U64_MAX disarms. */
void hal_timer_arm(u64 abs_ns);
/* One turn of a spin loop. */
void hal_relax(void);
/* Makes kern_ipi() happen on another CPU soon; from user mode it becomes a KICK. */
void hal_ipi(u32 cpu);

/* Upcalls. */
void kern_trap(struct trapframe *tf, struct trapinfo *info);
void kern_timer(void);
void kern_ipi(void);
void kern_cpu_main(u32 cpu) __noreturn;

/*
 * The kernel lock, for a HAL that reads the core's page tables, or keeps state
 * of its own that several CPUs change, outside of a call from the core. On a
 * kernel stack only; nests. Nothing may be held when kern_trap is called.
 */
void kern_lock(void);
void kern_unlock(void);

#endif
