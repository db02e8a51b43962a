/* SPDX-License-Identifier: MIT */
/*
 * The host's side of the socket device: Unix stream sockets; see vsock.c.
 *
 * All of them are in one epoll descriptor, which the loop watches. A socket is in it
 * only while something is wanted of it, so one that has hung up does not spin.
 *
 * A host program that connects to PATH says "CONNECT PORT\n"; its line is read byte for
 * byte, for what follows is the guest's. Anything else closes the connection.
 *
 * PATH is made here and removed at the end. It may not be there before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hal/hosted/report.h"
#include "hal/hosted/vsock.h"

#define BUDGET 16		/* reads of one connection before others get a turn */
#define EVENTS 32
#define PATIENCE_MS 5000	/* for a reader who takes nothing, at the end */
#define PORT_DIGITS 10

static struct {
	const char *path;
	pid_t owner;		/* who made PATH */
	int listener, epoll;
	uv_poll_t poll;
	struct conn *conn[CONNS_MAX];
	u32 nr_conns;
	bool deaf;		/* no descriptor was left for accept */
} host;

/* The listener in or out of the epoll descriptor. */
static void listen_more(bool on)
{
	struct epoll_event ev = { .events = EPOLLIN };

	host.deaf = !on;
	epoll_ctl(host.epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, host.listener, &ev);
}

/* ---- the table ---- */

u32 host_conn_count(void)
{
	return host.nr_conns;
}

struct conn *host_conn_nth(u32 i)
{
	return host.conn[i];
}

struct conn *host_conn_new(int fd, enum conn_state state)
{
	struct conn *c = host.nr_conns < CONNS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->fd = fd;
	c->state = state;
	host.conn[host.nr_conns++] = c;
	return c;
}

static void watch(struct conn *c, u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };
	int op = !c->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (c->fd < 0 || c->events == events)
		return;
	epoll_ctl(host.epoll, op, c->fd, &ev);
	c->events = events;
}

static void close_fd(struct conn *c)
{
	if (c->fd < 0)
		return;
	watch(c, 0);
	close(c->fd);
	c->fd = -1;
	if (host.deaf)
		listen_more(true);
}

void host_conn_free(struct conn *c)
{
	for (u32 i = 0; i < host.nr_conns; i++) {
		if (host.conn[i] == c) {
			host.conn[i] = host.conn[--host.nr_conns];
			break;
		}
	}
	close_fd(c);
	free(c->buffer);
	free(c);
}

void host_update(struct conn *c)
{
	u32 events = 0;

	if (c->state == CONN_LINE)
		events = EPOLLIN;
	else if (c->state == CONN_OPEN && !c->ended && vsock_room(c))
		events = EPOLLIN;
	if (c->count)
		events |= EPOLLOUT;
	watch(c, events);
}

/* ---- to the host ---- */

/* Nobody there any more, or what is left is not wanted. */
static void host_gone(struct conn *c)
{
	close_fd(c);
	c->ended = true;
	c->count = 0;
	if (c->state == CONN_OPEN)
		vsock_owe_shutdown(c, SHUT_BOTH);
}

static ssize_t send_iov(struct conn *c, const struct iovec *iov, int count)
{
	struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ssize_t n;

	if (c->fd < 0)
		return -EPIPE;
	do
		n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

static void taken(struct conn *c, u32 size)
{
	c->taken += size;
	if (c->taken - c->told_taken >= BUFFER / 4 && c->state == CONN_OPEN)
		vsock_owe(c, OP_CREDIT_UPDATE);
}

/* Puts the rest of a packet behind what waits. */
static void store(struct conn *c, const struct iovec *iov, int count, size_t skip, size_t size)
{
	u32 at = (c->first + c->count) % BUFFER, part = BUFFER - at;

	if (part > size)
		part = size;
	iov_get(iov, count, skip, c->buffer + at, part);
	iov_get(iov, count, skip + part, c->buffer, size - part);
	c->count += size;
}

bool host_write(struct conn *c, const struct iovec *iov, int count, size_t size)
{
	ssize_t n = 0;

	if (size > BUFFER - c->count)
		return false;
	if (!c->count && size) {
		n = send_iov(c, iov, count);
		if (n < 0) {
			host_gone(c);
			n = size;	/* goes nowhere */
		}
	}
	if ((size_t)n < size) {
		if (!c->buffer)
			c->buffer = malloc(BUFFER);
		if (!c->buffer)
			return false;
		store(c, iov, count, n, size - n);
	}
	taken(c, n);
	return true;
}

/* Writes what waits; false when c is gone. */
static bool flush(struct conn *c)
{
	struct iovec iov[2];
	ssize_t n;
	u32 part = BUFFER - c->first;

	if (part > c->count)
		part = c->count;
	iov[0] = (struct iovec){ c->buffer + c->first, part };
	iov[1] = (struct iovec){ c->buffer, c->count - part };
	n = send_iov(c, iov, 2);
	if (n < 0) {
		n = c->count;
		host_gone(c);
	} else {
		c->first = (c->first + n) % BUFFER;
		c->count -= n;
	}
	taken(c, n);
	if (!c->count && c->state == CONN_FLUSHING) {
		vsock_end(c, true);
		return false;
	}
	if (!c->count)
		host_shutdown(c);
	return true;
}

void host_shutdown(struct conn *c)
{
	if (c->fd < 0)
		return;
	if (c->guest_shut & SHUT_RECV) {
		shutdown(c->fd, SHUT_RD);
		c->ended = true;
	}
	if ((c->guest_shut & SHUT_SEND) && !c->count)
		shutdown(c->fd, SHUT_WR);
}

void host_accepted(struct conn *c)
{
	char line[32];
	struct iovec iov = { line, snprintf(line, sizeof(line), "OK %u\n", c->host_port) };

	if (send_iov(c, &iov, 1) != (ssize_t)iov.iov_len)
		host_gone(c);
	host_update(c);
}

struct conn *host_connect(u32 port)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct conn *c;
	int fd;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s_%u", host.path, port);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	c = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) ? NULL : host_conn_new(fd, CONN_OPEN);
	if (!c)
		close(fd);
	return c;
}

/* ---- from the host ---- */

/* The port of a whole line, or -1. */
static s64 parse_line(const char *line)
{
	char *end;
	u64 port;

	if (strncmp(line, "CONNECT ", 8) || line[8] < '0' || line[8] > '9')
		return -1;
	port = strtoul(line + 8, &end, 10);
	return *end || end - (line + 8) > PORT_DIGITS || port >= ~0u ? -1 : (s64)port;
}

static void read_line(struct conn *c)
{
	s64 port;
	ssize_t n;

	do {
		n = recv(c->fd, &c->line[c->line_size], 1, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || c->line_size == LINE_MAX_SIZE - 1) {
			host_conn_free(c);
			return;
		}
	} while (c->line[c->line_size++] != '\n');
	c->line[c->line_size - 1] = 0;
	port = parse_line(c->line);
	if (port < 0) {
		host_conn_free(c);
		return;
	}
	c->guest_port = port;
	vsock_ask_guest(c);
	host_update(c);
}

/* The host sends no more; if it has closed all of it, it reads no more either. */
static void ended(struct conn *c)
{
	struct pollfd p = { .fd = c->fd };

	c->ended = true;
	if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR) && !c->count)
		host_gone(c);
	else
		vsock_owe_shutdown(c, SHUT_SEND);
}

static void read_data(struct conn *c)
{
	static struct iovec iov[VCHAIN_MAX];
	ssize_t n;
	u32 room;

	for (int i = 0; i < BUDGET && !c->ended; i++) {
		struct msghdr m = { .msg_iov = iov };

		room = vsock_room(c);
		if (!room)
			return;
		m.msg_iovlen = vsock_rx_iov(room, iov);
		n = recvmsg(c->fd, &m, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			vsock_rx_push(c, n);
		else if (n == 0)
			ended(c);
		else
			host_gone(c);
	}
}

static void on_conn(struct conn *c, u32 events)
{
	if (c->count && events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && !flush(c))
		return;
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && c->fd >= 0) {
		if (c->state == CONN_LINE) {
			read_line(c);		/* c may be gone */
			return;
		}
		if (c->state == CONN_OPEN)
			read_data(c);
	}
	host_update(c);
}

static void accept_all(void)
{
	struct conn *c;
	int fd;

	while ((fd = accept4(host.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		c = host_conn_new(fd, CONN_LINE);
		if (c)
			host_update(c);
		else
			close(fd);
	}
	if ((errno == EMFILE || errno == ENFILE) && host.nr_conns)
		listen_more(false);	/* until one of them ends */
}

/* An event may free its own connection and no other one. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(host.epoll, ev, EVENTS, 0);

	(void)poll;
	(void)status;
	(void)events;
	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr)
			on_conn(ev[i].data.ptr, ev[i].events);
		else
			accept_all();
	}
}

/* ---- beginning and end ---- */

static void remove_path(void)
{
	if (host.path && getpid() == host.owner)
		unlinkat(AT_FDCWD, host.path, 0);
	host.path = NULL;
}

bool host_listen(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) + 1 + PORT_DIGITS >= sizeof(sun.sun_path)) {
		report(path, "too long a name for a Unix socket", "--vsock wants a shorter one");
		return false;
	}
	strcpy(sun.sun_path, path);
	host.epoll = epoll_create1(EPOLL_CLOEXEC);
	host.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (host.epoll < 0 || host.listener < 0 ||
	    bind(host.listener, (struct sockaddr *)&sun, sizeof(sun))) {
		report(path, errno == EADDRINUSE ? "it exists already" : strerror(errno),
		       "--vsock makes a Unix socket of that name, and removes it at the end");
		return false;
	}
	host.path = path;
	host.owner = getpid();
	atexit(remove_path);
	if (listen(host.listener, 128)) {
		report_errno(path, errno, NULL);
		return false;
	}
	listen_more(true);
	return true;
}

void host_start(uv_loop_t *loop)
{
	uv_poll_init(loop, &host.poll, host.epoll);
	uv_poll_start(&host.poll, UV_READABLE, on_poll);
}

/* Does the host take more, sooner or later? */
static bool writable(const struct conn *c, bool patient)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	int n;

	do	/* the processes of the machine are dying: SIGCHLD */
		n = poll(&p, 1, patient ? PATIENCE_MS : 0);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

void host_finish(bool patient)
{
	while (host.nr_conns) {
		struct conn *c = host.conn[host.nr_conns - 1];

		c->state = CONN_FLUSHING;
		if (c->count && c->fd >= 0 && writable(c, patient)) {
			flush(c);	/* frees it with the last byte */
			continue;
		}
		patient &= !c->count || c->fd < 0;	/* one such reader is enough */
		host_conn_free(c);
	}
	remove_path();
}
