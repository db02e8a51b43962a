/* SPDX-License-Identifier: MIT */
/*
 * vhost-user for the socket device: QEMU owns the machine, and this process plays the
 * device end of two of its queues, with the same code (vdev.c, vsock.c) that plays it for
 * a hosted machine.
 *
 *   QEMU                                        this process
 *   SET_MEM_TABLE, descriptors of its RAM  -->  mapped at `space`, by guest address
 *   SET_VRING_NUM, _ADDR, _KICK, _CALL     -->  struct hosted_queue, two eventfds
 *   eventfd kick                           -->  vdev_serve
 *   interrupt                              <--  eventfd call
 *   GET_VRING_BASE (the driver resets)     -->  all connections end
 *
 * The event queue is QEMU's own. Addresses of rings are QEMU's, and are turned into the
 * guest's; those in descriptors are the guest's. What no RAM is at is zeroes of ours, so
 * no address in a ring can hurt.
 *
 * One message is read at a time; one that is against the protocol ends the process, and
 * QEMU says that its device is gone.
 *
 * Not supported: machines that are stopped and go on, migration, more than SPACE bytes.
 */
#define _GNU_SOURCE
#include "hal/hosted/vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/report.h"
#include "hal/hosted/vdev.h"

#define SPACE (1ul << 36)	/* guest addresses that we can map */
#define QUEUES 2		/* rx, tx */
#define REGIONS 8
#define F_PROTOCOL_FEATURES (1ul << 30)
#define PROTOCOL_F_CONFIG (1ul << 9)
#define FLAG_VERSION 1u
#define FLAG_REPLY 4u
#define NO_FD 0x100ul		/* in the argument of KICK and CALL */

enum {
	GET_FEATURES = 1, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE,
	SET_VRING_NUM = 8, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK,
	SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES,
	SET_VRING_ENABLE = 18, GET_CONFIG = 24,
};

struct region {
	u64 guest, size, user, offset;
};

struct message {
	u32 request, flags, size;
	union {
		u64 number;
		struct { u32 index, value; } vring;
		struct { u32 index, flags; u64 desc, used, avail, log; } addr;
		struct { u32 count, pad; struct region region[REGIONS]; } mem;
		struct { u32 offset, size, flags; u8 data[256]; } config;
	};
} __attribute__((packed));

static struct {
	struct machine m;
	uv_loop_t loop;
	uv_poll_t poll;
	uv_poll_t *kick[QUEUES];
	int sock;
	int kick_fd[QUEUES], call_fd[QUEUES];
	struct region region[REGIONS];
	u32 regions;
} vu;

static void irq(struct machine *m, u32 dev)
{
	u64 one = 1;

	(void)m;
	(void)dev;
	for (int i = 0; i < QUEUES; i++)
		if (vu.call_fd[i] >= 0 && write(vu.call_fd[i], &one, sizeof(one)) < 0)
			continue;	/* it is full: QEMU has enough to do */
}

static struct hosted_dev *device(void)
{
	return &vu.m.shared->dev[0];
}

/* ---- memory ---- */

static bool map_regions(const struct message *msg, const int *fds, u32 nr_fds)
{
	void *zeroes = mmap(vu.m.mem, SPACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			    MAP_NORESERVE | MAP_FIXED, -1, 0);

	if (zeroes == MAP_FAILED || msg->mem.count > REGIONS || msg->mem.count != nr_fds)
		return false;
	vu.regions = msg->mem.count;
	for (u32 i = 0; i < vu.regions; i++) {
		struct region r = msg->mem.region[i];

		if (r.guest > SPACE || r.size > SPACE - r.guest ||
		    mmap(vu.m.mem + r.guest, r.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fds[i], r.offset) == MAP_FAILED)
			return false;
		vu.region[i] = r;
	}
	return true;
}

/* QEMU's address as the guest's; one that is nowhere stays nowhere. */
static u64 guest_address(u64 user)
{
	for (u32 i = 0; i < vu.regions; i++)
		if (user - vu.region[i].user < vu.region[i].size)
			return user - vu.region[i].user + vu.region[i].guest;
	return ~0ul;
}

/* ---- queues ---- */

static void serve(u32 queues)
{
	__atomic_or_fetch(&device()->notify, queues, __ATOMIC_SEQ_CST);
	vdev_serve(&vu.m, HOSTED_BELL_IO);
}

static void on_kick(uv_poll_t *poll, int status, int events)
{
	u32 q = (u32)(uintptr_t)poll->data;
	u64 count;

	(void)status;
	(void)events;
	if (read(vu.kick_fd[q], &count, sizeof(count)) == sizeof(count))
		serve(1u << q);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void stop_queue(u32 q)
{
	if (vu.kick[q]) {
		uv_poll_stop(vu.kick[q]);
		uv_close((uv_handle_t *)vu.kick[q], free_handle);
		close(vu.kick_fd[q]);
	}
	vu.kick[q] = NULL;
	__atomic_store_n(&device()->queue[q].ready, 0, __ATOMIC_SEQ_CST);
}

/* The driver's next start finds the device as new. */
static void reset_device(void)
{
	__atomic_add_fetch(&device()->reset, 1, __ATOMIC_SEQ_CST);
	vdev_serve(&vu.m, HOSTED_BELL_IO);
}

static bool start_queue(u32 q, int fd)
{
	stop_queue(q);
	vu.kick[q] = calloc(1, sizeof(*vu.kick[q]));
	if (!vu.kick[q] || uv_poll_init(&vu.loop, vu.kick[q], fd))
		return false;
	vu.kick_fd[q] = fd;
	vu.kick[q]->data = (void *)(uintptr_t)q;
	uv_poll_start(vu.kick[q], UV_READABLE, on_kick);
	__atomic_store_n(&device()->queue[q].ready, 1, __ATOMIC_SEQ_CST);
	serve(1u << q);
	return true;
}

static void set_call(u32 q, int fd)
{
	if (vu.call_fd[q] >= 0)
		close(vu.call_fd[q]);
	vu.call_fd[q] = fd;
	if (fd >= 0)
		irq(&vu.m, 0);		/* what it may have missed */
}

/* ---- messages ---- */

static bool reply(struct message *msg, u32 size)
{
	msg->flags = FLAG_VERSION | FLAG_REPLY;
	msg->size = size;
	return write(vu.sock, msg, 12 + size) == 12 + (ssize_t)size;
}

static bool queue_message(struct message *msg, int fd)
{
	u32 q = msg->request == SET_VRING_KICK || msg->request == SET_VRING_CALL ?
		(u32)(msg->number & 0xff) : msg->vring.index;
	struct hosted_queue *hq;

	if (q >= QUEUES)
		return false;
	hq = &device()->queue[q];
	switch (msg->request) {
	case SET_VRING_NUM:
		hq->size = msg->vring.value;
		return true;
	case SET_VRING_ADDR:
		hq->desc = guest_address(msg->addr.desc);
		hq->avail = guest_address(msg->addr.avail);
		hq->used = guest_address(msg->addr.used);
		return true;
	case SET_VRING_BASE:
		return msg->vring.value == 0;
	case GET_VRING_BASE:
		if (q == 0) {
			serve(1u << 1);		/* what the guest has sent still counts */
			reset_device();
		}
		stop_queue(q);
		msg->vring.value = 0;
		return reply(msg, sizeof(msg->vring));
	case SET_VRING_KICK:
		return fd >= 0 && start_queue(q, fd);
	case SET_VRING_CALL:
		set_call(q, msg->number & NO_FD ? -1 : fd);
		return true;
	}
	return true;		/* SET_VRING_ENABLE: a kick starts a queue */
}

static bool config_message(struct message *msg)
{
	u32 size = msg->config.size;

	if (msg->config.offset || size > device()->config_size)
		return false;
	memcpy(msg->config.data, device()->config, size);
	return reply(msg, 12 + size);
}

/* False: not by the protocol. Descriptors that are kept are taken out of fds. */
static bool handle(struct message *msg, int *fds, u32 nr_fds)
{
	int fd = -1;

	switch (msg->request) {
	case GET_FEATURES:
		msg->number = device()->features | F_PROTOCOL_FEATURES;
		return reply(msg, sizeof(msg->number));
	case GET_PROTOCOL_FEATURES:
		msg->number = PROTOCOL_F_CONFIG;
		return reply(msg, sizeof(msg->number));
	case SET_MEM_TABLE:
		return map_regions(msg, fds, nr_fds);
	case SET_VRING_KICK:
	case SET_VRING_CALL:
		if (nr_fds) {
			fd = fds[0];
			fds[0] = -1;
		}
		return queue_message(msg, fd);
	case SET_VRING_NUM:
	case SET_VRING_ADDR:
	case SET_VRING_BASE:
	case GET_VRING_BASE:
	case SET_VRING_ENABLE:
		return queue_message(msg, -1);
	case GET_CONFIG:
		return config_message(msg);
	}
	return true;		/* what changes nothing here */
}

/* One message with its descriptors; false: none any more, or nonsense. */
static bool receive(struct message *msg, int *fds, u32 *nr_fds)
{
	char control[CMSG_SPACE(REGIONS * sizeof(int))];
	struct iovec iov = { msg, 12 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	*nr_fds = 0;
	memset(msg, 0, sizeof(*msg));
	if (recvmsg(vu.sock, &m, MSG_WAITALL) != 12)
		return false;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*nr_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *nr_fds * sizeof(int));
	}
	return msg->size <= sizeof(*msg) - 12 && (!msg->size ||
	       recv(vu.sock, (u8 *)msg + 12, msg->size, MSG_WAITALL) == (ssize_t)msg->size);
}

static void on_message(uv_poll_t *poll, int status, int events)
{
	struct message msg;
	int fds[REGIONS];
	u32 nr_fds;
	bool good;

	(void)poll;
	(void)status;
	(void)events;
	good = receive(&msg, fds, &nr_fds) && handle(&msg, fds, nr_fds);
	for (u32 i = 0; i < nr_fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (!good)
		uv_stop(&vu.loop);
}

/* ---- the process ---- */

static void __attribute__((noreturn)) serve_qemu(void)
{
	static const int ignored[] = { SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGTSTP };

	int null = open("/dev/null", O_RDWR);

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);	/* it ends with QEMU */
	dup2(null, STDIN_FILENO);		/* the program's streams are not ours */
	dup2(null, STDOUT_FILENO);
	if (uv_loop_init(&vu.loop) || uv_poll_init(&vu.loop, &vu.poll, vu.sock))
		_exit(1);
	fcntl(vu.sock, F_SETFL, 0);		/* messages are read whole */
	vsock_start(&vu.loop);
	uv_poll_start(&vu.poll, UV_READABLE, on_message);
	if (!sandbox_enter(true))
		_exit(1);
	uv_run(&vu.loop, UV_RUN_DEFAULT);
	vsock_drain(true);
	_exit(0);
}

pid_t vhost_user_start(const char *path, u32 cid, int *fd)
{
	int pair[2];
	pid_t pid;

	for (int i = 0; i < QUEUES; i++)
		vu.call_fd[i] = -1;
	vu.m.irq = irq;
	vu.m.shared = calloc(1, sizeof(*vu.m.shared));
	vu.m.mem_size = SPACE;
	vu.m.mem = mmap(NULL, SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!vu.m.shared || vu.m.mem == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		report_errno("cannot make the socket device", errno, NULL);
		return -1;
	}
	if (!vsock_create(&vu.m, path, cid))
		return -1;
	vu.sock = pair[0];
	pid = fork();
	if (pid == 0) {
		close(pair[1]);
		serve_qemu();
	}
	close(pair[0]);
	fcntl(pair[1], F_SETFD, 0);		/* QEMU inherits it */
	if (pid < 0)
		report_errno("cannot start the socket device", errno, "see `ulimit -u`");
	*fd = pair[1];
	return pid;
}
