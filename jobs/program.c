/* SPDX-License-Identifier: MIT */
#include "jobs/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "jobs/attach.h"
#include "jobs/config.h"
#include "jobs/folder.h"
#include "jobs/spillway-job.h"
#include "wire/kept.h"
#include "wire/limits.h"

/* The process at work.  The job is first: a job's address is its program's. */
struct running {
	struct job job;
	const struct job_type *type;
	struct spillway_job *kit;
	struct attached blob;
	int folder_used;
};

static struct running *
running_of(const struct job *job)
{
	union {
		const void *c;
		void *p;
	} u = {job->priv};

	return u.p;
}

/* --- what struct job offers ----------------------------------------------- */

static const char *
job_folder(struct job *job)
{
	running_of(job)->folder_used = 1;
	return folder_get();
}

static const char *
job_header(const struct job *job, const char *name)
{
	return spillway_job_header(running_of(job)->kit, name);
}

static void
job_progress(struct job *job, int percent, const char *text)
{
	spillway_job_progress(running_of(job)->kit, percent, text);
}

/* A result that is too long fails the job at its end, in the kit. */
static void
job_result(struct job *job, struct bytes result)
{
	(void)spillway_job_result(running_of(job)->kit, result.p, result.len);
}

static void
job_error(struct job *job, const char *fmt, ...)
{
	char text[SW_ERROR_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	spillway_job_error(running_of(job)->kit, "%s", text);
}

static void
job_retry_after(struct job *job, int64_t ms)
{
	spillway_job_retry_after(running_of(job)->kit, ms);
}

static void
job_alarm(struct job *job, const char *text)
{
	spillway_job_alarm(running_of(job)->kit, text);
}

static int
job_follow(struct job *job, const char *queue, const char *header,
	struct bytes body)
{
	const char *headers[] = {header, NULL};
	int err = spillway_job_put(
		running_of(job)->kit, queue, headers, body.p, body.len);

	return err == -EMSGSIZE ? SW_ETOOBIG : err < 0 ? SW_EINVAL : 0;
}

static void
job_ran(struct job *job, int64_t rss_kb)
{
	spillway_job_ran(running_of(job)->kit, rss_kb);
}

/* --- a job ---------------------------------------------------------------- */

/* The value of the first header that refers to a blob, or none. */
static struct bytes
blob_value(const struct spillway_job *kit)
{
	static const char name[] = BLOB_HEADER "=";
	const size_t n = sizeof(name) - 1;
	struct bytes block = bytes_of(kit->headers, kit->headers_len), h;
	size_t at = 0;

	while (kept_header_next(block, &at, &h)) {
		const char *p = h.p;

		if (h.len > n && memcmp(p, name, n) == 0 &&
			blob_ref_meant(bytes_of(p + n, h.len - n)))
			return bytes_of(p + n, h.len - n);
	}
	return bytes_of(NULL, 0);
}

/* Opens the blob that the job refers to, if any: 0, or an error. */
static int
blob_open(struct running *r)
{
	struct bytes value = blob_value(r->kit);
	const char *folder = "";
	int err;

	if (value.len > 0 && !r->type->streams) {
		folder = job_folder(&r->job);
		if (folder == NULL)
			folder = "";
	}
	err = r->type->streams
		      ? attach_stream(value, r->job.blobs, &r->blob)
		      : attach_file(value, r->job.blobs, folder, &r->blob);
	if (err == 1) {
		r->job.blob.path = r->type->streams ? NULL : r->blob.path;
		r->job.blob.stream = r->blob.stream;
		r->job.blob.size = r->blob.size;
	}
	if (err < 0)
		spillway_job_error(r->kit, "blob: %s", r->blob.why);
	return err < 0 ? err : 0;
}

static enum job_disposition
job_call(struct running *r)
{
	enum job_disposition disposition;
	int err = blob_open(r);

	if (err < 0)
		return blob_is_final(err) ? JOB_FAIL : JOB_RETRY;
	disposition = r->type->run(&r->job);
	attach_close(&r->blob);
	return disposition;
}

static enum spillway_job_end
job_run(struct spillway_job *kit)
{
	static const enum spillway_job_end ends[] = {
		[JOB_ACK] = SPILLWAY_JOB_DONE,
		[JOB_RETRY] = SPILLWAY_JOB_RETRY,
		[JOB_FAIL] = SPILLWAY_JOB_FAIL,
	};
	struct running *r = kit->arg;
	const char *type = spillway_job_header(kit, "content-type");
	enum job_disposition disposition;

	r->kit = kit;
	r->folder_used = 0;
	r->job.id = kit->id;
	r->job.queue = kit->queue;
	r->job.body = bytes_of(kit->body, kit->body_len);
	r->job.content_type = type != NULL ? type : "";
	r->job.attempt = kit->attempt;
	r->job.max_attempts = kit->max_attempts;
	r->job.deadline_ms = kit->deadline_ms;
	memset(&r->job.blob, 0, sizeof(r->job.blob));
	disposition = job_call(r);
	if (r->folder_used)
		folder_empty();
	return ends[disposition];
}

/* --- the program ---------------------------------------------------------- */

static int
jobs_run(const struct job_type *type, const struct config *conf)
{
	const char *blobs = getenv(BLOBS_ENV);
	static struct running r;

	r = (struct running){.type = type,
		.job = {.conf = conf,
			.blobs = blobs != NULL && blobs[0] != '\0' ? blobs
								   : NULL,
			.priv = &r,
			.folder = job_folder,
			.header = job_header,
			.progress = job_progress,
			.result = job_result,
			.error = job_error,
			.retry_after = job_retry_after,
			.alarm = job_alarm,
			.follow = job_follow,
			.ran = job_ran}};
	return spillway_job_run(job_run, &r);
}

/* What the tables of keys cannot say: 0; or 1 with o->status set. */
static int
config_check(
	const struct job_type *type, const struct program *p, struct options *o)
{
	char why[INI_WHY];

	if (type->check == NULL ||
		type->check(o->config, why, sizeof(why)) == 0)
		return 0;
	o->status = program_fail(p, EXIT_CONFIG, why);
	return 1;
}

int
job_program(const struct job_type *type, int argc, char **argv)
{
	struct config_group groups[JOB_TYPE_GROUPS + 1];
	char name[64], text[128];
	struct program p = {.name = name,
		.usage = "[options]",
		.page = "spillway-jobs.conf",
		.file_option = "jobs",
		.file_text = text,
		.file_env = "SPILLWAY_JOBS",
		.groups = groups,
		.others = config_others_skip};
	struct options o;
	int status;

	(void)snprintf(name, sizeof(name), "spillway-job-%s", type->name);
	(void)snprintf(text, sizeof(text),
		"read [%s] of FILE (else of $SPILLWAY_JOBS)", type->name);
	(void)job_type_groups(type, groups);
	if (options_start(&o, &p, argc, argv) != 0 ||
		config_check(type, &p, &o) != 0)
		status = (int)o.status;
	else if (o.action != NULL)
		status = EXIT_OK; /* --check-config */
	else
		status = jobs_run(type, o.config);
	options_fini(&o);
	return status;
}
