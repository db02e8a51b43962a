/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's seccomp filter, the same for zygote and carriers:
 *
 *   from the gate's page    clone, close, prctl, timer_create, wait4, getpid,
 *                           getppid (and munmap of the gate)
 *   from the kernel's text  the calls below, with their arguments looked at
 *   from anywhere else      SIGSYS: that is the guest's system call
 *
 * The calls of the second line have a random number, chosen at the start, in an
 * argument that the host does not look at. It stands in in_self, so that a guest
 * that jumps to a `syscall` of the kernel's gets nowhere, unless it can read
 * kernel memory: there are no protection keys, or it has opened them itself
 * (in_pku.c). Then it can make those calls, so they must not reach beyond this
 * process and the memfd: mappings lie below the window and never show the
 * kernel's own text and constants. The only process descriptors are those of
 * carriers, and SIGUSR1 only makes them look.
 */
#include "hal/hosted/inproc.h"

#define WINDOW_HIGH (HOSTED_BASE >> 32)
#define GATE_HIGH (HOSTED_STUB_BASE >> 32)

enum { L_TRAP = 100, L_ALLOW, L_KILL, L_COUNT, L_GATE = 24, L_MMAP = 32, L_RANGE = 47,
       L_MADVISE = 54, L_PRCTL = 60, L_END = 66, L_OTHERS = 83 };

#define GO(at, label) ((label) - (at) - 1)
#define IF(at, value, label) [at] = BPF_JUMP_EQ(value, GO(at, label), 0)
#define UNLESS(at, value, label) [at] = BPF_JUMP_EQ(value, 0, GO(at, label))

static s64 choose_cookie(void)
{
	u32 cookie;
	s64 got = host_call3(NR_getrandom, (u64)&cookie, sizeof(cookie), 0);

	if (got != sizeof(cookie))
		return got < 0 ? got : -HOST_EIO;
	in_self.cookie = cookie;
	return 0;
}

/* With the cookie that was chosen. */
static s64 install(void)
{
	struct hosted_shared *sh = hosted_shared();
	struct host_bpf code[L_COUNT] = {
		[0] = BPF_LOAD(BPF_ARCH),
		UNLESS(1, HOST_AUDIT_ARCH_X86_64, L_TRAP),
		[2] = BPF_LOAD(BPF_IP_HIGH),
		IF(3, GATE_HIGH, L_GATE),
		UNLESS(4, WINDOW_HIGH, L_TRAP),
		[5] = BPF_LOAD(BPF_IP_LOW),
		[6] = BPF_JUMP_GT((u32)sh->text_end, GO(6, L_TRAP), 0),
		[7] = BPF_LOAD(BPF_NR),
		IF(8, NR_mmap, L_MMAP),
		[9] = BPF_LOAD(BPF_ARG_LOW(5)),
		UNLESS(10, in_self.cookie, L_KILL),
		[11] = BPF_LOAD(BPF_NR),
		IF(12, NR_futex, L_ALLOW),
		IF(13, NR_munmap, L_RANGE),
		IF(14, NR_mprotect, L_RANGE),
		IF(15, NR_rt_sigreturn, L_ALLOW),
		IF(16, NR_timer_settime, L_ALLOW),
		IF(17, NR_clock_gettime, L_ALLOW),
		IF(18, NR_getrandom, L_ALLOW),
		IF(19, NR_exit_group, L_ALLOW),
		IF(20, NR_restart_syscall, L_ALLOW),
		IF(21, NR_madvise, L_MADVISE),
		IF(22, NR_arch_prctl, L_PRCTL),
		[23] = BPF_JUMP_EQ(NR_sched_yield, GO(23, L_ALLOW), GO(23, L_OTHERS)),

		[L_GATE] = BPF_LOAD(BPF_NR),
		IF(L_GATE + 1, NR_clone, L_ALLOW),
		IF(L_GATE + 2, NR_prctl, L_ALLOW),
		IF(L_GATE + 3, NR_timer_create, L_ALLOW),
		IF(L_GATE + 4, NR_wait4, L_ALLOW),
		IF(L_GATE + 5, NR_getpid, L_ALLOW),
		IF(L_GATE + 6, NR_close, L_ALLOW),
		[L_GATE + 7] = BPF_JUMP_EQ(NR_getppid, GO(L_GATE + 7, L_ALLOW),
					   GO(L_GATE + 7, L_KILL)),

		/* Below the window, shared, fixed, of the memfd, not its image. */
		[L_MMAP] = BPF_LOAD(BPF_ARG_HIGH(4)),
		UNLESS(L_MMAP + 1, in_self.cookie, L_KILL),
		[L_MMAP + 2] = BPF_LOAD(BPF_ARG_HIGH(0)),
		[L_MMAP + 3] = BPF_JUMP_GE(WINDOW_HIGH, GO(L_MMAP + 3, L_KILL), 0),
		[L_MMAP + 4] = BPF_LOAD(BPF_ARG_HIGH(1)),
		UNLESS(L_MMAP + 5, 0, L_KILL),
		[L_MMAP + 6] = BPF_LOAD(BPF_ARG_LOW(3)),
		UNLESS(L_MMAP + 7, HOST_MAP_SHARED | HOST_MAP_FIXED | HOST_MAP_POPULATE, L_KILL),
		[L_MMAP + 8] = BPF_LOAD(BPF_ARG_LOW(4)),
		UNLESS(L_MMAP + 9, (u32)hosted_priv()->handles.memfd, L_KILL),
		[L_MMAP + 10] = BPF_LOAD(BPF_ARG_HIGH(5)),
		UNLESS(L_MMAP + 11, 0, L_END),
		[L_MMAP + 12] = BPF_LOAD(BPF_ARG_LOW(5)),
		[L_MMAP + 13] = BPF_JUMP_GE((u32)sh->rodata_end, GO(L_MMAP + 13, L_END),
					    GO(L_MMAP + 13, L_KILL)),

		/* munmap, mprotect: below the window; or the gate, to unmap it. */
		[L_RANGE] = BPF_LOAD(BPF_ARG_HIGH(1)),
		[L_RANGE + 1] = BPF_JUMP_GT(WINDOW_HIGH, GO(L_RANGE + 1, L_KILL), 0),
		[L_RANGE + 2] = BPF_LOAD(BPF_ARG_HIGH(0)),
		IF(L_RANGE + 3, GATE_HIGH, L_ALLOW),
		[L_RANGE + 4] = BPF_JUMP_GE(WINDOW_HIGH, GO(L_RANGE + 4, L_KILL),
					    GO(L_RANGE + 4, L_END)),

		/* Address and length (args 0 and 1, whose high halves are small by
		 * now): the sum, with the carry of the low halves, ends below too. */
		[L_END] = BPF_LOAD(BPF_ARG_LOW(1)),
		[L_END + 1] = BPF_A_TO_X,
		[L_END + 2] = BPF_LOAD(BPF_ARG_LOW(0)),
		[L_END + 3] = BPF_ADD_X,
		[L_END + 4] = BPF_JUMP_GE_X(2, 0),
		[L_END + 5] = BPF_SET(1),
		[L_END + 6] = BPF_SKIP(1),
		[L_END + 7] = BPF_CLEAR,
		[L_END + 8] = BPF_A_TO_X,
		[L_END + 9] = BPF_LOAD(BPF_ARG_HIGH(0)),
		[L_END + 10] = BPF_ADD_X,
		[L_END + 11] = BPF_A_TO_X,
		[L_END + 12] = BPF_LOAD(BPF_ARG_HIGH(1)),
		[L_END + 13] = BPF_ADD_X,
		[L_END + 14] = BPF_JUMP_GE(WINDOW_HIGH, GO(L_END + 14, L_KILL),
					   GO(L_END + 14, L_ALLOW)),

		[L_MADVISE] = BPF_LOAD(BPF_ARG_LOW(2)),
		[L_MADVISE + 1] = BPF_JUMP_EQ(HOST_MADV_REMOVE, GO(L_MADVISE + 1, L_ALLOW), 0),
		[L_MADVISE + 2] = BPF_JUMP_EQ(HOST_MADV_POPULATE_WRITE,
					      GO(L_MADVISE + 2, L_ALLOW),
					      GO(L_MADVISE + 2, L_KILL)),

		/* arch_prctl: FS and GS, where there is no wrfsbase. */
		[L_PRCTL] = BPF_LOAD(BPF_ARG_LOW(0)),
		[L_PRCTL + 1] = BPF_JUMP_GE(0x1005, GO(L_PRCTL + 1, L_KILL), 0),
		[L_PRCTL + 2] = BPF_JUMP_GE(0x1001, GO(L_PRCTL + 2, L_ALLOW),
					    GO(L_PRCTL + 2, L_KILL)),

		/* With several CPUs: the caller's own host CPU, and kicks. */
		UNLESS(L_OTHERS, NR_sched_setaffinity, L_OTHERS + 4),
		[L_OTHERS + 1] = BPF_LOAD(BPF_ARG_LOW(0)),
		[L_OTHERS + 2] = BPF_JUMP_EQ(0, GO(L_OTHERS + 2, L_ALLOW),
					     GO(L_OTHERS + 2, L_KILL)),
		UNLESS(L_OTHERS + 4, NR_pidfd_send_signal, L_KILL),
		[L_OTHERS + 5] = BPF_LOAD(BPF_ARG_LOW(1)),
		UNLESS(L_OTHERS + 6, HOST_SIGUSR1, L_KILL),
		[L_OTHERS + 7] = BPF_LOAD(BPF_ARG_LOW(2)),
		UNLESS(L_OTHERS + 8, 0, L_KILL),
		[L_OTHERS + 9] = BPF_LOAD(BPF_ARG_HIGH(2)),
		UNLESS(L_OTHERS + 10, 0, L_KILL),
		[L_OTHERS + 11] = BPF_LOAD(BPF_ARG_LOW(3)),
		[L_OTHERS + 12] = BPF_JUMP_EQ(0, GO(L_OTHERS + 12, L_ALLOW),
					      GO(L_OTHERS + 12, L_KILL)),

		[L_TRAP] = BPF_RETURN(SECCOMP_TRAP),
		[L_ALLOW] = BPF_RETURN(SECCOMP_ALLOW),
		[L_KILL] = BPF_RETURN(SECCOMP_KILL),
	};

	/* The gaps between the groups are never reached; the host wants code there. */
	for (u32 i = 0; i < L_COUNT; i++)
		if (!code[i].code && !code[i].k)
			code[i] = (struct host_bpf)BPF_RETURN(SECCOMP_KILL);
	return host_seccomp(code, L_COUNT);
}

s64 in_filter(void)
{
	s64 err = choose_cookie();

	return err ? err : install();
}
