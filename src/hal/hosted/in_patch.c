/* SPDX-License-Identifier: MIT */
/*
 * Turning a `syscall` (2 bytes) into `jmp rel32` (5 bytes) without harm to
 * anybody who is, or comes, in between:
 *
 *   site+0  e9 d0 d1 d2 d3          the jump, to code in the gap
 *   site+2        d1 ...            an old instruction boundary: the next
 *                                   instruction began here
 *
 * A thread may stand at site+2 (it slept in that system call when the site
 * still trapped), and a branch may lead there. So the code's place is chosen
 * such that d1, a byte of the displacement, is an opcode that traps: the
 * handler finds the site (in_text_resume) and goes on at `resume`. The
 * instruction at site+2 must therefore have 3 bytes or more, or be a `ret`
 * that padding follows; it is moved to the gap:
 *
 * Where `mov $number, %eax` (5 bytes) stands right before, as it mostly does, that
 * is replaced instead, and there is no such trouble: the `syscall` stays, traps if
 * somebody comes to it by another way, and the call returns behind it.
 *
 *   code:    lea resume(%rip), %rcx ; lea site+2(%rip), %r11   (as syscall, it
 *            jmp *entry(%rip)                    destroys rcx and r11, no more)
 *   resume:  the moved instruction ; jmp site+2+size
 */
#include "hal/hosted/in_insn.h"
#include "hal/hosted/in_text.h"

#define HEAD_SIZE 20
#define CODE_MAX (HEAD_SIZE + 16 + 5)

/* One-byte opcodes that trap in 64-bit user mode, whatever follows. 0xd5 is
 * an instruction prefix on newer CPUs. */
static bool traps(u8 b)
{
	static const u8 bytes[] = { 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37,
				    0x3f, 0x60, 0x61, 0xcc, 0xce, 0xd4, 0xd6, 0xf4, 0xfa, 0xfb,
				    0x6c, 0x6d, 0x6e, 0x6f, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed,
				    0xee, 0xef };

	for (u32 i = 0; i < sizeof(bytes); i++)
		if (bytes[i] == b)
			return true;
	return false;
}

static bool units_free(const struct in_file *f, u32 first, u32 count)
{
	for (u32 i = first; i < first + count; i++)
		if (i >= IN_GAP_UNITS || f->used[i / 8] & 1 << i % 8)
			return false;
	return true;
}

/* Displacement from the end of the jump at `offset` to byte `at` of the gap. */
static s32 distance(u64 offset, u32 at)
{
	return (s32)((s64)at - (s64)HAL_TEXT_GAP - (s64)offset - 5);
}

/* A place in the gap for `size` bytes; 0 if there is none. */
static u32 place(struct in_file *f, u64 offset, u32 size, bool anywhere)
{
	u32 count = DIV_ROUND_UP(size, (u32)IN_GAP_UNIT);

	for (u32 unit = 1; unit + count <= IN_GAP_UNITS; unit++) {
		if ((!anywhere && !traps((u32)distance(offset, unit * IN_GAP_UNIT) >> 8 & 0xff)) ||
		    !units_free(f, unit, count))
			continue;
		for (u32 i = unit; i < unit + count; i++)
			f->used[i / 8] |= 1 << i % 8;
		return unit * IN_GAP_UNIT;
	}
	return 0;
}

static u8 *put(u8 *at, const void *bytes, u32 size)
{
	__builtin_memcpy(at, bytes, size);
	return at + size;
}

static u8 *put_rel(u8 *at, const char *opcode, u32 size, s64 target, s64 here)
{
	s32 rel;

	at = put(at, opcode, size);
	rel = (s32)(target - (here + size + 4));
	return put(at, &rel, 4);
}

/* The two bytes after a `ret` at `offset`: not the beginning of a function,
 * which would be aligned. */
static bool is_padding(u64 offset, const u8 *p)
{
	if ((offset + 1) % 16 == 0 || (offset + 2) % 16 == 0)
		return false;
	return p[0] == 0x90 || p[0] == 0xcc || p[0] == 0x66 || p[0] == 0x2e || p[0] == 0x0f ||
	       p[0] == 0x00;
}

/* All positions are file offsets; the gap's byte 0 is at -HAL_TEXT_GAP. */
static void write_code(struct in_file *f, struct in_site *site, u32 at, const u8 *next,
		       const struct in_insn *insn)
{
	u8 *start = hosted_virt(f->gap) + at, *p = start;
	s64 here = (s64)at - (s64)HAL_TEXT_GAP;
	s64 after = site->offset + 2;
	s32 rel;

	site->resume = at + HEAD_SIZE;
	p = put_rel(p, "\x48\x8d\x0d", 3, here + HEAD_SIZE, here);
	p = put_rel(p, "\x4c\x8d\x1d", 3, after, here + (p - start));
	p = put_rel(p, "\xff\x25", 2, -(s64)HAL_TEXT_GAP, here + (p - start));
	p = put(p, next, insn->size);
	if (insn->rel_at) {
		__builtin_memcpy(&rel, next + insn->rel_at, 4);
		rel += (s32)(after - (here + HEAD_SIZE));
		__builtin_memcpy(start + HEAD_SIZE + insn->rel_at, &rel, 4);
	}
	if (!insn->ends)
		put_rel(p, "\xe9", 1, after + insn->size, here + (p - start));
}

static void write_jump(struct in_site *site, u8 *code, u64 offset, u32 at)
{
	s32 rel = distance(offset, at);

	__builtin_memcpy(site->old, code, 5);
	site->jump = offset & 4095;
	code[0] = 0xe9;
	__builtin_memcpy(code + 1, &rel, 4);
}

/* Any place in the gap will do. */
static bool patch_mov(struct in_file *f, struct in_site *site, u8 *code)
{
	s64 after = site->offset + 2, here;
	u8 *start, *p;
	u32 at, nr;

	if ((site->offset & 4095) < 6 || code[-5] != 0xb8 || (code[-6] & 0xf0) == 0x40)
		return false;
	__builtin_memcpy(&nr, code - 4, 4);
	at = nr == site->nr ? place(f, site->offset, HEAD_SIZE + 1, true) : 0;
	if (!at)
		return false;
	start = hosted_virt(f->gap) + at;
	here = (s64)at - (s64)HAL_TEXT_GAP;
	p = put(start, code - 5, 5);
	p = put_rel(p, "\x48\x8d\x0d", 3, after, here + (p - start));
	p = put(p, "\x49\x89\xcb", 3);		/* mov %rcx, %r11 */
	put_rel(p, "\xff\x25", 2, -(s64)HAL_TEXT_GAP, here + (p - start));
	site->resume = 0;
	write_jump(site, code - 5, site->offset - 5, at);
	return true;
}

bool in_patch(struct in_file *f, struct in_site *site)
{
	u8 *code = in_text_byte(f, site->offset), *next = code + 2;
	u32 room = 4096 - (site->offset & 4095), at;
	struct in_insn insn;

	if (room >= 2 && code[0] == 0x0f && code[1] == 0x05 && patch_mov(f, site, code))
		return true;
	if (room < 2 + 16 || code[0] != 0x0f || code[1] != 0x05)
		return false;
	insn = in_insn_decode(next, room - 2);
	if (!insn.size ||
	    (insn.size < 3 && !(insn.ends && is_padding(site->offset + 2, next + insn.size))))
		return false;
	at = place(f, site->offset, HEAD_SIZE + insn.size + 5, false);
	if (!at)
		return false;
	write_code(f, site, at, next, &insn);
	write_jump(site, code, site->offset, at);
	return true;
}
