/* SPDX-License-Identifier: MIT */
/*
 * The names in /proc/PID, and the small files among them.
 *
 * See proc_pid.c for the directory and its rules. One table serves both
 * /proc/PID and /proc/PID/task/TID.
 */
#include "fs/mount.h"
#include "fs/proc_impl.h"
#include "kernel/capability.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define MOUNT_LINE 2048

/* ---- links ---- */

static int follow_exe(struct proc_ref *r, struct path *res)
{
	if (!r->p->exe)
		return -ENOENT;
	*res = path_get(r->p->exe->path);
	return 0;
}

static struct fs_context *ref_fs(struct proc_ref *r)
{
	struct task *t;

	if (r->t->fs)
		return r->t->fs;
	list_for_each_entry(t, &r->p->threads, thread_link) {
		if (t->fs)
			return t->fs;
	}
	return NULL;
}

static int follow_cwd(struct proc_ref *r, struct path *res)
{
	struct fs_context *fs = ref_fs(r);

	if (!fs)
		return -ENOENT;
	*res = path_get(fs->cwd);
	return 0;
}

static int follow_root(struct proc_ref *r, struct path *res)
{
	struct fs_context *fs = ref_fs(r);

	if (!fs)
		return -ENOENT;
	*res = path_get(fs->root);
	return 0;
}

/* ---- mounts ---- */

/* One line for each mount; the cursor is the position in the namespace. */
static int show_mounts_with(struct text *t, struct proc_ref *r, u64 *cursor,
			    int (*line)(struct mount *, const struct path *, char *, size_t))
{
	struct fs_context *fs = ref_fs(r);
	struct mount *m;
	struct path root;
	struct mount_ns *ns;
	char *buf;
	int n;

	if (!fs || !fs->ns)
		return -EINVAL;
	buf = kmalloc(MOUNT_LINE);
	if (!buf)
		return -ENOMEM;
	root = path_get(fs->root);
	ns = mount_ns_get(fs->ns);
	m = mount_ns_next(ns, cursor);
	while (m) {
		n = line(m, &root, buf, MOUNT_LINE);
		mount_put(m);
		if (n > 0)
			text_append(t, buf, (size_t)n);
		if (t->len > PAGE_SIZE)
			break;
		m = mount_ns_next(ns, cursor);
	}
	mount_ns_put(ns);
	path_put(&root);
	kfree(buf);
	return m ? 1 : 0;
}

static int show_mounts(struct text *t, struct proc_ref *r, u64 *cursor)
{
	return show_mounts_with(t, r, cursor, mount_show_mounts);
}

static int show_mountinfo(struct text *t, struct proc_ref *r, u64 *cursor)
{
	return show_mounts_with(t, r, cursor, mount_show_mountinfo);
}

/* ---- small values ---- */

static int show_comm(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	text_printf(t, "%s\n", r->t->comm);
	return 0;
}

static int store_comm(struct proc_ref *r, const char *text, size_t len)
{
	if (r->p != current->process)
		return -EINVAL;
	if (len && text[len - 1] == '\n')
		len--;
	len = min_t(size_t, len, TASK_COMM_LEN - 1);
	memset(r->t->comm, 0, TASK_COMM_LEN);
	memcpy(r->t->comm, text, len);
	return 0;
}

/* A decimal number with an optional newline. */
static int parse_number(const char *text, u64 *v)
{
	char digits[24];
	char *end;

	strlcpy(digits, text, sizeof(digits));
	end = strchr(digits, '\n');
	if (end)
		*end = '\0';
	return parse_u64(digits, 10, v) ? -EINVAL : 0;
}

/*
 * Linux's fault injection, with two differences: what descends from the caller is
 * counted, too, and there is one count for the machine.
 */
static int show_fail_nth(struct text *t, struct proc_ref *r __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\n", fail_left());
	return 0;
}

static int store_fail_nth(struct proc_ref *r, const char *text, size_t len __unused)
{
	u64 nth;

	if (r->t != current)
		return -EPERM;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (parse_number(text, &nth))
		return -EINVAL;
	fail_arm(nth);
	return 0;
}

static int show_cgroup(struct text *t, struct proc_ref *r __unused, u64 *cursor __unused)
{
	text_puts(t, "0::/\n");
	return 0;
}

static int show_loginuid(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	text_printf(t, "%u", r->p->loginuid_set ? r->p->loginuid : U32_MAX);
	return 0;
}

static int store_loginuid(struct proc_ref *r, const char *text, size_t len __unused)
{
	u64 uid;

	if (parse_number(text, &uid) || uid > U32_MAX)
		return -EINVAL;
	if (r->p != current->process)
		return -EPERM;
	if (!capable(CAP_AUDIT_CONTROL))
		return -EPERM;
	r->p->loginuid = (uid_t)uid;
	r->p->loginuid_set = uid != U32_MAX;
	return 0;
}

static int show_sessionid(struct text *t, struct proc_ref *r __unused, u64 *cursor __unused)
{
	text_puts(t, "4294967295");
	return 0;
}

/* As oom_badness: memory used in thousandths, shifted by the adjustment. */
static int show_oom_score(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	struct mm *mm = proc_mm_get(r->p);
	struct page_stats st;
	s64 points = 0, adj = (s32)r->p->oom_score_adj;

	if (mm) {
		page_get_stats(&st);
		points = (s64)(mm_rss(mm) * 1000 / max(st.total, 1ul)) + adj;
		points = adj == -1000 ? 0 : (1000 + max(points, -1000l)) * 2 / 3;
		mm_put(mm);
	}
	text_printf(t, "%ld\n", (long)points);
	return 0;
}

static int show_oom_score_adj(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	text_printf(t, "%d\n", (s32)r->p->oom_score_adj);
	return 0;
}

static int show_oom_adj(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	s32 adj = (s32)r->p->oom_score_adj;

	text_printf(t, "%d\n", adj == 1000 ? 15 : adj * 17 / 1000);
	return 0;
}

/* A decimal number with a sign and an optional newline. */
static int parse_s32(const char *text, s32 *out)
{
	bool minus = *text == '-';
	u64 v;

	if (parse_number(text + minus, &v) || v > S32_MAX)
		return -EINVAL;
	*out = minus ? -(s32)v : (s32)v;
	return 0;
}

static int set_oom_score_adj(struct process *p, s32 adj)
{
	if (!process_may_inspect(p))
		return -EACCES;
	if (adj < (s32)p->oom_score_adj && !capable(CAP_SYS_RESOURCE))
		return -EACCES;
	p->oom_score_adj = (u32)adj;
	return 0;
}

static int store_oom_score_adj(struct proc_ref *r, const char *text, size_t len __unused)
{
	s32 adj;

	if (parse_s32(text, &adj) || adj < -1000 || adj > 1000)
		return -EINVAL;
	return set_oom_score_adj(r->p, adj);
}

static int store_oom_adj(struct proc_ref *r, const char *text, size_t len __unused)
{
	s32 adj;

	if (parse_s32(text, &adj) || adj < -17 || adj > 15)
		return -EINVAL;
	return set_oom_score_adj(r->p, adj == 15 ? 1000 : adj * 1000 / 17);
}

static int show_wchan(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	text_puts(t, r->t->wchan && r->t->state == TASK_SLEEPING ? r->t->wchan : "0");
	return 0;
}

static int show_personality(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	text_printf(t, "%08x\n", r->t->personality);
	return 0;
}

static int show_syscall(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	const struct trapframe *tf = r->t->tf;

	if (r->t->state == TASK_DEAD || !r->t->mm)
		return 0;
	if (r->t->state == TASK_RUNNABLE && r->t != current)
		text_puts(t, "running\n");
	else if ((s64)tf->orig_rax < 0)
		text_printf(t, "-1 0x%lx 0x%lx\n", tf->rsp, tf->rip);
	else
		text_printf(t, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n",
			    tf->orig_rax, tf->rdi, tf->rsi, tf->rdx, tf->r10, tf->r8, tf->r9,
			    tf->rsp, tf->rip);
	return 0;
}

static int show_id_map(struct text *t, struct proc_ref *r __unused, u64 *cursor __unused)
{
	text_printf(t, "%10u %10u %10u\n", 0u, 0u, U32_MAX);
	return 0;
}

static int show_setgroups(struct text *t, struct proc_ref *r __unused, u64 *cursor __unused)
{
	text_puts(t, "allow\n");
	return 0;
}

static int show_timerslack(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	text_printf(t, "%lu\n", r->t->timer_slack_ns);
	return 0;
}

static int show_coredump_filter(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	if (r->t->mm)
		text_puts(t, "00000033\n");
	return 0;
}

static int show_children(struct text *t, struct proc_ref *r, u64 *cursor __unused)
{
	struct process *c;

	if (r->t != r->p->leader)
		return 0;
	list_for_each_entry(c, &r->p->children, sibling)
		text_printf(t, "%d ", c->pid);
	return 0;
}

/* No security module: Linux then fails reads with EINVAL. */
static int show_attr(struct text *t __unused, struct proc_ref *r __unused, u64 *cursor __unused)
{
	return -EINVAL;
}

static const struct pid_entry attr_table[] = {
	{ .name = "current", .mode = S_IFREG | 0666, .show = show_attr },
	{ .name = "prev", .mode = S_IFREG | 0444, .show = show_attr },
	{ .name = "exec", .mode = S_IFREG | 0666, .show = show_attr },
	{ .name = "fscreate", .mode = S_IFREG | 0666, .show = show_attr },
	{ .name = "keycreate", .mode = S_IFREG | 0666, .show = show_attr },
	{ .name = "sockcreate", .mode = S_IFREG | 0666, .show = show_attr },
};

#define DIR(n, m, i, f) { .name = n, .mode = S_IFDIR | (m), .iops = i, .fops = f }
#define TABLE(n, m, t, c) { .name = n, .mode = S_IFDIR | (m), .table = t, .count = c }
#define LINK(n, f) { .name = n, .mode = S_IFLNK | 0777, .follow = f }
#define TEXT(n, m, s) { .name = n, .mode = S_IFREG | (m), .show = s }
#define RW(n, m, s, w) { .name = n, .mode = S_IFREG | (m), .show = s, .store = w }
#define SECRET(n, m, s) { .name = n, .mode = S_IFREG | (m), .flags = PE_INSPECT, .show = s }
#define RAW(n, m, f) { .name = n, .mode = S_IFREG | (m), .flags = PE_INSPECT, .fops = f }

static const struct pid_entry base_table[] = {
	{ .name = "task", .mode = S_IFDIR | 0555, .flags = PE_PROCESS, .iops = &pid_task_iops,
	  .fops = &pid_task_fops },
	DIR("fd", 0500, &pid_fd_iops, &pid_fd_fops),
	DIR("fdinfo", 0555, &pid_fdinfo_iops, &pid_fdinfo_fops),
	{ .name = "ns", .mode = S_IFDIR | 0511, .table = pid_ns_table, .count = PID_NS_COUNT },
	{ .name = "net", .mode = S_IFDIR | 0555 },
	RAW("environ", 0400, &proc_environ_fops),
	RAW("auxv", 0400, &proc_auxv_fops),
	TEXT("status", 0444, proc_show_status),
	SECRET("personality", 0400, show_personality),
	TEXT("limits", 0444, proc_show_limits),
	TEXT("sched", 0644, proc_show_sched),
	RW("comm", 0644, show_comm, store_comm),
	SECRET("syscall", 0400, show_syscall),
	{ .name = "cmdline", .mode = S_IFREG | 0444, .fops = &proc_cmdline_fops },
	TEXT("stat", 0444, proc_show_stat),
	TEXT("statm", 0444, proc_show_statm),
	SECRET("maps", 0444, proc_show_maps),
	RAW("mem", 0600, &proc_mem_fops),
	LINK("cwd", follow_cwd),
	LINK("root", follow_root),
	LINK("exe", follow_exe),
	TEXT("mounts", 0444, show_mounts),
	TEXT("mountinfo", 0444, show_mountinfo),
	SECRET("smaps", 0444, proc_show_smaps),
	SECRET("smaps_rollup", 0444, proc_show_rollup),
	RAW("pagemap", 0400, &proc_pagemap_fops),
	TABLE("attr", 0555, attr_table, ARRAY_SIZE(attr_table)),
	TEXT("wchan", 0444, show_wchan),
	TEXT("schedstat", 0444, proc_show_schedstat),
	TEXT("cgroup", 0444, show_cgroup),
	TEXT("oom_score", 0444, show_oom_score),
	RW("oom_adj", 0644, show_oom_adj, store_oom_adj),
	RW("oom_score_adj", 0644, show_oom_score_adj, store_oom_score_adj),
	RW("loginuid", 0644, show_loginuid, store_loginuid),
	TEXT("sessionid", 0444, show_sessionid),
	SECRET("io", 0400, proc_show_io),
	TEXT("uid_map", 0444, show_id_map),
	TEXT("gid_map", 0444, show_id_map),
	TEXT("projid_map", 0444, show_id_map),
	TEXT("setgroups", 0444, show_setgroups),
	{ .name = "timerslack_ns", .mode = S_IFREG | 0444, .flags = PE_INSPECT | PE_PROCESS,
	  .show = show_timerslack },
	{ .name = "coredump_filter", .mode = S_IFREG | 0444, .flags = PE_PROCESS,
	  .show = show_coredump_filter },
	{ .name = "fail-nth", .mode = S_IFREG | 0644, .flags = PE_THREAD,
	  .show = show_fail_nth, .store = store_fail_nth },
	{ .name = "children", .mode = S_IFREG | 0444, .flags = PE_THREAD, .show = show_children },
};

const struct pid_entry pid_base_entry = {
	.mode = S_IFDIR | 0555,
	.table = base_table,
	.count = ARRAY_SIZE(base_table),
};

const struct pid_entry tid_base_entry = {
	.mode = S_IFDIR | 0555,
	.table = base_table,
	.count = ARRAY_SIZE(base_table),
};
