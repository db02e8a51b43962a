/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: the other CPUs.
 *
 * smp_init prepares per-CPU data for each that the tables name, and copies the
 * start-up code below 1 MiB. hal_cpu_start sends INIT and SIPI; the CPU passes
 * the boot page tables, takes the stack in bm_ap_stack and enters the core by
 * kern_cpu_main. One CPU is started at a time.
 */
#include "abi/errno.h"
#include "hal/baremetal/bm.h"
#include "lib/string.h"

#define START_TIMEOUT_NS 5000000000ul	/* a host may let a virtual CPU wait for long */

extern char bm_ap_blob_high[], bm_ap_blob_high_end[];	/* vm/hyla.lds */
u64 bm_ap_stack;
static u32 ap_nr;

void smp_init(void)
{
	u32 me = apic_id();

	bm_cpus[0]->started = 1;
	if (cmdline_find("nosmp", 0))
		return;
	for (u32 i = 0; i < bm_acpi.cpu_count && bm_info.nr_cpus < HAL_MAX_CPUS; i++) {
		if (bm_acpi.cpu_apic[i] == me)
			continue;
		bm_cpu_alloc(bm_info.nr_cpus, bm_acpi.cpu_apic[i]);
		bm_info.nr_cpus++;
	}
	if (bm_info.nr_cpus > 1)
		memcpy(direct(AP_TRAMPOLINE), direct((u64)bm_ap_blob_high - KERNEL_BASE),
		       (size_t)(bm_ap_blob_high_end - bm_ap_blob_high));
}

static void delay(u64 ns)
{
	u64 end = hal_clock_ns() + ns;

	while (hal_clock_ns() < end)
		hal_relax();
}

static bool wait_started(const struct bm_cpu *cpu, u64 ns)
{
	u64 end = hal_clock_ns() + ns;

	while (hal_clock_ns() < end) {
		if (__atomic_load_n(&cpu->started, __ATOMIC_ACQUIRE))
			return true;
		hal_relax();
	}
	return false;
}

int hal_cpu_start(u32 nr, void *kstack)
{
	struct bm_cpu *cpu;

	if (nr == 0 || nr >= bm_info.nr_cpus || bm_cpus[nr]->started)
		return -EINVAL;
	cpu = bm_cpus[nr];
	bm_ap_stack = (u64)kstack + KSTACK_SIZE;
	ap_nr = nr;
	apic_send_init(cpu->apic_id);
	delay(200000);
	apic_send_startup(cpu->apic_id, AP_TRAMPOLINE >> 12);
	if (wait_started(cpu, START_TIMEOUT_NS / 10))
		return 0;
	apic_send_startup(cpu->apic_id, AP_TRAMPOLINE >> 12);
	return wait_started(cpu, START_TIMEOUT_NS) ? 0 : -ENODEV;
}

void bm_ap_main(void)
{
	struct bm_cpu *cpu = bm_cpus[ap_nr];

	cpu_init(cpu);
	apic_init();
	__atomic_store_n(&cpu->started, 1, __ATOMIC_RELEASE);
	kern_cpu_main(cpu->nr);
}
