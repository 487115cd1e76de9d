/* SPDX-License-Identifier: MIT */
#include "logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "report.h"
#include "tally.h"
#include "text.h"

/* The open report of this child, kept from job to job. */
static struct {
	struct report *report;
	char *path;
	pid_t pid;
} kept;

static void
kept_drop(void)
{
	/* SQLite forbids closing what was opened before a fork. */
	if (kept.pid == getpid())
		report_close(kept.report);
	kept.report = NULL;
	free(kept.path);
	kept.path = NULL;
}

static int
kept_open(const char *path, struct report **r)
{
	int err;

	if (kept.report != NULL &&
		(kept.pid != getpid() || strcmp(kept.path, path) != 0 ||
			report_stale(kept.report)))
		kept_drop();
	if (kept.report == NULL) {
		kept.pid = getpid();
		kept.path = strdup(path);
		err = kept.path == NULL ? -ENOMEM
					: report_open(&kept.report, path);
		if (err < 0) {
			kept_drop();
			return err;
		}
	}
	*r = kept.report;
	return 0;
}

static int
store(const struct job *job, const char *path, const struct tally *t)
{
	struct timespec now;
	struct report *r;
	int err = kept_open(path, &r);

	if (err < 0)
		return err;
	clock_gettime(CLOCK_REALTIME, &now);
	err = report_merge(r, &job->id, t,
		(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	if (err < 0)
		kept_drop();
	return err;
}

/* No line could be read: says so with the first of them. */
static void
refuse(struct job *job, const struct tally *t)
{
	char text[4 * REPORT_LINE_MAX + 1] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (f != NULL) {
		(void)text_print(f, t->samples[0].line, REPORT_LINE_MAX);
		(void)fclose(f);
	}
	job->error(job,
		"not an access log: none of %" PRIu64 " lines could be read; "
		"the first (%s): %s",
		t->bad, t->samples[0].why, text);
}

static void
tell_result(struct job *job, const struct tally *t)
{
	char text[96];
	int n = snprintf(text, sizeof(text),
		"{\"lines\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"bytes\":%" PRIu64
		"}",
		t->requests + t->bad, t->bad, t->bytes);

	job->result(job, bytes_of(text, (size_t)n));
}

static enum job_verdict
tallied(struct job *job, const struct tally *t)
{
	const char *path = getenv(LOGS_DB_ENV);
	int err;

	if (t->requests == 0 && t->bad > 0) {
		refuse(job, t);
		return JOB_FAIL;
	}
	if (path == NULL || path[0] == '\0')
		path = LOGS_DB_DEFAULT;
	err = store(job, path, t);
	if (err < 0) {
		job->error(job, "the report %s cannot be written: %s", path,
			sw_strerror(err));
		return JOB_RETRY;
	}
	tell_result(job, t);
	return JOB_ACK;
}

enum job_verdict
logs_run(struct job *job)
{
	static struct tally t; /* 50 KB, too much for a stack frame */
	enum job_verdict verdict = JOB_RETRY;
	int err = tally_init(&t, job->body);

	if (err < 0)
		job->error(job, "%s", sw_strerror(err));
	else
		verdict = tallied(job, &t);
	tally_fini(&t);
	return verdict;
}
