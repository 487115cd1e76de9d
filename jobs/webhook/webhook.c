/* SPDX-License-Identifier: MIT */
#include "jobs/webhook/webhook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "jobs/webhook/post.h"

enum {
	MARGIN_MS = 500,	/* left before the deadline at a timeout */
	ERROR_ANSWER_MAX = 256, /* bytes of an answer in an error */
	BLOB_MAX = 64 * 1024 * 1024,
};

/* The first rule that matches decides. */
static const struct {
	int from, to;
	enum job_disposition disposition;
	const char *why;
} rules[] = {
	{200, 299, JOB_ACK, NULL},
	{300, 399, JOB_FAIL, "redirects are not followed"},
	{408, 408, JOB_RETRY, NULL},
	{410, 410, JOB_FAIL, "the receiver has gone for good"},
	{425, 425, JOB_RETRY, NULL}, {429, 429, JOB_RETRY, NULL},
	{400, 499, JOB_FAIL, NULL}, {0, 0, JOB_RETRY, NULL}, /* all others */
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

enum job_disposition
webhook_disposition(int status, const char **why)
{
	size_t i = 0;

	while (i < RULES - 1 &&
		(status < rules[i].from || status > rules[i].to))
		i++;
	*why = rules[i].why;
	return rules[i].disposition;
}

/* --- result and error ---------------------------------------------------- */

static void
result_write(struct job *job, const struct webhook_post *p, int64_t ms)
{
	static char text[6 * POST_ANSWER_MAX + 256]; /* each byte as \uNNNN */
	FILE *f = fmemopen(text, sizeof(text), "w");
	long len;

	if (f == NULL)
		return;
	(void)fprintf(f, "{\"status\":%d,\"ms\":%lld,\"answer\":", p->status,
		(long long)ms);
	text_json(f, bytes_of(p->answer, p->answer_len));
	(void)fputc('}', f);
	len = ftell(f);
	(void)fclose(f);
	job->result(job, bytes_of(text, (size_t)len));
}

static void
error_write(struct job *job, const struct webhook_post *p, const char *why)
{
	char text[4 * ERROR_ANSWER_MAX + 1] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (f != NULL) {
		(void)text_print(f, bytes_of(p->answer, p->answer_len),
			ERROR_ANSWER_MAX);
		(void)fclose(f);
	}
	job->error(job, "%s: %d%s%s%s%s%s%s%s", p->to->place, p->status,
		p->location[0] != '\0' ? " to " : "", p->location,
		why != NULL ? " (" : "", why != NULL ? why : "",
		why != NULL ? ")" : "", text[0] != '\0' ? ": " : "", text);
}

static enum job_disposition
answer_judge(struct job *job, const struct webhook_post *p, int64_t ms)
{
	int64_t most = endpoint_number(p->to, "retry_after_max");
	const char *why;
	enum job_disposition disposition = webhook_disposition(p->status, &why);

	if (disposition == JOB_ACK)
		result_write(job, p, ms);
	else
		error_write(job, p, why);
	if (p->retry_after_s > 0)
		job->retry_after(job, p->retry_after_s < most / 1000
					      ? p->retry_after_s * 1000
					      : most);
	return disposition;
}

/* --- the post ------------------------------------------------------------ */

static enum job_disposition
body_deliver(struct job *job, const struct webhook_endpoint *e,
	struct bytes body, const char *type)
{
	char why[ENDPOINT_WHY];
	int64_t began_ms = clock_now_ms(CLOCK_REALTIME);
	int64_t timeout_ms = endpoint_number(e, "timeout");
	int64_t left_ms = job->deadline_ms - began_ms - MARGIN_MS;
	struct webhook_post p = {.to = e,
		.id = job->id,
		.at_s = began_ms / 1000,
		.type = type,
		.body = body,
		.timeout_ms = left_ms < timeout_ms ? left_ms : timeout_ms};
	int err;

	if (left_ms <= 0) {
		job->error(job, "%s: no time is left before the job's timeout",
			e->place);
		return JOB_RETRY;
	}
	err = post_send(&p, why);
	if (err == 0)
		return answer_judge(
			job, &p, clock_now_ms(CLOCK_REALTIME) - began_ms);
	job->error(job, "%s: %s", e->place, why);
	return err == SW_EINVAL ? JOB_FAIL : JOB_RETRY;
}

/* A job without a body posts its blob. */
static enum job_disposition
blob_deliver(
	struct job *job, const struct webhook_endpoint *e, const char *type)
{
	enum job_disposition disposition = JOB_RETRY;
	size_t size = (size_t)job->blob.size;
	void *map = MAP_FAILED;
	int fd;

	if (job->blob.size > BLOB_MAX) {
		job->error(job, "the blob is larger than 64 MB");
		return JOB_FAIL;
	}
	fd = open(job->blob.path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		job->error(job, "the blob: %s", sw_strerror(-errno));
	else
		disposition = body_deliver(job, e, bytes_of(map, size), type);
	if (map != MAP_FAILED)
		(void)munmap(map, size);
	if (fd >= 0)
		close(fd);
	return disposition;
}

/* A control character would start further headers. */
static int
type_check(const char *type)
{
	for (; *type != '\0'; type++)
		if ((unsigned char)*type < 0x20 || *type == 0x7f)
			return SW_EINVAL;
	return 0;
}

static enum job_disposition
endpoint_deliver(struct job *job, const struct webhook_endpoint *e)
{
	const char *type = job->content_type;

	if (type[0] == '\0')
		type = endpoint_text(e, "content_type");
	if (type_check(type) < 0) {
		job->error(job, "the content type has control characters");
		return JOB_FAIL;
	}
	if (job->body.len == 0 && job->blob.path != NULL && job->blob.size > 0)
		return blob_deliver(job, e, type);
	return body_deliver(job, e, job->body, type);
}

enum job_disposition
webhook_run(struct job *job)
{
	enum job_disposition disposition = JOB_RETRY;
	char why[ENDPOINT_WHY];
	struct webhook_endpoint e;
	int err = endpoint_open(&e, job, why);

	if (err < 0) {
		job->error(job, "%s", why);
		disposition = err == SW_EINVAL ? JOB_FAIL : JOB_RETRY;
	} else {
		disposition = endpoint_deliver(job, &e);
	}
	endpoint_close(&e);
	return disposition;
}

const struct job_type webhook_type = {
	.name = "webhook",
	.text = "posts the body to a receiver, signed (Standard Webhooks)",
	.run = webhook_run,
	.keys = endpoint_keys,
	.profile_keys = endpoint_profile_keys,
	.check = endpoint_check,
};
