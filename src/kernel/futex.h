/* SPDX-License-Identifier: MIT */
/* What the rest of the kernel needs of futexes. */
#ifndef HYLA_KERNEL_FUTEX_H
#define HYLA_KERNEL_FUTEX_H

#include "lib/types.h"

struct task;

/* FUTEX_WAKE of `count` waiters on a word of current's memory. */
int futex_wake_word(uaddr_t addr, u32 count);
/* Marks the robust futexes of a dying task (set_robust_list(2)). */
void futex_exit_robust(struct task *t);

#endif
