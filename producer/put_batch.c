/* SPDX-License-Identifier: MIT */
#include "producer/put_batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
put_batch_check(const struct sw_job *j, char *why, size_t cap)
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

struct put_batch *
put_batch_new(struct sw_client *owner)
{
	struct put_batch *p = malloc(sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct put_batch){.owner = owner, .buf = {.cap = FIRST}};
	p->buf.p = malloc(p->buf.cap);
	if (p->buf.p == NULL) {
		free(p);
		return NULL;
	}
	put_batch_reset(p);
	return p;
}

void
put_batch_free(struct put_batch *p)
{
	if (p == NULL)
		return;
	free(p->buf.p);
	free(p);
}

void
put_batch_reset(struct put_batch *p)
{
	p->n = 0;
	sw_msg_begin(&p->buf, SW_OP_PUT, 0, 0);
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
job_pack(struct sw_buf *b, const struct sw_job *j, const struct sw_id *id)
{
	size_t mark = sw_item_begin(b);

	sw_put_id(b, id);
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
put_batch_add(struct put_batch *p, const struct sw_job *j,
	const struct put_slot *slot)
{
	int err;

	if (p->n == SW_ITEMS_MAX)
		return -EAGAIN;
	err = room_make(&p->buf, job_len(j));
	if (err < 0)
		return err;
	job_pack(&p->buf, j, &slot->id);
	p->slots[p->n++] = *slot;
	return 0;
}
