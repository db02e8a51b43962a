/* SPDX-License-Identifier: MIT */
/* prctl, arch_prctl, personality: per-task switches. */
#include "abi/errno.h"
#include "abi/signal.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/cred.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/uaccess.h"

enum {
	PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG = 2, PR_GET_DUMPABLE = 3, PR_SET_DUMPABLE = 4,
	PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS = 8, PR_GET_TIMING = 13, PR_SET_TIMING = 14,
	PR_SET_NAME = 15, PR_GET_NAME = 16, PR_GET_SECCOMP = 21, PR_CAPBSET_READ = 23,
	PR_CAPBSET_DROP = 24, PR_GET_SECUREBITS = 27, PR_SET_SECUREBITS = 28,
	PR_SET_TIMERSLACK = 29, PR_GET_TIMERSLACK = 30, PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER = 37, PR_SET_NO_NEW_PRIVS = 38, PR_GET_NO_NEW_PRIVS = 39,
	PR_GET_TID_ADDRESS = 40, PR_SET_THP_DISABLE = 41, PR_GET_THP_DISABLE = 42,
	PR_CAP_AMBIENT = 47,
	PR_SET_VMA = 0x53564d41,
};

static s64 set_name(uaddr_t p)
{
	char name[TASK_COMM_LEN] = "";
	size_t n = copyin_partial(name, p, sizeof(name) - 1);

	if (!n || (n < sizeof(name) - 1 && strnlen(name, n) == n))
		return -EFAULT;
	name[n] = 0;
	strlcpy(current->comm, name, sizeof(current->comm));
	return 0;
}

static s64 set_flag(u32 flag, u64 value)
{
	if (value > 1)
		return -EINVAL;
	if (value)
		current->flags |= flag;
	else
		current->flags &= ~flag;
	return 0;
}

static s64 prctl_process(u64 op, u64 a2)
{
	struct process *p = current->process;

	if (op == PR_GET_CHILD_SUBREAPER)
		return put_user_u32(a2, !!(p->flags & PROC_SUBREAPER));
	if (a2)
		p->flags |= PROC_SUBREAPER;
	else
		p->flags &= ~(u32)PROC_SUBREAPER;
	return 0;
}

SYSCALL_DEFINE5(prctl, u32, op, u64, a2, u64, a3, u64, a4, u64, a5)
{
	struct task *t = current;

	switch (op) {
	case PR_SET_PDEATHSIG:
		if (a2 > NSIG)
			return -EINVAL;
		t->pdeath_signal = (int)a2;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32(a2, (u32)t->pdeath_signal);
	case PR_GET_DUMPABLE:
		return t->mm->dumpable;
	case PR_SET_DUMPABLE:
		if (a2 > 1)
			return -EINVAL;
		t->mm->dumpable = a2;
		return 0;
	case PR_GET_KEEPCAPS:
		return !!(t->flags & TF_KEEPCAPS);
	case PR_SET_KEEPCAPS:
		return set_flag(TF_KEEPCAPS, a2);
	case PR_GET_TIMING:
		return 0;
	case PR_SET_TIMING:
		return a2 ? -EINVAL : 0;
	case PR_SET_NAME:
		return set_name(a2);
	case PR_GET_NAME:
		return copyout(a2, t->comm, TASK_COMM_LEN);
	case PR_GET_SECCOMP:
		return 0;
	case PR_CAPBSET_READ:
		return a2 > CAP_LAST ? -EINVAL : !!(t->cred->cap_bset & BIT(a2));
	case PR_CAPBSET_DROP:
		return cred_drop_bounding(a2);
	case PR_GET_SECUREBITS:
		return t->cred->securebits;
	case PR_SET_SECUREBITS:
		return cred_set_securebits(a2);
	case PR_SET_TIMERSLACK:
		t->timer_slack_ns = (s64)a2 <= 0 ? 50000 : a2;
		return 0;
	case PR_GET_TIMERSLACK:
		return (s64)t->timer_slack_ns;
	case PR_SET_CHILD_SUBREAPER:
	case PR_GET_CHILD_SUBREAPER:
		return prctl_process(op, a2);
	case PR_SET_NO_NEW_PRIVS:
		if (a2 != 1 || a3 || a4 || a5)
			return -EINVAL;
		t->flags |= TF_NO_NEW_PRIVS;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a2 || a3 || a4 || a5 ? -EINVAL : !!(t->flags & TF_NO_NEW_PRIVS);
	case PR_GET_TID_ADDRESS:
		return put_user_u64(a2, t->clear_child_tid);
	case PR_GET_THP_DISABLE:
		return a2 || a3 || a4 || a5 ? -EINVAL : 0;
	case PR_CAP_AMBIENT:
		return a4 || a5 ? -EINVAL : cred_ambient(a2, a3);
	default:
		return -EINVAL;
	}
}

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS, ARCH_GET_CPUID = 0x1011,
       ARCH_SET_CPUID, ARCH_GET_XCOMP_SUPP = 0x1021, ARCH_GET_XCOMP_PERM };

SYSCALL_DEFINE2(arch_prctl, u32, op, u64, addr)
{
	struct trapframe *tf = current->tf;

	switch (op) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (addr >= hal_info()->user_limit)
			return -EPERM;
		*(op == ARCH_SET_FS ? &tf->fsbase : &tf->gsbase) = addr;
		return 0;
	case ARCH_GET_FS:
		return put_user_u64(addr, tf->fsbase);
	case ARCH_GET_GS:
		return put_user_u64(addr, tf->gsbase);
	case ARCH_GET_CPUID:
		return 1;
	case ARCH_SET_CPUID:
		return addr ? 0 : -ENODEV;
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM:
		return put_user_u64(addr, hal_info()->xfeatures);
	default:
		return -EINVAL;
	}
}

SYSCALL_DEFINE1(personality, u32, persona)
{
	u32 old = current->personality;

	if (persona != 0xffffffff)
		current->personality = persona;
	return old;
}

SYSCALL_DEFINE1(set_tid_address, uaddr_t, p)
{
	current->clear_child_tid = p;
	return current->tid;
}
