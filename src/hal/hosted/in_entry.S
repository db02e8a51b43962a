/* SPDX-License-Identifier: MIT */
/*
 * Assembly of the inproc engine: into user mode and out of it, and the change
 * of a kernel stack from one carrier to another.
 *
 * in_leave only reads the trapframe until user code runs. A kick that comes
 * between in_crit_start and in_crit_end is told to go to in_restart, which
 * starts over from the trapframe: no kick is lost, and no signal is masked.
 *
 * What has "pku" in its name is used instead where the kernel's memory has a
 * protection key (in_pku.c). WRPKRU wants eax = PKRU, ecx = edx = 0.
 */
#include "hal/hosted/inproc.h"
#include "hal/hosted/pku.h"

/* struct trapframe (hal/cpu.h) */
#define TF_RAX 80
#define TF_RCX 88
#define TF_RDX 96
#define TF_RIP 128
#define TF_CS_HIGH 140
#define TF_RFLAGS 144
#define TF_RSP 152
#define TF_SS_END 168
#define IN_KERNEL 0
#define IN_USER 1
#define RFLAGS_AC 0x40000

#define FUNCTION(name) .globl name; .hidden name; .type name, @function; name:

	.macro pop_first
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	.endm

	.macro pop_registers
	pop_first
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	.endm

	.macro clear_ac
	pushfq
	andl	$~RFLAGS_AC, (%rsp)
	popfq
	.endm

	/* The guest's PKRU; without a look, a stray jump could leave all open. */
	.macro close_kernel
	wrpkru
	test	$PKU_CLOSED, %eax
	jz	in_stray
	mov	in_self+IN_SCRATCH_RAX(%rip), %rax
	mov	in_self+IN_SCRATCH_RCX(%rip), %rcx
	mov	in_self+IN_SCRATCH_RDX(%rip), %rdx
	.endm

	.text
/* rdi = trapframe, esi = IN_LEAVE_EXACT: with iretq, which alone can set TF and
 * RF; or 0. rdx = where to otherwise */
FUNCTION(in_leave)
	mov	in_self+IN_SELF_CPU(%rip), %rax
	.globl in_crit_start
	.hidden in_crit_start
in_crit_start:
	mov	$IN_USER, %ecx
	xchg	%ecx, (%rax)		/* and a full barrier, see cpu.c */
	cmpl	$0, 4(%rax)
	jne	1f
	or	in_self+IN_SELF_LEAVE_PKU(%rip), %esi
	jnz	2f
	mov	%rdx, in_self+IN_SELF_RET(%rip)
	mov	%rdi, %rsp
	pop_registers
	add	$24, %rsp		/* orig_rax, rip, cs */
	popfq
	pop	%rsp
	jmp	*in_self+IN_SELF_RET(%rip)
2:	test	$IN_LEAVE_PKU, %esi
	jnz	3f
	mov	%rdi, %rsp
	pop_registers
	add	$8, %rsp		/* orig_rax */
	iretq
1:	movl	$IN_KERNEL, (%rax)
	ret
	/* What is needed when the trapframe is out of reach goes to scratch. */
3:	test	$IN_LEAVE_EXACT, %esi
	jz	4f
	mov	TF_RIP(%rdi), %rdx
4:	mov	%rdx, in_self+IN_SCRATCH_RIP(%rip)
	movq	$0x33, in_self+IN_SCRATCH_CS(%rip)
	mov	TF_RFLAGS(%rdi), %rax
	mov	%rax, in_self+IN_SCRATCH_RFLAGS(%rip)
	mov	TF_RSP(%rdi), %rax
	mov	%rax, in_self+IN_SCRATCH_RSP(%rip)
	movq	$0x2b, in_self+IN_SCRATCH_SS(%rip)
	mov	TF_RAX(%rdi), %rax
	mov	%rax, in_self+IN_SCRATCH_RAX(%rip)
	mov	TF_RCX(%rdi), %rax
	mov	%rax, in_self+IN_SCRATCH_RCX(%rip)
	mov	TF_RDX(%rdi), %rax
	mov	%rax, in_self+IN_SCRATCH_RDX(%rip)
	mov	TF_CS_HIGH(%rdi), %eax
	xor	$PKU_INIT, %eax
	or	$PKU_CLOSED, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	test	$IN_LEAVE_EXACT, %esi
	mov	%rdi, %rsp
	pop_first
	lea	24(%rsp), %rsp		/* rax, rcx, rdx */
	pop	%rsi
	pop	%rdi
	jnz	5f
	lea	in_self+IN_SCRATCH_RFLAGS(%rip), %rsp
	close_kernel
	popfq
	pop	%rsp
	jmp	*in_self+IN_SCRATCH_RIP(%rip)
5:	lea	in_self+IN_SCRATCH_RIP(%rip), %rsp
	close_kernel
	iretq
in_stray:
	ud2
	.globl in_crit_end
	.hidden in_crit_end
in_crit_end:

/*
 * A rewritten system call (in_patch.c): rcx = where it returns to, r11 = the
 * address behind it, the rest as in user code. rsp is the user's until the
 * third instruction, and the kernel's stack is empty, so a signal in here finds
 * nothing that it could hurt; its handler knows the range and returns.
 */
FUNCTION(in_fast_entry)
	mov	%rsp, in_self+IN_SELF_USER_RSP(%rip)
	mov	in_self+IN_SELF_TF(%rip), %rsp
	lea	TF_SS_END(%rsp), %rsp
	push	$0x2b			/* ss */
	push	in_self+IN_SELF_USER_RSP(%rip)
	pushfq
	push	$0x33			/* cs */
in_fast_common:
	push	%r11			/* rip */
	push	%rax			/* orig_rax */
	push	%rdi
	push	%rsi
	push	%rdx
	push	%r11			/* rcx: as the instruction leaves it */
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	mov	88(%rsp), %r11		/* rflags */
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	test	$RFLAGS_AC, %r11d
	jnz	3f
4:	mov	%rsp, %rdi
	mov	%rcx, %rsi
	xor	%ebp, %ebp
	mov	in_self+IN_SELF_CPU(%rip), %rax
	movl	$IN_KERNEL, (%rax)
	call	in_fast_trap
	ud2
3:	clear_ac			/* the kernel's accesses need not be aligned */
	jmp	4b

/* As above. Flags are the user's until they are in the frame. */
	.globl in_fast_entry_pku
	.hidden in_fast_entry_pku
in_fast_entry_pku:
	mov	%rsp, in_self+IN_SCRATCH_RSP(%rip)
	mov	%rax, in_self+IN_SCRATCH_RAX(%rip)
	mov	%rcx, in_self+IN_SCRATCH_RCX(%rip)
	mov	%rdx, in_self+IN_SCRATCH_RDX(%rip)
	mov	$0, %ecx
	rdpkru				/* edx = 0 */
	mov	%eax, in_self+IN_SCRATCH_PKRU(%rip)
5:	mov	$0, %eax
	wrpkru
	mov	in_self+IN_SELF_TF(%rip), %rsp
	lea	TF_SS_END(%rsp), %rsp
	push	$0x2b			/* ss */
	push	in_self+IN_SCRATCH_RSP(%rip)
	pushfq
	test	%eax, %eax		/* a stray jump, to wrpkru itself? */
	jnz	5b
	push	$0x33			/* cs */
	mov	in_self+IN_SCRATCH_PKRU(%rip), %eax
	xor	$PKU_INIT, %eax
	mov	%eax, 4(%rsp)
	mov	in_self+IN_SCRATCH_RAX(%rip), %rax
	mov	in_self+IN_SCRATCH_RCX(%rip), %rcx
	mov	in_self+IN_SCRATCH_RDX(%rip), %rdx
	jmp	in_fast_common
	.globl in_fast_end
	.hidden in_fast_end
in_fast_end:

/* A signal's handler: with the guest's AC, which the host leaves as it was. */
FUNCTION(in_signal_entry)
	clear_ac
	jmp	in_signal_handler

/*
 * The same, opening the kernel. Only the host comes here with the alternate
 * stack; where the frame's parts are follows from rsp.
 */
FUNCTION(in_signal_entry_pku)
	clear_ac
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	wrpkru
	.globl in_signal_opened
	.hidden in_signal_opened
in_signal_opened:
	test	%eax, %eax
	jnz	in_stray
	lea	in_self+IN_SELF_ALTSTACK(%rip), %rax
	mov	%rsp, %rcx
	sub	%rax, %rcx
	cmp	$IN_ALTSTACK_SIZE, %rcx
	ja	in_stray
	lea	IN_FRAME_CONTEXT(%rsp), %rdx
	lea	IN_FRAME_INFO(%rsp), %rsi
	jmp	in_signal_handler

/* rdi = trapframe */
FUNCTION(in_restart)
	mov	%rdi, %rsp
	xor	%ebp, %ebp
	call	in_kicked
	ud2

FUNCTION(in_enter)
	mov	%rdi, %rsp
	xor	%ebp, %ebp
	call	in_trap
	ud2

	.macro push_saved
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro save_stack
	push_saved
	mov	%rsp, in_self+IN_SELF_KSTACK(%rip)
	lea	in_self+IN_SELF_STACK_TOP(%rip), %rsp
	xor	%ebp, %ebp
	.endm

/* rdi = timeout, rsi = where the stack is told */
FUNCTION(in_doze)
	push_saved
	mov	%rsp, (%rsi)
	sub	$8, %rsp
	call	hosted_doze
	add	$8, %rsp
	jmp	1f

/* edi = carrier */
FUNCTION(in_change)
	save_stack
	call	in_pass
	ud2

FUNCTION(in_zygote)
	save_stack
	call	in_zygote_main
	ud2

FUNCTION(in_adopt)
	mov	in_self+IN_SELF_KSTACK(%rip), %rsp
1:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret

	.section .carrier, "aw", @nobits
	.balign 4096
	.globl in_self
	.hidden in_self
in_self:	.skip IN_SELF_SIZE
	.globl host_cookie
	.hidden host_cookie
	.set host_cookie, in_self+IN_SELF_COOKIE
	.balign 4096

/*
 * The gate: host calls that only the zygote and a newborn carrier may make. It
 * is in the stub's page, which they have mapped at HOSTED_STUB_BASE, where the
 * filter allows more; a carrier unmaps it before it runs anything else.
 * s64 in_gate(nr, a, b, c, d, e, f)
 */
	.section .stub, "ax", @progbits
	.globl in_gate_code
	.hidden in_gate_code
in_gate_code:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	ret

	.section .note.GNU-stack, "", @progbits
