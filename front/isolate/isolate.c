/* SPDX-License-Identifier: MIT */
#include "front/isolate/isolate.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum { HEADERS = 256, VALUE_NAME = 128 };

/* The state of this isolate; the handler sees req, res and env. */
struct isolate_self {
	struct sw_request req;
	struct sw_response res;
	struct sw_env env;
	struct sw_queue queue;
	struct sw_pair headers[HEADERS];
	const struct mailbox *mail;
	struct mail_answer answer; /* as written so far */
	struct sw_batch jobs;
};

static struct isolate_self self;

/* --- the response ------------------------------------------------------- */

static int
is_name(const char *s)
{
	static const char more[] = "!#$%&'*+-.^_`|~";

	if (*s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			    (*s >= '0' && *s <= '9') ||
			    strchr(more, *s) != NULL))
			return 0;
	return 1;
}

static int
response_header(struct sw_response *res, const char *name, const char *value)
{
	size_t name_len = strlen(name) + 1, value_len = strlen(value) + 1;
	uint8_t *to = self.mail->headers + self.answer.headers_len;

	(void)res;
	if (!is_name(name) || strpbrk(value, "\r\n") != NULL)
		return -EINVAL;
	if (name_len + value_len > MAIL_HEADERS_MAX - self.answer.headers_len)
		return -ENOSPC;
	memcpy(to, name, name_len);
	memcpy(to + name_len, value, value_len);
	self.answer.headers_len += (uint32_t)(name_len + value_len);
	return 0;
}

static int
response_write(struct sw_response *res, const void *p, size_t len)
{
	(void)res;
	if (len > self.mail->sizes.answer - self.answer.body_len)
		return -ENOSPC;
	if (len > 0)
		memcpy(self.mail->body + self.answer.body_len, p, len);
	self.answer.body_len += (uint32_t)len;
	return 0;
}

static int
response_print(struct sw_response *res, const char *fmt, ...)
{
	size_t room = self.mail->sizes.answer - self.answer.body_len;
	char *to = (char *)self.mail->body + self.answer.body_len;
	va_list ap;
	int n;

	(void)res;
	va_start(ap, fmt);
	n = vsnprintf(to, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return -ENOSPC;
	self.answer.body_len += (uint32_t)n;
	return 0;
}

/* --- the environment ---------------------------------------------------- */

static int
queue_put(struct sw_env *env, struct sw_job *jobs, size_t n)
{
	static const struct sw_id none;

	for (size_t i = 0; i < n; i++) {
		char why[SW_WHY_ROOM] = "";
		int err;

		if (memcmp(&jobs[i].id, &none, sizeof(none)) == 0)
			jobs[i].id = sw_id_make(clock_now_ms(CLOCK_REALTIME));
		err = sw_batch_add(&self.jobs, &jobs[i], why);
		if (why[0] != '\0')
			env->log(env, "put: %s", why);
		if (err < 0)
			return err == -EAGAIN ? -ENOSPC : err;
	}
	return 0;
}

static const char *
env_value(struct sw_env *env, const char *name)
{
	char full[VALUE_NAME];

	(void)env;
	if (snprintf(full, sizeof(full), ISOLATE_VALUE "%s", name) >=
		(int)sizeof(full))
		return NULL;
	return getenv(full);
}

static void
env_log(struct sw_env *env, const char *fmt, ...)
{
	size_t room = MAIL_LOG_MAX - self.answer.log_len;
	char *to = (char *)self.mail->log + self.answer.log_len;
	va_list ap;
	int n;

	(void)env;
	if (room == 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(to, room, fmt, ap);
	va_end(ap);
	if (n >= 0)
		self.answer.log_len +=
			(uint32_t)((size_t)n < room ? (size_t)n + 1 : room);
}

static void
id_text(const struct sw_id *id, char text[SW_ID_TEXT])
{
	sw_id_format(id, text);
}

/* --- one request -------------------------------------------------------- */

static const char *
text_next(const char **p)
{
	const char *s = *p;

	*p += strlen(s) + 1;
	return s;
}

static const char *
request_header(const struct sw_request *req, const char *name)
{
	for (size_t i = 0; i < req->headers_n; i++)
		if (strcasecmp(req->headers[i].name, name) == 0)
			return req->headers[i].value;
	return NULL;
}

static void
request_open(void)
{
	const struct mail_request *r = self.mail->request;
	const char *p = (const char *)self.mail->texts, *blob;

	self.req = (struct sw_request){.headers = self.headers,
		.header = request_header,
		.body = self.mail->texts + r->texts_len,
		.body_len = r->body_len};
	self.req.method = text_next(&p);
	self.req.path = text_next(&p);
	self.req.query = text_next(&p);
	self.req.client = text_next(&p);
	blob = text_next(&p);
	if (*blob != '\0') {
		self.req.blob = blob;
		self.req.blob_size = strtoll(strchr(blob, '=') + 1, NULL, 10);
	}
	for (; self.req.headers_n < r->headers_n &&
		self.req.headers_n < HEADERS;
		self.req.headers_n++) {
		self.headers[self.req.headers_n].name = text_next(&p);
		self.headers[self.req.headers_n].value = text_next(&p);
	}
}

/* The answer for a handler that returned a status instead of 0. */
static void
answer_plain(int status)
{
	self.answer.headers_len = self.answer.body_len = 0;
	self.answer.status = status >= 400 && status <= 599 ? (uint32_t)status
							    : 500;
	self.jobs.n = 0;
}

static void
request_run(const struct sw_handler *handler)
{
	int status;

	request_open();
	self.answer = (struct mail_answer){
		.number = self.mail->request->number};
	self.res.status = 200;
	self.queue.after = 0;
	sw_batch_reset(&self.jobs);
	status = handler->handle(&self.req, &self.res, &self.env);
	self.answer.status = (uint32_t)self.res.status;
	if (status != 0 || self.res.status < 200 || self.res.status > 599)
		answer_plain(status);
	if (self.jobs.n > 0) {
		self.answer.jobs_len = (uint32_t)self.jobs.buf.len;
		memcpy(self.mail->jobs, self.jobs.buf.p, self.jobs.buf.len);
	}
	self.answer.after = self.queue.after != 0;
	*self.mail->answer = self.answer;
}

static int
answer_tell(int out, uint32_t number)
{
	const uint64_t one = 1;

	return !mailbox_post(self.mail, number) ||
	       write(out, &one, sizeof(one)) == sizeof(one);
}

/*
 * Yields once before sleeping: the front mostly posts the next request when it
 * gets to run, and saves the wake-up.  A count left in `in` by an earlier
 * wake-up is not a request, hence the loop.
 */
static int
request_wait(int in, uint32_t number)
{
	uint64_t n;
	int ok = 1;

	if (!mailbox_has(self.mail, number))
		sched_yield();
	if (mailbox_has(self.mail, number))
		return 1;
	mailbox_sleeping_set(self.mail, 1);
	while (ok && !mailbox_has(self.mail, number))
		ok = read(in, &n, sizeof(n)) == sizeof(n);
	mailbox_sleeping_set(self.mail, 0);
	return ok;
}

void
isolate_run(const struct mailbox *mail, int in, int out,
	const struct sw_handler *handler)
{
	int ready = sw_batch_init(&self.jobs) == 0;

	self.mail = mail;
	self.answer.number = MAIL_READY;
	self.res.header = response_header;
	self.res.write = response_write;
	self.res.print = response_print;
	self.queue.put = queue_put;
	self.env.queue = &self.queue;
	self.env.value = env_value;
	self.env.log = env_log;
	self.env.id_text = id_text;
	while (ready && answer_tell(out, self.answer.number) &&
		request_wait(in, self.answer.number + 1))
		request_run(handler);
	_exit(0);
}
