/* SPDX-License-Identifier: MIT */
/* Unpacking an initramfs; see cpio.c. */
#ifndef HYLA_FS_CPIO_H
#define HYLA_FS_CPIO_H

#include "lib/types.h"

/* Unpacks a newc or crc cpio archive, or several in a row, below the current
 * directory. 0, -EINVAL (corrupt, with one log line), or the file system's
 * error. May sleep. */
int cpio_unpack(const void *data, u64 size) __must_check;
/* The same from a file, a disk, whose first `size` bytes hold one archive; what
 * follows its trailer is ignored. -EIO and others when it cannot be read. */
struct file;
int cpio_unpack_file(struct file *f, u64 size) __must_check;

#endif
