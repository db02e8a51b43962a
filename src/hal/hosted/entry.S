/* SPDX-License-Identifier: MIT */
/*
 * Assembly of the hosted kernel: where the loader jumps to, the change to an
 * empty kernel stack, the signal return, and the code page of a stub process.
 */
	.section .text.hosted_start, "ax", @progbits
	.globl hosted_start
	.hidden hosted_start
	.type hosted_start, @function
/* rdi = struct hosted_shared *, rsi = top of the boot stack, rdx = struct hosted_handles * */
hosted_start:
	mov	%rsi, %rsp
	xor	%ebp, %ebp
	cld
	mov	%rdx, %rsi
	call	hosted_main
	ud2
	.size hosted_start, . - hosted_start

	.text
	.globl hal_user_enter
	.hidden hal_user_enter
	.type hal_user_enter, @function
/* rdi = the trapframe at the top of this stack, which is empty from here on */
hal_user_enter:
	mov	%rdi, %rsp
	xor	%ebp, %ebp
	call	hosted_user_enter
	ud2
	.size hal_user_enter, . - hal_user_enter

	.globl hosted_restorer
	.hidden hosted_restorer
	.type hosted_restorer, @function
hosted_restorer:
	mov	host_cookie(%rip), %r9d
	mov	$15, %eax		/* rt_sigreturn */
	syscall
	.size hosted_restorer, . - hosted_restorer

	.globl hosted_clone
	.hidden hosted_clone
	.type hosted_clone, @function
/*
 * rdi = clone flags, rsi = top of the child's stack, rdx = function that does
 * not return. Kernel stacks are shared memory, so that a child that came back
 * through this call would trample on its parent's frames.
 */
hosted_clone:
	mov	%rdx, %r9
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	mov	$56, %eax		/* clone */
	syscall
	test	%rax, %rax
	jnz	1f
	xor	%ebp, %ebp
	call	*%r9
	ud2
1:	ret
	.size hosted_clone, . - hosted_clone

/*
 * The stub: does r14 system calls that stand at r15 (struct stub_command) and
 * stops with int3, or with ud2 behind the first that failed. It uses no stack.
 */
	.section .stub, "ax", @progbits
	.globl hosted_stub_batch
	.hidden hosted_stub_batch
	.type hosted_stub_batch, @function
hosted_stub_batch:
	mov	(%r15), %rax
	mov	8(%r15), %rdi
	mov	16(%r15), %rsi
	mov	24(%r15), %rdx
	mov	32(%r15), %r10
	mov	40(%r15), %r8
	mov	48(%r15), %r9
	syscall
	cmp	$-4095, %rax
	jae	1f
	add	$56, %r15
	dec	%r14
	jnz	hosted_stub_batch
	int3
1:	ud2
	.size hosted_stub_batch, . - hosted_stub_batch

	.section .note.GNU-stack, "", @progbits
