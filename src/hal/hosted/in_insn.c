/* SPDX-License-Identifier: MIT */
/*
 * A length decoder for what compilers put after a system call: tests and moves
 * of the result, with or without memory (Intel SDM vol. 2, appendix A). What
 * it does not know, and every jump, has size 0 and stays where it is.
 */
#include "hal/hosted/in_insn.h"

enum { IMM_NONE = 0, IMM_8 = 1, IMM_32 = 4 };
#define BAD 0xff

/* One-byte opcodes with a ModRM byte: the size of the immediate, or BAD. */
static u32 modrm_1(u8 op, u8 reg)
{
	if (op < 0x40)
		return (op & 7) < 4 ? IMM_NONE : BAD;
	switch (op) {
	case 0x63: case 0x84: case 0x85: case 0x86: case 0x87: case 0x88: case 0x89: case 0x8a:
	case 0x8b: case 0x8d: case 0xd0: case 0xd1: case 0xd2: case 0xd3:
		return IMM_NONE;
	case 0x6b: case 0x80: case 0x83: case 0xc0: case 0xc1:
		return IMM_8;
	case 0x69: case 0x81:
		return IMM_32;
	case 0xc6:	/* mov; not xabort */
		return reg == 0 ? IMM_8 : BAD;
	case 0xc7:	/* mov; not xbegin, which jumps */
		return reg == 0 ? IMM_32 : BAD;
	case 0xf6:
		return reg < 2 ? IMM_8 : IMM_NONE;
	case 0xf7:
		return reg < 2 ? IMM_32 : IMM_NONE;
	case 0xfe:
		return reg < 2 ? IMM_NONE : BAD;
	case 0xff:	/* inc, dec, push; not call and jmp */
		return reg < 2 || reg == 6 ? IMM_NONE : BAD;
	default:
		return BAD;
	}
}

/* The same behind 0x0f: nop, cmov, set, moves, bit tests. */
static u32 modrm_2(u8 op)
{
	if ((op & 0xf0) == 0x40 || (op & 0xf0) == 0x90)
		return IMM_NONE;
	switch (op) {
	case 0x10: case 0x11: case 0x1f: case 0x28: case 0x29: case 0x6e: case 0x6f: case 0x7e:
	case 0x7f: case 0xa3: case 0xaf: case 0xb6: case 0xb7: case 0xbe: case 0xbf: case 0xd6:
	case 0xef:
		return IMM_NONE;
	case 0xba:
		return IMM_8;
	default:
		return BAD;
	}
}

/* Without ModRM: the size of the immediate, or BAD. */
static u32 plain_1(u8 op, bool rex_w, bool *ends)
{
	if (op < 0x40)
		return (op & 7) == 4 ? IMM_8 : (op & 7) == 5 ? IMM_32 : BAD;
	if ((op & 0xf0) == 0x50 || op == 0x90 || op == 0x98 || op == 0x99)
		return IMM_NONE;
	if (op == 0xa8 || (op & 0xf8) == 0xb0)
		return IMM_8;
	if (op == 0xa9 || op == 0x68)
		return IMM_32;
	if ((op & 0xf8) == 0xb8)
		return rex_w ? 8 : IMM_32;
	if (op == 0xc3)
		return *ends = true, IMM_NONE;
	return BAD;
}

/* Size of ModRM, SIB and displacement at m. */
static u32 modrm_size(const u8 *m, bool *relative)
{
	u8 mod = *m >> 6, rm = *m & 7;
	u32 size = 1;

	if (mod == 3)
		return 1;
	*relative = mod == 0 && rm == 5;
	if (rm == 4) {
		size++;
		if (mod == 0 && (m[1] & 7) == 5)
			return size + 4;
	}
	return size + (mod == 1 ? 1 : mod == 2 || *relative ? 4 : 0);
}

struct in_insn in_insn_decode(const u8 *code, u32 room)
{
	struct in_insn insn = { 0, 0, false };
	bool word = false, rex_w = false, relative = false;
	u32 at = 0, imm, modrm;

	if (room < 16)		/* all reads below stay inside */
		return insn;
	if (code[at] == 0x66)
		word = true, at++;
	if ((code[at] & 0xf0) == 0x40)
		rex_w = code[at++] & 8;
	if (code[at] == 0x0f) {
		at++;
		imm = modrm_2(code[at]);
		modrm = 1;
	} else {
		imm = modrm_1(code[at], code[at + 1] >> 3 & 7);
		modrm = imm != BAD;
		if (!modrm)
			imm = plain_1(code[at], rex_w, &insn.ends);
	}
	if (imm == BAD || (word && imm == IMM_32))
		return insn;
	at++;
	if (modrm) {
		u32 size = modrm_size(&code[at], &relative);

		if (relative)
			insn.rel_at = at + 1;
		at += size;
	}
	insn.size = at + imm;
	return insn;
}
