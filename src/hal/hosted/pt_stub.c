/* SPDX-License-Identifier: MIT */
/*
 * The ptrace engine's stub processes: birth, reuse, death, and how they are
 * made to change their own mappings.
 *
 * The zygote is a clone of the kernel process that has let go of everything
 * but the stub's two pages. Every other stub is cloned from it by making the
 * zygote do a clone() of its own; CLONE_PARENT makes it a child of the kernel
 * process, which is its tracer too. PTRACE_O_EXITKILL ends all of them with
 * the kernel process. An address space that ends leaves its stub, emptied, in
 * a small pool.
 *
 * A seccomp filter lets stubs do mapping calls and clone from the code page
 * and nothing else. SYSEMU comes before seccomp, so it costs guests nothing;
 * it is there for the vsyscall page, which SYSEMU does not see, and as a
 * second wall.
 */
#include "hal/hosted/ptrace.h"

#define STUB_COMMANDS (HOSTED_STUB_BASE + HOSTED_PAGE)
#define STUB_END (HOSTED_STUB_BASE + 2 * HOSTED_PAGE)
#define STUB_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | \
		      PTRACE_O_TRACECLONE)

s32 pt_wait(s32 pid)
{
	s32 status = 0;
	s64 err;

	do
		err = host_wait(pid, &status);
	while (err == -HOST_EINTR);
	return err == pid ? status : 0;
}

static s64 filter_stub(void)
{
	struct host_bpf code[] = {
		BPF_LOAD(BPF_ARCH),
		BPF_JUMP_EQ(HOST_AUDIT_ARCH_X86_64, 0, 10),
		BPF_LOAD(BPF_IP_HIGH),
		BPF_JUMP_EQ(HOSTED_STUB_BASE >> 32, 0, 8),
		BPF_LOAD(BPF_IP_LOW),
		BPF_JUMP_GE((u32)HOSTED_STUB_BASE + HOSTED_PAGE, 6, 0),
		BPF_LOAD(BPF_NR),
		BPF_JUMP_EQ(NR_mmap, 3, 0),
		BPF_JUMP_EQ(NR_munmap, 2, 0),
		BPF_JUMP_EQ(NR_mprotect, 1, 0),
		BPF_JUMP_EQ(NR_clone, 0, 2),
		BPF_RETURN(SECCOMP_ALLOW),
		BPF_RETURN(SECCOMP_TRAP),	/* the vsyscall page */
		BPF_RETURN(SECCOMP_KILL),
	};

	return host_seccomp(code, ARRAY_SIZE(code));
}

/*
 * The kernel process too gives up all that it does not need: no file, no
 * socket, no exec, and no other process than those that it has made. Should a
 * guest break the core, it stands in a room without doors.
 */
static s64 filter_kernel(void)
{
	enum { ALLOW = 18, KILL = 19 };
#define ALLOW_IF(at, nr) [at] = BPF_JUMP_EQ(nr, ALLOW - (at) - 1, 0)
	struct host_bpf code[] = {
		[0] = BPF_LOAD(BPF_ARCH),
		[1] = BPF_JUMP_EQ(HOST_AUDIT_ARCH_X86_64, 0, KILL - 2),
		[2] = BPF_LOAD(BPF_NR),
		[3] = BPF_JUMP_EQ(NR_ptrace, 14 - 4, 0),
		ALLOW_IF(4, NR_wait4),
		ALLOW_IF(5, NR_futex),
		ALLOW_IF(6, NR_rt_sigreturn),
		ALLOW_IF(7, NR_timer_settime),
		ALLOW_IF(8, NR_tgkill),
		ALLOW_IF(9, NR_clock_gettime),
		ALLOW_IF(10, NR_madvise),
		ALLOW_IF(11, NR_getrandom),
		/* The host restarts a wait that a stop or a debugger interrupted. */
		ALLOW_IF(12, NR_restart_syscall),
		[13] = BPF_JUMP_EQ(NR_exit_group, ALLOW - 14, KILL - 14),
		/* ptrace: all but ATTACH and SEIZE and what may come */
		[14] = BPF_LOAD(BPF_ARG0_LOW),
		[15] = BPF_JUMP_EQ(PTRACE_ATTACH, KILL - 16, 0),
		[16] = BPF_JUMP_EQ(PTRACE_SEIZE, KILL - 17, 0),
		[17] = BPF_JUMP_GE(PTRACE_SEIZE + 4, KILL - 18, 0),
		[ALLOW] = BPF_RETURN(SECCOMP_ALLOW),
		[KILL] = BPF_RETURN(SECCOMP_KILL),
	};
#undef ALLOW_IF

	return host_seccomp(code, ARRAY_SIZE(code));
}

/* In the child, on the private clone stack. */
static void zygote_main(void)
{
	struct hosted_private *p = hosted_priv();
	struct host_sigaction sa = { .flags = HOST_SA_RESTORER };
	u64 code = (u64)hosted_stub_page - HOSTED_BASE;
	u64 command = (u64)p->shared->command - HOSTED_BASE;
	s64 err;

	host_call6(NR_prctl, HOST_PR_SET_NAME, (u64)"hyla-stub", 0, 0, 0, 0);
	for (int i = 1; i < 32; i++)
		host_call4(NR_rt_sigaction, i, (u64)&sa, 0, 8);
	err = host_mmap(HOSTED_STUB_BASE, HOSTED_PAGE, HOST_PROT_READ | HOST_PROT_EXEC,
			HOST_MAP_SHARED | HOST_MAP_FIXED, p->handles.memfd, code);
	if (err > 0)
		err = host_mmap(STUB_COMMANDS, HOSTED_PAGE, HOST_PROT_READ,
				HOST_MAP_SHARED | HOST_MAP_FIXED, p->handles.memfd, command);
	if (err < 0)
		host_exit(1);
	err = host_ptrace(PTRACE_TRACEME, 0, 0, NULL);
	if (err)
		host_exit(2);
	err = host_call3(NR_getpid, 0, 0, 0);
	host_call3(NR_kill, err, HOST_SIGSTOP, 0);
	/* The kernel process has set its options; now close the door. */
	if (filter_stub())
		host_exit(3);
	__asm__ volatile("int3");
	host_exit(4);
}

/* Makes a stopped stub do `count` commands of the command page. 0, -errno of
 * the first that failed, or -ESRCH when the stub is gone. */
static s64 do_batch(s32 pid, u32 count, s32 *new_pid)
{
	struct host_regs *regs = &pt()->regs;
	u64 event = 0;
	s32 status;

	__builtin_memset(regs, 0, sizeof(*regs));
	regs->rip = HOSTED_STUB_BASE + (u64)(hosted_stub_batch - hosted_stub_page);
	regs->r15 = STUB_COMMANDS;
	regs->r14 = count;
	regs->orig_rax = -1;
	regs->cs = 0x33;
	regs->ss = 0x2b;
	regs->rflags = 0x202;
	if (host_ptrace(PTRACE_SETREGS, pid, 0, regs))
		return -HOST_ESRCH;
	for (;;) {
		if (host_ptrace(PTRACE_CONT, pid, 0, NULL))
			return -HOST_ESRCH;
		status = pt_wait(pid);
		if ((status & 0xff) != 0x7f)
			return -HOST_ESRCH;
		switch (status >> 8) {
		case HOST_SIGTRAP:
			return 0;
		case HOST_SIGILL:
			host_ptrace(PTRACE_GETREGS, pid, 0, regs);
			return regs->rax;
		case HOST_SIGTRAP | PTRACE_EVENT_FORK << 8:
		case HOST_SIGTRAP | PTRACE_EVENT_CLONE << 8:
			host_ptrace(PTRACE_GETEVENTMSG, pid, 0, &event);
			if (new_pid)
				*new_pid = event;
			break;
		default:	/* a kick that came late, or somebody's signal */
			break;
		}
	}
}

static void put_command(u32 i, u64 nr, u64 a, u64 b)
{
	struct tlb_op *c = (struct tlb_op *)hosted_shared()->command + i;

	*c = (struct tlb_op){ nr, { a, b } };
}

static s32 clone_stub(void)
{
	s32 pid = 0;

	put_command(0, NR_clone, HOST_CLONE_PARENT | HOST_CLONE_FILES | HOST_CLONE_FS |
		    HOST_SIGCHLD, 0);
	if (do_batch(pt()->zygote, 1, &pid) || !pid)
		return 0;
	if ((pt_wait(pid) & 0xff) != 0x7f)
		return 0;
	return pid;
}

static void kill_stub(struct pt_stub *s)
{
	if (!s->pid)
		return;
	host_call3(NR_tgkill, s->pid, s->pid, HOST_SIGKILL);
	while ((pt_wait(s->pid) & 0xff) == 0x7f)
		;
	s->pid = 0;
}

int pt_stub_init(void)
{
	struct pt_state *p = pt();
	struct hosted_private *priv = hosted_priv();
	s64 pid = hosted_clone(HOST_SIGCHLD, priv->clone_stack + sizeof(priv->clone_stack),
			       zygote_main);
	s32 status;

	if (pid < 0)
		return pid;
	p->zygote = pid;
	status = pt_wait(pid);
	if ((status & 0xff) != 0x7f)
		hosted_fail("the host does not allow ptrace (see `hyla doctor`)", 0);
	if (host_ptrace(PTRACE_SETOPTIONS, pid, 0, (void *)STUB_OPTIONS))
		return -HOST_EPERM;
	if (host_ptrace(PTRACE_CONT, pid, 0, NULL))
		return -HOST_ESRCH;
	status = pt_wait(pid);
	if (status != (HOST_SIGTRAP << 8 | 0x7f))
		hosted_fail("the host does not allow seccomp filters (see `hyla doctor`)", 0);
	put_command(0, NR_munmap, 0, HOSTED_STUB_BASE);
	put_command(1, NR_munmap, STUB_END, HOSTED_TASK_SIZE - STUB_END);
	status = do_batch(pid, 2, NULL);
	return status ? status : filter_kernel();
}

static void forget_mappings(struct pt_stub *s)
{
	tlb_empty(&s->tlb);
	s->tlb.fill_va = 1;
}

void pt_stub_commit(struct pt_stub *s)
{
	s64 err;
	u32 first = s->tlb.nr_ops;

	__builtin_memcpy(hosted_shared()->command, s->tlb.op,
			 s->tlb.nr_ops * sizeof(s->tlb.op[0]));
	err = do_batch(s->pid, s->tlb.nr_ops, NULL);
	s->tlb.nr_ops = 0;
	if (!err) {
		s->tlb.refused = 0;
		return;
	}
	if (err == -HOST_ESRCH)
		return;		/* run() will see it */
	/* Too many mappings, most likely. Start with none; faults bring back
	 * what is needed. */
	if (first) {
		s->tlb.refused_va = s->tlb.op[0].arg[0];
		s->tlb.refused++;
	}
	forget_mappings(s);
	__builtin_memcpy(hosted_shared()->command, s->tlb.op,
			 s->tlb.nr_ops * sizeof(s->tlb.op[0]));
	do_batch(s->pid, s->tlb.nr_ops, NULL);
	s->tlb.nr_ops = 0;
}

bool pt_stub_revive(struct pt_stub *s)
{
	pt_fp_forget(s);
	kill_stub(s);
	tlb_drop(&s->tlb);
	s->tlb.nr_ops = 0;
	s->tlb.fill_va = 1;
	s->pid = clone_stub();
	return s->pid != 0;
}

static u32 free_slot(void)
{
	struct pt_state *p = pt();

	for (u32 i = 1; i <= p->high; i++)
		if (!p->stub[i].used && !p->stub[i].pid)
			return i;
	return p->high + 1 < PT_STUBS ? ++p->high : 0;
}

int pt_as_init(struct hal_as *as)
{
	struct pt_state *p = pt();
	struct pt_stub *s, *parent;
	u32 id;

	if (p->nr_idle) {
		id = p->idle[--p->nr_idle];
		s = &p->stub[id];
	} else {
		id = free_slot();
		if (!id)
			return -HOST_EAGAIN;
		s = &p->stub[id];
		s->pid = clone_stub();
		if (!s->pid)
			return -HOST_EAGAIN;
		s->tlb.nr_ops = 0;
	}
	s->fp_owner = NULL;
	s->tlb.refused = 0;
	s->tlb.fill_va = 1;
	if (!tlb_new(&s->tlb)) {
		kill_stub(s);
		return -HOST_ENOMEM;
	}
	parent = p->as ? pt_stub_of(p->as) : NULL;
	tlb_born(&s->tlb, parent ? &parent->tlb : NULL);
	s->used = 1;
	as->id = id;
	return 0;
}

void pt_as_destroy(struct hal_as *as)
{
	struct pt_state *p = pt();
	struct pt_stub *s = pt_stub_of(as);

	if (!s)
		return;
	pt_fp_forget(s);
	tlb_died(&s->tlb);
	forget_mappings(s);
	s->used = 0;
	if (p->nr_idle < PT_IDLE_MAX)
		p->idle[p->nr_idle++] = as->id;
	else
		kill_stub(s);
	if (p->as == as)
		p->as = NULL;
	as->id = 0;
}
