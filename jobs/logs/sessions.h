/* SPDX-License-Identifier: MIT */
/*
 * sessions.h - counts the sessions of one day from any pieces of its log
 *
 * A visitor is a client address with a user agent, a day is one of UTC.  A
 * session is a run of a visitor's requests within a day without a gap of more
 * than 30 minutes; midnight ends it.
 *
 * A visitor's data are its spans, each from the first to the last request of a
 * session.  Merging the spans of two pieces of a log and joining those within
 * 30 minutes of each other gives the spans of both pieces read as one: neither
 * the cut nor the order matters.
 *
 * Only the SESSIONS_MAX visitors with the smallest hashes count (a bottom-k
 * sample: Z. Bar-Yossef et al., "Counting distinct elements in a data stream",
 * 2002).  Up to that many visitors a day all is exact, but for collisions of
 * 64-bit hashes.  Beyond, sessions and visitors are estimated from the sample.
 * The standard error of the visitors is 1.6 % (1 / sqrt(SESSIONS_MAX - 2)),
 * that of the sessions sqrt(1 + c * c) times as much, where c is the standard
 * deviation of a visitor's number of sessions divided by its mean.
 *
 * A visitor has at most 48 spans a day, which bounds a day to 2.8 MB stored,
 * typically 70 KB.
 */
#ifndef JOBS_SESSIONS_H
#define JOBS_SESSIONS_H

#include <stdint.h>

#include "base/bytes.h"

enum {
	SESSIONS_MAX = 4096,	  /* visitors of a day */
	SESSIONS_GAP_S = 30 * 60, /* ends a session if it is longer */
	SESSIONS_DAY_S = 86400,
	SESSIONS_SPAN = 8 + 3 + 3, /* bytes of a span as it is stored */
};

/* Times are in seconds since midnight; all zero is no span. */
struct session_span {
	uint64_t visitor; /* a hash */
	int32_t first_s, end_s;
};

/* All zero is empty. */
struct log_sessions {
	struct session_span *spans; /* in order after sessions_tidy() */
	struct session_span
		*open; /* what may grow yet, at most one of a visitor */
	size_t n, cap;
	size_t visitors; /* counted by sessions_tidy() */
	uint64_t most;	 /* larger hashes are not in the sample; 0: all are */
};

struct sessions_sum {
	uint64_t sessions, visitors; /* estimates if not exact */
	int exact;
};

/* Adds a request of `visitor` (a hash) at `s` since midnight; 0 or -ENOMEM. */
int sessions_add(struct log_sessions *, uint64_t visitor, int32_t s)
	__attribute__((warn_unused_result));
void sessions_fini(struct log_sessions *);

/* Adds the spans in `stored`; 0, -ENOMEM, or SW_ECORRUPT: malformed. */
int sessions_load(struct log_sessions *, struct bytes stored)
	__attribute__((warn_unused_result));

/*
 * Sorts and joins the spans and drops those beyond the sample; 0 or -ENOMEM.
 * The functions below need this call after the last addition.
 * sessions_store() writes sessions_stored_len() bytes.
 */
int sessions_tidy(struct log_sessions *) __attribute__((warn_unused_result));
size_t sessions_stored_len(const struct log_sessions *);
void sessions_store(const struct log_sessions *, uint8_t *stored);
struct sessions_sum sessions_count(const struct log_sessions *);

#endif
