/* SPDX-License-Identifier: MIT */
/*
 * hyla.arp=IP[,OURS] on the command line: asks the first network for the hardware
 * address of IP (ARP, RFC 826), and logs the answer. A sign of life for drivers, as
 * long as there is no protocol stack; it takes dev->receive, so it goes when the
 * stack comes. It asks once when the link is up, or when it comes up.
 */
#include "net/arping.h"

#include "kernel/config.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "net/netdev.h"

#define ETH_P_ARP 0x0806

struct arp {			/* with its Ethernet header; numbers big endian */
	u8 to[6], from[6], type[2];
	u8 hardware[2], protocol[2], hardware_size, protocol_size, op[2];
	u8 sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
};
_Static_assert(sizeof(struct arp) == 42, "RFC 826");

static u8 wanted[4], ours[4] = { 10, 0, 2, 15 };

static bool parse_ip(const char *s, u8 *ip)
{
	for (u32 i = 0; i < 4; i++) {
		u32 v = 0, digits = 0;

		for (; *s >= '0' && *s <= '9' && digits < 3; s++, digits++)
			v = v * 10 + (u32)(*s - '0');
		if (!digits || v > 255 || (i < 3 && *s++ != '.'))
			return false;
		ip[i] = (u8)v;
	}
	return *s == '\0' || *s == ',';
}

static void ask(struct netdev *dev)
{
	struct arp a = {
		.to = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, .type = { 8, 6 },
		.hardware = { 0, 1 }, .protocol = { 8, 0 }, .hardware_size = 6,
		.protocol_size = 4, .op = { 0, 1 },
	};
	struct pkt *pkt = pkt_alloc(sizeof(a));
	int err;

	if (!pkt)
		return;
	memcpy(a.from, dev->mac, 6);
	memcpy(a.sender_mac, dev->mac, 6);
	memcpy(a.sender_ip, ours, 4);
	memcpy(a.target_ip, wanted, 4);
	memcpy(pkt->data, &a, sizeof(a));
	pkt->len = sizeof(a);
	err = netdev_xmit(dev, pkt);
	if (err) {
		log_warn("%s: cannot ask: error %d", dev->name, -err);
		pkt_free(pkt);
	}
}

static void answered(struct netdev *dev, struct pkt *pkt)
{
	struct arp a;
	const u8 *m = a.sender_mac;

	if (pkt->len >= sizeof(a)) {
		memcpy(&a, pkt->data, sizeof(a));
		if (a.type[0] == ETH_P_ARP >> 8 && a.type[1] == (ETH_P_ARP & 0xff) &&
		    a.op[1] == 2 && !memcmp(a.sender_ip, wanted, 4))
			log_info("%s: %u.%u.%u.%u is at %02x:%02x:%02x:%02x:%02x:%02x", dev->name,
				 wanted[0], wanted[1], wanted[2], wanted[3], m[0], m[1], m[2], m[3],
				 m[4], m[5]);
	}
	pkt_free(pkt);
}

static void link_changed(struct netdev *dev)
{
	if (dev->link_up)
		ask(dev);
}

void arping_init(void)
{
	const char *arg = config_get("hyla.arp", 0), *own = arg ? strchr(arg, ',') : NULL;
	struct netdev *dev = netdev_nth(0);

	if (!arg || !dev)
		return;
	if (!parse_ip(arg, wanted) || (own && !parse_ip(own + 1, ours))) {
		log_warn("hyla.arp=%s: no address", arg);
		return;
	}
	dev->receive = answered;
	dev->link_changed = link_changed;
	link_changed(dev);
}
