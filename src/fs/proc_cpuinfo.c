/* SPDX-License-Identifier: MIT */
/*
 * /proc/cpuinfo, from CPUID: what user programs on this CPU can use.
 *
 * CPUID is an unprivileged instruction; a guest sees the same answers. The
 * flag names are those of Linux for the bits listed; "hypervisor" and the
 * kernel's own bits are not shown.
 */
#include "fs/proc_impl.h"
#include "hal/hal.h"
#include "kernel/sched.h"
#include "lib/string.h"

struct regs {
	u32 a, b, c, d;
};

static struct regs cpuid(u32 leaf, u32 sub)
{
	struct regs r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}

/* Names of 32 bits; "" is a bit without a name. */
static const char names_1d[] =
	"fpu,vme,de,pse,tsc,msr,pae,mce,cx8,apic,,sep,mtrr,pge,mca,cmov,pat,pse36,pn,clflush,,"
	"dts,acpi,mmx,fxsr,sse,sse2,ss,ht,tm,ia64,pbe";
static const char names_1c[] =
	"pni,pclmulqdq,dtes64,monitor,ds_cpl,vmx,smx,est,tm2,ssse3,cid,sdbg,fma,cx16,xtpr,pdcm,,"
	"pcid,dca,sse4_1,sse4_2,x2apic,movbe,popcnt,tsc_deadline_timer,aes,xsave,,avx,f16c,"
	"rdrand,hypervisor";
static const char names_7b[] =
	"fsgsbase,tsc_adjust,sgx,bmi1,hle,avx2,,smep,bmi2,erms,invpcid,rtm,cqm,,mpx,rdt_a,"
	"avx512f,avx512dq,rdseed,adx,smap,avx512ifma,,clflushopt,clwb,intel_pt,avx512pf,"
	"avx512er,avx512cd,sha_ni,avx512bw,avx512vl";
static const char names_7c[] =
	",avx512vbmi,umip,pku,ospke,waitpkg,avx512_vbmi2,,gfni,vaes,vpclmulqdq,avx512_vnni,"
	"avx512_bitalg,tme,avx512_vpopcntdq,,la57,,,,,,rdpid,,bus_lock_detect,cldemote,,movdiri,"
	"movdir64b,enqcmd,,";
static const char names_ext_d[] =
	",,,,,,,,,,,syscall,,,,,,,,mp,nx,,mmxext,,,fxsr_opt,pdpe1gb,rdtscp,,lm,3dnowext,3dnow";
static const char names_ext_c[] =
	"lahf_lm,cmp_legacy,svm,extapic,cr8_legacy,abm,sse4a,misalignsse,3dnowprefetch,osvw,ibs,"
	"xop,skinit,wdt,,lwp,fma4,tce,,nodeid_msr,,tbm,topoext,perfctr_core,perfctr_nb,,bpext,"
	"ptsc,perfctr_llc,mwaitx,,";

static void text_flags(struct text *t, u32 bits, const char *names)
{
	const char *end;
	u32 i;

	for (i = 0; i < 32 && *names; i++) {
		end = strchr(names, ',');
		if (!end)
			end = names + strlen(names);
		if ((bits & BIT(i)) && end > names) {
			text_putc(t, ' ');
			text_append(t, names, (size_t)(end - names));
		}
		names = *end ? end + 1 : end;
	}
}

static void text_brand(struct text *t)
{
	struct regs r[3];
	const char *p = (const char *)r;
	u32 i;

	if (cpuid(0x80000000, 0).a < 0x80000004) {
		text_puts(t, "unknown");
		return;
	}
	for (i = 0; i < 3; i++)
		r[i] = cpuid(0x80000002 + i, 0);
	while (*p == ' ')
		p++;
	text_append(t, p, strnlen(p, sizeof(r) - (size_t)(p - (const char *)r)));
}

static void show_cpu(struct text *t, u32 nr)
{
	struct regs v = cpuid(0, 0), f = cpuid(1, 0), x = { 0, 0, 0, 0 };
	u32 family = f.a >> 8 & 15, model = f.a >> 4 & 15, max_ext = cpuid(0x80000000, 0).a;
	u32 n = nr_cpus_online, khz = hal_info()->tsc_khz;

	if (family == 15)
		family += f.a >> 20 & 255;
	if (family >= 6)
		model |= f.a >> 12 & 0xf0;
	text_printf(t, "processor\t: %u\nvendor_id\t: %.4s%.4s%.4s\ncpu family\t: %u\n"
		    "model\t\t: %u\nmodel name\t: ", nr, (char *)&v.b, (char *)&v.d, (char *)&v.c,
		    family, model);
	text_brand(t);
	text_printf(t, "\nstepping\t: %u\ncpu MHz\t\t: %u.%03u\nphysical id\t: 0\nsiblings\t: %u\n"
		    "core id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\n",
		    f.a & 15, khz / 1000, khz % 1000, n, nr, n, nr, nr);
	text_printf(t, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n"
		    "flags\t\t:", v.a);
	text_flags(t, f.d, names_1d);
	if (max_ext >= 0x80000001) {
		x = cpuid(0x80000001, 0);
		text_flags(t, x.d, names_ext_d);
	}
	text_flags(t, f.c, names_1c);
	text_flags(t, x.c, names_ext_c);
	if (v.a >= 7) {
		x = cpuid(7, 0);
		text_flags(t, x.b, names_7b);
		text_flags(t, x.c, names_7c);
	}
	text_printf(t, "\nbugs\t\t:\nbogomips\t: %u.%02u\nclflush size\t: %u\n"
		    "cache_alignment\t: %u\n", khz / 500, khz / 5 % 100, (f.b >> 8 & 255) * 8,
		    (f.b >> 8 & 255) * 8);
	x = max_ext >= 0x80000008 ? cpuid(0x80000008, 0) : (struct regs){ 0x3024, 0, 0, 0 };
	text_printf(t, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
		    x.a & 255, x.a >> 8 & 255);
}

/* The cursor is the CPU to go on with. */
static int show_cpuinfo(struct text *t, void *data __unused, u64 *cursor)
{
	while (*cursor < HAL_MAX_CPUS && t->len < PAGE_SIZE) {
		if (cpus[*cursor].online)
			show_cpu(t, (u32)*cursor);
		++*cursor;
	}
	return *cursor < HAL_MAX_CPUS;
}

static const struct pseudo_ops cpuinfo_ops = { .show = show_cpuinfo };

void proc_cpuinfo_init(void)
{
	proc_add_boot("cpuinfo", 0444, &cpuinfo_ops, NULL);
}
