/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: fixed-size records in a ring, for dmesg, and the HAL's
 * output for those that are important enough. Usable from any context.
 */
#include "kernel/log.h"

#include "abi/errno.h"
#include "hal/cpu.h"
#include "hal/hal.h"
#include "kernel/wait.h"

#define RECORDS CONFIG_LOG_RECORDS
#define RECORD_TEXT 176
#define PANIC_TEXT 0x60000ul	/* bytes around us that are surely text */

struct record {
	u64 time_ns;
	u8 level;
	u8 len;
	char text[RECORD_TEXT];
};

int log_level = CONFIG_LOG_LEVEL;

static struct record ring[RECORDS];
static u64 next_seq;
static struct waitqueue wq = WAITQUEUE_INIT(wq);
static bool waking;

void log_at(enum log_level level, const char *fmt, ...)
{
	struct record *r = &ring[next_seq % RECORDS];
	char line[RECORD_TEXT + 32];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	n = min(n, RECORD_TEXT - 1);
	while (n > 0 && r->text[n - 1] == '\n')
		r->text[--n] = 0;
	r->len = (u8)n;
	r->level = (u8)level;
	r->time_ns = hal_clock_ns();
	next_seq++;
	if ((int)level <= log_level) {
		n = scnprintf(line, sizeof(line), "[%5lu.%06lu] %s\n", r->time_ns / 1000000000ul,
			      r->time_ns / 1000 % 1000000, r->text);
		hal_log_write(line, (size_t)n);
	}
	if (!waking) {		/* a waiter that logs must not recurse */
		waking = true;
		wake_up_all(&wq);
		waking = false;
	}
}

u64 log_next_seq(void)
{
	return next_seq;
}

u64 log_first_seq(void)
{
	return next_seq > RECORDS ? next_seq - RECORDS : 0;
}

struct waitqueue *log_waitqueue(void)
{
	return &wq;
}

ssize_t log_read(u64 *seq, int *level, u64 *time_ns, char *buf, size_t size)
{
	const struct record *r;

	*seq = max(*seq, log_first_seq());
	if (*seq >= next_seq)
		return -ENOENT;
	r = &ring[*seq % RECORDS];
	*level = r->level;
	*time_ns = r->time_ns;
	strlcpy(buf, r->text, size);
	return (ssize_t)min((size_t)r->len, size - 1);
}

/* Is there a call instruction just before this address? */
static bool is_return(u64 addr)
{
	const u8 *p = (const u8 *)addr;

	return p[-5] == 0xe8 || (p[-2] == 0xff && (p[-1] & 0xf8) == 0xd0) ||
	       (p[-3] == 0xff && (p[-2] & 0xf8) == 0x50) ||
	       (p[-6] == 0xff && (p[-5] & 0xf8) == 0x90) || (p[-6] == 0xff && p[-5] == 0x15);
}

static void print_caller(u64 addr, u32 times)
{
	char line[64];
	int n = scnprintf(line, sizeof(line), "  called from 0x%016lx", addr);

	if (times > 1)
		n += scnprintf(line + n, sizeof(line) - (size_t)n, " %u times", times);
	line[n++] = '\n';
	hal_log_write(line, (size_t)n);
}

/* There are no frame pointers: every word of the stack that looks like a
 * return address into the kernel's text (near this function). Old ones that
 * nothing has overwritten may be among them. */
static void print_callers(const u64 *at)
{
	const u64 *end = (const u64 *)(((u64)at | (KSTACK_SIZE - 1)) + 1);
	u64 here = (u64)print_callers, last = 0;
	u32 n = 0, times = 0;

	for (; at && at < end && n < 24; at++) {
		if (*at - here + PANIC_TEXT > 2 * PANIC_TEXT || !is_return(*at))
			continue;
		if (times && *at != last) {
			print_caller(last, times);
			times = 0;
			n++;
		}
		last = *at;
		times++;
	}
	if (times)
		print_caller(last, times);
}

static __noreturn void stop(const u64 *stack, const char *fmt, va_list ap)
{
	static bool again;
	char line[256];
	int n;

	if (again)
		hal_panic_halt();
	again = true;
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	n = min(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	hal_log_write("hyla: kernel panic: ", 20);
	hal_log_write(line, (size_t)n);
	print_callers(stack);
	hal_panic_halt();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop(__builtin_frame_address(0), fmt, ap);
}

void panic_from(const u64 *stack, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop(stack, fmt, ap);
}
