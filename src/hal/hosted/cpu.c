/* SPDX-License-Identifier: MIT */
/*
 * Hosted HAL: interrupts of a CPU. Idle, timer, kicks, pending work.
 *
 * An interrupt is a bit in hosted_cpu.pending. Whoever sets one looks at
 * hosted_cpu.state afterwards, and whoever leaves the kernel sets state before
 * he looks at pending, both sequentially consistent:
 *
 *   sender                          this CPU
 *     pending |= bit                  state = IN_USER or IN_IDLE
 *     state?                          pending?
 *       IN_KERNEL: nothing              yes: state = IN_KERNEL, upcalls
 *       IN_IDLE:   futex wake           no:  run user code, or sleep
 *       IN_USER:   signal
 *
 * so a kick is never lost. The signal's handler asks the engine to leave user
 * code; a signal that comes too late finds IN_KERNEL and does nothing.
 *
 * The timer is one POSIX timer with the same signal. It is armed on the way to
 * user mode only, and only if the deadline is nearer than what is armed: a
 * tick that is pushed back again and again costs one host call per tick. Idle
 * sleeps with a timeout instead.
 */
#include "hal/cpu.h"
#include "hal/hal.h"
#include "hal/hosted/linux.h"
#include "hal/hosted/private.h"
#include "hal/virtio.h"

static u64 deadline_ns[HAL_MAX_CPUS];	/* [owner CPU] U64_MAX: disarmed */

static struct hosted_cpu *this_cpu(void)
{
	return &hosted_shared()->cpu[0];
}

void hosted_timer_fired(void)
{
	hosted_priv()->timer->armed_ns = U64_MAX;
	__atomic_or_fetch(&this_cpu()->pending, HOSTED_PEND_TIMER, __ATOMIC_SEQ_CST);
}

int hosted_timer_create(struct hosted_timer *timer, s32 tid, hosted_call_fn call)
{
	struct host_sigevent event = { .signo = HOST_SIGUSR1, .notify = 4, .tid = tid };

	timer->armed_ns = U64_MAX;
	return call(NR_timer_create, HOST_CLOCK_MONOTONIC, (u64)&event, (u64)&timer->id, 0, 0, 0);
}

static void kick_handler(int signo, struct host_siginfo *si, void *context)
{
	struct hosted_cpu *cpu = this_cpu();

	(void)signo;
	(void)context;
	if (si->code == HOST_SI_TIMER)
		hosted_timer_fired();
	if (__atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST) == HOSTED_IN_USER)
		hosted_priv()->engine->kick();
}

int hosted_cpu_init(void)
{
	struct hosted_private *p = hosted_priv();
	struct host_sigaction sa = {
		.handler = (void *)kick_handler,
		.flags = HOST_SA_SIGINFO | HOST_SA_ONSTACK | HOST_SA_RESTORER,
		.restorer = (void *)hosted_restorer,
	};
	s64 err;

	for (u32 i = 0; i < HAL_MAX_CPUS; i++)
		deadline_ns[i] = U64_MAX;
	p->timer = &p->first_timer;
	err = host_call4(NR_rt_sigaction, HOST_SIGUSR1, (u64)&sa, 0, 8);
	if (err)
		return err;
	return hosted_timer_create(p->timer, p->handles.pid, host_call6);
}

void hal_timer_arm(u64 abs_ns)
{
	deadline_ns[0] = abs_ns;
}

/* Makes the host's timer fire no later than the deadline. */
void hosted_program_timer(void)
{
	struct hosted_timer *timer = hosted_priv()->timer;
	struct host_itimerspec its = { { 0, 0 }, { 0, 0 } };
	u64 now, delta = 1000;

	if (deadline_ns[0] >= timer->armed_ns)
		return;
	now = hal_clock_ns();
	if (deadline_ns[0] > now + delta)
		delta = deadline_ns[0] - now;
	its.value.sec = delta / 1000000000;
	its.value.nsec = delta % 1000000000;
	/* First: the signal, which says "not armed", may come before the return. */
	timer->armed_ns = deadline_ns[0];
	host_call4(NR_timer_settime, timer->id, 0, (u64)&its, 0);
}

static void check_timer(void)
{
	if (deadline_ns[0] == U64_MAX || hal_clock_ns() < deadline_ns[0])
		return;
	deadline_ns[0] = U64_MAX;
	kern_timer();
}

void hosted_upcalls(void)
{
	struct hosted_shared *sh = hosted_shared();
	struct hosted_cpu *cpu = this_cpu();
	u32 pending, irq;

	if (!__atomic_load_n(&cpu->pending, __ATOMIC_RELAXED))
		return;
	pending = __atomic_exchange_n(&cpu->pending, 0, __ATOMIC_SEQ_CST);
	if (pending & HOSTED_PEND_IRQ) {
		irq = __atomic_exchange_n(&sh->irq, 0, __ATOMIC_SEQ_CST);
		hosted_priv()->busy_9p &= ~irq;
		for (u32 dev = 0; irq; dev++, irq >>= 1)
			if (irq & 1)
				kern_virtio_irq(dev);
	}
	if (pending & HOSTED_PEND_IPI)
		kern_ipi();
	if (pending & HOSTED_PEND_TIMER)
		check_timer();
}

void hal_poll(void)
{
	hosted_upcalls();
	check_timer();
}

bool hosted_enter_user(void)
{
	struct hosted_cpu *cpu = this_cpu();

	hosted_program_timer();
	__atomic_store_n(&cpu->state, HOSTED_IN_USER, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&cpu->pending, __ATOMIC_SEQ_CST))
		return true;
	__atomic_store_n(&cpu->state, HOSTED_IN_KERNEL, __ATOMIC_SEQ_CST);
	return false;
}

void hosted_leave_user(void)
{
	__atomic_store_n(&this_cpu()->state, HOSTED_IN_KERNEL, __ATOMIC_RELEASE);
}

/*
 * A 9p answer is mostly nearer than a sleep and a wake-up are long. Where it
 * is not (a busy host, a slow disk), spinning wears off, and is tried again
 * now and then.
 */
static bool spin_for_9p(struct hosted_cpu *cpu)
{
	static u32 spin_us, idles;
	struct hosted_shared *sh = hosted_shared();
	u64 end;

	if (!sh->spin_us || !hosted_priv()->busy_9p)
		return false;
	if (++idles % 32 == 1)
		spin_us = sh->spin_us;
	if (spin_us < 4)
		return false;
	end = hal_clock_ns() + spin_us * 1000ul;
	do {
		for (u32 i = 0; i < 32; i++) {
			if (__atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE)) {
				spin_us = sh->spin_us;
				return true;
			}
			__builtin_ia32_pause();
		}
	} while (hal_clock_ns() < end);
	spin_us /= 2;
	return false;
}

void hal_idle(void)
{
	struct hosted_cpu *cpu = this_cpu();
	struct host_timespec ts, *timeout = NULL;
	u64 now;

	if (!__atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE) && !spin_for_9p(cpu)) {
		if (deadline_ns[0] != U64_MAX) {
			now = hal_clock_ns();
			if (now >= deadline_ns[0]) {
				hal_poll();
				return;
			}
			ts.sec = (deadline_ns[0] - now) / 1000000000;
			ts.nsec = (deadline_ns[0] - now) % 1000000000;
			timeout = &ts;
		}
		__atomic_store_n(&cpu->state, HOSTED_IN_IDLE, __ATOMIC_SEQ_CST);
		host_futex_wait(&cpu->pending, 0, timeout);
		__atomic_store_n(&cpu->state, HOSTED_IN_KERNEL, __ATOMIC_SEQ_CST);
	}
	hal_poll();
}

void hal_ipi(u32 nr)
{
	struct hosted_shared *sh = hosted_shared();

	if (nr >= sh->nr_cpus)
		return;
	/* One CPU so far: it is this one, in the kernel, and will look. */
	__atomic_or_fetch(&sh->cpu[nr].pending, HOSTED_PEND_IPI, __ATOMIC_SEQ_CST);
}

int hal_cpu_start(u32 cpu, void *kstack)
{
	(void)cpu;
	(void)kstack;
	return -22;	/* EINVAL: nr_cpus is 1 */
}

void hal_relax(void)
{
	__builtin_ia32_pause();
}
