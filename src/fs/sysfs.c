/* SPDX-License-Identifier: MIT */
/*
 * sysfs: the few files of /sys that ordinary programs read.
 *
 * A static tree (fs/pseudo.h), read-only, the same in every mount. CPUs are
 * the ones that the HAL can start; there is one memory node. Whoever has
 * devices to show adds them with sysfs_add, sysfs_mkdir and sysfs_symlink at
 * boot.
 *
 * Not supported: uevents, attributes that can be written, cgroup mounts (the
 * directory /sys/fs/cgroup is there, empty).
 */
#include "abi/errno.h"
#include "fs/procfs.h"
#include "fs/pseudo.h"
#include "fs/tty.h"
#include "hal/hal.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

#define SYSFS_MAGIC 0x62656572

static struct pseudo_node sysfs_root;

/* ---- contents ---- */

static int show_fixed(struct text *t, void *data, u64 *cursor __unused)
{
	text_printf(t, "%s\n", (const char *)data);
	return 0;
}

static const struct pseudo_ops fixed_ops = { .show = show_fixed };

/* "0" or "0-3": CPUs 0 to n - 1. */
static int show_cpu_list(struct text *t, void *data __unused, u64 *cursor __unused)
{
	u32 n = hal_info()->nr_cpus;

	if (n > 1)
		text_printf(t, "0-%u\n", n - 1);
	else
		text_puts(t, "0\n");
	return 0;
}

static const struct pseudo_ops cpu_list_ops = { .show = show_cpu_list };

static int show_cpu_mask(struct text *t, void *data, u64 *cursor __unused)
{
	u64 mask = (u64)data;

	if (hal_info()->nr_cpus > 32)
		text_printf(t, "%08x,%08x\n", (u32)(mask >> 32), (u32)mask);
	else
		text_printf(t, "%x\n", (u32)mask);
	return 0;
}

static const struct pseudo_ops cpu_mask_ops = { .show = show_cpu_mask };

static int show_number(struct text *t, void *data, u64 *cursor __unused)
{
	text_printf(t, "%lu\n", (u64)data);
	return 0;
}

static const struct pseudo_ops number_ops = { .show = show_number };

static int show_empty(struct text *t, void *data __unused, u64 *cursor __unused)
{
	text_putc(t, '\n');
	return 0;
}

static const struct pseudo_ops empty_ops = { .show = show_empty };

static int show_node_meminfo(struct text *t, void *data __unused, u64 *cursor __unused)
{
	struct page_stats st;
	u64 k = PAGE_SIZE / 1024;

	page_get_stats(&st);
	text_printf(t, "Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\n"
		    "Node 0 MemUsed:        %8lu kB\nNode 0 FilePages:      %8lu kB\n"
		    "Node 0 AnonPages:      %8lu kB\nNode 0 Shmem:          %8lu kB\n"
		    "Node 0 Slab:           %8lu kB\n",
		    st.total * k, st.free * k, (st.total - st.free) * k, st.cache * k,
		    st.anon * k, st.shmem * k, st.slab * k);
	return 0;
}

static const struct pseudo_ops node_meminfo_ops = { .show = show_node_meminfo };

static int show_active_console(struct text *t, void *data __unused, u64 *cursor __unused)
{
	struct tty *tty = console_tty();

	text_printf(t, "%s\n", tty ? tty->name : "");
	return 0;
}

static const struct pseudo_ops active_console_ops = { .show = show_active_console };

static const struct {
	const char *path, *value;
} fixed[] = {
	{ "kernel/mm/transparent_hugepage/enabled", "always madvise [never]" },
	{ "kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise madvise [never]" },
	{ "kernel/mm/transparent_hugepage/shmem_enabled",
	  "always within_size advise [never] deny force" },
	{ "kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152" },
	{ "kernel/mm/transparent_hugepage/use_zero_page", "0" },
	{ "kernel/cpu_byteorder", "little" },
	{ "kernel/address_bits", "64" },
	{ "devices/system/node/online", "0" },
	{ "devices/system/node/possible", "0" },
	{ "devices/system/node/has_cpu", "0" },
	{ "devices/system/node/has_memory", "0" },
	{ "devices/system/node/has_normal_memory", "0" },
	{ "devices/system/node/node0/distance", "10" },
	{ "devices/virtual/tty/tty/dev", "5:0" },
	{ "devices/virtual/tty/console/dev", "5:1" },
	{ "devices/virtual/tty/ptmx/dev", "5:2" },
	{ "devices/virtual/mem/null/dev", "1:3" },
	{ "devices/virtual/mem/zero/dev", "1:5" },
	{ "devices/virtual/mem/full/dev", "1:7" },
	{ "devices/virtual/mem/random/dev", "1:8" },
	{ "devices/virtual/mem/urandom/dev", "1:9" },
	{ "devices/virtual/mem/kmsg/dev", "1:11" },
};

static const char *const directories[] = {
	"block", "bus", "class/block", "class/net", "dev/block", "dev/char", "devices/virtual/net",
	"firmware", "fs/cgroup", "kernel/mm/hugepages", "module", "power",
};

static const char *const tty_links[] = { "tty", "console", "ptmx" };
static const char *const mem_links[] = { "null", "zero", "full", "random", "urandom", "kmsg" };

/* ---- registration ---- */

int sysfs_add(const char *path, mode_t mode, const struct pseudo_ops *ops, void *data)
{
	struct pseudo_node *n = pseudo_add(&sysfs_root, path, mode, ops, data);

	return IS_ERR(n) ? (int)PTR_ERR(n) : 0;
}

int sysfs_mkdir(const char *path)
{
	return sysfs_add(path, S_IFDIR | 0755, NULL, NULL);
}

int sysfs_symlink(const char *path, const char *target)
{
	struct pseudo_node *n = pseudo_add(&sysfs_root, path, S_IFLNK | 0777, NULL, NULL);

	if (IS_ERR(n))
		return (int)PTR_ERR(n);
	n->target = kstrdup(target);
	return n->target ? 0 : -ENOMEM;
}

static void add_boot(const char *path, const struct pseudo_ops *ops, void *data)
{
	if (sysfs_add(path, 0444, ops, data))
		panic("sysfs: cannot add %s", path);
}

static void add_class_links(const char *class, const char *const *names, u32 count)
{
	char path[64], target[64];
	u32 i;

	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "class/%s/%s", class, names[i]);
		snprintf(target, sizeof(target), "../../devices/virtual/%s/%s", class, names[i]);
		if (sysfs_symlink(path, target))
			panic("sysfs: no memory at boot");
	}
}

static void add_cpu(u32 cpu)
{
	static const struct {
		const char *name;
		int what;	/* 0: 0, 1: cpu, 2: own mask, 3: all mask, 4: own list, 5: all list */
	} files[] = {
		{ "topology/physical_package_id", 0 }, { "topology/core_id", 1 },
		{ "topology/die_id", 0 }, { "topology/thread_siblings", 2 },
		{ "topology/thread_siblings_list", 4 }, { "topology/core_siblings", 3 },
		{ "topology/core_siblings_list", 5 }, { "topology/package_cpus", 3 },
		{ "topology/package_cpus_list", 5 },
	};
	u64 all = hal_info()->nr_cpus >= 64 ? U64_MAX : BIT(hal_info()->nr_cpus) - 1;
	char path[96];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/%s", cpu, files[i].name);
		switch (files[i].what) {
		case 0:
			add_boot(path, &number_ops, NULL);
			break;
		case 1:
		case 4:
			add_boot(path, &number_ops, (void *)(u64)cpu);
			break;
		case 2:
			add_boot(path, &cpu_mask_ops, (void *)BIT(cpu));
			break;
		case 3:
			add_boot(path, &cpu_mask_ops, (void *)all);
			break;
		default:
			add_boot(path, &cpu_list_ops, NULL);
		}
	}
	if (cpu) {
		snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/online", cpu);
		add_boot(path, &number_ops, (void *)1ul);
	}
}

static void add_cpus(void)
{
	u32 i, n = min_t(u32, hal_info()->nr_cpus, HAL_MAX_CPUS);
	u64 all = n >= 64 ? U64_MAX : BIT(n) - 1;

	for (i = 0; i < n; i++)
		add_cpu(i);
	add_boot("devices/system/cpu/online", &cpu_list_ops, NULL);
	add_boot("devices/system/cpu/possible", &cpu_list_ops, NULL);
	add_boot("devices/system/cpu/present", &cpu_list_ops, NULL);
	add_boot("devices/system/cpu/offline", &empty_ops, NULL);
	add_boot("devices/system/cpu/isolated", &empty_ops, NULL);
	add_boot("devices/system/cpu/kernel_max", &number_ops, (void *)(u64)(HAL_MAX_CPUS - 1));
	add_boot("devices/system/node/node0/cpulist", &cpu_list_ops, NULL);
	add_boot("devices/system/node/node0/cpumap", &cpu_mask_ops, (void *)all);
	add_boot("devices/system/node/node0/meminfo", &node_meminfo_ops, NULL);
}

/* ---- the file system ---- */

static const struct super_ops sysfs_super_ops = { .evict = NULL };

static int sysfs_fill_super(struct superblock *sb, const char *source __unused,
			    const char *options __unused)
{
	struct inode *root;

	sb->ops = &sysfs_super_ops;
	sb->magic = SYSFS_MAGIC;
	root = pseudo_inode(sb, &sysfs_root);
	if (IS_ERR(root))
		return (int)PTR_ERR(root);
	sb->root = dentry_make_root(root);
	return sb->root ? 0 : -ENOMEM;
}

static struct fs_type sysfs_type = {
	.name = "sysfs",
	.flags = FS_NODEV,
	.fill_super = sysfs_fill_super,
};

void sysfs_init(void)
{
	u32 i;

	pseudo_root_init(&sysfs_root);
	for (i = 0; i < ARRAY_SIZE(directories); i++) {
		if (sysfs_mkdir(directories[i]))
			panic("sysfs: no memory at boot");
	}
	for (i = 0; i < ARRAY_SIZE(fixed); i++)
		add_boot(fixed[i].path, &fixed_ops, (void *)fixed[i].value);
	add_cpus();
	add_class_links("tty", tty_links, ARRAY_SIZE(tty_links));
	add_class_links("mem", mem_links, ARRAY_SIZE(mem_links));
	add_boot("devices/virtual/tty/console/active", &active_console_ops, NULL);
	fs_type_register(&sysfs_type);
}
