/* SPDX-License-Identifier: MIT */
/* The few services of the C library that the simulated HAL needs (host.c), kept
 * apart because its headers and the core's do not mix. */
#ifndef HYLA_HAL_SIM_HOST_H
#define HYLA_HAL_SIM_HOST_H

void *host_memory(unsigned long size, unsigned long align);	/* zeroed; never fails */
void host_fail(const char *what) __attribute__((noreturn));
void host_print(const char *text, unsigned long len);

#endif
