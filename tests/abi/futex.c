/* SPDX-License-Identifier: MIT */
/*
 * futex by raw system calls: wait, wake, requeue, bitsets, timeouts, PI, the
 * robust list, futex_waitv; private words between threads, shared ones between
 * processes.
 */
#define ABI_FAMILY "futex"
#include "abi.h"

#include <pthread.h>
#include <sched.h>

enum {
	WAIT = 0,
	WAKE = 1,
	REQUEUE = 3,
	CMP_REQUEUE = 4,
	WAKE_OP = 5,
	LOCK_PI = 6,
	UNLOCK_PI = 7,
	TRYLOCK_PI = 8,
	WAIT_BITSET = 9,
	WAKE_BITSET = 10,
	PRIVATE = 128,
	REALTIME = 256,
};

static long futex(volatile uint32_t *w, int op, uint32_t val, const void *ts,
		  void *w2, uint32_t val3)
{
	return syscall(SYS_futex, w, op, val, ts, w2, val3);
}

ABI_TEST(wait_value_differs)
{
	uint32_t w = 5;

	CHECK_ERR(futex(&w, WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(futex(&w, WAIT | PRIVATE, 4, NULL, NULL, 0), EAGAIN);
}

ABI_TEST(wake_nobody)
{
	uint32_t w = 0;

	CHECK_EQ(futex(&w, WAKE, 100, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&w, WAKE | PRIVATE, 100, NULL, NULL, 0), 0);
}

ABI_TEST(timeout_relative)
{
	struct timespec ts = { 0, 10000000 };
	long long t = abi_now_ns();
	uint32_t w = 0;

	CHECK_ERR(futex(&w, WAIT | PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
	CHECK(abi_now_ns() - t >= 10000000);
}

ABI_TEST(timeout_absolute)
{
	struct timespec ts;
	uint32_t w = 0;

	OK(clock_gettime(CLOCK_MONOTONIC, &ts));
	ts.tv_nsec += 10000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	CHECK_ERR(futex(&w, WAIT_BITSET | PRIVATE, 0, &ts, NULL, ~0U), ETIMEDOUT);
	CHECK(abi_now_ns() >= ts.tv_sec * 1000000000LL + ts.tv_nsec);
	ts = (struct timespec){ 1, 0 };
	CHECK_ERR(futex(&w, WAIT_BITSET | PRIVATE | REALTIME, 0, &ts, NULL, ~0U),
		  ETIMEDOUT);
}

ABI_TEST(errors)
{
	struct timespec bad = { 0, 1000000000 }, neg = { -1, 0 };
	uint32_t w[2] = { 0 };

	CHECK_ERR(futex((void *)((char *)w + 1), WAIT, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex((void *)((char *)w + 2), WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(w, WAIT, 0, &bad, NULL, 0), EINVAL);
	CHECK_ERR(futex(w, WAIT, 0, &neg, NULL, 0), EINVAL);
	CHECK_ERR(futex(w, 99, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(w, WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(w, WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(BAD_KERNEL, WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex((void *)0x1000, WAIT | PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex(w, WAIT, 0, BAD_KERNEL, NULL, 0), EFAULT);
}

ABI_TEST(interrupted)
{
	uint32_t w = 0;
	struct timespec ts = { 1000, 0 };

	abi_tick_start(0);
	CHECK_ERR(futex(&w, WAIT, 0, NULL, NULL, 0), EINTR);
	CHECK_ERR(futex(&w, WAIT, 0, &ts, NULL, 0), EINTR);
}

ABI_TEST(shared_between_processes)
{
	volatile uint32_t *w = abi_map(PAGE, RW, SHARED);
	pid_t pid = FORK();

	if (!pid) {
		while (*w == 0) {
			if (futex(w, WAIT, 0, NULL, NULL, 0) < 0)
				CHECK(errno == EAGAIN || errno == EINTR);
		}
		_exit(0);
	}
	*w = 1;
	OK(futex(w, WAKE, INT_MAX, NULL, NULL, 0));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(shared_through_two_mappings)
{
	int fd = abi_temp_fd();
	volatile uint32_t *a, *b;
	pid_t pid;

	OK(ftruncate(fd, PAGE));
	a = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	b = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	OK((long)a | (long)b);
	pid = FORK();
	if (!pid) {
		while (a[3] == 0) {
			if (futex(&a[3], WAIT, 0, NULL, NULL, 0) < 0)
				CHECK(errno == EAGAIN);
		}
		_exit(0);
	}
	abi_wait_blocked(pid);
	b[3] = 1;
	CHECK(OK(futex(&b[3], WAKE, 1, NULL, NULL, 0)) <= 1);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(private_word_after_fork_is_apart)
{
	static volatile uint32_t w;
	pid_t pid = FORK();

	if (!pid) {
		futex(&w, WAIT | PRIVATE, 0, NULL, NULL, 0);
		_exit(1);
	}
	abi_wait_blocked(pid);
	CHECK_EQ(futex(&w, WAKE | PRIVATE, 10, NULL, NULL, 0), 0);
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

/* N threads wait for a word; each then adds one to done. */
static volatile uint32_t word, word2;
static volatile int done, tids[8];
static uint32_t bits;

static void *waiter(void *arg)
{
	long i = (long)arg;
	uint32_t mask = bits ? 1u << i : ~0U;

	tids[i] = syscall(SYS_gettid);
	if (futex(&word, WAIT_BITSET | PRIVATE, 0, NULL, NULL, mask) == 0)
		__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void wait_done(int n)
{
	while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) != n)
		sched_yield();
}

static void start_waiters(pthread_t *t, int n)
{
	char path[64], buf[512], *p;

	for (long i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, waiter, (void *)i), 0);
	for (int i = 0; i < n; i++) {
		while (!tids[i])
			sched_yield();
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tids[i]);
		do {
			sched_yield();
			OK(abi_read_file(path, buf, sizeof(buf)));
			p = strrchr(buf, ')');
		} while (!p || p[2] != 'S');
	}
}

ABI_TEST(wake_counts)
{
	pthread_t t[6];

	start_waiters(t, 6);
	CHECK_EQ(OK(futex(&word, WAKE | PRIVATE, 2, NULL, NULL, 0)), 2);
	wait_done(2);
	CHECK_EQ(OK(futex(&word, WAKE | PRIVATE, INT_MAX, NULL, NULL, 0)), 4);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(done, 6);
}

ABI_TEST(wake_bitset_selects)
{
	pthread_t t[4];

	bits = 1;
	start_waiters(t, 4);
	CHECK_EQ(OK(futex(&word, WAKE_BITSET | PRIVATE, 10, NULL, NULL, 0xa)), 2);
	wait_done(2);
	CHECK_EQ(OK(futex(&word, WAKE_BITSET | PRIVATE, 10, NULL, NULL, 0xa)), 0);
	CHECK_EQ(OK(futex(&word, WAKE | PRIVATE, 10, NULL, NULL, 0)), 2);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

ABI_TEST(requeue)
{
	pthread_t t[5];

	start_waiters(t, 5);
	CHECK_ERR(futex(&word, CMP_REQUEUE | PRIVATE, 1, (void *)10L,
			(void *)&word2, 77), EAGAIN);
	/* One woken, two moved. CMP_REQUEUE counts both. */
	CHECK_EQ(OK(futex(&word, CMP_REQUEUE | PRIVATE, 1, (void *)2L,
			  (void *)&word2, 0)), 3);
	wait_done(1);
	CHECK_EQ(OK(futex(&word2, WAKE | PRIVATE, 10, NULL, NULL, 0)), 2);
	CHECK_EQ(OK(futex(&word, REQUEUE | PRIVATE, 0, (void *)10L,
			  (void *)&word2, 0)), 2);
	CHECK_EQ(OK(futex(&word, WAKE | PRIVATE, 10, NULL, NULL, 0)), 0);
	CHECK_EQ(OK(futex(&word2, WAKE | PRIVATE, 10, NULL, NULL, 0)), 2);
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
}

ABI_TEST(wake_op)
{
	pthread_t t[2];

	start_waiters(t, 2);
	word2 = 5;
	/* word2 += 3; if the old value was 5, wake there too (nobody). */
	CHECK_EQ(OK(futex(&word, WAKE_OP | PRIVATE, 10, (void *)10L, (void *)&word2,
			  1u << 28 | 0u << 24 | 3u << 12 | 5)), 2);
	CHECK_EQ(word2, 8);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
}

ABI_TEST(pi_lock)
{
	uint32_t tid = syscall(SYS_gettid), w = 0;

	if (futex(&w, LOCK_PI | PRIVATE, 0, NULL, NULL, 0) < 0 && errno == ENOSYS)
		SKIP("no PI futexes");
	CHECK_EQ(w, tid);
	CHECK_ERR(futex(&w, LOCK_PI | PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	OK(futex(&w, UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
	CHECK_EQ(w, 0);
	CHECK_ERR(futex(&w, UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0), EPERM);
	OK(futex(&w, TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
	OK(futex(&w, UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
}

struct robust_node {
	struct robust_node *next;
	volatile uint32_t word;
};

struct robust_head {
	struct robust_node *next;
	long offset;
	struct robust_node *pending;
};

ABI_TEST(robust_list_marks_dead_owner)
{
	struct robust_node *node = abi_map(PAGE, RW, SHARED);
	pid_t pid = FORK();

	if (!pid) {
		struct robust_head *head = (void *)(node + 8);

		head->next = node;
		head->offset = offsetof(struct robust_node, word);
		head->pending = NULL;
		node->next = (void *)head;
		node->word = syscall(SYS_gettid) | 0x80000000;	/* WAITERS */
		OK(syscall(SYS_set_robust_list, head, sizeof(*head)));
		syscall(SYS_exit, 0);
	}
	while (!(node->word & 0x40000000)) {
		uint32_t v = node->word;

		if (v & 0x40000000)
			break;
		if (futex(&node->word, WAIT, v, NULL, NULL, 0) < 0)
			CHECK(errno == EAGAIN || errno == EINTR);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(node->word, 0xc0000000);
}

ABI_TEST(robust_list_is_bounded_and_checked)
{
	struct robust_node *node = abi_map(PAGE, RW, ANON);
	struct robust_head *head, h = { 0 };
	size_t len;
	pid_t pid;

	OK(syscall(SYS_set_robust_list, &h, sizeof(h)));
	OK(syscall(SYS_get_robust_list, 0, &head, &len));
	CHECK(head == &h && len == 24);
	CHECK_ERR(syscall(SYS_set_robust_list, &h, 20), EINVAL);
	CHECK_ERR(syscall(SYS_get_robust_list, 4000000, &head, &len), ESRCH);
	/* A ring without end and a wild pointer must not hang an exit. */
	pid = FORK();
	if (!pid) {
		h.next = node;
		node->next = node;
		OK(syscall(SYS_set_robust_list, &h, sizeof(h)));
		syscall(SYS_exit, 3);
	}
	CHECK_EXIT(pid, 3);
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_set_robust_list, BAD_KERNEL, sizeof(h)));
		syscall(SYS_exit, 4);
	}
	CHECK_EXIT(pid, 4);
}

struct waitv {
	uint64_t val, addr;
	uint32_t flags, reserved;
};

ABI_TEST(waitv)
{
	struct timespec past = { 1, 0 };
	uint32_t a = 1, b = 2;
	struct waitv v[2] = {
		{ 1, (uintptr_t)&a, 2 | 128, 0 }, { 2, (uintptr_t)&b, 2 | 128, 0 },
	};
	long r = syscall(SYS_futex_waitv, v, 2, 0, &past, CLOCK_MONOTONIC);

	if (r < 0 && errno == ENOSYS)
		SKIP("no futex_waitv");
	CHECK_ERR(r, ETIMEDOUT);
	v[1].val = 3;
	CHECK_ERR(syscall(SYS_futex_waitv, v, 2, 0, &past, CLOCK_MONOTONIC), EAGAIN);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 0, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 2, 1, NULL, 0), EINVAL);
}

static void *ping(void *arg)
{
	for (uint32_t i = 0; i < 2000; i++) {
		while (word != 2 * i + 1) {
			uint32_t v = word;

			if (v == 2 * i + 1)
				break;
			futex(&word, WAIT | PRIVATE, v, NULL, NULL, 0);
		}
		word = 2 * i + 2;
		futex(&word, WAKE | PRIVATE, 1, NULL, NULL, 0);
	}
	return arg;
}

ABI_TEST(ping_pong)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, ping, NULL), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		word = 2 * i + 1;
		futex(&word, WAKE | PRIVATE, 1, NULL, NULL, 0);
		while (word != 2 * i + 2) {
			uint32_t v = word;

			if (v == 2 * i + 2)
				break;
			futex(&word, WAIT | PRIVATE, v, NULL, NULL, 0);
		}
	}
	pthread_join(t, NULL);
	CHECK_EQ(word, 4000);
}
