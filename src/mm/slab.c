/* SPDX-License-Identifier: MIT */
/*
 * Slab allocator: each slab is 2^order pages whose first page carries the
 * bookkeeping in struct page (mapping = cache, index = first free object,
 * slab_inuse), so objects fill the slab completely. Free objects are linked
 * through their first word. Empty slabs go back to the page allocator at once,
 * but for one kept per cache against thrashing.
 *
 * kmalloc has a cache per size class; sizes above the largest class take whole
 * page runs (PG_SLAB clear), which kfree tells by the flag.
 *
 * Locks: the kernel lock. Nothing sleeps.
 */
#include "mm/slab.h"

#include "abi/errno.h"
#include "lib/string.h"
#include "mm/page.h"

static struct list_head all_caches = LIST_HEAD_INIT(all_caches);

static void cache_setup(struct slab_cache *c)
{
	c->align = max(c->align, 8u);
	c->size = align_up(max(c->size, 8u), c->align);
	c->order = 0;
	while ((PAGE_SIZE << c->order) / c->size < 8 && c->order < 3)
		c->order++;
	c->per_slab = (u32)((PAGE_SIZE << c->order) / c->size);
	bug_on(!c->per_slab);
	list_init(&c->partial);
	list_init(&c->full);
	list_add_tail(&c->all, &all_caches);
}

static struct page *slab_grow(struct slab_cache *c)
{
	struct page *page = page_alloc(c->order, ALLOC_NOFAIL_INJECT);
	u8 *base;

	if (!page)
		return NULL;
	base = page_to_virt(page);
	for (u32 i = 0; i < c->per_slab; i++)
		*(u8 **)(base + (size_t)i * c->size) =
			i + 1 < c->per_slab ? base + (size_t)(i + 1) * c->size : NULL;
	for (u32 i = 0; i < 1u << c->order; i++) {
		page[i].flags = PG_SLAB;
		page[i].mapping = (struct mapping *)c;
		page[i].reserved = (u8)i;	/* distance to the head page */
	}
	page->index = (u64)base;
	page->slab_inuse = 0;
	c->slabs++;
	page_counts.slab += 1ul << c->order;
	list_add(&page->lru, &c->partial);
	return page;
}

static void slab_release(struct slab_cache *c, struct page *page)
{
	list_del(&page->lru);
	for (u32 i = 0; i < 1u << c->order; i++) {
		page[i].flags = 0;
		page[i].mapping = NULL;
		page[i].reserved = 0;
	}
	c->slabs--;
	page_counts.slab -= 1ul << c->order;
	page_put(page);
}

static struct page *slab_head(const void *obj)
{
	struct page *page = virt_to_page(obj);

	return page - page->reserved;
}

void *slab_alloc(struct slab_cache *c)
{
	struct page *page;
	void *obj;

	if (unlikely(!c->per_slab))
		cache_setup(c);
	if (unlikely(fail_inject()))
		return NULL;
	page = list_first_or_null(&c->partial, struct page, lru);
	if (unlikely(!page)) {
		page = slab_grow(c);
		if (!page)
			return NULL;
	}
	obj = (void *)page->index;
	page->index = *(u64 *)obj;
	page->slab_inuse++;
	c->inuse++;
	if (!page->index)
		list_move_tail(&page->lru, &c->full);
	return obj;
}

void *slab_zalloc(struct slab_cache *c)
{
	void *obj = slab_alloc(c);

	return obj ? memset(obj, 0, c->size) : NULL;
}

void slab_free(struct slab_cache *c, void *obj)
{
	struct page *page = slab_head(obj);

	bug_on(!(page->flags & PG_SLAB) || (struct slab_cache *)page->mapping != c);
	bug_on(!page->slab_inuse);
	if (!page->index) {
		list_del(&page->lru);
		list_add(&page->lru, &c->partial);
	}
	*(u64 *)obj = page->index;
	page->index = (u64)obj;
	c->inuse--;
	if (--page->slab_inuse == 0 && c->partial.next != c->partial.prev)
		slab_release(c, page);
}

/* ---- kmalloc ---- */

#define KMALLOC_CACHE(n) { .name = "kmalloc-" #n, .size = n, .align = 16 }
static struct slab_cache kmalloc_caches[] = {
	KMALLOC_CACHE(16), KMALLOC_CACHE(32), KMALLOC_CACHE(48), KMALLOC_CACHE(64),
	KMALLOC_CACHE(96), KMALLOC_CACHE(128), KMALLOC_CACHE(192), KMALLOC_CACHE(256),
	KMALLOC_CACHE(384), KMALLOC_CACHE(512), KMALLOC_CACHE(768), KMALLOC_CACHE(1024),
	KMALLOC_CACHE(2048),
};
#define KMALLOC_MAX_SLAB 2048
#define KMALLOC_MAX (PAGE_SIZE << (MAX_ORDER - 1))

/* Class by size in units of 16 bytes, filled at init. */
static u8 kmalloc_class[KMALLOC_MAX_SLAB / 16 + 1];

void slab_init(void)
{
	u32 c = 0;

	list_init(&all_caches);
	for (u32 i = 0; i < ARRAY_SIZE(kmalloc_class); i++) {
		if (i * 16 > kmalloc_caches[c].size)
			c++;
		kmalloc_class[i] = (u8)c;
	}
}

void *kmalloc(size_t size)
{
	struct page *page;
	u32 order = 0;

	if (likely(size <= KMALLOC_MAX_SLAB))
		return slab_alloc(&kmalloc_caches[kmalloc_class[(size + 15) / 16]]);
	if (size > KMALLOC_MAX)
		return NULL;
	while (PAGE_SIZE << order < size)
		order++;
	page = page_alloc(order, 0);
	return page ? page_to_virt(page) : NULL;
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void *kcalloc(size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	return kzalloc(total);
}

void kfree(void *p)
{
	struct page *page;

	if (!p)
		return;
	page = virt_to_page(p);
	if (page->flags & PG_SLAB)
		slab_free((struct slab_cache *)page->mapping, p);
	else
		page_put(page);
}

char *kstrndup(const char *s, size_t len)
{
	char *p = kmalloc(len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = 0;
	}
	return p;
}

char *kstrdup(const char *s)
{
	return kstrndup(s, strlen(s));
}

void slab_for_each(void (*fn)(const struct slab_cache *c, void *arg), void *arg)
{
	struct slab_cache *c;

	list_for_each_entry(c, &all_caches, all)
		fn(c, arg);
}
