/* SPDX-License-Identifier: MIT */
/*
 * spillway-report: prints what the job `logs` has counted
 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "report/database.h"
#include "report/show.h"
#include "report/view.h"

#define SECTION "report"

/* clang-format off */
static const struct config_key keys[] = {
	{"json", CONFIG_FLAG, 0, 1, "no", "one JSON object instead of tables"},
	{"csv", CONFIG_TABLE, 0, 0, NULL,
	 "total, status, days, paths, slow, bots or malformed as CSV"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};
/* clang-format on */

static const struct show_table *
table_find(const char *name)
{
	for (const struct show_table *t = show_tables; t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

static int
table_check(const struct config_key *k, const char *value, char why[INI_WHY])
{
	(void)k;
	if (table_find(value) != NULL)
		return 0;
	(void)snprintf(why, INI_WHY, "must be one of");
	for (const struct show_table *t = show_tables; t->name != NULL; t++) {
		size_t len = strlen(why);

		(void)snprintf(why + len, INI_WHY - len, " %s", t->name);
	}
	return -EINVAL;
}

static const struct config_group groups[] = {
	{SECTION, NULL, "what is printed", keys, NULL, table_check},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

static void
file_help(void)
{
	puts("\nFILE is the report that the job `logs` keeps; without it, the "
	     "file in\n$" LOGS_DB_ENV ", or else " LOGS_DB_DEFAULT ".");
}

static const struct program program = {
	.name = "spillway-report",
	.usage = "[--json | --csv TABLE] [FILE]",
	.groups = groups,
	.arguments_max = 1,
	.help_more = file_help,
};

static const char *
file_name(const struct options *o)
{
	const char *env = getenv(LOGS_DB_ENV);

	if (o->arguments_n > 0)
		return o->arguments[0];
	return env != NULL && env[0] != '\0' ? env : LOGS_DB_DEFAULT;
}

static int
complain(const char *path, int err)
{
	int damaged = err == SW_EFORMAT || err == SW_ECORRUPT ||
		      err == SW_EVERSION;
	const char *why = sw_strerror(err);

	if (err == SW_EFORMAT)
		why = "not a report, or of a newer version";
	if (err == SW_EVERSION)
		why = "a report of an older version: the next job that adds "
		      "to it brings it up to date";
	(void)fprintf(stderr, "spillway-report: %s: %s\n", path, why);
	if (damaged)
		return EXIT_DATA;
	return err == -ENOENT || err == -EACCES || err == -EISDIR ? EXIT_INPUT
								  : EXIT_IO;
}

static int
flushed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_OK;
	(void)fprintf(
		stderr, "spillway-report: stdout: %s\n", sw_strerror(-errno));
	return EXIT_IO;
}

static int
report_print(const char *path, int json)
{
	struct report_view v;
	int err = view_init(&v, path);

	if (err < 0)
		return complain(path, err);
	if (json)
		show_json(stdout, &v);
	else
		show_text(stdout, &v, path, show_style_of(stdout));
	view_fini(&v);
	return flushed();
}

static int
csv_print(const char *path, const struct show_table *t)
{
	int err = show_csv(stdout, path, t);

	return err < 0 ? complain(path, err) : flushed();
}

static int
report_run(const struct options *o)
{
	const char *csv = config_text(o->config, SECTION, "csv");
	int json = config_number(o->config, SECTION, "json") != 0;

	if (csv != NULL && json)
		return program_fail(
			&program, EXIT_USE, "--json cannot be used with --csv");
	if (csv != NULL)
		return csv_print(file_name(o), table_find(csv));
	return report_print(file_name(o), json);
}

int
main(int argc, char **argv)
{
	struct options o;
	int status;

	(void)setlocale(LC_CTYPE, "");
	if (options_start(&o, &program, argc, argv) != 0)
		status = o.status;
	else
		status = report_run(&o);
	options_fini(&o);
	return status;
}
