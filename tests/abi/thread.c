/* SPDX-License-Identifier: MIT */
/*
 * Threads: raw clone with all the flags of a thread library, clear_child_tid,
 * TLS, thread-directed signals, exit and exec with threads; pthread primitives
 * as a user of all that.
 */
#define ABI_FAMILY "thread"
#include "abi.h"

#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | \
		      CLONE_THREAD | CLONE_SYSVSEM)

struct raw {
	volatile int tid, pid, ppid, value;
	void (*body)(struct raw *);
};

/*
 * A thread of bare system calls: no TLS of its own, so the body must not use
 * errno or the libc. It ends in exit(2), not exit_group.
 */
static long raw_call(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static int raw_main(void *arg)
{
	struct raw *r = arg;

	r->body(r);
	raw_call(SYS_exit, 0, 0, 0, 0);
	return 0;
}

static int start_raw(struct raw *r, int flags, volatile int *ptid, volatile int *ctid)
{
	char *stack = abi_map(64 << 10, RW, ANON);

	return OK(clone(raw_main, stack + (64 << 10), THREAD_FLAGS | flags, r, ptid,
			NULL, ctid));
}

static void futex_wait_zero(volatile int *w)
{
	for (int v = *w; v; v = *w)
		syscall(SYS_futex, w, 0, v, NULL, NULL, 0);
}

static void body_ids(struct raw *r)
{
	r->tid = raw_call(SYS_gettid, 0, 0, 0, 0);
	r->pid = raw_call(SYS_getpid, 0, 0, 0, 0);
	r->ppid = raw_call(SYS_getppid, 0, 0, 0, 0);
	r->value = 1;
}

ABI_TEST(raw_clone_ids_and_clear_tid)
{
	volatile int ptid = -1, ctid = -1;
	struct raw r = { .body = body_ids };
	int tid = start_raw(&r, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
			    CLONE_CHILD_CLEARTID, &ptid, &ctid);

	CHECK_EQ(ptid, tid);
	futex_wait_zero(&ctid);
	CHECK_EQ(r.tid, tid);
	CHECK_EQ(r.pid, getpid());
	CHECK_EQ(r.ppid, getppid());
	CHECK(tid != getpid());
	/* Threads are not children. */
	CHECK_ERR(waitpid(tid, NULL, __WALL), ECHILD);
}

ABI_TEST(set_tid_address)
{
	static int word;

	CHECK_EQ(syscall(SYS_set_tid_address, &word), syscall(SYS_gettid));
}

static void body_tls(struct raw *r)
{
	unsigned long v;

	__asm__ volatile("mov %%fs:8, %0" : "=r"(v));
	r->value = v;
}

ABI_TEST(raw_clone_settls)
{
	volatile int ctid = -1;
	unsigned long *tls = abi_map(PAGE, RW, ANON);
	struct raw r = { .body = body_tls };
	char *stack = abi_map(64 << 10, RW, ANON);

	tls[0] = (unsigned long)tls;
	tls[1] = 4711;
	OK(clone(raw_main, stack + (64 << 10), THREAD_FLAGS | CLONE_SETTLS |
		 CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, &r, NULL, tls, &ctid));
	while (r.value == 0)
		sched_yield();
	futex_wait_zero(&ctid);
	CHECK_EQ(r.value, 4711);

}

static void body_open(struct raw *r)
{
	r->value = raw_call(SYS_dup2, 0, 99, 0, 0);
	raw_call(SYS_umask, 0135, 0, 0, 0);
}

ABI_TEST(files_and_fs_are_shared)
{
	volatile int ctid = -1;
	struct raw r = { .body = body_open };

	start_raw(&r, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, NULL, &ctid);
	while (r.value == 0)
		sched_yield();
	futex_wait_zero(&ctid);
	CHECK_EQ(r.value, 99);
	OK(fcntl(99, F_GETFD));
	CHECK_EQ(umask(022), 0135);
}

static void *thread_value(void *arg)
{
	return (void *)((long)arg * 2);
}

ABI_TEST(pthread_create_join)
{
	pthread_t t[50];
	void *ret;

	for (int round = 0; round < 4; round++) {
		for (long i = 0; i < 50; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, thread_value, (void *)i), 0);
		for (long i = 0; i < 50; i++) {
			CHECK_EQ(pthread_join(t[i], &ret), 0);
			CHECK_EQ((long)ret, i * 2);
		}
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long shared_count;
static volatile int stage;

static void *counting(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		shared_count++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

ABI_TEST(mutex)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, counting, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(shared_count, 20000);
}

static void *cond_peer(void *arg)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 200; i++) {
		while (stage % 2 == 0)
			pthread_cond_wait(&cond, &mutex);
		stage++;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&mutex);
	return arg;
}

ABI_TEST(condition_variable)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, cond_peer, NULL), 0);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 200; i++) {
		while (stage % 2 == 1)
			pthread_cond_wait(&cond, &mutex);
		stage++;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&mutex);
	pthread_join(t, NULL);
	CHECK_EQ(stage, 400);
}

ABI_TEST(condition_timeout)
{
	struct timespec ts;

	OK(clock_gettime(CLOCK_REALTIME, &ts));
	ts.tv_nsec += 10000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &ts), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

static __thread volatile int tls_value = 7;

static void *tls_thread(void *arg)
{
	CHECK_EQ(tls_value, 7);
	tls_value = 8;
	CHECK_EQ(tls_value, 8);
	return arg;
}

ABI_TEST(tls_is_per_thread)
{
	pthread_t t;

	tls_value = 9;
	CHECK_EQ(pthread_create(&t, NULL, tls_thread, NULL), 0);
	pthread_join(t, NULL);
	CHECK_EQ(tls_value, 9);
}

static volatile int handler_tid;

static void on_tid(int sig)
{
	(void)sig;
	handler_tid = syscall(SYS_gettid);
}

static volatile int peer_tid, quit;

static void *spin_thread(void *arg)
{
	peer_tid = syscall(SYS_gettid);
	while (!quit)
		sched_yield();
	return arg;
}

ABI_TEST(tgkill_hits_that_thread)
{
	pthread_t t;

	abi_handle(SIGUSR1, on_tid, 0);
	CHECK_EQ(pthread_create(&t, NULL, spin_thread, NULL), 0);
	while (!peer_tid)
		sched_yield();
	OK(syscall(SYS_tgkill, getpid(), peer_tid, SIGUSR1));
	while (!handler_tid)
		sched_yield();
	CHECK_EQ(handler_tid, peer_tid);
	quit = 1;
	pthread_join(t, NULL);
}

ABI_TEST(process_signal_goes_to_unblocked_thread)
{
	sigset_t set;
	pthread_t t;

	abi_handle(SIGUSR1, on_tid, 0);
	CHECK_EQ(pthread_create(&t, NULL, spin_thread, NULL), 0);
	while (!peer_tid)
		sched_yield();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	OK(kill(getpid(), SIGUSR1));
	while (!handler_tid)
		sched_yield();
	CHECK_EQ(handler_tid, peer_tid);
	quit = 1;
	pthread_join(t, NULL);
}

static void *exit_thread(void *arg)
{
	(void)arg;
	_exit(23);
}

ABI_TEST(exit_group_from_thread)
{
	pid_t pid = FORK();
	pthread_t t;

	if (!pid) {
		pthread_create(&t, NULL, exit_thread, NULL);
		for (;;)
			pause();
	}
	CHECK_EXIT(pid, 23);
}

static void *late_exit(void *arg)
{
	int p = *(int *)arg;
	char c;

	OK(read(p, &c, 1));
	_exit(31);
}

ABI_TEST(leader_exits_first)
{
	int p[2];
	pthread_t t;
	pid_t pid;

	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		pthread_create(&t, NULL, late_exit, &p[0]);
		syscall(SYS_exit, 5);
	}
	abi_wait_state(pid, 'Z');
	/* A zombie leader is not waitable while threads live. */
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	OK(write(p[1], "x", 1));
	CHECK_EXIT(pid, 31);
}

static void *exec_thread(void *arg)
{
	(void)arg;
	abi_exec_helper("thread_after_exec", NULL, NULL);
}

ABI_HELPER(thread_after_exec)
{
	return getpid() == syscall(SYS_gettid) ? 44 : 1;
}

ABI_TEST(exec_from_thread)
{
	pid_t pid = FORK();
	pthread_t t, spin[3];

	if (!pid) {
		for (int i = 0; i < 3; i++)
			pthread_create(&spin[i], NULL, spin_thread, NULL);
		pthread_create(&t, NULL, exec_thread, NULL);
		for (;;)
			pause();
	}
	CHECK_EXIT(pid, 44);
}

ABI_TEST(fork_copies_only_the_caller)
{
	char buf[4096], *p;
	pthread_t t;
	pid_t pid;

	CHECK_EQ(pthread_create(&t, NULL, spin_thread, NULL), 0);
	while (!peer_tid)
		sched_yield();
	pid = FORK();
	if (!pid) {
		OK(abi_read_file("/proc/self/status", buf, sizeof(buf)));
		p = strstr(buf, "\nThreads:");
		CHECK(p && atoi(p + 9) == 1);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	OK(abi_read_file("/proc/self/status", buf, sizeof(buf)));
	p = strstr(buf, "\nThreads:");
	CHECK(p && atoi(p + 9) == 2);
	quit = 1;
	pthread_join(t, NULL);
}

ABI_TEST(fault_in_thread_kills_process)
{
	struct { uint64_t a, b; } none = { 0, 0 };
	pid_t pid = FORK();
	pthread_t t;

	if (!pid) {
		OK(syscall(SYS_prlimit64, 0, 4, &none, NULL));
		pthread_create(&t, NULL, (void *(*)(void *))(uintptr_t)0x10, NULL);
		for (;;)
			pause();
	}
	CHECK_KILLED(pid, SIGSEGV);
}

static void *stop_check(void *arg)
{
	volatile long *n = arg;

	for (;;)
		(*n)++;
	return NULL;
}

ABI_TEST(stop_stops_all_threads)
{
	volatile long *n = abi_map(PAGE, RW, SHARED);
	pid_t pid = FORK();
	int status;
	long seen;
	pthread_t t;

	if (!pid) {
		pthread_create(&t, NULL, stop_check, (void *)n);
		for (;;)
			pause();
	}
	while (*n < 1000)
		sched_yield();
	OK(kill(pid, SIGSTOP));
	OK(waitpid(pid, &status, WUNTRACED));
	CHECK(WIFSTOPPED(status));
	seen = *n;
	for (int i = 0; i < 100; i++)
		sched_yield();
	CHECK_EQ(*n, seen);
	OK(kill(pid, SIGCONT));
	while (*n == seen)
		sched_yield();
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

static void *cpu_thread(void *arg)
{
	struct timespec ts = { 0, 0 };

	while (ts.tv_sec == 0 && ts.tv_nsec < 20000000)
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return arg;
}

ABI_TEST(thread_cpu_clock)
{
	struct timespec a, b, p;
	pthread_t t;

	OK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a));
	CHECK_EQ(pthread_create(&t, NULL, cpu_thread, NULL), 0);
	pthread_join(t, NULL);
	OK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b));
	OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &p));
	CHECK(p.tv_sec * 1000000000LL + p.tv_nsec >= 20000000);
	CHECK(p.tv_sec * 1000000000LL + p.tv_nsec >=
	      b.tv_sec * 1000000000LL + b.tv_nsec);
}

static void *mmap_thread(void *arg)
{
	for (int i = 0; i < 300; i++) {
		char *p = abi_map(4 * PAGE, RW, ANON);

		memset(p, i, 4 * PAGE);
		CHECK_EQ(p[3 * PAGE], (char)i);
		OK(mprotect(p, PAGE, PROT_READ));
		OK(munmap(p, 4 * PAGE));
	}
	return arg;
}

ABI_TEST(concurrent_mmap)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, mmap_thread, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

static void *blocked_reader(void *arg)
{
	char c;

	return (void *)read(*(int *)arg, &c, 1);
}

ABI_TEST(cancel_blocked_thread)
{
	int p[2];
	pthread_t t;
	void *ret;

	OK(pipe(p));
	CHECK_EQ(pthread_create(&t, NULL, blocked_reader, &p[0]), 0);
	CHECK_EQ(pthread_cancel(t), 0);
	CHECK_EQ(pthread_join(t, &ret), 0);
	CHECK(ret == PTHREAD_CANCELED);
}
