/* SPDX-License-Identifier: MIT */
/* Resource usage sums. */
#ifndef HYLA_KERNEL_RUSAGE_H
#define HYLA_KERNEL_RUSAGE_H

#include "kernel/task.h"

void rusage_add(struct rusage_acct *to, const struct rusage_acct *from);
int rusage_copyout(uaddr_t p, const struct rusage_acct *a) __must_check;
/* Dead and live threads of a process. */
void rusage_of_process(struct process *p, struct rusage_acct *a);

#endif
