/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's vector registers. The kernel does not use them, so a
 * task's stay where they are, in the CPU, until another task of the same
 * carrier needs it, the carrier goes to sleep, or the core asks.
 *
 * hal_thread.fp_live, while hal_word is the carrier and the carrier's fp_owner
 * is this thread:
 *   LOADED   the registers are this task's, and memory is as new
 *   NEWER    user code has run since: the registers are newer than memory;
 *            only in the carrier that runs, a sleeping one has saved them
 */
#include "hal/hosted/inproc.h"

enum { FP_LOADED = 1, FP_NEWER = 2 };

#define XSAVE_HEADER 512
#define MXCSR_INIT 0x1f80u
#define FCW_INIT 0x37fu

static void save(void *fp)
{
	u64 mask = hosted_shared()->xfeatures;

	if (mask)
		__asm__ volatile("xsave64 (%0)" : : "r"(fp), "a"((u32)mask),
				 "d"((u32)(mask >> 32)) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(fp) : "memory");
}

static void restore(const void *fp)
{
	u64 mask = hosted_shared()->xfeatures;

	if (mask)
		__asm__ volatile("xrstor64 (%0)" : : "r"(fp), "a"((u32)mask),
				 "d"((u32)(mask >> 32)) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(fp) : "memory");
}

/* What the CPU would refuse is put right: this may come from user memory. */
static void load(u8 *fp)
{
	u64 mask = hosted_shared()->xfeatures, *header = (u64 *)(fp + XSAVE_HEADER);
	u32 *mxcsr = (u32 *)(fp + 24);

	if (mask) {
		header[0] &= mask;
		__builtin_memset(header + 1, 0, 56);
	}
	if (!*mxcsr && (!mask || !(header[0] & 6)))
		*mxcsr = MXCSR_INIT;
	if (!*mxcsr && !mask)
		*(u16 *)fp = FCW_INIT;
	*mxcsr &= in_state()->mxcsr_mask;
	restore(fp);
}

void in_fp_init(void)
{
	u8 *x = hosted_priv()->xstate;

	__asm__ volatile("fxsave64 (%0)" : : "r"(x) : "memory");
	in_state()->mxcsr_mask = *(u32 *)(x + 28) ? *(u32 *)(x + 28) : 0xffbf;
}

void in_fp_restore_frame(const void *fpstate)
{
	restore(fpstate);
}

static bool is_here(struct hal_thread *ht)
{
	return ht->fp_live && ht->hal_word == in_self.index && in_me()->fp_owner == ht;
}

/* The thread's registers stand in another carrier's: they are not used again. */
static void forget(struct hal_thread *ht)
{
	struct in_state *st = in_state();

	if (ht->fp_live && ht->hal_word < IN_CARRIERS && st->carrier[ht->hal_word].fp_owner == ht)
		st->carrier[ht->hal_word].fp_owner = NULL;
	ht->fp_live = 0;
}

void in_fp_leave(void)
{
	struct hal_thread *owner = in_me()->fp_owner;

	if (owner && owner->fp_live & FP_NEWER) {
		save(owner->fp);
		owner->fp_live = FP_LOADED;
	}
}

void in_fp_load(void)
{
	struct hal_thread *ht = in_state()->thread;

	if (!ht)
		return;
	if (!is_here(ht)) {
		in_fp_leave();
		forget(ht);
		load(ht->fp);
		if (in_me()->fp_owner)
			in_me()->fp_owner->fp_live = 0;
		in_me()->fp_owner = ht;
		ht->hal_word = in_self.index;
	}
	ht->fp_live = FP_LOADED | FP_NEWER;
}

void in_thread_switch(struct hal_thread *prev, struct hal_thread *next)
{
	(void)prev;
	in_save_bases();
	in_state()->thread = next;
}

void in_fp_sync(struct hal_thread *ht)
{
	if (is_here(ht) && ht->fp_live & FP_NEWER) {
		save(ht->fp);
		ht->fp_live = FP_LOADED;
	}
}

void in_fp_dirty(struct hal_thread *ht)
{
	forget(ht);
}

void in_thread_exit(struct hal_thread *ht)
{
	forget(ht);
	if (in_state()->thread == ht)
		in_state()->thread = NULL;
}
