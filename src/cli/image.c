/* SPDX-License-Identifier: MIT */
/* `hyla image`: an initrd (cpio archive) of a directory. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/initrd.h"
#include "hal/hosted/report.h"
#include "hal/hosted/supervise.h"

static const char help[] =
"usage: hyla image [--epoch SECONDS] -o FILE DIR\n"
"\n"
"Writes the files below DIR into FILE, a cpio archive that `hyla boot --initrd`\n"
"and `hyla run --initrd` unpack into memory as the root. Owners become root. The\n"
"same tree gives the same bytes; --epoch gives every file the same time.\n";

int image_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "epoch", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct cpio c = { .next_ino = 1 };
	s64 epoch = -1;
	struct stat st;
	int option;
	bool ok;

	while ((option = getopt_long(argc, argv, "o:h", options, NULL)) >= 0) {
		if (option == 'o') {
			c.name = optarg;
		} else if (option == 'e') {
			epoch = strtoll(optarg, NULL, 10);
		} else {
			fputs(help, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : EXIT_HYLA;
		}
	}
	if (!c.name || argc != optind + 1) {
		fputs(help, stderr);
		return EXIT_HYLA;
	}
	if (stat(argv[optind], &st) || !S_ISDIR(st.st_mode)) {
		report(argv[optind], "not a directory", NULL);
		return EXIT_HYLA;
	}
	c.out = fopen(c.name, "we");
	if (!c.out) {
		report_errno(c.name, errno, NULL);
		return EXIT_HYLA;
	}
	ok = cpio_tree(&c, argv[optind], epoch) && cpio_end(&c);
	if (fclose(c.out) && ok) {
		report_errno(c.name, errno, "is the disk full?");
		ok = false;
	}
	return ok ? 0 : EXIT_HYLA;
}
