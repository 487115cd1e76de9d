/* SPDX-License-Identifier: MIT */
/*
 * scan.h - reads web server access logs, line by line
 *
 * Formats, told apart line by line by the first byte:
 *
 *	common		client ident user [time] "request" status bytes
 *	combined	the same, then "referer" "user agent"
 *	JSON lines	one object a line, see `keys` in scan_json.c
 *
 * What follows the user agent is ignored (servers append fields of their
 * own), but for a last field that is a number with a decimal point: the time
 * that the request took, in seconds (nginx's $request_time).  A quote within
 * quotes is escaped by a backslash (Apache) or written \x22 (nginx); escapes
 * are handed out as they stand, JSON's are resolved.  A line ends at '\n' or at
 * the end of the text; a '\r' before it is left out; empty lines are no lines.
 *
 * The scanner is total: any bytes are read without over-read, each line
 * comes out as good or bad, in time linear in its length.
 */
#ifndef JOBS_SCAN_H
#define JOBS_SCAN_H

#include <stdint.h>

#include "base/bytes.h"

#define SCAN_NO_TIME	 INT64_MIN
#define SCAN_NO_TOOK	 (-1)
#define SCAN_TOOK_MAX_US INT64_C(86400000000)
#define SCAN_BYTES_MAX	 (((uint64_t)1 << 40) - 1) /* a larger answer is bad */

enum scan_kind { SCAN_END, SCAN_GOOD, SCAN_BAD };

/*
 * A line.  All fields are borrowed from the text or from the scratch; what
 * the line does not have is empty.
 */
struct scan_line {
	struct bytes raw; /* the whole line */
	const char *why;  /* a bad line: what is wrong with it; static */

	/* Of good lines alone. */
	struct bytes client, method;
	struct bytes path; /* without the query; empty: no valid request */
	struct bytes referer, agent;
	int64_t at_s;	 /* Unix time or SCAN_NO_TIME (JSON alone) */
	int64_t took_us; /* or SCAN_NO_TOOK */
	uint64_t bytes;
	int status; /* 0-999: nginx logs 000 for a closed client */
};

struct scan {
	const char *p, *end;
	char *scratch, *scratch_end;

	/* The last time read, so that the next in its minute is cheap. */
	char minute[17], zone[6];
	int64_t minute_s;
};

/*
 * Starts at the front of `text`.  JSON strings with escapes are decoded into
 * `scratch`, which may be NULL with `cap` 0: a line that does not find room
 * there is bad.  text.len bytes are always enough.  Both are borrowed.
 */
void scan_init(struct scan *, struct bytes text, char *scratch, size_t cap);

/* The next line; when there is none SCAN_END, and `line` has no meaning. */
enum scan_kind scan_next(struct scan *, struct scan_line *line);

/* For the parts of the scanner. */

/* Parses a JSON object into `line`; NULL, or what is wrong; static. */
const char *scan_json(struct scan *, struct scan_line *line);

/* scan_next() without its short cuts (scan_quick.c): it finds the same. */
enum scan_kind scan_plain(struct scan *, struct scan_line *line);

/* Splits `METHOD path HTTP/x`; what is no request leaves both empty. */
void scan_request(struct bytes request, struct scan_line *line);

/* `path` up to its query. */
struct bytes scan_path(struct bytes path);

/* "22/Apr/2009:18:52:51 +1200", 26 bytes at `p`; 0, or -1: not that. */
int scan_time_clf(struct scan *, const char *p, int64_t *at_s);

/*
 * The above, ISO 8601 (RFC 3339, the zone may be missing and is UTC then),
 * or Unix time in s or ms with or without a fraction; SCAN_NO_TIME for
 * anything else.
 */
int64_t scan_time(struct scan *, struct bytes text);

/* 0.004, 12 or 5.1e-05 of `unit_us`, in us; a day at most; SCAN_NO_TOOK. */
int64_t scan_took(struct bytes text, int64_t unit_us);

/* The last field of `p` to `end` in us, if it is a number with a point. */
int64_t scan_took_last(const char *p, const char *end);

/* Decimal digits alone, at most `max`; 0, or -1. */
int scan_number(struct bytes text, uint64_t max, uint64_t *n);

#endif
