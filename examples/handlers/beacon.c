/* SPDX-License-Identifier: MIT */
/*
 * beacon.c - takes lines of an access log and hands them to the logs job
 *
 * Pages do not wait for a beacon: the answer is sent at once, and the job is
 * put after that.  Bodies beyond 128 KB are cut into jobs at the ends of lines.
 */
#define _GNU_SOURCE
#include <spillway-handler.h>
#include <string.h>

enum { JOBS = 100 };

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	const char *p = req->body;
	size_t left = req->body_len, n = 0;
	struct sw_job jobs[JOBS] = {0};

	if (strcmp(req->method, "POST") != 0)
		return 405;
	for (; left > 0 && n < JOBS; n++) {
		size_t len = left < SW_BODY_MAX ? left : SW_BODY_MAX;
		const char *end = memrchr(p, '\n', len);

		if (len < left && end == NULL)
			return 400;
		if (end != NULL)
			len = (size_t)(end + 1 - p);
		jobs[n] = (struct sw_job){
			.queue = "logs", .body = p, .body_len = len};
		p += len;
		left -= len;
	}
	if (left > 0)
		return 413;
	env->queue->after = 1;
	if (n > 0 && env->queue->put(env, jobs, n) < 0)
		return 500;
	res->status = 204;
	return 0;
}

SW_HANDLER(handle);
