/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's protection of kernel memory by a protection key.
 *
 * What a carrier maps of the kernel (the window with text, constants, data and
 * all physical memory; the engine's memory; the board; in_self) has PKU_KEY, and
 * user code runs with a PKRU that forbids it: it can neither read nor write
 * there, and gets the SIGSEGV that it would get for a page that is not mapped.
 * Two pieces of in_self keep key 0, because they are needed with a PKRU that is
 * not the kernel's: the alternate stack, where the host puts a signal's frame,
 * and the scratch page, which holds a few of the guest's registers while others
 * are needed for WRPKRU. Nothing in them is of value outside of one way in or
 * out, no other thread has them mapped, and so no guest can change them then.
 *
 *   user code      PKRU = the guest's | PKU_CLOSED
 *     syscall site   in_fast_entry_pku: registers to scratch; PKRU = 0; frame
 *     signal         in_signal_entry_pku: PKRU = 0; handler. The host starts
 *                    handlers with key 0 alone, whatever was before
 *   kernel         PKRU = 0
 *     in_leave       registers to scratch; PKRU = the guest's; jump or iretq
 *
 * A signal that finds the kernel on its way in or out goes back by rt_sigreturn,
 * which gives PKRU back; if it is to begin anew, its frame's PKRU is made 0
 * first (in_pku_open).
 *
 * What a WRPKRU of ours opens is used at once by code that does nothing but to
 * enter the kernel, with its own stack and data; the one that closes is followed
 * by a look whether it did. So a stray jump to one of them does no harm, and one
 * to any other place of the kernel's ends at its first access to memory, or at a
 * host call, which wants a number that stands there (in_filter.c). That is the
 * aim: a guest that has lost its way, not one that means harm, whose own code may
 * contain WRPKRU (docs/security.md).
 *
 * pkey_mprotect is made before the filter, and forbidden by it.
 */
#include "hal/hosted/inproc.h"

static s64 set_key(u64 start, u64 size, u64 prot, u64 key)
{
	return host_call4(NR_pkey_mprotect, start, size, prot, key);
}

/* With the key for all of it, and every access allowed to this process and to
 * those that will be made of it. */
int in_pku_init(void)
{
	const struct hosted_shared *sh = hosted_shared();
	u64 text = sh->text_end, rodata = sh->rodata_end, end = sh->window_end;
	s64 err;

	if (!sh->pku_offset)
		return 0;
	err = host_call3(NR_pkey_alloc, 0, 0, 0);
	if (err != PKU_KEY)
		return err < 0 ? err : -HOST_EBUSY;
	__asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0) : "memory");
	err = set_key(HOSTED_BASE, text, HOST_PROT_READ | HOST_PROT_EXEC, PKU_KEY);
	if (!err)
		err = set_key(HOSTED_BASE + text, rodata - text, HOST_PROT_READ, PKU_KEY);
	if (!err)
		err = set_key(HOSTED_BASE + rodata, end - rodata,
			      HOST_PROT_READ | HOST_PROT_WRITE, PKU_KEY);
	if (!err)	/* the board is behind it */
		err = set_key(HOSTED_PRIVATE_BASE, HOSTED_PRIVATE_SIZE + HOSTED_PAGE,
			      HOST_PROT_READ | HOST_PROT_WRITE, PKU_KEY);
	if (!err)
		err = set_key((u64)&in_self.altstack, IN_OPEN_SIZE,
			      HOST_PROT_READ | HOST_PROT_WRITE, 0);
	in_self.pku_offset = sh->pku_offset;
	in_self.leave_pku = IN_LEAVE_PKU;
	return err;
}

u32 in_pku_saved(const struct host_ucontext *uc)
{
	const u32 *pkru = in_self.pku_offset ?
			  pku_in_frame(uc->fpstate, in_self.pku_offset) : NULL;

	return pkru ? *pkru : 0;
}

void in_pku_open(struct host_ucontext *uc)
{
	u32 *pkru = in_self.pku_offset ? pku_in_frame(uc->fpstate, in_self.pku_offset) : NULL;

	if (pkru)
		*pkru = 0;
}
