/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's own header: carriers, spaces, views, and what they share.
 *
 * A carrier is a host process of one thread that maps the window and, below
 * it, the user memory of one guest address space. It runs that guest's code
 * and, on whatever kernel stack is current, the kernel. Of all carriers one
 * runs for each CPU; the others sleep until it is their turn.
 *
 * A space is what the engine knows of a struct hal_as (hal_as.id). A view is
 * what one carrier has, or will have, mapped of it: a software TLB. A space has
 * one view, and more only when several CPUs run it at a time; a view
 * gets its carrier when user code is to run for the first time, and gives it
 * back at the end of the space:
 *
 *   hal_as_init     space with a view, and the promise of a carrier
 *   in_view_enter   (on the way to user mode) view <-> carrier; change to it
 *   hal_as_destroy  carriers without a view: idle, or one that a CPU runs
 *
 * With protection keys user code sees nothing of the kernel: in_pku.c.
 *
 * in_self is private to each process, at the same address in all of them;
 * struct in_state is shared by all, and under the kernel lock where it is not
 * said otherwise. Neither is physical memory. The zygote makes the carriers,
 * and is their parent: in_zygote.c.
 */
#ifndef HYLA_HAL_HOSTED_INPROC_H
#define HYLA_HAL_HOSTED_INPROC_H

/* Offsets in struct in_self, for in_entry.S. */
#define IN_SELF_CPU 0
#define IN_SELF_RET 8
#define IN_SELF_TF 16
#define IN_SELF_USER_RSP 24
#define IN_SELF_KSTACK 32
#define IN_SELF_LEAVE_PKU 40
#define IN_SELF_COOKIE 48
#define IN_SELF_ALTSTACK 8192
#define IN_SELF_SCRATCH 40960
#define IN_SELF_STACK_TOP 77824
#define IN_SELF_SIZE 110592
#define IN_ALTSTACK_SIZE 32768

/* in_self.scratch: what IRET pops, then the rest. Not at its beginning, which is the
 * end of the alternate stack and would count as on it. */
#define IN_SCRATCH_RIP (IN_SELF_SCRATCH + 64)
#define IN_SCRATCH_CS (IN_SELF_SCRATCH + 72)
#define IN_SCRATCH_RFLAGS (IN_SELF_SCRATCH + 80)
#define IN_SCRATCH_RSP (IN_SELF_SCRATCH + 88)
#define IN_SCRATCH_SS (IN_SELF_SCRATCH + 96)
#define IN_SCRATCH_RAX (IN_SELF_SCRATCH + 104)
#define IN_SCRATCH_RCX (IN_SELF_SCRATCH + 112)
#define IN_SCRATCH_RDX (IN_SELF_SCRATCH + 120)
#define IN_SCRATCH_PKRU (IN_SELF_SCRATCH + 128)

/* How in_leave leaves. */
#define IN_LEAVE_EXACT 1
#define IN_LEAVE_PKU 2

/* A signal frame, from rsp at the handler's entry (struct rt_sigframe). */
#define IN_FRAME_CONTEXT 8
#define IN_FRAME_INFO 312

#ifndef __ASSEMBLER__

#include "hal/hosted/linux.h"
#include "hal/hosted/pku.h"
#include "hal/hosted/private.h"
#include "hal/hosted/tlb.h"

#define IN_CARRIERS 4096	/* slots; 0 is the zygote */
#define IN_PAGE_FAULT 100	/* in_self.info.kind: to be looked at by in_trap */
#define IN_IDLE_MAX 16		/* more than these are let go */
#define IN_AREAS 24		/* rewritten files per space */
#define IN_STACK_SIZE 32768

struct in_self {
	struct hosted_cpu *cpu;
	u64 ret;			/* in_leave: where user code goes on */
	struct trapframe *tf;		/* of the task that user mode belongs to */
	u64 user_rsp;			/* of in_fast_entry */
	u64 kstack;			/* the kernel stack that changes hands */
	u32 leave_pku;			/* IN_LEAVE_PKU or 0; constant */
	u32 pku_offset;			/* hosted_shared's */
	u32 cookie;			/* host_cookie */
	u32 index;			/* of this carrier */
	u32 nr;				/* of the CPU that it runs, or ran last */
	u32 pinned;			/* CPU whose host CPU this is bound to */
	u32 text_seen;			/* in_state.text_changes, when it last looked */
	s32 pid;
	u64 fsbase, gsbase;		/* what the registers hold */
	struct hosted_timer timer;
	u32 bases_live;			/* newer in the registers than in *tf */
	struct trapinfo info;		/* from the signal handler to in_trap */
	struct tlb_op op[TLB_OPS];	/* being done: in_view.c */
	/* These two are open to user code where there are protection keys. */
	u8 altstack[IN_ALTSTACK_SIZE] __aligned(4096);
	u8 scratch[4096] __aligned(4096);
	u8 stack[IN_STACK_SIZE] __aligned(4096);	/* of the carrier itself */
	s32 child[IN_CARRIERS];		/* zygote: process ids by slot */
	s32 pidfd[IN_CARRIERS];		/* and their descriptors, with several CPUs */
};
_Static_assert(offsetof(struct in_self, cpu) == IN_SELF_CPU, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, ret) == IN_SELF_RET, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, tf) == IN_SELF_TF, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, user_rsp) == IN_SELF_USER_RSP, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, kstack) == IN_SELF_KSTACK, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, leave_pku) == IN_SELF_LEAVE_PKU, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, cookie) == IN_SELF_COOKIE, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, scratch) == IN_SELF_SCRATCH, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, altstack) == IN_SELF_ALTSTACK, "known to in_entry.S");
_Static_assert(offsetof(struct in_self, stack) + IN_STACK_SIZE == IN_SELF_STACK_TOP,
	       "known to in_entry.S");
_Static_assert(sizeof(struct in_self) == IN_SELF_SIZE, "known to in_entry.S");

#define IN_OPEN_SIZE (4096 + IN_ALTSTACK_SIZE)	/* altstack and scratch */

struct in_carrier {
	u32 turn;			/* futex: this one is to run */
	u32 alive;			/* the zygote has made it */
	u32 view, space;		/* that it belongs to; 0: none */
	u32 on;				/* number + 1 of the CPU that runs it; 0: none */
	u32 cpu;			/* whose turn it takes, or took last */
	u64 kstack;			/* where it goes on at its turn */
	u32 stale;			/* holds mappings of a former space */
	u32 reborn;			/* replaces one that was killed: maps nothing */
	u32 machine_check;		/* and that one was in user mode */
	u32 retire;			/* exits at its turn; until the zygote has seen it */
	s32 pidfd;			/* several CPUs: to kick it */
	u32 fp_newer;			/* [by itself] its registers are, than memory */
	struct hal_thread *fp_owner;	/* [by itself] whose they are, or NULL */
};

struct in_space {
	u32 used;
	u32 view;			/* the latest */
	u32 no_rewrite;			/* a guest uses a gap: in_text.c */
	u32 nr_areas;
	struct in_area {		/* gaps with our code in them */
		uaddr_t base;		/* their ends */
		paddr_t gap;
	} area[IN_AREAS];
};

struct in_view {
	u32 used;
	u32 space;
	u32 carrier;			/* 0: none yet */
	u32 next;			/* of the same space; 0: none */
	u32 cpu;			/* that used it last */
	struct host_tlb tlb;
};

struct in_cpu {
	u32 running;			/* [by its carrier] the carrier that runs it; 0: off */
	struct trapframe *tf;		/* [by its carrier] what user mode was entered with */
	struct hal_as *as;		/* activated */
	struct hal_thread *thread;	/* whose turn it is */
	u64 doze_kstack;		/* where it wakes from IN_IDLE */
} __aligned(64);

enum in_want { IN_WANT_END = 1, IN_WANT_SPAWN = 2, IN_WANT_REAP = 4 };

struct in_state {
	/* requests to the zygote */
	u32 want;			/* futex: enum in_want */
	u32 spawn_slot;
	u32 spawn_done;			/* futex: 0 busy, 1 good, 2 bad */
	s32 end_code;

	u32 mxcsr_mask;
	u32 text_changes;		/* in_text.c */
	u32 nr_cpus;			/* that were started */
	struct in_cpu cpu[HOSTED_CPUS];

	u32 nr_alive, nr_views, nr_idle, high_carrier, high_space, high_view;
	u32 idle[IN_CARRIERS];
	struct in_carrier carrier[IN_CARRIERS];
	struct in_space space[IN_CARRIERS];
	struct in_view view[IN_CARRIERS];
};

#define in_state() ((struct in_state *)HOSTED_ENGINE_PRIVATE)
#define IN_TEXT_START align_up(HOSTED_ENGINE_PRIVATE + sizeof(struct in_state), 4096ul)
#define IN_POOL_START (IN_TEXT_START + sizeof(struct in_text))
#define IN_POOL_END (HOSTED_PRIVATE_BASE + HOSTED_PRIVATE_SIZE)

extern struct in_self in_self __attribute__((visibility("hidden")));

/* in_entry.S */
extern const u8 in_crit_start[], in_crit_end[], in_restart[], in_fast_entry[], in_fast_end[];
extern const u8 in_fast_entry_pku[], in_signal_opened[], in_gate_code[];
/* Goes to user mode with *tf, or returns when there is pending work. With
 * IN_LEAVE_EXACT by iretq, to tf->rip; else to `target`, and all registers are tf's.
 * IN_LEAVE_PKU it knows by itself. */
void in_leave(struct trapframe *tf, u32 how, u64 target);
/* Continues on the empty kernel stack below tf with in_trap(). */
void in_enter(struct trapframe *tf) __noreturn;
/* Leaves in *kstack where to go on and calls hosted_doze(). Who adopts that stack
 * returns, too. */
void in_doze(const struct host_timespec *timeout, u64 *kstack);
/* Continues this kernel stack in the carrier `target`. */
void in_change(u32 target);
/* Takes over the kernel stack that in_change or in_zygote left. */
void in_adopt(void) __noreturn;
/* Calls in_zygote_main on the zygote's own stack; the first carrier returns. */
void in_zygote(void);

/* in_zygote.c */
void in_zygote_main(void) __noreturn;
/* On this carrier's own stack: gives the CPU to `target`, waits for its turn. */
void in_pass(u32 target) __noreturn;
/* A new carrier in a free slot; 0 if the host refuses. */
u32 in_spawn(void);
void in_wake_zygote(u32 want);

/* in_filter.c: seccomp for the zygote and all carriers. */
s64 in_filter(void);

/* in_signal.c */
int in_catch_signals(void);
int in_catch_children(void);
void in_signal_handler(int signo, struct host_siginfo *si, struct host_ucontext *uc);
void in_signal_entry(void);	/* in_entry.S: the handler, with AC cleared */
void in_signal_entry_pku(void);	/* and kernel memory opened */
/* In the zygote's handler of SIGCHLD: a look at its children is due. */
void in_child_died(void);

/* in_pku.c */
int in_pku_init(void);
/* PKRU where the signal came, 0 without protection keys; and 0 there afterwards. */
u32 in_pku_saved(const struct host_ucontext *uc);
void in_pku_open(struct host_ucontext *uc);
bool in_page_fault(struct in_view *v, struct trapinfo *info);

/* in_space.c */
int in_as_init(struct hal_as *as);
void in_as_destroy(struct hal_as *as);
void in_as_activate(struct hal_as *as);
struct host_tlb *in_tlb_of(struct hal_as *as);
struct host_tlb *in_tlb_list(struct hal_as *as);
/* A carrier that belongs to no view any more. */
void in_now_idle(u32 nr);

/* in_view.c */
/* A new view of the space, the first with the promise of a carrier. 0 or -errno. */
int in_view_new(struct in_space *s);
void in_view_free(struct in_view *v);
/* A view of the activated address space, on its own carrier; NULL: all are in
 * use, and there is no room for another. */
struct in_view *in_view_enter(void);
/* Makes the mappings what they ought to be. */
void in_view_update(struct in_view *v);
void in_tlb_commit(struct host_tlb *tlb);

/* in_smp.c */
int in_cpu_start(u32 cpu, u64 *top);
void in_cpu_signal(u32 cpu);
void in_tlb_shoot(struct hal_as *as);
/* Until the kernel lock is let go, no other CPU runs user code. */
void in_stop_others(void);

/* in_fp.c */
void in_fp_init(void);
void in_fp_restore_frame(const void *fpstate);
/* The activated thread's vector registers are in the CPU from here on. */
void in_fp_load(void);
/* Nothing of value stands in this carrier's registers after this. */
void in_fp_leave(void);
void in_thread_switch(struct hal_thread *prev, struct hal_thread *next);
void in_fp_sync(struct hal_thread *ht);
void in_fp_dirty(struct hal_thread *ht);
void in_thread_exit(struct hal_thread *ht);

/* in_text.c: rewritten system calls. */
u64 in_text_entry(struct host_tlb *tlb, struct hal_as *as, uaddr_t va, u64 entry);
void in_text_claim(struct host_tlb *tlb, uaddr_t va);
/* A fault at addr: true if our code belongs there; it is mapped now. */
bool in_text_fault(struct in_view *v, uaddr_t addr);
/* The system call before rip has trapped. */
void in_text_trap(struct in_view *v, struct hal_as *as, uaddr_t rip, u64 nr);
/* Where a thread that stands at rip, behind a rewritten call, goes on; or 0. */
u64 in_text_resume(struct in_view *v, struct hal_as *as, uaddr_t rip);

/* inproc.c */
void in_fast_trap(struct trapframe *tf, u64 resume) __noreturn;
/* Makes the trapframe's fsbase and gsbase current. */
void in_save_bases(void);
void in_user_enter(struct trapframe *tf) __noreturn;
void in_trap(struct trapframe *tf) __noreturn;
void in_kicked(struct trapframe *tf) __noreturn;

static inline struct in_carrier *in_me(void)
{
	return &in_state()->carrier[in_self.index];
}

static inline struct in_view *in_my_view(void)
{
	return &in_state()->view[in_me()->view];
}

static inline struct in_cpu *in_this_cpu(void)
{
	return &in_state()->cpu[in_self.nr];
}

#endif
#endif
