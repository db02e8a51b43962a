/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: time.
 *
 * The clock is the TSC, scaled to ns. Its frequency comes from
 *
 *   a hypervisor      CPUID 0x40000010, or kvmclock's page (pvclock.h), or it is measured
 *                     against the LAPIC timer, which counts at 1 GHz in QEMU and KVM; PIT,
 *                     HPET and PM timer need not exist
 *   a machine without one (hardware, Bochs)
 *                     measured against the PIT, and the LAPIC timer with it
 *
 * The wall clock at boot comes from hyla.epoch= on the command line, or kvmclock, or
 * the CMOS clock.
 *
 * The timer is the LAPIC's: in TSC-deadline mode where it has that, else one-shot;
 * then times beyond its range are armed again.
 * Not supported: kvmclock as the clock itself, so a TSC that is not stable.
 */
#include "hal/baremetal/bm.h"
#include "hal/baremetal/pvclock.h"
#include "mm/page.h"
#include "lib/string.h"

#define NSEC 1000000000ul
#define CALIBRATE_NS 250000u
#define TIMER_MAX_NS 4000000000ul
#define SHIFT 24
#define PIT_HZ 1193182ul
#define PIT_COUNT 11932u	/* 10 ms */
#define PIT_POLLS 1000000u	/* of a port: a second, on hardware, if its clock stands still */
#define MSR_KVM_WALL_CLOCK 0x4b564d00
#define MSR_KVM_SYSTEM_TIME 0x4b564d01

static struct hal_timesource ts;
static u64 epoch_ns;
static u64 lapic_hz = NSEC;
static u64 timer_mult;		/* ticks of the timer in a ns, times 2^SHIFT */
static bool deadlines;		/* they are TSC cycles */

static u64 scale(u64 ticks)
{
	return (u64)((unsigned __int128)ticks * ts.mult >> ts.shift);
}

u64 hal_clock_ns(void)
{
	return ts.base_ns + scale(rdtsc() - ts.base_tsc);
}

u64 hal_clock_epoch_ns(void)
{
	return epoch_ns;
}

void hal_timesource(struct hal_timesource *out)
{
	*out = ts;
}

/* ---- frequency ---- */

/* A (TSC, LAPIC count) pair taken as close together as can be in a few tries. */
static void sample(u64 *tsc, u32 *count)
{
	u64 best = U64_MAX;

	for (u32 i = 0; i < 5; i++) {
		u64 before = rdtsc();
		u32 c = apic_timer_left();
		u64 after = rdtsc();

		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*count = c;
		}
	}
}

static u64 measure_hz(void)
{
	u64 t0 = 0, t1 = 0;
	u32 c0 = 0, c1, spins = 0;

	apic_timer(0xffffffff);
	sample(&t0, &c0);
	do {
		c1 = apic_timer_left();
		__builtin_ia32_pause();
	} while (c0 - c1 < CALIBRATE_NS && ++spins < 10000000);
	sample(&t1, &c1);
	apic_timer(0);
	if (c0 - c1 < CALIBRATE_NS / 2 || t1 <= t0)
		return 0;
	return (t1 - t0) * 1000000 / (c0 - c1) * 1000;	/* no 128-bit division here */
}

/* Against the PIT's channel 2, whose gate and output are at port 0x61: the TSC's
 * frequency, and lapic_hz. 0: there is none. */
static u64 measure_by_pit(void)
{
	u8 gate = inb(0x61) & 0xfc;
	u64 t0, t1;
	u32 spins = 0, c1;

	outb(0x61, gate | 1);		/* gate on, no speaker */
	outb(0x43, 0xb0);		/* channel 2, both bytes, mode 0 */
	outb(0x42, PIT_COUNT & 0xff);
	apic_timer(0xffffffff);
	outb(0x42, PIT_COUNT >> 8);	/* counts from here on */
	t0 = rdtsc();
	while (!(inb(0x61) & 0x20) && ++spins < PIT_POLLS)
		;
	t1 = rdtsc();
	c1 = apic_timer_left();
	apic_timer(0);
	outb(0x61, gate);
	if (spins < 10 || spins == PIT_POLLS)
		return 0;
	lapic_hz = (0xffffffff - c1) * PIT_HZ / PIT_COUNT;
	return (t1 - t0) * PIT_HZ / PIT_COUNT;
}

/* A KVM host's word, asked once: the frequency (0: none), and the wall clock at
 * our time 0, if it tells. */
static u64 kvm_hz(void)
{
	struct cpuid hv = cpuid(0x40000000, 0);
	struct pvclock_time t;
	struct pvclock_wall *wall;
	void *page;
	u64 ns;

	if (!(cpuid(1, 0).c & BIT(31)) || hv.b != 0x4b4d564b || hv.c != 0x564b4d56 || hv.d != 0x4d ||
	    !(cpuid(0x40000001, 0).a & BIT(3)))
		return 0;
	page = early_alloc(PAGE_SIZE);
	wrmsr(MSR_KVM_SYSTEM_TIME, ((u64)page - DIRECT_BASE) | 1);
	if (!pvclock_read_time(page, &t))
		t = (struct pvclock_time){ 0 };
	wrmsr(MSR_KVM_SYSTEM_TIME, 0);
	wall = (struct pvclock_wall *)((u8 *)page + 2048);
	wrmsr(MSR_KVM_WALL_CLOCK, (u64)wall - DIRECT_BASE);
	if (pvclock_hz(&t) && pvclock_read_wall(wall, &ns))
		epoch_ns = ns + pvclock_ns(&t, rdtsc());
	return pvclock_hz(&t);
}

static u64 tsc_hz(void)
{
	struct cpuid hv = cpuid(0x40000000, 0);
	bool virtual = cpuid(1, 0).c & BIT(31);
	u64 hz = 0;

	if (virtual && hv.a >= 0x40000010 && hv.a < 0x40001000)
		hz = cpuid(0x40000010, 0).a * 1000ul;
	if (!hz)
		hz = kvm_hz();
	if (!hz && !virtual)
		hz = measure_by_pit();
	if (!hz)
		hz = measure_hz();
	if (hz < 1000000) {
		bm_log("hyla: no LAPIC timer to measure the TSC with, assuming 1 GHz\n");
		hz = NSEC;
	}
	return hz;
}

/* ---- wall clock ---- */

static u8 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static u32 from_bcd(u8 v, bool binary)
{
	return binary ? v : (v >> 4) * 10u + (v & 15);
}

/* Days since 1970-01-01 (proleptic Gregorian). */
static u64 days(u32 y, u32 m, u32 d)
{
	static const u16 before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	u64 n = (y - 1970) * 365ul + (y - 1969) / 4 - (y - 1901) / 100 + (y - 1601) / 400;
	bool leap = (y % 4 == 0 && y % 100) || y % 400 == 0;

	return n + before[m - 1] + (leap && m > 2) + d - 1;
}

static void read_rtc(void)
{
	u32 v[6];	/* second, minute, hour, day, month, year */
	static const u8 regs[6] = { 0, 2, 4, 7, 8, 9 };
	bool binary;

	if (cmos(0x0d) == 0xff && cmos(0x0b) == 0xff)
		return;		/* no such clock */
	for (u32 i = 0; i < 100000 && (cmos(0x0a) & 0x80); i++)
		;
	binary = cmos(0x0b) & 4;
	for (u32 i = 0; i < 6; i++) {
		u8 raw = cmos(regs[i]);

		if (i == 2 && !(cmos(0x0b) & 2) && (raw & 0x80))	/* 12 h, pm */
			v[i] = from_bcd(raw & 0x7f, binary) % 12 + 12;
		else
			v[i] = from_bcd(raw, binary);
	}
	if (v[4] < 1 || v[4] > 12 || v[3] < 1 || v[3] > 31 || v[2] > 23)
		return;
	v[5] += v[5] < 70 ? 2000 : 1900;
	epoch_ns = (((days(v[5], v[4], v[3]) * 24 + v[2]) * 60 + v[1]) * 60 + v[0]) * NSEC;
}

/* hyla.epoch=NS on the command line: the host's clock when it started us. */
static bool read_epoch(void)
{
	const char *arg = cmdline_find("hyla.epoch", 0);
	u64 ns = 0;

	for (; arg && *arg >= '0' && *arg <= '9' && ns < U64_MAX / 20; arg++)
		ns = ns * 10 + (u64)(*arg - '0');
	if (ns)
		epoch_ns = ns;
	return ns != 0;
}

void clock_init(void)
{
	u64 hz = tsc_hz();

	ts.shift = SHIFT;
	ts.mult = (u32)((NSEC << SHIFT) / hz);
	ts.base_tsc = rdtsc();
	ts.base_ns = 0;
	bm_info.tsc_khz = (u32)(hz / 1000);
	deadlines = cpuid(1, 0).c & BIT(24);
	if (deadlines)
		apic_use_deadlines();
	timer_mult = ((deadlines ? hz : lapic_hz) << SHIFT) / NSEC + 1;
	if (!read_epoch() && !epoch_ns)
		read_rtc();
}

/* ---- timer ---- */

static void set_timer(struct bm_cpu *cpu)
{
	u64 tsc = rdtsc(), now = ts.base_ns + scale(tsc - ts.base_tsc), at = cpu->timer_ns, ticks;

	if (at == U64_MAX) {
		deadlines ? apic_deadline(0) : apic_timer(0);
		return;
	}
	ticks = at <= now ? 0 : min(at - now, TIMER_MAX_NS);
	ticks = (ticks * timer_mult >> SHIFT) + 1;
	deadlines ? apic_deadline(tsc + ticks) : apic_timer(ticks);
}

void hal_timer_arm(u64 abs_ns)
{
	struct bm_cpu *cpu = bm_this_cpu();

	if (cpu->timer_ns == U64_MAX && abs_ns == U64_MAX)
		return;
	cpu->timer_ns = abs_ns;
	set_timer(cpu);
}

void clock_timer_irq(void)
{
	struct bm_cpu *cpu = bm_this_cpu();

	if (cpu->timer_ns == U64_MAX)
		return;
	if (hal_clock_ns() < cpu->timer_ns) {	/* a far time, or a rounding */
		set_timer(cpu);
		return;
	}
	cpu->timer_ns = U64_MAX;
	kern_timer();
}

void clock_poll(void)
{
	if (hal_clock_ns() >= bm_this_cpu()->timer_ns)
		clock_timer_irq();
}
