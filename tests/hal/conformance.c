/* SPDX-License-Identifier: MIT */
/* HAL conformance: all groups, in order. */
#include "conformance.h"

void kern_main(void)
{
	say("TAP version 13\n# hal: ");
	say(hal_info()->name);
	say("\n");
	test_machine();
	test_user();
	test_memory();
	test_kstack();
	test_fp();
	test_interrupts();
	test_virtio();
	test_smp();
	finish();
}
