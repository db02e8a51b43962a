/* SPDX-License-Identifier: MIT */
/*
 * The inproc engine's vector registers. The kernel does not use them, so a
 * task's stay where they are, in the CPU, until another task of the same
 * carrier needs it, the carrier goes to sleep, or the core asks. With several
 * CPUs the task may go on at another one next, so that a switch saves them, too.
 *
 * They are in a carrier's registers if three words agree: hal_thread.fp_live is
 * set, hal_word is the carrier, and its fp_owner is the thread. Each has one
 * writer: a carrier writes its own, and the thread's are written where it runs.
 * fp_newer says that user code has run since they were loaded or saved; a
 * carrier that sleeps, be it as an idle CPU, has saved them.
 */
#include "hal/hosted/inproc.h"

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

static void save_newer(void)
{
	struct in_carrier *c = in_me();

	if (c->fp_newer) {
		save(c->fp_owner->fp);
		c->fp_newer = 0;
	}
}

void in_fp_leave(void)
{
	save_newer();
}

void in_fp_load(void)
{
	struct hal_thread *ht = in_this_cpu()->thread;
	struct in_carrier *c = in_me();

	if (!ht)
		return;
	if (!is_here(ht)) {
		save_newer();
		load(ht->fp);
		c->fp_owner = ht;
		ht->hal_word = in_self.index;
		ht->fp_live = 1;
	}
	c->fp_newer = 1;
}

void in_thread_switch(struct hal_thread *prev, struct hal_thread *next)
{
	(void)prev;
	in_save_bases();
	if (in_state()->nr_cpus > 1)
		save_newer();
	in_this_cpu()->thread = next;
}

void in_fp_sync(struct hal_thread *ht)
{
	if (is_here(ht))
		save_newer();
}

void in_fp_dirty(struct hal_thread *ht)
{
	if (is_here(ht))
		in_me()->fp_newer = 0;
	ht->fp_live = 0;
}

void in_thread_exit(struct hal_thread *ht)
{
	struct in_state *st = in_state();

	in_fp_dirty(ht);
	for (u32 i = 0; i < st->nr_cpus; i++)
		if (st->cpu[i].thread == ht)
			st->cpu[i].thread = NULL;
}
