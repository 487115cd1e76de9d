/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - a borrowed run of bytes, and integers laid out in bytes
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed: the function that returns one says how long it is valid. */
struct bytes {
	const void *p;
	size_t len;
};

static inline struct bytes
bytes_of(const void *p, size_t len)
{
	return (struct bytes){p, len};
}

static inline struct bytes
bytes_str(const char *s)
{
	return (struct bytes){s, strlen(s)};
}

static inline int
bytes_eq(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Below 0, 0, above 0: in the order of bytes, a beginning before the whole. */
static inline int
bytes_cmp(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Little-endian, `n` bytes (1 to 8): for the wire and records. */
static inline uint64_t
le_get(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | b[n];
	return v;
}

static inline void
le_set(void *p, size_t n, uint64_t v)
{
	uint8_t *b = p;

	for (size_t i = 0; i < n; i++, v >>= 8)
		b[i] = (uint8_t)v;
}

/* Big-endian, `n` bytes (1 to 8): for keys, so that memcmp orders numbers. */
static inline uint64_t
be_get(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | b[i];
	return v;
}

static inline void
be_set(void *p, size_t n, uint64_t v)
{
	uint8_t *b = p;

	while (n-- > 0) {
		b[n] = (uint8_t)v;
		v >>= 8;
	}
}

#endif
