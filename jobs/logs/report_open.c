/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "jobs/logs/report.h"
#include "jobs/logs/report_in.h"

#define STR_(x) #x
#define STR(x)	STR_(x)

/* clang-format off */
static const char schema_1[] =
	"CREATE TABLE merged(job_id BLOB PRIMARY KEY, at_ms INTEGER NOT NULL,"
	" requests INTEGER NOT NULL, bad INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE total(one INTEGER PRIMARY KEY CHECK(one = 1),"
	" requests INTEGER NOT NULL, bad INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, first_s INTEGER, last_s INTEGER,"
	" visitors BLOB NOT NULL) STRICT;"
	"INSERT INTO total VALUES(1, 0, 0, 0, NULL, NULL, zeroblob(4096));"
	"CREATE TABLE status(status INTEGER PRIMARY KEY,"
	" n INTEGER NOT NULL) STRICT;"
	"CREATE TABLE size(bucket INTEGER PRIMARY KEY,"
	" n INTEGER NOT NULL) STRICT;"
	"CREATE TABLE path(path TEXT PRIMARY KEY,"
	" n INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE sample(nr INTEGER PRIMARY KEY, job_id BLOB NOT NULL,"
	" line BLOB NOT NULL, why TEXT NOT NULL) STRICT;"
	"PRAGMA application_id=" STR(REPORT_APP_ID);

/* From version 1; what was merged before counts as 0 in what is new. */
static const char schema_2[] =
	"ALTER TABLE path ADD COLUMN errors_4xx INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE path ADD COLUMN errors_5xx INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE path ADD COLUMN timed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE path ADD COLUMN time_us INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE path ADD COLUMN time_us_max INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE path_time(path TEXT NOT NULL, bucket INTEGER NOT NULL,"
	" n INTEGER NOT NULL, PRIMARY KEY(path, bucket)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE bot(word TEXT PRIMARY KEY, n INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE day(day TEXT PRIMARY KEY, requests INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, sessions INTEGER NOT NULL,"
	" visitors INTEGER NOT NULL, exact INTEGER NOT NULL,"
	" visits BLOB NOT NULL) STRICT, WITHOUT ROWID;";

/* From version 2, where the table path_time had a row for each bucket. */
static const char schema_3[] =
	"ALTER TABLE path ADD COLUMN times TEXT NOT NULL DEFAULT '{}';"
	"UPDATE path SET times = (SELECT"
	" json_group_object(CAST(bucket AS TEXT), n) FROM path_time AS t"
	" WHERE t.path = path.path) WHERE timed > 0;"
	"DROP TABLE path_time;"
	"CREATE VIEW path_time AS SELECT p.path, CAST(key AS INTEGER) AS bucket,"
	" value AS n FROM path AS p, json_each(p.times);"
	"PRAGMA user_version=" STR(REPORT_VERSION);

/* Each from the version of its index; 0 is an empty file. */
static const char *const schemas[REPORT_VERSION] = {
	schema_1, schema_2, schema_3};

static const char *const texts[SQL_N] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_JOB] = "INSERT INTO merged(job_id, at_ms, requests, bad, bytes)"
		" VALUES(?1, ?2, 0, 0, 0) ON CONFLICT DO NOTHING",
	[SQL_JOB_ADD] = "UPDATE merged SET requests = requests + ?2,"
		" bad = bad + ?3, bytes = bytes + ?4 WHERE job_id = ?1",
	[SQL_VISITORS] = "SELECT visitors FROM total",
	/* min() and max() of two are NULL if one is. */
	[SQL_TOTAL] = "UPDATE total SET requests = requests + ?1,"
		" bad = bad + ?2, bytes = bytes + ?3,"
		" first_s = coalesce(min(first_s, ?4), first_s, ?4),"
		" last_s = coalesce(max(last_s, ?5), last_s, ?5),"
		" visitors = ?6",
	[SQL_STATUS] = "INSERT INTO status(status, n) VALUES(?1, ?2)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n",
	[SQL_SIZE] = "INSERT INTO size(bucket, n) VALUES(?1, ?2)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n",
	[SQL_TIMES] = "SELECT times FROM path WHERE path = ?1",
	[SQL_PATH] = "INSERT INTO path(path, n, errors_4xx, errors_5xx,"
		" timed, time_us, time_us_max, times)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce(?8, '{}'))"
		" ON CONFLICT DO UPDATE"
		" SET n = n + excluded.n,"
		" errors_4xx = errors_4xx + excluded.errors_4xx,"
		" errors_5xx = errors_5xx + excluded.errors_5xx,"
		" timed = timed + excluded.timed,"
		" time_us = time_us + excluded.time_us,"
		" time_us_max = max(time_us_max, excluded.time_us_max),"
		" times = coalesce(?8, times)",
	[SQL_BOT] = "INSERT INTO bot(word, n, bytes) VALUES(?1, ?2, ?3)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n,"
		" bytes = bytes + excluded.bytes",
	[SQL_SESSIONS] = "SELECT visits FROM day"
		" WHERE day = date(?1 * 86400, 'unixepoch')",
	[SQL_DAY] = "INSERT INTO day(day, requests, bytes, sessions,"
		" visitors, exact, visits)"
		" VALUES(date(?1 * 86400, 'unixepoch'), ?2, ?3, ?4, ?5, ?6,"
		" ?7) ON CONFLICT DO UPDATE SET"
		" requests = requests + excluded.requests,"
		" bytes = bytes + excluded.bytes,"
		" sessions = excluded.sessions,"
		" visitors = excluded.visitors, exact = excluded.exact,"
		" visits = excluded.visits",
	[SQL_SAMPLE] = "INSERT INTO sample(job_id, line, why)"
		" SELECT ?1, ?2, ?3"
		" WHERE (SELECT count(*) FROM sample) < ?4",
};
/* clang-format on */

int
report_error(int rc)
{
	static const struct {
		int rc, err;
	} map[] = {
		{SQLITE_OK, 0},
		{SQLITE_ROW, 0},
		{SQLITE_DONE, 0},
		{SQLITE_BUSY, -EBUSY},
		{SQLITE_LOCKED, -EBUSY},
		{SQLITE_NOMEM, -ENOMEM},
		{SQLITE_FULL, -ENOSPC},
		{SQLITE_CANTOPEN, -ENOENT},
		{SQLITE_PERM, -EACCES},
		{SQLITE_AUTH, -EACCES},
		{SQLITE_READONLY, -EROFS},
		{SQLITE_NOTADB, SW_EFORMAT},
		{SQLITE_ERROR, SW_EFORMAT}, /* our SQL, but not our tables */
		{SQLITE_CORRUPT, SW_ECORRUPT},
		{SQLITE_TOOBIG, SW_ETOOBIG},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].rc == (rc & 0xff))
			return map[i].err;
	return -EIO;
}

/* The number that a statement of one row and column gives. */
static int
number(sqlite3 *db, const char *sql, int64_t *n)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*n = sqlite3_column_int64(st, 0);
	else if (rc == SQLITE_DONE)
		rc = SQLITE_CORRUPT;
	sqlite3_finalize(st);
	return report_error(rc);
}

static int
run(sqlite3 *db, const char *sql)
{
	return report_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int
check(sqlite3 *db)
{
	int64_t app = 0, version = 0, tables = 0;
	int err;

	if ((err = number(db, "PRAGMA application_id", &app)) < 0 ||
		(err = number(db, "PRAGMA user_version", &version)) < 0 ||
		(err = number(db, "SELECT count(*) FROM sqlite_schema",
			 &tables)) < 0)
		return err;
	if (app == 0 && tables == 0)
		return REPORT_EMPTY;
	return app == REPORT_APP_ID && version >= 1 && version <= REPORT_VERSION
		       ? REPORT_VERSION - (int)version
		       : SW_EFORMAT;
}

/* One look at all three: another process may be making the tables. */
int
report_check(sqlite3 *db)
{
	int err = run(db, "SAVEPOINT look"), answer;

	if (err < 0)
		return err;
	answer = check(db);
	err = run(db, "RELEASE look");
	return answer < 0 ? answer : err < 0 ? err : answer;
}

/* Makes the tables or what they lack, unless another process was first. */
static int
schema_make(sqlite3 *db)
{
	int err = run(db, "PRAGMA journal_mode=WAL"), behind;

	if (err == 0)
		err = run(db, "BEGIN IMMEDIATE");
	if (err < 0)
		return err;
	err = behind = report_check(db);
	for (; err >= 0 && behind > 0; behind--)
		err = run(db, schemas[REPORT_VERSION - behind]);
	if (err == 0)
		err = run(db, "COMMIT");
	if (sqlite3_get_autocommit(db) == 0)
		(void)run(db, "ROLLBACK");
	return err;
}

static int
set_up(struct report *r)
{
	int err = report_check(r->db);

	if (err > 0)
		err = schema_make(r->db);
	if (err == 0)
		err = run(r->db, "PRAGMA synchronous=FULL");
	for (int i = 0; err == 0 && i < SQL_N; i++)
		err = report_error(sqlite3_prepare_v3(r->db, texts[i], -1,
			SQLITE_PREPARE_PERSISTENT, &r->st[i], NULL));
	return err;
}

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Turning to WAL mode answers SQLITE_BUSY at once, whatever the busy
 * timeout, when several processes meet a new file: hence the loop.
 */
static int
set_up_patiently(struct report *r)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
	int64_t until_ms = clock_ms() + REPORT_BUSY_MS;
	int err;

	while ((err = set_up(r)) == -EBUSY && clock_ms() < until_ms) {
		for (int i = 0; i < SQL_N; i++) {
			sqlite3_finalize(r->st[i]);
			r->st[i] = NULL;
		}
		nanosleep(&pause, NULL);
	}
	return err;
}

int
report_open(struct report **out, const char *path)
{
	struct report *r = calloc(1, sizeof(*r));
	struct stat st;
	int err = -ENOMEM;

	if (r == NULL || (r->path = strdup(path)) == NULL)
		goto out;
	err = report_error(sqlite3_open_v2(path, &r->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
	if (err < 0)
		goto out;
	err = report_error(sqlite3_busy_timeout(r->db, REPORT_BUSY_MS));
	if (err == 0)
		err = set_up_patiently(r);
	if (err == 0 && stat(path, &st) < 0)
		err = -errno;
	if (err != 0)
		goto out;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	*out = r;
	return 0;
out:
	report_close(r);
	return err;
}

void
report_close(struct report *r)
{
	if (r == NULL)
		return;
	for (int i = 0; i < SQL_N; i++)
		sqlite3_finalize(r->st[i]);
	sqlite3_close(r->db);
	free(r->path);
	free(r);
}

int
report_stale(const struct report *r)
{
	struct stat st;

	return stat(r->path, &st) < 0 || st.st_dev != r->dev ||
	       st.st_ino != r->ino;
}
