/* SPDX-License-Identifier: MIT */
/* The x86 instruction that follows a system call, as far as it can be moved. */
#ifndef HYLA_HAL_HOSTED_IN_INSN_H
#define HYLA_HAL_HOSTED_IN_INSN_H

#include "lib/types.h"

struct in_insn {
	u32 size;	/* bytes; 0: unknown, or must not be moved */
	u32 rel_at;	/* where a RIP-relative disp32 stands, 0: none */
	bool ends;	/* nothing falls through: ret */
};

/* At most `room` bytes are looked at. */
struct in_insn in_insn_decode(const u8 *code, u32 room);

#endif
