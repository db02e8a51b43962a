/* SPDX-License-Identifier: MIT */
/*
 * execve of scripts: the interpreter line, the argument vector that results, how
 * deep interpreters may nest, malformed lines.
 */
#define ABI_FAMILY "exec"
#include "abi.h"

/* Exit status of a program run in a child, 127 when exec failed. */
static int run(const char *path, char **argv)
{
	int status;
	pid_t pid = FORK();

	if (!pid) {
		dup2(open("/dev/null", O_WRONLY), 1);
		dup2(1, 2);
		execv(path, argv);
		_exit(127);
	}
	status = STATUS(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void write_script(const char *name, const char *text)
{
	close(abi_write_file(name, text, strlen(text)));
	OK(chmod(name, 0755));
}

/* The interpreter is this program, its helper the script's name: see /proc. */
ABI_TEST(script)
{
	char out[1024], text[PATH_MAX + 64];
	int in[2], st[2];
	long n;
	pid_t pid;

	OK(symlink(abi_self(), "interp"));
	snprintf(text, sizeof(text), "#!interp   --helper \n");
	write_script("wait_stdin", text);
	OK(pipe(in));
	OK(pipe(st));
	pid = FORK();
	if (!pid) {
		dup2(in[0], 0);
		dup2(st[1], 1);
		execl("wait_stdin", "lost", "a", "b c", NULL);
		_exit(9);
	}
	CHECK_EQ(read(st[0], out, 1), 1);
	snprintf(text, sizeof(text), "/proc/%d/cmdline", pid);
	n = OK(abi_read_file(text, out, sizeof(out)));
	CHECK_EQ(n, 33);
	CHECK(!memcmp(out, "interp\0--helper\0wait_stdin\0a\0b c\0", 33));
	snprintf(text, sizeof(text), "/proc/%d/comm", pid);
	OK(abi_read_file(text, out, sizeof(out)));
	CHECK_STR(out, "wait_stdin\n");
	OK(write(in[1], "x", 1));
	CHECK_EXIT(pid, 0);
}

ABI_TEST(script_depth)
{
	char *argv[] = { "x", NULL };
	char name[16], text[64];

	/* interp <- s1 <- s2 ...: four levels of script run, a sixth is ELOOP. */
	OK(symlink(abi_self(), "s0"));
	for (int i = 1; i <= 7; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(text, sizeof(text), "#!s%d\n", i - 1);
		write_script(name, text);
	}
	for (int i = 1; i <= 5; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		CHECK_EQ(run(name, argv), 2);
	}
	CHECK_ERR(execv("s6", argv), ELOOP);
	CHECK_ERR(execv("s7", argv), ELOOP);
}

ABI_TEST(script_errors)
{
	char *argv[] = { "x", NULL };
	char text[400];

	write_script("missing", "#!no-such-interpreter\n");
	CHECK_ERR(execv("missing", argv), ENOENT);
	write_script("empty", "#!\n");
	CHECK_ERR(execv("empty", argv), ENOEXEC);
	write_script("blank", "#!   \t \n");
	CHECK_ERR(execv("blank", argv), ENOEXEC);
	write_script("dir", "#!.\n");
	CHECK_ERR(execv("dir", argv), EACCES);
	write_script("self", "#!self\n");
	CHECK_ERR(execv("self", argv), ELOOP);
	/* An interpreter's name that does not fit into 256 bytes. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "#!/", 3);
	text[398] = '\n';
	text[399] = 0;
	write_script("long", text);
	CHECK_ERR(execv("long", argv), ENOEXEC);
	write_script("noshebang", "echo hello\n");
	CHECK_ERR(execv("noshebang", argv), ENOEXEC);
	write_script("nothing", "");
	CHECK_ERR(execv("nothing", argv), ENOEXEC);
}

ABI_TEST(execveat_script_by_cloexec_fd)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	char text[PATH_MAX + 8];
	int fd;

	snprintf(text, sizeof(text), "#!%s\n", abi_self());
	write_script("s", text);
	fd = OK(open("s", O_RDONLY | O_CLOEXEC));
	CHECK_ERR(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH), ENOENT);
}
