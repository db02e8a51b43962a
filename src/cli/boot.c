/* SPDX-License-Identifier: MIT */
/*
 * `hyla boot`: a guest in a virtual machine. The same options, streams and exit
 * codes as `hyla run`; the kernel is hyla.elf, the same core on bare metal.
 *
 * The configuration goes into a small initrd (.hyla/config), host directories
 * are shared by the VMM's own 9p, standard streams are virtio-console ports.
 * The guest's wall clock starts from hyla.epoch= on the kernel's command line.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/initrd.h"
#include "cli/vm.h"
#include "hal/hosted/console.h"
#include "hal/hosted/report.h"
#include "hal/hosted/vhost_user.h"
#include "hal/hosted/supervise.h"

#ifndef HYLA_LIBDIR
#define HYLA_LIBDIR "/usr/local/lib/hyla"
#endif

const char *const vm_stream_name[VM_STREAMS] = {
	"tty", "stdin", "stdout", "stderr", "control", "trace", "log",
};

/* ---- what there is on this host ---- */

static bool find_kernel(struct vm *vm)
{
	static const char *const places[] = { "%.4000s/hyla.elf", "%.4000s/../lib/hyla/hyla.elf" };
	char self[4096], *dir;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (vm->g.o.kernel) {
		snprintf(vm->kernel, sizeof(vm->kernel), "%s", vm->g.o.kernel);
		if (!access(vm->kernel, R_OK))
			return true;
		report_errno(vm->kernel, errno, "--kernel wants a hyla.elf");
		return false;
	}
	self[n > 0 ? n : 0] = 0;
	dir = dirname(self);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(vm->kernel, sizeof(vm->kernel), places[i], dir);
		if (!access(vm->kernel, R_OK))
			return true;
	}
	snprintf(vm->kernel, sizeof(vm->kernel), "%s/hyla.elf", HYLA_LIBDIR);
	if (!access(vm->kernel, R_OK))
		return true;
	report("hyla.elf", "not found beside hyla, nor in " HYLA_LIBDIR,
	       "`make install` puts it there, or name it with --kernel");
	return false;
}

static bool check_shares(const struct vm *vm)
{
	for (u32 i = 0; i < vm->g.nr_shares; i++) {
		const char *path = vm->g.share[i].path;
		struct stat st;

		if (!stat(path, &st) && S_ISDIR(st.st_mode))
			continue;
		report_errno(path, errno ? errno : ENOTDIR, "--root and --bind share directories");
		return false;
	}
	return true;
}

static bool check_disks(const struct vm *vm)
{
	for (u32 i = 0; i < vm->g.o.nr_disks; i++) {
		const struct disk *d = &vm->g.o.disk[i];
		struct stat st;

		if (!stat(d->file, &st) && S_ISDIR(st.st_mode)) {
			report(d->file, "a directory", "--disk wants a raw disk image");
			return false;
		}
		if (!access(d->file, d->read_only ? R_OK : R_OK | W_OK))
			continue;
		report_errno(d->file, errno, "--disk wants a raw disk image; FILE:ro only reads it");
		return false;
	}
	return true;
}

/* The physical address behind the kernel, or 0: let the VMM say what is wrong with it. */
static u64 kernel_end(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	u64 end = 0;

	if (fd < 0)
		return 0;
	if (read(fd, &eh, sizeof(eh)) == sizeof(eh) && !memcmp(eh.e_ident, ELFMAG, SELFMAG))
		for (u32 i = 0; i < eh.e_phnum; i++)
			if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) ==
				sizeof(ph) &&
			    ph.p_type == PT_LOAD && ph.p_paddr + ph.p_memsz > end)
				end = ph.p_paddr + ph.p_memsz;
	close(fd);
	return end;
}

/* VMMs load the initrd to the end of memory, be it over the kernel. */
static bool check_memory(const struct vm *vm)
{
	u64 kernel = kernel_end(vm->kernel), least;
	char what[128], advice[64];
	struct stat st;

	if (fstat(vm->initrd, &st))
		return true;
	least = kernel + (((u64)st.st_size + 4095) & ~4095ul);
	if (vm->g.o.mem_size >= least)
		return true;
	snprintf(what, sizeof(what), "the kernel ends at %lu KiB and the initrd has %lu KiB",
		 kernel >> 10, (u64)st.st_size >> 10);
	snprintf(advice, sizeof(advice), "unpacked it needs as much again: try --mem %luM",
		 (kernel + 2 * (u64)st.st_size + (2 << 20)) >> 20);
	report("too little memory", what, advice);
	return false;
}

/* With QEMU the socket device is ours, or the host kernel's; the other VMMs have one. */
static bool start_vsock(struct vm *vm, bool qemu)
{
	const struct options *o = &vm->g.o;
	int fd;

	if (!o->vsock_cid)
		return true;
	if (!qemu && !o->vsock[0]) {
		report("--vsock", "a PATH is missing", "--vsock PATH[,cid=N]");
		return false;
	}
	if (!qemu || o->dry_run)
		return true;
	if (o->vsock[0]) {
		vm->vsock_pid = vhost_user_start(o->vsock, o->vsock_cid, &vm->vsock);
		return vm->vsock_pid > 0;
	}
	fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		report_errno("/dev/vhost-vsock", errno,
			     "--vsock wants the host's module vhost_vsock, and leave to use it");
		return false;
	}
	close(fd);
	return true;
}

/* ---- streams ---- */

static bool open_trace(struct vm *vm)
{
	const char *file = vm->g.o.trace_file;

	if (!vm->g.o.trace)
		return true;
	vm->present[VM_TRACE] = true;
	vm->out[VM_TRACE] = STDERR_FILENO;
	if (!file)
		return true;
	vm->out[VM_TRACE] = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (vm->out[VM_TRACE] < 0)
		report_errno(file, errno, "--trace=FILE wants a file to write");
	return vm->out[VM_TRACE] >= 0;
}

static bool open_sockets(struct vm *vm)
{
	for (int i = 0; i < VM_STREAMS; i++) {
		int pair[2];

		if (!vm->present[i])
			continue;
		if (vm_repeats(vm)) {
			pair[1] = memfd_create("hyla-stream", 0);
			pair[0] = pair[1] < 0 ? -1 : dup(pair[1]);
		} else if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
			pair[0] = -1;
		}
		if (pair[0] < 0) {
			report_errno("cannot make a stream", errno, "see `ulimit -n`");
			return false;
		}
		vm->ours[i] = pair[0];
		vm->theirs[i] = pair[1];
		fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	}
	return true;
}

/* The same whatever ours are, and nothing to read. */
static bool choose_repeating_streams(struct vm *vm)
{
	for (int i = 0; i < VM_STREAMS; i++)
		vm->in[i] = vm->out[i] = -1;
	config_add(&vm->g.config, "fd0", "null");
	config_add(&vm->g.config, "fd1", "stdout");
	config_add(&vm->g.config, "fd2", "stderr");
	vm->present[VM_STDOUT] = vm->present[VM_STDERR] = vm->present[VM_CONTROL] = true;
	vm->present[VM_LOG] = true;
	vm->out[VM_STDOUT] = STDOUT_FILENO;
	vm->out[VM_STDERR] = vm->out[VM_LOG] = STDERR_FILENO;
	return open_sockets(vm);
}

static bool choose_streams(struct vm *vm)
{
	struct terminal_choice terminal;

	if (vm_repeats(vm))
		return choose_repeating_streams(vm);
	for (int i = 0; i < VM_STREAMS; i++)
		vm->in[i] = vm->out[i] = -1;
	terminal_choose(&terminal);
	if (terminal.fd >= 0) {
		vm->present[VM_TTY] = true;
		vm->in[VM_TTY] = vm->out[VM_TTY] = terminal.fd;
	}
	for (int i = 0; i < 3; i++) {
		int stream = VM_STDIN + i;
		char key[4] = { 'f', 'd', (char)('0' + i), 0 };

		/* 2>&1 stays one stream, in order */
		if (i == 2 && !terminal.std[1] && !terminal.std[2] && same_stream(1, 2))
			stream = VM_STDOUT;
		config_add(&vm->g.config, key, "%s",
			   terminal.std[i] ? "tty" : vm_stream_name[stream]);
		if (terminal.std[i] || vm->present[stream])
			continue;
		vm->present[stream] = true;
		*(i ? &vm->out[stream] : &vm->in[stream]) = i;
	}
	vm->present[VM_CONTROL] = vm->present[VM_LOG] = true;
	vm->out[VM_LOG] = STDERR_FILENO;
	return open_trace(vm) && open_sockets(vm);
}

/* ---- the machine ---- */

static void make_cmdline(struct vm *vm)
{
	const struct options *o = &vm->g.o;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(vm->cmdline, sizeof(vm->cmdline), "hyla.epoch=%lu%09lu%s%s%s%s", now.tv_sec,
		 now.tv_nsec, o->nr_cpus > 1 ? "" : " nosmp",
		 o->bootchart ? " hyla.bootchart=1" : "", o->append ? " " : "",
		 o->append ? o->append : "");
}

static void print_command(char **argv)
{
	for (; *argv; argv++) {
		putchar('\'');
		for (const char *p = *argv; *p; p++)
			*p == '\'' ? fputs("'\\''", stdout) : putchar(*p);
		printf("'%s", argv[1] ? " " : "\n");
	}
}

static const char *package_of(const char *program)
{
	if (!strncmp(program, "qemu", 4))
		return "apt-get install qemu-system-x86 (other systems: QEMU for x86_64)";
	return "it is in no Debian package: see its project's releases";
}

/* 0 in us when the program was started; else an errno. */
static int spawn(struct vm *vm, char **argv)
{
	int pipefd[2], err = 0;
	sigset_t none;

	if (pipe2(pipefd, O_CLOEXEC))
		return errno;
	vm->pid = fork();
	if (vm->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		setsid();	/* the terminal's signals are for us to pass on */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 0);
		dup2(null, 1);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execvp(argv[0], argv);
		err = errno;
		if (write(pipefd[1], &err, sizeof(err)) < 0)
			_exit(EXIT_HYLA);
		_exit(EXIT_HYLA);
	}
	close(pipefd[1]);
	if (vm->pid < 0)
		err = errno;
	else if (read(pipefd[0], &err, sizeof(err)) < 0)
		err = errno;
	close(pipefd[0]);
	for (int i = 0; i < VM_STREAMS; i++)
		if (vm->present[i])
			close(vm->theirs[i]);
	if (vm->vsock_pid)
		close(vm->vsock);
	return err;
}

static int boot(struct vm *vm)
{
	const struct options *o = &vm->g.o;
	bool qemu = !strcmp(o->vmm, "qemu");
	char **argv;
	int err, code;

	if (!o->replay)
		guest_describe(&vm->g);
	if (!find_kernel(vm) || !check_disks(vm) || !start_vsock(vm, qemu) ||
	    (qemu && !(check_shares(vm) && choose_streams(vm))))
		return EXIT_HYLA;
	for (int i = 0; i < 3 && !qemu; i++)
		config_add(&vm->g.config, (char[]){ 'f', 'd', (char)('0' + i), 0 }, "tty");
	config_finish(&vm->g.config);
	if (o->replay) {
		if (!replay_load(vm))
			return EXIT_HYLA;
	} else {
		vm->initrd = initrd_create(vm->g.config.data, vm->g.config.size, o->initrd);
		make_cmdline(vm);
	}
	if (vm->initrd < 0 || (o->record && !record_save(vm)))
		return EXIT_HYLA;
	if (!o->replay && !check_memory(vm))
		return EXIT_HYLA;
	vm->kvm = !vm_repeats(vm) && (o->accel ? !strcmp(o->accel, "kvm") : kvm_works());
	argv = qemu ? qemu_command(vm) : vmm_command(vm);
	if (!argv)
		return EXIT_HYLA;
	if (o->dry_run) {
		print_command(argv);
		return 0;
	}
	if (!qemu) {		/* its own terminal handling and exit code */
		execvp(argv[0], argv);
		report_errno(argv[0], errno, package_of(argv[0]));
		return EXIT_HYLA;
	}
	err = spawn(vm, argv);
	if (err) {
		report_errno(argv[0], err, err == ENOENT ? package_of(argv[0]) : NULL);
		return EXIT_HYLA;
	}
	if (o->gdb)
		fprintf(stderr, "hyla: waiting for gdb %s -ex 'target remote :%s'\n", vm->kernel,
			o->gdb_port);
	code = pump(vm);
	if (vm->vsock_pid)	/* it writes what the guest has sent */
		waitpid(vm->vsock_pid, NULL, 0);
	return code;
}

int boot_main(int argc, char **argv)
{
	static struct vm vm;
	int exit_code;

	vm.g.o.boot = true;
	if (options_parse(&vm.g.o, argc, argv, &exit_code))
		return exit_code;
	if ((vm.g.o.record || vm.g.o.replay) && !replay_check(&vm.g.o))
		return EXIT_HYLA;
	if (!vm.g.o.nr_args && !vm.g.o.root && !vm.g.o.initrd && !vm.g.o.replay) {
		report("nothing to run", NULL, "name a program, as in `hyla boot -- ls -l`");
		return EXIT_HYLA;
	}
	return boot(&vm);
}
