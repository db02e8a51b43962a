/* SPDX-License-Identifier: MIT */
/*
 * What a coverage build of the bare-metal kernel has besides (make hyla-cov.elf):
 * when the machine halts, the counters of gcc's --coverage go to the log, a line
 * for each object file and parts of at most 64 bytes:
 *
 *   gcda= NAME         the file that gcov will look for
 *   gcda: HEX...
 *
 * tools/gcda.sh makes files of them. The counters are found by
 * -fprofile-info-section in one section (vm/hyla.lds); libgcov has the format.
 */
#include <gcov.h>

#include "hal/hal.h"
#include "lib/string.h"
#include "lib/types.h"

#define LINE_BYTES 64u

extern const struct gcov_info *const __gcov_info_start[], *const __gcov_info_end[];

void __real_hal_halt(int status) __noreturn;
void __real_hal_panic_halt(void) __noreturn;
void __wrap_hal_halt(int status) __noreturn;
void __wrap_hal_panic_halt(void) __noreturn;

/* libgcov asks for these, and never calls them here. */
void abort(void);
void *mmap(void *addr, size_t size, int prot, int flags, int fd, long off);
void __gcov_merge_add(void *counters, unsigned count);

void abort(void)
{
	__real_hal_panic_halt();
}

void *mmap(void *addr __unused, size_t size __unused, int prot __unused, int flags __unused,
	   int fd __unused, long off __unused)
{
	return (void *)-1;
}

void __gcov_merge_add(void *counters __unused, unsigned count __unused)
{
}

static char line[2 * LINE_BYTES + 8];
static u32 used;		/* bytes in the line */

static void end_line(void)
{
	if (!used)
		return;
	line[6 + 2 * used] = '\n';
	hal_log_write(line, 7 + 2 * used);
	used = 0;
}

static void on_name(const char *name, void *arg __unused)
{
	end_line();
	hal_log_write("gcda= ", 6);
	hal_log_write(name, strlen(name));
	hal_log_write("\n", 1);
}

static void on_data(const void *data, unsigned size, void *arg __unused)
{
	memcpy(line, "gcda: ", 6);
	for (unsigned i = 0; i < size; i++) {
		u8 b = ((const u8 *)data)[i];

		line[6 + 2 * used] = "0123456789abcdef"[b >> 4];
		line[7 + 2 * used] = "0123456789abcdef"[b & 15];
		if (++used == LINE_BYTES)
			end_line();
	}
}

/* Only for counters that lists hold, which gcc makes of none of our options. */
static void *no_memory(unsigned size __unused, void *arg __unused)
{
	return NULL;
}

static void dump(void)
{
	for (const struct gcov_info *const *p = __gcov_info_start; p < __gcov_info_end; p++)
		__gcov_info_to_gcda(*p, on_name, on_data, no_memory, NULL);
	end_line();
}

void __wrap_hal_halt(int status)
{
	dump();
	__real_hal_halt(status);
}

void __wrap_hal_panic_halt(void)
{
	dump();
	__real_hal_panic_halt();
}
