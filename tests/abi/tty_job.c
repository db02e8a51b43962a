/* SPDX-License-Identifier: MIT */
/*
 * Terminals and job control: the controlling terminal, signals from keys,
 * foreground and background groups, SIGWINCH, hang-up.
 */
#define ABI_FAMILY "ttyjob"
#include "abi.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int mfd, sfd;

static void open_master(void)
{
	int zero = 0;

	mfd = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	OK(ioctl(mfd, TIOCSPTLCK, &zero));
}

static void open_slave(int flags)
{
	char name[64];
	int n;

	OK(ioctl(mfd, TIOCGPTN, &n));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	sfd = OK(open(name, O_RDWR | flags));
}

/* A child that leads a session with the slave as its terminal. */
static pid_t session(void (*body)(void))
{
	pid_t pid;

	open_master();
	pid = FORK();
	if (!pid) {
		OK(setsid());
		open_slave(O_NOCTTY);
		/* Hang-up comes when the last master is closed. */
		close(mfd);
		OK(ioctl(sfd, TIOCSCTTY, 0));
		body();
		_exit(0);
	}
	return pid;
}

static void say(const char *s)
{
	CHECK_EQ(write(sfd, s, strlen(s)), strlen(s));
}

/* Reads the master up to a mark. */
static void hear(char mark)
{
	char c = 0;

	while (c != mark)
		CHECK_EQ(OK(read(mfd, &c, 1)), 1);
}

static void wait_signal(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	say("!");
	CHECK_EQ(OK(sigwaitinfo(&set, NULL)), sig);
}

static void body_ids(void)
{
	pid_t id = -1;
	int fd;

	OK(ioctl(sfd, TIOCGPGRP, &id));
	CHECK_EQ(id, getpid());
	OK(ioctl(sfd, TIOCGSID, &id));
	CHECK_EQ(id, getpid());
	fd = OK(open("/dev/tty", O_RDWR));
	CHECK_EQ(tcgetpgrp(fd), getpid());
	/* Once more is no error. */
	OK(ioctl(sfd, TIOCSCTTY, 0));
}

ABI_TEST(controlling_terminal)
{
	pid_t pid = session(body_ids);
	pid_t id = 0;

	CHECK_EXIT(pid, 0);
	OK(ioctl(mfd, TIOCGPGRP, &id));
	CHECK_EQ(id, 0);
}

ABI_TEST(open_without_noctty_acquires)
{
	pid_t pid;

	open_master();
	pid = FORK();
	if (!pid) {
		OK(setsid());
		open_slave(0);
		CHECK_EQ(tcgetpgrp(sfd), getpid());
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

static void body_int(void)
{
	wait_signal(SIGINT);
}

ABI_TEST(interrupt_key)
{
	pid_t pid = session(body_int);

	hear('!');
	OK(write(mfd, "\003", 1));
	CHECK_EXIT(pid, 0);
}

static void body_pause(void)
{
	struct { uint64_t a, b; } none = { 0, 0 };

	OK(syscall(SYS_prlimit64, 0, 4, &none, NULL));
	say("!");
	for (;;)
		pause();
}

ABI_TEST(quit_key_kills)
{
	pid_t pid = session(body_pause);

	hear('!');
	OK(write(mfd, "\034", 1));
	CHECK_KILLED(pid, SIGQUIT);
}

static void body_isig_off(void)
{
	struct termios t;
	char c;

	OK(tcgetattr(sfd, &t));
	t.c_lflag &= ~(ISIG | ICANON | ECHO);
	OK(tcsetattr(sfd, TCSANOW, &t));
	say("!");
	CHECK_EQ(OK(read(sfd, &c, 1)), 1);
	CHECK_EQ(c, 3);
}

ABI_TEST(isig_off_passes_key)
{
	pid_t pid = session(body_isig_off);

	hear('!');
	OK(write(mfd, "\003", 1));
	CHECK_EXIT(pid, 0);
}

static void body_own_interrupt_key(void)
{
	struct termios t;

	OK(tcgetattr(sfd, &t));
	t.c_cc[VINTR] = 'k';
	OK(tcsetattr(sfd, TCSANOW, &t));
	wait_signal(SIGINT);
}

ABI_TEST(changed_interrupt_key)
{
	pid_t pid = session(body_own_interrupt_key);

	hear('!');
	OK(write(mfd, "k", 1));
	CHECK_EXIT(pid, 0);
}

/* Runs job in a group of its own and gives it the terminal if asked. */
static pid_t start_job(void (*job)(void), int foreground)
{
	struct abi_sync s;
	pid_t pid;

	abi_sync_init(&s);
	signal(SIGTTOU, SIG_IGN);
	pid = FORK();
	if (!pid) {
		OK(setpgid(0, 0));
		abi_await(&s);
		signal(SIGTTOU, SIG_DFL);
		job();
		_exit(0);
	}
	if (setpgid(pid, pid) < 0)
		CHECK_EQ(errno, EACCES);
	if (foreground)
		OK(tcsetpgrp(sfd, pid));
	abi_post(&s);
	return pid;
}

static void job_pause(void)
{
	say("!");
	for (;;)
		pause();
}

static void body_suspend(void)
{
	pid_t job = start_job(job_pause, 1);
	int status;

	CHECK_EQ(OK(waitpid(job, &status, WUNTRACED)), job);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	OK(tcsetpgrp(sfd, getpgrp()));
	CHECK_EQ(tcgetpgrp(sfd), getpid());
	OK(tcsetpgrp(sfd, job));
	OK(kill(-job, SIGCONT));
	say("?");
	CHECK_KILLED(job, SIGINT);
}

ABI_TEST(suspend_and_resume_job)
{
	pid_t pid = session(body_suspend);

	hear('!');
	OK(write(mfd, "\032", 1));
	hear('?');
	OK(write(mfd, "\003", 1));
	CHECK_EXIT(pid, 0);
}

static void job_read(void)
{
	char c;

	OK(read(sfd, &c, 1));
	_exit(c);
}

static void body_background_read(void)
{
	pid_t job = start_job(job_read, 0);
	int status;

	OK(waitpid(job, &status, WUNTRACED));
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	OK(tcsetpgrp(sfd, job));
	OK(kill(-job, SIGCONT));
	say("!");
	CHECK_EXIT(job, 'g');
}

ABI_TEST(background_read_stops)
{
	pid_t pid = session(body_background_read);

	hear('!');
	OK(write(mfd, "g\n", 2));
	CHECK_EXIT(pid, 0);
}

static void job_read_ignoring(void)
{
	char c;

	signal(SIGTTIN, SIG_IGN);
	CHECK_ERR(read(sfd, &c, 1), EIO);
}

static void body_background_read_ignored(void)
{
	CHECK_EXIT(start_job(job_read_ignoring, 0), 0);
}

ABI_TEST(background_read_ignored_is_eio)
{
	CHECK_EXIT(session(body_background_read_ignored), 0);
}

static void job_write(void)
{
	CHECK_EQ(OK(write(sfd, "w", 1)), 1);
}

static void body_background_write(void)
{
	struct termios t;
	int status;
	pid_t job;

	/* Allowed as long as TOSTOP is off. */
	CHECK_EXIT(start_job(job_write, 0), 0);
	OK(tcgetattr(sfd, &t));
	t.c_lflag |= TOSTOP;
	OK(tcsetattr(sfd, TCSANOW, &t));
	job = start_job(job_write, 0);
	OK(waitpid(job, &status, WUNTRACED));
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	t.c_lflag &= ~TOSTOP;
	OK(tcsetattr(sfd, TCSANOW, &t));
	OK(kill(-job, SIGCONT));
	CHECK_EXIT(job, 0);
}

ABI_TEST(background_write_and_tostop)
{
	CHECK_EXIT(session(body_background_write), 0);
}

static void job_tcsetattr(void)
{
	struct termios t;

	OK(tcgetattr(sfd, &t));
	OK(tcsetattr(sfd, TCSANOW, &t));
}

static void job_tcsetpgrp(void)
{
	OK(tcsetpgrp(sfd, getpgrp()));
}

static void body_background_control(void)
{
	void (*jobs[])(void) = { job_tcsetattr, job_tcsetpgrp };
	int status;

	for (int i = 0; i < 2; i++) {
		pid_t job = start_job(jobs[i], 0);

		OK(waitpid(job, &status, WUNTRACED));
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
		OK(tcsetpgrp(sfd, job));
		OK(kill(-job, SIGCONT));
		CHECK_EXIT(job, 0);
		OK(tcsetpgrp(sfd, getpgrp()));
	}
}

ABI_TEST(background_control_stops)
{
	CHECK_EXIT(session(body_background_control), 0);
}

static void body_setpgrp_errors(void)
{
	CHECK_ERR(tcsetpgrp(sfd, -1), EINVAL);
	CHECK_ERR(tcsetpgrp(sfd, 4000000), ESRCH);
	CHECK_ERR(tcsetpgrp(sfd, getppid()), EPERM);
}

ABI_TEST(tcsetpgrp_errors)
{
	CHECK_EXIT(session(body_setpgrp_errors), 0);
}

static void body_winch(void)
{
	struct winsize ws;

	wait_signal(SIGWINCH);
	OK(ioctl(sfd, TIOCGWINSZ, &ws));
	CHECK(ws.ws_row == 24 && ws.ws_col == 80);
}

ABI_TEST(winch)
{
	struct winsize ws = { 24, 80, 0, 0 };
	pid_t pid = session(body_winch);

	hear('!');
	OK(ioctl(mfd, TIOCSWINSZ, &ws));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(hangup_kills_session)
{
	pid_t pid = session(body_pause);

	hear('!');
	close(mfd);
	CHECK_KILLED(pid, SIGHUP);
}

static void on_hup(int sig)
{
	(void)sig;
}

static void body_blocked_read(void)
{
	char c;

	abi_handle(SIGHUP, on_hup, SA_RESTART);
	say("!");
	/* Linux tells either, depending on who wins. */
	if (read(sfd, &c, 1) != 0)
		CHECK_EQ(errno, EIO);
	while (read(sfd, &c, 1) != 0)
		CHECK_EQ(errno, EIO);
	CHECK_ERR(write(sfd, "x", 1), EIO);
}

ABI_TEST(hangup_ends_blocked_read)
{
	pid_t pid = session(body_blocked_read);

	hear('!');
	abi_wait_blocked(pid);
	close(mfd);
	CHECK_EXIT(pid, 0);
}

static void body_leader_exits(void)
{
	pid_t job = FORK();

	if (!job) {
		sigset_t set;

		/* Foreground, and not the leader: it gets the hang-up. */
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		OK(sigprocmask(SIG_BLOCK, &set, NULL));
		say("1");
		CHECK_EQ(OK(sigwaitinfo(&set, NULL)), SIGHUP);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	for (;;)
		pause();
}

ABI_TEST(leader_exit_hangs_up)
{
	pid_t pid = session(body_leader_exits);
	struct pollfd pfd;

	hear('1');
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
	/* The last holder of the slave goes, then the master sees it. */
	pfd = (struct pollfd){ mfd, POLLIN, 0 };
	do {
		OK(poll(&pfd, 1, -1));
	} while (!(pfd.revents & POLLHUP));
}

static void body_notty(void)
{
	OK(ioctl(sfd, TIOCNOTTY));
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
}

ABI_TEST(give_up_terminal)
{
	pid_t pid;

	open_master();
	pid = FORK();
	if (!pid) {
		OK(setsid());
		signal(SIGHUP, SIG_IGN);
		open_slave(O_NOCTTY);
		OK(ioctl(sfd, TIOCSCTTY, 0));
		body_notty();
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

static void body_second_session(void)
{
	pid_t pid = FORK();

	if (!pid) {
		OK(setsid());
		CHECK_ERR(ioctl(sfd, TIOCSCTTY, 0), EPERM);
		CHECK_ERR(tcgetpgrp(sfd), ENOTTY);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(terminal_of_other_session)
{
	CHECK_EXIT(session(body_second_session), 0);
}
