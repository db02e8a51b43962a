/* SPDX-License-Identifier: MIT */
/* From power-on to the program, and from its end to power-off. */
#ifndef HYLA_KERNEL_BOOT_H
#define HYLA_KERNEL_BOOT_H

struct process;

/* A process ended: when it is the one we were started for, the machine halts. */
void boot_process_ended(struct process *p);
/* "signal N" arrived on the control port: to the program's process group. */
void boot_control_signal(int sig);

#endif
