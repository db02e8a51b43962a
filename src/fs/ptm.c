/* SPDX-License-Identifier: MIT */
/*
 * The master side of a pseudo terminal: files on /dev/ptmx, ioctl_tty(2).
 *
 * See pty.c for the pair. A read takes what the slave wrote; in packet mode
 * its first byte says what follows: data, or the events in pktstatus alone.
 * Terminal ioctls act on the slave, as on Linux.
 */
#include "abi/errno.h"
#include "fs/ldisc.h"
#include "fs/pty.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define PTY_CHUNK 512

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
		if (pty_ring_used(&pty->to_master) || pty->pktstatus)
			return 1;
		if (pty->slave_closed)
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&pty->rd_wq, pty_ring_used(&pty->to_master) ||
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
	while (uio->resid && pty_ring_used(&pty->to_master)) {
		n = pty_ring_get(&pty->to_master, chunk, min_t(size_t, uio->resid, sizeof(chunk)));
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
		if (!pty_ring_room(&pty->to_slave)) {
			err = -EAGAIN;
			if (!(f->flags & O_NONBLOCK))
				err = wait_event_interruptible(&pty->wr_wq,
							       pty_ring_room(&pty->to_slave));
			if (err)
				return done ? done : err;
		}
		n = uio_copy_from(uio, chunk, min_t(size_t, uio->resid, sizeof(chunk)));
		if (!n)
			return done ? done : -EFAULT;
		put = pty_ring_put(&pty->to_slave, chunk, n);
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
	if (pty_ring_used(&pty->to_master))
		mask |= POLLIN | POLLRDNORM;
	if (pty->pktstatus)
		mask |= POLLPRI | POLLIN | POLLRDNORM;
	if (pty->slave_closed)
		mask |= POLLHUP;
	if (pty_ring_room(&pty->to_slave))
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
		if (c && pty_ring_put(&pty->to_slave, &c, 1))
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
		return put_user_u32(arg, pty_ring_used(&pty->to_master));
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
