/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: local APIC (xAPIC and x2APIC), IOAPIC, interrupts.
 *
 * The old PICs are masked. Device interrupts are level-triggered (IOAPIC) or
 * messages (MSI-X), all to the boot CPU. The kernel runs with interrupts off;
 * they are taken in user mode, hal_idle and hal_poll only, and each makes its
 * upcall at once: on the task's empty stack or on the idle task's.
 */
#include "hal/baremetal/bm.h"

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define X2APIC_MSRS 0x800
#define MAX_IOAPICS 4u

enum lapic_reg {
	LAPIC_ID = 0x20, LAPIC_TPR = 0x80, LAPIC_EOI = 0xb0, LAPIC_SVR = 0xf0,
	LAPIC_ICR = 0x300, LAPIC_ICR_HIGH = 0x310, LAPIC_TIMER = 0x320, LAPIC_LINT0 = 0x350,
	LAPIC_LINT1 = 0x360, LAPIC_ERROR = 0x370, LAPIC_TIMER_INIT = 0x380,
	LAPIC_TIMER_NOW = 0x390, LAPIC_TIMER_DIV = 0x3e0,
};
#define LVT_MASKED 0x10000u
#define LVT_TSC_DEADLINE 0x40000u

struct ioapic {
	volatile u32 *regs;
	u32 gsi_base, count;
};

static volatile u32 *lapic;
static bool x2apic;
static u32 timer_mode;		/* LVT_TSC_DEADLINE, or 0: one-shot */
static struct ioapic ioapics[MAX_IOAPICS];
static u32 ioapic_count;

static u32 lapic_read(u32 reg)
{
	return x2apic ? (u32)rdmsr(X2APIC_MSRS + reg / 16) : lapic[reg / 4];
}

static void lapic_write(u32 reg, u32 v)
{
	if (x2apic)
		wrmsr(X2APIC_MSRS + reg / 16, v);
	else
		lapic[reg / 4] = v;
}

static void set_timer_mode(void)
{
	lapic_write(LAPIC_TIMER, VEC_TIMER | timer_mode);
	__asm__ volatile("mfence" ::: "memory");	/* before any deadline: SDM 3A 11.5.4.1 */
}

void apic_init(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	if (!lapic) {
		outb(0x21, 0xff);
		outb(0xa1, 0xff);
		x2apic = base & 0x400;
		if (!x2apic)
			lapic = mmio_map(base & 0xffffff000ul, 4096);
	}
	wrmsr(MSR_APIC_BASE, base | 0x800 | (x2apic ? 0x400 : 0));
	lapic_write(LAPIC_SVR, 0x100 | VEC_SPURIOUS);	/* first: until then LVTs stay masked */
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LINT1, LVT_MASKED);
	lapic_write(LAPIC_ERROR, LVT_MASKED);
	lapic_write(LAPIC_TIMER_DIV, 0xb);	/* by 1 */
	set_timer_mode();
}

u32 apic_id(void)
{
	return x2apic ? lapic_read(LAPIC_ID) : lapic_read(LAPIC_ID) >> 24;
}

void apic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

void apic_timer(u64 ticks)
{
	lapic_write(LAPIC_TIMER_INIT, (u32)min(ticks, 0xfffffffful));
}

u32 apic_timer_left(void)
{
	return lapic_read(LAPIC_TIMER_NOW);
}

void apic_use_deadlines(void)
{
	timer_mode = LVT_TSC_DEADLINE;
	set_timer_mode();
}

void apic_deadline(u64 tsc)
{
	wrmsr(MSR_TSC_DEADLINE, tsc);
}

/* ---- to other CPUs ---- */

static void send(u32 id, u32 low)
{
	if (x2apic) {
		wrmsr(X2APIC_MSRS + LAPIC_ICR / 16, (u64)id << 32 | low);
		return;
	}
	for (u32 i = 0; i < 100000 && (lapic_read(LAPIC_ICR) & 0x1000); i++)
		__builtin_ia32_pause();
	lapic_write(LAPIC_ICR_HIGH, id << 24);
	lapic_write(LAPIC_ICR, low);
}

void apic_send(u32 id, u32 vector)
{
	send(id, 0x4000 | vector);
}

void apic_send_init(u32 id)
{
	send(id, 0xc500);	/* level, assert, INIT */
	send(id, 0x8500);	/* de-assert: old CPUs */
}

void apic_send_startup(u32 id, u32 page)
{
	send(id, 0x4600 | page);
}

/* ---- devices ---- */

static u32 ioapic_read(const struct ioapic *a, u32 reg)
{
	a->regs[0] = reg;
	return a->regs[4];
}

static void ioapic_write(const struct ioapic *a, u32 reg, u32 v)
{
	a->regs[0] = reg;
	a->regs[4] = v;
}

void ioapic_add(u64 base, u32 gsi_base)
{
	struct ioapic *a = &ioapics[ioapic_count];

	if (ioapic_count == MAX_IOAPICS)
		return;
	a->regs = mmio_map(base, 4096);
	a->gsi_base = gsi_base;
	a->count = (ioapic_read(a, 1) >> 16 & 0xff) + 1;
	if (a->count > 240)	/* nothing there: all ones */
		return;
	for (u32 i = 0; i < a->count; i++)
		ioapic_write(a, 0x10 + 2 * i, 0x10000);
	ioapic_count++;
}

int ioapic_route(u32 gsi, u32 vector)
{
	for (u32 i = 0; i < ioapic_count; i++) {
		const struct ioapic *a = &ioapics[i];
		u32 pin = gsi - a->gsi_base;

		if (gsi < a->gsi_base || pin >= a->count)
			continue;
		ioapic_write(a, 0x11 + 2 * pin, apic_id() << 24);
		ioapic_write(a, 0x10 + 2 * pin, 0x8000 | vector);	/* level, high */
		return 0;
	}
	return -1;
}

void bm_interrupt(u32 vector)
{
	switch (vector) {
	case VEC_TIMER:
		apic_eoi();
		clock_timer_irq();
		break;
	case VEC_IPI:
		apic_eoi();
		kern_ipi();
		break;
	case VEC_TLB:
		apic_eoi();
		tlb_serve();
		break;
	case VEC_SPURIOUS:
		break;
	default:
		bm_virtio_irq(vector);
		break;
	}
}

void hal_idle(void)
{
	bm_sti_hlt();
}

void hal_poll(void)
{
	__asm__ volatile("sti; nop; cli" ::: "memory");
	clock_poll();
}

void hal_ipi(u32 cpu)
{
	if (cpu < bm_info.nr_cpus && bm_cpus[cpu]->started)
		apic_send(bm_cpus[cpu]->apic_id, VEC_IPI);
}

void hal_relax(void)
{
	tlb_serve();
	__builtin_ia32_pause();
}
