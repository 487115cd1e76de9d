/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "error.h"

enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_JOB,
	SQL_VISITORS,
	SQL_TOTAL,
	SQL_STATUS,
	SQL_SIZE,
	SQL_PATH,
	SQL_SAMPLE,
	SQL_N
};

#define STR_(x) #x
#define STR(x)	STR_(x)

/* clang-format off */
static const char schema[] =
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
	"PRAGMA user_version=" STR(REPORT_VERSION) ";"
	"PRAGMA application_id=" STR(REPORT_APP_ID) ";"
	"COMMIT";

static const char *const texts[SQL_N] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_JOB] = "INSERT INTO merged(job_id, at_ms, requests, bad, bytes)"
		" VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
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
	[SQL_PATH] = "INSERT INTO path(path, n) VALUES(?1, ?2)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n",
	[SQL_SAMPLE] = "INSERT INTO sample(job_id, line, why)"
		" SELECT ?1, ?2, ?3"
		" WHERE (SELECT count(*) FROM sample) < ?4",
};
/* clang-format on */

struct report {
	sqlite3 *db;
	char *path;
	dev_t dev;
	ino_t ino;
	sqlite3_stmt *st[SQL_N];
};

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
	if (app == REPORT_APP_ID)
		return version == REPORT_VERSION ? 0 : SW_EFORMAT;
	return app == 0 && tables == 0 ? 1 : SW_EFORMAT;
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

/* Makes the tables, unless another process was first. */
static int
schema_make(sqlite3 *db)
{
	int err = run(db, "PRAGMA journal_mode=WAL");

	if (err == 0)
		err = run(db, "BEGIN IMMEDIATE");
	if (err < 0)
		return err;
	err = report_check(db);
	if (err == 1)
		err = run(db, schema);
	if (sqlite3_get_autocommit(db) == 0)
		(void)run(db, "ROLLBACK");
	return err;
}

static int
set_up(struct report *r)
{
	int err = report_check(r->db);

	if (err == 1)
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

/* Runs a statement that gives no rows. */
static int
step(struct report *r, enum sql which)
{
	int rc = sqlite3_step(r->st[which]);

	sqlite3_reset(r->st[which]);
	return report_error(rc);
}

static void
bind_n(struct report *r, enum sql which, int col, uint64_t n)
{
	(void)sqlite3_bind_int64(r->st[which], col, (sqlite3_int64)n);
}

/* Empty is a string without bytes, not NULL. */
static void
bind_bytes(struct report *r, enum sql which, int col, struct bytes b)
{
	(void)sqlite3_bind_blob64(
		r->st[which], col, b.len == 0 ? "" : b.p, b.len, SQLITE_STATIC);
}

static void
bind_time(struct report *r, enum sql which, int col, int64_t at_s)
{
	if (at_s == SCAN_NO_TIME)
		(void)sqlite3_bind_null(r->st[which], col);
	else
		(void)sqlite3_bind_int64(r->st[which], col, at_s);
}

static int
count_add(struct report *r, enum sql which, unsigned key, uint64_t n)
{
	if (n == 0)
		return 0;
	bind_n(r, which, 1, key);
	bind_n(r, which, 2, n);
	return step(r, which);
}

static int
visitors_read(struct report *r, struct hll *h)
{
	sqlite3_stmt *st = r->st[SQL_VISITORS];
	int rc = sqlite3_step(st), err = report_error(rc);

	if (rc == SQLITE_ROW && sqlite3_column_bytes(st, 0) == sizeof(*h))
		memcpy(h, sqlite3_column_blob(st, 0), sizeof(*h));
	else if (err == 0)
		err = SW_ECORRUPT;
	if (err == 0 && !hll_valid(h))
		err = SW_ECORRUPT;
	sqlite3_reset(st);
	return err;
}

static int
total_add(struct report *r, const struct tally *t)
{
	struct hll h;
	int err = visitors_read(r, &h);

	if (err < 0)
		return err;
	hll_merge(&h, &t->visitors);
	bind_n(r, SQL_TOTAL, 1, t->requests);
	bind_n(r, SQL_TOTAL, 2, t->bad);
	bind_n(r, SQL_TOTAL, 3, t->bytes);
	bind_time(r, SQL_TOTAL, 4, t->first_s);
	bind_time(r, SQL_TOTAL, 5, t->last_s);
	bind_bytes(r, SQL_TOTAL, 6, bytes_of(h.reg, sizeof(h.reg)));
	err = step(r, SQL_TOTAL);
	(void)sqlite3_clear_bindings(r->st[SQL_TOTAL]);
	return err;
}

static int
paths_add(struct report *r, const struct topk *k)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < k->n; i++) {
		const struct topk_entry *e = &k->entries[i];

		(void)sqlite3_bind_text64(r->st[SQL_PATH], 1,
			e->key.len == 0 ? "" : e->key.p, e->key.len,
			SQLITE_STATIC, SQLITE_UTF8);
		bind_n(r, SQL_PATH, 2, e->n);
		err = step(r, SQL_PATH);
	}
	return err;
}

static int
samples_add(struct report *r, const struct sw_id *id, const struct tally *t)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < t->n_samples; i++) {
		struct bytes line = t->samples[i].line;

		if (line.len > REPORT_LINE_MAX)
			line.len = REPORT_LINE_MAX;
		bind_bytes(r, SQL_SAMPLE, 1, bytes_of(id->b, sizeof(id->b)));
		bind_bytes(r, SQL_SAMPLE, 2, line);
		(void)sqlite3_bind_text(r->st[SQL_SAMPLE], 3, t->samples[i].why,
			-1, SQLITE_STATIC);
		bind_n(r, SQL_SAMPLE, 4, TALLY_SAMPLES);
		err = step(r, SQL_SAMPLE);
	}
	return err;
}

/* 0; 1: the job is in there already; or an error. */
static int
job_add(struct report *r, const struct sw_id *id, const struct tally *t,
	int64_t at_ms)
{
	int err;

	bind_bytes(r, SQL_JOB, 1, bytes_of(id->b, sizeof(id->b)));
	(void)sqlite3_bind_int64(r->st[SQL_JOB], 2, at_ms);
	bind_n(r, SQL_JOB, 3, t->requests);
	bind_n(r, SQL_JOB, 4, t->bad);
	bind_n(r, SQL_JOB, 5, t->bytes);
	err = step(r, SQL_JOB);
	return err == 0 ? sqlite3_changes(r->db) == 0 : err;
}

static int
merge(struct report *r, const struct sw_id *id, const struct tally *t,
	int64_t at_ms)
{
	int err = job_add(r, id, t, at_ms);

	if (err == 0)
		err = total_add(r, t);
	for (unsigned i = 0; err == 0 && i < TALLY_STATUSES; i++)
		err = count_add(r, SQL_STATUS, i, t->status[i]);
	for (unsigned i = 0; err == 0 && i < HIST_LEN; i++)
		err = count_add(r, SQL_SIZE, i, t->sizes.n[i]);
	if (err == 0)
		err = paths_add(r, &t->paths);
	if (err == 0)
		err = samples_add(r, id, t);
	return err;
}

int
report_merge(struct report *r, const struct sw_id *id, const struct tally *t,
	int64_t at_ms)
{
	int err = step(r, SQL_BEGIN);

	if (err < 0)
		return err;
	err = merge(r, id, t, at_ms);
	if (err == 0)
		err = step(r, SQL_COMMIT);
	if (sqlite3_get_autocommit(r->db) == 0)
		(void)step(r, SQL_ROLLBACK);
	return err;
}
