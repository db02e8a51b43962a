/* SPDX-License-Identifier: MIT */
/* mm/: page and slab allocators. */
#include "unit.h"

#include "mm/page.h"
#include "mm/slab.h"

KERNEL_TEST(pages_come_back)
{
	static struct page *got[4096];
	u64 before = page_counts.free;
	u32 n = 0;

	while (n < 4096 && (got[n] = page_alloc(n % 5, ALLOC_ATOMIC))) {
		ck_assert_uint_eq(page_to_phys(got[n]) % (PAGE_SIZE << (n % 5)), 0);
		n++;
	}
	ck_assert_uint_gt(n, 100);
	for (u32 i = 0; i < n; i += 2)
		page_put(got[i]);
	for (u32 i = 1; i < n; i += 2)
		page_put(got[i]);
	ck_assert_uint_eq(page_counts.free, before);
	got[0] = page_alloc(MAX_ORDER - 1, ALLOC_ATOMIC);
	ck_assert_ptr_nonnull(got[0]);	/* it all merged again */
	page_put(got[0]);
}

KERNEL_TEST(runs_split_into_pages)
{
	u64 before = page_counts.free;
	struct page *run = page_alloc(RUN_ORDER, ALLOC_ZERO);

	ck_assert_ptr_nonnull(run);
	page_split(run, RUN_ORDER);
	ck_assert_uint_eq(page_counts.free, before - RUN_PAGES);
	for (u32 i = 0; i < RUN_PAGES; i++) {
		ck_assert_uint_eq(run[i].refcount, 1);
		ck_assert_int_eq(((u8 *)page_to_virt(&run[i]))[4095], 0);
	}
	for (u32 i = 0; i < RUN_PAGES; i++)
		page_put(&run[i]);
	ck_assert_uint_eq(page_counts.free, before);
}

KERNEL_TEST(exhaustion_is_null)
{
	struct list_head taken = LIST_HEAD_INIT(taken);
	struct page *page, *next;
	u64 before = page_counts.free;

	while ((page = page_alloc(0, ALLOC_ATOMIC)))
		list_add(&page->lru, &taken);
	ck_assert_uint_eq(page_counts.free, 0);
	ck_assert_ptr_null(kmalloc(1 << 20));
	ck_assert_ptr_null(page_alloc_virt(3, 0));
	list_for_each_entry_safe(page, next, &taken, lru) {
		list_del(&page->lru);
		page_put(page);
	}
	ck_assert_uint_eq(page_counts.free, before);
}

struct thing {
	u64 a[7];
};
static SLAB_CACHE(thing_cache, struct thing);

KERNEL_TEST(slab_objects_do_not_overlap)
{
	static struct thing *t[1000];

	for (u32 i = 0; i < 1000; i++) {
		t[i] = slab_zalloc(&thing_cache);
		ck_assert_ptr_nonnull(t[i]);
		for (u32 j = 0; j < 7; j++)
			t[i]->a[j] = i;
	}
	for (u32 i = 0; i < 1000; i++)
		for (u32 j = 0; j < 7; j++)
			ck_assert_uint_eq(t[i]->a[j], i);
	ck_assert_uint_eq(thing_cache.inuse, 1000);
	for (u32 i = 0; i < 1000; i++)
		slab_free(&thing_cache, t[(i * 7) % 1000]);
	ck_assert_uint_eq(thing_cache.inuse, 0);
	ck_assert_uint_le(thing_cache.slabs, 1);	/* one is kept */
}

KERNEL_TEST(kmalloc_sizes)
{
	for (size_t size = 1; size <= 100000; size = size * 3 / 2 + 1) {
		u8 *p = kmalloc(size), *q = kmalloc(size);

		ck_assert_ptr_nonnull(p);
		ck_assert_ptr_nonnull(q);
		ck_assert(p + size <= q || q + size <= p);
		ck_assert_uint_eq((u64)p % (size >= 64 ? 16 : 8), 0);
		memset(p, 1, size);
		memset(q, 2, size);
		ck_assert_int_eq(p[size - 1], 1);
		kfree(p);
		kfree(q);
	}
	ck_assert_ptr_null(kcalloc(1ul << 33, 1ul << 33));
	kfree(NULL);
}

Suite *mm_suite(void)
{
	Suite *s = suite_create("mm");
	TCase *tc = tcase_create("mm");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, pages_come_back);
	tcase_add_test(tc, runs_split_into_pages);
	tcase_add_test(tc, exhaustion_is_null);
	tcase_add_test(tc, slab_objects_do_not_overlap);
	tcase_add_test(tc, kmalloc_sizes);
	suite_add_tcase(s, tc);
	return s;
}
