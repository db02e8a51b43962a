/* SPDX-License-Identifier: MIT */
/*
 * execve and execveat: from a path to a running program.
 *
 * The new image (struct program) is complete before anything of the old one
 * is touched: strings are copied straight into the new stack, segments mapped,
 * credentials computed. Only then the other threads are killed and the parts
 * swapped, which cannot fail. So an execve that fails leaves the caller whole.
 */
#include "kernel/exec.h"

#include "abi/errno.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define SCRIPT_DEPTH 5
#define SECBIT_NOROOT 1u

/* Where argument strings come from: user pointers, or the kernel at boot. */
struct arg_source {
	uaddr_t user;			/* array of pointers; 0: empty */
	char *const *kernel;
};

/* The nr-th string's address; 1 when there is one, 0 at the end, -EFAULT. */
static int arg_at(const struct arg_source *src, u32 nr, u64 *ptr)
{
	if (src->kernel) {
		*ptr = (u64)src->kernel[nr];
		return *ptr != 0;
	}
	if (!src->user) {
		*ptr = 0;
		return 0;
	}
	if (get_user_u64(ptr, src->user + 8ul * nr))
		return -EFAULT;
	return *ptr != 0;
}

static int count_args(const struct arg_source *src)
{
	u64 ptr;
	u32 n = 0;
	int r;

	while ((r = arg_at(src, n, &ptr)) > 0) {
		if (++n > 0x100000)
			return -E2BIG;
		if (n % 1024 == 0 && (current->flags & TF_EXIT))
			return -EINTR;
	}
	return r < 0 ? r : (int)n;
}

/* Length of the string, without the NUL. */
static s64 arg_len(const struct arg_source *src, u64 ptr)
{
	char chunk[256];
	u64 len = 0;

	if (src->kernel)
		return (s64)strlen((const char *)ptr);
	for (;;) {
		size_t n = copyin_partial(chunk, ptr + len, min(sizeof(chunk), PAGE_SIZE - ((ptr + len) & ~PAGE_MASK)));
		size_t part;

		if (!n)
			return -EFAULT;
		part = strnlen(chunk, n);
		len += part;
		if (part < n)
			return (s64)len;
		if (len >= MAX_ARG_STRLEN)
			return -E2BIG;
	}
}

/* Copies len bytes and a NUL to the new stack, below p->sp. */
static int push_string(struct program *p, const struct arg_source *src, u64 ptr, u64 len)
{
	char chunk[256];
	u64 done = 0;
	uaddr_t at;

	if (len >= MAX_ARG_STRLEN || p->sp - p->stack_limit <= len + 1)
		return -E2BIG;
	p->sp -= len + 1;
	at = p->sp;
	while (done < len) {
		size_t n = min(len - done, sizeof(chunk));

		if (src->kernel)
			memcpy(chunk, (const char *)ptr + done, n);
		else if (copyin(chunk, ptr + done, n))
			return -EFAULT;
		if (mm_access(p->mm, at + done, chunk, n, true, false) != (ssize_t)n)
			return -ENOMEM;
		done += n;
	}
	chunk[0] = 0;
	return mm_access(p->mm, at + len, chunk, 1, true, false) == 1 ? 0 : -ENOMEM;
}

static int push_kernel_string(struct program *p, const char *s)
{
	const struct arg_source src = { .kernel = (char *const *)1 };

	return push_string(p, &src, (u64)s, strlen(s));
}

/* Pushes the last string first, so that they end up in order. */
static int push_args(struct program *p, const struct arg_source *src, u32 count)
{
	for (u32 i = count; i-- > 0;) {
		u64 ptr;
		s64 len;
		int err = arg_at(src, i, &ptr);

		if (err <= 0)
			return -EFAULT;
		len = arg_len(src, ptr);
		if (len < 0)
			return (int)len;
		err = push_string(p, src, ptr, (u64)len);
		if (err)
			return err;
		if (current->flags & TF_EXIT)
			return -EINTR;
	}
	return 0;
}

/* ---- stack area ---- */

static int make_stack_area(struct program *p, u32 pointers)
{
	u64 limit = min(rlimit(RLIMIT_STACK), 64ul << 20), strings, size;
	uaddr_t top = align_down(hal_info()->user_limit, PAGE_SIZE) - PAGE_SIZE -
		      (exec_random(22) << PAGE_SHIFT);
	s64 at;

	strings = max(min(limit / 4, 6ul << 20), 128ul << 10);
	if (strings <= pointers * 8ul)
		return -E2BIG;
	strings -= pointers * 8ul;
	size = strings + pointers * 8ul + (128ul << 10);
	p->mm->mmap_base = align_down(top - max(min(limit, 64ul << 20), 8ul << 20) - (64ul << 20) -
				      (exec_random(20) << PAGE_SHIFT), PAGE_SIZE);
	at = mm_map(p->mm, top - align_up(size, PAGE_SIZE), size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_FIXED | MAP_GROWSDOWN, VM_STACK, NULL, 0);
	if (at < 0)
		return (int)at;
	p->stack_top = top;
	p->sp = top - 8;	/* a zero word ends the stack */
	p->stack_limit = top - strings;
	return 0;
}

/* Gives back the part of the stack area that was only reserved for strings. */
static int trim_stack_area(struct program *p)
{
	struct vma *vma = vma_find(p->mm, p->sp);
	uaddr_t keep = align_down(p->sp, PAGE_SIZE);

	keep = keep > vma->start + (128ul << 10) ? keep - (128ul << 10) : vma->start;
	if (keep > vma->start && mm_unmap(p->mm, vma->start, keep - vma->start))
		return -ENOMEM;
	if (!p->exec_stack)
		return 0;
	vma = vma_find(p->mm, p->sp);
	vma->flags |= VM_EXEC;
	return 0;
}

/* ---- #! ---- */

/* Parses the first line: *path and *arg (may be NULL) point into head. */
static int parse_script(u8 *head, ssize_t size, char **path, char **arg)
{
	char *s = (char *)head + 2, *end, *q;

	head[size < EXEC_HEAD_SIZE ? size : EXEC_HEAD_SIZE - 1] = 0;
	end = strchr(s, '\n');
	if (!end) {
		/* Cut off in the middle of the interpreter's name: not a script. */
		for (q = s; *q == ' ' || *q == '\t'; q++)
			;
		while (*q && *q != ' ' && *q != '\t')
			q++;
		if (!*q && size >= EXEC_HEAD_SIZE)
			return -ENOEXEC;
		end = s + strlen(s);
	}
	*end = 0;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	while (*s == ' ' || *s == '\t')
		s++;
	if (!*s)
		return -ENOEXEC;
	*path = s;
	while (*s && *s != ' ' && *s != '\t')
		s++;
	*arg = NULL;
	if (*s) {
		*s++ = 0;
		while (*s == ' ' || *s == '\t')
			s++;
		if (*s)
			*arg = s;
	}
	return 0;
}

/* Drops argv[0], the first string at p->sp. */
static int drop_arg_zero(struct program *p)
{
	char c;

	if (!p->argc)
		return 0;
	do {
		if (mm_access(p->mm, p->sp, &c, 1, false, false) != 1)
			return -EFAULT;
		p->sp++;
	} while (c);
	p->argc--;
	return 0;
}

static int read_head(struct program *p)
{
	ssize_t n;

	memset(p->head, 0, sizeof(p->head));
	n = file_read_kernel(p->file, p->head, sizeof(p->head), 0);
	return (int)n;
}

/* While the file is a script: push its words, open its interpreter. */
static int resolve_scripts(struct program *p, const char *script_name)
{
	int n = read_head(p), err;

	while (n > 2 && p->head[0] == '#' && p->head[1] == '!') {
		char *path, *arg;
		struct file *f;

		if (++p->depth > SCRIPT_DEPTH)
			return -ELOOP;
		if (p->name_vanishes)	/* the interpreter could not open it */
			return -ENOENT;
		err = parse_script(p->head, n, &path, &arg);
		if (!err)
			err = drop_arg_zero(p);
		if (!err)
			err = push_kernel_string(p, script_name);
		p->argc++;
		if (!err && arg) {
			err = push_kernel_string(p, arg);
			p->argc++;
		}
		if (!err)
			err = push_kernel_string(p, path);
		p->argc++;
		if (err)
			return err;
		kfree(p->interp_name);
		p->interp_name = kstrdup(path);
		if (!p->interp_name)
			return -ENOMEM;
		script_name = p->interp_name;
		f = file_open_exec(AT_FDCWD, p->interp_name, 0);
		if (IS_ERR(f))
			return (int)PTR_ERR(f);
		file_allow_write(p->file);
		file_put(p->file);
		p->file = f;
		n = read_head(p);
	}
	return n < 0 ? n : 0;
}

/* ---- credentials ---- */

static int compute_cred(struct program *p)
{
	struct inode *inode = p->file->inode;
	const struct cred *old = current->cred;
	struct cred *c = cred_dup(old);
	bool set_id = !(current->flags & TF_NO_NEW_PRIVS) && !mount_nosuid(&p->file->path);
	bool root;

	if (!c)
		return -ENOMEM;
	if (set_id && (inode->mode & S_ISUID))
		c->euid = inode->uid;
	if (set_id && (inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = inode->gid;
	p->secure = c->euid != c->uid || c->egid != c->gid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	root = !(c->securebits & SECBIT_NOROOT) && (c->uid == 0 || c->euid == 0);
	if (root) {
		c->cap_permitted = c->cap_inheritable | c->cap_bset;
		c->cap_effective = c->euid == 0 ? c->cap_permitted : 0;
		c->cap_ambient = 0;
	} else {
		if (p->secure)
			c->cap_ambient = 0;
		c->cap_permitted = c->cap_ambient;
		c->cap_effective = c->cap_ambient;
	}
	p->cred = c;
	return 0;
}

/* ---- commit ---- */

/* Kills every other thread and waits until we are alone; we become the leader. */
static int kill_other_threads(void)
{
	struct task *me = current, *t;
	struct process *p = me->process;

	if (p->flags & (PROC_EXITING | PROC_EXEC_GROUP))
		return -EAGAIN;
	if (p->nr_threads == 1 && p->leader == me)
		return 0;
	p->flags |= PROC_EXEC_GROUP;
	list_for_each_entry(t, &p->threads, thread_link) {
		if (t != me) {
			t->flags |= TF_EXIT;
			signal_wake(t, true);
		}
	}
	if (wait_event_killable(&p->exit_wq, p->nr_threads == 1)) {
		p->flags &= ~PROC_EXEC_GROUP;
		return -EAGAIN;
	}
	p->flags &= ~PROC_EXEC_GROUP;
	if (p->leader != me) {
		pid_remove_task(me);
		task_put(p->leader);
		p->leader = task_get(me);
		me->tid = p->pid;
		task_rename_to_leader(me);
	}
	return 0;
}

static void set_comm(struct task *t, const char *name)
{
	const char *base = strrchr(name, '/');

	strlcpy(t->comm, base ? base + 1 : name, sizeof(t->comm));
}

static void reset_signals(struct task *t, struct program *p)
{
	if (p->sighand) {
		sighand_put(t->sighand);
		t->sighand = p->sighand;
		p->sighand = NULL;
	}
	for (u32 i = 0; i < NSIG; i++) {
		struct ksigaction *sa = &t->sighand->action[i];
		uaddr_t handler = sa->handler == SIG_IGN ? SIG_IGN : SIG_DFL;

		*sa = (struct ksigaction){ .handler = handler };
	}
	t->altstack = (struct stack_t){ .flags = SS_DISABLE };
}

static void switch_mm(struct task *t, struct program *p)
{
	struct mm *old = t->mm;

	task_release_mm(t);		/* clear_child_tid, robust list, vfork */
	t->mm = p->mm;
	p->mm = NULL;
	hal_as_activate(&t->mm->as);
	if (old) {
		t->process->self.maxrss_pages = max(t->process->self.maxrss_pages,
						    old->hiwater_rss);
		mm_put(old);
	}
}

static void reset_registers(struct task *t, const struct program *p)
{
	struct trapframe *tf = t->tf;
	u8 *fp = t->hal.fp;

	memset(tf, 0, sizeof(*tf));
	tf->rip = p->entry;
	tf->rsp = p->sp;
	tf->cs = 0x33;
	tf->ss = 0x2b;
	tf->rflags = 0x202;
	tf->orig_rax = (u64)-1;
	memset(fp, 0, hal_info()->fp_size);
	*(u16 *)fp = 0x37f;
	*(u32 *)(fp + 24) = 0x1f80;
	hal_fp_dirty(&t->hal);
}

static void commit(struct program *p)
{
	struct task *t = current;
	struct process *proc = t->process;
	struct file *old_exe = proc->exe;
	struct cred *old_cred = t->cred;

	posix_timers_delete_all(proc);
	switch_mm(t, p);
	reset_signals(t, p);
	t->mm->dumpable = !p->secure && p->cred->euid == p->cred->uid;
	if (inode_permission(p->file->inode, MAY_READ))
		t->mm->dumpable = false;
	if (p->secure)
		t->pdeath_signal = 0;
	t->cred = p->cred;
	p->cred = NULL;
	cred_put(old_cred);
	proc->exe = p->file;
	p->file = NULL;
	if (old_exe) {
		file_allow_write(old_exe);
		file_put(old_exe);
	}
	proc->flags |= PROC_EXECED;
	proc->exit_signal = SIGCHLD;
	t->flags &= ~(TF_FORKNOEXEC | TF_KTHREAD | TF_KEEPCAPS);
	t->rseq = 0;
	t->restart_fn = NULL;
	set_comm(t, p->name);
	files_close_on_exec(t->files);
	reset_registers(t, p);
}

static void program_free(struct program *p)
{
	if (p->file) {
		file_allow_write(p->file);
		file_put(p->file);
	}
	if (p->mm)
		mm_put(p->mm);
	if (p->cred)
		cred_put(p->cred);
	if (p->sighand)
		sighand_put(p->sighand);
	kfree(p->name);
	kfree(p->interp_name);
	kfree(p);
}

static int load(struct program *p, const struct arg_source *argv, const struct arg_source *envp)
{
	int argc = count_args(argv), envc, err;
	struct mm *mm;

	if (argc < 0)
		return argc;
	envc = count_args(envp);
	if (envc < 0)
		return envc;
	mm = mm_create();
	if (IS_ERR(mm))
		return (int)PTR_ERR(mm);
	p->mm = mm;
	err = make_stack_area(p, (u32)max(argc, 1) + (u32)envc);
	if (!err)
		err = push_kernel_string(p, p->name);
	if (err)
		return err;
	p->execfn = p->sp;
	err = push_args(p, envp, (u32)envc);
	if (!err && argc)
		err = push_args(p, argv, (u32)argc);
	else if (!err)
		err = push_kernel_string(p, "");	/* argv[0] always exists */
	if (err)
		return err;
	p->argc = (u32)max(argc, 1);
	p->envc = (u32)envc;
	err = resolve_scripts(p, p->name);
	if (!err)
		err = compute_cred(p);
	if (err)
		return err;
	p->arg_start = p->sp;
	err = elf_load(p);
	if (!err)
		err = vdso_map(p->mm);
	if (!err)
		err = elf_make_stack(p);
	if (!err)
		err = trim_stack_area(p);
	return err;
}

static int exec_file(struct file *file, const char *name, bool name_vanishes,
		     const struct arg_source *argv, const struct arg_source *envp)
{
	struct program *p = kzalloc(sizeof(*p));
	int err = -ENOMEM;

	if (!p) {
		file_allow_write(file);
		file_put(file);
		return -ENOMEM;
	}
	p->file = file;
	p->name_vanishes = name_vanishes;
	p->name = kstrdup(name);
	if (p->name)
		err = load(p, argv, envp);
	if (!err && current->sighand->refcount > 1) {
		p->sighand = sighand_dup(current->sighand);
		err = p->sighand ? 0 : -ENOMEM;
	}
	if (!err)
		err = files_unshare(current);
	if (!err)
		err = kill_other_threads();
	if (!err)
		commit(p);
	program_free(p);
	return err;
}

static s64 do_execve(int dfd, uaddr_t upath, uaddr_t uargv, uaddr_t uenvp, int flags)
{
	const struct arg_source argv = { .user = uargv }, envp = { .user = uenvp };
	char *path = path_buf_get(), *name = path;
	char fdname[64];
	struct file *file;
	bool vanishes = false;
	ssize_t len;
	int err;

	if (!path)
		return -ENOMEM;
	len = copyin_str(path, upath, PATH_MAX);
	err = len < 0 ? (int)len : 0;
	if (!err) {
		file = file_open_exec(dfd, path, flags);
		err = IS_ERR(file) ? (int)PTR_ERR(file) : 0;
	}
	if (!err) {
		if (dfd != AT_FDCWD && path[0] != '/') {
			snprintf(fdname, sizeof(fdname), path[0] ? "/dev/fd/%d/%.40s" : "/dev/fd/%d",
				 dfd, path);
			name = fdname;
			vanishes = fd_cloexec(dfd) > 0;
		}
		err = exec_file(file, name, vanishes, &argv, &envp);
	}
	path_buf_put(path);
	return err;
}

SYSCALL_DEFINE3(execve, uaddr_t, path, uaddr_t, argv, uaddr_t, envp)
{
	return do_execve(AT_FDCWD, path, argv, envp, 0);
}

SYSCALL_DEFINE5(execveat, int, dfd, uaddr_t, path, uaddr_t, argv, uaddr_t, envp, int, flags)
{
	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return do_execve(dfd, path, argv, envp, flags);
}

int exec_kernel(const char *path, char *const argv[], char *const envp[])
{
	const struct arg_source a = { .kernel = argv }, e = { .kernel = envp };
	struct file *file = file_open_exec(AT_FDCWD, path, 0);

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	return exec_file(file, path, false, &a, &e);
}
