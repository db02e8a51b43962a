/* SPDX-License-Identifier: MIT */
/* HAL conformance: kernel stacks. That an overflow is reported cannot be shown
 * by a test that goes on: tests/boot.sh does it. */
#include "conformance.h"

#define MANY 300u	/* more than one table of any HAL */
#define ROUNDS 8u

static u8 *stacks[MANY];
static paddr_t memory[MANY];

static paddr_t stack_memory(void)
{
	u8 *mem = mem_alloc(2 * KSTACK_SIZE);

	return align_up(phys(mem), KSTACK_SIZE);
}

static bool is_memory(const u8 *stack, paddr_t pa)
{
	volatile u64 *low = (u64 *)stack, *high = (u64 *)(stack + KSTACK_SIZE) - 1;
	u8 *mem = hal_info()->phys_base + pa;

	*low = pa;
	*high = ~pa;
	return *(volatile u64 *)mem == pa &&
	       *((volatile u64 *)(mem + KSTACK_SIZE) - 1) == ~pa;
}

static bool map_all(u32 shift)
{
	bool good = true;

	for (u32 i = 0; i < MANY; i++) {
		stacks[i] = hal_kstack_map(memory[(i + shift) % MANY]);
		if (!stacks[i])
			return false;
		good &= is_aligned((u64)stacks[i], KSTACK_SIZE);
	}
	for (u32 i = 0; i < MANY; i++)
		good &= is_memory(stacks[i], memory[(i + shift) % MANY]);
	return good;
}

static bool apart(void)
{
	for (u32 i = 0; i < MANY; i++) {
		for (u32 j = 0; j < i; j++) {
			if (stacks[i] == stacks[j])
				return false;
		}
	}
	return true;
}

void test_kstack(void)
{
	bool good = true;

	for (u32 i = 0; i < MANY; i++)
		memory[i] = stack_memory();
	check(map_all(0), "stacks: aligned, and the memory that was given");
	check(apart(), "stacks: each at an address of its own");
	for (u32 round = 1; round < ROUNDS; round++) {
		for (u32 i = 0; i < MANY; i++)
			hal_kstack_unmap(stacks[i]);
		good &= map_all(round * 7);
	}
	check(good, "stacks: addresses used again show the new memory");
	for (u32 i = 0; i < MANY; i++)
		hal_kstack_unmap(stacks[i]);
}
