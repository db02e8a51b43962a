/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: early log on the first 16550 serial port, and the ways out.
 *
 * The log never waits for ever: a port that is not there reads 0xff and is not
 * used; one that never gets ready costs a bounded number of polls.
 *
 * Ways out, tried in this order: QEMU's isa-debug-exit (0x10 for status 0, else
 * 0x11, so QEMU exits with 33 or 35), ACPI (sleep or PM1a control register; the
 * S5 type is 5 as in QEMU's and cloud-hypervisor's tables, or 0 with PM1a), the
 * keyboard controller's reset, and a triple fault.
 */
#include "hal/baremetal/bm.h"
#include "lib/string.h"

#define COM1 0x3f8

static bool present;

void serial_init(void)
{
	outb(COM1 + 7, 0x5a);		/* scratch register */
	if (inb(COM1 + 7) != 0x5a && inb(COM1 + 5) == 0xff)
		return;
	outb(COM1 + 1, 0);		/* no interrupts */
	outb(COM1 + 3, 0x80);
	outb(COM1 + 0, 1);		/* 115200 */
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);		/* 8n1 */
	outb(COM1 + 2, 7);		/* FIFO on, cleared */
	outb(COM1 + 4, 3);
	present = true;
}

static void put(char c)
{
	for (u32 i = 0; i < 10000 && !(inb(COM1 + 5) & 0x20); i++)
		__builtin_ia32_pause();
	outb(COM1, (u8)c);
}

void hal_log_write(const char *text, size_t len)
{
	for (size_t i = 0; present && i < len; i++) {
		if (text[i] == '\n')
			put('\r');
		put(text[i]);
	}
}

void bm_log(const char *text)
{
	hal_log_write(text, strlen(text));
}

void bm_log_hex(const char *name, u64 v)
{
	char text[16];

	for (u32 i = 0; i < 16; i++)
		text[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	bm_log(name);
	hal_log_write(text, sizeof(text));
}

void bm_die(const char *why)
{
	bm_log("hyla: ");
	bm_log(why);
	bm_log("\n");
	hal_panic_halt();
}

/* ---- the end ---- */

static void acpi_off(void)
{
	const struct bm_acpi *a = &bm_acpi;

	if (a->sleep_addr && a->sleep_is_io)
		outb((u16)a->sleep_addr, 0x34);		/* SLP_EN, type 5 */
	else if (a->sleep_addr)
		*(volatile u8 *)(MMIO_BASE + a->sleep_addr) = 0x34;
	if (a->pm1a_cnt) {
		outw(a->pm1a_cnt, 0x2000);		/* SLP_EN, type 0: QEMU */
		outw(a->pm1a_cnt, 0x3400);
	}
	outw(0x604, 0x2000);
	outb(0x600, 0x34);
}

static void triple_fault(void)
{
	struct { u16 limit; u64 base; } __packed none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" :: "m"(none));
}

void hal_halt(int status)
{
	__asm__ volatile("cli");
	outl(0xf4, status == 0 ? 0x10 : 0x11);
	acpi_off();
	outb(0x64, 0xfe);
	triple_fault();
	for (;;)
		__asm__ volatile("hlt");
}

void hal_panic_halt(void)
{
	__asm__ volatile("cli");
	outl(0xf4, 0x12);		/* QEMU exits with 37 */
	hal_halt(0xff00);
}
