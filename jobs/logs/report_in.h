/* SPDX-License-Identifier: MIT */
/*
 * report_in.h - what the parts of the report share
 */
#ifndef JOBS_REPORT_IN_H
#define JOBS_REPORT_IN_H

#include <sqlite3.h>
#include <sys/types.h>

/* The statements, prepared when the report is opened (report_open.c). */
enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_JOB,
	SQL_JOB_ADD,
	SQL_VISITORS,
	SQL_TOTAL,
	SQL_STATUS,
	SQL_SIZE,
	SQL_TIMES,
	SQL_PATH,
	SQL_BOT,
	SQL_SESSIONS,
	SQL_DAY,
	SQL_SAMPLE,
	SQL_N
};

struct report {
	sqlite3 *db;
	char *path;
	dev_t dev;
	ino_t ino;
	sqlite3_stmt *st[SQL_N];
};

#endif
