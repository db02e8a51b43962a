/* SPDX-License-Identifier: MIT */
/* When each phase of the boot ended: `hyla boot --bootchart`. */
#ifndef HYLA_KERNEL_BOOTCHART_H
#define HYLA_KERNEL_BOOTCHART_H

/* A phase ends here. The name lives for ever. */
void boot_mark(const char *phase);
/* The chart, to the log, if hyla.bootchart= is on the command line. */
void boot_chart_print(void);

#endif
