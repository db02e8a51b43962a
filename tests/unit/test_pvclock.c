/* SPDX-License-Identifier: MIT */
/* kvmclock's arithmetic on pages that no host has made. */
#include "unit.h"

#include "hal/baremetal/pvclock.h"

/* As a host does: a multiplier of 32 bits with its top bit set. */
static struct pvclock_time page_of(u64 hz)
{
	struct pvclock_time t = { .version = 2, .tsc_timestamp = 1000, .system_time = 5000 };
	u64 tps = hz;

	while (tps > 2000000000ul) {
		tps >>= 1;
		t.shift--;
	}
	while (tps <= 1000000000ul) {
		tps <<= 1;
		t.shift++;
	}
	t.mul = (u32)((1000000000ul << 32) / tps);
	return t;
}

START_TEST(frequency_and_time)
{
	static const u64 hz[] = { 1000000, 133333333, 999999999, 1000000000, 1000000001, 2250000000,
				  2999999999, 5700000000 };

	for (u32 i = 0; i < ARRAY_SIZE(hz); i++) {
		struct pvclock_time page = page_of(hz[i]), t;
		s64 off;

		ck_assert(pvclock_read_time(&page, &t));
		off = (s64)pvclock_hz(&t) - (s64)hz[i];
		ck_assert_int_le(off < 0 ? -off : off, (s64)(hz[i] / 1000000 + 8));
		ck_assert_uint_eq(pvclock_ns(&t, 1000), 5000);
		off = (s64)pvclock_ns(&t, 1000 + hz[i] * 3600) - 5000 - 3600000000000l;
		ck_assert_int_le(off < 0 ? -off : off, 3600000);	/* a millionth */
	}
}
END_TEST

START_TEST(pages_that_are_none)
{
	struct pvclock_time page = page_of(2250000000), t;
	struct pvclock_wall wall = { 2, 1700000000, 5 };
	u64 ns;

	page.version = 3;
	ck_assert(!pvclock_read_time(&page, &t));
	page.version = 0;
	ck_assert(!pvclock_read_time(&page, &t));
	t.mul = 0;
	ck_assert_uint_eq(pvclock_hz(&t), 0);
	t.mul = 1;
	t.shift = -31;
	ck_assert_uint_eq(pvclock_hz(&t), 0);
	t.shift = 100;
	ck_assert_uint_eq(pvclock_hz(&t), 0);
	ck_assert(pvclock_read_wall(&wall, &ns));
	ck_assert_uint_eq(ns, 1700000000000000005ul);
	wall.nsec = 1000000000;
	ck_assert(!pvclock_read_wall(&wall, &ns));
	wall = (struct pvclock_wall){ 1, 1700000000, 5 };
	ck_assert(!pvclock_read_wall(&wall, &ns));
}
END_TEST

Suite *pvclock_suite(void)
{
	Suite *s = suite_create("pvclock");
	TCase *tc = tcase_create("pvclock");

	tcase_add_test(tc, frequency_and_time);
	tcase_add_test(tc, pages_that_are_none);
	suite_add_tcase(s, tc);
	return s;
}
