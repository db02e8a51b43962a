/* SPDX-License-Identifier: MIT */
/*
 * The simulated HAL: the core inside a test program.
 *
 * Two ways to use it:
 *
 *   sim_call(fn, arg)   runs fn on a kernel stack with memory allocators up, for
 *                       tests of lib/ and mm/ alone
 *   sim_boot(script)    boots the whole kernel; when it enters user mode for the
 *                       first program, script() runs in place of guest code and
 *                       makes system calls with sim_syscall(); returns the wait
 *                       status that the kernel halted with
 *
 * There is no CPU to protect anything: guest memory is reached with sim_poke and
 * sim_peek, which walk the core's page tables and fault as a CPU would. Time is
 * virtual: it moves with each look at the clock, and jumps while idle to the
 * armed timer; so every run is the same.
 */
#ifndef HYLA_HAL_SIM_H
#define HYLA_HAL_SIM_H

#include "lib/types.h"

#define SIM_MEMORY (64ul << 20)

void sim_call(void (*fn)(void *arg), void *arg);
int sim_boot(void (*script)(void));

s64 sim_syscall(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
#define sim_sys0(nr) sim_syscall(nr, 0, 0, 0, 0, 0, 0)
#define sim_sys1(nr, a) sim_syscall(nr, (u64)(a), 0, 0, 0, 0, 0)
#define sim_sys2(nr, a, b) sim_syscall(nr, (u64)(a), (u64)(b), 0, 0, 0, 0)
#define sim_sys3(nr, a, b, c) sim_syscall(nr, (u64)(a), (u64)(b), (u64)(c), 0, 0, 0)
#define sim_sys4(nr, a, b, c, d) sim_syscall(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), 0, 0)
#define sim_sys6(nr, a, b, c, d, e, f) \
	sim_syscall(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f))
/* Bytes to and from the current guest; false when the access would kill it. */
bool sim_poke(uaddr_t to, const void *from, size_t size);
bool sim_peek(void *to, uaddr_t from, size_t size);
/* A page of guest memory that scripts may use freely. */
#define SIM_SCRATCH 0x10000000ul

/* What the kernel logged so far. */
const char *sim_log(void);

#endif
