/* SPDX-License-Identifier: MIT */
/*
 * `hyla run`: a guest as a process of this host. From the options come the
 * configuration blob for the kernel, the devices (console, entropy, a 9p
 * device per shared directory) and the machine; supervise() does the rest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "hal/hosted/console.h"
#include "hal/hosted/devices.h"
#include "hal/hosted/machine.h"
#include "hal/hosted/report.h"
#include "hal/hosted/supervise.h"

extern const u8 hosted_image_data[], hosted_image_data_end[];

struct run {
	struct options o;
	struct config config;
	struct machine machine;
	struct machine_options mo;
	struct console_options console;
	struct p9_export export[OPTIONS_BINDS + 2];
	char tag[OPTIONS_BINDS][16];
	u32 nr_exports;
	char cwd[PATH_MAX];
};

static void add_export(struct run *r, const char *tag, const char *path, bool read_only)
{
	struct p9_export *e = &r->export[r->nr_exports++];

	e->tag = tag;
	e->path = path;
	e->read_only = read_only;
	e->guest_uid = r->o.uid;
	e->guest_gid = r->o.gid;
}

static void add_root(struct run *r)
{
	struct config *c = &r->config;

	if (r->o.initrd) {
		config_add(c, "root", "initrd");
	} else if (r->o.root) {
		add_export(r, "root", r->o.root, r->o.root_read_only);
		config_add(c, "root", "9p:root%s", r->o.root_read_only ? ":ro" : "");
	} else {
		add_export(r, "root", "/", true);
		config_add(c, "root", "9p:root:ro");
	}
	config_add_mount(c, "devfs", "dev", "/dev", "nosuid,mkdir");
	config_add_mount(c, "devpts", "devpts", "/dev/pts", "nosuid,noexec,mkdir");
	config_add_mount(c, "tmpfs", "shm", "/dev/shm", "nosuid,nodev,mkdir,mode=1777");
	config_add_mount(c, "proc", "proc", "/proc", "nosuid,nodev,noexec,mkdir");
	config_add_mount(c, "sysfs", "sysfs", "/sys", "nosuid,nodev,noexec,mkdir");
	if (r->o.initrd)
		return;
	config_add_mount(c, "tmpfs", "tmp", "/tmp", "nosuid,nodev,mkdir,mode=1777");
	config_add_mount(c, "tmpfs", "run", "/run", "nosuid,nodev,mkdir,mode=755");
	config_add_mount(c, "tmpfs", "tmp", "/var/tmp", "nosuid,nodev,mkdir,mode=1777");
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

/* With the host's root the caller's directory is shared, at the same path. */
static void add_cwd(struct run *r)
{
	const char *cwd = r->o.cwd ? r->o.cwd : "/";
	bool have = !r->o.root && !r->o.initrd && getcwd(r->cwd, sizeof(r->cwd)) &&
		    r->cwd[0] == '/';

	if (have && !is_below(r->cwd, "/proc") && !is_below(r->cwd, "/sys") &&
	    !is_below(r->cwd, "/dev")) {
		if (strcmp(r->cwd, "/")) {
			add_export(r, "cwd", r->cwd, false);
			config_add_mount(&r->config, "9p", "cwd", r->cwd, "nodev,mkdir");
		}
		if (!r->o.cwd)
			cwd = r->cwd;
	}
	config_add(&r->config, "cwd", "%s", cwd);
}

static void add_binds(struct run *r)
{
	for (u32 i = 0; i < r->o.nr_binds; i++) {
		struct bind *b = &r->o.bind[i];

		snprintf(r->tag[i], sizeof(r->tag[i]), "bind%u", i);
		add_export(r, r->tag[i], b->host, b->read_only);
		config_add_mount(&r->config, "9p", r->tag[i], b->guest,
				 b->read_only ? "ro,nodev,mkdir" : "nodev,mkdir");
	}
}

static bool add_console(struct run *r)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	struct console_options *c = &r->console;
	struct terminal_choice terminal;

	for (int i = 0; i < PORT_COUNT; i++)
		c->in[i] = c->out[i] = -1;
	terminal_choose(&terminal);
	if (terminal.fd >= 0) {
		c->present[PORT_TTY] = true;
		c->in[PORT_TTY] = c->out[PORT_TTY] = terminal.fd;
		terminal_size(&c->cols, &c->rows);
	}
	for (int i = 0; i < 3; i++) {
		int port = PORT_STDIN + i;
		char key[4] = { 'f', 'd', '0' + i, 0 };

		if (terminal.std[i]) {
			config_add(&r->config, key, "tty");
			continue;
		}
		c->present[port] = true;
		*(i ? &c->out[port] : &c->in[port]) = i;
		config_add(&r->config, key, "%s", names[i]);
	}
	c->present[PORT_CONTROL] = true;
	if (r->o.trace) {
		c->present[PORT_TRACE] = true;
		c->out[PORT_TRACE] = STDERR_FILENO;
		if (r->o.trace_file) {
			c->out[PORT_TRACE] = open(r->o.trace_file, O_WRONLY | O_CREAT | O_TRUNC |
						  O_CLOEXEC, 0666);
			if (c->out[PORT_TRACE] < 0) {
				report_errno(r->o.trace_file, errno,
					     "--trace=FILE wants a file to write");
				return false;
			}
		}
	}
	return true;
}

static bool choose_image(struct run *r)
{
	struct stat st;
	int fd;

	r->mo.image = hosted_image_data;
	r->mo.image_size = hosted_image_data_end - hosted_image_data;
	if (!r->o.kernel)
		return true;
	fd = open(r->o.kernel, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		report_errno(r->o.kernel, errno, "--kernel wants an image of the hosted kernel");
		return false;
	}
	r->mo.image_size = st.st_size;
	r->mo.image = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return r->mo.image != MAP_FAILED;
}

static bool create(struct run *r)
{
	struct machine_options *mo = &r->mo;

	config_add_program(&r->config, &r->o);
	add_root(r);
	add_cwd(r);
	add_binds(r);
	if (!add_console(r) || !choose_image(r))
		return false;
	config_finish(&r->config);
	mo->mem_size = r->o.mem_size;
	mo->nr_cpus = r->o.nr_cpus;
	mo->engine = r->o.engine;
	mo->config = r->config.data;
	mo->config_size = r->config.size;
	mo->initrd = r->o.initrd;
	mo->seeded = r->o.seeded;
	mo->seed = r->o.seed;
	mo->cpu = -1;
	if (!machine_create(&r->machine, mo) || !console_create(&r->machine, &r->console))
		return false;
	for (u32 i = 0; i < r->nr_exports; i++)
		if (!p9_create(&r->machine, &r->export[i]))
			return false;
	/* A seeded run must not see the host's entropy. */
	return r->o.seeded || rng_create(&r->machine);
}

int run_main(int argc, char **argv)
{
	static struct run r;
	struct supervise_options so = { 0 };
	int exit_code;

	if (options_parse(&r.o, argc, argv, &exit_code))
		return exit_code;
	if (!r.o.nr_args) {
		report("nothing to run", NULL, "name a program, as in `hyla run -- ls -l`");
		return EXIT_HYLA;
	}
	so.timeout_ms = r.o.timeout_ms;
	so.no_sandbox = r.o.no_sandbox;
	if (!create(&r) || !machine_start(&r.machine))
		return EXIT_HYLA;
	return supervise(&r.machine, &so);
}
