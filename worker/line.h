/* SPDX-License-Identifier: MIT */
/*
 * line.h - the reports of an exec job on descriptor 3, a line each
 *
 *	progress PERCENT [TEXT]
 *	result TEXT
 *	retry-after DURATION	("30s"; for an exit that means retry)
 *	put QUEUE BODY		(a follow-up, stored with the ack)
 */
#ifndef WORKER_LINE_H
#define WORKER_LINE_H

#include "wire/msg.h"

enum report_kind { LINE_PROGRESS, LINE_RESULT, LINE_RETRY_AFTER, LINE_PUT };

struct report_line {
	enum report_kind kind;
	int64_t number; /* percent, or milliseconds */
	char queue[SW_QUEUE_MAX + 1];
	const char *text; /* points into the parsed line */
};

/*
 * 0; -EINVAL: not one of these lines, to be ignored; SW_EQUEUE: a put without
 * a valid queue name, whose job would be lost.
 */
int line_parse(const char *text, struct report_line *)
	__attribute__((warn_unused_result));

/*
 * Writes RESULT in place of an earlier one.  0, or SW_ETOOBIG: `b` has no
 * RESULT now, and RESULT_TOOBIG is the error's text.
 */
#define RESULT_TOOBIG "the result is larger than 64 KB: put it into a blob"
int result_put(struct sw_buf *, struct bytes result)
	__attribute__((warn_unused_result));

/*
 * Adds a FOLLOW with a new id; `header` is "name=value" or NULL.  0; or an
 * error of sw_put_open(); SW_ETOOBIG also means that `b` has no room.
 */
int follow_put(struct sw_buf *, const char *queue, const char *header,
	struct bytes body) __attribute__((warn_unused_result));

#endif
