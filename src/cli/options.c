/* SPDX-License-Identifier: MIT */
/* Command line of a guest; see options.h. */
#define _GNU_SOURCE
#include "cli/options.h"

#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "hal/hosted/devices.h"
#include "hal/hosted/pku.h"
#include "hal/hosted/report.h"
#include "hal/hosted/supervise.h"

#define DEFAULT_MEM (512ul << 20)
#define LEAST_MEM (8ul << 20)
#define LEAST_MEM_VM (2ul << 20)

enum { OPT_ROOT = 256, OPT_INITRD, OPT_BIND, OPT_MEM, OPT_CPUS, OPT_ENV, OPT_ENV_CLEAR,
       OPT_CWD, OPT_USER, OPT_HOSTNAME, OPT_LOG, OPT_TRACE, OPT_TIMEOUT, OPT_SEED, OPT_FAIL_NTH,
       OPT_STATS, OPT_KERNEL, OPT_HELP, OPT_DISK, OPT_VSOCK,
       OPT_RUN_ONLY, OPT_ENGINE, OPT_NO_REWRITE, OPT_NO_SANDBOX, OPT_PKU, OPT_NO_PKU,
       OPT_BOOT_ONLY, OPT_MACHINE, OPT_VMM, OPT_ACCEL, OPT_RECORD, OPT_REPLAY, OPT_APPEND, OPT_GDB,
       OPT_BOOTCHART, OPT_DRY_RUN, OPT_VMM_ARG };

static const struct option long_options[] = {
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "bind", required_argument, NULL, OPT_BIND },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "env-clear", no_argument, NULL, OPT_ENV_CLEAR },
	{ "cwd", required_argument, NULL, OPT_CWD },
	{ "user", required_argument, NULL, OPT_USER },
	{ "hostname", required_argument, NULL, OPT_HOSTNAME },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "trace", optional_argument, NULL, OPT_TRACE },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "fail-nth", required_argument, NULL, OPT_FAIL_NTH },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "no-rewrite", no_argument, NULL, OPT_NO_REWRITE },
	{ "pku", no_argument, NULL, OPT_PKU },
	{ "no-pku", no_argument, NULL, OPT_NO_PKU },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "machine", required_argument, NULL, OPT_MACHINE },
	{ "vmm", required_argument, NULL, OPT_VMM },
	{ "accel", required_argument, NULL, OPT_ACCEL },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "vsock", required_argument, NULL, OPT_VSOCK },
	{ "record", required_argument, NULL, OPT_RECORD },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "gdb", optional_argument, NULL, OPT_GDB },
	{ "bootchart", no_argument, NULL, OPT_BOOTCHART },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "vmm-arg", required_argument, NULL, OPT_VMM_ARG },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char run_help[] =
"usage: hyla run [OPTIONS] -- PROG [ARGS]\n"
"\n"
"Runs PROG under Hyla's own Linux-compatible kernel. Without options it sees the\n"
"host's files read-only, a fresh /tmp, /run, /var/tmp, /dev, /proc and /sys, and\n"
"the current directory read-write.\n"
"\n"
"Files\n"
"  --root DIR[:ro]          DIR is the root instead, read-write\n"
"  --initrd FILE            a cpio archive, unpacked into memory, is the root\n"
"  --bind HOST:GUEST[:ro]   share a host directory; may be repeated\n"
"  --disk FILE[:ro]         a raw image is /dev/vda, the next one vdb, ...; --root /dev/vda\n"
"                           unpacks one that `hyla image` made\n"
"  --cwd DIR                working directory in the guest\n"
"  --vsock PATH[,cid=N]     join AF_VSOCK to Unix sockets: see hyla-run(1)\n"
"Machine\n"
"  --engine NAME            how guest code is run: inproc (fast) or ptrace (isolated)\n"
"  --pku, --no-pku          inproc: protect kernel memory from stray accesses, or do not;\n"
"                           by default where the CPU can and it costs under 50 ns\n"
"  --no-rewrite             inproc: system calls stay as they are in program text\n"
"  --mem SIZE               memory, used only when touched (512M)\n"
"  --cpus N                 processors (1); with ptrace there is one\n"
"  --timeout T              end it after T (seconds; or 500ms, 2m, 1h): exit code 124\n"
"Program\n"
"  --env K=V                set a variable; may be repeated\n"
"  --env-clear              do not pass our environment on\n"
"  --user UID[:GID]         run as this user (numbers, or names of the host)\n"
"  --hostname NAME          (hyla)\n"
"Looking inside\n"
"  --log LEVEL              the kernel's messages: 0 to 7, or emerg ... err, info, debug\n"
"  --trace[=FILE]           print each system call, to standard error or FILE\n"
"\n"
"Exit code: PROG's own; 128+N when signal N ended it; 124 timeout; 125 hyla\n"
"failed; 126 PROG cannot be executed; 127 PROG not found.\n";

static const char boot_help[] =
"usage: hyla boot [OPTIONS] -- PROG [ARGS]\n"
"\n"
"Boots Hyla's kernel in a virtual machine and runs PROG there, with the same\n"
"files, streams and exit code as `hyla run`. Without PROG, with --initrd or\n"
"--root, its /init or /sbin/init is run.\n"
"\n"
"Files\n"
"  --root DIR[:ro]          DIR is the root instead, read-write\n"
"  --initrd FILE            a cpio archive, unpacked into memory, is the root\n"
"  --bind HOST:GUEST[:ro]   share a host directory; may be repeated\n"
"  --disk FILE[:ro]         a raw image is /dev/vda, the next one vdb, ...; --root /dev/vda\n"
"                           unpacks one that `hyla image` made\n"
"  --cwd DIR                working directory in the guest\n"
"  --vsock PATH[,cid=N]     join AF_VSOCK to Unix sockets: see hyla-run(1)\n"
"  --vsock cid=N            join it to the host's AF_VSOCK (QEMU with vhost-vsock)\n"
"Machine\n"
"  --machine TYPE           microvm (the fastest to boot), q35 or pc\n"
"  --vmm NAME               qemu, firecracker or cloud-hypervisor\n"
"  --accel kvm|tcg          kvm where it works, else tcg\n"
"  --mem SIZE               memory (512M)\n"
"  --cpus N                 processors (1)\n"
"  --timeout T              end it after T (seconds; or 500ms, 2m, 1h): exit code 124\n"
"  --kernel FILE            another hyla.elf\n"
"  --append WORDS           more words for the kernel's command line\n"
"  --vmm-arg ARG            one more argument for QEMU; may be repeated\n"
"Program\n"
"  --env K=V                set a variable; may be repeated\n"
"  --env-clear              do not pass our environment on\n"
"  --user UID[:GID]         run as this user (numbers, or names of the host)\n"
"  --hostname NAME          (hyla)\n"
"Looking inside\n"
"  --log LEVEL              the kernel's messages: 0 to 7, or emerg ... err, info, debug\n"
"  --trace[=FILE]           print each system call, to standard error or FILE\n"
"  --bootchart              print how long each phase of the boot took\n"
"  --gdb[=PORT]             wait for gdb at 127.0.0.1:PORT (1234)\n"
"  --record FILE            keep a run (root in memory, no input) ...\n"
"  --replay FILE            ... and do it again, instruction by instruction\n"
"  --dry-run                print the command line of the VMM instead\n"
"\n"
"Exit code: PROG's own; 128+N when signal N ended it; 124 timeout; 125 hyla\n"
"failed; 126 PROG cannot be executed; 127 PROG not found.\n";

static int wrong(const char *option, const char *value, const char *mend)
{
	char what[256];

	snprintf(what, sizeof(what), "--%s %s", option, value);
	report(what, "not understood", mend);
	return EXIT_HYLA;
}

static bool parse_number(const char *text, u64 *out, char **end)
{
	if (*text < '0' || *text > '9')
		return false;
	*out = strtoull(text, end, 0);
	return true;
}

static bool parse_whole(const char *text, u64 *out)
{
	char *end;

	return parse_number(text, out, &end) && !*end;
}

static bool parse_size(const char *text, u64 *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (!parse_number(text, out, &end))
		return false;
	if (!*end)
		return true;
	unit = strchr(units, *end & ~0x20);
	if (!unit || (end[1] && strcasecmp(end + 1, "B") && strcasecmp(end + 1, "iB")))
		return false;
	return !__builtin_mul_overflow(*out, 1ul << 10 * (unit - units + 1), out);
}

static bool parse_time_ms(const char *text, u64 *out)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value > 0) || value > 1e9)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit)) {
			*out = value * units[i].ms + 0.999;
			return true;
		}
	return false;
}

static bool parse_user(struct options *o, char *text)
{
	char *group = strchr(text, ':');
	struct passwd *pw;
	struct group *gr;
	u64 nr;

	if (group)
		*group++ = 0;
	if (parse_whole(text, &nr)) {
		o->uid = o->gid = nr;
		pw = getpwuid(nr);
	} else {
		pw = getpwnam(text);
		if (!pw)
			return false;
		o->uid = pw->pw_uid;
	}
	if (pw)
		o->gid = pw->pw_gid;
	if (group && parse_whole(group, &nr)) {
		o->gid = nr;
	} else if (group) {
		gr = getgrnam(group);
		if (!gr)
			return false;
		o->gid = gr->gr_gid;
	}
	o->user_given = true;
	return true;
}

static bool parse_log(const char *text, int *level)
{
	static const char *const names[] = { "emerg", "alert", "crit", "err", "warning", "notice",
					     "info", "debug" };
	u64 nr;

	if (parse_whole(text, &nr) && nr < ARRAY_SIZE(names)) {
		*level = nr;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(text, names[i], 4)) {
			*level = i;
			return true;
		}
	return false;
}

/* Cuts ":ro" or ":rw" off; true if it was ":ro". */
static bool cut_read_only(char *text)
{
	size_t len = strlen(text);
	bool read_only = len > 3 && !strcmp(text + len - 3, ":ro");

	if (read_only || (len > 3 && !strcmp(text + len - 3, ":rw")))
		text[len - 3] = 0;
	return read_only;
}

static bool parse_bind(struct options *o, char *text)
{
	struct bind *b = &o->bind[o->nr_binds];
	char *guest;

	if (o->nr_binds == OPTIONS_BINDS)
		return false;
	b->read_only = cut_read_only(text);
	guest = strchr(text, ':');
	if (guest)
		*guest++ = 0;
	b->host = text;
	b->guest = guest ? guest : text;
	o->nr_binds++;
	return *b->host && b->guest[0] == '/';
}

static bool parse_disk(struct options *o, char *text)
{
	struct disk *d = &o->disk[o->nr_disks];

	if (o->nr_disks == OPTIONS_DISKS)
		return false;
	d->read_only = cut_read_only(text);
	d->file = text;
	o->nr_disks++;
	return *text;
}

/* PATH[,cid=N], or cid=N alone for a device of the host's kernel */
static bool parse_vsock(struct options *o, char *text)
{
	bool alone = o->boot && !strncmp(text, "cid=", 4);
	char *cid = alone ? text : strstr(text, ",cid=");
	u64 nr = VSOCK_CID_DEFAULT;

	if (cid && !parse_whole(strchr(cid, '=') + 1, &nr))
		return false;
	if (cid)
		*cid = 0;
	o->vsock = text;
	o->vsock_cid = nr;
	return (*text || alone) && nr > 2 && nr < ~0u;
}

static bool one_of(const char *text, const char *const *words)
{
	while (*words && strcmp(text, *words))
		words++;
	return *words;
}

static int parse_boot(struct options *o, int option, const char *name)
{
	static const char *const machines[] = { "microvm", "q35", "pc", NULL };
	static const char *const vmms[] = { "qemu", "firecracker", "cloud-hypervisor", NULL };
	static const char *const accels[] = { "kvm", "tcg", NULL };
	u64 nr;

	switch (option) {
	case OPT_MACHINE:
		o->machine = optarg;
		return one_of(optarg, machines) ? 0 : wrong(name, optarg, "microvm, q35 or pc");
	case OPT_VMM:
		o->vmm = optarg;
		return one_of(optarg, vmms) ? 0 :
		       wrong(name, optarg, "qemu, firecracker or cloud-hypervisor");
	case OPT_ACCEL:
		o->accel = optarg;
		return one_of(optarg, accels) ? 0 : wrong(name, optarg, "kvm or tcg");
	case OPT_RECORD:
		o->record = optarg;
		return 0;
	case OPT_REPLAY:
		o->replay = optarg;
		return 0;
	case OPT_APPEND:
		o->append = optarg;
		return 0;
	case OPT_GDB:
		o->gdb = true;
		o->gdb_port = optarg ? optarg : "1234";
		return parse_whole(o->gdb_port, &nr) && nr && nr < 65536 ? 0 :
		       wrong(name, optarg, "a port number");
	case OPT_BOOTCHART:
		o->bootchart = true;
		return 0;
	case OPT_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPT_VMM_ARG:
		o->vmm_arg[o->nr_vmm_args++] = optarg;
		return 0;
	}
	return EXIT_HYLA;
}

static bool parse_engine(struct options *o, const char *text)
{
	static const char *const names[] = {
		[HOSTED_ENGINE_PTRACE] = "ptrace",
		[HOSTED_ENGINE_INPROC] = "inproc",
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			o->engine = i;
			return true;
		}
	}
	return false;
}

static int parse_one(struct options *o, int option, const char *name)
{
	u64 nr;

	switch (option) {
	case OPT_ROOT:
		o->root_read_only = cut_read_only(optarg);
		o->root = optarg;
		return 0;
	case OPT_INITRD:
		o->initrd = optarg;
		return 0;
	case OPT_BIND:
		return parse_bind(o, optarg) ? 0 :
		       wrong(name, optarg, "HOST:GUEST[:ro], GUEST beginning with /");
	case OPT_DISK:
		return parse_disk(o, optarg) ? 0 :
		       wrong(name, optarg, "FILE[:ro]; there is room for 8");
	case OPT_VSOCK:
		return parse_vsock(o, optarg) ? 0 :
		       wrong(name, optarg, "PATH[,cid=N], N from 3 to 4294967294");
	case OPT_ENGINE:
		return parse_engine(o, optarg) ? 0 :
		       wrong(name, optarg, "the engine is inproc or ptrace");
	case OPT_MEM:
		return parse_size(optarg, &o->mem_size) &&
		       o->mem_size >= (o->boot ? LEAST_MEM_VM : LEAST_MEM) ? 0 :
		       wrong(name, optarg, o->boot ? "2M or more, as in 512M or 2G" :
			     "8M or more, as in 512M or 2G");
	case OPT_CPUS:
		if (!parse_whole(optarg, &nr) || nr < 1 || nr > 64)
			return wrong(name, optarg, "1 to 64");
		o->nr_cpus = nr;
		return 0;
	case OPT_ENV:
		if (!strchr(optarg, '=') || *optarg == '=')
			return wrong(name, optarg, "NAME=VALUE");
		o->env[o->nr_env++] = optarg;
		return 0;
	case OPT_ENV_CLEAR:
		o->env_clear = true;
		return 0;
	case OPT_CWD:
		o->cwd = optarg;
		return *optarg == '/' ? 0 : wrong(name, optarg, "a path that begins with /");
	case OPT_USER:
		return parse_user(o, optarg) ? 0 : wrong(name, optarg, "UID[:GID], or names");
	case OPT_HOSTNAME:
		o->hostname = optarg;
		return strlen(optarg) <= 64 ? 0 : wrong(name, optarg, "at most 64 bytes");
	case OPT_LOG:
		return parse_log(optarg, &o->log_level) ? 0 : wrong(name, optarg, "0 to 7");
	case OPT_TRACE:
		o->trace = true;
		o->trace_file = optarg;
		return 0;
	case OPT_TIMEOUT:
		return parse_time_ms(optarg, &o->timeout_ms) ? 0 :
		       wrong(name, optarg, "seconds, or 500ms, 2m, 1h");
	case OPT_SEED:
		o->seeded = true;
		return parse_whole(optarg, &o->seed) ? 0 : wrong(name, optarg, "a number");
	case OPT_FAIL_NTH:
		return parse_whole(optarg, &o->fail_nth) ? 0 : wrong(name, optarg, "a number");
	case OPT_STATS:
		o->stats = true;
		return 0;
	case OPT_KERNEL:
		o->kernel = optarg;
		return 0;
	case OPT_NO_REWRITE:
		o->no_rewrite = true;
		return 0;
	case OPT_PKU:
	case OPT_NO_PKU:
		o->pku = option == OPT_PKU ? PKU_ON : PKU_OFF;
		return 0;
	case OPT_NO_SANDBOX:
		o->no_sandbox = true;
		return 0;
	}
	return parse_boot(o, option, name);
}

bool options_root_is_disk(const struct options *o)
{
	return o->root && !strncmp(o->root, "/dev/vd", 7) && o->root[7] >= 'a' &&
	       o->root[7] < 'a' + (int)o->nr_disks && !o->root[8];
}

static bool has_option(const struct options *o, int option)
{
	if (option == '?' || option == ':')
		return false;
	return option < OPT_RUN_ONLY ||
	       (o->boot ? option > OPT_BOOT_ONLY : option < OPT_BOOT_ONLY);
}

int options_parse(struct options *o, int argc, char **argv, int *exit_code)
{
	int option, index = 0;

	o->machine = "microvm";
	o->vmm = "qemu";
	o->mem_size = DEFAULT_MEM;
	o->nr_cpus = 1;
	o->engine = HOSTED_ENGINE_AUTO;
	o->log_level = -1;
	o->uid = getuid();
	o->gid = getgid();
	o->env = calloc(argc, sizeof(*o->env));
	o->vmm_arg = calloc(argc, sizeof(*o->vmm_arg));
	if (!o->env || !o->vmm_arg)
		abort();
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", long_options, &index)) >= 0) {
		if (option == 'h' || option == OPT_HELP) {
			fputs(o->boot ? boot_help : run_help, stdout);
			*exit_code = 0;
			return 1;
		}
		if (!has_option(o, option)) {
			report(argv[optind - 1], option == ':' ? "wants a value" : "no such option",
			       o->boot ? "`hyla boot --help` lists the options" :
			       "`hyla run --help` lists the options");
			*exit_code = EXIT_HYLA;
			return 1;
		}
		*exit_code = parse_one(o, option, long_options[index].name);
		if (*exit_code)
			return 1;
	}
	o->args = argv + optind;
	o->nr_args = argc - optind;
	if (o->root && o->initrd) {
		report("--root and --initrd", "a guest has one root", "choose one of them");
		*exit_code = EXIT_HYLA;
		return 1;
	}
	return 0;
}
