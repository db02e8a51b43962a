/* SPDX-License-Identifier: MIT */
/* O_ASYNC: signals when a file becomes ready (fcntl(2), F_SETOWN). */
#ifndef HYLA_FS_FASYNC_H
#define HYLA_FS_FASYNC_H

#include "lib/types.h"

struct file;

/* Sets or clears O_ASYNC. 0 or -ENOMEM. Files without a poll operation are
 * always ready and never signal. */
int file_set_async(struct file *f, bool on) __must_check;
/* The last reference goes: file_put, before ops->release. */
void file_async_release(struct file *f);

#endif
