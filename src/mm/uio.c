/* SPDX-License-Identifier: MIT */
/* struct uio: where the bytes of a read come to rest, or those of a write come from. */
#include "abi/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define UIO_MAXIOV 1024

void uio_user(struct uio *uio, uaddr_t buf, size_t size)
{
	*uio = (struct uio){ .iov_count = 1, .resid = min(size, MAX_RW_COUNT) };
	uio->one = (struct uiovec){ buf, uio->resid };
	uio->iov = &uio->one;
}

void uio_kernel(struct uio *uio, void *buf, size_t size)
{
	*uio = (struct uio){ .kbuf = buf, .resid = size };
}

enum uio_dir { UIO_TO, UIO_FROM, UIO_ZERO };

/* Moves up to size bytes; the segment cursor is (iov, offset). */
static size_t uio_move(struct uio *uio, void *buf, size_t size, enum uio_dir dir)
{
	size_t done = 0;

	size = min(size, uio->resid);
	while (done < size) {
		size_t n = size - done, got;
		u8 *k = buf ? (u8 *)buf + done : NULL;

		if (!uio->iov) {
			u8 *p = uio->kbuf + uio->offset;

			if (dir == UIO_TO)
				memcpy(p, k, n);
			else if (dir == UIO_FROM)
				memcpy(k, p, n);
			else
				memset(p, 0, n);
			uio->offset += n;
			done += n;
			break;
		}
		if (uio->offset == uio->iov->len) {
			uio->iov++;
			uio->iov_count--;
			uio->offset = 0;
			continue;
		}
		n = min(n, uio->iov->len - uio->offset);
		if (dir == UIO_TO) {
			got = copyout_partial(uio->iov->base + uio->offset, k, n);
		} else if (dir == UIO_FROM) {
			got = copyin_partial(k, uio->iov->base + uio->offset, n);
		} else {
			n = min(n, 4096ul);
			got = clear_user(uio->iov->base + uio->offset, n) ? 0 : n;
		}
		uio->offset += got;
		done += got;
		if (got < n)
			break;
	}
	uio->resid -= done;
	return done;
}

size_t uio_copy_to(struct uio *uio, const void *src, size_t size)
{
	return uio_move(uio, (void *)src, size, UIO_TO);
}

size_t uio_copy_from(struct uio *uio, void *dst, size_t size)
{
	return uio_move(uio, dst, size, UIO_FROM);
}

size_t uio_zero_to(struct uio *uio, size_t size)
{
	return uio_move(uio, NULL, size, UIO_ZERO);
}

void uio_revert(struct uio *uio, size_t n)
{
	uio->resid += n;
	while (n > uio->offset && uio->iov) {
		n -= uio->offset;
		uio->iov--;
		uio->iov_count++;
		uio->offset = uio->iov->len;
	}
	uio->offset -= n;
}

int uio_import(struct uio *uio, uaddr_t iov, u64 count)
{
	struct uiovec *vec = &uio->one;
	u64 total = 0;
	int err;

	*uio = (struct uio){ .iov_count = (u32)count };
	if (count > UIO_MAXIOV)
		return -EINVAL;
	if (!count) {
		uio->iov = &uio->one;
		return 0;
	}
	if (count > 1) {
		vec = kmalloc(count * sizeof(*vec));
		if (!vec)
			return -ENOMEM;
	}
	err = copyin(vec, iov, count * sizeof(*vec));
	for (u64 i = 0; !err && i < count; i++) {
		if ((s64)vec[i].len < 0) {
			err = -EINVAL;
			break;
		}
		if (!access_ok(vec[i].base, vec[i].len)) {
			err = -EFAULT;
			break;
		}
		vec[i].len = min(vec[i].len, MAX_RW_COUNT - total);
		total += vec[i].len;
	}
	if (err) {
		if (vec != &uio->one)
			kfree(vec);
		return err;
	}
	uio->iov = vec;
	uio->kbuf = (u8 *)vec;		/* remembered for uio_free */
	uio->resid = total;
	return 0;
}

void uio_free(struct uio *uio)
{
	if (uio->kbuf && uio->kbuf != (u8 *)&uio->one)
		kfree(uio->kbuf);
	uio->kbuf = NULL;
}
