/* SPDX-License-Identifier: MIT */
/* The devices beside the console, and the device process's sandbox. */
#ifndef HYLA_HAL_HOSTED_DEVICES_H
#define HYLA_HAL_HOSTED_DEVICES_H

#include "hal/hosted/machine.h"

struct uv_loop_s;

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

/* Streams between programs of the guest and Unix sockets of the host; see vsock.c. */
#define VSOCK_CID_DEFAULT 3u
bool vsock_create(struct machine *m, const char *path, u32 cid);
bool vsock_exists(void);
void vsock_start(struct uv_loop_s *loop);
/* The guest has ended: what it sent is written, if someone reads it; PATH goes. */
void vsock_drain(bool patient);

/* Allow-list of system calls for this thread and all that it starts. sockets: those of
 * the socket device, too. */
bool sandbox_enter(bool sockets);

#endif
