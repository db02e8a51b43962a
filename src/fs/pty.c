/* SPDX-License-Identifier: MIT */
/*
 * Pseudo terminals: pty(7).
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

#define PTY_CHUNK 512

static struct pty *tty_pty(struct tty *tty)
{
	return container_of(tty, struct pty, tty);
}

/* ---- rings ---- */

static u32 ring_used(const struct pty_ring *r)
{
	return r->head - r->tail;
}

static u32 ring_room(const struct pty_ring *r)
{
	return PTY_RING_SIZE - ring_used(r);
}

static size_t ring_put(struct pty_ring *r, const u8 *buf, size_t len)
{
	size_t done = 0, n;
	u32 at;

	len = min_t(size_t, len, ring_room(r));
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
static size_t ring_run(const struct pty_ring *r, const u8 **start)
{
	u32 at = r->tail & (PTY_RING_SIZE - 1);

	*start = r->buf + at;
	return min(ring_used(r), PTY_RING_SIZE - at);
}

static size_t ring_get(struct pty_ring *r, u8 *buf, size_t size)
{
	size_t done = 0, n;
	const u8 *p;

	while (done < size && ring_used(r)) {
		n = min(ring_run(r, &p), size - done);
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
	n = ring_put(&pty->to_master, buf, len);
	if (n)
		pty_wake_master(pty, POLLIN | POLLRDNORM);
	return n;
}

static size_t pts_write_room(struct tty *tty)
{
	struct pty *pty = tty_pty(tty);

	return pty->master_open ? ring_room(&pty->to_master) : PTY_RING_SIZE;
}

static void pts_flush_output(struct tty *tty)
{
	struct pty *pty = tty_pty(tty);

	pty->to_master.tail = pty->to_master.head;
}

/* Hands what the master wrote to the line discipline, as far as it goes. */
static void pty_push(struct pty *pty)
{
	struct pty_ring *r = &pty->to_slave;
	const u8 *p;
	size_t n, taken;

	while (ring_used(r) && !pty->master_stopped) {
		n = ring_run(r, &p);
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

/* ---- the master's file ---- */

static ssize_t ptm_read_packet(struct pty *pty, struct uio *uio)
{
	u8 status = pty->pktstatus;

	pty->pktstatus = 0;
	return uio_copy_to(uio, &status, 1) == 1 ? 1 : -EFAULT;
}

/* Waits for something to read: 1, -EIO (slave closed), -EAGAIN, -ERESTARTSYS. */
static int ptm_wait(struct pty *pty, struct file *f)
{
	int err;

	for (;;) {
		if (ring_used(&pty->to_master) || pty->pktstatus)
			return 1;
		if (pty->slave_closed)
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&pty->rd_wq, ring_used(&pty->to_master) ||
					       pty->pktstatus || pty->slave_closed);
		if (err)
			return err;
	}
}

static ssize_t ptm_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct pty *pty = f->priv;
	u8 chunk[PTY_CHUNK];
	ssize_t done = 0;
	size_t n;
	int err;

	if (!uio->resid)
		return 0;
	err = ptm_wait(pty, f);
	if (err < 0)
		return err;
	if (pty->tty.flags & TTY_PACKET) {
		if (pty->pktstatus)
			return ptm_read_packet(pty, uio);
		chunk[0] = TIOCPKT_DATA;
		if (uio_copy_to(uio, chunk, 1) != 1)
			return -EFAULT;
		done = 1;
	}
	while (uio->resid && ring_used(&pty->to_master)) {
		n = ring_get(&pty->to_master, chunk, min_t(size_t, uio->resid, sizeof(chunk)));
		if (uio_copy_to(uio, chunk, n) != n)
			return done ? done : -EFAULT;
		done += (ssize_t)n;
	}
	tty_write_wakeup(&pty->tty);
	return done;
}

static ssize_t ptm_write(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct pty *pty = f->priv;
	u8 chunk[PTY_CHUNK];
	ssize_t done = 0;
	size_t n, put;
	int err;

	while (uio->resid) {
		if (!ring_room(&pty->to_slave)) {
			err = -EAGAIN;
			if (!(f->flags & O_NONBLOCK))
				err = wait_event_interruptible(&pty->wr_wq,
							       ring_room(&pty->to_slave));
			if (err)
				return done ? done : err;
		}
		n = uio_copy_from(uio, chunk, min_t(size_t, uio->resid, sizeof(chunk)));
		if (!n)
			return done ? done : -EFAULT;
		put = ring_put(&pty->to_slave, chunk, n);
		uio_revert(uio, n - put);
		done += (ssize_t)put;
		pty_push(pty);
	}
	return done;
}

static u32 ptm_poll(struct file *f, struct poll_table *pt)
{
	struct pty *pty = f->priv;
	u32 mask = 0;

	poll_wait(pt, f, &pty->rd_wq);
	poll_wait(pt, f, &pty->wr_wq);
	if (ring_used(&pty->to_master))
		mask |= POLLIN | POLLRDNORM;
	if (pty->pktstatus)
		mask |= POLLPRI | POLLIN | POLLRDNORM;
	if (pty->slave_closed)
		mask |= POLLHUP;
	if (ring_room(&pty->to_slave))
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}

/* ---- ioctls of the master ---- */

static s64 ptm_set_packet(struct pty *pty, uaddr_t p)
{
	u32 on;

	if (copyin(&on, p, sizeof(on)))
		return -EFAULT;
	if (on && !(pty->tty.flags & TTY_PACKET)) {
		pty->pktstatus = 0;
		pty->tty.flags |= TTY_PACKET;
	} else if (!on) {
		pty->tty.flags &= ~TTY_PACKET;
		pty->pktstatus = 0;
	}
	return 0;
}

static s64 ptm_set_lock(struct pty *pty, uaddr_t p)
{
	u32 on;

	if (copyin(&on, p, sizeof(on)))
		return -EFAULT;
	if (on)
		pty->tty.flags |= TTY_NO_OPEN;
	else
		pty->tty.flags &= ~TTY_NO_OPEN;
	return 0;
}

static s64 ptm_signal(struct pty *pty, u64 sig)
{
	if (sig < 1 || sig > NSIG)
		return -EINVAL;
	if (pty->tty.pgrp)
		(void)signal_pgrp(pty->tty.pgrp, (int)sig);
	return 0;
}

/* TIOCGPTPEER: opens the slave by its name in the instance, whatever is
 * mounted over /dev/pts in the caller's eyes. */
static s64 ptm_open_peer(struct pty *pty, struct file *f, u32 flags)
{
	struct path root, slave;
	struct file *peer;
	char *buf, *text;
	size_t len;
	s64 err;

	if (flags & ~(u32)(O_ACCMODE | O_NOCTTY | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = devpts_of_ptmx(f, &root);
	if (err)
		return err;
	buf = path_buf_get();
	err = -ENOMEM;
	if (!buf)
		goto put_root;
	text = path_to_text(&root, buf, PATH_MAX - 16);
	err = PTR_ERR(text);
	if (IS_ERR(text))
		goto put_buf;
	len = strlen(text);
	memmove(buf, text, len + 1);
	snprintf(buf + len, 16, "/%u", pty->index);
	err = path_lookup(AT_FDCWD, buf, 0, &slave);
	if (err)
		goto put_buf;
	err = -EIO;
	if (slave.dentry->inode == pty->inode) {
		peer = file_open_path(&slave, flags);
		err = IS_ERR(peer) ? PTR_ERR(peer) : fd_install_new(peer, flags & O_CLOEXEC);
	}
	path_put(&slave);
put_buf:
	path_buf_put(buf);
put_root:
	path_put(&root);
	return err;
}

static s64 ptm_flow(struct pty *pty, u64 arg)
{
	u8 c;

	switch (arg) {
	case TCOOFF:
		pty->master_stopped = true;
		return 0;
	case TCOON:
		pty->master_stopped = false;
		pty_push(pty);
		return 0;
	case TCIOFF:
	case TCION:
		c = pty->tty.termios.cc[arg == TCIOFF ? VSTOP : VSTART];
		if (c && ring_put(&pty->to_slave, &c, 1))
			pty_push(pty);
		return 0;
	}
	return -EINVAL;
}

static s64 ptm_flush(struct pty *pty, u64 arg)
{
	if (arg > TCIOFLUSH)
		return -EINVAL;
	if (arg != TCOFLUSH) {
		pty->to_master.tail = pty->to_master.head;
		tty_write_wakeup(&pty->tty);
	}
	if (arg != TCIFLUSH) {
		pty->to_slave.tail = pty->to_slave.head;
		wake_up_all(&pty->wr_wq);
	}
	return 0;
}

static s64 ptm_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *pty = f->priv;

	switch (cmd) {
	case TIOCGPTN:
		return put_user_u32(arg, pty->index);
	case TIOCSPTLCK:
		return ptm_set_lock(pty, arg);
	case TIOCGPTLCK:
		return put_user_u32(arg, pty->tty.flags & TTY_NO_OPEN ? 1 : 0);
	case TIOCGPTPEER:
		return ptm_open_peer(pty, f, (u32)arg);
	case TIOCPKT:
		return ptm_set_packet(pty, arg);
	case TIOCGPKT:
		return put_user_u32(arg, pty->tty.flags & TTY_PACKET ? 1 : 0);
	case TIOCSIG:
		return ptm_signal(pty, arg);
	case FIONREAD:
		return put_user_u32(arg, ring_used(&pty->to_master));
	case TIOCOUTQ:
		return put_user_u32(arg, 0);
	case TCXONC:
		return ptm_flow(pty, arg);
	case TCFLSH:
		return ptm_flush(pty, arg);
	}
	return tty_ioctl_common(&pty->tty, f, cmd, arg, true);
}

/* ---- open and release ---- */

static struct pty *pty_alloc(void)
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

static int ptm_open(struct inode *inode __unused, struct file *f)
{
	struct path root;
	struct pty *pty;
	int err = devpts_of_ptmx(f, &root);

	if (err)
		return err;
	pty = pty_alloc();
	err = -ENOMEM;
	if (!pty)
		goto put_root;
	err = devpts_add(root.dentry->inode->sb, pty);
	if (err) {
		tty_put(&pty->tty);
		goto put_root;
	}
	pty->tty.dev = mkdev(PTS_MAJOR, pty->index);
	snprintf(pty->tty.name, sizeof(pty->tty.name), "pts/%u", pty->index);
	pty->master_open = true;
	f->priv = pty;
	f->mode |= FMODE_STREAM;
put_root:
	path_put(&root);
	return err;
}

static void ptm_release(struct file *f)
{
	struct pty *pty = f->priv;

	if (!pty)
		return;
	pty->master_open = false;
	pty->tty.flags |= TTY_OTHER_CLOSED;
	tty_vhangup(&pty->tty, false);
	devpts_remove(pty);
	tty_put(&pty->tty);
}

const struct file_ops ptmx_file_ops = {
	.read = ptm_read,
	.write = ptm_write,
	.poll = ptm_poll,
	.ioctl = ptm_ioctl,
	.open = ptm_open,
	.release = ptm_release,
};

void pty_init(void)
{
	devpts_init();
}
