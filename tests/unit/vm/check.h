/* SPDX-License-Identifier: MIT */
/*
 * As much of Check's interface as the unit tests of the core's lowest parts use,
 * without a C library: for a kernel that is nothing but them (run.c). A test runs
 * as it is added to its case; a failed assertion ends it.
 */
#ifndef TESTS_UNIT_VM_CHECK_H
#define TESTS_UNIT_VM_CHECK_H

typedef struct Suite { const char *name; } Suite;
typedef struct TCase { const char *name; } TCase;

struct unit_test {
	const char *name;
	void (*fn)(int _i);
};

#define START_TEST(id) \
	static void id##_fn(int _i); \
	static const struct unit_test id[1] = { { #id, id##_fn } }; \
	static void id##_fn(int _i __attribute__((unused)))
#define END_TEST

Suite *suite_create(const char *name);
TCase *tcase_create(const char *name);
void unit_run(const struct unit_test *test, int first, int end);
#define suite_add_tcase(s, tc) ((void)(s), (void)(tc))
#define tcase_set_timeout(tc, seconds) ((void)(tc))
#define tcase_add_test(tc, test) ((void)(tc), unit_run(test, 0, 1))
#define tcase_add_loop_test(tc, test, first, end) ((void)(tc), unit_run(test, first, end))

void unit_fail(const char *file, int line, const char *fmt, ...) 
	__attribute__((format(printf, 3, 4), noreturn));

#define ck_assert_msg(c, ...) ((c) ? (void)0 : unit_fail(__FILE__, __LINE__, __VA_ARGS__))
#define ck_assert(c) ck_assert_msg(c, "%s", #c)
#define CK_COMPARE(type, format, a, op, b) do { \
	type a_ = (type)(a), b_ = (type)(b); \
	ck_assert_msg(a_ op b_, "%s " #op " %s: " format ", " format, #a, #b, a_, b_); \
} while (0)
#define ck_assert_int_eq(a, b) CK_COMPARE(s64, "%ld", a, ==, b)
#define ck_assert_int_ne(a, b) CK_COMPARE(s64, "%ld", a, !=, b)
#define ck_assert_int_gt(a, b) CK_COMPARE(s64, "%ld", a, >, b)
#define ck_assert_int_ge(a, b) CK_COMPARE(s64, "%ld", a, >=, b)
#define ck_assert_int_lt(a, b) CK_COMPARE(s64, "%ld", a, <, b)
#define ck_assert_int_le(a, b) CK_COMPARE(s64, "%ld", a, <=, b)
#define ck_assert_uint_eq(a, b) CK_COMPARE(u64, "%lu", a, ==, b)
#define ck_assert_uint_ne(a, b) CK_COMPARE(u64, "%lu", a, !=, b)
#define ck_assert_uint_gt(a, b) CK_COMPARE(u64, "%lu", a, >, b)
#define ck_assert_uint_ge(a, b) CK_COMPARE(u64, "%lu", a, >=, b)
#define ck_assert_uint_lt(a, b) CK_COMPARE(u64, "%lu", a, <, b)
#define ck_assert_uint_le(a, b) CK_COMPARE(u64, "%lu", a, <=, b)
#define ck_assert_ptr_eq(a, b) ck_assert((a) == (b))
#define ck_assert_ptr_ne(a, b) ck_assert((a) != (b))
#define ck_assert_ptr_null(p) ck_assert((p) == NULL)
#define ck_assert_ptr_nonnull(p) ck_assert((p) != NULL)
#define ck_assert_str_eq(a, b) ck_assert(!strcmp(a, b))
#define ck_assert_mem_eq(a, b, n) ck_assert(!memcmp(a, b, n))

#endif
