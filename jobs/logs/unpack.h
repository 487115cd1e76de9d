/* SPDX-License-Identifier: MIT */
/*
 * unpack.h - reads a job's input: gunzip or unzstd if needed, then whole lines
 *
 * The first bytes tell the format.  Several members of gzip or frames of zstd
 * in a row are one text (RFC 1952, RFC 8878); anything else behind the end is
 * damage.  Memory is bounded for any input: 128 KB and the window of the
 * format, 32 KB for gzip, at most 128 MB for zstd.
 *
 * Errors:
 *	SW_ETOOBIG	the input expands beyond a limit
 *	SW_ECORRUPT	the input is damaged, or ends in the middle
 *	-ENOMEM, or an error of `more`
 */
#ifndef JOBS_UNPACK_H
#define JOBS_UNPACK_H

#include <sys/types.h>

#include "base/bytes.h"

enum {
	UNPACK_CHUNK = 128 * 1024, /* bytes of input read at a time */
	UNPACK_FREE = 1024 *
		      1024, /* plain bytes that max_ratio allows always */
};

/* Limits of compressed input. */
struct unpack_limits {
	uint64_t bytes; /* of the plain text */
	uint64_t ratio; /* plain to compressed */
};

struct log_unpack;

/* Reads further input: the number of bytes, 0 at the end, or an error. */
typedef ssize_t unpack_more_fn(void *arg, void *to, size_t cap);

/* Opens `input`, or if `more` is not NULL what it reads; all borrowed. */
int unpack_open(struct log_unpack **, struct bytes input, unpack_more_fn *more,
	void *arg, const struct unpack_limits *)
	__attribute__((warn_unused_result));
void unpack_close(struct log_unpack *);

/* Reads up to `cap` bytes of the plain text; 0 at the end; or an error. */
ssize_t unpack_read(struct log_unpack *, void *, size_t cap)
	__attribute__((warn_unused_result));

/* One line on SW_ETOOBIG or SW_ECORRUPT; borrowed until unpack_close(). */
const char *unpack_why(const struct log_unpack *);

/* --- a feed cuts the plain text into pieces of whole lines --------------- */

enum { FEED_MAX = 256 * 1024 }; /* bytes of a piece, and of a line */

enum feed_kind {
	FEED_END,
	FEED_LINES, /* whole lines; the last may lack its newline */
	FEED_LONG,  /* the front of a line longer than FEED_MAX */
};

/* Gets all bytes that the feed reads, in order; 0 or an error. */
typedef int feed_tap_fn(void *arg, struct bytes);

struct log_feed {
	struct log_unpack *from;
	feed_tap_fn *tap; /* or NULL */
	void *tap_arg;
	size_t at, len; /* the unread bytes of `buf` */
	int ended, skipping;
	char buf[FEED_MAX];
};

/* `from` is borrowed. */
void
feed_init(struct log_feed *, struct log_unpack *from, feed_tap_fn *, void *arg);

/*
 * Reads the next piece, borrowed until the next call: an enum feed_kind, or an
 * error of unpack_read() or of the tap.
 */
int feed_next(struct log_feed *, struct bytes *)
	__attribute__((warn_unused_result));

#endif
