/* SPDX-License-Identifier: MIT */
/* The finished vDSO, page aligned, as read-only data of the core. */
	.section .rodata, "a", @progbits
	.balign 4096
	.globl vdso_image
	.hidden vdso_image
vdso_image:
	.incbin VDSO_FILE
	.globl vdso_image_end
	.hidden vdso_image_end
vdso_image_end:
	.balign 4096
	.section .note.GNU-stack, "", @progbits
