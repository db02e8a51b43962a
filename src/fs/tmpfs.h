/* SPDX-License-Identifier: MIT */
/* tmpfs and what is made of it: shared memory files and memfd_create(2). */
#ifndef HYLA_FS_TMPFS_H
#define HYLA_FS_TMPFS_H

#include "fs/vfs.h"
#include "lib/types.h"

/* An unnamed file of `size` bytes, open for reading and writing: shared
 * anonymous mappings, SysV segments. Its text is "/name (deleted)". flags: 0
 * (F_SEAL_SEAL), or F_SEAL_* bits to begin with. ERR_PTR on failure. */
struct file *shmem_file_create(const char *name, u64 size, u32 flags) __must_check;

/* Is it a tmpfs or memfd file? */
bool inode_is_shmem(const struct inode *inode);

/* Pages of all tmpfs files (Shmem: of /proc/meminfo). */
extern u64 shmem_pages;

void tmpfs_init(void);

#endif
