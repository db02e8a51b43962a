/* SPDX-License-Identifier: MIT */
/* virtio-net and the border to the stack, against a simulated device. */
#include "unit.h"

#include "mm/page.h"
#include "mm/slab.h"
#include "net/netdev.h"
#include "virtio/virtio.h"

enum { GETPID = 39, HEADER = 12 };
enum { F_CSUM = 1 << 0, F_MTU = 1 << 3, F_MAC = 1 << 5, F_STATUS = 1 << 16 };

static u8 sent[16384];
static u32 sent_size, nr_sent, ready, links;
static bool hold_tx;
static u64 got_bytes, got;
static u32 last_flags;
static u64 seed = 7;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void net_notify(struct sim_device *d, u32 q)
{
	static struct sim_chain c;

	while (q == 1 && !hold_tx && sim_next(d, 1, &c)) {
		ck_assert_uint_eq(c.count, 1);
		sent_size = c.seg[0].size;
		memcpy(sent, c.seg[0].data, min(sent_size, (u32)sizeof(sent)));
		nr_sent++;
		sim_used(d, 1, c.head, 0);
	}
}

static struct sim_device dev = {
	.id = VIRTIO_ID_NET, .queues = 2, .queue_max = 32,
	.features = VIRTIO_F_VERSION_1 | F_MAC | F_MTU | F_STATUS | F_CSUM,
	.config = { 0x52, 0x54, 0, 1, 2, 3, 1, 0, 0, 0, 0xdc, 5 },	/* up, mtu 1500 */
	.notify = net_notify,
};

/* A frame of `size` bytes comes in, and the device says that it wrote `len`. */
static bool inject(u32 size, u32 len, u8 flags, u8 gso)
{
	static struct sim_chain c;

	if (!sim_next(&dev, 0, &c))
		return false;
	memset(c.seg[0].data, 0, HEADER);
	c.seg[0].data[0] = flags;
	c.seg[0].data[1] = gso;
	for (u32 i = 0; i < size && HEADER + i < c.seg[0].size; i++)
		c.seg[0].data[HEADER + i] = (u8)i;
	sim_used(&dev, 0, c.head, len);
	ck_assert_int_eq(sim_sys0(GETPID), 2);
	return true;
}

static void on_frame(struct netdev *d, struct pkt *pkt)
{
	ck_assert_ptr_eq(d, pkt->dev);
	ck_assert_uint_le(pkt->len, d->mtu + ETH_HEADER + ETH_VLAN);
	for (u32 i = 0; i < pkt->len; i++)
		ck_assert_uint_eq(pkt->data[i], (u8)i);
	got++;
	got_bytes += pkt->len;
	last_flags = pkt->flags;
	pkt_free(pkt);
}

static void on_ready(struct netdev *d) { ready += d != NULL; }
static void on_link(struct netdev *d) { links += d != NULL; }

static struct netdev *eth0(void)
{
	struct netdev *d = netdev_find("eth0");

	ck_assert_ptr_nonnull(d);
	d->receive = on_frame;
	d->tx_ready = on_ready;
	d->link_changed = on_link;
	return d;
}

static void receives(void)
{
	struct netdev *d = eth0();
	u64 slab;

	ck_assert_uint_eq(d->mtu, 1500);
	ck_assert_mem_eq(d->mac, dev.config, 6);
	ck_assert(inject(60, HEADER + 60, 0, 0));
	ck_assert_uint_eq(got, 1);
	slab = page_counts.slab;
	for (u32 i = 0; i < 1000; i++) {	/* far more than the ring has */
		u32 size = 14 + (u32)(rnd() % 1505);

		ck_assert(inject(size, HEADER + size, 0, 0));
	}
	ck_assert_uint_eq(got, 1001);
	ck_assert_uint_eq(d->stats.rx_packets, 1001);
	ck_assert_uint_eq(d->stats.rx_bytes, got_bytes);
	ck_assert(inject(60, HEADER + 60, 2, 0));
	ck_assert_uint_eq(last_flags, PKT_CSUM_OK);
	ck_assert(inject(60, HEADER + 13, 0, 0));	/* no whole Ethernet header */
	ck_assert(inject(60, 3, 0, 0));
	ck_assert(inject(60, 0, 0, 0));
	ck_assert(inject(60, HEADER + 60, 0, 1));	/* an offload that nobody wanted */
	ck_assert_uint_eq(d->stats.rx_errors, 4);
	d->receive = NULL;
	ck_assert(inject(60, HEADER + 60, 0, 0));
	ck_assert_uint_eq(d->stats.rx_dropped, 1);
	ck_assert_uint_le(page_counts.slab, slab + 2);
	ck_assert_uint_eq(got, 1002);
}

static void sends(void)
{
	struct netdev *d = eth0();
	struct pkt *pkt = pkt_alloc(2000);

	for (u32 i = 0; i < 2000; i++)
		pkt->data[i] = (u8)(i * 3);
	pkt->len = 13;
	ck_assert_int_eq(netdev_xmit(d, pkt), -EINVAL);
	pkt->len = 1519;
	ck_assert_int_eq(netdev_xmit(d, pkt), -EMSGSIZE);
	pkt->len = 1518;
	pkt->flags = PKT_CSUM_FILL;
	pkt->csum_start = 34;
	pkt->csum_offset = 1483;
	ck_assert_int_eq(netdev_xmit(d, pkt), -EINVAL);
	pkt->csum_offset = 16;
	ck_assert_int_eq(netdev_xmit(d, pkt), 0);
	ck_assert_uint_eq(sent_size, HEADER + 1518);
	ck_assert_uint_eq(sent[0], 1);
	ck_assert_uint_eq(sent[6], 34);
	ck_assert_uint_eq(sent[8], 16);
	for (u32 i = 0; i < 1518; i++)
		ck_assert_uint_eq(sent[HEADER + i], (u8)(i * 3));
	ck_assert_int_eq(sim_sys0(GETPID), 2);
	ck_assert_uint_eq(d->stats.tx_packets, 1);
	ck_assert_uint_eq(d->stats.tx_bytes, 1518);
}

static void full_ring(void)
{
	struct netdev *d = eth0();
	struct pkt *pkt;
	u32 n = 0;
	int err;

	hold_tx = true;
	for (;; n++) {
		pkt = pkt_alloc(64);
		pkt->len = 60;
		err = netdev_xmit(d, pkt);
		if (err)
			break;
	}
	ck_assert_int_eq(err, -ENOBUFS);
	ck_assert_uint_eq(n, 32);
	hold_tx = false;
	net_notify(&dev, 1);
	ck_assert_uint_eq(ready, 0);
	ck_assert_int_eq(sim_sys0(GETPID), 2);
	ck_assert_uint_eq(ready, 1);
	ck_assert_int_eq(netdev_xmit(d, pkt), 0);
	ck_assert_uint_eq(nr_sent, 33);
}

static void link_and_lies(void)
{
	struct netdev *d = eth0();
	struct pkt *pkt = pkt_alloc(64);

	pkt->len = 60;
	dev.config[6] = 0;
	dev.irq = true;
	ck_assert_int_eq(sim_sys0(GETPID), 2);
	ck_assert_uint_eq(links, 1);
	ck_assert_int_eq(netdev_xmit(d, pkt), -ENETDOWN);
	dev.config[6] = 1;
	dev.irq = true;
	ck_assert_int_eq(sim_sys0(GETPID), 2);
	ck_assert_uint_eq(links, 2);
	hold_tx = true;
	ck_assert_int_eq(netdev_xmit(d, pkt), 0);
	ck_assert(inject(60, HEADER + 60000, 0, 0));	/* more than there was room for */
	ck_assert_ptr_nonnull(strstr(sim_log(), "broken"));
	ck_assert(!d->link_up);
	ck_assert_uint_eq(d->stats.tx_errors, 1);
	pkt = pkt_alloc(64);
	pkt->len = 60;
	ck_assert_int_eq(netdev_xmit(d, pkt), -ENETDOWN);
	pkt_free(pkt);
}

/* Rings that say anything: nothing crashes, and what arrives is a frame. */
static void random_lies(void)
{
	struct netdev *d = eth0();

	d->receive = NULL;
	for (u32 i = 0; i < 300; i++) {
		switch (rnd() % 20) {
		case 0:
			sim_used(&dev, (u32)rnd() & 1, (u32)(rnd() % 40), (u32)(rnd() % 3000));
			break;
		case 1:
			dev.config[6] ^= 1;
			dev.irq = true;
			break;
		default:
			if (!inject(60, (u32)(rnd() % 1530), (u8)rnd(), (u8)(rnd() % 2)))
				i = 300;
		}
		ck_assert_int_eq(sim_sys0(GETPID), 2);
		if (dev.resets > 1)
			break;		/* broken: the rings are gone */
	}
}

static void boot_with(void (*script)(void))
{
	sim_add_device(&dev);
	ck_assert_int_eq(sim_boot(script), 0);
}

START_TEST(frames_come_in) { boot_with(receives); } END_TEST
START_TEST(frames_go_out) { boot_with(sends); } END_TEST
START_TEST(a_full_ring_refuses) { boot_with(full_ring); } END_TEST
START_TEST(link_state_and_a_lie) { boot_with(link_and_lies); } END_TEST
START_TEST(random_lies_do_no_harm)
{
	seed = 99 + (u64)_i;
	boot_with(random_lies);
}
END_TEST

Suite *net_suite(void)
{
	Suite *s = suite_create("net");
	TCase *tc = tcase_create("net");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, frames_come_in);
	tcase_add_test(tc, frames_go_out);
	tcase_add_test(tc, a_full_ring_refuses);
	tcase_add_test(tc, link_state_and_a_lie);
	tcase_add_loop_test(tc, random_lies_do_no_harm, 0, 10);
	suite_add_tcase(s, tc);
	return s;
}
