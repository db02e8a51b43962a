/* SPDX-License-Identifier: MIT */
/*
 * Sockets: the border between the system calls and the protocol families.
 *
 *   struct socket_family   makes sockets; one for each AF_ number, registered at boot
 *   struct socket          one end of a conversation; lies inside an object of its family
 *   struct proto_ops       what the family does with it
 *   struct sock_msg        one send or receive in progress
 *
 * Life cycle. A family allocates its object, calls sock_init on the socket in it and
 * returns it from create (socket(2)) or accept. socket.c then puts a struct file over
 * it. When the last reference to that file goes, ops->release gets the socket back and
 * the object may outlive it as the protocol needs. A socket that waits to be accepted
 * has no file, and everything but accept works on it just so.
 *
 * Who does what. socket.c, sockmsg.c and sockopt.c check descriptors, flags and sizes,
 * move addresses and messages, and keep the options that mean the same everywhere.
 * The family checks addresses and states, waits, and copies the data.
 *
 * Locks: the kernel lock. An operation may sleep unless it is said otherwise; the file
 * keeps the socket meanwhile, nothing else does.
 *
 * Not supported: credentials and time stamps of messages, SO_MARK and filters, error
 * queues.
 */
#ifndef HYLA_NET_SOCKET_H
#define HYLA_NET_SOCKET_H

#include "abi/poll.h"
#include "abi/socket.h"
#include "kernel/clock.h"
#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"
#include "mm/uaccess.h"

struct file;
struct poll_table;
struct socket;

/* One message; the call's own, on its stack. */
struct sock_msg {
	struct uio *uio;		/* the bytes */
	struct sockaddr_storage *name;	/* send: where to, name_len bytes; receive: room, or NULL */
	u32 name_len;			/* receive: set by the family, 0: no address */
	u32 flags;			/* MSG_* of the caller, with MSG_DONTWAIT for O_NONBLOCK */
	u32 out_flags;			/* receive: MSG_TRUNC, MSG_CTRUNC, MSG_EOR */
	void *control;			/* send: ancillary data, a copy; NULL: none */
	uaddr_t control_user;		/* receive: room for it */
	size_t control_size;		/* receive: the family advances control_user, cuts this */
};

/* Absent operations give -EOPNOTSUPP. */
struct proto_ops {
	/* The file is gone. Does not sleep. */
	void (*release)(struct socket *s);
	int (*bind)(struct socket *s, const struct sockaddr_storage *addr, u32 len);
	int (*connect)(struct socket *s, const struct sockaddr_storage *addr, u32 len,
		       bool nonblock);
	/* The next connection, the caller's from then on, or ERR_PTR. */
	struct socket *(*accept)(struct socket *s, bool nonblock);
	/* Own or peer's address into *addr (zeroed); its length or -errno. */
	int (*getname)(struct socket *s, struct sockaddr_storage *addr, bool peer);
	int (*listen)(struct socket *s, u32 backlog);
	int (*shutdown)(struct socket *s, u32 how);		/* SHUTDOWN_* */
	/* Does not sleep; the queue s->wq is registered already. */
	u32 (*poll)(struct socket *s);
	s64 (*ioctl)(struct socket *s, u32 cmd, u64 arg);	/* NULL, unknown: -ENOTTY */
	ssize_t (*sendmsg)(struct socket *s, struct sock_msg *m);
	ssize_t (*recvmsg)(struct socket *s, struct sock_msg *m);
	/* Levels other than SOL_SOCKET. len is not negative. */
	int (*setsockopt)(struct socket *s, int level, int name, uaddr_t value, u32 len);
	/* The value into buf, at most SOCKOPT_MAX bytes; its size or -errno. room: what
	 * the caller has. */
	int (*getsockopt)(struct socket *s, int level, int name, void *buf, u32 room);
	/* NULL: any value from 1 on. */
	int (*set_rcvlowat)(struct socket *s, u32 bytes);
	int (*socketpair)(struct socket *a, struct socket *b);
};

#define SOCKOPT_MAX 64u

enum socket_state { SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING };
enum { SHUTDOWN_RECV = 1, SHUTDOWN_SEND = 2, SHUTDOWN_BOTH = 3 };

struct socket {
	const struct proto_ops *ops;
	u16 family, type;
	int protocol;
	/* ---- the family's ---- */
	enum socket_state state;
	bool listening;			/* SO_ACCEPTCONN */
	u32 shutdown;			/* SHUTDOWN_*: what this end does no more */
	int error;			/* positive; SO_ERROR takes it */
	struct waitqueue wq;		/* woken with the POLL* bits that came true */
	/* ---- options; sockopt.c sets them ---- */
	u32 flags;			/* 1 << SO_*, for those that are on or off */
	u64 rcvtimeo_ns, sndtimeo_ns;	/* U64_MAX: for ever; 0: not at all */
	u32 sndbuf, rcvbuf;
	u32 rcvlowat;			/* bytes; not 0 */
	u32 priority;
	s32 linger_s;			/* with 1 << SO_LINGER in flags */
	/* ---- socket.c ---- */
	struct file *file;		/* NULL: not accepted yet, or released */
};

struct socket_family {
	u16 family;
	/* A new unconnected socket or ERR_PTR: -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, ... */
	struct socket *(*create)(int type, int protocol);
	struct list_head link;
};

/* At boot; the family stays. */
void socket_family_register(struct socket_family *family);
/* Fills a zeroed socket. Any context. */
void sock_init(struct socket *s, const struct proto_ops *ops, u16 family, u16 type, int protocol);

/* For families. A wait of at most timeo_ns from now; 0 for MSG_DONTWAIT. */
static inline u64 sock_deadline(u64 timeo_ns, bool dontwait)
{
	return dontwait || !timeo_ns ? 0 : deadline_after(timeo_ns);
}
/* What a wait that ended with err until deadline means to the caller: -EAGAIN for the
 * time, -EINTR in place of a restart for a signal if there was a limit (signal(7)). */
int sock_wait_error(int err, u64 deadline) __must_check;
/* Waits for cond: 0, -EAGAIN (also at once, for deadline 0), -EINTR, -ERESTARTSYS. */
#define sock_wait_event(s, cond, deadline) ({ \
	u64 until_ = (deadline); \
	int sock_err_ = 0; \
	if (!(cond)) \
		sock_err_ = until_ ? sock_wait_error(wait_event_deadline(&(s)->wq, cond, until_), \
						     until_) : -EAGAIN; \
	sock_err_; })
/* Wakes everybody who waits for one of events. Any context. */
static inline void sock_wake(struct socket *s, u32 events)
{
	wake_up_nr(&s->wq, ~0u, events);
}
/* The pending error as -errno, taken; 0: none. */
static inline int sock_take_error(struct socket *s)
{
	int err = s->error;

	s->error = 0;
	return -err;
}
/* A stream's send ends with n: for -EPIPE the pending error comes first, else SIGPIPE is
 * sent unless MSG_NOSIGNAL forbids it. */
ssize_t sock_stream_result(struct socket *s, const struct sock_msg *m, ssize_t n);

/* A struct timeval of an option into ns, U64_MAX for 0. -EINVAL (len), -EFAULT, -EDOM. */
int sock_timeout_copyin(u64 *ns, uaddr_t value, u32 len) __must_check;
/* The same as the 16 bytes of a struct timeval. */
void sock_timeout_bytes(u64 ns, void *buf);

/* Once at boot: /proc/sys/net/core. */
void sock_limits_init(void);

/* ---- among the files of this layer ---- */

extern struct sock_limits {
	u32 somaxconn;		/* listen(2) */
	u32 rmem_default, rmem_max, wmem_default, wmem_max;	/* SO_RCVBUF, SO_SNDBUF */
} sock_limits;

/* The socket at fd; *f gets a reference. ERR_PTR: -EBADF, -ENOTSOCK. */
struct socket *socket_get(int fd, struct file **f) __must_check;
ssize_t sock_sendmsg(struct socket *s, struct sock_msg *m);
ssize_t sock_recvmsg(struct socket *s, struct sock_msg *m);
/* An address of the guest: -EINVAL (len), -EFAULT. */
int sock_name_copyin(struct sockaddr_storage *ss, uaddr_t addr, s64 len) __must_check;
/* To the guest: as many bytes as *len_p says there is room for; *len_p gets len. */
int sock_name_copyout(const struct sockaddr_storage *ss, u32 len, uaddr_t addr, uaddr_t len_p)
	__must_check;

#endif
