/* SPDX-License-Identifier: MIT */
/*
 * /dev/kmsg and /proc/kmsg: the kernel log ring as files.
 *
 * /dev/kmsg: each open file has its own place in the ring; a read returns one
 * record "prio,seq,usec,-;text"; a write makes a record, with an optional
 * "<prio>" in front. A reader that was overtaken gets EPIPE once and goes on
 * with the oldest record. /proc/kmsg: "<prio>[seconds] text" lines, one reader
 * position for the system.
 *
 * Not supported: dictionaries (SUBSYSTEM=, DEVICE=), fragments of lines.
 */
#include "fs/kmsg.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "kernel/capability.h"
#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define KMSG_LINE 1024		/* longest text, as Linux's LOG_LINE_MAX */
#define KMSG_RECORD (KMSG_LINE + 64)

struct kmsg_reader {
	u64 seq;
	char text[KMSG_LINE];
	char record[KMSG_RECORD];
};

static u64 proc_kmsg_seq;

static int kmsg_open(struct inode *inode __unused, struct file *f)
{
	struct kmsg_reader *r;

	f->mode |= FMODE_LSEEK;
	if (!(f->mode & FMODE_READ))
		return 0;
	if (!capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	r = kmalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->seq = log_first_seq();
	f->priv = r;
	return 0;
}

static void kmsg_release(struct file *f)
{
	kfree(f->priv);
}

static bool kmsg_available(const struct kmsg_reader *r)
{
	return r->seq < log_next_seq();
}

/* Escapes what is not printable into r->record behind its first n bytes. */
static size_t kmsg_escape(struct kmsg_reader *r, size_t n, size_t len)
{
	size_t i;

	for (i = 0; i < len && n + 6 < sizeof(r->record); i++) {
		u8 c = (u8)r->text[i];

		if (c < ' ' || c == 0x7f || c == '\\')
			n += (size_t)scnprintf(r->record + n, sizeof(r->record) - n, "\\x%02x", c);
		else
			r->record[n++] = (char)c;
	}
	r->record[n++] = '\n';
	return n;
}

static ssize_t kmsg_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct kmsg_reader *r = f->priv;
	u64 seq, time_ns;
	ssize_t len;
	size_t n;
	int level, err;

	if (!r)
		return -EBADF;
	if (!kmsg_available(r)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(log_waitqueue(), kmsg_available(r));
		if (err)
			return err;
	}
	seq = r->seq;
	if (seq < log_first_seq()) {
		r->seq = log_first_seq();
		return -EPIPE;
	}
	len = log_read(&seq, &level, &time_ns, r->text, sizeof(r->text));
	if (len < 0)
		return -EAGAIN;
	n = (size_t)scnprintf(r->record, sizeof(r->record), "%d,%lu,%lu,-;", level, seq,
			      time_ns / 1000);
	n = kmsg_escape(r, n, (size_t)len);
	if (n > uio->resid)
		return -EINVAL;
	r->seq = seq + 1;
	return uio_copy_to(uio, r->record, n) == n ? (ssize_t)n : -EFAULT;
}

static ssize_t kmsg_write(struct file *f __unused, struct uio *uio, loff_t *pos __unused)
{
	size_t size = uio->resid, n;
	char *buf, *text;
	int level = LOG_WARN;

	if (size > KMSG_LINE - 32)
		return -EINVAL;
	buf = kmalloc(size + 1);
	if (!buf)
		return -ENOMEM;
	n = uio_copy_from(uio, buf, size);
	if (n < size) {
		kfree(buf);
		return -EFAULT;
	}
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	text = buf;
	if (*text == '<') {
		char *end = strchr(text, '>');
		u64 prio;

		if (end) {
			*end = '\0';
			if (!parse_u64(text + 1, 10, &prio)) {
				level = (int)(prio & 7);
				text = end + 1;
			} else {
				*end = '>';
			}
		}
	}
	log_at((enum log_level)level, "%s\n", text);
	kfree(buf);
	return (ssize_t)size;
}

static loff_t kmsg_llseek(struct file *f, loff_t off, int whence)
{
	struct kmsg_reader *r = f->priv;

	if (!r)
		return -EBADF;
	if (off)
		return -ESPIPE;
	switch (whence) {
	case SEEK_SET:
	case SEEK_DATA:
		r->seq = log_first_seq();
		return 0;
	case SEEK_END:
		r->seq = log_next_seq();
		return 0;
	}
	return -EINVAL;
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	struct kmsg_reader *r = f->priv;

	if (!r)
		return POLLOUT | POLLWRNORM;
	poll_wait(pt, f, log_waitqueue());
	if (!kmsg_available(r))
		return 0;
	return POLLIN | POLLRDNORM | (r->seq < log_first_seq() ? POLLERR | POLLPRI : 0);
}

const struct file_ops kmsg_fops = {
	.read = kmsg_read,
	.write = kmsg_write,
	.poll = kmsg_poll,
	.llseek = kmsg_llseek,
	.open = kmsg_open,
	.release = kmsg_release,
};

/* ---- /proc/kmsg ---- */

static int proc_kmsg_open(struct inode *inode __unused, struct file *f __unused)
{
	return capable(CAP_SYSLOG) || capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/* One record as a line in buf; its length, 0: it does not fit or is gone. */
static size_t proc_kmsg_line(char *buf, size_t size, char *text)
{
	u64 seq = proc_kmsg_seq, time_ns;
	size_t n;
	int level;

	if (log_read(&seq, &level, &time_ns, text, KMSG_LINE) < 0)
		return 0;
	n = (size_t)snprintf(buf, size, "<%d>[%5lu.%06lu] %s\n", level, time_ns / NSEC_PER_SEC,
			     time_ns % NSEC_PER_SEC / 1000, text);
	if (n >= size)
		return 0;
	proc_kmsg_seq = seq + 1;
	return n;
}

static ssize_t proc_kmsg_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct kmsg_reader *r;
	ssize_t done = 0;
	size_t n;
	int err;

	if (proc_kmsg_seq >= log_next_seq()) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(log_waitqueue(), proc_kmsg_seq < log_next_seq());
		if (err)
			return err;
	}
	r = kmalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	while (uio->resid && proc_kmsg_seq < log_next_seq()) {
		n = proc_kmsg_line(r->record, min_t(size_t, sizeof(r->record), uio->resid + 1),
				   r->text);
		if (!n)
			break;
		if (uio_copy_to(uio, r->record, n) != n) {
			done = done ? done : -EFAULT;
			break;
		}
		done += (ssize_t)n;
	}
	kfree(r);
	return done;
}

static u32 proc_kmsg_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(pt, f, log_waitqueue());
	return proc_kmsg_seq < log_next_seq() ? POLLIN | POLLRDNORM : 0;
}

const struct file_ops proc_kmsg_fops = {
	.read = proc_kmsg_read,
	.poll = proc_kmsg_poll,
	.open = proc_kmsg_open,
};
