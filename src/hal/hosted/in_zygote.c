/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's zygote, and how the CPU goes from carrier to carrier.
 *
 * The kernel process that the supervisor started becomes the zygote: it maps
 * the window and nothing of any guest, so that a fork of it is cheap. It makes
 * carriers when asked (in_spawn), takes note of their deaths, and when it
 * exits they die too (PDEATHSIG), and with them the machine.
 *
 * A CPU is a token: in_pass() marks another carrier's turn, wakes it and
 * sleeps until it is its own turn again, maybe for another CPU. The one that
 * wakes goes on with the kernel stack that in_change() has left. Nothing but the
 * stack goes over.
 *
 * A carrier that somebody kills is replaced in its slot:
 *   asleep         by an empty one; nothing is lost, registers are in memory
 *   an idle CPU    by one that wakes in its place (in_doze)
 *   in user mode   by one that reports a machine check (vector 18) to the core
 *   in the kernel  not at all: the state of the kernel went with it; the end
 *
 * With several CPUs, carriers share the zygote's descriptors and each has a
 * process descriptor in there (in_smp.c).
 */
#include "hal/hal.h"
#include "hal/hosted/inproc.h"

static s64 gate(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	u64 address = HOSTED_STUB_BASE + (u64)(in_gate_code - hosted_stub_page);

	return ((hosted_call_fn *)address)(nr, a, b, c, d, e, f);
}

/* To the host CPU that belongs to the CPU. A host that refuses: only slower. */
static void pin(u32 nr)
{
	s32 cpu = hosted_priv()->handles.host_cpu[nr];
	u64 mask[HOST_CPU_SET / 64] = { 0 };

	in_self.pinned = nr;
	if (cpu < 0 || cpu >= HOST_CPU_SET)
		return;
	mask[cpu / 64] = BIT(cpu % 64);
	host_call3(NR_sched_setaffinity, 0, sizeof(mask), (u64)mask);
}

static void __noreturn take_over(void)
{
	struct in_carrier *c = in_me();
	struct trapframe *tf = in_this_cpu()->tf;

	if (in_self.pinned != in_self.nr)
		pin(in_self.nr);
	if (!c->machine_check)
		in_adopt();
	c->machine_check = 0;
	in_self.info = (struct trapinfo){ .kind = TRAP_EXCEPTION, .vector = 18 };
	tf->orig_rax = -1;
	/* In this order: without tf, no kick is taken for one in user mode. */
	__atomic_store_n(&in_self.cpu->state, HOSTED_IN_KERNEL, __ATOMIC_SEQ_CST);
	in_self.tf = tf;
	in_enter(tf);
}

static void __noreturn wait_turn(void)
{
	struct in_carrier *c = in_me();
	u32 nr;

	while (!__atomic_load_n(&c->turn, __ATOMIC_SEQ_CST))
		host_futex_wait(&c->turn, 0, NULL);
	if (c->retire)
		host_exit(0);
	nr = c->cpu;
	in_self.nr = nr;
	in_self.cpu = &hosted_shared()->cpu[nr];
	in_self.kstack = c->kstack;
	((struct hosted_board *)HOSTED_BOARD_BASE)->running[nr] = in_self.pid;
	/* In this order: who is killed before the first has not had its turn, who
	 * is killed after it has taken the kernel along. */
	__atomic_store_n(&in_this_cpu()->running, in_self.index, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->turn, 0, __ATOMIC_SEQ_CST);
	take_over();
}

void in_pass(u32 target)
{
	struct in_carrier *c = &in_state()->carrier[target];

	c->cpu = in_self.nr;
	c->kstack = in_self.kstack;
	__atomic_store_n(&c->turn, 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&c->turn, 1);
	wait_turn();
}

void in_wake_zygote(u32 want)
{
	struct in_state *st = in_state();

	__atomic_or_fetch(&st->want, want, __ATOMIC_SEQ_CST);
	host_futex_wake(&st->want, 1);
}

u32 in_spawn(void)
{
	struct in_state *st = in_state();
	u32 nr;

	for (nr = 1; nr <= st->high_carrier; nr++)
		if (!st->carrier[nr].alive && !READ_ONCE(st->carrier[nr].retire))
			break;
	if (nr == IN_CARRIERS)
		return 0;
	st->carrier[nr] = (struct in_carrier){ 0 };
	st->high_carrier = max(st->high_carrier, nr);
	st->spawn_slot = nr;
	__atomic_store_n(&st->spawn_done, 0, __ATOMIC_SEQ_CST);
	in_wake_zygote(IN_WANT_SPAWN);
	while (!__atomic_load_n(&st->spawn_done, __ATOMIC_SEQ_CST))
		host_futex_wait(&st->spawn_done, 0, NULL);
	if (st->spawn_done != 1)
		return 0;
	st->nr_alive++;
	return nr;
}

/* ---- the zygote ---- */

static void __noreturn carrier_main(u32 slot)
{
	s32 parent = in_self.pid;

	in_self.index = slot;
	in_self.pid = gate(NR_getpid, 0, 0, 0, 0, 0, 0);
	in_self.fsbase = in_self.gsbase = ~0ul;
	gate(NR_prctl, HOST_PR_SET_PDEATHSIG, HOST_SIGKILL, 0, 0, 0, 0);
	if (gate(NR_getppid, 0, 0, 0, 0, 0, 0) != parent)
		host_exit(1);
	gate(NR_prctl, HOST_PR_SET_NAME, (u64)"hyla-guest", 0, 0, 0, 0);
	if (hosted_timer_create(&in_self.timer, in_self.pid, gate))
		host_exit(2);
	host_munmap(HOSTED_STUB_BASE, HOSTED_PAGE);
	wait_turn();
}

static bool spawn(u32 slot)
{
	struct in_carrier *c = &in_state()->carrier[slot];
	u64 flags = HOST_SIGCHLD;
	s64 pid;

	if (slot == 0 || slot >= IN_CARRIERS)
		return false;
	if (hosted_shared()->nr_cpus > 1)
		flags |= HOST_CLONE_FILES | HOST_CLONE_PIDFD;
	/* Before it runs: it, or another, may make use of both at once. */
	c->alive = 1;
	pid = gate(NR_clone, flags, 0, (u64)&c->pidfd, 0, 0, 0);
	if (pid == 0)
		carrier_main(slot);
	if (pid < 0) {
		c->alive = 0;
		return false;
	}
	in_self.child[slot] = pid;
	in_self.pidfd[slot] = c->pidfd;
	return true;
}

static void __noreturn end(const char *why)
{
	if (why)
		hosted_fail(why, 0);
	host_exit(in_state()->end_code);
	__builtin_unreachable();
}

/* Carrier `slot` died though nobody asked it to. */
static void replace(u32 slot)
{
	struct in_state *st = in_state();
	struct in_carrier *c = &st->carrier[slot];
	u32 state = HOSTED_IN_KERNEL;
	bool ran = false;

	for (u32 i = 0; i < st->nr_cpus && i < HOSTED_CPUS && !ran; i++) {
		ran = __atomic_load_n(&st->cpu[i].running, __ATOMIC_SEQ_CST) == slot;
		if (!ran)
			continue;
		state = __atomic_load_n(&hosted_shared()->cpu[i].state, __ATOMIC_SEQ_CST);
		if (state == HOSTED_IN_IDLE)
			c->kstack = st->cpu[i].doze_kstack;
		else if (state != HOSTED_IN_USER)
			end("a process that ran the kernel was killed");
	}
	c->fp_newer = 0;
	c->machine_check = state == HOSTED_IN_USER;
	c->reborn = 1;
	if (!spawn(slot))
		end("a process was killed, and the host lets us make no other");
	if (ran) {
		__atomic_store_n(&c->turn, 1, __ATOMIC_SEQ_CST);
		host_futex_wake(&c->turn, 1);
	}
}

static void reap(void)
{
	s64 pid;
	s32 status;

	while ((pid = gate(NR_wait4, -1, (u64)&status, HOST_WALL | HOST_WNOHANG, 0, 0, 0)) > 0) {
		for (u32 i = 1; i < IN_CARRIERS; i++) {
			if (in_self.child[i] != pid)
				continue;
			in_self.child[i] = 0;
			if (in_self.pidfd[i])
				gate(NR_close, in_self.pidfd[i], 0, 0, 0, 0, 0);
			in_self.pidfd[i] = 0;
			if (in_state()->carrier[i].retire)
				in_state()->carrier[i].retire = 0;
			else
				replace(i);
			break;
		}
	}
}

/* No wake-up: the futex call that this interrupts looks at the word again. */
void in_child_died(void)
{
	__atomic_or_fetch(&in_state()->want, IN_WANT_REAP, __ATOMIC_SEQ_CST);
}

static void set_up(void)
{
	s64 err = host_mmap(HOSTED_STUB_BASE, HOSTED_PAGE, HOST_PROT_READ | HOST_PROT_EXEC,
			    HOST_MAP_SHARED | HOST_MAP_FIXED, hosted_priv()->handles.memfd,
			    (u64)hosted_stub_page - HOSTED_BASE);

	if (err > 0)
		err = in_catch_children();
	if (!err)
		err = in_filter();
	if (err)
		hosted_fail("the host does not allow seccomp filters (see `hyla doctor`)", err);
}

void in_zygote_main(void)
{
	struct in_state *st = in_state();
	u32 want;

	set_up();
	st->nr_alive = st->high_carrier = st->nr_cpus = 1;
	st->carrier[1] = (struct in_carrier){ .turn = 1, .on = 1, .kstack = in_self.kstack };
	if (!spawn(1))
		hosted_fail("the host lets us make no process", 0);
	for (;;) {
		want = __atomic_exchange_n(&st->want, 0, __ATOMIC_SEQ_CST);
		if (want & IN_WANT_END)
			end(NULL);
		if (want & IN_WANT_REAP)
			reap();
		if (want & IN_WANT_SPAWN) {
			u32 done = spawn(st->spawn_slot) ? 1 : 2;

			__atomic_store_n(&st->spawn_done, done, __ATOMIC_SEQ_CST);
			host_futex_wake(&st->spawn_done, 1);
		}
		if (!want)
			host_futex_wait(&st->want, 0, NULL);
	}
}
