/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes in the user. name space.
 */
#define ABI_FAMILY "xattr"
#include "abi.h"

#include <sys/xattr.h>

static int need_xattr(void)
{
	int fd = abi_write_file("f", "x", 1);

	if (fsetxattr(fd, "user.probe", "1", 1, 0) < 0 && errno == EOPNOTSUPP)
		SKIP("no user xattrs here");
	OK(fremovexattr(fd, "user.probe"));
	return fd;
}

ABI_TEST(set_get_remove)
{
	char buf[16] = "";
	int fd = need_xattr();

	OK(setxattr("f", "user.a", "value", 5, 0));
	CHECK_EQ(getxattr("f", "user.a", NULL, 0), 5);
	CHECK_EQ(getxattr("f", "user.a", buf, 16), 5);
	CHECK_STR(buf, "value");
	CHECK_EQ(fgetxattr(fd, "user.a", buf, 16), 5);
	CHECK_ERR(getxattr("f", "user.a", buf, 4), ERANGE);
	OK(removexattr("f", "user.a"));
	CHECK_ERR(getxattr("f", "user.a", buf, 16), ENODATA);
	CHECK_ERR(removexattr("f", "user.a"), ENODATA);
}

ABI_TEST(create_and_replace)
{
	need_xattr();
	CHECK_ERR(setxattr("f", "user.a", "1", 1, XATTR_REPLACE), ENODATA);
	OK(setxattr("f", "user.a", "1", 1, XATTR_CREATE));
	CHECK_ERR(setxattr("f", "user.a", "2", 1, XATTR_CREATE), EEXIST);
	OK(setxattr("f", "user.a", "", 0, XATTR_REPLACE));
	CHECK_EQ(getxattr("f", "user.a", NULL, 0), 0);
	CHECK_ERR(setxattr("f", "user.a", "1", 1, 0x10), EINVAL);
}

ABI_TEST(list)
{
	char buf[256];
	long n, seen = 0;

	need_xattr();
	OK(setxattr("f", "user.one", "1", 1, 0));
	OK(setxattr("f", "user.two", "2", 1, 0));
	n = OK(listxattr("f", NULL, 0));
	CHECK(n >= 18);
	CHECK_ERR(listxattr("f", buf, 3), ERANGE);
	n = OK(listxattr("f", buf, sizeof(buf)));
	for (char *p = buf; p < buf + n; p += strlen(p) + 1)
		seen += !strcmp(p, "user.one") + 2 * !strcmp(p, "user.two");
	CHECK_EQ(seen, 3);
}

ABI_TEST(names)
{
	char name[300], *big = calloc(1, 65537);

	need_xattr();
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = 0;
	CHECK_ERR(setxattr("f", name, "1", 1, 0), ERANGE);
	name[255] = 0;
	OK(setxattr("f", name, "1", 1, 0));
	CHECK_ERR(setxattr("f", "", "1", 1, 0), ERANGE);
	CHECK_ERR(setxattr("f", "unknown.x", "1", 1, 0), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", "user.big", big, 65537, 0), E2BIG);
	CHECK_ERR(syscall(SYS_setxattr, "f", BAD_KERNEL, "1", 1, 0), EFAULT);
	CHECK_ERR(setxattr("missing", "user.a", "1", 1, 0), ENOENT);
}

ABI_TEST(symlinks_have_no_user_attributes)
{
	need_xattr();
	OK(symlink("f", "l"));
	CHECK_ERR(lsetxattr("l", "user.a", "1", 1, 0), EPERM);
	OK(setxattr("l", "user.a", "1", 1, 0));
	OK(getxattr("f", "user.a", NULL, 0));
	CHECK_ERR(lgetxattr("l", "user.a", NULL, 0), ENODATA);
}

static void needs_write_permission(void)
{
	char b[4];

	OK(chmod("g", 0444));
	CHECK_ERR(setxattr("g", "user.a", "1", 1, 0), EACCES);
	OK(chmod("g", 0222));
	CHECK_ERR(getxattr("g", "user.a", b, 4), EACCES);
}

ABI_TEST(permission)
{
	need_xattr();
	close(abi_write_file("g", "x", 1));
	OK(setxattr("g", "user.a", "0", 1, 0));
	if (geteuid() == 0)
		OK(chown("g", NOBODY, NOBODY));
	UNPRIVILEGED(needs_write_permission);
}

static void no_trusted(void)
{
	CHECK_ERR(setxattr("f", "trusted.a", "1", 1, 0), EPERM);
	CHECK_ERR(getxattr("f", "trusted.a", NULL, 0), ENODATA);
}

ABI_TEST(trusted_needs_root)
{
	need_xattr();
	UNPRIVILEGED(no_trusted);
}
