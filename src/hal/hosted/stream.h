/* SPDX-License-Identifier: MIT */
/*
 * A host descriptor as the event loop wants it: reads and writes that do not
 * block, whatever it is, without changing the flags of an open file that other
 * programs share with us.
 */
#ifndef HYLA_HAL_HOSTED_STREAM_H
#define HYLA_HAL_HOSTED_STREAM_H

#include <sys/uio.h>
#include <uv.h>

#include "hal/hosted/host_types.h"

struct stream {
	int fd;			/* our own copy; -1: none */
	bool pollable;		/* else it is always ready: files, /dev/null */
	bool nonblock;		/* an open file of our own, O_NONBLOCK */
	bool socket;
	bool write;
	bool waiting;		/* poll handle is active */
	uv_poll_t poll;
	void (*ready)(void *arg);
	void *arg;
};

/* fd stays the caller's. */
void stream_open(struct stream *s, int fd, bool write);
/* ready(arg) is called once per stream_wait(). */
void stream_start(struct stream *s, uv_loop_t *loop, void (*ready)(void *), void *arg);
void stream_wait(struct stream *s);
/* As readv and writev, but -errno; -EAGAIN instead of blocking. */
ssize_t stream_readv(struct stream *s, const struct iovec *iov, int count);
ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count);
/* Blocks until a write will do something. */
void stream_wait_writable(struct stream *s);

#endif
