/* SPDX-License-Identifier: MIT */
/*
 * strace-like decoding of system calls, driven by the argument letters of
 * kernel/syscalls.def. Lines go to the console port "trace", or to the log
 * when there is none.
 */
#include "kernel/trace.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/syscall_table.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "virtio/console.h"

#define LINE_MAX 480

static struct file *out;
static bool tried;

static void emit(const char *line, size_t len)
{
	ssize_t n = -1;

	if (!tried) {
		tried = true;
		out = console_port_open("trace", O_WRONLY);
		if (IS_ERR(out))
			out = NULL;
	}
	if (out)
		n = file_write_kernel(out, line, len, 0);
	if (n < 0)
		hal_log_write(line, len);
}

static int put_string(char *buf, size_t size, uaddr_t p)
{
	char text[64];
	size_t n = copyin_partial(text, p, sizeof(text) - 1), len;
	int at = 0;

	if (!n)
		return scnprintf(buf, size, "%p", (void *)p);
	len = strnlen(text, n);
	at += scnprintf(buf, size, "\"");
	for (size_t i = 0; i < len && i < 48; i++) {
		char c = text[i];

		if (c == '\n')
			at += scnprintf(buf + at, size - (size_t)at, "\\n");
		else if (c < 32 || c > 126 || c == '"' || c == '\\')
			at += scnprintf(buf + at, size - (size_t)at, "\\%o", (u8)c);
		else
			at += scnprintf(buf + at, size - (size_t)at, "%c", c);
	}
	return at + scnprintf(buf + at, size - (size_t)at, len > 48 || len == n ? "\"..." : "\"");
}

static int put_arg(char *buf, size_t size, char kind, u64 v)
{
	switch (kind) {
	case 'd': return scnprintf(buf, size, "%d", (int)v);
	case 'f': return (int)v == -100 ? scnprintf(buf, size, "AT_FDCWD")
					: scnprintf(buf, size, "%d", (int)v);
	case 'u': return scnprintf(buf, size, "%u", (u32)v);
	case 'l': return scnprintf(buf, size, "%ld", (s64)v);
	case 'o': return scnprintf(buf, size, "%#o", (u32)v);
	case 's': return v ? put_string(buf, size, v) : scnprintf(buf, size, "NULL");
	case 'p': return v ? scnprintf(buf, size, "%#lx", v) : scnprintf(buf, size, "NULL");
	default: return scnprintf(buf, size, "%#lx", v);
	}
}

static int put_call(char *line, size_t size, u64 nr, const struct sysargs *args)
{
	const struct syscall_row *row = nr < SYSCALL_MAX ? &syscall_table[nr] : NULL;
	const char *kinds = row && row->fn ? row->args : "xxxxxx";
	int at = scnprintf(line, size, "%d %s", current->tid, current->comm);

	if (row && row->name)
		at += scnprintf(line + at, size - (size_t)at, " %s(", row->name);
	else
		at += scnprintf(line + at, size - (size_t)at, " syscall_%lu(", nr);
	for (u32 i = 0; kinds[i] && i < 6; i++) {
		if (i)
			at += scnprintf(line + at, size - (size_t)at, ", ");
		at += put_arg(line + at, size - (size_t)at, kinds[i], args->a[i]);
	}
	return at + scnprintf(line + at, size - (size_t)at, ")");
}

/* Calls that do not return, or whose arguments are gone afterwards. */
static bool shown_on_entry(u64 nr)
{
	return nr == 59 || nr == 322 || nr == 60 || nr == 231 || nr == 15;
}

void trace_enter(u64 nr, const struct sysargs *args)
{
	char line[LINE_MAX];
	int n;

	if (!shown_on_entry(nr))
		return;
	n = put_call(line, sizeof(line) - 8, nr, args);
	n += scnprintf(line + n, sizeof(line) - (size_t)n, " ...\n");
	emit(line, (size_t)n);
}

void trace_exit(u64 nr, const struct sysargs *args, s64 ret)
{
	char line[LINE_MAX];
	int n;

	if (nr == 15)
		return;
	n = put_call(line, sizeof(line) - 40, nr, args);
	if (ret < 0 && ret >= -4095)
		n += scnprintf(line + n, sizeof(line) - (size_t)n, " = -1 errno %ld\n", -ret);
	else if (ret > 0xffffff || ret < 0)
		n += scnprintf(line + n, sizeof(line) - (size_t)n, " = %#lx\n", (u64)ret);
	else
		n += scnprintf(line + n, sizeof(line) - (size_t)n, " = %ld\n", ret);
	emit(line, (size_t)n);
}
