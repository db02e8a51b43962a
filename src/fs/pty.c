/* SPDX-License-Identifier: MIT */
/*
 * Pseudo terminals: the slave's side and the pair itself; pty(7). The master's
 * file is in ptm.c.
 *
 *	master file  --write-->  to_slave   --> line discipline --> slave read
 *	             <--read---  to_master  <-- slave write, echo
 *
 * Opening /dev/ptmx makes a struct pty: a tty (the slave) and two rings. The
 * master has no line discipline. It holds one reference to the slave's tty; its
 * inode in devpts, open slave files and sessions hold the others.
 *
 * Close of the last slave file: the master reads what is left, then EIO and
 * POLLHUP, until a slave is opened again. Close of the master: the slave is
 * hung up, its name goes, and it can never be opened again.
 *
 * Bytes written to the master wait in to_slave while the line discipline is
 * full; they go on when the slave is read (unthrottle).
 *
 * Packet mode: pktstatus collects events for the master's reader.
 * Not supported: TIOCPKT_IOCTL (EXTPROC), BSD ptys.
 */
#include "fs/pty.h"

#include "abi/errno.h"
#include "fs/ldisc.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

static struct pty *tty_pty(struct tty *tty)
{
	return container_of(tty, struct pty, tty);
}

/* ---- rings ---- */

size_t pty_ring_put(struct pty_ring *r, const u8 *buf, size_t len)
{
	size_t done = 0, n;
	u32 at;

	len = min_t(size_t, len, pty_ring_room(r));
	while (done < len) {
		at = r->head & (PTY_RING_SIZE - 1);
		n = min_t(size_t, len - done, PTY_RING_SIZE - at);
		memcpy(r->buf + at, buf + done, n);
		r->head += (u32)n;
		done += n;
	}
	return done;
}

/* The longest run of bytes at the tail. */
size_t pty_ring_run(const struct pty_ring *r, const u8 **start)
{
	u32 at = r->tail & (PTY_RING_SIZE - 1);

	*start = r->buf + at;
	return min(pty_ring_used(r), PTY_RING_SIZE - at);
}

size_t pty_ring_get(struct pty_ring *r, u8 *buf, size_t size)
{
	size_t done = 0, n;
	const u8 *p;

	while (done < size && pty_ring_used(r)) {
		n = min(pty_ring_run(r, &p), size - done);
		memcpy(buf + done, p, n);
		r->tail += (u32)n;
		done += n;
	}
	return done;
}

/* ---- the slave's driver ---- */

static void pty_wake_master(struct pty *pty, u32 events)
{
	wake_up_poll(&pty->rd_wq, events);
}

static size_t pts_write(struct tty *tty, const u8 *buf, size_t len)
{
	struct pty *pty = tty_pty(tty);
	size_t n;

	if (!pty->master_open)
		return len;
	n = pty_ring_put(&pty->to_master, buf, len);
	if (n)
		pty_wake_master(pty, POLLIN | POLLRDNORM);
	return n;
}

static size_t pts_write_room(struct tty *tty)
{
	struct pty *pty = tty_pty(tty);

	return pty->master_open ? pty_ring_room(&pty->to_master) : PTY_RING_SIZE;
}

static void pts_flush_output(struct tty *tty)
{
	struct pty *pty = tty_pty(tty);

	pty->to_master.tail = pty->to_master.head;
}

/* Hands what the master wrote to the line discipline, as far as it goes. */
void pty_push(struct pty *pty)
{
	struct pty_ring *r = &pty->to_slave;
	const u8 *p;
	size_t n, taken;

	while (pty_ring_used(r) && !pty->master_stopped) {
		n = pty_ring_run(r, &p);
		taken = tty_input(&pty->tty, p, n);
		r->tail += (u32)taken;
		if (taken < n)
			break;
	}
	if (waitqueue_active(&pty->wr_wq))
		wake_up_poll(&pty->wr_wq, POLLOUT | POLLWRNORM);
}

static void pts_unthrottle(struct tty *tty)
{
	pty_push(tty_pty(tty));
}

static void pts_packet(struct tty *tty, u8 events)
{
	struct pty *pty = tty_pty(tty);

	if (!(tty->flags & TTY_PACKET))
		return;
	if (events & TIOCPKT_STOP)
		pty->pktstatus &= (u8)~TIOCPKT_START;
	if (events & TIOCPKT_START)
		pty->pktstatus &= (u8)~TIOCPKT_STOP;
	if (events & TIOCPKT_DOSTOP)
		pty->pktstatus &= (u8)~TIOCPKT_NOSTOP;
	if (events & TIOCPKT_NOSTOP)
		pty->pktstatus &= (u8)~TIOCPKT_DOSTOP;
	pty->pktstatus |= events;
	pty_wake_master(pty, POLLIN | POLLPRI | POLLRDNORM);
}

static bool standard_flow(const struct termios2 *t)
{
	return (t->iflag & IXON) && t->cc[VSTOP] == 19 && t->cc[VSTART] == 17;
}

static void pts_termios(struct tty *tty, const struct termios2 *old)
{
	bool now = standard_flow(&tty->termios);

	if (now != standard_flow(old))
		pts_packet(tty, now ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
}

static void pty_slave_gone(struct pty *pty)
{
	pty->slave_closed = true;
	pty_wake_master(pty, POLLIN | POLLHUP);
	wake_up_all(&pty->wr_wq);
}

static int pts_open(struct tty *tty, struct file *f __unused)
{
	struct pty *pty = tty_pty(tty);

	if (!pty->master_open || (tty->flags & TTY_NO_OPEN))
		return -EIO;
	pty->slave_closed = false;
	return 0;
}

static void pts_close(struct tty *tty, struct file *f __unused)
{
	if (!tty->open_count)
		pty_slave_gone(tty_pty(tty));
}

static void pts_hangup(struct tty *tty)
{
	pty_slave_gone(tty_pty(tty));
}

static void pts_destroy(struct tty *tty)
{
	struct pty *pty = tty_pty(tty);

	kfree(pty->to_slave.buf);
	kfree(pty->to_master.buf);
	kfree(pty);
}

static const struct tty_driver pts_driver = {
	.name = "pty_slave",
	.write = pts_write,
	.write_room = pts_write_room,
	.flush_output = pts_flush_output,
	.unthrottle = pts_unthrottle,
	.termios = pts_termios,
	.packet = pts_packet,
	.hangup = pts_hangup,
	.open = pts_open,
	.close = pts_close,
	.destroy = pts_destroy,
};

struct pty *pty_alloc(void)
{
	struct pty *pty = kzalloc(sizeof(*pty));

	if (!pty)
		return NULL;
	pty->to_slave.buf = kmalloc(PTY_RING_SIZE);
	pty->to_master.buf = kmalloc(PTY_RING_SIZE);
	if (!pty->to_slave.buf || !pty->to_master.buf) {
		kfree(pty->to_slave.buf);
		kfree(pty->to_master.buf);
		kfree(pty);
		return NULL;
	}
	list_init(&pty->link);
	waitqueue_init(&pty->rd_wq);
	waitqueue_init(&pty->wr_wq);
	tty_init(&pty->tty, &pts_driver, "pts", mkdev(PTS_MAJOR, 0));
	pty->tty.termios.cflag &= ~HUPCL;
	pty->tty.flags |= TTY_PTY | TTY_NO_OPEN;
	return pty;
}

void pty_init(void)
{
	devpts_init();
}
