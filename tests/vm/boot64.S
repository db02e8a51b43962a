/* SPDX-License-Identifier: MIT */
/*
 * A test of linux64_start: a PVH entry that does what Firecracker before 1.12
 * does with an ELF image. It makes a zero page (boot_params) and identity page
 * tables of what QEMU's PVH information says, goes to
 * long mode and jumps to the image's ELF entry. Linked before the HAL, its note
 * is the first and counts.
 */
	.section .boot.bss, "aw", @nobits	/* low memory may hold the loader's tables */
	.balign 4096
zero_page:
	.skip 8192
tables:
	.skip 3 * 4096

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long stub_start

	.section .boot.data, "aw", @progbits
	.balign 8
stub_gdt:
	.quad 0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff
stub_gdt_ptr:
	.word 31
	.quad stub_gdt

	.section .boot.text, "ax", @progbits
	.code32
stub_start:
	cld
	mov $zero_page, %edi
	mov $(0x5000 / 4), %ecx		/* zero page and three tables */
	xor %eax, %eax
	rep stosl
	movl $0x53726448, zero_page + 0x202	/* "HdrS" */
	mov 24(%ebx), %eax		/* command line */
	mov %eax, zero_page + 0x228
	cmpl $0, 12(%ebx)
	je 1f
	mov 16(%ebx), %esi		/* module 0 */
	mov (%esi), %eax
	mov %eax, zero_page + 0x218
	mov 8(%esi), %eax
	mov %eax, zero_page + 0x21c
1:	mov 40(%ebx), %esi		/* memory map: 24 bytes to 20 */
	mov 48(%ebx), %edx
	mov %dl, zero_page + 0x1e8
	mov $(zero_page + 0x2d0), %edi
2:	mov $5, %ecx
	rep movsl
	add $4, %esi
	dec %edx
	jnz 2b
	movl $(tables + 0x1003), tables
	movl $(tables + 0x2003), tables + 0x1000
	mov $(tables + 0x2000), %edi
	mov $0x83, %eax
3:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	cmp $(tables + 0x3000), %edi
	jne 3b
	mov $0x20, %eax
	mov %eax, %cr4
	mov $tables, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	mov $0x100, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80000011, %eax
	mov %eax, %cr0
	lgdt stub_gdt_ptr
	ljmp $0x10, $4f
	.code64
4:	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $zero_page + 8176, %esp
	mov $zero_page, %esi
	mov $linux64_start, %eax
	jmp *%rax

	.section .note.GNU-stack, "", @progbits
