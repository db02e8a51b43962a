/* SPDX-License-Identifier: MIT */
/* mappings: more scattered pages than a host process may have mappings
 * (max_map_count, 65530); the TLB must start over and lose nothing. Needs
 * --mem 1G. */
#include <stdio.h>
#include <sys/mman.h>

#define PAGES 160000ul

int main(void)
{
	unsigned bad = 0;
	char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	madvise(p, PAGES * 4096, MADV_RANDOM);
	for (unsigned long i = 0; i < PAGES; i += 2)
		p[i * 4096] = (char)i;
	for (unsigned long i = 0; i < PAGES; i += 2)
		bad += p[i * 4096] != (char)i;
	printf("%sok - scattered pages, %u lost\n", bad ? "not " : "", bad);
	return bad != 0;
}
