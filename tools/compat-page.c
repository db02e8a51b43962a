/* SPDX-License-Identifier: MIT */
/*
 * Prints docs/compatibility.md from kernel/syscalls.def: every Linux x86-64
 * system call with its status.
 */
#include <stdio.h>
#include <string.h>

struct row {
	int nr;
	const char *name, *status, *missing;
};

#define FULL(nr, name, lock, args) { nr, #name, "FULL", "" },
#define PARTIAL(nr, name, lock, args, missing) { nr, #name, "PARTIAL", missing },
#define ABSENT(nr, name) { nr, #name, "absent", "" },
static const struct row rows[] = {
#include "kernel/syscalls.def"
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int count(const char *status)
{
	int n = 0;

	for (size_t i = 0; i < ROWS; i++)
		n += !strcmp(rows[i].status, status);
	return n;
}

int main(void)
{
	printf("<!-- SPDX-License-Identifier: MIT -->\n# Linux system calls in Hyla\n\n");
	printf("Made from src/kernel/syscalls.def by `make docs`; do not edit.\n\n");
	printf("FULL: works as Linux's, with tests. PARTIAL: what is missing is said. absent: ENOSYS.\n\n");
	printf("%d FULL, %d PARTIAL, %d absent.\n\n", count("FULL"), count("PARTIAL"),
	       count("absent"));
	printf("| nr | name | status | missing |\n|---|---|---|---|\n");
	for (size_t i = 0; i < ROWS; i++)
		printf("| %d | %s | %s | %s |\n", rows[i].nr, rows[i].name, rows[i].status,
		       rows[i].missing);
	return 0;
}
