/* SPDX-License-Identifier: MIT */
/*
 * scan.h - reads web server access logs, line by line
 *
 * The first byte of each line tells its format:
 *
 *	common		client ident user [time] "request" status bytes
 *	combined	the same, then "referer" "user agent"
 *	JSON lines	one object a line, see `keys` in scan_json.c
 *
 * Fields behind the user agent are ignored (servers append their own), but for
 * a last field that is a number with a decimal point: the duration of the
 * request in seconds (nginx's $request_time).  A quote within quotes is escaped
 * by a backslash (Apache) or written \x22 (nginx); the scanner resolves the
 * escapes of JSON and no others.  A line ends at '\n' or at the end of the
 * text; a '\r' before that is dropped; empty lines are skipped.
 *
 * The scanner is total: it reads any bytes without over-read and reports each
 * line as good or bad, in time linear in the line's length.
 */
#ifndef JOBS_SCAN_H
#define JOBS_SCAN_H

#include "jobs/logs/scan_text.h"

#define SCAN_BYTES_MAX (((uint64_t)1 << 40) - 1) /* a larger answer is bad */

enum scan_kind { SCAN_END, SCAN_GOOD, SCAN_BAD };

/*
 * A line.  All fields are borrowed from the text or from the scratch; a field
 * that the line does not have is empty.
 */
struct log_line {
	struct bytes raw; /* the whole line */
	const char *why;  /* static: what is wrong with a bad line, or NULL */

	/* Good lines only. */
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
 * `scratch` (NULL if `cap` is 0); a line that does not fit there is bad, and
 * text.len bytes are always enough.  Both are borrowed.
 */
void scan_init(struct log_scan *, struct bytes text, char *scratch, size_t cap);

/*
 * Reads the next line.  At the end returns SCAN_END, and `line` is undefined.
 * scan_quick.c has this function: it tries the fast path, then scan_plain().
 */
enum scan_kind scan_next(struct log_scan *, struct log_line *line);

/* Reads line->raw as a JSON object: NULL, or a static text as of `why`. */
const char *scan_json(struct log_scan *, struct log_line *line);

/* scan_next() without the fast path, with the same results. */
enum scan_kind scan_plain(struct log_scan *, struct log_line *line);

#endif
