/* SPDX-License-Identifier: MIT */
/*
 * Engines: the ways in which the hosted HAL runs guest code. hal/cpu.h and
 * hal/mem.h say what each member has to do; dispatch.c passes the calls on.
 * All members are required. What does not depend on how guests run is outside:
 * clock.c, cpu.c (idle, timer, pending work), transport.c, boot.c.
 */
#ifndef HYLA_HAL_HOSTED_ENGINE_H
#define HYLA_HAL_HOSTED_ENGINE_H

#include "hal/cpu.h"
#include "hal/mem.h"

struct host_tlb;
struct host_timespec;

struct hosted_engine {
	const char *name;
	u32 caps;		/* enum hal_cap, added to the CPU's */

	/* Once, on the boot stack, before kern_main. 0 or -errno. */
	int (*init)(void);
	/* Another CPU: calls kern_cpu_main on the stack below `top`. NULL: there is
	 * no other. */
	int (*cpu_start)(u32 cpu, u64 *top);
	/* The kick signal for the process that runs that CPU. NULL as above. */
	void (*cpu_signal)(u32 cpu);
	/* On the empty stack below tf. */
	void (*user_enter)(struct trapframe *tf) __noreturn;
	/* From the kick signal's handler while this CPU is IN_USER: user code
	 * must be left soon. Runs on the signal stack. */
	void (*kick)(void);

	/* Sleeps by hosted_doze(). NULL: there is nothing to prepare for it. */
	void (*doze)(const struct host_timespec *timeout);

	void (*thread_switch)(struct hal_thread *prev, struct hal_thread *next);
	void (*fp_sync)(struct hal_thread *ht);
	void (*fp_dirty)(struct hal_thread *ht);
	void (*thread_exit)(struct hal_thread *ht);

	int (*as_init)(struct hal_as *as);
	void (*as_destroy)(struct hal_as *as);
	void (*as_activate)(struct hal_as *as);

	/* tlb.c: the address space's that this CPU may fill, or NULL */
	struct host_tlb *(*tlb_of)(struct hal_as *as);
	/* The first of all that it has, or NULL; the others by host_tlb.next. */
	struct host_tlb *(*tlb_list)(struct hal_as *as);
	/* On return no user code uses what those that have `changed` have queued to
	 * be undone. NULL: never does any. */
	void (*tlb_shoot)(struct hal_as *as);
	/* Runs the queued calls, or drops all that is mapped. */
	void (*tlb_commit)(struct host_tlb *tlb);
	/* What stands for a translation of the core's in the TLB. NULL: itself. */
	u64 (*tlb_entry)(struct host_tlb *tlb, struct hal_as *as, uaddr_t va, u64 entry);
	/* The core has a page at va, which is about to be mapped. May be NULL. */
	void (*tlb_claim)(struct host_tlb *tlb, uaddr_t va);
	u32 around_ops;		/* mapping calls that a fault may spend on neighbours */

	/* The end of the machine; never returns. */
	void (*halt)(int code) __noreturn;
};

/* shared.h numbers them. */
extern const struct hosted_engine ptrace_engine, inproc_engine;

#endif
