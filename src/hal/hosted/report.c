/* SPDX-License-Identifier: MIT */
/* One-line messages on standard error; see report.h. No locks: the main thread
 * reports, and other threads only just before they end the program. */
#include "hal/hosted/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool raw_terminal;

void report_raw_terminal(bool raw)
{
	raw_terminal = raw;
}

static void put(const char *text, size_t len)
{
	while (len) {
		ssize_t done = write(STDERR_FILENO, text, len);

		if (done <= 0)
			return;
		text += done;
		len -= done;
	}
}

void report_text(const char *text, size_t len)
{
	bool crlf = raw_terminal && isatty(STDERR_FILENO);

	while (len) {
		const char *newline = crlf ? memchr(text, '\n', len) : NULL;
		size_t part = newline ? (size_t)(newline - text) : len;

		put(text, part);
		if (newline) {
			put("\r\n", 2);
			part++;
		}
		text += part;
		len -= part;
	}
}

void report(const char *what, const char *why, const char *mend)
{
	char line[1024];
	int len = snprintf(line, sizeof(line), "hyla: %s%s%s%s%s\n", what, why ? ": " : "",
			   why ? why : "", mend ? "; " : "", mend ? mend : "");

	if (len >= (int)sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	report_text(line, len);
}

void report_errno(const char *what, int err, const char *mend)
{
	report(what, strerror(err), mend);
}
