/* SPDX-License-Identifier: MIT */
/*
 * The ELF64 loader: segments, interpreter, initial stack (System V psABI 3.4).
 *
 * Everything is mapped into an address space that nobody runs yet, so any
 * error simply throws it away and becomes the errno of execve: ENOEXEC for what
 * is no program, EINVAL, ENOMEM, ELIBBAD for a bad interpreter, as Linux.
 * Headers are read with exact bounds; sizes are checked for overflow; nothing
 * of the file is trusted.
 */
#include "abi/elf.h"

#include "abi/errno.h"
#include "fs/devfs.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/exec.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define PHDR_MAX_BYTES 65536u
#define PERSONALITY_NO_RANDOMIZE 0x0040000u

struct image {
	struct file *file;
	struct elf64_ehdr eh;
	struct elf64_phdr *ph;
	uaddr_t low, high;	/* of all PT_LOAD, before bias */
	u64 align;
};

u64 exec_random(u32 bits)
{
	u64 v = 0;

	if (current->personality & PERSONALITY_NO_RANDOMIZE)
		return 0;
	random_bytes(&v, sizeof(v));
	return v & (BIT(bits) - 1);
}

static bool header_ok(const struct elf64_ehdr *eh)
{
	return !memcmp(eh->ident, "\177ELF\2\1\1", 7) &&
	       (eh->type == ET_EXEC || eh->type == ET_DYN) && eh->machine == EM_X86_64 &&
	       eh->phentsize == sizeof(struct elf64_phdr) && eh->phnum &&
	       eh->phnum * sizeof(struct elf64_phdr) <= PHDR_MAX_BYTES;
}

/* Extent of the loadable segments; -EINVAL for nonsense. */
static int measure(struct image *im)
{
	bool any = false;

	im->low = U64_MAX;
	im->align = PAGE_SIZE;
	for (u32 i = 0; i < im->eh.phnum; i++) {
		const struct elf64_phdr *ph = &im->ph[i];
		u64 end;

		if (ph->type != PT_LOAD)
			continue;
		if (ph->filesz > ph->memsz || ph->memsz > hal_info()->user_limit ||
		    __builtin_add_overflow(ph->vaddr, ph->memsz, &end) ||
		    end > hal_info()->user_limit || (s64)ph->offset < 0 ||
		    ph->offset + ph->filesz < ph->offset)
			return -EINVAL;
		if ((ph->vaddr ^ ph->offset) & ~PAGE_MASK && ph->filesz)
			return -EINVAL;
		any = true;
		im->low = min(im->low, align_down(ph->vaddr, PAGE_SIZE));
		im->high = max(im->high, align_up(end, PAGE_SIZE));
		if (ph->align > im->align && !(ph->align & (ph->align - 1)))
			im->align = ph->align;
	}
	return any ? 0 : -EINVAL;
}

static int image_open(struct image *im, struct file *file, const u8 *head, int bad)
{
	u64 bytes;
	ssize_t n;

	*im = (struct image){ .file = file };
	if (head) {
		memcpy(&im->eh, head, sizeof(im->eh));
	} else {
		n = file_read_kernel(file, &im->eh, sizeof(im->eh), 0);
		if (n != sizeof(im->eh))
			return n < 0 ? (int)n : bad;
	}
	if (!header_ok(&im->eh))
		return bad;
	bytes = im->eh.phnum * sizeof(struct elf64_phdr);
	im->ph = kmalloc(bytes);
	if (!im->ph)
		return -ENOMEM;
	n = (s64)im->eh.phoff < 0 ? 0 : file_read_kernel(file, im->ph, bytes, (loff_t)im->eh.phoff);
	if (n != (ssize_t)bytes) {
		kfree(im->ph);
		im->ph = NULL;
		return n < 0 ? (int)n : bad;
	}
	return 0;
}

/* ---- mapping ---- */

static u32 prot_of(const struct elf64_phdr *ph)
{
	return ((ph->flags & PF_R) ? PROT_READ : 0) | ((ph->flags & PF_W) ? PROT_WRITE : 0) |
	       ((ph->flags & PF_X) ? PROT_EXEC : 0);
}

/* Zeroes from the end of the file part to the page end (also beyond memsz:
 * ld.so's minimal malloc counts on it). Read-only data has no tail to zero. */
static int zero_tail(struct mm *mm, uaddr_t from)
{
	static const u8 zeros[256];
	uaddr_t end = align_up(from, PAGE_SIZE);

	while (from < end) {
		size_t n = min(end - from, sizeof(zeros));

		if (mm_access(mm, from, (void *)zeros, n, true, false) != (ssize_t)n)
			return -EFAULT;
		from += n;
	}
	return 0;
}

static int map_segment(struct mm *mm, struct image *im, const struct elf64_phdr *ph, uaddr_t bias)
{
	uaddr_t start = align_down(ph->vaddr + bias, PAGE_SIZE);
	uaddr_t file_end = ph->vaddr + bias + ph->filesz, end = ph->vaddr + bias + ph->memsz;
	uaddr_t anon = start;
	s64 at;
	int err;

	if (ph->filesz) {
		u64 off = align_down(ph->offset, PAGE_SIZE);

		anon = align_up(file_end, PAGE_SIZE);
		at = mm_map(mm, start, anon - start, prot_of(ph), MAP_PRIVATE | MAP_FIXED, 0,
			    im->file, off >> PAGE_SHIFT);
		if (at < 0)
			return (int)at;
		if (end > file_end && (ph->flags & PF_W)) {
			err = zero_tail(mm, file_end);
			if (err)
				return err;
		}
	}
	if (align_up(end, PAGE_SIZE) > anon) {
		at = mm_map(mm, anon, align_up(end, PAGE_SIZE) - anon, prot_of(ph),
			    MAP_PRIVATE | MAP_FIXED, 0, NULL, 0);
		if (at < 0)
			return (int)at;
	}
	return 0;
}

static int map_image(struct mm *mm, struct image *im, uaddr_t bias)
{
	int err = 0;

	for (u32 i = 0; i < im->eh.phnum && !err; i++)
		if (im->ph[i].type == PT_LOAD && im->ph[i].memsz)
			err = map_segment(mm, im, &im->ph[i], bias);
	return err;
}

/* Where a position-independent image goes: hint 0 is the mmap area. */
static int choose_bias(struct mm *mm, const struct image *im, uaddr_t hint, uaddr_t *bias)
{
	u64 size = im->high - im->low;
	s64 at;

	if (hint) {
		*bias = align_down(hint, im->align) - im->low;
		return 0;
	}
	if (size > hal_info()->user_limit - im->align)
		return -ENOMEM;
	at = vma_find_gap(mm, size + (im->align - PAGE_SIZE), hal_info()->user_limit);
	if (at < 0)
		return -ENOMEM;
	*bias = align_up((uaddr_t)at, im->align) - im->low;
	return 0;
}

static void note_layout(struct program *p, const struct image *im, uaddr_t bias)
{
	struct mm *mm = p->mm;

	mm->start_code = U64_MAX;
	for (u32 i = 0; i < im->eh.phnum; i++) {
		const struct elf64_phdr *ph = &im->ph[i];
		uaddr_t start = ph->vaddr + bias;

		if (ph->type == PT_PHDR)
			p->phdr = start;
		if (ph->type == PT_GNU_STACK)
			p->exec_stack = ph->flags & PF_X;
		if (ph->type != PT_LOAD)
			continue;
		if (ph->flags & PF_X) {
			mm->start_code = min(mm->start_code, start);
			mm->end_code = max(mm->end_code, start + ph->filesz);
		}
		if (start >= mm->start_data)
			mm->start_data = start;
		mm->end_data = max(mm->end_data, start + ph->filesz);
		if (!p->phdr && im->eh.phoff >= ph->offset &&
		    im->eh.phoff < ph->offset + ph->filesz)
			p->phdr = im->eh.phoff - ph->offset + start;
	}
	if (mm->start_code == U64_MAX)
		mm->start_code = mm->start_data;
}

/* The interpreter named by PT_INTERP: *file with a reference, or NULL. */
static int open_interpreter(const struct image *im, struct file **file)
{
	char *path = NULL;
	int err = 0;

	*file = NULL;
	for (u32 i = 0; i < im->eh.phnum; i++) {
		const struct elf64_phdr *ph = &im->ph[i];
		struct file *f;
		ssize_t n;

		if (ph->type != PT_INTERP)
			continue;
		if (ph->filesz < 2 || ph->filesz > PATH_MAX)
			return -ENOEXEC;
		path = path_buf_get();
		if (!path)
			return -ENOMEM;
		n = file_read_kernel(im->file, path, ph->filesz, (loff_t)ph->offset);
		if (n != (ssize_t)ph->filesz || path[n - 1])
			err = n < 0 ? (int)n : -ENOEXEC;
		if (!err) {
			f = file_open_exec(AT_FDCWD, path, 0);
			if (IS_ERR(f))
				err = (int)PTR_ERR(f);
			else
				*file = f;
		}
		path_buf_put(path);
		return err;
	}
	return 0;
}

static int load_interpreter(struct program *p, struct file *file)
{
	struct image im;
	uaddr_t bias;
	int err = image_open(&im, file, NULL, -ELIBBAD);

	if (err)
		return err;
	err = measure(&im);
	if (!err && im.eh.type == ET_EXEC)
		bias = 0;
	else if (!err)
		err = choose_bias(p->mm, &im, 0, &bias);
	if (!err)
		err = map_image(p->mm, &im, bias);
	if (!err) {
		p->interp_base = im.low + bias;
		p->entry = im.eh.entry + bias;
	}
	kfree(im.ph);
	return err;
}

static void set_brk_start(struct program *p, const struct image *im, uaddr_t bias, bool has_interp)
{
	struct mm *mm = p->mm;
	uaddr_t brk = align_up(im->high + bias, PAGE_SIZE);

	/* A static-pie sits in the mmap area, with no room above it. */
	if (im->eh.type == ET_DYN && !has_interp)
		brk = align_down(hal_info()->user_limit / 3 * 2, PAGE_SIZE);
	brk += exec_random(13) << PAGE_SHIFT;
	mm->start_brk = mm->brk = brk;
}

int elf_load(struct program *p)
{
	struct file *interp = NULL;
	struct image im;
	uaddr_t bias = 0;
	int err = image_open(&im, p->file, p->head, -ENOEXEC);

	if (err)
		return err;
	err = open_interpreter(&im, &interp);
	if (!err)
		err = measure(&im);
	if (!err && im.eh.type == ET_DYN)
		err = choose_bias(p->mm, &im,
				  interp ? align_down(hal_info()->user_limit / 3 * 2, PAGE_SIZE) +
						   (exec_random(28) << PAGE_SHIFT) : 0,
				  &bias);
	if (!err)
		err = map_image(p->mm, &im, bias);
	if (!err) {
		p->entry = p->program_entry = im.eh.entry + bias;
		p->phnum = im.eh.phnum;
		note_layout(p, &im, bias);
		set_brk_start(p, &im, bias, interp);
		if (interp)
			err = load_interpreter(p, interp);
	}
	if (interp) {
		file_allow_write(interp);
		file_put(interp);
	}
	kfree(im.ph);
	return err;
}

/* ---- the initial stack ---- */

static int push_bytes(struct program *p, const void *data, size_t size)
{
	p->sp -= size;
	return mm_access(p->mm, p->sp, (void *)data, size, true, true) == (ssize_t)size ? 0 : -EFAULT;
}

static u32 fill_auxv(struct program *p, u64 *aux, uaddr_t random, uaddr_t platform)
{
	const struct hal_info *hi = hal_info();
	const struct cred *c = p->cred;
	const u64 entries[][2] = {
		{ AT_SYSINFO_EHDR, p->mm->vdso }, { AT_MINSIGSTKSZ, hi->fp_size + 64 + 512 },
		{ AT_HWCAP, hi->hwcap }, { AT_PAGESZ, PAGE_SIZE }, { AT_CLKTCK, 100 },
		{ AT_PHDR, p->phdr }, { AT_PHENT, sizeof(struct elf64_phdr) }, { AT_PHNUM, p->phnum },
		{ AT_BASE, p->interp_base }, { AT_FLAGS, 0 }, { AT_ENTRY, p->program_entry },
		{ AT_UID, c->uid }, { AT_EUID, c->euid }, { AT_GID, c->gid }, { AT_EGID, c->egid },
		{ AT_SECURE, p->secure }, { AT_RANDOM, random }, { AT_HWCAP2, hi->hwcap2 },
		{ AT_EXECFN, p->execfn }, { AT_PLATFORM, platform }, { AT_NULL, 0 },
	};
	u32 n = 0;

	_Static_assert(ARRAY_SIZE(entries) * 2 <= AUXV_WORDS, "saved_auxv holds them");
	for (u32 i = 0; i < ARRAY_SIZE(entries); i++) {
		if (entries[i][0] == AT_SYSINFO_EHDR && !entries[i][1])
			continue;
		aux[n++] = entries[i][0];
		aux[n++] = entries[i][1];
	}
	return n;
}

/* Writes `count` pointers to consecutive strings from *str on, and a NULL. */
static int put_pointers(struct program *p, uaddr_t *at, u32 count, uaddr_t *str)
{
	char chunk[128];
	u64 zero = 0;

	for (u32 i = 0; i < count; i++) {
		uaddr_t s = *str;

		if (mm_access(p->mm, *at, &s, 8, true, false) != 8)
			return -EFAULT;
		*at += 8;
		for (;;) {	/* to the end of this string */
			ssize_t n = mm_access(p->mm, s, chunk, sizeof(chunk), false, false);
			size_t len;

			if (n <= 0)
				return -EFAULT;
			len = strnlen(chunk, (size_t)n);
			s += len;
			if (len < (size_t)n)
				break;
		}
		*str = s + 1;
	}
	if (mm_access(p->mm, *at, &zero, 8, true, false) != 8)
		return -EFAULT;
	*at += 8;
	return 0;
}

int elf_make_stack(struct program *p)
{
	static const char platform_name[] = "x86_64";
	u64 aux[AUXV_WORDS], argc = p->argc;
	uaddr_t platform, random, at, str;
	u8 seed[16];
	u32 words;

	p->sp = align_down(p->sp, 16) - (exec_random(9) << 4);
	if (push_bytes(p, platform_name, sizeof(platform_name)))
		return -EFAULT;
	platform = p->sp;
	random_bytes(seed, sizeof(seed));
	if (push_bytes(p, seed, sizeof(seed)))
		return -EFAULT;
	random = p->sp;
	words = fill_auxv(p, aux, random, platform);
	memcpy(p->mm->saved_auxv, aux, words * 8);
	p->sp -= (1 + (u64)p->argc + 1 + p->envc + 1 + words) * 8;
	p->sp = align_down(p->sp, 16);
	at = p->sp;
	if (mm_access(p->mm, at, &argc, 8, true, false) != 8)
		return -EFAULT;
	at += 8;
	str = p->arg_start;
	if (put_pointers(p, &at, p->argc, &str))
		return -EFAULT;
	p->env_start = str;
	if (put_pointers(p, &at, p->envc, &str))
		return -EFAULT;
	if (mm_access(p->mm, at, aux, words * 8, true, false) != (ssize_t)(words * 8))
		return -EFAULT;
	p->mm->start_stack = p->sp;
	p->mm->arg_start = p->arg_start;
	p->mm->arg_end = p->mm->env_start = p->env_start;
	p->mm->env_end = str;
	return 0;
}
