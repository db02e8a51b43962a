// SPDX-License-Identifier: MIT
/*
 * Descriptor tables: struct files, shared by the tasks of CLONE_FILES.
 *
 * A table is an array of pointers to chunks of 128 descriptors, each with a
 * bitmap of those in use and of those to close at exec. Chunks come with the
 * first use of their range; the array doubles. A descriptor in use without a
 * file is reserved: fd_get does not see it, fd_install completes it.
 *
 *	files -> chunks[0] -> { file[128], used, cloexec }
 *	         chunks[1] -> NULL
 *
 * next_free is a lower bound of the lowest free descriptor. Everything is
 * under the kernel lock; only dropping a file may sleep, and by then it has
 * left the table.
 */
#include "fs/internal.h"
#include "mm/slab.h"

#define CHUNK_FDS 128u
#define WORDS (CHUNK_FDS / 64)
#define NR_OPEN 1048576u	/* fs.nr_open */

struct fd_chunk {
	struct file *file[CHUNK_FDS];
	u64 used[WORDS], cloexec[WORDS];
};

struct files {
	u32 refcount;
	u32 nr_chunks;		/* size of the array */
	u32 next_free;
	u32 reserved;
	struct fd_chunk **chunks;
};

static SLAB_CACHE(files_cache, struct files);
static SLAB_CACHE(fd_chunk_cache, struct fd_chunk);

struct files *files_get(struct files *files)
{
	files->refcount++;
	return files;
}

static struct fd_chunk *chunk_of(struct files *t, u32 fd)
{
	u32 nr = fd / CHUNK_FDS;

	return nr < t->nr_chunks ? t->chunks[nr] : NULL;
}

static bool test(const u64 *map, u32 bit) { return map[bit / 64] >> (bit % 64) & 1; }
static void set(u64 *map, u32 bit) { map[bit / 64] |= 1ul << (bit % 64); }
static void clear(u64 *map, u32 bit) { map[bit / 64] &= ~(1ul << (bit % 64)); }

static int grow_array(struct files *t, u32 nr)
{
	u32 want = max(t->nr_chunks * 2, nr + 1);
	struct fd_chunk **bigger = kcalloc(want, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	for (u32 i = 0; i < t->nr_chunks; i++)
		bigger[i] = t->chunks[i];
	kfree(t->chunks);
	t->chunks = bigger;
	t->nr_chunks = want;
	return 0;
}

/* The chunk for fd, made if need be; NULL: out of memory. */
static struct fd_chunk *chunk_make(struct files *t, u32 fd)
{
	u32 nr = fd / CHUNK_FDS;

	if (nr >= t->nr_chunks && grow_array(t, nr))
		return NULL;
	if (!t->chunks[nr])
		t->chunks[nr] = slab_zalloc(&fd_chunk_cache);
	return t->chunks[nr];
}

/* The lowest free descriptor >= min; may lie beyond the array. */
static u32 find_free(struct files *t, u32 min)
{
	u32 fd = min;

	while (fd / CHUNK_FDS < t->nr_chunks) {
		struct fd_chunk *c = t->chunks[fd / CHUNK_FDS];
		u64 free;

		if (!c)
			return fd;
		free = ~c->used[fd % CHUNK_FDS / 64] >> (fd % 64);
		if (free)
			return fd + (u32)__builtin_ctzl(free);
		fd = (fd | 63) + 1;
	}
	return fd;
}

struct files *files_new(void)
{
	struct files *t = slab_zalloc(&files_cache);

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->refcount = 1;
	return t;
}

static void free_chunks(struct files *t)
{
	for (u32 i = 0; i < t->nr_chunks; i++)
		if (t->chunks[i])
			slab_free(&fd_chunk_cache, t->chunks[i]);
	kfree(t->chunks);
	slab_free(&files_cache, t);
}

/* What close(2) does beside freeing the descriptor; consumes the reference. */
static int close_file(struct files *t, struct file *f)
{
	int err = 0;

	if (!(f->mode & FMODE_PATH)) {
		if (f->ops->flush)
			err = f->ops->flush(f);
		locks_remove_posix(f->inode, t);
	}
	file_put(f);
	return err;
}

/* Takes the file out of the table; NULL when fd is free or only reserved. */
static struct file *take(struct files *t, u32 fd)
{
	struct fd_chunk *c = chunk_of(t, fd);
	u32 i = fd % CHUNK_FDS;
	struct file *f = c ? c->file[i] : NULL;

	if (!f)
		return NULL;
	c->file[i] = NULL;
	clear(c->used, i);
	clear(c->cloexec, i);
	t->next_free = min(t->next_free, fd);
	return f;
}

void files_put(struct files *t)
{
	int fd = -1;

	bug_on(!t->refcount);
	if (t->refcount > 1) {
		t->refcount--;
		return;
	}
	while ((fd = files_next(t, (u32)(fd + 1))) >= 0) {
		struct file *f = take(t, (u32)fd);

		if (f)
			close_file(t, f);
	}
	/* Closing may sleep, and a reader of /proc/PID/fd may have come. */
	if (!--t->refcount)
		free_chunks(t);
}

struct files *files_dup(struct files *old)
{
	struct files *t = files_new();
	int fd = -1;

	if (IS_ERR(t))
		return t;
	while ((fd = files_next(old, (u32)(fd + 1))) >= 0) {
		struct fd_chunk *from = chunk_of(old, (u32)fd), *c;
		u32 i = (u32)fd % CHUNK_FDS;

		if (!from->file[i])
			continue;	/* reserved by another thread: not ours */
		c = chunk_make(t, (u32)fd);
		if (!c) {
			files_put(t);
			return ERR_PTR(-ENOMEM);
		}
		c->file[i] = file_get(from->file[i]);
		set(c->used, i);
		if (test(from->cloexec, i))
			set(c->cloexec, i);
	}
	t->next_free = 0;
	return t;
}

int files_next(struct files *t, u32 fd)
{
	while (fd / CHUNK_FDS < t->nr_chunks) {
		struct fd_chunk *c = t->chunks[fd / CHUNK_FDS];
		u64 used;

		if (!c) {
			fd = (fd | (CHUNK_FDS - 1)) + 1;
			continue;
		}
		used = c->used[fd % CHUNK_FDS / 64] >> (fd % 64);
		if (used)
			return (int)(fd + (u32)__builtin_ctzl(used));
		fd = (fd | 63) + 1;
	}
	return -1;
}

void files_close_on_exec(struct files *t)
{
	for (u32 nr = 0; nr < t->nr_chunks; nr++) {
		for (u32 w = 0; w < WORDS; w++) {
			/* Closing may sleep, and the table is ours alone: reload. */
			while (t->chunks[nr] && t->chunks[nr]->cloexec[w]) {
				u32 bit = (u32)__builtin_ctzl(t->chunks[nr]->cloexec[w]);
				struct file *f = take(t, nr * CHUNK_FDS + w * 64 + bit);

				if (f)
					close_file(t, f);
				else
					t->chunks[nr]->cloexec[w] &= ~(1ul << bit);
			}
		}
	}
}

/* ---- looking up ---- */

struct file *files_lookup(struct files *t, u32 fd)
{
	struct fd_chunk *c = chunk_of(t, fd);
	struct file *f = c ? c->file[fd % CHUNK_FDS] : NULL;

	return f ? file_get(f) : NULL;
}

struct file *fd_get_path_ok(int fd)
{
	return fd < 0 ? NULL : files_lookup(current->files, (u32)fd);
}

struct file *fd_get(int fd)
{
	struct file *f = fd_get_path_ok(fd);

	if (f && (f->mode & FMODE_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

struct file *fd_get_mode(int fd, u32 mode)
{
	struct file *f = fd_get(fd);

	if (f && (f->mode & mode) != mode) {
		file_put(f);
		return NULL;
	}
	return f;
}

int files_cloexec(struct files *files, u32 fd)
{
	struct fd_chunk *c = chunk_of(files, fd);

	return c && test(c->cloexec, fd % CHUNK_FDS);
}

int fd_cloexec(int fd)
{
	return files_cloexec(current->files, (u32)fd);
}

void fd_set_cloexec(int fd, bool on)
{
	struct fd_chunk *c = chunk_of(current->files, (u32)fd);
	u32 i = (u32)fd % CHUNK_FDS;

	if (!c || !test(c->used, i))
		return;
	if (on)
		set(c->cloexec, i);
	else
		clear(c->cloexec, i);
}

/* ---- reserving and installing ---- */

u32 fd_limit(void)
{
	return (u32)min(rlimit(RLIMIT_NOFILE), (u64)NR_OPEN);
}

int fd_reserve(u32 min, bool cloexec)
{
	struct files *t = current->files;
	u32 fd = find_free(t, max(min, t->next_free));
	struct fd_chunk *c;

	if (fd >= fd_limit())
		return -EMFILE;
	c = chunk_make(t, fd);
	if (!c)
		return -ENOMEM;
	set(c->used, fd % CHUNK_FDS);
	if (cloexec)
		set(c->cloexec, fd % CHUNK_FDS);
	else
		clear(c->cloexec, fd % CHUNK_FDS);
	if (min <= t->next_free)
		t->next_free = fd + 1;
	return (int)fd;
}

void fd_unreserve(int fd)
{
	struct files *t = current->files;
	struct fd_chunk *c = chunk_of(t, (u32)fd);

	clear(c->used, (u32)fd % CHUNK_FDS);
	clear(c->cloexec, (u32)fd % CHUNK_FDS);
	t->next_free = min(t->next_free, (u32)fd);
}

void fd_install(int fd, struct file *f)
{
	struct fd_chunk *c = chunk_of(current->files, (u32)fd);

	bug_on(!c || c->file[(u32)fd % CHUNK_FDS]);
	c->file[(u32)fd % CHUNK_FDS] = f;
}

int fd_install_new(struct file *f, bool cloexec)
{
	int fd = fd_reserve(0, cloexec);

	if (fd < 0)
		file_put(f);
	else
		fd_install(fd, f);
	return fd;
}

int fd_close(int fd)
{
	struct file *f = fd < 0 ? NULL : take(current->files, (u32)fd);

	return f ? close_file(current->files, f) : -EBADF;
}

/* dup2 and dup3: f (reference consumed on success) becomes fd. */
int fd_replace(int fd, struct file *f, bool cloexec)
{
	struct files *t = current->files;
	struct fd_chunk *c;
	struct file *old;
	u32 i = (u32)fd % CHUNK_FDS;

	if ((u32)fd >= fd_limit())
		return -EBADF;
	c = chunk_make(t, (u32)fd);
	if (!c)
		return -ENOMEM;
	old = c->file[i];
	if (!old && test(c->used, i))
		return -EBUSY;	/* an open in another thread is about to use it */
	c->file[i] = f;
	set(c->used, i);
	if (cloexec)
		set(c->cloexec, i);
	else
		clear(c->cloexec, i);
	if (old)
		close_file(t, old);
	return fd;
}

int files_unshare(struct task *task)
{
	struct files *copy;

	if (task->files->refcount == 1)
		return 0;
	copy = files_dup(task->files);
	if (IS_ERR(copy))
		return (int)PTR_ERR(copy);
	files_put(task->files);
	task->files = copy;
	return 0;
}

/* close_range: [first, last] now, or (cloexec) at exec. */
void fd_close_range(u32 first, u32 last, bool cloexec)
{
	struct files *t = current->files;
	int fd = files_next(t, first);

	while (fd >= 0 && (u32)fd <= last) {
		if (cloexec)
			fd_set_cloexec(fd, true);
		else
			fd_close(fd);
		fd = files_next(t, (u32)fd + 1);
	}
}
