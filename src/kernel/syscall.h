/* SPDX-License-Identifier: MIT */
/*
 * Defining system calls.
 *
 *	SYSCALL_DEFINE3(read, int, fd, uaddr_t, buf, size_t, size)
 *	{
 *		...
 *		return n;	// or -errno
 *	}
 *
 * defines sys_read, to which the row FULL(0, read, ...) of kernel/syscalls.def
 * refers. That row is the one description of the call: number, name, argument
 * kinds, flags, status. Order of a body: check flags and scalars, copy in,
 * look up, permissions, allocate, act, copy out, install.
 */
#ifndef HYLA_KERNEL_SYSCALL_H
#define HYLA_KERNEL_SYSCALL_H

#include "abi/errno.h"
#include "hal/cpu.h"
#include "lib/types.h"

/* The six argument registers, in order. */
struct sysargs {
	u64 a[6];
	struct trapframe *tf;
};

#define SYSCALL_DEFINE0(name) \
	s64 sys_##name(const struct sysargs *); \
	s64 sys_##name(const struct sysargs *sysargs_ __unused)
#define SYSCALL_HEAD_(name) \
	s64 sys_##name(const struct sysargs *);
#define SYSCALL_DEFINE1(name, t1, a1) SYSCALL_HEAD_(name) \
	static s64 do_sys_##name(t1 a1); \
	s64 sys_##name(const struct sysargs *r) \
	{ return do_sys_##name((t1)r->a[0]); } \
	static s64 do_sys_##name(t1 a1)
#define SYSCALL_DEFINE2(name, t1, a1, t2, a2) SYSCALL_HEAD_(name) \
	static s64 do_sys_##name(t1 a1, t2 a2); \
	s64 sys_##name(const struct sysargs *r) \
	{ return do_sys_##name((t1)r->a[0], (t2)r->a[1]); } \
	static s64 do_sys_##name(t1 a1, t2 a2)
#define SYSCALL_DEFINE3(name, t1, a1, t2, a2, t3, a3) SYSCALL_HEAD_(name) \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3); \
	s64 sys_##name(const struct sysargs *r) \
	{ return do_sys_##name((t1)r->a[0], (t2)r->a[1], (t3)r->a[2]); } \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3)
#define SYSCALL_DEFINE4(name, t1, a1, t2, a2, t3, a3, t4, a4) SYSCALL_HEAD_(name) \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3, t4 a4); \
	s64 sys_##name(const struct sysargs *r) \
	{ return do_sys_##name((t1)r->a[0], (t2)r->a[1], (t3)r->a[2], (t4)r->a[3]); } \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3, t4 a4)
#define SYSCALL_DEFINE5(name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) SYSCALL_HEAD_(name) \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5); \
	s64 sys_##name(const struct sysargs *r) \
	{ return do_sys_##name((t1)r->a[0], (t2)r->a[1], (t3)r->a[2], (t4)r->a[3], \
			       (t5)r->a[4]); } \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5)
#define SYSCALL_DEFINE6(name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) SYSCALL_HEAD_(name) \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6); \
	s64 sys_##name(const struct sysargs *r) \
	{ return do_sys_##name((t1)r->a[0], (t2)r->a[1], (t3)r->a[2], (t4)r->a[3], \
			       (t5)r->a[4], (t6)r->a[5]); } \
	static s64 do_sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6)

#endif
