/* SPDX-License-Identifier: MIT */
/* The entropy device (virtio 1.2, 5.4), device end: getrandom(). */
#include <sys/random.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/vdev.h"

static void serve(struct vdev *dev, u32 q)
{
	static struct vchain c;
	u8 random[256];

	while (vq_pop(dev, q, &c) == 1) {
		ssize_t n = getrandom(random, sizeof(random), GRND_NONBLOCK);

		vq_push(dev, q, c.head,
			n > 0 ? iov_put(c.in, c.nr_in, 0, random, n) : 0);
	}
}

static void reset(struct vdev *dev)
{
	(void)dev;
}

static const struct vdev_ops rng_ops = {
	.queue = serve,
	.reset = reset,
};

bool rng_create(struct machine *m)
{
	struct vdev_config vc = { .id = VIRTIO_ID_RNG, .nr_queues = 1, .bell = HOSTED_BELL_IO };

	vc.config = "";
	return vdev_add(m, &vc, &rng_ops, NULL) != NULL;
}
