/* SPDX-License-Identifier: MIT */
/*
 * HAL conformance: a core that is nothing but tests of the contract in
 * src/hal/. It is linked with a HAL in place of libcore.a and says in TAP,
 * through hal_log_write(), what the HAL keeps of its promises; it halts with
 * exit code 0 or 1. Nothing here knows which HAL it is.
 *
 * Tests run on the boot stack. run() switches to a task's kernel stack, which
 * goes to user mode; the next kern_trap() of that task switches back.
 */
#ifndef TESTS_HAL_CONFORMANCE_H
#define TESTS_HAL_CONFORMANCE_H

#include "hal/cpu.h"
#include "hal/hal.h"
#include "hal/mem.h"
#include "hal/virtio.h"

void *memcpy(void *dst, const void *src, size_t size);
void *memset(void *dst, int c, size_t size);
void *memmove(void *dst, const void *src, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* Where guest code and its data page go. */
#define CODE_VA 0x400000ul
#define DATA_VA 0x500000ul
#define STACK_TOP 0x601000ul

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4 };
#define PTE_NX (1ul << 63)

struct task {
	struct trapframe *tf;
	struct trapinfo info;
	struct hal_thread ht;
	struct hal_as *as;
	u64 rsp;		/* of the switched-out kernel stack */
	u64 main_rsp;		/* of the one that runs it, while it does */
	u8 *kstack;
	u8 *fp;
};

/* harness.c */
void check(bool good, const char *name);
/* The same, for what emulated CPUs lack. */
void check_hardware(bool good, const char *name);
/* The same as check, and both numbers if they differ. */
void check_eq(u64 got, u64 want, const char *name);
void note(const char *text, u64 value);
void say(const char *text);
/* Prints the plan and halts. */
void finish(void) __noreturn;
void *page_new(void);		/* zeroed */
paddr_t phys(const void *p);
void *mem_alloc(u64 size);	/* page aligned, zeroed, contiguous */
void as_new(struct hal_as *as);
void as_map(struct hal_as *as, uaddr_t va, paddr_t pa, u64 flags);	/* no flush, no fill */
void as_unmap(struct hal_as *as, uaddr_t va);
/* A task that starts at rip, with code, data and stack mapped on first use of as. */
void task_new(struct task *t, struct hal_as *as, uaddr_t rip);
void task_free(struct task *t);
/* Runs t in user mode until it traps; kicks that nobody asked for are hidden. */
void run(struct task *t);
/* As run(), but every trap counts. */
void run_once(struct task *t);
extern u8 *data_page;		/* what is at DATA_VA of the latest as_new() */
extern volatile u32 timer_count, ipi_count, irq_count[HAL_VIRTIO_MAX];

/* Guest code: guest.S is copied to CODE_VA. What it has to say it leaves in rax
 * and makes a system call: the result is the number, tf->orig_rax. */
extern const u8 guest_start[], guest_end[];
#define GUEST(label) (CODE_VA + (u64)(label - guest_start))

/* The groups. */
void test_machine(void);
void test_user(void);
void test_memory(void);
void test_kstack(void);
void test_fp(void);
void test_interrupts(void);
void test_virtio(void);
void test_vsock(u32 dev);	/* part of it */
void test_smp(void);
/* CPU 1, once started, runs this. */
void smp_main(void) __noreturn;

#endif
