/* SPDX-License-Identifier: MIT */
/*
 * report.h - the report that all jobs on a log add to: one SQLite file
 *
 * A tally is merged in one transaction together with its job's id, so a job
 * that runs twice, or is killed at any point and runs again, counts once.
 * The transaction is synced to disk before report_merge returns: a job is
 * acknowledged only for what a power loss cannot take back.  Any number of
 * processes may merge into one file (on a local disk).
 */
#ifndef JOBS_REPORT_H
#define JOBS_REPORT_H

#include "jobs/logs/tally.h"
#include "wire/id.h"

struct log_report;

/*
 * Opens the report at `path`, making it if there is none; one of an
 * older version is brought up to date, in one transaction.
 * Errors as of database_open() (report/database.h).
 * Not to be used across fork().
 */
int report_open(struct log_report **, const char *path)
	__attribute__((warn_unused_result));
void report_close(struct log_report *);

/*
 * Whether the path no longer names the open file, because someone removed
 * or replaced it: what is merged into it would be lost.
 */
int report_stale(const struct log_report *);

/*
 * Begins to add what the job `id` found: others wait until it is committed
 * or aborted.  1: it is in there already, and nothing was begun.
 */
int report_begin(struct log_report *, const struct sw_id *id, int64_t at_ms)
	__attribute__((warn_unused_result));

/*
 * Adds a part of it.  The tally is used up by it: its days hold what the
 * report has of them, too.
 */
int report_add(struct log_report *, const struct sw_id *id, struct log_tally *)
	__attribute__((warn_unused_result));

/*
 * 0: all of it is on disk.  On an error, here and above, nothing was changed
 * or, should the commit itself have failed, all of it was: run it again.
 */
int report_commit(struct log_report *) __attribute__((warn_unused_result));

/* Forgets what was begun, if anything was. */
void report_abort(struct log_report *);

#endif
