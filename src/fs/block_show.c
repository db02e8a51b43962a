/* SPDX-License-Identifier: MIT */
/*
 * What /sys and /proc show of disks.
 *
 *   /sys/devices/virtual/block/vda/...   the files; /sys/block, /sys/class/block
 *                                        and /sys/dev/block link to it
 *   /proc/partitions, /proc/diskstats, /proc/devices
 *
 * All is made when a disk is registered and stays for ever.
 */
#include "fs/block.h"

#include "abi/errno.h"
#include "fs/procfs.h"
#include "hal/hal.h"

#define DIR "devices/virtual/block/%s"

/* One file of one number; `value` is a C expression of bd. */
#define NUMBER(name, value) \
	static int show_##name(struct text *t, void *data, u64 *cursor __unused) \
	{ \
		const struct blockdev *bd = data; \
		text_printf(t, "%lu\n", (u64)(value)); \
		return 0; \
	} \
	static const struct pseudo_ops name##_ops = { .show = show_##name }

NUMBER(size, bd->sectors);
NUMBER(ro, bd->read_only);
NUMBER(removable, bd == NULL);
NUMBER(logical, bd->logical_size);
NUMBER(physical, bd->physical_size);
NUMBER(io_min, bd->io_min);
NUMBER(io_opt, bd->io_opt);
NUMBER(discard_max, bd->max_discard << SECTOR_SHIFT);
NUMBER(discard_align, bd->max_discard ? bd->discard_align * SECTOR_SIZE : 0);
NUMBER(zero_max, bd->max_zero << SECTOR_SHIFT);
NUMBER(max_segs, bd->max_segs);
NUMBER(max_kb, bd->max_segs * (PAGE_SIZE / 1024));
NUMBER(read_ahead, bd->inode->mapping.readahead * (PAGE_SIZE / 1024));

static int show_dev(struct text *t, void *data, u64 *cursor __unused)
{
	const struct blockdev *bd = data;

	text_printf(t, "%u:%u\n", dev_major(bd->dev), dev_minor(bd->dev));
	return 0;
}

static int show_cache(struct text *t, void *data, u64 *cursor __unused)
{
	const struct blockdev *bd = data;

	text_puts(t, bd->flush ? "write back\n" : "write through\n");
	return 0;
}

/* The 17 numbers of Documentation/block/stat: reads, writes, discards, flushes. */
static void text_stat(struct text *t, const struct blockdev *bd)
{
	const struct block_stat *s = bd->stat;
	u64 ms = 1000000, all = 0;

	for (u32 i = 0; i <= BLOCK_ZERO; i++)
		all += s[i].ns;
	text_printf(t, "%8lu %8lu %8lu %8lu ", s[BLOCK_READ].ios, 0ul, s[BLOCK_READ].sectors,
		    s[BLOCK_READ].ns / ms);
	text_printf(t, "%8lu %8lu %8lu %8lu ", s[BLOCK_WRITE].ios, 0ul,
		    s[BLOCK_WRITE].sectors + s[BLOCK_ZERO].sectors, s[BLOCK_WRITE].ns / ms);
	text_printf(t, "%8u %8lu %8lu ", bd->in_flight, bd->busy_ns / ms, all / ms);
	text_printf(t, "%8lu %8lu %8lu %8lu ", s[BLOCK_DISCARD].ios, 0ul,
		    s[BLOCK_DISCARD].sectors, s[BLOCK_DISCARD].ns / ms);
	text_printf(t, "%8lu %8lu\n", s[BLOCK_FLUSH].ios, s[BLOCK_FLUSH].ns / ms);
}

static int show_stat(struct text *t, void *data, u64 *cursor __unused)
{
	text_stat(t, data);
	return 0;
}

static int show_fixed(struct text *t, void *data, u64 *cursor __unused)
{
	text_printf(t, "%s\n", (const char *)data);
	return 0;
}

static const struct pseudo_ops dev_ops = { .show = show_dev };
static const struct pseudo_ops cache_ops = { .show = show_cache };
static const struct pseudo_ops stat_ops = { .show = show_stat };
static const struct pseudo_ops fixed_ops = { .show = show_fixed };

static const struct {
	const char *name;
	const struct pseudo_ops *ops;
	const char *fixed;
} files[] = {
	{ "dev", &dev_ops, NULL },
	{ "size", &size_ops, NULL },
	{ "ro", &ro_ops, NULL },
	{ "removable", &removable_ops, NULL },
	{ "stat", &stat_ops, NULL },
	{ "queue/logical_block_size", &logical_ops, NULL },
	{ "queue/hw_sector_size", &logical_ops, NULL },
	{ "queue/physical_block_size", &physical_ops, NULL },
	{ "queue/minimum_io_size", &io_min_ops, NULL },
	{ "queue/optimal_io_size", &io_opt_ops, NULL },
	{ "queue/discard_max_bytes", &discard_max_ops, NULL },
	{ "queue/discard_granularity", &discard_align_ops, NULL },
	{ "queue/write_zeroes_max_bytes", &zero_max_ops, NULL },
	{ "queue/max_segments", &max_segs_ops, NULL },
	{ "queue/max_sectors_kb", &max_kb_ops, NULL },
	{ "queue/read_ahead_kb", &read_ahead_ops, NULL },
	{ "queue/write_cache", &cache_ops, NULL },
	{ "queue/rotational", &fixed_ops, "0" },
	{ "queue/scheduler", &fixed_ops, "[none]" },
};

int block_show_init(struct blockdev *bd)
{
	char path[96], target[96];
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(files) && !err; i++) {
		snprintf(path, sizeof(path), DIR "/%s", bd->name, files[i].name);
		err = sysfs_add(path, 0444, files[i].ops,
				files[i].fixed ? (void *)files[i].fixed : bd);
	}
	snprintf(target, sizeof(target), "../" DIR, bd->name);
	snprintf(path, sizeof(path), "block/%s", bd->name);
	if (!err)
		err = sysfs_symlink(path, target);
	snprintf(target, sizeof(target), "../../" DIR, bd->name);
	snprintf(path, sizeof(path), "class/block/%s", bd->name);
	if (!err)
		err = sysfs_symlink(path, target);
	snprintf(path, sizeof(path), "dev/block/%u:%u", dev_major(bd->dev), dev_minor(bd->dev));
	if (!err)
		err = sysfs_symlink(path, target);
	return err;
}

int block_show_partitions(struct text *t)
{
	struct blockdev *bd;

	text_puts(t, "major minor  #blocks  name\n\n");
	for (u32 nr = 0; (bd = block_nth(nr)); nr++)
		text_printf(t, "%4u  %7u %10lu %s\n", dev_major(bd->dev), dev_minor(bd->dev),
			    bd->sectors / 2, bd->name);
	return 0;
}

int block_show_diskstats(struct text *t)
{
	struct blockdev *bd;

	for (u32 nr = 0; (bd = block_nth(nr)); nr++) {
		text_printf(t, "%4u %7u %s ", dev_major(bd->dev), dev_minor(bd->dev), bd->name);
		text_stat(t, bd);
	}
	return 0;
}

void block_show_majors(struct text *t)
{
	if (block_nth(0))
		text_printf(t, "%3u virtblk\n", dev_major(block_nth(0)->dev));
}
