/* SPDX-License-Identifier: MIT */
/* hyla.arp=: a sign of life of the network driver; see arping.c. */
#ifndef HYLA_NET_ARPING_H
#define HYLA_NET_ARPING_H

/* Once the devices and the configuration are there. */
void arping_init(void);

#endif
