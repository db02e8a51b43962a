/* SPDX-License-Identifier: MIT */
/*
 * Terminal ioctls (ioctl_tty(2)), for ttys and, through tty_ioctl_common, for
 * a pty master acting on its slave.
 *
 * What changes the terminal is refused to background groups with SIGTTOU
 * (tty_check_change), as on Linux. Locked termios bits (TIOCSLCKTRMIOS) keep
 * their value.
 *
 * Not supported: modem lines and serial ports (-ENOTTY, as for a Linux pty),
 * line disciplines other than N_TTY, TIOCCONS.
 */
#include "fs/ldisc.h"

#include "kernel/capability.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/uaccess.h"

/* ---- termios ---- */

static const u16 baud_table[] = {
	0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
};
static const u32 baud_table_ex[] = {
	0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000,
	2000000, 2500000, 3000000, 3500000, 4000000,
};

static u32 baud_of(const struct termios2 *t)
{
	u32 code = t->cflag & 017;

	if (!(t->cflag & CBAUDEX))
		return baud_table[code];
	return code ? baud_table_ex[code] : t->ospeed;	/* BOTHER */
}

/* The locked bits of old win over those of t. */
static void apply_locks(struct termios2 *t, const struct termios2 *old,
			const struct termios2 *lock)
{
	u32 i;

	t->iflag = (t->iflag & ~lock->iflag) | (old->iflag & lock->iflag);
	t->oflag = (t->oflag & ~lock->oflag) | (old->oflag & lock->oflag);
	t->cflag = (t->cflag & ~lock->cflag) | (old->cflag & lock->cflag);
	t->lflag = (t->lflag & ~lock->lflag) | (old->lflag & lock->lflag);
	t->line = lock->line ? old->line : t->line;
	for (i = 0; i < NCCS; i++)
		t->cc[i] = lock->cc[i] ? old->cc[i] : t->cc[i];
}

static void termios_apply(struct tty *tty, struct termios2 *t)
{
	struct termios2 old = tty->termios;

	apply_locks(t, &old, &tty->termios_locked);
	t->line = old.line;		/* TIOCSETD's business */
	t->cflag = (t->cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
	t->ospeed = baud_of(t);
	if (!(t->cflag & CBAUDEX) || (t->cflag & 017))
		t->ispeed = t->ospeed;
	tty->termios = *t;
	ldisc_termios_changed(tty, &old);
	if (tty->driver->termios)
		tty->driver->termios(tty, &old);
}

enum set_when { SET_NOW, SET_WAIT, SET_FLUSH };

static s64 termios_set(struct tty *tty, uaddr_t p, size_t size, enum set_when when)
{
	struct termios2 t;
	int err = tty_check_change(tty, SIGTTOU);

	if (err)
		return err;
	t = tty->termios;
	if (copyin(&t, p, size))
		return -EFAULT;
	if (when != SET_NOW) {
		err = tty_wait_until_sent(tty);
		if (err)
			return err;
	}
	if (when == SET_FLUSH)
		ldisc_flush_input(tty);
	termios_apply(tty, &t);
	return 0;
}

static s64 termio_set(struct tty *tty, uaddr_t p, enum set_when when)
{
	struct termio old;
	struct termios2 t;
	int err = tty_check_change(tty, SIGTTOU);

	if (err)
		return err;
	if (copyin(&old, p, sizeof(old)))
		return -EFAULT;
	t = tty->termios;
	t.iflag = (t.iflag & 0xffff0000u) | old.iflag;
	t.oflag = (t.oflag & 0xffff0000u) | old.oflag;
	t.cflag = (t.cflag & 0xffff0000u) | old.cflag;
	t.lflag = (t.lflag & 0xffff0000u) | old.lflag;
	memcpy(t.cc, old.cc, sizeof(old.cc));
	if (when != SET_NOW) {
		err = tty_wait_until_sent(tty);
		if (err)
			return err;
	}
	if (when == SET_FLUSH)
		ldisc_flush_input(tty);
	termios_apply(tty, &t);
	return 0;
}

static s64 termio_get(const struct tty *tty, uaddr_t p)
{
	const struct termios2 *t = &tty->termios;
	struct termio old = {
		.iflag = (u16)t->iflag,
		.oflag = (u16)t->oflag,
		.cflag = (u16)t->cflag,
		.lflag = (u16)t->lflag,
		.line = t->line,
	};

	memcpy(old.cc, t->cc, sizeof(old.cc));
	return copyout(p, &old, sizeof(old));
}

/* ---- flow and flush ---- */

static void send_char(struct tty *tty, u8 c)
{
	if (c)
		(void)tty->driver->write(tty, &c, 1);
}

static s64 tty_flow(struct tty *tty, u64 arg)
{
	int err = tty_check_change(tty, SIGTTOU);

	if (err)
		return err;
	switch (arg) {
	case TCOOFF:
		tty_stop(tty);
		tty->flags |= TTY_TCOOFF;
		return 0;
	case TCOON:
		tty_start(tty);
		return 0;
	case TCIOFF:
		send_char(tty, tty->termios.cc[VSTOP]);
		return 0;
	case TCION:
		send_char(tty, tty->termios.cc[VSTART]);
		return 0;
	}
	return -EINVAL;
}

static s64 tty_flush(struct tty *tty, u64 arg)
{
	int err = tty_check_change(tty, SIGTTOU);

	if (err)
		return err;
	if (arg > TCIOFLUSH)
		return -EINVAL;
	if (arg != TCOFLUSH)
		ldisc_flush_input(tty);
	if (arg != TCIFLUSH) {
		tty->echo_head = tty->echo_tail = 0;
		if (tty->driver->flush_output)
			tty->driver->flush_output(tty);
		if (tty->driver->packet)
			tty->driver->packet(tty, TIOCPKT_FLUSHWRITE);
		tty_write_wakeup(tty);
	}
	return 0;
}

static s64 tty_break(struct tty *tty)
{
	int err = tty_check_change(tty, SIGTTOU);

	return err ? err : tty_wait_until_sent(tty);
}

/* ---- the rest ---- */

static s64 tty_sti(struct tty *tty, uaddr_t p)
{
	u8 c;

	/* legacy_tiocsti is off, as in Linux's default. */
	if (!capable(CAP_SYS_ADMIN))
		return -EIO;
	if (copyin(&c, p, 1))
		return -EFAULT;
	(void)tty_input(tty, &c, 1);
	return 0;
}

static s64 tty_winsize_set(struct tty *tty, uaddr_t p)
{
	struct winsize ws;

	if (copyin(&ws, p, sizeof(ws)))
		return -EFAULT;
	if (!memcmp(&ws, &tty->winsize, sizeof(ws)))
		return 0;
	tty_set_winsize(tty, &ws);
	if (tty->driver->winsize)
		tty->driver->winsize(tty);
	return 0;
}

static s64 tty_ldisc_set(struct tty *tty, uaddr_t p)
{
	u32 nr;
	int err;

	if (copyin(&nr, p, sizeof(nr)))
		return -EFAULT;
	err = tty_check_change(tty, SIGTTOU);
	if (err)
		return err;
	return nr == N_TTY ? 0 : -EINVAL;
}

static s64 tty_ioctl_termios(struct tty *tty, u32 cmd, uaddr_t p)
{
	u32 v;

	switch (cmd) {
	case TCGETS:
		return copyout(p, &tty->termios, sizeof(struct termios));
	case TCGETS2:
		return copyout(p, &tty->termios, sizeof(struct termios2));
	case TCSETS:
		return termios_set(tty, p, sizeof(struct termios), SET_NOW);
	case TCSETSW:
		return termios_set(tty, p, sizeof(struct termios), SET_WAIT);
	case TCSETSF:
		return termios_set(tty, p, sizeof(struct termios), SET_FLUSH);
	case TCSETS2:
		return termios_set(tty, p, sizeof(struct termios2), SET_NOW);
	case TCSETSW2:
		return termios_set(tty, p, sizeof(struct termios2), SET_WAIT);
	case TCSETSF2:
		return termios_set(tty, p, sizeof(struct termios2), SET_FLUSH);
	case TCGETA:
		return termio_get(tty, p);
	case TCSETA:
		return termio_set(tty, p, SET_NOW);
	case TCSETAW:
		return termio_set(tty, p, SET_WAIT);
	case TCSETAF:
		return termio_set(tty, p, SET_FLUSH);
	case TIOCGLCKTRMIOS:
		return copyout(p, &tty->termios_locked, sizeof(struct termios));
	case TIOCSLCKTRMIOS:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		return copyin(&tty->termios_locked, p, sizeof(struct termios));
	case TIOCGSOFTCAR:
		return put_user_u32(p, tty->termios.cflag & CLOCAL ? 1 : 0);
	case TIOCSSOFTCAR:
		if (copyin(&v, p, sizeof(v)))
			return -EFAULT;
		tty->termios.cflag = (tty->termios.cflag & ~CLOCAL) | (v ? CLOCAL : 0);
		return 0;
	}
	return -ENOTTY;
}

static s64 tty_ioctl_job(struct tty *tty, struct file *f, u32 cmd, u64 arg, bool master)
{
	switch (cmd) {
	case TIOCGPGRP:
		return tty_get_pgrp(tty, arg, master);
	case TIOCSPGRP:
		return tty_set_pgrp(tty, arg);
	case TIOCGSID:
		return tty_get_sid(tty, arg, master);
	case TIOCSCTTY:
		return tty_set_controlling(tty, f, arg);
	case TIOCNOTTY:
		return master ? -ENOTTY : tty_give_up_controlling(tty);
	}
	return -ENOTTY;
}

s64 tty_ioctl_common(struct tty *tty, struct file *f, u32 cmd, u64 arg, bool master)
{
	s64 res = tty_ioctl_termios(tty, cmd, arg);

	if (res == -ENOTTY)
		res = tty_ioctl_job(tty, f, cmd, arg, master);
	/* -ENOTTY may be a true answer of these, but then nothing below matches. */
	if (res != -ENOTTY)
		return res;
	switch (cmd) {
	case TIOCGWINSZ:
		return copyout(arg, &tty->winsize, sizeof(tty->winsize));
	case TIOCSWINSZ:
		return tty_winsize_set(tty, arg);
	case TCXONC:
		return tty_flow(tty, arg);
	case TCFLSH:
		return tty_flush(tty, arg);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
		return tty_break(tty);
	case TIOCCBRK:
		return tty_check_change(tty, SIGTTOU);
	case TIOCEXCL:
		tty->flags |= TTY_EXCLUSIVE;
		return 0;
	case TIOCNXCL:
		tty->flags &= ~TTY_EXCLUSIVE;
		return 0;
	case TIOCGEXCL:
		return put_user_u32(arg, tty->flags & TTY_EXCLUSIVE ? 1 : 0);
	case TIOCGETD:
		return put_user_u32(arg, N_TTY);
	case TIOCSETD:
		return tty_ldisc_set(tty, arg);
	case TIOCGDEV:
		return put_user_u32(arg, (u32)tty->dev);
	}
	return -ENOTTY;
}

s64 tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	u32 n;

	if (tf->hung || (tty->flags & TTY_HUPPED))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case FIONREAD:
		return put_user_u32(arg, ldisc_input_count(tty));
	case TIOCOUTQ:
		n = tty->driver->chars_in_buffer ? (u32)tty->driver->chars_in_buffer(tty) : 0;
		return put_user_u32(arg, n);
	case TIOCSTI:
		return tty_sti(tty, arg);
	case TIOCVHANGUP:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		tty_vhangup(tty, false);
		return 0;
	}
	return tty_ioctl_common(tty, f, cmd, arg, false);
}

SYSCALL_DEFINE0(vhangup)
{
	if (!capable(CAP_SYS_TTY_CONFIG))
		return -EPERM;
	tty_vhangup_self();
	return 0;
}
