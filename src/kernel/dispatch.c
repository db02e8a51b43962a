/* SPDX-License-Identifier: MIT */
/*
 * The system call table and its dispatcher.
 *
 * kernel/syscalls.def is included twice: for the prototypes and for the rows.
 * A call that is absent gives ENOSYS, and one log line for each kind.
 */
#include "kernel/log.h"
#include "kernel/syscall_table.h"
#include "kernel/task.h"

#define FULL(nr, name, flags, args) s64 sys_##name(const struct sysargs *r);
#define PARTIAL(nr, name, flags, args, missing) s64 sys_##name(const struct sysargs *r);
#define ABSENT(nr, name)
#include "kernel/syscalls.def"
#undef FULL
#undef PARTIAL
#undef ABSENT

#define FULL(nr, name, flags, args) \
	[nr] = { sys_##name, #name, args, NULL, SYSCALL_FULL, SYSCALL_##flags },
#define PARTIAL(nr, name, flags, args, missing) \
	[nr] = { sys_##name, #name, args, missing, SYSCALL_PARTIAL, SYSCALL_##flags },
#define ABSENT(nr, name) [nr] = { NULL, #name, "", NULL, SYSCALL_ABSENT, 0 },
const struct syscall_row syscall_table[SYSCALL_MAX] = {
#include "kernel/syscalls.def"
};

static u8 reported[SYSCALL_MAX];

s64 syscall_dispatch(u64 nr, const struct sysargs *args)
{
	if (likely(nr < SYSCALL_MAX && syscall_table[nr].fn))
		return syscall_table[nr].fn(args);
	if (nr < SYSCALL_MAX && !reported[nr]) {
		reported[nr] = 1;
		log_info("%s[%d]: system call %lu (%s) is not implemented", current->comm,
			 current->process->pid, nr,
			 syscall_table[nr].name ? syscall_table[nr].name : "unknown");
	}
	return -ENOSYS;
}
