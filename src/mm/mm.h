/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: struct mm, its areas (struct vma) and faults.
 *
 * An mm is shared by the tasks of CLONE_VM; `users` counts them. Areas sit in
 * a red-black tree by address and never overlap. Pages hang in the x86-64
 * tables of mm->as.root only (mm/pgtable.h): private memory is reached by no
 * other index, so a fork is a copy of the tables with references taken.
 *
 * Locks: mmap_lock (sleeping) for areas and for faults that may read a file;
 * page tables are changed under the kernel lock. Order: inode->lock >
 * mmap_lock > PG_LOCKED.
 */
#ifndef HYLA_MM_MM_H
#define HYLA_MM_MM_H

#include "abi/mman.h"
#include "hal/mem.h"
#include "kernel/wait.h"
#include "lib/rbtree.h"
#include "lib/types.h"
#include "mm/page.h"

struct file;
struct inode;
struct vma;

enum vma_flag {
	VM_READ = 1 << 0, VM_WRITE = 1 << 1, VM_EXEC = 1 << 2, VM_SHARED = 1 << 3,
	VM_MAYREAD = 1 << 4, VM_MAYWRITE = 1 << 5, VM_MAYEXEC = 1 << 6,
	VM_GROWSDOWN = 1 << 7,
	VM_LOCKED = 1 << 8,
	VM_DONTFORK = 1 << 9,
	VM_WIPEONFORK = 1 << 10,
	VM_STACK = 1 << 11,		/* the initial stack: [stack] */
	VM_HAS_ANON = 1 << 12,		/* private pages may be present: fork copies */
	VM_NORESERVE = 1 << 13,
	VM_PFN = 1 << 14,		/* vDSO/vvar: pages supplied by ops, never copied */
	VM_DONTEXPAND = 1 << 15,
	VM_DONTDUMP = 1 << 16,
	VM_HEAP = 1 << 17,		/* brk area: [heap] */
	VM_SEQ = 1 << 18, VM_RAND = 1 << 19,
};
#define VM_ACCESS (VM_READ | VM_WRITE | VM_EXEC)

struct vma_ops {
	/* The page for file offset pgoff (page number), with a reference, or
	 * ERR_PTR: -EFAULT -> SIGBUS. For VM_PFN and special drivers. */
	struct page *(*fault)(struct vma *vma, u64 pgoff);
	const char *name;		/* "[vdso]" for /proc/PID/maps, or NULL */
};

struct vma {
	uaddr_t start, end;		/* page aligned, end exclusive */
	u32 flags;			/* enum vma_flag */
	u32 ahead;			/* log2 of the pages that the last fault was worth */
	uaddr_t ahead_va;		/* where the next would follow it: see fault.c */
	u64 pgoff;			/* page offset of start in file */
	struct file *file;		/* NULL: anonymous; holds a reference */
	const struct vma_ops *ops;	/* NULL: page cache of file, or anonymous */
	struct mm *mm;
	struct rb_node rb;
	struct list_head mapping_link;	/* file's mapping->vmas */
};

#define AUXV_WORDS 64

struct mm {
	u32 users;
	u32 map_count;
	struct hal_as as;
	struct rb_root vmas;
	struct vma *cache;		/* last vma found */
	struct mutex mmap_lock;
	uaddr_t mmap_base;		/* top of the mmap area, grows down */
	u64 total_vm, locked_vm, data_vm, stack_vm, exec_vm;	/* pages */
	s64 rss_anon, rss_file;		/* pages */
	u64 hiwater_rss, hiwater_vm;	/* pages */
	uaddr_t start_code, end_code, start_data, end_data;
	uaddr_t start_brk, brk, start_stack;
	uaddr_t arg_start, arg_end, env_start, env_end;
	uaddr_t vdso;			/* base of the vDSO image, 0: none */
	u64 def_flags;			/* VM_LOCKED by mlockall(MCL_FUTURE) */
	u64 saved_auxv[AUXV_WORDS];
	bool oom_victim;
	bool dumpable;
};

struct mm *mm_create(void) __must_check;		/* users 1; ERR_PTR: -ENOMEM, or what hal_as_init() says */
struct mm *mm_fork(struct mm *old) __must_check;	/* ERR_PTR */
static inline struct mm *mm_get(struct mm *mm) { mm->users++; return mm; }
void mm_put(struct mm *mm);

/* The first area that ends above addr, or NULL. */
struct vma *vma_find(struct mm *mm, uaddr_t addr);
/* The same, as an iteration: for (v = vma_next(mm, 0); v; v = vma_next(mm, v->end)) */
static inline struct vma *vma_next(struct mm *mm, uaddr_t addr) { return vma_find(mm, addr); }

/* mmap from inside the kernel (exec, brk), mmap_lock not held.
 * Returns the address or -errno. vm_flags: extra VM_* bits. Takes its own
 * reference to file. addr is a hint unless MAP_FIXED(_NOREPLACE). */
s64 mm_map(struct mm *mm, uaddr_t addr, u64 len, u32 prot, u32 map_flags, u32 vm_flags,
	   struct file *file, u64 pgoff) __must_check;
int mm_unmap(struct mm *mm, uaddr_t addr, u64 len) __must_check;
/* An area of kernel-supplied pages (vDSO) at a free address; nobody runs mm yet. */
int vma_map_pages(struct mm *mm, uaddr_t addr, u64 len, u32 prot, const struct vma_ops *ops)
	__must_check;

/*
 * Resolves one access as the CPU would. access: FAULT_WRITE, FAULT_EXEC bits.
 * 0: the tables hold it now. -EFAULT: *code is SEGV_MAPERR or SEGV_ACCERR;
 * -EIO: bus error, *code BUS_ADRERR; -ENOMEM: out of memory after the OOM
 * decision; -EINTR: killed while waiting. May sleep.
 */
int vm_fault(struct mm *mm, uaddr_t addr, u32 access, int *code) __must_check;
/* Fault in a range for mlock, MAP_POPULATE, MADV_POPULATE. */
int vm_populate(struct mm *mm, uaddr_t start, uaddr_t end, bool write) __must_check;

/* Removes [start, end) file pages from every mapper of m (truncate); with
 * private_too also private copies (truncate yes, invalidate no). */
struct mapping;
void vm_unmap_mapping(struct mapping *m, u64 first_index, u64 last_index, bool private_too);

/* Out of memory: choose and kill a process. True when someone will free memory. */
bool oom_kill(void);

/* Clears write permission from every shared mapping of these file pages, so
 * that the next store marks them dirty again (after write-back). */
void vm_wrprotect_mapping(struct mapping *m, u64 first_index, u64 last_index);

/* ---- between the files of mm/ ---- */

/* FAULT_* access bit of vm_fault: as ptrace, ignore missing VM_READ/VM_WRITE. */
#define FAULT_FORCE (1u << 31)

void vma_insert(struct mm *mm, struct vma *vma);
void vma_remove(struct mm *mm, struct vma *vma);
struct vma *vma_alloc(struct mm *mm) __must_check;
void vma_free(struct vma *vma);
struct vma *vma_prev(struct vma *vma);
struct vma *vma_after(struct vma *vma);
/* Splits at addr (start < addr < end); vma keeps the lower part. */
int vma_split(struct mm *mm, struct vma *vma, uaddr_t addr) __must_check;
/* Splits as needed, so that *vma becomes the area of exactly [start, end). */
int vma_isolate(struct mm *mm, struct vma **vma, uaddr_t start, uaddr_t end) __must_check;
/* Merges with like neighbours; returns the surviving area. */
struct vma *vma_merge(struct mm *mm, struct vma *vma);
/* Highest free gap of len bytes below mm->mmap_base, or -ENOMEM. */
s64 vma_find_gap(struct mm *mm, u64 len, uaddr_t limit);
/* Unmaps with mmap_lock held. */
int mm_unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end) __must_check;
void vm_zap(struct mm *mm, uaddr_t start, uaddr_t end);
void mm_account(struct mm *mm, const struct vma *vma, s64 pages);
/* Hardware bits for a page of this area. */
u64 vma_pte_flags(const struct vma *vma);
extern const u64 max_map_count;

/* RSS in pages. */
static inline u64 mm_rss(const struct mm *mm)
{
	s64 n = mm->rss_anon + mm->rss_file;

	return n > 0 ? (u64)n : 0;
}

#endif
