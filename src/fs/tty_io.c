/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing a terminal: read(2), write(2), VMIN and VTIME.
 *
 * Bytes go through a small buffer on the stack, so a caller that sleeps on a
 * page fault holds nothing. One write(2) at a time: tty->writing keeps its
 * bytes together, and is waited for interruptibly. VTIME follows termios(3),
 * case by case.
 */
#include "fs/ldisc.h"
#include "kernel/clock.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "mm/uaccess.h"

#define TTY_CHUNK 512

/* ---- read ---- */

static bool tty_input_ready(struct tty_file *tf, u32 min)
{
	return ldisc_input_ready(tf->tty, min) || tf->hung ||
	       (tf->tty->flags & (TTY_HUPPED | TTY_OTHER_CLOSED));
}

/* Waits for input: 1, 0 (end of file or VTIME over), or -errno. */
static int tty_wait_input(struct tty_file *tf, struct file *f, u64 deadline_ns)
{
	struct tty *tty = tf->tty;
	int err;

	if (!tf->hung && ldisc_input_ready(tty, 1))
		return 1;
	if (tf->hung || (tty->flags & TTY_HUPPED))
		return 0;
	if (tty->flags & TTY_OTHER_CLOSED)
		return -EIO;
	if (!deadline_ns)
		return 0;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	err = wait_event_deadline(&tty->read_wq, tty_input_ready(tf, 1), deadline_ns);
	if (err == -ETIMEDOUT)
		return 0;
	return err ? err : 2;	/* look again */
}

struct tty_read_plan {		/* termios(3): VMIN and VTIME */
	size_t min;		/* bytes that complete the read; 0: any */
	u64 byte_ns;		/* timer between bytes; 0: none */
	u64 deadline_ns;	/* until the (first) byte; 0: do not wait */
};

static void tty_plan_read(const struct tty *tty, struct tty_read_plan *plan)
{
	u64 time_ns = tty->termios.cc[VTIME] * (NSEC_PER_SEC / 10);

	*plan = (struct tty_read_plan){ .deadline_ns = U64_MAX };
	if (tty->termios.lflag & ICANON)
		return;
	plan->min = tty->termios.cc[VMIN];
	if (plan->min) {
		plan->byte_ns = time_ns;
		return;
	}
	plan->min = 1;
	plan->deadline_ns = time_ns ? deadline_after(time_ns) : 0;
}

ssize_t tty_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	struct tty_read_plan plan;
	u8 chunk[TTY_CHUNK];
	bool line_end = false;
	size_t done = 0, n;
	int err;

	if (tf->hung)
		return 0;
	err = tty_check_change(tty, SIGTTIN);
	if (err)
		return err;
	tty_plan_read(tty, &plan);
	while (uio->resid && !line_end) {
		err = tty_wait_input(tf, f, plan.deadline_ns);
		if (err == 2)
			continue;
		if (err <= 0)
			break;
		n = ldisc_take(tty, chunk, min_t(size_t, uio->resid, sizeof(chunk)), &line_end);
		done += uio_copy_to(uio, chunk, n);
		if (uio->resid && n && !done)
			return -EFAULT;
		if (tty->termios.lflag & ICANON) {
			/* A long line goes on; without more of it we are done. */
			if (!line_end && !ldisc_input_ready(tty, 1))
				break;
			continue;
		}
		if (done >= plan.min && !ldisc_input_ready(tty, 1))
			break;
		if (plan.byte_ns)
			plan.deadline_ns = deadline_after(plan.byte_ns);
		if (done >= plan.min && n < sizeof(chunk))
			break;
	}
	return done ? (ssize_t)done : min(err, 0);
}

/* ---- write ---- */

static bool tty_write_ready(struct tty_file *tf)
{
	return tf->hung || (tf->tty->flags & (TTY_HUPPED | TTY_OTHER_CLOSED)) ||
	       ldisc_can_write(tf->tty);
}

static ssize_t tty_write_chunk(struct tty_file *tf, struct file *f, const u8 *buf, size_t len)
{
	struct tty *tty = tf->tty;
	size_t done = 0, n;
	int err = 0;

	while (done < len) {
		err = -ERESTARTSYS;
		if (signal_pending(current))
			break;
		err = -EIO;
		if (tf->hung || (tty->flags & (TTY_HUPPED | TTY_OTHER_CLOSED)))
			break;
		n = ldisc_output(tty, buf + done, len - done);
		done += n;
		if (done == len)
			break;
		if (n)
			continue;
		err = -EAGAIN;
		if (f->flags & O_NONBLOCK)
			break;
		err = wait_event_interruptible(&tty->write_wq, tty_write_ready(tf));
		if (err)
			break;
	}
	return done ? (ssize_t)done : err;
}

static int tty_write_begin(struct tty *tty, struct file *f)
{
	int err;

	if (tty->writing) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&tty->writing_wq, !tty->writing);
		if (err)
			return err;
	}
	tty->writing = true;
	return 0;
}

static void tty_write_end(struct tty *tty)
{
	tty->writing = false;
	if (waitqueue_active(&tty->writing_wq))
		wake_up_all(&tty->writing_wq);
}

ssize_t tty_write(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	u8 chunk[TTY_CHUNK];
	ssize_t done = 0, n;
	size_t len;
	int err;

	if (tf->hung || (tty->flags & TTY_HUPPED))
		return -EIO;
	if (tty->termios.lflag & TOSTOP) {
		err = tty_check_change(tty, SIGTTOU);
		if (err)
			return err;
	}
	err = tty_write_begin(tty, f);
	if (err)
		return err;
	while (uio->resid) {
		len = uio_copy_from(uio, chunk, min_t(size_t, uio->resid, sizeof(chunk)));
		n = len ? tty_write_chunk(tf, f, chunk, len) : -EFAULT;
		if (n < 0) {
			err = (int)n;
			uio_revert(uio, len);
			break;
		}
		done += n;
		if ((size_t)n < len) {
			uio_revert(uio, len - (size_t)n);
			break;
		}
	}
	tty_write_end(tty);
	return done ? done : err;
}

int tty_wait_until_sent(struct tty *tty)
{
	if (!tty->driver->chars_in_buffer)
		return 0;
	return wait_event_interruptible(&tty->write_wq, (tty->flags & TTY_HUPPED) ||
					!tty->driver->chars_in_buffer(tty));
}
