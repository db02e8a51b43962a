/* SPDX-License-Identifier: MIT */
/*
 * inotify: watches, events and their order, cookies, masks, overflow-free reads.
 */
#define ABI_FAMILY "inotify"
#include "abi.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>

static int ino;

static void start(void)
{
	ino = inotify_init1(IN_NONBLOCK);
	if (ino < 0 && errno == ENOSYS)
		SKIP("no inotify");
	OK(ino);
	OK(mkdir("d", 0755));
}

/* Reads all events: "mask:name " each, cookie moves numbered by equality. */
static const char *events(void)
{
	static char out[4096];
	char buf[4096] __attribute__((aligned(8)));
	size_t len = 0;
	long n;

	out[0] = 0;
	while ((n = read(ino, buf, sizeof(buf))) > 0) {
		for (long pos = 0; pos < n;) {
			struct inotify_event *e = (void *)(buf + pos);

			len += snprintf(out + len, sizeof(out) - len, "%x:%s ",
					e->mask, e->len ? e->name : "");
			pos += sizeof(*e) + e->len;
		}
	}
	CHECK_EQ(errno, EAGAIN);
	return out;
}

ABI_TEST(create_write_delete)
{
	int fd;

	start();
	OK(inotify_add_watch(ino, "d", IN_ALL_EVENTS));
	fd = OK(open("d/f", O_WRONLY | O_CREAT, 0600));
	CHECK_EQ(write(fd, "x", 1), 1);
	OK(close(fd));
	OK(unlink("d/f"));
	CHECK_STR(events(), "100:f 20:f 2:f 8:f 200:f ");
}

ABI_TEST(read_and_attributes)
{
	char c;
	int fd;

	start();
	close(abi_write_file("d/f", "x", 1));
	OK(inotify_add_watch(ino, "d", IN_ALL_EVENTS));
	fd = OK(open("d/f", O_RDONLY));
	CHECK_EQ(read(fd, &c, 1), 1);
	OK(close(fd));
	OK(chmod("d/f", 0600));
	CHECK_STR(events(), "20:f 1:f 10:f 4:f ");
}

ABI_TEST(move_has_cookie)
{
	char buf[1024] __attribute__((aligned(8)));
	struct inotify_event *a, *b;

	start();
	close(abi_write_file("d/f", "x", 1));
	OK(inotify_add_watch(ino, "d", IN_MOVE));
	OK(rename("d/f", "d/g"));
	CHECK(read(ino, buf, sizeof(buf)) > 0);
	a = (void *)buf;
	b = (void *)(buf + sizeof(*a) + a->len);
	CHECK_EQ(a->mask, IN_MOVED_FROM);
	CHECK_STR(a->name, "f");
	CHECK_EQ(b->mask, IN_MOVED_TO);
	CHECK_STR(b->name, "g");
	CHECK(a->cookie != 0 && a->cookie == b->cookie);
}

ABI_TEST(directory_bit)
{
	start();
	OK(inotify_add_watch(ino, "d", IN_CREATE | IN_DELETE));
	OK(mkdir("d/s", 0755));
	OK(rmdir("d/s"));
	CHECK_STR(events(), "40000100:s 40000200:s ");
}

ABI_TEST(watch_removed_with_directory)
{
	int wd;

	start();
	wd = OK(inotify_add_watch(ino, "d", IN_DELETE_SELF));
	OK(rmdir("d"));
	CHECK_STR(events(), "400: 8000: ");
	CHECK_ERR(inotify_rm_watch(ino, wd), EINVAL);
}

ABI_TEST(rm_watch)
{
	int wd;

	start();
	wd = OK(inotify_add_watch(ino, "d", IN_CREATE));
	OK(inotify_rm_watch(ino, wd));
	CHECK_STR(events(), "8000: ");
	close(abi_write_file("d/f", "x", 1));
	CHECK_STR(events(), "");
}

ABI_TEST(same_inode_same_watch)
{
	int a, b;

	start();
	OK(symlink("d", "l"));
	a = OK(inotify_add_watch(ino, "d", IN_CREATE));
	b = OK(inotify_add_watch(ino, "l", IN_DELETE));
	CHECK_EQ(a, b);
	close(abi_write_file("d/f", "x", 1));
	CHECK_STR(events(), "");
	CHECK_EQ(OK(inotify_add_watch(ino, "d", IN_CREATE | IN_MASK_ADD)), a);
	close(abi_write_file("d/g", "x", 1));
	OK(unlink("d/g"));
	CHECK_STR(events(), "100:g 200:g ");
}

ABI_TEST(identical_events_collapse)
{
	int fd;

	start();
	fd = abi_write_file("d/f", "x", 1);
	OK(inotify_add_watch(ino, "d/f", IN_MODIFY));
	for (int i = 0; i < 10; i++)
		CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_STR(events(), "2: ");
}

ABI_TEST(oneshot)
{
	start();
	OK(inotify_add_watch(ino, "d", IN_CREATE | IN_ONESHOT));
	close(abi_write_file("d/f", "x", 1));
	close(abi_write_file("d/g", "x", 1));
	CHECK_STR(events(), "100:f 8000: ");
}

ABI_TEST(errors)
{
	char tiny[8];

	start();
	close(abi_write_file("f", "x", 1));
	CHECK_ERR(inotify_add_watch(ino, "missing", IN_CREATE), ENOENT);
	CHECK_ERR(inotify_add_watch(ino, "d", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(ino, "f", IN_CREATE | IN_ONLYDIR), ENOTDIR);
	CHECK_ERR(inotify_add_watch(999, "d", IN_CREATE), EBADF);
	CHECK_ERR(inotify_add_watch(abi_temp_fd(), "d", IN_CREATE), EINVAL);
	CHECK_ERR(inotify_rm_watch(ino, 55), EINVAL);
	CHECK_ERR(inotify_init1(0x10), EINVAL);
	CHECK_ERR(read(ino, tiny, 8), EAGAIN);
	OK(inotify_add_watch(ino, "d", IN_CREATE));
	close(abi_write_file("d/f", "x", 1));
	CHECK_ERR(read(ino, tiny, 8), EINVAL);
}

ABI_TEST(fionread)
{
	int n = 0;

	start();
	OK(inotify_add_watch(ino, "d", IN_CREATE));
	OK(ioctl(ino, FIONREAD, &n));
	CHECK_EQ(n, 0);
	close(abi_write_file("d/f", "x", 1));
	OK(ioctl(ino, FIONREAD, &n));
	CHECK_EQ(n, 32);
}
