/* SPDX-License-Identifier: MIT */
/*
 * eventfd(2): a 64-bit counter as a file.
 *
 * The file owns the object. read takes the counter (or one, with
 * EFD_SEMAPHORE) and blocks at zero; write adds and blocks when the sum would
 * reach 2^64 - 1. Everything under the kernel lock; the counter is changed
 * only after the copy to or from the caller went well or cannot fail.
 */
#include "abi/anonfd.h"
#include "fs/vfs.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"

struct eventfd {
	u64 count;
	u32 semaphore;
	u32 id;
	struct waitqueue wq;
};

static SLAB_CACHE(eventfd_cache, struct eventfd);
static u32 eventfd_next_id;

static ssize_t eventfd_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct eventfd *ev = f->priv;
	u64 value;
	int err;

	if (uio->resid < sizeof(value))
		return -EINVAL;
	if (!ev->count) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&ev->wq, ev->count);
		if (err)
			return err;
	}
	value = ev->semaphore ? 1 : ev->count;
	ev->count -= value;
	wake_up_poll(&ev->wq, POLLOUT | POLLWRNORM);
	if (uio_copy_to(uio, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	return sizeof(value);
}

static ssize_t eventfd_write(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct eventfd *ev = f->priv;
	u64 value;
	int err;

	if (uio->resid < sizeof(value))
		return -EINVAL;
	if (uio_copy_from(uio, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == U64_MAX)
		return -EINVAL;
	if (U64_MAX - ev->count <= value) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&ev->wq, U64_MAX - ev->count > value);
		if (err)
			return err;
	}
	ev->count += value;
	wake_up_poll(&ev->wq, POLLIN | POLLRDNORM);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *ev = f->priv;
	u32 mask = 0;

	poll_wait(pt, f, &ev->wq);
	if (ev->count)
		mask |= POLLIN;
	if (ev->count == U64_MAX)
		mask |= POLLERR;
	if (ev->count < U64_MAX - 1)
		mask |= POLLOUT;
	return mask;
}

static void eventfd_release(struct file *f)
{
	slab_free(&eventfd_cache, f->priv);
}

static void eventfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *ev = f->priv;

	snprintf(buf, size, "eventfd-count: %16lx\neventfd-id: %u\neventfd-semaphore: %u\n",
		 ev->count, ev->id, ev->semaphore);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.show_fdinfo = eventfd_show_fdinfo,
};

static s64 eventfd_create(u32 count, u32 flags)
{
	struct eventfd *ev;
	struct file *f;

	if (flags & ~(u32)(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	ev = slab_alloc(&eventfd_cache);
	if (!ev)
		return -ENOMEM;
	ev->count = count;
	ev->semaphore = !!(flags & EFD_SEMAPHORE);
	ev->id = eventfd_next_id++;
	waitqueue_init(&ev->wq);
	f = file_anon("[eventfd]", &eventfd_ops, ev, O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		slab_free(&eventfd_cache, ev);
		return PTR_ERR(f);
	}
	return fd_install_new(f, flags & O_CLOEXEC);
}

SYSCALL_DEFINE2(eventfd2, u32, count, u32, flags)
{
	return eventfd_create(count, flags);
}

SYSCALL_DEFINE1(eventfd, u32, count)
{
	return eventfd_create(count, 0);
}
