/* SPDX-License-Identifier: MIT */
/*
 * kept_job.h - a job that uses all of the kit, by the letter that is its body
 *
 * record_kept.sh builds it with the kit of an old version and records what that
 * kit and its worker said; test_golden_kept.c builds it with this version's.
 */
#ifndef TESTS_GOLDEN_KEPT_JOB_H
#define TESTS_GOLDEN_KEPT_JOB_H

#include <stdio.h>

#include "jobs/spillway-job.h"

/* All that the job was told but its deadline, which no recording repeats. */
static enum spillway_job_end
golden_echo(struct spillway_job *job)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s %s %d/%d %s %s %s [%s] %zu",
		job->id, job->queue, job->attempt, job->max_attempts,
		spillway_job_header(job, "content-type"),
		spillway_job_header(job, "a"), spillway_job_header(job, "b"),
		(const char *)job->body, job->headers_len);

	spillway_job_progress(job, 40, "half");
	return spillway_job_result(job, text, (size_t)n) == 0
		       ? SPILLWAY_JOB_DONE
		       : SPILLWAY_JOB_FAIL;
}

static enum spillway_job_end
golden_put(struct spillway_job *job)
{
	static const char *const headers[] = {
		"content-type=text/html", "a=1", "c=d=e", NULL};

	return spillway_job_put(job, "next", headers, "more", 4) == 0 &&
			       spillway_job_put(job, "next", NULL, "", 0) == 0
		       ? SPILLWAY_JOB_DONE
		       : SPILLWAY_JOB_FAIL;
}

static enum spillway_job_end
golden_kept_job(struct spillway_job *job)
{
	switch (*(const char *)job->body) {
	case 'A':
		return golden_echo(job);
	case 'B':
		return golden_put(job);
	case 'C':
		spillway_job_error(job, "busy");
		spillway_job_retry_after(job, 86400000);
		return SPILLWAY_JOB_RETRY;
	case 'D':
		spillway_job_error(job, "later");
		return SPILLWAY_JOB_RETRY;
	case 'E':
		spillway_job_error(job, "bad");
		return SPILLWAY_JOB_FAIL;
	case 'F':
		spillway_job_alarm(job, "the key is wrong");
		(void)!spillway_job_result(job, "one", 3);
		(void)!spillway_job_result(job, "two", 3);
		return SPILLWAY_JOB_DONE;
	default:
		return SPILLWAY_JOB_DONE;
	}
}

#endif
