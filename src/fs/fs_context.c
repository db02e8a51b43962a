// SPDX-License-Identifier: MIT
/*
 * Root, working directory and umask: struct fs_context, shared by CLONE_FS.
 *
 * An fs_context holds its two paths and its mount namespace. Changing one
 * swaps the path first and drops the old one last, since that may sleep.
 */
#include "fs/internal.h"
#include "kernel/syscall.h"
#include "mm/slab.h"

static SLAB_CACHE(fs_context_cache, struct fs_context);
static struct fs_context *initial_fs;

struct fs_context *fs_context_get(struct fs_context *fs)
{
	fs->refcount++;
	return fs;
}

void fs_context_put(struct fs_context *fs)
{
	bug_on(!fs->refcount);
	if (--fs->refcount)
		return;
	path_put(&fs->cwd);
	path_put(&fs->root);
	mount_ns_put(fs->ns);
	slab_free(&fs_context_cache, fs);
}

struct fs_context *fs_context_dup(struct fs_context *old)
{
	struct fs_context *fs = slab_zalloc(&fs_context_cache);

	if (!fs)
		return NULL;
	fs->refcount = 1;
	fs->umask = old->umask;
	fs->root = path_get(old->root);
	fs->cwd = path_get(old->cwd);
	fs->ns = mount_ns_get(old->ns);
	return fs;
}

struct fs_context *fs_context_initial(void)
{
	return fs_context_get(initial_fs);
}

struct fs_context *fs_context_boot(void)
{
	initial_fs = slab_zalloc(&fs_context_cache);
	if (initial_fs) {
		initial_fs->refcount = 1;
		initial_fs->umask = 022;
	}
	return initial_fs;
}

static void set_path(struct path *where, struct path to)
{
	struct path old = *where;

	*where = to;
	path_put(&old);
}

void fs_set_cwd(struct fs_context *fs, struct path p) { set_path(&fs->cwd, p); }
void fs_set_root(struct fs_context *fs, struct path p) { set_path(&fs->root, p); }

SYSCALL_DEFINE1(chdir, uaddr_t, name)
{
	struct path path;
	int err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	err = inode_permission(path.dentry->inode, MAY_EXEC);
	if (err)
		path_put(&path);
	else
		set_path(&current->fs->cwd, path);
	return err;
}

SYSCALL_DEFINE1(fchdir, int, fd)
{
	struct file *f = fd_get_path_ok(fd);
	int err = -ENOTDIR;

	if (!f)
		return -EBADF;
	if (S_ISDIR(f->inode->mode))
		err = inode_permission(f->inode, MAY_EXEC);
	if (!err)
		set_path(&current->fs->cwd, path_get(f->path));
	file_put(f);
	return err;
}

SYSCALL_DEFINE1(chroot, uaddr_t, name)
{
	struct path path;
	int err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	err = inode_permission(path.dentry->inode, MAY_EXEC);
	if (!err && !capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (err)
		path_put(&path);
	else
		set_path(&current->fs->root, path);
	return err;
}

SYSCALL_DEFINE1(umask, mode_t, mask)
{
	mode_t old = current->fs->umask;

	current->fs->umask = mask & 0777;
	return old;
}
