/* SPDX-License-Identifier: MIT */
#include "jobs/logs/logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "jobs/config.h"
#include "jobs/logs/archive.h"
#include "jobs/logs/report.h"
#include "jobs/logs/tally.h"
#include "jobs/logs/unpack.h"

/* clang-format off */
const struct config_key logs_keys[] = {
	{"max_expanded", CONFIG_BYTES, 1, INT64_MAX, "1g",
	 "bytes to which gzip and zstd may expand"},
	{"max_ratio", CONFIG_COUNT, 1, 1000000, "250",
	 "times that gzip and zstd may expand beyond 1 MB"},
	{"archive", CONFIG_FOLDER, 0, 0, NULL,
	 "a folder that keeps what was read, as zstd"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};
/* clang-format on */

int
logs_check(const struct config *c, char *why, size_t cap)
{
	return job_folder_check(c, "logs", "archive", W_OK | X_OK, why, cap);
}

/* The input of a job. */
struct log_source {
	struct blob_get *stream; /* NULL: the body is the input */
	int err;		 /* the first error of the blob */
};

/* A job while it runs. */
struct log_job {
	struct job *job;
	struct sw_id id;
	struct log_source *source;
	struct log_tally *tally;
	struct log_feed *feed;
	struct log_archive *archive; /* or NULL */
	int archive_err;
	struct log_report *report; /* NULL: no transaction yet */
	int known;		   /* the report has this job already */
	uint64_t requests, bad, bytes;
	int64_t first_s; /* earliest time, or SCAN_NO_TIME */
};

/* The report that this child process keeps open from job to job. */
static struct {
	struct log_report *report;
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
kept_open(const char *path, struct log_report **r)
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

static const char *
report_path(void)
{
	const char *path = getenv(LOGS_DB_ENV);

	return path == NULL || path[0] == '\0' ? LOGS_DB_DEFAULT : path;
}

static int
report_ready(struct log_job *r)
{
	int err = kept_open(report_path(), &r->report);

	if (err < 0)
		return err;
	err = report_begin(r->report, &r->id, clock_now_ms(CLOCK_REALTIME));
	r->known = err == 1;
	return err < 0 ? err : 0;
}

static void
first_note(struct log_job *r)
{
	int64_t s = r->tally->first_s;

	if (r->first_s == SCAN_NO_TIME || (s != SCAN_NO_TIME && s < r->first_s))
		r->first_s = s;
}

/*
 * Adds the tally to the report, within the one transaction of the job.  Only a
 * log with very many paths or days needs more than one part.
 */
static int
part_store(struct log_job *r)
{
	struct log_tally *t = r->tally;
	int err = r->report == NULL ? report_ready(r) : 0;

	r->requests += t->requests;
	r->bad += t->bad;
	r->bytes += t->bytes;
	first_note(r);
	if (err == 0 && !r->known)
		err = report_add(r->report, &r->id, t);
	return err;
}

/* The configuration or the machine is at fault: raises an alarm. */
static void
output_fail(struct job *job, const char *what, const char *path, int err)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		"the %s %.400s cannot be written: %s", what, path,
		sw_strerror(err));
	job->error(job, "%s", text);
	job->alarm(job, text);
}

static enum job_disposition
cannot_store(struct log_job *r, int err)
{
	output_fail(r->job, "report", report_path(), err);
	kept_drop();
	r->report = NULL;
	return JOB_RETRY;
}

/* Fails a log without a single good line; the error quotes the first line. */
static enum job_disposition
log_refuse(struct job *job, const struct log_tally *t)
{
	const struct tally_sample *s = &t->samples[0];
	char text[4 * TALLY_LINE_MAX + 1] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (f != NULL) {
		(void)text_print(f, bytes_of(s->line, s->len), s->len);
		(void)fclose(f);
	}
	job->error(job,
		"not an access log: none of %" PRIu64 " lines could be read; "
		"the first (%s): %s",
		t->bad, s->why, text);
	return JOB_FAIL;
}

static void
result_write(const struct log_job *r)
{
	char text[96];
	int n = snprintf(text, sizeof(text),
		"{\"lines\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"bytes\":%" PRIu64
		"}",
		r->requests + r->bad, r->bad, r->bytes);

	r->job->result(r->job, bytes_of(text, (size_t)n));
}

static enum job_disposition
cannot_archive(struct log_job *r, int err)
{
	output_fail(r->job, "archive",
		config_text(r->job->conf, "logs", "archive"), err);
	return JOB_RETRY;
}

static ssize_t
source_more(void *arg, void *to, size_t cap)
{
	struct log_source *s = arg;
	ssize_t n = blob_get_read(s->stream, to, cap);

	if (n < 0)
		s->err = (int)n;
	return n;
}

/* Reads the rest of the blob and checks its content. */
static int
source_check(struct log_source *s)
{
	if (s->err == 0 && s->stream != NULL)
		s->err = blob_get_check(s->stream);
	return s->err;
}

static enum job_disposition
source_blame(const struct log_source *s, struct job *job)
{
	job->error(job, "blob: %s", blob_get_why(s->stream));
	return blob_is_final(s->err) ? JOB_FAIL : JOB_RETRY;
}

/*
 * The order matters: the blob's check comes first, and the archive is durable
 * before the report records that the job was counted.
 */
static enum job_disposition
log_finish(struct log_job *r)
{
	int err;

	if (source_check(r->source) < 0)
		return source_blame(r->source, r->job);
	if (r->report == NULL && r->tally->requests == 0 && r->tally->bad > 0)
		return log_refuse(r->job, r->tally);
	first_note(r);
	err = r->archive == NULL ? 0 : archive_finish(r->archive, r->first_s);
	if (err < 0)
		return cannot_archive(r, err);
	err = part_store(r);
	if (err == 0 && !r->known)
		err = report_commit(r->report);
	if (err < 0)
		return cannot_store(r, err);
	result_write(r);
	return JOB_ACK;
}

static enum job_disposition
cannot_read(struct log_job *r, int err)
{
	int final = err == SW_ETOOBIG || err == SW_ECORRUPT;

	if (r->archive_err < 0)
		return cannot_archive(r, err);
	/* A damaged blob is not the log that was put: not the log's fault. */
	if (r->source->err < 0 || (final && source_check(r->source) < 0))
		return source_blame(r->source, r->job);
	r->job->error(r->job, "%s",
		final ? unpack_why(r->feed->from) : sw_strerror(err));
	return final ? JOB_FAIL : JOB_RETRY;
}

static int
bytes_archive(void *arg, struct bytes b)
{
	struct log_job *r = arg;

	r->archive_err = archive_add(r->archive, b);
	return r->archive_err;
}

/* Reads the input to its end, then stores what was counted. */
static enum job_disposition
pieces_add(struct log_job *r)
{
	struct bytes piece;
	int kind, err = 0;

	while ((kind = feed_next(r->feed, &piece)) > FEED_END) {
		if (kind == FEED_LONG)
			tally_add_long(r->tally, piece);
		else
			err = tally_add(r->tally, piece);
		if (err < 0)
			return cannot_read(r, err);
		if (!tally_full(r->tally))
			continue;
		err = part_store(r);
		if (err < 0)
			return cannot_store(r, err);
		tally_reset(r->tally);
	}
	return kind < 0 ? cannot_read(r, kind) : log_finish(r);
}

static enum job_disposition
log_add(struct job *job, struct log_source *source, struct log_unpack *from)
{
	static struct log_tally t; /* too large for the stack, as is the feed */
	static struct log_feed feed;
	struct log_job r = {.job = job,
		.source = source,
		.tally = &t,
		.feed = &feed,
		.first_s = SCAN_NO_TIME};
	const char *folder = config_text(job->conf, "logs", "archive");
	int archived = folder != NULL && folder[0] != '\0', err = 0;
	enum job_disposition disposition;

	if (sw_id_parse(job->id, &r.id) < 0) {
		job->error(job, "the job's id is no UUID: %s", job->id);
		return JOB_FAIL;
	}
	if (archived)
		err = archive_open(&r.archive, folder, &r.id);
	tally_reset(&t);
	feed_init(&feed, from, archived ? bytes_archive : NULL, &r);
	disposition = err < 0 ? cannot_archive(&r, err) : pieces_add(&r);
	archive_close(r.archive);
	if (r.report != NULL)
		report_abort(r.report);
	tally_fini(&t);
	return disposition;
}

enum job_disposition
logs_run(struct job *job)
{
	const struct unpack_limits limits = {
		(uint64_t)config_number(job->conf, "logs", "max_expanded"),
		(uint64_t)config_number(job->conf, "logs", "max_ratio")};
	struct log_source source = {
		.stream = job->body.len == 0 ? job->blob.stream : NULL};
	struct log_unpack *from = NULL;
	enum job_disposition disposition = JOB_RETRY;
	int err = unpack_open(&from, job->body,
		source.stream == NULL ? NULL : source_more, &source, &limits);

	if (source.err < 0)
		disposition = source_blame(&source, job);
	else if (err < 0)
		job->error(job, "the log cannot be read: %s", sw_strerror(err));
	else
		disposition = log_add(job, &source, from);
	unpack_close(from);
	return disposition;
}

const struct job_type logs_type = {
	.name = "logs",
	.text = "adds a piece of an access log to the report in $" LOGS_DB_ENV,
	.run = logs_run,
	.streams = 1,
	.keys = logs_keys,
	.check = logs_check,
};
