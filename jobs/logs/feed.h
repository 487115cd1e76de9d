/* SPDX-License-Identifier: MIT */
/*
 * feed.h - a stream cut into pieces of whole lines
 */
#ifndef JOBS_FEED_H
#define JOBS_FEED_H

#include "jobs/logs/unpack.h"

enum { FEED_MAX = 256 * 1024 }; /* bytes of a piece, and of a line */

enum feed_kind {
	FEED_END,
	FEED_LINES, /* whole lines; the last may lack its newline */
	FEED_LONG,  /* the front of a line that is longer than FEED_MAX */
};

/* Sees all bytes that were read, in order; 0 or an error. */
typedef int feed_tap_fn(void *arg, struct bytes);

struct feed {
	struct unpack *from;
	feed_tap_fn *tap; /* or NULL */
	void *tap_arg;
	size_t at, len; /* of `buf`, what has not been handed out */
	int ended, skipping;
	char buf[FEED_MAX];
};

/* `from` is borrowed. */
void feed_init(struct feed *, struct unpack *from, feed_tap_fn *, void *arg);

/*
 * The next piece, borrowed until the next call: an enum feed_kind, or an
 * error of unpack_read or of the tap.
 */
int
feed_next(struct feed *, struct bytes *) __attribute__((warn_unused_result));

#endif
