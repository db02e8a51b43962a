/* SPDX-License-Identifier: MIT */
/*
 * The options that describe a guest, shared by the subcommands that start one,
 * and the configuration blob (kernel/config.h) that comes of them.
 */
#ifndef HYLA_CLI_OPTIONS_H
#define HYLA_CLI_OPTIONS_H

#include <sys/types.h>

#include "hal/hosted/shared.h"

#define OPTIONS_BINDS 13	/* the kernel takes 16 9p devices, with root and cwd */
#define OPTIONS_DISKS 8

struct bind {
	const char *host, *guest;
	bool read_only;
};

struct disk {
	const char *file;
	bool read_only;
};

struct options {
	bool boot;		/* `hyla boot`, not `hyla run` */
	const char *root;	/* NULL: the host's / read-only */
	bool root_read_only;
	const char *initrd;
	struct bind bind[OPTIONS_BINDS];
	u32 nr_binds;
	struct disk disk[OPTIONS_DISKS];	/* /dev/vda, vdb, ... */
	u32 nr_disks;
	const char *vsock;	/* Unix socket of the socket device; "": the host's AF_VSOCK */
	u32 vsock_cid;		/* 0: no such device */
	u32 engine;		/* enum hosted_engine_nr */
	bool no_rewrite;
	u32 pku;		/* enum pku_choice */
	u64 mem_size;
	u32 nr_cpus;
	char **env;		/* --env, in order */
	u32 nr_env;
	bool env_clear;
	const char *cwd;
	bool user_given;
	uid_t uid;
	gid_t gid;
	const char *hostname;
	int log_level;		/* -1: the kernel's default */
	bool trace;
	const char *trace_file;	/* NULL: standard error */
	u64 timeout_ms;
	/* for tests */
	bool seeded;
	u64 seed;
	u64 fail_nth;
	bool stats;
	const char *kernel;
	bool no_sandbox;
	/* hyla boot */
	const char *machine;	/* microvm, q35, pc */
	const char *vmm;	/* qemu, firecracker, cloud-hypervisor */
	const char *accel;	/* NULL: kvm if it works, else tcg */
	const char *append;	/* more words for the kernel's command line */
	const char *record, *replay;	/* NULL, or where */
	bool gdb;
	const char *gdb_port;	/* NULL: 1234 */
	bool bootchart;
	bool dry_run;		/* print the command instead */
	char **vmm_arg;		/* --vmm-arg, in order */
	u32 nr_vmm_args;
	/* PROG ARGS */
	char **args;
	u32 nr_args;
};

/* A subcommand's options: o->boot says which. 0 to go on; else the program ends with *exit_code (message or help done). */
int options_parse(struct options *o, int argc, char **argv, int *exit_code);

struct config {
	char *data;
	size_t size, room;
};

/* Appends one "key=value". */
void config_add(struct config *c, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "mount=TYPE:SOURCE:TARGET[:FLAGS]" with the escapes that it needs. */
void config_add_mount(struct config *c, const char *type, const char *source,
		      const char *target, const char *flags);
/* --root names a disk of the guest (/dev/vda), not a directory of ours. */
bool options_root_is_disk(const struct options *o);
/* A directory of the host that the guest mounts by 9p. */
struct share {
	char tag[16];
	const char *path;
	bool read_only;
};

/* What a guest sees: the configuration and the directories that it needs. */
struct guest {
	struct options o;
	struct config config;
	struct share share[OPTIONS_BINDS + 2];
	u32 nr_shares;
	char cwd[4096];
};

/* Program, root, working directory and binds, from g->o. */
void guest_describe(struct guest *g);

/* What does not depend on how the guest is started: program, ids, names. */
void config_add_program(struct config *c, const struct options *o);
/* The empty string at the end. */
void config_finish(struct config *c);

#endif
