/* SPDX-License-Identifier: MIT */
/*
 * sessions.h - the sessions of one day, out of any pieces of its log
 *
 * A visitor is a client address with a user agent, a day is one of UTC.  A
 * session is a run of a visitor's requests within the day with no gap of
 * more than 30 minutes; midnight ends it.
 *
 * What is kept of a visitor are its spans, from the first to the last
 * request of each session.  The spans of two pieces of a log, united, with
 * those joined that lie within 30 minutes of each other, are the spans of
 * the two pieces read as one: neither the cut nor the order matters.
 *
 * The SESSIONS_MAX visitors of the smallest hashes are kept, no others (a
 * bottom-k sample: Z. Bar-Yossef et al., "Counting distinct elements in a
 * data stream", 2002).  Up to so many visitors a day everything is exact, but
 * for collisions of hashes of 64 bits.  Beyond, sessions and visitors are
 * estimated from the sample: the standard error of the visitors is 1.6 %
 * (1 / sqrt(SESSIONS_MAX - 2)), that of the sessions sqrt(1 + c * c) times as
 * much, c being the standard deviation of a visitor's number of sessions,
 * over its mean.  The sample of a union is the same in any order.
 *
 * A visitor has 48 spans a day at most, so a day is bounded: 2.8 MB stored,
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

/* Seconds since midnight; all zero is none. */
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

/* A request of the hash `visitor` at `s` since midnight; 0 or -ENOMEM. */
int sessions_add(struct log_sessions *, uint64_t visitor, int32_t s)
	__attribute__((warn_unused_result));
void sessions_fini(struct log_sessions *);

/* All that `stored` holds; 0, -ENOMEM, or SW_ECORRUPT: it is none of ours. */
int sessions_load(struct log_sessions *, struct bytes stored)
	__attribute__((warn_unused_result));

/*
 * Brings the spans in order, joined and cut to the sample; 0 or -ENOMEM.
 * Until more is added they can be stored, sessions_stored_len() bytes, and
 * counted.
 */
int sessions_tidy(struct log_sessions *) __attribute__((warn_unused_result));
size_t sessions_stored_len(const struct log_sessions *);
void sessions_store(const struct log_sessions *, uint8_t *stored);
struct sessions_sum sessions_count(const struct log_sessions *);

#endif
