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

#define RELAX_SPINS 400		/* of hal_relax: some 20 us */
#define RELAX_YIELDS 100
#define RELAX_APART 20000	/* TSC cycles */

static u64 deadline_ns[HAL_MAX_CPUS];	/* [owner CPU] U64_MAX: disarmed */
static struct {				/* [owner CPU] */
	u32 us, idles;			/* of spin_for_9p */
	u32 turns;			/* of hal_relax */
	u64 last;			/* TSC at the latest of them */
} spin[HAL_MAX_CPUS];

static u32 this_nr(void)
{
	return *hosted_priv()->cpu_nr;
}

static struct hosted_cpu *this_cpu(void)
{
	return &hosted_shared()->cpu[this_nr()];
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
	p->cpu_nr = &p->first_cpu_nr;
	err = host_call4(NR_rt_sigaction, HOST_SIGUSR1, (u64)&sa, 0, 8);
	if (err)
		return err;
	return hosted_timer_create(p->timer, p->handles.pid, host_call6);
}

void hal_timer_arm(u64 abs_ns)
{
	deadline_ns[this_nr()] = abs_ns;
}

/* Makes the host's timer fire no later than the deadline. */
void hosted_program_timer(void)
{
	struct hosted_timer *timer = hosted_priv()->timer;
	struct host_itimerspec its = { { 0, 0 }, { 0, 0 } };
	u64 deadline = deadline_ns[this_nr()], now, delta = 1000;

	if (deadline >= timer->armed_ns)
		return;
	now = hal_clock_ns();
	if (deadline > now + delta)
		delta = deadline - now;
	its.value.sec = delta / 1000000000;
	its.value.nsec = delta % 1000000000;
	/* First: the signal, which says "not armed", may come before the return. */
	timer->armed_ns = deadline;
	host_call4(NR_timer_settime, timer->id, 0, (u64)&its, 0);
}

static void check_timer(void)
{
	u64 *deadline = &deadline_ns[this_nr()];

	if (*deadline == U64_MAX || hal_clock_ns() < *deadline)
		return;
	*deadline = U64_MAX;
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
	if (pending & HOSTED_PEND_FLUSH && __atomic_exchange_n(&cpu->watched, 0, __ATOMIC_SEQ_CST))
		host_futex_wake(&cpu->state, HOSTED_CPUS);
	if (pending & HOSTED_PEND_IRQ) {
		irq = __atomic_exchange_n(&sh->irq, 0, __ATOMIC_SEQ_CST);
		__atomic_and_fetch(&hosted_priv()->busy_9p, ~irq, __ATOMIC_RELAXED);
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
	u32 nr = this_nr(), most = hosted_shared()->spin_us;
	bool found = false;
	u64 end;

	if (!most || !__atomic_load_n(&hosted_priv()->busy_9p, __ATOMIC_RELAXED))
		return false;
	if (++spin[nr].idles % 32 == 1)
		spin[nr].us = most;
	if (spin[nr].us < 4)
		return false;
	end = hal_clock_ns() + spin[nr].us * 1000ul;
	__atomic_store_n(&cpu->state, HOSTED_IN_SPIN, __ATOMIC_RELEASE);
	do {
		for (u32 i = 0; i < 32 && !found; i++) {
			found = __atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE);
			__builtin_ia32_pause();
		}
	} while (!found && hal_clock_ns() < end);
	__atomic_store_n(&cpu->state, HOSTED_IN_KERNEL, __ATOMIC_RELEASE);
	spin[nr].us = found ? most : spin[nr].us / 2;
	return found;
}

void hal_idle(void)
{
	struct hosted_cpu *cpu = this_cpu();
	struct host_timespec ts, *timeout = NULL;
	u64 now, deadline = deadline_ns[this_nr()];

	if (!__atomic_load_n(&cpu->pending, __ATOMIC_ACQUIRE) && !spin_for_9p(cpu)) {
		if (deadline != U64_MAX) {
			now = hal_clock_ns();
			if (now >= deadline) {
				hal_poll();
				return;
			}
			ts.sec = (deadline - now) / 1000000000;
			ts.nsec = (deadline - now) % 1000000000;
			timeout = &ts;
		}
		if (hosted_priv()->engine->doze)
			hosted_priv()->engine->doze(timeout);
		else
			hosted_doze(timeout);
		__atomic_store_n(&cpu->state, HOSTED_IN_KERNEL, __ATOMIC_SEQ_CST);
	}
	hal_poll();
}

void hosted_doze(const struct host_timespec *timeout)
{
	struct hosted_cpu *cpu = this_cpu();

	__atomic_store_n(&cpu->state, HOSTED_IN_IDLE, __ATOMIC_SEQ_CST);
	host_futex_wait(&cpu->pending, 0, timeout);
}

void hosted_kick(u32 nr, u32 pending)
{
	struct hosted_cpu *cpu = &hosted_shared()->cpu[nr];

	__atomic_or_fetch(&cpu->pending, pending, __ATOMIC_SEQ_CST);
	switch (__atomic_load_n(&cpu->state, __ATOMIC_SEQ_CST)) {
	case HOSTED_IN_IDLE:
		host_futex_wake(&cpu->pending, 1);
		break;
	case HOSTED_IN_USER:
		if (nr != this_nr())
			hosted_priv()->engine->cpu_signal(nr);
		break;
	default:	/* will look */
		break;
	}
}

void hal_ipi(u32 nr)
{
	if (nr < hosted_shared()->nr_cpus)
		hosted_kick(nr, HOSTED_PEND_IPI);
}

int hal_cpu_start(u32 nr, void *kstack)
{
	const struct hosted_engine *engine = hosted_priv()->engine;

	if (nr == 0 || nr >= hosted_shared()->nr_cpus || !engine->cpu_start)
		return -22;	/* EINVAL */
	return engine->cpu_start(nr, (u64 *)((u8 *)kstack + KSTACK_SIZE));
}

/*
 * A lock's holder may have lost its host CPU, be it to this very loop: after
 * some microseconds the host gets a chance, after some more the loop sleeps.
 * Turns that are far apart belong to different waits.
 */
void hal_relax(void)
{
	struct host_timespec nap = { 0, 20000 };
	u32 never = 0, nr = this_nr();

	__builtin_ia32_pause();
	if (__builtin_ia32_rdtsc() - spin[nr].last > RELAX_APART)
		spin[nr].turns = 0;
	if (++spin[nr].turns > RELAX_SPINS + RELAX_YIELDS)
		host_futex_wait(&never, 0, &nap);
	else if (spin[nr].turns > RELAX_SPINS)
		host_call3(NR_sched_yield, 0, 0, 0);
	spin[nr].last = __builtin_ia32_rdtsc();
}
