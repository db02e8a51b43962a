/* SPDX-License-Identifier: MIT */
/*
 * The device process's own walls: after this, only the system calls below, in
 * every thread. What is not listed fails with ENOSYS, which libc knows how to
 * take. No exec, no ptrace, no way to other processes but signals, no new socket
 * but Unix ones if there is a socket device (--vsock). The 9p server's confinement
 * to its directories is p9_fid.c and p9_name.c.
 */
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/report.h"

static const int allowed[] = {
	/* memory, threads, time, signals: what libc and libuv live on */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
	SCMP_SYS(madvise), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getpgrp), SCMP_SYS(getpgid),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(wait4), SCMP_SYS(getrandom),
	/* the event loop and the console */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl),
	SCMP_SYS(ioctl), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(lseek),
	/* the 9p server */
	SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(getdents64),
	SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(preadv2), SCMP_SYS(pwritev2),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(mkdirat), SCMP_SYS(mknodat),
	SCMP_SYS(symlinkat), SCMP_SYS(linkat), SCMP_SYS(unlinkat), SCMP_SYS(renameat2),
	SCMP_SYS(renameat), SCMP_SYS(readlinkat), SCMP_SYS(readlink), SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat), SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(utimensat),
	SCMP_SYS(getxattr), SCMP_SYS(setxattr), SCMP_SYS(listxattr), SCMP_SYS(removexattr),
};

/* For the socket device: Unix sockets only. */
static const int allowed_sockets[] = {
	SCMP_SYS(connect), SCMP_SYS(accept4), SCMP_SYS(shutdown), SCMP_SYS(recvfrom),
};

static int add_rules(scmp_filter_ctx ctx, const int *calls, size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

bool sandbox_enter(bool sockets)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err = ctx ? 0 : -ENOMEM;

	if (!err)
		err = add_rules(ctx, allowed, ARRAY_SIZE(allowed));
	if (!err && sockets)
		err = add_rules(ctx, allowed_sockets, ARRAY_SIZE(allowed_sockets));
	if (!err && sockets)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	if (err)
		report("cannot enter the sandbox (seccomp)", strerror(-err),
		       "run where seccomp filters are allowed, or with --no-sandbox");
	return !err;
}
