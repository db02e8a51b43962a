// SPDX-License-Identifier: MIT
/*
 * When each phase of the boot ended.
 *
 * Times are those of the TSC, which starts with the machine, so the first line
 * is all that came before the clock: firmware and the HAL's own start. Under
 * QEMU's -icount shift=0 a nanosecond is an instruction and charts repeat.
 */
#include "kernel/bootchart.h"

#include "hal/hal.h"
#include "kernel/config.h"
#include "lib/string.h"

#define PHASES 16u

static struct {
	const char *name;
	u64 at_ns;
} phase[PHASES];
static u32 phase_count;

void boot_mark(const char *name)
{
	if (phase_count == PHASES)
		return;
	phase[phase_count].name = name;
	phase[phase_count++].at_ns = hal_clock_ns();
}

void boot_chart_print(void)
{
	struct hal_timesource ts;
	u64 khz = hal_info()->tsc_khz, last = 0, start = 0;
	char line[96];

	if (!config_get("hyla.bootchart", 0))
		return;
	hal_timesource(&ts);
	if (khz)
		start = ts.base_tsc / khz * 1000000 + ts.base_tsc % khz * 1000000 / khz;
	hal_log_write(line, (size_t)scnprintf(line, sizeof(line), "boot: %10lu ns  %10lu  %s\n",
					      start, start, "firmware, machine"));
	for (u32 i = 0; i < phase_count; i++) {
		hal_log_write(line, (size_t)scnprintf(line, sizeof(line),
						      "boot: %10lu ns  %10lu  %s\n",
						      start + phase[i].at_ns,
						      phase[i].at_ns - last, phase[i].name));
		last = phase[i].at_ns;
	}
}
