/* SPDX-License-Identifier: MIT */
/* Memory and output from the C library for the simulated HAL. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "hal/sim/host.h"

void *host_memory(unsigned long size, unsigned long align)
{
	char *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		host_fail("mmap");
	return (void *)(((unsigned long)p + align - 1) & ~(align - 1));
}

void host_fail(const char *what)
{
	fprintf(stderr, "sim: %s\n", what);
	abort();
}

void host_print(const char *text, unsigned long len)
{
	fwrite(text, 1, len, stderr);
}
