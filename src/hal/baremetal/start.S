/* SPDX-License-Identifier: MIT */
/*
 * Entry points of the image, from the loader to C.
 *
 *   pvh_start      32-bit protected mode, ebx = hvm_start_info (PVH)
 *   mb2_start      32-bit protected mode, ebx = Multiboot2 information (GRUB)
 *   linux64_start  long mode, rsi = boot_params (Linux 64-bit protocol, as
 *                  Firecracker enters an ELF without PVH note)
 *   ap_start       real mode at 0x8000: another CPU after INIT-SIPI
 *
 * All build or use the boot page tables: the first GiB at 0, at the direct map
 * (0xffff800000000000) and at KERNEL_BASE, by 2 MiB pages, writable and
 * executable. paging.c replaces them at once; other CPUs pass through them.
 * No stack is needed before the high half.
 */
#define CR4_PAE 0x20
#define EFER 0xc0000080
#define EFER_BITS 0x901		/* NXE, LME, SCE */
#define CR0_BITS 0x80050033	/* PG, AM, WP, NE, ET, MP, PE */
#define AP_BASE 0x8000
/* CPUID 0x80000001 edx: LM, NX. SYSCALL is for cpu.c: Intel's tell of it in long mode only. */
#define CPU_NEEDED 0x20100000
#define COM1 0x3f8

	.section .note.pvh, "a", @note
	.balign 4
	.long 4			/* name size */
	.long 4			/* descriptor size */
	.long 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_start

	/* Multiboot2 header (GRUB); multiboot1 would keep QEMU from PVH. */
	.section .boot.header, "a", @progbits
	.balign 8
mb2_header:
	.long 0xe85250d6
	.long 0			/* i386, protected mode */
	.long mb2_header_end - mb2_header
	.long 0x100000000 - (0xe85250d6 + (mb2_header_end - mb2_header))
	.short 3, 0		/* entry address: e_entry is another protocol's */
	.long 12
	.long mb2_start
	.balign 8
	.short 0, 0		/* end */
	.long 8
mb2_header_end:

	.section .boot.bss, "aw", @nobits
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.skip 4096
boot_pdpt_low:
	.skip 4096
boot_pdpt_high:
	.skip 4096
boot_pd:
	.skip 4096

	.section .boot.data, "aw", @progbits
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad 0x00af9b000000ffff	/* 0x10: 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x18: data */
boot_gdt_end:
wrong_cpu_text:
	.asciz "hyla: the CPU lacks long mode or NX\r\n"
boot_gdt_ptr:
	.word boot_gdt_end - boot_gdt - 1
	.quad boot_gdt

	.section .boot.text, "ax", @progbits
	.code32
	.globl pvh_start
mb2_start:
	mov $3, %esi		/* protocol: Multiboot2 */
	jmp 1f
pvh_start:
	xor %esi, %esi		/* protocol: PVH */
1:	cli
	cld
	mov %ebx, %ebp
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb wrong_cpu
	mov $0x80000001, %eax
	cpuid
	and $CPU_NEEDED, %edx
	cmp $CPU_NEEDED, %edx
	jne wrong_cpu
	/* zero the four tables, then link them */
	mov $boot_pml4, %edi
	mov $4096, %ecx
	xor %eax, %eax
	rep stosl
	mov $boot_pdpt_low + 3, %eax
	mov %eax, boot_pml4
	mov %eax, boot_pml4 + 256 * 8
	movl $boot_pdpt_high + 3, boot_pml4 + 511 * 8
	mov $boot_pd + 3, %eax
	mov %eax, boot_pdpt_low
	mov %eax, boot_pdpt_high + 510 * 8
	mov $boot_pd, %edi
	mov $0x83, %eax
	mov $512, %ecx
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 1b
	mov %esi, %edi
	mov %ebp, %esi
enter_long:			/* edi, esi: for bm_main; also from ap_start */
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $EFER, %ecx
	rdmsr
	or $EFER_BITS, %eax
	wrmsr
	mov $CR0_BITS, %eax
	mov %eax, %cr0
	lgdt boot_gdt_ptr
	ljmp $0x10, $long_start

/* Says so on the serial port and leaves, by isa-debug-exit as after a panic. */
wrong_cpu:
	mov $wrong_cpu_text, %esi
1:	lodsb
	test %al, %al
	jz 2f
	mov %al, %bl
	mov $10000, %ecx	/* a port that is never ready is none */
3:	mov $COM1 + 5, %edx
	inb %dx, %al
	test $0x20, %al
	loopz 3b
	mov $COM1, %edx
	mov %bl, %al
	outb %al, %dx
	jmp 1b
2:	mov $0x12, %eax
	outl %eax, $0xf4
3:	hlt
	jmp 3b

	.code64
long_start:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	cmp $2, %edi
	je 1f
	movabs $high_start, %rax
	jmp *%rax
1:	movabs $high_ap_start, %rax
	jmp *%rax

	.globl linux64_start
linux64_start:
	cli
	cld
	mov %rsi, %rbp
	mov $boot_pml4, %edi
	mov $2048, %ecx
	xor %eax, %eax
	rep stosq
	lea boot_pdpt_low + 3(%rip), %rax
	mov %rax, boot_pml4(%rip)
	mov %rax, boot_pml4 + 256 * 8(%rip)
	lea boot_pdpt_high + 3(%rip), %rax
	mov %rax, boot_pml4 + 511 * 8(%rip)
	lea boot_pd + 3(%rip), %rax
	mov %rax, boot_pdpt_low(%rip)
	mov %rax, boot_pdpt_high + 510 * 8(%rip)
	lea boot_pd(%rip), %rdi
	mov $0x83, %eax
	mov $512, %ecx
1:	mov %rax, (%rdi)
	add $0x200000, %rax
	add $8, %rdi
	loop 1b
	mov $boot_pml4, %eax
	mov %rax, %cr3
	mov $EFER, %ecx
	rdmsr
	or $EFER_BITS, %eax
	wrmsr
	mov $CR0_BITS, %eax
	mov %rax, %cr0
	lgdt boot_gdt_ptr(%rip)
	mov $1, %edi		/* protocol: Linux */
	mov %rbp, %rsi
	pushq $0x10
	lea long_start(%rip), %rax
	push %rax
	lretq

	/* Copied to AP_BASE: position is known, labels are not. */
	.code16
	.globl bm_ap_blob, bm_ap_blob_end
bm_ap_blob:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl AP_BASE + (ap_gdt_ptr - bm_ap_blob)
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $0x08, $AP_BASE + (ap_protected - bm_ap_blob)
	.code32
ap_protected:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $2, %edi
	mov $enter_long, %eax
	jmp *%eax
	.balign 8
ap_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
ap_gdt_ptr:
	.word ap_gdt_ptr - ap_gdt - 1
	.long AP_BASE + (ap_gdt - bm_ap_blob)
bm_ap_blob_end:

	.code64
	.text
high_start:
	lea bm_boot_stack + 16384(%rip), %rsp
	xor %ebp, %ebp
	call bm_main
	ud2

high_ap_start:			/* smp.c filled in bm_ap_stack, anywhere in RAM */
	mov bm_root(%rip), %rax
	mov %rax, %cr3
	mov bm_ap_stack(%rip), %rsp
	xor %ebp, %ebp
	call bm_ap_main
	ud2

	.section .note.GNU-stack, "", @progbits
