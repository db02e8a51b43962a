/* SPDX-License-Identifier: MIT */
/* Shared by the exec files: what a new program image is made of. */
#ifndef HYLA_KERNEL_EXEC_H
#define HYLA_KERNEL_EXEC_H

#include "lib/types.h"

struct file;
struct mm;
struct cred;
struct sighand;

#define EXEC_HEAD_SIZE 256	/* bytes of the file that decide its format */
#define MAX_ARG_STRLEN (32 * 4096ul)

/* A program being loaded; everything in it is unseen until exec_commit. */
struct program {
	struct file *file;		/* what is run: the ELF, or a script's interpreter */
	struct mm *mm;			/* the new address space */
	struct cred *cred;		/* new credentials */
	struct sighand *sighand;	/* a private copy, if the old one is shared */
	char *name;			/* path as given: AT_EXECFN, comm */
	char *interp_name;		/* path of what is opened last (scripts) */
	uaddr_t sp;			/* grows down while strings are pushed */
	uaddr_t stack_top, stack_limit;	/* strings must stay above stack_limit */
	uaddr_t execfn, arg_start, env_start, env_end;
	u32 argc, envc;
	bool secure;			/* AT_SECURE */
	bool exec_stack;
	bool name_vanishes;		/* /dev/fd/N of a close-on-exec descriptor */
	/* from the ELF loader */
	uaddr_t entry, load_bias, phdr, interp_base, program_entry;
	u16 phnum;
	u8 head[EXEC_HEAD_SIZE];
	int depth;			/* of #! lines */
};

/* Maps the ELF image (and its interpreter) into p->mm. */
int elf_load(struct program *p) __must_check;
/* Writes argc, argv, envp, auxv below the strings; sets the final sp. */
int elf_make_stack(struct program *p) __must_check;

/* Maps the vDSO; sets mm->vdso. 0 (also when there is none) or -ENOMEM. */
int vdso_map(struct mm *mm) __must_check;
void vdso_init(void);

/* Randomness for address layout, bits of entropy in the low bits; 0 when
 * the personality forbids it. */
u64 exec_random(u32 bits);

#endif
