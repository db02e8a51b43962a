/* SPDX-License-Identifier: MIT */
/*
 * Virtio entropy: feeds the kernel's random pool once at boot.
 *
 * One buffer of 64 bytes goes to the device; whatever comes back is mixed
 * into the pool, which is never worse for it (random_add_entropy does not
 * trust it alone). Short answers are asked again, at most MAX_ASKS times; then
 * the buffer is freed and the device left alone: a pool that was seeded once
 * needs no more, and an idle machine stays idle.
 */
#include "abi/errno.h"
#include "fs/devfs.h"
#include "mm/slab.h"
#include "virtio/virtio.h"

#define SEED_SIZE 64u
#define MAX_ASKS 16u

struct virtio_rng {
	struct virtqueue *vq;
	u8 *buf;		/* SEED_SIZE bytes; NULL when done */
	u32 got;
	u32 asks;
};

static void rng_ask(struct virtio_rng *rng)
{
	struct vq_seg seg = vq_seg_of(rng->buf, SEED_SIZE);

	rng->asks++;
	if (vq_add(rng->vq, &seg, 0, 1, rng))
		return;
	vq_kick(rng->vq);
}

static void rng_done(struct virtqueue *vq)
{
	struct virtio_rng *rng = vq->priv;
	u32 len;

	if (!vq_get(vq, &len))
		return;
	random_add_entropy(rng->buf, len);
	rng->got += len;
	if (rng->got < SEED_SIZE && rng->asks < MAX_ASKS) {
		rng_ask(rng);
		return;
	}
	kfree(rng->buf);
	rng->buf = NULL;
}

static int rng_probe(struct virtio_device *vdev)
{
	struct virtio_rng *rng = kzalloc(sizeof(*rng));

	if (!rng)
		return -ENOMEM;
	rng->buf = kmalloc(SEED_SIZE);
	rng->vq = rng->buf ? vq_create(vdev, 0, 8, rng_done) : ERR_PTR(-ENOMEM);
	if (IS_ERR(rng->vq)) {
		int err = (int)PTR_ERR(rng->vq);

		kfree(rng->buf);
		kfree(rng);
		return err;
	}
	rng->vq->priv = rng;
	vdev->priv = rng;
	return 0;
}

static void rng_start(struct virtio_device *vdev)
{
	rng_ask(vdev->priv);
}

static void rng_broken(struct virtio_device *vdev)
{
	struct virtio_rng *rng = vdev->priv;

	vq_detach(rng->vq);
	kfree(rng->buf);
	rng->buf = NULL;
}

const struct virtio_driver virtio_rng_driver = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.probe = rng_probe,
	.start = rng_start,
	.broken = rng_broken,
};
