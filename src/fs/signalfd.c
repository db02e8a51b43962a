/* SPDX-License-Identifier: MIT */
/*
 * signalfd(2): reading the signals that are pending for the reader.
 *
 * The file holds a mask only; whose signals it shows depends on who reads or
 * polls. A signal wakes sighand->signalfd_wq of its receiver, but a signalfd
 * outlives processes and is polled by many, so it never exposes that queue:
 * the first read or poll under a sighand makes a relay, an entry on
 * signalfd_wq that wakes the file's own queue. A relay holds a reference to
 * the sighand; one whose sighand has no other holder is dropped when the next
 * relay is made and at release.
 */
#include "abi/anonfd.h"
#include "fs/vfs.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

struct signalfd {
	u64 set;
	struct waitqueue wq;
	struct list_head relays;
};

struct signalfd_relay {
	struct wait_entry wait;
	struct list_head link;
	struct signalfd *sfd;
	struct sighand *sighand;
};

static SLAB_CACHE(signalfd_cache, struct signalfd);
static SLAB_CACHE(signalfd_relay_cache, struct signalfd_relay);

static bool signalfd_relay_wake(struct wait_entry *e, u32 events __unused)
{
	struct signalfd_relay *r = container_of(e, struct signalfd_relay, wait);

	wake_up_nr(&r->sfd->wq, ~0u, POLLIN);
	return false;
}

static void signalfd_relay_free(struct signalfd_relay *r)
{
	wait_remove(&r->wait);
	list_del(&r->link);
	sighand_put(r->sighand);
	slab_free(&signalfd_relay_cache, r);
}

/* Makes signals of current wake the file's queue. 0 or -ENOMEM. */
static int signalfd_attach(struct signalfd *sfd)
{
	struct signalfd_relay *r, *next;

	list_for_each_entry_safe(r, next, &sfd->relays, link) {
		if (r->sighand == current->sighand)
			return 0;
		if (r->sighand->refcount == 1)
			signalfd_relay_free(r);
	}
	r = slab_alloc(&signalfd_relay_cache);
	if (!r)
		return -ENOMEM;
	r->wait = (struct wait_entry){ .fn = signalfd_relay_wake };
	list_init(&r->wait.link);
	r->sfd = sfd;
	r->sighand = current->sighand;
	r->sighand->refcount++;
	list_add_tail(&r->link, &sfd->relays);
	wait_add(&r->sighand->signalfd_wq, &r->wait);
	return 0;
}

static void signalfd_info(struct signalfd_siginfo *out, const struct siginfo *info)
{
	memset(out, 0, sizeof(*out));
	out->signo = (u32)info->signo;
	out->err = info->err;
	out->code = info->code;
	if (info->code == SI_TIMER) {
		out->tid = (u32)info->timer.tid;
		out->overrun = (u32)info->timer.overrun;
		out->ptr = info->timer.value;
		out->val = (s32)info->timer.value;
	} else if (info->code <= 0 || info->code == SI_KERNEL) {
		out->pid = (u32)info->rt.pid;
		out->uid = info->rt.uid;
		out->ptr = info->rt.value;
		out->val = (s32)info->rt.value;
	} else if (info->signo == SIGCHLD) {
		out->pid = (u32)info->chld.pid;
		out->uid = info->chld.uid;
		out->status = info->chld.status;
		out->utime = (u64)info->chld.utime;
		out->stime = (u64)info->chld.stime;
	} else if (info->signo == SIGSYS) {
		out->call_addr = info->sys.call_addr;
		out->syscall = info->sys.syscall;
		out->arch = info->sys.arch;
	} else if (info->signo == SIGIO) {
		out->band = (u32)info->poll.band;
		out->fd = info->poll.fd;
	} else {
		out->addr = info->fault.addr;
		out->addr_lsb = (u16)info->fault.addr_lsb;
	}
}

static ssize_t signalfd_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct signalfd *sfd = f->priv;
	struct signalfd_siginfo out;
	struct siginfo info;
	ssize_t done = 0;
	int err;

	if (uio->resid < sizeof(out))
		return -EINVAL;
	err = signalfd_attach(sfd);
	if (err)
		return err;
	while (uio->resid >= sizeof(out)) {
		if (!signal_dequeue(sfd->set, &info)) {
			if (done)
				break;
			if (f->flags & O_NONBLOCK)
				return -EAGAIN;
			err = wait_event_interruptible(&sfd->wq, signal_pending_set() & sfd->set);
			if (err)
				return err;
			continue;
		}
		signalfd_info(&out, &info);
		if (uio_copy_to(uio, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *sfd = f->priv;

	if (pt && pt->queue && signalfd_attach(sfd))
		return POLLERR;		/* no memory to be woken: do not sleep */
	poll_wait(pt, f, &sfd->wq);
	return signal_pending_set() & sfd->set ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	struct signalfd *sfd = f->priv;

	while (!list_empty(&sfd->relays))
		signalfd_relay_free(list_first(&sfd->relays, struct signalfd_relay, link));
	slab_free(&signalfd_cache, sfd);
}

static void signalfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct signalfd *sfd = f->priv;

	snprintf(buf, size, "sigmask:\t%016lx\n", sfd->set);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.show_fdinfo = signalfd_show_fdinfo,
};

static s64 signalfd_create(u64 set, u32 flags)
{
	struct signalfd *sfd;
	struct file *f;

	sfd = slab_alloc(&signalfd_cache);
	if (!sfd)
		return -ENOMEM;
	sfd->set = set;
	waitqueue_init(&sfd->wq);
	list_init(&sfd->relays);
	f = file_anon("[signalfd]", &signalfd_ops, sfd, O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		slab_free(&signalfd_cache, sfd);
		return PTR_ERR(f);
	}
	return fd_install_new(f, flags & O_CLOEXEC);
}

static s64 signalfd_common(int fd, uaddr_t umask, u64 size, u32 flags)
{
	struct signalfd *sfd;
	struct file *f;
	u64 set;

	if (size != sizeof(set))
		return -EINVAL;
	if (copyin(&set, umask, sizeof(set)))
		return -EFAULT;
	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	set &= ~(sigmask(SIGKILL) | sigmask(SIGSTOP));
	if (fd == -1)
		return signalfd_create(set, flags);
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (f->ops != &signalfd_ops) {
		file_put(f);
		return -EINVAL;
	}
	sfd = f->priv;
	sfd->set = set;
	wake_up_all(&sfd->wq);
	file_put(f);
	return fd;
}

SYSCALL_DEFINE4(signalfd4, int, fd, uaddr_t, umask, u64, size, u32, flags)
{
	return signalfd_common(fd, umask, size, flags);
}

SYSCALL_DEFINE3(signalfd, int, fd, uaddr_t, umask, u64, size)
{
	return signalfd_common(fd, umask, size, 0);
}
