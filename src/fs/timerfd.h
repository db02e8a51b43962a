/* SPDX-License-Identifier: MIT */
/* What clock_settime(2) must tell timerfd. */
#ifndef HYLA_FS_TIMERFD_H
#define HYLA_FS_TIMERFD_H

/* The wall clock jumped: re-arms absolute wall-clock timers and cancels those
 * with TFD_TIMER_CANCEL_ON_SET. Does not sleep. */
void timerfd_clock_was_set(void);

#endif
