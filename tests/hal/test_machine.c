/* SPDX-License-Identifier: MIT */
/* HAL conformance: what the machine says about itself; clock, entropy, memory. */
#include "conformance.h"

static void test_info(void)
{
	const struct hal_info *info = hal_info();
	bool sorted = true, aligned = true, apart = true;

	check_eq(info->abi_version, HAL_ABI_VERSION, "info: version of the contract");
	check(info->nr_cpus >= 1 && info->nr_cpus <= HAL_MAX_CPUS, "info: number of CPUs");
	check(info->mem_count >= 1 && info->mem_count <= HAL_MEM_RANGES, "info: memory ranges");
	for (u32 i = 0; i < info->mem_count; i++) {
		aligned &= is_aligned(info->mem[i].start, 4096ul) &&
			   is_aligned(info->mem[i].size, 4096ul) && info->mem[i].size;
		if (i)
			sorted &= info->mem[i - 1].start + info->mem[i - 1].size <=
				  info->mem[i].start;
		apart &= !info->initrd_size ||
			 align_up(info->initrd + info->initrd_size, 4096ul) <= info->mem[i].start ||
			 align_down(info->initrd, 4096ul) >=
				 info->mem[i].start + info->mem[i].size;
	}
	check(aligned, "info: ranges are whole pages");
	check(sorted, "info: ranges are sorted and apart");
	check(apart, "info: the pages of the initrd are in none");
	check(info->user_limit > STACK_TOP && is_aligned(info->user_limit, 4096ul),
	      "info: user limit");
	check(info->cmdline != NULL && info->name != NULL, "info: strings");
	check(info->fp_size >= 512 && info->fp_size <= 16384, "info: size of the FP area");
	check(info->xfeatures == 0 || (info->xfeatures & 3) == 3, "info: xfeatures");
}

static void test_clock(void)
{
	struct hal_timesource ts;
	u64 last = hal_clock_ns(), now, start = last;
	bool monotonic = true;
	u32 low, high;

	while (last - start < 2000000) {
		now = hal_clock_ns();
		monotonic &= now >= last;
		last = now;
	}
	check(monotonic, "clock: monotonic for 2 ms");
	check(start < 60000000000ul, "clock: counts from the start");
	check(hal_clock_epoch_ns() > 1600000000ul * 1000000000ul, "clock: wall clock after 2020");
	hal_timesource(&ts);
	if (!hal_info()->tsc_khz)
		return;
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	now = ts.base_ns + (u64)((unsigned __int128)(((u64)high << 32 | low) - ts.base_tsc) *
				 ts.mult >> ts.shift);
	check(now - hal_clock_ns() + 1000000 < 1000000 + 1, "clock: timesource agrees");
}

static void test_entropy(void)
{
	u64 a[4] = { 0 }, b[4] = { 0 };

	check(hal_entropy(a, sizeof(a)) <= sizeof(a), "entropy: no more than was asked for");
	if (!hal_entropy(b, sizeof(b)))
		return;
	check(a[0] != b[0] && a[3] != b[3], "entropy: differs from call to call");
}

static void test_ram(void)
{
	const struct hal_info *info = hal_info();
	const struct hal_mem_range *last = &info->mem[info->mem_count - 1];
	u64 *top = (u64 *)(info->phys_base + last->start + last->size) - 1;
	u64 *page = page_new();

	*top = 0x1122334455667788;
	check_eq(*(volatile u64 *)top, 0x1122334455667788, "memory: the last word holds");
	page[5] = 1;
	hal_mem_discard(phys(page), 4096);
	page[5] = 2;
	check_eq(*(volatile u64 *)&page[5], 2, "memory: usable after a discard");
}

void test_machine(void)
{
	test_info();
	test_clock();
	test_entropy();
	test_ram();
}
