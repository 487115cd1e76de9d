/* SPDX-License-Identifier: MIT */
/*
 * job.h - what a built-in job is
 *
 * A built-in job is one function.  It runs in a child process of the worker,
 * many jobs of its queue in a row, so what it leaks or breaks dies with that
 * child; a crash costs the job at hand alone.  All pointers of `struct job`
 * are borrowed until the function returns.
 */
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include "base/bytes.h"
#include "blob/blob.h"
#include "base/config.h"
#include "wire/id.h"

struct job {
	struct sw_id id;
	const char *queue;
	struct bytes body;
	const char *content_type; /* "": none */
	int attempt, max_attempts;
	int64_t deadline_ms; /* Unix time at which the worker kills us */

	/* What the job refers to: a file, checked, to be read only. */
	struct {
		const char *path; /* NULL: it refers to no blob */
		int64_t size;
		/* Instead of `path`, of a type that has `streams`. */
		struct blob_get *stream;
	} blob;

	const struct config *conf;
	const char *blobs; /* the URI of the store of blobs, or NULL */

	/* A folder for its files, removed with them at its end; NULL: none. */
	const char *(*folder)(struct job *);
	/* The value of header `name`, or NULL; borrowed until the next call. */
	const char *(*header)(const struct job *, const char *name);
	const void *priv;

	/* Reporting.  All copy what they are given. */
	void (*progress)(struct job *, int percent, const char *text);
	/*
	 * The last one counts; if that is larger than SW_RESULT_MAX, JOB_ACK
	 * becomes JOB_FAIL.
	 */
	void (*result)(struct job *, struct bytes);
	void (*error)(struct job *, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));
	/* With JOB_RETRY: not before so long; otherwise the queue's backoff. */
	void (*retry_after)(struct job *, int64_t ms);
	/* Not this job but its set-up is at fault: logged, see alarm.h. */
	void (*alarm)(struct job *, const char *text);
	/*
	 * Hands over a further job, stored in the same commit as our ack;
	 * `header` is "name=value" or NULL.
	 */
	int (*follow)(struct job *, const char *queue, const char *header,
		struct bytes body);
	/* A program that the job ran has ended and had so much memory. */
	void (*ran)(struct job *, int64_t rss_kb);
};

/* What a job's function returns. */
enum job_verdict { JOB_ACK, JOB_RETRY, JOB_FAIL };

typedef enum job_verdict job_fn(struct job *);

struct job_type {
	const char *name; /* as in --queue NAME=JOB */
	const char *text; /* one line for --help */
	job_fn *run;
	/*
	 * It reads its blob itself, as a stream, in one pass.  What it read is
	 * not checked before blob_get_check(): until then nothing may count,
	 * nor the blob be blamed.
	 */
	int streams;
	/* What its configuration may say, or NULL (base/config.h). */
	const struct config_key *keys, *profile_keys;
	/*
	 * Or NULL: looks at the start at what a table cannot say.  0, or a
	 * negative error with one line in `why`.
	 */
	int (*check)(const struct config *, char *why, size_t cap);
};

/* Ends with an entry without a name; defined in worker/jobs.c. */
extern const struct job_type job_types[];

#endif
