/* SPDX-License-Identifier: MIT */
/*
 * The device process at work: one libuv loop and two threads.
 *
 *   loop        console, entropy, sockets, the kernel's log, signals, timeout, the end
 *   doorbell    sleeps on bell[IO] and wakes the loop
 *   9p          sleeps on bell[9P] and serves all 9p devices itself: a request
 *               has no business waiting for the loop
 *
 * Signals that come to us go to the guest's control port as "signal N", so
 * that Ctrl-C and kill mean what they always mean; a terminal stop also stops
 * us, after the terminal is put back. A second SIGTERM five seconds after the
 * first ends the guest whatever it does.
 *
 * The end is the kernel process's death, seen by SIGCHLD: what the guest has
 * left in the rings is written out, the terminal put back, every other process
 * reaped (they die with the kernel process, their tracer).
 */
#define _GNU_SOURCE
#include "hal/hosted/supervise.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "hal/hosted/console.h"
#include "hal/hosted/devices.h"
#include "hal/hosted/report.h"
#include "hal/hosted/vdev.h"

#define SECOND_TERM_MS 5000
#define LOOK_MS 500

static struct {
	struct machine *m;
	uv_loop_t loop;
	uv_async_t bell;
	uv_timer_t timeout, look;
	uv_signal_t child;
	bool timed_out;
	int forced;		/* signal with which we ended the guest, or 0 */
	u64 first_term_ms;
	int wait_status;	/* of the kernel process */
} sup;

static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH,
				 SIGTSTP, SIGCONT };
static uv_signal_t signal_handle[ARRAY_SIZE(forwarded)];

static void drain_log(void)
{
	struct hosted_log *log = &sup.m->shared->log;
	u32 head = __atomic_load_n(&log->head, __ATOMIC_ACQUIRE), tail = log->tail;
	u32 size = head - tail;
	char text[4096];

	if (size > HOSTED_LOG_SIZE)	/* nonsense, or a lap lost */
		tail = head - HOSTED_LOG_SIZE;
	while (tail != head) {
		u32 n = 0;

		while (tail != head && n < sizeof(text))
			text[n++] = log->data[tail++ % HOSTED_LOG_SIZE];
		report_text(text, n);
	}
	if (size) {
		__atomic_store_n(&log->tail, tail, __ATOMIC_RELEASE);
		syscall(SYS_futex, &log->tail, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

/* Sleeps until the bell rings; *seen is the last value served. */
static void wait_bell(struct hosted_bell *bell, u32 *seen)
{
	__atomic_store_n(&bell->sleeping, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&bell->seq, __ATOMIC_SEQ_CST) == *seen)
		syscall(SYS_futex, &bell->seq, FUTEX_WAIT, *seen, NULL, NULL, 0);
	__atomic_store_n(&bell->sleeping, 0, __ATOMIC_SEQ_CST);
	*seen = __atomic_load_n(&bell->seq, __ATOMIC_SEQ_CST);
}

static void *doorbell_thread(void *arg)
{
	struct hosted_bell *bell = &sup.m->shared->bell[HOSTED_BELL_IO];
	u32 seen = 0;

	(void)arg;
	for (;;) {
		wait_bell(bell, &seen);
		uv_async_send(&sup.bell);
	}
	return NULL;
}

static bool spin_bell(struct hosted_bell *bell, u32 seen, u32 us)
{
	u64 end = uv_hrtime() + us * 1000ul;

	if (!us)
		return false;
	do {
		for (int i = 0; i < 64; i++) {
			if (__atomic_load_n(&bell->seq, __ATOMIC_ACQUIRE) != seen)
				return true;
			__builtin_ia32_pause();
		}
	} while (uv_hrtime() < end);
	return false;
}

/* Not on the kernel's own CPU: there the kernel may be spinning for our answer.
 * Of several, one is mostly free, and the host knows which. */
static void leave_kernel_cpu(void)
{
	cpu_set_t set;

	if (sup.m->nr_cpus > 1 || sup.m->cpu < 0 || sched_getaffinity(0, sizeof(set), &set))
		return;
	CPU_CLR(sup.m->cpu, &set);
	if (CPU_COUNT(&set))
		sched_setaffinity(0, sizeof(set), &set);
}

static void *p9_thread(void *arg)
{
	struct hosted_bell *bell = &sup.m->shared->bell[HOSTED_BELL_9P];
	u32 seen = 0, spin_us = sup.m->shared->spin_us;

	(void)arg;
	leave_kernel_cpu();
	for (;;) {
		if (spin_bell(bell, seen, spin_us))
			seen = __atomic_load_n(&bell->seq, __ATOMIC_SEQ_CST);
		else
			wait_bell(bell, &seen);
		while (vdev_serve(sup.m, HOSTED_BELL_9P))
			;
	}
	return NULL;
}

static void on_bell(uv_async_t *async)
{
	(void)async;
	drain_log();
	vdev_serve(sup.m, HOSTED_BELL_IO);
}

/* The kernel process and all stubs die by this. */
static void end_guest(void)
{
	kill(sup.m->pid, SIGKILL);
}

static void on_timeout(uv_timer_t *timer)
{
	(void)timer;
	sup.timed_out = true;
	end_guest();
}

static void on_child(uv_signal_t *handle, int signo)
{
	int status;
	pid_t pid;

	(void)handle;
	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == sup.m->pid) {
			sup.wait_status = status;
			uv_stop(&sup.loop);
		}
	}
}

static void resize(void)
{
	u16 cols, rows;

	if (terminal_size(&cols, &rows))
		console_resize(cols, rows);
}

/* `fg` brings a running job to the foreground without a signal. */
static void on_look(uv_timer_t *timer)
{
	if (!terminal_is_wanted()) {
		uv_timer_stop(timer);
		return;
	}
	terminal_take();
	if (terminal_is_taken()) {
		resize();
		console_terminal_back();
	}
}

/* True if the signal is not to reach the guest any more. */
static bool second_term(int signo)
{
	u64 now = uv_now(&sup.loop);

	if (signo != SIGTERM)
		return false;
	if (!sup.first_term_ms) {
		sup.first_term_ms = now;
		return false;
	}
	if (now - sup.first_term_ms < SECOND_TERM_MS)
		return false;
	sup.forced = signo;
	end_guest();
	return true;
}

static void on_signal(uv_signal_t *handle, int signo)
{
	char line[32];

	(void)handle;
	if (signo == SIGWINCH) {
		resize();
		return;
	}
	if (second_term(signo))
		return;
	if (signo == SIGCONT) {
		terminal_take();
		resize();
		console_terminal_back();
	}
	snprintf(line, sizeof(line), "signal %d", signo);
	console_control(line);
	if (signo == SIGTSTP) {
		terminal_give_back();
		raise(SIGSTOP);
		if (terminal_is_wanted())
			uv_timer_start(&sup.look, on_look, LOOK_MS, LOOK_MS);
	}
}

static void start_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
		/* nohup and background jobs of sh: what is ignored stays so. */
		struct sigaction old;

		sigaction(forwarded[i], NULL, &old);
		if (old.sa_handler == SIG_IGN && forwarded[i] != SIGWINCH)
			continue;
		uv_signal_init(&sup.loop, &signal_handle[i]);
		uv_signal_start(&signal_handle[i], on_signal, forwarded[i]);
	}
	uv_signal_init(&sup.loop, &sup.child);
	uv_signal_start(&sup.child, on_child, SIGCHLD);
}

/* The guest is gone: from here on a signal ends us as it ends anybody. */
static void stop_signals(void)
{
	static const int fatal[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		if (uv_is_active((uv_handle_t *)&signal_handle[i]))
			uv_signal_stop(&signal_handle[i]);
	terminal_guard(fatal, ARRAY_SIZE(fatal));
}

static bool start_thread(void *(*fn)(void *))
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, fn, NULL);

	if (err)
		report_errno("cannot start a thread", err, "see `ulimit -u`");
	return !err;
}

static void reap_all(void)
{
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

static int exit_code(void)
{
	struct hosted_shared *sh = sup.m->shared;
	int status = sh->status;
	char why[64];

	if (sup.timed_out) {
		report("the time is up (--timeout)", NULL, NULL);
		return EXIT_TIMEOUT;
	}
	if (sup.forced)
		return 128 + sup.forced;
	switch (__atomic_load_n(&sh->end, __ATOMIC_ACQUIRE)) {
	case HOSTED_HALTED:
		if (status & 0x7f)
			return 128 + (status & 0x7f);
		return status >> 8 & 0xff;
	case HOSTED_PANICKED:
		report("the guest kernel stopped", "see the lines above", NULL);
		return EXIT_HYLA;
	}
	if (WIFSIGNALED(sup.wait_status))
		snprintf(why, sizeof(why), "signal %d", WTERMSIG(sup.wait_status));
	else
		snprintf(why, sizeof(why), "exit code %d", WEXITSTATUS(sup.wait_status));
	report("the kernel process died", why, "`hyla doctor` says what the host must allow");
	return EXIT_HYLA;
}

int supervise(struct machine *m, const struct supervise_options *opt)
{
	sup.m = m;
	if (uv_loop_init(&sup.loop)) {
		report("cannot start the event loop", NULL, NULL);
		end_guest();
		reap_all();
		return EXIT_HYLA;
	}
	uv_async_init(&sup.loop, &sup.bell, on_bell);
	start_signals();
	console_start(&sup.loop);
	vsock_start(&sup.loop);
	terminal_take();
	uv_timer_init(&sup.loop, &sup.look);
	uv_timer_init(&sup.loop, &sup.timeout);
	if (terminal_is_wanted())
		uv_timer_start(&sup.look, on_look, LOOK_MS, LOOK_MS);
	if (opt->timeout_ms)
		uv_timer_start(&sup.timeout, on_timeout, opt->timeout_ms, 0);
	if ((!opt->no_sandbox && !sandbox_enter(vsock_exists())) || !start_thread(doorbell_thread) ||
	    !start_thread(p9_thread)) {
		end_guest();
		reap_all();
		terminal_give_back();
		return EXIT_HYLA;
	}
	/* What may have happened before we listened. */
	raise(SIGCHLD);
	resize();
	uv_run(&sup.loop, UV_RUN_DEFAULT);
	drain_log();
	stop_signals();
	console_drain(!sup.timed_out && !sup.forced);
	vsock_drain(!sup.timed_out && !sup.forced);
	drain_log();
	terminal_give_back();
	reap_all();
	return exit_code();
}
