/* SPDX-License-Identifier: MIT */
/* Looking things up in the run configuration; see config.h for its format. */
#include "kernel/config.h"

#include "fs/vfs.h"
#include "hal/hal.h"
#include "lib/string.h"
#include "mm/slab.h"

#define CONFIG_FILE "/.hyla/config"
#define CONFIG_MAX (8ul << 20)

static const char *blob;
static u64 blob_size;

/* A VM gets its configuration as a file of the initrd. */
static void read_config_file(void)
{
	struct file *f = file_open(CONFIG_FILE, O_RDONLY, 0);
	ssize_t n = 0;
	u64 size;
	char *buf;

	if (IS_ERR(f))
		return;
	size = (u64)f->inode->size;
	buf = size && size <= CONFIG_MAX ? kzalloc(size + 2) : NULL;
	if (buf)
		n = file_read_kernel(f, buf, size, 0);
	file_put(f);
	if (n > 0) {
		blob = buf;
		blob_size = (u64)n;
	} else {
		kfree(buf);
	}
}

void config_init(void)
{
	blob = hal_info()->config;
	blob_size = hal_info()->config_size;
	if (!blob)
		read_config_file();
}

const char *config_get(const char *key, u32 nr)
{
	size_t len = strlen(key);
	u64 at = 0;

	while (at < blob_size && blob[at]) {
		u64 n = strnlen(blob + at, blob_size - at);

		if (at + n == blob_size)
			break;		/* not terminated */
		if (!strncmp(blob + at, key, len) && blob[at + len] == '=' && nr-- == 0)
			return blob + at + len + 1;
		at += n + 1;
	}
	return NULL;
}

u64 config_get_u64(const char *key, u64 def)
{
	const char *s = config_get(key, 0);
	u64 v;

	return s && !parse_u64(s, 0, &v) ? v : def;
}
