// SPDX-License-Identifier: MIT
/*
 * Unnamed tmpfs files: shared memory of the kernel's own, and memfd_create(2)
 * with its seals.
 *
 * They live on a superblock without limits and mount, each with a dentry of
 * its own, whose text is "/NAME (deleted)" as on Linux. Seals are in
 * inode->seals and are checked where files are written, resized and mapped;
 * every tmpfs file has F_SEAL_SEAL, so only memfds take seals.
 *
 * Not supported: MFD_HUGETLB (ENOSYS, as without huge page support).
 */
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "fs/tmpfs_impl.h"

#define MEMFD_NAME_MAX (NAME_MAX - 6)	/* "memfd:" comes before it */

static struct superblock *shm_sb;

static struct superblock *shmem_sb(void)
{
	struct superblock *sb;

	if (!shm_sb) {
		sb = sb_create(&tmpfs_type, "tmpfs", "size=0,nr_inodes=0");
		if (IS_ERR(sb))
			return sb;
		shm_sb = sb;
	}
	return shm_sb;
}

struct file *shmem_file_create(const char *name, u64 size, u32 seals)
{
	struct iattr attr = { .mode = S_IRWXUGO };
	struct superblock *sb = shmem_sb();
	struct inode *inode;
	char *text;
	struct file *f;

	if (IS_ERR(sb))
		return ERR_PTR(-ENOMEM);
	if (size > S64_MAX)
		return ERR_PTR(-EINVAL);
	if (current->cred) {
		attr.uid = current->cred->fsuid;
		attr.gid = current->cred->fsgid;
	}
	text = path_buf_get();
	if (!text)
		return ERR_PTR(-ENOMEM);
	snprintf(text, PATH_MAX, "/%s (deleted)", name);
	inode = tmpfs_inode_new(sb, S_IFREG, &attr);
	if (IS_ERR(inode)) {
		path_buf_put(text);
		return ERR_PTR(PTR_ERR(inode));
	}
	inode->nlink = 0;
	inode->size = (loff_t)size;
	inode->seals = seals ? seals : F_SEAL_SEAL;
	f = file_from_inode(inode, text, O_RDWR | O_LARGEFILE, &tmpfs_file_fops);
	path_buf_put(text);
	return f;
}

SYSCALL_DEFINE2(memfd_create, uaddr_t, uname, u32, flags)
{
	char name[NAME_MAX + 1] = "memfd:";
	struct file *f;
	ssize_t len;

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	if ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))
		return -EINVAL;
	len = copyin_str(name + 6, uname, MEMFD_NAME_MAX + 1);
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	if (flags & MFD_HUGETLB)
		return -ENOSYS;
	f = shmem_file_create(name, 0, 0);
	if (IS_ERR(f))
		return PTR_ERR(f);
	if (flags & MFD_NOEXEC_SEAL) {
		f->inode->mode &= ~(mode_t)S_IXUGO;
		f->inode->seals = F_SEAL_EXEC;
	} else if (flags & MFD_ALLOW_SEALING) {
		f->inode->seals = 0;
	}
	return fd_install_new(f, flags & MFD_CLOEXEC);
}

static s64 add_seals(struct file *f, u32 seals)
{
	struct inode *inode = f->inode;
	s64 err = -EPERM;

	if (!(f->mode & FMODE_WRITE))
		return -EPERM;
	if ((seals & ~(u32)F_ALL_SEALS) || !inode_is_shmem(inode))
		return -EINVAL;
	mutex_lock(&inode->lock);
	if (inode->seals & F_SEAL_SEAL)
		goto out;
	err = -EBUSY;
	if ((seals & F_SEAL_WRITE) && !(inode->seals & F_SEAL_WRITE) &&
	    inode->mapping.nr_writable)
		goto out;
	/* Sealing an executable against chmod seals its contents too. */
	if ((seals & F_SEAL_EXEC) && (inode->mode & S_IXUGO))
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	inode->seals |= seals;
	err = 0;
out:
	mutex_unlock(&inode->lock);
	return err;
}

s64 shmem_fcntl_seals(struct file *f, u32 cmd, u64 arg)
{
	if (cmd == F_ADD_SEALS)
		return add_seals(f, (u32)arg);
	return inode_is_shmem(f->inode) ? (s64)f->inode->seals : -EINVAL;
}
