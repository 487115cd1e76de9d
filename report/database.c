/* SPDX-License-Identifier: MIT */
#include "report/database.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "report/path_times.h"

/* PRAGMA application_id ("SWLG") and user_version of the file. */
#define APPLICATION_ID 0x53574c47
#define VERSION	       3

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
	"PRAGMA application_id=" STR(APPLICATION_ID);

/* From version 1; earlier jobs count as 0 in the new columns. */
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
	"PRAGMA user_version=" STR(VERSION);

/* Each from the version of its index; 0 is an empty file. */
static const char *const schemas[VERSION] = {
	schema_1, schema_2, schema_3};

/* clang-format on */

int
database_error(int rc)
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
		{SQLITE_ERROR,
			SW_EFORMAT}, /* the tables are not those of schema_*/
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
number_read(sqlite3 *db, const char *sql, int64_t *n)
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
	return database_error(rc);
}

static int
sql_run(sqlite3 *db, const char *sql)
{
	return database_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int
versions_read(sqlite3 *db)
{
	int64_t app = 0, version = 0, tables = 0;
	int err;

	if ((err = number_read(db, "PRAGMA application_id", &app)) < 0 ||
		(err = number_read(db, "PRAGMA user_version", &version)) < 0 ||
		(err = number_read(db, "SELECT count(*) FROM sqlite_schema",
			 &tables)) < 0)
		return err;
	if (app == 0 && tables == 0)
		return VERSION;
	return app == APPLICATION_ID && version >= 1 && version <= VERSION
		       ? VERSION - (int)version
		       : SW_EFORMAT;
}

/* One look at all three: another process may be making the tables. */
static int
versions_behind(sqlite3 *db)
{
	int err = sql_run(db, "SAVEPOINT look"), behind;

	if (err < 0)
		return err;
	behind = versions_read(db);
	err = sql_run(db, "RELEASE look");
	return behind < 0 ? behind : err < 0 ? err : behind;
}

/* Makes the tables or what they lack, unless another process was first. */
static int
schema_make(sqlite3 *db)
{
	int err = sql_run(db, "PRAGMA journal_mode=WAL"), behind;

	if (err == 0)
		err = sql_run(db, "BEGIN IMMEDIATE");
	if (err < 0)
		return err;
	err = behind = versions_behind(db);
	for (; err >= 0 && behind > 0; behind--)
		err = sql_run(db, schemas[VERSION - behind]);
	if (err == 0)
		err = sql_run(db, "COMMIT");
	if (sqlite3_get_autocommit(db) == 0)
		(void)sql_run(db, "ROLLBACK");
	return err;
}

static int
set_up(sqlite3 *db)
{
	int err = versions_behind(db);

	if (err > 0)
		err = schema_make(db);
	return err == 0 ? sql_run(db, "PRAGMA synchronous=FULL") : err;
}

/*
 * When several processes open a new file, SQLite refuses the change to WAL
 * mode with SQLITE_BUSY at once, whatever the busy timeout: hence the loop.
 */
static int
set_up_retry(sqlite3 *db)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
	int64_t until_ms = clock_now_ms(CLOCK_MONOTONIC) + DATABASE_BUSY_MS;
	int err;

	while ((err = set_up(db)) == -EBUSY &&
		clock_now_ms(CLOCK_MONOTONIC) < until_ms)
		nanosleep(&pause, NULL);
	return err;
}

int
database_open(sqlite3 **out, const char *path)
{
	sqlite3 *db = NULL;
	int err = database_error(sqlite3_open_v2(
		path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));

	if (err == 0)
		err = database_error(
			sqlite3_busy_timeout(db, DATABASE_BUSY_MS));
	if (err == 0)
		err = set_up_retry(db);
	if (err < 0)
		sqlite3_close(db);
	else
		*out = db;
	return err;
}

/* --- a snapshot ---------------------------------------------------------- */

/* stat() gives a better cause than SQLite's SQLITE_CANTOPEN. */
static int
file_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

static void
time_us_sql(sqlite3_context *c, int n, sqlite3_value **args)
{
	int64_t bucket = n == 1 ? sqlite3_value_int64(args[0]) : -1;

	if (bucket < 0 || bucket >= PATH_TIMES)
		sqlite3_result_null(c);
	else
		sqlite3_result_int64(
			c, (int64_t)path_time_us((unsigned)bucket));
}

static int
snapshot_begin(sqlite3 *db)
{
	int err = database_error(sqlite3_busy_timeout(db, DATABASE_BUSY_MS));

	if (err == 0)
		err = database_error(sqlite3_create_function(db, "time_us", 1,
			SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, time_us_sql,
			NULL, NULL));
	if (err == 0)
		err = sql_run(db, "BEGIN");
	if (err == 0)
		err = versions_behind(db);
	if (err > 0)
		err = err == VERSION ? SW_EFORMAT : SW_EVERSION;
	return err;
}

int
database_snapshot(sqlite3 **out, const char *path)
{
	sqlite3 *db = NULL;
	int err = file_check(path);

	if (err < 0)
		return err;
	err = database_error(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL));
	if (err == 0)
		err = snapshot_begin(db);
	if (err < 0)
		sqlite3_close(db);
	else
		*out = db;
	return err;
}
