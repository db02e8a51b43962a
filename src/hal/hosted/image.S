/* SPDX-License-Identifier: MIT */
/* The hosted kernel image inside the hyla program. HYLA_IMAGE names the file. */
	.section .rodata
	.balign 16
	.globl hosted_image_data, hosted_image_data_end
hosted_image_data:
	.incbin HYLA_IMAGE
hosted_image_data_end:
	.section .note.GNU-stack, "", @progbits
