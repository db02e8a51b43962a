/* SPDX-License-Identifier: MIT */
/*
 * The 9p device (virtio 1.2 has it in an appendix; id 9): one virtqueue, each
 * chain a request in its readable and room for the reply in its writable part.
 * Requests are done one after the other in the order in which they stand in
 * the ring, and one interrupt announces all replies of a round; so Tflush
 * never finds anything to flush.
 */
#define _GNU_SOURCE
#include "hal/hosted/p9.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hal/hosted/report.h"

#define HEADER 7		/* size[4] type[1] tag[2] */
#define WRITE_HEADER 23
#define F_MOUNT_TAG 1
#define RLERROR 7

enum { TSTATFS = 8, TLOPEN = 12, TLCREATE = 14, TSYMLINK = 16, TMKNOD = 18, TRENAME = 20,
       TREADLINK = 22, TGETATTR = 24, TSETATTR = 26, TXATTRWALK = 30, TXATTRCREATE = 32,
       TREADDIR = 40, TFSYNC = 50, TLOCK = 52, TGETLOCK = 54, TLINK = 70, TMKDIR = 72,
       TRENAMEAT = 74, TUNLINKAT = 76, TVERSION = 100, TATTACH = 104, TFLUSH = 108, TWALK = 110,
       TREAD = 116, TWRITE = 118, TCLUNK = 120, TREMOVE = 122 };

static int op_flush(struct p9_server *s)
{
	(void)s;
	return 0;
}

static int (*const operations[256])(struct p9_server *s) = {
	[TSTATFS] = p9_op_statfs,
	[TLOPEN] = p9_op_lopen,
	[TLCREATE] = p9_op_lcreate,
	[TSYMLINK] = p9_op_symlink,
	[TMKNOD] = p9_op_mknod,
	[TRENAME] = p9_op_rename,
	[TREADLINK] = p9_op_readlink,
	[TGETATTR] = p9_op_getattr,
	[TSETATTR] = p9_op_setattr,
	[TXATTRWALK] = p9_op_xattrwalk,
	[TXATTRCREATE] = p9_op_xattrcreate,
	[TREADDIR] = p9_op_readdir,
	[TFSYNC] = p9_op_fsync,
	[TLOCK] = p9_op_lock,
	[TGETLOCK] = p9_op_getlock,
	[TLINK] = p9_op_link,
	[TMKDIR] = p9_op_mkdir,
	[TRENAMEAT] = p9_op_renameat,
	[TUNLINKAT] = p9_op_unlinkat,
	[TVERSION] = p9_op_version,
	[TATTACH] = p9_op_attach,
	[TFLUSH] = op_flush,
	[TWALK] = p9_op_walk,
	[TREAD] = p9_op_read,
	[TWRITE] = p9_op_write,
	[TCLUNK] = p9_op_clunk,
	[TREMOVE] = p9_op_remove,
};

/* Copies the message but for written data; false if it has no header. */
static bool fetch(struct p9_server *s, u8 *type, u16 *tag)
{
	struct vchain *c = &s->chain;
	u32 size;

	s->bad = false;
	s->out_size = HEADER;
	s->data_size = 0;
	s->in_pos = HEADER;
	s->in_size = iov_get(c->out, c->nr_out, 0, s->in, HEADER);
	if (s->in_size < HEADER)
		return false;
	memcpy(&size, s->in, 4);
	*type = s->in[4];
	memcpy(tag, s->in + 5, 2);
	if (*type == TWRITE)
		size = WRITE_HEADER;
	if (size > P9_IN_MAX)
		size = P9_IN_MAX;
	if (size > HEADER)
		s->in_size += iov_get(c->out, c->nr_out, HEADER, s->in + HEADER, size - HEADER);
	return true;
}

/* Returns how many bytes of the guest's buffers are filled. */
static u32 process(struct p9_server *s)
{
	struct vchain *c = &s->chain;
	u8 type;
	u16 tag;
	u32 size;
	int err;

	if (!fetch(s, &type, &tag))
		return 0;
	err = operations[type] ? operations[type](s) : -EOPNOTSUPP;
	if (s->bad)
		err = -EINVAL;
	if (!err && s->out_size > c->in_size)
		err = -EMSGSIZE;
	if (err) {
		s->bad = false;
		s->out_size = HEADER;
		s->data_size = 0;
		type = RLERROR - 1;
		p9_put32(s, -err);
	}
	size = s->out_size + s->data_size;
	memcpy(s->out, &size, 4);
	s->out[4] = type + 1;
	memcpy(s->out + 5, &tag, 2);
	iov_put(c->in, c->nr_in, 0, s->out, s->out_size);
	return size < c->in_size ? size : c->in_size;
}

static void serve(struct vdev *dev, u32 q)
{
	struct p9_server *s = dev->data;

	if (q != 0)
		return;
	while (vq_pop(dev, 0, &s->chain) == 1) {
		u32 size = process(s);

		vq_push(dev, 0, s->chain.head, size);
	}
}

static void reset(struct vdev *dev)
{
	p9_fid_free_all(dev->data);
}

static const struct vdev_ops p9_ops = {
	.queue = serve,
	.reset = reset,
};

static bool open_roots(struct p9_server *s)
{
	struct stat st;

	s->root_fd = open(s->export.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0 || fstat(s->root_fd, &st)) {
		report_errno(s->export.path, errno, "name a directory that you may read");
		return false;
	}
	if (p9_is_blocked(s->root_fd)) {
		report(s->export.path, "proc, sysfs and the like are not shared with guests",
		       "the guest kernel has its own");
		return false;
	}
	s->root_dev = st.st_dev;
	s->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->proc_fd < 0)
		report_errno("/proc/self/fd", errno, "mount proc on the host");
	return s->proc_fd >= 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return;
	rl.rlim_cur = rl.rlim_max < 65536 ? rl.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &rl);
	p9_fid_limit(rl.rlim_cur / 2);
}

bool p9_create(struct machine *m, const struct p9_export *export)
{
	struct p9_server *s = calloc(1, sizeof(*s));
	u8 config[HOSTED_CONFIG_SPACE];
	u16 tag_len = strlen(export->tag);
	struct vdev_config vc = {
		.id = VIRTIO_ID_9P,
		.nr_queues = 1,
		.bell = HOSTED_BELL_9P,
		.features = F_MOUNT_TAG,
		.config = config,
		.config_size = 2 + tag_len,
	};

	if (!s || tag_len > HOSTED_CONFIG_SPACE - 2) {
		report("too little memory", NULL, NULL);
		return false;
	}
	s->export = *export;
	s->msize = P9_MSIZE_MAX;
	s->host_uid = geteuid();
	s->host_gid = getegid();
	s->root_user = s->host_uid == 0;
	if (!open_roots(s))
		return false;
	raise_descriptor_limit();
	umask(0);	/* the guest kernel applies the guest's */
	memcpy(config, &tag_len, 2);
	memcpy(config + 2, export->tag, tag_len);
	return vdev_add(m, &vc, &p9_ops, s) != NULL;
}
