/* SPDX-License-Identifier: MIT */
/*
 * The 9p server without a guest: this program is the driver of a ring in its
 * own memory. Above all it tries to get out of the shared directory. Prints
 * TAP; an ordinary program of the host, linked with the server's files.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/vdev.h"

#define MEM (4ul << 20)
#define RING 8
#define OUT_AT 65536		/* the request */
#define IN_AT (1ul << 20)	/* the reply */
#define IN_SIZE 65536

enum { TLOPEN = 12, TLCREATE = 14, TSYMLINK = 16, TMKNOD = 18, TREADLINK = 22, TGETATTR = 24,
       TSETATTR = 26, TREADDIR = 40, TLINK = 70, TMKDIR = 72, TRENAMEAT = 74, TUNLINKAT = 76,
       TVERSION = 100, TATTACH = 104, TWALK = 110, TREAD = 116, TWRITE = 118, TCLUNK = 120 };

static struct machine m;
static u8 *out, *in;
static u32 out_size, tests, failures, dev_nr;
static u16 idx[2];

void machine_irq(struct machine *machine, u32 dev)
{
	(void)machine;
	(void)dev;
}

static void check(bool good, const char *name)
{
	failures += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, name);
}

static void put(u64 value, int size)
{
	memcpy(out + out_size, &value, size);
	out_size += size;
}

static void put_string(const char *s)
{
	put(strlen(s), 2);
	memcpy(out + out_size, s, strlen(s));
	out_size += strlen(s);
}

static void begin(u8 type)
{
	out_size = 0;
	put(0, 4);
	put(type, 1);
	put(7, 2);
}

/* 0, or -errno of Rlerror. */
static int submit(void)
{
	u64 base = dev_nr * 16384;
	struct {
		u64 addr;
		u32 len;
		u16 flags, next;
	} desc[2] = { { OUT_AT, out_size, 1, 1 }, { IN_AT, IN_SIZE, 2, 0 } };
	u32 error;

	memcpy(out, &out_size, 4);
	memcpy(m.mem + base, desc, sizeof(desc));
	*(u16 *)(m.mem + base + 1024 + 4 + 2 * (idx[dev_nr] % RING)) = 0;
	*(u16 *)(m.mem + base + 1024 + 2) = ++idx[dev_nr];
	m.shared->dev[dev_nr].notify = 1;
	vdev_serve(&m, HOSTED_BELL_9P);
	if (in[4] == out[4] + 1)
		return 0;
	memcpy(&error, in + 7, 4);
	return in[4] == 7 ? -(int)error : -9999;
}

static void setup_ring(u32 nr)
{
	struct hosted_queue *q = &m.shared->dev[nr].queue[0];

	q->size = RING;
	q->desc = nr * 16384;
	q->avail = nr * 16384 + 1024;
	q->used = nr * 16384 + 2048;
	q->ready = 1;
}

static int walk(u32 fid, u32 new_fid, const char *const *names, int count)
{
	begin(TWALK);
	put(fid, 4);
	put(new_fid, 4);
	put(count, 2);
	for (int i = 0; i < count; i++)
		put_string(names[i]);
	return submit();
}

static int walk1(u32 fid, u32 new_fid, const char *name)
{
	return walk(fid, new_fid, &name, name ? 1 : 0);
}

static int clunk(u32 fid)
{
	begin(TCLUNK);
	put(fid, 4);
	return submit();
}

static int lopen(u32 fid, u32 flags)
{
	begin(TLOPEN);
	put(fid, 4);
	put(flags, 4);
	return submit();
}

static u64 get(int at, int size)
{
	u64 v = 0;

	memcpy(&v, in + at, size);
	return v;
}

static u64 qid_of(u32 fid)
{
	begin(TGETATTR);
	put(fid, 4);
	put(0x7ff, 8);
	return submit() ? 0 : get(7 + 8 + 5, 8);
}

static int create(u32 fid, const char *name, u32 flags)
{
	begin(TLCREATE);
	put(fid, 4);
	put_string(name);
	put(flags, 4);
	put(0644, 4);
	put(getegid(), 4);
	return submit();
}

static void attach(void)
{
	begin(TVERSION);
	put(65536, 4);
	put_string("9P2000.L");
	check(!submit() && get(7, 4) == 65536, "version");
	begin(TATTACH);
	put(1, 4);
	put(~0u, 4);
	put_string("root");
	put_string("");
	put(geteuid(), 4);
	check(!submit(), "attach");
}

static void test_files(void)
{
	check(!walk1(1, 2, NULL) && !create(2, "file", O_RDWR), "create");
	begin(TWRITE);
	put(2, 4);
	put(0, 8);
	put(5, 4);
	memcpy(out + out_size, "hello", 5);
	out_size += 5;
	check(!submit() && get(7, 4) == 5, "write");
	begin(TREAD);
	put(2, 4);
	put(1, 8);
	put(100, 4);
	check(!submit() && get(7, 4) == 4 && !memcmp(in + 11, "ello", 4), "read");
	begin(TWRITE);
	put(2, 4);
	put(0, 8);
	put(50000, 4);
	check(submit() == -EINVAL, "write of more than there is");
	check(!clunk(2), "clunk");
	check(clunk(2) == -EBADF, "clunk twice");
	check(walk1(1, 2, "nothing") == -ENOENT, "walk to nothing");
	check(!walk1(1, 2, "file") && lopen(2, O_WRONLY | O_TRUNC) == 0, "open and truncate");
	begin(TGETATTR);
	put(2, 4);
	put(0x7ff, 8);
	check(!submit() && get(7 + 8 + 13 + 12 + 8 + 8, 8) == 0, "size is 0 after that");
	clunk(2);
	begin(TMKDIR);
	put(1, 4);
	put_string("dir");
	put(0755, 4);
	put(getegid(), 4);
	check(!submit(), "mkdir");
	check(!walk1(1, 2, "file") && !walk1(1, 3, "dir"), "walk to both");
	begin(TRENAMEAT);
	put(1, 4);
	put_string("file");
	put(3, 4);
	put_string("moved");
	check(!submit(), "renameat");
	check(lopen(2, O_RDONLY) == 0, "a fid follows its file");
	clunk(2);
	clunk(3);
	const char *const path[] = { "dir", "moved" };

	check(!walk(1, 2, path, 2) && get(7, 2) == 2, "walk of two names");
	clunk(2);
	const char *const wrong[] = { "dir", "nothing", "x" };

	check(!walk(1, 2, wrong, 3) && get(7, 2) == 1, "walk that ends early");
	check(clunk(2) == -EBADF, "makes no fid");
}

static void test_directory(void)
{
	u64 offset = 0, entries = 0;

	check(!walk1(1, 2, NULL) && !lopen(2, O_RDONLY), "open a directory");
	for (;;) {
		u32 size, at = 11;

		begin(TREADDIR);
		put(2, 4);
		put(offset, 8);
		put(60, 4);	/* one or two at a time */
		if (submit())
			break;
		size = get(7, 4);
		if (!size)
			break;
		while (at < 11 + size) {
			offset = get(at + 13, 8);
			at += 13 + 8 + 1 + 2 + get(at + 22, 2);
			entries++;
		}
	}
	check(entries == 6, "readdir in small pieces");
	if (entries != 6)
		printf("# %lu entries\n", entries);
	clunk(2);
}

/* `outside` is a file beside the export, `secret` its inode. */
static void test_escapes(u64 outside_dir)
{
	static const char *const names[] = { "../outside", "a/b", "/etc", ".", "", "dir/.." };
	u64 root = qid_of(1);
	bool good = true;

	check(!walk1(1, 2, "..") && qid_of(2) == root && qid_of(2) != outside_dir,
	      "the parent of the root is the root");
	clunk(2);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		good &= walk1(1, 2, names[i]) != 0;
	check(good, "names that are paths are refused");
	const char *const up[] = { "dir", "..", "..", "..", "dir" };

	check(!walk(1, 2, up, 5) && get(7, 2) == 5, "up and down again stays inside");
	check(lopen(2, O_RDONLY) == 0, "and leads to dir");
	clunk(2);
	const char *const link[] = { "absolute", "passwd" };

	check(!walk(1, 2, link, 2) && get(7, 2) == 1, "a symlink is not followed by walk");
	check(!walk1(1, 2, "absolute") && lopen(2, O_RDONLY) == -ELOOP, "nor by open");
	begin(TSETATTR);
	put(2, 4);
	put(1, 4);
	put(0777, 4);
	for (int i = 0; i < 2; i++)
		put(0, 4);
	for (int i = 0; i < 5; i++)
		put(0, 8);
	submit();
	clunk(2);
	check(!walk1(1, 2, NULL) && create(2, "dangling", O_RDWR) == -ELOOP,
	      "nor by create");
	clunk(2);
	check(!walk1(1, 2, NULL) && create(2, "../created", O_RDWR) == -EINVAL,
	      "create of a path is refused");
	clunk(2);
	check(!walk1(1, 2, "pipe") && lopen(2, O_RDONLY) == -ENXIO, "a fifo is not opened");
	clunk(2);
	begin(TMKNOD);
	put(1, 4);
	put_string("null");
	put(S_IFCHR | 0666, 4);
	put(1, 4);
	put(3, 4);
	put(0, 4);
	check(submit() == -EPERM, "no device nodes");
	begin(TRENAMEAT);
	put(1, 4);
	put_string("dir");
	put(1, 4);
	put_string("../stolen");
	check(submit() == -EINVAL, "rename to a path is refused");
}

static void test_read_only(void)
{
	dev_nr = 1;
	attach();
	check(!walk1(1, 2, NULL) && create(2, "new", O_RDWR) == -EROFS, "read-only: create");
	clunk(2);
	check(!walk1(1, 2, "data") && lopen(2, O_RDWR) == -EROFS, "read-only: open to write");
	check(lopen(2, O_RDONLY | O_TRUNC) == -EROFS, "read-only: truncate");
	check(!lopen(2, O_RDONLY), "read-only: open to read");
	clunk(2);
	begin(TUNLINKAT);
	put(1, 4);
	put_string("data");
	put(0, 4);
	check(submit() == -EROFS, "read-only: unlink");
	dev_nr = 0;
}

/* Bytes that mean nothing must not bring the server down. */
static void test_garbage(void)
{
	u64 seed = 42;

	for (int i = 0; i < 200000; i++) {
		u32 size;

		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		begin(seed >> 33 & 127);
		size = seed >> 45 & 63;
		for (u32 j = 0; j < size; j++) {
			seed = seed * 6364136223846793005ul + 1442695040888963407ul;
			/* mostly small numbers: fids, lengths */
			put(seed >> 60 ? seed >> 62 : seed >> 33, 1);
		}
		if (out[4] != TVERSION && out[4] != TSETATTR)
			submit();
	}
	check(true, "200000 garbage messages");
}

int main(void)
{
	static const char *const outside_names[] = { "export", "data", "readonly" };
	char dir[] = "/tmp/hyla-p9-XXXXXX", path[64];
	struct p9_export export = { .tag = "t" };
	struct stat st;

	if (!mkdtemp(dir) || chdir(dir))
		return 99;
	for (size_t i = 0; i < ARRAY_SIZE(outside_names); i++)
		mkdir(outside_names[i], 0755);
	stat(".", &st);
	if (symlink("/etc", "export/absolute") || symlink("/tmp/not-there", "export/dangling") ||
	    mkfifo("export/pipe", 0600) || close(creat("readonly/data", 0644)))
		return 99;
	m.mem_size = MEM;
	m.mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m.shared = calloc(1, sizeof(*m.shared));
	out = m.mem + OUT_AT;
	in = m.mem + IN_AT;
	export.path = "export";
	if (!p9_create(&m, &export))
		return 99;
	export.path = "readonly";
	export.read_only = true;
	if (!p9_create(&m, &export))
		return 99;
	setup_ring(0);
	setup_ring(1);
	attach();
	test_files();
	test_escapes(st.st_ino);
	test_directory();
	test_read_only();
	test_garbage();
	printf("1..%u\n", tests);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	return system(path) || failures;
}
