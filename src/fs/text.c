/* SPDX-License-Identifier: MIT */
/*
 * Text made on the fly: a growing buffer, and open files that show it.
 *
 * An open text file has a struct text_file with the part of the text that was
 * shown last: bytes [base, base + text.len) of the whole. Its lock (sleeping)
 * serialises readers that share the file, since a show function may sleep.
 */
#include "abi/errno.h"
#include "fs/pseudo.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define TEXT_FIRST_SIZE 2048
#define TEXT_MAX_SIZE (1u << 16)	/* the largest kmalloc */

/* ---- text ---- */

static bool text_grow(struct text *t, size_t want)
{
	size_t size = t->size ? t->size : TEXT_FIRST_SIZE;
	char *buf;

	if (t->error)
		return false;
	while (size < t->len + want)
		size *= 2;
	if (size == t->size)
		return true;
	buf = size > TEXT_MAX_SIZE ? NULL : kmalloc(size);
	if (!buf) {
		t->error = -ENOMEM;
		return false;
	}
	memcpy(buf, t->buf, t->len);
	kfree(t->buf);
	t->buf = buf;
	t->size = size;
	return true;
}

void text_append(struct text *t, const char *s, size_t len)
{
	if (!text_grow(t, len))
		return;
	memcpy(t->buf + t->len, s, len);
	t->len += len;
}

void text_puts(struct text *t, const char *s)
{
	text_append(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
	text_append(t, &c, 1);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!text_grow(t, 128))
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= t->size - t->len) {	/* rare: again with room for all */
		if (!text_grow(t, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}

void text_escape(struct text *t, const char *s, const char *esc)
{
	for (; *s; s++) {
		if (strchr(esc, *s))
			text_printf(t, "\\%03o", (u8)*s);
		else
			text_putc(t, *s);
	}
}

void text_free(struct text *t)
{
	kfree(t->buf);
	*t = (struct text){ NULL, 0, 0, 0 };
}

/* ---- text files ---- */

struct text_file {
	struct mutex lock;
	struct text text;
	loff_t base;			/* offset of text in the whole */
	u64 cursor;
	bool begun, more;
	int (*show)(struct text *t, void *data, u64 *cursor);
	void *data;
	void (*release)(void *data);
};

static SLAB_CACHE(text_file_cache, struct text_file);

int text_file_open(struct file *f, int (*show)(struct text *, void *, u64 *), void *data,
		   void (*release)(void *data))
{
	struct text_file *tf = slab_zalloc(&text_file_cache);

	if (!tf)
		return -ENOMEM;
	mutex_init(&tf->lock);
	tf->show = show;
	tf->data = data;
	tf->release = release;
	f->priv = tf;
	return 0;
}

void *text_file_data(struct file *f)
{
	struct text_file *tf = f->priv;

	return tf->data;
}

void text_file_release(struct file *f)
{
	struct text_file *tf = f->priv;

	if (!tf)
		return;
	if (tf->release)
		tf->release(tf->data);
	text_free(&tf->text);
	slab_free(&text_file_cache, tf);
}

/* The next part of the text. 0 or -errno. */
static int text_file_fill(struct text_file *tf)
{
	int res;

	tf->text.len = 0;
	tf->text.error = 0;
	res = tf->show ? tf->show(&tf->text, tf->data, &tf->cursor) : 0;
	if (res >= 0 && tf->text.error)
		res = tf->text.error;
	tf->more = res > 0;
	return min(res, 0);
}

/* Makes text cover pos, if the whole is that long. */
static int text_file_seek(struct text_file *tf, loff_t pos)
{
	int err;

	if (!tf->begun || !pos || pos < tf->base) {
		tf->base = 0;
		tf->cursor = 0;
		err = text_file_fill(tf);
		tf->begun = !err;
		if (err)
			return err;
	}
	while (pos >= tf->base + (loff_t)tf->text.len && tf->more) {
		tf->base += (loff_t)tf->text.len;
		err = text_file_fill(tf);
		if (err) {
			tf->begun = false;
			return err;
		}
	}
	return 0;
}

ssize_t text_file_read(struct file *f, struct uio *uio, loff_t *pos)
{
	struct text_file *tf = f->priv;
	ssize_t done = 0;
	size_t avail, n;
	int err = 0;

	mutex_lock(&tf->lock);
	while (uio->resid) {
		err = text_file_seek(tf, *pos);
		if (err || *pos >= tf->base + (loff_t)tf->text.len)
			break;
		avail = tf->text.len - (size_t)(*pos - tf->base);
		avail = min(avail, uio->resid);
		n = uio_copy_to(uio, tf->text.buf + (*pos - tf->base), avail);
		done += (ssize_t)n;
		*pos += (loff_t)n;
		if (n < avail) {
			err = -EFAULT;
			break;
		}
	}
	mutex_unlock(&tf->lock);
	return done ? done : err;
}

loff_t text_file_llseek(struct file *f, loff_t off, int whence)
{
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		off += f->pos;
		break;
	default:
		return -EINVAL;
	}
	if (off < 0)
		return -EINVAL;
	return f->pos = off;
}
