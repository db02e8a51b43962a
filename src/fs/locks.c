// SPDX-License-Identifier: MIT
/*
 * File locks: flock(2), POSIX record locks and open file description locks
 * (fcntl(2)).
 *
 *	inode->locks -> struct lock_list -> file_lock ... (records), (flocks)
 *
 * A lock belongs to an owner: a descriptor table (POSIX), or an open file (OFD
 * and flock). Records of one owner never overlap and never touch one another
 * when of one type: setting splits and merges. POSIX locks go when the owner
 * closes any descriptor of the file, the others with the last reference.
 *
 * Waiters sleep on the inode's queue and look again at each change. Who waits
 * for a record stands in a global list, from which a cycle of POSIX owners is
 * found before going to sleep (EDEADLK), at most DEADLOCK_STEPS long.
 *
 * Not supported: mandatory locks, leases.
 */
#include "fs/locks.h"

#include "fs/internal.h"
#include "kernel/syscall.h"
#include "mm/slab.h"

#define DEADLOCK_STEPS 10

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };

struct file_lock {
	struct list_head link;		/* lock_list.records or .flocks */
	struct list_head all;
	struct inode *inode;
	const void *owner;
	enum lock_kind kind;
	int type;			/* F_RDLCK, F_WRLCK */
	pid_t pid;
	loff_t start, end;		/* inclusive */
};

struct lock_list {
	struct list_head records, flocks;
	struct waitqueue wq;
};

struct lock_wait {
	struct list_head link;
	const struct file_lock *want;
};

static SLAB_CACHE(file_lock_cache, struct file_lock);
static struct list_head all_locks = LIST_HEAD_INIT(all_locks);
static struct list_head waits = LIST_HEAD_INIT(waits);

static int list_for(struct inode *inode)
{
	struct lock_list *l;

	if (inode->locks)
		return 0;
	l = kzalloc(sizeof(*l));
	if (!l)
		return -ENOLCK;
	list_init(&l->records);
	list_init(&l->flocks);
	waitqueue_init(&l->wq);
	inode->locks = l;
	return 0;
}

void locks_free_inode(struct inode *inode)
{
	struct lock_list *l = inode->locks;

	if (!l)
		return;
	bug_on(!list_empty(&l->records) || !list_empty(&l->flocks));
	inode->locks = NULL;
	kfree(l);
}

static void insert(struct file_lock *fl)
{
	struct lock_list *l = fl->inode->locks;

	list_add_tail(&fl->link, fl->kind == LOCK_FLOCK ? &l->flocks : &l->records);
	list_add_tail(&fl->all, &all_locks);
}

static void remove(struct file_lock *fl)
{
	list_del(&fl->link);
	list_del(&fl->all);
	slab_free(&file_lock_cache, fl);
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->owner == b->owner && a->kind == b->kind;
}

static struct file_lock *conflict(const struct file_lock *want)
{
	struct lock_list *l = want->inode->locks;
	struct list_head *head = want->kind == LOCK_FLOCK ? &l->flocks : &l->records;
	struct file_lock *fl;

	list_for_each_entry(fl, head, link) {
		if (!same_owner(fl, want) && fl->start <= want->end && want->start <= fl->end &&
		    (fl->type == F_WRLCK || want->type == F_WRLCK))
			return fl;
	}
	return NULL;
}

/* Would waiting for blocker close a circle of POSIX owners? */
static bool deadlock(const struct file_lock *want, const struct file_lock *blocker)
{
	for (int step = 0; step < DEADLOCK_STEPS; step++) {
		const struct file_lock *next = NULL;
		struct lock_wait *w;

		if (blocker->kind != LOCK_POSIX)
			return false;
		if (same_owner(blocker, want))
			return true;
		list_for_each_entry(w, &waits, link) {
			if (same_owner(w->want, blocker))
				next = conflict(w->want);
			if (next)
				break;
		}
		if (!next)
			return false;
		blocker = next;
	}
	return false;
}

/* Until nothing is in the way. The caller's file reference keeps the inode. */
static int wait_for(const struct file_lock *want, bool block)
{
	struct lock_wait w = { .want = want };
	struct file_lock *c;
	int err;

	while ((c = conflict(want))) {
		if (!block)
			return -EAGAIN;
		if (want->kind == LOCK_POSIX && deadlock(want, c))
			return -EDEADLK;
		list_add_tail(&w.link, &waits);
		err = wait_event_interruptible(&want->inode->locks->wq, !conflict(want));
		list_del(&w.link);
		if (err)
			return err;
	}
	return 0;
}

/* ---- records ---- */

/* Makes [start, end] of the owner's be of want's type. right: a spare lock. */
static void apply(const struct file_lock *want, struct file_lock *new, struct file_lock *right)
{
	struct list_head *records = &want->inode->locks->records;
	struct file_lock *fl, *next, w = *want;

	list_for_each_entry_safe(fl, next, records, link) {
		if (!same_owner(fl, want))
			continue;
		if (fl->type == want->type) {
			if ((fl->end != S64_MAX && fl->end + 1 < w.start) ||
			    (w.end != S64_MAX && fl->start > w.end + 1))
				continue;
			w.start = min(w.start, fl->start);
			w.end = max(w.end, fl->end);
			remove(fl);
			continue;
		}
		if (fl->end < w.start || fl->start > w.end)
			continue;
		if (fl->start < w.start && fl->end > w.end) {
			*right = *fl;
			right->start = w.end + 1;
			fl->end = w.start - 1;
			insert(right);
			right = NULL;
		} else if (fl->start < w.start) {
			fl->end = w.start - 1;
		} else if (fl->end > w.end) {
			fl->start = w.end + 1;
		} else {
			remove(fl);
		}
	}
	if (want->type != F_UNLCK) {
		*new = w;
		insert(new);
		new = NULL;
	}
	if (new)
		slab_free(&file_lock_cache, new);
	if (right)
		slab_free(&file_lock_cache, right);
	wake_up_all(&want->inode->locks->wq);
}

static int set_record(const struct file_lock *want, bool block)
{
	struct file_lock *new, *right;
	int err = 0;

	if (want->type != F_UNLCK)
		err = wait_for(want, block);
	if (err)
		return err;
	new = slab_alloc(&file_lock_cache);
	right = slab_alloc(&file_lock_cache);
	if (!new || !right) {
		if (new)
			slab_free(&file_lock_cache, new);
		if (right)
			slab_free(&file_lock_cache, right);
		return -ENOLCK;
	}
	apply(want, new, right);
	return 0;
}

/* All of one owner's: nothing to split, so nothing to allocate. */
static void remove_owner(struct inode *inode, struct list_head *head, const void *owner)
{
	struct file_lock *fl, *next;
	bool any = false;

	list_for_each_entry_safe(fl, next, head, link) {
		if (fl->owner == owner) {
			remove(fl);
			any = true;
		}
	}
	if (any)
		wake_up_all(&inode->locks->wq);
}

void locks_remove_posix(struct inode *inode, const void *owner)
{
	if (inode->locks)
		remove_owner(inode, &inode->locks->records, owner);
}

void locks_remove_file(struct file *f)
{
	if (!f->inode->locks)
		return;
	remove_owner(f->inode, &f->inode->locks->records, f);
	remove_owner(f->inode, &f->inode->locks->flocks, f);
}

/* struct flock to a range; whence is resolved. */
static int to_lock(struct file *f, const struct flock64 *fl, struct file_lock *want)
{
	loff_t start;

	switch (fl->whence) {
	case SEEK_SET:
		start = 0;
		break;
	case SEEK_CUR:
		start = f->pos;
		break;
	case SEEK_END:
		start = f->inode->size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(start, fl->start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	want->start = start;
	want->end = S64_MAX;
	if (fl->len > 0) {
		if (__builtin_add_overflow(start, fl->len - 1, &want->end))
			return -EOVERFLOW;
	} else if (fl->len < 0) {
		if (fl->len < -start)
			return -EINVAL;
		want->start = start + fl->len;
		want->end = start - 1;
	}
	if (fl->type != F_RDLCK && fl->type != F_WRLCK && fl->type != F_UNLCK)
		return -EINVAL;
	want->type = fl->type;
	want->inode = f->inode;
	return 0;
}

static s64 get_lock(const struct file_lock *want, struct flock64 *fl, uaddr_t arg)
{
	const struct file_lock *c;

	if (want->type == F_UNLCK && want->kind == LOCK_POSIX)
		return -EINVAL;
	c = conflict(want);
	fl->type = F_UNLCK;
	if (c) {
		fl->type = (s16)c->type;
		fl->whence = SEEK_SET;
		fl->start = c->start;
		fl->len = c->end == S64_MAX ? 0 : c->end - c->start + 1;
		fl->pid = c->pid;
	}
	return copyout(arg, fl, sizeof(*fl));
}

static s64 set_lock(int fd, struct file *f, const struct file_lock *want, bool block)
{
	struct file *now;
	int err;

	if (want->type == F_RDLCK && !(f->mode & FMODE_READ))
		return -EBADF;
	if (want->type == F_WRLCK && !(f->mode & FMODE_WRITE))
		return -EBADF;
	err = set_record(want, block);
	if (err || want->kind != LOCK_POSIX || want->type == F_UNLCK)
		return err;
	/* Closed meanwhile by another thread: its close missed our lock. */
	now = fd_get_path_ok(fd);
	if (now != f) {
		locks_remove_posix(f->inode, want->owner);
		err = -EBADF;
	}
	if (now)
		file_put(now);
	return err;
}

s64 fcntl_lock(int fd, struct file *f, u32 cmd, uaddr_t arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct file_lock want = {
		.kind = ofd ? LOCK_OFD : LOCK_POSIX,
		.owner = ofd ? (const void *)f : (const void *)current->files,
		.pid = ofd ? -1 : current->process->pid,
	};
	struct flock64 fl;
	int err;

	if (copyin(&fl, arg, sizeof(fl)))
		return -EFAULT;
	if (ofd && fl.pid)
		return -EINVAL;
	err = to_lock(f, &fl, &want);
	if (!err)
		err = list_for(f->inode);
	if (err)
		return err;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK)
		return get_lock(&want, &fl, arg);
	return set_lock(fd, f, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

/* ---- flock ---- */

static struct file_lock *find_flock(struct file *f)
{
	struct file_lock *fl;

	list_for_each_entry(fl, &f->inode->locks->flocks, link)
		if (fl->owner == f)
			return fl;
	return NULL;
}

static int set_flock(struct file *f, int type, bool block)
{
	struct file_lock want = { .inode = f->inode, .owner = f, .kind = LOCK_FLOCK,
				  .type = type, .pid = current->process->pid, .end = S64_MAX };
	struct file_lock *fl;
	int err = list_for(f->inode);

	if (err)
		return err;
	fl = find_flock(f);
	if (fl && fl->type == type)
		return 0;
	/* A conversion is not atomic: the old lock goes first (flock(2)). */
	if (fl) {
		remove(fl);
		wake_up_all(&f->inode->locks->wq);
	}
	if (type == F_UNLCK)
		return 0;
	err = wait_for(&want, block);
	if (err)
		return err;
	if (find_flock(f))	/* another thread's call with the same file */
		remove(find_flock(f));
	fl = slab_alloc(&file_lock_cache);
	if (!fl)
		return -ENOLCK;
	*fl = want;
	insert(fl);
	return 0;
}

SYSCALL_DEFINE2(flock, int, fd, int, op)
{
	struct file *f;
	int type;
	s64 err;

	if (op & LOCK_MAND)	/* never had an effect; since Linux 5.15 not even an error */
		return 0;
	switch (op & ~LOCK_NB) {
	case LOCK_SH:
		type = F_RDLCK;
		break;
	case LOCK_EX:
		type = F_WRLCK;
		break;
	case LOCK_UN:
		type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	err = -EBADF;
	if (type == F_UNLCK || (f->mode & (FMODE_READ | FMODE_WRITE)))
		err = set_flock(f, type, !(op & LOCK_NB));
	file_put(f);
	return err;
}

/* ---- /proc/locks ---- */

bool lock_nth(u32 nr, struct lock_info *info)
{
	static const char *const kinds[] = { "POSIX", "OFDLCK", "FLOCK" };
	struct file_lock *fl;

	list_for_each_entry(fl, &all_locks, all) {
		if (nr--)
			continue;
		*info = (struct lock_info){
			.kind = kinds[fl->kind],
			.write = fl->type == F_WRLCK,
			.pid = fl->pid,
			.dev = fl->inode->sb->dev,
			.ino = fl->inode->ino,
			.start = fl->start,
			.end = fl->end,
		};
		return true;
	}
	return false;
}
