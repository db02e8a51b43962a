/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk and block devices against a simulated disk, honest or lying: what
 * a program gets is data or an errno, never a crash.
 */
#include "unit.h"

#include "abi/fcntl.h"
#include "abi/mman.h"
#include "fs/block.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "virtio/virtio.h"

enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, LSEEK = 8, MMAP = 9, IOCTL = 16, PREAD = 17,
       PWRITE = 18, FSYNC = 74, SYNC = 162, FALLOCATE = 285 };
enum { F_SIZE_MAX = 1 << 1, F_SEG_MAX = 1 << 2, F_RO = 1 << 5, F_BLK_SIZE = 1 << 6, F_FLUSH = 1 << 9,
       F_MQ = 1 << 12, F_DISCARD = 1 << 13, F_ZEROES = 1 << 14 };
#define BASE_FEATURES (VIRTIO_F_VERSION_1 | F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_ZEROES)

#define DISK_SIZE (1u << 20)
#define BLKGETSIZE64 0x80081272
#define BLKSSZGET 0x1268
#define BLKROGET 0x125e
#define BLKDISCARD 0x1277

enum lie {
	HONEST, BAD_STATUS, NO_STATUS, STATUS_IOERR, STATUS_UNSUPP, SHORT_LEN, LONG_LEN, BAD_ID,
	SAME_TWICE, INDEX_RUNS, WANTS_RESET, LIES,
};

static u8 disk[DISK_SIZE];
static enum lie lie;
static u32 requests, flushes, most_segs, largest_seg, queues_used;
static u64 seed = 1;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static u8 serve(const struct sim_chain *c, u32 *len)
{
	u32 type, n = c->count;
	u64 sector;

	ck_assert_uint_ge(n, 2);
	ck_assert_uint_eq(c->seg[0].size, 16);
	memcpy(&type, c->seg[0].data, 4);
	memcpy(&sector, c->seg[0].data + 8, 8);
	most_segs = max(most_segs, n - 2);
	*len = 1;
	for (u32 i = 1; i < n - 1; i++) {
		u64 at = sector * 512;

		largest_seg = max(largest_seg, c->seg[i].size);
		if (type == 11 || type == 13) {	/* discard, write zeroes */
			u64 range[2];

			memcpy(range, c->seg[i].data, 16);
			memset(disk + range[0] * 512, 0, (u32)range[1] * 512ul);
			continue;
		}
		ck_assert_uint_le(at + c->seg[i].size, DISK_SIZE);
		if (type == 0) {
			memcpy(c->seg[i].data, disk + at, c->seg[i].size);
			*len += c->seg[i].size;
		} else {
			memcpy(disk + at, c->seg[i].data, c->seg[i].size);
		}
		sector += c->seg[i].size / 512;
	}
	flushes += type == 4;
	return 0;
}

static void tell_lie(struct sim_device *d, u32 q, const struct sim_chain *c, u8 *status, u32 len)
{
	enum lie l = lie == LIES ? (enum lie)(rnd() % 8 ? rnd() % 5 : rnd() % LIES) : lie;

	if (l == BAD_STATUS)
		*status = 77;
	else if (l == NO_STATUS)
		*status = 0xff;
	else if (l == STATUS_IOERR)
		*status = 1;
	else if (l == STATUS_UNSUPP)
		*status = 2;
	switch (l) {
	case SHORT_LEN:
		sim_used(d, q, c->head, len / 2);
		break;
	case LONG_LEN:
		sim_used(d, q, c->head, len + 100000);
		break;
	case BAD_ID:
		sim_used(d, q, (u32)rnd() | 0x10000, len);
		break;
	case SAME_TWICE:
		sim_used(d, q, c->head, len);
		sim_used(d, q, c->head, len);
		break;
	case INDEX_RUNS:
		sim_used_index_add(d, q, 300);
		break;
	case WANTS_RESET:
		d->status |= 64;
		d->irq = true;
		break;
	default:
		sim_used(d, q, c->head, len);
	}
}

static void disk_notify(struct sim_device *d, u32 q)
{
	static struct sim_chain c;

	while (sim_next(d, q, &c)) {
		u32 len;
		u8 *status = c.seg[c.count - 1].data;

		requests++;
		queues_used |= 1u << q;
		*status = serve(&c, &len);
		tell_lie(d, q, &c, status, len);
	}
}

static struct sim_device dev = {
	.id = VIRTIO_ID_BLOCK, .queues = 1, .queue_max = 128, .features = BASE_FEATURES,
	.notify = disk_notify,
};

static void config32(u32 offset, u32 v)
{
	memcpy(dev.config + offset, &v, 4);
}

/* Boots with the disk; the script finds it as /dev/vda. */
static void boot_with(void (*script)(void))
{
	config32(0, DISK_SIZE / 512);
	for (u32 i = 0; i < DISK_SIZE; i++)
		disk[i] = (u8)(i * 7 + (i >> 8));
	sim_add_device(&dev);
	ck_assert_int_eq(sim_boot(script), 0);
}

static void default_config(void)
{
	config32(12, 62);	/* seg_max */
	config32(20, 512);	/* blk_size */
	config32(36, 2048);	/* max_discard_sectors */
	config32(40, 1);
	config32(48, 64);	/* max_write_zeroes_sectors */
	config32(52, 1);
}

static s64 open_disk(void)
{
	ck_assert(sim_poke(SIM_SCRATCH, "/dev/vda", 9));
	return sim_sys3(OPEN, SIM_SCRATCH, O_RDWR, 0);
}

static uaddr_t guest_buffer(u64 size)
{
	s64 at = sim_sys6(MMAP, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_int_gt(at, 0);
	return (uaddr_t)at;
}

/* ---- an honest disk ---- */

static u8 want[DISK_SIZE], got[DISK_SIZE];

static void all_of_it(s64 fd, uaddr_t buf)
{
	ck_assert_int_eq(sim_sys4(PREAD, fd, buf, DISK_SIZE, 0), DISK_SIZE);
	ck_assert(sim_peek(got, buf, DISK_SIZE));
	ck_assert(!memcmp(got, want, DISK_SIZE));
	ck_assert(!memcmp(disk, want, DISK_SIZE));
}

static void random_writes(void)
{
	s64 fd = open_disk();
	uaddr_t buf = guest_buffer(DISK_SIZE);
	u64 cached = page_counts.cache;

	ck_assert_int_ge(fd, 0);
	memcpy(want, disk, DISK_SIZE);
	all_of_it(fd, buf);
	for (u32 i = 0; i < 300; i++) {
		u64 at = rnd() % DISK_SIZE, n = 1 + rnd() % (i % 3 ? 3000 : 300000);

		n = min(n, DISK_SIZE - at);
		for (u64 k = 0; k < n; k++)
			want[at + k] = (u8)rnd();
		ck_assert(sim_poke(buf, want + at, n));
		ck_assert_int_eq(sim_sys4(PWRITE, fd, buf, n, at), (s64)n);
	}
	all_of_it(fd, buf);
	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
	ck_assert_uint_eq(page_counts.cache, cached);
	ck_assert_uint_ge(most_segs, 1);
	ck_assert_uint_le(most_segs, 62);
}

static void edges(void)
{
	s64 fd = open_disk();
	u64 size = 0, range[2] = { 4096, 8192 };
	u32 v = 0;
	u8 b = 1;

	ck_assert_int_eq(sim_sys3(LSEEK, fd, 0, 2), DISK_SIZE);
	ck_assert_int_eq(sim_sys3(LSEEK, fd, 1, 2), -EINVAL);
	ck_assert_int_eq(sim_sys3(READ, fd, SIM_SCRATCH, 10), 0);
	ck_assert_int_eq(sim_sys3(WRITE, fd, SIM_SCRATCH, 10), -ENOSPC);
	ck_assert_int_eq(sim_sys4(PWRITE, fd, SIM_SCRATCH, 10, DISK_SIZE - 4), 4);
	ck_assert_int_eq(sim_sys4(PREAD, fd, SIM_SCRATCH, 10, DISK_SIZE - 4), 4);
	ck_assert_int_eq(sim_sys3(IOCTL, fd, BLKGETSIZE64, SIM_SCRATCH + 64), 0);
	ck_assert(sim_peek(&size, SIM_SCRATCH + 64, 8));
	ck_assert_uint_eq(size, DISK_SIZE);
	ck_assert_int_eq(sim_sys3(IOCTL, fd, BLKSSZGET, SIM_SCRATCH + 64), 0);
	ck_assert(sim_peek(&v, SIM_SCRATCH + 64, 4));
	ck_assert_uint_eq(v, 512);
	ck_assert(sim_poke(SIM_SCRATCH + 64, range, 16));
	ck_assert_int_eq(sim_sys3(IOCTL, fd, BLKDISCARD, SIM_SCRATCH + 64), 0);
	ck_assert_int_eq(sim_sys4(PREAD, fd, SIM_SCRATCH, 1, 4096 + 8191), 1);
	ck_assert(sim_peek(&b, SIM_SCRATCH, 1));
	ck_assert_uint_eq(b, 0);
	ck_assert_int_eq(sim_sys4(FALLOCATE, fd, 3, 65536, 65536), 0);	/* more than max_zero */
	ck_assert_uint_eq(disk[65536] | disk[131071], 0);
	ck_assert_uint_ne(disk[131072 + 1], 0);
	ck_assert_int_eq(sim_sys4(FALLOCATE, fd, 0, 0, 512), -EOPNOTSUPP);
	ck_assert_int_eq(sim_sys3(IOCTL, fd, 0x5401, SIM_SCRATCH), -ENOTTY);
	v = flushes;
	ck_assert_int_eq(sim_sys1(FSYNC, fd), 0);
	ck_assert_uint_eq(flushes, v + 1);
	ck_assert_int_eq(sim_sys0(SYNC), 0);
	ck_assert_uint_eq(flushes, v + 2);
}

START_TEST(reads_back_what_was_written)
{
	default_config();
	boot_with(random_writes);
}
END_TEST

/* One segment of at most 1536 bytes, a ring of 4, blocks of 1 KiB, no indirect tables. */
START_TEST(a_small_device)
{
	dev.features = VIRTIO_F_VERSION_1 | F_SIZE_MAX | F_SEG_MAX | F_BLK_SIZE;
	dev.queue_max = 4;
	config32(8, 1536);
	config32(12, 0);
	config32(20, 1024);
	boot_with(random_writes);
	ck_assert_uint_eq(most_segs, 1);
	ck_assert_uint_eq(largest_seg, 1024);
	ck_assert_uint_eq(flushes, 0);
}
END_TEST

START_TEST(several_queues_and_events)
{
	default_config();
	dev.features |= VIRTIO_F_INDIRECT_DESC | F_MQ;
	dev.queues = 4;
	config32(32, 0xffff0000);	/* num_queues 65535 */
	boot_with(random_writes);
	ck_assert_uint_eq(queues_used, 1);	/* one CPU */
}
END_TEST

START_TEST(ends_sizes_and_requests)
{
	default_config();
	boot_with(edges);
}
END_TEST

static void read_only_script(void)
{
	s64 fd = open_disk();
	u32 v = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sim_sys4(PWRITE, fd, SIM_SCRATCH, 10, 0), -EPERM);
	ck_assert_int_eq(sim_sys3(IOCTL, fd, BLKROGET, SIM_SCRATCH), 0);
	ck_assert(sim_peek(&v, SIM_SCRATCH, 4));
	ck_assert_uint_eq(v, 1);
	ck_assert_int_eq(sim_sys4(PREAD, fd, SIM_SCRATCH, 10, 0), 10);
}

START_TEST(a_read_only_device)
{
	default_config();
	dev.features |= F_RO;
	boot_with(read_only_script);
}
END_TEST

/* ---- one that lies ---- */

static void expect_errors(void)
{
	s64 fd = open_disk();
	u64 slabs;

	ck_assert_int_ge(fd, 0);
	lie = (enum lie)(u64)dev.priv;
	ck_assert_int_eq(sim_sys4(PREAD, fd, SIM_SCRATCH, 512, 8192), -EIO);
	slabs = page_counts.slab;
	for (u32 i = 0; i < 20; i++) {
		ck_assert_int_eq(sim_sys4(PREAD, fd, SIM_SCRATCH, 512, i * 4096), -EIO);
		ck_assert_int_eq(sim_sys4(PWRITE, fd, SIM_SCRATCH, 512, i * 4096), -EIO);
	}
	ck_assert_int_le((s64)page_counts.slab, (s64)slabs + 1);
	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
}

START_TEST(lies_are_io_errors)
{
	static const enum lie lies[] = { BAD_STATUS, NO_STATUS, STATUS_IOERR, SHORT_LEN, LONG_LEN,
					 BAD_ID, SAME_TWICE, INDEX_RUNS, WANTS_RESET };

	default_config();
	dev.priv = (void *)(u64)lies[_i];
	boot_with(expect_errors);
}
END_TEST

/* Whatever it does, calls end, and the kernel goes on. */
static void random_lies(void)
{
	s64 fd = open_disk();
	uaddr_t buf = guest_buffer(DISK_SIZE);

	ck_assert_int_ge(fd, 0);
	lie = LIES;
	for (u32 i = 0; i < 200; i++) {
		u64 at = rnd() % DISK_SIZE, n = rnd() % 100000;
		s64 r = sim_sys4(rnd() & 1 ? PREAD : PWRITE, fd, buf, n, at);

		ck_assert(r == -EIO || r == -EOPNOTSUPP || (r >= 0 && r <= (s64)n));
		if (i % 16 == 0)
			r = sim_sys1(FSYNC, fd);
		ck_assert(r >= 0 || r == -EIO || r == -EOPNOTSUPP);
	}
	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
}

START_TEST(random_lies_end)
{
	default_config();
	seed = 1000 + (u64)_i * 77;
	dev.ignores_reset = _i & 1;
	boot_with(random_lies);
}
END_TEST

static void no_disk(void)
{
	ck_assert_int_eq(open_disk(), -ENOENT);
}

START_TEST(nonsense_is_no_disk)
{
	default_config();
	switch (_i) {
	case 0:
		config32(20, 1000);
		break;
	case 1:
		config32(20, 65536);
		break;
	case 2:
		dev.features = F_BLK_SIZE;	/* not 1.0 */
		break;
	case 3:
		dev.features |= F_SIZE_MAX;
		config32(8, 511);
		break;
	case 4:
		dev.queues = 0;
		break;
	case 5:
		dev.queue_max = 2;	/* no request fits */
		dev.features &= ~VIRTIO_F_INDIRECT_DESC;
		break;
	}
	boot_with(no_disk);
}
END_TEST

static void huge(void)
{
	s64 fd = open_disk();

	ck_assert_int_gt(sim_sys3(LSEEK, fd, 0, 2), 1l << 60);
	ck_assert_int_eq(sim_sys4(PREAD, fd, SIM_SCRATCH, 512, 512), 512);
}

START_TEST(a_capacity_beyond_all_measure)
{
	default_config();
	config32(4, 0xffffffff);
	boot_with(huge);
}
END_TEST

Suite *blk_suite(void)
{
	Suite *s = suite_create("blk");
	TCase *tc = tcase_create("blk");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, reads_back_what_was_written);
	tcase_add_test(tc, a_small_device);
	tcase_add_test(tc, several_queues_and_events);
	tcase_add_test(tc, ends_sizes_and_requests);
	tcase_add_test(tc, a_read_only_device);
	tcase_add_loop_test(tc, lies_are_io_errors, 0, 9);
	tcase_add_loop_test(tc, random_lies_end, 0, 20);
	tcase_add_loop_test(tc, nonsense_is_no_disk, 0, 6);
	tcase_add_test(tc, a_capacity_beyond_all_measure);
	suite_add_tcase(s, tc);
	return s;
}
