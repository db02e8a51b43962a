/* SPDX-License-Identifier: MIT */
/*
 * The host terminal that the guest's tty stands for.
 *
 * The guest has a line discipline of its own, so the host's is switched off
 * (raw mode) while the guest has the terminal, and put back on every way out:
 * exit, death by a signal that can be caught, stop. Not taken are a terminal
 * whose foreground process group is another one (we are in the background),
 * and one that is only standard input while the output goes into a pipe:
 * `hyla run -- ls | less` must not eat what is typed for less.
 */
#define _GNU_SOURCE
#include "hal/hosted/console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "hal/hosted/report.h"

static int terminal = -1;
static struct termios original;
static volatile sig_atomic_t taken;

static bool is_pipe(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

void terminal_choose(struct terminal_choice *choice)
{
	bool tty[3];

	choice->fd = -1;
	for (int i = 0; i < 3; i++) {
		tty[i] = isatty(i);
		choice->std[i] = false;
	}
	if (tty[0] && !tty[1] && is_pipe(1))
		return;
	for (int i = 0; i < 3; i++) {
		if (!tty[i])
			continue;
		if (choice->fd < 0)
			choice->fd = i;
		choice->std[i] = true;
	}
	terminal = choice->fd;
}

bool same_stream(int a, int b)
{
	struct stat x, y;

	/* One open file description: exact, but not every host allows kcmp. */
	if (!syscall(SYS_kcmp, getpid(), getpid(), 0 /* KCMP_FILE */, a, b))
		return true;
	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino &&
	       !S_ISREG(x.st_mode) && !S_ISBLK(x.st_mode);
}

bool terminal_size(u16 *cols, u16 *rows)
{
	struct winsize ws;

	if (terminal < 0 || ioctl(terminal, TIOCGWINSZ, &ws))
		return false;
	*cols = ws.ws_col;
	*rows = ws.ws_row;
	return true;
}

void terminal_give_back(void)
{
	int saved = errno;

	if (taken) {
		taken = 0;
		report_raw_terminal(false);
		tcsetattr(terminal, TCSADRAIN, &original);
	}
	errno = saved;
}

bool terminal_is_taken(void)
{
	return taken;
}

bool terminal_is_wanted(void)
{
	return terminal >= 0 && !taken;
}

/* Dying of our own bug is no reason to leave the terminal raw. */
static void crashed(int signo)
{
	terminal_give_back();
	signal(signo, SIG_DFL);
	raise(signo);
}

void terminal_guard(const int *signals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		signal(signals[i], crashed);
}

void terminal_take(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	static bool first = true;
	struct termios raw;

	if (terminal < 0 || taken || tcgetpgrp(terminal) != getpgrp() ||
	    tcgetattr(terminal, &original))
		return;
	if (first) {
		first = false;
		atexit(terminal_give_back);
		terminal_guard(fatal, ARRAY_SIZE(fatal));
	}
	raw = original;
	cfmakeraw(&raw);
	taken = 1;
	report_raw_terminal(true);
	tcsetattr(terminal, TCSADRAIN, &raw);
}
