/* SPDX-License-Identifier: MIT */
/*
 * Terminals: what drivers, processes and procfs need of fs/tty.c.
 *
 *   driver (virtio-console, pty slave side)
 *      | tty_input(): bytes that arrived       ^ driver->write(): bytes to send
 *      v                                       |
 *   struct tty: line discipline (fs/ldisc.c), termios, job control
 *      ^ read(2), poll(2)                      | write(2), echo
 *
 * A driver makes a tty with tty_create() and owns one reference until
 * tty_hangup() + tty_put(). Each open file, each process whose controlling
 * terminal it is, and each dentry of devpts holds one more. A tty without a
 * driver any more (hung up) stays until they are gone.
 *
 * Locks: the kernel lock; `writing` keeps one write(2) whole.
 * Everything a driver calls here never sleeps and may be called from an upcall.
 */
#ifndef HYLA_FS_TTY_H
#define HYLA_FS_TTY_H

#include "abi/termios.h"
#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"

struct file;
struct file_ops;
struct inode;
struct path;
struct process;
struct tty;

#define TTY_BUF_SIZE 4096u	/* line discipline input, power of two */
#define TTY_ECHO_SIZE 1024u	/* echo that waits for room in the driver */

/*
 * What a driver does. None of these may sleep; each may be called from an
 * upcall (echo, flow control). NULL members are no-ops.
 */
struct tty_driver {
	const char *name;		/* /proc/tty/drivers: "virtio_console" */
	/* Takes up to len bytes to send; returns how many it took. When it took
	 * fewer, it calls tty_write_wakeup() once it has room again. Required. */
	size_t (*write)(struct tty *tty, const u8 *buf, size_t len);
	size_t (*write_room)(struct tty *tty);	/* bytes that write would take. Required. */
	size_t (*chars_in_buffer)(struct tty *tty);	/* taken, not yet sent; NULL: 0 */
	void (*flush_output)(struct tty *tty);	/* forget what chars_in_buffer counts */
	/* tty_input() had taken less than it was given: now there is room. */
	void (*unthrottle)(struct tty *tty);
	/* TIOCSWINSZ by a guest changed tty->winsize. */
	void (*winsize)(struct tty *tty);
	/* termios changed. */
	void (*termios)(struct tty *tty, const struct termios2 *old);
	/* Flow control or flush happened: a mask of TIOCPKT_* (pty packet mode). */
	void (*packet)(struct tty *tty, u8 events);
	/* The tty was hung up (TIOCVHANGUP, leader's exit, or tty_hangup itself). */
	void (*hangup)(struct tty *tty);
	/* First check of an open: 0 or -EIO/...; paired with close. */
	int (*open)(struct tty *tty, struct file *f);
	void (*close)(struct tty *tty, struct file *f);
	/* The last reference is gone: free what contains the tty. NULL: kfree. */
	void (*destroy)(struct tty *tty);
};

enum tty_flag {
	TTY_HUPPED = 1 << 0,	/* input EOF, output EIO */
	TTY_EXCLUSIVE = 1 << 1,	/* TIOCEXCL */
	TTY_STOPPED = 1 << 2,	/* ^S or TCOOFF: output held */
	TTY_TCOOFF = 1 << 3,	/* stopped by TCXONC: input does not restart it */
	TTY_THROTTLED = 1 << 4,	/* tty_input refused bytes: owe unthrottle */
	TTY_OTHER_CLOSED = 1 << 5, /* pty: the master is gone */
	TTY_NO_OPEN = 1 << 6,	/* pty: locked (TIOCSPTLCK) */
	TTY_PTY = 1 << 7,
	TTY_LNEXT = 1 << 8,	/* ldisc: the next byte is literal */
	TTY_ERASING = 1 << 9,	/* ldisc: within ECHOPRT's \.../ */
	TTY_PACKET = 1 << 10,	/* pty: the master is in packet mode */
	TTY_REGISTERED = 1 << 11, /* found by device number */
	TTY_INPUT_STOPPED = 1 << 12, /* IXOFF: we sent STOP */
};

struct tty {
	u32 refcount;
	u32 flags;			/* enum tty_flag */
	const struct tty_driver *driver;
	void *priv;			/* driver's */
	dev_t dev;
	char name[16];			/* "hvc0", "pts/3" */
	struct list_head link;		/* all ttys */
	struct list_head files;		/* open files (fs/tty.c) */
	u32 open_count;
	pid_t session;			/* 0: nobody's controlling terminal */
	pid_t pgrp;			/* foreground group, 0 none */
	struct termios2 termios;
	struct termios2 termios_locked;	/* TIOCSLCKTRMIOS */
	struct winsize winsize;
	struct waitqueue read_wq;	/* input, hangup */
	struct waitqueue write_wq;	/* room, hangup */
	bool writing;			/* one write(2) at a time */
	struct waitqueue writing_wq;
	/* line discipline: free-running counters into buf (mod TTY_BUF_SIZE) */
	u32 head;			/* next byte comes here */
	u32 canon_head;			/* end of complete lines */
	u32 tail;			/* next byte to read */
	u32 column;			/* output column */
	u32 erase_col;			/* column at canon_head for TAB erasing */
	u32 echo_head, echo_tail;
	u8 buf[TTY_BUF_SIZE];
	u64 delim[TTY_BUF_SIZE / 64];	/* bit per byte: ends a line */
	u8 echo[TTY_ECHO_SIZE];
};

/* ---- drivers ---- */

/* Initialises caller-allocated, zeroed memory; refcount 1; not registered. */
void tty_init(struct tty *tty, const struct tty_driver *driver, const char *name, dev_t dev);
/* Allocates, initialises and registers: open(2) of device dev and /dev/NAME
 * (devfs_add) reach it. ERR_PTR(-ENOMEM). */
struct tty *tty_create(const struct tty_driver *driver, void *priv, const char *name, dev_t dev)
	__must_check;
static inline struct tty *tty_get(struct tty *tty) { tty->refcount++; return tty; }
void tty_put(struct tty *tty);
/* Bytes arrived. Returns how many were taken; the driver keeps the rest and
 * offers it again when its unthrottle is called. Echoes and sends signals. */
size_t tty_input(struct tty *tty, const u8 *buf, size_t len);
/* The driver has room again. */
void tty_write_wakeup(struct tty *tty);
/* New size; SIGWINCH to the foreground group when it changed. */
void tty_set_winsize(struct tty *tty, const struct winsize *ws);
/* The line is gone: readers get EOF, writers EIO, SIGHUP+SIGCONT to the
 * session leader and the foreground group; the session loses its terminal. */
void tty_hangup(struct tty *tty);

/* ---- boot ---- */

void tty_subsys_init(void);		/* devices 5:0, 5:1, 5:2, 136:*; devpts */
void console_tty_set(struct tty *tty);	/* what /dev/console means; takes a reference */
struct tty *console_tty(void);		/* NULL: none; no reference */
/* An open file on a tty for the first program (O_RDWR). ERR_PTR. */
struct file *tty_open_file(struct tty *tty, u32 flags) __must_check;
/* The tty behind a file, or NULL; of a pty master: NULL. No reference. */
struct tty *file_tty(struct file *f);

/* ---- controlling terminals (setsid, exit, exec of the first program) ---- */

/* tty becomes the controlling terminal of leader (a session leader) and its
 * group the foreground group. Steals nothing. */
void tty_make_controlling(struct tty *tty, struct process *leader);
/* setsid(2): p has no controlling terminal any more. No signals. */
void tty_process_detach(struct process *p);
/* fork: the child shares the parent's controlling terminal. */
void tty_process_inherit(struct process *child, struct process *parent);
/* A session leader exits: SIGHUP and SIGCONT to the foreground group, hang
 * up a tty that is not a pty, every member loses the terminal. Any other
 * process just drops its reference. Call once for each exiting process. */
void tty_session_leader_exit(struct process *p);
/* vhangup(2) of current's terminal; harmless without one. */
void tty_vhangup_self(void);

/* ---- procfs ---- */

/* Device number as /proc/PID/stat has it (32-bit encoding), 0: none. */
u32 tty_proc_nr(const struct process *p);
pid_t tty_proc_pgrp(const struct process *p);	/* tpgid: -1 without a terminal */
void tty_for_each(void (*fn)(struct tty *tty, void *arg), void *arg);

/* ---- files ---- */

/* Character devices 4:*, 5:0, 5:1, 136:* and those of tty_create. */
extern const struct file_ops tty_file_ops;

/* ---- pty (fs/pty.c) ---- */

void pty_init(void);
/* Files on 5:2 are opened with these. */
extern const struct file_ops ptmx_file_ops;

#endif
