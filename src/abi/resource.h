/* SPDX-License-Identifier: MIT */
/* Resource limits and usage: getrlimit(2), getrusage(2). */
#ifndef HYLA_ABI_RESOURCE_H
#define HYLA_ABI_RESOURCE_H

#include "lib/types.h"

enum {
	RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS,
	RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS,
	RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME,
	RLIM_NLIMITS
};
#define RLIM_INFINITY U64_MAX

struct rlimit64 { u64 cur, max; };
_Static_assert(sizeof(struct rlimit64) == 16, "struct rlimit");

struct rusage64 {
	s64 utime_sec, utime_usec, stime_sec, stime_usec;
	s64 maxrss;	/* KiB */
	s64 ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock;
	s64 msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};
_Static_assert(sizeof(struct rusage64) == 144, "struct rusage");

#endif
