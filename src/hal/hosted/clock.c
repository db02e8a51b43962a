/* SPDX-License-Identifier: MIT */
/*
 * Hosted HAL: the clock. Time is the TSC, scaled by what the supervisor
 * measured (calibrate.c), so that the vDSO of a guest and the kernel agree to
 * the nanosecond; where the host does not trust its TSC, it is the host's
 * CLOCK_MONOTONIC and tsc_khz is 0.
 */
#include "hal/hal.h"
#include "hal/hosted/linux.h"
#include "hal/hosted/private.h"

/* No fence: it would cost as much as the rest of a small system call. A reading
 * that is some instructions early does no harm; those of one CPU are in order. */
static u64 read_tsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

u64 hal_clock_ns(void)
{
	const struct hosted_shared *sh = hosted_shared();
	struct host_timespec ts;
	u64 delta;

	if (!sh->tsc_khz) {
		host_call3(NR_clock_gettime, HOST_CLOCK_MONOTONIC, (u64)&ts, 0);
		return ts.sec * 1000000000ul + ts.nsec - sh->base_mono_ns;
	}
	delta = read_tsc() - sh->base_tsc;
	return (u64)((unsigned __int128)delta * sh->tsc_mult >> sh->tsc_shift);
}

u64 hal_clock_epoch_ns(void)
{
	return hosted_shared()->epoch_ns;
}

void hal_timesource(struct hal_timesource *ts)
{
	const struct hosted_shared *sh = hosted_shared();

	ts->base_tsc = sh->base_tsc;
	ts->base_ns = 0;
	ts->mult = sh->tsc_mult;
	ts->shift = sh->tsc_shift;
}
