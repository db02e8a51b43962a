/* SPDX-License-Identifier: MIT */
/* Hosted HAL: the calls of hal/cpu.h and hal/mem.h that an engine answers;
 * those about the TLB are in tlb.c. */
#include "hal/hosted/engine.h"
#include "hal/hosted/private.h"

static const struct hosted_engine *engine(void)
{
	return hosted_priv()->engine;
}

void hal_thread_switch(struct hal_thread *prev, struct hal_thread *next)
{
	engine()->thread_switch(prev, next);
}

void hal_fp_sync(struct hal_thread *ht)
{
	engine()->fp_sync(ht);
}

void hal_fp_dirty(struct hal_thread *ht)
{
	engine()->fp_dirty(ht);
}

void hal_thread_exit(struct hal_thread *ht)
{
	engine()->thread_exit(ht);
}

int hal_as_init(struct hal_as *as)
{
	return engine()->as_init(as);
}

void hal_as_destroy(struct hal_as *as)
{
	engine()->as_destroy(as);
}

void hal_as_activate(struct hal_as *as)
{
	engine()->as_activate(as);
}
