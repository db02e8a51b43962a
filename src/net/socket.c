/* SPDX-License-Identifier: MIT */
/*
 * The socket system calls of a kernel without protocol families.
 *
 * socket(2) refuses every family with EAFNOSUPPORT, so no descriptor is ever
 * a socket; the other calls say EBADF or ENOTSOCK, as Linux does for such
 * descriptors. The protocol families come with src/net.
 */
#include "abi/errno.h"
#include "fs/vfs.h"
#include "kernel/syscall.h"

#define AF_MAX 46
#define SOCK_TYPE_MASK 0xf
#define SOCK_MAX 11
#define SOCK_CLOEXEC 02000000
#define SOCK_NONBLOCK 04000

static s64 check_socket(int family, int type)
{
	if (type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (family < 0 || family >= AF_MAX)
		return -EAFNOSUPPORT;
	if ((type & SOCK_TYPE_MASK) >= SOCK_MAX)
		return -EINVAL;
	return -EAFNOSUPPORT;
}

SYSCALL_DEFINE3(socket, int, family, int, type, int, protocol)
{
	(void)protocol;
	return check_socket(family, type);
}

SYSCALL_DEFINE4(socketpair, int, family, int, type, int, protocol, uaddr_t, vec)
{
	(void)protocol;
	(void)vec;
	return check_socket(family, type);
}

static s64 not_a_socket(int fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return -EBADF;
	file_put(f);
	return -ENOTSOCK;
}

#define NOT_A_SOCKET(name) SYSCALL_DEFINE1(name, int, fd) { return not_a_socket(fd); }
NOT_A_SOCKET(connect)
NOT_A_SOCKET(accept)
NOT_A_SOCKET(accept4)
NOT_A_SOCKET(sendto)
NOT_A_SOCKET(recvfrom)
NOT_A_SOCKET(sendmsg)
NOT_A_SOCKET(recvmsg)
NOT_A_SOCKET(sendmmsg)
NOT_A_SOCKET(recvmmsg)
NOT_A_SOCKET(shutdown)
NOT_A_SOCKET(bind)
NOT_A_SOCKET(listen)
NOT_A_SOCKET(getsockname)
NOT_A_SOCKET(getpeername)
NOT_A_SOCKET(setsockopt)
NOT_A_SOCKET(getsockopt)
