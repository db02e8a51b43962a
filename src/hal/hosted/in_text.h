/* SPDX-License-Identifier: MIT */
/*
 * Rewritten text: files whose program text guests run from a copy, in which
 * hot system calls are jumps. See in_text.c.
 *
 * The copies and the code that the jumps lead to are physical memory of the
 * HAL's own, above the core's (hosted_shared.text_mem). What is known about
 * them is in struct in_text, in the engine's memory.
 */
#ifndef HYLA_HAL_HOSTED_IN_TEXT_H
#define HYLA_HAL_HOSTED_IN_TEXT_H

#include "hal/hosted/inproc.h"

#define IN_FILES 128
#define IN_SITES 8192
#define IN_HASH 16384
#define IN_TEXT_MAX_PAGES 16384	/* larger programs are left alone */
#define IN_GAP_UNIT 16
#define IN_GAP_UNITS (HAL_TEXT_GAP / IN_GAP_UNIT)
#define IN_GAP_PAGES (HAL_TEXT_GAP / 4096)

enum in_site_state { IN_SITE_COUNTING, IN_SITE_PATCHED, IN_SITE_REFUSED };

/* A `syscall` instruction. */
struct in_site {
	u32 file;		/* index */
	u32 state;		/* enum in_site_state */
	u64 offset;		/* in the file */
	u32 traps;
	u32 resume;		/* offset in the gap: where the call returns to; 0: behind it */
	u32 nr;			/* system call number at the latest trap */
	u32 jump;		/* where the jump is, in the page */
	u32 next_in_page;	/* index of another patched site, 0: none */
	u8 old[5];		/* what the jump replaced */
};

enum in_page_state { IN_PAGE_NONE, IN_PAGE_COPIED, IN_PAGE_DEAD };

struct in_file {
	u64 id;			/* hal_text.file */
	u64 first, pages;	/* page numbers in the file */
	u32 traps;
	u32 ready;		/* has memory */
	paddr_t copy;		/* pages */
	paddr_t gap;		/* the code below the mapping: HAL_TEXT_GAP bytes */
	struct in_page *page;
	u8 used[IN_GAP_UNITS / 8];
};

struct in_page {
	u32 state;		/* enum in_page_state */
	u32 sites;		/* first patched site, 0: none */
	u64 version;		/* of the file, when the copy was compared with it */
};

struct in_text {
	u64 next_mem;		/* of text_mem */
	u32 nr_files, nr_sites, nr_pages;
	struct in_file file[IN_FILES];
	struct in_site site[IN_SITES];	/* from 1 on */
	u16 hash[IN_HASH];
	struct in_page page[65536];
};

/* in_text.c */
struct in_file *in_text_file(const struct hal_text *t, uaddr_t va, bool make);
bool in_text_ready(struct in_file *f);
struct in_page *in_text_page(struct in_file *f, u64 index, u64 version, const u8 *pristine);
struct in_site *in_text_site(struct in_file *f, u64 offset, bool make);
static inline u8 *in_text_byte(struct in_file *f, u64 offset)
{
	return hosted_virt(f->copy) + (offset - f->first * 4096);
}

/* in_patch.c: true if the site is a jump now. */
bool in_patch(struct in_file *f, struct in_site *site);

#endif
