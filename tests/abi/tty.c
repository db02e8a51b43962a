/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-terminals as a data path: line discipline, termios, window size,
 * VMIN and VTIME, packet and hang-up rules. Job control is in tty_job.c.
 */
#define ABI_FAMILY "tty"
#include "abi.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int mfd, sfd;
static char slave_name[64];

static void open_pair(void)
{
	int n, zero = 0;

	mfd = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	OK(ioctl(mfd, TIOCGPTN, &n));
	OK(ioctl(mfd, TIOCSPTLCK, &zero));
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", n);
	sfd = OK(open(slave_name, O_RDWR | O_NOCTTY));
}

static void raw(int vmin, int vtime)
{
	struct termios t;

	OK(tcgetattr(sfd, &t));
	t.c_iflag = 0;
	t.c_oflag = 0;
	t.c_lflag = 0;
	t.c_cc[VMIN] = vmin;
	t.c_cc[VTIME] = vtime;
	OK(tcsetattr(sfd, TCSANOW, &t));
}

static void set_flags(int lflag_off, int iflag_off, int oflag_off)
{
	struct termios t;

	OK(tcgetattr(sfd, &t));
	t.c_lflag &= ~lflag_off;
	t.c_iflag &= ~iflag_off;
	t.c_oflag &= ~oflag_off;
	OK(tcsetattr(sfd, TCSANOW, &t));
}

static void type(const char *text)
{
	CHECK_EQ(write(mfd, text, strlen(text)), strlen(text));
}

/* The next read of a descriptor gives exactly this. */
static void expect(int fd, const char *want)
{
	char buf[512];
	long n = OK(read(fd, buf, sizeof(buf) - 1));

	buf[n] = 0;
	CHECK_STR(buf, want);
}

/* The master's output, gathered until it is as long as expected. */
static void expect_output(const char *want)
{
	char buf[512];
	size_t got = 0;

	while (got < strlen(want))
		got += OK(read(mfd, buf + got, sizeof(buf) - 1 - got));
	buf[got] = 0;
	CHECK_STR(buf, want);
}

/*
 * Linux hands input to the line discipline by a work queue: what was typed is
 * not there at once. Wait for it before looking.
 */
static void settle(void)
{
	OK(poll(&(struct pollfd){ sfd, POLLIN, 0 }, 1, -1));
}

static int pending(int fd)
{
	return OK(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0));
}

ABI_TEST(defaults)
{
	struct termios t;

	open_pair();
	OK(tcgetattr(sfd, &t));
	CHECK_EQ(t.c_iflag & (ICRNL | IXON), ICRNL | IXON);
	CHECK_EQ(t.c_oflag & (OPOST | ONLCR), OPOST | ONLCR);
	CHECK_EQ(t.c_lflag & (ISIG | ICANON | ECHO | ECHOE | IEXTEN),
		 ISIG | ICANON | ECHO | ECHOE | IEXTEN);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VERASE], 127);
	CHECK_EQ(t.c_cc[VKILL], 21);
	CHECK_EQ(t.c_cc[VSUSP], 26);
	CHECK_EQ(t.c_cc[VQUIT], 28);
	CHECK(isatty(sfd));
}

ABI_TEST(canonical_waits_for_line)
{
	open_pair();
	set_flags(ECHO, 0, 0);
	type("abc");
	CHECK(!pending(sfd));
	type("\n");
	settle();
	expect(sfd, "abc\n");
	type("one\ntwo\n");
	expect(sfd, "one\n");
	expect(sfd, "two\n");
	CHECK(!pending(sfd));
}

ABI_TEST(canonical_short_reads)
{
	char c[3];

	open_pair();
	set_flags(ECHO, 0, 0);
	type("abcd\n");
	CHECK_EQ(read(sfd, c, 2), 2);
	CHECK_EQ(read(sfd, c, 2), 2);
	CHECK_EQ(read(sfd, c, 2), 1);
	CHECK_EQ(c[0], '\n');
}

ABI_TEST(canonical_editing)
{
	open_pair();
	set_flags(ECHO, 0, 0);
	type("abx\177c\n");
	expect(sfd, "abc\n");
	type("wrong\025right\n");
	expect(sfd, "right\n");
	type("two words\027end\n");
	expect(sfd, "two end\n");
	type("\177\177a\n");
	expect(sfd, "a\n");
	type("\026\003x\n");
	expect(sfd, "\003x\n");
}

ABI_TEST(canonical_eof)
{
	char c;

	open_pair();
	set_flags(ECHO, 0, 0);
	type("abc\004");
	expect(sfd, "abc");
	type("\004");
	CHECK_EQ(read(sfd, &c, 1), 0);
	type("d\n");
	expect(sfd, "d\n");
}

ABI_TEST(echo)
{
	open_pair();
	type("ab\n");
	expect_output("ab\r\n");
	type("x\177");
	expect_output("x\b \b");
	type("\001");
	expect_output("^A");
	type("\n");
	expect_output("\r\n");
}

ABI_TEST(no_echo_but_newline)
{
	struct termios t;

	open_pair();
	OK(tcgetattr(sfd, &t));
	t.c_lflag &= ~ECHO;
	t.c_lflag |= ECHONL;
	OK(tcsetattr(sfd, TCSANOW, &t));
	type("pw\n");
	expect_output("\r\n");
	expect(sfd, "pw\n");
}

ABI_TEST(input_mapping)
{
	struct termios t;

	open_pair();
	set_flags(ECHO, 0, 0);
	type("a\r");
	expect(sfd, "a\n");
	OK(tcgetattr(sfd, &t));
	t.c_iflag = (t.c_iflag & ~ICRNL) | INLCR | IGNCR;
	t.c_lflag &= ~ICANON;
	OK(tcsetattr(sfd, TCSANOW, &t));
	type("a\rb\n");
	expect(sfd, "ab\r");
	t.c_iflag = ISTRIP;
	OK(tcsetattr(sfd, TCSANOW, &t));
	type("\301");
	expect(sfd, "A");
}

ABI_TEST(output_mapping)
{
	struct termios t;

	open_pair();
	CHECK_EQ(write(sfd, "a\nb", 3), 3);
	expect_output("a\r\nb");
	set_flags(0, 0, ONLCR);
	CHECK_EQ(write(sfd, "a\nb", 3), 3);
	expect_output("a\nb");
	OK(tcgetattr(sfd, &t));
	t.c_oflag = OPOST | OCRNL;
	OK(tcsetattr(sfd, TCSADRAIN, &t));
	CHECK_EQ(write(sfd, "\r", 1), 1);
	expect_output("\n");
	t.c_oflag = 0;
	OK(tcsetattr(sfd, TCSAFLUSH, &t));
	CHECK_EQ(write(sfd, "\n\r", 2), 2);
	expect_output("\n\r");
}

ABI_TEST(raw_passes_everything)
{
	char in[256], out[256];
	size_t got = 0;

	open_pair();
	raw(1, 0);
	for (int i = 0; i < 256; i++)
		in[i] = i;
	CHECK_EQ(write(mfd, in, 256), 256);
	while (got < 256)
		got += OK(read(sfd, out + got, 256 - got));
	CHECK(!memcmp(in, out, 256));
	CHECK_EQ(write(sfd, in, 256), 256);
	got = 0;
	while (got < 256)
		got += OK(read(mfd, out + got, 256 - got));
	CHECK(!memcmp(in, out, 256));
}

ABI_TEST(vmin_zero_polls)
{
	char buf[8];

	open_pair();
	raw(0, 0);
	CHECK_EQ(read(sfd, buf, 8), 0);
	type("ab");
	settle();
	expect(sfd, "ab");
	CHECK_EQ(read(sfd, buf, 8), 0);
}

ABI_TEST(vtime_times_out)
{
	long long t = abi_now_ns();
	char buf[8];

	open_pair();
	raw(0, 1);
	CHECK_EQ(read(sfd, buf, 8), 0);
	CHECK(abi_now_ns() - t >= 50000000);
	type("q");
	expect(sfd, "q");
}

ABI_TEST(vmin_gathers)
{
	pid_t pid;
	char buf[8];

	open_pair();
	raw(3, 0);
	pid = FORK();
	if (!pid) {
		type("a");
		type("b");
		type("c");
		_exit(0);
	}
	CHECK_EQ(OK(read(sfd, buf, 8)), 3);
	CHECK_EXIT(pid, 0);
	/* Never more than asked for, even when that is below VMIN. */
	type("xyz");
	CHECK_EQ(OK(read(sfd, buf, 2)), 2);
}

ABI_TEST(nonblocking)
{
	char c;

	open_pair();
	raw(1, 0);
	OK(fcntl(sfd, F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(sfd, &c, 1), EAGAIN);
	OK(fcntl(mfd, F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(mfd, &c, 1), EAGAIN);
	type("z");
	settle();
	CHECK_EQ(read(sfd, &c, 1), 1);
}

ABI_TEST(window_size)
{
	struct winsize ws = { 33, 77, 5, 6 }, got;

	open_pair();
	OK(ioctl(sfd, TIOCGWINSZ, &got));
	CHECK(got.ws_row == 0 && got.ws_col == 0);
	OK(ioctl(mfd, TIOCSWINSZ, &ws));
	OK(ioctl(sfd, TIOCGWINSZ, &got));
	CHECK(!memcmp(&ws, &got, sizeof(ws)));
	ws.ws_row = 44;
	OK(ioctl(sfd, TIOCSWINSZ, &ws));
	OK(ioctl(mfd, TIOCGWINSZ, &got));
	CHECK_EQ(got.ws_row, 44);
	CHECK_ERR(syscall(SYS_ioctl, sfd, TIOCGWINSZ, BAD_KERNEL), EFAULT);
}

ABI_TEST(master_close_hangs_up)
{
	char c;

	open_pair();
	type("left\n");
	close(mfd);
	CHECK_EQ(poll(&(struct pollfd){ sfd, POLLIN, 0 }, 1, 0), 1);
	CHECK_EQ(read(sfd, &c, 1), 0);
	CHECK_ERR(write(sfd, "x", 1), EIO);
	CHECK_ERR(open(slave_name, O_RDWR | O_NOCTTY), ENOENT);
}

ABI_TEST(slave_close_gives_eio)
{
	struct pollfd pfd;
	char c;

	open_pair();
	CHECK_EQ(write(sfd, "bye", 3), 3);
	close(sfd);
	expect_output("bye");
	CHECK_ERR(read(mfd, &c, 1), EIO);
	pfd = (struct pollfd){ mfd, POLLIN, 0 };
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK(pfd.revents & POLLHUP);
	/* It comes back to life with the next open. */
	sfd = OK(open(slave_name, O_RDWR | O_NOCTTY));
	CHECK_EQ(write(sfd, "again", 5), 5);
	expect_output("again");
}

ABI_TEST(locked_until_unlocked)
{
	int m = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY)), n, lock = -1;

	OK(ioctl(m, TIOCGPTN, &n));
	OK(ioctl(m, TIOCGPTLCK, &lock));
	CHECK_EQ(lock, 1);
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", n);
	CHECK_ERR(open(slave_name, O_RDWR | O_NOCTTY), EIO);
	lock = 0;
	OK(ioctl(m, TIOCSPTLCK, &lock));
	OK(open(slave_name, O_RDWR | O_NOCTTY));
}

ABI_TEST(peer_open)
{
	int fd;

	open_pair();
	fd = ioctl(mfd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTTY || errno == EINVAL))
		SKIP("no TIOCGPTPEER");
	CHECK_EQ(fcntl(OK(fd), F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fd, "p", 1), 1);
	expect_output("p");
}

ABI_TEST(flush)
{
	char c;

	open_pair();
	raw(0, 0);
	type("abc");
	settle();
	OK(tcflush(sfd, TCIFLUSH));
	CHECK_EQ(read(sfd, &c, 1), 0);
	CHECK_ERR(ioctl(sfd, TCFLSH, 77), EINVAL);
	OK(tcdrain(sfd));
}

ABI_TEST(fionread)
{
	int n;

	open_pair();
	raw(1, 0);
	type("abcd");
	settle();
	OK(ioctl(sfd, FIONREAD, &n));
	CHECK_EQ(n, 4);
	CHECK_EQ(write(sfd, "xyz", 3), 3);
	OK(poll(&(struct pollfd){ mfd, POLLIN, 0 }, 1, -1));
	OK(ioctl(mfd, FIONREAD, &n));
	CHECK_EQ(n, 3);
	OK(ioctl(sfd, TIOCOUTQ, &n));
}

ABI_TEST(stop_and_start_output)
{
	char c;

	open_pair();
	set_flags(ECHO, 0, 0);
	OK(fcntl(mfd, F_SETFL, O_NONBLOCK));
	type("\023line\n");
	settle();
	OK(fcntl(sfd, F_SETFL, O_NONBLOCK));
	CHECK_ERR(write(sfd, "held", 4), EAGAIN);
	CHECK_ERR(read(mfd, &c, 1), EAGAIN);
	expect(sfd, "line\n");
	type("\021line\n");
	settle();
	CHECK_EQ(write(sfd, "held", 4), 4);
	expect_output("held");
}

ABI_TEST(packet_mode)
{
	char buf[16];
	int on = 1;

	open_pair();
	OK(ioctl(mfd, TIOCPKT, &on));
	CHECK_EQ(write(sfd, "ab", 2), 2);
	CHECK_EQ(OK(read(mfd, buf, 16)), 3);
	CHECK(buf[0] == TIOCPKT_DATA && buf[1] == 'a');
	OK(tcflush(sfd, TCIFLUSH));
	CHECK_EQ(OK(read(mfd, buf, 16)), 1);
	CHECK_EQ(buf[0] & TIOCPKT_FLUSHREAD, TIOCPKT_FLUSHREAD);
}

ABI_TEST(long_line_is_cut_at_4095)
{
	char *buf = malloc(8192);
	size_t got = 0;

	open_pair();
	set_flags(ECHO, 0, 0);
	memset(buf, 'a', 5000);
	for (int i = 0; i < 5000; i += 500)
		CHECK_EQ(write(mfd, buf + i, 500), 500);
	type("\n");
	do {
		got += OK(read(sfd, buf + got, 8192 - got));
	} while (buf[got - 1] != '\n');
	CHECK_EQ(got, 4096);
}

ABI_TEST(several_pairs_are_apart)
{
	int n[10], m[10];

	for (int i = 0; i < 10; i++) {
		m[i] = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
		OK(ioctl(m[i], TIOCGPTN, &n[i]));
		for (int j = 0; j < i; j++)
			CHECK(n[i] != n[j]);
	}
}

ABI_TEST(not_a_controlling_terminal)
{
	pid_t pid = FORK();
	int id;

	if (!pid) {
		OK(setsid());
		open_pair();
		CHECK_ERR(ioctl(sfd, TIOCGPGRP, &id), ENOTTY);
		CHECK_ERR(ioctl(sfd, TIOCGSID, &id), ENOTTY);
		CHECK_ERR(tcsetpgrp(sfd, getpgrp()), ENOTTY);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}
