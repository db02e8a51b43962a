/* SPDX-License-Identifier: MIT */
/* statfs(2), ustat(2). */
#ifndef HYLA_ABI_STATFS_H
#define HYLA_ABI_STATFS_H

#include "lib/types.h"

struct statfs64 {
	s64 type, bsize;
	u64 blocks, bfree, bavail, files, ffree;
	s32 fsid[2];
	s64 namelen, frsize, flags;
	s64 spare[4];
};
_Static_assert(sizeof(struct statfs64) == 120, "struct statfs");

struct ustat { s32 tfree; u32 pad; u64 tinode; char fname[6], fpack[6]; u32 pad2; };
_Static_assert(sizeof(struct ustat) == 32, "struct ustat");

#define ST_RDONLY 0x0001
#define ST_NOSUID 0x0002
#define ST_NODEV 0x0004
#define ST_NOEXEC 0x0008
#define ST_SYNCHRONOUS 0x0010
#define ST_VALID 0x0020
#define ST_MANDLOCK 0x0040
#define ST_NOATIME 0x0400
#define ST_NODIRATIME 0x0800
#define ST_RELATIME 0x1000
#define ST_NOSYMFOLLOW 0x2000

#define TMPFS_MAGIC 0x01021994
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define DEVPTS_SUPER_MAGIC 0x1cd1
#define PIPEFS_MAGIC 0x50495045
#define SOCKFS_MAGIC 0x534f434b
#define ANON_INODE_FS_MAGIC 0x09041934
#define V9FS_MAGIC 0x01021997
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define NSFS_MAGIC 0x6e736673
#define CGROUP2_SUPER_MAGIC 0x63677270
#define PID_FS_MAGIC 0x50494446

#endif
