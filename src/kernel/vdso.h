/* SPDX-License-Identifier: MIT */
/* The vDSO: time without a system call. */
#ifndef HYLA_KERNEL_VDSO_H
#define HYLA_KERNEL_VDSO_H

#include "lib/types.h"

/* What the vDSO code reads, in the page right before the image (shared with
 * kernel/vdso/vdso.c). The sequence is odd while the kernel changes it. */
struct vdso_data {
	u32 seq;
	u32 tsc_ok;		/* 0: make the system call */
	u64 base_tsc;		/* recent: see vdso_tick() */
	u32 mult, shift;	/* ns = cycles * mult >> shift */
	struct {
		u64 sec, nsec;	/* at base_tsc */
	} base[2];		/* VDSO_MONOTONIC, VDSO_REALTIME */
};
enum { VDSO_MONOTONIC, VDSO_REALTIME };

/*
 * Cycles that have surely passed in elapsed_ns, at least 16 ms, on a TSC of
 * about khz: its rate is rounded, and a base in the future would be a clock that
 * jumps. A thousandth is far more than the rounding, however long nobody looked.
 */
static inline u64 vdso_sure_cycles(u64 elapsed_ns, u64 khz)
{
	u64 ms = elapsed_ns / 1000000;

	return (ms - ms / 1024 - 10) * khz;
}

void vdso_set_realtime_offset(s64 offset_ns);
/* Moves the base up to about now, so that the vDSO need not divide. Cheap; to be
 * called now and then. now: hal_clock_ns(). */
void vdso_tick(u64 now);
/* fs/timerfd.c: TFD_TIMER_CANCEL_ON_SET. */
void timerfd_clock_was_set(void);

#endif
