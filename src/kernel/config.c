/* SPDX-License-Identifier: MIT */
/*
 * Looking things up in the run configuration; see config.h for its format.
 *
 * There are two blobs: the configuration itself, and one made of the kernel
 * command line's words, which answers for keys that the first has not.
 */
#include "kernel/config.h"

#include "fs/vfs.h"
#include "hal/hal.h"
#include "lib/string.h"
#include "mm/slab.h"

#define CONFIG_FILE "/.hyla/config"
#define CONFIG_MAX (8ul << 20)

struct blob {
	const char *text;
	u64 size;
	/* The latest answer: lists are asked for one by one. */
	char key[16];
	u32 nr;
	const char *next;	/* what follows it; NULL: nothing was asked */
};

static struct blob config, words;	/* words: of the command line */

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
		config = (struct blob){ .text = buf, .size = (u64)n };
	} else {
		kfree(buf);
	}
}

/* ---- the command line ---- */

struct words {
	char *out;
	size_t size, room;
};

static void add(struct words *w, const char *key, const char *text, size_t len)
{
	size_t key_len = strlen(key);

	if (w->size + key_len + len + 2 > w->room)
		return;
	memcpy(w->out + w->size, key, key_len);
	memcpy(w->out + w->size + key_len, text, len);
	w->size += key_len + len;
	w->out[w->size++] = 0;
}

static bool is(const char *word, size_t len, const char *what)
{
	return len == strlen(what) && !strncmp(word, what, len);
}

/* One word before "--": Linux's own where there is one (docs/boot.md). */
static void add_word(struct words *w, const char *word, size_t len)
{
	if (is(word, len, "quiet"))
		add(w, "loglevel=", "3", 1);
	else if (is(word, len, "debug"))
		add(w, "loglevel=", "7", 1);
	else if (is(word, len, "nosmp"))
		add(w, "cpus=", "1", 1);
	else if (is(word, len, "ro") || is(word, len, "rw"))
		add(w, "rootaccess=", word, len);
	else if (len > 8 && !strncmp(word, "maxcpus=", 8))
		add(w, "cpus=", word + 8, len - 8);
	else if (len > 7 && !strncmp(word, "rdinit=", 7))
		add(w, "init=", word + 7, len - 7);
	else
		add(w, "", word, len);
}

void config_cmdline(void)
{
	const char *s = hal_info()->cmdline;
	struct words w = { .room = 2 * strlen(s) + 64 };
	bool args = false;

	w.out = kzalloc(w.room);
	while (w.out && *s) {
		size_t len = 0;

		while (s[len] && s[len] != ' ')
			len++;
		if (len == 2 && !strncmp(s, "--", 2))
			args = true;
		else if (len && args && strncmp(s, "virtio_mmio.", 12))	/* QEMU's come last */
			add(&w, "initarg=", s, len);
		else if (len && !args)
			add_word(&w, s, len);
		s += len;
		while (*s == ' ')
			s++;
	}
	words = (struct blob){ .text = w.out, .size = w.size };
}

void config_init(void)
{
	config = (struct blob){ .text = hal_info()->config, .size = hal_info()->config_size };
	if (!config.text)
		read_config_file();
}

static const char *find(struct blob *b, const char *key, u32 nr)
{
	const char *at = b->text, *end = at + b->size;
	size_t len = strlen(key);
	u32 i = 0;

	if (b->next && b->nr < nr && !strcmp(b->key, key)) {
		at = b->next;
		i = b->nr + 1;
	}
	while (at < end && *at) {
		u64 n = strnlen(at, (size_t)(end - at));

		if (at + n == end)
			break;		/* not terminated */
		if (n > len && at[len] == '=' && !strncmp(at, key, len) && i++ == nr) {
			b->nr = nr;
			b->next = at + n + 1;
			strlcpy(b->key, key, sizeof(b->key));
			return at + len + 1;
		}
		at += n + 1;
	}
	return NULL;
}

const char *config_get(const char *key, u32 nr)
{
	const char *value = find(&config, key, nr);

	if (value || (nr && find(&config, key, 0)))
		return value;
	return find(&words, key, nr);
}

const char *config_get_last(const char *key)
{
	const char *last = NULL, *value;

	for (u32 nr = 0; (value = config_get(key, nr)); nr++)
		last = value;
	return last;
}

u64 config_get_u64(const char *key, u64 def)
{
	const char *s = config_get(key, 0);
	u64 v;

	return s && !parse_u64(s, 0, &v) ? v : def;
}
