/* SPDX-License-Identifier: MIT */
#include "report/view.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/histogram.h"
#include "report/database.h"
#include "report/hll.h"

/* The p99 is the first bucket that at least 99 of 100 times do not exceed. */
const char view_slow_sql[] =
	"SELECT path, timed, time_us,"
	" (SELECT min(time_us(min(bucket)), p.time_us_max) FROM"
	"   (SELECT bucket, sum(n) OVER (ORDER BY bucket) AS upto"
	"     FROM path_time AS t WHERE t.path = p.path)"
	"   WHERE upto * 100 >= p.timed * 99) AS p99_us,"
	" time_us_max FROM path AS p WHERE timed >= 10"
	" ORDER BY p99_us DESC, time_us DESC, path LIMIT 10";

/* Adds a row to the view; 0 or an error. */
typedef int row_fn(struct report_view *, sqlite3_stmt *, void *arg);

static int
rows_each(sqlite3 *db, struct report_view *v, const char *sql, row_fn *fn,
	void *arg)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL), err = 0;

	if (rc == SQLITE_OK)
		while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW)
			err = fn(v, st, arg);
	sqlite3_finalize(st);
	return err < 0 ? err : database_error(rc);
}

/* Copies a column; NULL: out of memory. */
static void *
column_copy(sqlite3_stmt *st, int col, struct bytes *b)
{
	const void *p = sqlite3_column_blob(st, col);
	size_t len = (size_t)sqlite3_column_bytes(st, col);
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, p, len);
	copy[len] = '\0';
	*b = bytes_of(copy, len);
	return copy;
}

static uint64_t
column_count(sqlite3_stmt *st, int col)
{
	return (uint64_t)sqlite3_column_int64(st, col);
}

static int64_t
column_time(sqlite3_stmt *st, int col)
{
	return sqlite3_column_type(st, col) == SQLITE_NULL
		       ? VIEW_NO_TIME
		       : sqlite3_column_int64(st, col);
}

static int
total_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	struct hll h;

	(void)arg;
	v->requests = column_count(st, 0);
	v->bad = column_count(st, 1);
	v->bytes = column_count(st, 2);
	v->first_s = column_time(st, 3);
	v->last_s = column_time(st, 4);
	if (sqlite3_column_bytes(st, 5) != sizeof(h))
		return SW_ECORRUPT;
	memcpy(&h, sqlite3_column_blob(st, 5), sizeof(h));
	if (!hll_valid(&h))
		return SW_ECORRUPT;
	v->visitors = hll_count(&h);
	return 0;
}

static int
status_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	int64_t class = sqlite3_column_int64(st, 0) / 100;

	(void)arg;
	v->classes[class >= 1 && class < VIEW_CLASSES ? class : 0] +=
		column_count(st, 1);
	return 0;
}

static int
size_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	struct hist *h = arg;
	int64_t bucket = sqlite3_column_int64(st, 0);

	(void)v;
	if (bucket < 0 || bucket >= HIST_LEN)
		return SW_ECORRUPT;
	h->n[bucket] += column_count(st, 1);
	return 0;
}

static int
counts_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	(void)arg;
	v->jobs = column_count(st, 0);
	v->n_paths = column_count(st, 1);
	return 0;
}

static int
path_add(struct view_path *p, size_t *n, sqlite3_stmt *st)
{
	if (*n == VIEW_TOP)
		return 0;
	p[*n].n = column_count(st, 1);
	if (column_copy(st, 0, &p[*n].path) == NULL)
		return -ENOMEM;
	++*n;
	return 0;
}

static int
path_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	(void)arg;
	return path_add(v->top, &v->n_top, st);
}

static int
errors_4xx_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	(void)arg;
	return path_add(v->errors[0], &v->n_errors[0], st);
}

static int
errors_5xx_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	(void)arg;
	return path_add(v->errors[1], &v->n_errors[1], st);
}

static int
slow_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	struct view_slow *s = &v->slow[v->n_slow];

	(void)arg;
	if (v->n_slow == VIEW_TOP)
		return 0;
	s->n = column_count(st, 1);
	s->us = column_count(st, 2);
	s->us_p99 = column_count(st, 3);
	s->us_max = column_count(st, 4);
	if (column_copy(st, 0, &s->path) == NULL)
		return -ENOMEM;
	v->n_slow++;
	return 0;
}

static int
bot_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	struct view_bot *b = &v->bots[v->n_bots];

	(void)arg;
	v->bot_requests += column_count(st, 1);
	v->bot_bytes += column_count(st, 2);
	if (v->n_bots == VIEW_TOP)
		return 0;
	b->n = column_count(st, 1);
	b->bytes = column_count(st, 2);
	if (column_copy(st, 0, &b->word) == NULL)
		return -ENOMEM;
	v->n_bots++;
	return 0;
}

static int
day_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	const char *day = (const char *)sqlite3_column_text(st, 0);
	struct view_day *d;

	(void)arg;
	/* At each power of two the array doubles. */
	if ((v->n_days & (v->n_days - 1)) == 0) {
		d = reallocarray(v->days, 2 * v->n_days + 1, sizeof(*d));
		if (d == NULL)
			return -ENOMEM;
		v->days = d;
	}
	d = &v->days[v->n_days++];
	(void)snprintf(d->day, sizeof(d->day), "%s", day == NULL ? "" : day);
	d->requests = column_count(st, 1);
	d->bytes = column_count(st, 2);
	d->sessions = column_count(st, 3);
	d->visitors = column_count(st, 4);
	d->exact = sqlite3_column_int(st, 5) != 0;
	return 0;
}

static int
sample_row(struct report_view *v, sqlite3_stmt *st, void *arg)
{
	struct view_sample *s = &v->samples[v->n_samples];
	char *line;

	(void)arg;
	if (v->n_samples == VIEW_SAMPLES)
		return 0;
	line = column_copy(st, 0, &s->line);
	if (line == NULL)
		return -ENOMEM;
	if (column_copy(st, 1, &s->why) == NULL) {
		free(line);
		return -ENOMEM;
	}
	v->n_samples++;
	return 0;
}

static int
sizes_read(sqlite3 *db, struct report_view *v)
{
	struct hist *h = calloc(1, sizeof(*h));
	int err;

	if (h == NULL)
		return -ENOMEM;
	err = rows_each(db, v, "SELECT bucket, n FROM size", size_row, h);
	if (err == 0) {
		v->p50 = hist_quantile(h, 500);
		v->p99 = hist_quantile(h, 990);
	}
	free(h);
	return err;
}

/* All queries are in the snapshot's transaction, so they see one instant. */
static int
view_read(sqlite3 *db, struct report_view *v)
{
	/* clang-format off */
	static const struct {
		const char *sql;
		row_fn *fn;
	} queries[] = {
		{"SELECT requests, bad, bytes, first_s, last_s, visitors"
			" FROM total", total_row},
		{"SELECT status, n FROM status", status_row},
		{"SELECT (SELECT count(*) FROM merged),"
			" (SELECT count(*) FROM path)", counts_row},
		{"SELECT path, n FROM path ORDER BY n DESC, path LIMIT 10",
			path_row},
		{"SELECT path, errors_4xx FROM path WHERE errors_4xx > 0"
			" ORDER BY errors_4xx DESC, path LIMIT 10",
			errors_4xx_row},
		{"SELECT path, errors_5xx FROM path WHERE errors_5xx > 0"
			" ORDER BY errors_5xx DESC, path LIMIT 10",
			errors_5xx_row},
		{view_slow_sql, slow_row},
		{"SELECT word, n, bytes FROM bot ORDER BY n DESC, word",
			bot_row},
		{"SELECT day, requests, bytes, sessions, visitors, exact"
			" FROM day ORDER BY day", day_row},
		{"SELECT line, why FROM sample ORDER BY nr LIMIT 10",
			sample_row},
	};
	/* clang-format on */
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(queries) / sizeof(queries[0]);
		i++)
		err = rows_each(db, v, queries[i].sql, queries[i].fn, NULL);
	return err == 0 ? sizes_read(db, v) : err;
}

int
view_init(struct report_view *v, const char *path)
{
	sqlite3 *db = NULL;
	struct report_view w = {
		.first_s = VIEW_NO_TIME, .last_s = VIEW_NO_TIME};
	int err = database_snapshot(&db, path);

	if (err < 0)
		return err;
	err = view_read(db, &w);
	sqlite3_close(db);
	if (err < 0) {
		view_fini(&w);
		return err;
	}
	*v = w;
	return 0;
}

/* Frees the result of column_copy(), which struct bytes has as const. */
static void
bytes_free(struct bytes b)
{
	union {
		const void *c;
		void *p;
	} u = {b.p};

	free(u.p);
}

void
view_fini(struct report_view *v)
{
	for (size_t i = 0; i < v->n_top; i++)
		bytes_free(v->top[i].path);
	for (size_t e = 0; e < 2; e++)
		for (size_t i = 0; i < v->n_errors[e]; i++)
			bytes_free(v->errors[e][i].path);
	for (size_t i = 0; i < v->n_slow; i++)
		bytes_free(v->slow[i].path);
	for (size_t i = 0; i < v->n_bots; i++)
		bytes_free(v->bots[i].word);
	free(v->days);
	for (size_t i = 0; i < v->n_samples; i++) {
		bytes_free(v->samples[i].line);
		bytes_free(v->samples[i].why);
	}
	memset(v, 0, sizeof(*v));
}
