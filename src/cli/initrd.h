/* SPDX-License-Identifier: MIT */
/*
 * Writing cpio archives ("newc"), which kernels unpack at their start.
 * Functions return false after a report.
 */
#ifndef HYLA_CLI_INITRD_H
#define HYLA_CLI_INITRD_H

#include <stdio.h>
#include <sys/types.h>

#include "hal/hosted/host_types.h"

struct cpio {
	FILE *out;
	const char *name;	/* of the output, for messages */
	u32 next_ino;
	u64 size;
};

/* One entry with its data; name without a leading '/'. */
bool cpio_entry(struct cpio *c, const char *name, mode_t mode, const void *data, u64 size);
/* The tree below dir, names relative to it, sorted: the same tree gives the
 * same bytes. Owners are root's; times are those of the files, or `epoch`. */
bool cpio_tree(struct cpio *c, const char *dir, s64 epoch);
bool cpio_end(struct cpio *c);

/* A memfd with .hyla/config and, behind it, the archive in `file` (or NULL);
 * -1 after a report. */
int initrd_create(const void *config, size_t size, const char *file);

#endif
