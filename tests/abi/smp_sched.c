/* SPDX-License-Identifier: MIT */
/*
 * Threads and CPUs: who runs where, and beside whom. On one CPU the cases are
 * easy, and those that need two are skipped. Nothing here depends on speed: a
 * thread that waits for another spins, for as long as it takes.
 */
#define ABI_FAMILY "smp"
#include "abi.h"
#include "smp.h"

static volatile int turn, other_cpu;

static void *answer(void *arg)
{
	int n = *(int *)arg;

	for (int i = 0; i < n; i++) {
		while (turn != 1)
			;
		turn = 0;
	}
	return NULL;
}

static void ask(int n)
{
	for (int i = 0; i < n; i++) {
		turn = 1;
		while (turn != 0)
			;
	}
}

ABI_TEST(spinners_hand_over)
{
	int n = rounds();
	pthread_t t;

	start(&t, answer, &n);
	ask(n);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void *answer_there(void *arg)
{
	int n = rounds();

	pin(*(int *)arg);
	other_cpu = sched_getcpu();
	return answer(&n);
}

ABI_TEST(each_on_its_cpu)
{
	int n = rounds(), here = cpu_nr(0), there = cpu_nr(1);
	pthread_t t;

	if (there < 0)
		SKIP("one CPU");
	start(&t, answer_there, &there);
	pin(here);
	ask(n);
	CHECK_EQ(sched_getcpu(), here);
	CHECK_EQ(other_cpu, there);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

/* A real-time thread that spins leaves its CPU to nobody. */
ABI_TEST(beside_a_real_time_spinner)
{
	struct sched_param param = { .sched_priority = 10 };
	int n = 1, here = cpu_nr(0), there = cpu_nr(1);
	pthread_t t;

	if (there < 0)
		SKIP("one CPU");
	abi_need_root();
	start(&t, answer, &n);
	pin(here);
	/* Not by the libc: musl has none of it. */
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param))
		SKIP("no real-time policy here");
	ask(n);
	param.sched_priority = 0;
	OK(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param));
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void *say_where_and_answer(void *arg)
{
	int n = 1;

	(void)arg;
	other_cpu = sched_getcpu();
	turn = -1;
	while (turn == -1)
		;
	return answer(&n);
}

/* Whoever has to make room goes to a CPU that has nothing to do. */
ABI_TEST(real_time_spinner_comes)
{
	struct sched_param param = { .sched_priority = 10 };
	pthread_t t;

	if (cpus() < 2)
		SKIP("one CPU");
	abi_need_root();
	start(&t, say_where_and_answer, NULL);
	while (turn != -1)
		;
	pin(other_cpu);
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param)) {
		turn = 1;
		SKIP("no real-time policy here");
	}
	ask(1);
	param.sched_priority = 0;
	OK(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param));
	CHECK_EQ(pthread_join(t, NULL), 0);
}

ABI_TEST(as_many_as_proc_says)
{
	char text[65536], *at = text;
	long lines = 0;

	CHECK(abi_read_file("/proc/stat", text, sizeof(text) - 1) > 0);
	while ((at = strstr(at, "\ncpu")) != NULL) {
		at++;
		lines++;
	}
	CHECK_EQ(lines, sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(cpus() <= lines);
}

/* sched_setaffinity with all vector registers and r8 to r15 full: 0 if they are
 * as before. */
static long move_with_registers(const cpu_set_t *set, unsigned long pattern)
{
	long ret = SYS_sched_setaffinity;

	__asm__ volatile(
		"movq %[pattern], %%xmm0\n"
		".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
		"movdqa %%xmm0, %%xmm\\n\n"
		".endr\n"
		"syscall\n"
		"test %%rax, %%rax; jne 1f\n"
		".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
		"movq %%xmm\\n, %%rax; cmp %[pattern], %%rax; jne 1f\n"
		".endr\n"
		"xor %%eax, %%eax\n"
		"jmp 2f\n"
		"1: mov $1, %%eax\n"
		"2:\n"
		: "+a"(ret)
		: "D"(0), "S"(sizeof(*set)), "d"(set), [pattern] "r"(pattern)
		: "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		  "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
		  "xmm15");
	return ret;
}

static __thread long own;

static void *wander(void *arg)
{
	unsigned long seed = (unsigned long)arg;
	int count = cpus() > 4 ? 4 : cpus(), cpu[4];
	double x = (double)seed;

	own = (long)seed;
	for (int i = 0; i < count; i++)
		cpu[i] = cpu_nr(i);
	for (int i = 0; i < 300; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu[i % count], &set);
		if (move_with_registers(&set, seed * 0x9e3779b97f4a7c15ul + (unsigned)i))
			return (void *)1;
		if (sched_getcpu() != cpu[i % count] || own != (long)seed)
			return (void *)2;
		x += 0.5;
	}
	return (void *)(x == (double)seed + 150.0 ? 0l : 3l);
}

ABI_TEST(registers_go_along)
{
	pthread_t t[3];
	void *bad;

	for (long i = 0; i < 3; i++)
		start(&t[i], wander, (void *)(i + 1));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(pthread_join(t[i], &bad), 0);
		CHECK_EQ((long)bad, 0);
	}
}

static volatile int spin_on, first_tid;

static void *spin_along(void *arg)
{
	if (!first_tid)
		first_tid = (int)syscall(SYS_gettid);
	while (spin_on)
		;
	return arg;
}

static long times_pushed_aside(int tid)
{
	static const char key[] = "nonvoluntary_ctxt_switches:";
	char name[64], text[8192], *at;
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/task/%d/status", tid);
	n = abi_read_file(name, text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = 0;
	at = strstr(text, key);
	CHECK(at);
	return atol(at + sizeof(key) - 1);
}

/* One task more than there are CPUs: none keeps a CPU to itself while the others
 * share, not even one that was there before them. We look once only, since that alone
 * could push somebody aside. */
ABI_TEST(one_spinner_too_many)
{
	int n = cpus() + 1;
	pthread_t t[9];
	long times;

	if (n > 9)
		SKIP("more than 8 CPUs");
	spin_on = 1;
	for (int i = 0; i < n; i++) {
		start(&t[i], spin_along, NULL);
		usleep(10000);	/* alone at first */
	}
	sleep(1);
	times = times_pushed_aside(first_tid);
	spin_on = 0;
	for (int i = 0; i < n; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK(times >= 5);
}
