/* SPDX-License-Identifier: MIT */
/*
 * select(2) and pselect6(2): poll over three bit sets.
 *
 * The six bit maps (three in, three out) live in one allocation, or on the
 * stack for up to 256 descriptors. n is capped to the size that the process's
 * descriptor table has, as Linux caps it, so a huge n costs nothing.
 *
 * The time left is written back, as Linux does (unlike BSD); for the restart
 * rules see poll.c.
 */
#include "abi/epoll.h"
#include "fs/poll.h"
#include "kernel/clock.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define SELECT_IN (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define SELECT_OUT (POLLWRNORM | POLLWRBAND | POLLOUT | POLLERR)
#define SELECT_EX POLLPRI

#define STACK_WORDS 4		/* words of one map that fit on the stack */

struct select_maps {
	u32 n;			/* descriptors looked at */
	u32 words;		/* of one map */
	u64 *in[3];		/* read, write, except */
	u64 *out[3];
	u64 *heap;		/* NULL: the inline words are used */
	u64 inline_words[6 * STACK_WORDS];
};

/* One past the highest descriptor in use, rounded to whole words. */
static u32 table_size(u32 n)
{
	struct files *files = current->files;
	u32 size = 64;
	int fd;

	for (fd = files_next(files, 0); fd >= 0 && (u32)fd < n; fd = files_next(files, (u32)fd + 1))
		size = max_t(u32, size, align_up((u32)fd + 1, 64u));
	return min(n, size);
}

static int select_maps_init(struct select_maps *m, u32 n)
{
	u64 *w = m->inline_words;
	u32 i;

	m->n = table_size(n);
	m->words = DIV_ROUND_UP(m->n, 64);
	m->heap = NULL;
	if (m->words > STACK_WORDS) {
		m->heap = kcalloc(6 * (size_t)m->words, sizeof(u64));
		if (!m->heap)
			return -ENOMEM;
		w = m->heap;
	} else {
		memset(w, 0, sizeof(m->inline_words));
	}
	for (i = 0; i < 3; i++) {
		m->in[i] = w + i * m->words;
		m->out[i] = w + (3 + i) * m->words;
	}
	return 0;
}

static u32 select_want(const struct select_maps *m, u32 fd)
{
	u32 w = fd / 64, want = 0;
	u64 bit = BIT(fd % 64);

	if (m->in[0][w] & bit)
		want |= SELECT_IN;
	if (m->in[1][w] & bit)
		want |= SELECT_OUT;
	if (m->in[2][w] & bit)
		want |= SELECT_EX;
	return want;
}

static u32 select_mark(struct select_maps *m, u32 fd, u32 mask)
{
	u32 w = fd / 64, count = 0;
	u64 bit = BIT(fd % 64);

	if ((mask & SELECT_IN) && (m->in[0][w] & bit)) {
		m->out[0][w] |= bit;
		count++;
	}
	if ((mask & SELECT_OUT) && (m->in[1][w] & bit)) {
		m->out[1][w] |= bit;
		count++;
	}
	if ((mask & SELECT_EX) && (m->in[2][w] & bit)) {
		m->out[2][w] |= bit;
		count++;
	}
	return count;
}

/* The count of ready bits, or -EBADF. */
static s64 select_scan(struct select_maps *m, struct poll_waiter *pw, bool reg)
{
	struct file *f;
	s64 ready = 0;
	u32 fd, want;

	for (fd = 0; fd < m->n; fd++) {
		u32 w = fd / 64;

		if (!(m->in[0][w] | m->in[1][w] | m->in[2][w])) {
			fd |= 63;
			continue;
		}
		want = select_want(m, fd);
		if (!want)
			continue;
		f = fd_get((int)fd);
		if (!f)
			return -EBADF;
		pw->events = want;
		ready += select_mark(m, fd, file_poll(f, reg && !ready && !pw->error ?
						      &pw->pt : NULL));
		file_put(f);
	}
	return ready;
}

static s64 select_loop(struct select_maps *m, u64 deadline_ns)
{
	struct poll_waiter pw;
	bool reg = deadline_ns != 0;
	s64 n;
	int err;

	poll_waiter_init(&pw);
	for (;;) {
		n = select_scan(m, &pw, reg);
		reg = false;
		if (n || !deadline_ns)
			break;
		n = pw.error;
		if (n)
			break;
		err = poll_waiter_sleep(&pw, deadline_ns);
		if (err) {
			n = select_scan(m, &pw, false);
			if (!n)
				n = err == -ETIMEDOUT ? 0 : -ERESTARTNOHAND;
			break;
		}
	}
	poll_waiter_finish(&pw);
	return n;
}

static s64 select_user(int n, const uaddr_t set[3], u64 deadline_ns)
{
	struct select_maps m;
	s64 res;
	u32 i;

	if (n < 0)
		return -EINVAL;
	res = select_maps_init(&m, (u32)n);
	if (res)
		return res;
	for (i = 0; i < 3; i++) {
		if (set[i] && copyin(m.in[i], set[i], m.words * sizeof(u64))) {
			res = -EFAULT;
			goto out;
		}
		if (m.n % 64 && m.words)
			m.in[i][m.words - 1] &= BIT(m.n % 64) - 1;
	}
	res = select_loop(&m, deadline_ns);
	if (res < 0)
		goto out;
	for (i = 0; i < 3; i++) {
		if (set[i] && copyout(set[i], m.out[i], m.words * sizeof(u64))) {
			res = -EFAULT;
			goto out;
		}
	}
out:
	kfree(m.heap);
	return res;
}

SYSCALL_DEFINE5(select, int, n, uaddr_t, rd, uaddr_t, wr, uaddr_t, ex, uaddr_t, tvp)
{
	const uaddr_t set[3] = { rd, wr, ex };
	struct timeval64 tv;
	u64 deadline = U64_MAX;
	s64 res;

	if (tvp) {
		struct timespec64 ts;
		u64 ns;

		if (copyin(&tv, tvp, sizeof(tv)))
			return -EFAULT;
		/* As Linux: whole seconds in usec are carried over. */
		ts.sec = tv.sec + tv.usec / 1000000;
		ts.nsec = tv.usec % 1000000 * 1000;
		if (timespec_to_ns(&ts, &ns))
			return -EINVAL;
		deadline = ns ? deadline_after(ns) : 0;
	}
	res = select_user(n, set, deadline);
	return poll_write_remaining(tvp, deadline, true, res);
}

struct sigset_arg {		/* the sixth argument of pselect6 */
	uaddr_t set;
	u64 size;
};

SYSCALL_DEFINE6(pselect6, int, n, uaddr_t, rd, uaddr_t, wr, uaddr_t, ex, uaddr_t, tsp, uaddr_t,
		sigarg)
{
	const uaddr_t set[3] = { rd, wr, ex };
	struct sigset_arg arg = { 0, 0 };
	u64 deadline, mask;
	s64 res;
	int err;

	if (sigarg && copyin(&arg, sigarg, sizeof(arg)))
		return -EFAULT;
	err = poll_deadline_from_user(tsp, &deadline);
	if (err)
		return err;
	if (arg.set) {
		err = sigset_copyin(&mask, arg.set, arg.size);
		if (err)
			return err;
		sigmask_set_temporary(mask);
	}
	res = select_user(n, set, deadline);
	poll_sigmask_finish(res);
	return poll_write_remaining(tsp, deadline, false, res);
}
