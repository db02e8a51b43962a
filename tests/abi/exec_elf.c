/* SPDX-License-Identifier: MIT */
/*
 * exec of ELF images that are built here byte by byte: the smallest that runs,
 * a static-pie one, bss, and a list of broken ones with the errno of each.
 */
#define ABI_FAMILY "elf"
#include "abi.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/resource.h>

struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[4];
	unsigned char code[256];
};

/* exit(code) */
static const unsigned char exit_code[] = {
	0xb8, 0x3c, 0, 0, 0,		/* mov $60, %eax */
	0xbf, 42, 0, 0, 0,		/* mov $42, %edi */
	0x0f, 0x05,			/* syscall */
};

#define BASE 0x10000000UL

static void build(struct image *im)
{
	memset(im, 0, sizeof(*im));
	memcpy(im->eh.e_ident, ELFMAG, SELFMAG);
	im->eh.e_ident[EI_CLASS] = ELFCLASS64;
	im->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	im->eh.e_ident[EI_VERSION] = EV_CURRENT;
	im->eh.e_type = ET_EXEC;
	im->eh.e_machine = EM_X86_64;
	im->eh.e_version = EV_CURRENT;
	im->eh.e_entry = BASE + offsetof(struct image, code);
	im->eh.e_phoff = offsetof(struct image, ph);
	im->eh.e_ehsize = sizeof(Elf64_Ehdr);
	im->eh.e_phentsize = sizeof(Elf64_Phdr);
	im->eh.e_phnum = 1;
	im->ph[0].p_type = PT_LOAD;
	im->ph[0].p_flags = PF_R | PF_X;
	im->ph[0].p_vaddr = BASE;
	im->ph[0].p_paddr = BASE;
	im->ph[0].p_filesz = sizeof(*im);
	im->ph[0].p_memsz = sizeof(*im);
	im->ph[0].p_align = PAGE;
	memcpy(im->code, exit_code, sizeof(exit_code));
}

static void install(const void *data, size_t size)
{
	unlink("image");
	close(abi_write_file("image", data, size));
	OK(chmod("image", 0755));
}

/* 0-255 exit status, -N signal N, 1000 + errno of execve. */
static int run_image(const void *data, size_t size)
{
	struct rlimit none = { 0, 0 };
	int *err = abi_map(PAGE, RW, SHARED);
	char *argv[] = { "image", NULL };
	int status;
	pid_t pid;

	install(data, size);
	pid = FORK();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		execv("image", argv);
		*err = errno;
		_exit(0);
	}
	status = STATUS(pid);
	if (*err)
		return 1000 + *err;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

ABI_TEST(minimal_runs)
{
	struct image im;

	build(&im);
	CHECK_EQ(run_image(&im, sizeof(im)), 42);
}

ABI_TEST(static_pie_runs)
{
	struct image im;

	build(&im);
	im.eh.e_type = ET_DYN;
	im.eh.e_entry -= BASE;
	im.ph[0].p_vaddr = im.ph[0].p_paddr = 0;
	CHECK_EQ(run_image(&im, sizeof(im)), 42);
}

ABI_TEST(unused_headers_are_ignored)
{
	struct image im;

	build(&im);
	im.eh.e_phnum = 4;
	im.ph[1].p_type = PT_NULL;
	im.ph[2].p_type = PT_NOTE;
	im.ph[2].p_offset = 1UL << 40;
	im.ph[3].p_type = 0x6abcdef0;
	im.eh.e_shoff = 1UL << 60;
	im.eh.e_shnum = 77;
	CHECK_EQ(run_image(&im, sizeof(im)), 42);
}

ABI_TEST(bss_is_zero_and_writable)
{
	/* movb $7,(bss); movzbl 1(bss) -> %edi; add (bss) -> exit(7) */
	static const unsigned char code[] = {
		0xbb, 0x00, 0x30, 0x00, 0x10,	/* mov $0x10003000, %ebx */
		0xc6, 0x03, 7,			/* movb $7, (%rbx) */
		0x0f, 0xb6, 0x7b, 1,		/* movzbl 1(%rbx), %edi */
		0x40, 0x02, 0x3b,		/* add (%rbx), %dil */
		0x40, 0x02, 0xbb, 0xff, 0x0f, 0, 0, /* add 0xfff(%rbx), %dil */
		0xb8, 0x3c, 0, 0, 0,
		0x0f, 0x05,
	};
	struct image im;

	build(&im);
	memcpy(im.code, code, sizeof(code));
	im.eh.e_phnum = 2;
	im.ph[1] = im.ph[0];
	im.ph[1].p_flags = PF_R | PF_W;
	im.ph[1].p_vaddr = BASE + 0x2000;
	im.ph[1].p_filesz = 0;
	im.ph[1].p_memsz = 0x3000;
	CHECK_EQ(run_image(&im, sizeof(im)), 7);
}

ABI_TEST(file_tail_is_cleared_for_bss)
{
	/* The byte behind p_filesz holds 0xff in the file and 0 in memory. */
	static const unsigned char code[] = {
		0xbb, 0x20, 0x20, 0x00, 0x10,	/* mov $0x10002020, %ebx */
		0x0f, 0xb6, 0x3b,		/* movzbl (%rbx), %edi */
		0x40, 0x02, 0x7b, 0xff,		/* add -1(%rbx), %dil */
		0xb8, 0x3c, 0, 0, 0,
		0x0f, 0x05,
	};
	unsigned char *file = calloc(1, 2 * PAGE);
	struct image *im = (struct image *)file;

	build(im);
	memcpy(im->code, code, sizeof(code));
	im->eh.e_phnum = 2;
	im->ph[1] = im->ph[0];
	im->ph[1].p_flags = PF_R | PF_W;
	im->ph[1].p_offset = PAGE;
	im->ph[1].p_vaddr = BASE + 0x2000;
	im->ph[1].p_filesz = 0x20;
	im->ph[1].p_memsz = 0x2000;
	memset(file + PAGE, 5, 0x20);
	memset(file + PAGE + 0x20, 0xff, PAGE - 0x20);
	CHECK_EQ(run_image(file, 2 * PAGE), 5);
}

ABI_TEST(text_is_not_writable)
{
	static const unsigned char code[] = {
		0xc6, 0x04, 0x25, 0x00, 0x00, 0x00, 0x10, 1, /* movb $1, BASE */
	};
	struct image im;

	build(&im);
	memcpy(im.code, code, sizeof(code));
	CHECK_EQ(run_image(&im, sizeof(im)), -SIGSEGV);
}

ABI_TEST(initial_registers)
{
	/* exit(rdx | rbp | rbx): all but rsp are zero at entry. */
	static const unsigned char code[] = {
		0x48, 0x09, 0xea,		/* or %rbp, %rdx */
		0x48, 0x09, 0xda,		/* or %rbx, %rdx */
		0x48, 0x09, 0xc2,		/* or %rax, %rdx */
		0x4c, 0x09, 0xe2,		/* or %r12, %rdx */
		0x48, 0x85, 0xd2,		/* test %rdx, %rdx */
		0x40, 0x0f, 0x95, 0xc7,		/* setne %dil */
		0x40, 0x0f, 0xb6, 0xff,		/* movzbl %dil, %edi */
		0xb8, 0x3c, 0, 0, 0,
		0x0f, 0x05,
	};
	struct image im;

	build(&im);
	memcpy(im.code, code, sizeof(code));
	CHECK_EQ(run_image(&im, sizeof(im)), 0);
}

ABI_TEST(initial_argc_and_alignment)
{
	/* exit(argc + (rsp & 15) * 16) */
	static const unsigned char code[] = {
		0x48, 0x8b, 0x3c, 0x24,		/* mov (%rsp), %rdi */
		0x48, 0x89, 0xe0,		/* mov %rsp, %rax */
		0x83, 0xe0, 0x0f,		/* and $15, %eax */
		0xc1, 0xe0, 0x04,		/* shl $4, %eax */
		0x01, 0xc7,			/* add %eax, %edi */
		0xb8, 0x3c, 0, 0, 0,
		0x0f, 0x05,
	};
	struct image im;

	build(&im);
	memcpy(im.code, code, sizeof(code));
	CHECK_EQ(run_image(&im, sizeof(im)), 1);
}

#define NOEXEC (1000 + ENOEXEC)

ABI_TEST(bad_magic_class_machine)
{
	struct image im;

	build(&im);
	im.eh.e_ident[0] = 0x7e;
	CHECK_EQ(run_image(&im, sizeof(im)), NOEXEC);
	build(&im);
	im.eh.e_machine = EM_AARCH64;
	CHECK_EQ(run_image(&im, sizeof(im)), NOEXEC);
	build(&im);
	im.eh.e_type = ET_REL;
	CHECK_EQ(run_image(&im, sizeof(im)), NOEXEC);
	build(&im);
	im.eh.e_type = ET_CORE;
	CHECK_EQ(run_image(&im, sizeof(im)), NOEXEC);
}

ABI_TEST(bad_program_headers)
{
	struct image im;

	build(&im);
	im.eh.e_phentsize = 32;
	CHECK_EQ(run_image(&im, sizeof(im)), NOEXEC);
	build(&im);
	im.eh.e_phnum = 0;
	CHECK_EQ(run_image(&im, sizeof(im)), NOEXEC);
	build(&im);
	im.eh.e_phnum = 65535;
	CHECK_EQ(run_image(&im, sizeof(im)), NOEXEC);
	build(&im);
	im.eh.e_phoff = 1 << 30;
	CHECK(run_image(&im, sizeof(im)) >= 1000);
	build(&im);
	im.eh.e_phoff = -1UL;
	CHECK(run_image(&im, sizeof(im)) >= 1000);
}

ABI_TEST(truncated)
{
	struct image im;

	build(&im);
	CHECK_EQ(run_image(&im, 1), NOEXEC);
	CHECK_EQ(run_image(&im, 4), NOEXEC);
	CHECK_EQ(run_image(&im, sizeof(Elf64_Ehdr) - 1), NOEXEC);
	CHECK(run_image(&im, sizeof(Elf64_Ehdr)) >= 1000);
	CHECK(run_image(&im, sizeof(Elf64_Ehdr) + 30) >= 1000);
	/* Cut behind the headers: runs into the zero tail of the page. */
	CHECK_EQ(run_image(&im, offsetof(struct image, code)), -SIGSEGV);
}

ABI_TEST(garbage)
{
	unsigned char junk[512];
	unsigned x = 12345;

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (x = x * 1103515245 + 12345) >> 16;
	CHECK_EQ(run_image(junk, sizeof(junk)), NOEXEC);
	memset(junk, 0, sizeof(junk));
	CHECK_EQ(run_image(junk, sizeof(junk)), NOEXEC);
	memcpy(junk, ELFMAG, SELFMAG);
	CHECK_EQ(run_image(junk, sizeof(junk)), NOEXEC);
}

ABI_TEST(segment_sizes)
{
	struct image im;
	int r;

	build(&im);
	im.ph[0].p_filesz = im.ph[0].p_memsz + 1;
	CHECK(run_image(&im, sizeof(im)) != 42);
	build(&im);
	im.ph[0].p_memsz = 1UL << 62;
	CHECK(run_image(&im, sizeof(im)) != 42);
	build(&im);
	im.ph[0].p_vaddr = 0xffffffff80000000UL;
	CHECK(run_image(&im, sizeof(im)) != 42);
	build(&im);
	im.ph[0].p_vaddr = BASE + 8;	/* offset and address disagree */
	r = run_image(&im, sizeof(im));
	CHECK(r == 42 || r < 0 || r >= 1000);
}

ABI_TEST(entry_outside)
{
	struct image im;

	build(&im);
	im.eh.e_entry = 0x20000000;
	CHECK_EQ(run_image(&im, sizeof(im)), -SIGSEGV);
	build(&im);
	im.eh.e_entry = 0xffffffff80000000UL;
	CHECK_EQ(run_image(&im, sizeof(im)), -SIGSEGV);
}

static int with_interp(const char *name, size_t len)
{
	struct image im;

	build(&im);
	im.eh.e_phnum = 2;
	im.ph[1] = im.ph[0];
	im.ph[0].p_type = PT_INTERP;
	im.ph[0].p_offset = offsetof(struct image, code) + 64;
	im.ph[0].p_filesz = im.ph[0].p_memsz = len;
	memcpy(im.code + 64, name, len < 100 ? len : 100);
	return run_image(&im, sizeof(im));
}

ABI_TEST(interpreter_errors)
{
	CHECK_EQ(with_interp("missing-ld.so", 14), 1000 + ENOENT);
	CHECK_EQ(with_interp("not-terminated", 8), NOEXEC);
	CHECK_EQ(with_interp("", 1), NOEXEC);
	CHECK_EQ(with_interp("x", 100000), NOEXEC);
	CHECK_EQ(with_interp(".", 2), 1000 + EACCES);
}

ABI_TEST(interpreter_is_not_elf)
{
	close(abi_write_file("ld", "#!/bin/sh\necho this is long enough to be read"
			     " as an ELF header\n", 76));
	OK(chmod("ld", 0755));
	CHECK_EQ(with_interp("ld", 3), 1000 + ELIBBAD);
	OK(truncate("ld", 10));
	CHECK(with_interp("ld", 3) >= 1000);
}

ABI_TEST(interpreter_runs)
{
	struct image im;

	/* The interpreter gets control; it is a static-pie that exits 33. */
	build(&im);
	im.eh.e_type = ET_DYN;
	im.eh.e_entry -= BASE;
	im.ph[0].p_vaddr = 0;
	im.code[6] = 33;
	install(&im, sizeof(im));
	OK(rename("image", "ld"));
	CHECK_EQ(with_interp("ld", 3), 33);
}

ABI_TEST(failed_exec_leaves_process_whole)
{
	char *argv[] = { "image", NULL };
	char *p = abi_map(PAGE, RW, ANON);
	struct image im;

	build(&im);
	im.eh.e_phnum = 0;
	install(&im, sizeof(im));
	strcpy(p, "alive");
	for (int i = 0; i < 50; i++)
		CHECK_ERR(execv("image", argv), ENOEXEC);
	CHECK_STR(p, "alive");
}
