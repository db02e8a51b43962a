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

struct hosted_engine {
	const char *name;
	u32 caps;		/* enum hal_cap, added to the CPU's */

	/* Once, on the boot stack, before kern_main. 0 or -errno. */
	int (*init)(void);
	/* On the empty stack below tf. */
	void (*user_enter)(struct trapframe *tf) __noreturn;
	/* From the kick signal's handler while this CPU is IN_USER: user code
	 * must be left soon. Runs on the signal stack. */
	void (*kick)(void);

	void (*thread_switch)(struct hal_thread *prev, struct hal_thread *next);
	void (*fp_sync)(struct hal_thread *ht);
	void (*fp_dirty)(struct hal_thread *ht);
	void (*thread_exit)(struct hal_thread *ht);

	int (*as_init)(struct hal_as *as);
	void (*as_destroy)(struct hal_as *as);
	void (*as_activate)(struct hal_as *as);

	/* tlb.c: the address space's, or NULL when it has none */
	struct host_tlb *(*tlb_of)(struct hal_as *as);
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
