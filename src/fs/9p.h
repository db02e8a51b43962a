/* SPDX-License-Identifier: MIT */
/*
 * What the files of the 9P client share; nobody else's.
 *
 *   9p_client.c  messages: marshalling, fids, one function per 9P request
 *   9p_inode.c   inodes by qid, attributes, lookup, revalidation
 *   9p_dir.c     creating, removing, renaming
 *   9p_readdir.c reading directories
 *   9p_file.c    open files: page cache filling, write-through, mmap
 *   9p_xattr.c   extended attributes
 *   9p_super.c   sessions, mounting, statfs
 */
#ifndef HYLA_FS_9P_H
#define HYLA_FS_9P_H

#include "abi/errno.h"
#include "fs/internal.h"
#include "lib/radix.h"
#include "virtio/9p.h"

#define P9_NOFID 0xffffffffu
#define P9_MSIZE (512 * 1024u + 4096u)	/* what we ask for: 512 KiB of payload and a header */
#define P9_MAX_PAYLOAD (512 * 1024u)
#define P9_IDLE_FIDS 64u	/* open fids kept for files that nobody has open */

/* Request types; the reply is the next number (9P2000.L). */
enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8, P9_TLOPEN = 12, P9_TLCREATE = 14, P9_TSYMLINK = 16, P9_TMKNOD = 18,
	P9_TRENAME = 20, P9_TREADLINK = 22, P9_TGETATTR = 24, P9_TSETATTR = 26,
	P9_TXATTRWALK = 30, P9_TXATTRCREATE = 32, P9_TREADDIR = 40, P9_TFSYNC = 50,
	P9_TLINK = 70, P9_TMKDIR = 72, P9_TRENAMEAT = 74, P9_TUNLINKAT = 76,
	P9_TVERSION = 100, P9_TATTACH = 104, P9_TWALK = 110, P9_TREAD = 116, P9_TWRITE = 118,
	P9_TCLUNK = 120, P9_TREMOVE = 122,
};

#define P9_QTDIR 0x80
#define P9_QTSYMLINK 0x02

struct p9_qid {
	u8 type;
	u32 version;
	u64 path;
};

/* One device, one 9P session; shared by all mounts of its tag. */
struct p9_session {
	struct p9_transport *t;
	u32 users;		/* mounts */
	u32 max_payload;	/* bytes of one Tread or Twrite, page aligned */
	u32 max_segs;
	bool ordered;		/* the server handles requests in order, as far as we know */
	bool no_chown;		/* the server refuses or ignores owners */
	u32 next_fid;
	u32 *free_fids;
	u32 free_count, free_cap;
	u32 idle_count;
	struct list_head idle;	/* struct p9_inode.idle: only rfid open, oldest first */
};

struct p9_mount {
	struct p9_session *s;
	u64 ttl_ns;		/* how long attributes and names are believed */
	bool loose;		/* opening does not ask the server either */
	struct radix_tree inodes;	/* qid.path -> first struct p9_inode */
};

struct p9_inode {
	struct inode *inode;	/* NULL: not in the table yet */
	struct p9_inode *same;	/* next with this qid.path */
	u64 qid_path;
	u32 qid_version;
	u32 fid;		/* names it; never opened */
	u32 rfid, wfid;		/* open for reading; for writing (and reading, see w_only) */
	bool w_only;		/* wfid cannot read */
	bool hashed;		/* in mount->inodes */
	bool wrote;		/* we changed it: the next new mtime is ours */
	bool maybe_dirty;	/* mapped shared and writable since the last sync */
	u32 opens;		/* open files */
	u64 validated_ns;	/* attributes are from then; 0: stale */
	char *link;		/* symlink target, once read */
	struct p9_list *list;	/* directory: its entries, or NULL */
	u32 changes;		/* directory: that we know of */
	struct list_head idle;
};

struct p9_attr {
	struct p9_qid qid;
	u32 mode, uid, gid;
	u64 nlink, rdev, size, blksize, blocks;
	struct timespec64 atime, mtime, ctime, btime;
};

struct p9_setattr {
	u32 valid, mode, uid, gid;
	u64 size;
	struct timespec64 atime, mtime;
};
enum p9_setattr_valid {
	P9_SET_MODE = 1, P9_SET_UID = 2, P9_SET_GID = 4, P9_SET_SIZE = 8, P9_SET_ATIME = 0x10,
	P9_SET_MTIME = 0x20, P9_SET_ATIME_TO = 0x80, P9_SET_MTIME_TO = 0x100,
};

static inline struct p9_mount *p9_mount(const struct superblock *sb) { return sb->priv; }
static inline struct p9_inode *p9_i(const struct inode *inode) { return inode->priv; }
static inline struct p9_session *p9_s(const struct inode *inode)
{
	return p9_mount(inode->sb)->s;
}

/* ---- 9p_client.c: all sleep, and give 0 or the server's errno, -EIO when the
 * device lies or is gone, -EINTR when the task was killed ---- */

u32 p9_fid_new(struct p9_session *s);
/* Forgets a fid at the server, without waiting; P9_NOFID is harmless. */
void p9_clunk(struct p9_session *s, u32 fid);
/* The number of a fid that the server never got, or has dropped. */
void p9_fid_free(struct p9_session *s, u32 fid);

int p9_version(struct p9_session *s) __must_check;
int p9_attach(struct p9_session *s, u32 fid, const char *aname) __must_check;
/* A new fid for name (NULL: a copy of fid itself), with its attributes. */
int p9_walk(struct p9_session *s, u32 fid, const struct qstr *name, u32 *newfid,
	    struct p9_attr *attr) __must_check;
int p9_getattr(struct p9_session *s, u32 fid, struct p9_attr *attr) __must_check;
int p9_setattr(struct p9_session *s, u32 fid, const struct p9_setattr *attr) __must_check;
/* A new fid, opened; the object is that of fid. flags: O_*. */
int p9_open(struct p9_session *s, u32 fid, u32 flags, u32 *openfid) __must_check;
/* Creates and opens: *openfid is the open file, *fid names it. */
int p9_create(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 flags, u32 mode,
	      u32 gid, u32 *openfid, u32 *fid, struct p9_attr *attr) __must_check;
int p9_symlink(struct p9_session *s, u32 dirfid, const struct qstr *name, const char *target,
	       u32 gid) __must_check;
int p9_mknod(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 mode, dev_t dev,
	     u32 gid) __must_check;
int p9_mkdir(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 mode, u32 gid)
	__must_check;
int p9_link(struct p9_session *s, u32 dirfid, u32 fid, const struct qstr *name) __must_check;
int p9_unlinkat(struct p9_session *s, u32 dirfid, const struct qstr *name, u32 flags)
	__must_check;
int p9_renameat(struct p9_session *s, u32 olddir, const struct qstr *oldname, u32 newdir,
		const struct qstr *newname) __must_check;
ssize_t p9_readlink(struct p9_session *s, u32 fid, char *buf, size_t size) __must_check;
int p9_fsync(struct p9_session *s, u32 fid, bool datasync) __must_check;
int p9_statfs(struct p9_session *s, u32 fid, struct statfs64 *st) __must_check;
int p9_xattrwalk(struct p9_session *s, u32 fid, const char *name, u32 *newfid, u64 *size)
	__must_check;
int p9_xattrcreate(struct p9_session *s, u32 fid, const char *name, u64 size, u32 flags)
	__must_check;
/* Clunk with an answer (the commit of an extended attribute). */
int p9_clunk_wait(struct p9_session *s, u32 fid) __must_check;

/* A Tread, Treaddir or Twrite without its payload yet; NULL: no memory. */
struct p9_msg *p9_io_msg(struct p9_session *s, u8 type, u32 fid, u64 offset, u32 segs)
	__must_check;
/* Fills in the count, sends, waits: bytes moved. Consumes msg. */
ssize_t p9_io(struct p9_session *s, struct p9_msg *msg) __must_check;
/* The same over a kmalloc'ed or page buffer of at most 4000 bytes, copied. */
ssize_t p9_read_small(struct p9_session *s, u32 fid, void *buf, u32 size, u64 offset)
	__must_check;
ssize_t p9_write_small(struct p9_session *s, u32 fid, const void *buf, u32 size, u64 offset)
	__must_check;

/* ---- 9p_inode.c ---- */

/* The inode for what fid names; consumes fid, also on failure. New reference. */
int p9_iget(struct superblock *sb, u32 fid, const struct p9_attr *attr, struct inode **res)
	__must_check;
void p9_update(struct inode *inode, const struct p9_attr *attr);
int p9_refresh(struct inode *inode) __must_check;	/* asks the server now */
int p9_getattr_op(struct inode *inode) __must_check;
void p9_stale(struct inode *inode);
int p9_lookup(struct inode *dir, const struct qstr *name, struct inode **res);
int p9_revalidate(struct inode *dir, struct dentry *d);
int p9_setattr_op(struct inode *inode, const struct iattr *attr);
ssize_t p9_readlink_op(struct inode *inode, char *buf, size_t size);
/* The name that inode->fid may stand for is gone: walk by another. */
void p9_refid(struct inode *inode, struct inode *not_dir, const struct qstr *not_name);
void p9_unhash(struct inode *inode);
void p9_evict(struct inode *inode);

/* ---- 9p_dir.c, 9p_readdir.c, 9p_file.c, 9p_xattr.c ---- */

extern const struct inode_ops p9_dir_iops, p9_file_iops, p9_link_iops, p9_special_iops;
extern const struct file_ops p9_dir_fops, p9_file_fops;
extern const struct mapping_ops p9_mapping_ops, p9_mapping_ro_ops;
/* The directory is not what it was. */
void p9_list_drop(struct p9_inode *p);
/* An open fid of the inode that can read (or write), opened if need be. */
int p9_open_fid(struct inode *inode, bool write, u32 *fid) __must_check;
void p9_idle_remove(struct p9_inode *p, struct p9_session *s);
ssize_t p9_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int p9_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		int flags);
ssize_t p9_listxattr(struct inode *inode, char *buf, size_t size);
int p9_removexattr(struct inode *inode, const char *name);

/* ---- 9p_super.c ---- */

/* Registers the file system type. */
void p9_init(void);

#endif
