/* SPDX-License-Identifier: MIT */
/*
 * report.h - adds the tallies of jobs to the report (report/database.h)
 *
 * One transaction adds the tallies of a job together with the job's id, so a
 * job that runs twice, or is killed at any point and runs again, counts once.
 * report_commit() syncs the transaction to disk: a job is acked only after a
 * power loss cannot undo it.  Any number of processes may add to one file.
 */
#ifndef JOBS_REPORT_H
#define JOBS_REPORT_H

#include "jobs/logs/tally.h"
#include "wire/id.h"

struct log_report;

/*
 * Opens the report at `path` by database_open(), with its errors; also -ENOMEM.
 * A process must not use a report that was opened before a fork().
 */
int report_open(struct log_report **, const char *path)
	__attribute__((warn_unused_result));
void report_close(struct log_report *);

/*
 * Whether the path no longer names the open file, which was removed or
 * replaced: additions to the open file would be lost.
 */
int report_stale(const struct log_report *);

/*
 * Begins the transaction of the job `id`; other writers wait for its end.  0,
 * an error, or 1: the report has the job already, and no transaction began.
 */
int report_begin(struct log_report *, const struct sw_id *id, int64_t at_ms)
	__attribute__((warn_unused_result));

/*
 * Adds a tally to the transaction.  Afterwards the days of the tally also have
 * the sessions of the report: the caller must reset the tally.
 */
int report_add(struct log_report *, const struct sw_id *id, struct log_tally *)
	__attribute__((warn_unused_result));

/*
 * 0: the transaction is on disk.  After an error here or above the report has
 * nothing of the job or, if the commit itself failed, perhaps all of it: in
 * either case the job may run again.
 */
int report_commit(struct log_report *) __attribute__((warn_unused_result));

/* Rolls back the transaction, if there is one. */
void report_abort(struct log_report *);

#endif
