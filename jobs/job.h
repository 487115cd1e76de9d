/* SPDX-License-Identifier: MIT */
/*
 * job.h - the interface of a built-in job
 *
 * A built-in job is one function.  Its program calls the function for many jobs
 * of a queue, one after the other: leaked memory ends with the process, and a
 * crash fails only the job that runs.  All pointers of
 * `struct job` are borrowed until the function returns.
 */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include "base/bytes.h"
#include "base/config.h"
#include "blob/blob.h"

struct job {
	const char *id; /* a UUID, lower case */
	const char *queue;
	struct bytes body;
	const char *content_type; /* "": none */
	int attempt, max_attempts;
	int64_t deadline_ms; /* Unix time: the worker kills the process then */

	/* The blob that the job's header names. */
	struct {
		const char *path; /* a checked, read-only file; NULL: no blob */
		int64_t size;
		/* Set instead of `path` for a type with `streams`. */
		struct blob_get *stream;
	} blob;

	const struct config *conf;
	const char *blobs; /* the URI of the blob store, or NULL */

	/*
	 * Creates a folder for temporary files, which the worker removes when
	 * the job ends.  NULL: no folder could be created.
	 */
	const char *(*folder)(struct job *);
	/* The value of header `name`, or NULL; borrowed until the next call. */
	const char *(*header)(const struct job *, const char *name);
	const void *priv;

	/* Reports.  All of them copy their arguments. */
	void (*progress)(struct job *, int percent, const char *text);
	/*
	 * The last result counts.  One larger than SW_RESULT_MAX turns JOB_ACK
	 * into JOB_FAIL.
	 */
	void (*result)(struct job *, struct bytes);
	void (*error)(struct job *, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));
	/* The delay of the retry after JOB_RETRY, instead of the back-off. */
	void (*retry_after)(struct job *, int64_t ms);
	/* The configuration, not this job, is at fault: logged (alarm.h). */
	void (*alarm)(struct job *, const char *text);
	/*
	 * Puts a further job in the same commit as this job's ack; `header` is
	 * "name=value" or NULL.
	 */
	int (*follow)(struct job *, const char *queue, const char *header,
		struct bytes body);
	/* A program that the job ran has ended; its largest resident size. */
	void (*ran)(struct job *, int64_t rss_kb);
};

/*
 * A job's disposition: done, retry by the queue's policy, or dead because a
 * retry would fail too.
 */
enum job_disposition { JOB_ACK, JOB_RETRY, JOB_FAIL };

typedef enum job_disposition job_fn(struct job *);

struct job_type {
	const char *name; /* as in --queue NAME=JOB */
	const char *text; /* one line for --help */
	job_fn *run;
	/*
	 * The type reads the blob as a stream.  Only blob_get_check() verifies
	 * the content: before that call nothing of it may be committed, and
	 * no error may be attributed to it.
	 */
	int streams;
	/* The keys of its sections (base/config.h), or NULL. */
	const struct config_key *keys, *profile_keys;
	/*
	 * Checks, when the worker starts, what the tables cannot express; may
	 * be NULL.  0, or a negative error with one line in `why`.
	 */
	int (*check)(const struct config *, char *why, size_t cap);
};

#endif
