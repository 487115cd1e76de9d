/* SPDX-License-Identifier: MIT */
#include "jobs/logs/report.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "report/database.h"
#include "report/path_times.h"

/* The statements that a report prepares when it is opened. */
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

struct log_report {
	sqlite3 *db;
	char *path;
	dev_t dev; /* with `ino`: the file that was opened */
	ino_t ino;
	sqlite3_stmt *st[SQL_N];
};

/* clang-format off */
static const char *const texts[SQL_N] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_JOB] = "INSERT INTO merged(job_id, at_ms, requests, bad, bytes)"
		" VALUES(?1, ?2, 0, 0, 0) ON CONFLICT DO NOTHING",
	[SQL_JOB_ADD] = "UPDATE merged SET requests = requests + ?2,"
		" bad = bad + ?3, bytes = bytes + ?4 WHERE job_id = ?1",
	[SQL_VISITORS] = "SELECT visitors FROM total",
	/* min() and max() of two values are NULL if one is. */
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

/* --- opening ------------------------------------------------------------- */

static int
statements_prepare(struct log_report *r)
{
	int err = 0;

	for (int i = 0; err == 0 && i < SQL_N; i++)
		err = database_error(sqlite3_prepare_v3(r->db, texts[i], -1,
			SQLITE_PREPARE_PERSISTENT, &r->st[i], NULL));
	return err;
}

int
report_open(struct log_report **out, const char *path)
{
	struct log_report *r = calloc(1, sizeof(*r));
	struct stat st;
	int err = -ENOMEM;

	if (r == NULL || (r->path = strdup(path)) == NULL)
		goto out;
	err = database_open(&r->db, path);
	if (err == 0)
		err = statements_prepare(r);
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
report_close(struct log_report *r)
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
report_stale(const struct log_report *r)
{
	struct stat st;

	return stat(r->path, &st) < 0 || st.st_dev != r->dev ||
	       st.st_ino != r->ino;
}

/* --- adding a tally ------------------------------------------------------ */

/* Runs a statement that returns no rows. */
static int
step(struct log_report *r, enum sql which)
{
	int rc = sqlite3_step(r->st[which]);

	sqlite3_reset(r->st[which]);
	return database_error(rc);
}

static void
bind_n(struct log_report *r, enum sql which, int col, uint64_t n)
{
	(void)sqlite3_bind_int64(r->st[which], col, (sqlite3_int64)n);
}

/* Binds empty bytes as an empty value, not as NULL. */
static void
bind_bytes(struct log_report *r, enum sql which, int col, struct bytes b)
{
	(void)sqlite3_bind_blob64(
		r->st[which], col, b.len == 0 ? "" : b.p, b.len, SQLITE_STATIC);
}

static void
bind_time(struct log_report *r, enum sql which, int col, int64_t at_s)
{
	if (at_s == SCAN_NO_TIME)
		(void)sqlite3_bind_null(r->st[which], col);
	else
		(void)sqlite3_bind_int64(r->st[which], col, at_s);
}

static int
count_add(struct log_report *r, enum sql which, unsigned key, uint64_t n)
{
	if (n == 0)
		return 0;
	bind_n(r, which, 1, key);
	bind_n(r, which, 2, n);
	return step(r, which);
}

static int
visitors_read(struct log_report *r, struct hll *h)
{
	sqlite3_stmt *st = r->st[SQL_VISITORS];
	int rc = sqlite3_step(st), err = database_error(rc);

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
total_add(struct log_report *r, const struct log_tally *t)
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

/* `b` must live until the step; here the tally owns it. */
static void
bind_text(struct log_report *r, enum sql which, int col, struct bytes b)
{
	(void)sqlite3_bind_text64(r->st[which], col, b.len == 0 ? "" : b.p,
		b.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* Adds the times that the report has of a path to `n`. */
static int
times_read(struct log_report *r, struct bytes path, uint64_t n[PATH_TIMES])
{
	sqlite3_stmt *st = r->st[SQL_TIMES];
	int rc, err;

	bind_text(r, SQL_TIMES, 1, path);
	rc = sqlite3_step(st);
	err = database_error(rc);
	if (rc == SQLITE_ROW)
		err = path_times_read(
			bytes_of(sqlite3_column_text(st, 0),
				(size_t)sqlite3_column_bytes(st, 0)),
			n);
	sqlite3_reset(st);
	return err;
}

/* Binds the sum of all times of a path as text; NULL if the job adds none. */
static int
times_bind(struct log_report *r, const struct log_path *p,
	char text[PATH_TIMES_TEXT])
{
	uint64_t n[PATH_TIMES] = {0};
	int err;

	(void)sqlite3_bind_null(r->st[SQL_PATH], 8);
	if (p->times == NULL)
		return 0;
	err = times_read(r, p->key, n);
	if (err < 0)
		return err;
	for (unsigned i = 0; i < PATH_TIMES; i++)
		n[i] += p->times[i];
	bind_text(r, SQL_PATH, 8, bytes_of(text, path_times_write(n, text)));
	return 0;
}

static int
path_add(struct log_report *r, const struct log_path *p)
{
	char times[PATH_TIMES_TEXT];
	int err = times_bind(r, p, times);

	if (err < 0)
		return err;
	bind_text(r, SQL_PATH, 1, p->key);
	bind_n(r, SQL_PATH, 2, p->n);
	bind_n(r, SQL_PATH, 3, p->errors[0]);
	bind_n(r, SQL_PATH, 4, p->errors[1]);
	bind_n(r, SQL_PATH, 5, p->timed);
	bind_n(r, SQL_PATH, 6, p->us);
	bind_n(r, SQL_PATH, 7, p->us_max);
	return step(r, SQL_PATH);
}

static int
bots_add(struct log_report *r, const struct tally_bot *bots)
{
	int err = 0;

	for (int i = 0; err == 0 && bot_words[i] != NULL; i++) {
		if (bots[i].requests == 0)
			continue;
		bind_text(r, SQL_BOT, 1, bytes_str(bot_words[i]));
		bind_n(r, SQL_BOT, 2, bots[i].requests);
		bind_n(r, SQL_BOT, 3, bots[i].bytes);
		err = step(r, SQL_BOT);
	}
	return err;
}

/* Adds the sessions that the report has of a day to the job's. */
static int
sessions_read(struct log_report *r, struct tally_day *d)
{
	sqlite3_stmt *st = r->st[SQL_SESSIONS];
	int rc, err;

	(void)sqlite3_bind_int64(st, 1, d->day);
	rc = sqlite3_step(st);
	err = database_error(rc);
	if (rc == SQLITE_ROW)
		err = sessions_load(&d->sessions,
			bytes_of(sqlite3_column_blob(st, 0),
				(size_t)sqlite3_column_bytes(st, 0)));
	sqlite3_reset(st);
	return err;
}

static int
day_add(struct log_report *r, struct tally_day *d)
{
	int err = sessions_read(r, d);
	struct sessions_sum sum;
	uint8_t *stored;
	size_t len;

	if (err == 0)
		err = sessions_tidy(&d->sessions);
	if (err < 0)
		return err;
	sum = sessions_count(&d->sessions);
	len = sessions_stored_len(&d->sessions);
	stored = malloc(len);
	if (stored == NULL)
		return -ENOMEM;
	sessions_store(&d->sessions, stored);
	(void)sqlite3_bind_int64(r->st[SQL_DAY], 1, d->day);
	bind_n(r, SQL_DAY, 2, d->requests);
	bind_n(r, SQL_DAY, 3, d->bytes);
	bind_n(r, SQL_DAY, 4, sum.sessions);
	bind_n(r, SQL_DAY, 5, sum.visitors);
	bind_n(r, SQL_DAY, 6, (uint64_t)sum.exact);
	bind_bytes(r, SQL_DAY, 7, bytes_of(stored, len));
	err = step(r, SQL_DAY);
	(void)sqlite3_clear_bindings(r->st[SQL_DAY]);
	free(stored);
	return err;
}

static int
samples_add(
	struct log_report *r, const struct sw_id *id, const struct log_tally *t)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < t->n_samples; i++) {
		const struct tally_sample *s = &t->samples[i];

		bind_bytes(r, SQL_SAMPLE, 1, bytes_of(id->b, sizeof(id->b)));
		bind_bytes(r, SQL_SAMPLE, 2, bytes_of(s->line, s->len));
		bind_text(r, SQL_SAMPLE, 3, bytes_str(s->why));
		bind_n(r, SQL_SAMPLE, 4, TALLY_SAMPLES);
		err = step(r, SQL_SAMPLE);
	}
	return err;
}

int
report_begin(struct log_report *r, const struct sw_id *id, int64_t at_ms)
{
	int err = step(r, SQL_BEGIN);

	if (err < 0)
		return err;
	bind_bytes(r, SQL_JOB, 1, bytes_of(id->b, sizeof(id->b)));
	(void)sqlite3_bind_int64(r->st[SQL_JOB], 2, at_ms);
	err = step(r, SQL_JOB);
	if (err == 0 && sqlite3_changes(r->db) > 0)
		return 0;
	report_abort(r);
	return err < 0 ? err : 1;
}

static int
job_add(struct log_report *r, const struct sw_id *id, const struct log_tally *t)
{
	bind_bytes(r, SQL_JOB_ADD, 1, bytes_of(id->b, sizeof(id->b)));
	bind_n(r, SQL_JOB_ADD, 2, t->requests);
	bind_n(r, SQL_JOB_ADD, 3, t->bad);
	bind_n(r, SQL_JOB_ADD, 4, t->bytes);
	return step(r, SQL_JOB_ADD);
}

int
report_add(struct log_report *r, const struct sw_id *id, struct log_tally *t)
{
	int err = job_add(r, id, t);

	if (err == 0)
		err = total_add(r, t);
	for (unsigned i = 0; err == 0 && i < TALLY_STATUSES; i++)
		err = count_add(r, SQL_STATUS, i, t->status[i]);
	for (unsigned i = 0; err == 0 && i < HIST_LEN; i++)
		err = count_add(r, SQL_SIZE, i, t->sizes.n[i]);
	for (size_t i = 0; err == 0 && i < t->paths.n; i++)
		err = path_add(r, &t->paths.entries[i]);
	if (err == 0)
		err = bots_add(r, t->bots);
	for (size_t i = 0; err == 0 && i < t->n_days; i++)
		err = day_add(r, &t->days[i]);
	if (err == 0)
		err = samples_add(r, id, t);
	return err;
}

int
report_commit(struct log_report *r)
{
	int err = step(r, SQL_COMMIT);

	report_abort(r);
	return err;
}

void
report_abort(struct log_report *r)
{
	if (sqlite3_get_autocommit(r->db) == 0)
		(void)step(r, SQL_ROLLBACK);
}
