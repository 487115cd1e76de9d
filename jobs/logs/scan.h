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

#include "jobs/logs/scan_text.h"

#define SCAN_BYTES_MAX (((uint64_t)1 << 40) - 1) /* a larger answer is bad */

enum scan_kind { SCAN_END, SCAN_GOOD, SCAN_BAD };

/*
 * A line.  All fields are borrowed from the text or from the scratch; what
 * the line does not have is empty.
 */
struct log_line {
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

struct log_scan {
	const char *p, *end;
	char *scratch, *scratch_end;
	struct scan_clock clock;
};

/*
 * Starts at the front of `text`.  JSON strings with escapes are decoded into
 * `scratch`, which may be NULL with `cap` 0: a line that does not find room
 * there is bad.  text.len bytes are always enough.  Both are borrowed.
 */
void scan_init(struct log_scan *, struct bytes text, char *scratch, size_t cap);

/* The next line; when there is none SCAN_END, and `line` has no meaning. */
enum scan_kind scan_next(struct log_scan *, struct log_line *line);

/* For the parts of the scanner. */

/* Parses a JSON object into `line`; NULL, or what is wrong; static. */
const char *scan_json(struct log_scan *, struct log_line *line);

/* scan_next() without its short cuts (scan_quick.c): it finds the same. */
enum scan_kind scan_plain(struct log_scan *, struct log_line *line);

#endif
