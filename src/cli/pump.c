/* SPDX-License-Identifier: MIT */
/*
 * The streams of a virtual machine, and its end.
 *
 * A thread per direction copies with plain blocking reads and writes: the
 * guest waits for a slow reader, and hears of one that is gone, as in a pipe.
 * The main thread passes signals on ("signal N" on the control port), watches
 * the clock, and reads the guest's "exit STATUS". When the VMM has ended, what
 * it left in the sockets is written out before we leave.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/vm.h"
#include "hal/hosted/console.h"
#include "hal/hosted/report.h"
#include "hal/hosted/supervise.h"

#define LOOK_MS 500
#define LOOK_FILE_MS 20
#define SECOND_TERM_MS 5000

static struct {
	struct vm *vm;
	pthread_t writer[VM_STREAMS];
	int status;		/* the guest's wait status; -1 not known */
	u64 deadline_ms, first_term_ms;
	bool timed_out, forced, ended;
	int vmm_status;
	char line[256];		/* control port */
	size_t line_len;
	off_t at[VM_STREAMS];	/* of a run that repeats: what was read */
} p;

static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP,
				 SIGCONT };

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static bool write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EAGAIN) {		/* somebody else's O_NONBLOCK */
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			poll(&pfd, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return false;
		} else if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return true;
}

/* ---- threads ---- */

static bool wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, -1) >= 0 || errno == EINTR;
}

/* Host to guest. A terminal is read only while it is ours. */
static void *reader_thread(void *arg)
{
	int stream = (int)(u64)arg, from = p.vm->in[stream], to = p.vm->ours[stream];
	static char buf[VM_STREAMS][65536];

	for (;;) {
		ssize_t n;

		if (stream == VM_TTY && !terminal_is_taken()) {
			usleep(LOOK_MS * 1000);
			continue;
		}
		n = read(from, buf[stream], stream == VM_TTY ? 1024 : sizeof(buf[stream]));
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_readable(from))))
			continue;
		if (n < 0 && stream == VM_TTY && errno == EIO) {
			usleep(LOOK_MS * 1000);
			continue;
		}
		if (n <= 0)
			break;
		if (!write_all(to, buf[stream], (size_t)n))
			return NULL;
	}
	if (stream != VM_TTY)
		shutdown(to, SHUT_WR);
	return NULL;
}

/* What the guest has written; 0 at its end. In a run that repeats it is a file
 * that grows, since QEMU must never find a stream full (replay.c). */
static ssize_t take(int stream, char *buf, size_t size)
{
	if (!vm_repeats(p.vm))
		return read(p.vm->ours[stream], buf, size);
	for (;;) {
		bool ended = __atomic_load_n(&p.ended, __ATOMIC_ACQUIRE);
		ssize_t n = pread(p.vm->ours[stream], buf, size, p.at[stream]);

		if (n > 0)
			p.at[stream] += n;
		if (n || ended)
			return n;
		usleep(LOOK_FILE_MS * 1000);
	}
}

/* Guest to host. */
static void *writer_thread(void *arg)
{
	int stream = (int)(u64)arg, from = p.vm->ours[stream], to = p.vm->out[stream];
	static char buf[VM_STREAMS][65536];
	ssize_t n;

	while ((n = take(stream, buf[stream], sizeof(buf[stream]))) > 0 ||
	       (n < 0 && errno == EINTR)) {
		if (n > 0 && !write_all(to, buf[stream], (size_t)n)) {
			shutdown(from, SHUT_RDWR);
			break;
		}
	}
	return NULL;
}

/* One line of the kernel's log, with names behind kernel addresses. */
static void log_line(const char *line, size_t len)
{
	char out[2048], name[128];
	size_t at = 0;

	for (size_t i = 0; i < len && at + 128 < sizeof(out); i++) {
		u64 addr = 0;

		if (line[i] == '\r')
			continue;
		out[at++] = line[i];
		if (i < 15 || sscanf(line + i - 15, "%16lx", &addr) != 1 ||
		    strncmp(line + i - 15, "ffffffff8", 9))
			continue;
		if (symbol_at(addr, name, sizeof(name)))
			at += (size_t)snprintf(out + at, sizeof(out) - at, " (%s)", name);
	}
	report_text(out, at);
}

static void *log_thread(void *arg)
{
	char line[1024];
	size_t len = 0;
	ssize_t n;

	(void)arg;
	while ((n = take(VM_LOG, line + len, sizeof(line) - 1 - len)) > 0) {
		char *newline;

		len += (size_t)n;
		line[len] = 0;
		while ((newline = memchr(line, '\n', len)) || len == sizeof(line) - 1) {
			size_t part = newline ? (size_t)(newline + 1 - line) : len;

			log_line(line, part);
			memmove(line, line + part, len - part + 1);
			len -= part;
		}
	}
	log_line(line, len);
	return NULL;
}

static bool start_threads(void)
{
	pthread_t t;

	for (u64 i = 0; i < VM_STREAMS; i++) {
		int err = 0;

		if (!p.vm->present[i] || i == VM_CONTROL)
			continue;
		if (p.vm->in[i] >= 0)
			err = pthread_create(&t, NULL, reader_thread, (void *)i);
		if (!err && p.vm->out[i] >= 0)
			err = pthread_create(&p.writer[i], NULL,
					     i == VM_LOG ? log_thread : writer_thread, (void *)i);
		if (err) {
			report_errno("cannot start a thread", err, "see `ulimit -u`");
			return false;
		}
	}
	return true;
}

/* ---- control ---- */

/* A run that repeats has no input. */
static void control_send(const char *line)
{
	if (vm_repeats(p.vm))
		return;
	if (!write_all(p.vm->ours[VM_CONTROL], line, strlen(line)))
		return;		/* the machine is ending */
}

static void control_line(const char *line)
{
	int status;

	if (sscanf(line, "exit %d", &status) == 1)
		p.status = status;
}

static bool control_read(void)
{
	char buf[256];
	ssize_t n = take(VM_CONTROL, buf, sizeof(buf));

	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n') {
			p.line[p.line_len] = 0;
			control_line(p.line);
			p.line_len = 0;
		} else if (p.line_len < sizeof(p.line) - 1) {
			p.line[p.line_len++] = buf[i];
		}
	}
	return n > 0;
}

static void resize(void)
{
	u16 cols, rows;
	char line[64];

	if (!terminal_size(&cols, &rows))
		return;
	snprintf(line, sizeof(line), "resize %u %u\n", cols, rows);
	control_send(line);
}

/* ---- signals ---- */

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
		struct sigaction old;

		sigaction(forwarded[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaddset(&set, forwarded[i]);
	}
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void end_machine(void)
{
	kill(p.vm->pid, SIGKILL);
}

static void on_signal(int signo)
{
	char line[32];
	u64 now = now_ms();

	if (signo == SIGWINCH) {
		resize();
		return;
	}
	if (signo == SIGCHLD) {
		if (waitpid(p.vm->pid, &p.vmm_status, WNOHANG) == p.vm->pid)
			__atomic_store_n(&p.ended, true, __ATOMIC_RELEASE);
		return;
	}
	if (signo == SIGTERM && (vm_repeats(p.vm) || (p.first_term_ms &&
						      now - p.first_term_ms >= SECOND_TERM_MS))) {
		p.forced = true;
		end_machine();
		return;
	}
	if (signo == SIGTERM && !p.first_term_ms)
		p.first_term_ms = now;
	if (signo == SIGCONT) {
		terminal_take();
		resize();
	}
	snprintf(line, sizeof(line), "signal %d\n", signo);
	control_send(line);
	if (signo == SIGTSTP) {
		terminal_give_back();
		raise(SIGSTOP);
	}
}

/* ---- the end ---- */

static int exit_code(void)
{
	char why[64];

	if (p.timed_out) {
		report("the time is up (--timeout)", NULL, NULL);
		return EXIT_TIMEOUT;
	}
	if (p.forced)
		return 128 + SIGTERM;
	if (p.status >= 0)
		return p.status & 0x7f ? 128 + (p.status & 0x7f) : p.status >> 8 & 0xff;
	/* a kernel that halted without a program: see hal_halt (serial.c) */
	if (WIFEXITED(p.vmm_status) && WEXITSTATUS(p.vmm_status) == 33)
		return 0;
	if (WIFEXITED(p.vmm_status) && WEXITSTATUS(p.vmm_status) == 35)
		return 1;
	if (WIFSIGNALED(p.vmm_status)) {
		snprintf(why, sizeof(why), "signal %d", WTERMSIG(p.vmm_status));
		report("the virtual machine died", why, NULL);
	} else if (WEXITSTATUS(p.vmm_status) == 1) {
		report("QEMU could not start the machine", "see the lines above", NULL);
	} else {
		report("the guest kernel stopped", "see the lines above", NULL);
	}
	return EXIT_HYLA;
}

static void loop(int signals)
{
	struct pollfd pfd[2] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = vm_repeats(p.vm) ? -1 : p.vm->ours[VM_CONTROL], .events = POLLIN },
	};

	while (!p.ended) {
		struct signalfd_siginfo info;
		u64 now = now_ms();
		int wait = terminal_is_wanted() ? LOOK_MS : -1;

		if (p.deadline_ms && now >= p.deadline_ms && !p.timed_out) {
			p.timed_out = true;
			end_machine();
		}
		if (p.deadline_ms && !p.timed_out && (wait < 0 || p.deadline_ms - now < (u64)wait))
			wait = p.deadline_ms - now > 1000000 ? 1000000 : (int)(p.deadline_ms - now);
		if (poll(pfd, 2, wait) < 0 && errno != EINTR)
			break;
		if (pfd[0].revents && read(signals, &info, sizeof(info)) == sizeof(info))
			on_signal((int)info.ssi_signo);
		if (pfd[1].revents && !control_read())
			pfd[1].fd = -1;
		if (terminal_is_wanted()) {
			terminal_take();
			if (terminal_is_taken())
				resize();
		}
	}
}

int pump(struct vm *vm)
{
	int signals = open_signals();

	p.vm = vm;
	p.status = -1;
	if (vm->g.o.timeout_ms)
		p.deadline_ms = now_ms() + vm->g.o.timeout_ms;
	symbols_load(vm->kernel);
	terminal_take();
	resize();
	if (signals < 0 || !start_threads()) {
		end_machine();
		terminal_give_back();
		return EXIT_HYLA;
	}
	raise(SIGCHLD);		/* it may have ended before we listened */
	loop(signals);
	while (control_read())
		;
	for (int i = 0; i < VM_STREAMS && !p.timed_out && !p.forced; i++)
		if (p.writer[i])
			pthread_join(p.writer[i], NULL);
	terminal_give_back();
	return exit_code();
}
