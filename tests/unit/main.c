/* SPDX-License-Identifier: MIT */
/* Runs all suites, one process per test; prints TAP and the sums. */
#include <stdio.h>

#include "unit.h"

int main(void)
{
	SRunner *sr = srunner_create(lib_suite());
	int run, failed;

	srunner_add_suite(sr, mm_suite());
	srunner_add_suite(sr, kernel_suite());
	srunner_add_suite(sr, blk_suite());
	srunner_add_suite(sr, net_suite());
	srunner_add_suite(sr, pvclock_suite());
	srunner_add_suite(sr, balloon_suite());
	srunner_add_suite(sr, pku_suite());
	srunner_add_suite(sr, vsock_suite());
	srunner_set_fork_status(sr, CK_FORK);
	srunner_set_tap(sr, "/dev/stdout");
	srunner_run_all(sr, CK_SILENT);
	run = srunner_ntests_run(sr);
	failed = srunner_ntests_failed(sr);
	printf("%d passed, %d failed, 0 skipped\n", run - failed, failed);
	srunner_free(sr);
	return failed != 0;
}
