/* SPDX-License-Identifier: MIT */
/*
 * The whole kernel on the simulated HAL: scripts of system calls, random ones,
 * and runs in which the Nth allocation fails.
 */
#include "unit.h"

#include "abi/fcntl.h"
#include "abi/mman.h"
#include "kernel/config.h"
#include "kernel/syscall_table.h"
#include "kernel/task.h"
#include "kernel/vdso.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/reclaim.h"

enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, LSEEK = 8, MMAP = 9, MPROTECT = 10, MUNMAP = 11,
       PIPE = 22, NANOSLEEP = 35, GETPID = 39, FORK = 57, EXIT = 60, WAIT4 = 61, MKDIR = 83,
       UNLINK = 87, GETPPID = 110, CLOCK_GETTIME = 228 };

static uaddr_t put_text(u32 offset, const char *text)
{
	ck_assert(sim_poke(SIM_SCRATCH + offset, text, strlen(text) + 1));
	return SIM_SCRATCH + offset;
}

SCRIPT_TEST(boots_and_exits)
{
	ck_assert_int_eq(sim_sys0(GETPID), 2);
	ck_assert_int_eq(sim_sys0(GETPPID), 1);
	ck_assert_int_eq(sim_sys0(1000), -ENOSYS);
}

SCRIPT_TEST(files)
{
	char buf[16] = "";
	s64 fd;

	ck_assert_int_eq(sim_sys2(MKDIR, put_text(0, "/d"), 0755), 0);
	ck_assert_int_eq(sim_sys2(MKDIR, SIM_SCRATCH, 0755), -EEXIST);
	fd = sim_sys3(OPEN, put_text(0, "/d/f"), O_RDWR | O_CREAT | O_EXCL, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sim_sys3(WRITE, fd, put_text(64, "hello"), 5), 5);
	ck_assert_int_eq(sim_sys3(LSEEK, fd, 1, 0), 1);
	ck_assert_int_eq(sim_sys3(READ, fd, SIM_SCRATCH + 128, 100), 4);
	ck_assert(sim_peek(buf, SIM_SCRATCH + 128, 4));
	ck_assert_str_eq(buf, "ello");
	ck_assert_int_eq(sim_sys1(UNLINK, SIM_SCRATCH), 0);
	ck_assert_int_eq(sim_sys1(CLOSE, fd), 0);
	ck_assert_int_eq(sim_sys1(CLOSE, fd), -EBADF);
}

SCRIPT_TEST(memory)
{
	s64 at = sim_sys6(MMAP, 0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u8 b = 0xff;

	ck_assert_int_gt(at, 0);
	ck_assert(sim_peek(&b, (uaddr_t)at + 77777, 1));
	ck_assert_int_eq(b, 0);
	b = 7;
	ck_assert(sim_poke((uaddr_t)at + 77777, &b, 1));
	ck_assert_int_eq(sim_sys3(MPROTECT, at + 65536, 65536, PROT_READ), 0);
	ck_assert_int_eq(current->mm->map_count >= 3, 1);
	ck_assert_int_eq(sim_sys2(MUNMAP, at, 1 << 20), 0);
}

SCRIPT_TEST(sleep_takes_virtual_time)
{
	s64 ts[2] = { 3600, 0 }, a[2], b[2];

	ck_assert(sim_poke(SIM_SCRATCH, ts, sizeof(ts)));
	ck_assert_int_eq(sim_sys2(CLOCK_GETTIME, 1, SIM_SCRATCH + 64), 0);
	ck_assert_int_eq(sim_sys2(NANOSLEEP, SIM_SCRATCH, 0), 0);
	ck_assert_int_eq(sim_sys2(CLOCK_GETTIME, 1, SIM_SCRATCH + 96), 0);
	ck_assert(sim_peek(a, SIM_SCRATCH + 64, sizeof(a)));
	ck_assert(sim_peek(b, SIM_SCRATCH + 96, sizeof(b)));
	ck_assert_int_ge(b[0] - a[0], 3600);
	ck_assert_int_le(b[0] - a[0], 3601);
}

/* ---- torture ---- */

static u64 seed;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static u64 random_arg(void)
{
	static const u64 edge[] = { 0, 1, 2, 3, 4095, 4096, U64_MAX, 1ul << 63, 0x7fffffff,
				    0xffff800000000000ul, 0x5fffffffeffful, 1ul << 47 };

	switch (rnd() % 4) {
	case 0: return edge[rnd() % ARRAY_SIZE(edge)];
	case 1: return SIM_SCRATCH + rnd() % PAGE_SIZE;
	case 2: return rnd() % 16;
	default: return rnd() >> (rnd() % 64);
	}
}

/* Calls that end the script or wait for what cannot come. */
static bool left_out(u64 nr)
{
	static const u16 out[] = { 7, 15, 23, 34, 35, 56, 57, 58, 59, 60, 61, 62, 128, 130, 161, 169, 200,
				   202, 219, 230, 231, 232, 234, 247, 270, 271, 281, 322, 424, 435, 441,
				   0, 1, 19, 20, 17, 18, 72, 73 };

	for (u32 i = 0; i < ARRAY_SIZE(out); i++)
		if (out[i] == nr)
			return true;
	return false;
}

static void random_script(void)
{
	put_text(0, "/init");
	for (u32 i = 0; i < 4000; i++) {
		u64 nr = rnd() % 460;

		if (left_out(nr))
			continue;
		sim_sys6(nr, random_arg(), random_arg(), random_arg(), random_arg(), random_arg(),
			 random_arg());
	}
}

START_TEST(random_registers)
{
	int status;

	seed = (u64)_i * 0x9e3779b97f4a7c15ul + 1;
	status = sim_boot(random_script);
	/* Whatever became of the program, the kernel came to its orderly end. */
	ck_assert_int_eq(status & ~0xffff, 0);
}
END_TEST

/* ---- the Nth allocation fails ---- */

static u64 nth;

static void failing_script(void)
{
	s64 fd, at;
	s64 ts[2] = { 0, 1000 };

	fail_arm(nth);
	(void)!sim_poke(SIM_SCRATCH + 512, ts, sizeof(ts));
	sim_sys2(MKDIR, put_text(0, "/x"), 0755);
	fd = sim_sys3(OPEN, put_text(0, "/x/f"), O_RDWR | O_CREAT, 0644);
	sim_sys3(WRITE, fd, SIM_SCRATCH, 3000);
	at = sim_sys6(MMAP, 0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sim_sys3(MPROTECT, at + 4096, 4096, PROT_READ);
	sim_sys1(PIPE, SIM_SCRATCH + 256);
	sim_sys2(NANOSLEEP, SIM_SCRATCH + 512, 0);
	sim_sys2(MUNMAP, at, 65536);
	sim_sys1(CLOSE, fd);
	sim_sys1(UNLINK, SIM_SCRATCH);
	fail_arm(0);
}

START_TEST(nth_allocation_fails)
{
	nth = (u64)_i;
	ck_assert_int_ge(sim_boot(failing_script), 0);
}
END_TEST

/* A TSC whose rate in kHz is rounded up, looked at after up to ten years. */
START_TEST(vdso_base_is_never_ahead)
{
	static const u64 hz[] = { 1000000500, 999999500, 2249999501, 5700000499 };

	for (u32 i = 0; i < ARRAY_SIZE(hz); i++) {
		u64 khz = (hz[i] + 500) / 1000;

		for (u64 ms = 100; ms < 10 * 365 * 86400000ul; ms = ms * 3 / 2) {
			u64 cycles = (u64)((unsigned __int128)ms * hz[i] / 1000);
			u64 sure = vdso_sure_cycles(ms * 1000000, khz);

			ck_assert_uint_gt(sure, 0);
			ck_assert_uint_lt(sure, cycles);
			ck_assert_uint_lt(cycles - sure, cycles / 1000 + 11 * khz);
		}
	}
}
END_TEST

Suite *kernel_suite(void)
{
	Suite *s = suite_create("kernel");
	TCase *tc = tcase_create("kernel");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, boots_and_exits);
	tcase_add_test(tc, files);
	tcase_add_test(tc, memory);
	tcase_add_test(tc, sleep_takes_virtual_time);
	tcase_add_loop_test(tc, random_registers, 1, 200);
	tcase_add_loop_test(tc, nth_allocation_fails, 1, 80);
	tcase_add_test(tc, vdso_base_is_never_ahead);
	suite_add_tcase(s, tc);
	return s;
}
