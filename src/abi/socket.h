/* SPDX-License-Identifier: MIT */
/* Sockets: families, types, flags, options, messages (socket(2), socket(7), recvmsg(2)). */
#ifndef HYLA_ABI_SOCKET_H
#define HYLA_ABI_SOCKET_H

#include "lib/types.h"

#define AF_UNSPEC 0
#define AF_INET 2
#define AF_VSOCK 40
#define AF_MAX 46

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define SOCK_MAX 11
#define SOCK_TYPE_MASK 0xf
#define SOCK_CLOEXEC 02000000
#define SOCK_NONBLOCK 04000

#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2

#define MSG_OOB 0x1u
#define MSG_PEEK 0x2u
#define MSG_CTRUNC 0x8u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_EOR 0x80u
#define MSG_WAITALL 0x100u
#define MSG_ERRQUEUE 0x2000u
#define MSG_NOSIGNAL 0x4000u
#define MSG_WAITFORONE 0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT 0x80000000u

#define SOL_SOCKET 1

enum {
	SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF,
	SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_LINGER, SO_BSDCOMPAT,
	SO_REUSEPORT, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO_OLD,
	SO_SNDTIMEO_OLD,
	SO_ACCEPTCONN = 30, SO_PEERSEC, SO_SNDBUFFORCE, SO_RCVBUFFORCE,
	SO_PROTOCOL = 38, SO_DOMAIN,
	SO_RCVTIMEO_NEW = 66, SO_SNDTIMEO_NEW,
};

#define SOCKADDR_MAX 128	/* struct sockaddr_storage */

/* The largest address of any family, and what all of them begin with. */
struct sockaddr_storage {
	u16 family;
	u8 data[SOCKADDR_MAX - 2];
} __aligned(8);
_Static_assert(sizeof(struct sockaddr_storage) == SOCKADDR_MAX, "struct sockaddr_storage");

struct sockaddr_vm {
	u16 family;
	u16 reserved;
	u32 port;
	u32 cid;
	u8 flags;
	u8 zero[3];
};
_Static_assert(sizeof(struct sockaddr_vm) == 16, "struct sockaddr_vm");

struct msghdr64 {
	u64 name;
	s32 name_len;
	u32 pad;
	u64 iov;
	u64 iov_count;
	u64 control;
	u64 control_size;
	u32 flags;
	u32 pad2;
};
_Static_assert(sizeof(struct msghdr64) == 56, "struct msghdr");

struct mmsghdr64 {
	struct msghdr64 hdr;
	u32 len;
	u32 pad;
};
_Static_assert(sizeof(struct mmsghdr64) == 64, "struct mmsghdr");

struct linger {
	s32 on;
	s32 seconds;
};
_Static_assert(sizeof(struct linger) == 8, "struct linger");

/* ---- vsock(7) ---- */

#define VMADDR_CID_ANY U32_MAX
#define VMADDR_CID_HYPERVISOR 0u
#define VMADDR_CID_LOCAL 1u
#define VMADDR_CID_HOST 2u
#define VMADDR_PORT_ANY U32_MAX
#define VMADDR_FLAG_TO_HOST 1

enum {
	SO_VM_SOCKETS_BUFFER_SIZE = 0,
	SO_VM_SOCKETS_BUFFER_MIN_SIZE = 1,
	SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2,
	SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD = 6,
	SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW = 8,
};

#define IOCTL_VM_SOCKETS_GET_LOCAL_CID 0x7b9

#endif
