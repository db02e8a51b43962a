/* SPDX-License-Identifier: MIT */
/*
 * pidfd_open, pidfd_send_signal, pidfd_getfd and polling of pidfds.
 */
#define ABI_FAMILY "pidfd"
#include "abi.h"

#include <poll.h>

static int pidfd_of(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0 && errno == ENOSYS)
		SKIP("no pidfd_open");
	return OK(fd);
}

static long send_signal(int fd, int sig)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

ABI_TEST(open_rules)
{
	int fd = pidfd_of(getpid());

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_pidfd_open, 4000000, 0), ESRCH);
	CHECK_ERR(syscall(SYS_pidfd_open, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_open, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_open, getpid(), 0x100), EINVAL);
}

ABI_TEST(poll_at_exit)
{
	struct abi_sync s;
	int fd;
	pid_t pid;

	abi_sync_init(&s);
	pid = FORK();
	if (!pid) {
		abi_await(&s);
		_exit(0);
	}
	fd = pidfd_of(pid);
	CHECK_EQ(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0), 0);
	abi_post(&s);
	CHECK_EQ(OK(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1)), 1);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0), 1);
}

ABI_TEST(send_signal)
{
	pid_t pid = FORK();
	siginfo_t si;
	int fd;

	if (!pid) {
		for (;;)
			pause();
	}
	fd = pidfd_of(pid);
	OK(send_signal(fd, 0));
	CHECK_ERR(send_signal(fd, 100), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0x1000), EINVAL);
	CHECK_ERR(send_signal(abi_temp_fd(), 0), EBADF);
	CHECK_ERR(send_signal(999, 0), EBADF);
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGUSR1;
	si.si_code = SI_USER;
	CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &si, 0), EPERM);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, SIGUSR2, &si, 0), EINVAL);
	OK(send_signal(fd, SIGTERM));
	CHECK_KILLED(pid, SIGTERM);
	CHECK_ERR(send_signal(fd, 0), ESRCH);
}

ABI_TEST(self)
{
	sigset_t set;
	siginfo_t si;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	OK(send_signal(pidfd_of(getpid()), SIGUSR1));
	CHECK_EQ(OK(sigwaitinfo(&set, &si)), SIGUSR1);
	CHECK_EQ(si.si_pid, getpid());
	CHECK_EQ(si.si_code, SI_USER);
}

ABI_TEST(of_reaped_child)
{
	pid_t pid = FORK();

	if (!pid)
		_exit(0);
	CHECK_EXIT(pid, 0);
	pidfd_of(getpid());
	CHECK_ERR(syscall(SYS_pidfd_open, pid, 0), ESRCH);
}

ABI_TEST(getfd)
{
	struct abi_sync up, down;
	int p[2], fd, copy;
	pid_t pid;
	char c;

	abi_sync_init(&up);
	abi_sync_init(&down);
	pid = FORK();
	if (!pid) {
		OK(pipe(p));
		OK(dup2(p[0], 60));
		OK(write(p[1], "g", 1));
		abi_post(&up);
		abi_await(&down);
		_exit(0);
	}
	abi_await(&up);
	fd = pidfd_of(pid);
	copy = syscall(SYS_pidfd_getfd, fd, 60, 0);
	if (copy < 0 && (errno == ENOSYS || errno == EPERM)) {
		abi_post(&down);
		SKIP("pidfd_getfd: %s", strerror(errno));
	}
	OK(copy);
	CHECK_EQ(read(copy, &c, 1), 1);
	CHECK_EQ(c, 'g');
	CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 999, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 60, 1), EINVAL);
	abi_post(&down);
	CHECK_EXIT(pid, 0);
}
