// SPDX-License-Identifier: MIT
/*
 * The other CPUs.
 *
 * smp_start brings them up one after the other; each enters kern_cpu_main on
 * the stack of its own idle task, waits for the kernel lock and becomes that
 * idle task. There is one run queue (sched.c), so nothing has to be balanced.
 *
 * Numbers are dense: when a CPU does not start, those behind it are left off.
 *
 * What one CPU wants of another goes through hal_ipi: its kern_ipi does
 * nothing, because the way back to user mode (or the idle loop) looks at
 * need_resched, TF_SIGPENDING and the run queue anyway.
 *
 * Not supported: taking a CPU off.
 */
#include "kernel/smp.h"

#include "abi/errno.h"
#include "hal/hal.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/task.h"

static int start_one(u32 nr)
{
	struct cpu *cpu = &cpus[nr];
	struct task *idle = task_alloc_idle(cpu);

	if (!idle)
		return -ENOMEM;
	cpu->idle = idle;
	cpu->running = idle;
	return hal_cpu_start(nr, idle->stack);
}

void smp_start(u32 count)
{
	count = min(count, hal_info()->nr_cpus);
	for (u32 nr = nr_cpus_online; nr < count; nr++) {
		int err = start_one(nr);

		if (err) {
			log_err("CPU %u does not start: error %d", nr, -err);
			return;
		}
		cpus[nr].online = true;
		nr_cpus_online = nr + 1;
	}
}

void kern_cpu_main(u32 nr)
{
	bug_on(this_cpu()->nr != nr);
	kernel_lock();
	sched_idle_loop();
}

void kern_ipi(void)
{
}
