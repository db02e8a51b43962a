/* SPDX-License-Identifier: MIT */
/*
 * The system's files in /proc: meminfo, stat, uptime, loadavg, version, ...
 *
 * Each is a show function in the table at the end. Formats are Linux's, since
 * free, vmstat, top, w and others parse them. What this kernel does not have
 * (swap, huge pages) shows as none or zero.
 */
#include "fs/block.h"
#include "fs/kmsg.h"
#include "fs/locks.h"
#include "fs/mount.h"
#include "fs/proc_impl.h"
#include "fs/tty.h"
#include "hal/hal.h"
#include "kernel/clock.h"
#include "kernel/config.h"
#include "kernel/sched.h"
#include "kernel/uts.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

#define KIB(pages) ((u64)(pages) * (PAGE_SIZE / 1024))

/* ---- memory ---- */

struct kib_row {
	const char *name;
	u64 kib;
};

static void text_rows(struct text *t, const struct kib_row *row, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		text_printf(t, "%s:", row[i].name);
		text_printf(t, "%*lu kB\n", (int)(23 - strlen(row[i].name)), row[i].kib);
	}
}

static int show_meminfo(struct text *t, void *data __unused, u64 *cursor __unused)
{
	struct page_stats st;
	u64 total, free, cache, stacks = nr_tasks * (KSTACK_SIZE / 1024);

	page_get_stats(&st);
	total = KIB(st.total);
	free = KIB(st.free);
	cache = KIB(st.cache);
	{
		const struct kib_row rows[] = {
			{ "MemTotal", total }, { "MemFree", free },
			{ "MemAvailable", KIB(page_available()) }, { "Buffers", 0 },
			{ "Cached", cache }, { "SwapCached", 0 }, { "Active", KIB(st.anon) },
			{ "Inactive", cache }, { "Active(anon)", KIB(st.anon) },
			{ "Inactive(anon)", 0 }, { "Active(file)", 0 },
			{ "Inactive(file)", cache }, { "Unevictable", 0 }, { "Mlocked", 0 },
			{ "SwapTotal", 0 }, { "SwapFree", 0 }, { "Dirty", 0 },
			{ "Writeback", 0 }, { "AnonPages", KIB(st.anon) }, { "Mapped", 0 },
			{ "Shmem", KIB(st.shmem) }, { "KReclaimable", 0 }, { "Slab", KIB(st.slab) },
			{ "SReclaimable", 0 }, { "SUnreclaim", KIB(st.slab) },
			{ "KernelStack", stacks }, { "PageTables", KIB(st.table) },
			{ "NFS_Unstable", 0 }, { "Bounce", 0 }, { "WritebackTmp", 0 },
			{ "CommitLimit", total }, { "Committed_AS", KIB(st.anon) },
			{ "VmallocTotal", 0 }, { "VmallocUsed", 0 }, { "VmallocChunk", 0 },
			{ "AnonHugePages", 0 },
		};

		text_rows(t, rows, ARRAY_SIZE(rows));
	}
	text_puts(t, "HugePages_Total:       0\nHugePages_Free:        0\n"
		  "HugePages_Rsvd:        0\nHugePages_Surp:        0\n");
	{
		const struct kib_row rows[] = { { "Hugepagesize", 2048 }, { "Hugetlb", 0 } };

		text_rows(t, rows, ARRAY_SIZE(rows));
	}
	return 0;
}

static void sum_faults(u64 *minor, u64 *major)
{
	struct process *p;
	struct task *t;

	*minor = *major = 0;
	list_for_each_entry(p, &process_list, all_link) {
		*minor += p->self.minflt + p->children_acct.minflt;
		*major += p->self.majflt + p->children_acct.majflt;
		list_for_each_entry(t, &p->threads, thread_link) {
			*minor += t->minflt;
			*major += t->majflt;
		}
	}
}

static int show_vmstat(struct text *t, void *data __unused, u64 *cursor __unused)
{
	struct page_stats st;
	u64 minor, major;

	page_get_stats(&st);
	sum_faults(&minor, &major);
	text_printf(t, "nr_free_pages %lu\nnr_inactive_anon 0\nnr_active_anon %lu\n"
		    "nr_inactive_file %lu\nnr_active_file 0\nnr_unevictable 0\nnr_mlock 0\n",
		    st.free, st.anon, st.cache);
	text_printf(t, "nr_slab_reclaimable 0\nnr_slab_unreclaimable %lu\nnr_anon_pages %lu\n"
		    "nr_mapped 0\nnr_file_pages %lu\nnr_dirty 0\nnr_writeback 0\nnr_shmem 0\n",
		    st.slab, st.anon, st.cache);
	text_printf(t, "nr_kernel_stack %lu\nnr_page_table_pages %lu\npgpgin 0\npgpgout 0\n"
		    "pswpin 0\npswpout 0\npgfault %lu\npgmajfault %lu\noom_kill 0\n",
		    nr_tasks * (KSTACK_SIZE / 1024), st.table, minor + major, major);
	return 0;
}

static void slab_row(const struct slab_cache *c, void *arg)
{
	u64 objects = c->slabs * c->per_slab;

	text_printf(arg, "%-17s %6lu %6lu %6u %4u %4lu : tunables %4u %4u %4u : slabdata "
		    "%6lu %6lu %6lu\n", c->name, c->inuse, objects, c->size, c->per_slab,
		    1ul << c->order, 0u, 0u, 0u, c->slabs, c->slabs, 0ul);
}

static int show_slabinfo(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_puts(t, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> "
		  "<objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> "
		  "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	slab_for_each(slab_row, t);
	return 0;
}

static int show_buddyinfo(struct text *t, void *data __unused, u64 *cursor __unused)
{
	u64 count[MAX_ORDER];
	u32 i;

	page_free_counts(count);
	text_printf(t, "Node %d, zone %8s ", 0, "Normal");
	for (i = 0; i < MAX_ORDER; i++)
		text_printf(t, "%6lu ", count[i]);
	text_putc(t, '\n');
	return 0;
}

/* ---- time and load ---- */

static void text_cpu(struct text *t, const char *name, u64 user, u64 kernel, u64 idle)
{
	text_printf(t, "%s %lu 0 %lu %lu 0 0 0 0 0 0\n", name, user / TICK_NS, kernel / TICK_NS,
		    idle / TICK_NS);
}

static u64 total_idle_ns(void)
{
	u64 idle = 0;
	u32 i;

	for (i = 0; i < HAL_MAX_CPUS; i++) {
		if (cpus[i].online)
			idle += cpus[i].idle_ns;
	}
	return idle;
}

static int show_stat(struct text *t, void *data __unused, u64 *cursor __unused)
{
	u64 user = 0, kernel = 0, switches = 0;
	char name[16];
	u32 i;

	for (i = 0; i < HAL_MAX_CPUS; i++) {
		if (!cpus[i].online)
			continue;
		user += cpus[i].user_ns;
		kernel += cpus[i].kernel_ns;
		switches += cpus[i].switches;
	}
	text_cpu(t, "cpu ", user, kernel, total_idle_ns());
	for (i = 0; i < HAL_MAX_CPUS; i++) {
		if (!cpus[i].online)
			continue;
		snprintf(name, sizeof(name), "cpu%u", i);
		text_cpu(t, name, cpus[i].user_ns, cpus[i].kernel_ns, cpus[i].idle_ns);
	}
	text_printf(t, "intr 0\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\n"
		    "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n", switches,
		    (clock_realtime_ns() - hal_clock_ns()) / NSEC_PER_SEC, total_forks,
		    max(sched_nr_runnable(), 1u));
	return 0;
}

static void text_centis(struct text *t, u64 ns)
{
	text_printf(t, "%lu.%02lu", ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / TICK_NS);
}

static int show_uptime(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_centis(t, hal_clock_ns());
	text_putc(t, ' ');
	text_centis(t, total_idle_ns());
	text_putc(t, '\n');
	return 0;
}

static int show_loadavg(struct text *t, void *data __unused, u64 *cursor __unused)
{
	u32 i;

	for (i = 0; i < 3; i++) {
		u64 load = sched_load_avg(i) + 10;	/* rounds to 1/100 */

		text_printf(t, "%lu.%02lu ", load >> 11, (load & 2047) * 100 >> 11);
	}
	text_printf(t, "%u/%u %d\n", max(sched_nr_runnable(), 1u), nr_tasks, pid_last());
	return 0;
}

/* ---- names ---- */

static int show_version(struct text *t, void *data __unused, u64 *cursor __unused)
{
	const struct utsname *u = &current->uts->name;

	text_printf(t, "%s version %s (hyla) %s\n", u->sysname, u->release, u->version);
	return 0;
}

static int show_cmdline(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%s\n", hal_info()->cmdline ? hal_info()->cmdline : "");
	return 0;
}

static int show_filesystems(struct text *t, void *data __unused, u64 *cursor __unused)
{
	const struct fs_type *type;
	u32 nr;

	for (nr = 0; (type = fs_type_nth(nr)); nr++)
		text_printf(t, "%s\t%s\n", type->flags & FS_NODEV ? "nodev" : "", type->name);
	return 0;
}

static int show_devices(struct text *t, void *data __unused, u64 *cursor __unused)
{
	const char *name, *last = "";
	u32 nr, major;

	text_puts(t, "Character devices:\n");
	for (nr = 0; (name = chrdev_nth(nr, &major)); nr++) {
		if (strcmp(name, last))
			text_printf(t, "%3u %s\n", major, name);
		last = name;
	}
	text_puts(t, "\nBlock devices:\n");
	block_show_majors(t);
	return 0;
}

static void driver_row(struct tty *tty, void *arg)
{
	if (tty->flags & TTY_PTY)
		return;
	text_printf(arg, "%-20s /dev/%-8s %3u %7u system:console\n", tty->driver->name,
		    tty->name, dev_major(tty->dev), dev_minor(tty->dev));
}

static int show_tty_drivers(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_printf(t, "%-20s /dev/%-8s %3d %7d system:/dev/tty\n", "/dev/tty", "tty", 5, 0);
	text_printf(t, "%-20s /dev/%-8s %3d %7d system:console\n", "/dev/console", "console", 5,
		    1);
	text_printf(t, "%-20s /dev/%-8s %3d %7d system\n", "/dev/ptmx", "ptmx", 5, 2);
	text_printf(t, "%-20s /dev/%-8s %3d 0-1048575 pty:slave\n", "pty_slave", "pts", 136);
	tty_for_each(driver_row, t);
	return 0;
}

static int show_consoles(struct text *t, void *data __unused, u64 *cursor __unused)
{
	struct tty *tty = console_tty();

	if (tty)
		text_printf(t, "%-21s-W- (EC     )  %3u:%u\n", tty->name, dev_major(tty->dev),
			    dev_minor(tty->dev));
	return 0;
}

static int show_swaps(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_puts(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static int show_partitions(struct text *t, void *data __unused, u64 *cursor __unused)
{
	return block_show_partitions(t);
}

static int show_diskstats(struct text *t, void *data __unused, u64 *cursor __unused)
{
	return block_show_diskstats(t);
}

static int show_interrupts(struct text *t, void *data __unused, u64 *cursor __unused)
{
	u32 i;

	text_puts(t, "           ");
	for (i = 0; i < HAL_MAX_CPUS; i++) {
		if (cpus[i].online)
			text_printf(t, "CPU%-8u", i);
	}
	text_puts(t, "\nERR:          0\nMIS:          0\n");
	return 0;
}

static int show_cgroups(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_puts(t, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
	return 0;
}

/* The cursor is the number of the next lock. */
static int show_locks(struct text *t, void *data __unused, u64 *cursor)
{
	struct lock_info l;

	while (t->len < PAGE_SIZE) {
		if (!lock_nth((u32)*cursor, &l))
			return 0;
		++*cursor;
		text_printf(t, "%lu: %-6s ADVISORY  %s %d %02x:%02x:%lu ", *cursor, l.kind,
			    l.write ? "WRITE" : "READ ", l.pid, dev_major(l.dev),
			    dev_minor(l.dev), l.ino);
		if (l.end == S64_MAX)
			text_printf(t, "%ld EOF\n", (long)l.start);
		else
			text_printf(t, "%ld %ld\n", (long)l.start, (long)l.end);
	}
	return 1;
}

static int show_execdomains(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_puts(t, "0-0\tLinux           \t[kernel]\n");
	return 0;
}

static int show_nothing(struct text *t __unused, void *data __unused, u64 *cursor __unused)
{
	return 0;
}

/* ---- registration ---- */

void proc_misc_init(void)
{
	static const struct {
		const char *name;
		struct pseudo_ops ops;
		mode_t mode;
	} table[] = {
		{ "buddyinfo", { .show = show_buddyinfo }, 0444 },
		{ "cgroups", { .show = show_cgroups }, 0444 },
		{ "cmdline", { .show = show_cmdline }, 0444 },
		{ "consoles", { .show = show_consoles }, 0444 },
		{ "devices", { .show = show_devices }, 0444 },
		{ "diskstats", { .show = show_diskstats }, 0444 },
		{ "execdomains", { .show = show_execdomains }, 0444 },
		{ "filesystems", { .show = show_filesystems }, 0444 },
		{ "interrupts", { .show = show_interrupts }, 0444 },
		{ "kmsg", { .fops = &proc_kmsg_fops }, 0400 },
		{ "loadavg", { .show = show_loadavg }, 0444 },
		{ "locks", { .show = show_locks }, 0444 },
		{ "meminfo", { .show = show_meminfo }, 0444 },
		{ "misc", { .show = show_nothing }, 0444 },
		{ "modules", { .show = show_nothing }, 0444 },
		{ "partitions", { .show = show_partitions }, 0444 },
		{ "slabinfo", { .show = show_slabinfo }, 0400 },
		{ "stat", { .show = show_stat }, 0444 },
		{ "swaps", { .show = show_swaps }, 0444 },
		{ "tty/drivers", { .show = show_tty_drivers }, 0444 },
		{ "uptime", { .show = show_uptime }, 0444 },
		{ "version", { .show = show_version }, 0444 },
		{ "vmstat", { .show = show_vmstat }, 0444 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		proc_add_boot(table[i].name, table[i].mode, &table[i].ops, NULL);
	proc_add_boot("fs", S_IFDIR | 0555, NULL, NULL);
	proc_add_boot("bus", S_IFDIR | 0555, NULL, NULL);
	proc_add_boot("driver", S_IFDIR | 0555, NULL, NULL);
	proc_add_boot("irq", S_IFDIR | 0555, NULL, NULL);
}
