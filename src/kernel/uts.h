/* SPDX-License-Identifier: MIT */
/* The UTS namespace: names that uname(2) tells. */
#ifndef HYLA_KERNEL_UTS_H
#define HYLA_KERNEL_UTS_H

#include "lib/types.h"

struct utsname {	/* uname(2) */
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};
_Static_assert(sizeof(struct utsname) == 390, "struct new_utsname");

struct uts_ns {
	u32 refcount;
	struct utsname name;
};
struct uts_ns *uts_get(struct uts_ns *u);
void uts_put(struct uts_ns *u);
struct uts_ns *uts_dup(const struct uts_ns *u) __must_check;
extern struct uts_ns init_uts;

#endif
