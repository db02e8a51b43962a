/* SPDX-License-Identifier: MIT */
/*
 * Threads on several CPUs: that they run at a time, and that what one changes
 * of the address space holds for the others when the call returns. On one CPU
 * the cases are easy, and those that need two are skipped. Nothing here depends
 * on speed: a thread that waits for another spins, for as long as it takes.
 */
#define ABI_FAMILY "smp"
#include "abi.h"

#include <pthread.h>
#include <sched.h>

#define PAGE 4096

static int cpus(void)
{
	cpu_set_t set;

	OK(sched_getaffinity(0, sizeof(set), &set));
	return CPU_COUNT(&set);
}

/* The nr-th CPU that we may use. */
static int cpu_nr(int nr)
{
	cpu_set_t set;

	OK(sched_getaffinity(0, sizeof(set), &set));
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set) && nr-- == 0)
			return i;
	return -1;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	OK(sched_setaffinity(0, sizeof(set), &set));
}

/* Each wait is somebody's slice where there are fewer CPUs than threads. */
static int rounds(void)
{
	return cpus() > 1 ? 200 : 10;
}

static volatile int turn, stop, other_cpu, seen, generation;
static volatile long beats;

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	CHECK_EQ(pthread_create(t, NULL, fn, arg), 0);
}

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

static volatile char *page;

static void on_fault(int sig)
{
	(void)sig;
	seen = 1;
	while (seen)
		;
}

static void *read_page(void *arg)
{
	(void)arg;
	while (!stop) {
		(void)*page;
		beats++;
	}
	return NULL;
}

static void await_beat(void)
{
	for (long b = beats; beats == b;)
		;
}

/* After mprotect has returned, a read that had begun may still be counted. */
ABI_TEST(mprotect_holds_for_all)
{
	int n = rounds() / 5;
	pthread_t t;
	long b;

	page = abi_map(PAGE, RW, ANON);
	*page = 1;
	abi_handle(SIGSEGV, on_fault, 0);
	start(&t, read_page, NULL);
	for (int i = 0; i < n; i++) {
		await_beat();
		OK(mprotect((void *)page, PAGE, PROT_NONE));
		b = beats;
		while (!seen)
			;
		CHECK(beats - b <= 1);
		OK(mprotect((void *)page, PAGE, RW));
		seen = 0;
	}
	stop = 1;
	CHECK_EQ(pthread_join(t, NULL), 0);
}

/* The page's number is at least what was published before it was read. */
static void *compare_page(void *arg)
{
	volatile int *number = (volatile int *)page;
	long bad = 0;

	(void)arg;
	while (!stop) {
		int g = generation;

		if (*number < g)
			bad++;
		beats++;
	}
	return (void *)bad;
}

ABI_TEST(new_mapping_holds_for_all)
{
	int n = rounds(), fd = abi_temp_fd();
	pthread_t t;
	void *bad;

	for (int i = 0; i <= n; i++)
		CHECK_EQ(pwrite(fd, &i, sizeof(i), (off_t)i * PAGE), sizeof(i));
	OK(ftruncate(fd, (off_t)(n + 1) * PAGE));
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(page != MAP_FAILED);
	start(&t, compare_page, NULL);
	for (int i = 1; i <= n; i++) {
		await_beat();
		CHECK(mmap((void *)page, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
			   (off_t)i * PAGE) == page);
		generation = i;
	}
	stop = 1;
	CHECK_EQ(pthread_join(t, &bad), 0);
	CHECK_EQ((long)bad, 0);
}

static void *read_zero(void *arg)
{
	volatile int *number = (volatile int *)page;
	long bad = 0;

	(void)arg;
	while (!stop) {
		int g = generation;

		/* odd: dropped and not written again yet */
		if (*number && g % 2 && generation == g)
			bad++;
		beats++;
	}
	return (void *)bad;
}

ABI_TEST(dropped_page_is_gone_for_all)
{
	int n = rounds();
	pthread_t t;
	void *bad;

	page = abi_map(PAGE, RW, ANON);
	start(&t, read_zero, NULL);
	for (int i = 0; i < n; i++) {
		*page = 1;
		await_beat();
		OK(madvise((void *)page, PAGE, MADV_DONTNEED));
		generation++;
		await_beat();
		generation++;
	}
	stop = 1;
	CHECK_EQ(pthread_join(t, &bad), 0);
	CHECK_EQ((long)bad, 0);
}

#define PAGES 8

static void *write_pages(void *arg)
{
	volatile long *at = arg;

	while (!stop) {
		for (int i = 0; i < PAGES; i++)
			at[i * PAGE / sizeof(long)]++;
		beats++;
	}
	return NULL;
}

/* What a sibling writes after the fork is the parent's only. */
ABI_TEST(fork_takes_a_snapshot)
{
	volatile long *at = abi_map(PAGES * PAGE, RW, ANON);
	int n = cpus() > 1 ? 40 : 5;
	pthread_t t;

	start(&t, write_pages, (void *)at);
	for (int i = 0; i < n; i++) {
		pid_t pid;

		await_beat();
		pid = FORK();
		if (pid == 0) {
			long first[PAGES];

			for (int k = 0; k < PAGES; k++)
				first[k] = at[k * PAGE / sizeof(long)];
			for (int r = 0; r < 200; r++) {
				for (int k = 0; k < PAGES; k++)
					if (at[k * PAGE / sizeof(long)] != first[k])
						_exit(1);
				sched_yield();
			}
			_exit(0);
		}
		CHECK_EXIT(pid, 0);
	}
	stop = 1;
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void *spin(void *arg)
{
	(void)arg;
	for (;;)
		beats++;
	return NULL;
}

ABI_HELPER(smp_done)
{
	return 9;
}

/* What ends a process, or stops it, finds threads that make no system call. */
ABI_TEST(exit_with_spinning_threads)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = FORK();

		if (pid == 0) {
			pthread_t t;

			for (int k = 0; k < 3; k++)
				start(&t, spin, NULL);
			await_beat();
			_exit(7);
		}
		CHECK_EXIT(pid, 7);
	}
}

ABI_TEST(exec_with_spinning_threads)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = FORK();

		if (pid == 0) {
			pthread_t t;

			for (int k = 0; k < 3; k++)
				start(&t, spin, NULL);
			await_beat();
			abi_exec_helper("smp_done", NULL, NULL);
		}
		CHECK_EXIT(pid, 9);
	}
}

ABI_TEST(stop_and_kill_spinning_threads)
{
	int status;
	pid_t pid = FORK();

	if (pid == 0) {
		pthread_t t;

		for (int k = 0; k < 3; k++)
			start(&t, spin, NULL);
		spin(NULL);
	}
	for (int i = 0; i < 5; i++) {
		OK(kill(pid, SIGSTOP));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status));
		OK(kill(pid, SIGCONT));
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
		CHECK(WIFCONTINUED(status));
	}
	OK(kill(pid, SIGKILL));
	CHECK_KILLED(pid, SIGKILL);
}

/*
 * Many system calls in a row, for two threads at a time: a kernel that replaces
 * hot ones by something better does so under their feet. rdi: what each must
 * return; rax of the first that did not, else 0.
 */
long smp_calls(long pid);
__asm__(
	".text\n"
	".globl smp_calls\n"
	".type smp_calls, @function\n"
	"smp_calls:\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	xor %r12d, %r12d\n"
	"	.rept 32\n"
	"	mov $39, %eax\n"		/* getpid, as compilers write it */
	"	syscall\n"
	"	mov %rax, %rbx\n"
	"	cmp %rdi, %rbx\n"
	"	jne 1f\n"
	"	lea 39(%r12), %rax\n"
	"	syscall\n"
	"	lea 1(%rax), %rbx\n"
	"	lea -1(%rbx), %rbx\n"
	"	cmp %rdi, %rbx\n"
	"	jne 1f\n"
	"	.endr\n"
	"	xor %eax, %eax\n"
	"	jmp 2f\n"
	"1:	mov %rbx, %rax\n"
	"2:	pop %r12\n"
	"	pop %rbx\n"
	"	ret\n"
	".size smp_calls, . - smp_calls\n");

static void *call(void *arg)
{
	long pid = getpid();

	(void)arg;
	beats = 1;
	for (int i = 0; i < 300; i++) {
		long got = smp_calls(pid);

		if (got)
			return (void *)got;
	}
	return NULL;
}

ABI_TEST(calls_from_both)
{
	pthread_t t;
	void *bad;

	start(&t, call, NULL);
	while (!beats)
		;
	CHECK_EQ((long)call(NULL), 0);
	CHECK_EQ(pthread_join(t, &bad), 0);
	CHECK_EQ((long)bad, 0);
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
