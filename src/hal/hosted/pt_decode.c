/* SPDX-License-Identifier: MIT */
/*
 * Does an instruction store to memory? (Intel SDM vol. 2, appendix A.)
 *
 * ptrace tells the address of a fault, but not its error code. For a page that
 * is absent the kind of access makes no difference to what the core does, only
 * to what a signal handler reads in its context (REG_ERR). So a decoder of the
 * opcodes that compilers and libraries use to store is enough: what it does not
 * know counts as a load.
 */
#include "hal/hosted/pt_decode.h"

/* One-byte opcodes whose ModRM operand is written. */
static bool stores_1(u8 op, u8 reg)
{
	if (op < 0x40)		/* ALU r/m, r: but cmp only reads */
		return (op & 7) <= 1 && op < 0x38;
	switch (op) {
	case 0x80: case 0x81: case 0x83:
		return reg != 7;	/* cmp */
	case 0x86: case 0x87:		/* xchg */
	case 0x88: case 0x89: case 0x8c:
	case 0xc0: case 0xc1:
	case 0xd0: case 0xd1: case 0xd2: case 0xd3:
		return true;
	case 0xc6: case 0xc7:
		return reg == 0;
	case 0xf6: case 0xf7:
		return reg == 2 || reg == 3;	/* not, neg */
	case 0xfe: case 0xff:
		return reg < 2;
	case 0xd9: case 0xdd:
		return reg == 2 || reg == 3 || reg >= 6;
	case 0xdb: case 0xdf:
		return reg == 2 || reg == 3 || reg == 7;
	default:
		return false;
	}
}

/* Without ModRM: string stores, mov to an absolute address. */
static bool stores_implicit(u8 op)
{
	return op == 0xa2 || op == 0xa3 || op == 0xaa || op == 0xab;
}

/* Pushes and calls store right below rsp; a source operand is elsewhere. */
static bool pushes(u8 op, u8 reg)
{
	return (op >= 0x50 && op <= 0x57) || op == 0x68 || op == 0x6a || op == 0xe8 || op == 0x9c ||
	       op == 0xc8 || (op == 0xff && (reg == 2 || reg == 3 || reg == 6));
}

/* 0f xx */
static bool stores_2(u8 op)
{
	switch (op) {
	case 0x11: case 0x13: case 0x17: case 0x29: case 0x2b:	/* movups, movlps, movaps, movnt */
	case 0x7f: case 0xd6: case 0xe7:			/* movdq, movq, movntdq */
	case 0xc3:						/* movnti */
	case 0xab: case 0xb3: case 0xbb: case 0xa4: case 0xa5: case 0xac: case 0xad:
	case 0xb0: case 0xb1: case 0xc0: case 0xc1:	/* cmpxchg, xadd */
		return true;
	default:
		return op >= 0x90 && op <= 0x9f;		/* setcc */
	}
}

static bool is_prefix(u8 b)
{
	return b == 0x66 || b == 0x67 || b == 0xf0 || b == 0xf2 || b == 0xf3 || b == 0x2e ||
	       b == 0x36 || b == 0x3e || b == 0x26 || b == 0x64 || b == 0x65 ||
	       (b & 0xf0) == 0x40;
}

bool pt_is_store(const u8 *insn, u32 size, const struct trapframe *tf, uaddr_t addr)
{
	u32 i = 0;
	u8 op, reg;

	while (i < size && is_prefix(insn[i]))
		i++;
	if (i >= size)
		return false;
	op = insn[i];
	reg = i + 1 < size ? insn[i + 1] >> 3 & 7 : 0;
	if (pushes(op, reg))
		return addr < tf->rsp && tf->rsp - addr <= 32;
	if (op == 0xa4 || op == 0xa5)	/* movs: source or destination? */
		return addr >= tf->rdi - 8 && addr < tf->rdi + 8;
	if (stores_implicit(op))
		return true;
	if (i + 1 >= size)
		return false;
	if (op == 0xc5)		/* two-byte VEX: map 0f */
		return i + 2 < size && stores_2(insn[i + 2]);
	if (op == 0xc4 && (insn[i + 1] & 31) == 1)
		return i + 3 < size && stores_2(insn[i + 3]);
	return op == 0x0f ? stores_2(insn[i + 1]) : stores_1(op, reg);
}
