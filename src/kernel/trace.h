/* SPDX-License-Identifier: MIT */
/* Decoding system calls for --trace, from the table's argument kinds. */
#ifndef HYLA_KERNEL_TRACE_H
#define HYLA_KERNEL_TRACE_H

#include "kernel/syscall.h"

void trace_enter(u64 nr, const struct sysargs *args);
void trace_exit(u64 nr, const struct sysargs *args, s64 ret);

#endif
