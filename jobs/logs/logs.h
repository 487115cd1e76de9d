/* SPDX-License-Identifier: MIT */
/*
 * logs.h - the job `logs`: adds a piece of an access log to a common report
 *
 * The body is lines of a web server's access log (scan.h), plain or compressed
 * by gzip or zstd (unpack.h).  A job without a body reads its blob, of any
 *size, in bounded memory.  The report is the SQLite file in the environment
 *variable SPILLWAY_LOGS_DB, by default "spillway-logs.db" in the working folder
 * (report/database.h); spillway-report prints it.
 *
 * With [logs] archive = FOLDER the job also stores the plain text (archive.h).
 *
 *	ack	the report has the job, durably and once (report.h); the result
 *		is {"lines":L,"bad":B,"bytes":S}
 *	fail	no line is a log line; or the gzip or zstd data is damaged,
 *		incomplete, or expands beyond a limit
 *	retry	the report or the archive cannot be written (busy, disk full,
 *		wrong file …), with an alarm
 */
#ifndef JOBS_LOGS_H
#define JOBS_LOGS_H

#include "jobs/job.h"
#include "report/database.h" /* LOGS_DB_ENV */

extern const struct config_key logs_keys[];

/* Checks that the archive is a writable folder (struct job_type, job.h). */
int logs_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

enum job_disposition logs_run(struct job *);
extern const struct job_type logs_type;

#endif
