/* SPDX-License-Identifier: MIT */
/*
 * The console port that is a terminal, and the control port.
 *
 * A port named "tty", or one that the host calls a console, becomes
 * /dev/hvcN; the first is also what /dev/console means. Its driver calls copy
 * bytes into port buffers; received bytes stay in port->rx_ready while the
 * line discipline has no room (tty_input took less), so the host is held back.
 *
 * The control port carries lines from the host: "signal N" goes to the
 * program's process group through boot_control_signal, "resize COLS ROWS" sets
 * the terminal's size. Unknown and overlong lines are ignored with a log line.
 *
 * The tty holds the port (which lives for ever); port->tty is a reference.
 * Locks: the kernel lock. The driver calls never sleep.
 */
#include "abi/errno.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "virtio/console.h"

#define HVC_MAJOR 229
#define CONTROL_LINE_MAX 64u

static u32 hvc_count;
static char control_line[CONTROL_LINE_MAX];
static u32 control_len;

static size_t hvc_write_room(struct tty *tty)
{
	const struct console_port *port = tty->priv;

	if (!port_tx_room(port, PORT_ATOMIC))
		return 0;
	return port->tx_bytes < PORT_TX_LIMIT ? PORT_TX_LIMIT - port->tx_bytes : 0;
}

static size_t hvc_write(struct tty *tty, const u8 *data, size_t len)
{
	struct console_port *port = tty->priv;
	struct port_buf *buf;

	len = min(len, hvc_write_room(tty));
	len = min(len, (size_t)PORT_CHUNK);
	if (len == 0)
		return 0;
	buf = port_buf_alloc((u32)len);
	if (!buf)
		return 0;
	memcpy(buf->data, data, len);
	buf->len = (u32)len;
	if (port_tx(port, buf)) {
		kfree(buf);
		return 0;
	}
	return len;
}

static size_t hvc_chars_in_buffer(struct tty *tty)
{
	const struct console_port *port = tty->priv;

	return port->tx_bytes;
}

static void hvc_unthrottle(struct tty *tty)
{
	port_tty_receive(tty->priv);
}

static void hvc_destroy(struct tty *tty)
{
	struct console_port *port = tty->priv;

	port_close(port);
	kfree(tty);
}

static const struct tty_driver hvc_driver = {
	.name = "hvc",
	.write = hvc_write,
	.write_room = hvc_write_room,
	.chars_in_buffer = hvc_chars_in_buffer,
	.unthrottle = hvc_unthrottle,
	.destroy = hvc_destroy,
};

void port_tty_create(struct console_port *port)
{
	char name[16];
	struct tty *tty;

	if (port->tty)
		return;
	scnprintf(name, sizeof(name), "hvc%u", hvc_count);
	tty = tty_create(&hvc_driver, port, name, mkdev(HVC_MAJOR, hvc_count));
	if (IS_ERR(tty)) {
		log_err("console: cannot make /dev/%s: error %d\n", name, (int)-PTR_ERR(tty));
		return;
	}
	hvc_count++;
	port->tty = tty;
	if (!console_tty())
		console_tty_set(tty);
	port_open(port);
	port_tty_receive(port);
}

void port_tty_receive(struct console_port *port)
{
	struct port_buf *buf;
	u32 budget = 64;	/* the rest comes with the next interrupt */

	while (port->tty && budget-- && (buf = port_rx_peek(port))) {
		buf->off += (u32)tty_input(port->tty, buf->data + buf->off, buf->len - buf->off);
		if (buf->off < buf->len)
			break;
		port_rx_done(port);
	}
}

void port_tty_writable(struct console_port *port)
{
	if (port_tx_room(port, PORT_ATOMIC))
		tty_write_wakeup(port->tty);
}

void port_tty_resize(struct console_port *port, u32 cols, u32 rows)
{
	struct winsize ws = {
		.row = (u16)rows,
		.col = (u16)cols,
	};

	if (port->tty && cols <= 0xffff && rows <= 0xffff)
		tty_set_winsize(port->tty, &ws);
}

void port_tty_closed(struct console_port *port)
{
	tty_hangup(port->tty);
}

/* ---- the control port ---- */

/* Parses "N" or "N M" at s; true when exactly `count` numbers are there. */
static bool parse_numbers(const char *s, u32 *out, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		u32 v = 0, digits = 0;

		while (*s >= '0' && *s <= '9' && digits < 6) {
			v = v * 10 + (u32)(*s++ - '0');
			digits++;
		}
		if (digits == 0 || (i + 1 < count && *s++ != ' '))
			return false;
		out[i] = v;
	}
	return *s == '\0';
}

static void control_obey(const char *line)
{
	struct tty *tty = console_tty();
	u32 n[2];

	if (strncmp(line, "signal ", 7) == 0 && parse_numbers(line + 7, n, 1) && n[0] >= 1 &&
	    n[0] <= 64) {
		boot_control_signal((int)n[0]);
	} else if (strncmp(line, "resize ", 7) == 0 && parse_numbers(line + 7, n, 2)) {
		if (tty && n[0] <= 0xffff && n[1] <= 0xffff) {
			struct winsize ws = { .col = (u16)n[0], .row = (u16)n[1] };

			tty_set_winsize(tty, &ws);
		}
	} else {
		log_warn("console: control line not understood\n");
	}
}

static void control_byte(u8 c)
{
	if (c != '\n') {
		if (control_len < CONTROL_LINE_MAX)
			control_line[control_len] = (char)c;
		control_len = min(control_len + 1, CONTROL_LINE_MAX);
		return;
	}
	if (control_len < CONTROL_LINE_MAX) {
		control_line[control_len] = '\0';
		control_obey(control_line);
	} else {
		log_warn("console: control line too long\n");
	}
	control_len = 0;
}

void port_control_receive(struct console_port *port)
{
	struct port_buf *buf;

	while ((buf = port_rx_peek(port))) {
		while (buf->off < buf->len)
			control_byte(buf->data[buf->off++]);
		port_rx_done(port);
	}
}
