/* SPDX-License-Identifier: MIT */
#include "wire/job.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "wire/put.h"

enum {
	FIELD = 4,    /* a field's tag and length, an item's length */
	JOB_INTS = 7, /* numbers of a job */
	FIRST = 4096, /* bytes of a batch's first buffer */
};

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

static const char *
queue_of(const struct sw_job *j)
{
	return j->queue != NULL ? j->queue : "";
}

/* Adds the bytes that a text takes as field `tag`; refuses one too long. */
static int
text_count(enum sw_tag tag, const char *s, size_t *n, char *why)
{
	struct bytes text;
	int err;

	if (s == NULL)
		return 0;
	text = bytes_str(s);
	err = sw_field_check(tag, text, why);
	if (err == 0)
		*n += FIELD + text.len;
	return err;
}

static int
headers_count(const struct sw_job *j, size_t *n, char *why)
{
	int err = 0;

	if (j->headers == NULL)
		return 0;
	for (const char *const *h = j->headers; err == 0 && *h != NULL; h++)
		err = text_count(SW_F_HEADER, *h, n, why);
	return err;
}

/*
 * Sets *len to an upper bound of the job's bytes; or refuses, in the order in
 * which job_write() writes, what the broker's decoder would refuse.
 */
static int
job_count(const struct sw_job *j, size_t *len, char *why)
{
	size_t n = FIELD + FIELD + SW_ID_LEN + JOB_INTS * (FIELD + 8) + FIELD;
	int err = text_count(SW_F_QUEUE, queue_of(j), &n, why);

	if (err == 0)
		err = text_count(SW_F_UNIQUE, j->unique, &n, why);
	if (err == 0)
		err = text_count(SW_F_FAIR, j->fair, &n, why);
	if (err == 0)
		err = text_count(SW_F_CONTENT_TYPE, j->content_type, &n, why);
	if (err == 0)
		err = headers_count(j, &n, why);
	if (err == 0)
		err = sw_field_check(
			SW_F_BODY, bytes_of(j->body, j->body_len), why);
	if (err == 0 && j->body == NULL && j->body_len != 0)
		err = sw_refuse(why, SW_EINVAL, "body is NULL");
	if (err == 0)
		*len = n + j->body_len;
	return err;
}

/* Makes room for `n` more bytes: 0, -EAGAIN or -ENOMEM. */
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
	sw_put_id(b, &j->id);
	sw_put_text(b, SW_F_QUEUE, queue_of(j));
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
}

int
sw_batch_add(struct sw_batch *b, const struct sw_job *j, char *why)
{
	struct sw_buf *buf = &b->buf;
	struct sw_item it;
	size_t len, mark;
	int err = b->n < SW_ITEMS_MAX ? job_count(j, &len, why) : -EAGAIN;

	/* Every other field has a limit of its own: these are the headers. */
	if (err == 0 && len > SW_BATCH_MAX - SW_HEADER_LEN)
		err = sw_refuse(why, SW_ETOOBIG,
			"headers must be at most %d bytes in all",
			SW_HEADERS_MAX);
	if (err == 0)
		err = room_make(buf, len);
	if (err < 0)
		return err;
	mark = sw_item_begin(buf);
	job_write(buf, j);
	err = sw_put_open(bytes_of(buf->p + mark, buf->len - mark), &it, why);
	if (err < 0) {
		buf->len = mark - FIELD;
		return err;
	}
	sw_item_end(buf, mark);
	b->n++;
	return 0;
}

/* `text` never overflows: a field's 4-byte tag takes more than the NUL. */
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
	return (int)sw_int(it, tag, 0);
}

static void
headers_read(const struct sw_item *it, char *text,
	const char *headers[SW_JOB_HEADERS + 1])
{
	struct bytes b;
	size_t at = 0, n = 0;

	while (n < SW_JOB_HEADERS && sw_item_each(it, SW_F_HEADER, &at, &b))
		headers[n++] = text_copy(&text, b);
	headers[n] = NULL;
}

void
sw_job_read(const struct sw_item *it, char *text,
	const char *headers[SW_JOB_HEADERS + 1], struct sw_job *job)
{
	*job = (struct sw_job){
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
	headers_read(it, text, headers);
	if (sw_has(it, SW_F_PRIORITY) && job->priority == 0)
		job->priority = SW_PRIORITY_LOWEST;
	(void)sw_get_id(it, &job->id);
}
