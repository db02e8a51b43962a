// SPDX-License-Identifier: MIT
/*
 * Bringing up the VFS: the name cache, tmpfs, and the first root.
 *
 * The first root is a ramfs instance ("rootfs"): an initrd is unpacked into it,
 * and other file systems are mounted over it. It is the bottom of the first
 * mount namespace and is never unmounted.
 */
#include "fs/internal.h"
#include "fs/tmpfs.h"

void vfs_init(void)
{
	struct fs_context *fs;
	struct superblock *sb;
	int err;

	dcache_init();
	tmpfs_init();
	sb = sb_create(fs_type_find("ramfs"), "rootfs", NULL);
	fs = fs_context_boot();
	if (IS_ERR(sb) || !fs)
		panic("no memory for the first file system");
	err = mount_init(fs, sb);
	if (err)
		panic("no memory for the first mount");
}
