/* SPDX-License-Identifier: MIT */
/*
 * `hyla boot`: a virtual machine and what passes between it and this process.
 *
 *   boot.c     options -> configuration, initrd, streams -> a VMM
 *   qemu.c     QEMU's command line            vmm.c  other VMMs' configurations
 *   pump.c     streams, signals, the end      symbols.c  names for addresses
 *   kvm.c      does KVM work here?            replay.c   runs that repeat
 *
 * Each stream is a socket pair: QEMU's end is a virtio-console port's chardev,
 * ours has a thread. So the guest's back-pressure, its end of file and its broken
 * pipe are those of the host. In a run that repeats it is a memory file.
 */
#ifndef HYLA_CLI_VM_H
#define HYLA_CLI_VM_H

#include <sys/types.h>

#include "cli/options.h"

enum vm_stream {
	VM_TTY, VM_STDIN, VM_STDOUT, VM_STDERR, VM_CONTROL, VM_TRACE,
	VM_LOG,			/* the serial port */
	VM_STREAMS,
};
extern const char *const vm_stream_name[VM_STREAMS];

struct vm {
	struct guest g;
	char kernel[4096];
	int initrd;		/* memfd */
	bool kvm;
	bool present[VM_STREAMS];
	int ours[VM_STREAMS], theirs[VM_STREAMS];
	int in[VM_STREAMS], out[VM_STREAMS];	/* host descriptors, -1 none */
	char cmdline[2048];
	pid_t pid;
	int vsock;		/* QEMU's end of the socket device's connection */
	pid_t vsock_pid;	/* who serves it; 0: nobody */
};

/* qemu.c: the argument vector; the program is argv[0]. */
char **qemu_command(struct vm *vm);
/* vmm.c: the same for o.vmm; NULL after a report. */
char **vmm_command(struct vm *vm);

/* replay.c: FILE of --record and --replay. False after a report. */
bool replay_check(const struct options *o);
bool record_save(struct vm *vm);
bool replay_load(struct vm *vm);
static inline bool vm_repeats(const struct vm *vm)
{
	return vm->g.o.record || vm->g.o.replay;
}

/* pump.c: runs the machine that vm->pid is to its end; the exit code. */
int pump(struct vm *vm);

/* kvm.c */
bool kvm_works(void);

/* symbols.c */
void symbols_load(const char *elf);
/* "name+0x12" of an address, or NULL. */
const char *symbol_at(u64 addr, char *buf, size_t size);

#endif
