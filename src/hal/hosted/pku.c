/* SPDX-License-Identifier: MIT */
/*
 * Whether kernel memory gets a protection key: what the CPU and the host have,
 * and what it costs. The rest is in in_pku.c.
 *
 * The price is a RDPKRU and a WRPKRU on the way in and a WRPKRU on the way
 * out, some 15 ns each; but a virtual machine monitor that traps or translates
 * them may make it a hundred times that. So it is measured, at each start: some
 * tens of microseconds, less where the first round says that it is not worth it.
 */
#define _GNU_SOURCE
#include "hal/hosted/pku.h"

#include <cpuid.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hal/hosted/report.h"
#include "hal/hosted/shared.h"

#define ROUNDS 4
#define TIMES 100
#define OSPKE (1u << 4)

static bool cpu_has_pku(u32 *offset)
{
	unsigned a, b, c = 0, d;
	u32 low, high;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & OSPKE))
		return false;
	/* OSPKE says that the host uses CR4, and so has XSAVE. */
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if (!(low >> PKU_COMPONENT & 1) || !__get_cpuid_count(0xd, PKU_COMPONENT, &a, &b, &c, &d))
		return false;
	*offset = b;
	return a >= 4 && b >= 576;
}

const char *pku_missing(u32 *offset)
{
	long key;

	*offset = 0;
	if (!cpu_has_pku(offset))
		return "the CPU, or its Linux, has no protection keys";
	key = syscall(SYS_pkey_alloc, 0ul, 0ul);
	if (key < 0)
		return "the host gives out no protection keys";
	syscall(SYS_pkey_free, key);
	return key == PKU_KEY ? NULL : "protection key 1 is in use";
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ul + ts.tv_nsec;
}

/* PKRU stays what it is. */
static u64 measure(void)
{
	u64 start = now_ns();
	u32 pkru, high;

	for (int i = 0; i < TIMES; i++) {
		__asm__ volatile("rdpkru" : "=a"(pkru), "=d"(high) : "c"(0));
		__asm__ volatile("wrpkru\n\twrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory");
	}
	return now_ns() - start;
}

u32 pku_cost_ns(void)
{
	u64 best = ~0ul;

	for (int i = 0; i < ROUNDS; i++) {
		u64 took = measure();

		if (took < best)
			best = took;
		if (took > 8 * PKU_WORTH_NS * TIMES)
			break;
	}
	return best / TIMES < UINT32_MAX ? best / TIMES : UINT32_MAX;
}

bool pku_choose(struct hosted_shared *sh, enum pku_choice choice)
{
	const char *missing;
	u32 offset;

	sh->pku_offset = 0;
	if (choice == PKU_OFF || (choice == PKU_AUTO && sh->engine != HOSTED_ENGINE_INPROC))
		return true;
	if (sh->engine != HOSTED_ENGINE_INPROC) {
		report("--pku", "the ptrace engine has no use for it",
		       "leave it out: guests do not reach kernel memory there");
		return false;
	}
	missing = pku_missing(&offset);
	if (missing && choice == PKU_ON) {
		report("--pku", missing, "leave it out, or use --engine ptrace");
		return false;
	}
	if (!missing && (choice == PKU_ON || pku_cost_ns() < PKU_WORTH_NS))
		sh->pku_offset = offset;
	return true;
}
