/* SPDX-License-Identifier: MIT */
/* Devices and their rings, device end; see vdev.h for the rules. */
#define _GNU_SOURCE
#include "hal/hosted/vdev.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hal/hosted/report.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { AVAIL_NO_INTERRUPT = 1 };

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

static struct vdev *devices[HOSTED_DEVS];

struct vdev *vdev_add(struct machine *m, const struct vdev_config *config,
		      const struct vdev_ops *ops, void *data)
{
	u32 nr = m->shared->nr_devs;
	struct hosted_dev *hd;
	struct vdev *dev;

	if (nr >= HOSTED_DEVS) {
		report("too many devices", NULL, "use fewer --bind options");
		return NULL;
	}
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return NULL;
	hd = &m->shared->dev[nr];
	hd->id = config->id;
	hd->nr_queues = config->nr_queues;
	hd->queue_max = HOSTED_QUEUE_MAX;
	hd->bell = config->bell;
	hd->features = config->features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC;
	hd->config_size = config->config_size;
	memcpy(hd->config, config->config, config->config_size);
	dev->m = m;
	dev->hd = hd;
	dev->nr = nr;
	dev->ops = ops;
	dev->data = data;
	devices[nr] = dev;
	m->shared->nr_devs = nr + 1;
	return dev;
}

static void break_device(struct vdev *dev)
{
	dev->broken = true;
	__atomic_or_fetch(&dev->hd->status, VIRTIO_NEEDS_RESET, __ATOMIC_SEQ_CST);
	machine_irq(dev->m, dev->nr);
}

/* Guest memory [pa, pa + size), or NULL. */
static u8 *guest(struct vdev *dev, u64 pa, u64 size)
{
	if (pa > dev->m->mem_size || size > dev->m->mem_size - pa)
		return NULL;
	return dev->m->mem + pa;
}

static bool queue_open(struct vdev *dev, u32 nr)
{
	struct hosted_queue hq = dev->hd->queue[nr];
	struct vqueue *q = &dev->q[nr];

	if (!hq.size || hq.size > HOSTED_QUEUE_MAX || hq.size & (hq.size - 1))
		return false;
	q->desc = guest(dev, hq.desc, hq.size * sizeof(struct desc));
	q->avail = guest(dev, hq.avail, 6 + 2ul * hq.size);
	q->used = guest(dev, hq.used, 6 + 8ul * hq.size);
	if (!q->desc || !q->avail || !q->used || hq.desc & 15 || hq.avail & 1 || hq.used & 3)
		return false;
	q->size = hq.size;
	q->last_avail = 0;
	q->used_idx = 0;
	q->live = true;
	return true;
}

static struct vqueue *live_queue(struct vdev *dev, u32 nr)
{
	struct vqueue *q = &dev->q[nr];

	if (dev->broken || nr >= dev->hd->nr_queues)
		return NULL;
	if (q->live)
		return q;
	if (!__atomic_load_n(&dev->hd->queue[nr].ready, __ATOMIC_SEQ_CST))
		return NULL;
	if (!queue_open(dev, nr)) {
		break_device(dev);
		return NULL;
	}
	return q;
}

static u16 load16(const u8 *p)
{
	return __atomic_load_n((const u16 *)p, __ATOMIC_ACQUIRE);
}

bool vq_ready(struct vdev *dev, u32 nr)
{
	struct vqueue *q = live_queue(dev, nr);

	return q && load16(q->avail + 2) != q->last_avail;
}

static bool add_desc(struct vdev *dev, struct vchain *c, const struct desc *d)
{
	u8 *p = guest(dev, d->addr, d->len);

	if (!p || c->nr_in + c->nr_out >= VCHAIN_MAX)
		return false;
	if (d->flags & DESC_WRITE) {
		c->in[c->nr_in++] = (struct iovec){ p, d->len };
		c->in_size += d->len;
	} else {
		if (c->nr_in)	/* readable ones come first */
			return false;
		c->out[c->nr_out++] = (struct iovec){ p, d->len };
		c->out_size += d->len;
	}
	return true;
}

static bool walk_chain(struct vdev *dev, struct vqueue *q, struct vchain *c)
{
	const u8 *table = q->desc;
	u32 count = q->size, at = c->head, links = 0;
	bool indirect = false;
	struct desc d;

	for (;;) {
		if (at >= count || links++ >= VCHAIN_MAX)
			return false;
		memcpy(&d, table + at * sizeof(d), sizeof(d));
		if (d.flags & DESC_INDIRECT) {
			if (indirect || d.len % sizeof(d) ||
			    d.len / sizeof(d) > VCHAIN_MAX || d.flags & DESC_NEXT)
				return false;
			table = guest(dev, d.addr, d.len);
			if (!table)
				return false;
			count = d.len / sizeof(d);
			at = 0;
			links = 0;
			indirect = true;
			continue;
		}
		if (!add_desc(dev, c, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		at = d.next;
	}
}

int vq_pop(struct vdev *dev, u32 nr, struct vchain *c)
{
	struct vqueue *q = live_queue(dev, nr);
	u16 avail;

	if (!q)
		return dev->broken ? -1 : 0;
	avail = load16(q->avail + 2);
	if (avail == q->last_avail)
		return 0;
	c->nr_in = c->nr_out = 0;
	c->in_size = c->out_size = 0;
	c->head = load16(q->avail + 4 + 2 * (q->last_avail & (q->size - 1)));
	if ((u16)(avail - q->last_avail) > q->size || !walk_chain(dev, q, c)) {
		break_device(dev);
		return -1;
	}
	q->last_avail++;
	return 1;
}

void vq_push(struct vdev *dev, u32 nr, u16 head, u32 len)
{
	struct vqueue *q = live_queue(dev, nr);
	u32 element[2] = { head, len };

	if (!q)
		return;
	memcpy(q->used + 4 + 8 * (q->used_idx & (q->size - 1)), element, sizeof(element));
	__atomic_store_n((u16 *)(q->used + 2), ++q->used_idx, __ATOMIC_SEQ_CST);
	if (!(load16(q->avail) & AVAIL_NO_INTERRUPT))
		dev->want_irq = true;
}

void vdev_flush_irq(struct vdev *dev)
{
	if (dev->want_irq) {
		dev->want_irq = false;
		machine_irq(dev->m, dev->nr);
	}
}

void vdev_set_config(struct vdev *dev, u32 offset, const void *data, u32 size)
{
	memcpy(dev->hd->config + offset, data, size);
	machine_irq(dev->m, dev->nr);
}

static bool serve_reset(struct vdev *dev)
{
	u32 want = __atomic_load_n(&dev->hd->reset, __ATOMIC_SEQ_CST);

	if (want == dev->hd->reset_done)
		return false;
	dev->ops->reset(dev);
	memset(dev->q, 0, sizeof(dev->q));
	dev->broken = false;
	dev->want_irq = false;
	__atomic_store_n(&dev->hd->reset_done, want, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &dev->hd->reset_done, FUTEX_WAKE, 1, NULL, NULL, 0);
	return true;
}

bool vdev_serve(struct machine *m, u32 bell)
{
	bool any = false;

	for (u32 i = 0; i < HOSTED_DEVS && devices[i]; i++) {
		struct vdev *dev = devices[i];
		u32 queues;

		if (dev->hd->bell != bell || dev->m != m)
			continue;
		any |= serve_reset(dev);
		if (!__atomic_load_n(&dev->hd->notify, __ATOMIC_RELAXED))
			continue;
		queues = __atomic_exchange_n(&dev->hd->notify, 0, __ATOMIC_SEQ_CST);
		for (u32 q = 0; q < HOSTED_QUEUES; q++)
			if (queues >> q & 1)
				dev->ops->queue(dev, q);
		vdev_flush_irq(dev);
		any = true;
	}
	return any;
}

void vdev_serve_all(struct machine *m, u32 bell)
{
	for (u32 i = 0; i < HOSTED_DEVS && devices[i]; i++) {
		if (devices[i]->hd->bell != bell || devices[i]->m != m)
			continue;
		for (u32 q = 0; q < HOSTED_QUEUES; q++)
			devices[i]->ops->queue(devices[i], q);
	}
}

int iov_part(const struct iovec *iov, int count, size_t offset, size_t size, struct iovec *out)
{
	int n = 0;

	for (int i = 0; i < count && size; i++) {
		size_t len = iov[i].iov_len;

		if (offset >= len) {
			offset -= len;
			continue;
		}
		len -= offset;
		if (len > size)
			len = size;
		out[n].iov_base = (u8 *)iov[i].iov_base + offset;
		out[n++].iov_len = len;
		size -= len;
		offset = 0;
	}
	return n;
}

size_t iov_get(const struct iovec *iov, int count, size_t offset, void *buf, size_t size)
{
	struct iovec part[VCHAIN_MAX];
	int n = iov_part(iov, count, offset, size, part);
	size_t done = 0;

	for (int i = 0; i < n; done += part[i++].iov_len)
		memcpy((u8 *)buf + done, part[i].iov_base, part[i].iov_len);
	return done;
}

size_t iov_put(const struct iovec *iov, int count, size_t offset, const void *buf, size_t size)
{
	struct iovec part[VCHAIN_MAX];
	int n = iov_part(iov, count, offset, size, part);
	size_t done = 0;

	for (int i = 0; i < n; done += part[i++].iov_len)
		memcpy(part[i].iov_base, (const u8 *)buf + done, part[i].iov_len);
	return done;
}
