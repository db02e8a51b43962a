/* SPDX-License-Identifier: MIT */
/*
 * epoll: level and edge triggering, one-shot, exclusive, nesting, control errors,
 * closing watched files.
 */
#define ABI_FAMILY "epoll"
#include "abi.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep;

static void start(void)
{
	ep = OK(epoll_create1(EPOLL_CLOEXEC));
}

static void ctl(int op, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = fd };

	OK(epoll_ctl(ep, op, fd, &ev));
}

static void add(int fd, uint32_t events)
{
	ctl(EPOLL_CTL_ADD, fd, events);
}

/* Events of the only ready file, 0 when there is none. */
static int ready(void)
{
	struct epoll_event ev[2];
	int n = OK(epoll_wait(ep, ev, 2, 0));

	CHECK(n <= 1);
	return n ? (int)ev[0].events : 0;
}

ABI_TEST(level_triggered)
{
	int p[2];
	char c;

	start();
	OK(pipe(p));
	add(p[0], EPOLLIN);
	CHECK_EQ(ready(), 0);
	CHECK_EQ(write(p[1], "xy", 2), 2);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(ready(), 0);
}

ABI_TEST(edge_triggered)
{
	int p[2];
	char c;

	start();
	OK(pipe(p));
	add(p[0], EPOLLIN | EPOLLET);
	CHECK_EQ(write(p[1], "xy", 2), 2);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(ready(), 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(ready(), 0);
	CHECK_EQ(write(p[1], "z", 1), 1);
	CHECK_EQ(ready(), EPOLLIN);
	/* Modifying arms it again. */
	ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(ready(), 0);
}

ABI_TEST(edge_reports_state_at_add)
{
	int p[2];

	start();
	OK(pipe(p));
	CHECK_EQ(write(p[1], "x", 1), 1);
	add(p[0], EPOLLIN | EPOLLET);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(ready(), 0);
}

ABI_TEST(oneshot)
{
	int p[2];

	start();
	OK(pipe(p));
	add(p[0], EPOLLIN | EPOLLONESHOT);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(ready(), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(ready(), 0);
	ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(ready(), 0);
}

ABI_TEST(hangup_always_reported)
{
	int p[2], q[2];

	start();
	OK(pipe(p));
	add(p[0], 0);
	CHECK_EQ(ready(), 0);
	close(p[1]);
	CHECK_EQ(ready(), EPOLLHUP);
	ctl(EPOLL_CTL_DEL, p[0], 0);
	OK(pipe(q));
	add(q[1], 0);
	close(q[0]);
	CHECK_EQ(ready(), EPOLLERR);
}

ABI_TEST(modify_and_delete)
{
	int p[2];

	start();
	OK(pipe(p));
	add(p[1], EPOLLIN);
	CHECK_EQ(ready(), 0);
	ctl(EPOLL_CTL_MOD, p[1], EPOLLOUT);
	CHECK_EQ(ready(), EPOLLOUT);
	OK(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL));
	CHECK_EQ(ready(), 0);
}

ABI_TEST(ctl_errors)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int p[2];

	start();
	OK(pipe(p));
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], &ev), ENOENT);
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &ev), EBADF);
	CHECK_ERR(epoll_ctl(999, EPOLL_CTL_ADD, p[0], &ev), EBADF);
	CHECK_ERR(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, 77, p[1], &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, abi_temp_fd(), &ev), EPERM);
	CHECK_ERR(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[1], BAD_KERNEL),
		  EFAULT);
	CHECK_ERR(epoll_create1(0x100), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_create, 0), EINVAL);
	OK(syscall(SYS_epoll_create, 1));
}

ABI_TEST(wait_errors)
{
	struct epoll_event ev;

	start();
	CHECK_ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_wait, ep, &ev, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(999, &ev, 1, 0), EBADF);
	CHECK_ERR(epoll_wait(abi_temp_fd(), &ev, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_wait, ep, BAD_KERNEL, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, &ev, 3), EINVAL);
}

ABI_TEST(packed_event_layout)
{
	unsigned char raw[12];
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0x1122334455667788 };
	int fd = OK(eventfd(1, 0));
	uint64_t data;

	start();
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	CHECK_EQ(OK(syscall(SYS_epoll_wait, ep, raw, 1, 0)), 1);
	memcpy(&data, raw + 4, 8);
	CHECK_EQ(raw[0], EPOLLIN);
	CHECK_EQ(data, 0x1122334455667788);
}

ABI_TEST(several_ready_rotate)
{
	struct epoll_event ev[2];
	int seen[8] = { 0 };

	start();
	for (int i = 0; i < 8; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u64 = i };

		OK(epoll_ctl(ep, EPOLL_CTL_ADD, OK(eventfd(1, 0)), &e));
	}
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(OK(epoll_wait(ep, ev, 2, 0)), 2);
		seen[ev[0].data.u64]++;
		seen[ev[1].data.u64]++;
	}
	/* No file starves. */
	for (int i = 0; i < 8; i++)
		CHECK_EQ(seen[i], 1);
}

ABI_TEST(closed_file_leaves_set)
{
	int a = OK(eventfd(1, 0)), b;

	start();
	add(a, EPOLLIN);
	b = OK(dup(a));
	close(a);
	/* The description lives on in b. */
	CHECK_EQ(ready(), EPOLLIN);
	close(b);
	CHECK_EQ(ready(), 0);
}

ABI_TEST(same_file_twice_by_dup)
{
	struct epoll_event ev[4];
	int a = OK(eventfd(1, 0)), b = OK(dup(a));

	start();
	add(a, EPOLLIN);
	add(b, EPOLLIN);
	CHECK_EQ(OK(epoll_wait(ep, ev, 4, 0)), 2);
}

ABI_TEST(nested)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int inner = OK(epoll_create1(0)), fd = OK(eventfd(0, 0));
	uint64_t one = 1;

	start();
	OK(epoll_ctl(inner, EPOLL_CTL_ADD, fd, &ev));
	add(inner, EPOLLIN);
	CHECK_EQ(ready(), 0);
	CHECK_EQ(poll(&(struct pollfd){ ep, POLLIN, 0 }, 1, 0), 0);
	CHECK_EQ(write(fd, &one, 8), 8);
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_EQ(poll(&(struct pollfd){ ep, POLLIN, 0 }, 1, 0), 1);
	CHECK_ERR(epoll_ctl(inner, EPOLL_CTL_ADD, ep, &ev), ELOOP);
}

ABI_TEST(nesting_is_bounded)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int prev = OK(epoll_create1(0)), n = 0;

	for (; n < 20; n++) {
		int next = OK(epoll_create1(0));

		if (epoll_ctl(next, EPOLL_CTL_ADD, prev, &ev) < 0)
			break;
		prev = next;
	}
	CHECK(n >= 2 && n < 20);
	CHECK(errno == ELOOP || errno == EINVAL);
}

ABI_TEST(wakes_waiter)
{
	struct epoll_event ev;
	int fd = OK(eventfd(0, 0));
	uint64_t one = 1;
	pid_t pid;

	start();
	add(fd, EPOLLIN);
	pid = FORK();
	if (!pid) {
		CHECK_EQ(OK(epoll_wait(ep, &ev, 1, -1)), 1);
		_exit(0);
	}
	CHECK_EQ(write(fd, &one, 8), 8);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(add_while_waiting)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct abi_sync s;
	pid_t pid;

	start();
	abi_sync_init(&s);
	pid = FORK();
	if (!pid) {
		abi_post(&s);
		CHECK_EQ(OK(epoll_wait(ep, &ev, 1, -1)), 1);
		_exit(0);
	}
	abi_await(&s);
	abi_wait_blocked(pid);
	add(OK(eventfd(1, 0)), EPOLLIN);
	CHECK_EXIT(pid, 0);
}

ABI_TEST(exclusive)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int fd = OK(eventfd(1, 0));

	start();
	OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	CHECK_EQ(ready(), EPOLLIN);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev), EINVAL);
	ev.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, OK(eventfd(1, 0)), &ev), EINVAL);
}

ABI_TEST(timeouts)
{
	struct timespec ts = { 0, 5000000 };
	struct epoll_event ev;
	long long t = abi_now_ns();

	start();
	CHECK_EQ(OK(epoll_wait(ep, &ev, 1, 15)), 0);
	CHECK(abi_now_ns() - t >= 15000000);
	t = abi_now_ns();
	if (syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 8) < 0) {
		CHECK_EQ(errno, ENOSYS);
		return;
	}
	CHECK(abi_now_ns() - t >= 5000000);
}

ABI_TEST(epoll_pwait_swaps_mask)
{
	uint64_t alarm_only = 1UL << (SIGALRM - 1), none = 0;
	struct epoll_event ev;

	start();
	abi_tick_start(0);
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &alarm_only, NULL, 8));
	abi_ticks = 0;
	CHECK_ERR(syscall(SYS_epoll_pwait, ep, &ev, 1, -1, &none, 8), EINTR);
	CHECK_EQ(abi_ticks, 1);
}
