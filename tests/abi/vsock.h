/* SPDX-License-Identifier: MIT */
/* AF_VSOCK for the cases of socket.c and vsock.c; <linux/vm_sockets.h> is not everywhere. */
#ifndef ABI_VSOCK_H
#define ABI_VSOCK_H

#include "abi.h"

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

#endif
