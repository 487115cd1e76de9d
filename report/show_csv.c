/* SPDX-License-Identifier: MIT */
#include "report/show.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "report/database.h"

const struct show_table show_tables[] = {
	{"total", "SELECT requests, bad, bytes,"
		  " datetime(first_s, 'unixepoch') AS first,"
		  " datetime(last_s, 'unixepoch') AS last FROM total"},
	{"status", "SELECT status, n AS requests FROM status ORDER BY 1"},
	{"days", "SELECT day, requests, bytes, sessions, visitors, exact"
		 " FROM day ORDER BY day"},
	{"paths", "SELECT path, n AS requests, errors_4xx, errors_5xx, timed,"
		  " time_us, time_us_max FROM path ORDER BY n DESC, path"},
	{"slow", view_slow_sql},
	{"bots", "SELECT word, n AS requests, bytes FROM bot"
		 " ORDER BY n DESC, word"},
	{"malformed", "SELECT line, why FROM sample ORDER BY nr"},
	{NULL, NULL},
};

/*
 * Whether a spreadsheet would run a cell as a formula, which quotes do not
 * prevent: a ' in front does.
 */
static int
is_formula(const char *text)
{
	return strchr("=+-@", text[0]) != NULL && text[0] != '\0';
}

static int
cell_print(FILE *f, struct bytes raw)
{
	char *text = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&text, &len);

	if (m == NULL)
		return -ENOMEM;
	(void)text_print(m, raw, SIZE_MAX);
	if (fclose(m) != 0 || text == NULL) {
		free(text);
		return -ENOMEM;
	}
	(void)fputs(is_formula(text) ? "\"'" : "\"", f);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			(void)fputc('"', f);
		(void)fputc(text[i], f);
	}
	(void)fputc('"', f);
	free(text);
	return 0;
}

static int
row_print(FILE *f, sqlite3_stmt *st)
{
	int err = 0;

	for (int i = 0; err == 0 && i < sqlite3_column_count(st); i++) {
		const void *p = sqlite3_column_blob(st, i);
		int type = sqlite3_column_type(st, i);

		if (i > 0)
			(void)fputc(',', f);
		if (type == SQLITE_INTEGER)
			(void)fprintf(f, "%lld",
				(long long)sqlite3_column_int64(st, i));
		else if (type != SQLITE_NULL)
			err = cell_print(f,
				bytes_of(p,
					(size_t)sqlite3_column_bytes(st, i)));
	}
	(void)fputs("\r\n", f);
	return err;
}

static int
rows_print(FILE *f, sqlite3_stmt *st)
{
	int rc, err = 0;

	for (int i = 0; i < sqlite3_column_count(st); i++)
		(void)fprintf(f, "%s%s", i > 0 ? "," : "",
			sqlite3_column_name(st, i));
	(void)fputs("\r\n", f);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && err == 0)
		err = row_print(f, st);
	return err < 0 ? err : database_error(rc);
}

int
show_csv(FILE *f, const char *path, const struct show_table *t)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db;
	int err = database_snapshot(&db, path);

	if (err < 0)
		return err;
	err = database_error(sqlite3_prepare_v2(db, t->sql, -1, &st, NULL));
	if (err == 0)
		err = rows_print(f, st);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return err;
}
