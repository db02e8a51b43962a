/* SPDX-License-Identifier: MIT */
/* Clocks of the core, all in ns. */
#ifndef HYLA_KERNEL_CLOCK_H
#define HYLA_KERNEL_CLOCK_H

#include "hal/hal.h"
#include "lib/types.h"

#define NSEC_PER_SEC 1000000000ul
#define NSEC_PER_USEC 1000ul
#define NSEC_PER_MSEC 1000000ul

struct timespec64 { s64 sec; s64 nsec; };
_Static_assert(sizeof(struct timespec64) == 16, "struct timespec of the ABI");
struct timeval64 { s64 sec; s64 usec; };

static inline u64 clock_monotonic_ns(void) { return hal_clock_ns(); }
u64 clock_realtime_ns(void);	/* since 1970; follows clock_settime */
struct timespec64 clock_realtime(void);	/* for inode times */

static inline struct timespec64 ns_to_timespec(u64 ns)
{
	return (struct timespec64){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC) };
}
/* -EINVAL for negative or nsec >= 1e9; saturates. */
int timespec_to_ns(const struct timespec64 *ts, u64 *ns) __must_check;
/* now + delta, saturating to U64_MAX (= never). */
static inline u64 deadline_after(u64 delta_ns)
{
	u64 now = hal_clock_ns();

	return now + delta_ns < now ? U64_MAX : now + delta_ns;
}

#endif
