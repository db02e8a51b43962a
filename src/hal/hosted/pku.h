/* SPDX-License-Identifier: MIT */
/*
 * Protection keys (Intel SDM vol. 3, 4.6.2) in front of the kernel's memory,
 * with the inproc engine: what the hosted kernel, its device process and the
 * unit tests share. in_pku.c says how they are used, pku.c whether.
 *
 * PKRU has two bits for each key: the lower forbids every access, the upper
 * stores. All that the kernel maps in a carrier has PKU_KEY, what it maps for
 * its guest has key 0. User code runs with PKU_CLOSED set, the kernel with 0.
 *
 * A guest's PKRU is its own otherwise. It is kept in the upper half of the
 * trapframe's cs, as what differs from PKU_INIT: so a frame that the core makes
 * (exec, a signal's handler) has Linux's value, and one that it copies (fork)
 * the parent's.
 */
#ifndef HYLA_HAL_HOSTED_PKU_H
#define HYLA_HAL_HOSTED_PKU_H

#define PKU_KEY 1
#define PKU_CLOSED 0x4		/* no access by PKU_KEY */
#define PKU_INIT 0x55555554	/* what Linux gives to a process: key 0 alone */
#define PKU_COMPONENT 9		/* of XSAVE */

#ifndef __ASSEMBLER__

#if __STDC_HOSTED__
#include "hal/hosted/host_types.h"
#else
#include "lib/types.h"
#endif

/* The software's bytes in the XSAVE image of a signal frame (asm/sigcontext.h). */
#define PKU_FRAME_MAGIC 0x46505853u
#define PKU_FRAME_SOFTWARE 464

enum pku_choice { PKU_AUTO, PKU_ON, PKU_OFF };

/* What user code of a trapframe with this cs runs with. in_entry.S does the same. */
static inline u32 pku_of_user(u64 cs)
{
	return ((u32)(cs >> 32) ^ PKU_INIT) | PKU_CLOSED;
}

/* The cs of a trapframe of user code that had this PKRU. */
static inline u64 pku_keep(u16 cs, u32 pkru)
{
	return cs | (u64)(pkru ^ PKU_INIT) << 32;
}

/* The PKRU that a signal frame will give back; `offset` is CPUID's. NULL if the
 * frame has none. It stands there whatever the header says: the host saves
 * with XSAVE, which writes initial components, too. */
static inline u32 *pku_in_frame(void *fpstate, u32 offset)
{
	u8 *image = fpstate;
	u32 magic, size;
	u64 features;

	if (!image)
		return (u32 *)0;
	__builtin_memcpy(&magic, image + PKU_FRAME_SOFTWARE, 4);
	__builtin_memcpy(&size, image + PKU_FRAME_SOFTWARE + 4, 4);
	__builtin_memcpy(&features, image + PKU_FRAME_SOFTWARE + 8, 8);
	if (magic != PKU_FRAME_MAGIC || !(features >> PKU_COMPONENT & 1) || offset < 576 ||
	    size < 4 || offset > size - 4)
		return (u32 *)0;
	return (u32 *)(image + offset);
}

#if __STDC_HOSTED__
struct hosted_shared;

/* Why there can be no protection, in words; NULL: there can. *offset is that of
 * PKRU in an XSAVE image. */
const char *pku_missing(u32 *offset);
/* What the way in and out costs, in ns: the least of several measurements. */
u32 pku_cost_ns(void);
/* Fills in sh->pku_offset. Reports and returns false if PKU_ON cannot be. */
bool pku_choose(struct hosted_shared *sh, enum pku_choice choice);

#define PKU_WORTH_NS 50	/* PKU_AUTO: on if it costs less */
#endif

#endif
#endif
