/* SPDX-License-Identifier: MIT */
/* The kernel log: a ring that dmesg reads, and the HAL's log output. */
#ifndef HYLA_KERNEL_LOG_H
#define HYLA_KERNEL_LOG_H

#include "lib/string.h"
#include "lib/types.h"

enum log_level { LOG_EMERG, LOG_ALERT, LOG_CRIT, LOG_ERR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };
extern int log_level;	/* levels above it go to the ring only */

void log_at(enum log_level level, const char *fmt, ...) __printf(2, 3);
#define log_err(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/*
 * Reading the ring (/dev/kmsg, /proc/kmsg, syslog): the record with number
 * *seq, or the first later one that is still there. Its text, without the
 * newline, goes to buf (cut to size - 1); *seq becomes its number, so the
 * next one is *seq + 1. Returns the length, or -ENOENT when there is none.
 */
struct waitqueue;
ssize_t log_read(u64 *seq, int *level, u64 *time_ns, char *buf, size_t size);
u64 log_first_seq(void);		/* oldest record in the ring */
u64 log_next_seq(void);			/* number that the next record will have */
struct waitqueue *log_waitqueue(void);	/* woken by each record */

#endif
