/* SPDX-License-Identifier: MIT */
/*
 * The hosted HAL's decoders in plain C types: their own headers are freestanding and
 * do not go with libc's.
 */
#ifndef INSN_CHECK_H
#define INSN_CHECK_H

struct insn_registers {
	unsigned long gpr[15];	/* r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi */
	unsigned long rip, rsp;
};

/* in_insn_decode() of 16 bytes: the size, 0 if it must stay. */
unsigned insn_movable(const unsigned char *code, unsigned *rel_at, int *ends);
/* pt_is_store() */
int insn_is_store(const unsigned char *code, unsigned size, const struct insn_registers *regs,
		  unsigned long addr);

#endif
