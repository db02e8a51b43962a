/* SPDX-License-Identifier: MIT */
/*
 * How long from the exec of a program to the first byte of the output.
 *
 *   firstbyte STAMP COMMAND...    runs the command; prints the ms from the time in the
 *                                 file STAMP, or from its exec if there is none, to its
 *                                 first byte on standard output
 *   PROGRAM ...                   under any other name: writes the time to the file
 *                                 $FIRSTBYTE_STAMP and runs the next PROGRAM in PATH
 *
 * So a directory with a link to this under the name of a VMM, first in PATH, times
 * the VMM and not what starts it. Exit code 1 if nothing came.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int stand_in(const char *name, char **argv)
{
	const char *stamp = getenv("FIRSTBYTE_STAMP");
	char *path = getenv("PATH"), *rest = path ? strchr(path, ':') : NULL;
	FILE *f = stamp ? fopen(stamp, "w") : NULL;

	if (!f || !rest) {
		fprintf(stderr, "firstbyte: no FIRSTBYTE_STAMP, or nothing else in PATH\n");
		return 125;
	}
	setenv("PATH", rest + 1, 1);
	fprintf(f, "%.6f\n", now_ms());
	fclose(f);
	execvp(name, argv);
	perror(name);
	return 127;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	double start, end = 0;
	char byte[4096];
	int out[2];
	pid_t pid;
	FILE *f;

	if (strcmp(name, "firstbyte"))
		return stand_in(name, argv);
	if (argc < 3 || pipe2(out, 0)) {
		fprintf(stderr, "usage: firstbyte STAMP COMMAND...\n");
		return 2;
	}
	unlink(argv[1]);
	start = now_ms();
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	close(out[1]);
	if (pid > 0 && read(out[0], byte, 1) == 1)
		end = now_ms();
	while (read(out[0], byte, sizeof(byte)) > 0)
		;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	f = fopen(argv[1], "r");
	if (f && fscanf(f, "%lf", &start) != 1)
		end = 0;
	if (!end)
		return 1;
	printf("%.2f\n", end - start);
	return 0;
}
