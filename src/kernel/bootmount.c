// SPDX-License-Identifier: MIT
/*
 * The mounts of the run configuration: the root, then what lies above it, in
 * order. A mount that fails is logged and done without, but for the root.
 * config.h has the format of root= and mount=.
 */
#include "kernel/bootmount.h"

#include "abi/errno.h"
#include "abi/mount.h"
#include "fs/block.h"
#include "fs/cpio.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "kernel/config.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/slab.h"

/* One ':'-separated field of *s with \: and \\ undone, into buf. */
static void take_field(const char **s, char *buf, size_t size)
{
	size_t n = 0;

	for (; **s && **s != ':'; (*s)++) {
		if (**s == '\\' && (*s)[1])
			(*s)++;
		if (n + 1 < size)
			buf[n++] = **s;
	}
	buf[n] = 0;
	if (**s == ':')
		(*s)++;
}

/* Is `word` in the comma list? *value: what follows word= */
static bool has_flag(const char *list, const char *word, const char **value)
{
	size_t len = strlen(word);

	while (*list) {
		if (!strncmp(list, word, len) &&
		    (!list[len] || list[len] == ',' || list[len] == '=')) {
			if (value)
				*value = list[len] == '=' ? list + len + 1 : "";
			return true;
		}
		while (*list && *list != ',')
			list++;
		if (*list)
			list++;
	}
	return false;
}

static int mount_err;		/* of the first that the program cannot do without */
static char mount_target[128];

int boot_mount_failed(const char **target)
{
	*target = mount_target;
	return mount_err;
}

struct mount_words {
	char type[32], source[64], target[512], flags[128];
};

static int do_mount(const struct mount_words *m)
{
	u64 ms = 0;
	char options[64] = "";
	const char *mode;
	int err;

	if (has_flag(m->flags, "ro", NULL))
		ms |= MS_RDONLY;
	if (has_flag(m->flags, "nosuid", NULL))
		ms |= MS_NOSUID;
	if (has_flag(m->flags, "nodev", NULL))
		ms |= MS_NODEV;
	if (has_flag(m->flags, "noexec", NULL))
		ms |= MS_NOEXEC;
	if (has_flag(m->flags, "mode", &mode))
		snprintf(options, sizeof(options), "mode=%.8s", mode);
	if (has_flag(m->flags, "mkdir", NULL)) {
		err = vfs_mkdir_path(m->target, 0755, true);
		if (err && err != -EEXIST && err != -EROFS)
			log_err("cannot make the directory %s: error %d", m->target, -err);
	}
	err = vfs_mount(m->type, m->source, m->target, ms, options);
	if (err)
		log_err("cannot mount %s on %s: error %d", m->type, m->target, -err);
	return err;
}

/* What is mounted over / becomes this task's root and cwd. */
static int enter_mounted_root(void)
{
	struct fs_context *fs = current->fs;
	struct mount *m = mount_lookup(&fs->root);
	struct path p;

	if (!m)
		return -ENOENT;
	p = (struct path){ m, dentry_get(m->root) };
	path_put(&fs->root);
	path_put(&fs->cwd);
	fs->root = path_get(p);
	fs->cwd = p;
	return 0;
}

/* root=/dev/vda: a disk that begins with a cpio archive is unpacked into memory,
 * others are mounted as rootfstype= says. */
static int root_from_disk(const char *name)
{
	const char *type = config_get("rootfstype", 0);
	struct blockdev *bd = block_find_name(name);
	struct file *f;
	int err;

	if (!bd) {
		log_err("root=%s: there is no such disk", name);
		return -ENODEV;
	}
	if (type && strcmp(type, "cpio")) {
		const char *access = config_get_last("rootaccess");

		err = vfs_mount(type, name, "/", access && !strcmp(access, "rw") ? 0 : MS_RDONLY, "");
		return err ? err : enter_mounted_root();
	}
	f = block_open(bd);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	err = cpio_unpack_file(f, block_bytes(bd));
	file_put(f);
	return err;
}

int boot_mount_root(void)
{
	const char *spec = config_get("root", 0);
	struct mount_words *m;
	int err;

	if (!spec || !strcmp(spec, "initrd") || !strcmp(spec, "tmpfs"))
		return 0;
	if (!strncmp(spec, "/dev/", 5)) {
		err = root_from_disk(spec);
		if (err)
			log_err("root=%s: error %d", spec, -err);
		return err;
	}
	m = kzalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	take_field(&spec, m->type, sizeof(m->type));
	take_field(&spec, m->source, sizeof(m->source));
	take_field(&spec, m->flags, sizeof(m->flags));
	strlcpy(m->target, "/", sizeof(m->target));
	err = do_mount(m);
	if (!err)
		err = enter_mounted_root();
	kfree(m);
	return err;
}

void boot_mount_all(void)
{
	struct mount_words *m = kzalloc(sizeof(*m));
	const char *spec;
	int err;

	if (!m)
		return;
	for (u32 i = 0; (spec = config_get("mount", i)); i++) {
		take_field(&spec, m->type, sizeof(m->type));
		take_field(&spec, m->source, sizeof(m->source));
		take_field(&spec, m->target, sizeof(m->target));
		take_field(&spec, m->flags, sizeof(m->flags));
		err = do_mount(m);	/* says so; the program may do without others */
		if (err && !mount_err && has_flag(m->flags, "must", NULL)) {
			mount_err = err;
			strlcpy(mount_target, m->target, sizeof(mount_target));
		}
	}
	if (!config_get("mount", 0)) {	/* a VM booted by hand */
		static const struct mount_words defaults[] = {
			{ "devfs", "dev", "/dev", "mkdir" },
			{ "devpts", "devpts", "/dev/pts", "" },
			{ "proc", "proc", "/proc", "mkdir" },
			{ "sysfs", "sysfs", "/sys", "mkdir" },
			{ "tmpfs", "tmpfs", "/tmp", "mkdir,mode=1777" },
			{ "tmpfs", "tmpfs", "/run", "mkdir" },
		};

		for (u32 i = 0; i < ARRAY_SIZE(defaults); i++)
			if (do_mount(&defaults[i]))
				barrier();
	}
	kfree(m);
}
