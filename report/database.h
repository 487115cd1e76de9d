/* SPDX-License-Identifier: MIT */
/*
 * database.h - the file of a log report: one SQLite database
 *
 * The job `logs` adds to the file, spillway-report prints it, and any number of
 * processes may do either at once, on a local disk.  The tables are for
 * sqlite3(1) too: total, status, size, path, bot, day, sample, merged, and the
 * view path_time; docs/logs.md describes them.
 */
#ifndef REPORT_DATABASE_H
#define REPORT_DATABASE_H

/* The environment variable that names the file, and its default. */
#define LOGS_DB_ENV	"SPILLWAY_LOGS_DB"
#define LOGS_DB_DEFAULT "spillway-logs.db"

enum {
	DATABASE_BUSY_MS = 10 * 1000, /* longest wait for other writers */
	DATABASE_SAMPLES = 10,	      /* malformed lines in the table sample */
};

struct sqlite3;

/*
 * Opens the database at `path` for writing, with every commit synced to disk.
 * Creates a missing file, and brings the tables of an older version up to date
 * in one transaction.  The caller closes it with sqlite3_close(), and not after
 * a fork().
 *	SW_EFORMAT	the file is no report, or one of a newer version
 *	-EBUSY		other processes kept the file locked for
 *DATABASE_BUSY_MS -errno		of the file: -ENOENT (also: cannot be
 *created), -EACCES, -ENOSPC, -EIO, -EROFS, -ENOMEM
 */
int database_open(struct sqlite3 **, const char *path)
	__attribute__((warn_unused_result));

/*
 * Opens the database read only, in one transaction that lasts until
 * sqlite3_close(): all queries see the same instant.  SQL has the function
 * time_us(bucket), the microseconds that represent a bucket of path_time.
 * Errors as of database_open(); also SW_EFORMAT for an empty file, SW_EVERSION
 * for an older version, -EISDIR for a folder.
 */
int database_snapshot(struct sqlite3 **, const char *path)
	__attribute__((warn_unused_result));

/* An SQLite result code as an error; 0 for OK, ROW and DONE. */
int database_error(int rc);

#endif
