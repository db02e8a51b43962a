/* SPDX-License-Identifier: MIT */
/*
 * The terminal line discipline, output side: OPOST, the column, echo, ^S/^Q.
 *
 * Bytes are processed only as far as the driver has room for the result, so
 * nothing is buffered here but echo. Echo is processed when it is made, kept
 * in tty->echo (the newest is dropped when that is full) and sent before
 * any later output.
 *
 * Runs under the kernel lock and never sleeps.
 */
#include "fs/ldisc.h"

#include "lib/string.h"

#define OUT_BATCH 512
#define MAX_EXPANSION 8		/* a TAB */

static bool oflag(const struct tty *tty, u32 bit)
{
	return tty->termios.oflag & bit;
}

/* One byte after output processing: 0 to 8 bytes in out; moves the column. */
static size_t process(struct tty *tty, u8 c, u8 *out)
{
	u32 spaces;

	switch (c) {
	case '\n':
		if (oflag(tty, ONLRET))
			tty->column = 0;
		if (oflag(tty, ONLCR)) {
			tty->column = tty->erase_col = 0;
			out[0] = '\r';
			out[1] = '\n';
			return 2;
		}
		tty->erase_col = tty->column;
		break;
	case '\r':
		if (oflag(tty, ONOCR) && !tty->column)
			return 0;
		if (oflag(tty, OCRNL)) {
			c = '\n';
			if (!oflag(tty, ONLRET))
				break;
		}
		tty->column = tty->erase_col = 0;
		break;
	case '\t':
		spaces = 8 - (tty->column & 7);
		tty->column += spaces;
		if ((tty->termios.oflag & TABDLY) == XTABS) {
			memset(out, ' ', spaces);
			return spaces;
		}
		break;
	case '\b':
		if (tty->column)
			tty->column--;
		break;
	default:
		if (c < 0x20 || c == 0x7f)
			break;
		if (oflag(tty, OLCUC) && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		if (!(tty->termios.iflag & IUTF8) || (c & 0xc0) != 0x80)
			tty->column++;
	}
	out[0] = c;
	return 1;
}

/* ---- echo ---- */

static void echo_put(struct tty *tty, const u8 *s, size_t n)
{
	size_t i;

	if (TTY_ECHO_SIZE - (tty->echo_head - tty->echo_tail) < n)
		ldisc_flush_echo(tty);
	if (TTY_ECHO_SIZE - (tty->echo_head - tty->echo_tail) < n)
		return;
	for (i = 0; i < n; i++)
		tty->echo[tty->echo_head++ & (TTY_ECHO_SIZE - 1)] = s[i];
}

void ldisc_echo(struct tty *tty, u8 c)
{
	u8 out[MAX_EXPANSION];
	size_t n = 1;

	out[0] = c;
	if (oflag(tty, OPOST))
		n = process(tty, c, out);
	echo_put(tty, out, n);
}

void ldisc_echo_raw(struct tty *tty, u8 c)
{
	tty->column++;
	echo_put(tty, &c, 1);
}

void ldisc_flush_echo(struct tty *tty)
{
	u32 at, n;
	size_t sent;

	while (tty->echo_head != tty->echo_tail && !(tty->flags & (TTY_STOPPED | TTY_HUPPED))) {
		at = tty->echo_tail & (TTY_ECHO_SIZE - 1);
		n = min(tty->echo_head - tty->echo_tail, TTY_ECHO_SIZE - at);
		sent = tty->driver->write(tty, tty->echo + at, n);
		tty->echo_tail += (u32)sent;
		if (sent < n)
			break;
	}
}

/* ---- output ---- */

bool ldisc_can_write(struct tty *tty)
{
	/* The most that one byte can become: else a writer might spin. */
	return !(tty->flags & TTY_STOPPED) && tty->echo_head == tty->echo_tail &&
	       tty->driver->write_room(tty) >= MAX_EXPANSION;
}

static size_t output_processed(struct tty *tty, const u8 *buf, size_t len)
{
	u8 out[OUT_BATCH];
	size_t room, n, i = 0;

	while (i < len) {
		room = min_t(size_t, tty->driver->write_room(tty), OUT_BATCH);
		n = 0;
		while (i < len && n + MAX_EXPANSION <= room)
			n += process(tty, buf[i++], out + n);
		/* Little room: only what surely expands to one byte. */
		while (i < len && n < room && buf[i] >= ' ')
			n += process(tty, buf[i++], out + n);
		if (!n)
			break;
		if (tty->driver->write(tty, out, n) < n)
			break;	/* less than its room: a hang-up; what is lost is lost */
	}
	return i;
}

size_t ldisc_output(struct tty *tty, const u8 *buf, size_t len)
{
	ldisc_flush_echo(tty);
	if (!ldisc_can_write(tty))
		return 0;
	if (!oflag(tty, OPOST))
		return tty->driver->write(tty, buf, len);
	return output_processed(tty, buf, len);
}

void tty_stop(struct tty *tty)
{
	if (tty->flags & TTY_STOPPED)
		return;
	tty->flags |= TTY_STOPPED;
	if (tty->driver->packet)
		tty->driver->packet(tty, TIOCPKT_STOP);
}

void tty_start(struct tty *tty)
{
	if (!(tty->flags & TTY_STOPPED))
		return;
	tty->flags &= ~(TTY_STOPPED | TTY_TCOOFF);
	if (tty->driver->packet)
		tty->driver->packet(tty, TIOCPKT_START);
	tty_write_wakeup(tty);
}
