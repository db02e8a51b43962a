/* SPDX-License-Identifier: MIT */
/*
 * Rewritten text: the copies, and when they are used.
 *
 * A system call that traps costs 15 times a native one; one that jumps, a
 * fraction of it. So a `syscall` that traps often is replaced by a 5-byte jump
 * (in_patch.c) in a copy of its file's text, which the TLB shows to guests in
 * place of the page cache, wherever the file is mapped privately, read-only
 * and executable. The core's tables and the page cache stay as they are: read(),
 * other mappings and /proc/PID/mem see the file. A copy is made once for all
 * processes, and compared with the file when a TLB is filled from it after the
 * file may have changed; a page that has is not rewritten any more.
 *
 *   base - HAL_TEXT_GAP      base                        (same in all processes)
 *   | gap: code of ours |    | file ... syscall ... |
 *         ^  resume ------------------------^  jmp
 *         +-----------------------------+
 *
 * The gap is nobody's: vma_find_gap leaves it free, kern_text says whether it
 * is. A guest that maps something there all the same (MAP_FIXED) runs
 * unrewritten from then on (in_space.no_rewrite).
 *
 * Everything here is under the kernel lock.
 */
#include "hal/hosted/in_text.h"

#define HOT_FILE 12		/* traps before a file gets a copy */
#define HOT_SITE 4		/* traps before a site becomes a jump */

static struct in_text *text(void)
{
	return (struct in_text *)IN_TEXT_START;
}

static paddr_t memory(u64 size)
{
	struct hosted_shared *sh = hosted_shared();
	struct in_text *t = text();
	paddr_t pa = sh->text_mem + t->next_mem;

	if (pa + size > sh->text_mem_end)
		return 0;
	t->next_mem += size;
	return pa;
}

struct in_file *in_text_file(const struct hal_text *ht, uaddr_t va, bool make)
{
	struct in_text *t = text();
	u64 index = (va - ht->base) / 4096;
	struct in_file *f;

	for (u32 i = 0; i < t->nr_files; i++) {
		f = &t->file[i];
		if (f->id == ht->file && index - f->first < f->pages)
			return f;
	}
	if (!make || t->nr_files == IN_FILES)
		return NULL;
	f = &t->file[t->nr_files++];
	f->id = ht->file;
	f->first = (ht->start - ht->base) / 4096;
	f->pages = (ht->end - ht->start) / 4096;
	return f;
}

bool in_text_ready(struct in_file *f)
{
	struct in_text *t = text();

	if (f->ready)
		return true;
	if (f->pages > IN_TEXT_MAX_PAGES || t->nr_pages + f->pages > ARRAY_SIZE(t->page))
		return false;
	f->copy = memory(f->pages * 4096);
	f->gap = f->copy ? memory(HAL_TEXT_GAP) : 0;
	if (!f->gap) {
		f->pages = 0;	/* no memory: never found again */
		return false;
	}
	f->page = &t->page[t->nr_pages];
	t->nr_pages += f->pages;
	*(u64 *)hosted_virt(f->gap) = (u64)(in_self.leave_pku ? in_fast_entry_pku : in_fast_entry);
	f->used[0] = 1;
	f->ready = 1;
	return true;
}

/* Is the copy, with its jumps undone, what the file holds? */
static bool same(struct in_file *f, u64 index, const u8 *pristine)
{
	const u8 *copy = hosted_virt(f->copy) + (index - f->first) * 4096;
	u32 nr = f->page[index - f->first].sites;
	u32 patched = 0, differ = 0;

	for (; nr; nr = text()->site[nr].next_in_page) {
		struct in_site *s = &text()->site[nr];
		u32 at = s->jump;

		patched += 5;
		for (u32 i = 0; i < 5; i++)
			if (pristine[at + i] != s->old[i])
				return false;
	}
	for (u32 i = 0; i < 4096; i += 8)
		if (*(const u64 *)(copy + i) != *(const u64 *)(pristine + i))
			for (u32 k = i; k < i + 8; k++)
				differ += copy[k] != pristine[k];
	return differ <= patched;
}

struct in_page *in_text_page(struct in_file *f, u64 index, u64 version, const u8 *pristine)
{
	struct in_page *p = &f->page[index - f->first];

	if (p->state == IN_PAGE_NONE) {
		__builtin_memcpy(hosted_virt(f->copy) + (index - f->first) * 4096, pristine, 4096);
		p->state = IN_PAGE_COPIED;
	} else if (p->state == IN_PAGE_COPIED && p->version != version &&
		   !same(f, index, pristine)) {
		p->state = IN_PAGE_DEAD;
	}
	p->version = version;
	return p->state == IN_PAGE_COPIED ? p : NULL;
}

struct in_site *in_text_site(struct in_file *f, u64 offset, bool make)
{
	struct in_text *t = text();
	u32 file = f - t->file;
	u32 h = (u32)(offset * 0x9e3779b1u + file * 0x85ebca6bu) >> 8 & (IN_HASH - 1);

	for (; t->hash[h]; h = (h + 1) & (IN_HASH - 1)) {
		struct in_site *s = &t->site[t->hash[h]];

		if (s->offset == offset && s->file == file)
			return s;
	}
	if (!make || t->nr_sites + 1 == IN_SITES)
		return NULL;
	t->hash[h] = ++t->nr_sites;
	t->site[t->nr_sites] = (struct in_site){ .file = file, .offset = offset };
	return &t->site[t->nr_sites];
}

/* Remembers that the gap below `base` is in use here; false: no room. */
static bool note_area(struct in_space *s, struct in_file *f, uaddr_t base)
{
	u32 i;

	for (i = 0; i < s->nr_areas; i++)
		if (s->area[i].base == base) {
			s->area[i].gap = f->gap;
			return true;
		}
	if (i == ARRAY_SIZE(s->area))
		return false;
	s->area[i].base = base;
	s->area[i].gap = f->gap;
	s->nr_areas++;
	return true;
}

static struct in_space *space_of(const struct in_view *v)
{
	return &in_state()->space[v->space];
}

u64 in_text_entry(struct host_tlb *tlb, struct hal_as *as, uaddr_t va, u64 entry)
{
	struct in_space *s = space_of(container_of(tlb, struct in_view, tlb));
	struct hal_text ht;
	struct in_file *f;
	u64 index;

	if (s->no_rewrite || !text()->nr_pages || !kern_text(as, va, &ht))
		return entry;
	f = in_text_file(&ht, va, false);
	if (!f || !f->ready)
		return entry;
	index = (va - ht.base) / 4096;
	if (!in_text_page(f, index, ht.version,
			  hosted_virt(align_down(entry, 4096ul))) ||
	    !note_area(s, f, ht.base))
		return entry;
	return f->copy + (index - f->first) * 4096 + (entry & 4095);
}

/* Does a guest put something of its own where our code is? Other views of the
 * space begin anew, too, the next time that their CPU leaves the kernel. */
void in_text_claim(struct host_tlb *tlb, uaddr_t va)
{
	struct in_space *s = space_of(container_of(tlb, struct in_view, tlb));

	for (u32 i = 0; i < s->nr_areas; i++) {
		if (s->area[i].base - 1 - va >= HAL_TEXT_GAP)
			continue;
		s->no_rewrite = 1;
		s->nr_areas = 0;
		for (u32 k = s->view; k; k = in_state()->view[k].next)
			tlb_empty(&in_state()->view[k].tlb);
		return;
	}
}

bool in_text_fault(struct in_view *v, uaddr_t addr)
{
	struct in_space *s = space_of(v);

	for (u32 i = 0; i < s->nr_areas; i++) {
		uaddr_t start = s->area[i].base - HAL_TEXT_GAP;

		if (addr - start >= HAL_TEXT_GAP)
			continue;
		for (u32 k = 0; k < IN_GAP_PAGES; k++)
			tlb_fill_own(&v->tlb, start + k * 4096,
				     (s->area[i].gap + k * 4096) | HOST_PROT_READ | HOST_PROT_EXEC);
		return true;
	}
	return false;
}

/* Other CPUs run that text. */
static bool patch(struct in_file *f, struct in_site *site)
{
	in_stop_others();
	if (!in_patch(f, site))
		return false;
	__atomic_add_fetch(&in_state()->text_changes, 1, __ATOMIC_RELEASE);
	return true;
}

void in_text_trap(struct in_view *v, struct hal_as *as, uaddr_t rip, u64 nr)
{
	uaddr_t va = rip - 2;
	struct in_site *site;
	struct hal_text ht;
	struct in_file *f;

	if (space_of(v)->no_rewrite || !hosted_shared()->rewrite || !kern_text(as, va, &ht) ||
	    va - ht.base > 1ul << 30)
		return;
	f = in_text_file(&ht, va, true);
	if (!f || f->traps++ < HOT_FILE || !in_text_ready(f))
		return;
	site = in_text_site(f, va - ht.base, true);
	if (!site || site->state == IN_SITE_REFUSED || ++site->traps < HOT_SITE)
		return;
	site->nr = nr;
	/* The fill makes the copy of the page, if there is none yet. */
	hal_tlb_fill(as, align_down(va, 4096ul), 1);
	if (site->state == IN_SITE_COUNTING) {
		struct in_page *p = &f->page[site->offset / 4096 - f->first];

		if (p->state != IN_PAGE_COPIED || !patch(f, site)) {
			site->state = IN_SITE_REFUSED;
			return;
		}
		site->state = IN_SITE_PATCHED;
		site->next_in_page = p->sites;
		p->sites = site - text()->site;
	}
}

u64 in_text_resume(struct in_view *v, struct hal_as *as, uaddr_t rip)
{
	struct in_site *site;
	struct hal_text ht;
	struct in_file *f;

	if (space_of(v)->no_rewrite || !kern_text(as, rip - 2, &ht))
		return 0;
	f = in_text_file(&ht, rip - 2, false);
	site = f ? in_text_site(f, rip - 2 - ht.base, false) : NULL;
	if (!site || site->state != IN_SITE_PATCHED || !site->resume ||
	    !note_area(space_of(v), f, ht.base))
		return 0;
	return ht.base - HAL_TEXT_GAP + site->resume;
}
