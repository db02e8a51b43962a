/* SPDX-License-Identifier: MIT */
/* hal/hosted/pku.h: PKRU of user code, and where a signal frame has it. */
#include "unit.h"

#include "hal/hosted/pku.h"

#define USER_CS 0x33
#define OFFSET 2432u

START_TEST(user_pkru)
{
	/* A trapframe that the core made: Linux's value, the kernel closed. */
	ck_assert_uint_eq(pku_of_user(USER_CS), 0x55555554);
	/* A guest's own is kept, but for the kernel's key. */
	ck_assert_uint_eq(pku_of_user(pku_keep(USER_CS, 0x5555555c)), 0x5555555c);
	ck_assert_uint_eq(pku_of_user(pku_keep(USER_CS, 0xfffffffc)), 0xfffffffc);
	ck_assert_uint_eq(pku_of_user(pku_keep(USER_CS, 0)), PKU_CLOSED);
	ck_assert_uint_eq(pku_of_user(pku_keep(USER_CS, 0xffffffff)), 0xffffffff);
	ck_assert_uint_eq((u16)pku_keep(USER_CS, 0xdeadbeef), USER_CS);
	ck_assert_uint_eq(pku_keep(USER_CS, PKU_INIT), USER_CS);
	ck_assert_uint_eq(PKU_CLOSED, 1u << 2 * PKU_KEY);
}
END_TEST

/* A frame as the host makes it: software's bytes, PKRU in the image. */
static u8 *frame(u32 magic, u32 size, u64 features)
{
	static u8 image[4096] __attribute__((aligned(64)));
	u32 pkru = 0x5555555c;

	memset(image, 0, sizeof(image));
	memcpy(image + 464, &magic, 4);
	memcpy(image + 468, &size, 4);
	memcpy(image + 472, &features, 8);
	memcpy(image + OFFSET, &pkru, 4);
	return image;
}

START_TEST(pkru_in_frame)
{
	u8 *f = frame(0x46505853, OFFSET + 8 + 4, 0x207);

	ck_assert_ptr_eq(pku_in_frame(f, OFFSET), f + OFFSET);
	ck_assert_uint_eq(*pku_in_frame(f, OFFSET), 0x5555555c);
	ck_assert_ptr_null(pku_in_frame(NULL, OFFSET));
	ck_assert_ptr_null(pku_in_frame(f, 0));
	ck_assert_ptr_null(pku_in_frame(f, 575));
	ck_assert_ptr_null(pku_in_frame(f, ~0u));
	/* No extended frame, one without PKRU, one that ends before. */
	ck_assert_ptr_null(pku_in_frame(frame(0, OFFSET + 12, 0x207), OFFSET));
	ck_assert_ptr_null(pku_in_frame(frame(0x46505853, OFFSET + 12, 0x7), OFFSET));
	ck_assert_ptr_null(pku_in_frame(frame(0x46505853, OFFSET + 3, 0x207), OFFSET));
	ck_assert_ptr_null(pku_in_frame(frame(0x46505853, 0, 0x207), OFFSET));
	f = frame(0x46505853, OFFSET + 4, 0x207);
	ck_assert_ptr_eq(pku_in_frame(f, OFFSET), f + OFFSET);
}
END_TEST

Suite *pku_suite(void)
{
	Suite *s = suite_create("pku");
	TCase *tc = tcase_create("pku");

	tcase_add_test(tc, user_pkru);
	tcase_add_test(tc, pkru_in_frame);
	suite_add_tcase(s, tc);
	return s;
}
