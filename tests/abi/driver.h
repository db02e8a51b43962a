/* SPDX-License-Identifier: MIT */
/* What the files of the driver share; test files include abi.h only. */
#ifndef ABI_DRIVER_H
#define ABI_DRIVER_H

#include "abi.h"

/*
 * Runs the case in a process of its own, which calls before(arg) first (may be
 * NULL). Returns its wait status; after limit_ms it is killed. The temporary
 * directory stays for abi_remove_temp().
 */
int abi_run_forked(struct abi_case *c, void (*before)(void *), void *arg, unsigned int limit_ms);
void abi_remove_temp(void);

/* oom.c */
void abi_oom_case(struct abi_case *c, unsigned long stride);
int abi_oom_sum(void);		/* prints the sum; exit status */

#endif
