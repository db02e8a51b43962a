/* SPDX-License-Identifier: MIT */
/* The credential part of prctl(2). */
#ifndef HYLA_KERNEL_CRED_H
#define HYLA_KERNEL_CRED_H

#include "lib/types.h"

s64 cred_drop_bounding(u64 cap);
s64 cred_set_securebits(u64 bits);
s64 cred_ambient(u64 op, u64 cap);

#endif
