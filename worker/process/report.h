/* SPDX-License-Identifier: MIT */
/*
 * report.h - what a job has reported so far, on its way to an attempt_report
 *
 * Results, follow-ups, warnings and retry-after come in while the job runs; its
 * end decides which of them count.  Memory is allocated when the first of them
 * comes.
 */
#ifndef WORKER_PROCESS_REPORT_H
#define WORKER_PROCESS_REPORT_H

#include "worker/lease/leases.h"
#include "worker/process/line.h"

enum {
	REPORT_WARNINGS = 8, /* of one attempt; the others are counted */
};

struct job_report {
	struct sw_buf fields; /* RESULT and FOLLOW so far; on the heap */
	struct sw_buf warned; /* WARNING so far; on the heap */
	int64_t delay_ms;     /* of retry-after; -1: none */
	int64_t warnings;
	int result_long;	  /* the last result was too large */
	int not_run;		  /* errno: the command could not be run */
	char lost[LINE_TEXT + 1]; /* the first loss, or "" */
};

/* No allocation: a report that is never used costs nothing. */
void job_report_init(struct job_report *);
void job_report_fini(struct job_report *);

/* The last result counts; one beyond SW_RESULT_MAX may have NULL for bytes. */
void job_report_result(struct job_report *, struct bytes result);

/*
 * Adds a follow-up; `headers` is a block of NAME=VALUE and a NUL each, its
 * content type first (KEPT_CONTENT_TYPE).  One that cannot be stored is a loss.
 * Beyond SW_BODY_MAX `body` may have NULL for its bytes.
 */
void job_report_follow(struct job_report *, const char *queue,
	struct bytes headers, struct bytes body);

/* Adds a warning, one line of UTF-8, cut at LINE_TEXT bytes. */
void job_report_warn(struct job_report *, struct bytes text);

/* Says that a result or follow-up is lost: the attempt must not be an ack. */
void job_report_lose(struct job_report *, struct bytes why);

/* Takes over a line of descriptor 3 but LINE_PROGRESS, which is ignored. */
void job_report_take(struct job_report *, const struct report_line *);

/*
 * The attempt has ended with the outcome and the cause in `out`.  An ack whose
 * result or follow-up was lost becomes a retry with that reason, and one whose
 * last result was too large a permanent failure.  Sets the delay and the
 * fields, which are on the heap, or NULL when there are none: result and
 * follow-ups of an ack, else `error`, of which the last SW_ERROR_MAX bytes
 * count; and warnings.  The report is as after job_report_init() then.
 */
void job_report_close(
	struct job_report *, struct bytes error, struct attempt_report *out);

/* Adds OUTPUT, if there is any, to the fields of a report of a done job. */
void attempt_report_output(struct attempt_report *, struct bytes tail);

/*
 * Writes RESULT in place of an earlier one.  0, or SW_ETOOBIG: `b` has no
 * RESULT now, and KEPT_RESULT_TOOBIG (wire/kept.h) is the error's text.
 */
int result_put(struct sw_buf *, struct bytes result)
	__attribute__((warn_unused_result));

/*
 * Adds a FOLLOW with a new id; `headers` is a block of NAME=VALUE and a NUL
 * each.  0; or an error of sw_put_open() with its line in `why` (SW_WHY_ROOM
 * bytes, or NULL); SW_ETOOBIG also means that `b` lacks the room that
 * follow_len_max() asks for.
 */
int follow_put(struct sw_buf *, const char *queue, struct bytes headers,
	struct bytes body, char *why) __attribute__((warn_unused_result));
size_t follow_len_max(struct bytes headers, struct bytes body);

/* Logs an attempt that did not succeed: which of how many, its cause and the
 * last line of its error. */
void report_log(const struct worker_lease *);

#endif
