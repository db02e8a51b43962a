/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine with several CPUs: start, kicks, shootdown.
 *
 * A CPU is whichever carrier runs it (in_cpu.running). It is started by giving
 * a fresh carrier its first turn. A kick is SIGUSR1 through a process
 * descriptor: carriers share the zygote's table of descriptors, in which there
 * are only the memfd and those, so that the filter can allow it.
 *
 * Who undoes a translation that another CPU may use, and who changes program
 * text, holds the kernel lock and makes that CPU leave user mode:
 *
 *   here                            the other CPU
 *     queue what is to be undone      user code
 *     pending |= FLUSH                  (state = IN_USER)
 *     state == IN_USER? signal  --->  handler: state = IN_KERNEL
 *     wait until it is not      <---  upcalls; kern_trap waits for the lock
 *     free the page, unlock     --->  on the way back: does what is queued
 *
 * A CPU that is in the kernel need not be waited for: before it runs user code
 * it looks at `pending`, and does kern_trap, which wants the lock, once more.
 */
#include "hal/hosted/inproc.h"

#define WATCH_SPINS 2000

static void __noreturn cpu_main(void)
{
	kern_cpu_main(in_self.nr);
}

/* The stack looks as in_change leaves it: six registers, then where to go on. */
int in_cpu_start(u32 nr, u64 *top)
{
	struct in_state *st = in_state();
	struct in_carrier *c;
	u64 *sp = top - 1;
	u32 carrier;

	if (nr != st->nr_cpus)	/* in order, and once */
		return -22;	/* EINVAL */
	carrier = in_spawn();
	if (!carrier)
		return -19;	/* ENODEV */
	st->nr_cpus++;
	*--sp = (u64)cpu_main;
	for (u32 i = 0; i < 6; i++)
		*--sp = 0;
	c = &st->carrier[carrier];
	c->on = nr + 1;
	c->cpu = nr;
	c->kstack = (u64)sp;
	__atomic_store_n(&c->turn, 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&c->turn, 1);
	return 0;
}

void in_cpu_signal(u32 nr)
{
	struct in_state *st = in_state();
	u32 carrier = __atomic_load_n(&st->cpu[nr].running, __ATOMIC_RELAXED);

	if (carrier && carrier < IN_CARRIERS)
		host_call4(NR_pidfd_send_signal, st->carrier[carrier].pidfd, HOST_SIGUSR1, 0, 0);
}

/* No need to wake an idle one. */
static void ask(u32 nr)
{
	struct hosted_cpu *cpu = &hosted_shared()->cpu[nr];

	__atomic_or_fetch(&cpu->pending, HOSTED_PEND_FLUSH, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST) == HOSTED_IN_USER)
		in_cpu_signal(nr);
}

/* Asked already. The bound is for a signal that went to a process that somebody
 * has killed in that moment: its successor may run user code before it looks. */
static void wait_for(u32 nr)
{
	struct hosted_cpu *cpu = &hosted_shared()->cpu[nr];
	struct host_timespec bound = { 0, 2000000 };

	for (u32 i = 0; __atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST) == HOSTED_IN_USER; i++) {
		if (i < WATCH_SPINS) {
			__builtin_ia32_pause();
			continue;
		}
		__atomic_store_n(&cpu->watched, 1, __ATOMIC_SEQ_CST);
		if (host_futex_wait(&cpu->state, HOSTED_IN_USER, &bound) == -HOST_ETIMEDOUT)
			ask(nr);
	}
}

static void stop(u64 cpus)
{
	for (u64 left = cpus; left; left &= left - 1)
		ask(__builtin_ctzl(left));
	for (u64 left = cpus; left; left &= left - 1)
		wait_for(__builtin_ctzl(left));
}

void in_tlb_shoot(struct hal_as *as)
{
	struct in_state *st = in_state();
	u64 cpus = 0;

	if (st->nr_cpus < 2)
		return;
	for (struct host_tlb *tlb = in_tlb_list(as); tlb; tlb = tlb->next) {
		struct in_view *v = container_of(tlb, struct in_view, tlb);
		u32 on = v->carrier ? st->carrier[v->carrier].on : 0;

		if (tlb->changed && on && on != in_self.nr + 1)
			cpus |= BIT(on - 1);
	}
	stop(cpus);
}

void in_stop_others(void)
{
	struct in_state *st = in_state();
	u64 cpus = 0;

	for (u32 i = 0; i < st->nr_cpus; i++)
		if (i != in_self.nr)
			cpus |= BIT(i);
	stop(cpus);
}
