/* SPDX-License-Identifier: MIT */
/*
 * report.h - the report that all jobs on a log add to: one SQLite file
 *
 * A tally is merged in one transaction together with its job's id, so a job
 * that runs twice, or is killed at any point and runs again, counts once.
 * The transaction is synced to disk before report_merge returns: a job is
 * acknowledged only for what a power loss cannot take back.  Any number of
 * processes may merge into one file (on a local disk).
 *
 * The tables are plain, for sqlite3(1) to query: total, status, size, path,
 * sample, merged.
 */
#ifndef JOBS_REPORT_H
#define JOBS_REPORT_H

#include "id.h"
#include "tally.h"

/* The file's PRAGMA application_id, "SWLG", and its user_version. */
#define REPORT_APP_ID  0x53574c47
#define REPORT_VERSION 1

enum {
	REPORT_BUSY_MS = 10 * 1000, /* waits so long for other writers */
	REPORT_LINE_MAX = 200,	    /* bytes kept of a malformed line */
};

struct report;
struct sqlite3;

/*
 * Opens the report at `path`, making it if there is none.
 *	SW_EFORMAT	the file is something else, or of a newer version
 *	-EBUSY		others kept it locked for REPORT_BUSY_MS
 *	-errno		of the file: -ENOENT (also: cannot be made), -EACCES,
 *			-ENOSPC, -EIO, -EROFS, -ENOMEM
 * Not to be used across fork().
 */
int report_open(struct report **, const char *path)
	__attribute__((warn_unused_result));
void report_close(struct report *);

/*
 * Whether the path no longer names the open file, because someone removed
 * or replaced it: what is merged into it would be lost.
 */
int report_stale(const struct report *);

/*
 * Adds what the job `id` found.  0: it is on disk; 1: it was there before
 * and nothing was changed.  Errors as of report_open; nothing was changed
 * then, or, should the commit itself have failed, all of it was: run it again.
 */
int report_merge(struct report *, const struct sw_id *id, const struct tally *,
	int64_t at_ms) __attribute__((warn_unused_result));

/* For the parts of this module. */

/* An SQLite result as an error; 0 for OK, ROW and DONE. */
int report_error(int rc);

/* 0; 1: an empty file, that no one has made a report of; or an error. */
int report_check(struct sqlite3 *);

#endif
