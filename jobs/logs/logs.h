/* SPDX-License-Identifier: MIT */
/*
 * logs.h - the job `logs`: a piece of an access log into the common report
 *
 * The body is lines of a web server's access log (scan.h), as they are or
 * within gzip or zstd (unpack.h); of a job without a body it is the blob
 * that it refers to, of any size, in bounded memory.  The report is
 * the SQLite file named by the environment's SPILLWAY_LOGS_DB, else
 * "spillway-logs.db" in the working folder; spillway-report prints it.
 *
 * With [logs] archive = FOLDER the plain text is kept there (archive.h).
 *
 *	ack	merged, durably and once (report.h); the result is
 *		{"lines":L,"bad":B,"bytes":S}
 *	fail	the log has lines and none of them is a log line; its gzip or
 *		zstd data is damaged, ends in the middle, or expands too far
 *	retry	the report or the archive cannot be written: busy, disk full,
 *		wrong file …, with an alarm.  The body is not to blame: it is
 *		not buried for that at once.
 */
#ifndef JOBS_LOGS_H
#define JOBS_LOGS_H

#include "jobs/job.h"
#include "report/database.h" /* LOGS_DB_ENV */

extern const struct config_key logs_keys[];

/* The archive is a folder that can be written; see job_type. */
int logs_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

enum job_verdict logs_run(struct job *);

#endif
