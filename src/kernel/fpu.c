/* SPDX-License-Identifier: MIT */
/* What a floating-point exception was about (Intel SDM vol. 1, 8.5 and 11.5). */
#include "abi/signal.h"
#include "kernel/task.h"

int fp_exception_code(struct task *t, u32 vector)
{
	const u8 *fp = t->hal.fp;
	u32 raised;

	hal_fp_sync(&t->hal);
	if (vector == 16) {
		u16 fcw = *(const u16 *)fp, fsw = *(const u16 *)(fp + 2);

		raised = fsw & ~(u32)fcw & 0x3f;
	} else {
		u32 mxcsr = *(const u32 *)(fp + 24);

		raised = mxcsr & ~(mxcsr >> 7) & 0x3f;
	}
	if (raised & 1)
		return FPE_FLTINV;
	if (raised & 4)
		return FPE_FLTDIV;
	if (raised & 8)
		return FPE_FLTOVF;
	if (raised & (16 | 2))
		return FPE_FLTUND;
	return raised & 32 ? FPE_FLTRES : FPE_FLTINV;
}
