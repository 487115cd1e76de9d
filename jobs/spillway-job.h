/* SPDX-License-Identifier: MIT */
/*
 * spillway-job.h - a program that runs jobs, one after the other
 *
 *	#include <spillway-job.h>
 *
 *	static enum spillway_job_end
 *	shout(struct spillway_job *job)
 *	{
 *		if (job->body_len == 0) {
 *			spillway_job_error(job, "nothing to shout");
 *			return SPILLWAY_JOB_FAIL;
 *		}
 *		(void)spillway_job_result(job, job->body, job->body_len);
 *		return SPILLWAY_JOB_DONE;
 *	}
 *
 *	int
 *	main(void)
 *	{
 *		return spillway_job_run(shout, NULL);
 *	}
 *
 *	cc shout.c $(pkg-config --cflags --libs spillway-job) -o shout
 *	spillway-worker --queue loud=keep:./shout
 *
 * The worker starts the program before its first job and keeps it running.
 * What is wrong with the set-up is a line on stderr and exit status 78 before
 * spillway_job_run().  A job that crashes, or exits, is tried again in a new
 * process.  The process gets SIGTERM two seconds after spillway_job_cancelled()
 * has become 1.  All arguments are borrowed for the call; what is reported is
 * copied.  The library has no threads, and is for one thread.
 */
#ifndef SPILLWAY_JOB_H
#define SPILLWAY_JOB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* One attempt at one job; borrowed until the function returns. */
struct spillway_job {
	const char *id, *queue;
	int attempt, max_attempts; /* the first attempt is 1 */
	int64_t deadline_ms;	   /* its timeout, Unix time */
	const void *body;	   /* a NUL follows its bytes */
	size_t body_len;
	const char *headers; /* NAME=VALUE and a NUL for each */
	size_t headers_len;
	void *arg; /* of spillway_job_run() */
};

/* Done; failed, to be tried again by the queue's policy; failed for good. */
enum spillway_job_end {
	SPILLWAY_JOB_DONE,
	SPILLWAY_JOB_RETRY,
	SPILLWAY_JOB_FAIL
};

typedef enum spillway_job_end spillway_job_fn(struct spillway_job *);

/*
 * Runs jobs until the worker closes its end.  Returns the program's exit
 * status: 0; or a line is on stderr: 64, no worker has started the program;
 * 71, no memory; 76, what was received is not of the protocol.
 */
int spillway_job_run(spillway_job_fn *, void *arg);

/* The value of a header, "content-type" for the job's own type; or NULL. */
const char *spillway_job_header(const struct spillway_job *, const char *name);

/*
 * What people see meanwhile: 0 to 100, and the first 95 bytes of the text, or
 * NULL.
 */
void
spillway_job_progress(struct spillway_job *, int percent, const char *text);

/*
 * The result of a job that is then done; the last one counts.  0, or
 * -EMSGSIZE: more than 64 KB, and without another result the job fails.
 */
int spillway_job_result(struct spillway_job *, const void *, size_t);

/*
 * Puts a further job in the same commit as the end of this one, if it is done.
 * `headers` are NAME=VALUE, the last one NULL; or NULL for none.  0; -EINVAL:
 * a bad name of the queue or bad headers; -EMSGSIZE: more than 128 KB of body
 * or 4 KB of headers, or more than 320 KB or 1000 in all puts of a job.
 */
int spillway_job_put(struct spillway_job *, const char *queue,
	const char *const *headers, const void *body, size_t len);

/* Why the job has failed, at most 4 KB; the last one counts. */
void spillway_job_error(struct spillway_job *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The delay of the retry, in place of the queue's back-off. */
void spillway_job_retry_after(struct spillway_job *, int64_t ms);

/* The set-up, not this job, is at fault: logged once, at most 512 bytes. */
void spillway_job_alarm(struct spillway_job *, const char *text);

/* A program that the job ran has ended; its largest resident size. */
void spillway_job_ran(struct spillway_job *, int64_t rss_kb);

/*
 * 1: the job is past its timeout or cancelled, or the worker ends or is gone.
 * The job should end now, with SPILLWAY_JOB_RETRY if work is left.
 */
int spillway_job_cancelled(struct spillway_job *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
