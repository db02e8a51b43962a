/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys: what sysctl(8) reads and writes.
 *
 * Three kinds of rows: fixed values (of what is a constant of this kernel),
 * variables with bounds that writing changes, and functions. A fixed value is
 * read-only: a knob that turns nothing is not offered.
 *
 * Numbers are decimal; the UTS names are those of the reader's namespace.
 * /proc/sys/net is filled by src/net, SysV IPC and mqueue rows by their owners.
 */
#include "fs/devfs.h"
#include "fs/inotify.h"
#include "fs/pipe.h"
#include "fs/proc_impl.h"
#include "fs/pty.h"
#include "hal/hal.h"
#include "kernel/capability.h"
#include "kernel/log.h"
#include "kernel/uts.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pagecache.h"

/* ---- fixed values ---- */

static int show_fixed(struct text *t, void *data, u64 *cursor __unused)
{
	text_printf(t, "%s\n", (const char *)data);
	return 0;
}

static const struct pseudo_ops fixed_ops = { .show = show_fixed };

static const struct {
	const char *path, *value;
} fixed[] = {
	{ "abi/vsyscall32", "0" },
	{ "dev/tty/ldisc_autoload", "0" },
	{ "dev/tty/legacy_tiocsti", "0" },
	{ "fs/aio-max-nr", "0" },
	{ "fs/aio-nr", "0" },
	{ "fs/dir-notify-enable", "0" },
	{ "fs/lease-break-time", "45" },
	{ "fs/leases-enable", "0" },
	{ "fs/mount-max", "100000" },
	{ "fs/nr_open", "1048576" },
	{ "fs/overflowgid", "65534" },
	{ "fs/overflowuid", "65534" },
	{ "fs/pipe-user-pages-hard", "0" },
	{ "fs/pipe-user-pages-soft", "0" },
	{ "fs/protected_fifos", "0" },
	{ "fs/protected_hardlinks", "1" },
	{ "fs/protected_regular", "0" },
	{ "fs/protected_symlinks", "0" },
	{ "fs/suid_dumpable", "0" },
	{ "kernel/arch", "x86_64" },
	{ "kernel/cap_last_cap", "40" },
	{ "kernel/core_pattern", "core" },
	{ "kernel/core_uses_pid", "0" },
	{ "kernel/ctrl-alt-del", "0" },
	{ "kernel/dmesg_restrict", "0" },
	{ "kernel/kptr_restrict", "0" },
	{ "kernel/ngroups_max", "65536" },
	{ "kernel/ostype", "Linux" },
	{ "kernel/overflowgid", "65534" },
	{ "kernel/overflowuid", "65534" },
	{ "kernel/panic", "0" },
	{ "kernel/panic_on_oops", "1" },
	{ "kernel/pid_max", "32768" },
	{ "kernel/pty/reserve", "0" },
	{ "kernel/random/entropy_avail", "256" },
	{ "kernel/random/poolsize", "256" },
	{ "kernel/random/urandom_min_reseed_secs", "60" },
	{ "kernel/random/write_wakeup_threshold", "256" },
	{ "kernel/randomize_va_space", "2" },
	{ "kernel/sched_rr_timeslice_ms", "100" },
	{ "kernel/sysctl_writes_strict", "1" },
	{ "kernel/tainted", "0" },
	{ "user/max_cgroup_namespaces", "0" },
	{ "user/max_ipc_namespaces", "0" },
	{ "user/max_net_namespaces", "0" },
	{ "user/max_pid_namespaces", "0" },
	{ "user/max_time_namespaces", "0" },
	{ "user/max_user_namespaces", "0" },
	{ "vm/admin_reserve_kbytes", "0" },
	{ "vm/dirty_background_ratio", "10" },
	{ "vm/dirty_expire_centisecs", "3000" },
	{ "vm/dirty_ratio", "20" },
	{ "vm/dirty_writeback_centisecs", "500" },
	{ "vm/hugetlb_shm_group", "0" },
	{ "vm/laptop_mode", "0" },
	{ "vm/legacy_va_layout", "0" },
	{ "vm/memfd_noexec", "0" },
	{ "vm/mmap_min_addr", "65536" },
	{ "vm/nr_hugepages", "0" },
	{ "vm/nr_overcommit_hugepages", "0" },
	{ "vm/oom_dump_tasks", "0" },
	{ "vm/oom_kill_allocating_task", "0" },
	{ "vm/overcommit_kbytes", "0" },
	{ "vm/overcommit_memory", "1" },
	{ "vm/overcommit_ratio", "50" },
	{ "vm/page-cluster", "0" },
	{ "vm/panic_on_oom", "0" },
	{ "vm/swappiness", "0" },
	{ "vm/user_reserve_kbytes", "0" },
	{ "vm/vfs_cache_pressure", "100" },
	{ "vm/zone_reclaim_mode", "0" },
};

/* ---- variables ---- */

struct sys_var {
	const char *path;
	u32 *value;
	u32 min, max;
	mode_t mode;
};

static int parse_number(const char *text, u64 *v)
{
	char digits[24];
	char *p = digits;

	while (*text == ' ' || *text == '\t')
		text++;
	while (*text >= '0' && *text <= '9' && p < digits + sizeof(digits) - 1)
		*p++ = *text++;
	*p = '\0';
	while (*text == ' ' || *text == '\t' || *text == '\n')
		text++;
	return *text || p == digits ? -EINVAL : parse_u64(digits, 10, v);
}

static int show_var(struct text *t, void *data, u64 *cursor __unused)
{
	const struct sys_var *var = data;

	text_printf(t, "%u\n", *var->value);
	return 0;
}

static int store_var(const char *text, size_t len __unused, void *data)
{
	const struct sys_var *var = data;
	u64 v;

	if (var->mode == 0444)
		return -EACCES;
	if (parse_number(text, &v) || v < var->min || v > var->max)
		return -EINVAL;
	*var->value = (u32)v;
	return 0;
}

static const struct pseudo_ops var_ops = { .show = show_var, .store = store_var };

static struct sys_var vars[] = {
	{ "fs/inotify/max_queued_events", &inotify_max_queued_events, 0, S32_MAX, 0644 },
	{ "fs/inotify/max_user_instances", &inotify_max_user_instances, 0, S32_MAX, 0644 },
	{ "fs/inotify/max_user_watches", &inotify_max_user_watches, 0, S32_MAX, 0644 },
	{ "fs/pipe-max-size", &pipe_max_size, 4096, 1u << 30, 0644 },
	{ "kernel/pty/max", &pty_max, 0, 1u << 20, 0644 },
	{ "kernel/pty/nr", &pty_count, 0, 0, 0444 },
	{ "kernel/threads-max", &max_tasks, 20, 1u << 22, 0644 },
};

/* ---- functions ---- */

static int show_uts(struct text *t, void *data, u64 *cursor __unused)
{
	text_printf(t, "%s\n", (const char *)&current->uts->name + (u64)data);
	return 0;
}

static int store_uts(const char *text, size_t len, void *data)
{
	char *field = (char *)&current->uts->name + (u64)data;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len && text[len - 1] == '\n')
		len--;
	len = min_t(size_t, len, sizeof(current->uts->name.nodename) - 1);
	memset(field, 0, sizeof(current->uts->name.nodename));
	memcpy(field, text, len);
	return 0;
}

static int show_max_map_count(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\n", max_map_count);
	return 0;
}

static int show_file_nr(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\t0\t%lu\n", vfs_stats.files, S64_MAX);
	return 0;
}

static int show_file_max(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\n", S64_MAX);
	return 0;
}

static int show_inode_nr(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\t0\n", vfs_stats.inodes);
	return 0;
}

static int show_inode_state(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\t0\t0\t0\t0\t0\t0\n", vfs_stats.inodes);
	return 0;
}

static int show_dentry_state(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\t%lu\t45\t0\t0\t0\n", vfs_stats.dentries, vfs_stats.dentries_unused);
	return 0;
}

static int show_min_free(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%lu\n", page_reserve() * (PAGE_SIZE / 1024));
	return 0;
}

static int store_drop_caches(const char *text, size_t len __unused, void *data __unused)
{
	u64 v;

	if (parse_number(text, &v) || v < 1 || v > 7)
		return -EINVAL;
	if (v & 1)
		(void)pagecache_reclaim(U64_MAX);
	/* A pass frees what was unused at its start; then directories follow. */
	while ((v & 2) && dentry_reclaim(U64_MAX))
		;
	return 0;
}

static int show_printk(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%d\t%d\t%d\t%d\n", log_level + 1, LOG_WARN, 1, LOG_DEBUG);
	return 0;
}

static int store_printk(const char *text, size_t len __unused, void *data __unused)
{
	if (*text < '1' || *text > '8' || (text[1] >= '0' && text[1] <= '9'))
		return -EINVAL;
	log_level = *text - '1';
	return 0;
}

static void text_uuid(struct text *t, const u8 id[16])
{
	text_printf(t, "%02x%02x%02x%02x-%02x%02x-%02x%02x-", id[0], id[1], id[2], id[3], id[4],
		    id[5], id[6], id[7]);
	text_printf(t, "%02x%02x-%02x%02x%02x%02x%02x%02x\n", id[8], id[9], id[10], id[11],
		    id[12], id[13], id[14], id[15]);
}

static void make_uuid(u8 id[16])
{
	random_bytes(id, 16);
	id[6] = (u8)((id[6] & 0x0f) | 0x40);	/* version 4, RFC 4122 */
	id[8] = (u8)((id[8] & 0x3f) | 0x80);
}

static int show_boot_id(struct text *t, void *data __unused, u64 *cursor __unused)
{
	static u8 id[16];
	static bool made;

	if (!made)
		make_uuid(id);
	made = true;
	text_uuid(t, id);
	return 0;
}

static int show_uuid(struct text *t, void *data __unused, u64 *cursor __unused)
{
	u8 id[16];

	make_uuid(id);
	text_uuid(t, id);
	return 0;
}

static const struct pseudo_ops uts_ro_ops = { .show = show_uts };
static const struct pseudo_ops uts_rw_ops = { .show = show_uts, .store = store_uts };

void proc_sys_init(void)
{
	static const struct {
		const char *path;
		struct pseudo_ops ops;
		mode_t mode;
	} functions[] = {
		{ "fs/dentry-state", { .show = show_dentry_state }, 0444 },
		{ "fs/file-max", { .show = show_file_max }, 0444 },
		{ "fs/file-nr", { .show = show_file_nr }, 0444 },
		{ "fs/inode-nr", { .show = show_inode_nr }, 0444 },
		{ "fs/inode-state", { .show = show_inode_state }, 0444 },
		{ "kernel/printk", { .show = show_printk, .store = store_printk }, 0644 },
		{ "kernel/random/boot_id", { .show = show_boot_id }, 0444 },
		{ "kernel/random/uuid", { .show = show_uuid }, 0444 },
		{ "vm/drop_caches", { .store = store_drop_caches }, 0200 },
		{ "vm/max_map_count", { .show = show_max_map_count }, 0444 },
		{ "vm/min_free_kbytes", { .show = show_min_free }, 0444 },
	};
	static const struct {
		const char *path;
		u64 offset;
		bool write;
	} uts[] = {
		{ "kernel/osrelease", offsetof(struct utsname, release), false },
		{ "kernel/version", offsetof(struct utsname, version), false },
		{ "kernel/hostname", offsetof(struct utsname, nodename), true },
		{ "kernel/domainname", offsetof(struct utsname, domainname), true },
	};
	char path[64];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fixed); i++) {
		snprintf(path, sizeof(path), "sys/%s", fixed[i].path);
		proc_add_boot(path, 0444, &fixed_ops, (void *)fixed[i].value);
	}
	for (i = 0; i < ARRAY_SIZE(vars); i++) {
		snprintf(path, sizeof(path), "sys/%s", vars[i].path);
		proc_add_boot(path, vars[i].mode, &var_ops, &vars[i]);
	}
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		snprintf(path, sizeof(path), "sys/%s", functions[i].path);
		proc_add_boot(path, functions[i].mode, &functions[i].ops, NULL);
	}
	for (i = 0; i < ARRAY_SIZE(uts); i++) {
		snprintf(path, sizeof(path), "sys/%s", uts[i].path);
		proc_add_boot(path, uts[i].write ? 0644 : 0444,
			      uts[i].write ? &uts_rw_ops : &uts_ro_ops, (void *)uts[i].offset);
	}
	proc_add_boot("sys/fs/binfmt_misc", S_IFDIR | 0555, NULL, NULL);
	proc_add_boot("sys/net", S_IFDIR | 0555, NULL, NULL);
}
