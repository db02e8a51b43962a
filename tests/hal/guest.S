/* SPDX-License-Identifier: MIT */
/* Guest code of the conformance tests; position-independent, copied as it is. */
	.section .rodata
	.balign 4096
#define LABEL(x) .globl x; .hidden x; x
LABEL(guest_start):
LABEL(g_syscall):
	syscall
	syscall
	jmp	g_syscall
LABEL(g_load):				/* rdi: address; rax: value */
	mov	(%rdi), %rax
	syscall
	jmp	g_load
LABEL(g_store):				/* rdi: address, rsi: value */
	mov	%rsi, (%rdi)
	syscall
	jmp	g_store
LABEL(g_jump):				/* rdi: address */
	jmp	*%rdi
LABEL(g_divide):
	xor	%ecx, %ecx
	xor	%edx, %edx
LABEL(g_divide_at):
	div	%ecx
LABEL(g_int3):
	int3
LABEL(g_int3_after):
	nop
LABEL(g_ud2):
	ud2
LABEL(g_hlt):
	hlt
LABEL(g_int80):
	xor	%ecx, %ecx
	int	$0x80
LABEL(g_step):
	nop
LABEL(g_step_after):
	nop
LABEL(g_noncanonical):
	movabs	$0x8000000000000000, %rdi
	mov	(%rdi), %rax
LABEL(g_align):				/* #AC: AC flag is set by the test */
	mov	1(%rdi), %eax
LABEL(g_sse_exception):
	pushq	$0x1d80			/* MXCSR: divide by zero unmasked */
	ldmxcsr	(%rsp)
	pop	%rax
	xorps	%xmm1, %xmm1
	mov	$1, %eax
	cvtsi2ss %eax, %xmm0
	divss	%xmm1, %xmm0
LABEL(g_x87_exception):
	pushq	$0x37b			/* FCW: divide by zero unmasked */
	fldcw	(%rsp)
	pop	%rax
	fld1
	fldz
	fdivrp
	fwait
LABEL(g_spin):
	inc	%rbx
	jmp	g_spin
LABEL(g_xmm_set):			/* rdi -> all xmm; then says so, and checks after */
	movq	%rdi, %xmm0
	movq	%rdi, %xmm7
	movq	%rdi, %xmm15
	syscall
LABEL(g_xmm_get):
	movq	%xmm0, %rax
	movq	%xmm7, %rdx
	movq	%xmm15, %rsi
	syscall
	jmp	g_xmm_get
LABEL(g_fp_control):			/* rax: MXCSR, rdx: FCW */
	sub	$16, %rsp
	stmxcsr	(%rsp)
	fnstcw	8(%rsp)
	mov	(%rsp), %eax
	movzwl	8(%rsp), %edx
	add	$16, %rsp
	syscall
LABEL(g_fs):				/* rax: the word at fs:0, rdx: at gs:8 */
	mov	%fs:0, %rax
	mov	%gs:8, %rdx
	syscall
	jmp	g_fs
LABEL(g_vsyscall):
	mov	$0xffffffffff600400, %rax	/* time() */
	xor	%edi, %edi
	call	*%rax
	syscall
LABEL(g_touch):				/* rdi: address, rsi: pages, rdx: step; sum in rax */
	xor	%eax, %eax
1:	add	(%rdi), %rax
	add	%rdx, %rdi
	dec	%rsi
	jnz	1b
	syscall
LABEL(g_copy):				/* rdi: from, rsi: to, and a count behind it */
	mov	(%rdi), %rax
	mov	%rax, (%rsi)
	incq	8(%rsi)
	jmp	g_copy
LABEL(guest_end):
	.section .note.GNU-stack, "", @progbits
