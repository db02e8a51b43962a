/* SPDX-License-Identifier: MIT */
/* One request on standard input, one answer on standard output. */
#include <stdio.h>
#include <string.h>

int main(void)
{
	char name[256];

	if (!fgets(name, sizeof(name), stdin)) {
		fputs("usage: one line, a name\n", stderr);
		return 2;
	}
	name[strcspn(name, "\n")] = 0;
	printf("hello, %s (request served 1 since boot)\n", name);
	return 0;
}
