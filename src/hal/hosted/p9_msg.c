/* SPDX-License-Identifier: MIT */
/*
 * 9P messages: numbers are little-endian, a string is a 16-bit length and its
 * bytes. Reads beyond the message give zeros and set `bad`, which turns the
 * whole request into EINVAL; a reply that does not fit is cut and `bad` too.
 */
#include "hal/hosted/p9.h"

#include <string.h>

static void get(struct p9_server *s, void *to, u32 size)
{
	if (size > s->in_size - s->in_pos) {
		s->bad = true;
		memset(to, 0, size);
		return;
	}
	memcpy(to, s->in + s->in_pos, size);
	s->in_pos += size;
}

u8 p9_get8(struct p9_server *s)
{
	u8 v;

	get(s, &v, sizeof(v));
	return v;
}

u16 p9_get16(struct p9_server *s)
{
	u16 v;

	get(s, &v, sizeof(v));
	return v;
}

u32 p9_get32(struct p9_server *s)
{
	u32 v;

	get(s, &v, sizeof(v));
	return v;
}

u64 p9_get64(struct p9_server *s)
{
	u64 v;

	get(s, &v, sizeof(v));
	return v;
}

bool p9_get_string(struct p9_server *s, char *buf, size_t size)
{
	u16 len = p9_get16(s);

	if (len >= size) {
		s->bad = true;
		buf[0] = 0;
		return false;
	}
	get(s, buf, len);
	buf[len] = 0;
	if (strlen(buf) != len)		/* a NUL inside */
		s->bad = true;
	return !s->bad;
}

/* One component of a path; "" and names that lead elsewhere are refused. */
bool p9_get_name(struct p9_server *s, char *buf)
{
	if (!p9_get_string(s, buf, P9_NAME_MAX + 1))
		return false;
	if (!buf[0] || strchr(buf, '/') || !strcmp(buf, ".") || !strcmp(buf, ".."))
		s->bad = true;
	return !s->bad;
}

void p9_put_bytes(struct p9_server *s, const void *data, u32 size)
{
	if (size > P9_OUT_MAX - s->out_size) {
		s->bad = true;
		return;
	}
	memcpy(s->out + s->out_size, data, size);
	s->out_size += size;
}

void p9_put8(struct p9_server *s, u8 v)
{
	p9_put_bytes(s, &v, sizeof(v));
}

void p9_put16(struct p9_server *s, u16 v)
{
	p9_put_bytes(s, &v, sizeof(v));
}

void p9_put32(struct p9_server *s, u32 v)
{
	p9_put_bytes(s, &v, sizeof(v));
}

void p9_put64(struct p9_server *s, u64 v)
{
	p9_put_bytes(s, &v, sizeof(v));
}

void p9_put_string(struct p9_server *s, const char *text)
{
	size_t len = strlen(text);

	p9_put16(s, len);
	p9_put_bytes(s, text, len);
}

/* Files of several host file systems may be below one root. */
u64 p9_qid_path(struct p9_server *s, dev_t dev, ino_t ino)
{
	return dev == s->root_dev ? ino : ino ^ dev * 0x9e3779b97f4a7c15ul;
}

/* Changes whenever the host changes contents or attributes. */
u32 p9_version(const struct stat *st)
{
	u64 v = st->st_mtim.tv_sec * 1000000007ul + st->st_mtim.tv_nsec +
		(st->st_ctim.tv_sec * 1000003ul + st->st_ctim.tv_nsec) * 31 + st->st_size;

	v ^= v >> 32;
	return v ? v : 1;
}

void p9_put_qid(struct p9_server *s, const struct stat *st)
{
	p9_put8(s, S_ISDIR(st->st_mode) ? 0x80 : S_ISLNK(st->st_mode) ? 0x02 : 0);
	p9_put32(s, p9_version(st));
	p9_put64(s, p9_qid_path(s, st->st_dev, st->st_ino));
}
