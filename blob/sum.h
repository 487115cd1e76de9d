/* SPDX-License-Identifier: MIT */
/*
 * sum.h - what the content of a blob is checked by
 *
 * SHA-256 is its name, and holds against everybody.  XXH3 of 128 bits takes
 * a tenth of the time and holds against rot, not against intent: it is for
 * a file that we have written ourselves.  It goes over the content and then
 * over the name, so a file that came to another's name does not fit.
 */
#ifndef BLOB_SUM_H
#define BLOB_SUM_H

#include <stddef.h>

#include "blob/blob.h"

enum { SUM_SHA = 1, SUM_XXH = 2 };

struct blob_xxh {
	uint8_t b[16]; /* in the canonical order, the high byte first */
};

struct blob_sum;

/* `kinds` says which; NULL: out of memory. */
struct blob_sum *blob_sum_new(int kinds);
void blob_sum_free(struct blob_sum *);

/* An error shows at the end. */
void blob_sum_add(struct blob_sum *, const void *, size_t);

/* Each at the end, once, and only if it was asked for: 0 or -EIO. */
int blob_sum_sha(struct blob_sum *, struct blob_hash *)
	__attribute__((warn_unused_result));
void blob_sum_xxh(
	struct blob_sum *, const struct blob_hash *name, struct blob_xxh *);

#endif
