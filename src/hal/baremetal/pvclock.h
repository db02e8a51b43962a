/* SPDX-License-Identifier: MIT */
/*
 * kvmclock: what a KVM host writes into a page of ours (Linux's
 * Documentation/virt/kvm/x86/msr.rst), and the arithmetic on it.
 *
 *   ns = system_time + ((tsc - tsc_timestamp) << shift) * mul >> 32
 *
 * A negative shift goes to the right. The host makes the version odd while it
 * writes. Nothing here touches the machine: the unit tests make pages up.
 */
#ifndef HYLA_HAL_BAREMETAL_PVCLOCK_H
#define HYLA_HAL_BAREMETAL_PVCLOCK_H

#include "lib/types.h"

#define PVCLOCK_TRIES 1000u

struct pvclock_time {
	u32 version, pad;
	u64 tsc_timestamp;
	u64 system_time;	/* ns since the machine started */
	u32 mul;
	s8 shift;
	u8 flags, pad2[2];
};
_Static_assert(sizeof(struct pvclock_time) == 32, "kvmclock");

struct pvclock_wall {		/* the wall clock when system_time was 0 */
	u32 version, sec, nsec;
};
_Static_assert(sizeof(struct pvclock_wall) == 12, "kvmclock");

/* A copy that nobody wrote into meanwhile; false: none to be had, or empty. */
static inline bool pvclock_read_time(const volatile struct pvclock_time *page,
				     struct pvclock_time *t)
{
	for (u32 i = 0; i < PVCLOCK_TRIES; i++) {
		u32 version = page->version;

		barrier();
		*t = (struct pvclock_time){
			.version = version, .tsc_timestamp = page->tsc_timestamp,
			.system_time = page->system_time, .mul = page->mul,
			.shift = page->shift, .flags = page->flags,
		};
		barrier();
		if (version && !(version & 1) && page->version == version)
			return true;
	}
	return false;
}

static inline bool pvclock_read_wall(const volatile struct pvclock_wall *page, u64 *ns)
{
	for (u32 i = 0; i < PVCLOCK_TRIES; i++) {
		u32 version = page->version;

		barrier();
		*ns = page->sec * 1000000000ul + page->nsec;
		barrier();
		if (version && !(version & 1) && page->version == version)
			return page->sec && page->nsec < 1000000000;
	}
	return false;
}

/* The TSC's frequency, or 0 if the numbers make none. */
static inline u64 pvclock_hz(const struct pvclock_time *t)
{
	u64 hz;

	if (!t->mul || t->shift < -31 || t->shift > 31)
		return 0;
	hz = (1000000000ul << 32) / t->mul;
	if (t->shift >= 0)
		return hz >> t->shift;
	return hz > U64_MAX >> -t->shift ? 0 : hz << -t->shift;
}

static inline u64 pvclock_ns(const struct pvclock_time *t, u64 tsc)
{
	u64 ticks = tsc - t->tsc_timestamp;

	ticks = t->shift >= 0 ? ticks << t->shift : ticks >> -t->shift;
	return t->system_time + (u64)((unsigned __int128)ticks * t->mul >> 32);
}

#endif
