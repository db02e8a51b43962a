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
	u64 base_tsc, base_ns;
	u32 mult, shift;
	u64 realtime_offset_ns;	/* realtime - monotonic */
};

void vdso_set_realtime_offset(s64 offset_ns);
/* fs/timerfd.c: TFD_TIMER_CANCEL_ON_SET. */
void timerfd_clock_was_set(void);

#endif
