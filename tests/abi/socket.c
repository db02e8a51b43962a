/* SPDX-License-Identifier: MIT */
/*
 * Sockets as such: families and types, order of the checks, addresses, options,
 * descriptors. The socket at hand is an AF_VSOCK one, which needs no network.
 */
#define ABI_FAMILY "socket"
#include "abi.h"
#include "vsock.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

#ifndef SO_DOMAIN
#define SO_DOMAIN 39
#endif

static int option(int fd, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	OK(getsockopt(fd, SOL_SOCKET, name, &v, &len));
	CHECK_EQ(len, sizeof(v));
	return v;
}

ABI_TEST(families_and_types)
{
	CHECK_ERR(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNSPEC, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(46, SOCK_STREAM | 0x100, 0), EINVAL);
	CHECK_ERR(socket(AF_UNSPEC, 11, 0), EINVAL);
	vm_socket(0);
	CHECK_ERR(socket(AF_VSOCK, 11, 0), EINVAL);
	CHECK_ERR(socket(AF_VSOCK, SOCK_RAW, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_VSOCK, SOCK_STREAM, 1), EPROTONOSUPPORT);
	OK(socket(AF_VSOCK, SOCK_STREAM, AF_VSOCK));
}

ABI_TEST(socketpair_order)
{
	int fd[2] = { -1, -1 }, next;

	vm_socket(0);
	next = OK(dup(0));
	OK(close(next));
	CHECK_ERR(socketpair(46, SOCK_STREAM | 0x100, 0, fd), EINVAL);
	CHECK_ERR(syscall(SYS_socketpair, 46, SOCK_STREAM, 0, BAD_UNMAPPED), EFAULT);
	CHECK_ERR(socketpair(46, SOCK_STREAM, 0, fd), EAFNOSUPPORT);
	CHECK_ERR(socketpair(AF_VSOCK, SOCK_STREAM, 0, fd), EOPNOTSUPP);
	CHECK_EQ(dup(0), next);
}

ABI_TEST(flags_of_descriptors)
{
	int fd = vm_socket(SOCK_CLOEXEC | SOCK_NONBLOCK);

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	fd = vm_socket(0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR);
	OK(ioctl(fd, FIONBIO, &(int){ 1 }));
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
}

ABI_TEST(not_a_socket)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = abi_temp_fd(), v = 0;
	struct msghdr m = { 0 };

	CHECK_ERR(bind(fd, VM(1, 1), VM_SIZE), ENOTSOCK);
	CHECK_ERR(listen(fd, 1), ENOTSOCK);
	CHECK_ERR(accept(fd, NULL, NULL), ENOTSOCK);
	CHECK(accept4(fd, NULL, NULL, 1) < 0);
	CHECK(errno == EINVAL || errno == ENOTSOCK);	/* the latter in older Linux */
	CHECK_ERR(connect(fd, VM(1, 1), VM_SIZE), ENOTSOCK);
	CHECK_ERR(connect(fd, BAD_UNMAPPED, VM_SIZE), EFAULT);
	CHECK_ERR(connect(fd, VM(1, 1), 129), EINVAL);
	CHECK_ERR(bind(fd, VM(1, 1), 129), ENOTSOCK);
	CHECK_ERR(getsockname(fd, (void *)&ss, &len), ENOTSOCK);
	CHECK_ERR(getpeername(fd, (void *)&ss, &len), ENOTSOCK);
	CHECK_ERR(send(fd, "x", 1, 0), ENOTSOCK);
	CHECK_ERR(recv(fd, &v, 1, 0), ENOTSOCK);
	CHECK_ERR(sendmsg(fd, &m, 0), ENOTSOCK);
	CHECK_ERR(recvmsg(fd, &m, 0), ENOTSOCK);
	CHECK_ERR(shutdown(fd, 7), ENOTSOCK);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_TYPE, &v, sizeof(v)), ENOTSOCK);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, BAD_UNMAPPED), ENOTSOCK);
	CHECK_ERR(send(-1, "x", 1, 0), EBADF);
	CHECK_ERR(send(-1, BAD_KERNEL, 1, 0), EFAULT);
	CHECK_ERR(connect(-1, BAD_UNMAPPED, VM_SIZE), EBADF);
}

ABI_TEST(as_a_file)
{
	char path[64], link[64] = "";
	int fd = vm_socket(0);
	struct stat st;

	OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFSOCK | 0777);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_uid, geteuid());
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(readlink(path, link, sizeof(link) - 1));
	snprintf(path, sizeof(path), "socket:[%lu]", (unsigned long)st.st_ino);
	CHECK_STR(link, path);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERR(open(path, O_RDWR), ENXIO);
	CHECK_ERR(lseek(fd, 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(fd, path, 1, 0), ESPIPE);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), ENODEV);
	CHECK(ioctl(fd, 0x5401, path) < 0);
	CHECK(errno == ENOTTY || errno == EOPNOTSUPP);	/* the latter before Linux 6.11 */
	CHECK_EQ(read(fd, path, 0), 0);
}

ABI_TEST(addresses)
{
	struct { struct vm_addr a; char guard[8]; } name;
	socklen_t len = sizeof(name);
	int fd = vm_socket(0);

	memset(&name, 0x55, sizeof(name));
	OK(getsockname(fd, (void *)&name, &len));
	CHECK_EQ(len, VM_SIZE);
	CHECK_EQ(name.a.family, AF_VSOCK);
	CHECK_EQ(name.a.cid, CID_ANY);
	CHECK_EQ(name.a.port, PORT_ANY);
	CHECK_EQ(name.guard[0], 0x55);
	memset(&name, 0x55, sizeof(name));
	len = 2;
	OK(getsockname(fd, (void *)&name, &len));
	CHECK_EQ(len, VM_SIZE);
	CHECK_EQ(name.a.family, AF_VSOCK);
	CHECK_EQ(name.a.reserved, 0x5555);
	len = (socklen_t)-1;
	CHECK_ERR(getsockname(fd, (void *)&name, &len), EINVAL);
	len = sizeof(name);
	CHECK_ERR(getsockname(fd, BAD_UNMAPPED, &len), EFAULT);
	CHECK_ERR(getsockname(fd, (void *)&name, BAD_UNMAPPED), EFAULT);
	CHECK_ERR(getpeername(fd, (void *)&name, &len), ENOTCONN);
	CHECK_ERR(bind(fd, VM(CID_ANY, PORT_ANY), (socklen_t)-1), EINVAL);
	CHECK_ERR(bind(fd, VM(CID_ANY, PORT_ANY), 129), EINVAL);
	CHECK_ERR(bind(fd, BAD_UNMAPPED, VM_SIZE), EFAULT);
	CHECK_ERR(bind(fd, VM(CID_ANY, PORT_ANY), 0), EINVAL);
}

ABI_TEST(options_read_only)
{
	static const int names[] = { SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN };
	int fd = vm_socket(0);

	CHECK_EQ(option(fd, SO_TYPE), SOCK_STREAM);
	CHECK_EQ(option(fd, SO_DOMAIN), AF_VSOCK);
	CHECK_EQ(option(fd, SO_PROTOCOL), 0);
	CHECK_EQ(option(fd, SO_ERROR), 0);
	CHECK_EQ(option(fd, SO_ACCEPTCONN), 0);
	CHECK_EQ(option(fd, SO_SNDLOWAT), 1);
	for (size_t i = 0; i < COUNT(names); i++)
		CHECK_ERR(setsockopt(fd, SOL_SOCKET, names[i], &(int){ 1 }, 4), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_SNDLOWAT, &(int){ 1 }, 4), ENOPROTOOPT);
}

ABI_TEST(limits)
{
	static const char *const names[] = { "somaxconn", "rmem_default", "rmem_max",
					     "wmem_default", "wmem_max" };
	char path[64], buf[32];
	long n;

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/core/%s", names[i]);
		n = OK(abi_read_file(path, buf, sizeof(buf)));
		CHECK(n > 1 && buf[n - 1] == '\n' && atoi(buf) >= 128);
	}
	CHECK_EQ(option(vm_socket(0), SO_RCVBUF), 212992);
}

ABI_TEST(options_flags)
{
	static const int names[] = { SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE,
				     SO_DONTROUTE };
	int fd = vm_socket(0);

	for (size_t i = 0; i < COUNT(names); i++) {
		CHECK_EQ(option(fd, names[i]), 0);
		OK(setsockopt(fd, SOL_SOCKET, names[i], &(int){ 7 }, 4));
		CHECK_EQ(option(fd, names[i]), 1);
		OK(setsockopt(fd, SOL_SOCKET, names[i], &(int){ 0 }, 4));
		CHECK_EQ(option(fd, names[i]), 0);
	}
}

ABI_TEST(options_buffers)
{
	int fd = vm_socket(0);

	OK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 10000 }, 4));
	CHECK_EQ(option(fd, SO_SNDBUF), 20000);
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 10000 }, 4));
	CHECK_EQ(option(fd, SO_RCVBUF), 20000);
	OK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, 4));
	CHECK_EQ(option(fd, SO_SNDBUF), 4608);
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 1 }, 4));
	CHECK_EQ(option(fd, SO_RCVBUF), 2304);
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 100 }, 4));
	CHECK_EQ(option(fd, SO_RCVLOWAT), 100);
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 0 }, 4));
	CHECK_EQ(option(fd, SO_RCVLOWAT), 1);
	OK(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &(int){ 6 }, 4));
	CHECK_EQ(option(fd, SO_PRIORITY), 6);
}

static void priority_of_others(void)
{
	int fd = vm_socket(0);

	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &(int){ 7 }, 4), EPERM);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){ 1 }, 4), EPERM);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_DEBUG, &(int){ 1 }, 4), EACCES);
}

ABI_TEST(options_privileged)
{
	vm_socket(0);
	UNPRIVILEGED(priority_of_others);
}

ABI_TEST(options_linger_and_timeouts)
{
	struct linger l = { 1, 5 };
	struct timeval tv = { 3, 500000 };
	socklen_t len = sizeof(l);
	int fd = vm_socket(0);

	OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	memset(&l, 0, sizeof(l));
	OK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	CHECK_EQ(l.l_onoff, 1);
	CHECK_EQ(l.l_linger, 5);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4), EINVAL);
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	memset(&tv, 0, sizeof(tv));
	len = sizeof(tv);
	OK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	CHECK_EQ(len, sizeof(tv));
	CHECK(tv.tv_sec == 3 && tv.tv_usec == 500000);
	len = sizeof(tv);
	OK(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len));
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	tv.tv_usec = 1000000;
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), EDOM);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, 8), EINVAL);
}

ABI_TEST(options_bad)
{
	int fd = vm_socket(0), v = 0;
	socklen_t len = sizeof(v);
	char c = 0x55;

	CHECK_ERR(setsockopt(fd, SOL_SOCKET, 9999, &v, 4), ENOPROTOOPT);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, 3), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, -1), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, BAD_UNMAPPED, 4), EFAULT);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, BAD_UNMAPPED, &len), EFAULT);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, BAD_UNMAPPED), EFAULT);
	len = (socklen_t)-1;
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len), EINVAL);
	len = 1;
	OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &c, &len));
	CHECK_EQ(len, 1);
	CHECK_EQ(c, SOCK_STREAM);
	CHECK_ERR(setsockopt(fd, 6, 1, &v, 4), ENOPROTOOPT);
}

ABI_TEST(unconnected)
{
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = vm_socket(0);
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
	char c;

	CHECK_ERR(recv(fd, &c, 1, 0), ENOTCONN);
	CHECK_ERR(read(fd, &c, 1), ENOTCONN);
	CHECK(recv(fd, &c, 1, MSG_ERRQUEUE) < 0);
	CHECK(errno == EAGAIN || errno == ENOTCONN);	/* the latter before Linux 6.7 */
	CHECK_ERR(send(fd, "x", 1, 0), ENOTCONN);
	CHECK_ERR(write(fd, "x", 1), ENOTCONN);
	CHECK_ERR(sendmsg(fd, &m, 0), ENOTCONN);
	CHECK_ERR(send(fd, "x", 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(sendto(fd, "x", 1, 0, VM(CID_HOST, 5), VM_SIZE), EOPNOTSUPP);
	CHECK_ERR(sendto(fd, "x", 1, 0, BAD_UNMAPPED, VM_SIZE), EFAULT);
	CHECK_ERR(sendto(fd, "x", 1, 0, VM(CID_HOST, 5), 200), EINVAL);
	CHECK_ERR(shutdown(fd, SHUT_RDWR), ENOTCONN);
	CHECK_ERR(shutdown(fd, 3), EINVAL);
	CHECK_ERR(shutdown(fd, -1), EINVAL);
	CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	m.msg_iovlen = 1025;
	CHECK_ERR(syscall(SYS_sendmsg, fd, &m, 0), EMSGSIZE);
	m.msg_iovlen = 1;
	m.msg_namelen = (socklen_t)-1;
	m.msg_name = &c;
	CHECK_ERR(syscall(SYS_sendmsg, fd, &m, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sendmsg, fd, BAD_UNMAPPED, 0), EFAULT);
	CHECK_ERR(syscall(SYS_recvmsg, fd, BAD_UNMAPPED, 0), EFAULT);
	CHECK_EQ(syscall(SYS_sendmmsg, fd, NULL, 0, 0), 0);
	CHECK_ERR(syscall(SYS_recvmmsg, fd, NULL, 1, 0, BAD_UNMAPPED), EFAULT);
	CHECK_ERR(syscall(SYS_recvmmsg, fd, NULL, 1, 0, &(struct timespec){ 0, -1 }), EINVAL);
	CHECK_ERR(syscall(SYS_recvmmsg, fd, BAD_UNMAPPED, 1, 0, NULL), EFAULT);
}

ABI_TEST(listening)
{
	struct timeval tv = { 0, 20000 };
	int fd = vm_socket(0), next;

	CHECK_ERR(listen(fd, 1), EINVAL);
	OK(bind(fd, VM(CID_ANY, PORT_ANY), VM_SIZE));
	CHECK_ERR(bind(fd, VM(CID_ANY, PORT_ANY), VM_SIZE), EINVAL);
	OK(listen(fd, 1));
	OK(listen(fd, -1));
	CHECK_EQ(option(fd, SO_ACCEPTCONN), 1);
	CHECK_ERR(connect(fd, VM(CID_LOCAL, 5), VM_SIZE), EINVAL);
	CHECK_ERR(shutdown(fd, SHUT_RD), ENOTCONN);
	CHECK_EQ(poll(&(struct pollfd){ fd, POLLIN | POLLOUT, 0 }, 1, 0), 0);
	next = OK(dup(0));
	OK(close(next));
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	CHECK_ERR(accept(fd, NULL, NULL), EAGAIN);
	OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	CHECK_ERR(accept(fd, NULL, NULL), EAGAIN);
	CHECK_EQ(dup(0), next);		/* none was used up */
}

/* With a limit of time, a call is never restarted (signal(7)). */
ABI_TEST(interrupted)
{
	struct timeval tv = { 30, 0 };
	int fd = vm_socket(0);

	OK(bind(fd, VM(CID_ANY, PORT_ANY), VM_SIZE));
	OK(listen(fd, 1));
	abi_tick_start(0);
	CHECK_ERR(accept(fd, NULL, NULL), EINTR);
	abi_tick_stop();
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	abi_tick_start(SA_RESTART);
	CHECK_ERR(accept(fd, NULL, NULL), EINTR);
	abi_tick_stop();
}
