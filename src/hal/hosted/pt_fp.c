/* SPDX-License-Identifier: MIT */
/*
 * The ptrace engine's vector registers. They stay in the stub in which they
 * are until another task's must be there or the core asks: PTRACE_GETREGSET
 * and SETREGSET cost as much as half a system call of the guest.
 *
 * hal_thread.fp_live, while hal_word is the stub's index:
 *   LOADED   the stub's registers are this task's, and memory is as new
 *   NEWER    user code has run since: the registers are newer than memory
 */
#include "hal/hosted/ptrace.h"

enum { FP_LOADED = 1, FP_NEWER = 2 };

#define XSAVE_HEADER 512
#define MXCSR_INIT 0x1f80u
#define FCW_INIT 0x37fu

static bool has_xsave(void)
{
	return hosted_shared()->xfeatures != 0;
}

static void save(struct pt_stub *s, void *fp)
{
	struct hosted_shared *sh = hosted_shared();
	struct host_iovec iov = { fp, sh->fp_size };

	if (!has_xsave()) {
		host_ptrace(PTRACE_GETFPREGS, s->pid, 0, fp);
		return;
	}
	host_ptrace(PTRACE_GETREGSET, s->pid, HOST_NT_X86_XSTATE, &iov);
	*(u64 *)((u8 *)fp + XSAVE_HEADER) &= sh->xfeatures;
}

/* The host wants its whole format, of which fp is the beginning. A part that
 * the header leaves out is in its initial state; x87 and SSE are spelt out,
 * because their control words are not zero then. */
static void load(struct pt_stub *s, const void *fp)
{
	struct hosted_shared *sh = hosted_shared();
	u8 *x = hosted_priv()->xstate;
	u64 *header = (u64 *)(x + XSAVE_HEADER);
	struct host_iovec iov = { x, sh->xstate_size };

	__builtin_memset(x, 0, sh->xstate_size);
	__builtin_memcpy(x, fp, sh->fp_size);
	if (!has_xsave()) {
		if (!*(u32 *)(x + 24))
			*(u32 *)(x + 24) = MXCSR_INIT, *(u16 *)x = FCW_INIT;
		host_ptrace(PTRACE_SETFPREGS, s->pid, 0, x);
		return;
	}
	header[0] &= sh->xfeatures;
	__builtin_memset(header + 1, 0, 56);
	if (!(header[0] & 1)) {
		__builtin_memset(x, 0, 24);
		__builtin_memset(x + 32, 0, 128);
		*(u16 *)x = FCW_INIT;
	}
	if (!(header[0] & 6))
		*(u32 *)(x + 24) = MXCSR_INIT;
	if (!(header[0] & 2))
		__builtin_memset(x + 160, 0, 256);
	*(u32 *)(x + 24) &= *(u32 *)(x + 28) ? *(u32 *)(x + 28) : 0xffff;
	header[0] |= 3;
	host_ptrace(PTRACE_SETREGSET, s->pid, HOST_NT_X86_XSTATE, &iov);
}

static struct pt_stub *home(struct hal_thread *ht)
{
	struct pt_stub *s;

	if (!ht->fp_live || ht->hal_word >= PT_STUBS)
		return NULL;
	s = &pt()->stub[ht->hal_word];
	return s->fp_owner == ht ? s : NULL;
}

void pt_fp_sync(struct hal_thread *ht)
{
	struct pt_stub *s = home(ht);

	if (s && ht->fp_live & FP_NEWER) {
		save(s, ht->fp);
		ht->fp_live = FP_LOADED;
	}
}

void pt_fp_dirty(struct hal_thread *ht)
{
	struct pt_stub *s = home(ht);

	if (s)
		s->fp_owner = NULL;
	ht->fp_live = 0;
}

/* The stub is about to hold nobody's registers. */
void pt_fp_forget(struct pt_stub *s)
{
	struct hal_thread *ht = s->fp_owner;

	if (ht) {
		pt_fp_sync(ht);
		ht->fp_live = 0;
		s->fp_owner = NULL;
	}
}

void pt_fp_load(struct pt_stub *s)
{
	struct hal_thread *ht = pt()->thread;

	if (!ht)
		return;
	if (home(ht) != s) {
		struct pt_stub *old = home(ht);

		if (old)	/* exec: the same task in another address space */
			pt_fp_forget(old);
		pt_fp_forget(s);
		load(s, ht->fp);
		s->fp_owner = ht;
		ht->hal_word = s - pt()->stub;
	}
	ht->fp_live = FP_LOADED | FP_NEWER;
}

void pt_thread_switch(struct hal_thread *prev, struct hal_thread *next)
{
	(void)prev;
	pt()->thread = next;
}

void pt_thread_exit(struct hal_thread *ht)
{
	pt_fp_dirty(ht);
	if (pt()->thread == ht)
		pt()->thread = NULL;
}

u32 pt_mxcsr(struct pt_stub *s)
{
	u8 *x = hosted_priv()->xstate;

	host_ptrace(PTRACE_GETFPREGS, s->pid, 0, x);
	return *(u32 *)(x + 24);
}
