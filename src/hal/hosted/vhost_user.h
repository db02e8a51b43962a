/* SPDX-License-Identifier: MIT */
/* The socket device for a virtual machine of QEMU's: vhost-user, back end. */
#ifndef HYLA_HAL_HOSTED_VHOST_USER_H
#define HYLA_HAL_HOSTED_VHOST_USER_H

#include <sys/types.h>

#include "hal/hosted/host_types.h"

/*
 * Makes the Unix socket PATH (vsock.c) and starts a process that serves the device with
 * address cid; *fd is QEMU's end of the connection. The process ends when QEMU does and
 * what the guest sent is written. Its pid, or -1 after a report.
 */
pid_t vhost_user_start(const char *path, u32 cid, int *fd);

#endif
