/* SPDX-License-Identifier: MIT */
/* virtio-balloon against a simulated device, reasonable or not. */
#include "unit.h"

#include "mm/page.h"
#include "virtio/virtio.h"

enum { GETPID = 39 };

static u32 taken[20000], nr_taken, repeats;
static bool silent, lies;

static void balloon_notify(struct sim_device *d, u32 q)
{
	static struct sim_chain c;

	while (!silent && sim_next(d, q, &c)) {
		ck_assert_uint_eq(c.count, 1);
		ck_assert(!c.seg[0].write);
		for (u32 i = 0; i < c.seg[0].size / 4; i++) {
			u32 pfn = ((u32 *)(void *)c.seg[0].data)[i];

			ck_assert_uint_lt(pfn, ARRAY_SIZE(taken));
			repeats += taken[pfn] == (q == 0);	/* told the same twice */
			taken[pfn] = q == 0;
			nr_taken += q == 0 ? 1 : -1u;
		}
		sim_used(d, q, lies ? 77 : c.head, 0);
	}
}

static struct sim_device dev = {
	.id = VIRTIO_ID_BALLOON, .queues = 2, .queue_max = 128,
	.features = VIRTIO_F_VERSION_1 | BIT(2), .notify = balloon_notify,
};

static void set_wish(u32 pages)
{
	memcpy(dev.config, &pages, 4);
	dev.irq = true;
	for (u32 i = 0; i < 200; i++)
		ck_assert_int_eq(sim_sys0(GETPID), 2);
}

static u32 actual(void)
{
	u32 v;

	memcpy(&v, dev.config + 4, 4);
	return v;
}

static void up_and_down(void)
{
	u64 total = page_counts.total, free = page_counts.free;

	set_wish(5000);
	ck_assert_uint_eq(nr_taken, 5000);
	ck_assert_uint_eq(actual(), 5000);
	ck_assert_uint_eq(page_counts.total, total - 5000);
	ck_assert_uint_eq(page_counts.free, free - 5000);
	set_wish(1234);
	ck_assert_uint_eq(nr_taken, 1234);
	ck_assert_uint_eq(actual(), 1234);
	set_wish(0);
	ck_assert_uint_eq(nr_taken, 0);
	ck_assert_uint_eq(page_counts.total, total);
	ck_assert_uint_eq(page_counts.free, free);
	ck_assert_uint_eq(repeats, 0);
}

static void greedy(void)
{
	struct page *run[512];
	u64 total = page_counts.total;
	u32 n = 0;

	set_wish(0xffffffff);
	ck_assert_uint_gt(nr_taken, 8000);
	ck_assert_uint_ge(page_counts.free, 1500);
	while (n < 512 && (run[n] = page_alloc(4, 0)))	/* 32 MiB: the balloon lets out */
		n++;
	ck_assert_uint_eq(n, 512);
	while (n--)
		page_put(run[n]);
	set_wish(0);
	ck_assert_uint_eq(page_counts.total, total);
	ck_assert_uint_eq(repeats, 0);
}

static void stubborn(void)
{
	silent = true;
	set_wish(1000);
	ck_assert_uint_eq(actual(), 0);
	set_wish(0);
	silent = false;
	balloon_notify(&dev, 0);
	set_wish(0);
	ck_assert_uint_eq(nr_taken, 0);
	lies = true;
	set_wish(1000);
	ck_assert_ptr_nonnull(strstr(sim_log(), "broken"));
	set_wish(2000);
}

static void boot_with(void (*script)(void))
{
	sim_add_device(&dev);
	ck_assert_int_eq(sim_boot(script), 0);
}

START_TEST(inflates_and_deflates) { boot_with(up_and_down); } END_TEST
START_TEST(leaves_some_and_lets_out) { boot_with(greedy); } END_TEST
START_TEST(a_device_that_waits_or_lies) { boot_with(stubborn); } END_TEST

Suite *balloon_suite(void)
{
	Suite *s = suite_create("balloon");
	TCase *tc = tcase_create("balloon");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, inflates_and_deflates);
	tcase_add_test(tc, leaves_some_and_lets_out);
	tcase_add_test(tc, a_device_that_waits_or_lies);
	suite_add_tcase(s, tc);
	return s;
}
