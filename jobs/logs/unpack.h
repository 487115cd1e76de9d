/* SPDX-License-Identifier: MIT */
/*
 * unpack.h - the plain bytes of a job's input: gzip, zstd, or as they are
 *
 * What it is, its first bytes say.  Several members of gzip or frames of zstd
 * in a row are one text (RFC 1952, RFC 8878); anything else behind the end
 * is damage.  Memory is bounded whatever comes: 128 KB and the window of the
 * format, 32 KB for gzip, at most 128 MB for zstd.
 *
 * Errors:
 *	SW_ETOOBIG	it expands beyond a limit
 *	SW_ECORRUPT	it is damaged, or ends in the middle
 *	-ENOMEM, -EIO, ...	of memory, and what `more` says
 */
#ifndef JOBS_UNPACK_H
#define JOBS_UNPACK_H

#include <sys/types.h>

#include "base/bytes.h"

enum {
	UNPACK_CHUNK = 128 * 1024, /* of what is read, at a time */
	UNPACK_FREE = 1024 * 1024, /* so much may come of however little */
};

/* Of what is compressed alone. */
struct unpack_limits {
	uint64_t bytes; /* of the plain text */
	uint64_t ratio; /* plain to compressed */
};

struct unpack;

/* Reads on: the number of bytes, 0 at the end, or an error. */
typedef ssize_t unpack_more_fn(void *arg, void *to, size_t cap);

/* Of `input`, or of what `more` reads if it is not NULL; all borrowed. */
int unpack_open(struct unpack **, struct bytes input, unpack_more_fn *more,
	void *arg, const struct unpack_limits *)
	__attribute__((warn_unused_result));
void unpack_close(struct unpack *);

/* Up to `cap` bytes of the plain text; 0: its end; or an error. */
ssize_t unpack_read(struct unpack *, void *, size_t cap)
	__attribute__((warn_unused_result));

/* One line on SW_ETOOBIG and SW_ECORRUPT; borrowed as long as the unpack. */
const char *unpack_why(const struct unpack *);

#endif
