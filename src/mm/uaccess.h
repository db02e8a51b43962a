/* SPDX-License-Identifier: MIT */
/*
 * The only way to guest memory: software walks of the current task's page
 * tables, with faults resolved as the CPU would (demand zero, copy on write,
 * page cache). May sleep, so hold no spin-like assumption across a call:
 * other tasks may have run. Do not call with mmap_lock held.
 *
 * All return 0 or -EFAULT (or -ENOMEM -> the caller sees -EFAULT, as Linux).
 */
#ifndef HYLA_MM_UACCESS_H
#define HYLA_MM_UACCESS_H

#include "lib/types.h"

struct mm;

int copyin(void *dst, uaddr_t src, size_t size) __must_check;
int copyout(uaddr_t dst, const void *src, size_t size) __must_check;
int clear_user(uaddr_t dst, size_t size) __must_check;
/* Bytes copied before the first fault, for read and write that may be short. */
size_t copyin_partial(void *dst, uaddr_t src, size_t size) __must_check;
size_t copyout_partial(uaddr_t dst, const void *src, size_t size) __must_check;
/* Copies a string of at most size-1 bytes and the NUL. Returns its length,
 * -EFAULT, or -ENAMETOOLONG when no NUL was within size bytes. */
ssize_t copyin_str(char *dst, uaddr_t src, size_t size) __must_check;
/* True when [p, p+size) is below the user limit: cheap early -EFAULT. */
bool access_ok(uaddr_t p, size_t size);

int get_user_u8(u8 *v, uaddr_t p) __must_check;
int get_user_u32(u32 *v, uaddr_t p) __must_check;	/* one aligned load */
int get_user_u64(u64 *v, uaddr_t p) __must_check;
int put_user_u8(uaddr_t p, u8 v) __must_check;
int put_user_u32(uaddr_t p, u32 v) __must_check;
int put_user_u64(uaddr_t p, u64 v) __must_check;
/* Atomic compare and swap; *old gets what was there. */
int cmpxchg_user_u32(uaddr_t p, u32 expect, u32 want, u32 *old) __must_check;

/* Another task's memory (ptrace, /proc/PID/mem, process_vm_readv): bytes
 * copied, or -EFAULT when the first byte already fails. force: ignore
 * protections as FOLL_FORCE does (private copy for writes). */
ssize_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t size, bool write,
		  bool force) __must_check;

/*
 * A data source or sink of read/write: user iovecs or one kernel buffer.
 * Transfers advance it. Sizes are already capped to MAX_RW_COUNT.
 */
#define MAX_RW_COUNT 0x7ffff000ul

struct uiovec {
	uaddr_t base;
	u64 len;
};

struct uio {
	const struct uiovec *iov;	/* user segments, or NULL: kernel */
	u32 iov_count;
	u32 flags;			/* RWF_* of preadv2 and pwritev2; 0 at first */
	u8 *kbuf;			/* kernel buffer when iov is NULL */
	size_t offset;			/* into the current segment or kbuf */
	size_t resid;			/* bytes left in all */
	struct uiovec one;		/* inline single segment */
};

void uio_user(struct uio *uio, uaddr_t buf, size_t size);
void uio_kernel(struct uio *uio, void *buf, size_t size);
/* Copies up to size bytes to (uio_write: out to the reader) or from
 * (uio_read: in from the writer) the uio. Returns bytes moved; fewer than
 * min(size, resid) only on a fault. */
size_t uio_copy_to(struct uio *uio, const void *src, size_t size) __must_check;
size_t uio_copy_from(struct uio *uio, void *dst, size_t size) __must_check;
size_t uio_zero_to(struct uio *uio, size_t size) __must_check;
/* Takes back the last n bytes (a short write after a successful copy). */
void uio_revert(struct uio *uio, size_t n);
/* Reads an iovec array of a system call into *iovp (kmalloc'ed unless it is
 * uio->one). 0, -EINVAL (count, lengths), -EFAULT, -ENOMEM. Pair with uio_free. */
int uio_import(struct uio *uio, uaddr_t iov, u64 count) __must_check;
void uio_free(struct uio *uio);

#endif
