/* SPDX-License-Identifier: MIT */
/* The subcommands of `hyla`: one file each, one row each in main.c. */
#ifndef HYLA_CLI_CLI_H
#define HYLA_CLI_CLI_H

#ifndef HYLA_VERSION
#define HYLA_VERSION "0.1"
#endif

/* argv[0] is the subcommand's name. All return the exit code. */
int run_main(int argc, char **argv);
int boot_main(int argc, char **argv);
int image_main(int argc, char **argv);
int doctor_main(int argc, char **argv);

#endif
