/* SPDX-License-Identifier: MIT */
/* The line discipline, for tty*.c, pty.c and itself only. Nothing sleeps. */
#ifndef HYLA_FS_LDISC_H
#define HYLA_FS_LDISC_H

#include "abi/errno.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "lib/types.h"

void ldisc_init(struct tty *tty);
/* Bytes from the line; returns how many were taken. */
size_t ldisc_receive(struct tty *tty, const u8 *buf, size_t len);
/* A whole line (canonical), or at least min bytes (raw). */
bool ldisc_input_ready(const struct tty *tty, u32 min);
u32 ldisc_input_count(const struct tty *tty);	/* FIONREAD */
/* Takes what one read may have, up to size bytes. *line_end: a line or end of
 * file ended it, so the read is complete. */
size_t ldisc_take(struct tty *tty, u8 *buf, size_t size, bool *line_end);
void ldisc_flush_input(struct tty *tty);
void ldisc_termios_changed(struct tty *tty, const struct termios2 *old);

/* OPOST and send: bytes of buf consumed (0: no room now). */
size_t ldisc_output(struct tty *tty, const u8 *buf, size_t len);
bool ldisc_can_write(struct tty *tty);
void ldisc_echo(struct tty *tty, u8 c);		/* with output processing */
void ldisc_echo_raw(struct tty *tty, u8 c);	/* one column, as it is */
void ldisc_flush_echo(struct tty *tty);
void tty_stop(struct tty *tty);
void tty_start(struct tty *tty);
/* There may be input room again: asks the driver for what it held back. */
void tty_unthrottle(struct tty *tty);

/* ---- tty.c, tty_job.c, tty_ioctl.c ---- */

struct tty_file {		/* file->priv of an open tty */
	struct tty *tty;	/* a reference */
	struct file *file;
	struct list_head link;	/* tty->files */
	bool hung;		/* hung up since it was opened */
};

/* Job control: current may go on (0), or gets -ERESTARTSYS after `sig` went
 * to its group, or -EIO. */
int tty_check_change(struct tty *tty, int sig) __must_check;
ssize_t tty_read(struct file *f, struct uio *uio, loff_t *pos);
ssize_t tty_write(struct file *f, struct uio *uio, loff_t *pos);
s64 tty_ioctl(struct file *f, u32 cmd, u64 arg);
/* What the master's file does on the slave's behalf (termios, size, groups). */
s64 tty_ioctl_common(struct tty *tty, struct file *f, u32 cmd, u64 arg, bool master);
void tty_maybe_make_controlling(struct tty *tty, struct file *f);
/* A hang-up of every open file; exit_session: the session leader is exiting. */
void tty_vhangup(struct tty *tty, bool exit_session);
/* Waits until all output is sent. 0 or -ERESTARTSYS. */
int tty_wait_until_sent(struct tty *tty) __must_check;
s64 tty_set_controlling(struct tty *tty, struct file *f, u64 force);
s64 tty_give_up_controlling(struct tty *tty);
s64 tty_get_pgrp(struct tty *tty, uaddr_t p, bool master);
s64 tty_set_pgrp(struct tty *tty, uaddr_t p);
s64 tty_get_sid(struct tty *tty, uaddr_t p, bool master);
void tty_session_signal(struct tty *tty, bool exit_session);

#endif
