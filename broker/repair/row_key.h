/* SPDX-License-Identifier: MIT */
/*
 * row_key.h - a key of any length, for the walk over all rows
 */
#ifndef BROKER_REPAIR_ROW_KEY_H
#define BROKER_REPAIR_ROW_KEY_H

#include <stdio.h>

#include "base/bytes.h"
#include "broker/store/store.h"

enum { ROW_KEY_SHOWN = 24, ROW_KEY_TEXT = 2 * ROW_KEY_SHOWN + 4 };

/* Of a row of any length that the store allows: a corrupt row, or the second
 * row of one key (repair/lmdb.h), may have a longer key than any job's row. */
struct row_key {
	uint8_t b[STORE_KEY_MAX + 1]; /* + 1: the zero that page_next() adds */
	size_t len;
};

static inline struct bytes
row_key_bytes(const struct row_key *k)
{
	return bytes_of(k->b, k->len);
}

/* Only a key whose length is corrupt is cut, and it stays longer than that of
 * any job's row. */
static inline void
row_key_set(struct row_key *k, struct bytes key)
{
	k->len = key.len <= STORE_KEY_MAX ? key.len : STORE_KEY_MAX;
	if (k->len > 0)
		memcpy(k->b, key.p, k->len);
}

static inline int
row_key_cmp(const struct row_key *a, const struct row_key *b)
{
	return bytes_cmp(row_key_bytes(a), row_key_bytes(b));
}

/* The first bytes in hexadecimal. */
static inline void
row_key_text(const struct row_key *k, char text[ROW_KEY_TEXT])
{
	size_t n = k->len < ROW_KEY_SHOWN ? k->len : ROW_KEY_SHOWN;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", k->b[i]);
	if (n < k->len)
		strcat(text, "...");
}

#endif
