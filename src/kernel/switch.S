/* SPDX-License-Identifier: MIT */
/*
 * Stack switch: the one place where tasks change, the same on every HAL.
 *
 * void context_switch(void **save, void *load): pushes the callee-saved
 * registers, stores rsp in *save, takes rsp from load and pops them there.
 * A new task's stack holds six zeros and task_entry as the return address.
 */
	.text
	.globl context_switch
	.hidden context_switch
	.type context_switch, @function
context_switch:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size context_switch, . - context_switch

	.globl task_entry
	.hidden task_entry
	.type task_entry, @function
task_entry:
	xor %ebp, %ebp
	and $-16, %rsp
	call task_start
	ud2
	.size task_entry, . - task_entry

	.section .note.GNU-stack, "", @progbits
