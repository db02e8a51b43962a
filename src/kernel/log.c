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

void panic(const char *fmt, ...)
{
	static bool again;
	char line[256];
	va_list ap;
	int n;

	if (again)
		hal_panic_halt();
	again = true;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	n = min(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	hal_log_write("hyla: kernel panic: ", 20);
	hal_log_write(line, (size_t)n);
	for (void **frame = __builtin_frame_address(0), **stop = (void **)((u64)frame | (KSTACK_SIZE - 1));
	     frame && frame < stop && is_aligned((u64)frame, 8); frame = *frame) {
		n = snprintf(line, sizeof(line), "  called from %p\n", frame[1]);
		hal_log_write(line, (size_t)n);
		if ((void **)*frame <= frame)
			break;
	}
	hal_panic_halt();
}
