/* SPDX-License-Identifier: MIT */
/*
 * `hyla boot --record FILE` and `--replay FILE`: a run that repeats, instruction
 * by instruction, with QEMU's icount and its record of what was not in the
 * machine. Under gdb a replay shows the same run as often as one likes.
 *
 *   FILE          QEMU's record
 *   FILE.initrd   the initrd, configuration and program in it
 *   FILE.boot     machine, memory, command line
 *
 * QEMU repeats what comes by its clocks, entropy and the serial port. It does not
 * repeat its 9p server (threads of its own), input of virtio-console ports, nor a
 * disk: a guest that has those does not begin to replay, or hangs. So a recorded
 * guest has its root in memory, one CPU, and no input. Its output goes to files,
 * which pump.c reads as they grow: a stream that is full for a while would be
 * another thing that is not repeated.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/vm.h"
#include "hal/hosted/report.h"

static bool refuse(const char *what, const char *mend)
{
	report(what, "cannot be recorded and replayed", mend);
	return false;
}

bool replay_check(const struct options *o)
{
	if (o->record && o->replay)
		return refuse("both at once", "--record or --replay");
	if (o->record && !o->initrd)
		return refuse("directories of the host", "name a root with --initrd; `hyla image` makes one");
	if (o->replay && (o->initrd || o->nr_args || o->append))
		return refuse("another program", "FILE has all that was recorded: only --replay FILE");
	if (o->root || o->nr_binds || o->nr_disks)
		return refuse("directories of the host and disks", "use --initrd only");
	if (o->vsock_cid)
		return refuse("sockets of the host", "leave --vsock off");
	if (o->nr_cpus > 1)
		return refuse("several CPUs", "--cpus 1");
	if (strcmp(o->vmm, "qemu") || (o->accel && strcmp(o->accel, "tcg")))
		return refuse("anything but QEMU's TCG", "leave --vmm and --accel off");
	if (o->trace)
		return refuse("a trace", "leave --trace off");
	return true;
}

static FILE *open_part(const char *file, const char *suffix, const char *mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", file, suffix);
	f = fopen(path, mode);
	if (!f)
		report_errno(path, errno, *mode == 'r' ? "was it recorded with --record?" : NULL);
	return f;
}

static bool copy(FILE *from, FILE *to)
{
	char buf[65536];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), from)) > 0)
		if (fwrite(buf, 1, n, to) != n)
			return false;
	return !ferror(from) && !fflush(to);
}

bool record_save(struct vm *vm)
{
	const struct options *o = &vm->g.o;
	FILE *boot = open_part(o->record, ".boot", "we");
	FILE *initrd = boot ? open_part(o->record, ".initrd", "we") : NULL;
	int fd = dup(vm->initrd);
	FILE *from = fd < 0 ? NULL : fdopen(fd, "r");
	bool ok;

	if (!initrd || !from)
		return false;
	fprintf(boot, "machine=%s\nmem=%lu\ncmdline=%s\n", o->machine, o->mem_size, vm->cmdline);
	rewind(from);
	ok = copy(from, initrd);
	fclose(from);
	ok = !fclose(initrd) && ok;
	ok = !fclose(boot) && ok;
	if (!ok)
		report_errno(o->record, errno, "is the disk full?");
	return ok;
}

bool replay_load(struct vm *vm)
{
	static char machine[32];
	struct options *o = &vm->g.o;
	FILE *boot = open_part(o->replay, ".boot", "re");
	FILE *initrd = boot ? open_part(o->replay, ".initrd", "re") : NULL;
	FILE *to;
	int n;

	if (!initrd)
		return false;
	n = fscanf(boot, "machine=%31s\nmem=%lu\ncmdline=%2047[^\n]", machine, &o->mem_size,
		   vm->cmdline);
	fclose(boot);
	o->machine = machine;
	vm->initrd = memfd_create("hyla-initrd", 0);
	to = vm->initrd < 0 ? NULL : fdopen(dup(vm->initrd), "w");
	if (n != 3 || !to || !copy(initrd, to)) {
		report(o->replay, "not a record of `hyla boot --record`", NULL);
		return false;
	}
	fclose(initrd);
	fclose(to);
	return true;
}
