// SPDX-License-Identifier: MIT
/*
 * fcntl(2), dup(2), dup2(2), dup3(2).
 *
 * Commands are sorted by what they concern: the descriptor, the status flags,
 * the owner of O_ASYNC signals, locks (locks.c), seals (tmpfs), pipes (pipe.c).
 * Not supported: leases (F_SETLEASE says EINVAL, as on a file system without
 * them) and directory notification (F_NOTIFY, EINVAL: use inotify).
 */
#include "fs/fasync.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

#define SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)
#define RW_HINT_SHIFT 8
#define RW_HINT_MAX 5

SYSCALL_DEFINE1(dup, int, fd)
{
	struct file *f = fd_get_path_ok(fd);

	return f ? fd_install_new(f, false) : -EBADF;
}

static s64 do_dup3(int old, int new, u32 flags)
{
	struct file *f;
	s64 ret;

	f = fd_get_path_ok(old);
	if (!f)
		return -EBADF;
	ret = new < 0 ? -EBADF : fd_replace(new, f, flags & O_CLOEXEC);
	if (ret < 0)
		file_put(f);
	return ret;
}

SYSCALL_DEFINE2(dup2, int, old, int, new)
{
	struct file *f;

	if (old != new)
		return do_dup3(old, new, 0);
	f = fd_get_path_ok(old);
	if (!f)
		return -EBADF;
	file_put(f);
	return new;
}

SYSCALL_DEFINE3(dup3, int, old, int, new, u32, flags)
{
	if ((flags & ~(u32)O_CLOEXEC) || old == new)
		return -EINVAL;
	return do_dup3(old, new, flags);
}

static s64 dup_min(struct file *f, u64 min, bool cloexec)
{
	int fd;

	if (min >= fd_limit())
		return -EINVAL;
	fd = fd_reserve((u32)min, cloexec);
	if (fd >= 0)
		fd_install(fd, file_get(f));
	return fd;
}

static s64 set_flags(struct file *f, u32 arg)
{
	int err;

	if ((arg & O_NOATIME) && !(f->flags & O_NOATIME) && !inode_owner_or_capable(f->inode))
		return -EPERM;
	if ((arg ^ f->flags) & FASYNC) {
		err = file_set_async(f, arg & FASYNC);
		if (err)
			return err;
	}
	f->flags = (f->flags & ~(u32)SETTABLE) | (arg & SETTABLE);
	return 0;
}

/* ---- who gets SIGIO ---- */

static s64 set_owner(struct file *f, int type, pid_t pid)
{
	if (pid) {
		bool exists = type == F_OWNER_TID ? task_find(pid) != NULL :
			      type == F_OWNER_PID ? process_find(pid) != NULL : pgrp_exists(pid);

		if (!exists)
			return -ESRCH;
	}
	f->owner_type = type;
	f->owner = type == F_OWNER_PGRP ? -pid : pid;
	return 0;
}

static s64 fcntl_owner(struct file *f, u32 cmd, u64 arg)
{
	struct f_owner_ex ex;
	s32 who = (s32)arg;
	u32 ids[2];

	switch (cmd) {
	case F_SETOWN:
		if (who == (s32)0x80000000)
			return -EINVAL;
		return who < 0 ? set_owner(f, F_OWNER_PGRP, -who)
			       : set_owner(f, F_OWNER_PID, who);
	case F_GETOWN:
		return f->owner;
	case F_SETOWN_EX:
		if (copyin(&ex, arg, sizeof(ex)))
			return -EFAULT;
		if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
			return -EINVAL;
		return set_owner(f, ex.type, ex.pid);
	case F_GETOWN_EX:
		ex.type = f->owner_type;
		ex.pid = f->owner < 0 ? -f->owner : f->owner;
		return copyout(arg, &ex, sizeof(ex));
	case F_GETOWNER_UIDS:
		ids[0] = f->cred ? f->cred->uid : 0;
		ids[1] = f->cred ? f->cred->euid : 0;
		return copyout(arg, ids, sizeof(ids));
	case F_SETSIG:
		if (arg > NSIG)
			return -EINVAL;
		f->sig = (int)arg;
		return 0;
	default:
		return f->sig;
	}
}

static s64 fcntl_hint(struct file *f, u32 cmd, uaddr_t arg)
{
	u64 hint = f->inode->state >> RW_HINT_SHIFT;

	if (cmd == F_GET_RW_HINT)
		return put_user_u64(arg, hint);
	if (get_user_u64(&hint, arg))
		return -EFAULT;
	if (hint > RW_HINT_MAX)
		return -EINVAL;
	if (!inode_owner_or_capable(f->inode))
		return -EPERM;
	f->inode->state = (f->inode->state & ((1u << RW_HINT_SHIFT) - 1)) |
			  (u32)hint << RW_HINT_SHIFT;
	return 0;
}

static s64 dup_query(struct file *f, int other)
{
	struct file *g = fd_get_path_ok(other);
	s64 same;

	if (!g)
		return -EBADF;
	same = f == g;
	file_put(g);
	return same;
}

/* Commands that work on O_PATH files, too. */
static bool path_ok(u32 cmd)
{
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || cmd == F_GETFD || cmd == F_SETFD ||
	       cmd == F_GETFL || cmd == F_DUPFD_QUERY || cmd == F_CREATED_QUERY;
}

static s64 do_fcntl(int fd, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return dup_min(f, (u32)arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_cloexec(fd) > 0 ? FD_CLOEXEC : 0;
	case F_SETFD:
		fd_set_cloexec(fd, arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		return set_flags(f, (u32)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_lock(fd, f, cmd, arg);
	case F_SETOWN:
	case F_GETOWN:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
	case F_GETOWNER_UIDS:
	case F_SETSIG:
	case F_GETSIG:
		return fcntl_owner(f, cmd, arg);
	case F_GETLEASE:
		return F_UNLCK;
	case F_SETLEASE:
		return (u32)arg == F_UNLCK ? -EAGAIN : -EINVAL;
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return file_pipe(f) ? pipe_fcntl(f, cmd, arg) : -EBADF;
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return shmem_fcntl_seals(f, cmd, arg);
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
		return fcntl_hint(f, cmd, arg);
	case F_DUPFD_QUERY:
		return dup_query(f, (int)arg);
	case F_CREATED_QUERY:
		return !!(f->mode & FMODE_CREATED);
	default:
		return -EINVAL;
	}
}

SYSCALL_DEFINE3(fcntl, int, fd, u32, cmd, u64, arg)
{
	struct file *f = fd_get_path_ok(fd);
	s64 ret = -EBADF;

	if (!f)
		return -EBADF;
	if (!(f->mode & FMODE_PATH) || path_ok(cmd))
		ret = do_fcntl(fd, f, cmd, arg);
	file_put(f);
	return ret;
}
