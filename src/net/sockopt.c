/* SPDX-License-Identifier: MIT */
/*
 * setsockopt(2) and getsockopt(2): the options of level SOL_SOCKET that mean the same
 * for every family. Other levels are the family's.
 *
 * SO_SNDBUF and SO_RCVBUF are kept and told, doubled as on Linux; whether they limit
 * anything is up to the family (AF_VSOCK has options of its own). Their limits and
 * those of listen(2) are in /proc/sys/net/core.
 *
 * Not supported (ENOPROTOOPT): time stamps, SO_MARK, SO_BINDTODEVICE, filters,
 * SO_PASSCRED, SO_PEERCRED, SO_COOKIE and what is younger.
 */
#include "abi/errno.h"
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "kernel/capability.h"
#include "kernel/log.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "net/socket.h"

#define SNDBUF_MIN 4608u
#define RCVBUF_MIN 2304u
#define PRIORITY_MAX 6		/* without CAP_NET_ADMIN */

struct timeval_bytes {
	s64 sec, usec;
};

struct sock_limits sock_limits = {
	.somaxconn = 4096,
	.rmem_default = 212992, .rmem_max = 212992,
	.wmem_default = 212992, .wmem_max = 212992,
};

/* Options that are kept as they are: on or off. */
#define FLAG_OPTIONS (BIT(SO_DEBUG) | BIT(SO_REUSEADDR) | BIT(SO_DONTROUTE) | \
		      BIT(SO_BROADCAST) | BIT(SO_KEEPALIVE) | BIT(SO_OOBINLINE))

int sock_timeout_copyin(u64 *ns, uaddr_t value, u32 len)
{
	struct timeval_bytes tv;

	if (len < sizeof(tv))
		return -EINVAL;
	if (copyin(&tv, value, sizeof(tv)))
		return -EFAULT;
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	if (tv.sec < 0)
		*ns = 0;
	else if (!tv.sec && !tv.usec)
		*ns = U64_MAX;
	else if (__builtin_mul_overflow((u64)tv.sec, NSEC_PER_SEC, ns) ||
		 __builtin_add_overflow(*ns, (u64)tv.usec * NSEC_PER_USEC, ns))
		*ns = U64_MAX;
	return 0;
}

void sock_timeout_bytes(u64 ns, void *buf)
{
	struct timeval_bytes tv = { 0, 0 };

	if (ns != U64_MAX) {
		tv.sec = (s64)(ns / NSEC_PER_SEC);
		tv.usec = (s64)(ns % NSEC_PER_SEC / NSEC_PER_USEC);
	}
	memcpy(buf, &tv, sizeof(tv));
}

static void set_flag(struct socket *s, int name, bool on)
{
	if (on)
		s->flags |= 1u << name;
	else
		s->flags &= ~(1u << name);
}

static int set_buffer(struct socket *s, int name, int value, bool force)
{
	u32 size = (u32)max(value, 0);

	if (force && !capable(CAP_NET_ADMIN))
		return -EPERM;
	if (!force)
		size = min(size, name == SO_SNDBUF ? sock_limits.wmem_max : sock_limits.rmem_max);
	size = min(size, (u32)S32_MAX / 2) * 2;
	if (name == SO_SNDBUF)
		s->sndbuf = max(size, SNDBUF_MIN);
	else
		s->rcvbuf = max(size, RCVBUF_MIN);
	return 0;
}

static int set_linger(struct socket *s, uaddr_t p, u32 len)
{
	struct linger l;

	if (len < sizeof(l))
		return -EINVAL;
	if (copyin(&l, p, sizeof(l)))
		return -EFAULT;
	set_flag(s, SO_LINGER, l.on);
	if (l.on)
		s->linger_s = l.seconds;
	return 0;
}

static int set_lowat(struct socket *s, int value)
{
	u32 bytes = value < 0 ? S32_MAX : (u32)max(value, 1);
	int err = s->ops->set_rcvlowat ? s->ops->set_rcvlowat(s, bytes) : 0;

	if (!err)
		s->rcvlowat = bytes;
	return err;
}

static int set_option(struct socket *s, int name, uaddr_t p, u32 len)
{
	int value;

	if (len < sizeof(value))
		return -EINVAL;
	if (copyin(&value, p, sizeof(value)))
		return -EFAULT;
	if (name > 0 && name < 32 && (FLAG_OPTIONS & BIT(name))) {
		if (name == SO_DEBUG && value && !capable(CAP_NET_ADMIN))
			return -EACCES;
		set_flag(s, name, value);
		return 0;
	}
	switch (name) {
	case SO_REUSEPORT:
		return value ? -EOPNOTSUPP : 0;
	case SO_SNDBUF:
	case SO_RCVBUF:
		return set_buffer(s, name, value, false);
	case SO_SNDBUFFORCE:
		return set_buffer(s, SO_SNDBUF, value, true);
	case SO_RCVBUFFORCE:
		return set_buffer(s, SO_RCVBUF, value, true);
	case SO_PRIORITY:
		if ((value < 0 || value > PRIORITY_MAX) && !capable(CAP_NET_ADMIN))
			return -EPERM;
		s->priority = (u32)value;
		return 0;
	case SO_LINGER:
		return set_linger(s, p, len);
	case SO_RCVLOWAT:
		return set_lowat(s, value);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return sock_timeout_copyin(&s->rcvtimeo_ns, p, len);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return sock_timeout_copyin(&s->sndtimeo_ns, p, len);
	}
	return -ENOPROTOOPT;
}

/* The value into buf; its size or -ENOPROTOOPT. */
static int get_option(struct socket *s, int name, void *buf)
{
	struct linger l = { !!(s->flags & BIT(SO_LINGER)), s->linger_s };
	int value = 0;

	if (name > 0 && name < 32 && (FLAG_OPTIONS & BIT(name)))
		value = !!(s->flags & BIT(name));
	else switch (name) {
	case SO_TYPE: value = s->type; break;
	case SO_DOMAIN: value = s->family; break;
	case SO_PROTOCOL: value = s->protocol; break;
	case SO_ACCEPTCONN: value = s->listening; break;
	case SO_ERROR: value = -sock_take_error(s); break;
	case SO_SNDBUF: value = (int)s->sndbuf; break;
	case SO_RCVBUF: value = (int)s->rcvbuf; break;
	case SO_PRIORITY: value = (int)s->priority; break;
	case SO_RCVLOWAT: value = (int)s->rcvlowat; break;
	case SO_SNDLOWAT: value = 1; break;
	case SO_REUSEPORT: break;
	case SO_LINGER:
		memcpy(buf, &l, sizeof(l));
		return sizeof(l);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		sock_timeout_bytes(s->rcvtimeo_ns, buf);
		return sizeof(struct timeval_bytes);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		sock_timeout_bytes(s->sndtimeo_ns, buf);
		return sizeof(struct timeval_bytes);
	default:
		return -ENOPROTOOPT;
	}
	memcpy(buf, &value, sizeof(value));
	return sizeof(value);
}

SYSCALL_DEFINE5(setsockopt, int, fd, int, level, int, name, uaddr_t, value, int, len)
{
	struct file *f;
	struct socket *s = socket_get(fd, &f);
	s64 err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (len < 0)
		err = -EINVAL;
	else if (level == SOL_SOCKET)
		err = set_option(s, name, value, (u32)len);
	else
		err = s->ops->setsockopt ? s->ops->setsockopt(s, level, name, value, (u32)len) :
		      -EOPNOTSUPP;
	file_put(f);
	return err;
}

static int get_any(struct socket *s, int level, int name, uaddr_t value, uaddr_t len_p)
{
	u8 buf[SOCKOPT_MAX] = { 0 };
	int res;
	u32 len;

	if (copyin(&len, len_p, sizeof(len)))
		return -EFAULT;
	if ((s32)len < 0)
		return -EINVAL;
	res = -EOPNOTSUPP;
	if (level == SOL_SOCKET)
		res = get_option(s, name, buf);
	else if (s->ops->getsockopt)
		res = s->ops->getsockopt(s, level, name, buf, len);
	if (res < 0)
		return res;
	len = min(len, (u32)res);
	if (copyout(value, buf, len))
		return -EFAULT;
	return copyout(len_p, &len, sizeof(len));
}

SYSCALL_DEFINE5(getsockopt, int, fd, int, level, int, name, uaddr_t, value, uaddr_t, len)
{
	struct file *f;
	struct socket *s = socket_get(fd, &f);
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	err = get_any(s, level, name, value, len);
	file_put(f);
	return err;
}

/* ---- /proc/sys/net/core ---- */

static int show_limit(struct text *t, void *data, u64 *cursor __unused)
{
	text_printf(t, "%u\n", *(u32 *)data);
	return 0;
}

static int store_limit(const char *text, size_t len, void *data)
{
	char buf[16];
	u64 v;

	if (len && text[len - 1] == '\n')
		len--;
	if (len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = 0;
	if (parse_u64(buf, 10, &v) || v > S32_MAX)
		return -EINVAL;
	*(u32 *)data = (u32)v;
	return 0;
}

void sock_limits_init(void)
{
	static const struct pseudo_ops ops = { .show = show_limit, .store = store_limit };
	static const struct {
		const char *path;
		u32 *limit;
	} files[] = {
		{ "sys/net/core/somaxconn", &sock_limits.somaxconn },
		{ "sys/net/core/rmem_default", &sock_limits.rmem_default },
		{ "sys/net/core/rmem_max", &sock_limits.rmem_max },
		{ "sys/net/core/wmem_default", &sock_limits.wmem_default },
		{ "sys/net/core/wmem_max", &sock_limits.wmem_max },
	};

	for (u32 i = 0; i < ARRAY_SIZE(files); i++)
		if (proc_add(files[i].path, 0644, &ops, files[i].limit))
			panic("net: no memory at boot");
}
