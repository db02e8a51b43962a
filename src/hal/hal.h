/* SPDX-License-Identifier: MIT */
/*
 * The hardware abstraction layer: boot, clock, log, power.
 *
 * A HAL is a CPU, memory, a clock and virtio, nothing more. The headers in
 * this folder are the whole boundary: every undefined symbol of libcore.a is
 * declared here, and everything that a HAL calls in the core is one of the
 * kern_* upcalls declared here. docs/hal.md has pre- and postconditions.
 *
 * Interrupts. The core never takes an interrupt: it runs to completion, sleep
 * or return to user mode with interrupts off (bare metal: IF=0; hosted: a
 * signal that finds the CPU in the kernel only marks work as pending). The HAL
 * makes the upcalls kern_timer, kern_virtio_irq and kern_ipi
 *   - inside hal_idle() and hal_poll(),
 *   - after a trap from user mode, before kern_trap().
 * They only mark work and wake tasks; they never sleep and never switch.
 *
 * Errors are 0 or a negative Linux errno.
 */
#ifndef HYLA_HAL_HAL_H
#define HYLA_HAL_HAL_H

#include "lib/types.h"

#define HAL_ABI_VERSION 5
#define HAL_MEM_RANGES 16

struct hal_mem_range {
	paddr_t start;		/* bytes, page aligned */
	u64 size;		/* bytes, page aligned */
};

enum hal_cap {
	HAL_CAP_FSGSBASE = 1 << 0,	/* guests may use rd/wrfsbase themselves */
	HAL_CAP_ISOLATED = 1 << 1,	/* a guest cannot reach kernel memory */
	HAL_CAP_ZEROED = 1 << 2,	/* mem[] reads as zero at boot: needs no clearing */
	HAL_CAP_STACK_GUARD = 1 << 3,	/* a kernel stack that overflows is reported */
};

/* What the machine is. Filled in by the HAL before kern_main, then constant. */
struct hal_info {
	u32 abi_version;		/* HAL_ABI_VERSION */
	u32 nr_cpus;			/* that can be started, >= 1 */
	u32 caps;			/* enum hal_cap */
	u32 mem_count;			/* entries of mem[] */
	struct hal_mem_range mem[HAL_MEM_RANGES]; /* usable RAM, sorted, kernel image excluded */
	u8 *phys_base;			/* kernel address of physical 0: hal_phys_to_virt is one add */
	uaddr_t user_limit;		/* first address that no guest may map */
	const char *cmdline;		/* NUL-terminated, maybe "" */
	const void *config;		/* run configuration (kernel/config.h), or NULL */
	u64 config_size;		/* bytes */
	paddr_t initrd;			/* cpio archive, inside no mem[] range */
	u64 initrd_size;		/* bytes, 0: none */
	bool initrd_ram;		/* its pages hold nothing else: memory when it is unpacked */
	u64 xfeatures;			/* XCR0 that guests run with; 0: FXSAVE only */
	u32 fp_size;			/* bytes of a task's FP area (XSAVE standard format) */
	u32 hwcap;			/* AT_HWCAP: CPUID.1:EDX */
	u32 hwcap2;			/* AT_HWCAP2 */
	u32 tsc_khz;			/* 0: TSC not usable from user mode */
	const char *name;		/* "ptrace", "inproc", "baremetal", "sim" */
};

/*
 * How to turn the TSC into CLOCK_MONOTONIC in user mode (vDSO):
 * ns = base_ns + ((tsc - base_tsc) * mult >> shift). Constant after boot.
 */
struct hal_timesource {
	u64 base_tsc;
	u64 base_ns;
	u32 mult;
	u32 shift;
};

const struct hal_info *hal_info(void);

/* Time since boot in ns, monotonic, the same on every CPU; agrees with
 * hal_timesource() where tsc_khz is not 0. */
u64 hal_clock_ns(void);
/* Wall-clock time (ns since 1970) at hal_clock_ns() == 0. */
u64 hal_clock_epoch_ns(void);
void hal_timesource(struct hal_timesource *ts);

/* Fills buf with entropy for seeding; returns how many bytes are good. */
size_t hal_entropy(void *buf, size_t size);

/* Early log and panic output; synchronous, never fails, any context. */
void hal_log_write(const char *text, size_t len);

/* Ends the machine. status is an exit status as wait4 has it (code << 8 | signal). */
void hal_halt(int status) __noreturn;
/* After panic(): says so to whoever started us, then as hal_halt. */
void hal_panic_halt(void) __noreturn;

/* Upcall: the HAL enters the core here once, on the boot CPU, on a kernel
 * stack of its own whose layout is struct kstack (kernel/task.h). */
void kern_main(void) __noreturn;

#endif
