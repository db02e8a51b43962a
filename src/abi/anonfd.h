/* SPDX-License-Identifier: MIT */
/* Descriptors without a path: eventfd(2), timerfd_create(2), signalfd(2), pidfd_open(2). */
#ifndef HYLA_ABI_ANONFD_H
#define HYLA_ABI_ANONFD_H

#include "lib/types.h"

#define EFD_SEMAPHORE 1

#define TFD_TIMER_ABSTIME 1
#define TFD_TIMER_CANCEL_ON_SET 2

struct itimerspec64 {
	s64 interval_sec, interval_nsec, value_sec, value_nsec;
};
_Static_assert(sizeof(struct itimerspec64) == 32, "struct itimerspec");

struct signalfd_siginfo {
	u32 signo;
	s32 err, code;
	u32 pid, uid;
	s32 fd;
	u32 tid, band, overrun, trapno;
	s32 status, val;
	u64 ptr, utime, stime, addr;
	u16 addr_lsb, pad2;
	s32 syscall;
	u64 call_addr;
	u32 arch;
	u8 pad[28];
};
_Static_assert(sizeof(struct signalfd_siginfo) == 128, "struct signalfd_siginfo");

#define PIDFD_NONBLOCK 04000
#define PIDFD_THREAD 0200
#define PIDFD_SIGNAL_THREAD 1
#define PIDFD_SIGNAL_THREAD_GROUP 2
#define PIDFD_SIGNAL_PROCESS_GROUP 4

#endif
