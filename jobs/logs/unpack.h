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

struct log_unpack;

/* Reads on: the number of bytes, 0 at the end, or an error. */
typedef ssize_t unpack_more_fn(void *arg, void *to, size_t cap);

/* Of `input`, or of what `more` reads if it is not NULL; all borrowed. */
int unpack_open(struct log_unpack **, struct bytes input, unpack_more_fn *more,
	void *arg, const struct unpack_limits *)
	__attribute__((warn_unused_result));
void unpack_close(struct log_unpack *);

/* Up to `cap` bytes of the plain text; 0: its end; or an error. */
ssize_t unpack_read(struct log_unpack *, void *, size_t cap)
	__attribute__((warn_unused_result));

/* One line on SW_ETOOBIG and SW_ECORRUPT; borrowed as long as the unpack. */
const char *unpack_why(const struct log_unpack *);

/*
 * A feed cuts the plain text into pieces of whole lines.
 */
enum { FEED_MAX = 256 * 1024 }; /* bytes of a piece, and of a line */

enum feed_kind {
	FEED_END,
	FEED_LINES, /* whole lines; the last may lack its newline */
	FEED_LONG,  /* the front of a line that is longer than FEED_MAX */
};

/* Sees all bytes that were read, in order; 0 or an error. */
typedef int feed_tap_fn(void *arg, struct bytes);

struct log_feed {
	struct log_unpack *from;
	feed_tap_fn *tap; /* or NULL */
	void *tap_arg;
	size_t at, len; /* of `buf`, what has not been handed out */
	int ended, skipping;
	char buf[FEED_MAX];
};

/* `from` is borrowed. */
void
feed_init(struct log_feed *, struct log_unpack *from, feed_tap_fn *, void *arg);

/*
 * The next piece, borrowed until the next call: an enum feed_kind, or an
 * error of unpack_read or of the tap.
 */
int feed_next(struct log_feed *, struct bytes *)
	__attribute__((warn_unused_result));

#endif
