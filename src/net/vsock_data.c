/* SPDX-License-Identifier: MIT */
/*
 * AF_VSOCK sockets: the bytes, and poll.
 *
 * Received bytes lie in a queue of pages, as they came from the transport. Few bytes
 * are copied behind those of the last page, so two neighbours together are more than
 * half a page: a queue takes at most twice the memory of its bytes, and those the credit
 * limits. A read frees the pages that it empties, and tells the peer when much was taken.
 *
 * A send copies up to VSOCK_PACKET_MAX bytes into fresh pages, and then gives them to the
 * transport, or takes all back if there is no credit or room any more.
 *
 * rx_lock and tx_lock are held while bytes are copied from or to user memory, never while
 * waiting for bytes or credit. What comes in meanwhile goes to the end of the queue.
 *
 * The order of the checks, and poll's idea of a closed socket, are Linux's.
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "net/vsock_impl.h"

#define MERGE_MAX (PAGE_SIZE / 2)
#define TELL_BELOW 65536u	/* credit that the peer should see */

/* ---- the queue ---- */

void vsock_fifo_push(struct vsock_fifo *q, struct list_head *list)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, list, lru) {
		struct page *last = list_empty(&q->pages) ? NULL :
				    list_last(&q->pages, struct page, lru);
		u64 size = page->index;

		q->bytes += (u32)size;
		if (last && size <= MERGE_MAX && last->index + size <= PAGE_SIZE) {
			memcpy((u8 *)page_to_virt(last) + last->index, page_to_virt(page), size);
			last->index += size;
		} else {
			list_move_tail(&page->lru, &q->pages);
		}
	}
}

static void drop_first(struct vsock_fifo *q)
{
	struct page *page = list_first(&q->pages, struct page, lru);

	list_del(&page->lru);
	page_put(page);
	q->first_offset = 0;
}

void vsock_fifo_clear(struct vsock_fifo *q)
{
	while (!list_empty(&q->pages))
		drop_first(q);
	q->bytes = 0;
}

/* Up to `size` bytes to uio; less on a fault or when there are no more. Sleeps. */
static size_t fifo_take(struct vsock_fifo *q, struct uio *uio, size_t size)
{
	size_t done = 0, n, got;

	while (done < size && q->bytes) {
		struct page *page = list_first(&q->pages, struct page, lru);

		n = min(size - done, page->index - q->first_offset);
		got = uio_copy_to(uio, (u8 *)page_to_virt(page) + q->first_offset, n);
		done += got;
		q->bytes -= (u32)got;
		q->first_offset += (u32)got;
		if (q->first_offset == page->index)
			drop_first(q);
		if (got < n)
			break;
	}
	return done;
}

static size_t fifo_peek(struct vsock_fifo *q, struct uio *uio, size_t size)
{
	u64 offset = q->first_offset;
	size_t done = 0, n, got;
	struct page *page;

	list_for_each_entry(page, &q->pages, lru) {
		n = min(size - done, page->index - offset);
		got = uio_copy_to(uio, (u8 *)page_to_virt(page) + offset, n);
		done += got;
		if (got < n || done == size)
			break;
		offset = 0;
	}
	return done;
}

/* ---- receiving ---- */

/* Tells the peer what was taken, when it may be waiting for it. */
static void tell_credit(struct vsock *vs)
{
	u32 untold = vs->fwd_count - vs->told_fwd_count, alloc = vsock_buf_alloc(vs);
	u32 seen = alloc > untold ? alloc - untold : 0;

	if (untold && seen < max(TELL_BELOW, vs->sock.rcvlowat) &&
	    vs->state == VSOCK_ESTABLISHED && !vs->done)
		vsock_owe(vs, OWE_CREDIT);
}

static ssize_t receive(struct vsock *vs, struct sock_msg *m)
{
	size_t want = m->uio->resid, n;

	mutex_lock(&vs->rx_lock);
	if (m->flags & MSG_PEEK) {
		n = fifo_peek(&vs->rx, m->uio, want);
	} else {
		n = fifo_take(&vs->rx, m->uio, want);
		vs->fwd_count += (u32)n;
	}
	mutex_unlock(&vs->rx_lock);
	tell_credit(vs);
	return (ssize_t)n;
}

static bool readable(const struct vsock *vs)
{
	return vs->rx.bytes || vs->sock.error || (vs->sock.shutdown & SHUTDOWN_RECV) ||
	       (vs->peer_shutdown & SHUTDOWN_SEND);
}

/* Reads until target bytes, the end, or an error. */
static ssize_t receive_all(struct vsock *vs, struct sock_msg *m, size_t target)
{
	struct socket *s = &vs->sock;
	u64 deadline = sock_deadline(s->rcvtimeo_ns, m->flags & MSG_DONTWAIT);
	size_t done = 0;
	ssize_t n, err = 0;

	while (done < target) {
		err = sock_wait_event(s, readable(vs), deadline);
		if (err || !vs->rx.bytes)
			break;
		n = receive(vs, m);
		if (!n && vs->rx.bytes)
			err = -EFAULT;
		done += (size_t)n;
		if (err || (n && (m->flags & MSG_PEEK)))
			break;
	}
	if (done)
		return (ssize_t)done;
	if (s->error)
		return -s->error;
	return s->shutdown & SHUTDOWN_RECV ? 0 : err;
}

ssize_t vsock_recvmsg(struct socket *s, struct sock_msg *m)
{
	struct vsock *vs = to_vsock(s);
	size_t size = m->uio->resid, target;

	if (m->flags & MSG_ERRQUEUE)
		return -EAGAIN;		/* it is empty */
	if (vs->state != VSOCK_ESTABLISHED)
		return vs->done ? 0 : -ENOTCONN;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if ((s->shutdown & SHUTDOWN_RECV) || !size)
		return 0;
	target = m->flags & MSG_WAITALL ? size : min(size, (size_t)s->rcvlowat);
	if (target >= vs->buffer_size)
		return -ENOMEM;
	return receive_all(vs, m, target);
}

/* ---- sending ---- */

/* At least one page for `size` bytes; their number, 0: no memory. */
static u32 alloc_run(size_t size, struct page **run)
{
	u32 order = 0;

	while (order < RUN_ORDER && PAGE_SIZE << order < size)
		order++;
	*run = page_alloc(order, ALLOC_USER);
	if (!*run && order) {
		order = 0;
		*run = page_alloc(0, ALLOC_USER);
	}
	if (!*run)
		return 0;
	page_split(*run, order);
	return 1u << order;
}

static void put_pages(struct page *run, u32 from, u32 to)
{
	for (; from < to; from++)
		page_put(&run[from]);
}

/* One packet of what uio has. Bytes, -EAGAIN: the credit or the room went meanwhile. */
static ssize_t send_packet(struct vsock *vs, struct uio *uio)
{
	size_t size = min_t(size_t, uio->resid, min(vsock_credit(vs), VSOCK_PACKET_MAX)), n;
	struct page *run;
	u32 pages = alloc_run(size, &run), used;
	int err;

	if (!pages)
		return -ENOMEM;
	n = uio_copy_from(uio, page_to_virt(run), min(size, pages * PAGE_SIZE));
	used = (u32)DIV_ROUND_UP(n, PAGE_SIZE);
	put_pages(run, used, pages);
	if (!n)
		return -EFAULT;
	err = vs->state == VSOCK_ESTABLISHED ? vsock_send_data(vs, run, used, (u32)n) : -EAGAIN;
	if (err) {
		put_pages(run, 0, used);
		uio_revert(uio, n);
		return err;
	}
	return (ssize_t)n;
}

static bool sendable(struct vsock *vs)
{
	const struct socket *s = &vs->sock;

	return s->error || (s->shutdown & SHUTDOWN_SEND) || (vs->peer_shutdown & SHUTDOWN_RECV) ||
	       vs->state != VSOCK_ESTABLISHED || vsock_can_send(vs);
}

static ssize_t send_all(struct vsock *vs, struct sock_msg *m)
{
	struct socket *s = &vs->sock;
	u64 deadline = sock_deadline(s->sndtimeo_ns, m->flags & MSG_DONTWAIT);
	ssize_t n = 0, done = 0;

	while (m->uio->resid) {
		n = sock_wait_event(s, sendable(vs), deadline);
		if (n)
			break;
		if (s->error)
			n = -s->error;
		else if ((s->shutdown & SHUTDOWN_SEND) || (vs->peer_shutdown & SHUTDOWN_RECV))
			n = -EPIPE;
		else if (vs->state != VSOCK_ESTABLISHED)
			n = -ENOTCONN;
		if (n)
			break;
		mutex_lock(&vs->tx_lock);
		n = vsock_credit(vs) ? send_packet(vs, m->uio) : -EAGAIN;
		mutex_unlock(&vs->tx_lock);
		if (n == -EAGAIN)
			continue;
		if (n < 0)
			break;
		done += n;
	}
	return done ? done : n;
}

ssize_t vsock_sendmsg(struct socket *s, struct sock_msg *m)
{
	struct vsock *vs = to_vsock(s);
	ssize_t n;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->name_len)
		return vs->state == VSOCK_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
	if ((s->shutdown & SHUTDOWN_SEND) || (vs->peer_shutdown & SHUTDOWN_RECV))
		n = -EPIPE;
	else if (vs->state != VSOCK_ESTABLISHED)
		n = -ENOTCONN;
	else
		n = send_all(vs, m);
	return sock_stream_result(s, m, n);
}

/* ---- poll ---- */

u32 vsock_poll(struct socket *s)
{
	struct vsock *vs = to_vsock(s);
	bool send_shut = s->shutdown & SHUTDOWN_SEND, recv_shut = s->shutdown & SHUTDOWN_RECV;
	bool peer_ended = vs->peer_shutdown & SHUTDOWN_SEND;
	u32 mask = 0;

	if (s->error)
		mask |= POLLERR;
	if (s->shutdown == SHUTDOWN_BOTH || (send_shut && peer_ended))
		mask |= POLLHUP;
	if (recv_shut || peer_ended)
		mask |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (vs->state == VSOCK_LISTENING && !list_empty(&vs->accept_queue))
		mask |= POLLIN | POLLRDNORM;
	if (vs->transport && !recv_shut && vs->rx.bytes >= s->rcvlowat)
		mask |= POLLIN | POLLRDNORM;
	if (send_shut)
		return mask;
	if (vs->state == VSOCK_CLOSED || vs->state == VSOCK_CLOSING ||
	    (vs->state == VSOCK_ESTABLISHED && vsock_can_send(vs)))
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}
