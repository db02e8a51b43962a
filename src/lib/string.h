/* SPDX-License-Identifier: MIT */
/*
 * Strings, memory and formatting for the freestanding core.
 *
 * snprintf understands %d %i %u %x %X %o %c %s %p %% with flags "0-+ #",
 * width, precision (also *), and hh h l ll z; it returns the length that the
 * whole text would have had (C11 7.21.6.5).
 */
#ifndef HYLA_LIB_STRING_H
#define HYLA_LIB_STRING_H

#include "lib/types.h"

typedef __builtin_va_list va_list;
#ifndef va_start	/* a unit test may have the compiler's header, too */
#define va_start(ap, last) __builtin_va_start(ap, last)
#define va_end(ap) __builtin_va_end(ap)
#define va_arg(ap, t) __builtin_va_arg(ap, t)
#define va_copy(d, s) __builtin_va_copy(d, s)
#endif

void *memcpy(void *dst, const void *src, size_t size);
void *memmove(void *dst, const void *src, size_t size);
void *memset(void *dst, int c, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *p, int c, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
/* Copies at most size-1 bytes and terminates; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
/* Like snprintf, but returns what was really written, without the NUL. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* Parses an unsigned number (base 0: 0x and 0 prefixes). 0 or -EINVAL/-ERANGE. */
int parse_u64(const char *s, int base, u64 *out) __must_check;

#endif
