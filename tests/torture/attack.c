/* SPDX-License-Identifier: MIT */
/*
 * attack NAME [closed]: a guest that means harm to its kernel and host. It forks;
 * the child attacks; the parent says what became of it, if there still is a kernel
 * to say it. attack.sh runs each attack under Hyla and looks at the host.
 * `closed`: the kernel's memory is said to be out of reach (protection keys), so
 * that each access has to fail. A child that got what it must not exits with 99.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW 0x600000000000ul
#define PRIVATE 0x610000000000ul
#define GATE 0x620000000000ul

static void jump_text(void)
{
	/* Each child takes its own place; most fault, some run kernel code. */
	unsigned long at = WINDOW + 0x1000 + (unsigned long)getpid() * 1237 % 0x20000;

	((void (*)(void))at)();
}

static bool closed;
static sigjmp_buf next;

static void on_fault(int signo)
{
	siglongjmp(next, signo);
}

static unsigned long tried;

/* As where nothing is mapped. */
static void on_access(int signo, siginfo_t *si, void *context)
{
	(void)context;
	if (closed && (si->si_code != SEGV_MAPERR || si->si_addr != (void *)tried))
		_exit(99);
	siglongjmp(next, signo);
}

static bool try(unsigned long at, bool store)
{
	tried = at;
	if (sigsetjmp(next, 1))
		return false;
	if (store)
		*(volatile long *)at = -1;
	else
		(void)*(volatile long *)at;
	return true;
}

static void catch_accesses(void)
{
	struct sigaction sa = { .sa_sigaction = on_access, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
}

/* Text and constants fault; the rest, if anything, is overwritten. */
#define OPEN_PAGES 9	/* that the ways in and out of the kernel need */

static void touch_kernel(bool store)
{
	static volatile unsigned long at, done;

	catch_accesses();
	for (at = WINDOW; at < WINDOW + (8ul << 20); at += 4096)
		done += try(at, store);
	for (at = PRIVATE; closed && at <= PRIVATE + (64ul << 20); at += 64ul << 10)
		done += try(at, store);
	_exit(closed && done > OPEN_PAGES ? 99 : 0);
}

static void write_kernel(void)
{
	touch_kernel(true);
}

static void read_kernel(void)
{
	touch_kernel(false);
}

static void write_state(void)
{
	for (unsigned long at = PRIVATE; at < PRIVATE + (32ul << 20); at += 64)
		*(volatile long *)at = -1;
}

static void unmap_window(void)
{
	munmap((void *)WINDOW, 1ul << 30);
	munmap((void *)PRIVATE, 64ul << 20);
	mprotect((void *)WINDOW, 1ul << 20, PROT_NONE);
	if (mmap((void *)WINDOW, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	    MAP_FAILED)
		_exit(1);
	_exit(0);
}

static unsigned rdpkru(void)
{
	unsigned value, high;

	__asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(value), "=d"(high) : "c"(0));
	return value;
}

static void wrpkru(unsigned value)
{
	__asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0) : "memory");
}

static bool has_pkru(void)
{
	unsigned a, b, c = 0, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c >> 4 & 1;
}

static unsigned long gadget;	/* a `syscall` of kernel text, which seccomp lets through */
static unsigned cookie;		/* and what it wants to see there */

static char text[4ul << 20];
static size_t text_size;

static void copy_page(unsigned long at, char *to)
{
	unsigned pkru = has_pkru() ? rdpkru() : 0;
	unsigned long count = 4096;

	if (has_pkru())
		wrpkru(0);
	__asm__ volatile("rep movsb" : "+S"(at), "+D"(to), "+c"(count) : : "memory");
	if (has_pkru())
		wrpkru(pkru);
}

/* A page of the kernel's, if need be with WRPKRU, which lasts until the next trap. */
static bool peek(unsigned long at, char *to)
{
	memset(to, 0, 4096);	/* it is there */
	for (volatile int tries = 0; tries < 10; tries++) {
		if (!sigsetjmp(next, 1)) {
			copy_page(at, to);
			return true;
		}
	}
	return false;
}

/* What a guest that means it can find out. */
static void look_into_kernel(void)
{
	static const char restorer[] = "\xb8\x0f\x00\x00\x00\x0f\x05";
	static char page[4096];

	if (gadget)
		return;
	signal(SIGSEGV, on_fault);
	while (text_size < sizeof(text) && peek(WINDOW + text_size, text + text_size))
		text_size += 4096;
	signal(SIGSEGV, SIG_DFL);
	if (!text_size)		/* nothing of the kernel's is here at all */
		raise(SIGSEGV);
	for (size_t i = 0; i + 16 < text_size; i++) {
		unsigned long at = WINDOW + i;

		if (!gadget && !memcmp(text + i, "\x0f\x05\xc3", 3))
			gadget = at;
		if (cookie || memcmp(text + i, "\x44\x8b\x0d", 3) ||
		    memcmp(text + i + 7, restorer, 7))
			continue;
		at += 7 + *(int *)(text + i + 3);
		signal(SIGSEGV, on_fault);
		if (peek(at & -4096ul, page))
			cookie = *(unsigned *)(page + at % 4096);
		signal(SIGSEGV, SIG_DFL);
	}
	if (!gadget || !cookie)
		_exit(99);
}

static long call_from_text(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("call *%2" : "=a"(ret)
			 : "0"(nr), "r"(gadget), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* What does the filter allow to who knows all that the kernel knows? */
static long host_call(long nr, long a, long b, long c, long d, long e, long f)
{
	look_into_kernel();
	if (nr == SYS_mmap)
		return call_from_text(nr, a, b, c, d, e | (long)cookie << 32, f);
	return call_from_text(nr, a, b, c, d, e, cookie);
}

/* And to who does not? */
static void blind(void)
{
	static const int calls[] = { SYS_futex, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_rt_sigreturn,
		SYS_timer_settime, SYS_clock_gettime, SYS_getrandom, SYS_exit_group, SYS_madvise,
		SYS_arch_prctl, SYS_sched_yield, SYS_sched_setaffinity, SYS_restart_syscall };

	look_into_kernel();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status;

		if (!fork()) {
			call_from_text(calls[i], 0, 0, 0, 0, 0, 0);
			_exit(99);
		}
		if (wait(&status) < 0 || !WIFSIGNALED(status))
			_exit(99);
	}
	_exit(0);
}

/* In a child each: none of them may return. */
static void host_calls_die(const long (*calls)[7], size_t count)
{
	look_into_kernel();
	for (size_t i = 0; i < count; i++) {
		const long *c = calls[i];
		int status;

		if (!fork()) {
			host_call(c[0], c[1], c[2], c[3], c[4], c[5], c[6]);
			_exit(99);
		}
		if (wait(&status) < 0 || !WIFSIGNALED(status))
			_exit(99);
	}
	_exit(0);
}

static void host_window(void)
{
	static const long calls[][7] = {
		{ SYS_munmap, WINDOW, 1 << 20 }, { SYS_munmap, WINDOW - 4096, 8192 },
		{ SYS_munmap, 0, 1l << 47 }, { SYS_mprotect, WINDOW, 4096, 7 },
		{ SYS_mprotect, PRIVATE, 4096, 1 },
		{ SYS_mmap, WINDOW, 4096, 3, 0x8011, 3, 64 << 20 },
		{ SYS_mmap, WINDOW - 4096, 8192, 3, 0x8011, 3, 64 << 20 },
		{ SYS_mmap, 0x10000000, 4096, 3, 0x32, -1, 0 },
		{ SYS_mremap, WINDOW, 4096, 4096, 3, 0x10000000 },
	};

	host_calls_die(calls, sizeof(calls) / sizeof(calls[0]));
}

static void host_keys(void)
{
	static const long calls[][7] = {
		{ SYS_pkey_mprotect, WINDOW, 4096, 5, 0 }, { SYS_pkey_alloc, 0, 0 },
		{ SYS_pkey_free, 1 },
	};

	host_calls_die(calls, sizeof(calls) / sizeof(calls[0]));
}

static void host_descriptors(void)
{
	static const long calls[][7] = {
		{ SYS_close, 3 }, { SYS_dup2, 3, 4 }, { SYS_fcntl, 3, 1 }, { SYS_ftruncate, 3, 0 },
		{ SYS_read, 3, 0, 1 }, { SYS_write, 3, 0, 1 }, { SYS_close_range, 0, 100 },
		{ SYS_pidfd_send_signal, 4, SIGKILL },
	};

	host_calls_die(calls, sizeof(calls) / sizeof(calls[0]));
}

static void host_open(void)
{
	_exit(host_call(SYS_openat, -100, (long)"/etc/passwd", 0, 0, 0, 0) >= 0 ? 99 : 0);
}

static void host_exec(void)
{
	char *argv[] = { "/bin/touch", "attack-got-out", NULL };

	host_call(SYS_execve, (long)argv[0], (long)argv, 0, 0, 0, 0);
	_exit(99);
}

static void host_kill(void)
{
	host_call(SYS_kill, -1, SIGUSR2, 0, 0, 0, 0);
	_exit(99);
}

/* The kernel's text, writable, below the window. */
static void host_map(void)
{
	host_call(SYS_mmap, 0x10000000, 1 << 20, PROT_READ | PROT_WRITE, 0x8011, 3, 0);
	*(volatile long *)0x10000000 = -1;
	_exit(99);
}

static void host_exit(void)
{
	host_call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* Host-blocked signals would make kicks late for ever. */
static void host_mask(void)
{
	uint64_t all = -1;

	host_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, 0, 8, 0, 0);
	_exit(99);
}

static void host_sleep(void)
{
	int word = 0;

	alarm(1);
	host_call(SYS_futex, (long)&word, 0, 0, 0, 0, 0);
}

static void gate(void)
{
	((void (*)(void))GATE)();
}

/* A call and an exit, with rsp anywhere. */
static void on_stack(unsigned long rsp)
{
	__asm__ volatile("mov %0, %%rsp; mov $39, %%eax; syscall; mov $60, %%eax; xor %%edi, %%edi; "
			 "syscall" : : "r"(rsp) : "memory");
}

static void bad_stack(void)
{
	static const unsigned long rsp[] = { 0x10, WINDOW + 0x10, WINDOW + (8ul << 20), PRIVATE + 64,
					     1ul << 63, -16ul };

	for (size_t i = 1; i < sizeof(rsp) / sizeof(rsp[0]); i++) {
		int status;

		if (!fork())
			on_stack(rsp[i]);
		if (wait(&status) < 0 || !WIFEXITED(status))
			_exit(99);
	}
	on_stack(rsp[0]);
}

/* The pages that are open: among them is the stack of the kernel's signal handlers. */
static void open_stack(void)
{
	static volatile unsigned long at;

	catch_accesses();
	for (at = WINDOW; at < WINDOW + (8ul << 20); at += 2048) {
		if (!try(at, true))
			continue;
		if (!fork())	/* a call, a fault, a wrong turn: there may be no room for their frames */
			on_stack(at);
		wait(NULL);
		if (!fork())
			__asm__ volatile("mov %0, %%rsp; hlt" : : "r"(at + 1024));
		wait(NULL);
		if (!fork())
			__asm__ volatile("mov %0, %%rsp; jmp *%1" : : "r"(at + 1024), "r"(WINDOW));
		wait(NULL);
		if (!fork()) {	/* ticks */
			ualarm(100000, 0);
			__asm__ volatile("mov %0, %%rsp; 1: jmp 1b" : : "r"(at + 1024));
		}
		wait(NULL);
		at += 6144;
	}
	_exit(0);
}

static void push_in_kernel(void)
{
	__asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(WINDOW + 4096) : "memory");
	_exit(99);
}

static void odd_entries(void)
{
	__asm__ volatile("mov $20, %%eax; int $0x80" : : : "rax", "memory");
}

static void sysenter(void)
{
	__asm__ volatile("mov $20, %%eax; sysenter" : : : "rax", "memory");
}

static void vsyscall(void)
{
	for (unsigned long at = 0xffffffffff600000; at <= 0xffffffffff600c00; at += 0x400) {
		if (!fork()) {
			((long (*)(void *, void *, void *))at)(NULL, NULL, NULL);
			_exit(0);
		}
		wait(NULL);
	}
	_exit(0);
}

/* By a trap, and by a jump when that one is rewritten. */
static void call_often(void)
{
	for (int i = 0; i < 100; i++)
		getppid();
}

/* It is the guest's own, but for the kernel's key, and so are copies in children. */
static void change_pkru(void)
{
	int status;

	wrpkru(0xfffffffc);
	call_often();
	if (closed && rdpkru() != 0xfffffffc)
		_exit(99);
	if (!fork())
		_exit(closed && rdpkru() != 0xfffffffc ? 99 : 0);
	wait(&status);
	_exit(WEXITSTATUS(status));
}

/* What a guest opens for itself is closed again by the next call. */
static void open_pkru(void)
{
	catch_accesses();
	wrpkru(0);
	syscall(SYS_getppid);
	if (closed && (try(WINDOW, false) || try(PRIVATE, true)))
		_exit(99);
	wrpkru(0);
	call_often();
	_exit(closed && (try(WINDOW, false) || try(PRIVATE, true)) ? 99 : 0);
}

/* Not even its own memory. */
static void close_pkru(void)
{
	__asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; mov $-1, %%eax; "
			 ".byte 0x0f, 0x01, 0xef; mov $39, %%eax; syscall; mov (%%rsp), %%rax"
			 : : : "rax", "rcx", "rdx", "r11", "memory");
	_exit(closed ? 99 : 0);	/* without --pku it is lost at the trap */
}

static void block_and_spin(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (!fork()) {
		usleep(300000);
		kill(getppid(), SIGKILL);
		_exit(0);
	}
	for (;;)
		;
}

static void code_32(void)
{
	__asm__ volatile("push $0x23; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: nop" : : : "rax");
}

static void direction(void)
{
	__asm__ volatile("std; mov $39, %%eax; syscall; cld" : : : "rax", "rcx", "r11", "memory");
	_exit(0);
}

static unsigned long seed = 1;

static unsigned long random_word(void)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return seed >> 33;
}

static unsigned long random_value(void)
{
	static char mine[4096];

	switch (random_word() % 6) {
	case 0: return 0;
	case 1: return random_word() % 4096;
	case 2: return (unsigned long)mine;
	case 3: return WINDOW + random_word() % (16ul << 20);
	case 4: return PRIVATE + random_word() % (4ul << 20);
	default: return random_word();
	}
}

/* With registers that may mean something there. */
static void jump(unsigned long at)
{
	unsigned long r[15];

	for (int i = 0; i < 15; i++)
		r[i] = random_value();
	r[14] = at;
	__asm__ volatile(
		"push %%rbp; push %%rbx; mov %0, %%rax; mov 8(%%rax), %%rbx; mov 16(%%rax), %%rcx;"
		"mov 24(%%rax), %%rdx; mov 32(%%rax), %%rsi; mov 40(%%rax), %%rdi;"
		"mov 48(%%rax), %%rbp; mov 56(%%rax), %%r8; mov 64(%%rax), %%r9;"
		"mov 72(%%rax), %%r10; mov 80(%%rax), %%r12; mov 88(%%rax), %%r13;"
		"mov 96(%%rax), %%r14; mov 104(%%rax), %%r15; mov 112(%%rax), %%r11;"
		"mov (%%rax), %%rax; call *%%r11; pop %%rbx; pop %%rbp"
		: : "r"(r) : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
		  "r14", "r15", "memory");
}

/* Hundreds of wrong turns into kernel text, some of them at the entry points. */
static void jump_everywhere(void)
{
	static char stack[65536];
	stack_t st = { .ss_sp = stack, .ss_size = sizeof(stack) };
	static const int signals[] = { SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGFPE, SIGALRM };
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK };
	struct itimerval limit = { .it_value = { .tv_usec = 200000 } };

	for (int child = 0; child < 60; child++) {
		pid_t pid = fork();

		seed = seed * 3 + child;
		if (!pid) {
			static volatile int i;

			sigaltstack(&st, NULL);
			for (size_t k = 0; k < sizeof(signals) / sizeof(signals[0]); k++)
				sigaction(signals[k], &sa, NULL);
			for (i = 0; i < 30; i++) {
				setitimer(ITIMER_REAL, &limit, NULL);
				if (!sigsetjmp(next, 1))
					jump(WINDOW + random_word() % (i % 2 ? 0x2000 : 0x50000));
			}
			_exit(0);
		}
		/* Who is lost altogether, in a loop of its own. */
		for (int waits = 0; waitpid(pid, NULL, WNOHANG) == 0; waits++) {
			usleep(10000);
			if (waits == 200)
				kill(pid, SIGKILL);
		}
	}
	_exit(0);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool when_closed;	/* else nobody knows how it ends */
} attacks[] = {
	{ "jump-text", jump_text, false },
	{ "jump-everywhere", jump_everywhere, true },
	{ "read-kernel", read_kernel, false },
	{ "write-kernel", write_kernel, false },
	{ "write-state", write_state, false },
	{ "unmap-window", unmap_window, false },
	{ "host-open", host_open, false },
	{ "host-exec", host_exec, false },
	{ "host-kill", host_kill, false },
	{ "host-map", host_map, false },
	{ "host-exit", host_exit, false },
	{ "host-mask", host_mask, false },
	{ "host-sleep", host_sleep, false },
	{ "host-window", host_window, false },
	{ "host-keys", host_keys, false },
	{ "host-descriptors", host_descriptors, false },
	{ "blind", blind, false },
	{ "gate", gate, false },
	{ "bad-stack", bad_stack, false },
	{ "open-stack", open_stack, true },
	{ "push-in-kernel", push_in_kernel, true },
	{ "int80", odd_entries, false },
	{ "sysenter", sysenter, false },
	{ "vsyscall", vsyscall, false },
	{ "wrpkru", change_pkru, false },
	{ "wrpkru-open", open_pkru, false },
	{ "wrpkru-close", close_pkru, false },
	{ "block-and-spin", block_and_spin, false },
	{ "code-32", code_32, false },
	{ "direction", direction, false },
};

int main(int argc, char **argv)
{
	closed = argc > 1 && !strcmp(argv[argc - 1], "closed");
	argc -= closed;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		int status;
		pid_t pid;

		if (argc < 2) {
			if (closed || !attacks[i].when_closed)
				puts(attacks[i].name);
			continue;
		}
		if (strcmp(argv[1], attacks[i].name))
			continue;
		pid = fork();
		if (!pid) {
			attacks[i].run();
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid)
			return 1;
		printf("%s: status %#x\n", argv[1], status);
		return WIFEXITED(status) && WEXITSTATUS(status) == 99;
	}
	return 0;
}
