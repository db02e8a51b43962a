/* SPDX-License-Identifier: MIT */
/*
 * Process groups and sessions without a terminal: setpgid, setsid, getsid,
 * kill to groups, orphaned groups.
 */
#define ABI_FAMILY "session"
#include "abi.h"

#include <sched.h>

static void pause_forever(void)
{
	for (;;)
		pause();
}

ABI_TEST(setpgid_self_and_child)
{
	struct abi_sync s;
	pid_t pid;

	abi_sync_init(&s);
	pid = FORK();
	if (!pid) {
		abi_await(&s);
		CHECK_EQ(getpgrp(), getpid());
		_exit(0);
	}
	CHECK_EQ(getpgid(pid), getpgrp());
	OK(setpgid(pid, 0));
	CHECK_EQ(getpgid(pid), pid);
	abi_post(&s);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(join_group)
{
	pid_t a = FORK(), b;

	if (!a)
		pause_forever();
	OK(setpgid(a, a));
	b = FORK();
	if (!b)
		pause_forever();
	OK(setpgid(b, a));
	CHECK_EQ(getpgid(b), a);
	OK(kill(-a, SIGTERM));
	CHECK_KILLED(a, SIGTERM);
	CHECK_KILLED(b, SIGTERM);
	CHECK_ERR(kill(-a, 0), ESRCH);
}

ABI_TEST(setpgid_errors)
{
	pid_t pid = FORK();

	if (!pid)
		pause_forever();
	CHECK_ERR(setpgid(pid, -1), EINVAL);
	CHECK_ERR(setpgid(-1, 0), EINVAL);
	CHECK_ERR(setpgid(-1, getpid()), ESRCH);
	/* No such group in this session. */
	CHECK_ERR(setpgid(pid, pid + 1000000), EPERM);
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
	pid = FORK();
	if (!pid) {
		CHECK_ERR(setpgid(getppid(), 0), ESRCH);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_HELPER(wait_stdin)
{
	char c;

	if (write(1, "r", 1) != 1)
		return 1;
	return read(0, &c, 1) < 0;
}

ABI_TEST(setpgid_after_exec)
{
	int in[2], out[2];
	pid_t pid;
	char c;

	OK(pipe(in));
	OK(pipe(out));
	pid = FORK();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		abi_exec_helper("wait_stdin", NULL, NULL);
	}
	CHECK_EQ(read(out[0], &c, 1), 1);
	CHECK_ERR(setpgid(pid, pid), EACCES);
	abi_post(&(struct abi_sync){ { in[0], in[1] } });
	CHECK_EXIT(pid, 0);
}

ABI_TEST(setsid)
{
	pid_t pid = FORK();

	if (!pid) {
		pid_t me = getpid();

		CHECK_EQ(OK(setsid()), me);
		CHECK_EQ(getsid(0), me);
		CHECK_EQ(getpgrp(), me);
		CHECK_ERR(setsid(), EPERM);
		CHECK_ERR(setpgid(0, 0), EPERM);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(setsid_group_leader)
{
	pid_t pid = FORK();

	if (!pid) {
		OK(setpgid(0, 0));
		CHECK_ERR(setsid(), EPERM);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(child_of_other_session)
{
	struct abi_sync s, t;
	pid_t pid;

	abi_sync_init(&s);
	abi_sync_init(&t);
	pid = FORK();
	if (!pid) {
		OK(setsid());
		abi_post(&s);
		abi_await(&t);
		_exit(0);
	}
	abi_await(&s);
	CHECK_EQ(OK(getsid(pid)), pid);
	CHECK_ERR(setpgid(pid, getpgrp()), EPERM);
	abi_post(&t);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(getters_errors)
{
	CHECK_ERR(getpgid(4000000), ESRCH);
	CHECK_ERR(getsid(4000000), ESRCH);
	CHECK_EQ(getpgid(0), getpgrp());
	CHECK_EQ(getsid(0), getsid(getpid()));
}

ABI_TEST(kill_own_group)
{
	pid_t pid = FORK();

	if (!pid) {
		OK(setpgid(0, 0));
		if (!FORK())
			pause_forever();
		kill(0, SIGTERM);
		pause_forever();
	}
	CHECK_KILLED(pid, SIGTERM);
}

static volatile sig_atomic_t hups, conts;

static void on_hup(int sig)
{
	if (sig == SIGHUP)
		hups++;
	else
		conts++;
}

ABI_TEST(orphaned_stopped_group_gets_hup_and_cont)
{
	struct abi_sync up, orphan;
	int done[2], status;
	pid_t pid, kid;
	char c;

	abi_sync_init(&up);
	abi_sync_init(&orphan);
	OK(pipe(done));
	pid = FORK();
	if (!pid) {
		OK(setsid());
		kid = FORK();
		if (!kid) {
			abi_handle(SIGHUP, on_hup, 0);
			abi_handle(SIGCONT, on_hup, 0);
			OK(setpgid(0, 0));
			raise(SIGSTOP);
			while (!hups || !conts)
				sched_yield();
			OK(write(done[1], "k", 1));
			_exit(0);
		}
		OK(waitpid(kid, &status, WUNTRACED));
		CHECK(WIFSTOPPED(status));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(read(done[0], &c, 1), 1);
}

ABI_TEST(tstp_ignored_in_orphaned_group)
{
	pid_t pid = FORK();

	if (!pid) {
		/* A session leader of its own: the group is orphaned. */
		OK(setsid());
		OK(raise(SIGTSTP));
		OK(raise(SIGTTIN));
		OK(raise(SIGTTOU));
		_exit(6);
	}
	CHECK_EXIT(pid, 6);
}

ABI_TEST(tstp_stops_in_normal_group)
{
	int status;
	pid_t pid = FORK();

	if (!pid) {
		OK(setsid());
		pid = FORK();
		if (!pid) {
			OK(setpgid(0, 0));
			OK(raise(SIGTSTP));
			_exit(5);
		}
		OK(waitpid(pid, &status, WUNTRACED));
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
		OK(kill(pid, SIGCONT));
		CHECK_EXIT(pid, 5);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}
