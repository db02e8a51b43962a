/* SPDX-License-Identifier: MIT */
/*
 * Non-blocking streams; see stream.h. Anonymous pipes and terminals are opened
 * a second time with O_NONBLOCK (/proc/self/fd), sockets have MSG_DONTWAIT.
 * Where that fails, poll() says when a read has something and when a write of
 * a pipe's atomic size will not block.
 */
#define _GNU_SOURCE
#include "hal/hosted/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A named fifo is not opened again: its reader would miss an end of file that
 * has already come. */
static bool is_anonymous_pipe(int fd)
{
	char link[64], target[16];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target));
	return n > 5 && !memcmp(target, "pipe:", 5);
}

void stream_open(struct stream *s, int fd, bool write)
{
	struct stat st;
	char name[64];

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	if (fd < 0 || fstat(fd, &st))
		return;
	s->socket = S_ISSOCK(st.st_mode);
	s->write = write;
	s->pollable = !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISBLK(st.st_mode);
	if ((S_ISCHR(st.st_mode) && isatty(fd)) ||
	    (S_ISFIFO(st.st_mode) && is_anonymous_pipe(fd))) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		s->fd = open(name, (write ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY |
			     O_CLOEXEC);
		s->nonblock = s->fd >= 0;
	}
	if (s->fd < 0)
		s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct stream *s = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	s->waiting = false;
	s->ready(s->arg);
}

void stream_start(struct stream *s, uv_loop_t *loop, void (*ready)(void *), void *arg)
{
	int flags;

	s->ready = ready;
	s->arg = arg;
	if (s->fd < 0 || !s->pollable)
		return;
	flags = fcntl(s->fd, F_GETFL);
	if (uv_poll_init(loop, &s->poll, s->fd)) {	/* EPERM: always ready */
		s->pollable = false;
		return;
	}
	/* libuv makes the open file non-blocking; if others share it, undo. */
	if (!s->nonblock && flags >= 0)
		fcntl(s->fd, F_SETFL, flags);
	s->poll.data = s;
}

void stream_wait(struct stream *s)
{
	if (s->waiting || s->fd < 0)
		return;
	s->waiting = true;
	uv_poll_start(&s->poll, s->write ? UV_WRITABLE : UV_READABLE, on_poll);
}

static bool poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) > 0;
}

ssize_t stream_readv(struct stream *s, const struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ssize_t n;

	do {
		if (s->socket)
			n = recvmsg(s->fd, &msg, MSG_DONTWAIT);
		else if (s->pollable && !s->nonblock && !poll_now(s->fd, POLLIN))
			return -EAGAIN;
		else
			n = readv(s->fd, iov, count);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ssize_t n;

	do {
		if (s->socket) {
			n = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		} else if (s->pollable && !s->nonblock) {
			if (!poll_now(s->fd, POLLOUT))
				return -EAGAIN;
			n = write(s->fd, iov->iov_base, iov->iov_len < PIPE_BUF ? iov->iov_len :
				  PIPE_BUF);
		} else {
			n = writev(s->fd, iov, count);
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

void stream_wait_writable(struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	poll(&p, 1, -1);
}
