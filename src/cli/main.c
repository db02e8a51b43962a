/* SPDX-License-Identifier: MIT */
/* The `hyla` command: finds the subcommand. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "hal/hosted/machine.h"
#include "hal/hosted/report.h"
#include "hal/hosted/supervise.h"

static const struct subcommand {
	const char *name;
	const char *what;
	int (*main)(int argc, char **argv);
} subcommands[] = {
	{ "run", "run a Linux program under Hyla's kernel, as a process of this host", run_main },
	{ "boot", "run a Linux program under Hyla's kernel, in a virtual machine", boot_main },
	{ "image", "make an initrd image of a directory", image_main },
	{ "doctor", "say what this host allows, and what to do about the rest", doctor_main },
};

static void usage(FILE *out)
{
	fprintf(out, "usage: hyla SUBCOMMAND [OPTIONS]\n\nsubcommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		fprintf(out, "  %-8s %s\n", subcommands[i].name, subcommands[i].what);
	fprintf(out, "\n`hyla SUBCOMMAND --help` tells more. For example:\n"
		     "  hyla run -- bash -c 'uname -a; ls'\n");
}

/* Descriptors that we open must never become 0, 1 or 2. */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_HYLA);
}

int main(int argc, char **argv)
{
	machine_calibrate_start();
	fill_standard_descriptors();
	if (argc < 2) {
		usage(stderr);
		return EXIT_HYLA;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("hyla %s\n", HYLA_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		if (!strcmp(argv[1], subcommands[i].name))
			return subcommands[i].main(argc - 1, argv + 1);
	report(argv[1], "no such subcommand", "`hyla --help` lists them");
	return EXIT_HYLA;
}
