/* SPDX-License-Identifier: MIT */
/*
 * execve and execveat: arguments and environment with their limits, what survives
 * the exec and what is reset, the auxiliary vector. Scripts are in exec_script.c.
 */
#define ABI_FAMILY "exec"
#include "abi.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

extern char **environ;

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* Prints all of its arguments, one per line. */
ABI_HELPER(args)
{
	for (int i = 0; i < argc; i++)
		printf("%s\n", argv[i]);
	return 0;
}

/* Runs an argument vector in a child and gives back what it printed. */
static int run(const char *path, const char *const *argv, char *out, size_t size)
{
	int p[2], status;
	size_t done = 0;
	pid_t pid;
	long n;

	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		dup2(p[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		close(p[0]);
		execv(path, (char **)argv);
		_exit(errno == ENOEXEC ? 126 : 127);
	}
	close(p[1]);
	while ((n = OK(read(p[0], out + done, size - 1 - done))) > 0)
		done += n;
	out[done] = 0;
	close(p[0]);
	status = STATUS(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

ABI_TEST(arguments_arrive)
{
	const char *argv[] = { "zero", "--helper", "args", "one", "", "two words",
			       NULL };
	char out[256];

	CHECK_EQ(run(abi_self(), argv, out, sizeof(out)), 0);
	CHECK_STR(out, "args\none\n\ntwo words\n");
}

ABI_HELPER(env)
{
	for (char **e = environ; *e; e++)
		printf("%s\n", *e);
	return 0;
}

ABI_TEST(environment_arrives)
{
	char *argv[] = { "x", "--helper", "env", NULL };
	char *envp[] = { "A=1", "EMPTY=", "noequals", NULL };
	char out[256];
	int p[2];
	pid_t pid;

	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		dup2(p[1], 1);
		execve(abi_self(), argv, envp);
		_exit(1);
	}
	CHECK_EXIT(pid, 0);
	out[OK(read(p[0], out, sizeof(out) - 1))] = 0;
	CHECK_STR(out, "A=1\nEMPTY=\nnoequals\n");
}

ABI_TEST(errors)
{
	char *argv[] = { "x", NULL };
	char longname[300];

	memset(longname, 'n', sizeof(longname));
	longname[299] = 0;
	CHECK_ERR(execv("missing", argv), ENOENT);
	CHECK_ERR(execv("", argv), ENOENT);
	CHECK_ERR(execv(".", argv), EACCES);
	CHECK_ERR(execv("/dev/null", argv), EACCES);
	CHECK_ERR(execv(longname, argv), ENAMETOOLONG);
	close(abi_write_file("plain", "#!/bin/true\n", 12));
	CHECK_ERR(execv("plain", argv), EACCES);
	CHECK_ERR(execv("plain/x", argv), ENOTDIR);
	OK(symlink("loop", "loop"));
	CHECK_ERR(execv("loop", argv), ELOOP);
	CHECK_ERR(syscall(SYS_execve, BAD_KERNEL, argv, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_execve, abi_self(), BAD_UNMAPPED, NULL), EFAULT);
	argv[0] = BAD_UNMAPPED;
	CHECK_ERR(syscall(SYS_execve, abi_self(), argv, NULL), EFAULT);
}

ABI_TEST(text_file_busy)
{
	const char *helper[] = { "x", "--helper", "args", NULL };
	char *argv[] = { "x", NULL };
	char buf[65536];
	int in = OK(open(abi_self(), O_RDONLY));
	int out = OK(open("copy", O_WRONLY | O_CREAT, 0755));
	long n;

	while ((n = OK(read(in, buf, sizeof(buf)))) > 0)
		CHECK_EQ(write(out, buf, n), n);
	CHECK_ERR(execv("copy", argv), ETXTBSY);
	OK(close(out));
	CHECK_EQ(run("copy", helper, buf, sizeof(buf)), 0);
}

ABI_HELPER(count)
{
	size_t total = 0;

	for (int i = 0; i < argc; i++)
		total += strlen(argv[i]);
	return printf("%d %zu\n", argc, total) < 0;
}

ABI_TEST(many_arguments)
{
	enum { N = 20000 };
	const char **argv = calloc(N + 4, sizeof(*argv));
	char out[64], want[64];

	argv[0] = "x";
	argv[1] = "--helper";
	argv[2] = "count";
	for (int i = 0; i < N; i++)
		argv[3 + i] = "0123456789";
	CHECK_EQ(run(abi_self(), argv, out, sizeof(out)), 0);
	snprintf(want, sizeof(want), "%d %d\n", N + 1, N * 10 + 5);
	CHECK_STR(out, want);
}

ABI_TEST(one_argument_at_most_128k)
{
	enum { MAX = 32 * PAGE };
	char *big = malloc(MAX + 1), out[64];
	const char *argv[] = { "x", "--helper", "count", big, NULL };

	memset(big, 'b', MAX);
	big[MAX] = 0;
	CHECK_ERR(execv(abi_self(), (char **)argv), E2BIG);
	big[MAX - 1] = 0;
	CHECK_EQ(run(abi_self(), argv, out, sizeof(out)), 0);
	CHECK_STR(out, "2 131076\n");
}

ABI_TEST(total_at_most_quarter_of_stack)
{
	enum { N = 40 };
	char *big = malloc(100001), out[64];
	const char *argv[N + 4] = { "x", "--helper", "count" };
	struct rlimit rl;
	pid_t pid;

	OK(getrlimit(RLIMIT_STACK, &rl));
	rl.rlim_cur = 8 << 20;
	OK(setrlimit(RLIMIT_STACK, &rl));
	memset(big, 'b', 100000);
	big[100000] = 0;
	for (int i = 0; i < N; i++)
		argv[3 + i] = big;
	CHECK_ERR(execv(abi_self(), (char **)argv), E2BIG);
	argv[3 + 15] = NULL;
	CHECK_EQ(run(abi_self(), argv, out, sizeof(out)), 0);
	CHECK_STR(out, "16 1500005\n");
	pid = FORK();
	if (!pid) {
		rl.rlim_cur = 1 << 20;
		OK(setrlimit(RLIMIT_STACK, &rl));
		CHECK_ERR(execv(abi_self(), (char **)argv), E2BIG);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

ABI_TEST(empty_argv_gets_one)
{
	/* Linux 5.18 on: argv[0] is "" then, and argc 1. */
	const char *argv[] = { NULL };
	char out[64];

	CHECK_EQ(run(abi_self(), argv, out, sizeof(out)), 2);
}

ABI_HELPER(fds)
{
	/* Which of the numbers given are open? */
	for (int i = 1; i < argc; i++)
		printf("%d", fcntl(atoi(argv[i]), F_GETFD) >= 0);
	printf("\n");
	return 0;
}

ABI_TEST(close_on_exec)
{
	const char *argv[] = { "x", "--helper", "fds", "50", "51", "52", "53", NULL };
	char out[64];

	OK(dup2(0, 50));
	OK(dup3(0, 51, O_CLOEXEC));
	OK(dup2(0, 52));
	OK(fcntl(52, F_SETFD, FD_CLOEXEC));
	OK(dup3(0, 53, O_CLOEXEC));
	OK(fcntl(53, F_SETFD, 0));
	CHECK_EQ(run(abi_self(), argv, out, sizeof(out)), 0);
	CHECK_STR(out, "1001\n");
}

static void nop(int sig)
{
	(void)sig;
}

ABI_HELPER(signals)
{
	struct sigaction sa;
	sigset_t set;
	stack_t ss;

	sigaction(SIGUSR1, NULL, &sa);
	printf("%d", sa.sa_handler == SIG_DFL);
	sigaction(SIGUSR2, NULL, &sa);
	printf("%d", sa.sa_handler == SIG_IGN);
	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("%d", sigismember(&set, SIGHUP));
	sigpending(&set);
	printf("%d", sigismember(&set, SIGHUP));
	sigaltstack(NULL, &ss);
	printf("%d\n", (ss.ss_flags & SS_DISABLE) != 0);
	return 0;
}

ABI_TEST(signal_state)
{
	const char *argv[] = { "x", "--helper", "signals", NULL };
	stack_t ss = { .ss_sp = malloc(65536), .ss_size = 65536 };
	char out[64];
	sigset_t set;
	int p[2];
	pid_t pid;

	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		abi_handle(SIGUSR1, nop, 0);
		signal(SIGUSR2, SIG_IGN);
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		OK(sigprocmask(SIG_BLOCK, &set, NULL));
		OK(raise(SIGHUP));
		OK(sigaltstack(&ss, NULL));
		dup2(p[1], 1);
		execv(abi_self(), (char **)argv);
		_exit(1);
	}
	CHECK_EXIT(pid, 0);
	out[OK(read(p[0], out, sizeof(out) - 1))] = 0;
	CHECK_STR(out, "11111\n");
}

ABI_HELPER(identity)
{
	char cwd[PATH_MAX], comm[17] = "";

	prctl(PR_GET_NAME, comm);
	printf("%d %d %d %o %s %s\n", getpid(), getppid(), getpgrp(), umask(0),
	       comm, strrchr(getcwd(cwd, sizeof(cwd)), '/'));
	return 0;
}

ABI_TEST(process_identity_is_kept)
{
	char out[256], want[256], base[17];
	int p[2];
	pid_t pid;

	OK(mkdir("sub", 0755));
	OK(pipe(p));
	pid = FORK();
	if (!pid) {
		OK(chdir("sub"));
		umask(031);
		prctl(PR_SET_NAME, "changed");
		dup2(p[1], 1);
		abi_exec_helper("identity", NULL, NULL);
	}
	CHECK_EXIT(pid, 0);
	out[OK(read(p[0], out, sizeof(out) - 1))] = 0;
	snprintf(base, 16, "%s", strrchr(abi_self(), '/') + 1);
	snprintf(want, sizeof(want), "%d %d %d 31 %s /sub\n", pid, getpid(),
		 getpgrp(), base);
	CHECK_STR(out, want);
}

ABI_TEST(execveat_at_fd)
{
	char *argv[] = { "x", "--helper", "count", NULL };
	char *envp[] = { NULL };
	const char *slash = strrchr(abi_self(), '/');
	char dir[PATH_MAX];
	int dfd, fd;
	pid_t pid;

	snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - abi_self()), abi_self());
	dfd = OK(open(dir, O_PATH | O_DIRECTORY));
	fd = OK(open(abi_self(), O_PATH | O_CLOEXEC));
	for (int i = 0; i < 2; i++) {
		pid = FORK();
		if (!pid) {
			OK(dup2(OK(open("/dev/null", O_WRONLY)), 1));
			if (i == 0)
				syscall(SYS_execveat, dfd, slash + 1, argv, envp, 0);
			else
				syscall(SYS_execveat, fd, "", argv, envp,
					AT_EMPTY_PATH);
			FAIL("execveat %d: %s", i, strerror(errno));
		}
		CHECK_EXIT(pid, 0);
	}
	CHECK_ERR(syscall(SYS_execveat, fd, "", argv, envp, 0), ENOENT);
	CHECK_ERR(syscall(SYS_execveat, fd, "x", argv, envp, 0), ENOTDIR);
	CHECK_ERR(syscall(SYS_execveat, 999, "x", argv, envp, 0), EBADF);
	CHECK_ERR(syscall(SYS_execveat, dfd, slash + 1, argv, envp, 1 << 30), EINVAL);
	OK(symlink(abi_self(), "ln"));
	CHECK_ERR(syscall(SYS_execveat, AT_FDCWD, "ln", argv, envp,
			  AT_SYMLINK_NOFOLLOW), ELOOP);
}

ABI_TEST(auxv)
{
	const unsigned char *rnd = (void *)getauxval(AT_RANDOM);
	const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
	const char *fn = (void *)getauxval(AT_EXECFN);
	int sum = 0;

	CHECK_EQ(getauxval(AT_PAGESZ), PAGE);
	CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
	CHECK(ph && getauxval(AT_PHNUM) > 2);
	CHECK(getauxval(AT_ENTRY) != 0);
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_EUID), geteuid());
	CHECK_EQ(getauxval(AT_GID), getgid());
	CHECK_EQ(getauxval(AT_EGID), getegid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
	CHECK_STR((const char *)getauxval(AT_PLATFORM), "x86_64");
	CHECK(fn && strstr(fn, strrchr(abi_self(), '/') + 1));
	CHECK(rnd != NULL);
	for (int i = 0; i < 16; i++)
		sum |= rnd[i];
	CHECK(sum != 0);
	CHECK(getauxval(AT_HWCAP) != 0);
	CHECK(getauxval(AT_MINSIGSTKSZ) >= 1024);
	for (unsigned i = 0; i < getauxval(AT_PHNUM); i++) {
		if (ph[i].p_type == PT_INTERP)
			CHECK(getauxval(AT_BASE) != 0);
	}
}

ABI_HELPER(random)
{
	const unsigned char *rnd = (void *)getauxval(AT_RANDOM);

	for (int i = 0; i < 16; i++)
		printf("%02x", rnd[i]);
	return 0;
}

ABI_TEST(auxv_random_differs)
{
	const char *argv[] = { "x", "--helper", "random", NULL };
	char a[64], b[64];

	CHECK_EQ(run(abi_self(), argv, a, sizeof(a)), 0);
	CHECK_EQ(run(abi_self(), argv, b, sizeof(b)), 0);
	CHECK_EQ(strlen(a), 32);
	CHECK(strcmp(a, b) != 0);
}

ABI_HELPER(stack)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	char **e = environ;

	/* argc, argv and envp lie above the frame, argv[argc] is NULL. */
	while (*e)
		e++;
	return !((uintptr_t)argv > sp && (uintptr_t)environ > (uintptr_t)argv &&
		 argv[argc] == NULL && argv + argc + 1 == environ &&
		 ((uintptr_t)(argv - 3)) % 16 == 0);
}

ABI_TEST(initial_stack_layout)
{
	/* argv here is the original's plus two; argc lies 16-byte aligned. */
	const char *argv[] = { "x", "--helper", "stack", NULL };
	char out[64];

	CHECK_EQ(run(abi_self(), argv, out, sizeof(out)), 0);
}

ABI_TEST(vfork_exec)
{
	char *argv[] = { "x", "--helper", "count", NULL };
	pid_t pid;
	int p[2];
	char c;

	OK(pipe(p));
	pid = vfork();
	if (!pid) {
		dup2(p[1], 1);
		execv(abi_self(), argv);
		_exit(127);
	}
	OK(pid);
	CHECK_EXIT(pid, 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
}
