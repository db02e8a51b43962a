/* SPDX-License-Identifier: MIT */
/* vsnprintf of the core; see lib/string.h for what it understands. */
#include "lib/string.h"

enum { LEFT = 1, ZERO = 2, PLUS = 4, SPACE = 8, ALT = 16 };

struct out {
	char *buf;
	size_t size;	/* bytes of buf */
	size_t len;	/* produced so far, also beyond size */
};

struct spec {
	int flags;
	int width;
	int precision;	/* -1: none */
	char conv;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, int count)
{
	while (count-- > 0)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *text, int len)
{
	if (!(s->flags & LEFT))
		pad(o, ' ', s->width - len);
	for (int i = 0; i < len; i++)
		put(o, text[i]);
	if (s->flags & LEFT)
		pad(o, ' ', s->width - len);
}

static void put_number(struct out *o, const struct spec *s, u64 v, bool negative)
{
	const char *digits = s->conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	u64 base = s->conv == 'o' ? 8 : (s->conv == 'x' || s->conv == 'X' || s->conv == 'p') ? 16 : 10;
	char tmp[24], prefix[3];
	int n = 0, np = 0, zeros, total;

	do {
		tmp[n++] = digits[v % base];
		v /= base;
	} while (v);
	if (negative)
		prefix[np++] = '-';
	else if (s->flags & PLUS)
		prefix[np++] = '+';
	else if (s->flags & SPACE)
		prefix[np++] = ' ';
	if ((s->flags & ALT) && base == 16) {
		prefix[np++] = '0';
		prefix[np++] = s->conv == 'X' ? 'X' : 'x';
	} else if ((s->flags & ALT) && base == 8) {
		prefix[np++] = '0';
	}
	zeros = s->precision > n ? s->precision - n : 0;
	if ((s->flags & ZERO) && !(s->flags & LEFT) && s->precision < 0 && s->width > n + np)
		zeros = s->width - n - np;
	total = n + np + zeros;
	if (!(s->flags & LEFT))
		pad(o, ' ', s->width - total);
	for (int i = 0; i < np; i++)
		put(o, prefix[i]);
	pad(o, '0', zeros);
	while (n)
		put(o, tmp[--n]);
	if (s->flags & LEFT)
		pad(o, ' ', s->width - total);
}

static const char *parse_spec(const char *f, struct spec *s, int *size, va_list *ap)
{
	static const char flag_chars[] = "-0+ #";
	const char *p;

	*s = (struct spec){ .precision = -1 };
	for (; *f && (p = strchr(flag_chars, *f)); f++)
		s->flags |= 1 << (p - flag_chars);
	if (*f == '*') {
		s->width = va_arg(*ap, int);
		f++;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		s->width = s->width * 10 + (*f - '0');
	if (*f == '.') {
		f++;
		s->precision = 0;
		if (*f == '*') {
			s->precision = va_arg(*ap, int);
			f++;
		}
		for (; *f >= '0' && *f <= '9'; f++)
			s->precision = s->precision * 10 + (*f - '0');
	}
	*size = 4;
	for (; *f == 'l' || *f == 'z' || *f == 'h'; f++) {
		if (*f != 'h')
			*size = 8;
		else
			*size = *size == 2 ? 1 : 2;
	}
	s->conv = *f;
	return *f ? f + 1 : f;
}

static void put_integer(struct out *o, struct spec *s, int size, va_list *ap)
{
	bool is_signed = s->conv == 'd' || s->conv == 'i';
	u64 v;

	if (s->conv == 'p') {
		s->flags |= ALT;
		size = 8;
	}
	if (size == 8)
		v = va_arg(*ap, u64);
	else if (is_signed)
		v = (u64)(s64)va_arg(*ap, int);
	else
		v = va_arg(*ap, u32);
	if (size == 1)
		v = is_signed ? (u64)(s8)v : (u8)v;
	else if (size == 2)
		v = is_signed ? (u64)(s16)v : (u16)v;
	if (is_signed && (s64)v < 0)
		put_number(o, s, -v, true);
	else
		put_number(o, s, v, false);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap_in)
{
	struct out o = { buf, size, 0 };
	struct spec s;
	const char *text;
	va_list ap;
	int n;

	va_copy(ap, ap_in);
	while (*fmt) {
		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &n, &ap);
		switch (s.conv) {
		case 'd': case 'i': case 'u': case 'x': case 'X': case 'o': case 'p':
			put_integer(&o, &s, n, &ap);
			break;
		case 'c':
			put_text(&o, &s, (char[]){ (char)va_arg(ap, int) }, 1);
			break;
		case 's':
			text = va_arg(ap, const char *);
			if (!text)
				text = "(null)";
			put_text(&o, &s, text,
				 (int)strnlen(text, s.precision < 0 ? (size_t)S32_MAX
							      : (size_t)s.precision));
			break;
		default:
			put(&o, s.conv ? s.conv : '%');
		}
	}
	va_end(ap);
	if (size)
		buf[min(o.len, size - 1)] = 0;
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	if (!size)
		return 0;
	return n < (int)size ? n : (int)size - 1;
}
