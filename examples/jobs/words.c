/* SPDX-License-Identifier: MIT */
/* Counts the words of a text, the body, and tells the queue `counted`. */
#include <stdio.h>

#include "base/error.h"
#include "jobs/job.h"

enum { STEP = 32 * 1024 }; /* bytes from one word of progress to the next */

job_fn words_run;

static size_t
words_count(struct job *job)
{
	const char *text = job->body.p;
	size_t n = 0, len = job->body.len;
	int inside = 0;

	for (size_t i = 0; i < len; i++) {
		int blank = text[i] == ' ' || text[i] == '\n';

		n += !blank && !inside;
		inside = !blank;
		if (i % STEP == STEP - 1)
			job->progress(job, (int)(i * 100 / len), "counting");
	}
	return n;
}

enum job_disposition
words_run(struct job *job)
{
	struct bytes body = job->body;
	char text[64];
	int err;

	if (body.len > 0 && memchr(body.p, '\0', body.len) != NULL) {
		job->error(job, "not a text: there is a zero byte in it");
		return JOB_FAIL; /* never again */
	}
	(void)snprintf(text, sizeof(text), "{\"words\":%zu}", words_count(job));
	job->result(job, bytes_str(text));
	err = job->follow(job, "counted", NULL, bytes_str(text));
	if (err < 0) {
		job->error(job, "the follow-up: %s", sw_strerror(err));
		job->retry_after(job, 10000);
		return JOB_RETRY; /* in 10 seconds */
	}
	return JOB_ACK;
}
