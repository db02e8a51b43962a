/* SPDX-License-Identifier: MIT */
/*
 * What the hosted kernel and its device process share, and where things lie.
 *
 * "Physical memory" is one memfd, mapped at HOSTED_BASE in the kernel:
 *
 *   0            kernel image: text r-x, rodata r--, data and bss rw-
 *   image end    struct hosted_shared, the configuration blob, the initrd
 *   mem_start    the memory of the core: hal_info.mem[0]
 *   mem_end      the hosted HAL's own: rewritten program text, with inproc
 *   window_end   end of the memfd
 *
 * struct hosted_shared is filled in by the supervisor before the kernel
 * process exists. Afterwards each word has one writer, named by its key:
 *   [c] constant  [k] the kernel  [d] the device process  [a] both, atomically
 * The device process believes nothing that the kernel wrote: it copies a value
 * and then checks the copy. No host descriptor or process id stands here.
 */
#ifndef HYLA_HAL_HOSTED_SHARED_H
#define HYLA_HAL_HOSTED_SHARED_H

#if __STDC_HOSTED__
#include "hal/hosted/host_types.h"
#else
#include "lib/types.h"
#endif

#define HOSTED_BASE 0x600000000000ul
#define HOSTED_MEM_MAX (1ul << 40)
#define HOSTED_USER_LIMIT 0x5ffffffff000ul
/* Private memory of the kernel process: host handles, signal stack. */
#define HOSTED_PRIVATE_BASE 0x610000000000ul
#define HOSTED_PRIVATE_SIZE (64ul << 20)
/* One page that the supervisor shares with the kernel: host ids, for kicks. */
#define HOSTED_BOARD_BASE (HOSTED_PRIVATE_BASE + HOSTED_PRIVATE_SIZE)
/* In a stub process: one page of code, then the command page. */
#define HOSTED_STUB_BASE 0x620000000000ul
#define HOSTED_TEXT_MEM (256ul << 20)	/* room for rewritten text (in_text.c); touched as needed */
/* End of what an x86-64 Linux process can map. */
#define HOSTED_TASK_SIZE 0x7ffffffff000ul

#define HOSTED_MAGIC 0x31656c7961796c48ul
#define HOSTED_CPUS 64
#define HOSTED_DEVS 32
#define HOSTED_QUEUES 16
#define HOSTED_QUEUE_MAX 256
#define HOSTED_LOG_SIZE 65536u
#define HOSTED_STACK_SIZE 16384
#define HOSTED_CONFIG_SPACE 256
#define HOSTED_PAGE 4096

enum hosted_engine_nr {
	HOSTED_ENGINE_PTRACE,
	HOSTED_ENGINE_INPROC,
	HOSTED_ENGINES,
	HOSTED_ENGINE_AUTO = HOSTED_ENGINES,	/* for machine_create: inproc if the host lets us */
};

enum hosted_cpu_state {
	HOSTED_IN_KERNEL,	/* looks at pending before it leaves the kernel */
	HOSTED_IN_USER,		/* needs a signal */
	HOSTED_IN_IDLE,		/* sleeps on pending */
	HOSTED_IN_SPIN,		/* looks at pending all the time */
};

enum hosted_pending {
	HOSTED_PEND_IRQ = 1,	/* see hosted_shared.irq */
	HOSTED_PEND_IPI = 2,
	HOSTED_PEND_TIMER = 4,
	HOSTED_PEND_FLUSH = 8,	/* nothing to do but to leave user mode */
};

enum hosted_end {
	HOSTED_RUNNING,
	HOSTED_HALTED,		/* status is valid */
	HOSTED_PANICKED,
};

/* Who serves a device: its doorbell. */
enum hosted_bell_nr {
	HOSTED_BELL_IO,		/* the event loop */
	HOSTED_BELL_9P,		/* the 9p thread */
	HOSTED_BELLS,
};

struct hosted_cpu {
	u32 state;		/* [k] enum hosted_cpu_state */
	u32 pending;		/* [a] enum hosted_pending; the idle futex */
	u32 watched;		/* [a] another CPU sleeps on state until user mode is left */
	u32 pad[13];
};

struct hosted_bell {
	u32 seq;		/* [k] grows at each ring; the futex */
	u32 sleeping;		/* [d] somebody waits on seq */
	u32 pad[14];
};

struct hosted_queue {
	u32 size;		/* [k] entries */
	u32 ready;		/* [k] 1 once the addresses are valid */
	u64 desc, avail, used;	/* [k] physical */
};

struct hosted_dev {
	u32 id;			/* [c] virtio device id, 0: none */
	u32 nr_queues;		/* [c] */
	u32 queue_max;		/* [c] */
	u32 bell;		/* [c] enum hosted_bell_nr */
	u64 features;		/* [c] */
	u64 accepted;		/* [k] */
	u32 status;		/* [a] virtio status */
	u32 notify;		/* [a] bit per queue */
	u32 reset;		/* [k] number of resets asked for */
	u32 reset_done;		/* [d] number of resets done */
	u32 config_size;	/* [c] */
	u32 pad;
	u8 config[HOSTED_CONFIG_SPACE];	/* [d] */
	struct hosted_queue queue[HOSTED_QUEUES];
};

struct hosted_log {
	u32 head;		/* [k] bytes ever written */
	u32 tail;		/* [d] bytes ever read; the futex of a full log */
	char data[HOSTED_LOG_SIZE];	/* [k] */
};

/* Not physical memory, so host ids may stand here. The supervisor signals only
 * what is in the process group of the kernel process. */
struct hosted_board {
	s32 running[HOSTED_CPUS];	/* [k] who runs the CPU: process id, 0: the first */
};

struct hosted_shared {
	u64 magic;		/* [c] HOSTED_MAGIC */
	u64 mem_start, mem_end;	/* [c] physical */
	u64 window_end;		/* [c] physical: end of the memfd */
	u64 text_mem, text_mem_end;	/* [c] physical: for rewritten text (in_text.c) */
	u64 initrd, initrd_size;	/* [c] physical, bytes */
	u64 config, config_size;	/* [c] physical, bytes */
	u64 text_end, rodata_end;	/* [c] physical: end of r-x, of r-- */
	u32 nr_cpus;		/* [c] */
	u32 spin_us;		/* [c] how long idle may spin; 0 on one core */
	u32 engine;		/* [c] index into hosted_engines */
	u32 rewrite;		/* [c] system calls may be rewritten (inproc) */
	u32 pku_offset;		/* [c] of PKRU in an XSAVE image; 0: no protection keys (inproc) */
	/* CPU */
	u32 caps, hwcap, hwcap2;	/* [c] */
	u64 xfeatures;		/* [c] */
	u32 fp_size, xstate_size;	/* [c] */
	/* clock */
	u32 tsc_khz, tsc_mult, tsc_shift;	/* [c] */
	u32 seeded;		/* [c] entropy is deterministic */
	u64 base_tsc;		/* [c] TSC at hal_clock_ns() == 0 */
	u64 base_mono_ns;	/* [c] CLOCK_MONOTONIC then */
	u64 epoch_ns;		/* [c] CLOCK_REALTIME then */
	u64 seed[8];		/* [c] */
	char cmdline[256];	/* [c] */

	/* the end */
	u32 end;		/* [k] enum hosted_end */
	s32 status;		/* [k] as wait4 has it */

	u32 irq __attribute__((aligned(64)));	/* [a] bit per device */
	struct hosted_cpu cpu[HOSTED_CPUS] __attribute__((aligned(64)));
	struct hosted_bell bell[HOSTED_BELLS];
	u32 nr_devs;		/* [c] */
	struct hosted_dev dev[HOSTED_DEVS];
	struct hosted_log log;

	/* ptrace engine: what a stub is to do next; stubs see it read-only */
	u8 command[HOSTED_PAGE] __attribute__((aligned(HOSTED_PAGE)));
	u8 boot_stack[HOSTED_STACK_SIZE] __attribute__((aligned(HOSTED_STACK_SIZE)));
};

#endif
