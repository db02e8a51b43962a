/* SPDX-License-Identifier: MIT */
/*
 * stress SECONDS: do system calls, page faults and signals leave a program's
 * registers alone? Two processes of two threads each, with an interval timer,
 * do small steps in a loop; each step fills all general registers, all SSE
 * registers, the flags and the red zone with a pattern, does one thing to the
 * kernel, and compares. The things are
 *   a system call at a site that can be rewritten, and hot
 *   a jump to the instruction behind that site's `syscall`
 *   a load from a page that was not there
 *   nothing, for a while: ticks and signals only
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALL, INSIDE, FAULT, SPIN, KINDS };

/* rdi: kind, rsi: pattern, rdx: address to load from. 0 if all was preserved.
 * System calls may change rax, rcx and r11, which the step does not check. */
long step(long kind, uint64_t pattern, const void *address);
__asm__(
	".text\n"
	".globl step\n"
	".type step, @function\n"
	"step:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rdi, %rax\n"
	"	mov %rdx, %rcx\n"
	"	movq %rsi, %xmm0\n"
	"	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
	"	movdqa %xmm0, %xmm\\n\n"
	"	.endr\n"
	"	.irp r, rbx, rbp, rdi, rdx, r8, r9, r10, r12, r13, r14, r15\n"
	"	mov %rsi, %\\r\n"
	"	.endr\n"
	"	.irp o, 8, 16, 64, 120, 128\n"
	"	mov %rsi, -\\o(%rsp)\n"
	"	.endr\n"
	"	cmp $1, %eax; je 1f\n"
	"	cmp $2, %eax; je 2f\n"
	"	cmp $3, %eax; je 3f\n"
	"	mov $110, %eax\n"
	"	stc\n"
	"	syscall\n"
	"4:	lea 0x7f(%rsi), %r11\n"		/* moved when the site is rewritten */
	"	jc 5f\n"
	"	jmp 9f\n"
	"1:	stc; jmp 4b\n"
	"2:	mov (%rcx), %al\n"
	"	jmp 5f\n"
	"3:	mov $3000, %ecx\n"
	"6:	dec %ecx; jnz 6b\n"
	"5:	.irp r, rbx, rbp, rdi, rdx, r8, r9, r10, r12, r13, r14, r15\n"
	"	cmp %rsi, %\\r; jne 9f\n"
	"	.endr\n"
	"	.irp o, 8, 16, 64, 120, 128\n"
	"	cmp %rsi, -\\o(%rsp); jne 9f\n"
	"	.endr\n"
	"	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
	"	movq %xmm\\n, %rax; cmp %rsi, %rax; jne 9f\n"
	"	.endr\n"
	"	xor %eax, %eax\n"
	"	jmp 8f\n"
	"9:	mov $1, %eax\n"
	"8:	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".size step, . - step\n");

#define ARENA (4ul << 20)

static volatile sig_atomic_t signals, stop;
static long steps[KINDS], bad;

static void on_signal(int signo)
{
	signals += signo == SIGALRM;
}

static void *worker(void *arg)
{
	uint64_t seed = 0x9e3779b97f4a7c15ul * ((uintptr_t)arg + 1 + getpid());
	char *arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	size_t at = 0;

	if (arena == MAP_FAILED)
		abort();
	while (!stop) {
		long kind;

		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		kind = seed >> 60 < 8 ? CALL : seed >> 60 < 11 ? INSIDE :
		       seed >> 60 < 14 ? FAULT : SPIN;
		if (step(kind, seed | 1, arena + at))
			__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&steps[kind], 1, __ATOMIC_RELAXED);
		at += 4096;
		if (at == ARENA) {
			at = 0;
			madvise(arena, ARENA, MADV_DONTNEED);
		}
	}
	return NULL;
}

static int process(int seconds)
{
	struct itimerval it = { { 0, 200 }, { 0, 200 } };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	time_t end = time(NULL) + seconds;
	pthread_t thread;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	if (pthread_create(&thread, NULL, worker, (void *)1))
		abort();
	while (time(NULL) < end)
		usleep(10000);
	stop = 1;
	pthread_join(thread, NULL);
	printf("# calls %ld, jumps inside %ld, faults %ld, spins %ld, signals %d, bad %ld\n",
	       steps[CALL], steps[INSIDE], steps[FAULT], steps[SPIN], (int)signals, bad);
	fflush(stdout);
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 5, failed = 0, status;

	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(process(seconds));
	}
	while (wait(&status) > 0)
		failed |= status;
	puts(failed ? "not ok - registers were changed" : "ok - registers are preserved");
	return failed ? 1 : 0;
}
