/* SPDX-License-Identifier: MIT */
/*
 * Virtio console ports: what boot and the virtio console's own files share.
 *
 * console.c       device, queues, buffers, control messages, kernel thread
 * console_file.c  ports as character devices (stdin, stdout, stderr, trace)
 * console_tty.c   the port that is a terminal (hvc0) and the control port
 */
#ifndef HYLA_VIRTIO_CONSOLE_H
#define HYLA_VIRTIO_CONSOLE_H

#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"

struct file;
struct tty;
struct virtqueue;
struct virtio_console;

/* ---- boot and exit ---- */

/* An open file (reference 1) on the port of this name: "stdin", "stdout",
 * "stderr", "trace", or "tty" for the terminal. Waits a little for a port that
 * the host has not announced yet. May sleep. ERR_PTR(-ENXIO/-ENOMEM/...). */
struct file *console_port_open(const char *name, u32 flags) __must_check;
/* Sends a line (without newline) to the host's control port. Does not wait;
 * nothing happens without such a port. */
void console_control_write(const char *line);
/* Waits until the host took everything that was written to every port that it
 * still listens to. May sleep; a killed or broken device ends it. */
void console_flush(void);

/* From the control port, called by the console's kernel thread (kernel/boot.c). */
void boot_control_signal(int sig);

/* ---- between the console's files ---- */

#define PORT_NAME_MAX 16
#define PORT_TX_LIMIT 65536u	/* bytes in flight to the host, as a pipe */
#define PORT_CHUNK 16000u	/* bytes of one tx buffer at most */
#define PORT_ATOMIC 4096u	/* a write of this size is not split: PIPE_BUF */

enum host_state {
	HOST_NEVER,		/* not opened yet: readers and writers wait */
	HOST_OPEN,
	HOST_CLOSED,		/* reads end, writes fail */
};

struct port_buf {
	struct list_head link;
	u32 size;		/* of data */
	u32 len;		/* valid bytes */
	u32 off;		/* already consumed */
	u32 pad;
	u8 data[];
};

struct console_port {
	struct virtio_console *con;
	u32 id;
	u32 opens;		/* guest's open files, kernel included */
	u32 host;		/* enum host_state */
	u32 tx_bytes;		/* owned by the device */
	u32 rx_posted;		/* buffers owned by the device */
	u32 rx_want;		/* buffers to keep posted, 0 until first opened */
	u32 rx_size;		/* bytes of each */
	bool present;		/* announced and not removed */
	bool is_console;
	bool ready_sent;
	char name[PORT_NAME_MAX];
	struct virtqueue *rx, *tx;
	struct list_head rx_ready;	/* struct port_buf with data, in order */
	struct mutex rx_lock;		/* one reader at a time */
	struct waitqueue wq;		/* data, room, state */
	struct tty *tty;		/* our reference, or NULL */
};

/* The guest's end opens and closes (PORT_OPEN messages, receive buffers). */
void port_open(struct console_port *port);
void port_close(struct console_port *port);
/* The first filled buffer or NULL; gets what the device has used. */
struct port_buf *port_rx_peek(struct console_port *port);
/* The first buffer's data is consumed: post it again. */
void port_rx_done(struct console_port *port);
struct port_buf *port_buf_alloc(u32 size) __must_check;
/* May `size` more bytes go to the host now? */
bool port_tx_room(const struct console_port *port, u32 size);
/* Queues buf->len bytes and owns buf on success. 0, -ENOSPC, -EIO. */
int port_tx(struct console_port *port, struct port_buf *buf) __must_check;
/* By name or id of the first console device; NULL when not present. */
struct console_port *port_find(const char *name);
struct console_port *port_by_minor(u32 minor);

/* console_file.c */
int port_file_init(void);
void port_file_announce(struct console_port *port);	/* /dev/vportNpM; may sleep */
struct file *port_file_open(struct console_port *port, u32 flags) __must_check;
u32 port_minor(const struct console_port *port);

/* console_tty.c */
void port_tty_create(struct console_port *port);	/* may sleep */
void port_tty_receive(struct console_port *port);
void port_tty_writable(struct console_port *port);
void port_tty_resize(struct console_port *port, u32 cols, u32 rows);
void port_tty_closed(struct console_port *port);
/* Reads and obeys what the control port has. May sleep. */
void port_control_receive(struct console_port *port);

#endif
