/* SPDX-License-Identifier: MIT */
/*
 * A hosted machine, as the supervisor sees it: physical memory with a kernel
 * image and its parameters in it, and the kernel process.
 *
 * Life cycle: machine_create(), devices are added to shared->dev[],
 * machine_start() forks the kernel process, machine_irq() while it runs; the
 * supervisor reaps it. One machine per program.
 */
#ifndef HYLA_HAL_HOSTED_MACHINE_H
#define HYLA_HAL_HOSTED_MACHINE_H

#include <sys/types.h>

#include "hal/hosted/shared.h"

struct machine_options {
	u64 mem_size;		/* bytes for the core; rounded up to pages */
	u32 nr_cpus;
	u32 engine;		/* enum hosted_engine_nr */
	const void *image;	/* ELF image of the hosted kernel */
	size_t image_size;
	const void *config;	/* kernel/config.h blob */
	size_t config_size;
	const char *cmdline;	/* may be NULL */
	const char *initrd;	/* file name, or NULL */
	bool no_rewrite;
	u32 pku;		/* enum pku_choice */
	bool seeded;
	u64 seed;
	int cpu;		/* host CPU of kernel and guests, -1: choose */
};

struct machine {
	int memfd;
	u8 *mem;		/* physical memory in this process */
	u64 mem_size;		/* bytes, all of the memfd */
	struct hosted_shared *shared;
	struct hosted_board *board;	/* not in mem */
	int cpu;		/* of the host, for CPU 0; -1: any */
	u32 nr_cpus;
	pid_t pid;		/* kernel process, 0 before the start */
	u64 text_end, rodata_end;
	u64 entry;		/* kernel address */
	/* Instead of an interrupt to the kernel process; NULL: that. */
	void (*irq)(struct machine *m, u32 dev);
};

/* Reports what is wrong and returns false. */
bool machine_create(struct machine *m, const struct machine_options *opt);
bool machine_start(struct machine *m);
/* Device dev wants its driver's attention. Any thread. */
void machine_irq(struct machine *m, u32 dev);

/* calibrate.c: fills in the CPU's properties and the clock. */
void machine_probe_cpu(struct hosted_shared *sh);
void machine_calibrate_start(void);
void machine_calibrate(struct hosted_shared *sh);

#endif
