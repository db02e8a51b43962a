/* SPDX-License-Identifier: MIT */
/*
 * The console device (virtio 1.2, 5.3) with its ports, device end.
 *
 * Each port joins a pair of virtqueues to host descriptors. Input is read
 * straight into the guest's buffers, and only when it has given some; output
 * is written straight from them, and they go back when it is written. Nothing
 * is kept in between, so nothing can be lost or grow.
 *
 * The guest starts input by opening the port (PORT_OPEN 1): until it does, the
 * host descriptor is not read. End of input is PORT_OPEN 0 to the guest, after
 * the last data; so is an output that nobody reads any more (EPIPE), whose
 * data is thrown away from then on.
 *
 * The control port has no descriptor: the guest reads lines that
 * console_control() queued. What it writes there is not needed here, because
 * the exit status comes by hal_halt().
 *
 * Everything runs in the loop's thread.
 */
#define _GNU_SOURCE
#include "hal/hosted/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hal/hosted/stream.h"
#include "hal/hosted/vdev.h"

enum { F_SIZE = 1 << 0, F_MULTIPORT = 1 << 1 };
enum { EV_DEVICE_READY, EV_DEVICE_ADD, EV_DEVICE_REMOVE, EV_PORT_READY, EV_CONSOLE_PORT,
       EV_RESIZE, EV_PORT_OPEN, EV_PORT_NAME };

#define CONTROL_RX 2
#define CONTROL_TX 3
#define MESSAGES_MAX 64
#define LINES_MAX 16384
#define BUDGET 64		/* chains served before other ports get a turn */

struct control {
	u32 id;
	u16 event, value;
};

struct message {
	struct control c;
	char name[16];		/* follows at once, without a NUL */
	u32 size;		/* of the name */
};

struct port {
	u32 id;
	bool present, guest_open;
	bool in_ended, out_ended;	/* host side: nothing more to read, nobody reads */
	bool end_told;
	bool rx_held, tx_held;		/* a chain waits for its descriptor */
	size_t tx_done;
	struct stream in, out;
	struct vchain rx, tx;
};

static const char *const port_names[PORT_COUNT] = {
	"tty", "stdin", "stdout", "stderr", "control", "trace",
};

static struct {
	struct vdev *dev;
	uv_loop_t *loop;
	uv_async_t again;
	bool closing;		/* the guest is gone */
	bool patient;		/* closing: block rather than give up */
	struct port port[PORT_COUNT];
	struct message message[MESSAGES_MAX];
	u32 nr_messages;
	char lines[LINES_MAX];
	u32 lines_size;
} con;

static u32 rx_queue(const struct port *p)
{
	return p->id ? 2 * p->id + 2 : 0;
}

static u32 tx_queue(const struct port *p)
{
	return rx_queue(p) + 1;
}

static void send_messages(void)
{
	static struct vchain c;
	u32 sent = 0;

	while (sent < con.nr_messages && vq_pop(con.dev, CONTROL_RX, &c) == 1) {
		struct message *m = &con.message[sent++];

		vq_push(con.dev, CONTROL_RX, c.head,
			iov_put(c.in, c.nr_in, 0, m, sizeof(m->c) + m->size));
	}
	con.nr_messages -= sent;
	memmove(con.message, con.message + sent, con.nr_messages * sizeof(con.message[0]));
}

static void tell(u32 id, u16 event, u16 value, const char *name)
{
	struct message *m;

	if (con.nr_messages == MESSAGES_MAX)
		return;		/* a driver that never takes any */
	m = &con.message[con.nr_messages++];
	memset(m, 0, sizeof(*m));
	m->c.id = id;
	m->c.event = event;
	m->c.value = value;
	if (name) {
		m->size = strlen(name);
		memcpy(m->name, name, m->size);
	}
	send_messages();
}

static void tell_end(struct port *p)
{
	if (p->end_told || !p->guest_open)
		return;
	p->end_told = true;
	tell(p->id, EV_PORT_OPEN, 0, NULL);
}

/* Serves queue nr again soon, after everybody else. */
static void serve_again(u32 nr)
{
	__atomic_or_fetch(&con.dev->hd->notify, 1u << nr, __ATOMIC_SEQ_CST);
	if (!con.closing)
		uv_async_send(&con.again);
}

/* True when the held chain is done with. */
static bool write_chain(struct port *p)
{
	struct iovec part[VCHAIN_MAX];

	while (p->tx_done < p->tx.out_size) {
		ssize_t n;
		int count = iov_part(p->tx.out, p->tx.nr_out, p->tx_done,
				     p->tx.out_size - p->tx_done, part);

		if (p->out_ended || p->out.fd < 0)
			return true;
		n = stream_writev(&p->out, part, count);
		if (n == -EAGAIN) {
			if (con.closing && !con.patient)
				p->out_ended = true;
			else if (con.closing)
				stream_wait_writable(&p->out);
			if (con.closing)
				continue;
			stream_wait(&p->out);
			return false;
		}
		if (n < 0) {
			p->out_ended = true;
			tell_end(p);
			return true;
		}
		p->tx_done += n;
	}
	return true;
}

static void serve_tx(struct port *p)
{
	u32 q = tx_queue(p);

	for (u32 budget = BUDGET; budget; budget--) {
		if (!p->tx_held) {
			if (vq_pop(con.dev, q, &p->tx) != 1)
				return;
			p->tx_held = true;
			p->tx_done = 0;
		}
		if (!write_chain(p))
			return;
		p->tx_held = false;
		vq_push(con.dev, q, p->tx.head, 0);
	}
	serve_again(q);
}

static ssize_t read_lines(const struct iovec *iov, int count)
{
	size_t n;

	if (!con.lines_size)
		return -EAGAIN;
	n = iov_put(iov, count, 0, con.lines, con.lines_size);
	con.lines_size -= n;
	memmove(con.lines, con.lines + n, con.lines_size);
	return n;
}

static ssize_t read_port(struct port *p)
{
	ssize_t n;

	if (p->id == PORT_CONTROL)
		return read_lines(p->rx.in, p->rx.nr_in);
	/* A terminal in the background is not ours to read: SIGTTIN. */
	if (p->id == PORT_TTY && !terminal_is_taken())
		return -EAGAIN;
	n = stream_readv(&p->in, p->rx.in, p->rx.nr_in);
	if (n == -EAGAIN)
		stream_wait(&p->in);
	return n;
}

static bool has_input(const struct port *p)
{
	return p->guest_open && !p->in_ended && (p->id == PORT_CONTROL || p->in.fd >= 0);
}

static void serve_rx(struct port *p)
{
	u32 q = rx_queue(p);

	if (p->in_ended)
		tell_end(p);
	for (u32 budget = BUDGET; budget && has_input(p); budget--) {
		ssize_t n;

		if (!p->rx_held) {
			if (vq_pop(con.dev, q, &p->rx) != 1)
				return;
			p->rx_held = true;
		}
		if (!p->rx.in_size) {	/* no room in it: nothing can go there */
			p->rx_held = false;
			vq_push(con.dev, q, p->rx.head, 0);
			continue;
		}
		n = read_port(p);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			p->in_ended = true;
			tell_end(p);
			return;
		}
		p->rx_held = false;
		vq_push(con.dev, q, p->rx.head, n);
	}
	if (has_input(p))
		serve_again(q);
}

static void on_readable(void *arg)
{
	serve_rx(arg);
	vdev_flush_irq(con.dev);
}

static void on_writable(void *arg)
{
	serve_tx(arg);
	vdev_flush_irq(con.dev);
}

static void port_ready(struct port *p)
{
	tell(p->id, EV_PORT_NAME, 1, port_names[p->id]);
	if (p->id == PORT_TTY)
		tell(p->id, EV_CONSOLE_PORT, 1, NULL);
	tell(p->id, EV_PORT_OPEN, 1, NULL);
}

static void handle_message(const struct control *c)
{
	struct port *p = c->id < PORT_COUNT ? &con.port[c->id] : NULL;

	switch (c->event) {
	case EV_DEVICE_READY:
		for (u32 i = 0; c->value && i < PORT_COUNT; i++)
			if (con.port[i].present)
				tell(i, EV_DEVICE_ADD, 1, NULL);
		break;
	case EV_PORT_READY:
		if (p && p->present && c->value)
			port_ready(p);
		break;
	case EV_PORT_OPEN:
		if (p && p->present) {
			p->guest_open = c->value != 0;
			p->end_told &= p->guest_open;
			if (p->guest_open && p->out_ended)
				tell_end(p);
			serve_rx(p);
		}
		break;
	}
}

static void serve_control(void)
{
	static struct vchain c;
	struct control message;

	while (vq_pop(con.dev, CONTROL_TX, &c) == 1) {
		bool whole = iov_get(c.out, c.nr_out, 0, &message, sizeof(message)) ==
			     sizeof(message);

		vq_push(con.dev, CONTROL_TX, c.head, 0);
		if (whole)
			handle_message(&message);
	}
}

static void serve_queue(struct vdev *dev, u32 q)
{
	u32 id = q < 2 ? 0 : (q - 2) / 2;

	(void)dev;
	if (q == CONTROL_RX)
		send_messages();
	else if (q == CONTROL_TX)
		serve_control();
	else if (id < PORT_COUNT && q & 1)
		serve_tx(&con.port[id]);
	else if (id < PORT_COUNT)
		serve_rx(&con.port[id]);
}

static void reset(struct vdev *dev)
{
	(void)dev;
	con.nr_messages = 0;
	for (u32 i = 0; i < PORT_COUNT; i++) {
		struct port *p = &con.port[i];

		p->guest_open = p->end_told = p->rx_held = p->tx_held = false;
	}
}

static const struct vdev_ops console_ops = {
	.queue = serve_queue,
	.reset = reset,
};

bool console_create(struct machine *m, const struct console_options *opt)
{
	struct {
		u16 cols, rows;
		u32 max_nr_ports, emerg_wr;
	} config = { opt->cols, opt->rows, PORT_COUNT, 0 };
	struct vdev_config vc = {
		.id = VIRTIO_ID_CONSOLE,
		.nr_queues = 2 * PORT_COUNT + 2,
		.bell = HOSTED_BELL_IO,
		.features = F_MULTIPORT | (opt->present[PORT_TTY] ? F_SIZE : 0),
		.config = &config,
		.config_size = sizeof(config),
	};

	for (u32 i = 0; i < PORT_COUNT; i++) {
		struct port *p = &con.port[i];

		p->id = i;
		p->present = opt->present[i];
		stream_open(&p->in, p->present ? opt->in[i] : -1, false);
		stream_open(&p->out, p->present ? opt->out[i] : -1, true);
	}
	con.dev = vdev_add(m, &vc, &console_ops, NULL);
	return con.dev != NULL;
}

static void on_again(uv_async_t *async)
{
	(void)async;
	vdev_serve(con.dev->m, HOSTED_BELL_IO);
}

void console_start(uv_loop_t *loop)
{
	con.loop = loop;
	uv_async_init(loop, &con.again, on_again);
	for (u32 i = 0; i < PORT_COUNT; i++) {
		stream_start(&con.port[i].in, loop, on_readable, &con.port[i]);
		stream_start(&con.port[i].out, loop, on_writable, &con.port[i]);
	}
}

void console_control(const char *line)
{
	size_t len = strlen(line);

	if (con.lines_size + len + 1 > LINES_MAX)
		return;		/* a guest that does not listen */
	memcpy(con.lines + con.lines_size, line, len);
	con.lines[con.lines_size + len] = '\n';
	con.lines_size += len + 1;
	serve_rx(&con.port[PORT_CONTROL]);
	vdev_flush_irq(con.dev);
}

void console_resize(u16 cols, u16 rows)
{
	u16 size[2] = { cols, rows };
	char line[32];

	if (!memcmp(con.dev->hd->config, size, sizeof(size)))
		return;
	vdev_set_config(con.dev, 0, size, sizeof(size));
	snprintf(line, sizeof(line), "resize %u %u", cols, rows);
	console_control(line);
}

void console_terminal_back(void)
{
	serve_rx(&con.port[PORT_TTY]);
	vdev_flush_irq(con.dev);
}

void console_drain(bool wait)
{
	con.closing = true;
	con.patient = wait;
	for (u32 i = 0; i < PORT_COUNT; i++)
		do
			serve_tx(&con.port[i]);
		while (vq_ready(con.dev, tx_queue(&con.port[i])));
}
