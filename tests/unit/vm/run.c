/* SPDX-License-Identifier: MIT */
/*
 * A kernel that is nothing but unit tests: libcore.a with the bare-metal HAL,
 * whose way into the core is turned to here (the linker's --wrap=kern_main).
 * The allocators are up, as sim_call() has them; the tests of lib/ and mm/ run
 * one after the other in this one kernel, and say so in TAP through the log.
 *
 * Those that boot a kernel for each case (test_kernel.c, test_blk.c) need the
 * simulated HAL.
 */
#include "unit.h"

#include "hal/hal.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "mm/page.h"
#include "mm/slab.h"

static u32 nr, failures;
static void *escape[5];

void __wrap_kern_main(void);

static void say(const char *fmt, ...) __printf(1, 2);
static void say(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	hal_log_write(line, strlen(line));
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	char text[192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("# %s:%d: %s\n", file, line, text);
	__builtin_longjmp(escape, 1);
}

static __attribute__((noinline)) bool passes(const struct unit_test *test, int i)
{
	if (__builtin_setjmp(escape))
		return false;
	test->fn(i);
	return true;
}

void unit_run(const struct unit_test *test, int first, int end)
{
	for (int i = first; i < end; i++) {
		bool good = passes(test, i);

		failures += !good;
		say("%sok %u - %s\n", good ? "" : "not ", ++nr, test->name);
	}
}

Suite *suite_create(const char *name)
{
	static Suite s;

	say("# %s\n", name);
	return &s;
}

TCase *tcase_create(const char *name)
{
	static TCase tc;

	tc.name = name;
	return &tc;
}

void sim_call(void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

void __wrap_kern_main(void)
{
	task_init_boot();
	slab_init();
	page_init();
	sched_init(&boot_task);
	say("TAP version 13\n");
	lib_suite();
	mm_suite();
	pvclock_suite();
	say("1..%u\n", nr);
	hal_halt(failures ? 1 << 8 : 0);
}
