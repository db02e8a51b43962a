/* SPDX-License-Identifier: MIT */
/*
 * The host handles that the supervisor gives to the kernel process. They never
 * stand in shared memory: the loader passes them on its stack.
 */
#ifndef HYLA_HAL_HOSTED_HANDLES_H
#define HYLA_HAL_HOSTED_HANDLES_H

#include "hal/hosted/shared.h"

struct hosted_handles {
	int memfd;	/* physical memory */
	int pid;	/* the kernel process itself */
	short host_cpu[HOSTED_CPUS];	/* where each CPU runs; -1: anywhere */
};

#endif
