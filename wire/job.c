/* SPDX-License-Identifier: MIT */
#include "wire/job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

enum {
	FIELD = 4,    /* a field's tag and length, an item's length */
	FIRST = 4096, /* bytes of a batch's first buffer */
};

__attribute__((format(printf, 4, 5))) static int
refuse(char *why, size_t cap, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return err;
}

static int
texts_check(const struct sw_job *j, char *why, size_t cap)
{
	const struct {
		const char *name, *text;
		size_t max;
	} texts[] = {
		{"unique key", j->unique, SW_UNIQUE_MAX},
		{"fair key", j->fair, SW_FAIR_MAX},
		{"content type", j->content_type, SW_NAME_MAX},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].text != NULL &&
			strlen(texts[i].text) > texts[i].max)
			return refuse(why, cap, SW_ETOOBIG,
				"%s of %zu bytes, at most %zu", texts[i].name,
				strlen(texts[i].text), texts[i].max);
	return 0;
}

static int
headers_check(const struct sw_job *j, char *why, size_t cap)
{
	size_t sum = 0;

	if (j->headers == NULL)
		return 0;
	for (const char *const *h = j->headers; *h != NULL; h++) {
		const char *eq = strchr(*h, '=');

		if (eq == NULL || eq == *h)
			return refuse(why, cap, SW_EINVAL,
				"header \"%.64s\" is not name=value", *h);
		sum += strlen(*h);
	}
	if (sum > SW_HEADERS_MAX)
		return refuse(why, cap, SW_ETOOBIG,
			"headers of %zu bytes, at most %d", sum,
			SW_HEADERS_MAX);
	return 0;
}

static int
numbers_check(const struct sw_job *j, char *why, size_t cap)
{
	const struct {
		const char *name;
		int64_t value, min, max;
	} numbers[] = {
		{"priority", j->priority, SW_PRIORITY_LOWEST, SW_PRIORITY_MAX},
		{"delay_ms", j->delay_ms, 0, SW_DELAY_MAX_MS},
		{"run_at_ms", j->run_at_ms, 0, INT64_MAX},
		{"expires_at_ms", j->expires_at_ms, 0, INT64_MAX},
		{"unique_also", j->unique_also, 0,
			SW_UNIQUE_DEAD | SW_UNIQUE_DONE},
		{"max_attempts", j->max_attempts, 0, 1000},
		{"timeout_ms", j->timeout_ms, 0, SW_DELAY_MAX_MS},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].value < numbers[i].min ||
			numbers[i].value > numbers[i].max)
			return refuse(why, cap, SW_EINVAL,
				"%s is %lld, not %lld to %lld", numbers[i].name,
				(long long)numbers[i].value,
				(long long)numbers[i].min,
				(long long)numbers[i].max);
	if (j->delay_ms != 0 && j->run_at_ms != 0)
		return refuse(why, cap, SW_EINVAL,
			"both delay_ms and run_at_ms are set");
	return 0;
}

int
sw_job_check(const struct sw_job *j, char *why, size_t cap)
{
	int err;

	if (j->queue == NULL || sw_queue_check(j->queue, strlen(j->queue)) < 0)
		return refuse(why, cap, SW_EQUEUE,
			"bad queue name \"%.64s\": 1-63 of [a-z0-9_-]",
			j->queue != NULL ? j->queue : "");
	if (j->body == NULL && j->body_len != 0)
		return refuse(why, cap, SW_EINVAL, "the body is NULL");
	if (j->body_len > SW_BODY_MAX)
		return refuse(why, cap, SW_ETOOBIG,
			"body of %zu bytes, at most %d", j->body_len,
			SW_BODY_MAX);
	err = numbers_check(j, why, cap);
	if (err == 0)
		err = texts_check(j, why, cap);
	if (err == 0)
		err = headers_check(j, why, cap);
	return err;
}

int
sw_batch_init(struct sw_batch *b)
{
	*b = (struct sw_batch){.buf.cap = FIRST};
	b->buf.p = malloc(b->buf.cap);
	if (b->buf.p == NULL)
		return -ENOMEM;
	sw_batch_reset(b);
	return 0;
}

void
sw_batch_fini(struct sw_batch *b)
{
	free(b->buf.p);
	*b = (struct sw_batch){0};
}

void
sw_batch_reset(struct sw_batch *b)
{
	b->n = 0;
	sw_msg_begin(&b->buf, SW_OP_PUT, 0, 0);
}

/* Never less than the job takes. */
static size_t
job_len(const struct sw_job *j)
{
	size_t n = FIELD + FIELD + SW_ID_LEN + 7 * (FIELD + 8) + 5 * FIELD;

	n += strlen(j->queue) + j->body_len;
	n += j->unique != NULL ? strlen(j->unique) : 0;
	n += j->fair != NULL ? strlen(j->fair) : 0;
	n += j->content_type != NULL ? strlen(j->content_type) : 0;
	if (j->headers != NULL)
		for (const char *const *h = j->headers; *h != NULL; h++)
			n += FIELD + strlen(*h);
	return n;
}

/* Room for `n` more bytes: 0, -EAGAIN or -ENOMEM. */
static int
room_make(struct sw_buf *b, size_t n)
{
	size_t cap = b->cap;
	uint8_t *p;

	if (n > SW_BATCH_MAX - b->len)
		return -EAGAIN;
	if (n <= cap - b->len)
		return 0;
	while (cap < b->len + n)
		cap *= 2;
	p = realloc(b->p, cap);
	if (p == NULL)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

static void
int_put(struct sw_buf *b, enum sw_tag tag, int64_t v)
{
	if (v != 0)
		sw_put_int(b, tag, v);
}

static void
text_put(struct sw_buf *b, enum sw_tag tag, const char *s)
{
	if (s != NULL)
		sw_put_text(b, tag, s);
}

static void
job_write(struct sw_buf *b, const struct sw_job *j)
{
	size_t mark = sw_item_begin(b);

	sw_put_id(b, &j->id);
	sw_put_text(b, SW_F_QUEUE, j->queue);
	if (j->priority != 0)
		sw_put_int(b, SW_F_PRIORITY,
			j->priority == SW_PRIORITY_LOWEST ? 0 : j->priority);
	int_put(b, SW_F_DELAY_MS, j->delay_ms);
	int_put(b, SW_F_RUN_AT_MS, j->run_at_ms);
	int_put(b, SW_F_EXPIRES_AT_MS, j->expires_at_ms);
	int_put(b, SW_F_UNIQUE_ALSO, j->unique_also);
	int_put(b, SW_F_MAX_ATTEMPTS, j->max_attempts);
	int_put(b, SW_F_TIMEOUT_MS, j->timeout_ms);
	text_put(b, SW_F_UNIQUE, j->unique);
	text_put(b, SW_F_FAIR, j->fair);
	text_put(b, SW_F_CONTENT_TYPE, j->content_type);
	if (j->headers != NULL)
		for (const char *const *h = j->headers; *h != NULL; h++)
			sw_put_text(b, SW_F_HEADER, *h);
	sw_put_bytes(b, SW_F_BODY, bytes_of(j->body, j->body_len));
	sw_item_end(b, mark);
}

int
sw_batch_add(struct sw_batch *b, const struct sw_job *j)
{
	int err;

	if (b->n == SW_ITEMS_MAX)
		return -EAGAIN;
	err = room_make(&b->buf, job_len(j));
	if (err < 0)
		return err;
	job_write(&b->buf, j);
	b->n++;
	return 0;
}

/* A field and its tag take more room than its text and a NUL. */
static const char *
text_copy(char **text, struct bytes b)
{
	char *s = *text;

	memcpy(s, b.p, b.len);
	s[b.len] = '\0';
	*text += b.len + 1;
	return s;
}

static const char *
text_of(char **text, const struct sw_item *it, enum sw_tag tag)
{
	return sw_has(it, tag) ? text_copy(text, sw_bytes(it, tag)) : NULL;
}

static int
int_of(const struct sw_item *it, enum sw_tag tag)
{
	int64_t v = sw_int(it, tag, 0);

	return v < INT32_MIN ? INT32_MIN : v > INT32_MAX ? INT32_MAX : (int)v;
}

static int
headers_read(const struct sw_item *it, char *text,
	const char *headers[SW_JOB_HEADERS + 1])
{
	struct bytes b;
	size_t at = 0, n = 0;

	while (sw_item_each(it, SW_F_HEADER, &at, &b)) {
		if (n == SW_JOB_HEADERS)
			return SW_ETOOBIG;
		headers[n++] = text_copy(&text, b);
	}
	headers[n] = NULL;
	return 0;
}

int
sw_job_read(const struct sw_item *it, char *text,
	const char *headers[SW_JOB_HEADERS + 1], struct sw_job *to)
{
	struct sw_job job = {
		.body = sw_bytes(it, SW_F_BODY).p,
		.body_len = sw_bytes(it, SW_F_BODY).len,
		.queue = text_of(&text, it, SW_F_QUEUE),
		.priority = int_of(it, SW_F_PRIORITY),
		.delay_ms = sw_int(it, SW_F_DELAY_MS, 0),
		.run_at_ms = sw_int(it, SW_F_RUN_AT_MS, 0),
		.expires_at_ms = sw_int(it, SW_F_EXPIRES_AT_MS, 0),
		.unique = text_of(&text, it, SW_F_UNIQUE),
		.unique_also = int_of(it, SW_F_UNIQUE_ALSO),
		.fair = text_of(&text, it, SW_F_FAIR),
		.max_attempts = int_of(it, SW_F_MAX_ATTEMPTS),
		.timeout_ms = sw_int(it, SW_F_TIMEOUT_MS, 0),
		.content_type = text_of(&text, it, SW_F_CONTENT_TYPE),
		.headers = headers,
	};
	int err = headers_read(it, text, headers);

	if (err < 0)
		return err;
	if (sw_has(it, SW_F_PRIORITY) && job.priority == 0)
		job.priority = SW_PRIORITY_LOWEST;
	(void)sw_get_id(it, &job.id);
	*to = job;
	return 0;
}
