/* SPDX-License-Identifier: MIT */
/*
 * scan_text.h - reads the fields of a log line: numbers, requests, times
 */
#ifndef JOBS_LOGS_SCAN_TEXT_H
#define JOBS_LOGS_SCAN_TEXT_H

#include <stdint.h>

#include "base/bytes.h"

#define SCAN_NO_TIME	 INT64_MIN
#define SCAN_NO_TOOK	 (-1)
#define SCAN_TOOK_MAX_US INT64_C(86400000000)

/* Decimal digits alone, at most `max`; 0, or -1. */
int scan_number(struct bytes text, uint64_t max, uint64_t *n);

/*
 * Splits `METHOD path HTTP/x`.  Leaves both outputs as they were where
 * `request` is no request.
 */
void
scan_request(struct bytes request, struct bytes *method, struct bytes *path);

/* `path` up to its query. */
struct bytes scan_path(struct bytes path);

/* The last minute that was read, so that a further time in it is cheap. */
struct scan_clock {
	char minute[17], zone[6]; /* all zero: none yet */
	int64_t minute_s;
};

/* Reads "22/Apr/2009:18:52:51 +1200", 26 bytes at `p`; 0, or -1. */
int scan_time_clf(struct scan_clock *, const char *p, int64_t *at_s);

/*
 * Reads the above, ISO 8601 (RFC 3339, but a missing zone means UTC), or Unix
 * time in s or ms with or without a fraction; SCAN_NO_TIME for anything else.
 */
int64_t scan_time(struct scan_clock *, struct bytes text);

/*
 * Reads a duration such as 0.004, 12 or 5.1e-05 in units of `unit_us`.
 * Microseconds, at most SCAN_TOOK_MAX_US, or SCAN_NO_TOOK.
 */
int64_t scan_took(struct bytes text, int64_t unit_us);

/* The last field of `p` to `end` in us, if it is a number with a point. */
int64_t scan_took_last(const char *p, const char *end);

#endif
