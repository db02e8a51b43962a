/* SPDX-License-Identifier: MIT */
/* Crashes on demand, for tests. */
#ifndef HYLA_KERNEL_CRASH_H
#define HYLA_KERNEL_CRASH_H

#include "lib/types.h"

void crash_on_demand(const char *what) __noreturn;

#endif
