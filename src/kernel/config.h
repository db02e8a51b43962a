/* SPDX-License-Identifier: MIT */
/*
 * The run configuration: what `hyla run` and `hyla boot` tell the kernel.
 *
 * A blob of NUL-terminated "key=value" strings, ended by an empty one; bytes
 * after the first '=' are taken as they are. Hosted it is hal_info.config; in
 * a VM it is the file .hyla/config of the initrd. For a key that it has not,
 * the words of the kernel command line are used, where quiet, debug, nosmp,
 * maxcpus=, rdinit=, ro, rw, console= and what follows "--" are Linux's, and
 * others as below.
 *
 *   arg=A          one word of the program's argv; the first is also its path,
 *                  searched along PATH of the env entries when it has no '/'
 *   env=K=V        one environment entry
 *   cwd=PATH       working directory (default /)
 *   uid=N gid=N    credentials of the program (default 0; with all capabilities
 *                  if uid is 0); group=N adds a supplementary group
 *   hostname=H     default "hyla"
 *   release=R      uname -r
 *   root=9p:TAG[:ro] | initrd | tmpfs        the root file system
 *   root=/dev/vda  what a cpio archive on that disk holds; with rootfstype=TYPE
 *                  other than cpio the disk is mounted
 *   mount=TYPE:SOURCE:TARGET[:FLAGS]         in order, after the root; TYPE is
 *                  9p tmpfs proc sysfs devfs devpts; FLAGS a comma list of ro,
 *                  nosuid, nodev, noexec, mkdir (make TARGET, with parents),
 *                  must (no program without it), mode=OCTAL; ':' and '\' in a field are written \: and \\
 *   fd0= fd1= fd2= tty | stdin | stdout | stderr | null    console ports by name
 *   console=ttyS0 | hvc0    where the program's streams go without fd0=...; the
 *                  last one counts; without it hvc0 if there is one, else ttyS0
 *   loglevel=N     0 (emergency) to 7 (debug); default 4
 *   trace=1        decode system calls to the console port "trace"
 *   cpus=N         CPUs to start
 *   seed=N         deterministic entropy for tests
 *   fail_nth=N     fail the Nth allocation made on behalf of the program
 *   stats=1        print the counters of pages, slabs, files, inodes and tasks
 *                  at the end (leak checks)
 *
 *   init=PATH      run when there is no arg=, with initarg=A ... (the words
 *                  behind "--"); default /init, /sbin/init, ..., /bin/sh
 *   hyla.arp=IP[,OURS]  ask the network for IP's hardware address (net/arping.c)
 *   hyla.panic=1   panic, for tests; =stack: overflow a kernel stack (crash.c)
 *
 * Console ports (virtio-console, by name): tty stdin stdout stderr control
 * trace. The control port carries lines. Host to guest: "signal N" (to the
 * program's process group), "resize COLS ROWS" (the tty). Guest to host:
 * "exit STATUS" (a wait status), just before the machine halts.
 */
#ifndef HYLA_KERNEL_CONFIG_H
#define HYLA_KERNEL_CONFIG_H

#include "lib/types.h"

/* The value of the nr-th entry with this key, or NULL. Values live for ever. */
const char *config_get(const char *key, u32 nr);
/* The last one of them, or NULL. */
const char *config_get_last(const char *key);
/* As a number; def when absent or malformed. */
u64 config_get_u64(const char *key, u64 def);

/* Reads the command line's words; until config_init they are all there is. */
void config_cmdline(void);
/* Finds the blob (HAL or initrd) once the initrd is unpacked. */
void config_init(void);

#endif
