/* SPDX-License-Identifier: MIT */
/*
 * The 9P2000.L server's own header.
 *
 * One struct p9_server per exported directory, each a virtio-9p device; all of
 * them live in the 9p thread. A fid is a file that the guest has a handle to:
 * an O_PATH descriptor, by which everything is done, plus an ordinary one once
 * it is open. O_PATH descriptors of fids that are not open are a cache: beyond
 * a limit the oldest are closed and made again from the fid's path, and a path
 * that leads to another file by then is ESTALE.
 *
 * Confinement. Names come from the guest one component at a time; "..", "."
 * and '/' are no names here but in Twalk, where ".." is the path of the fid
 * less its last component. All opening is openat2() from the export's root or
 * from a directory inside, with RESOLVE_IN_ROOT (BENEATH to create) and no
 * symlinks or magic links followed: symlinks are the guest kernel's business.
 * Devices, fifos and sockets can be seen, renamed and removed, never opened;
 * making a device node is EPERM. proc, sysfs and their like can be seen as
 * directories (the guest mounts its own there) but not entered.
 *
 * Owners. If hyla runs as root, owners and modes are the host's, both ways:
 * what the guest creates gets the ids that the guest says. Else the host lets
 * us create files of ours only, and the caller's uid and gid look to the guest
 * as the ids of its user (p9_export.guest_uid); other ids stay as they are. The
 * guest kernel checks permissions with these ids; the host then checks ours.
 */
#ifndef HYLA_HAL_HOSTED_P9_H
#define HYLA_HAL_HOSTED_P9_H

#include <sys/stat.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/vdev.h"

#define P9_MSIZE_MAX (512 * 1024 + 4096)
#define P9_IN_MAX 32768		/* longest message but for the data of Twrite */
#define P9_OUT_MAX 65536	/* longest reply but for the data of Rread */
#define P9_NAME_MAX 255
#define P9_NOFID 0xffffffffu
#define P9_FIDS_MAX 262144
#define P9_QID_SIZE 13

struct p9_fid {
	struct p9_fid *hash_next;
	struct p9_fid *newer, *older;	/* cache of O_PATH descriptors */
	u32 nr;
	u32 uid;		/* guest user who attached */
	int path_fd;		/* O_PATH, or -1: make it from path */
	int fd;			/* open file, or -1 */
	bool blocked;		/* proc and the like: look, do not touch */
	bool append;
	mode_t type;		/* S_IFMT bits */
	dev_t dev;
	ino_t ino;
	char *path;		/* from the root, "" is the root itself */
	u64 dir_pos;		/* where fd stands, for Treaddir */
	char *xattr;		/* fids made by Txattrwalk and Txattrcreate */
	char *xattr_name;	/* set: to be written at clunk */
	size_t xattr_size, xattr_room;
	int xattr_flags;
};

#define P9_HASH 4096

struct p9_server {
	struct p9_export export;
	int root_fd;
	int proc_fd;		/* /proc/self/fd */
	dev_t root_dev;
	bool root_user;		/* hyla runs as root */
	u32 host_uid, host_gid;
	u32 msize;
	u32 nr_fids;
	struct p9_fid *hash[P9_HASH];
	/* the request at hand */
	struct vchain chain;
	u32 in_size, in_pos;
	u32 out_size;
	u32 data_size;		/* bytes that went straight to the guest */
	bool bad;		/* message too short, string too long, ... */
	u8 in[P9_IN_MAX];
	u8 out[P9_OUT_MAX];
	u8 entries[P9_OUT_MAX] __attribute__((aligned(8)));
};

/* p9_msg.c: decode and encode; after an overrun `bad` is set. */
u8 p9_get8(struct p9_server *s);
u16 p9_get16(struct p9_server *s);
u32 p9_get32(struct p9_server *s);
u64 p9_get64(struct p9_server *s);
/* buf has P9_NAME_MAX + 1 bytes (p9_get_name: one component) or size. */
bool p9_get_name(struct p9_server *s, char *buf);
bool p9_get_string(struct p9_server *s, char *buf, size_t size);
void p9_put8(struct p9_server *s, u8 v);
void p9_put16(struct p9_server *s, u16 v);
void p9_put32(struct p9_server *s, u32 v);
void p9_put64(struct p9_server *s, u64 v);
void p9_put_string(struct p9_server *s, const char *text);
void p9_put_bytes(struct p9_server *s, const void *data, u32 size);
void p9_put_qid(struct p9_server *s, const struct stat *st);
u64 p9_qid_path(struct p9_server *s, dev_t dev, ino_t ino);
u32 p9_version(const struct stat *st);

/* p9_fid.c */
struct p9_fid *p9_fid_find(struct p9_server *s, u32 nr);
/* NULL with *err set: number in use, too many, no memory. */
struct p9_fid *p9_fid_new(struct p9_server *s, u32 nr, int *err);
void p9_fid_free(struct p9_server *s, struct p9_fid *f);
void p9_fid_free_all(struct p9_server *s);
/* Makes f the file of this O_PATH descriptor, which it takes over. */
int p9_fid_set(struct p9_server *s, struct p9_fid *f, int path_fd, char *path);
/* The O_PATH descriptor of f, or -errno. */
int p9_fid_fd(struct p9_server *s, struct p9_fid *f);
/* O_PATH of a component, or -errno. */
int p9_open_name(int dir_fd, const char *name);
int p9_open_path(struct p9_server *s, const char *path);
/* Another open file for f: f's own O_PATH descriptor decides which file. */
int p9_reopen(struct p9_server *s, struct p9_fid *f, int flags);
int p9_open_fd(struct p9_server *s, int path_fd, int flags);
/* Of proc, sysfs and their like. */
bool p9_is_blocked(int fd);
/* malloc()ed "dir/name". */
char *p9_join(const char *dir, const char *name);
/* Length of the part of path before its last component. */
size_t p9_parent_len(const char *path);
/* The files below `from` are below `to` now. */
void p9_paths_moved(struct p9_server *s, const char *from, const char *to);
u32 p9_guest_uid(struct p9_server *s, u32 uid);
u32 p9_guest_gid(struct p9_server *s, u32 gid);
u32 p9_host_uid(struct p9_server *s, u32 uid);
u32 p9_host_gid(struct p9_server *s, u32 gid);
void p9_fid_limit(u32 descriptors);

/* Operations: 0 and a reply in out, or -errno. */
int p9_op_version(struct p9_server *s);
int p9_op_attach(struct p9_server *s);
int p9_op_walk(struct p9_server *s);
int p9_op_clunk(struct p9_server *s);
int p9_op_remove(struct p9_server *s);
int p9_op_statfs(struct p9_server *s);
int p9_op_getattr(struct p9_server *s);
int p9_op_setattr(struct p9_server *s);
int p9_op_xattrwalk(struct p9_server *s);
int p9_op_xattrcreate(struct p9_server *s);
int p9_xattr_store(struct p9_server *s, struct p9_fid *f);
int p9_op_lopen(struct p9_server *s);
int p9_op_lcreate(struct p9_server *s);
int p9_op_read(struct p9_server *s);
int p9_op_write(struct p9_server *s);
int p9_op_readdir(struct p9_server *s);
int p9_op_fsync(struct p9_server *s);
int p9_op_lock(struct p9_server *s);
int p9_op_getlock(struct p9_server *s);
int p9_op_readlink(struct p9_server *s);
int p9_op_symlink(struct p9_server *s);
int p9_op_mknod(struct p9_server *s);
int p9_op_mkdir(struct p9_server *s);
int p9_op_link(struct p9_server *s);
int p9_op_rename(struct p9_server *s);
int p9_op_renameat(struct p9_server *s);
int p9_op_unlinkat(struct p9_server *s);

#endif
