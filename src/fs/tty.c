/* SPDX-License-Identifier: MIT */
/*
 * Terminals: the tty object, its registry, and the file operations.
 *
 * See fs/tty.h for who owns a tty. An open file has a struct tty_file, which
 * holds a reference and remembers whether the tty was hung up since: such a
 * file reads end of file and fails all else with EIO, while a new open of the
 * same device starts afresh. Reading and writing: tty_io.c; line discipline:
 * ldisc*.c; controlling terminals and job control: tty_job.c; ioctls:
 * tty_ioctl.c; pseudo terminals: pty.c, ptm.c, devpts.c.
 *
 * Device numbers: 5:0 is the caller's controlling terminal, 5:1 the console,
 * 5:2 the pty multiplexer, 136:* pty slaves (by their devpts inode), others by
 * tty_create().
 */
#include "fs/tty.h"

#include "fs/devfs.h"
#include "fs/ldisc.h"
#include "fs/pty.h"
#include "kernel/capability.h"
#include "kernel/clock.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define TTYAUX_MAJOR 5

static SLAB_CACHE(tty_file_cache, struct tty_file);
static struct list_head all_ttys = LIST_HEAD_INIT(all_ttys);
static struct tty *the_console;

/* ---- the object ---- */

static const struct termios2 default_termios = {
	.iflag = ICRNL | IXON,
	.oflag = OPOST | ONLCR,
	.cflag = B38400 | CS8 | CREAD | HUPCL,
	.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.cc = {
		[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4,
		[VMIN] = 1, [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18,
		[VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22,
	},
	.ispeed = 38400,
	.ospeed = 38400,
};

void tty_init(struct tty *tty, const struct tty_driver *driver, const char *name, dev_t dev)
{
	tty->refcount = 1;
	tty->driver = driver;
	tty->dev = dev;
	strlcpy(tty->name, name, sizeof(tty->name));
	list_init(&tty->files);
	list_add_tail(&tty->link, &all_ttys);
	tty->termios = default_termios;
	waitqueue_init(&tty->read_wq);
	waitqueue_init(&tty->write_wq);
	waitqueue_init(&tty->writing_wq);
	ldisc_init(tty);
}

void tty_put(struct tty *tty)
{
	if (!tty || --tty->refcount)
		return;
	list_del(&tty->link);
	if (tty->driver->destroy)
		tty->driver->destroy(tty);
	else
		kfree(tty);
}

struct tty *tty_create(const struct tty_driver *driver, void *priv, const char *name, dev_t dev)
{
	struct tty *tty = kzalloc(sizeof(*tty));
	int err;

	if (!tty)
		return ERR_PTR(-ENOMEM);
	tty_init(tty, driver, name, dev);
	tty->priv = priv;
	tty->flags |= TTY_REGISTERED;
	err = chrdev_register(dev, 1, &tty_file_ops, driver->name);
	if (!err)
		err = devfs_add(name, S_IFCHR | 0620, dev);
	if (err) {	/* not through destroy: the driver never saw it */
		list_del(&tty->link);
		kfree(tty);
		return ERR_PTR(err);
	}
	return tty;
}

void tty_for_each(void (*fn)(struct tty *tty, void *arg), void *arg)
{
	struct tty *tty, *next;

	list_for_each_entry_safe(tty, next, &all_ttys, link)
		fn(tty, arg);
}

void console_tty_set(struct tty *tty)
{
	tty_get(tty);
	tty_put(the_console);
	the_console = tty;
}

struct tty *console_tty(void)
{
	return the_console;
}

/* ---- what drivers call ---- */

size_t tty_input(struct tty *tty, const u8 *buf, size_t len)
{
	size_t n = ldisc_receive(tty, buf, len);

	if (n < len)
		tty->flags |= TTY_THROTTLED;
	return n;
}

void tty_unthrottle(struct tty *tty)
{
	if (!(tty->flags & TTY_THROTTLED))
		return;
	tty->flags &= ~TTY_THROTTLED;
	if (tty->driver->unthrottle)
		tty->driver->unthrottle(tty);
}

void tty_write_wakeup(struct tty *tty)
{
	ldisc_flush_echo(tty);
	if (waitqueue_active(&tty->write_wq))
		wake_up_poll(&tty->write_wq, POLLOUT | POLLWRNORM);
}

void tty_set_winsize(struct tty *tty, const struct winsize *ws)
{
	if (!memcmp(&tty->winsize, ws, sizeof(*ws)))
		return;
	tty->winsize = *ws;
	if (tty->pgrp)
		(void)signal_pgrp(tty->pgrp, SIGWINCH);
}

void tty_vhangup(struct tty *tty, bool exit_session)
{
	struct tty_file *tf;

	tty_get(tty);
	list_for_each_entry(tf, &tty->files, link)
		tf->hung = true;
	tty_session_signal(tty, exit_session);
	tty->session = 0;
	tty->pgrp = 0;
	tty->flags &= ~(TTY_THROTTLED | TTY_STOPPED | TTY_TCOOFF | TTY_EXCLUSIVE);
	tty->termios = default_termios;
	ldisc_init(tty);
	if (tty->driver->hangup)
		tty->driver->hangup(tty);
	wake_up_nr(&tty->read_wq, ~0u, 0);
	wake_up_nr(&tty->write_wq, ~0u, 0);
	wake_up_all(&tty->writing_wq);
	tty_put(tty);
}

void tty_hangup(struct tty *tty)
{
	tty->flags |= TTY_HUPPED;
	tty_vhangup(tty, false);
}

/* ---- open and release ---- */

static struct tty *tty_by_dev(dev_t dev)
{
	struct tty *tty;

	list_for_each_entry(tty, &all_ttys, link) {
		if ((tty->flags & TTY_REGISTERED) && tty->dev == dev)
			return tty;
	}
	return NULL;
}

/* The tty that an open of this inode means; no reference. */
static struct tty *tty_of_inode(struct inode *inode)
{
	struct tty *tty;

	if (inode->rdev == mkdev(TTYAUX_MAJOR, 0)) {
		tty = current->process->tty;
		return tty ? tty : ERR_PTR(-ENXIO);
	}
	if (inode->rdev == mkdev(TTYAUX_MAJOR, 1))
		return the_console ? the_console : ERR_PTR(-ENODEV);
	if (dev_major(inode->rdev) == PTS_MAJOR) {
		tty = devpts_inode_tty(inode);
		return tty ? tty : ERR_PTR(-EIO);
	}
	tty = tty_by_dev(inode->rdev);
	return tty ? tty : ERR_PTR(-ENXIO);
}

/* Makes f an open file of tty. 0 or -errno. */
static int tty_attach_file(struct tty *tty, struct file *f)
{
	struct tty_file *tf;
	int err;

	if ((tty->flags & TTY_EXCLUSIVE) && !capable(CAP_SYS_ADMIN))
		return -EBUSY;
	if (tty->flags & TTY_HUPPED)
		return -EIO;
	tf = slab_zalloc(&tty_file_cache);
	if (!tf)
		return -ENOMEM;
	if (tty->driver->open) {
		err = tty->driver->open(tty, f);
		if (err) {
			slab_free(&tty_file_cache, tf);
			return err;
		}
	}
	tf->tty = tty_get(tty);
	tf->file = f;
	list_add_tail(&tf->link, &tty->files);
	tty->open_count++;
	f->priv = tf;
	f->mode |= FMODE_STREAM;
	return 0;
}

static int tty_open(struct inode *inode, struct file *f)
{
	struct tty *tty = tty_of_inode(inode);
	int err;

	if (IS_ERR(tty))
		return (int)PTR_ERR(tty);
	err = tty_attach_file(tty, f);
	if (err)
		return err;
	if (!(f->flags & O_NOCTTY) && inode->rdev != mkdev(TTYAUX_MAJOR, 1))
		tty_maybe_make_controlling(tty, f);
	return 0;
}

static void tty_release(struct file *f)
{
	struct tty_file *tf = f->priv;
	struct tty *tty;

	if (!tf)
		return;
	tty = tf->tty;
	list_del(&tf->link);
	slab_free(&tty_file_cache, tf);
	if (--tty->open_count == 0)
		tty->flags &= ~TTY_EXCLUSIVE;
	if (tty->driver->close)
		tty->driver->close(tty, f);
	tty_put(tty);
}

/* ---- poll, operations ---- */

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	u32 mask = 0, min = 1;

	poll_wait(pt, f, &tty->read_wq);
	poll_wait(pt, f, &tty->write_wq);
	if (tf->hung || (tty->flags & TTY_HUPPED))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	if (!tty->termios.cc[VTIME] && tty->termios.cc[VMIN])
		min = tty->termios.cc[VMIN];
	if (ldisc_input_ready(tty, min))
		mask |= POLLIN | POLLRDNORM;
	if (tty->flags & TTY_OTHER_CLOSED)
		mask |= POLLHUP;
	if (ldisc_can_write(tty))
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}

const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.open = tty_open,
	.release = tty_release,
};

struct tty *file_tty(struct file *f)
{
	struct tty_file *tf = f->priv;

	return f->ops == &tty_file_ops && tf ? tf->tty : NULL;
}

struct file *tty_open_file(struct tty *tty, u32 flags)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/%s", tty->name);
	return file_open(name, flags | O_NOCTTY, 0);
}

void tty_subsys_init(void)
{
	if (chrdev_register(mkdev(TTYAUX_MAJOR, 0), 2, &tty_file_ops, "/dev/tty") ||
	    chrdev_register(mkdev(PTS_MAJOR, 0), 1u << 20, &tty_file_ops, "pts") ||
	    chrdev_register(mkdev(TTYAUX_MAJOR, 2), 1, &ptmx_file_ops, "ptmx"))
		panic("tty: no memory at boot");
	pty_init();
}
