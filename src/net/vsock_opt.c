/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK: options of its level, ioctls of its sockets, and /dev/vsock.
 *
 * A new buffer size is told to the peer at once. A smaller one holds from then on for
 * what the peer may send; what is on its way already is still taken.
 */
#include "abi/errno.h"
#include "abi/termios.h"
#include "fs/devfs.h"
#include "fs/vfs.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "net/vsock_impl.h"

#define MISC_MAJOR 10
#define VSOCK_MINOR 121		/* Linux gives it one that is free */

static void set_buffer_size(struct vsock *vs, u64 size)
{
	size = max(min(size, vs->buffer_max), vs->buffer_min);
	if (vs->transport)
		size = min(size, (u64)U32_MAX);
	if (size == vs->buffer_size)
		return;
	vs->buffer_size = size;
	if (vs->state == VSOCK_ESTABLISHED && !vs->done)
		vsock_owe(vs, OWE_CREDIT);
}

static int set_connect_timeout(struct vsock *vs, uaddr_t value, u32 len)
{
	u64 ns;
	s64 sec;
	int err = sock_timeout_copyin(&ns, value, len);

	if (err == -EDOM)
		return -ERANGE;
	if (err || copyin(&sec, value, sizeof(sec)))
		return err ? err : -EFAULT;
	if (sec < 0 || (sec && ns == U64_MAX))
		return -ERANGE;
	vs->connect_ns = ns == U64_MAX ? VSOCK_CONNECT_NS : ns;
	return 0;
}

int vsock_setsockopt(struct socket *s, int level, int name, uaddr_t value, u32 len)
{
	struct vsock *vs = to_vsock(s);
	u64 size;

	if (level != AF_VSOCK)
		return -ENOPROTOOPT;
	switch (name) {
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW:
		return set_connect_timeout(vs, value, len);
	case SO_VM_SOCKETS_BUFFER_SIZE:
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (len < sizeof(size))
		return -EINVAL;
	if (copyin(&size, value, sizeof(size)))
		return -EFAULT;
	if (name == SO_VM_SOCKETS_BUFFER_MIN_SIZE)
		vs->buffer_min = size;
	else if (name == SO_VM_SOCKETS_BUFFER_MAX_SIZE)
		vs->buffer_max = size;
	set_buffer_size(vs, name == SO_VM_SOCKETS_BUFFER_SIZE ? size : vs->buffer_size);
	return 0;
}

int vsock_getsockopt(struct socket *s, int level, int name, void *buf, u32 room)
{
	const struct vsock *vs = to_vsock(s);
	int size = sizeof(u64);

	if (level != AF_VSOCK)
		return -ENOPROTOOPT;
	switch (name) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
		memcpy(buf, &vs->buffer_size, sizeof(u64));
		break;
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
		memcpy(buf, &vs->buffer_min, sizeof(u64));
		break;
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		memcpy(buf, &vs->buffer_max, sizeof(u64));
		break;
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW:
		sock_timeout_bytes(vs->connect_ns, buf);
		size = 16;
		break;
	default:
		return -ENOPROTOOPT;
	}
	return (int)room < size ? -EINVAL : size;
}

int vsock_set_rcvlowat(struct socket *s, u32 bytes)
{
	return bytes > to_vsock(s)->buffer_size ? -EINVAL : 0;
}

s64 vsock_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct vsock *vs = to_vsock(s);

	if (cmd != FIONREAD && cmd != TIOCOUTQ)
		return -ENOTTY;
	if (!vs->transport)
		return -EOPNOTSUPP;
	/* what the peer has not taken yet, as far as it said */
	return put_user_u32(arg, cmd == FIONREAD ? vs->rx.bytes :
			    vs->tx_count - vs->peer_fwd_count);
}

/* ---- /dev/vsock ---- */

static s64 dev_ioctl(struct file *f __unused, u32 cmd, u64 arg)
{
	if (cmd != IOCTL_VM_SOCKETS_GET_LOCAL_CID)
		return -ENOTTY;
	return put_user_u32(arg, vsock_own_cid());
}

void vsock_dev_init(void)
{
	static const struct file_ops dev_fops = { .ioctl = dev_ioctl };
	dev_t dev = mkdev(MISC_MAJOR, VSOCK_MINOR);

	if (chrdev_register(dev, 1, &dev_fops, "misc") || devfs_add("vsock", S_IFCHR | 0666, dev))
		panic("vsock: no memory at boot");
}
