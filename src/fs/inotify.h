/* SPDX-License-Identifier: MIT */
/* inotify as the VFS and procfs see it; events themselves: fsnotify() of fs/vfs.h. */
#ifndef HYLA_FS_INOTIFY_H
#define HYLA_FS_INOTIFY_H

#include "lib/types.h"

struct inode;
struct superblock;

/*
 * Each watch holds a reference to its inode. An inode whose links are all
 * gone lives only for its watches when refcount == inotify_pins(inode): that
 * is when the VFS calls fsnotify_inode_gone(), which drops them.
 */
u32 inotify_pins(const struct inode *inode);
/* umount: IN_UNMOUNT and IN_IGNORED to every watch of the file system. */
void inotify_sb_gone(struct superblock *sb);

/* /proc/sys/fs/inotify/... */
extern u32 inotify_max_queued_events, inotify_max_user_instances, inotify_max_user_watches;

#endif
