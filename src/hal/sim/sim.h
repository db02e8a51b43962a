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

/* ---- devices (virtio.c) ---- */

#define SIM_QUEUES 8u
#define SIM_CHAIN_MAX 80u

struct sim_queue {
	paddr_t desc, avail, used;
	u32 size;		/* 0: not set up */
	u16 last_avail;
};

struct sim_device {
	u32 id;			/* virtio device id */
	u32 queues, queue_max;
	u64 features;		/* offered */
	u8 config[64];
	/* The driver notified queue q. */
	void (*notify)(struct sim_device *d, u32 q);
	void *priv;
	bool ignores_reset;
	/* ---- kept by the HAL ---- */
	u64 accepted;
	u8 status;
	bool irq;		/* an interrupt is on its way */
	u32 resets;
	struct sim_queue queue[SIM_QUEUES];
};

struct sim_seg {
	u8 *data;
	u32 size;
	bool write;		/* for the device to write */
};

struct sim_chain {
	u32 head, count;
	struct sim_seg seg[SIM_CHAIN_MAX];
};

/* Before sim_boot. */
void sim_add_device(struct sim_device *d);
/* The next chain that the driver made available; false: none. */
bool sim_next(struct sim_device *d, u32 q, struct sim_chain *c);
/* Puts an entry into the used ring, whatever it says, and wants an interrupt. */
void sim_used(struct sim_device *d, u32 q, u32 head, u32 len);
/* Moves the used index without an entry. */
void sim_used_index_add(struct sim_device *d, u32 q, u16 n);
/* The HAL's own: upcalls for interrupts on their way; were there any? */
bool sim_deliver_irqs(void);

/* What the kernel logged so far. */
const char *sim_log(void);

#endif
