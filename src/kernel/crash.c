// SPDX-License-Identifier: MIT
/*
 * Crashes on demand (hyla.panic= on the command line), so that tests see what
 * a broken kernel reports.
 *
 *   1       panic
 *   stack   recursion without end, where the HAL reports a stack that overflows
 */
#include "kernel/crash.h"

#include "hal/hal.h"
#include "lib/string.h"

#define DEEP_ENOUGH 100000u	/* more than any stack */

static u64 recurse(volatile u64 *depth)
{
	volatile u64 frame[32] = { 0 };	/* or old return addresses show */

	frame[*depth % ARRAY_SIZE(frame)] = *depth;
	if (++*depth < DEEP_ENOUGH)
		return recurse(depth) + frame[0];
	return frame[0];
}

void crash_on_demand(const char *what)
{
	volatile u64 depth = 0;

	if (!strcmp(what, "stack") && (hal_info()->caps & HAL_CAP_STACK_GUARD))
		recurse(&depth);
	panic("hyla.panic= is on the command line");
}
