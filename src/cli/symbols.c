/* SPDX-License-Identifier: MIT */
/* Names for addresses in a guest kernel's panic, from its ELF symbol table. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/vm.h"

static const Elf64_Sym *symbols;
static u64 symbol_count;
static const char *names;
static u64 names_size;

void symbols_load(const char *elf)
{
	int fd = open(elf, O_RDONLY | O_CLOEXEC);
	const u8 *image = MAP_FAILED;
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) && st.st_size > (off_t)sizeof(*eh))
		image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (image == MAP_FAILED)
		return;
	eh = (const Elf64_Ehdr *)image;
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_shentsize != sizeof(*sh) ||
	    eh->e_shoff > (u64)st.st_size ||
	    eh->e_shnum * sizeof(*sh) > (u64)st.st_size - eh->e_shoff)
		return;
	sh = (const Elf64_Shdr *)(image + eh->e_shoff);
	for (u32 i = 0; i < eh->e_shnum; i++) {
		const Elf64_Shdr *str = &sh[sh[i].sh_link];

		if (sh[i].sh_type != SHT_SYMTAB || sh[i].sh_link >= eh->e_shnum ||
		    sh[i].sh_offset + sh[i].sh_size > (u64)st.st_size ||
		    str->sh_offset + str->sh_size > (u64)st.st_size)
			continue;
		symbols = (const Elf64_Sym *)(image + sh[i].sh_offset);
		symbol_count = sh[i].sh_size / sizeof(*symbols);
		names = (const char *)image + str->sh_offset;
		names_size = str->sh_size;
		return;
	}
}

const char *symbol_at(u64 addr, char *buf, size_t size)
{
	const Elf64_Sym *best = NULL;

	for (u64 i = 0; i < symbol_count; i++) {
		const Elf64_Sym *s = &symbols[i];

		if (ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_value <= addr &&
		    addr - s->st_value < s->st_size + 16 && s->st_name < names_size &&
		    (!best || s->st_value > best->st_value))
			best = s;
	}
	if (!best)
		return NULL;
	snprintf(buf, size, "%.80s+0x%lx", names + best->st_name, addr - best->st_value);
	return buf;
}
