/* SPDX-License-Identifier: MIT */
/*
 * From power-on to the program, and from its end to power-off.
 *
 * kern_main brings up memory, scheduler and file systems on the boot stack,
 * which then becomes the idle task. The init task (pid 1) finds the devices,
 * mounts what the configuration says, and starts the program as its child in
 * a session of its own. Init reaps orphans; when the program has ended, the
 * machine halts with its status.
 *
 * Without a configuration (a VM booted by hand) the kernel command line's
 * init= or the first of /init, /sbin/init, /etc/init, /bin/init, /bin/sh is the
 * program.
 */
#include "kernel/boot.h"

#include "abi/errno.h"
#include "abi/sched.h"
#include "abi/wait.h"
#include "fs/9p.h"
#include "fs/cpio.h"
#include "fs/devfs.h"
#include "fs/procfs.h"
#include "fs/tmpfs.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "hal/hal.h"
#include "kernel/bootchart.h"
#include "kernel/bootmount.h"
#include "kernel/capability.h"
#include "kernel/config.h"
#include "kernel/crash.h"
#include "kernel/exec.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/signal_impl.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/uts.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "net/arping.h"
#include "net/netdev.h"
#include "net/socket.h"
#include "net/vsock.h"
#include "virtio/console.h"
#include "virtio/virtio.h"

static struct process *program;		/* what we were started for; a reference */
static int program_status = -1;

/* ---- starting the program ---- */

/* console=NAME[,OPTIONS] as a port; terminals that are not there do not count. */
static const char *console_stream(void)
{
	const char *name = config_get_last("console");

	if (!name || !strncmp(name, "hvc0", 4))
		return "tty";
	if (!strncmp(name, "ttyS0", 5))
		return "serial";
	log_warn("console=%s: only ttyS0 and hvc0 are there", name);
	return "tty";
}

static struct file *open_std(u32 fd)
{
	char key[4] = "fd0";
	const char *spec;
	struct file *f;

	key[2] = (char)('0' + fd);
	spec = config_get(key, 0);
	if (!spec)
		spec = console_stream();
	if (!strcmp(spec, "null"))
		return file_open("/dev/null", O_RDWR, 0);
	if (!strcmp(spec, "serial"))
		return file_open("/dev/ttyS0", O_RDWR, 0);
	if (!strcmp(spec, "tty")) {	/* waits until the host has announced it */
		f = console_port_open("tty", O_RDWR);
		return IS_ERR(f) ? file_open("/dev/ttyS0", O_RDWR, 0) : f;
	}
	return console_port_open(spec, fd ? O_WRONLY : O_RDONLY);
}

static void open_stdio(void)
{
	for (u32 fd = 0; fd < 3; fd++) {
		struct file *f = open_std(fd);

		if (IS_ERR(f))
			f = file_open("/dev/null", O_RDWR, 0);
		if (IS_ERR(f) || fd_install_new(f, false) < 0)
			log_err("no file for descriptor %u", fd);
	}
}

static int set_credentials(void)
{
	uid_t uid = (uid_t)config_get_u64("uid", 0);
	gid_t gid = (gid_t)config_get_u64("gid", 0);
	struct cred *c = cred_dup(current->cred), *old = current->cred;
	u32 count = 0;
	u64 v;

	if (!c)
		return -ENOMEM;
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	c->cap_permitted = c->cap_effective = uid ? 0 : CAP_ALL;
	c->cap_inheritable = c->cap_ambient = 0;
	c->cap_bset = CAP_ALL;
	while (config_get("group", count))
		count++;
	if (count) {
		c->groups = kzalloc(sizeof(*c->groups) + count * sizeof(gid_t));
		if (c->groups) {
			c->groups->refcount = 1;
			for (u32 i = 0; i < count; i++)
				if (!parse_u64(config_get("group", i), 10, &v))
					c->groups->gid[c->groups->count++] = (gid_t)v;
		}
	}
	current->cred = c;
	cred_put(old);
	return 0;
}

static void set_cwd(void)
{
	const char *cwd = config_get("cwd", 0);
	struct path p;

	if (!cwd)
		return;
	if (path_lookup(AT_FDCWD, cwd, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p)) {
		log_warn("no directory %s: starting in /", cwd);
		return;
	}
	path_put(&current->fs->cwd);
	current->fs->cwd = p;
}

/* argv and envp as arrays into the configuration. */
static char **config_vector(const char *key, u32 *count)
{
	char **v;
	u32 n = 0;

	while (config_get(key, n))
		n++;
	v = kcalloc(n + 1, sizeof(*v));
	for (u32 i = 0; v && i < n; i++)
		v[i] = (char *)config_get(key, i);
	*count = n;
	return v;
}

static const char *path_variable(char **envp)
{
	for (; *envp; envp++)
		if (!strncmp(*envp, "PATH=", 5))
			return *envp + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Runs argv[0], along PATH when it has no slash, as execvp(3) does. */
static int exec_along_path(char **argv, char **envp)
{
	const char *p = path_variable(envp), *end;
	char *buf;
	int err = -ENOENT, e;

	if (strchr(argv[0], '/'))
		return exec_kernel(argv[0], argv, envp);
	buf = path_buf_get();
	if (!buf)
		return -ENOMEM;
	for (; *p; p = *end ? end + 1 : end) {
		end = strchr(p, ':');
		if (!end)
			end = p + strlen(p);
		snprintf(buf, PATH_MAX, "%.*s%s%s", (int)(end - p), p, end > p ? "/" : "", argv[0]);
		e = exec_kernel(buf, argv, envp);
		if (!e || (e != -ENOENT && e != -ENOTDIR && e != -EACCES)) {
			err = e;
			break;
		}
		if (e == -EACCES)
			err = e;
	}
	path_buf_put(buf);
	return err;
}

static const char *errno_text(int err)
{
	switch (-err) {
	case ENOENT: return "No such file or directory";
	case EACCES: return "Permission denied";
	case ENOEXEC: return "Exec format error";
	case ENOMEM: return "Cannot allocate memory";
	case EISDIR: return "Is a directory";
	case ENOTDIR: return "Not a directory";
	case ELOOP: return "Too many levels of symbolic links";
	case E2BIG: return "Argument list too long";
	case ELIBBAD: return "Accessing a corrupted shared library";
	default: return "Error";
	}
}

static void say(const char *text)
{
	struct file *f = fd_get(2);
	ssize_t n = 0;

	if (f) {
		n = file_write_kernel(f, text, strlen(text), 0);
		file_put(f);
	}
	if (n <= 0)
		hal_log_write(text, strlen(text));
}

/* What a VM booted by hand runs: init= and the words behind "--". */
static int exec_default(char **envp)
{
	static char *const places[] = { "/init", "/sbin/init", "/etc/init", "/bin/init",
					"/bin/sh" };
	const char *init = config_get("init", 0);
	u32 argc;
	char **args = config_vector("initarg", &argc);
	char **argv = args ? kcalloc(argc + 2, sizeof(*argv)) : NULL;
	int err = argv ? -ENOENT : -ENOMEM;

	for (u32 i = 0; argv && i < argc; i++)
		argv[i + 1] = args[i];
	if (argv && init) {
		argv[0] = (char *)init;
		err = exec_kernel(init, argv, envp);
	}
	for (u32 i = 0; !init && i < ARRAY_SIZE(places) && err == -ENOENT; i++) {
		argv[0] = places[i];
		err = exec_kernel(places[i], argv, envp);
	}
	kfree(args);
	kfree(argv);
	return err;
}

/* The program's own task; returns into user mode when exec worked. */
static void program_main(void *unused)
{
	struct task *t = current;
	struct process *p = t->process;
	u32 argc, envc;
	char **argv = config_vector("arg", &argc), **envp = config_vector("env", &envc);
	const char *target;
	char line[256];
	int err;

	(void)unused;
	p->sid = p->pgid = p->pid;
	t->sigmask = 0;
	open_stdio();
	if (console_tty())
		tty_make_controlling(console_tty(), p);
	boot_mark("streams");
	err = boot_mount_failed(&target);
	if (err) {
		snprintf(line, sizeof(line), "hyla: cannot share a directory at %s: %s%s\n", target,
			 errno_text(err), err == -ENOENT ? " (make it, or choose one that is there: "
			 "the root is read-only)" : "");
		say(line);
		task_exit_group(125 << 8);
	}
	err = set_credentials();
	if (!err)
		set_cwd();
	if (config_get_u64("fail_nth", 0))
		fail_arm(config_get_u64("fail_nth", 0));
	if (config_get_u64("trace", 0))
		t->flags |= TF_TRACE;
	if (!err)
		err = !argv || !envp ? -ENOMEM
		      : argc	     ? exec_along_path(argv, envp)
				     : exec_default(envp);
	if (err) {
		fail_arm(0);
		snprintf(line, sizeof(line), "hyla: %.180s: %s\n", argc ? argv[0] : "init",
			 errno_text(err));
		say(line);
		task_exit_group((err == -ENOENT ? 127 : 126) << 8);
	}
	kfree(argv);
	kfree(envp);
	boot_mark("program loaded");
	boot_chart_print();
}

static int spawn_program(void)
{
	struct clone_args a = { .exit_signal = SIGCHLD };
	s64 pid;

	pid = kernel_clone_thread(&a, program_main);
	if (pid < 0)
		return (int)pid;
	program = process_find((pid_t)pid);
	if (program)
		process_get(program);
	return 0;
}

/* ---- the end ---- */

void boot_process_ended(struct process *p)
{
	if (p != program)
		return;
	program_status = p->exit_status;
	wake_up_all(&init_process->child_wq);
}

void boot_control_signal(int sig)
{
	if (!program || (program->flags & PROC_ZOMBIE))
		return;
	if (sig == SIGKILL || signal_pgrp(program->pgid, sig))
		signal_process(program, sig);
}

static void print_slab(const struct slab_cache *c, void *arg)
{
	char line[96];

	(void)arg;
	snprintf(line, sizeof(line), "stats: slab %s %lu\n", c->name, c->inuse);
	if (c->inuse)
		hal_log_write(line, strlen(line));
}

static void print_stats(void)
{
	char line[160];

	snprintf(line, sizeof(line),
		 "stats: pages free %lu cache %lu anon %lu slab %lu table %lu tasks %u allocs %lu\n",
		 page_counts.free, page_counts.cache, page_counts.anon, page_counts.slab,
		 page_counts.table, nr_tasks, fail_counted());
	hal_log_write(line, strlen(line));
	slab_for_each(print_slab, NULL);
}

static void kill_all(void)
{
	struct process *p;

	list_for_each_entry(p, &process_list, all_link)
		if (p != init_process && !(p->flags & PROC_ZOMBIE))
			process_begin_exit(p, SIGKILL);
}

static bool init_has_zombies(void)
{
	struct process *c;

	list_for_each_entry(c, &init_process->children, sibling)
		if (c->flags & PROC_ZOMBIE)
			return true;
	return false;
}

static void reap_children(void)
{
	struct process *p = init_process, *c, *next;

	list_for_each_entry_safe(c, next, &p->children, sibling)
		if (c->flags & PROC_ZOMBIE)
			process_reap(c);
}

static void unpack_initrd(void)
{
	const struct hal_info *info = hal_info();
	int err = cpio_unpack(phys_to_virt(info->initrd), info->initrd_size);

	if (err)
		log_err("the initrd is damaged: error %d", -err);
	if (info->initrd_ram)
		page_add(align_down(info->initrd, PAGE_SIZE),
			 align_up(info->initrd + info->initrd_size, PAGE_SIZE));
}

static void init_main(void *unused)
{
	u64 deadline;
	char line[32];
	int err;

	(void)unused;
	virtio_init();
	boot_mark("devices");
	if (IS_ENABLED(CONFIG_INITRD) && hal_info()->initrd_size)
		unpack_initrd();
	boot_mark("initrd");
	config_init();
	random_config();
	log_level = (int)config_get_u64("loglevel", (u64)log_level);
	if (config_get("hostname", 0))
		strlcpy(init_uts.name.nodename, config_get("hostname", 0), 65);
	if (config_get("release", 0))
		strlcpy(init_uts.name.release, config_get("release", 0), 65);
	if (config_get("hyla.panic", 0))
		crash_on_demand(config_get("hyla.panic", 0));
	arping_init();
	smp_start((u32)config_get_u64("cpus", HAL_MAX_CPUS));
	boot_mark("other CPUs");
	err = boot_mount_root();
	if (err)
		panic("no root file system");
	boot_mount_all();
	boot_mark("mounts");
	err = spawn_program();
	if (err)
		panic("cannot start the program: error %d", -err);
	while (program_status < 0) {
		wait_event(&init_process->child_wq, program_status >= 0 || init_has_zombies());
		reap_children();
	}
	fail_arm(0);
	kill_all();
	deadline = deadline_after(2 * NSEC_PER_SEC);
	while (!list_empty(&init_process->children) && hal_clock_ns() < deadline) {
		err = wait_event_common(&init_process->child_wq, init_has_zombies(),
					SLEEP_UNINTERRUPTIBLE, deadline);
		reap_children();
	}
	snprintf(line, sizeof(line), "exit %d", program_status);
	console_control_write(line);
	console_flush();
	if (config_get_u64("stats", 0))
		print_stats();
	hal_halt(program_status);
}

static void make_init(void)
{
	struct process *p = process_alloc();
	struct task *t = task_alloc();
	struct fs_context *fs = fs_context_initial();
	struct files *files = files_new();
	struct cred *c = cred_root();

	if (!p || !t || IS_ERR_OR_NULL(fs) || IS_ERR_OR_NULL(files) || !c)
		panic("no memory for the init task");
	t->flags = TF_KTHREAD;
	t->kthread_fn = init_main;
	t->process = p;
	p->refcount++;
	p->leader = task_get(t);
	t->tid = p->pid = p->pgid = p->sid = pid_alloc();
	p->parent = p;
	p->flags = PROC_INIT | PROC_DUMPABLE;
	p->exit_signal = SIGCHLD;
	t->sighand = sighand_new();
	t->fs = fs;
	t->files = files;
	t->cred = c;
	t->uts = &init_uts;
	init_uts.refcount++;
	t->sigmask = U64_MAX;
	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		p->rlim[i] = (struct rlimit64){ RLIM_INFINITY, RLIM_INFINITY };
	p->rlim[RLIMIT_STACK].cur = 8ul << 20;
	p->rlim[RLIMIT_CORE].cur = 0;
	p->rlim[RLIMIT_NPROC] = (struct rlimit64){ max_tasks / 2, max_tasks / 2 };
	p->rlim[RLIMIT_NOFILE] = (struct rlimit64){ 1024, 1048576 };
	p->rlim[RLIMIT_MEMLOCK] = (struct rlimit64){ 8ul << 20, 8ul << 20 };
	p->rlim[RLIMIT_SIGPENDING] = (struct rlimit64){ max_tasks, max_tasks };
	p->rlim[RLIMIT_MSGQUEUE] = (struct rlimit64){ 819200, 819200 };
	p->rlim[RLIMIT_NICE] = (struct rlimit64){ 0, 0 };
	p->rlim[RLIMIT_RTPRIO] = (struct rlimit64){ 0, 0 };
	strlcpy(t->comm, "init", sizeof(t->comm));
	list_add_tail(&t->thread_link, &p->threads);
	p->nr_threads = 1;
	init_process = p;
	if (!t->sighand || pid_publish(t))
		panic("no memory for the init task");
	sched_wake(t);
}

void kern_main(void)
{
	task_init_boot();
	slab_init();
	boot_mark("machine");
	page_init();
	boot_mark("memory");
	sched_init(&boot_task);
	max_tasks = (u32)min((u64)CONFIG_MAX_TASKS, page_counts.total / 8);
	config_cmdline();
	log_level = (int)config_get_u64("loglevel", (u64)log_level);
	random_init();
	vdso_init();
	vfs_init();
	tty_subsys_init();
	memdev_init();
	devfs_init();
	serial_dev_init();
	procfs_init();
	if (IS_ENABLED(CONFIG_FS_SYSFS))
		sysfs_init();
	if (IS_ENABLED(CONFIG_FS_9P))
		p9_init();
	netdev_init();
	sock_limits_init();
	vsock_init();
	make_init();
	boot_mark("core, file systems");
	sched_idle_loop();
}
