/* SPDX-License-Identifier: MIT */
/*
 * line.h - what a job says on fd 3, a line each
 *
 *	progress PERCENT [TEXT]
 *	result TEXT
 *	retry-after DURATION	("30s"; with an exit that means retry)
 *	put QUEUE BODY		(a follow-up, stored with our ack)
 */
#ifndef WORKER_LINE_H
#define WORKER_LINE_H

#include "wire/msg.h"

enum report_kind { LINE_PROGRESS, LINE_RESULT, LINE_RETRY_AFTER, LINE_PUT };

struct report_line {
	enum report_kind kind;
	int64_t number; /* percent, or milliseconds */
	char queue[SW_QUEUE_MAX + 1];
	const char *text; /* points into the line */
};

/*
 * 0; -EINVAL: it is none of these and to be passed over; SW_EQUEUE: a put
 * that names no queue, so a job would be lost.
 */
int line_parse(const char *text, struct report_line *)
	__attribute__((warn_unused_result));

/*
 * Writes RESULT in the place of an earlier one.  0, or SW_ETOOBIG: there is
 * none now, and RESULT_TOOBIG says so.
 */
#define RESULT_TOOBIG "its result is larger than 64 KB; blobs take such"
int result_put(struct sw_buf *, struct bytes result)
	__attribute__((warn_unused_result));

/*
 * Adds a FOLLOW of a fresh id; `header` is "name=value" or NULL.  0; or what
 * sw_put_open() refuses, SW_ETOOBIG also: no room.
 */
int follow_put(struct sw_buf *, const char *queue, const char *header,
	struct bytes body) __attribute__((warn_unused_result));

#endif
