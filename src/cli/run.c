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
	struct guest g;
	struct machine machine;
	struct machine_options mo;
	struct console_options console;
	struct p9_export export[OPTIONS_BINDS + 2];
};

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
			config_add(&r->g.config, key, "tty");
			continue;
		}
		if (i == 2 && !terminal.std[1] && same_stream(1, 2)) {
			config_add(&r->g.config, key, "stdout");
			continue;
		}
		c->present[port] = true;
		*(i ? &c->out[port] : &c->in[port]) = i;
		config_add(&r->g.config, key, "%s", names[i]);
	}
	c->present[PORT_CONTROL] = true;
	if (r->g.o.trace) {
		c->present[PORT_TRACE] = true;
		c->out[PORT_TRACE] = STDERR_FILENO;
		if (r->g.o.trace_file) {
			c->out[PORT_TRACE] = open(r->g.o.trace_file, O_WRONLY | O_CREAT | O_TRUNC |
						  O_CLOEXEC, 0666);
			if (c->out[PORT_TRACE] < 0) {
				report_errno(r->g.o.trace_file, errno,
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
	if (!r->g.o.kernel)
		return true;
	fd = open(r->g.o.kernel, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		report_errno(r->g.o.kernel, errno, "--kernel wants an image of the hosted kernel");
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

	guest_describe(&r->g);
	if (!add_console(r) || !choose_image(r))
		return false;
	config_finish(&r->g.config);
	mo->mem_size = r->g.o.mem_size;
	mo->nr_cpus = r->g.o.nr_cpus;
	mo->engine = r->g.o.engine;
	mo->no_rewrite = r->g.o.no_rewrite;
	mo->pku = r->g.o.pku;
	mo->config = r->g.config.data;
	mo->config_size = r->g.config.size;
	mo->initrd = r->g.o.initrd;
	mo->seeded = r->g.o.seeded;
	mo->seed = r->g.o.seed;
	mo->cpu = -1;
	if (!machine_create(&r->machine, mo) || !console_create(&r->machine, &r->console))
		return false;
	for (u32 i = 0; i < r->g.nr_shares; i++) {
		const struct share *s = &r->g.share[i];

		r->export[i] = (struct p9_export){ .tag = s->tag, .path = s->path,
						   .read_only = s->read_only,
						   .guest_uid = r->g.o.uid,
						   .guest_gid = r->g.o.gid };
		if (!p9_create(&r->machine, &r->export[i]))
			return false;
	}
	for (u32 i = 0; i < r->g.o.nr_disks; i++)
		if (!disk_create(&r->machine, r->g.o.disk[i].file, r->g.o.disk[i].read_only))
			return false;
	if (r->g.o.vsock_cid && !vsock_create(&r->machine, r->g.o.vsock, r->g.o.vsock_cid))
		return false;
	/* A seeded run must not see the host's entropy. */
	return r->g.o.seeded || rng_create(&r->machine);
}

int run_main(int argc, char **argv)
{
	static struct run r;
	struct supervise_options so = { 0 };
	int exit_code;

	if (options_parse(&r.g.o, argc, argv, &exit_code))
		return exit_code;
	if (!r.g.o.nr_args) {
		report("nothing to run", NULL, "name a program, as in `hyla run -- ls -l`");
		return EXIT_HYLA;
	}
	so.timeout_ms = r.g.o.timeout_ms;
	so.no_sandbox = r.g.o.no_sandbox;
	if (!create(&r) || !machine_start(&r.machine))
		return EXIT_HYLA;
	return supervise(&r.machine, &so);
}
