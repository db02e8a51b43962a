// SPDX-License-Identifier: MIT
/*
 * Mounting by descriptor: fsopen(2), fsconfig(2), fsmount(2), fspick(2),
 * open_tree(2), move_mount(2), mount_setattr(2).
 *
 *	fsopen -> [fscontext] -- fsconfig ... CREATE --> superblock
 *	       -- fsmount --> O_PATH file on a detached mount -- move_mount --> tree
 *
 * A context collects options as text, "a=b,c"; the file system parses them at
 * CREATE or RECONFIGURE. Where the type has no check_option, a bad one is
 * reported only then. A detached mount made by
 * fsmount or open_tree is owned by its file (FMODE_UNMOUNT) until attached.
 *
 * Not supported: options that are descriptors, paths or blobs (EINVAL), id
 * mapped mounts (EINVAL), reading messages from a context (ENODATA).
 */
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab.h"

#define KEY_SIZE 256u
#define SETATTR_KNOWN (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | \
		       MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME | \
		       MOUNT_ATTR_NOSYMFOLLOW)

enum phase { PHASE_OPTIONS, PHASE_CREATED, PHASE_MOUNTED };

struct fs_config {
	char type[64];
	enum phase phase;
	u64 ms_flags;		/* MS_RDONLY */
	bool reconfigure;	/* fspick */
	struct superblock *sb;	/* reference, once created or picked */
	char *source;		/* kmalloc'ed */
	char *options;		/* path_buf */
	size_t len;
};

static void config_free(struct fs_config *c)
{
	if (c->sb)
		sb_put(c->sb);
	if (c->options)
		path_buf_put(c->options);
	kfree(c->source);
	kfree(c);
}

static ssize_t config_read(struct file *f, struct uio *uio, loff_t *pos)
{
	(void)f;
	(void)uio;
	(void)pos;
	return -ENODATA;	/* no message is waiting, ever */
}

static void config_release(struct file *f)
{
	config_free(f->priv);
}

static const struct file_ops config_fops = {
	.read = config_read,
	.release = config_release,
};

static s64 config_install(struct fs_config *c, bool cloexec)
{
	struct file *f = file_anon("[fscontext]", &config_fops, c, O_RDWR);

	if (IS_ERR(f)) {
		config_free(c);
		return PTR_ERR(f);
	}
	return fd_install_new(f, cloexec);
}

static struct fs_config *config_new(void)
{
	struct fs_config *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->options = path_buf_get();
	if (!c->options) {
		kfree(c);
		return NULL;
	}
	c->options[0] = '\0';
	return c;
}

SYSCALL_DEFINE2(fsopen, uaddr_t, utype, u32, flags)
{
	struct fs_config *c;
	char type[64];
	ssize_t len;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & ~FSOPEN_CLOEXEC)
		return -EINVAL;
	len = copyin_str(type, utype, sizeof(type));
	if (len < 0)
		return len == -ENAMETOOLONG ? -ENODEV : len;
	if (!fs_type_find(type))
		return -ENODEV;
	c = config_new();
	if (!c)
		return -ENOMEM;
	memcpy(c->type, type, sizeof(type));
	return config_install(c, flags & FSOPEN_CLOEXEC);
}

SYSCALL_DEFINE3(fspick, int, dfd, uaddr_t, name, u32, flags)
{
	u32 lookup = flags & FSPICK_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct fs_config *c;
	struct path path;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & ~(FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT |
		      FSPICK_EMPTY_PATH))
		return -EINVAL;
	if (flags & FSPICK_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = path_lookup_user(dfd, name, lookup, &path);
	if (err)
		return err;
	err = -EINVAL;
	c = NULL;
	if (path_is_mount_root(&path)) {
		err = -ENOMEM;
		c = config_new();
	}
	if (c) {
		c->sb = sb_get(path.mnt->sb);
		c->reconfigure = true;
		strlcpy(c->type, c->sb->type->name, sizeof(c->type));
		c->ms_flags = c->sb->flags & SB_RDONLY ? MS_RDONLY : 0;
	}
	path_put(&path);
	return c ? config_install(c, flags & FSPICK_CLOEXEC) : err;
}

/* ---- fsconfig ---- */

static int add_option(struct fs_config *c, const char *key, const char *value)
{
	size_t need = strlen(key) + (value ? strlen(value) + 1 : 0) + 1;

	if (c->len + need >= PATH_MAX)
		return -EINVAL;
	c->len += (size_t)scnprintf(c->options + c->len, PATH_MAX - c->len, "%s%s%s%s",
				    c->len ? "," : "", key, value ? "=" : "", value ? value : "");
	return 0;
}

static int set_source(struct fs_config *c, const char *value)
{
	if (c->source)
		return -EINVAL;
	c->source = kstrdup(value);
	return c->source ? 0 : -ENOMEM;
}

static int set_option(struct fs_config *c, const char *key, const char *value)
{
	const struct fs_type *type;

	if (c->phase != PHASE_OPTIONS)
		return -EBUSY;
	if (value && !strcmp(key, "source"))
		return set_source(c, value);
	if (!value && (!strcmp(key, "ro") || !strcmp(key, "rw"))) {
		c->ms_flags = key[1] == 'o' ? MS_RDONLY : 0;
		return 0;
	}
	if (strchr(key, ',') || (value && strchr(value, ',')))
		return -EINVAL;
	type = fs_type_find(c->type);
	if (type && type->check_option) {
		int err = type->check_option(key, value);

		if (err)
			return err;
	}
	return add_option(c, key, value);
}

static int run_command(struct fs_config *c, u32 cmd)
{
	struct superblock *sb;

	if (cmd == FSCONFIG_CMD_RECONFIGURE) {
		if (!c->reconfigure)
			return -EBUSY;
		return sb_reconfigure(c->sb, c->ms_flags & MS_RDONLY ? SB_RDONLY : 0, c->options);
	}
	if (c->reconfigure || c->phase != PHASE_OPTIONS)
		return -EBUSY;
	c->phase = PHASE_CREATED;	/* once, whether it works or not */
	sb = sb_mount(c->type, c->source, c->options, c->ms_flags);
	if (IS_ERR(sb))
		return (int)PTR_ERR(sb);
	c->sb = sb;
	return 0;
}

static int config_set(struct fs_config *c, u32 cmd, uaddr_t ukey, uaddr_t uvalue)
{
	char key[KEY_SIZE];
	char *value;
	ssize_t len = copyin_str(key, ukey, sizeof(key));
	int err;

	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : (int)len;
	if (cmd == FSCONFIG_SET_FLAG)
		return set_option(c, key, NULL);
	value = getname(uvalue, true);
	if (IS_ERR(value))
		return PTR_ERR(value) == -ENAMETOOLONG ? -EINVAL : (int)PTR_ERR(value);
	err = set_option(c, key, value);
	path_buf_put(value);
	return err;
}

SYSCALL_DEFINE5(fsconfig, int, fd, u32, cmd, uaddr_t, key, uaddr_t, value, int, aux)
{
	bool is_set = cmd == FSCONFIG_SET_FLAG || cmd == FSCONFIG_SET_STRING;
	struct file *f;
	s64 err = -EINVAL;

	if (fd < 0 || cmd > FSCONFIG_CMD_CREATE_EXCL)
		return fd < 0 ? -EINVAL : -EOPNOTSUPP;
	if (cmd == FSCONFIG_SET_FLAG && (!key || value || aux))
		return -EINVAL;
	if (cmd == FSCONFIG_SET_STRING && (!key || !value || aux))
		return -EINVAL;
	if (cmd >= FSCONFIG_CMD_CREATE && (key || value || aux))
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (f->ops == &config_fops) {
		if (is_set)
			err = config_set(f->priv, cmd, key, value);
		else if (cmd >= FSCONFIG_CMD_CREATE)
			err = run_command(f->priv, cmd);
	}
	file_put(f);
	return err;
}

/* ---- files that own a detached mount ---- */

static u32 flags_from_attr(u64 attr, u32 old)
{
	u32 f = old & ~MNT_USER_MASK;

	f |= attr & MOUNT_ATTR_RDONLY ? MNT_RDONLY : 0;
	f |= attr & MOUNT_ATTR_NOSUID ? MNT_NOSUID : 0;
	f |= attr & MOUNT_ATTR_NODEV ? MNT_NODEV : 0;
	f |= attr & MOUNT_ATTR_NOEXEC ? MNT_NOEXEC : 0;
	f |= attr & MOUNT_ATTR_NODIRATIME ? MNT_NODIRATIME : 0;
	f |= attr & MOUNT_ATTR_NOSYMFOLLOW ? MNT_NOSYMFOLLOW : 0;
	if ((attr & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME)
		f |= MNT_NOATIME;
	else if ((attr & MOUNT_ATTR__ATIME) == MOUNT_ATTR_RELATIME)
		f |= MNT_RELATIME;
	return f;
}

static u64 attr_from_flags(u32 flags)
{
	u64 a = 0;

	a |= flags & MNT_RDONLY ? MOUNT_ATTR_RDONLY : 0;
	a |= flags & MNT_NOSUID ? MOUNT_ATTR_NOSUID : 0;
	a |= flags & MNT_NODEV ? MOUNT_ATTR_NODEV : 0;
	a |= flags & MNT_NOEXEC ? MOUNT_ATTR_NOEXEC : 0;
	a |= flags & MNT_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0;
	a |= flags & MNT_NOSYMFOLLOW ? MOUNT_ATTR_NOSYMFOLLOW : 0;
	if (flags & MNT_NOATIME)
		a |= MOUNT_ATTR_NOATIME;
	else if (!(flags & MNT_RELATIME))
		a |= MOUNT_ATTR_STRICTATIME;
	return a;
}

/* An O_PATH descriptor on a detached mount, which is consumed. */
static s64 mount_to_fd(struct mount *m, bool cloexec)
{
	struct path path = { m, m->root };
	struct file *f = file_open_path(&path, O_PATH);

	if (IS_ERR(f)) {
		mount_detach_tree(m);
		return PTR_ERR(f);
	}
	f->mode |= FMODE_UNMOUNT;
	m->flags |= MNT_OWNED;
	return fd_install_new(f, cloexec);
}

void mount_file_release(struct file *f)
{
	if (f->path.mnt->flags & MNT_OWNED)
		mount_detach_tree(f->path.mnt);
}

SYSCALL_DEFINE3(fsmount, int, fd, u32, flags, u32, attr)
{
	struct fs_config *c;
	struct mount *m = NULL;
	struct file *f;
	s64 ret = -EINVAL;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((flags & ~FSMOUNT_CLOEXEC) || (attr & ~SETATTR_KNOWN) ||
	    (attr & MOUNT_ATTR__ATIME) > MOUNT_ATTR_STRICTATIME)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (f->ops == &config_fops) {
		c = f->priv;
		ret = c->reconfigure || c->phase == PHASE_MOUNTED ? -EBUSY : c->sb ? 0 : -EINVAL;
		if (!ret) {
			m = mount_create(c->sb, c->sb->root, c->source, flags_from_attr(attr, 0));
			ret = m ? 0 : -ENOMEM;
		}
		if (m)
			c->phase = PHASE_MOUNTED;
	}
	file_put(f);
	return ret ? ret : mount_to_fd(m, flags & FSMOUNT_CLOEXEC);
}

SYSCALL_DEFINE3(open_tree, int, dfd, uaddr_t, name, u32, flags)
{
	const u32 known = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_NO_AUTOMOUNT |
			  AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
	struct mount *m;
	struct path path;
	struct file *f;
	s64 ret;

	if ((flags & ~known) || (flags & (AT_RECURSIVE | OPEN_TREE_CLONE)) == AT_RECURSIVE)
		return -EINVAL;
	if ((flags & OPEN_TREE_CLONE) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = lookup_at(dfd, name, flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW), 0, &path);
	if (ret)
		return ret;
	if (!(flags & OPEN_TREE_CLONE)) {
		f = file_open_path(&path, O_PATH);
		ret = IS_ERR(f) ? PTR_ERR(f) : fd_install_new(f, flags & OPEN_TREE_CLOEXEC);
	} else if (!path.mnt || !path.mnt->ns || (path.mnt->flags & MNT_UNBINDABLE)) {
		ret = -EINVAL;
	} else {
		m = mount_copy_tree(path.mnt, path.dentry, flags & AT_RECURSIVE ? COPY_REC : 0);
		ret = IS_ERR(m) ? PTR_ERR(m) : mount_to_fd(m, flags & OPEN_TREE_CLOEXEC);
	}
	path_put(&path);
	return ret;
}

static int do_move(const struct path *from, struct path *to)
{
	struct mount *m = from->mnt;
	int err = path_is_mount_root(from) ? mount_point_top(to) : -EINVAL;

	if (err)
		return err;
	if (!mount_is_ours(to->mnt))
		return -EINVAL;
	if (!m->ns && !m->parent) {
		if (S_ISDIR(m->root->inode->mode) != S_ISDIR(to->dentry->inode->mode))
			return -EINVAL;
		return mount_attach(m, to);
	}
	if (!mount_is_ours(m) || !m->parent)
		return -EINVAL;
	return mount_move(m, to);
}

SYSCALL_DEFINE5(move_mount, int, from_dfd, uaddr_t, from_name, int, to_dfd, uaddr_t, to_name,
		u32, flags)
{
	struct path from, to;
	u32 lookup = 0;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & ~MOVE_MOUNT_MASK)
		return -EINVAL;
	lookup |= flags & MOVE_MOUNT_F_SYMLINKS ? LOOKUP_FOLLOW : 0;
	lookup |= flags & MOVE_MOUNT_F_EMPTY_PATH ? LOOKUP_EMPTY : 0;
	err = path_lookup_user(from_dfd, from_name, lookup, &from);
	if (err)
		return err;
	lookup = flags & MOVE_MOUNT_T_SYMLINKS ? LOOKUP_FOLLOW : 0;
	lookup |= flags & MOVE_MOUNT_T_EMPTY_PATH ? LOOKUP_EMPTY : 0;
	err = path_lookup_user(to_dfd, to_name, lookup, &to);
	if (!err) {
		err = do_move(&from, &to);
		path_put(&to);
	}
	path_put(&from);
	return err;
}

/* ---- mount_setattr ---- */

static int check_attr(const struct mount_attr *a)
{
	if ((a->attr_set | a->attr_clr) & ~(u64)SETATTR_KNOWN)
		return -EINVAL;
	/* The access time is one choice: to set one, all bits are cleared. */
	if ((a->attr_clr & MOUNT_ATTR__ATIME) && (a->attr_clr & MOUNT_ATTR__ATIME) !=
	    MOUNT_ATTR__ATIME)
		return -EINVAL;
	if ((a->attr_set & MOUNT_ATTR__ATIME) && !(a->attr_clr & MOUNT_ATTR__ATIME))
		return -EINVAL;
	if ((a->attr_set & MOUNT_ATTR__ATIME) > MOUNT_ATTR_STRICTATIME)
		return -EINVAL;
	switch (a->propagation) {
	case 0:
	case MS_SHARED:
	case MS_PRIVATE:
	case MS_SLAVE:
	case MS_UNBINDABLE:
		return 0;
	}
	return -EINVAL;
}

/* All of the tree or nothing. */
static int set_attr(struct mount *top, const struct mount_attr *a, bool rec)
{
	struct mount *m;
	int err;

	for (m = top; m; m = rec ? mount_next_in_tree(m, top) : NULL)
		if ((a->attr_set & MOUNT_ATTR_RDONLY) && !(m->flags & MNT_RDONLY) && m->writers)
			return -EBUSY;
	for (m = top; m; m = rec ? mount_next_in_tree(m, top) : NULL) {
		u64 attr = (attr_from_flags(m->flags) & ~a->attr_clr) | a->attr_set;

		err = mount_change_flags(m, flags_from_attr(attr, m->flags));
		if (err)
			return err;
	}
	if (a->propagation)
		mount_change_type(top, a->propagation, rec);
	return 0;
}

SYSCALL_DEFINE5(mount_setattr, int, dfd, uaddr_t, name, u32, flags, uaddr_t, uattr, u64, size)
{
	struct mount_attr a;
	struct path path;
	int err;

	if (flags & ~(u32)(AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < sizeof(a))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = copyin_struct(&a, sizeof(a), uattr, size);
	if (err)
		return err;
	if (!a.attr_set && !a.attr_clr && !a.propagation)
		return 0;
	err = check_attr(&a);
	if (!err)
		err = lookup_at(dfd, name, flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW), 0, &path);
	if (err)
		return err;
	err = -EINVAL;
	if (path_is_mount_root(&path) && (mount_is_ours(path.mnt) || !path.mnt->ns))
		err = set_attr(path.mnt, &a, flags & AT_RECURSIVE);
	path_put(&path);
	return err;
}
