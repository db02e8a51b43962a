/* SPDX-License-Identifier: MIT */
/*
 * lib/types.h for those files of the hosted HAL that are ordinary C programs.
 * They see libc's headers, whose typedefs (mode_t, pid_t, ...) clash with the
 * freestanding ones, so the few short names are declared here once more.
 */
#ifndef HYLA_HAL_HOSTED_HOST_TYPES_H
#define HYLA_HAL_HOSTED_HOST_TYPES_H

#include <stdbool.h>
#include <stddef.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int s32;
typedef long s64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
