/* SPDX-License-Identifier: MIT */
/*
 * Sockets as files, and the calls that make, name and connect them: socket(2), bind(2),
 * listen(2), accept(2), connect(2), getsockname(2), shutdown(2), socketpair(2).
 *
 * Each socket has an inode of sockfs, a file system without a mount, so that it has a
 * number of its own in stat(2) and /proc/PID/fd. socket.h says who owns what.
 *
 * The order of the checks is Linux's: connect(2) looks at its address before it knows
 * that the descriptor is a socket, the others after; accept(2) has its descriptor and
 * its file before it waits.
 */
#include "net/socket.h"

#include "abi/errno.h"
#include "abi/termios.h"
#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"

#define SOCKFS_MAGIC 0x534f434b

static struct list_head families = LIST_HEAD_INIT(families);
static struct superblock *sock_sb;

void socket_family_register(struct socket_family *family)
{
	list_add_tail(&family->link, &families);
}

void sock_init(struct socket *s, const struct proto_ops *ops, u16 family, u16 type, int protocol)
{
	s->ops = ops;
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	s->rcvtimeo_ns = s->sndtimeo_ns = U64_MAX;
	s->sndbuf = sock_limits.wmem_default;
	s->rcvbuf = sock_limits.rmem_default;
	s->rcvlowat = 1;
	waitqueue_init(&s->wq);
}

int sock_wait_error(int err, u64 deadline)
{
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err == -ERESTARTSYS && deadline != U64_MAX ? -EINTR : err;
}

ssize_t sock_stream_result(struct socket *s, const struct sock_msg *m, ssize_t n)
{
	if (n != -EPIPE)
		return n;
	if (s->error)
		return sock_take_error(s);
	if (!(m->flags & MSG_NOSIGNAL))
		signal_task(current, SIGPIPE);
	return -EPIPE;
}

/* ---- files ---- */

static ssize_t socket_read(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct sock_msg m = { .uio = uio, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };

	return uio->resid ? sock_recvmsg(f->priv, &m) : 0;
}

static ssize_t socket_write(struct file *f, struct uio *uio, loff_t *pos __unused)
{
	struct sock_msg m = { .uio = uio, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };

	return sock_sendmsg(f->priv, &m);
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->priv;

	poll_wait(pt, f, &s->wq);
	return s->ops->poll ? s->ops->poll(s) : 0;
}

static s64 socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct socket *s = f->priv;

	return s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOTTY;
}

static void socket_release(struct file *f)
{
	struct socket *s = f->priv;

	if (!s)
		return;		/* accept(2) failed */
	s->file = NULL;
	s->ops->release(s);
}

static const struct file_ops socket_fops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

/* /proc/PID/fd/N: ENXIO. */
static int no_open(struct inode *inode __unused, struct file *f __unused)
{
	return -ENXIO;
}

static const struct file_ops sock_inode_fops = { .open = no_open };
static const struct inode_ops sock_iops = { .lookup = NULL };

static int sockfs_fill_super(struct superblock *sb, const char *source __unused,
			     const char *options __unused)
{
	struct inode *root = inode_alloc(sb);

	if (!root)
		return -ENOMEM;
	root->mode = S_IFDIR | 0700;
	root->ops = &sock_iops;
	sb->magic = SOCKFS_MAGIC;
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static const struct fs_type sockfs_type = {
	.name = "sockfs",
	.flags = FS_NODEV,
	.fill_super = sockfs_fill_super,
};

/* A file without a socket yet; ERR_PTR. */
static struct file *socket_file(u32 flags)
{
	struct superblock *sb;
	struct inode *inode;
	struct file *f;
	char name[32];

	if (!sock_sb) {
		sb = sb_create(&sockfs_type, "sockfs", "");
		if (IS_ERR(sb))
			return ERR_PTR(-ENOMEM);
		sock_sb = sb;
	}
	inode = inode_alloc(sock_sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->ops = &sock_iops;
	inode->fops = &sock_inode_fops;
	inode->mode = S_IFSOCK | 0777;
	inode->uid = current->cred->fsuid;
	inode->gid = current->cred->fsgid;
	inode->nlink = 1;
	snprintf(name, sizeof(name), "socket:[%lu]", inode->ino);
	f = file_from_inode(inode, name, O_RDWR | (flags & O_NONBLOCK), &socket_fops);
	if (!IS_ERR(f))
		f->mode |= FMODE_STREAM;
	return f;
}

static void socket_attach(struct file *f, struct socket *s)
{
	f->priv = s;
	s->file = f;
}

struct socket *socket_get(int fd, struct file **f)
{
	*f = fd_get(fd);
	if (!*f)
		return ERR_PTR(-EBADF);
	if ((*f)->ops != &socket_fops) {
		file_put(*f);
		return ERR_PTR(-ENOTSOCK);
	}
	return (*f)->priv;
}

/* ---- addresses ---- */

int sock_name_copyin(struct sockaddr_storage *ss, uaddr_t addr, s64 len)
{
	memset(ss, 0, sizeof(*ss));
	if (len < 0 || len > SOCKADDR_MAX)
		return -EINVAL;
	return len ? copyin(ss, addr, (size_t)len) : 0;
}

int sock_name_copyout(const struct sockaddr_storage *ss, u32 len, uaddr_t addr, uaddr_t len_p)
{
	u32 room;

	if (copyin(&room, len_p, sizeof(room)))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	if (copyout(addr, ss, min(room, len)))
		return -EFAULT;
	return copyout(len_p, &len, sizeof(len));
}

static s64 get_name(int fd, uaddr_t addr, uaddr_t len_p, bool peer)
{
	struct sockaddr_storage ss = { 0 };
	struct file *f;
	struct socket *s = socket_get(fd, &f);
	int res;

	if (IS_ERR(s))
		return PTR_ERR(s);
	res = s->ops->getname ? s->ops->getname(s, &ss, peer) : -EOPNOTSUPP;
	if (res >= 0)
		res = sock_name_copyout(&ss, (u32)res, addr, len_p);
	file_put(f);
	return res;
}

SYSCALL_DEFINE3(getsockname, int, fd, uaddr_t, addr, uaddr_t, len)
{
	return get_name(fd, addr, len, false);
}

SYSCALL_DEFINE3(getpeername, int, fd, uaddr_t, addr, uaddr_t, len)
{
	return get_name(fd, addr, len, true);
}

/* ---- making ---- */

static struct socket *sock_create(int family, int type, int protocol)
{
	struct socket_family *f;

	if (family < 0 || family >= AF_MAX)
		return ERR_PTR(-EAFNOSUPPORT);
	if (type >= SOCK_MAX)
		return ERR_PTR(-EINVAL);
	list_for_each_entry(f, &families, link)
		if (f->family == family)
			return f->create(type, protocol);
	return ERR_PTR(-EAFNOSUPPORT);
}

static bool type_flags_ok(int type)
{
	return !(type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK));
}

SYSCALL_DEFINE3(socket, int, family, int, type, int, protocol)
{
	struct socket *s;
	struct file *f;

	if (!type_flags_ok(type))
		return -EINVAL;
	s = sock_create(family, type & SOCK_TYPE_MASK, protocol);
	if (IS_ERR(s))
		return PTR_ERR(s);
	f = socket_file((u32)type & SOCK_NONBLOCK);
	if (IS_ERR(f)) {
		s->ops->release(s);
		return PTR_ERR(f);
	}
	socket_attach(f, s);
	return fd_install_new(f, type & SOCK_CLOEXEC);
}

/* Two sockets of a family, joined, with a file each; 0 or -errno. */
static int make_pair(int family, int type, int protocol, struct file *files[2])
{
	struct socket *s[2] = { NULL, NULL };
	int err = 0;

	for (u32 i = 0; i < 2; i++) {
		s[i] = sock_create(family, type & SOCK_TYPE_MASK, protocol);
		if (IS_ERR(s[i])) {
			err = (int)PTR_ERR(s[i]);
			s[i] = NULL;
			goto fail;
		}
	}
	err = s[0]->ops->socketpair ? s[0]->ops->socketpair(s[0], s[1]) : -EOPNOTSUPP;
	for (u32 i = 0; !err && i < 2; i++) {
		files[i] = socket_file((u32)type & SOCK_NONBLOCK);
		if (IS_ERR(files[i])) {
			err = (int)PTR_ERR(files[i]);
			files[i] = NULL;
			break;
		}
		socket_attach(files[i], s[i]);
		s[i] = NULL;		/* the file's now */
	}
	if (!err)
		return 0;
fail:
	for (u32 i = 0; i < 2; i++) {
		if (files[i])
			file_put(files[i]);
		if (s[i])
			s[i]->ops->release(s[i]);
	}
	return err;
}

/* The descriptors are written before anything is made. */
SYSCALL_DEFINE4(socketpair, int, family, int, type, int, protocol, uaddr_t, vec)
{
	struct file *files[2] = { NULL, NULL };
	int fd[2], err;

	if (!type_flags_ok(type))
		return -EINVAL;
	err = fd[0] = fd_reserve(0, type & SOCK_CLOEXEC);
	if (err < 0)
		return err;
	err = fd[1] = fd_reserve(0, type & SOCK_CLOEXEC);
	if (err < 0)
		goto unreserve_0;
	err = copyout(vec, fd, sizeof(fd));
	if (!err)
		err = make_pair(family, type, protocol, files);
	if (!err) {
		fd_install(fd[0], files[0]);
		fd_install(fd[1], files[1]);
		return 0;
	}
	fd_unreserve(fd[1]);
unreserve_0:
	fd_unreserve(fd[0]);
	return err;
}

/* ---- naming, listening, connecting ---- */

SYSCALL_DEFINE3(bind, int, fd, uaddr_t, addr, int, len)
{
	struct sockaddr_storage ss;
	struct file *f;
	struct socket *s = socket_get(fd, &f);
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	err = sock_name_copyin(&ss, addr, len);
	if (!err)
		err = s->ops->bind ? s->ops->bind(s, &ss, (u32)len) : -EOPNOTSUPP;
	file_put(f);
	return err;
}

SYSCALL_DEFINE2(listen, int, fd, int, backlog)
{
	struct file *f;
	struct socket *s = socket_get(fd, &f);
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	err = s->ops->listen ? s->ops->listen(s, min((u32)backlog, sock_limits.somaxconn)) : -EOPNOTSUPP;
	file_put(f);
	return err;
}

SYSCALL_DEFINE3(connect, int, fd, uaddr_t, addr, int, len)
{
	struct sockaddr_storage ss;
	struct file *f = fd_get(fd);
	struct socket *s;
	int err;

	if (!f)
		return -EBADF;
	err = sock_name_copyin(&ss, addr, len);
	if (err)
		goto out;
	err = -ENOTSOCK;
	if (f->ops != &socket_fops)
		goto out;
	s = f->priv;
	err = s->ops->connect ? s->ops->connect(s, &ss, (u32)len, f->flags & O_NONBLOCK) :
	      -EOPNOTSUPP;
out:
	file_put(f);
	return err;
}

/* The next connection of s as a file, its address to the guest; ERR_PTR. */
static struct file *accept_file(struct socket *s, bool nonblock, int flags, uaddr_t addr,
				uaddr_t len_p)
{
	struct sockaddr_storage ss = { 0 };
	struct file *f = socket_file((u32)flags);
	struct socket *peer;
	int res;

	if (IS_ERR(f))
		return f;
	peer = s->ops->accept ? s->ops->accept(s, nonblock) : ERR_PTR(-EOPNOTSUPP);
	if (IS_ERR(peer)) {
		file_put(f);
		return (struct file *)peer;
	}
	socket_attach(f, peer);
	if (!addr)
		return f;
	res = peer->ops->getname(peer, &ss, true);
	res = res < 0 ? -ECONNABORTED : sock_name_copyout(&ss, (u32)res, addr, len_p);
	if (res) {
		file_put(f);
		return ERR_PTR(res);
	}
	return f;
}

static s64 accept_fd(int fd, uaddr_t addr, uaddr_t len_p, int flags)
{
	struct file *f, *new;
	struct socket *s;
	s64 res;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	s = socket_get(fd, &f);
	if (IS_ERR(s))
		return PTR_ERR(s);
	res = fd_reserve(0, flags & SOCK_CLOEXEC);
	if (res < 0)
		goto out;
	new = accept_file(s, f->flags & O_NONBLOCK, flags, addr, len_p);
	if (IS_ERR(new)) {
		fd_unreserve((int)res);
		res = PTR_ERR(new);
		goto out;
	}
	fd_install((int)res, new);
out:
	file_put(f);
	return res;
}

SYSCALL_DEFINE3(accept, int, fd, uaddr_t, addr, uaddr_t, len)
{
	return accept_fd(fd, addr, len, 0);
}

SYSCALL_DEFINE4(accept4, int, fd, uaddr_t, addr, uaddr_t, len, int, flags)
{
	return accept_fd(fd, addr, len, flags);
}

SYSCALL_DEFINE2(shutdown, int, fd, int, how)
{
	struct file *f;
	struct socket *s = socket_get(fd, &f);
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (how < SHUT_RD || how > SHUT_RDWR)
		err = -EINVAL;
	else
		err = s->ops->shutdown ? s->ops->shutdown(s, (u32)how + 1) : -EOPNOTSUPP;
	file_put(f);
	return err;
}
