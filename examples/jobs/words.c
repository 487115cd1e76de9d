/* SPDX-License-Identifier: MIT */
/* Counts the words of a text, the body, and tells the queue `counted`. */
#include <stdio.h>
#include <string.h>

#include <spillway-job.h>

enum { STEP = 32 * 1024 }; /* bytes from one word of progress to the next */

static size_t
words_count(struct spillway_job *job)
{
	const char *text = job->body;
	size_t n = 0, len = job->body_len;
	int inside = 0;

	for (size_t i = 0; i < len; i++) {
		int blank = text[i] == ' ' || text[i] == '\n';

		n += !blank && !inside;
		inside = !blank;
		if (i % STEP == STEP - 1)
			spillway_job_progress(
				job, (int)(i * 100 / len), "counting");
	}
	return n;
}

static enum spillway_job_end
words_run(struct spillway_job *job)
{
	char text[64];
	int n;

	if (memchr(job->body, '\0', job->body_len) != NULL) {
		spillway_job_error(
			job, "not a text: there is a zero byte in it");
		return SPILLWAY_JOB_FAIL; /* never again */
	}
	n = snprintf(text, sizeof(text), "{\"words\":%zu}", words_count(job));
	if (spillway_job_put(job, "counted", NULL, text, (size_t)n) < 0) {
		spillway_job_error(job, "the follow-up has no room");
		spillway_job_retry_after(job, 10000);
		return SPILLWAY_JOB_RETRY; /* in 10 seconds */
	}
	(void)spillway_job_result(job, text, (size_t)n);
	return SPILLWAY_JOB_DONE;
}

int
main(void)
{
	return spillway_job_run(words_run, NULL);
}
