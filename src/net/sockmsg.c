/* SPDX-License-Identifier: MIT */
/*
 * Messages of sockets: sendto(2), recvfrom(2), sendmsg(2), recvmsg(2) and the calls
 * for several of them.
 *
 * A message is a struct sock_msg on the stack of the call: the caller's buffers as a
 * uio, its address and its ancillary data as copies, which are freed with the call. A
 * descriptor with O_NONBLOCK adds MSG_DONTWAIT.
 *
 * Not supported: ancillary data over CONTROL_MAX bytes (ENOBUFS).
 */
#include "abi/errno.h"
#include "fs/vfs.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "net/socket.h"

#define CONTROL_MAX 65536u
#define IOV_MAX_COUNT 1024u
#define MMSG_MAX 1024u

/* What the calls for one and for several messages share; on their stacks. */
struct transfer {
	struct sock_msg m;
	struct uio uio;
	struct msghdr64 hdr;
	struct sockaddr_storage name;
};

ssize_t sock_sendmsg(struct socket *s, struct sock_msg *m)
{
	return s->ops->sendmsg ? s->ops->sendmsg(s, m) : -EOPNOTSUPP;
}

ssize_t sock_recvmsg(struct socket *s, struct sock_msg *m)
{
	return s->ops->recvmsg ? s->ops->recvmsg(s, m) : -EOPNOTSUPP;
}

static u32 call_flags(const struct file *f, u32 flags)
{
	return f->flags & O_NONBLOCK ? flags | MSG_DONTWAIT : flags;
}

SYSCALL_DEFINE6(sendto, int, fd, uaddr_t, buf, size_t, size, u32, flags, uaddr_t, addr, int, len)
{
	struct sockaddr_storage name;
	struct uio uio;
	struct sock_msg m = { .uio = &uio };
	struct socket *s;
	struct file *f;
	s64 res = 0;

	uio_user(&uio, buf, size);
	if (!access_ok(buf, uio.resid))
		return -EFAULT;
	s = socket_get(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	if (addr) {
		res = sock_name_copyin(&name, addr, len);
		m.name = &name;
		m.name_len = (u32)len;
	}
	m.flags = call_flags(f, flags);
	if (!res)
		res = sock_sendmsg(s, &m);
	file_put(f);
	return res;
}

SYSCALL_DEFINE6(recvfrom, int, fd, uaddr_t, buf, size_t, size, u32, flags, uaddr_t, addr,
		uaddr_t, len_p)
{
	struct sockaddr_storage name = { 0 };
	struct uio uio;
	struct sock_msg m = { .uio = &uio };
	struct socket *s;
	struct file *f;
	s64 res;
	int err;

	uio_user(&uio, buf, size);
	if (!access_ok(buf, uio.resid))
		return -EFAULT;
	s = socket_get(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	m.name = addr ? &name : NULL;
	m.flags = call_flags(f, flags);
	res = sock_recvmsg(s, &m);
	if (res >= 0 && addr) {
		err = sock_name_copyout(&name, m.name_len, addr, len_p);
		if (err)
			res = err;
	}
	file_put(f);
	return res;
}

/* ---- struct msghdr ---- */

/* Reads the header at p, the address of a send, and the buffers. After success
 * transfer_end is due. */
static int transfer_begin(struct transfer *t, uaddr_t p, bool send)
{
	struct msghdr64 *h = &t->hdr;
	int err;

	*t = (struct transfer){ .m = { .uio = &t->uio } };
	if (copyin(h, p, sizeof(*h)))
		return -EFAULT;
	if (!h->name)
		h->name_len = 0;
	if (h->name_len < 0)
		return -EINVAL;
	t->m.name_len = (u32)min(h->name_len, SOCKADDR_MAX);
	if (send && t->m.name_len) {
		err = sock_name_copyin(&t->name, h->name, t->m.name_len);
		if (err)
			return err;
	}
	if (t->m.name_len || (!send && h->name))
		t->m.name = &t->name;
	if (h->iov_count > IOV_MAX_COUNT)
		return -EMSGSIZE;
	return uio_import(&t->uio, h->iov, h->iov_count);
}

static void transfer_end(struct transfer *t)
{
	kfree(t->m.control);
	uio_free(&t->uio);
}

static int control_copyin(struct transfer *t)
{
	u64 size = t->hdr.control_size;

	if (size > CONTROL_MAX)
		return -ENOBUFS;
	if (!size)
		return 0;
	t->m.control = kmalloc(size);
	if (!t->m.control)
		return -ENOMEM;
	t->m.control_size = size;
	return copyin(t->m.control, t->hdr.control, size);
}

static s64 send_one(struct socket *s, const struct file *f, uaddr_t p, u32 flags, bool *partial)
{
	struct transfer t;
	s64 res = transfer_begin(&t, p, true);

	if (res)
		return res;
	t.m.flags = call_flags(f, flags);
	res = control_copyin(&t);
	if (!res)
		res = sock_sendmsg(s, &t.m);
	*partial = t.uio.resid != 0;
	transfer_end(&t);
	return res;
}

/* What a receive has beside its bytes, to the header at p. */
static int transfer_copyout(const struct transfer *t, uaddr_t p)
{
	const struct sock_msg *m = &t->m;
	u64 used = t->hdr.control_size - m->control_size;
	int err = 0;

	if (t->hdr.name)
		err = sock_name_copyout(&t->name, m->name_len, t->hdr.name,
					p + offsetof(struct msghdr64, name_len));
	if (!err)
		err = put_user_u32(p + offsetof(struct msghdr64, flags),
				   m->out_flags | (m->flags & MSG_CMSG_CLOEXEC));
	if (!err)
		err = put_user_u64(p + offsetof(struct msghdr64, control_size), used);
	return err;
}

static s64 receive_one(struct socket *s, const struct file *f, uaddr_t p, u32 flags)
{
	struct transfer t;
	s64 res = transfer_begin(&t, p, false);
	int err;

	if (res)
		return res;
	t.m.name_len = 0;
	t.m.flags = call_flags(f, flags);
	t.m.control_user = t.hdr.control;
	t.m.control_size = t.hdr.control_size;
	res = sock_recvmsg(s, &t.m);
	err = res < 0 ? 0 : transfer_copyout(&t, p);
	transfer_end(&t);
	return err ? err : res;
}

SYSCALL_DEFINE3(sendmsg, int, fd, uaddr_t, msg, u32, flags)
{
	struct socket *s;
	struct file *f;
	bool partial;
	s64 res;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	s = socket_get(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	res = send_one(s, f, msg, flags, &partial);
	file_put(f);
	return res;
}

SYSCALL_DEFINE3(recvmsg, int, fd, uaddr_t, msg, u32, flags)
{
	struct socket *s;
	struct file *f;
	s64 res;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	s = socket_get(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	res = receive_one(s, f, msg, flags);
	file_put(f);
	return res;
}

/* ---- several messages ---- */

static uaddr_t mmsg_at(uaddr_t vec, u32 i)
{
	return vec + i * sizeof(struct mmsghdr64);
}

/* An error after the first message is found again by the next call. */
SYSCALL_DEFINE4(sendmmsg, int, fd, uaddr_t, vec, u32, count, u32, flags)
{
	struct socket *s;
	struct file *f;
	bool partial;
	s64 res = 0;
	u32 i;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	s = socket_get(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	count = min(count, MMSG_MAX);
	for (i = 0; i < count; i++) {
		partial = false;
		res = send_one(s, f, mmsg_at(vec, i), flags, &partial);
		if (res >= 0)
			res = put_user_u32(mmsg_at(vec, i) + offsetof(struct mmsghdr64, len),
					   (u32)res);
		if (res)
			break;
		if (partial) {
			i++;
			break;
		}
	}
	file_put(f);
	return i ? i : res;
}

/* Receives until count, an error, or the deadline after a message. The number of
 * messages, or the first one's error; *err is what ended it. */
static s64 receive_many(struct socket *s, const struct file *f, uaddr_t vec, u32 count, u32 flags,
			u64 deadline, s64 *err)
{
	u32 i;

	for (i = 0; i < count; i++) {
		s64 res = receive_one(s, f, mmsg_at(vec, i), flags & ~MSG_WAITFORONE);

		if (res >= 0)
			res = put_user_u32(mmsg_at(vec, i) + offsetof(struct mmsghdr64, len),
					   (u32)res);
		*err = res;
		if (res)
			break;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (deadline != U64_MAX && hal_clock_ns() >= deadline)
			return i + 1;
	}
	return i ? i : *err;
}

SYSCALL_DEFINE5(recvmmsg, int, fd, uaddr_t, vec, u32, count, u32, flags, uaddr_t, timeout)
{
	struct timespec64 ts;
	u64 ns, now, deadline = U64_MAX;
	struct socket *s;
	struct file *f;
	s64 res, err = 0;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	if (timeout) {
		if (copyin(&ts, timeout, sizeof(ts)))
			return -EFAULT;
		if (timespec_to_ns(&ts, &ns))
			return -EINVAL;
		deadline = deadline_after(ns);
	}
	s = socket_get(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	res = sock_take_error(s);
	if (!res)
		res = receive_many(s, f, vec, min(count, MMSG_MAX), flags, deadline, &err);
	if (res > 0 && err && err != -EAGAIN)
		s->error = (int)-err;	/* for the next call */
	if (res > 0 && timeout) {
		now = hal_clock_ns();
		ts = ns_to_timespec(deadline > now ? deadline - now : 0);
		if (copyout(timeout, &ts, sizeof(ts)))
			res = -EFAULT;
	}
	file_put(f);
	return res;
}
