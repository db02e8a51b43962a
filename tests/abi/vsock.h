/* SPDX-License-Identifier: MIT */
/* AF_VSOCK for the cases of socket.c, vsock.c and vsock_state.c; <linux/vm_sockets.h> is
 * not everywhere. */
#ifndef ABI_VSOCK_H
#define ABI_VSOCK_H

#include "abi.h"

#include <poll.h>
#include <sys/socket.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

#define CID_ANY 0xffffffffu
#define CID_LOCAL 1u
#define CID_HOST 2u
#define PORT_ANY 0xffffffffu

#define VM_BUFFER_SIZE 0
#define VM_BUFFER_MIN 1
#define VM_BUFFER_MAX 2
#define VM_CONNECT_TIMEOUT 6
#define GET_LOCAL_CID 0x7b9

struct vm_addr {
	unsigned short family, reserved;
	unsigned int port, cid;
	unsigned char flags, zero[3];
};

#define VM(cid, port) ((struct sockaddr *)&(struct vm_addr){ AF_VSOCK, 0, port, cid, 0, { 0 } })
#define VM_SIZE sizeof(struct vm_addr)

/* A stream socket; skips the case where there is none. */
static inline int vm_socket(int flags)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | flags, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		SKIP("no AF_VSOCK");
	return OK(fd);
}

/* ---- streams over the loopback (VMADDR_CID_LOCAL, where there is one) ---- */

static inline unsigned int port_of(int fd)
{
	struct vm_addr a;
	socklen_t len = sizeof(a);

	OK(getsockname(fd, (void *)&a, &len));
	CHECK_EQ(len, VM_SIZE);
	return a.port;
}

static inline void set_buffer(int fd, uint64_t size)
{
	OK(setsockopt(fd, AF_VSOCK, VM_BUFFER_SIZE, &size, sizeof(size)));
}

static inline uint64_t get_buffer(int fd, int name)
{
	uint64_t size = 0;
	socklen_t len = sizeof(size);

	OK(getsockopt(fd, AF_VSOCK, name, &size, &len));
	CHECK_EQ(len, sizeof(size));
	return size;
}

static inline int listener(int backlog, int flags)
{
	int fd = vm_socket(flags);

	if (bind(fd, VM(CID_LOCAL, PORT_ANY), VM_SIZE)) {
		CHECK_EQ(errno, EADDRNOTAVAIL);
		SKIP("no AF_VSOCK loopback");
	}
	OK(listen(fd, backlog));
	return fd;
}

static inline int connect_to(int l)
{
	int fd = vm_socket(0);

	OK(connect(fd, VM(CID_LOCAL, port_of(l)), VM_SIZE));
	return fd;
}

/* s[0] connected, s[1] was accepted; of buffers of that size, 0: as they are. */
static inline void make_pair(int s[2], uint64_t size)
{
	int l = listener(1, 0);

	if (size)
		set_buffer(l, size);
	s[0] = vm_socket(0);
	if (size)
		set_buffer(s[0], size);
	OK(connect(s[0], VM(CID_LOCAL, port_of(l)), VM_SIZE));
	s[1] = OK(accept(l, NULL, NULL));
	OK(close(l));
}

static inline int events(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };

	OK(poll(&p, 1, 0));
	return p.revents;
}

/* Linux delivers from a thread of its own: waits until those events are there. */
static inline void await_events(int fd, int want)
{
	struct pollfd p = { fd, (short)want, 0 };

	do
		OK(poll(&p, 1, -1));
	while ((p.revents & want) != want);
}

static inline void fill(unsigned char *p, size_t size, unsigned int seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (unsigned char)(seed >> 24);
	}
}

static inline void send_all(int fd, const void *buf, size_t size)
{
	for (size_t n = 0; n < size; )
		n += (size_t)OK(write(fd, (const char *)buf + n, size - n));
}

static inline void receive_all(int fd, void *buf, size_t size)
{
	for (size_t n = 0; n < size; ) {
		long got = OK(read(fd, (char *)buf + n, size - n));

		CHECK(got > 0);
		n += (size_t)got;
	}
}

#endif
