/* SPDX-License-Identifier: MIT */
/* What every unit test file includes: Check, then the core's headers. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#undef NULL
#undef offsetof
#undef SIZE_MAX

#include "abi/errno.h"
#include "hal/sim/sim.h"
#include "lib/string.h"

/* A test whose body runs inside the simulated kernel, memory allocators up. */
#define KERNEL_TEST(name) \
	static void name##_body(void *unused); \
	START_TEST(name) { sim_call(name##_body, NULL); } END_TEST \
	static void name##_body(void *unused __unused)

/* A test that is a program's system calls in a freshly booted kernel. */
#define SCRIPT_TEST(name) \
	static void name##_script(void); \
	START_TEST(name) { ck_assert_int_eq(sim_boot(name##_script), 0); } END_TEST \
	static void name##_script(void)

Suite *lib_suite(void);
Suite *mm_suite(void);
Suite *kernel_suite(void);
Suite *blk_suite(void);
Suite *net_suite(void);
Suite *pvclock_suite(void);
Suite *balloon_suite(void);
Suite *pku_suite(void);
Suite *vsock_suite(void);

#endif
