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

/*
 * Reads a clock; false: no TSC. The kernel keeps the base recent, so that mostly
 * the cycles since then fit 32 bits and make less than a second.
 */
static inline bool now(u32 which, u64 *sec, u64 *nsec)
{
	const volatile struct vdso_data *d = &vvar_page;
	u64 cycles, s, ns, mult;
	u32 seq, lo, hi, shift;

	do {
		while (__builtin_expect((seq = d->seq) & 1, 0))
			__asm__ volatile("pause");
		if (!d->tsc_ok)
			return false;
		__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
		cycles = ((u64)hi << 32 | lo) - d->base_tsc;
		mult = d->mult;
		shift = d->shift;
		s = d->base[which].sec;
		ns = d->base[which].nsec;
		__asm__ volatile("" ::: "memory");
	} while (__builtin_expect(d->seq != seq, 0));
	if (__builtin_expect(!(cycles >> 32), 1))
		ns += cycles * mult >> shift;
	else
		ns += (u64)((unsigned __int128)cycles * mult >> shift);
	if (ns >= 2 * NSEC) {
		s += ns / NSEC;
		ns %= NSEC;
	} else if (ns >= NSEC) {
		s++;
		ns -= NSEC;
	}
	*sec = s;
	*nsec = ns;
	return true;
}

int __vdso_clock_gettime(int id, struct timespec_user *ts);
int __vdso_clock_gettime(int id, struct timespec_user *ts)
{
	/* Bits are clock ids: REALTIME 0, coarse 5, TAI 11; MONOTONIC 1, RAW 4,
	 * coarse 6, BOOTTIME 7. */
	const u32 real = 0x821, mono = 0xd2;
	u64 sec, nsec;

	if ((u32)id > 11 || !((real | mono) >> id & 1) ||
	    !now(real >> id & 1 ? VDSO_REALTIME : VDSO_MONOTONIC, &sec, &nsec))
		return (int)syscall2(228, (u64)id, (u64)ts);
	ts->sec = (s64)sec;
	ts->nsec = (s64)nsec;
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
	u64 sec, nsec;

	if (tz || !tv || !now(VDSO_REALTIME, &sec, &nsec))
		return (int)syscall2(96, (u64)tv, (u64)tz);
	tv->sec = (s64)sec;
	tv->usec = (s64)(nsec / 1000);
	return 0;
}

s64 __vdso_time(s64 *t);
s64 __vdso_time(s64 *t)
{
	u64 sec, nsec;

	if (!now(VDSO_REALTIME, &sec, &nsec))
		return syscall2(201, (u64)t, 0);
	if (t)
		*t = (s64)sec;
	return (s64)sec;
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
