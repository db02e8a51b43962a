/* SPDX-License-Identifier: MIT */
/* lib/: strings, formatting, lists, red-black and radix trees. */
#include "unit.h"

#include "lib/list.h"
#include "lib/radix.h"
#include "lib/rbtree.h"
#include "mm/page.h"
#include "mm/slab.h"

static void expect(const char *want, const char *fmt, ...)
{
	char buf[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	ck_assert_msg(!strcmp(buf, want), "got \"%s\", want \"%s\"", buf, want);
}

START_TEST(format_numbers)
{
	expect("-5 5 0x1f 017 +3", "%d %u %#x %#o %+d", -5, 5u, 0x1fu, 017u, 3);
	expect("   42|42   |00042", "%5d|%-5d|%05d", 42, 42, 42);
	expect("-9223372036854775808 ffffffffffffffff", "%ld %lx", (s64)(1ul << 63), U64_MAX);
	expect("ff -1 65535", "%hhx %hhd %hu", 0x1ff, 0xff, 0x1ffff);
	expect("0042", "%.4d", 42);
}
END_TEST

START_TEST(format_strings)
{
	expect("ab|  ab|ab  |a", "%s|%4s|%-4s|%.1s", "ab", "ab", "ab", "ab");
	expect("x%(null)", "%c%%%s", 'x', NULL);
	expect("abc", "%.*s", 3, "abcdef");
}
END_TEST

START_TEST(format_truncates)
{
	char b[4];

	ck_assert_int_eq(snprintf(b, sizeof(b), "hello"), 5);
	ck_assert_str_eq(b, "hel");
	ck_assert_int_eq(scnprintf(b, sizeof(b), "hello"), 3);
	ck_assert_int_eq(snprintf(NULL, 0, "%d", 12345), 5);
}
END_TEST

START_TEST(parse)
{
	u64 v;

	ck_assert_int_eq(parse_u64("0x1f", 0, &v), 0);
	ck_assert_uint_eq(v, 31);
	ck_assert_int_eq(parse_u64("18446744073709551615", 10, &v), 0);
	ck_assert_int_eq(parse_u64("18446744073709551616", 10, &v), -ERANGE);
	ck_assert_int_eq(parse_u64("", 10, &v), -EINVAL);
	ck_assert_int_eq(parse_u64("12x", 10, &v), -EINVAL);
	ck_assert_int_eq(parse_u64("9", 8, &v), -EINVAL);
}
END_TEST

START_TEST(move_overlapping)
{
	for (int size = 0; size < 40; size++) {
		for (int shift = -9; shift < 10; shift++) {
			char a[80], want[80];

			for (int i = 0; i < 80; i++)
				a[i] = want[i] = (char)i;
			for (int i = 0; i < size; i++)
				want[20 + shift + i] = (char)(20 + i);
			memmove(a + 20 + shift, a + 20, (size_t)size);
			ck_assert_mem_eq(a, want, 80);
		}
	}
}
END_TEST

struct item {
	struct rb_node rb;
	u32 key;
};

/* Black height, or -1 when a rule is broken. */
static int check_tree(const struct rb_node *n)
{
	int l, r;

	if (!n)
		return 1;
	if (n->red && ((n->left && n->left->red) || (n->right && n->right->red)))
		return -1;
	if ((n->left && n->left->parent != n) || (n->right && n->right->parent != n))
		return -1;
	l = check_tree(n->left);
	r = check_tree(n->right);
	return l < 0 || l != r ? -1 : l + !n->red;
}

static void insert(struct rb_root *root, struct item *it)
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < rb_entry(parent, struct item, rb)->key ? &parent->left
									: &parent->right;
	}
	rb_link(&it->rb, parent, link);
	rb_insert_fixup(root, &it->rb);
}

START_TEST(rbtree_random)
{
	static struct item items[500];
	static bool in[500];
	struct rb_root root = { NULL };
	u32 seed = 1, count = 0;

	for (int step = 0; step < 20000; step++) {
		u32 i = (seed = seed * 1103515245 + 12345) >> 8 & 0xffff, prev = 0, n = 0;

		i %= 500;
		if (in[i]) {
			rb_erase(&root, &items[i].rb);
		} else {
			items[i].key = seed >> 4;
			insert(&root, &items[i]);
		}
		in[i] = !in[i];
		count += in[i] ? 1 : -1u;
		if (step % 50)
			continue;
		ck_assert_int_gt(check_tree(root.node), 0);
		for (struct rb_node *p = rb_first(&root); p; p = rb_next(p), n++) {
			ck_assert_uint_ge(rb_entry(p, struct item, rb)->key, prev);
			prev = rb_entry(p, struct item, rb)->key;
		}
		ck_assert_uint_eq(n, count);
	}
}
END_TEST

KERNEL_TEST(radix_sparse)
{
	static const u64 keys[] = { 0, 1, 63, 64, 4095, 4096, 1ul << 40, U64_MAX };
	struct radix_tree t = { NULL, 0 };
	u64 at;

	for (u32 i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_int_eq(radix_insert(&t, keys[i], (void *)(keys[i] | 1ul << 62 | 1)), 0);
	ck_assert_int_eq(radix_insert(&t, 64, &t), -EEXIST);
	at = 0;
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		ck_assert_ptr_nonnull(radix_next(&t, &at));
		ck_assert_uint_eq(at, keys[i]);
		if (at != U64_MAX)
			at++;
	}
	ck_assert_ptr_null(radix_lookup(&t, 65));
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_ptr_nonnull(radix_remove(&t, keys[i]));
	ck_assert_ptr_null(t.root);
	at = 0;
	ck_assert_ptr_null(radix_next(&t, &at));
}

Suite *lib_suite(void)
{
	Suite *s = suite_create("lib");
	TCase *tc = tcase_create("lib");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, format_numbers);
	tcase_add_test(tc, format_strings);
	tcase_add_test(tc, format_truncates);
	tcase_add_test(tc, parse);
	tcase_add_test(tc, move_overlapping);
	tcase_add_test(tc, rbtree_random);
	tcase_add_test(tc, radix_sparse);
	suite_add_tcase(s, tc);
	return s;
}
