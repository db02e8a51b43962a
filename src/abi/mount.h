/* SPDX-License-Identifier: MIT */
/* mount(2), umount2(2), fsopen(2), fsmount(2), move_mount(2), mount_setattr(2). */
#ifndef HYLA_ABI_MOUNT_H
#define HYLA_ABI_MOUNT_H

#include "lib/types.h"

#define MS_RDONLY (1ul << 0)
#define MS_NOSUID (1ul << 1)
#define MS_NODEV (1ul << 2)
#define MS_NOEXEC (1ul << 3)
#define MS_SYNCHRONOUS (1ul << 4)
#define MS_REMOUNT (1ul << 5)
#define MS_MANDLOCK (1ul << 6)
#define MS_DIRSYNC (1ul << 7)
#define MS_NOSYMFOLLOW (1ul << 8)
#define MS_NOATIME (1ul << 10)
#define MS_NODIRATIME (1ul << 11)
#define MS_BIND (1ul << 12)
#define MS_MOVE (1ul << 13)
#define MS_REC (1ul << 14)
#define MS_SILENT (1ul << 15)
#define MS_POSIXACL (1ul << 16)
#define MS_UNBINDABLE (1ul << 17)
#define MS_PRIVATE (1ul << 18)
#define MS_SLAVE (1ul << 19)
#define MS_SHARED (1ul << 20)
#define MS_RELATIME (1ul << 21)
#define MS_STRICTATIME (1ul << 24)
#define MS_LAZYTIME (1ul << 25)
#define MS_NOUSER (1ul << 31)
#define MS_MGC_VAL 0xc0ed0000ul
#define MS_MGC_MSK 0xffff0000ul

#define MNT_FORCE 1
#define MNT_DETACH 2
#define MNT_EXPIRE 4
#define UMOUNT_NOFOLLOW 8

#define FSOPEN_CLOEXEC 1u
#define FSPICK_CLOEXEC 1u
#define FSPICK_SYMLINK_NOFOLLOW 2u
#define FSPICK_NO_AUTOMOUNT 4u
#define FSPICK_EMPTY_PATH 8u
#define FSMOUNT_CLOEXEC 1u
#define OPEN_TREE_CLONE 1u
#define OPEN_TREE_CLOEXEC 02000000u
#define MOVE_MOUNT_F_SYMLINKS 0x01u
#define MOVE_MOUNT_F_AUTOMOUNTS 0x02u
#define MOVE_MOUNT_F_EMPTY_PATH 0x04u
#define MOVE_MOUNT_T_SYMLINKS 0x10u
#define MOVE_MOUNT_T_AUTOMOUNTS 0x20u
#define MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define MOVE_MOUNT_MASK 0x77u

enum fsconfig_command {
	FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_SET_BINARY, FSCONFIG_SET_PATH,
	FSCONFIG_SET_PATH_EMPTY, FSCONFIG_SET_FD, FSCONFIG_CMD_CREATE,
	FSCONFIG_CMD_RECONFIGURE, FSCONFIG_CMD_CREATE_EXCL
};

#define MOUNT_ATTR_RDONLY 0x1u
#define MOUNT_ATTR_NOSUID 0x2u
#define MOUNT_ATTR_NODEV 0x4u
#define MOUNT_ATTR_NOEXEC 0x8u
#define MOUNT_ATTR__ATIME 0x70u
#define MOUNT_ATTR_RELATIME 0x0u
#define MOUNT_ATTR_NOATIME 0x10u
#define MOUNT_ATTR_STRICTATIME 0x20u
#define MOUNT_ATTR_NODIRATIME 0x80u
#define MOUNT_ATTR_IDMAP 0x100000u
#define MOUNT_ATTR_NOSYMFOLLOW 0x200000u

struct mount_attr { u64 attr_set, attr_clr, propagation, userns_fd; };
_Static_assert(sizeof(struct mount_attr) == 32, "struct mount_attr");

#endif
