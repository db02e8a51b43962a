/* SPDX-License-Identifier: MIT */
/*
 * User memory by software walks; see uaccess.h.
 *
 * user_page() is the heart: the kernel address behind a user address, faulted
 * in if need be. The answer is good until the next sleep, because page tables
 * change only under the kernel lock. The latest answers are kept until any entry of
 * any table changes: programs pass the same buffers again and again.
 */
#include "mm/uaccess.h"

#include "abi/errno.h"
#include "hal/hal.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pgtable.h"

static struct recent {
	const struct mm *mm;
	uaddr_t page;		/* plus 1: may not be written */
	u8 *k;
	u64 changes;		/* of tables, when it was looked up */
} recent[8];

bool access_ok(uaddr_t p, size_t size)
{
	uaddr_t limit = hal_info()->user_limit;

	return p <= limit && size <= limit - p;
}

static u8 *user_page_slow(struct mm *mm, uaddr_t va, u32 access)
{
	/* A page may go again before we look (reclaim, another thread): retry. */
	for (int tries = 0; tries < 16; tries++) {
		pte_t *pte;
		int code;

		if (vm_fault(mm, va, access, &code))
			return NULL;
		pte = pte_lookup(&mm->as, va);
		if (!pte || !(*pte & (PTE_P | PTE_NONE)))
			continue;
		if ((access & FAULT_WRITE) && !(*pte & PTE_W) &&
		    !((access & FAULT_FORCE) && (pte_page(*pte)->flags & PG_ANON)))
			continue;
		return (u8 *)phys_to_virt(*pte & PTE_ADDR) + (va & ~PAGE_MASK);
	}
	return NULL;
}

/* Kernel address of user address va of mm, or NULL. */
static u8 *user_page(struct mm *mm, uaddr_t va, u32 access)
{
	struct recent *r = &recent[(va >> PAGE_SHIFT) % ARRAY_SIZE(recent)];
	u64 offset = va & ~PAGE_MASK;
	pte_t *pte;

	if (likely((access & FAULT_WRITE ? r->page : r->page & PAGE_MASK) == va - offset &&
		   r->mm == mm && r->changes == pte_changes))
		return r->k + offset;
	if (unlikely(va >= hal_info()->user_limit))
		return NULL;
	pte = pte_lookup(&mm->as, va);
	if (unlikely(!pte || !(*pte & PTE_P) || ((access & FAULT_WRITE) && !(*pte & PTE_W))))
		return user_page_slow(mm, va, access);
	*r = (struct recent){
		.mm = mm,
		.page = va - offset + !(*pte & PTE_W),
		.k = phys_to_virt(*pte & PTE_ADDR),
		.changes = pte_changes,
	};
	return r->k + offset;
}

static size_t chunk_of(uaddr_t va, size_t size)
{
	return min(size, PAGE_SIZE - (va & ~PAGE_MASK));
}

size_t copyin_partial(void *dst, uaddr_t src, size_t size)
{
	struct mm *mm = current->mm;
	size_t done = 0;

	if (!mm)
		return 0;
	while (done < size) {
		size_t n = chunk_of(src + done, size - done);
		const u8 *p = user_page(mm, src + done, 0);

		if (!p)
			break;
		memcpy((u8 *)dst + done, p, n);
		done += n;
	}
	return done;
}

size_t copyout_partial(uaddr_t dst, const void *src, size_t size)
{
	struct mm *mm = current->mm;
	size_t done = 0;

	if (!mm)
		return 0;
	while (done < size) {
		size_t n = chunk_of(dst + done, size - done);
		u8 *p = user_page(mm, dst + done, FAULT_WRITE);

		if (!p)
			break;
		memcpy(p, (const u8 *)src + done, n);
		done += n;
	}
	return done;
}

int copyin(void *dst, uaddr_t src, size_t size)
{
	size_t n = copyin_partial(dst, src, size);

	if (likely(n == size))
		return 0;
	memset((u8 *)dst + n, 0, size - n);	/* no kernel bytes may leak through */
	return -EFAULT;
}

int copyout(uaddr_t dst, const void *src, size_t size)
{
	return copyout_partial(dst, src, size) == size ? 0 : -EFAULT;
}

int clear_user(uaddr_t dst, size_t size)
{
	struct mm *mm = current->mm;

	while (size) {
		size_t n = chunk_of(dst, size);
		u8 *p = mm ? user_page(mm, dst, FAULT_WRITE) : NULL;

		if (!p)
			return -EFAULT;
		memset(p, 0, n);
		dst += n;
		size -= n;
	}
	return 0;
}

ssize_t copyin_str(char *dst, uaddr_t src, size_t size)
{
	struct mm *mm = current->mm;
	size_t done = 0;

	while (done < size) {
		size_t n = chunk_of(src + done, size - done), len;
		const char *p = mm ? (const char *)user_page(mm, src + done, 0) : NULL;

		if (!p)
			return -EFAULT;
		len = strnlen(p, n);
		memcpy(dst + done, p, len);
		done += len;
		if (len < n) {
			dst[done] = 0;
			return (ssize_t)done;
		}
	}
	return -ENAMETOOLONG;
}

int get_user_u8(u8 *v, uaddr_t p) { return copyin(v, p, 1); }
int put_user_u8(uaddr_t p, u8 v) { return copyout(p, &v, 1); }

int get_user_u32(u32 *v, uaddr_t p)
{
	const u8 *k;

	if (!is_aligned(p, 4))
		return copyin(v, p, 4);
	k = current->mm ? user_page(current->mm, p, 0) : NULL;
	if (!k)
		return -EFAULT;
	*v = READ_ONCE(*(const u32 *)k);
	return 0;
}

int get_user_u64(u64 *v, uaddr_t p)
{
	const u8 *k;

	if (!is_aligned(p, 8))
		return copyin(v, p, 8);
	k = current->mm ? user_page(current->mm, p, 0) : NULL;
	if (!k)
		return -EFAULT;
	*v = READ_ONCE(*(const u64 *)k);
	return 0;
}

int put_user_u32(uaddr_t p, u32 v)
{
	u8 *k;

	if (!is_aligned(p, 4))
		return copyout(p, &v, 4);
	k = current->mm ? user_page(current->mm, p, FAULT_WRITE) : NULL;
	if (!k)
		return -EFAULT;
	WRITE_ONCE(*(u32 *)k, v);
	return 0;
}

int put_user_u64(uaddr_t p, u64 v)
{
	return copyout(p, &v, 8);
}

int cmpxchg_user_u32(uaddr_t p, u32 expect, u32 want, u32 *old)
{
	u8 *k;

	if (!is_aligned(p, 4))
		return -EFAULT;
	k = current->mm ? user_page(current->mm, p, FAULT_WRITE) : NULL;
	if (!k)
		return -EFAULT;
	__atomic_compare_exchange_n((u32 *)k, &expect, want, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	*old = expect;
	return 0;
}

ssize_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t size, bool write, bool force)
{
	u32 access = (write ? FAULT_WRITE : 0) | (force ? FAULT_FORCE : 0);
	size_t done = 0;

	while (done < size) {
		size_t n = chunk_of(addr + done, size - done);
		u8 *p = user_page(mm, addr + done, access);

		if (!p)
			break;
		if (write)
			memcpy(p, (u8 *)buf + done, n);
		else
			memcpy((u8 *)buf + done, p, n);
		done += n;
	}
	return done || !size ? (ssize_t)done : -EFAULT;
}
