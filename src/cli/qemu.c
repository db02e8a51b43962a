/* SPDX-License-Identifier: MIT */
/*
 * QEMU's command line for a guest.
 *
 * microvm without ACPI is the fastest to boot; it has eight virtio slots, so a
 * guest with more devices gets ACPI and with it 24. Nothing that QEMU would
 * add by itself is there (-nodefaults), and no configuration of the user's.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/vm.h"

#define ARGS_MAX 256

static char *args[ARGS_MAX];
static u32 nr_args;

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (nr_args == ARGS_MAX - 1 || vasprintf(&args[nr_args++], format, ap) < 0)
		abort();
	va_end(ap);
}

/* A path as a value in QEMU's comma lists: each comma doubled. */
static const char *quoted(const char *path)
{
	char *text = malloc(2 * strlen(path) + 1), *p = text;

	if (!text)
		abort();
	for (; *path; path++) {
		*p++ = *path;
		if (*path == ',')
			*p++ = ',';
	}
	*p = 0;
	return text;
}

static void add_machine(const struct vm *vm, bool mmio, u32 nr_devices)
{
	const struct options *o = &vm->g.o;

	add("-machine");
	if (!mmio)
		add("%s", o->machine);
	else if (nr_devices > 8)
		add("microvm,pit=off,pic=off,rtc=off,x-option-roms=off");
	else
		add("microvm,acpi=off,pit=off,pic=off,rtc=off,x-option-roms=off");
	add("-accel");
	add("%s", vm->kvm ? "kvm" : "tcg");
	add("-cpu");
	/* some hosts offer an ARCH_CAPABILITIES that they then refuse to set */
	add("%s", vm->kvm ? "max,-arch-capabilities" : "max");
	/* memory that another process can map */
	if (o->vsock_cid && o->vsock[0]) {
		add("-object");
		add("memory-backend-memfd,id=ram,share=on,size=%luK", o->mem_size >> 10);
		add("-machine");
		add("memory-backend=ram");
	}
	add("-m");
	add("%luK", o->mem_size >> 10);
	add("-smp");
	add("%u", o->nr_cpus);
}

static void add_streams(const struct vm *vm, const char *bus)
{
	u32 nr = 1;

	add("-device");
	add("virtio-serial-%s,max_ports=8", bus);
	for (int i = 0; i < VM_STREAMS; i++) {
		if (!vm->present[i])
			continue;
		add("-chardev");
		add(vm_repeats(vm) ? "file,id=%s,path=/proc/self/fd/%d" : "socket,id=%s,fd=%d",
		    vm_stream_name[i], vm->theirs[i]);
		if (i == VM_LOG) {
			add("-serial");
			add("chardev:%s", vm_stream_name[i]);
			continue;
		}
		add("-device");
		add("%s,chardev=%s,name=%s,nr=%u",
		    i == VM_TTY ? "virtconsole" : "virtserialport", vm_stream_name[i],
		    vm_stream_name[i], i == VM_TTY ? 0 : nr++);
	}
}

static void add_shares(const struct vm *vm, const char *bus)
{
	for (u32 i = 0; i < vm->g.nr_shares; i++) {
		const struct share *s = &vm->g.share[i];

		add("-fsdev");
		add("local,id=%s,path=%s,security_model=none,multidevs=remap%s", s->tag,
		    quoted(s->path), s->read_only ? ",readonly=on" : "");
		add("-device");
		add("virtio-9p-%s,fsdev=%s,mount_tag=%s", bus, s->tag, s->tag);
	}
}

static void add_disks(const struct vm *vm, const char *bus)
{
	for (u32 i = 0; i < vm->g.o.nr_disks; i++) {
		const struct disk *d = &vm->g.o.disk[i];

		add("-drive");
		add("if=none,id=disk%u,format=raw,discard=unmap,file=%s%s", i, quoted(d->file),
		    d->read_only ? ",readonly=on" : "");
		add("-device");
		add("virtio-blk-%s,drive=disk%u", bus, i);
	}
}

static void add_vsock(const struct vm *vm, const char *bus)
{
	if (!vm->g.o.vsock_cid)
		return;
	if (!vm->g.o.vsock[0]) {
		add("-device");
		add("vhost-vsock-%s,guest-cid=%u", bus, vm->g.o.vsock_cid);
		return;
	}
	add("-chardev");
	add("socket,id=vsock,fd=%d", vm->vsock);
	add("-device");
	add("vhost-user-vsock-%s,chardev=vsock", bus);
}

char **qemu_command(struct vm *vm)
{
	const struct options *o = &vm->g.o;
	bool mmio = !strcmp(o->machine, "microvm");
	const char *bus = mmio ? "device" : "pci,disable-legacy=on";

	add("qemu-system-x86_64");
	add("-name");
	add("hyla");
	add("-nodefaults");
	add("-no-user-config");
	add("-no-reboot");
	add("-display");
	add("none");
	add_machine(vm, mmio, vm->g.nr_shares + o->nr_disks + !!o->vsock_cid + 2);
	if (mmio) {
		add("-global");
		add("virtio-mmio.force-legacy=false");
	}
	add("-device");
	add("isa-debug-exit,iobase=0xf4,iosize=4");
	add("-kernel");
	add("%s", vm->kernel);
	add("-initrd");
	add("/proc/self/fd/%d", vm->initrd);
	add("-append");
	add("%s", vm->cmdline);
	add_streams(vm, bus);
	add("-device");
	add("virtio-rng-%s", bus);
	add_shares(vm, bus);
	add_disks(vm, bus);
	add_vsock(vm, bus);
	if (vm_repeats(vm)) {
		add("-net");
		add("none");
		add("-icount");
		add("shift=0,rr=%s,rrfile=%s", o->record ? "record" : "replay",
		    quoted(o->record ? o->record : o->replay));
	}
	if (o->gdb) {
		add("-gdb");
		add("tcp:127.0.0.1:%s", o->gdb_port);
		add("-S");
	}
	for (u32 i = 0; i < o->nr_vmm_args; i++)
		add("%s", o->vmm_arg[i]);
	args[nr_args] = NULL;
	return args;
}
