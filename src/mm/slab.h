/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects: caches of equal-sized objects, and kmalloc over size classes.
 * Never sleeps; NULL when out of memory. All memory comes back when freed.
 * kmalloc serves up to 64 KiB; larger tables want page_alloc or a tree.
 */
#ifndef HYLA_MM_SLAB_H
#define HYLA_MM_SLAB_H

#include "lib/list.h"
#include "lib/types.h"

struct slab_cache {
	const char *name;
	u32 size;		/* bytes of an object, multiple of align */
	u32 per_slab;		/* objects in one slab */
	u32 order;		/* pages of one slab: 2^order */
	u32 align;
	u64 inuse;		/* objects allocated now */
	u64 slabs;		/* slabs owned now */
	struct list_head partial; /* slabs with free objects */
	struct list_head full;
	struct list_head all;	/* link of all caches */
};

/* For static caches: SLAB_CACHE(task_cache, struct task); no init call needed. */
#define SLAB_CACHE(var, type) \
	struct slab_cache var = { .name = #var, .size = sizeof(type), \
				  .align = _Alignof(type) }

void *slab_alloc(struct slab_cache *c) __must_check;	/* uninitialised */
void *slab_zalloc(struct slab_cache *c) __must_check;
void slab_free(struct slab_cache *c, void *obj);

void slab_init(void);
void *kmalloc(size_t size) __must_check;
void *kzalloc(size_t size) __must_check;
/* n * size bytes, zeroed; NULL on overflow too. */
void *kcalloc(size_t n, size_t size) __must_check;
void kfree(void *p);		/* NULL is fine */
char *kstrdup(const char *s) __must_check;
char *kstrndup(const char *s, size_t len) __must_check;

/* Calls fn for each cache (procfs slabinfo, leak counters). */
void slab_for_each(void (*fn)(const struct slab_cache *c, void *arg), void *arg);

#endif
