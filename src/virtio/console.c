/* SPDX-License-Identifier: MIT */
/*
 * Virtio console: the device, its ports and its control messages.
 *
 *   queue 0, 1          port 0  receive, transmit
 *   queue 2, 3          control receive, transmit (MULTIPORT)
 *   queue 2n+2, 2n+3    port n  receive, transmit (n > 0)
 *
 * Objects. struct virtio_console (one per device) owns its ports for ever; a
 * port that the host removed is only marked. A struct port_buf is one kmalloc:
 * it belongs to the device while it is in a queue, else to port->rx_ready
 * (received, being read) or to nobody (freed).
 *
 * Flow. Received buffers are posted again only when a reader has consumed
 * them, so a slow reader holds the host back and nothing is lost. Transmitted
 * bytes are limited to PORT_TX_LIMIT in flight.
 *
 * Messages from the host arrive in an upcall, but are handled by one kernel
 * thread, because making a tty and device nodes sleeps. The host puts data
 * into the ring before it says that it closed, and readers look at the ring
 * before they look at port->host: end of file comes exactly after the last byte.
 *
 * Locks: the kernel lock; port->rx_lock for readers, who sleep in copyout.
 * Not supported: more than MAX_PORTS ports; emergency write; hot unplug.
 */
#include "virtio/console.h"

#include "abi/errno.h"
#include "hal/virtio.h"
#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "virtio/virtio.h"

enum { CONSOLE_F_SIZE = 0, CONSOLE_F_MULTIPORT = 1 };
enum { CONFIG_COLS = 0, CONFIG_ROWS = 2, CONFIG_MAX_PORTS = 4 };

#define MAX_PORTS 8u
#define MAX_CONSOLES 2u
#define CTRL_BUFS 32u		/* QEMU drops a message for which there is none */
#define CTRL_BUF_SIZE 64u
#define DISCOVER_NS (3 * NSEC_PER_SEC)	/* for all names together */

enum control_event {
	EV_DEVICE_READY = 0,
	EV_PORT_ADD = 1,
	EV_PORT_REMOVE = 2,
	EV_PORT_READY = 3,
	EV_CONSOLE_PORT = 4,
	EV_RESIZE = 5,
	EV_PORT_OPEN = 6,
	EV_PORT_NAME = 7,
};

struct control_msg {
	u32 id;
	u16 event;
	u16 value;
};
_Static_assert(sizeof(struct control_msg) == 8, "virtio 5.3.6.2");

struct virtio_console {
	struct virtio_device *vdev;
	u32 nr;			/* N of /dev/vportNpM */
	u32 port_count;
	struct virtqueue *ctrl_rx, *ctrl_tx;	/* NULL: single port */
	struct list_head ctrl_in;	/* struct port_buf, arrived */
	struct list_head ctrl_out;	/* struct port_buf, no room in the ring yet */
	struct console_port *ports;	/* [port_count] */
};

static struct virtio_console *consoles[MAX_CONSOLES];
static struct waitqueue thread_wq = WAITQUEUE_INIT(thread_wq);
static struct waitqueue discover_wq = WAITQUEUE_INIT(discover_wq);
static bool thread_started;
static bool thread_work;

static void thread_kick(void)
{
	thread_work = true;
	wake_up(&thread_wq);
}

u32 port_minor(const struct console_port *port)
{
	return port->con->nr * MAX_PORTS + port->id;
}

struct console_port *port_by_minor(u32 minor)
{
	u32 nr = minor / MAX_PORTS, id = minor % MAX_PORTS;

	if (nr >= MAX_CONSOLES || !consoles[nr] || id >= consoles[nr]->port_count)
		return NULL;
	return consoles[nr]->ports[id].present ? &consoles[nr]->ports[id] : NULL;
}

struct console_port *port_find(const char *name)
{
	for (u32 c = 0; c < MAX_CONSOLES && consoles[c]; c++) {
		for (u32 i = 0; i < consoles[c]->port_count; i++) {
			struct console_port *port = &consoles[c]->ports[i];

			if (port->present && strcmp(port->name, name) == 0)
				return port;
		}
	}
	return NULL;
}

struct port_buf *port_buf_alloc(u32 size)
{
	struct port_buf *buf = kmalloc(sizeof(*buf) + size);

	if (!buf)
		return NULL;
	list_init(&buf->link);
	buf->size = size;
	buf->len = 0;
	buf->off = 0;
	return buf;
}

/* ---- control messages to the host ---- */

static void control_push(struct virtio_console *con)
{
	while (!list_empty(&con->ctrl_out)) {
		struct port_buf *buf = list_first(&con->ctrl_out, struct port_buf, link);
		struct vq_seg seg = vq_seg_of(buf->data, buf->len);

		if (vq_add(con->ctrl_tx, &seg, 1, 0, buf))
			break;
		list_del(&buf->link);
	}
	vq_kick(con->ctrl_tx);
}

static void control_send(struct virtio_console *con, u32 id, u16 event, u16 value)
{
	struct control_msg msg = { id, event, value };
	struct port_buf *buf;

	if (!con->ctrl_tx || con->vdev->broken)
		return;
	buf = port_buf_alloc(sizeof(msg));
	if (!buf) {
		log_warn("virtio console: no memory for a control message\n");
		return;
	}
	memcpy(buf->data, &msg, sizeof(msg));
	buf->len = sizeof(msg);
	list_add_tail(&buf->link, &con->ctrl_out);
	control_push(con);
}

static void control_tx_done(struct virtqueue *vq)
{
	struct virtio_console *con = vq->priv;
	struct port_buf *buf;
	u32 len;

	while ((buf = vq_get(vq, &len)))
		kfree(buf);
	if (!vq->vdev->broken)
		control_push(con);
}

static void control_rx_done(struct virtqueue *vq)
{
	struct virtio_console *con = vq->priv;
	struct port_buf *buf;
	u32 len;

	while ((buf = vq_get(vq, &len))) {
		buf->len = len;
		list_add_tail(&buf->link, &con->ctrl_in);
	}
	thread_kick();
}

/* Posts a receive buffer, or frees it when the device takes no more. */
static bool rx_post(struct virtqueue *vq, struct port_buf *buf)
{
	struct vq_seg seg = vq_seg_of(buf->data, buf->size);

	buf->len = 0;
	buf->off = 0;
	if (vq_add(vq, &seg, 0, 1, buf) == 0)
		return true;
	kfree(buf);
	return false;
}

/* ---- ports ---- */

static void port_rx_fill(struct console_port *port)
{
	while (port->rx_posted < port->rx_want) {
		struct port_buf *buf = port_buf_alloc(port->rx_size);

		if (!buf || !rx_post(port->rx, buf))
			break;
		port->rx_posted++;
	}
	vq_kick(port->rx);
}

/* Moves what the device has used to rx_ready; empty buffers go back. */
static void port_rx_collect(struct console_port *port)
{
	u32 budget = port->rx->in_flight, len;
	struct port_buf *buf;

	while (budget-- && (buf = vq_get(port->rx, &len))) {
		buf->len = len;
		buf->off = 0;
		if (len) {
			port->rx_posted--;
			list_add_tail(&buf->link, &port->rx_ready);
		} else if (!rx_post(port->rx, buf)) {
			port->rx_posted--;
		}
	}
	vq_kick(port->rx);
}

struct port_buf *port_rx_peek(struct console_port *port)
{
	if (list_empty(&port->rx_ready))
		port_rx_collect(port);
	return list_first_or_null(&port->rx_ready, struct port_buf, link);
}

void port_rx_done(struct console_port *port)
{
	struct port_buf *buf = list_first(&port->rx_ready, struct port_buf, link);

	list_del(&buf->link);
	if (rx_post(port->rx, buf))
		port->rx_posted++;
	vq_kick(port->rx);
}

bool port_tx_room(const struct console_port *port, u32 size)
{
	return port->tx->free_count > 0 &&
	       (port->tx_bytes == 0 || port->tx_bytes + size <= PORT_TX_LIMIT);
}

int port_tx(struct console_port *port, struct port_buf *buf)
{
	struct vq_seg seg = vq_seg_of(buf->data, buf->len);
	int err = vq_add(port->tx, &seg, 1, 0, buf);

	if (err)
		return err;
	port->tx_bytes += buf->len;
	vq_kick(port->tx);
	return 0;
}

void port_open(struct console_port *port)
{
	if (port->opens++ == 0) {
		if (!port->rx_want) {
			bool bulk = strcmp(port->name, "stdin") == 0;

			port->rx_want = bulk ? 4 : 2;
			port->rx_size = bulk ? PORT_CHUNK : 1024 - sizeof(struct port_buf);
		}
		port_rx_fill(port);
		control_send(port->con, port->id, EV_PORT_OPEN, 1);
	}
}

void port_close(struct console_port *port)
{
	if (--port->opens == 0)
		control_send(port->con, port->id, EV_PORT_OPEN, 0);
}

static void port_rx_callback(struct virtqueue *vq)
{
	struct console_port *port = vq->priv;

	port_rx_collect(port);
	if (port->tty)
		port_tty_receive(port);
	else if (strcmp(port->name, "control") == 0)
		thread_kick();
	wake_up_all(&port->wq);
}

static void port_tx_callback(struct virtqueue *vq)
{
	struct console_port *port = vq->priv;
	struct port_buf *buf;
	u32 len;

	while ((buf = vq_get(vq, &len))) {
		port->tx_bytes -= buf->len;
		kfree(buf);
	}
	wake_up_all(&port->wq);
	if (port->tty)
		port_tty_writable(port);
}

/* ---- control messages from the host (kernel thread) ---- */

static void port_set_host(struct console_port *port, bool open)
{
	port->host = open ? HOST_OPEN : HOST_CLOSED;
	if (!open && port->tty)
		port_tty_closed(port);
	wake_up_all(&port->wq);
	wake_up_all(&discover_wq);
}

static void port_set_name(struct console_port *port, const u8 *name, u32 len)
{
	if (port->name[0])
		return;
	len = min(len, (u32)PORT_NAME_MAX - 1);
	memcpy(port->name, name, len);
	port->name[len] = '\0';
	port_file_announce(port);
	if (strcmp(port->name, "tty") == 0)
		port_tty_create(port);
	else if (strcmp(port->name, "control") == 0)
		port_open(port);
	wake_up_all(&discover_wq);
}

static void control_handle(struct virtio_console *con, const struct port_buf *buf)
{
	struct console_port *port;
	struct control_msg msg;
	const u8 *rest = buf->data + sizeof(msg);
	u32 rest_len;

	if (buf->len < sizeof(msg))
		return;
	rest_len = buf->len - sizeof(msg);
	memcpy(&msg, buf->data, sizeof(msg));
	if (msg.id >= con->port_count) {
		if (msg.event == EV_PORT_ADD)
			log_warn("virtio console: port %u is beyond the limit\n", msg.id);
		return;
	}
	port = &con->ports[msg.id];
	if (msg.event == EV_PORT_ADD) {
		port->present = true;
		if (!port->ready_sent)
			control_send(con, msg.id, EV_PORT_READY, 1);
		port->ready_sent = true;
		return;
	}
	if (!port->present)
		return;
	switch (msg.event) {
	case EV_PORT_REMOVE:
		port_set_host(port, false);
		port->present = false;
		break;
	case EV_CONSOLE_PORT:
		port->is_console = true;
		port_tty_create(port);
		break;
	case EV_RESIZE: {
		u16 size[2];	/* columns, rows */

		if (rest_len < sizeof(size))
			break;
		memcpy(size, rest, sizeof(size));
		port_tty_resize(port, size[0], size[1]);
		break;
	}
	case EV_PORT_OPEN:
		port_set_host(port, msg.value != 0);
		break;
	case EV_PORT_NAME:
		port_set_name(port, rest, (u32)strnlen((const char *)rest, rest_len));
		break;
	default:
		break;
	}
}

static void control_drain(struct virtio_console *con)
{
	while (!list_empty(&con->ctrl_in)) {
		struct port_buf *buf = list_first(&con->ctrl_in, struct port_buf, link);

		list_del(&buf->link);
		control_handle(con, buf);
		rx_post(con->ctrl_rx, buf);
	}
	if (con->ctrl_rx)
		vq_kick(con->ctrl_rx);
}

static void console_thread(void *arg __unused)
{
	for (;;) {
		wait_event(&thread_wq, thread_work);
		thread_work = false;
		for (u32 c = 0; c < MAX_CONSOLES && consoles[c]; c++)
			control_drain(consoles[c]);
		for (u32 c = 0; c < MAX_CONSOLES && consoles[c]; c++) {
			struct virtio_console *con = consoles[c];

			for (u32 i = 0; i < con->port_count; i++) {
				if (strcmp(con->ports[i].name, "control") == 0)
					port_control_receive(&con->ports[i]);
			}
		}
	}
}

/* ---- the device ---- */

static int port_probe(struct virtio_console *con, u32 id)
{
	struct console_port *port = &con->ports[id];
	u32 q = id ? 2 * id + 2 : 0;

	port->con = con;
	port->id = id;
	list_init(&port->rx_ready);
	mutex_init(&port->rx_lock);
	waitqueue_init(&port->wq);
	port->rx = vq_create(con->vdev, q, 64, port_rx_callback);
	if (IS_ERR(port->rx))
		return (int)PTR_ERR(port->rx);
	port->rx->priv = port;
	port->tx = vq_create(con->vdev, q + 1, 64, port_tx_callback);
	if (IS_ERR(port->tx))
		return (int)PTR_ERR(port->tx);
	port->tx->priv = port;
	return 0;
}

static int control_probe(struct virtio_console *con)
{
	con->ctrl_rx = vq_create(con->vdev, 2, 32, control_rx_done);
	if (IS_ERR(con->ctrl_rx))
		return (int)PTR_ERR(con->ctrl_rx);
	con->ctrl_rx->priv = con;
	con->ctrl_tx = vq_create(con->vdev, 3, 32, control_tx_done);
	if (IS_ERR(con->ctrl_tx))
		return (int)PTR_ERR(con->ctrl_tx);
	con->ctrl_tx->priv = con;
	return 0;
}

static int console_probe(struct virtio_device *vdev)
{
	bool multi = vdev->features & BIT(CONSOLE_F_MULTIPORT);
	struct virtio_console *con;
	u32 nr = 0;
	int err = 0;

	while (nr < MAX_CONSOLES && consoles[nr])
		nr++;
	if (nr == MAX_CONSOLES)
		return -ENOSPC;
	con = kzalloc(sizeof(*con));
	if (!con)
		return -ENOMEM;
	con->vdev = vdev;
	con->nr = nr;
	con->port_count = multi ? min(virtio_config_u32(vdev, CONFIG_MAX_PORTS), MAX_PORTS) : 1;
	con->port_count = max(con->port_count, 1u);
	list_init(&con->ctrl_in);
	list_init(&con->ctrl_out);
	con->ports = kcalloc(con->port_count, sizeof(*con->ports));
	if (!con->ports)
		err = -ENOMEM;
	if (!err && multi)
		err = control_probe(con);
	for (u32 id = 0; !err && id < con->port_count; id++)
		err = port_probe(con, id);
	if (!err && !thread_started) {
		err = port_file_init();
		if (!err && !kthread_create("kconsole", console_thread, NULL))
			err = -ENOMEM;
		thread_started = !err;
	}
	if (err) {
		kfree(con->ports);
		kfree(con);
		return err;
	}
	vdev->priv = con;
	consoles[nr] = con;
	return 0;
}

static void console_config(struct virtio_device *vdev)
{
	struct virtio_console *con = vdev->priv;

	if (vdev->features & BIT(CONSOLE_F_SIZE))
		port_tty_resize(&con->ports[0], virtio_config_u16(vdev, CONFIG_COLS),
				virtio_config_u16(vdev, CONFIG_ROWS));
}

static void console_start(struct virtio_device *vdev)
{
	struct virtio_console *con = vdev->priv;

	if (!con->ctrl_rx) {	/* single port: a terminal that is always connected */
		struct console_port *port = &con->ports[0];

		port->present = true;
		port->host = HOST_OPEN;
		port->is_console = true;
		port_tty_create(port);
		console_config(vdev);
		return;
	}
	for (u32 i = 0; i < CTRL_BUFS; i++) {
		struct port_buf *buf = port_buf_alloc(CTRL_BUF_SIZE);

		if (!buf || !rx_post(con->ctrl_rx, buf))
			break;
	}
	vq_kick(con->ctrl_rx);
	control_send(con, 0, EV_DEVICE_READY, 1);
}

static void queue_free_bufs(struct virtqueue *vq)
{
	void *buf;

	while (vq && (buf = vq_detach(vq)))
		kfree(buf);
}

static void console_broken(struct virtio_device *vdev)
{
	struct virtio_console *con = vdev->priv;

	queue_free_bufs(con->ctrl_rx);
	queue_free_bufs(con->ctrl_tx);
	for (u32 i = 0; i < con->port_count; i++) {
		struct console_port *port = &con->ports[i];

		queue_free_bufs(port->rx);
		queue_free_bufs(port->tx);
		port->rx_posted = 0;
		port->tx_bytes = 0;
		port_set_host(port, false);
	}
}

const struct virtio_driver virtio_console_driver = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.features = BIT(CONSOLE_F_SIZE) | BIT(CONSOLE_F_MULTIPORT),
	.probe = console_probe,
	.start = console_start,
	.config = console_config,
	.broken = console_broken,
};

/* ---- boot and exit ---- */

static struct console_port *port_find_usable(const char *name)
{
	struct console_port *port = port_find(name);

	if (!port && strcmp(name, "tty") == 0) {
		for (u32 c = 0; c < MAX_CONSOLES && consoles[c]; c++) {
			for (u32 i = 0; i < consoles[c]->port_count; i++) {
				if (consoles[c]->ports[i].tty)
					return &consoles[c]->ports[i];
			}
		}
	}
	return port;
}

struct file *console_port_open(const char *name, u32 flags)
{
	static u64 deadline;
	struct console_port *port;

	if (!consoles[0])
		return ERR_PTR(-ENXIO);
	if (!deadline)
		deadline = deadline_after(DISCOVER_NS);
	if (wait_event_deadline(&discover_wq, port_find_usable(name), deadline))
		return ERR_PTR(-ENXIO);
	port = port_find_usable(name);
	return port_file_open(port, flags);
}

void console_control_write(const char *line)
{
	struct console_port *port = port_find("control");
	size_t len = strlen(line);
	struct port_buf *buf;

	if (!port || len > 1024)
		return;
	buf = port_buf_alloc((u32)len + 1);
	if (!buf) {
		log_warn("console: no memory for a control line\n");
		return;
	}
	memcpy(buf->data, line, len);
	buf->data[len] = '\n';
	buf->len = (u32)len + 1;
	if (port_tx(port, buf)) {
		log_warn("console: control line lost\n");
		kfree(buf);
	}
}

/* Does the port still owe the host bytes that it will take? */
static bool port_busy(const struct console_port *port)
{
	return port->tx_bytes && !port->con->vdev->broken && port->host != HOST_CLOSED;
}

void console_flush(void)
{
	for (u32 c = 0; c < MAX_CONSOLES && consoles[c]; c++) {
		for (u32 i = 0; i < consoles[c]->port_count; i++) {
			struct console_port *port = &consoles[c]->ports[i];

			wait_event(&port->wq, !port_busy(port));
		}
	}
}
