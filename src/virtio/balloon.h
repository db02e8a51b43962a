/* SPDX-License-Identifier: MIT */
/* The balloon as memory of last resort; see balloon.c. */
#ifndef HYLA_VIRTIO_BALLOON_H
#define HYLA_VIRTIO_BALLOON_H

#include "lib/types.h"

/* Lets up to about `want` pages out, if the host allows it; returns how many.
 * Neither sleeps nor allocates. */
u64 balloon_reclaim(u64 want);

#endif
