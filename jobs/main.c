/* SPDX-License-Identifier: MIT */
/*
 * spillway-report: prints what the job `logs` has counted
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <sysexits.h>

#include "error.h"
#include "logs.h"
#include "show.h"
#include "view.h"

static const char usage[] =
	"usage: spillway-report [--json] [FILE]\n"
	"\n"
	"Prints the report that the job `logs` keeps in FILE; without it, in\n"
	"$" LOGS_DB_ENV ", or else in " LOGS_DB_DEFAULT ".\n"
	"\n"
	"  --json     one JSON object instead of tables\n"
	"  --help     print this\n"
	"  --version  print the version\n"
	"\n"
	"Exit: 0, or of sysexits.h: 64 usage, 65 not a report, 66 no such\n"
	"file, 74 it cannot be read or printed.\n";

enum { OPT_JSON = 256, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{"json", no_argument, NULL, OPT_JSON},
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
	int damaged = err == SW_EFORMAT || err == SW_ECORRUPT;

	(void)fprintf(stderr, "spillway-report: %s: %s\n", path,
		err == SW_EFORMAT ? "not a report, or of a newer version"
				  : sw_strerror(err));
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

int
main(int argc, char **argv)
{
	int c, json = 0;

	(void)setlocale(LC_CTYPE, "");
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
			json = 1;
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
	return report_print(file_name(argc, argv), json);
}
