/* SPDX-License-Identifier: MIT */
/*
 * Copies inside the kernel: copy_file_range, sendfile, splice, tee, vmsplice.
 */
#define ABI_FAMILY "copy"
#include "abi.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

static void check_content(const char *name, const char *want)
{
	char buf[256];

	CHECK_EQ(abi_read_file(name, buf, sizeof(buf)), strlen(want));
	CHECK_STR(buf, want);
}

static long copy_range(int in, loff_t *ioff, int out, loff_t *ooff, size_t len,
		       unsigned flags)
{
	return syscall(SYS_copy_file_range, in, ioff, out, ooff, len, flags);
}

ABI_TEST(copy_file_range)
{
	int in = abi_write_file("a", "hello world", 11);
	int out = abi_write_file("b", "", 0);
	loff_t ioff = 6, ooff = 2;

	CHECK_EQ(OK(copy_range(in, NULL, out, NULL, 5, 0)), 5);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 5);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 5);
	check_content("b", "hello");
	CHECK_EQ(OK(copy_range(in, &ioff, out, &ooff, 100, 0)), 5);
	CHECK_EQ(ioff, 11);
	CHECK_EQ(ooff, 7);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 5);
	check_content("b", "heworld");
	CHECK_EQ(OK(copy_range(in, &ioff, out, &ooff, 100, 0)), 0);
}

ABI_TEST(copy_file_range_errors)
{
	int in = abi_write_file("a", "hello world", 11);
	int out = abi_write_file("b", "", 0);
	int ro = OK(open("b", O_RDONLY)), app = OK(open("b", O_WRONLY | O_APPEND));
	loff_t ioff = 0, ooff = 2;
	int p[2];

	OK(pipe(p));
	CHECK_ERR(copy_range(in, NULL, out, NULL, 5, 1), EINVAL);
	CHECK_ERR(copy_range(in, NULL, ro, NULL, 5, 0), EBADF);
	CHECK_ERR(copy_range(in, NULL, app, NULL, 5, 0), EBADF);
	CHECK_ERR(copy_range(in, &ioff, in, &ooff, 5, 0), EINVAL);
	CHECK_ERR(copy_range(in, NULL, p[1], NULL, 5, 0), EINVAL);
	CHECK_ERR(copy_range(in, NULL, OK(open(".", O_RDONLY)), NULL, 5, 0), EISDIR);
	CHECK_ERR(copy_range(in, NULL, 999, NULL, 5, 0), EBADF);
	CHECK_EQ(OK(copy_range(in, NULL, out, NULL, 0, 0)), 0);
}

ABI_TEST(sendfile_to_file_and_pipe)
{
	int in = abi_write_file("a", "hello world", 11);
	int out = abi_write_file("b", "", 0);
	char buf[16];
	off_t off = 6;
	int p[2];

	OK(pipe(p));
	CHECK_EQ(OK(sendfile(out, in, NULL, 5)), 5);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 5);
	check_content("b", "hello");
	CHECK_EQ(OK(sendfile(p[1], in, &off, 100)), 5);
	CHECK_EQ(off, 11);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 5);
	CHECK_EQ(read(p[0], buf, 16), 5);
	CHECK(!memcmp(buf, "world", 5));
	CHECK_EQ(OK(sendfile(p[1], in, &off, 100)), 0);
}

ABI_TEST(sendfile_errors)
{
	int in = abi_write_file("a", "hello", 5), p[2];
	int wr = OK(open("a", O_WRONLY));
	off_t neg = -1;

	OK(pipe(p));
	CHECK_ERR(sendfile(p[1], wr, NULL, 5), EBADF);
	CHECK_ERR(sendfile(p[0], in, NULL, 5), EBADF);
	CHECK_ERR(sendfile(p[1], in, &neg, 5), EINVAL);
	CHECK_ERR(sendfile(999, in, NULL, 5), EBADF);
	CHECK_ERR(syscall(SYS_sendfile, p[1], in, BAD_KERNEL, 5), EFAULT);
	OK(fcntl(p[1], F_SETFL, O_NONBLOCK));
	OK(ftruncate(in, 1 << 20));
	while (sendfile(p[1], in, &(off_t){ 0 }, 1 << 20) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
}

ABI_TEST(splice_file_to_pipe_to_file)
{
	int in = abi_write_file("a", "hello world", 11);
	int out = abi_write_file("b", "", 0);
	loff_t off = 6;
	int p[2];

	OK(pipe(p));
	CHECK_EQ(OK(splice(in, &off, p[1], NULL, 5, 0)), 5);
	CHECK_EQ(off, 11);
	CHECK_EQ(OK(splice(in, NULL, p[1], NULL, 6, 0)), 6);
	close(p[1]);
	CHECK_EQ(OK(splice(p[0], NULL, out, NULL, 5, 0)), 5);
	CHECK_EQ(OK(splice(p[0], NULL, out, NULL, 100, 0)), 6);
	CHECK_EQ(OK(splice(p[0], NULL, out, NULL, 100, 0)), 0);
	check_content("b", "worldhello ");
}

ABI_TEST(splice_pipe_to_pipe)
{
	int p[2], q[2];
	char buf[16];

	OK(pipe(p));
	OK(pipe(q));
	CHECK_EQ(write(p[1], "abcdef", 6), 6);
	CHECK_EQ(OK(splice(p[0], NULL, q[1], NULL, 4, 0)), 4);
	CHECK_EQ(read(q[0], buf, 16), 4);
	CHECK(!memcmp(buf, "abcd", 4));
	CHECK_EQ(read(p[0], buf, 16), 2);
	CHECK_ERR(splice(p[0], NULL, p[1], NULL, 4, 0), EINVAL);
}

ABI_TEST(splice_errors)
{
	int a = abi_write_file("a", "x", 1), b = abi_write_file("b", "x", 1), p[2];
	loff_t off = 0;

	OK(pipe(p));
	CHECK_ERR(splice(a, NULL, b, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(a, NULL, p[1], &off, 1, 0), ESPIPE);
	CHECK_ERR(splice(p[0], &off, b, NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(a, NULL, p[1], NULL, 1, 0x100), EINVAL);
	CHECK_ERR(splice(p[0], NULL, b, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(splice(999, NULL, b, NULL, 1, 0), EBADF);
	CHECK_EQ(OK(splice(p[0], NULL, b, NULL, 0, 0)), 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(splice(a, NULL, p[1], NULL, 1, 0), EPIPE);
}

ABI_TEST(tee)
{
	int p[2], q[2];
	char buf[16];

	OK(pipe(p));
	OK(pipe(q));
	CHECK_EQ(write(p[1], "abcdef", 6), 6);
	CHECK_EQ(OK(tee(p[0], q[1], 3, 0)), 3);
	CHECK_EQ(OK(tee(p[0], q[1], 100, 0)), 6);
	CHECK_EQ(read(q[0], buf, 16), 9);
	CHECK(!memcmp(buf, "abcabcdef", 9));
	CHECK_EQ(read(p[0], buf, 16), 6);
	CHECK_ERR(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(p[0], p[1], 1, 0), EINVAL);
	CHECK_ERR(tee(abi_temp_fd(), q[1], 1, 0), EINVAL);
}

ABI_TEST(vmsplice)
{
	struct iovec v[2] = { { "abc", 3 }, { "defg", 4 } };
	char buf[16] = "";
	int p[2];

	OK(pipe(p));
	CHECK_EQ(OK(vmsplice(p[1], v, 2, 0)), 7);
	CHECK_EQ(read(p[0], buf, 16), 7);
	CHECK_STR(buf, "abcdefg");
	CHECK_EQ(write(p[1], "xyz", 3), 3);
	v[0].iov_base = buf;
	CHECK_EQ(OK(vmsplice(p[0], v, 1, 0)), 3);
	CHECK(!memcmp(buf, "xyz", 3));
	CHECK_ERR(vmsplice(abi_temp_fd(), v, 1, 0), EBADF);
}

ABI_TEST(splice_blocks_until_data)
{
	int p[2], out = abi_write_file("b", "", 0);
	pid_t pid;

	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		close(p[1]);
		while (OK(splice(p[0], NULL, out, NULL, 1 << 20, 0)) > 0)
			;
		_exit(0);
	}
	close(p[0]);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(write(p[1], "0123456789", 10), 10);
	close(p[1]);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(lseek(out, 0, SEEK_END), 200);
}
