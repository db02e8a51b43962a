/* SPDX-License-Identifier: MIT */
/*
 * What kernel/syscalls.def says, for the dispatcher, the decoder, the fuzzer's
 * grammar and the compatibility page.
 */
#ifndef HYLA_KERNEL_SYSCALL_TABLE_H
#define HYLA_KERNEL_SYSCALL_TABLE_H

#include "kernel/syscall.h"

enum syscall_status { SYSCALL_ABSENT, SYSCALL_PARTIAL, SYSCALL_FULL };
enum syscall_flag { SYSCALL_LOCKED = 0, SYSCALL_UNLOCKED = 1 };

struct syscall_row {
	s64 (*fn)(const struct sysargs *args);	/* NULL: absent */
	const char *name;
	const char *args;	/* one letter each, see syscalls.def */
	const char *missing;	/* PARTIAL: what */
	u8 status, flags;
};

#define SYSCALL_MAX 512
extern const struct syscall_row syscall_table[SYSCALL_MAX];

s64 syscall_dispatch(u64 nr, const struct sysargs *args);

#endif
