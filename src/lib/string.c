/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions of the core. rep movsb/stosb is microcoded fast
 * on current CPUs but very slow under TCG, so large blocks go by 8 bytes.
 */
#include "lib/string.h"

#include "abi/errno.h"

void *memcpy(void *dst, const void *src, size_t size)
{
	void *d = dst;
	size_t words = size / 8;

	size &= 7;
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
	u8 *d = dst;
	const u8 *s = src;

	if (d <= s || d >= s + size)
		return memcpy(dst, src, size);
	while (size >= 8) {
		u64 v;

		size -= 8;
		__builtin_memcpy(&v, s + size, 8);
		__builtin_memcpy(d + size, &v, 8);
	}
	while (size--)
		d[size] = s[size];
	return dst;
}

void *memset(void *dst, int c, size_t size)
{
	void *d = dst;
	u64 v = (u8)c * 0x0101010101010101ul;
	size_t words = size / 8;

	size &= 7;
	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(v) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(v) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const u8 *x = a, *y = b;

	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *p, int c, size_t size)
{
	const u8 *s = p;

	for (; size; size--, s++)
		if (*s == (u8)c)
			return (void *)s;
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

static bool has_zero_byte(u64 v)
{
	return (v - 0x0101010101010101ul) & ~v & 0x8080808080808080ul;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;
	u64 v;

	while (max - n >= 8) {
		__builtin_memcpy(&v, s + n, 8);
		if (has_zero_byte(v))
			break;
		n += 8;
	}
	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)last;
	}
}

char *strstr(const char *s, const char *needle)
{
	size_t n = strlen(needle);

	for (; *s; s++)
		if (!strncmp(s, needle, n))
			return (char *)s;
	return n ? NULL : (char *)s;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);
	size_t n = min(len, size ? size - 1 : 0);

	if (size) {
		memcpy(dst, src, n);
		dst[n] = 0;
	}
	return len;
}

int parse_u64(const char *s, int base, u64 *out)
{
	u64 v = 0;
	int digits = 0;

	if (base == 0) {
		base = 10;
		if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
			base = 16;
			s += 2;
		} else if (s[0] == '0' && s[1]) {
			base = 8;
		}
	}
	for (; *s; s++, digits++) {
		int d;

		if (*s >= '0' && *s <= '9')
			d = *s - '0';
		else if (*s >= 'a' && *s <= 'f')
			d = *s - 'a' + 10;
		else if (*s >= 'A' && *s <= 'F')
			d = *s - 'A' + 10;
		else
			return -EINVAL;
		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)d, &v))
			return -ERANGE;
	}
	if (!digits)
		return -EINVAL;
	*out = v;
	return 0;
}
