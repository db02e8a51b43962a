/* SPDX-License-Identifier: MIT */
/* See insn_check.h. */
#include "insn_check.h"

#include "hal/hosted/in_insn.h"
#include "hal/hosted/pt_decode.h"

unsigned insn_movable(const unsigned char *code, unsigned *rel_at, int *ends)
{
	struct in_insn in = in_insn_decode(code, 16);

	*rel_at = in.rel_at;
	*ends = in.ends;
	return in.size;
}

int insn_is_store(const unsigned char *code, unsigned size, const struct insn_registers *regs,
		  unsigned long addr)
{
	struct trapframe tf = { .rip = regs->rip, .rsp = regs->rsp };

	_Static_assert(offsetof(struct trapframe, rdi) == 14 * 8, "gpr[] is its begin");
	__builtin_memcpy(&tf, regs->gpr, sizeof(regs->gpr));
	return pt_is_store(code, size, &tf, addr);
}
