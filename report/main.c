/* SPDX-License-Identifier: MIT */
/*
 * spillway-report: prints what the job `logs` has counted
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/error.h"
#include "jobs/logs/logs.h"
#include "report/show.h"
#include "report/view.h"

static const char usage[] =
	"usage: spillway-report [--json | --csv TABLE] [FILE]\n"
	"\n"
	"Prints the report that the job `logs` keeps in FILE; without it, in\n"
	"$" LOGS_DB_ENV ", or else in " LOGS_DB_DEFAULT ".\n"
	"\n"
	"  --json       one JSON object instead of tables\n"
	"  --csv TABLE  total, status, days, paths, slow, bots or malformed\n"
	"  --help       print this\n"
	"  --version    print the version\n"
	"\n"
	"Exit: 0, or of sysexits.h: 64 usage, 65 not a report, 66 no such\n"
	"file, 74 it cannot be read or printed.\n";

enum { OPT_JSON = 256, OPT_CSV, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{"json", no_argument, NULL, OPT_JSON},
	{"csv", required_argument, NULL, OPT_CSV},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char *
file_name(int argc, char **argv)
{
	const char *env = getenv(LOGS_DB_ENV);

	if (optind < argc)
		return argv[optind];
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
		return EX_DATAERR;
	return err == -ENOENT || err == -EACCES || err == -EISDIR ? EX_NOINPUT
								  : EX_IOERR;
}

static int
flushed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	(void)fprintf(
		stderr, "spillway-report: stdout: %s\n", sw_strerror(-errno));
	return EX_IOERR;
}

static int
report_print(const char *path, int json)
{
	struct view v;
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

static const struct show_table *
table_of(const char *name)
{
	for (const struct show_table *t = show_tables; t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	(void)fprintf(stderr, "spillway-report: --csv: no table %s\n", name);
	exit(EX_USAGE);
}

int
main(int argc, char **argv)
{
	const struct show_table *csv = NULL;
	int c, json = 0;

	(void)setlocale(LC_CTYPE, "");
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
			json = 1;
			break;
		case OPT_CSV:
			csv = table_of(optarg);
			break;
		case 'h':
		case OPT_HELP:
			(void)fputs(usage, stdout);
			return flushed();
		case OPT_VERSION:
			(void)puts("spillway-report " SPILLWAY_VERSION);
			return flushed();
		default:
			(void)fputs("Try spillway-report --help.\n", stderr);
			return EX_USAGE;
		}
	}
	if (argc - optind > 1) {
		(void)fputs("spillway-report: one file at a time\n", stderr);
		return EX_USAGE;
	}
	if (csv != NULL && json) {
		(void)fputs("spillway-report: --json or --csv\n", stderr);
		return EX_USAGE;
	}
	if (csv != NULL)
		return csv_print(file_name(argc, argv), csv);
	return report_print(file_name(argc, argv), json);
}
