/* SPDX-License-Identifier: MIT */
/*
 * User and group ids: set*id rules with and without privilege, groups,
 * capabilities over setuid, set-user-ID execution, permission to signal.
 */
#define ABI_FAMILY "cred"
#include "abi.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

/* Raw calls: the libcs apply set*id to all threads. */
static long sys_setresuid(int r, int e, int s)
{
	return syscall(SYS_setresuid, r, e, s);
}

static void check_uids(int r, int e, int s)
{
	uid_t a, b, c;

	OK(getresuid(&a, &b, &c));
	CHECK_EQ((int)a, r);
	CHECK_EQ((int)b, e);
	CHECK_EQ((int)c, s);
}

ABI_TEST(getters_agree)
{
	uid_t r, e, s;
	gid_t g, eg, sg;

	OK(getresuid(&r, &e, &s));
	OK(getresgid(&g, &eg, &sg));
	CHECK_EQ(r, getuid());
	CHECK_EQ(e, geteuid());
	CHECK_EQ(g, getgid());
	CHECK_EQ(eg, getegid());
}

static void unprivileged_rules(void)
{
	uid_t me = getuid();
	gid_t g = getgid();

	CHECK_ERR(syscall(SYS_setuid, 0), EPERM);
	CHECK_ERR(syscall(SYS_setuid, me + 1), EPERM);
	CHECK_ERR(syscall(SYS_setgid, g + 1), EPERM);
	CHECK_ERR(sys_setresuid(me, me, 0), EPERM);
	CHECK_ERR(syscall(SYS_setreuid, 0, -1), EPERM);
	CHECK_ERR(syscall(SYS_setregid, -1, g + 1), EPERM);
	CHECK_ERR(syscall(SYS_setgroups, 0, NULL), EPERM);
	OK(syscall(SYS_setuid, me));
	OK(sys_setresuid(-1, -1, -1));
	OK(syscall(SYS_setreuid, me, me));
	check_uids(me, me, me);
}

ABI_TEST(unprivileged_cannot_change)
{
	UNPRIVILEGED(unprivileged_rules);
}

ABI_TEST(root_setuid_sets_all)
{
	pid_t pid;

	abi_need_root();
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_setuid, 1000));
		check_uids(1000, 1000, 1000);
		CHECK_ERR(syscall(SYS_setuid, 0), EPERM);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK_EQ(getuid(), 0);
}

ABI_TEST(saved_uid_switches_back)
{
	pid_t pid;

	abi_need_root();
	pid = FORK();
	if (!pid) {
		OK(sys_setresuid(-1, 1000, -1));
		check_uids(0, 1000, 0);
		CHECK_ERR(sys_setresuid(-1, 1001, -1), EPERM);
		OK(sys_setresuid(-1, 0, -1));
		OK(sys_setresuid(1000, 1001, 1002));
		OK(sys_setresuid(1001, 1002, 1000));
		check_uids(1001, 1002, 1000);
		OK(syscall(SYS_setuid, 1000));
		check_uids(1001, 1000, 1000);
		CHECK_ERR(syscall(SYS_setuid, 1002), EPERM);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(setreuid_updates_saved)
{
	pid_t pid;

	abi_need_root();
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_setreuid, 1000, 1001));
		check_uids(1000, 1001, 1001);
		OK(syscall(SYS_setreuid, 1001, 1000));
		check_uids(1001, 1000, 1000);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(groups)
{
	gid_t set[3] = { 30, 10, 20 }, got[8];
	pid_t pid;

	abi_need_root();
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_setgroups, 3, set));
		CHECK_EQ(getgroups(0, NULL), 3);
		CHECK_EQ(getgroups(8, got), 3);
		CHECK(got[0] + got[1] + got[2] == 60);
		CHECK_ERR(getgroups(2, got), EINVAL);
		CHECK_ERR(syscall(SYS_getgroups, -1, got), EINVAL);
		CHECK_ERR(syscall(SYS_setgroups, 65537, got), EINVAL);
		CHECK_ERR(syscall(SYS_setgroups, 2, BAD_KERNEL), EFAULT);
		OK(syscall(SYS_setgroups, 0, NULL));
		CHECK_EQ(getgroups(0, NULL), 0);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(supplementary_group_grants_access)
{
	gid_t extra = 4242;
	pid_t pid;
	int fd;

	abi_need_root();
	OK(chmod(".", 0755));
	close(abi_write_file("f", "x", 1));
	OK(chown("f", 0, extra));
	OK(chmod("f", 0640));
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_setgroups, 1, &extra));
		OK(syscall(SYS_setgid, 1000));
		OK(syscall(SYS_setuid, 1000));
		OK(open("f", O_RDONLY));
		CHECK_ERR(open("f", O_WRONLY), EACCES);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	/* The owner's bits win over the group's. */
	OK(chown("f", 1000, extra));
	OK(chmod("f", 0060));
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_setgroups, 1, &extra));
		OK(syscall(SYS_setuid, 1000));
		CHECK_ERR(open("f", O_RDONLY), EACCES);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	fd = open("f", O_RDONLY);
	CHECK(fd >= 0);
}

ABI_TEST(setfsuid)
{
	pid_t pid;

	abi_need_root();
	pid = FORK();
	if (!pid) {
		CHECK_EQ(setfsuid(1000), 0);
		CHECK_EQ(setfsuid(-1), 1000);
		CHECK_EQ(setfsuid(0), 1000);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

struct cap_header {
	uint32_t version;
	int pid;
};

struct cap_data {
	uint32_t effective, permitted, inheritable;
};

#define CAP_VERSION_3 0x20080522

ABI_TEST(capget_version_probe)
{
	struct cap_header h = { 0, 0 };
	struct cap_data d[2];

	OK(syscall(SYS_capget, &h, NULL));
	CHECK_EQ(h.version, CAP_VERSION_3);
	h.version = 0x1234;
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	CHECK_EQ(h.version, CAP_VERSION_3);
	OK(syscall(SYS_capget, &h, d));
	h.pid = -5;
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	h.pid = 4000000;
	CHECK_ERR(syscall(SYS_capget, &h, d), ESRCH);
	CHECK_ERR(syscall(SYS_capget, BAD_KERNEL, d), EFAULT);
}

ABI_TEST(setuid_drops_capabilities)
{
	struct cap_header h = { CAP_VERSION_3, 0 };
	struct cap_data d[2];
	pid_t pid;

	abi_need_root();
	OK(syscall(SYS_capget, &h, d));
	CHECK(d[0].effective != 0);
	pid = FORK();
	if (!pid) {
		OK(sys_setresuid(-1, 1000, -1));
		OK(syscall(SYS_capget, &h, d));
		CHECK_EQ(d[0].effective, 0);
		CHECK(d[0].permitted != 0);
		OK(sys_setresuid(-1, 0, -1));
		OK(syscall(SYS_capget, &h, d));
		CHECK(d[0].effective != 0);
		OK(sys_setresuid(1000, 1000, 1000));
		OK(syscall(SYS_capget, &h, d));
		CHECK_EQ(d[0].effective | d[0].permitted, 0);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(keepcaps)
{
	struct cap_header h = { CAP_VERSION_3, 0 };
	struct cap_data d[2];
	pid_t pid;

	abi_need_root();
	pid = FORK();
	if (!pid) {
		OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
		CHECK_EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
		OK(sys_setresuid(1000, 1000, 1000));
		OK(syscall(SYS_capget, &h, d));
		CHECK_EQ(d[0].effective, 0);
		CHECK(d[0].permitted != 0);
		/* Raise one of them again: CAP_KILL. */
		d[0].effective = 1 << 5;
		d[1].effective = 0;
		OK(syscall(SYS_capset, &h, d));
		OK(kill(getppid(), 0));
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(capset_cannot_gain)
{
	struct cap_header h = { CAP_VERSION_3, 0 };
	struct cap_data d[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	pid_t pid = FORK();

	if (!pid) {
		OK(syscall(SYS_capset, &h, d));
		d[0].permitted = 1;
		CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
		d[0].permitted = 0;
		d[0].effective = 1;
		CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
		h.pid = getppid();
		CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(dropped_capability_bites)
{
	struct cap_header h = { CAP_VERSION_3, 0 };
	struct cap_data d[2];
	pid_t pid;

	abi_need_root();
	close(abi_write_file("f", "x", 1));
	OK(chown("f", 1000, 1000));
	OK(chmod("f", 0));
	OK(open("f", O_RDWR));
	pid = FORK();
	if (!pid) {
		OK(syscall(SYS_capget, &h, d));
		/* CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER */
		d[0].effective &= ~(1u << 1 | 1u << 2 | 1u << 3);
		OK(syscall(SYS_capset, &h, d));
		CHECK_ERR(open("f", O_RDONLY), EACCES);
		CHECK_ERR(chmod("f", 0777), EPERM);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_HELPER(uids)
{
	printf("%d %d\n", getuid(), geteuid());
	return 0;
}

static void copy_self(const char *name)
{
	char buf[65536];
	int in = OK(open(abi_self(), O_RDONLY));
	int out = OK(open(name, O_WRONLY | O_CREAT, 0755));
	long n;

	while ((n = OK(read(in, buf, sizeof(buf)))) > 0)
		CHECK_EQ(write(out, buf, n), n);
	close(in);
	close(out);
}

static void run_uids(int no_new_privs, char *out, size_t size)
{
	int p[2];
	pid_t pid;

	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		abi_drop();
		if (no_new_privs)
			OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		OK(dup2(p[1], 1));
		execl("./suid", "suid", "--helper", "uids", NULL);
		FAIL("exec: %s", strerror(errno));
	}
	CHECK_EXIT(pid, 0);
	out[OK(read(p[0], out, size - 1))] = 0;
}

ABI_TEST(set_user_id_exec)
{
	char out[64];

	abi_need_root();
	OK(chmod(".", 0755));
	copy_self("suid");
	OK(chown("suid", 1234, 1234));
	OK(chmod("suid", 04755));
	run_uids(0, out, sizeof(out));
	if (!strcmp(out, "65534 65534\n"))
		SKIP("file system is mounted nosuid");
	CHECK_STR(out, "65534 1234\n");
	run_uids(1, out, sizeof(out));
	CHECK_STR(out, "65534 65534\n");
}

ABI_TEST(signal_permission)
{
	struct abi_sync up, down;
	pid_t a, b;

	abi_need_root();
	abi_sync_init(&up);
	abi_sync_init(&down);
	a = FORK();
	if (!a) {
		OK(sys_setresuid(1000, 1000, 1000));
		abi_post(&up);
		abi_await(&down);
		_exit(0);
	}
	abi_await(&up);
	b = FORK();
	if (!b) {
		OK(sys_setresuid(1001, 1001, 1001));
		CHECK_ERR(kill(a, 0), EPERM);
		CHECK_ERR(kill(a, SIGTERM), EPERM);
		_exit(0);
	}
	CHECK_EXIT(b, 0);
	b = FORK();
	if (!b) {
		OK(sys_setresuid(1000, 1001, 1001));
		OK(kill(a, 0));
		_exit(0);
	}
	CHECK_EXIT(b, 0);
	abi_post(&down);
	CHECK_EXIT(a, 0);
}
