/* SPDX-License-Identifier: MIT */
/*
 * Random numbers: one ChaCha20 generator (RFC 8439) for the whole kernel.
 *
 * The state is a 256-bit key. A request makes a keystream; its first 32 bytes
 * become the next key before any other is handed out, so earlier output cannot
 * be computed from a later state ("fast key erasure"). Entropy is mixed in by
 * running the generator over key XOR input. Seeded at boot by hal_entropy(), or
 * by the configuration's seed=N, and then nothing else is mixed in, so that
 * a run can be repeated.
 *
 * getrandom(2) never blocks: the pool is seeded before the first program.
 */
#include "abi/errno.h"
#include "fs/devfs.h"
#include "hal/hal.h"
#include "kernel/config.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/string.h"
#include "mm/uaccess.h"

#define GRND_NONBLOCK 1
#define GRND_RANDOM 2
#define GRND_INSECURE 4
#define BLOCK 64
#define KEY 32
#define OUT_CHUNK 512

static u32 key[KEY / 4];
static bool deterministic;

#define ROTL(x, n) (((x) << (n)) | ((x) >> (32 - (n))))
#define QUARTER(a, b, c, d) do { \
	a += b; d ^= a; d = ROTL(d, 16); \
	c += d; b ^= c; b = ROTL(b, 12); \
	a += b; d ^= a; d = ROTL(d, 8); \
	c += d; b ^= c; b = ROTL(b, 7); \
} while (0)

/* One block of keystream with this key and block counter, nonce 0. */
static void chacha20_block(const u32 k[8], u64 counter, u8 out[BLOCK])
{
	u32 s[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
		k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7],
		(u32)counter, (u32)(counter >> 32), 0, 0,
	};
	u32 x[16];
	u32 i;

	memcpy(x, s, sizeof(x));
	for (i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[1], x[5], x[9], x[13]);
		QUARTER(x[2], x[6], x[10], x[14]);
		QUARTER(x[3], x[7], x[11], x[15]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
	for (i = 0; i < 16; i++)
		x[i] += s[i];
	memcpy(out, x, BLOCK);
	memset(x, 0, sizeof(x));
}

void random_bytes(void *buf, size_t size)
{
	u8 block[BLOCK];
	u8 *out = buf;
	u32 k[KEY / 4];
	u64 counter = 0;
	size_t n, from = KEY;

	memcpy(k, key, sizeof(k));
	chacha20_block(k, counter++, block);
	memcpy(key, block, KEY);
	while (size) {
		if (from == BLOCK) {
			chacha20_block(k, counter++, block);
			from = 0;
		}
		n = min(size, BLOCK - from);
		memcpy(out, block + from, n);
		out += n;
		size -= n;
		from += n;
	}
	memset(block, 0, sizeof(block));
	memset(k, 0, sizeof(k));
}

static void mix(const u8 *in, size_t size)
{
	u8 *k = (u8 *)key;
	u8 block[BLOCK];
	size_t i, n;

	while (size) {
		n = min_t(size_t, size, KEY);
		for (i = 0; i < n; i++)
			k[i] ^= in[i];
		chacha20_block(key, U64_MAX, block);
		memcpy(key, block, KEY);
		in += n;
		size -= n;
	}
}

void random_add_entropy(const void *buf, size_t size)
{
	if (!deterministic)
		mix(buf, size);
}

void random_config(void)
{
	const char *seed = config_get("seed", 0);

	if (!seed)
		return;
	deterministic = true;
	memset(key, 0, sizeof(key));
	mix((const u8 *)seed, strlen(seed));
}

void random_init(void)
{
	u8 buf[64];
	u64 now;

	mix(buf, min(hal_entropy(buf, sizeof(buf)), sizeof(buf)));
	now = hal_clock_ns() ^ hal_clock_epoch_ns();
	mix((const u8 *)&now, sizeof(now));
}

SYSCALL_DEFINE3(getrandom, uaddr_t, ubuf, size_t, size, u32, flags)
{
	u8 chunk[OUT_CHUNK];
	size_t done = 0, n;

	if (flags & ~(u32)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	size = min_t(size_t, size, S32_MAX);
	while (done < size) {
		n = min(size - done, sizeof(chunk));
		random_bytes(chunk, n);
		n = copyout_partial(ubuf + done, chunk, n);
		done += n;
		if (!n)
			break;
		if (done < size && !(done % 4096) && signal_pending(current))
			break;
	}
	memset(chunk, 0, sizeof(chunk));
	return done || !size ? (s64)done : -EFAULT;
}
