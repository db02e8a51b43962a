/* SPDX-License-Identifier: MIT */
/*
 * Tasks, processes and what they share.
 *
 * A struct task is what Linux calls a thread: a kernel stack, user registers,
 * a scheduling state. A struct process is a thread group. Both point to
 * reference-counted parts that clone(2) may share:
 *
 *   task ---> process (pid, parent, children, signals, limits, tty, ...)
 *        ---> mm        address space        (CLONE_VM)
 *        ---> files     descriptor table     (CLONE_FILES)   fs/vfs.h
 *        ---> fs        root, cwd, umask     (CLONE_FS)      fs/vfs.h
 *        ---> sighand   signal actions       (CLONE_SIGHAND)
 *        ---> cred      immutable, copy to change
 *
 * Life cycle: task_alloc -> sched_wake -> ... -> task_exit -> zombie (only
 * process leaders wait for wait4) -> task_put. A process dies with its last
 * thread and is a zombie until reaped.
 *
 * Locks: everything here is under the kernel lock, [p] own task only.
 */
#ifndef HYLA_KERNEL_TASK_H
#define HYLA_KERNEL_TASK_H

#include "abi/resource.h"
#include "abi/signal.h"
#include "hal/cpu.h"
#include "hal/mem.h"
#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"

struct mm;
struct files;
struct fs_context;
struct process;
struct tty;
struct file;
struct cpu;
struct path_buf;

/* ---- credentials: immutable once published; cred_dup to change ---- */

typedef u64 cap_t;		/* bit per CAP_* */

struct group_list {
	u32 refcount;
	u32 count;
	gid_t gid[];		/* sorted */
};

struct cred {
	u32 refcount;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	u32 securebits;
	cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct group_list *groups;	/* NULL: none */
};

struct cred *cred_get(struct cred *c);
void cred_put(struct cred *c);
/* A private copy with refcount 1, or NULL. */
struct cred *cred_dup(const struct cred *c) __must_check;
struct cred *cred_root(void) __must_check;	/* uid 0, every capability */
bool cred_in_group(const struct cred *c, gid_t gid);	/* fsgid or supplementary */
bool capable(int cap);					/* of current, effective */
bool cred_capable(const struct cred *c, int cap);

/* ---- signals (kernel/signal.h has the operations) ---- */

struct sigqueue {		/* one queued signal */
	struct list_head link;
	struct siginfo info;
};

struct sigpending {
	u64 set;		/* bit nr-1 */
	struct list_head queue;	/* struct sigqueue */
};

struct sighand {
	u32 refcount;
	u32 reserved;
	struct ksigaction action[NSIG];	/* index nr-1 */
	struct waitqueue signalfd_wq;	/* woken when a signal arrives */
};

/* ---- process = thread group ---- */

struct pid_link {		/* membership in a pgrp or session */
	struct list_head link;
};

struct rusage_acct {
	u64 utime_ns, stime_ns;
	u64 minflt, majflt, nvcsw, nivcsw, inblock, oublock;
	u64 maxrss_pages;
};

enum process_flag {
	PROC_EXITING = 1 << 0,	/* group exit: every thread must die */
	PROC_ZOMBIE = 1 << 1,
	PROC_STOPPED = 1 << 2,	/* job control stop in effect */
	PROC_EXECED = 1 << 3,	/* has called execve since fork (setpgid) */
	PROC_STOP_REPORT = 1 << 4,	/* WUNTRACED has something to report */
	PROC_CONT_REPORT = 1 << 5,	/* WCONTINUED has something to report */
	PROC_SUBREAPER = 1 << 6,
	PROC_INIT = 1 << 7,	/* the reaper of last resort */
	PROC_DUMPABLE = 1 << 8,
	PROC_EXEC_GROUP = 1 << 9, /* a thread is in de_thread for execve */
};

struct posix_timer;

struct process {
	u32 refcount;		/* tasks, pid table, pidfds, ... */
	u32 flags;		/* enum process_flag */
	pid_t pid;
	pid_t pgid, sid;
	struct process *parent;	/* real parent; init for orphans */
	struct list_head children;	/* struct process.sibling */
	struct list_head sibling;
	struct list_head threads;	/* struct task.thread_link */
	u32 nr_threads;		/* live */
	struct task *leader;
	struct list_head all_link;	/* every process */
	bool published;
	int exit_signal;	/* to the parent, usually SIGCHLD */
	int exit_status;	/* wait status */
	int stop_sig;		/* the signal that stopped it */
	u32 stop_count;		/* threads still to stop */
	u32 stop_nr;		/* of the latest stop */
	struct sigpending pending;	/* process-directed signals */
	struct waitqueue child_wq;	/* wait4 sleepers; woken on child events */
	struct waitqueue exit_wq;	/* pidfd pollers; woken at death */
	struct rlimit64 rlim[RLIM_NLIMITS];
	struct rusage_acct self;	/* dead threads' part */
	u64 shown_utime_ns, shown_stime_ns;	/* the most that anybody was told */
	struct rusage_acct children_acct;
	u64 start_ns;		/* hal_clock_ns at creation */
	struct tty *tty;	/* controlling terminal; owned by fs/tty.h */
	pid_t tty_old_pgrp;	/* foreground group of a hung-up terminal (fs/tty_job.c) */
	struct timer itimer_real;
	u64 itimer_real_interval;
	u64 itimer_virt[2];	/* remaining, interval: ITIMER_VIRTUAL (ns of utime) */
	u64 itimer_prof[2];
	u64 cpu_seen_utime_ns, cpu_seen_stime_ns;	/* when the two were last charged */
	struct list_head posix_timers;
	int next_timer_id;
	bool cpu_timers;	/* a POSIX timer on a CPU-time clock may be armed */
	struct file *exe;	/* the running program; /proc/PID/exe */
	u32 oom_score_adj;	/* an s32: -1000 to 1000 */
	uid_t loginuid;		/* audit's login id, inherited; see fs/proc_entries.c */
	bool loginuid_set;
};

/* ---- task = thread ---- */

enum task_state {
	TASK_RUNNABLE,		/* running or on the run queue */
	TASK_SLEEPING,		/* woken by events and, by kind, signals */
	TASK_STOPPED,		/* job control or ptrace stop */
	TASK_DEAD,
};

enum task_flag {		/* task->flags: look before returning to user mode */
	TF_SIGPENDING = 1 << 0,
	TF_EXIT = 1 << 2,	/* must exit (group exit or fatal signal) */
	TF_KTHREAD = 1 << 3,
	TF_RESTORE_SIGMASK = 1 << 4,	/* saved_sigmask comes back unless a handler runs */
	TF_FORKNOEXEC = 1 << 5,
	TF_VFORK_DONE = 1 << 7,
	TF_NO_NEW_PRIVS = 1 << 8,
	TF_TRACE = 1 << 9,	/* strace-like decoding */
	TF_KEEPCAPS = 1 << 10,
	TF_FAIL_NTH = 1 << 11,	/* its allocations count: fail_arm() in mm/page.h */
};

#define TASK_COMM_LEN 16

struct task {
	struct kstack *stack;		/* from hal_kstack_map */
	void *stack_mem;		/* its memory, in the direct map; NULL: boot task */
	void *sp;		/* saved kernel stack pointer, when not running */
	struct trapframe *tf;	/* top of stack */
	struct hal_thread hal;
	u32 refcount;
	u32 flags;		/* enum task_flag */
	u32 state;		/* enum task_state */
	u32 sleep_kind;		/* enum sleep_kind */
	u32 stop_nr;		/* the latest stop that it took part in */
	bool woken;		/* set by task_wake while sleeping */
	bool on_cpu;
	bool on_rq;
	pid_t tid;
	struct process *process;
	struct list_head thread_link;	/* process->threads */
	struct list_head rq_link;
	struct mm *mm;		/* NULL: kernel thread */
	struct files *files;
	struct fs_context *fs;
	struct sighand *sighand;
	struct cred *cred;
	struct uts_ns *uts;	/* kernel/uts.h */
	/* signals */
	u64 sigmask;		/* blocked */
	u64 saved_sigmask;	/* TF_RESTORE_SIGMASK */
	u64 awaited;		/* rt_sigtimedwait: blocked in truth, but they wake us */
	struct sigpending pending;
	struct stack_t altstack;
	int pdeath_signal;
	u32 fault_trapno;	/* last fault, for signal frames */
	u64 fault_error;
	uaddr_t fault_addr;
	/* restart_syscall */
	s64 (*restart_fn)(struct task *t);
	u64 restart_arg[6];
	/* clone and futex */
	uaddr_t clear_child_tid;
	uaddr_t robust_list;
	u64 robust_list_len;
	uaddr_t rseq;
	u32 rseq_len, rseq_sig;
	struct waitqueue *vfork_wq;	/* the parent's, when CLONE_VFORK */
	bool *vfork_done;
	/* scheduling */
	int nice;
	int policy;		/* SCHED_* */
	int rt_priority;
	u64 vruntime;		/* ns, weighted */
	u64 cpus_allowed;
	u32 last_cpu;
	u64 exec_start_ns;	/* when it last began to run */
	u64 utime_ns, stime_ns;
	u64 nvcsw, nivcsw, minflt, majflt;
	u32 syscall_count;
	bool timed, sampled;	/* this trap's time; see kernel/trap.c */
	u64 untimed_ns;		/* counted as user time since the last sample */
	u64 mode_since_ns;	/* when it last crossed between user and kernel mode */
	u64 start_ns;
	int exit_code;
	char comm[TASK_COMM_LEN];
	u32 personality;
	void (*kthread_fn)(void *arg);
	void *kthread_arg;
	int ioprio;
	u64 timer_slack_ns;
	int link_depth;		/* nested symlinks during a path walk */
	const char *wchan;
	struct timer sleep_timer;
	struct rusage_acct io;	/* inblock/oublock */
};

/* At the bottom of each kernel stack; aligned to KSTACK_SIZE. */
struct kstack {
	struct task *task;
	struct cpu *cpu;
	u64 canary;
	u64 reserved;
};
#define KSTACK_CANARY 0x68796c6120737461ul

static inline struct kstack *current_stack(void)
{
	return (struct kstack *)((u64)__builtin_frame_address(0) & ~(KSTACK_SIZE - 1));
}
#define current (current_stack()->task)
#define this_cpu() (current_stack()->cpu)

static inline struct trapframe *kstack_trapframe(struct kstack *ks)
{
	return (struct trapframe *)((u8 *)ks + KSTACK_SIZE) - 1;
}

static inline struct task *task_get(struct task *t) { t->refcount++; return t; }
void task_put(struct task *t);
static inline struct process *process_get(struct process *p) { p->refcount++; return p; }
void process_put(struct process *p);
/* Ends the current task; the whole process with group_exit. */
void task_exit(int code) __noreturn;
void task_exit_group(int status) __noreturn;
struct process *process_alloc(void) __must_check;
struct task *task_alloc(void) __must_check;	/* stack, FP area; no process yet */
void task_free_unstarted(struct task *t);
pid_t pid_alloc(void) __must_check;		/* > 0 or -EAGAIN */
int pid_publish(struct task *t) __must_check;	/* into the tables */
void pid_remove_task(struct task *t);
void pid_remove_process(struct process *p);
/* execve by a non-leader: t takes over the leader's id. */
void task_rename_to_leader(struct task *t);
/* The task leaves its mm: clear_child_tid, robust futexes, vfork parent. */
void task_release_mm(struct task *t);
void posix_timers_delete_all(struct process *p);
/* Timers on the CPU time of t, which ends, never fire again. */
void posix_timers_thread_exit(struct task *t);
/* Fires CPU-time timers that are due; false: none is armed any more. */
bool posix_cpu_timers_check(struct process *p);
/* All threads, dead ones included. */
void process_times(struct process *p, u64 *utime_ns, u64 *stime_ns);
int files_unshare(struct task *t) __must_check;	/* fs/fdtable.c */
extern struct task boot_task;
void task_init_boot(void);
struct task *task_alloc_idle(struct cpu *cpu) __must_check;
/* Kernel part of clone(2); see kernel/fork.c. Returns the new id or -errno. */
struct clone_args;
s64 kernel_clone(const struct clone_args *args) __must_check;
/* The same, for a child of the init task that begins with fn in the kernel and
 * goes to user mode when fn has made it a program (exec_kernel). */
s64 kernel_clone_thread(const struct clone_args *args, void (*fn)(void *)) __must_check;
void process_drop_leader(struct process *p);
/* A zombie's last trace goes. */
void process_reap(struct process *p);
/* Starts a program in current, from kernel strings (boot). */
int exec_kernel(const char *path, char *const argv[], char *const envp[]) __must_check;

/* By id, without a reference; NULL if there is none. */
struct task *task_find(pid_t tid);
struct process *process_find(pid_t pid);
extern struct list_head process_list;	/* struct process.all_link */
extern u32 nr_tasks, max_tasks;
extern u64 total_forks;			/* tasks ever made (/proc/stat) */
pid_t pid_last(void);			/* the newest id (/proc/loadavg) */
extern struct process *init_process;	/* pid 1 */

/* The time since mode_since_ns was kernel time (kernel/trap.c). */
void task_charge_kernel(struct task *t, u64 now);
/* RLIMIT_CPU, ITIMER_VIRTUAL, ITIMER_PROF at return to user mode. */
static inline bool process_has_cpu_limits(const struct process *p)
{
	return p->itimer_virt[0] || p->itimer_prof[0] || p->cpu_timers ||
	       p->rlim[RLIMIT_CPU].cur != RLIM_INFINITY;
}
void process_check_cpu_limits(struct task *t);
/* si_code of a #MF (16) or #XM (19). */
int fp_exception_code(struct task *t, u32 vector);

/* A kernel thread. It ends when fn returns, unless fn became a user task. */
struct task *kthread_create(const char *name, void (*fn)(void *arg), void *arg) __must_check;

static inline bool signal_pending(const struct task *t)
{
	return t->flags & (TF_SIGPENDING | TF_EXIT);
}

/* Soft limit of the current process. */
static inline u64 rlimit(int which) { return current->process->rlim[which].cur; }

/* Kernel-internal errno values of interrupted calls (signal.c turns them into
 * EINTR or a restart; they never reach a guest). */
#define ERESTARTSYS 512		/* restart if SA_RESTART, else EINTR */
#define ERESTARTNOINTR 513	/* always restart */
#define ERESTARTNOHAND 514	/* restart unless a handler runs */
#define ERESTART_RESTARTBLOCK 516 /* through restart_syscall and task->restart_fn */

#endif
