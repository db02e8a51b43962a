/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/{maps,smaps,smaps_rollup,cmdline,environ,auxv,mem,pagemap}: what
 * a process's address space looks like, and its bytes.
 *
 * maps and smaps are shown in parts: the cursor is the address to go on at,
 * so an area that comes or goes meanwhile disturbs nothing else. Areas are
 * read under mmap_lock; nothing is copied to the reader with it held.
 *
 * mem reads and writes with FOLL_FORCE: protections do not count, and a write
 * to a private mapping makes a private copy.
 *
 * Not supported: soft-dirty bits and file pages' numbers in pagemap (frame
 * numbers are hidden, as from every unprivileged Linux reader).
 */
#include "fs/proc_impl.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define MAPS_NAME_COLUMN 73
#define PART_SIZE PAGE_SIZE
#define MEM_CHUNK 512

/* ---- maps ---- */

static const char *vma_label(const struct mm *mm, const struct vma *v)
{
	if (v->ops && v->ops->name)
		return v->ops->name;
	if (v->file)
		return NULL;
	if (v->flags & VM_STACK)
		return "[stack]";
	if ((v->flags & VM_HEAP) || (v->start < mm->brk && v->end > mm->start_brk))
		return "[heap]";
	return NULL;
}

static void text_vma_path(struct text *t, const struct vma *v)
{
	char *buf = path_buf_get(), *p;

	if (!buf) {
		t->error = -ENOMEM;
		return;
	}
	p = path_to_text(&v->file->path, buf, PATH_MAX);
	if (!IS_ERR(p))
		text_escape(t, p, "\n");
	path_buf_put(buf);
}

static void text_vma_line(struct text *t, const struct mm *mm, const struct vma *v)
{
	const char *label = vma_label(mm, v);
	const struct inode *inode = v->file ? v->file->inode : NULL;
	dev_t dev = inode ? inode->sb->dev : 0;
	size_t start = t->len;

	text_printf(t, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", v->start, v->end,
		    v->flags & VM_READ ? 'r' : '-', v->flags & VM_WRITE ? 'w' : '-',
		    v->flags & VM_EXEC ? 'x' : '-', v->flags & VM_SHARED ? 's' : 'p',
		    v->file ? v->pgoff << PAGE_SHIFT : 0, dev_major(dev), dev_minor(dev),
		    inode ? inode->ino : 0);
	if (label || v->file) {
		while (t->len - start < MAPS_NAME_COLUMN && !t->error)
			text_putc(t, ' ');
		if (label)
			text_puts(t, label);
		else
			text_vma_path(t, v);
	}
	text_putc(t, '\n');
}

/* Shows areas from the cursor on until a part is full. 1: more to come. */
static int show_areas(struct text *t, struct proc_ref *r, u64 *cursor,
		      void (*one)(struct text *, struct mm *, struct vma *))
{
	struct mm *mm = proc_mm_get(r->p);
	struct vma *v;

	if (!mm)
		return 0;
	mutex_lock(&mm->mmap_lock);
	v = vma_next(mm, *cursor);
	while (v && t->len < PART_SIZE && !t->error) {
		text_vma_line(t, mm, v);
		if (one)
			one(t, mm, v);
		*cursor = v->end;
		v = vma_next(mm, *cursor);
	}
	mutex_unlock(&mm->mmap_lock);
	mm_put(mm);
	return v ? 1 : 0;
}

int proc_show_maps(struct text *t, struct proc_ref *r, u64 *cursor)
{
	return show_areas(t, r, cursor, NULL);
}

/* ---- smaps ---- */

struct smap {		/* bytes; pss in 1/4096 bytes */
	u64 rss, shared_clean, shared_dirty, private_clean, private_dirty;
	u64 anon, referenced;
	u64 pss, pss_dirty, pss_anon;
};

static void smap_pte(pte_t *pte, uaddr_t va __unused, void *arg)
{
	struct smap *s = arg;
	struct page *page;
	bool dirty, shared;
	u64 pss;

	if (!(*pte & (PTE_P | PTE_NONE)))
		return;
	page = pte_page(*pte);
	dirty = (*pte & PTE_D) || (page->flags & (PG_DIRTY | PG_ANON));
	shared = page->mapcount > 1;
	pss = (PAGE_SIZE << PAGE_SHIFT) / max(page->mapcount, 1u);
	s->rss += PAGE_SIZE;
	s->referenced += PAGE_SIZE;
	s->pss += pss;
	if (dirty)
		s->pss_dirty += pss;
	if (page->flags & PG_ANON) {
		s->anon += PAGE_SIZE;
		s->pss_anon += pss;
	}
	if (shared)
		*(dirty ? &s->shared_dirty : &s->shared_clean) += PAGE_SIZE;
	else
		*(dirty ? &s->private_dirty : &s->private_clean) += PAGE_SIZE;
}

static void text_kib(struct text *t, const char *name, u64 bytes)
{
	text_printf(t, "%s", name);
	text_printf(t, "%*lu kB\n", (int)(24 - strlen(name)), bytes / 1024);
}

static void text_smap(struct text *t, const struct smap *s, bool rollup)
{
	text_kib(t, "Rss:", s->rss);
	text_kib(t, "Pss:", s->pss >> PAGE_SHIFT);
	text_kib(t, "Pss_Dirty:", s->pss_dirty >> PAGE_SHIFT);
	if (rollup) {
		text_kib(t, "Pss_Anon:", s->pss_anon >> PAGE_SHIFT);
		text_kib(t, "Pss_File:", (s->pss - s->pss_anon) >> PAGE_SHIFT);
		text_kib(t, "Pss_Shmem:", 0);
	}
	text_kib(t, "Shared_Clean:", s->shared_clean);
	text_kib(t, "Shared_Dirty:", s->shared_dirty);
	text_kib(t, "Private_Clean:", s->private_clean);
	text_kib(t, "Private_Dirty:", s->private_dirty);
	text_kib(t, "Referenced:", s->referenced);
	text_kib(t, "Anonymous:", s->anon);
	text_kib(t, "KSM:", 0);
	text_kib(t, "LazyFree:", 0);
	text_kib(t, "AnonHugePages:", 0);
	text_kib(t, "ShmemPmdMapped:", 0);
	text_kib(t, "FilePmdMapped:", 0);
	text_kib(t, "Shared_Hugetlb:", 0);
	text_kib(t, "Private_Hugetlb:", 0);
	text_kib(t, "Swap:", 0);
	text_kib(t, "SwapPss:", 0);
}

static void text_vm_flags(struct text *t, u32 flags)
{
	static const struct {
		u32 flag;
		char name[4];
	} names[] = {
		{ VM_READ, "rd" }, { VM_WRITE, "wr" }, { VM_EXEC, "ex" }, { VM_SHARED, "sh" },
		{ VM_MAYREAD, "mr" }, { VM_MAYWRITE, "mw" }, { VM_MAYEXEC, "me" },
		{ VM_GROWSDOWN, "gd" }, { VM_PFN, "pf" }, { VM_LOCKED, "lo" }, { VM_SEQ, "sr" },
		{ VM_RAND, "rr" }, { VM_DONTFORK, "dc" }, { VM_DONTEXPAND, "de" },
		{ VM_NORESERVE, "nr" }, { VM_WIPEONFORK, "wf" }, { VM_DONTDUMP, "dd" },
	};
	u32 i;

	text_puts(t, "VmFlags: ");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (flags & names[i].flag)
			text_printf(t, "%s ", names[i].name);
	}
	text_putc(t, '\n');
}

static void smap_one(struct text *t, struct mm *mm, struct vma *v)
{
	struct smap s = { 0 };

	pte_for_each(&mm->as, v->start, v->end, smap_pte, &s, NULL);
	text_kib(t, "Size:", v->end - v->start);
	text_kib(t, "KernelPageSize:", PAGE_SIZE);
	text_kib(t, "MMUPageSize:", PAGE_SIZE);
	text_smap(t, &s, false);
	text_kib(t, "Locked:", v->flags & VM_LOCKED ? s.pss >> PAGE_SHIFT : 0);
	text_puts(t, "THPeligible:           0\n");
	text_vm_flags(t, v->flags);
}

int proc_show_smaps(struct text *t, struct proc_ref *r, u64 *cursor)
{
	return show_areas(t, r, cursor, smap_one);
}

int proc_show_rollup(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	struct mm *mm = proc_mm_get(r->p);
	struct smap s = { 0 };
	uaddr_t first = 0, last = 0;
	struct vma *v;
	size_t start = t->len;

	if (!mm)
		return -ESRCH;
	mutex_lock(&mm->mmap_lock);
	for (v = vma_next(mm, 0); v; v = vma_next(mm, v->end)) {
		if (!last)
			first = v->start;
		last = v->end;
		pte_for_each(&mm->as, v->start, v->end, smap_pte, &s, NULL);
	}
	mutex_unlock(&mm->mmap_lock);
	mm_put(mm);
	text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0 ", first, last);
	while (t->len - start < MAPS_NAME_COLUMN && !t->error)
		text_putc(t, ' ');
	text_puts(t, "[rollup]\n");
	text_smap(t, &s, true);
	text_kib(t, "Locked:", 0);
	return 0;
}

/* ---- bytes of the address space ---- */

/* The mm behind an inode of /proc/PID, with a reference, or NULL. */
static struct mm *inode_mm(struct inode *inode)
{
	struct proc_ref r;
	struct mm *mm;

	if (!proc_ref_get(&pid_inode(inode)->key, &r))
		return NULL;
	mm = proc_mm_get(r.p);
	proc_ref_put(&r);
	return mm;
}

/* Copies [start + *pos, end) out. Bytes or -errno. */
static ssize_t read_range(struct mm *mm, struct uio *uio, loff_t *pos, uaddr_t start, uaddr_t end)
{
	u8 chunk[MEM_CHUNK];
	ssize_t done = 0, n;

	if (*pos < 0)
		return -EINVAL;
	while (uio->resid && start + (u64)*pos < end) {
		n = (ssize_t)min_t(u64, min_t(u64, uio->resid, sizeof(chunk)),
				   end - start - (u64)*pos);
		n = mm_access(mm, start + (u64)*pos, chunk, (size_t)n, false, true);
		if (n <= 0)
			return done ? done : 0;
		if (uio_copy_to(uio, chunk, (size_t)n) != (size_t)n)
			return done ? done : -EFAULT;
		*pos += n;
		done += n;
	}
	return done;
}

/* Where the command line ends: a program that overwrote its last NUL has put
 * a title there, which may run on into the environment. */
static uaddr_t cmdline_end(struct mm *mm)
{
	uaddr_t p;
	u8 c;

	if (mm->arg_end <= mm->arg_start ||
	    mm_access(mm, mm->arg_end - 1, &c, 1, false, true) != 1 || !c)
		return mm->arg_end;
	for (p = mm->arg_start; p < mm->env_end && p - mm->arg_start < PAGE_SIZE; p++) {
		if (mm_access(mm, p, &c, 1, false, true) != 1 || !c)
			return p;
	}
	return p;
}

static ssize_t cmdline_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct mm *mm = inode_mm(f->inode);
	ssize_t n;

	if (!mm)
		return 0;
	n = read_range(mm, uio, pos, mm->arg_start, cmdline_end(mm));
	mm_put(mm);
	return n;
}

static ssize_t environ_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct mm *mm = inode_mm(f->inode);
	ssize_t n;

	if (!mm)
		return 0;
	n = read_range(mm, uio, pos, mm->env_start, mm->env_end);
	mm_put(mm);
	return n;
}

static ssize_t auxv_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct mm *mm = inode_mm(f->inode);
	size_t size = 0, n = 0;
	u32 i;

	if (!mm)
		return 0;
	for (i = 0; i + 1 < AUXV_WORDS; i += 2) {
		size = (i + 2) * sizeof(u64);
		if (!mm->saved_auxv[i])	/* AT_NULL */
			break;
	}
	if (*pos >= 0 && (size_t)*pos < size)
		n = uio_copy_to(uio, (u8 *)mm->saved_auxv + *pos,
				min(size - (size_t)*pos, uio->resid));
	mm_put(mm);
	*pos += (loff_t)n;
	return (ssize_t)n;
}

static ssize_t mem_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct mm *mm = inode_mm(f->inode);
	u8 chunk[MEM_CHUNK];
	ssize_t done = 0, n = 0;

	if (!mm)
		return 0;
	while (uio->resid) {
		n = mm_access(mm, (uaddr_t)*pos, chunk, min_t(size_t, uio->resid, sizeof(chunk)),
			      false, true);
		if (n <= 0) {
			n = -EIO;
			break;
		}
		if (uio_copy_to(uio, chunk, (size_t)n) != (size_t)n) {
			n = -EFAULT;
			break;
		}
		*pos += n;
		done += n;
	}
	mm_put(mm);
	return done ? done : min(n, 0l);
}

static ssize_t mem_write(struct file *f, struct uio *uio, loff_t *pos)
{
	struct mm *mm = inode_mm(f->inode);
	u8 chunk[MEM_CHUNK];
	ssize_t done = 0, n = 0;
	size_t len;

	if (!mm)
		return 0;
	while (uio->resid) {
		len = uio_copy_from(uio, chunk, min_t(size_t, uio->resid, sizeof(chunk)));
		n = len ? mm_access(mm, (uaddr_t)*pos, chunk, len, true, true) : -EFAULT;
		if (n <= 0) {
			n = len ? -EIO : -EFAULT;
			break;
		}
		*pos += n;
		done += n;
		if ((size_t)n < len)
			break;
	}
	mm_put(mm);
	return done ? done : min(n, 0l);
}

/* Any offset is an address. */
static loff_t mem_llseek(struct file *f, loff_t off, int whence)
{
	if (whence == SEEK_CUR)
		off += f->pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	return f->pos = off;
}

/* One u64 per page: bit 63 present, bit 61 file page, bit 56 mapped once. */
static ssize_t pagemap_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct mm *mm;
	ssize_t done = 0;
	u64 entry;
	pte_t *pte;

	if ((*pos | (loff_t)uio->resid) & 7)
		return -EINVAL;
	mm = inode_mm(f->inode);
	if (!mm)
		return 0;
	while (uio->resid && (u64)*pos / 8 < hal_info()->user_limit >> PAGE_SHIFT) {
		pte = pte_lookup(&mm->as, (u64)*pos / 8 << PAGE_SHIFT);
		entry = 0;
		if (pte && pte_mapped(*pte)) {
			entry = BIT(63);
			if (!(pte_page(*pte)->flags & PG_ANON))
				entry |= BIT(61);
			if (pte_page(*pte)->mapcount == 1)
				entry |= BIT(56);
		}
		if (uio_copy_to(uio, &entry, 8) != 8) {
			done = done ? done : -EFAULT;
			break;
		}
		*pos += 8;
		done += 8;
	}
	mm_put(mm);
	return done;
}

const struct file_ops proc_cmdline_fops = {
	.read = cmdline_read,
	.llseek = text_file_llseek,
	.open = pid_open_check,
};

const struct file_ops proc_environ_fops = {
	.read = environ_read,
	.llseek = mem_llseek,
	.open = pid_open_check,
};

const struct file_ops proc_auxv_fops = {
	.read = auxv_read,
	.llseek = text_file_llseek,
	.open = pid_open_check,
};

const struct file_ops proc_mem_fops = {
	.read = mem_read,
	.write = mem_write,
	.llseek = mem_llseek,
	.open = pid_open_check,
};

const struct file_ops proc_pagemap_fops = {
	.read = pagemap_read,
	.llseek = mem_llseek,
	.open = pid_open_check,
};
