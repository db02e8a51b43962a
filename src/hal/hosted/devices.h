/* SPDX-License-Identifier: MIT */
/* The devices beside the console, and the device process's sandbox. */
#ifndef HYLA_HAL_HOSTED_DEVICES_H
#define HYLA_HAL_HOSTED_DEVICES_H

#include "hal/hosted/machine.h"

/* All before machine_start(); false when reported. */
bool rng_create(struct machine *m);

/* A raw disk image, or a disk of the host. */
bool disk_create(struct machine *m, const char *path, bool read_only);

/* A host directory. Owners: see p9.h. */
struct p9_export {
	const char *tag;
	const char *path;
	bool read_only;
	u32 guest_uid, guest_gid;	/* what the caller's own ids look like */
};
bool p9_create(struct machine *m, const struct p9_export *export);

/* Allow-list of system calls for this thread and all that it starts. */
bool sandbox_enter(void);

#endif
