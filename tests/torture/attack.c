/* SPDX-License-Identifier: MIT */
/*
 * attack NAME: a guest that means harm to its kernel and host. It forks; the
 * child attacks; the parent says what became of it, if there still is a kernel
 * to say it. attack.sh runs each attack under Hyla and looks at the host.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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

static sigjmp_buf next;

static void on_fault(int signo)
{
	siglongjmp(next, signo);
}

/* Text and constants fault; the rest, if anything, is overwritten. */
static void write_kernel(void)
{
	static volatile unsigned long at;

	signal(SIGSEGV, on_fault);
	for (at = WINDOW; at < WINDOW + (8ul << 20); at += 4096)
		if (!sigsetjmp(next, 1))
			*(volatile long *)at = -1;
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

/* A `syscall` in kernel text, which seccomp lets through: what does it allow? */
static long host_call(long nr, long a, long b, long c, long d, long e, long f)
{
	static unsigned long gadget;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	if (!gadget)
		for (gadget = WINDOW; gadget < WINDOW + (4ul << 20); gadget++)
			if (!memcmp((void *)gadget, "\x0f\x05\xc3", 3))
				break;
	__asm__ volatile("call *%2" : "=a"(ret)
			 : "0"(nr), "r"(gadget), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
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

static void bad_stack(void)
{
	__asm__ volatile("mov $0x10, %%rsp; mov $39, %%eax; syscall; mov $60, %%eax; xor %%edi, %%edi; "
			 "syscall" : : : "memory");
}

static void odd_entries(void)
{
	__asm__ volatile("mov $20, %%eax; int $0x80" : : : "rax", "memory");
}

static void sysenter(void)
{
	__asm__ volatile("mov $20, %%eax; sysenter" : : : "rax", "memory");
}

static void wrpkru(void)
{
	__asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; mov $0xfffffffc, %%eax; "
			 ".byte 0x0f, 0x01, 0xef" : : : "rax", "rcx", "rdx");
	getppid();
	_exit(0);
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

static const struct {
	const char *name;
	void (*run)(void);
} attacks[] = {
	{ "jump-text", jump_text }, { "write-kernel", write_kernel },
	{ "write-state", write_state }, { "unmap-window", unmap_window },
	{ "host-open", host_open }, { "host-exec", host_exec }, { "host-kill", host_kill },
	{ "host-map", host_map }, { "host-exit", host_exit }, { "host-mask", host_mask },
	{ "host-sleep", host_sleep }, { "gate", gate }, { "bad-stack", bad_stack },
	{ "int80", odd_entries }, { "sysenter", sysenter }, { "wrpkru", wrpkru },
	{ "block-and-spin", block_and_spin }, { "code-32", code_32 }, { "direction", direction },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		int status;
		pid_t pid;

		if (argc < 2) {
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
