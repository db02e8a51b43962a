/* SPDX-License-Identifier: MIT */
/*
 * Console ports as files: /dev/vportNpM, and the program's first descriptors.
 *
 * A port behaves as one end of a pipe does, because that is what is behind it
 * at the host: reads give what has arrived and end (0) once the host has
 * closed and everything was read; writes wait while PORT_TX_LIMIT bytes are on
 * their way, up to PORT_ATOMIC bytes go whole, and fail with EPIPE and SIGPIPE
 * when the host has closed. Data is queued when write returns; console_flush
 * waits for it before the machine halts.
 *
 * f->priv is the port (which lives for ever); each open file counts in
 * port->opens, and the host hears of the first and the last.
 *
 * Locks: port->rx_lock while a reader copies out; else the kernel lock.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "abi/termios.h"
#include "fs/devfs.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "virtio/console.h"

#define VPORT_MAJOR 242
#define VPORT_MINORS 64

static struct superblock *port_sb;

/* ---- read ---- */

static bool readable(struct console_port *port)
{
	return port_rx_peek(port) || port->host == HOST_CLOSED;
}

/* Copies out what is there. The lock keeps the first buffer ours while
 * copyout sleeps. */
static ssize_t read_ready(struct console_port *port, struct uio *uio)
{
	struct port_buf *buf;
	ssize_t done = 0;

	mutex_lock(&port->rx_lock);
	while (uio->resid && (buf = port_rx_peek(port))) {
		size_t want = min((size_t)(buf->len - buf->off), uio->resid);
		size_t got = uio_copy_to(uio, buf->data + buf->off, want);

		buf->off += (u32)got;
		done += (ssize_t)got;
		if (buf->off == buf->len)
			port_rx_done(port);
		if (got < want) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	mutex_unlock(&port->rx_lock);
	return done;
}

static ssize_t port_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct console_port *port = f->priv;

	if (uio->resid == 0)
		return 0;
	for (;;) {
		ssize_t n = read_ready(port, uio);
		int err;

		if (n)
			return n;
		if (port->host == HOST_CLOSED && !port_rx_peek(port))
			return 0;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&port->wq, readable(port));
		if (err)
			return err;
	}
}

/* ---- write ---- */

static bool writable(struct console_port *port, u32 size)
{
	return port->host == HOST_CLOSED ||
	       (port->host == HOST_OPEN && port_tx_room(port, size));
}

/* 0 when `size` bytes may be queued now. */
static int wait_writable(struct file *f, u32 size)
{
	struct console_port *port = f->priv;
	int err;

	if (!writable(port, size)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&port->wq, writable(port, size));
		if (err)
			return err;
	}
	return port->host == HOST_CLOSED ? -EPIPE : 0;
}

/* Sends one chunk; bytes queued or -errno with nothing consumed. */
static ssize_t write_chunk(struct file *f, struct uio *uio)
{
	struct console_port *port = f->priv;
	u32 want = (u32)min(uio->resid, (size_t)PORT_CHUNK);
	u32 room = min(want, PORT_ATOMIC);
	struct port_buf *buf;
	int err;

	err = wait_writable(f, room);
	if (err)
		return err;
	if (!port_tx_room(port, want))
		want = room;
	buf = port_buf_alloc(want);
	if (!buf)
		return -ENOMEM;
	buf->len = (u32)uio_copy_from(uio, buf->data, want);
	if (buf->len == 0) {
		kfree(buf);
		return -EFAULT;
	}
	want = buf->len;
	do {	/* others may have run in the copy */
		err = wait_writable(f, want);
		if (!err)
			err = port_tx(port, buf);
	} while (err == -ENOSPC);
	if (err) {
		uio_revert(uio, want);
		kfree(buf);
		return err;
	}
	return want;
}

static ssize_t port_write(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	ssize_t done = 0;

	while (uio->resid) {
		ssize_t n = write_chunk(f, uio);

		if (n < 0) {
			if (done)
				return done;
			if (n == -EPIPE)
				signal_task(current, SIGPIPE);
			return n;
		}
		done += n;
	}
	return done;
}

/* ---- the rest ---- */

static u32 port_poll(struct file *f, struct poll_table *pt)
{
	struct console_port *port = f->priv;
	u32 events = 0;

	poll_wait(pt, f, &port->wq);
	if (f->mode & FMODE_READ) {
		if (port_rx_peek(port))
			events |= POLLIN | POLLRDNORM;
		if (port->host == HOST_CLOSED)
			events |= POLLHUP;
	}
	if (f->mode & FMODE_WRITE) {
		if (writable(port, PORT_ATOMIC))
			events |= POLLOUT | POLLWRNORM;
		if (port->host == HOST_CLOSED)
			events |= POLLERR;
	}
	return events;
}

static s64 port_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct console_port *port = f->priv;
	const struct port_buf *buf;
	u32 bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	port_rx_peek(port);
	list_for_each_entry(buf, &port->rx_ready, link)
		bytes += buf->len - buf->off;
	return put_user_u32(arg, bytes);
}

static int port_file_fops_open(struct inode *inode, struct file *f)
{
	struct console_port *port = port_by_minor(dev_minor(inode->rdev));

	if (!port)
		return -ENXIO;
	if (port->tty)
		return -EBUSY;
	f->priv = port;
	f->mode |= FMODE_STREAM;
	port_open(port);
	return 0;
}

static void port_release(struct file *f)
{
	if (f->priv)
		port_close(f->priv);
}

static const struct file_ops port_fops = {
	.read = port_read,
	.write = port_write,
	.poll = port_poll,
	.ioctl = port_ioctl,
	.open = port_file_fops_open,
	.release = port_release,
};

/* ---- making files ---- */

static const struct super_ops port_super_ops = {
	.evict = NULL,
};

static int port_fill_super(struct superblock *sb, const char *source __unused,
			   const char *options __unused)
{
	struct inode *root = inode_alloc(sb);

	sb->ops = &port_super_ops;
	if (!root)
		return -ENOMEM;
	root->mode = S_IFDIR | 0555;
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static struct fs_type port_fs_type = {
	.name = "vportfs",
	.flags = FS_NODEV,
	.fill_super = port_fill_super,
};

int port_file_init(void)
{
	struct superblock *sb = sb_create(&port_fs_type, "vportfs", "");

	if (IS_ERR(sb))
		return (int)PTR_ERR(sb);
	port_sb = sb;
	return chrdev_register(mkdev(VPORT_MAJOR, 0), VPORT_MINORS, &port_fops, "virtio-portsdev");
}

void port_file_announce(struct console_port *port)
{
	char name[24];
	u32 minor = port_minor(port);
	int err;

	scnprintf(name, sizeof(name), "vport%up%u", minor / 8, port->id);
	err = devfs_add(name, S_IFCHR | 0600, mkdev(VPORT_MAJOR, minor));
	if (err)
		log_warn("console: no /dev/%s: error %d\n", name, -err);
}

struct file *port_file_open(struct console_port *port, u32 flags)
{
	struct inode *inode;
	struct file *f;
	char name[24];

	if (port->tty)
		return tty_open_file(port->tty, flags);
	inode = inode_alloc(port_sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->mode = S_IFCHR | 0666;
	inode_init_special(inode, mkdev(VPORT_MAJOR, port_minor(port)));
	scnprintf(name, sizeof(name), "/dev/vport%up%u", port_minor(port) / 8, port->id);
	f = file_from_inode(inode, name, flags, &port_fops);
	if (IS_ERR(f))
		return f;
	f->priv = port;
	f->mode |= FMODE_STREAM;
	port_open(port);
	return f;
}
