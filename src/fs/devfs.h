/* SPDX-License-Identifier: MIT */
/* The device file system, pty nodes, and the drivers behind its fixed names. */
#ifndef HYLA_FS_DEVFS_H
#define HYLA_FS_DEVFS_H

#include "lib/types.h"

struct inode;
struct page;
struct tty;
struct vma;

/* Registers "devfs" and "devtmpfs". */
void devfs_init(void);
/* A node in every devfs, present and future: name may have directories
 * ("net/tun"). mode with S_IFCHR or S_IFBLK. 0, -EEXIST (same name with
 * another device), -ENOMEM. */
int devfs_add(const char *name, mode_t mode, dev_t dev) __must_check;
void memdev_init(void);	/* the memory devices: 1:3 null, ... */

void serial_dev_init(void);	/* ttyS0: the HAL's log */

/* devpts (fs/devpts.c): the slave that one of its inodes stands for, or NULL. */
struct tty *devpts_inode_tty(struct inode *inode);

/* Random numbers (fs/random.c). */
void random_init(void);		/* early boot: from hal_entropy() */
void random_config(void);	/* seed=N of the configuration, once it is known */
void random_bytes(void *buf, size_t size);
/* Mixes bytes in; they can only make the pool better. Does not sleep. */
void random_add_entropy(const void *buf, size_t size);
/* Mixes in what a device gave; never sleeps, any context. */
void random_add_entropy(const void *buf, size_t size);

#endif
