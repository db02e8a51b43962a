/* SPDX-License-Identifier: MIT */
/*
 * insn-check FILE...: the hosted HAL's two decoders of x86 instructions beside Zydis.
 * Prints TAP. For each ELF file all executable segments are walked, instruction by
 * instruction as Zydis sees them:
 *
 *   in_insn_decode  what it says it can move must have the size that Zydis says, its
 *                   displacement must be RIP-relative, and it must be no branch, call or
 *                   system call. What it does not know is counted, no more.
 *   pt_is_store     what it says is a store must be one. Stores that it takes for loads
 *                   are counted; it need not know all, but nearly all that there are.
 *
 * The last two cases are random bytes, which compilers would never write.
 */
#include <Zydis/Zydis.h>
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "insn_check.h"

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define RANDOM_INSTRUCTIONS 3000000

struct counts {
	long insns, movable, moves_wrong;
	long stores, unknown_stores, stores_wrong;
};

static ZydisDecoder decoder;
static ZydisRegisterContext registers;
static struct insn_registers regs;
static int test_nr, failures;

/* Far from each other and from zero, so that no two operands are close by chance. */
static void set_registers(void)
{
	static const ZydisRegister all[] = {
		ZYDIS_REGISTER_R15, ZYDIS_REGISTER_R14, ZYDIS_REGISTER_R13, ZYDIS_REGISTER_R12,
		ZYDIS_REGISTER_RBP, ZYDIS_REGISTER_RBX, ZYDIS_REGISTER_R11, ZYDIS_REGISTER_R10,
		ZYDIS_REGISTER_R9, ZYDIS_REGISTER_R8, ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_RCX,
		ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDI,
	};
	for (u32 i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		regs.gpr[i] = 0x0000100000000000ul + i * 0x0000010300000000ul;
		registers.values[all[i]] = regs.gpr[i];
		registers.values[ZydisRegisterEncode(ZYDIS_REGCLASS_GPR32,
						     ZydisRegisterGetId(all[i]))] = (u32)regs.gpr[i];
	}
	regs.rsp = registers.values[ZYDIS_REGISTER_RSP] = 0x00007ff000000000ul;
	regs.rip = registers.values[ZYDIS_REGISTER_RIP] = 0x0000555500000000ul;
}

static void complain(const char *what, const u8 *code, u32 size)
{
	static int lines;

	if (lines++ >= 20)
		return;
	printf("# %s:", what);
	for (u32 i = 0; i < size; i++)
		printf(" %02x", code[i]);
	putchar('\n');
}

static bool must_stay(const ZydisDecodedInstruction *in)
{
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
		return true;
	default:
		return false;
	}
}

static void check_move(const u8 *code, const ZydisDecodedInstruction *in,
		       const ZydisDecodedOperand *op, struct counts *n)
{
	u32 rel_at, relative = 0;
	int ends;
	u32 size = insn_movable(code, &rel_at, &ends);

	if (!size)
		return;
	n->movable++;
	for (u32 i = 0; i < in->operand_count; i++)
		if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    op[i].mem.base == ZYDIS_REGISTER_RIP)
			relative = in->raw.disp.offset;
	if (size == in->length && rel_at == relative && !must_stay(in) &&
	    ends == (in->meta.category == ZYDIS_CATEGORY_RET))
		return;
	n->moves_wrong++;
	complain("must not be moved like this", code, in->length);
}

/* Where the operand is, as a fault would report it. */
static bool address_of(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op, u64 *at)
{
	if (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
	    op->mem.base == ZYDIS_REGISTER_RSP) {
		*at = op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE ? regs.rsp - 8 : regs.rsp;
		return true;
	}
	/* Segments' bases are not ours to know, and an EA of 32 bits is no pointer. */
	return in->address_width == 64 && op->mem.segment != ZYDIS_REGISTER_FS &&
	       op->mem.segment != ZYDIS_REGISTER_GS &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(in, op, regs.rip, &registers, at));
}

static bool is_store_at(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op, u64 at)
{
	for (u32 i = 0; i < in->operand_count; i++) {
		u64 other;

		if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    (op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
		    address_of(in, &op[i], &other) && other == at)
			return true;
	}
	return false;
}

/* Nothing tells a source operand there from where the instruction pushes. */
static bool where_it_pushes(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			    u64 at)
{
	for (u32 i = 0; i < in->operand_count; i++)
		if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    op[i].visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
		    op[i].mem.base == ZYDIS_REGISTER_RSP &&
		    (op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			return at < regs.rsp && regs.rsp - at <= 32;
	return false;
}

static void check_store(const u8 *code, const ZydisDecodedInstruction *in,
			const ZydisDecodedOperand *op, struct counts *n)
{
	for (u32 i = 0; i < in->operand_count; i++) {
		bool store, mine;
		u64 at;

		if (op[i].type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    op[i].mem.type == ZYDIS_MEMOP_TYPE_AGEN || !op[i].actions ||
		    !address_of(in, &op[i], &at))
			continue;
		store = is_store_at(in, op, at);
		mine = insn_is_store(code, in->length, &regs, at);
		n->stores += store;
		n->unknown_stores += store && !mine;
		if (mine && !store && !where_it_pushes(in, op, at)) {
			n->stores_wrong++;
			complain("no store", code, in->length);
		}
	}
}

/* Size of the instruction; 0: there is none. */
static u32 check_one(const u8 *code, struct counts *n)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;

	if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code, 16, &in, op)))
		return 0;
	n->insns++;
	check_move(code, &in, op, n);
	check_store(code, &in, op, n);
	return in.length;
}

static void result(bool good, const char *what, const char *where)
{
	printf("%s %d - %s: %s\n", good ? "ok" : "not ok", ++test_nr, where, what);
	failures += !good;
}

static bool walk(const char *name, struct counts *n)
{
	int fd = open(name, O_RDONLY);
	const Elf64_Ehdr *eh;
	const Elf64_Phdr *ph;
	struct stat st;
	const u8 *file;

	if (fd < 0 || fstat(fd, &st) || st.st_size < (off_t)sizeof(*eh))
		return false;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	eh = (const void *)file;
	if (file == MAP_FAILED || memcmp(file, ELFMAG, SELFMAG) ||
	    eh->e_phoff + eh->e_phnum * sizeof(*ph) > (u64)st.st_size)
		return false;
	ph = (const void *)(file + eh->e_phoff);
	for (u32 i = 0; i < eh->e_phnum; i++) {
		u64 end = ph[i].p_offset + ph[i].p_filesz;

		if (ph[i].p_type != PT_LOAD || !(ph[i].p_flags & PF_X) || end > (u64)st.st_size)
			continue;
		for (u64 at = ph[i].p_offset; at + 16 <= end;) {
			u32 size = check_one(file + at, n);

			at += size ? size : 1;
		}
	}
	munmap((void *)file, (size_t)st.st_size);
	return true;
}

static void report(const struct counts *n, const char *where)
{
	printf("# %s: %ld instructions, %ld can be moved; %ld stores, %ld taken for loads\n", where,
	       n->insns, n->movable, n->stores, n->unknown_stores);
	result(!n->moves_wrong && n->movable, "sizes of what can be moved", where);
	result(!n->stores_wrong && n->stores, "what is said to be a store", where);
}

int main(int argc, char **argv)
{
	struct counts any = { 0 };

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	set_registers();
	for (int i = 1; i < argc; i++) {
		struct counts n = { 0 };

		if (!walk(argv[i], &n)) {
			result(false, "cannot be read as ELF", argv[i]);
			continue;
		}
		report(&n, argv[i]);
		result(n.unknown_stores * 50 <= n.stores, "49 of 50 stores are known", argv[i]);
	}
	srandom(1);
	for (long i = 0; i < RANDOM_INSTRUCTIONS; i++) {
		u8 code[16];

		for (u32 k = 0; k < sizeof(code); k++)
			code[k] = (u8)(random() >> 8);
		check_one(code, &any);
	}
	report(&any, "random bytes");
	printf("1..%d\n%d passed, %d failed, 0 skipped\n", test_nr, test_nr - failures, failures);
	return failures != 0;
}
