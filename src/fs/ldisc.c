/* SPDX-License-Identifier: MIT */
/*
 * The terminal line discipline, input side: termios(3), canonical editing,
 * signals, echo. Output processing is in ldisc_out.c.
 *
 *	tail              canon_head           head
 *	  v                   v                  v
 *	  [ complete lines    | line being edited]        free-running counters
 *
 * In canonical mode a reader sees [tail, canon_head) only; delim marks the
 * bytes that end a line, VEOF being stored as a NUL that is never handed out.
 * In raw mode everything up to head is readable at once.
 *
 * Echo goes through the output processing into tty->echo, a small ring that
 * is sent whenever the driver has room, before any other output.
 *
 * Runs under the kernel lock and never sleeps: input comes from upcalls.
 * Not supported: IXOFF (the drivers here hold bytes back instead), parity and
 * break marking (no driver makes such errors), EXTPROC.
 */
#include "fs/ldisc.h"

#include "kernel/signal.h"
#include "lib/string.h"

#define DISABLED_CHAR 0

static u8 *buf_at(struct tty *tty, u32 pos)
{
	return &tty->buf[pos & (TTY_BUF_SIZE - 1)];
}

static void delim_set(struct tty *tty, u32 pos)
{
	u32 i = pos & (TTY_BUF_SIZE - 1);

	tty->delim[i / 64] |= BIT(i % 64);
}

static void delim_clear(struct tty *tty, u32 pos)
{
	u32 i = pos & (TTY_BUF_SIZE - 1);

	tty->delim[i / 64] &= ~BIT(i % 64);
}

static bool delim_test(const struct tty *tty, u32 pos)
{
	u32 i = pos & (TTY_BUF_SIZE - 1);

	return tty->delim[i / 64] & BIT(i % 64);
}

static bool lflag(const struct tty *tty, u32 bit)
{
	return tty->termios.lflag & bit;
}

static bool iflag(const struct tty *tty, u32 bit)
{
	return tty->termios.iflag & bit;
}

static bool is_cc(const struct tty *tty, u32 which, u8 c)
{
	return c != DISABLED_CHAR && tty->termios.cc[which] == c;
}

static bool is_control(u8 c)
{
	return c < 0x20 || c == 0x7f;
}

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

static bool is_continuation(const struct tty *tty, u8 c)
{
	return iflag(tty, IUTF8) && (c & 0xc0) == 0x80;
}

static void put(struct tty *tty, u8 c)
{
	delim_clear(tty, tty->head);
	*buf_at(tty, tty->head++) = c;
}

/* ---- echo ---- */

static void echo_char(struct tty *tty, u8 c)
{
	if (lflag(tty, ECHOCTL) && is_control(c) && c != '\t') {
		ldisc_echo_raw(tty, '^');
		ldisc_echo_raw(tty, c ^ 0100);
		return;
	}
	ldisc_echo(tty, c);
}

static void finish_erasing(struct tty *tty)
{
	if (tty->flags & TTY_ERASING) {
		ldisc_echo(tty, '/');
		tty->flags &= ~TTY_ERASING;
	}
}

static void echo_input(struct tty *tty, u8 c)
{
	finish_erasing(tty);
	if (c == '\n') {
		ldisc_echo(tty, '\n');
		return;
	}
	if (tty->canon_head == tty->head)
		tty->erase_col = tty->column;
	echo_char(tty, c);
}

static void rub_out(struct tty *tty)
{
	ldisc_echo(tty, '\b');
	ldisc_echo(tty, ' ');
	ldisc_echo(tty, '\b');
}

/* Goes back over a TAB: to the end of what stands before it on the line. */
static void erase_tab(struct tty *tty)
{
	u32 width = 0, pos = tty->head;
	bool after_tab = false;

	while (pos != tty->canon_head) {
		u8 c = *buf_at(tty, --pos);

		if (c == '\t') {
			after_tab = true;
			break;
		}
		if (is_control(c))
			width += lflag(tty, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(tty, c))
			width++;
	}
	if (!after_tab)
		width += tty->erase_col;
	for (width = 8 - (width & 7); width; width--)
		ldisc_echo(tty, '\b');
}

/* ---- editing ---- */

static void echo_erased(struct tty *tty, u8 c, u32 pos, u32 bytes, bool one)
{
	if (lflag(tty, ECHOPRT)) {
		if (!(tty->flags & TTY_ERASING)) {
			ldisc_echo(tty, '\\');
			tty->flags |= TTY_ERASING;
		}
		echo_char(tty, c);
		while (--bytes > 0)
			ldisc_echo(tty, *buf_at(tty, ++pos));
	} else if (one && !lflag(tty, ECHOE)) {
		echo_char(tty, tty->termios.cc[VERASE]);
	} else if (c == '\t') {
		erase_tab(tty);
	} else {
		if (is_control(c) && lflag(tty, ECHOCTL))
			rub_out(tty);
		if (!is_control(c) || lflag(tty, ECHOCTL))
			rub_out(tty);
	}
}

/* Removes the last character (all bytes of it). False: nothing whole is there. */
static bool erase_one(struct tty *tty, bool word, bool one, bool *in_word)
{
	u32 pos = tty->head, bytes;
	u8 c;

	do {
		c = *buf_at(tty, --pos);
	} while (is_continuation(tty, c) && pos != tty->canon_head);
	if (is_continuation(tty, c))
		return false;
	if (word) {
		if (is_word(c))
			*in_word = true;
		else if (*in_word)
			return false;
	}
	bytes = tty->head - pos;
	tty->head = pos;
	if (lflag(tty, ECHO))
		echo_erased(tty, c, pos, bytes, one);
	return true;
}

static void kill_line(struct tty *tty)
{
	tty->head = tty->canon_head;
	if (!lflag(tty, ECHO))
		return;
	finish_erasing(tty);
	echo_char(tty, tty->termios.cc[VKILL]);
	if (lflag(tty, ECHOK))
		ldisc_echo(tty, '\n');
}

static void eraser(struct tty *tty, u8 c)
{
	bool one = is_cc(tty, VERASE, c);
	bool word = !one && is_cc(tty, VWERASE, c);
	bool in_word = false;

	if (tty->head == tty->canon_head)
		return;
	if (!one && !word &&
	    (!lflag(tty, ECHO) || !lflag(tty, ECHOK) || !lflag(tty, ECHOKE) ||
	     !lflag(tty, ECHOE))) {
		kill_line(tty);
		return;
	}
	while (tty->head != tty->canon_head) {
		if (!erase_one(tty, word, one, &in_word) || one)
			break;
	}
	if (tty->head == tty->canon_head && lflag(tty, ECHO))
		finish_erasing(tty);
}

static void reprint(struct tty *tty, u8 c)
{
	u32 pos;

	finish_erasing(tty);
	echo_char(tty, c);
	ldisc_echo(tty, '\n');
	for (pos = tty->canon_head; pos != tty->head; pos++)
		echo_char(tty, *buf_at(tty, pos));
}

static void end_line(struct tty *tty, u8 c)
{
	u32 pos = tty->head;

	put(tty, c);
	delim_set(tty, pos);
	tty->canon_head = tty->head;
	wake_up_poll(&tty->read_wq, POLLIN | POLLRDNORM);
}

/* A character with a meaning in canonical mode. True: done with it. */
static bool receive_canonical(struct tty *tty, u8 c)
{
	bool ext = lflag(tty, IEXTEN);

	if (is_cc(tty, VERASE, c) || is_cc(tty, VKILL, c) || (is_cc(tty, VWERASE, c) && ext)) {
		eraser(tty, c);
	} else if (is_cc(tty, VLNEXT, c) && ext) {
		tty->flags |= TTY_LNEXT;
		if (lflag(tty, ECHO)) {
			finish_erasing(tty);
			if (lflag(tty, ECHOCTL)) {
				ldisc_echo_raw(tty, '^');
				ldisc_echo(tty, '\b');
			}
		}
	} else if (is_cc(tty, VREPRINT, c) && lflag(tty, ECHO) && ext) {
		reprint(tty, c);
	} else if (c == '\n') {
		if (lflag(tty, ECHO) || lflag(tty, ECHONL))
			ldisc_echo(tty, '\n');
		end_line(tty, c);
	} else if (is_cc(tty, VEOF, c)) {
		end_line(tty, DISABLED_CHAR);
	} else if (is_cc(tty, VEOL, c) || (is_cc(tty, VEOL2, c) && ext)) {
		if (lflag(tty, ECHO))
			echo_input(tty, c);
		end_line(tty, c);
	} else {
		return false;
	}
	return true;
}

/* ---- signals and flow ---- */

static void input_reset(struct tty *tty)
{
	tty->head = tty->canon_head = tty->tail = 0;
	memset(tty->delim, 0, sizeof(tty->delim));
	tty->flags &= ~(TTY_LNEXT | TTY_ERASING);
	tty->erase_col = 0;
}

void ldisc_flush_input(struct tty *tty)
{
	input_reset(tty);
	if (tty->driver->packet)
		tty->driver->packet(tty, TIOCPKT_FLUSHREAD);
	tty_unthrottle(tty);
}

static void receive_signal(struct tty *tty, int sig, u8 c)
{
	if (tty->pgrp)
		(void)signal_pgrp(tty->pgrp, sig);
	if (!lflag(tty, NOFLSH)) {
		tty->echo_head = tty->echo_tail = 0;
		if (tty->driver->flush_output)
			tty->driver->flush_output(tty);
		input_reset(tty);
		if (tty->driver->packet)
			tty->driver->packet(tty, TIOCPKT_FLUSHREAD);
	}
	if (iflag(tty, IXON) && !(tty->flags & TTY_TCOOFF))
		tty_start(tty);
	if (lflag(tty, ECHO))
		echo_char(tty, c);
}

/* True: the character was flow control or a signal. */
static bool receive_control(struct tty *tty, u8 c)
{
	if (iflag(tty, IXON)) {
		if (is_cc(tty, VSTART, c)) {
			if (!(tty->flags & TTY_TCOOFF))
				tty_start(tty);
			return true;
		}
		if (is_cc(tty, VSTOP, c)) {
			tty_stop(tty);
			return true;
		}
	}
	if (lflag(tty, ISIG)) {
		int sig = is_cc(tty, VINTR, c) ? SIGINT :
			  is_cc(tty, VQUIT, c) ? SIGQUIT :
			  is_cc(tty, VSUSP, c) ? SIGTSTP : 0;

		if (sig) {
			receive_signal(tty, sig, c);
			return true;
		}
	}
	if ((tty->flags & TTY_STOPPED) && !(tty->flags & TTY_TCOOFF) && iflag(tty, IXON) &&
	    iflag(tty, IXANY))
		tty_start(tty);
	return false;
}

static void receive_plain(struct tty *tty, u8 c)
{
	if (lflag(tty, ECHO))
		echo_input(tty, c);
	if (c == 0xff && iflag(tty, PARMRK))
		put(tty, c);
	put(tty, c);
	if (!lflag(tty, ICANON)) {
		tty->canon_head = tty->head;
		wake_up_poll(&tty->read_wq, POLLIN | POLLRDNORM);
	}
}

static void receive_char(struct tty *tty, u8 c)
{
	if (iflag(tty, ISTRIP))
		c &= 0x7f;
	if (iflag(tty, IUCLC) && lflag(tty, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (tty->flags & TTY_LNEXT) {
		tty->flags &= ~TTY_LNEXT;
		receive_plain(tty, c);
		return;
	}
	if (receive_control(tty, c))
		return;
	if (c == '\r') {
		if (iflag(tty, IGNCR))
			return;
		if (iflag(tty, ICRNL))
			c = '\n';
	} else if (c == '\n' && iflag(tty, INLCR)) {
		c = '\r';
	}
	if (lflag(tty, ICANON) && receive_canonical(tty, c))
		return;
	receive_plain(tty, c);
}

/* Room for one more byte. A line that is too long keeps its last place for
 * the newest byte, so that editing and newline still work. */
static bool make_room(struct tty *tty)
{
	s32 room = (s32)(TTY_BUF_SIZE - (tty->head - tty->tail));

	if (iflag(tty, PARMRK))
		room = (room + 2) / 3;
	room--;
	if (room > 0)
		return true;
	if (!lflag(tty, ICANON) || tty->canon_head != tty->tail)
		return false;
	if (room < 0)
		tty->head--;
	return true;
}

size_t ldisc_receive(struct tty *tty, const u8 *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len && make_room(tty); i++)
		receive_char(tty, buf[i]);
	ldisc_flush_echo(tty);
	return i;
}

/* ---- reading ---- */

bool ldisc_input_ready(const struct tty *tty, u32 min)
{
	if (lflag(tty, ICANON))
		return tty->canon_head != tty->tail;
	return tty->head - tty->tail >= min;
}

u32 ldisc_input_count(const struct tty *tty)
{
	u32 n, pos;

	if (!lflag(tty, ICANON))
		return tty->head - tty->tail;
	n = tty->canon_head - tty->tail;
	for (pos = tty->tail; pos != tty->canon_head; pos++) {
		if (delim_test(tty, pos) &&
		    tty->buf[pos & (TTY_BUF_SIZE - 1)] == DISABLED_CHAR)
			n--;
	}
	return n;
}

size_t ldisc_take(struct tty *tty, u8 *buf, size_t size, bool *line_end)
{
	bool canon = lflag(tty, ICANON);
	u32 end = canon ? tty->canon_head : tty->head;
	size_t n = 0;

	*line_end = false;
	while (tty->tail != end) {
		u8 c = *buf_at(tty, tty->tail);
		bool delim = canon && delim_test(tty, tty->tail);

		/* VEOF right behind a full buffer is eaten with it. */
		if (n == size && !(delim && c == DISABLED_CHAR))
			break;
		if (delim)
			delim_clear(tty, tty->tail);
		tty->tail++;
		if (delim && c == DISABLED_CHAR) {
			*line_end = true;
			break;
		}
		buf[n++] = c;
		if (delim) {
			*line_end = true;
			break;
		}
	}
	if (!canon)
		tty->canon_head = tty->head;
	tty_unthrottle(tty);
	return n;
}

/* ---- changes ---- */

void ldisc_termios_changed(struct tty *tty, const struct termios2 *old)
{
	if ((old->lflag ^ tty->termios.lflag) & ICANON) {
		memset(tty->delim, 0, sizeof(tty->delim));
		if (lflag(tty, ICANON) && tty->head != tty->tail) {
			/* What came in raw mode is readable as one line. */
			delim_set(tty, tty->head - 1);
			tty->canon_head = tty->head;
		} else {
			tty->canon_head = lflag(tty, ICANON) ? tty->tail : tty->head;
		}
		tty->flags &= ~(TTY_ERASING | TTY_LNEXT);
	}
	if ((old->iflag & IXON) && !iflag(tty, IXON) && (tty->flags & TTY_STOPPED) &&
	    !(tty->flags & TTY_TCOOFF))
		tty_start(tty);
	wake_up_nr(&tty->read_wq, ~0u, 0);
	wake_up_nr(&tty->write_wq, ~0u, 0);
}

void ldisc_init(struct tty *tty)
{
	input_reset(tty);
	tty->echo_head = tty->echo_tail = 0;
	tty->column = 0;
}
