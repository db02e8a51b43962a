/* SPDX-License-Identifier: MIT */
/*
 * What the files of the bare-metal HAL share. Nothing here is seen by the core.
 *
 *   start.S entry.S assembly        boot.c    memory, the way to kern_main
 *   loader.c        what the loader told us
 *   cpu.c           GDT, IDT, traps, FP       paging.c  page tables, TLB
 *   apic.c          LAPIC, IOAPIC, timer      clock.c   TSC, RTC
 *   kstack.c        kernel stacks with guard pages
 *   acpi.c          tables          smp.c     other CPUs
 *   serial.c        log, power off            virtio*.c transports
 */
#ifndef HYLA_HAL_BAREMETAL_BM_H
#define HYLA_HAL_BAREMETAL_BM_H

#include "hal/cpu.h"
#include "hal/hal.h"
#include "hal/mem.h"
#include "lib/types.h"

#define DIRECT_BASE 0xffff800000000000ul
#define MMIO_BASE 0xffffc00000000000ul
#define KERNEL_BASE 0xffffffff80000000ul
#define KSTACK_AREA 0xffffff8000000000ul	/* in KERNEL_BASE's level-4 entry */
#define USER_LIMIT 0x00007ffffffff000ul
#define CANONICAL_END 0x0000800000000000ul
#define AP_TRAMPOLINE 0x8000ul

#define SEL_KCODE 0x10
#define SEL_KDATA 0x18
#define SEL_UDATA 0x2b
#define SEL_UCODE 0x33
#define SEL_TSS 0x40

enum bm_vector {
	VEC_DEVICE = 0x30,	/* to 0x5f: one per virtio device */
	VEC_TIMER = 0x60,
	VEC_IPI = 0x61,
	VEC_TLB = 0x62,
	VEC_SPURIOUS = 0x6f,
	VEC_COUNT = 0x70,
};

/* ---- instructions ---- */

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { __asm__ volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}
static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" :: "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)));
}
static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}
struct cpuid { u32 a, b, c, d; };
static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}
static inline u64 read_cr2(void) { u64 v; __asm__ volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline u64 read_cr3(void) { u64 v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline void write_cr3(u64 v) { __asm__ volatile("mov %0, %%cr3" :: "r"(v) : "memory"); }
static inline u64 read_cr4(void) { u64 v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void write_cr4(u64 v) { __asm__ volatile("mov %0, %%cr4" :: "r"(v)); }

/* ---- boot.c ---- */

struct bm_range {
	u64 start, size;
	u32 type;		/* e820: 1 RAM, 2 reserved, 3 ACPI, 4 NVS */
	u32 pad;
};
#define BM_RANGES 64
struct bm_boot {
	u32 count;
	u32 pad;
	struct bm_range map[BM_RANGES];
	u64 initrd, initrd_size;
	u64 rsdp;
	u8 rsdp_copy[36];	/* Multiboot2 gives no address */
	char cmdline[4096];
};
extern struct bm_boot bm_boot;
extern struct hal_info bm_info;
void bm_main(u32 protocol, u64 info) __noreturn;
/* loader.c: fills in bm_boot. protocol: 0 PVH, 1 Linux, 3 Multiboot2. */
void loader_read(u32 protocol, u64 info);
/* Into bm_boot.map; the order is kept. Overlaps are fine: the first one counts. */
void loader_add_range(u64 start, u64 end, u32 type);
/* Zeroed, page aligned memory for ever; only before kern_main. Panics. */
void *early_alloc(u64 size);
/* "name" or "name=VALUE" of the command line: points after '=', or NULL. */
const char *cmdline_find(const char *name, u32 nr);

static inline void *direct(u64 pa) { return (void *)(DIRECT_BASE + pa); }

/* ---- paging.c ---- */

extern u64 bm_root;		/* physical address of the kernel's own level-4 table */
void paging_init(void);
/* Uncached, not executable; only before kern_main. */
volatile void *mmio_map(u64 pa, u64 size);
/* The table of the given level (2: its entries are tables of pages) around va. */
u64 *paging_table(u64 va, u32 level);
void tlb_serve(void);		/* answers another CPU's flush request */
void tlb_flush_kernel(void);	/* on all CPUs, what is not global */

/* ---- kstack.c ---- */

void kstack_init(void);
bool kstack_is_guard(u64 va);

/* ---- cpu.c ---- */

struct bm_tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;
_Static_assert(sizeof(struct bm_tss) == 104, "Intel SDM vol. 3A 8.7");

#define IST_STACK 4096u
/* One per CPU. The first three fields are known to assembly (offsets from GS). */
struct bm_cpu {
	u64 entry_rsp;		/* top of the current task's stack - 24 */
	u64 user_rsp;
	struct bm_cpu *self;
	u32 nr, apic_id;
	struct hal_thread *thread;	/* whose turn it is, NULL: a kernel thread */
	struct hal_thread *fp_owner;	/* whose vector registers are in the CPU */
	struct hal_as *as;
	u64 cr3;
	u64 fsbase, gsbase;	/* in the CPU now, without FSGSBASE */
	u64 timer_ns;		/* armed for, U64_MAX: not */
	u32 tlb_wanted;
	u32 started;
	u64 gdt[10];
	struct bm_tss tss;
	u8 *ist;		/* three stacks */
};
extern struct bm_cpu *bm_cpus[HAL_MAX_CPUS];
struct bm_cpu *bm_this_cpu(void);
struct bm_cpu *bm_cpu_alloc(u32 nr, u32 apic_id);
void cpu_detect(void);		/* fills in bm_info's CPU part */
void cpu_init(struct bm_cpu *cpu);	/* this CPU: control registers, tables, MSRs */

struct bm_kframe {		/* trap_kernel in entry.S */
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};
void bm_syscall(struct trapframe *tf);
void bm_trap_user(struct trapframe *tf, u64 vector, u64 error);
void bm_trap_kernel(struct bm_kframe *kf);
void bm_interrupt(u32 vector);
extern char bm_vectors[], bm_syscall_entry[];
void bm_user_resume(struct trapframe *tf) __noreturn;
void bm_sti_hlt(void);

/* ---- apic.c, clock.c ---- */

void apic_init(void);		/* this CPU's LAPIC */
u32 apic_id(void);
void apic_eoi(void);
void apic_timer(u64 ticks);	/* one-shot, 0 stops */
u32 apic_timer_left(void);
/* From now on the timer of each CPU fires at a time of the TSC; 0: never. */
void apic_use_deadlines(void);
void apic_deadline(u64 tsc);
void apic_send(u32 apic_id, u32 vector);
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, u32 page);
void ioapic_add(u64 base, u32 gsi_base);
/* Routes a level-triggered, active-high GSI to the boot CPU. */
int ioapic_route(u32 gsi, u32 vector) __must_check;
void clock_init(void);
void clock_timer_irq(void);
void clock_poll(void);		/* a deadline that has passed, if the interrupt is late */

/* ---- acpi.c ---- */

struct bm_acpi {
	u64 rsdp;
	u64 mcfg_base;		/* PCI ECAM, 0: none */
	u32 mcfg_bus_end;
	u32 cpu_count;
	u32 cpu_apic[HAL_MAX_CPUS];
	u32 reset_type;		/* address space of the reset register, ~0: none */
	u64 reset_addr;
	u8 reset_value;
	bool hw_reduced;
	u16 pm1a_cnt;
	u64 sleep_addr;		/* sleep control register (hw-reduced), 0: none */
	bool sleep_is_io;
};
extern struct bm_acpi bm_acpi;
void acpi_init(void);

/* ---- smp.c, serial.c ---- */

extern u64 bm_ap_stack;
void bm_ap_main(void) __noreturn;
void smp_init(void);

void serial_init(void);
void bm_log(const char *text);
void bm_log_hex(const char *name, u64 v);
/* Boot cannot go on. */
void bm_die(const char *why) __noreturn;

/* ---- virtio*.c ---- */

void bm_virtio_init(void);
void bm_virtio_irq(u32 vector);
void virtio_mmio_probe(void);
void virtio_pci_probe(void);

/* One transport's operations; dev is its own index. */
struct bm_virtio_ops {
	u8 (*status)(void *d);
	void (*set_status)(void *d, u8 status);
	u64 (*features)(void *d);
	void (*accept)(void *d, u64 features);
	void (*config_read)(void *d, u32 offset, void *buf, u32 size);
	void (*config_write)(void *d, u32 offset, const void *buf, u32 size);
	u32 (*queue_max)(void *d, u32 q);
	int (*queue_setup)(void *d, u32 q, u32 size, u64 desc, u64 avail, u64 used);
	void (*notify)(void *d, u32 q);
	void (*ack)(void *d);		/* interrupt arrived, before EOI; NULL: none needed */
};
/* Adds a device; its number, or -ENOSPC. Its vector is VEC_DEVICE + number. */
int bm_virtio_add(u32 id, const struct bm_virtio_ops *ops, void *d);

#endif
