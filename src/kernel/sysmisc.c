/* SPDX-License-Identifier: MIT */
/* System calls that fit no other file: membarrier, process_vm_*, syslog, reboot, kcmp. */
#include "abi/errno.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

/* ---- membarrier(2) ---- */

#define MEMBARRIER_QUERY 0
#define MEMBARRIER_GLOBAL 1
#define MEMBARRIER_GLOBAL_EXPEDITED 2
#define MEMBARRIER_REGISTER_GLOBAL_EXPEDITED 4
#define MEMBARRIER_PRIVATE_EXPEDITED 8
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED 16
#define MEMBARRIER_ALL 31

SYSCALL_DEFINE3(membarrier, int, cmd, u32, flags, int, cpu)
{
	(void)cpu;
	if (flags)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_QUERY:
		return MEMBARRIER_ALL;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
	case MEMBARRIER_PRIVATE_EXPEDITED:
		/* A flush makes every CPU that runs this space pass through the kernel. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (nr_cpus_online > 1)
			hal_tlb_flush_all(&current->mm->as);
		return 0;
	case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- process_vm_readv, process_vm_writev ---- */

static int may_access(struct task *t)
{
	const struct cred *a = current->cred, *b = t->cred;

	if (t->process == current->process)
		return 0;
	if (capable(CAP_SYS_PTRACE))
		return 0;
	if (a->uid != b->uid || a->uid != b->euid || a->uid != b->suid || a->gid != b->gid ||
	    a->gid != b->egid || a->gid != b->sgid || !t->mm->dumpable)
		return -EPERM;
	return 0;
}

#define VM_IOV_MAX 1024

static s64 vm_copy(struct mm *mm, struct uio *local, uaddr_t riov, u64 rcount, bool write)
{
	u8 *buf = page_alloc_virt(0, 0);
	s64 done = 0, err = 0;

	if (!buf)
		return -ENOMEM;
	for (u64 i = 0; i < rcount && !err && local->resid; i++) {
		struct uiovec v;

		if (copyin(&v, riov + i * sizeof(v), sizeof(v))) {
			err = -EFAULT;
			break;
		}
		while (v.len && local->resid) {
			size_t n = min(min(v.len, PAGE_SIZE), local->resid), got;
			ssize_t r;

			if (write) {
				got = uio_copy_from(local, buf, n);
				r = got ? mm_access(mm, v.base, buf, got, true, false) : -EFAULT;
			} else {
				r = mm_access(mm, v.base, buf, n, false, false);
				if (r > 0 && uio_copy_to(local, buf, (size_t)r) != (size_t)r)
					r = -EFAULT;
			}
			if (r <= 0) {
				err = -EFAULT;
				break;
			}
			done += r;
			v.base += (u64)r;
			v.len -= (u64)r;
		}
	}
	page_free_virt(buf);
	return done ? done : err;
}

static s64 process_vm(pid_t pid, uaddr_t liov, u64 lcount, uaddr_t riov, u64 rcount, u64 flags,
		      bool write)
{
	struct uio local;
	struct task *t;
	struct mm *mm;
	s64 ret;
	int err;

	if (flags || rcount > VM_IOV_MAX)
		return -EINVAL;
	err = uio_import(&local, liov, lcount);
	if (err)
		return err;
	t = task_find(pid);
	if (!t || !t->mm) {
		uio_free(&local);
		return -ESRCH;
	}
	err = may_access(t);
	if (err) {
		uio_free(&local);
		return err;
	}
	mm = mm_get(t->mm);
	ret = vm_copy(mm, &local, riov, rcount, write);
	mm_put(mm);
	uio_free(&local);
	return ret;
}

SYSCALL_DEFINE6(process_vm_readv, pid_t, pid, uaddr_t, liov, u64, lcount, uaddr_t, riov, u64, rcount,
		u64, flags)
{
	return process_vm(pid, liov, lcount, riov, rcount, flags, false);
}

SYSCALL_DEFINE6(process_vm_writev, pid_t, pid, uaddr_t, liov, u64, lcount, uaddr_t, riov, u64, rcount,
		u64, flags)
{
	return process_vm(pid, liov, lcount, riov, rcount, flags, true);
}

/* ---- syslog(2) ---- */

static s64 syslog_read_all(uaddr_t buf, int len)
{
	char text[200], line[240];
	u64 seq = log_first_seq(), time_ns;
	s64 done = 0;
	int level;
	ssize_t n;

	while ((n = log_read(&seq, &level, &time_ns, text, sizeof(text))) >= 0) {
		int m = scnprintf(line, sizeof(line), "<%d>[%5lu.%06lu] %s\n", level,
				  time_ns / 1000000000, time_ns / 1000 % 1000000, text);

		if (done + m > len)
			break;
		if (copyout(buf + (u64)done, line, (size_t)m))
			return -EFAULT;
		done += m;
		seq++;
	}
	return done;
}

SYSCALL_DEFINE3(syslog, int, type, uaddr_t, buf, int, len)
{
	if (type != 3 && type != 10 && !capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (type) {
	case 0:		/* close, open: nothing to do */
	case 1:
		return 0;
	case 3:		/* read all */
	case 4:		/* read and clear: the ring is kept */
		if (!buf || len < 0)
			return -EINVAL;
		return syslog_read_all(buf, len);
	case 5:
		return 0;
	case 6:
		log_level = LOG_WARN;
		return 0;
	case 7:
		return 0;
	case 8:
		if (len < 1 || len > 8)
			return -EINVAL;
		log_level = len - 1;
		return 0;
	case 9:
		return 0;
	case 10:
		return 512 * 200;
	default:
		return -EINVAL;
	}
}

/* ---- reboot(2) ---- */

SYSCALL_DEFINE4(reboot, u32, magic1, u32, magic2, u32, cmd, uaddr_t, arg)
{
	(void)arg;
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (magic1 != 0xfee1dead || (magic2 != 672274793 && magic2 != 85072278 &&
				     magic2 != 369367448 && magic2 != 537993216))
		return -EINVAL;
	switch (cmd) {
	case 0:			/* CAD_OFF */
	case 0x89abcdef:	/* CAD_ON */
		return 0;
	case 0x01234567:	/* RESTART */
	case 0x4321fedc:	/* POWER_OFF */
	case 0xcdef0123:	/* HALT */
		hal_halt(0);
	default:
		return -EINVAL;
	}
}

/* ---- kcmp(2) ---- */

SYSCALL_DEFINE5(kcmp, pid_t, pid1, pid_t, pid2, int, type, u64, idx1, u64, idx2)
{
	struct task *a = task_find(pid1), *b = task_find(pid2);
	struct file *f, *g;
	u64 x, y;

	if (!a || !b)
		return -ESRCH;
	switch (type) {
	case 0:
		f = a->files ? files_lookup(a->files, (u32)idx1) : NULL;
		g = b->files ? files_lookup(b->files, (u32)idx2) : NULL;
		x = (u64)f;
		y = (u64)g;
		if (f)
			file_put(f);
		if (g)
			file_put(g);
		if (!f || !g)
			return -EBADF;
		break;
	case 1: x = (u64)a->mm; y = (u64)b->mm; break;
	case 2: x = (u64)a->files; y = (u64)b->files; break;
	case 3: x = (u64)a->fs; y = (u64)b->fs; break;
	case 4: x = (u64)a->sighand; y = (u64)b->sighand; break;
	default: return -EINVAL;
	}
	return x == y ? 0 : x < y ? 1 : 2;
}
