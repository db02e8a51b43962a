/* SPDX-License-Identifier: MIT */
/* The mounts of the run configuration, made by the init task. */
#ifndef HYLA_KERNEL_BOOTMOUNT_H
#define HYLA_KERNEL_BOOTMOUNT_H

#include "lib/types.h"

/* Mounts the root and moves current there. 0 or -errno, logged. */
int boot_mount_root(void) __must_check;
/* The others, or the usual ones when there are none. */
void boot_mount_all(void);
/* The error of the first mount with the flag "must" that failed, or 0; *target:
 * where it was to be. */
int boot_mount_failed(const char **target);

#endif
