/* SPDX-License-Identifier: MIT */
/* File locks as procfs shows them; the calls themselves are in fs/locks.c. */
#ifndef HYLA_FS_LOCKS_H
#define HYLA_FS_LOCKS_H

#include "lib/types.h"

struct lock_info {
	const char *kind;	/* "POSIX", "FLOCK", "OFDLCK" */
	bool write;
	pid_t pid;		/* -1: OFD */
	dev_t dev;
	ino_t ino;
	loff_t start, end;	/* inclusive; S64_MAX: EOF */
};

/* The nr-th lock of the system; false when there is none. */
bool lock_nth(u32 nr, struct lock_info *info);

#endif
