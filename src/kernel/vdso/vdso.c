/* SPDX-License-Identifier: MIT */
/*
 * The vDSO image (vdso(7)): a small shared object mapped into each program.
 *
 * Built on its own, without libc, and embedded in the kernel. It reads the
 * page before its first one (struct vdso_data) and the TSC; clocks that need
 * the kernel make the system call.
 */
#include "kernel/vdso.h"

/* lib/types.h hides everything, which is right for the core only. */
#pragma GCC visibility push(default)

#define NSEC 1000000000ul

struct timespec_user { s64 sec, nsec; };
struct timeval_user { s64 sec, usec; };

extern const struct vdso_data vvar_page __attribute__((visibility("hidden")));

static s64 syscall2(s64 nr, u64 a, u64 b)
{
	s64 ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Monotonic ns, and the realtime offset that goes with it; false: no TSC. */
static bool now(u64 *mono, u64 *offset)
{
	const volatile struct vdso_data *d = &vvar_page;
	u32 seq, lo, hi;
	u64 tsc;

	do {
		while ((seq = d->seq) & 1)
			__asm__ volatile("pause");
		if (!d->tsc_ok)
			return false;
		__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
		tsc = (u64)hi << 32 | lo;
		*mono = d->base_ns +
			(u64)((unsigned __int128)(tsc - d->base_tsc) * d->mult >> d->shift);
		*offset = d->realtime_offset_ns;
		__asm__ volatile("" ::: "memory");
	} while (d->seq != seq);
	return true;
}

int __vdso_clock_gettime(int id, struct timespec_user *ts);
int __vdso_clock_gettime(int id, struct timespec_user *ts)
{
	u64 ns, offset;

	/* REALTIME 0, MONOTONIC 1, RAW 4, coarse 5 6, BOOTTIME 7, TAI 11 */
	if (id < 0 || id > 11 || !((1u << id) & 0x8f3) || !now(&ns, &offset))
		return (int)syscall2(228, (u64)id, (u64)ts);
	if ((1u << id) & 0x821)
		ns += offset;
	ts->sec = (s64)(ns / NSEC);
	ts->nsec = (s64)(ns % NSEC);
	return 0;
}

int __vdso_clock_getres(int id, struct timespec_user *ts);
int __vdso_clock_getres(int id, struct timespec_user *ts)
{
	return (int)syscall2(229, (u64)id, (u64)ts);
}

int __vdso_gettimeofday(struct timeval_user *tv, void *tz);
int __vdso_gettimeofday(struct timeval_user *tv, void *tz)
{
	u64 ns, offset;

	if (tz || !tv || !now(&ns, &offset))
		return (int)syscall2(96, (u64)tv, (u64)tz);
	ns += offset;
	tv->sec = (s64)(ns / NSEC);
	tv->usec = (s64)(ns % NSEC / 1000);
	return 0;
}

s64 __vdso_time(s64 *t);
s64 __vdso_time(s64 *t)
{
	u64 ns, offset;

	if (!now(&ns, &offset))
		return syscall2(201, (u64)t, 0);
	ns = (ns + offset) / NSEC;
	if (t)
		*t = (s64)ns;
	return (s64)ns;
}

s64 __vdso_getcpu(u32 *cpu, u32 *node, void *unused);
s64 __vdso_getcpu(u32 *cpu, u32 *node, void *unused)
{
	(void)unused;
	return syscall2(309, (u64)cpu, (u64)node);
}

int clock_gettime(int id, struct timespec_user *ts)
	__attribute__((weak, alias("__vdso_clock_gettime")));
int clock_getres(int id, struct timespec_user *ts)
	__attribute__((weak, alias("__vdso_clock_getres")));
int gettimeofday(struct timeval_user *tv, void *tz)
	__attribute__((weak, alias("__vdso_gettimeofday")));
s64 time(s64 *t) __attribute__((weak, alias("__vdso_time")));
s64 getcpu(u32 *cpu, u32 *node, void *unused) __attribute__((weak, alias("__vdso_getcpu")));
