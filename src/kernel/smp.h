/* SPDX-License-Identifier: MIT */
/* Starting the other CPUs. */
#ifndef HYLA_KERNEL_SMP_H
#define HYLA_KERNEL_SMP_H

#include "lib/types.h"

/* As many CPUs as the machine has, but at most `count`, this one included. */
void smp_start(u32 count);

#endif
