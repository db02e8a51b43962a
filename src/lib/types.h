/* SPDX-License-Identifier: MIT */
/*
 * Basic types and compiler helpers of the freestanding core.
 *
 * The core is built with -nostdinc, so these few lines stand in for stdint,
 * stddef and stdbool. A guest address is a uaddr_t, never a pointer: only
 * mm/uaccess.h turns it into bytes. A paddr_t is an offset into "physical
 * memory"; mm/page.h turns it into a kernel pointer.
 */
#ifndef HYLA_LIB_TYPES_H
#define HYLA_LIB_TYPES_H

/* No symbol of the core is reached through a GOT, declared ones included. */
#pragma GCC visibility push(hidden)

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long s64;
typedef __SIZE_TYPE__ size_t;
typedef long ssize_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef unsigned long uintptr_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

typedef u64 paddr_t;	/* physical address */
typedef u64 uaddr_t;	/* guest virtual address */

typedef s64 loff_t;
typedef u32 mode_t;
typedef u32 uid_t;
typedef u32 gid_t;
typedef s32 pid_t;
typedef u64 ino_t;
typedef u64 dev_t;	/* Linux's new_encode_dev layout, see fs/vfs.h */

#define U32_MAX 0xffffffffu
#define S32_MAX 0x7fffffff
#define U64_MAX 0xfffffffffffffffful
#define S64_MAX 0x7fffffffffffffffl
#define SIZE_MAX U64_MAX

#define offsetof(t, m) __builtin_offsetof(t, m)
#define container_of(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define min(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define align_down(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define align_up(x, a) align_down((x) + ((__typeof__(x))(a) - 1), a)
#define is_aligned(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define BIT(n) (1ul << (n))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __must_check __attribute__((warn_unused_result))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __noreturn __attribute__((noreturn))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __unused __attribute__((unused))
#define __noinline __attribute__((noinline))
#define fallthrough __attribute__((fallthrough))

#define barrier() __asm__ volatile("" ::: "memory")
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* Kconfig symbols are defined to 1 or not at all (src/abi-independent). */
#define ARG_PLACEHOLDER_1 0,
#define TAKE_SECOND(ignored, val, ...) val
#define IS_ENABLED_2(arg1_or_junk) TAKE_SECOND(arg1_or_junk 1, 0, 0)
#define IS_ENABLED_1(v) IS_ENABLED_2(ARG_PLACEHOLDER_##v)
#define IS_ENABLED_0(v) IS_ENABLED_1(v)
#define IS_ENABLED(option) IS_ENABLED_0(option)

/* Broken invariants only; never reachable from guest input. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
/* Looks for return addresses from `stack` on (NULL: nowhere). For traps of a HAL. */
void panic_from(const u64 *stack, const char *fmt, ...) __printf(2, 3) __noreturn;
#define bug_on(c) do { \
	if (unlikely(c)) \
		panic("bug: %s:%d: %s", __FILE__, __LINE__, #c); \
} while (0)

/* Error pointers: an errno in the last page of the address space. */
#define ERR_PTR(e) ((void *)(s64)(e))
#define PTR_ERR(p) ((s64)(p))
#define IS_ERR(p) ((u64)(p) >= (u64)-4095)
#define IS_ERR_OR_NULL(p) (!(p) || IS_ERR(p))

#endif
