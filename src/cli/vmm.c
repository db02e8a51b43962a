/* SPDX-License-Identifier: MIT */
/*
 * Firecracker and cloud-hypervisor: their configuration and command line.
 *
 * Neither shares directories by 9p nor has a console with several ports, so the
 * root is an initrd, and the guest's terminal is virtio-console where there is
 * one (cloud-hypervisor) and the serial port, output only, else (Firecracker).
 * The VMM takes our place; its exit code is not the guest's.
 * Files are memfds, named by /proc/self/fd: nothing is left behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/vm.h"
#include "hal/hosted/report.h"

static char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text(const char *format, ...)
{
	va_list ap;
	char *s;

	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

/* As a JSON string, with its quotes. */
static void put_string(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		if ((u8)*s < 0x20)
			fprintf(f, "\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else
			putc(*s, f);
	}
	putc('"', f);
}

static int firecracker_config(const struct vm *vm)
{
	int fd = memfd_create("hyla-firecracker", 0);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (!f) {
		report_errno("cannot make Firecracker's configuration", errno, NULL);
		return -1;
	}
	fputs("{\n  \"boot-source\": {\n    \"kernel_image_path\": ", f);
	put_string(f, vm->kernel);
	fprintf(f, ",\n    \"initrd_path\": \"/proc/self/fd/%d\",\n    \"boot_args\": ",
		vm->initrd);
	put_string(f, vm->cmdline);
	fputs("\n  },\n  \"drives\": [", f);
	for (u32 i = 0; i < vm->g.o.nr_disks; i++) {
		fprintf(f, "%s\n    { \"drive_id\": \"disk%u\", \"path_on_host\": ", i ? "," : "", i);
		put_string(f, vm->g.o.disk[i].file);
		fprintf(f, ", \"is_root_device\": false, \"is_read_only\": %s }",
			vm->g.o.disk[i].read_only ? "true" : "false");
	}
	fputs("],", f);
	if (vm->g.o.vsock_cid) {
		fprintf(f, "\n  \"vsock\": {\n    \"guest_cid\": %u,\n    \"uds_path\": ",
			vm->g.o.vsock_cid);
		put_string(f, vm->g.o.vsock);
		fputs("\n  },", f);
	}
	fprintf(f, "\n  \"machine-config\": {\n    \"vcpu_count\": %u,\n"
		   "    \"mem_size_mib\": %lu\n  },\n  \"entropy\": {}\n}\n",
		vm->g.o.nr_cpus, vm->g.o.mem_size >> 20);
	fclose(f);
	return fd;
}

static void print_file(int fd)
{
	char buf[4096];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	fwrite(buf, 1, n > 0 ? (size_t)n : 0, stdout);
}

static char **firecracker(struct vm *vm)
{
	static char *argv[8];
	int fd = firecracker_config(vm);

	if (fd < 0)
		return NULL;
	if (vm->g.o.dry_run)
		print_file(fd);
	argv[0] = "firecracker";
	argv[1] = "--no-api";
	argv[2] = "--config-file";
	argv[3] = text("/proc/self/fd/%d", fd);
	return argv;
}

static char **cloud_hypervisor(struct vm *vm)
{
	static char *argv[24 + OPTIONS_DISKS];
	u32 n = 0;

	argv[n++] = "cloud-hypervisor";
	argv[n++] = "--kernel";
	argv[n++] = vm->kernel;
	argv[n++] = "--initramfs";
	argv[n++] = text("/proc/self/fd/%d", vm->initrd);
	argv[n++] = "--cmdline";
	argv[n++] = vm->cmdline;
	argv[n++] = "--cpus";
	argv[n++] = text("boot=%u", vm->g.o.nr_cpus);
	argv[n++] = "--memory";
	argv[n++] = text("size=%luM", vm->g.o.mem_size >> 20);
	argv[n++] = "--console";
	argv[n++] = "tty";
	argv[n++] = "--serial";
	argv[n++] = "null";
	argv[n++] = "--rng";
	argv[n++] = "src=/dev/urandom";
	if (vm->g.o.vsock_cid) {
		argv[n++] = "--vsock";
		argv[n++] = text("cid=%u,socket=%s", vm->g.o.vsock_cid, vm->g.o.vsock);
	}
	if (vm->g.o.nr_disks)
		argv[n++] = "--disk";
	for (u32 i = 0; i < vm->g.o.nr_disks; i++)
		argv[n++] = text("path=%s%s", vm->g.o.disk[i].file,
				 vm->g.o.disk[i].read_only ? ",readonly=on" : "");
	return argv;
}

char **vmm_command(struct vm *vm)
{
	if (!vm->g.o.initrd && !options_root_is_disk(&vm->g.o)) {
		report(vm->g.o.vmm, "it shares no directories with a guest",
		       "name a root with --initrd, or --disk and --root /dev/vda; `hyla image` makes one");
		return NULL;
	}
	if (!strcmp(vm->g.o.vmm, "firecracker"))
		return firecracker(vm);
	return cloud_hypervisor(vm);
}
