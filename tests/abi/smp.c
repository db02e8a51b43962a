/* SPDX-License-Identifier: MIT */
/*
 * Threads on several CPUs: what one changes of the address space holds for the
 * others when the call returns. On one CPU the cases are easy, and those that need
 * two are skipped. Nothing here depends on speed: a thread that waits for another
 * spins, for as long as it takes.
 */
#define ABI_FAMILY "smp"
#include "abi.h"
#include "smp.h"

#define PAGE 4096

static volatile int stop, seen, generation;
static volatile long beats;

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
