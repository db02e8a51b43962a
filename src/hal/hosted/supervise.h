/* SPDX-License-Identifier: MIT */
/* Running a machine to its end: the event loop of the device process. */
#ifndef HYLA_HAL_HOSTED_SUPERVISE_H
#define HYLA_HAL_HOSTED_SUPERVISE_H

#include "hal/hosted/machine.h"

/* Exit codes of hyla itself, beside those of the guest's program. */
enum { EXIT_TIMEOUT = 124, EXIT_HYLA = 125 };

struct supervise_options {
	u64 timeout_ms;		/* 0: none */
	bool no_sandbox;
};

/* After machine_start() and all *_create(). Returns the exit code. */
int supervise(struct machine *m, const struct supervise_options *opt);

#endif
