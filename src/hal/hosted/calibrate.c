/* SPDX-License-Identifier: MIT */
/*
 * What the host CPU can do, and how fast its TSC runs.
 *
 * The TSC is used if the CPU says that it is invariant and the host kernel has
 * not given it up as a clock. Its rate comes from the host's own calibration,
 * where a perf event page gives it away, else from two readings against
 * CLOCK_MONOTONIC at least CALIBRATE_NS apart; the first is taken when the
 * program starts, so that the wait costs little. A reading is the best of
 * several, so its error is some 50 ns: 25 ppm and less.
 */
#define _GNU_SOURCE
#include "hal/hosted/machine.h"

#include <cpuid.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALIBRATE_NS 2000000ul
/* XSAVE components that guests get: x87, SSE, AVX, AVX-512. */
#define GUEST_XFEATURES 0xe7ul

struct sample {
	u64 tsc, mono_ns, real_ns;
};

static struct sample first;

static u64 now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ul + ts.tv_nsec;
}

static u64 tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static struct sample take_sample(void)
{
	struct sample best = { 0, 0, 0 };
	u64 shortest = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		u64 before = tsc(), mono = now_ns(CLOCK_MONOTONIC), after = tsc();

		if (after - before < shortest) {
			shortest = after - before;
			best.tsc = before + shortest / 2;
			best.mono_ns = mono;
			best.real_ns = now_ns(CLOCK_REALTIME) - (now_ns(CLOCK_MONOTONIC) - mono);
		}
	}
	return best;
}

void machine_calibrate_start(void)
{
	first = take_sample();
}

static bool tsc_usable(void)
{
	unsigned a, b, c, d = 0;
	char name[32] = "";
	FILE *f;

	if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & 1 << 8))
		return false;
	f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	if (!f)
		return true;
	if (!fgets(name, sizeof(name), f))
		name[0] = 0;
	fclose(f);
	return strncmp(name, "hpet", 4) && strncmp(name, "acpi_pm", 7);
}

/* TSC cycles per second from the host kernel's own numbers, or 0. */
static double rate_of_host(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	struct perf_event_mmap_page *page;
	double rate = 0;
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 8ul /* CLOEXEC */);

	if (fd < 0)
		return 0;
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED) {
		if (page->cap_user_time && page->time_mult)
			rate = 1e9 / page->time_mult * (double)(1ul << page->time_shift);
		munmap(page, 4096);
	}
	close(fd);
	return rate;
}

void machine_calibrate(struct hosted_shared *sh)
{
	struct sample s = take_sample();
	u64 mult;
	double rate;

	if (tsc_usable()) {
		rate = rate_of_host();
		while (!rate) {
			u64 gone;

			s = take_sample();
			gone = s.mono_ns - first.mono_ns;
			if (gone >= CALIBRATE_NS)
				rate = (s.tsc - first.tsc) * 1e9 / gone;
		}
		sh->tsc_khz = rate / 1000;
		sh->tsc_shift = 32;
		do
			mult = 1e9 / rate * (double)(1ul << sh->tsc_shift) + 0.5;
		while (mult > UINT32_MAX && sh->tsc_shift--);
		sh->tsc_mult = mult;
	}
	sh->base_tsc = s.tsc;
	sh->base_mono_ns = s.mono_ns;
	sh->epoch_ns = s.real_ns;
}

void machine_probe_cpu(struct hosted_shared *sh)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	u32 low, high;

	__get_cpuid(1, &a, &b, &c, &d);
	sh->hwcap = d;
	sh->fp_size = 512;
	sh->xstate_size = 512;
	if (c & bit_OSXSAVE) {
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		sh->xfeatures = (low | (u64)high << 32) & GUEST_XFEATURES;
		sh->fp_size = 576;
		for (unsigned i = 2; i < 8; i++) {
			if (!(sh->xfeatures >> i & 1))
				continue;
			__get_cpuid_count(0xd, i, &a, &b, &c, &d);
			if (a + b > sh->fp_size)
				sh->fp_size = a + b;
		}
		__get_cpuid_count(0xd, 0, &a, &b, &c, &d);
		sh->xstate_size = b;
	}
	/* HWCAP2_FSGSBASE */
	sh->hwcap2 = getauxval(AT_HWCAP2) & 2;
	if (sh->hwcap2)
		sh->caps |= 1;	/* HAL_CAP_FSGSBASE */
}
