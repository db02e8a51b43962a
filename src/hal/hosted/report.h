/* SPDX-License-Identifier: MIT */
/*
 * Messages of the hyla program itself, on standard error, one line each:
 *   hyla: WHAT: WHY; HOW TO MEND
 * `why` and `mend` may be NULL. While the terminal is raw, lines end in CR LF.
 */
#ifndef HYLA_HAL_HOSTED_REPORT_H
#define HYLA_HAL_HOSTED_REPORT_H

#include "hal/hosted/host_types.h"

void report(const char *what, const char *why, const char *mend);
/* The same with strerror(err) as the reason. */
void report_errno(const char *what, int err, const char *mend);
/* Raw text (the kernel's log). */
void report_text(const char *text, size_t len);
void report_raw_terminal(bool raw);

#endif
