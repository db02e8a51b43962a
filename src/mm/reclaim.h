/* SPDX-License-Identifier: MIT */
/* Giving memory back under pressure. */
#ifndef HYLA_MM_RECLAIM_H
#define HYLA_MM_RECLAIM_H

#include "lib/types.h"

/* Frees about `want` pages of clean, unused cache; returns how many. Does not
 * sleep and takes no locks, so any allocation may call it. */
u64 reclaim(u64 want);


#endif
