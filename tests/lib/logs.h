/* SPDX-License-Identifier: MIT */
/*
 * logs.h - runs the log job without a worker
 */
#ifndef TESTS_LOGS_H
#define TESTS_LOGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jobs/job.h"
#include "jobs/logs/logs.h"
#include "jobs/logs/report.h"
#include "report/view.h"

#define LINE(ip, path, status, size)                                           \
	ip " - - [22/Apr/2009:18:52:51 +1200] \"GET " path                     \
	   " HTTP/1.1\" " status " " size " \"-\" \"-\"\n"

/* Three good lines, and one that is torn. */
#define LT_THREE                                                               \
	LINE("192.0.2.1", "/a?x", "200", "100")                                \
	LINE("192.0.2.2", "/a", "404", "20")                                   \
	"torn\n" LINE("192.0.2.1", "/b", "503", "-")

/* A folder of its own for each test, with the report in it. */
struct lt_place {
	char dir[64], db[96];
};

/* What the last job said. */
struct lt_said {
	char result[256], error[4096], alarm[4096];
};

extern struct lt_said lt_said;

/* The configuration of the jobs to come; NULL: as it is, at first by default.
 */
const struct config *lt_conf(const char *file);

/* Runs the job `logs` under an id made of a number. */
enum job_disposition lt_run(unsigned id, const void *text, size_t len);
enum job_disposition lt_run_blob(unsigned id, const char *path);
/* The same, of a blob whose bit 0 of byte `at` is another than it was. */
enum job_disposition lt_run_flipped(unsigned id, const char *path, off_t at);
enum job_disposition lt_run_text(unsigned id, const char *text);

/* Set-up and teardown of a struct lt_place; the environment names its db. */
int lt_make(void **state);
int lt_drop(void **state);

/* Removes a database and what lies beside it. */
void lt_file_drop(const char *db);

void lt_look(const struct lt_place *, struct report_view *);

/* All that is shown but the samples, which depend on the order of the jobs,
 * and how many jobs there were. */
void lt_same_totals(const struct report_view *, const struct report_view *);

/* The exit status of a shell command. */
int lt_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A whole file, with a NUL behind it; to be freed. */
char *lt_slurp(const char *dir, const char *name, size_t *len);

#endif
