/* SPDX-License-Identifier: MIT */
/* What the cases about several CPUs have in common. */
#ifndef ABI_SMP_H
#define ABI_SMP_H

#include <pthread.h>
#include <sched.h>

static inline int cpus(void)
{
	cpu_set_t set;

	OK(sched_getaffinity(0, sizeof(set), &set));
	return CPU_COUNT(&set);
}

/* The nr-th CPU that we may use. */
static inline int cpu_nr(int nr)
{
	cpu_set_t set;

	OK(sched_getaffinity(0, sizeof(set), &set));
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set) && nr-- == 0)
			return i;
	return -1;
}

static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	OK(sched_setaffinity(0, sizeof(set), &set));
}

static inline void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	CHECK_EQ(pthread_create(t, NULL, fn, arg), 0);
}

/* Each wait is somebody's slice where there are fewer CPUs than threads. */
static inline int rounds(void)
{
	return cpus() > 1 ? 200 : 10;
}

#endif
