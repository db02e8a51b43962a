/* SPDX-License-Identifier: MIT */
/*
 * The console device: one virtio-console with named ports between the guest
 * and host descriptors (console.c), and the terminal (terminal.c).
 */
#ifndef HYLA_HAL_HOSTED_CONSOLE_H
#define HYLA_HAL_HOSTED_CONSOLE_H

#include <uv.h>

#include "hal/hosted/machine.h"

enum console_port_id {
	PORT_TTY, PORT_STDIN, PORT_STDOUT, PORT_STDERR, PORT_CONTROL, PORT_TRACE, PORT_COUNT,
};

/* Which host descriptor stands behind a port; -1: none. */
struct console_options {
	int in[PORT_COUNT];
	int out[PORT_COUNT];
	bool present[PORT_COUNT];
	u16 cols, rows;
};

/* Before machine_start(). */
bool console_create(struct machine *m, const struct console_options *opt);
/* With the loop, after machine_start(). */
void console_start(uv_loop_t *loop);
/* A line (no newline) for the guest's control port. */
void console_control(const char *line);
/* Tells the guest, in two ways, if the terminal's size is another one now. */
void console_resize(u16 cols, u16 rows);
/* The terminal is ours again: input may go on. */
void console_terminal_back(void);
/* The guest has ended: writes out all that it left in the rings, waiting for
 * slow readers (wait) or only as far as it goes at once. */
void console_drain(bool wait);

/* terminal.c: which of 0, 1, 2 is a terminal that the guest may have. */
struct terminal_choice {
	int fd;			/* -1: none */
	bool std[3];		/* descriptor is that terminal, to the guest too */
};

void terminal_choose(struct terminal_choice *choice);
/* Do both descriptors write to one stream (2>&1)? Then the guest writes to one,
 * too, or the order of its lines would be lost. */
bool same_stream(int a, int b);
bool terminal_size(u16 *cols, u16 *rows);
/* Raw mode, if the terminal is ours (foreground); again after SIGCONT. */
void terminal_take(void);
/* As it was. Safe in a signal handler and at any time. */
void terminal_give_back(void);
bool terminal_is_taken(void);
/* There is one, but somebody else has it. */
bool terminal_is_wanted(void);
/* From now on these signals restore the terminal and then end us. */
void terminal_guard(const int *signals, size_t count);

#endif
