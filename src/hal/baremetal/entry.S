/* SPDX-License-Identifier: MIT */
/*
 * Ways into and out of the kernel.
 *
 * SYSCALL and every trap from user mode build struct trapframe at the top of
 * the task's kernel stack. The kernel's own GS base is used for three
 * instructions only, to find that stack: otherwise fs and gs are the guest's.
 *
 * Traps from user mode: TSS.rsp0 is 16 below the top of the stack (the CPU
 * aligns it), so the CPU's frame lies 8 above its place in struct trapframe,
 * with the error code where rip belongs; it is moved down after the registers
 * are saved:
 *
 *   offset  120 vector, 128 error, 136 rip, 144 cs, 152 rflags, 160 rsp, 168 ss
 *
 * Traps from kernel mode (interrupts in hal_idle and hal_poll, NMI, bugs) push
 * the same registers wherever the stack is and come back by iretq.
 *
 * Leaving: SYSRET when rcx and r11 hold rip and rflags anyway, and rip is
 * canonical (bm_leave has made sure), else iretq.
 */
#define TF_RIP 128
#define TF_CS 136
#define TF_RFLAGS 144
#define TF_RSP 152
#define TF_R11 48
#define TF_RCX 88

	.text
	.globl bm_syscall_entry
	.balign 16
bm_syscall_entry:
	swapgs
	mov %rsp, %gs:8
	mov %gs:0, %rsp			/* top of stack - 24 */
	pushq $0x2b			/* ss */
	pushq %gs:8			/* rsp */
	swapgs
	push %r11			/* rflags */
	pushq $0x33			/* cs */
	push %rcx			/* rip */
	push %rax			/* orig_rax */
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	pushq $-38			/* rax: ENOSYS */
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	xor %ebp, %ebp
	mov %rsp, %rdi
	call bm_syscall
	/* fall through */

/* rsp: a trapframe that bm_leave has checked */
leave_user:
	mov TF_RIP(%rsp), %rcx
	mov TF_RFLAGS(%rsp), %r11
	cmp %rcx, TF_RCX(%rsp)
	jne 1f
	cmp %r11, TF_R11(%rsp)
	jne 1f
	cmpq $0x33, TF_CS(%rsp)
	jne 1f
	test $0x10100, %r11d		/* RF, TF: iretq only */
	jnz 1f
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	add $8, %rsp			/* r11 is there */
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	add $8, %rsp			/* rcx is there */
	pop %rdx
	pop %rsi
	pop %rdi
	mov TF_RSP - 120(%rsp), %rsp
	sysretq
1:	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $8, %rsp			/* orig_rax */
	iretq

/* void bm_user_resume(struct trapframe *tf) */
	.globl bm_user_resume
bm_user_resume:
	mov %rdi, %rsp
	jmp leave_user

	.macro save_regs
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm

trap_common:
	cld
	testb $3, 24(%rsp)		/* cs: vector, error, rip, cs */
	jz trap_kernel
	save_regs
	xor %ebp, %ebp
	mov 120(%rsp), %rsi		/* vector */
	mov 128(%rsp), %rdx		/* error */
	mov 136(%rsp), %rax
	mov %rax, 128(%rsp)
	mov 144(%rsp), %rax
	mov %rax, 136(%rsp)
	mov 152(%rsp), %rax
	mov %rax, 144(%rsp)
	mov 160(%rsp), %rax
	mov %rax, 152(%rsp)
	mov 168(%rsp), %rax
	mov %rax, 160(%rsp)
	movq $-1, 120(%rsp)
	mov %rsp, %rdi
	call bm_trap_user
	jmp leave_user

trap_kernel:
	save_regs
	mov %rsp, %rdi			/* struct bm_kframe */
	mov %rsp, %rbp
	and $-16, %rsp
	call bm_trap_kernel
	mov %rbp, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $16, %rsp
	iretq

/* 16 bytes each; vectors 8, 10-14, 17, 21 and 29, 30 push an error code. */
	.globl bm_vectors
	.balign 16
bm_vectors:
	.set vector, 0
	.rept 112
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

/* Waits for an interrupt: with none between the check and the halt. */
	.globl bm_sti_hlt
bm_sti_hlt:
	sti
	hlt
	cli
	ret

	.section .note.GNU-stack, "", @progbits
