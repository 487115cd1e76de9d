/* SPDX-License-Identifier: MIT */
/*
 * sum.h - the checksums of a blob's content
 *
 * SHA-256 is the blob's name and resists attackers.  XXH3 of 128 bits takes a
 * tenth of the time and detects accidents only, in files that a put has written
 * itself.  XXH3 covers the content and then the name, so that a file under
 * another blob's name is detected too.
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

/* `kinds`: SUM_SHA, SUM_XXH or both.  NULL: out of memory. */
struct blob_sum *blob_sum_new(int kinds);
void blob_sum_free(struct blob_sum *);

/* blob_sum_sha() reports an error. */
void blob_sum_add(struct blob_sum *, const void *, size_t);

/*
 * The checksums of all that was added; each may be called once, at the end, if
 * blob_sum_new() was given its kind.  0, or -EIO: the hash failed.
 */
int blob_sum_sha(struct blob_sum *, struct blob_hash *)
	__attribute__((warn_unused_result));
void blob_sum_xxh(
	struct blob_sum *, const struct blob_hash *name, struct blob_xxh *);

#endif
