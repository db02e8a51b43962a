/* SPDX-License-Identifier: MIT */
/* Load or store? For the error code of a fault that ptrace does not tell. */
#ifndef HYLA_HAL_HOSTED_PT_DECODE_H
#define HYLA_HAL_HOSTED_PT_DECODE_H

#include "hal/cpu.h"
#include "lib/types.h"

/* insn: `size` bytes at the instruction pointer, as far as they are mapped;
 * addr: what faulted. */
bool pt_is_store(const u8 *insn, u32 size, const struct trapframe *tf, uaddr_t addr);

#endif
