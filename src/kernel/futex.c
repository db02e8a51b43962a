/* SPDX-License-Identifier: MIT */
/*
 * Futexes (futex(2)): wait, wake, requeue, bitset, wake-op, PI locks.
 *
 * A waiter hangs in a bucket under its key: (mm, address) for private words,
 * (inode, offset) for shared file memory, so that any mapping finds it. The
 * kernel lock makes "check the word, then sleep" one step.
 *
 * PI: lock and unlock hand the word over as the ABI says, without boosting
 * priorities. Robust lists are walked at exit, with Linux's bounds.
 */
#include "kernel/futex.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "kernel/clock.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/uaccess.h"

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAKE_OP 5
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_TRYLOCK_PI 8
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_LOCK_PI2 13
#define FUTEX_PRIVATE_FLAG 128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_BITSET_ANY 0xffffffffu
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu
#define ROBUST_LIST_LIMIT 2048

struct futex_key {
	u64 object;	/* struct mm * or struct inode * */
	u64 offset;
};

struct futex_waiter {
	struct list_head link;
	struct futex_key key;
	struct task *task;
	u32 bitset;
	bool woken;
};

#define BUCKETS 256
static struct list_head buckets[BUCKETS];

static struct list_head *bucket_of(const struct futex_key *k)
{
	u64 h = (k->object >> 4) * 0x9e3779b97f4a7c15ul + k->offset * 0xc2b2ae3d27d4eb4ful;
	struct list_head *b = &buckets[h >> 56];

	if (!b->next)
		list_init(b);
	return b;
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset;
}

static int make_key(uaddr_t addr, bool private, struct futex_key *k)
{
	struct mm *mm = current->mm;
	struct vma *vma;

	if (addr & 3)
		return -EINVAL;
	if (!access_ok(addr, 4))
		return -EFAULT;
	k->object = (u64)mm;
	k->offset = addr;
	if (private)
		return 0;
	vma = vma_find(mm, addr);
	if (!vma || vma->start > addr)
		return -EFAULT;
	if ((vma->flags & VM_SHARED) && vma->file) {
		k->object = (u64)vma->file->inode;
		k->offset = (vma->pgoff << PAGE_SHIFT) + (addr - vma->start);
	}
	return 0;
}

static void waiter_wake(struct futex_waiter *w)
{
	list_del(&w->link);
	w->woken = true;
	sched_wake(w->task);
}

static u32 wake_key(const struct futex_key *k, u32 count, u32 bitset)
{
	struct futex_waiter *w, *next;
	u32 n = 0;

	list_for_each_entry_safe(w, next, bucket_of(k), link) {
		if (n >= count)
			break;
		if (key_equal(&w->key, k) && (w->bitset & bitset)) {
			waiter_wake(w);
			n++;
		}
	}
	return n;
}

int futex_wake_word(uaddr_t addr, u32 count)
{
	struct futex_key priv, shared;
	int n = 0;

	if (make_key(addr, true, &priv) || make_key(addr, false, &shared))
		return 0;
	n = (int)wake_key(&priv, count, FUTEX_BITSET_ANY);
	if (!key_equal(&priv, &shared))
		n += (int)wake_key(&shared, count, FUTEX_BITSET_ANY);
	return n;
}

/* Sleeps until woken: 0, -ETIMEDOUT, -ERESTARTSYS. */
static int wait_key(const struct futex_key *k, u32 bitset, u64 deadline)
{
	struct futex_waiter w = { .key = *k, .task = current, .bitset = bitset };
	int err = 0;

	list_add_tail(&w.link, bucket_of(k));
	current->wchan = "futex_wait_queue";
	while (!w.woken && !err) {
		current->woken = false;
		err = sleep_until(SLEEP_INTERRUPTIBLE, deadline);
	}
	current->wchan = NULL;
	if (w.woken)
		return 0;
	list_del(&w.link);
	return err;
}

static s64 futex_wait(uaddr_t addr, bool private, u32 val, u64 deadline, u32 bitset);

static s64 restart_wait(struct task *t)
{
	return futex_wait(t->restart_arg[0], t->restart_arg[1], (u32)t->restart_arg[2],
			  t->restart_arg[3], (u32)t->restart_arg[4]);
}

static s64 futex_wait(uaddr_t addr, bool private, u32 val, u64 deadline, u32 bitset)
{
	struct task *t = current;
	struct futex_key k;
	u32 now;
	int err;

	if (!bitset)
		return -EINVAL;
	/* Read first: the key of shared memory needs the area to be there. */
	if (addr & 3)
		return -EINVAL;
	if (get_user_u32(&now, addr))
		return -EFAULT;
	err = make_key(addr, private, &k);
	if (err)
		return err;
	if (now != val)
		return -EAGAIN;
	err = wait_key(&k, bitset, deadline);
	if (err != -ERESTARTSYS || deadline == U64_MAX)
		return err;
	t->restart_fn = restart_wait;
	t->restart_arg[0] = addr;
	t->restart_arg[1] = private;
	t->restart_arg[2] = val;
	t->restart_arg[3] = deadline;
	t->restart_arg[4] = bitset;
	return -ERESTART_RESTARTBLOCK;
}

static s64 futex_wake(uaddr_t addr, bool private, u32 count, u32 bitset)
{
	struct futex_key k;
	int err;

	if (!bitset)
		return -EINVAL;
	err = make_key(addr, private, &k);
	return err ? err : (s64)wake_key(&k, max(count, 1u), bitset);
}

static s64 futex_requeue(uaddr_t addr, uaddr_t addr2, bool private, u32 wake, u32 requeue,
			 const u32 *cmp)
{
	struct futex_waiter *w, *next;
	struct futex_key k1, k2;
	u32 woken = 0, moved = 0, now;
	int err;

	if ((s32)wake < 0 || (s32)requeue < 0)
		return -EINVAL;
	if (cmp && get_user_u32(&now, addr))
		return -EFAULT;
	err = make_key(addr, private, &k1);
	if (!err)
		err = make_key(addr2, private, &k2);
	if (err)
		return err;
	if (cmp && now != *cmp)
		return -EAGAIN;
	list_for_each_entry_safe(w, next, bucket_of(&k1), link) {
		if (!key_equal(&w->key, &k1))
			continue;
		if (woken < wake) {
			waiter_wake(w);
			woken++;
		} else if (moved < requeue) {
			if (!key_equal(&k1, &k2)) {
				list_del(&w->link);
				w->key = k2;
				list_add_tail(&w->link, bucket_of(&k2));
			}
			moved++;
		} else {
			break;
		}
	}
	return cmp ? woken + moved : woken + moved;
}

/* FUTEX_WAKE_OP's encoded operation on *addr; *hit: the comparison's result. */
static int do_op(uaddr_t addr, u32 op, bool *hit)
{
	u32 kind = op >> 28 & 7, cmp = op >> 24 & 15, old, new, seen;
	s32 oparg = (s32)(op << 8) >> 20, cmparg = (s32)(op << 20) >> 20;

	if (op >> 31) {
		if (oparg < 0 || oparg > 31)
			oparg &= 31;
		oparg = (s32)(1u << oparg);
	}
	do {
		if (get_user_u32(&old, addr))
			return -EFAULT;
		switch (kind) {
		case 0: new = (u32)oparg; break;
		case 1: new = old + (u32)oparg; break;
		case 2: new = old | (u32)oparg; break;
		case 3: new = old & ~(u32)oparg; break;
		case 4: new = old ^ (u32)oparg; break;
		default: return -ENOSYS;
		}
		if (cmpxchg_user_u32(addr, old, new, &seen))
			return -EFAULT;
	} while (seen != old);
	switch (cmp) {
	case 0: *hit = (s32)old == cmparg; break;
	case 1: *hit = (s32)old != cmparg; break;
	case 2: *hit = (s32)old < cmparg; break;
	case 3: *hit = (s32)old <= cmparg; break;
	case 4: *hit = (s32)old > cmparg; break;
	case 5: *hit = (s32)old >= cmparg; break;
	default: return -ENOSYS;
	}
	return 0;
}

static s64 futex_wake_op(uaddr_t addr, uaddr_t addr2, bool private, u32 wake, u32 wake2, u32 op)
{
	struct futex_key k1, k2;
	bool hit = false;
	s64 n;
	int err = make_key(addr, private, &k1);

	if (!err)
		err = make_key(addr2, private, &k2);
	if (!err)
		err = do_op(addr2, op, &hit);
	if (err)
		return err;
	n = wake_key(&k1, wake, FUTEX_BITSET_ANY);
	if (hit)
		n += wake_key(&k2, wake2, FUTEX_BITSET_ANY);
	return n;
}

/* ---- PI ---- */

static s64 lock_pi(uaddr_t addr, bool private, u64 deadline, bool try)
{
	u32 me = (u32)current->tid, old, seen;
	struct futex_key k;
	int err = make_key(addr, private, &k);

	if (err)
		return err;
	for (;;) {
		if (get_user_u32(&old, addr))
			return -EFAULT;
		if ((old & FUTEX_TID_MASK) == me)
			return -EDEADLK;
		if (!(old & FUTEX_TID_MASK)) {
			u32 new = me | (old & (FUTEX_OWNER_DIED | FUTEX_WAITERS));

			if (cmpxchg_user_u32(addr, old, new, &seen))
				return -EFAULT;
			if (seen == old)
				return 0;
			continue;
		}
		if (try)
			return -EAGAIN;
		if (!task_find((pid_t)(old & FUTEX_TID_MASK)))
			return -ESRCH;
		if (cmpxchg_user_u32(addr, old, old | FUTEX_WAITERS, &seen))
			return -EFAULT;
		if (seen != old)
			continue;
		err = wait_key(&k, FUTEX_BITSET_ANY, deadline);
		if (err == -ERESTARTSYS)
			return -ERESTARTNOINTR;
		if (err)
			return err;
	}
}

static bool has_waiters(const struct futex_key *k)
{
	struct futex_waiter *w;

	list_for_each_entry(w, bucket_of(k), link)
		if (key_equal(&w->key, k))
			return true;
	return false;
}

static s64 unlock_pi(uaddr_t addr, bool private)
{
	struct futex_key k;
	u32 old;
	int err = make_key(addr, private, &k);

	if (err)
		return err;
	if (get_user_u32(&old, addr))
		return -EFAULT;
	if ((old & FUTEX_TID_MASK) != (u32)current->tid)
		return -EPERM;
	wake_key(&k, 1, FUTEX_BITSET_ANY);
	return put_user_u32(addr, has_waiters(&k) ? FUTEX_WAITERS : 0);
}

/* ---- the call ---- */

static int get_deadline(u32 op, uaddr_t tsp, u64 *deadline)
{
	u32 cmd = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	struct timespec64 ts;
	u64 ns;
	int err;

	*deadline = U64_MAX;
	if (!tsp || (cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI &&
		     cmd != FUTEX_LOCK_PI2))
		return 0;
	if (copyin(&ts, tsp, sizeof(ts)))
		return -EFAULT;
	err = timespec_to_ns(&ts, &ns);
	if (err)
		return err;
	if (cmd == FUTEX_WAIT)
		*deadline = deadline_after(ns);
	else if ((op & FUTEX_CLOCK_REALTIME) || cmd == FUTEX_LOCK_PI)
		*deadline = deadline_after(ns > clock_realtime_ns() ? ns - clock_realtime_ns() : 0);
	else
		*deadline = ns;
	return 0;
}

SYSCALL_DEFINE6(futex, uaddr_t, addr, u32, op, u32, val, u64, arg4, uaddr_t, addr2, u32, val3)
{
	bool private = op & FUTEX_PRIVATE_FLAG;
	u32 cmd = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	u64 deadline;
	int err = get_deadline(op, arg4, &deadline);

	if (err)
		return err;
	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT &&
	    cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		return futex_wait(addr, private, val, deadline, FUTEX_BITSET_ANY);
	case FUTEX_WAIT_BITSET:
		return futex_wait(addr, private, val, deadline, val3);
	case FUTEX_WAKE:
		return futex_wake(addr, private, val, FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(addr, private, val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(addr, addr2, private, val, (u32)arg4, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(addr, addr2, private, val, (u32)arg4, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(addr, addr2, private, val, (u32)arg4, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return lock_pi(addr, private, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return lock_pi(addr, private, deadline, true);
	case FUTEX_UNLOCK_PI:
		return unlock_pi(addr, private);
	default:
		return -ENOSYS;
	}
}

/* ---- robust lists ---- */

static void robust_died(struct task *t, uaddr_t addr, bool pi)
{
	u32 old, seen;

	do {
		if ((addr & 3) || get_user_u32(&old, addr))
			return;
		if ((old & FUTEX_TID_MASK) != (u32)t->tid)
			return;
		if (cmpxchg_user_u32(addr, old, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen))
			return;
	} while (seen != old);
	(void)pi;
	if (old & FUTEX_WAITERS)
		futex_wake_word(addr, 1);
}

void futex_exit_robust(struct task *t)
{
	u64 head[3], entry, next, pending;
	u32 limit = ROBUST_LIST_LIMIT;

	if (!t->robust_list || !t->mm || copyin(head, t->robust_list, sizeof(head)))
		return;
	pending = head[2];
	entry = head[0];
	while ((entry & ~1ul) != t->robust_list && limit--) {
		/* Read the link first: the word may be reused once it is given up. */
		bool more = !get_user_u64(&next, entry & ~1ul);

		if ((entry & ~1ul) != (pending & ~1ul))
			robust_died(t, (entry & ~1ul) + head[1], entry & 1);
		if (!more)
			break;
		entry = next;
	}
	if (pending)
		robust_died(t, (pending & ~1ul) + head[1], pending & 1);
}

SYSCALL_DEFINE2(set_robust_list, uaddr_t, head, u64, len)
{
	if (len != 24)
		return -EINVAL;
	current->robust_list = head;
	current->robust_list_len = len;
	return 0;
}

SYSCALL_DEFINE3(get_robust_list, pid_t, tid, uaddr_t, headp, uaddr_t, lenp)
{
	struct task *t = tid ? task_find(tid) : current;
	u64 head, len;

	if (!t)
		return -ESRCH;
	if (t->process != current->process && current->cred->euid != 0 &&
	    current->cred->euid != t->cred->uid)
		return -EPERM;
	head = t->robust_list;
	len = 24;
	if (put_user_u64(lenp, len) || put_user_u64(headp, head))
		return -EFAULT;
	return 0;
}
